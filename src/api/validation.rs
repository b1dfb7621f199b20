//! Validation with JSON Schemas of clients, as far as that is safe.
//!
//! A few kilobytes of schema can take more than any machine has: references that double at each
//! step take ages and all memory, long chains of them overflow the stack, and patterns may do
//! either. The validator itself has no limits, so the cost is estimated first.

use std::collections::HashMap;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, ValidationError};
use serde_json::Value;

use super::schema::resolve;

/// Backtracking steps after which a pattern counts as not matched. Some patterns never finish.
const MAX_BACKTRACKS: usize = 50_000;
/// Bytes of a compiled pattern.
const MAX_PATTERN_SIZE: usize = 128 * 1024;
/// Bytes of a pattern; the cost of matching grows with the square.
const MAX_PATTERN_LENGTH: usize = 500;
/// Levels of a schema, references followed: each takes stack.
const MAX_SCHEMA_DEPTH: usize = 160;
/// Levels of schema and value together.
const MAX_DEPTH: usize = 1_000;
/// Subschemas, references followed.
const MAX_SCHEMA_PARTS: u64 = 200_000;
/// Steps of one validation.
const MAX_WORK: u64 = 20_000_000;

/// A schema that is ready to validate.
#[derive(Debug)]
pub(crate) struct Validator {
    validator: jsonschema::Validator,
    cost: Cost,
}

impl Validator {
    /// Prepares a schema.
    ///
    /// # Errors
    ///
    /// Why it is no schema, or is not used.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        let mut scale = CostEstimator {
            root: schema,
            known: HashMap::new(),
            in_progress: Vec::new(),
        };
        let burden = scale.estimate(schema)?;
        if burden.values > MAX_SCHEMA_PARTS {
            return Err(TOO_LARGE.into());
        }
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(MAX_BACKTRACKS)
            .size_limit(MAX_PATTERN_SIZE);
        let built = jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema);
        let validator = built.map_err(|error| error.to_string())?;
        Ok(Self {
            validator,
            cost: burden,
        })
    }

    /// The errors in a value.
    ///
    /// # Errors
    ///
    /// Why the value cannot be checked.
    pub(crate) fn errors<'a>(
        &'a self,
        value: &'a Value,
    ) -> Result<impl Iterator<Item = ValidationError<'a>>, String> {
        let (depth, size) = depth_and_size(value);
        let burden = &self.cost;
        let (mut levels, mut work) = (burden.depth, burden.values.saturating_mul(size));
        if burden.cycles > 0 {
            // A recursive schema can go as deep as the value.
            levels = levels.saturating_mul(depth);
            let depth = u32::try_from(depth).unwrap_or(u32::MAX);
            work = work.saturating_mul(burden.cycles.saturating_pow(depth));
        }
        if levels > MAX_DEPTH || work > MAX_WORK {
            return Err(TOO_LARGE.into());
        }
        Ok(self.validator.iter_errors(value))
    }
}

const TOO_LARGE: &str = "it is too large to check";

/// Depth of a value, and number of values in it.
fn depth_and_size(value: &Value) -> (usize, u64) {
    let all = |parts: &mut dyn Iterator<Item = &Value>| {
        parts
            .map(depth_and_size)
            .fold((1, 1), |(depth, size), part| {
                (depth.max(part.0 + 1), size + part.1)
            })
    };
    match value {
        Value::Array(parts) => all(&mut parts.iter()),
        Value::Object(fields) => all(&mut fields.values()),
        _ => (1, 1),
    }
}

/// The estimated cost of validating with a schema, references followed.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// Number of values in the schema.
    values: u64,
    /// Number of references that lead back into an enclosing schema.
    cycles: u64,
    /// Its levels.
    depth: usize,
}

impl Cost {
    fn add(&mut self, part: Self) {
        self.values = self.values.saturating_add(part.values);
        self.cycles = self.cycles.saturating_add(part.cycles);
        self.depth = self.depth.max(part.depth + 1);
    }
}

struct CostEstimator<'a> {
    root: &'a Value,
    /// Keyed by address: comparing schemas would take as long as estimating their cost.
    known: HashMap<*const Value, Cost>,
    /// The path of schemas that are being estimated, to detect cycles.
    in_progress: Vec<*const Value>,
}

impl<'a> CostEstimator<'a> {
    fn estimate(&mut self, schema: &'a Value) -> Result<Cost, String> {
        let place = std::ptr::from_ref(schema);
        if let Some(known) = self.known.get(&place) {
            return Ok(*known);
        }
        let mut burden = Cost {
            values: 1,
            cycles: 0,
            depth: 1,
        };
        if self.in_progress.contains(&place) {
            burden.cycles = 1;
            return Ok(burden);
        }
        if self.in_progress.len() >= MAX_SCHEMA_DEPTH {
            return Err(TOO_LARGE.into());
        }
        self.in_progress.push(place);
        match schema {
            Value::Array(parts) => {
                for part in parts {
                    burden.add(self.estimate(part)?);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    burden.add(self.estimate_field(key, value)?);
                }
            }
            _ => {}
        }
        self.in_progress.pop();
        self.known.insert(place, burden);
        Ok(burden)
    }

