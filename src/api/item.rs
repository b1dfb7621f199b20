//! One item of a conversation, as a client sent it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::Value;

use super::compaction;

/// An item of the input: a message, a call, the output of a call, or something unknown, which is
/// kept and shown all the same.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it means.
    pub body: ItemBody,
    /// The item as it came; items that came as one share it.
    pub raw: Arc<Value>,
    /// The same for two items that say the same, whatever their `id` and `status`.
    pub fingerprint: u64,
    /// The item's own `id`, where it has one.
    pub id: Option<String>,
    /// About how many bytes it takes as JSON.
    pub bytes: usize,
}

/// What an item means.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemBody {
    /// Words of one side.
    Message {
        /// `user`, `assistant`, `system`, `developer` or any other.
        role: String,
        /// `commentary` or `final_answer`, where the client marks it.
        phase: Option<String>,
        /// The parts.
        content: Vec<Content>,
    },
    /// A summary of the model's thoughts.
    Reasoning {
        /// The parts of the summary.
        summary: Vec<String>,
    },
    /// A call of a function.
    FunctionCall {
        /// The name called, with its namespace in front where it has one.
        name: String,
        /// The arguments, as the text that was sent.
        arguments: String,
        /// What joins the call with its output.
        call_id: String,
    },
    /// A call of a free-form tool.
    CustomToolCall {
        /// The name called.
        name: String,
        /// The text handed to it.
        input: String,
        /// What joins the call with its output.
        call_id: String,
    },
    /// A call of the built-in shell of older Codex versions.
    LocalShellCall {
        /// The program and its arguments.
        command: Vec<String>,
        /// What joins the call with its output.
        call_id: String,
    },
    /// What a call gave back.
    ToolOutput {
        /// The call that it answers.
        call_id: String,
        /// The parts.
        content: Vec<Content>,
    },
    /// What stands for an earlier part of the conversation.
    Compaction {
        /// The summary, where this program can read it: other servers encrypt theirs.
        summary: Option<String>,
    },
    /// Anything else, shown as JSON.
    Other {
        /// The wire type, or `item` where there is none.
        kind: String,
    },
}

/// One part of a message or of an output.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Text.
    Text(String),
    /// A picture: a `data:` URL, a link, or a file id.
    Image(String),
    /// A file.
    File {
        /// Its name, id or link.
        name: String,
        /// Its bytes, where the client sent them along.
        size: Option<usize>,
    },
    /// A refusal.
    Refusal(String),
    /// A part of an unknown type, shown as JSON.
    Other(Value),
}

impl Item {
    /// Reads an item of the Responses format. Every object is accepted; what is not understood
    /// becomes [`ItemBody::Other`].
    pub fn from_responses(raw: Value) -> Self {
        let body = read_body(&raw);
        Self {
            body,
            fingerprint: fingerprint(&raw),
            id: text(&raw, "id").map(str::to_owned),
            bytes: bytes(&raw),
            raw: Arc::new(raw),
        }
    }

