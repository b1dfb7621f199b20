//! The tools that the request offers: their descriptions and parameters.

use serde_json::Value;

use super::{NO_REQUEST, TextView, View};
use crate::api::{Property, SchemaReading, SchemaType, Tool};
use crate::tui::keys::action::Action;
use crate::tui::markup::Markup;

pub(super) const VIEW: View = View {
    action: Action::ShowTools,
    open: |source| {
        let conversation = source.conversation.ok_or(NO_REQUEST)?;
        let text = text(conversation.tools());
        Ok(TextView::foreign(
            "tools of this request",
            text,
            Markup::Plain,
        ))
    },
};

/// The most lines of one tool: nobody reads more, and a recursive schema has no end.
const MAX_LINES: usize = 300;
/// The most levels of nested objects.
const MAX_LEVELS: usize = 8;
/// The most values of an enum that are listed.
const MAX_VALUES: usize = 40;

/// The tools with their parameters.
fn text(tools: &[Tool]) -> String {
    if tools.is_empty() {
        return "This request offers no tools.".into();
    }
    let mut text = String::new();
    for tool in tools {
        text.push_str(&format!("{} ({})\n", tool.title(), tool.kind));
        for line in tool.description.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        if let Some(reading) = tool.reading() {
            let mut lines = ToolLines {
                text: &mut text,
                lines_left: MAX_LINES,
                open: Vec::new(),
            };
            lines.children(reading, 1);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

struct ToolLines<'t, 's> {
    text: &'t mut String,
    lines_left: usize,
    /// The schemas that are being described, the outermost first, to find recursion.
    open: Vec<SchemaReading<&'s Value>>,
}

impl<'s> ToolLines<'_, 's> {
    fn line(&mut self, level: usize, words: &str) {
        match self.lines_left {
            0 => return,
            1 => self.text.push_str(&format!("{}…\n", "  ".repeat(level))),
            _ => self
                .text
                .push_str(&format!("{}{words}\n", "  ".repeat(level))),
        }
        self.lines_left -= 1;
    }

    /// Describes the properties of an object, the elements of a list, or the alternatives of a union.
    fn children(&mut self, reading: SchemaReading<&'s Value>, level: usize) {
        let is_open = self.open.iter().any(|open| open.is_same(&reading));
        if is_open {
            return self.line(level, "… as above");
        }
        if self.lines_left == 0 || self.open.len() >= MAX_LEVELS {
            return;
        }
        match reading.kind {
            SchemaType::Object | SchemaType::Union => {
                for property in reading.properties() {
                    self.open.push(reading.clone());
                    self.property(&property, level);
                    self.open.pop();
                }
                for alternative in reading.alternatives() {
                    let chosen = alternative.schema.read();
                    self.line(
                        level,
                        &format!("or {}", with_about(&alternative.label, &chosen)),
                    );
                    self.open.push(reading.clone());
                    self.own_properties(&reading, chosen, level + 1);
                    self.open.pop();
                }
            }
            SchemaType::List => self.children(reading.items().read(), level),
            SchemaType::Map => self.children(reading.values().read(), level),
            SchemaType::Tuple => {
                for (at, item) in reading.first_items().iter().enumerate() {
                    let item = item.read();
                    self.line(level, &format!("· [{at}]: {}", words(&item)));
                    self.children(item, level + 1);
                }
            }
            _ => {}
        }
    }

    /// Describes the properties of an alternative that are not common to all of them.
    fn own_properties(
        &mut self,
        all: &SchemaReading<&'s Value>,
        chosen: SchemaReading<&'s Value>,
        level: usize,
    ) {
        if !matches!(chosen.kind, SchemaType::Object) {
            return self.children(chosen, level);
        }
        let common: Vec<String> = all.properties().into_iter().map(|one| one.name).collect();
        for property in chosen.properties() {
            if !common.contains(&property.name) {
                self.property(&property, level);
            }
        }
    }

    fn property(&mut self, property: &Property<&'s Value>, level: usize) {
        let reading = property.schema.read();
        let required = if property.required { ", required" } else { "" };
        let default = reading.default();
        let default = default.map_or(String::new(), |default| format!(", default {default}"));
        let kind = words(&reading);
        let words = format!("· {}: {kind}{required}{default}", property.name);
        self.line(level, &with_about(&words, &reading));
        self.children(reading, level + 1);
    }
}

/// `words`, and the description in the schema, if there is one.
fn with_about(words: &str, reading: &SchemaReading<&Value>) -> String {
    match reading.description() {
        "" => words.to_owned(),
        about => format!("{words}  {about}"),
    }
}

/// The type of a value in words, with the values of an enum.
fn words(reading: &SchemaReading<&Value>) -> String {
    let of = match reading.kind {
        SchemaType::List => reading.items().read(),
        _ => reading.clone(),
    };
    let SchemaType::Choice(options) = &of.kind else {
        return reading.words();
    };
    let mut values: Vec<String> = options
        .iter()
        .take(MAX_VALUES)
        .map(Value::to_string)
        .collect();
    if options.len() > values.len() {
        values.push("…".into());
    }
    let values = match (options.len(), reading.kind == SchemaType::List) {
        (1, _) => values.concat(),
        (_, false) => format!("one of {}", values.join(", ")),
        (_, true) => values.join(", "),
    };
    match reading.kind {
        SchemaType::List => format!("list of {values}"),
        _ => values,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(parameters: Value) -> String {
        let tool = Tool {
            kind: "function".into(),
            name: "do_it".into(),
            namespace: None,
            description: String::new(),
            raw: json!({"parameters": parameters}),
        };
        let text = text(&[tool]);
        text.strip_prefix("do_it (function)")
            .expect("a title")
            .to_owned()
    }

    #[test]
    fn what_a_tool_takes_is_told_to_the_end() {
        let schema = json!({
            "type": "object",
            "properties": {
                "todos": {"type": "array", "description": "All of them", "items": {"$ref": "#/$defs/Todo"}},
                "limit": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": null},
                "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
                "env": {"type": "object", "additionalProperties": {"type": "string"}},
                "verbose": {"type": "boolean", "default": false},
            },
            "required": ["todos"],
            "$defs": {"Todo": {"type": "object", "required": ["content", "status"], "properties": {
                "content": {"type": "string"},
                "status": {"type": "string", "enum": ["pending", "completed"]},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Todo"}}}}},
        });
        let expected = r#"
  · todos: list of object, required  All of them
    · content: text, required
    · status: one of "pending", "completed", required
    · parts: list of object
      … as above
  · limit: whole number from 1 or null, default null
  · tags: list of "a", "b"
  · env: object of text
  · verbose: true or false, default false"#;
        assert_eq!(of(schema), expected);
    }

    #[test]
    fn alternatives_are_told_apart() {
        let schema = json!({"type": "object", "required": ["id", "change"], "properties": {
            "id": {"type": "string"},
            "change": {"oneOf": [
                {"type": "object", "required": ["op", "text"], "description": "Puts text in", "properties": {
                    "op": {"const": "insert"}, "text": {"type": "string"}}},
                {"type": "object", "required": ["op"], "properties": {
                    "op": {"const": "delete"}, "lines": {"type": "array",
                        "prefixItems": [{"type": "integer"}, {"type": "integer"}]}}}]}}});
        let expected = r#"
  · id: text, required
  · change: object, one of 2, required
    or insert  Puts text in
      · op: "insert", required
      · text: text, required
    or delete
      · op: "delete", required
      · lines: list
        · [0]: whole number
        · [1]: whole number"#;
        assert_eq!(of(schema), expected);
    }

    #[test]
    fn a_schema_without_end_has_an_end() {
        let wide: serde_json::Map<String, Value> = (0..400)
            .map(|at| {
                (
                    format!("p{at}"),
                    json!({"type": "object", "properties": {"a": {"$ref": "#"}}}),
                )
            })
            .collect();
        let schema = json!({"type": "object", "properties": wide, "anyOf": [
            {"properties": {"x": {"$ref": "#"}}}, {"properties": {"y": {"$ref": "#"}}}]});
        let text = of(schema);
        assert!(text.lines().count() <= MAX_LINES + 1 && text.ends_with('…'));
    }
}