    fn estimate_field(&mut self, key: &str, value: &'a Value) -> Result<Cost, String> {
        match (key, value) {
            // Plain values, and definitions, which count only where they are referenced.
            ("const" | "enum" | "default" | "examples" | "$defs" | "definitions", _) => {
                Ok(Cost::default())
            }
            ("$ref", Value::String(reference)) => match resolve(self.root, reference) {
                Some(target) => self.estimate(target),
                None => Err(format!("it refers to {reference}, which is not in it")),
            },
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                Err(format!("{key} is not supported"))
            }
            ("pattern", Value::String(pattern)) => check_pattern(pattern),
            // Nested ids change the base of references, which nobody needs within one document.
            ("$id" | "id", Value::String(_)) if self.in_progress.len() > 1 => {
                Err(format!("{key} is not supported within it"))
            }
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(named)) => {
                let mut burden = Cost::default();
                for (name, schema) in named {
                    if key == "patternProperties" {
                        check_pattern(name)?;
                    }
                    burden.add(self.estimate(schema)?);
                }
                Ok(burden)
            }
            _ => self.estimate(value),
        }
    }
}

fn check_pattern(pattern: &str) -> Result<Cost, String> {
    if pattern.len() <= MAX_PATTERN_LENGTH {
        Ok(Cost::default())
    } else {
        Err("a pattern in it is too long".into())
    }
}

/// Checks the JSON arguments of a tool against its schema. What cannot be checked passes: the
/// client decides.
///
/// # Errors
///
/// What is wrong, in a line for the person, with the place in the arguments.
pub(crate) fn check_arguments(schema: &Value, text: &str) -> Result<(), String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("not valid JSON ({error})"))?;
    // An invalid schema requires nothing.
    if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
        return Ok(());
    }
    let Ok(validator) = Validator::new(schema) else {
        return Ok(());
    };
    let mut errors = validator.errors(&value).into_iter().flatten();
    errors.next().map_or(Ok(()), |error| Err(describe(&error)))
}

/// The error in words, with its place and without the value.
fn describe(error: &ValidationError<'_>) -> String {
    let mut path: String = error.instance_path().iter().map(|at| step(&at)).collect();
    let what = match error.kind() {
        Kind::Required { property } => {
            path.push_str(&format!(".{}", property.as_str().unwrap_or_default()));
            "needs a value".into()
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            path.push_str(&format!(".{}", unexpected.first().map_or("", |name| name)));
            "is not a known property".into()
        }
        _ => message(error),
    };
    match path.trim_start_matches('.') {
        "" => what,
        path => format!("{path} {what}"),
    }
}

/// A segment of a path into a value, in words.
pub(crate) fn step(segment: &LocationSegment<'_>) -> String {
    match segment {
        LocationSegment::Property(name) => format!(".{name}"),
        LocationSegment::Index(at) => format!("[{at}]"),
    }
}

/// The error in words, without the value, which is shown right above it.
pub(crate) fn message(error: &ValidationError<'_>) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    match error.kind() {
        Kind::Type {
            kind: TypeKind::Single(one),
        } => {
            format!("must be {}", type_words(&one.to_string()))
        }
        Kind::Type {
            kind: TypeKind::Multiple(all),
        } => {
            let all: Vec<_> = all.iter().map(|one| one.to_string()).collect();
            let all: Vec<_> = all.iter().map(|one| type_words(one)).collect();
            format!("must be {}", all.join(" or "))
        }
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Enum { options } => {
            let all = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let all: Vec<String> = all.iter().take(20).map(Value::to_string).collect();
            format!("must be one of {}", all.join(", "))
        }
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => {
            format!("needs at least {limit} character{}", plural(*limit))
        }
        Kind::MaxLength { limit } => format!("has more than {limit} character{}", plural(*limit)),
        Kind::MinItems { limit } => format!("needs at least {limit} element{}", plural(*limit)),
        Kind::MaxItems { limit } => format!("has more than {limit} element{}", plural(*limit)),
        Kind::MinProperties { limit } => format!("needs at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("has more than {limit} fields"),
        Kind::UniqueItems => "has duplicate elements".into(),
        Kind::Contains => "has no element of the required kind".into(),
        Kind::Pattern { pattern } => format!("must match {pattern}"),
        Kind::Format { format } => format!("must be a valid {format}"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "matches none of the alternatives".into()
        }
        Kind::OneOfMultipleValid { .. } => "matches more than one alternative".into(),
        Kind::FalseSchema => "is not allowed here".into(),
        Kind::Not { .. } => "must not match what is excluded here".into(),
        Kind::AdditionalItems { limit } => format!("has more than {limit} elements"),
        Kind::UnevaluatedItems { .. } => "has too many elements".into(),
        Kind::BacktrackLimitExceeded { .. } => {
            "could not be checked: the pattern is too slow".into()
        }
        _ => error.masked_with("this").to_string(),
    }
}

fn type_words(name: &str) -> &str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        other => other,
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
