//! JSON Schemas of clients, as far as it is safe to validate with them.
//!
//! A few kilobytes of schema can ask for more than any machine has: references that double at each
//! step take ages and all memory, long chains of them overflow the stack, and patterns may do either.
//! The validator itself knows no limits, so what is asked of it is estimated first.

use std::collections::HashMap;

use jsonschema::{PatternOptions, ValidationError};
use serde_json::Value;

use super::schema::referred;

/// Steps that a pattern may go back before it counts as not matched. Some patterns take for ever.
const BACKTRACKS: usize = 50_000;
/// Bytes that a pattern may take once it is compiled.
const PATTERN_SIZE: usize = 128 * 1024;
/// Bytes of a pattern. What it takes to match grows with the square of it.
const PATTERN_LENGTH: usize = 500;
/// Levels of a schema, references followed: each takes stack.
const HIGHEST: usize = 160;
/// Levels of schema and value together.
const DEEPEST: usize = 1_000;
/// Parts of a schema, references followed.
const HEAVIEST: u64 = 200_000;
/// Steps of one validation.
const MOST_WORK: u64 = 20_000_000;

/// A schema that is ready to validate.
#[derive(Debug)]
pub(crate) struct Validator {
    validator: jsonschema::Validator,
    burden: Burden,
}

impl Validator {
    /// Prepares a schema.
    ///
    /// # Errors
    ///
    /// Why it is none, or is not used.
    pub fn new(schema: &Value) -> Result<Self, String> {
        let mut scale = Scale {
            root: schema,
            known: HashMap::new(),
            open: Vec::new(),
        };
        let burden = scale.weigh(schema)?;
        if burden.weight > HEAVIEST {
            return Err(TOO_LARGE.into());
        }
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(BACKTRACKS)
            .size_limit(PATTERN_SIZE);
        let built = jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema);
        let validator = built.map_err(|error| error.to_string())?;
        Ok(Self { validator, burden })
    }

    /// What is wrong with a value.
    ///
    /// # Errors
    ///
    /// Why that cannot be found out.
    pub fn errors<'a>(
        &'a self,
        value: &'a Value,
    ) -> Result<impl Iterator<Item = ValidationError<'a>>, String> {
        let (depth, size) = extent(value);
        let burden = &self.burden;
        let (mut levels, mut work) = (burden.height, burden.weight.saturating_mul(size));
        if burden.returns > 0 {
            // Wherever the schema comes back to itself, the value may lead on.
            levels = levels.saturating_mul(depth);
            let depth = u32::try_from(depth).unwrap_or(u32::MAX);
            work = work.saturating_mul(burden.returns.saturating_pow(depth));
        }
        if levels > DEEPEST || work > MOST_WORK {
            return Err(TOO_LARGE.into());
        }
        Ok(self.validator.iter_errors(value))
    }
}

const TOO_LARGE: &str = "it is too large to check";

/// How many levels a value has, and how many values are in it.
fn extent(value: &Value) -> (usize, u64) {
    let all = |parts: &mut dyn Iterator<Item = &Value>| {
        parts.map(extent).fold((1, 1), |(depth, size), part| {
            (depth.max(part.0 + 1), size + part.1)
        })
    };
    match value {
        Value::Array(parts) => all(&mut parts.iter()),
        Value::Object(fields) => all(&mut fields.values()),
        _ => (1, 1),
    }
}

/// What a schema asks of who validates with it, its references followed.
#[derive(Debug, Clone, Copy, Default)]
struct Burden {
    /// The values in it.
    weight: u64,
    /// How often it comes back to where it was.
    returns: u64,
    /// Its levels.
    height: usize,
}

impl Burden {
    fn add(&mut self, part: Self) {
        self.weight = self.weight.saturating_add(part.weight);
        self.returns = self.returns.saturating_add(part.returns);
        self.height = self.height.max(part.height + 1);
    }
}

struct Scale<'a> {
    root: &'a Value,
    /// By where they are in memory: comparing schemas would take as long as weighing them.
    known: HashMap<*const Value, Burden>,
    /// What is being weighed.
    open: Vec<*const Value>,
}

