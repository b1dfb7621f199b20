//! Answers in a form that the client asks for: something to begin with, and a check at the end.

use serde_json::{Map, Value};

use super::{OutputFormat, Validator};

/// How deep a skeleton goes: schemas may refer to themselves.
const DEEPEST: usize = 12;

/// How many values a skeleton has: a small schema may ask for thousands by referring to itself twice.
const MOST: usize = 500;

/// Characters of an error that are shown: one may quote a whole answer.
const LONGEST: usize = 200;

/// A value in the form that a JSON Schema describes, to be filled in: all properties, required or
/// not, with their `const`, `default` or first `enum` value, or else an empty value of their type.
///
/// Of alternatives the first is taken, before `null` where there is a choice. What the schema says of
/// lengths, ranges and patterns is left for the person and [`check_answer`]. References within the schema are
/// followed; an object that goes on forever is cut off with `{}`, or left out where that is allowed.
pub fn skeleton(schema: &Value) -> Value {
    let mut skeleton = Skeleton {
        root: schema,
        left: MOST,
    };
    skeleton.value(schema, 0)
}

struct Skeleton<'a> {
    root: &'a Value,
    /// How many values may still be made.
    left: usize,
}

impl<'a> Skeleton<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        self.left = self.left.saturating_sub(1);
        let schema = self.resolved(schema);
        let given = |key: &str| schema.get(key).cloned();
        let first = |key: &str| schema.get(key).and_then(|values| values.get(0)).cloned();
        if let Some(value) = given("const")
            .or_else(|| given("default"))
            .or_else(|| first("enum"))
            .or_else(|| first("examples"))
        {
            return value;
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
                let is_null = |schema: &&Value| type_of(self.resolved(schema)) == "null";
                let chosen = alternatives
                    .iter()
                    .find(|alternative| !is_null(alternative))
                    .or(alternatives.first());
                let value = chosen.map_or(Value::Null, |chosen| self.inner(chosen, depth));
                return self.with_properties(value, schema, depth);
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            let mut value = Value::Null;
            for part in parts {
                value = merged(value, self.inner(part, depth));
            }
            return self.with_properties(value, schema, depth);
        }
        match type_of(schema) {
            "object" => self.with_properties(Value::Object(Map::new()), schema, depth),
            "array" => self.array(schema, depth),
            "string" => "".into(),
            "integer" | "number" => number(schema),
            "boolean" => false.into(),
            "null" => Value::Null,
            _ => "".into(),
        }
    }

    /// A value within another, unless that has gone on for too long.
    fn inner(&mut self, schema: &'a Value, depth: usize) -> Value {
        if depth < DEEPEST && self.left > 0 {
            return self.value(schema, depth + 1);
        }
        match type_of(self.resolved(schema)) {
            "object" => Value::Object(Map::new()),
            "array" => Value::Array(Vec::new()),
            _ => Value::Null,
        }
    }

    /// `value` with the properties that `schema` names itself, if it is an object or nothing yet.
    fn with_properties(&mut self, value: Value, schema: &'a Value, depth: usize) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = |name: &String| {
            let names = schema.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let mut object = match value {
            Value::Object(object) => object,
            Value::Null if properties.is_some() => Map::new(),
            other => return other,
        };
        for (name, schema) in properties.into_iter().flatten() {
            let too_much = depth >= DEEPEST || self.left == 0;
            if !too_much || required(name) {
                object.insert(name.clone(), self.inner(schema, depth));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let firsts = schema.get("prefixItems").and_then(Value::as_array);
        let mut items: Vec<Value> = Vec::new();
        for schema in firsts.into_iter().flatten() {
            items.push(self.inner(schema, depth));
        }
        if let Some(schema) = schema.get("items").filter(|items| items.is_object())
            && items.is_empty()
            && least > 0
        {
            items.push(self.inner(schema, depth));
        }
        Value::Array(items)
    }

    /// What `schema` refers to, within the same document.
    fn resolved(&self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..DEEPEST {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
                break;
            };
            let target = reference
                .strip_prefix('#')
                .and_then(|pointer| self.root.pointer(pointer));
            match target {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }
}

/// The type of a schema: the first that is not null, or what its keywords imply.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            let mut all = names.iter().filter_map(Value::as_str);
            all.find(|name| *name != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() || schema.get("prefixItems").is_some() => "array",
        _ => "",
    }
}

/// 0, or the least number that is allowed if that is more.
fn number(schema: &Value) -> Value {
    match schema.get("minimum") {
        Some(least) if least.as_f64().is_some_and(|least| least > 0.0) => least.clone(),
        _ => 0.into(),
    }
}

/// Two parts of one value.
fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            one.extend(other);
            Value::Object(one)
        }
        (Value::Null, other) => other,
        (one, _) => one,
    }
}

/// Whether a final answer has the form that the client asks for.
///
/// # Errors
///
/// What is wrong, in a line for the person, with the place in the answer.
pub fn check_answer(format: &OutputFormat, text: &str) -> Result<(), String> {
    let schema = match format {
        OutputFormat::Text => return Ok(()),
        OutputFormat::JsonObject => None,
        OutputFormat::JsonSchema { schema, .. } => Some(schema),
    };
    let answer: Value = serde_json::from_str(text).map_err(|error| {
        let text = text.trim();
        if text.is_empty() {
            "the answer has to be JSON: there is none yet".into()
        } else if text.starts_with("```") {
            "the answer has to be JSON alone: remove the ``` around it".into()
        } else {
            format!("not JSON: {error}")
        }
    })?;
    let Some(schema) = schema else {
        return match answer {
            Value::Object(_) => Ok(()),
            other => Err(format!("a JSON object is asked for, not {}", kind(&other))),
        };
    };
    let unchecked = |error: String| {
        let error = shortened(&error);
        format!("the answer cannot be checked, since its schema cannot be used: {error}")
    };
    let validator = Validator::new(schema).map_err(unchecked)?;
    let mut errors = validator.errors(&answer).map_err(unchecked)?;
    match errors.next() {
        None => Ok(()),
        Some(error) => {
            let path = error.instance_path().as_str();
            let place = if path.is_empty() { "the answer" } else { path };
            // The value itself is on the person's screen already.
            let what = error.masked_with("this").to_string();
            Err(shortened(&format!("at {place}: {what}")))
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "skeleton_tests.rs"]
mod tests;
