//! What a form asks for at one place of a schema.
//!
//! A schema that a form has no row for is [`FieldKind::Raw`]: the person writes JSON, and the validator
//! checks it.

use std::sync::Arc;

use super::json::JsonValue;
use crate::api::{self, Alternative, ArgumentRole, Property, SchemaReading};

/// A place in a schema.
pub(super) type FieldSchema = api::Schema;

/// What is to be filled in at one place.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) kind: FieldKind,
    /// The description that the author of the tool gave.
    pub(super) description: String,
    pub(super) default: Option<JsonValue>,
    /// Whether `null` is allowed besides what the kind allows.
    pub(super) nullable: bool,
    /// The alternatives of a [`FieldKind::Union`].
    pub(super) alternatives: Vec<Alternative>,
    reading: SchemaReading,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum FieldKind {
    Text,
    Number {
        whole: bool,
    },
    /// One of these; never empty.
    Choice(Vec<JsonValue>),
    Object,
    /// An object with the fields of one of several alternatives, which have these names.
    Union(Vec<JsonValue>),
    List,
    /// Anything, as JSON.
    Raw,
}

impl Spec {
    /// What a schema asks for. Nodes of a form share it.
    pub(super) fn of(schema: &FieldSchema) -> Arc<Self> {
        let reading = schema.read();
        let mut nullable = reading.nullable;
        let mut alternatives = Vec::new();
        let mut options = |mut options: Vec<JsonValue>| {
            if nullable && !options.contains(&JsonValue::Null) {
                options.push(JsonValue::Null);
            }
            nullable = options.len() > 1 && options.contains(&JsonValue::Null);
            FieldKind::Choice(options)
        };
        let kind = match &reading.kind {
            _ if schema.is_deep() => FieldKind::Raw,
            api::SchemaType::Text => FieldKind::Text,
            api::SchemaType::Number { whole } => FieldKind::Number { whole: *whole },
            api::SchemaType::Boolean => {
                options(vec![JsonValue::Bool(true), JsonValue::Bool(false)])
            }
            api::SchemaType::Choice(values) => {
                options(values.iter().map(JsonValue::from).collect())
            }
            api::SchemaType::Object => FieldKind::Object,
            api::SchemaType::List => FieldKind::List,
            api::SchemaType::Union => match reading.objects() {
                Some(all) => {
                    alternatives = all;
                    let labels = alternatives
                        .iter()
                        .map(|one| JsonValue::Text(one.label.clone()));
                    FieldKind::Union(labels.collect())
                }
                None => FieldKind::Raw,
            },
            api::SchemaType::Map | api::SchemaType::Tuple | api::SchemaType::Anything => {
                FieldKind::Raw
            }
        };
        Arc::new(Self {
            kind,
            description: reading.description().to_owned(),
            default: reading.default().map(JsonValue::from),
            nullable,
            alternatives,
            reading,
        })
    }

    /// What a field counts for in the row budget: short schemas can ask for a lot of rows.
    pub(super) fn cost(&self) -> usize {
        match &self.kind {
            FieldKind::Choice(options) => 1 + options.len() / 16,
            _ => 1 + self.alternatives.len(),
        }
    }

    /// The properties of an object, the required ones first.
    pub(super) fn properties(&self) -> Vec<Property> {
        let mut all = self.reading.properties();
        let is_command = all
            .iter()
            .any(|one| ArgumentRole::of(&one.name) == ArgumentRole::Directory);
        let rank = |name: &str| match is_command {
            true => ArgumentRole::of(name),
            false => ArgumentRole::Other,
        };
        all.sort_by_cached_key(|one| {
            // Where everything is required, `null` is how an argument is left out: those come later.
            let is_optional = !one.required || one.schema.read().nullable;
            (is_optional, rank(&one.name))
        });
        all
    }

    /// The schema of the elements of a list.
    pub(super) fn items(&self) -> FieldSchema {
        self.reading.items()
    }

    /// A schema that allows everything.
    pub(super) fn anything(&self) -> FieldSchema {
        self.reading.anything()
    }

    /// What to fill in, in a few words, such as `whole number from 1`.
    pub(super) fn words(&self) -> String {
        match (&self.kind, self.reading.words()) {
            (FieldKind::Raw, words) if words != "JSON" => format!("JSON: {words}"),
            (_, words) => words,
        }
    }

    /// What to fill in, in a word, such as `JSON`.
    pub(super) fn short(&self) -> &'static str {
        match self.kind {
            FieldKind::Raw => "JSON",
            _ => self.reading.short(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(schema: &Value) -> Arc<Spec> {
        Spec::of(&FieldSchema::new(Arc::new(schema.clone())))
    }

    #[test]
    fn what_has_no_row_of_its_own_is_json() {
        for (schema, words) in [
            (json!({}), "JSON"),
            (
                json!({"type": ["string", "integer"]}),
                "JSON: text or whole number",
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "array"}]}),
                "JSON: text or list",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
                "JSON: object of text",
            ),
        ] {
            let spec = spec(&schema);
            assert_eq!(
                (&spec.kind, spec.words().as_str()),
                (&FieldKind::Raw, words)
            );
        }
    }

    #[test]
    fn words_nearest_to_the_use_win() {
        let schema = json!({
            "$ref": "#/$defs/port",
            "description": "where to listen",
            "$defs": {"port": {
                "type": "integer", "description": "a port", "default": 80, "minimum": 1,
            }},
        });
        let spec = spec(&schema);
        assert_eq!(spec.description, "where to listen");
        assert_eq!(spec.default, Some(JsonValue::Number("80".into())));
        assert_eq!(spec.words(), "whole number from 1");
    }

    #[test]
    fn required_properties_come_first() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": {"type": "string"},
                "b~/": {"type": ["string", "null"]},
                "c": {"type": "string"},
            },
            "required": ["c", "b~/", "d"],
        });
        let properties = spec(&schema).properties();
        let names: Vec<&str> = properties.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["c", "d", "a", "b~/"]);
        assert_eq!(Spec::of(&properties[3].schema).kind, FieldKind::Text);
    }

    #[test]
    fn what_is_set_most_of_a_command_comes_first() {
        let line = json!({"type": "string"});
        let of = |names: &[&str]| {
            let properties: serde_json::Map<String, Value> = names
                .iter()
                .map(|name| ((*name).to_owned(), line.clone()))
                .collect();
            let schema = json!({"type": "object", "properties": properties, "required": ["cmd"]});
            let properties = spec(&schema).properties();
            let names = properties.into_iter().map(|one| one.name);
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of(&[
                "cmd",
                "justification",
                "login",
                "prefix_rule",
                "sandbox_permissions",
                "shell",
                "workdir",
                "yield_time_ms",
            ]),
            "cmd workdir yield_time_ms sandbox_permissions justification prefix_rule login shell"
        );
        assert_eq!(of(&["timeout", "cmd", "env", "cwd"]), "cmd cwd timeout env");
        // Where nothing is a directory, the author's order stands.
        assert_eq!(of(&["cmd", "query", "timeout"]), "cmd query timeout");
    }
}