impl<'a> Scale<'a> {
    fn weigh(&mut self, schema: &'a Value) -> Result<Burden, String> {
        let place = std::ptr::from_ref(schema);
        if let Some(known) = self.known.get(&place) {
            return Ok(*known);
        }
        let mut burden = Burden {
            weight: 1,
            returns: 0,
            height: 1,
        };
        if self.open.contains(&place) {
            burden.returns = 1;
            return Ok(burden);
        }
        if self.open.len() >= HIGHEST {
            return Err(TOO_LARGE.into());
        }
        self.open.push(place);
        match schema {
            Value::Array(parts) => {
                for part in parts {
                    burden.add(self.weigh(part)?);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    burden.add(self.weigh_field(key, value)?);
                }
            }
            _ => {}
        }
        self.open.pop();
        self.known.insert(place, burden);
        Ok(burden)
    }

    fn weigh_field(&mut self, key: &str, value: &'a Value) -> Result<Burden, String> {
        match (key, value) {
            // Values, and what counts only where it is referred to.
            ("const" | "enum" | "default" | "examples" | "$defs" | "definitions", _) => {
                Ok(Burden::default())
            }
            ("$ref", Value::String(reference)) => match referred(self.root, reference) {
                Some(target) => self.weigh(target),
                None => Err(format!("it refers to {reference}, which is not in it")),
            },
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                Err(format!("{key} is not supported"))
            }
            ("pattern", Value::String(pattern)) => fits(pattern),
            // What these refer to depends on where they stand, which nobody needs in one document.
            ("$id" | "id", Value::String(_)) if self.open.len() > 1 => {
                Err(format!("{key} is not supported within it"))
            }
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(named)) => {
                let mut burden = Burden::default();
                for (name, schema) in named {
                    if key == "patternProperties" {
                        fits(name)?;
                    }
                    burden.add(self.weigh(schema)?);
                }
                Ok(burden)
            }
            _ => self.weigh(value),
        }
    }
}

fn fits(pattern: &str) -> Result<Burden, String> {
    match pattern.len() <= PATTERN_LENGTH {
        true => Ok(Burden::default()),
        false => Err("a pattern in it is too long".into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A schema of references, each of which leads to the next one by way of `step`.
    fn chain(length: usize, step: impl Fn(Value) -> Value) -> Value {
        let mut defs = json!({});
        for at in 0..length {
            defs[format!("d{at}")] = step(json!({"$ref": format!("#/$defs/d{}", at + 1)}));
        }
        defs[format!("d{length}")] = json!({"type": "string"});
        json!({"$ref": "#/$defs/d0", "$defs": defs})
    }

    #[test]
    fn what_asks_for_too_much_is_not_used() {
        for schema in [
            chain(5_000, |next| next),
            chain(30, |next| json!({"allOf": [next, next]})),
            chain(30, |next| json!({"anyOf": [next, next]})),
            json!({"pattern": "(a|b)?".repeat(5_000)}),
            json!({"pattern": "((a{1,100}){1,100}){1,100}"}),
            json!({"patternProperties": {"((a{1,1000}){1,1000})": true}}),
            json!({"properties": {"$defs": chain(5_000, |next| next)["$defs"]["d0"],
                "default": {"$dynamicRef": "#"}}}),
            json!({"items": {"$id": "https://example.org/other"}}),
            json!({"properties": {"a": {"$ref": "https://example.org/schema.json"}}}),
        ] {
            assert!(Validator::new(&schema).is_err());
        }
    }

    #[test]
    fn what_is_too_much_may_depend_on_the_value() {
        let again = json!({"properties": {"a": {"$ref": "#"}, "b": {"type": "integer"}}});
        let schema = json!({"allOf": [again, again, again, again]});
        let validator = Validator::new(&schema).expect("a schema");
        let mut value = json!({"b": "x"});
        let errors = validator.errors(&value).expect("checked");
        assert_eq!(errors.count(), 4);
        for _ in 0..12 {
            value = json!({"a": value});
        }
        assert!(validator.errors(&value).is_err());
    }

    #[test]
    fn what_tools_have_is_used() {
        let tree = json!({"$id": "https://example.org/tree", "$ref": "#/$defs/node", "$defs": {
            "node": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}});
        let validator = Validator::new(&tree).expect("a schema");
        let mut value = json!({"name": "leaf"});
        for _ in 0..20 {
            value = json!({"name": "node", "children": [value]});
        }
        assert_eq!(validator.errors(&value).expect("checked").count(), 0);
        value["children"][0]["name"] = json!(1);
        assert_eq!(validator.errors(&value).expect("checked").count(), 1);
        assert!(Validator::new(&chain(50, |next| next)).is_ok());
    }
}