    /// Reads the items that a message of another format stands for, from what they would be in the
    /// Responses format; `raw` is what the client sent.
    pub fn translated<'a>(
        forms: &'a [Value],
        raw: &Value,
    ) -> impl Iterator<Item = Arc<Self>> + use<'a> {
        // One message may hold thousands of calls: with a copy for each, a few megabytes of it would
        // take all memory.
        let raw = Arc::new(raw.clone());
        let bytes = bytes(&raw) / forms.len().max(1);
        forms.iter().map(move |form| {
            Arc::new(Self {
                body: read_body(form),
                fingerprint: fingerprint(form),
                id: None,
                bytes,
                raw: Arc::clone(&raw),
            })
        })
    }

    /// A user message made from plain text, as `input: "text"` means it.
    pub fn user_message(text: &str) -> Self {
        Self::message("user", text)
    }

    /// A message made from plain text.
    pub fn message(role: &str, text: &str) -> Self {
        Self::from_responses(serde_json::json!({
            "type": "message", "role": role,
            "content": [{"type": "input_text", "text": text}],
        }))
    }

    /// The role of a message.
    pub fn role(&self) -> Option<&str> {
        match &self.body {
            ItemBody::Message { role, .. } => Some(role),
            _ => None,
        }
    }

    /// The parts of a message or an output.
    pub fn content(&self) -> &[Content] {
        match &self.body {
            ItemBody::Message { content, .. } | ItemBody::ToolOutput { content, .. } => content,
            _ => &[],
        }
    }

    /// The text parts, one after the other on lines of their own.
    pub fn text(&self) -> String {
        let texts: Vec<&str> = self
            .content()
            .iter()
            .filter_map(|part| match part {
                Content::Text(text) | Content::Refusal(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }

    /// What joins a call with its output, for a call.
    pub fn call_id(&self) -> Option<&str> {
        match &self.body {
            ItemBody::FunctionCall { call_id, .. }
            | ItemBody::CustomToolCall { call_id, .. }
            | ItemBody::LocalShellCall { call_id, .. } => Some(call_id),
            _ => None,
        }
    }

    /// The call that an output answers.
    pub fn output_of(&self) -> Option<&str> {
        match &self.body {
            ItemBody::ToolOutput { call_id, .. } => Some(call_id),
            _ => None,
        }
    }

    /// Whether an agent put this into the conversation by itself: instructions of the system or
    /// the developer, and user messages that are nothing but one XML-like block, such as Codex's
    /// `<environment_context>`, or its `AGENTS.md` preamble.
    pub fn is_boilerplate(&self) -> bool {
        let ItemBody::Message { role, content, .. } = &self.body else {
            return false;
        };
        match role.as_str() {
            "system" | "developer" => true,
            "user" => {
                !content.is_empty()
                    && content.iter().all(|part| match part {
                        Content::Text(text) => is_tagged_block(text),
                        _ => false,
                    })
            }
            _ => false,
        }
    }

    /// Whether a person asked this: a user message that is not boilerplate.
    pub fn is_prompt(&self) -> bool {
        self.role() == Some("user") && !self.is_boilerplate()
    }

    /// Whether the model said this: an assistant message, a call, or reasoning.
    pub fn is_from_model(&self) -> bool {
        match &self.body {
            ItemBody::Message { role, .. } => role == "assistant",
            ItemBody::Reasoning { .. }
            | ItemBody::Compaction { .. }
            | ItemBody::FunctionCall { .. }
            | ItemBody::CustomToolCall { .. }
            | ItemBody::LocalShellCall { .. } => true,
            ItemBody::ToolOutput { .. } => false,
            ItemBody::Other { kind } => kind.ends_with("_call"),
        }
    }
}

/// `<tag …> … </tag>` and nothing around it, or the heading under which Codex hands over the
/// instructions of a repository.
fn is_tagged_block(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with("# AGENTS.md instructions") {
        return true;
    }
    let Some(rest) = text.strip_prefix('<') else {
        return false;
    };
    let name_end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
        .unwrap_or(rest.len());
    let name = &rest[..name_end];
    // Single words are HTML that somebody asks about; agents name their blocks with several.
    if !name.contains(['_', '-']) && !rest[name_end..].starts_with(' ') {
        return false;
    }
    text.rfind("</")
        .is_some_and(|close| text[close + 2..].starts_with(name) && text.ends_with('>'))
}

fn read_body(raw: &Value) -> ItemBody {
    let kind = match text(raw, "type") {
        Some(kind) => kind,
        // The short form of a message has no type.
        None if raw.get("role").is_some() => "message",
        None => "item",
    };
    match kind {
        "message" => ItemBody::Message {
            role: text(raw, "role").unwrap_or("unknown").to_owned(),
            phase: text(raw, "phase").map(str::to_owned),
            content: read_content(raw.get("content")),
        },
        "reasoning" => ItemBody::Reasoning {
            summary: ["summary", "content"]
                .iter()
                .filter_map(|key| raw.get(*key)?.as_array())
                .flatten()
                .filter_map(|part| text(part, "text").map(str::to_owned))
                .collect(),
        },
        "function_call" => {
            let name = owned(raw, "name");
            ItemBody::FunctionCall {
                name: match text(raw, "namespace") {
                    Some(namespace) => format!("{namespace}.{name}"),
                    None => name,
                },
                arguments: owned(raw, "arguments"),
                call_id: owned(raw, "call_id"),
            }
        }
        "custom_tool_call" => ItemBody::CustomToolCall {
            name: owned(raw, "name"),
            input: owned(raw, "input"),
            call_id: owned(raw, "call_id"),
        },
        "local_shell_call" => ItemBody::LocalShellCall {
            command: raw
                .pointer("/action/command")
                .and_then(Value::as_array)
                .map(|words| {
                    let words = words.iter().filter_map(Value::as_str);
                    words.map(str::to_owned).collect()
                })
                .unwrap_or_default(),
            call_id: owned(raw, "call_id"),
        },
        "compaction" => ItemBody::Compaction {
            summary: text(raw, "encrypted_content").and_then(compaction::read),
        },
        _ if kind.ends_with("_output") && raw.get("output").is_some() => ItemBody::ToolOutput {
            call_id: owned(raw, "call_id"),
            content: read_content(raw.get("output")),
        },
        kind => ItemBody::Other { kind: kind.into() },
    }
}

fn read_content(content: Option<&Value>) -> Vec<Content> {
    match content {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => vec![Content::Text(text.clone())],
        Some(Value::Array(parts)) => parts.iter().map(read_part).collect(),
        Some(other) => vec![Content::Other(other.clone())],
    }
}

fn read_part(part: &Value) -> Content {
    if let Value::String(text) = part {
        return Content::Text(text.clone());
    }
    let found = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| text(part, key))
            .map(str::to_owned)
    };
    let read = match text(part, "type") {
        Some("input_text" | "output_text" | "text" | "summary_text" | "reasoning_text") => {
            found(&["text"]).map(Content::Text)
        }
        Some("refusal") => found(&["refusal"]).map(Content::Refusal),
        Some("input_image") => found(&["image_url", "file_id"]).map(Content::Image),
        Some("input_file") => found(&["filename", "file_id", "file_url"]).map(|name| {
            let data = text(part, "file_data");
            // Four characters of base64 are three bytes.
            let size = data.map(|data| data.rsplit(',').next().unwrap_or(data).len() / 4 * 3);
            Content::File { name, size }
        }),
        _ => None,
    };
    read.unwrap_or_else(|| Content::Other(part.clone()))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn owned(value: &Value, key: &str) -> String {
    text(value, key).unwrap_or_default().to_owned()
}

/// The length of what is in a value, and a little for each part of it.
pub(super) fn bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(parts) => parts.iter().map(|part| bytes(part) + 1).sum(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(key, value)| key.len() + 4 + bytes(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
    }
}

fn fingerprint(raw: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match raw {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields
                .keys()
                .filter(|key| !matches!(key.as_str(), "id" | "status"))
                .collect();
            keys.sort();
            for key in keys {
                key.hash(&mut hasher);
                fields[key].hash(&mut hasher);
            }
        }
        other => other.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_prompts_from_what_agents_add() {
        let boilerplate = |role, text| Item::message(role, text).is_boilerplate();
        assert!(boilerplate("developer", "You are a coding agent"));
        assert!(boilerplate("system", "Be brief"));
        assert!(boilerplate(
            "user",
            "<environment_context>\n <cwd>/</cwd>\n</environment_context>"
        ));
        assert!(boilerplate(
            "user",
            "<permissions instructions>\nno\n</permissions instructions>\n"
        ));
        assert!(boilerplate("user", "# AGENTS.md instructions for /src\n…"));
        assert!(!boilerplate("user", "hello"));
        assert!(!boilerplate("user", "<div>why is this not centred?</div>"));
        assert!(!boilerplate("user", "<a_b> is that a tag?"));
        assert!(!boilerplate("assistant", "<a_b></a_b>"));
    }

    #[test]
    fn reads_what_it_knows_and_keeps_the_rest() {
        let read = |raw| Item::from_responses(raw).body;
        assert_eq!(
            read(json!({"role": "user", "content": "hi"})),
            ItemBody::Message {
                role: "user".into(),
                phase: None,
                content: vec![Content::Text("hi".into())]
            }
        );
        assert_eq!(
            read(
                json!({"type": "function_call", "namespace": "a", "name": "b",
                "arguments": "{}", "call_id": "c"})
            ),
            ItemBody::FunctionCall {
                name: "a.b".into(),
                arguments: "{}".into(),
                call_id: "c".into()
            }
        );
        assert_eq!(
            read(
                json!({"type": "custom_tool_call_output", "call_id": "c", "output": [
                {"type": "input_text", "text": "t"},
                {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
                {"type": "hologram", "x": 1}]})
            ),
            ItemBody::ToolOutput {
                call_id: "c".into(),
                content: vec![
                    Content::Text("t".into()),
                    Content::Image("data:image/png;base64,AA==".into()),
                    Content::Other(json!({"type": "hologram", "x": 1})),
                ]
            }
        );
        for odd in [json!({"type": "quantum"}), json!({}), json!(7), json!(null)] {
            let item = Item::from_responses(odd.clone());
            assert!(matches!(item.body, ItemBody::Other { .. }));
            assert_eq!(*item.raw, odd);
        }
    }

    #[test]
    fn the_fingerprint_is_of_what_is_said() {
        let print = |raw| Item::from_responses(raw).fingerprint;
        let base = json!({"type": "message", "role": "user", "content": "a", "id": "1"});
        let same = json!({"id": "2", "status": "completed", "content": "a", "role": "user",
            "type": "message"});
        let other = json!({"type": "message", "role": "user", "content": "b", "id": "1"});
        assert_eq!(print(base.clone()), print(same));
        assert_ne!(print(base), print(other));
    }
}
