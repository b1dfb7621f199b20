//! Answers in a JSON format that the client asks for: a skeleton to fill in, and a final check.

use serde_json::{Map, Value};

use super::{OutputFormat, Schema, SchemaReading, SchemaType, Validator};

/// Most values of a skeleton: a small schema may ask for thousands by referring to itself twice.
const MAX_VALUES: usize = 500;

/// Characters of an error that are shown: one may quote a whole answer.
const MAX_LENGTH: usize = 200;

/// A value for a JSON Schema, to be filled in: all properties, required or not, with their `const`,
/// `default` or first `enum` value, or else an empty value of their type.
///
/// Of alternatives the first is taken, before `null` where there is a choice. Lengths, ranges and
/// patterns are left to the person and [`check_answer`]. References within the schema are followed;
/// an object that goes on forever is cut off with `{}`, or left out where that is allowed.
pub fn skeleton(schema: &Value) -> Value {
    Skeleton {
        values_left: MAX_VALUES,
    }
    .value(&Schema::new(schema))
}

struct Skeleton {
    /// Values that may still be added.
    values_left: usize,
}

impl Skeleton {
    fn value(&mut self, schema: &Schema<&Value>) -> Value {
        self.values_left = self.values_left.saturating_sub(1);
        let reading = schema.read();
        let given = |key| reading.keyword(key).cloned();
        let example = || reading.keyword("examples")?.get(0).cloned();
        let only = || match &reading.kind {
            SchemaType::Choice(options) => options.first().cloned(),
            _ => None,
        };
        if let Some(value) = given("const")
            .or_else(|| given("default"))
            .or_else(only)
            .or_else(example)
        {
            return value;
        }
        match &reading.kind {
            SchemaType::Object | SchemaType::Map => self.object(&reading),
            SchemaType::List | SchemaType::Tuple => self.array(&reading),
            SchemaType::Union => match reading.alternatives().first() {
                Some(first) => self.value(&first.schema),
                None => Value::Null,
            },
            SchemaType::Number { .. } => number(&reading),
            SchemaType::Boolean => false.into(),
            SchemaType::Text | SchemaType::Choice(_) => "".into(),
            // The first of several types.
            SchemaType::Anything => match reading.first_type() {
                Some("object") => self.object(&reading),
                Some("array") => self.array(&reading),
                Some("integer" | "number") => number(&reading),
                Some("boolean") => false.into(),
                _ => "".into(),
            },
        }
    }

    /// A nested value, unless the skeleton is too large or too deep already.
    fn inner(&mut self, schema: &Schema<&Value>) -> Value {
        if !schema.is_deep() && self.values_left > 0 {
            return self.value(schema);
        }
        match schema.read().kind {
            SchemaType::Object | SchemaType::Map => Value::Object(Map::new()),
            SchemaType::List | SchemaType::Tuple => Value::Array(Vec::new()),
            _ => Value::Null,
        }
    }

    fn object(&mut self, reading: &SchemaReading<&Value>) -> Value {
        let mut object = Map::new();
        for property in reading.properties() {
            let too_much = property.schema.is_deep() || self.values_left == 0;
            if property.is_described() && (!too_much || property.required) {
                object.insert(property.name, self.inner(&property.schema));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, reading: &SchemaReading<&Value>) -> Value {
        let firsts = reading.first_items();
        let mut items: Vec<Value> = firsts.iter().map(|schema| self.inner(schema)).collect();
        let least = reading.keyword("minItems").and_then(Value::as_u64);
        let is_described = reading.keyword("items").is_some_and(Value::is_object);
        if items.is_empty() && is_described && least.unwrap_or(0) > 0 {
            items.push(self.inner(&reading.items()));
        }
        Value::Array(items)
    }
}

/// 0, or the minimum if that is larger.
fn number(reading: &SchemaReading<&Value>) -> Value {
    match reading.keyword("minimum") {
        Some(least) if least.as_f64().is_some_and(|least| least > 0.0) => least.clone(),
        _ => 0.into(),
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
            "the answer must be JSON: there is none yet".into()
        } else if text.starts_with("```") {
            "the answer must be JSON alone: remove the ``` around it".into()
        } else {
            format!("not valid JSON ({error})")
        }
    })?;
    let Some(schema) = schema else {
        return match answer {
            Value::Object(_) => Ok(()),
            other => Err(format!("expected a JSON object, not {}", kind(&other))),
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
            // The value itself is on the screen already.
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
    match text.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[path = "skeleton_tests.rs"]
mod tests;
