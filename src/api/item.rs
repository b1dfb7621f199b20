//! One item of a conversation, as a client sent it.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::Value;

use super::fields::Fields;
use super::responses::read_item;
use crate::hash::Hash;

/// An item of the input: a message, a call, the output of a call, or something unknown, which is
/// kept and shown all the same. It is kept as it came, and read when somebody looks.
#[derive(Debug)]
pub struct Item {
    raw: Arc<str>,
    hash: Hash,
    shape: Shape,
    /// Which of the items that the text stands for it is, and of how many.
    place: u32,
    count: u32,
    body: OnceLock<ItemBody>,
    likeness: OnceLock<Hash>,
    tokens: OnceLock<u64>,
}

/// What the text of an item is, which decides how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// An item of the Responses API.
    Item,
    /// A string that stands for a message of the user.
    Prompt,
    /// A string that stands for instructions.
    Instructions,
    /// A message of Chat Completions, or its tools.
    Chat,
    /// The functions of Chat Completions, from before there were tools.
    Functions,
    /// A message of Anthropic's API, or its tools.
    Messages,
    /// The system prompt of Anthropic's API.
    System,
}

/// What an item means.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
        /// All that it says, in some order.
        says: String,
    },
}

/// One part of a message or of an output.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// A part of an unknown type, the JSON of which is shown.
    Other(String),
}

impl Content {
    /// A file with this name, and with its data in base64 where that came along.
    pub(super) fn file(name: String, data: Option<&str>) -> Self {
        // Four characters of base64 are three bytes.
        let size = data.map(|data| data.rsplit(',').next().unwrap_or(data).len() / 4 * 3);
        Self::File { name, size }
    }
}

impl Item {
    /// An item of the Responses API in a text that is JSON. A string is a prompt.
    pub(crate) fn of_text(raw: impl Into<Arc<str>>) -> Self {
        let raw = raw.into();
        let hash = Hash::of(raw.as_bytes());
        let shape = match raw.starts_with('"') {
            true => Shape::Prompt,
            false => Shape::Item,
        };
        Self::unread(shape, raw, hash)
    }

    /// An item that stands alone in its text, to be read when somebody looks.
    pub(super) fn unread(shape: Shape, raw: Arc<str>, hash: Hash) -> Self {
        Self {
            raw,
            hash,
            shape,
            place: 0,
            count: 1,
            body: OnceLock::new(),
            likeness: OnceLock::new(),
            tokens: OnceLock::new(),
        }
    }

    /// The items that one message of another format stands for.
    pub(super) fn all_of(
        shape: Shape,
        raw: &Arc<str>,
        hash: Hash,
        bodies: Vec<ItemBody>,
    ) -> Vec<Arc<Self>> {
        let count = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
        let item = |(place, body)| {
            Arc::new(Self {
                place,
                count,
                body: OnceLock::from(body),
                ..Self::unread(shape, Arc::clone(raw), hash)
            })
        };
        (0..).zip(bodies).map(item).collect()
    }

    /// An item of the Responses format. Every object is accepted; what is not understood becomes
    /// [`ItemBody::Other`].
    pub fn from_responses(raw: &Value) -> Self {
        Self::of_text(raw.to_string())
    }

    /// A user message made from plain text, as `input: "text"` means it.
    pub fn user_message(text: &str) -> Self {
        Self::message("user", text)
    }

    /// A message made from plain text.
    pub fn message(role: &str, text: &str) -> Self {
        Self::from_responses(&serde_json::json!({
            "type": "message", "role": role,
            "content": [{"type": "input_text", "text": text}],
        }))
    }

    /// What it means.
    pub fn body(&self) -> &ItemBody {
        self.body.get_or_init(|| match self.shape {
            Shape::Prompt => plain_message("user", &self.raw),
            Shape::Instructions => plain_message("system", &self.raw),
            // What stands for several items is read at once.
            _ => read_item(&self.raw),
        })
    }

    /// The JSON that it came as. Items that came as one share it.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The same, to be shared.
    pub(crate) fn shared_raw(&self) -> &Arc<str> {
        &self.raw
    }

    /// The hash of what it came as.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// Whether its text begins with it: the first of several items that came as one.
    pub(crate) fn begins_text(&self) -> bool {
        self.place == 0
    }

    /// The same for two items that say the same, whatever their `id` and `status`. What agrees in
    /// it says the same, which [`Item::says_the_same`] confirms.
    ///
    /// It is the hash of [`ItemBody`] as JSON, and stays the same from one version of the program to
    /// the next: conversations on disk are found by it.
    pub fn likeness(&self) -> Hash {
        *self.likeness.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            // A hasher takes everything, and the body has nothing that JSON does not.
            let _ = serde_json::to_writer(&mut hasher, self.body());
            Hash::from_hasher(&hasher)
        })
    }

    /// Whether another item says the same.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let is_same_text = || self.place == other.place && self.shape == other.shape;
        (Arc::ptr_eq(&self.raw, &other.raw) && is_same_text())
            || self.likeness() == other.likeness() && self.body() == other.body()
    }

    /// The item's own `id`, where it has one.
    pub fn id(&self) -> Option<String> {
        match self.shape {
            Shape::Item => Fields::of_text(&self.raw).text("id"),
            _ => None,
        }
    }

    /// The id of the item that it only refers to (`item_reference`). The type may be left out where
    /// there is nothing but the id.
    pub(crate) fn reference(&self) -> Option<String> {
        // What refers is short.
        const LONGEST: usize = 1024;
        if self.shape != Shape::Item || self.raw.len() > LONGEST {
            return None;
        }
        let fields = Fields::of_text(&self.raw);
        let named = fields.text("type").as_deref() == Some("item_reference");
        let is_bare = |(name, _)| matches!(name, "id" | "type");
        let bare = fields.get("type").is_none() && fields.iter().all(is_bare);
        fields.text("id").filter(|_| named || bare)
    }

    /// What joins it with its output, for a call of any kind: clients have tools that nobody here
    /// knows.
    pub(crate) fn any_call_id(&self) -> Option<String> {
        match self.call_id() {
            Some(id) => Some(id.to_owned()),
            None => Fields::of_text(&self.raw).text("call_id"),
        }
    }

    /// The fields of an item of the Responses API, as JSON.
    pub(super) fn to_value(&self) -> Value {
        match self.shape {
            Shape::Prompt | Shape::Instructions => serde_json::json!({
                "type": "message", "role": self.role(),
                "content": [{"type": "input_text", "text": self.text()}],
            }),
            _ => serde_json::from_str(&self.raw).unwrap_or_default(),
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.raw.len() / self.count.max(1) as usize + size_of::<Self>()
    }

    /// Its tokens, once somebody has counted them.
    pub(crate) fn tokens(&self) -> &OnceLock<u64> {
        &self.tokens
    }

    /// The role of a message.
    pub fn role(&self) -> Option<&str> {
        match self.body() {
            ItemBody::Message { role, .. } => Some(role),
            _ => None,
        }
    }

    /// The parts of a message or an output.
    pub fn content(&self) -> &[Content] {
        match self.body() {
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
        match self.body() {
            ItemBody::FunctionCall { call_id, .. }
            | ItemBody::CustomToolCall { call_id, .. }
            | ItemBody::LocalShellCall { call_id, .. } => Some(call_id),
            _ => None,
        }
    }

    /// The call that an output answers.
    pub fn output_of(&self) -> Option<&str> {
        match self.body() {
            ItemBody::ToolOutput { call_id, .. } => Some(call_id),
            _ => None,
        }
    }

    /// Whether an agent put this into the conversation by itself: instructions of the system or
    /// the developer, and user messages that are nothing but one XML-like block, such as Codex's
    /// `<environment_context>`, or its `AGENTS.md` preamble.
    pub fn is_boilerplate(&self) -> bool {
        let ItemBody::Message { role, content, .. } = self.body() else {
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
        match self.body() {
            ItemBody::Message { role, .. } => role == "assistant",
            ItemBody::Reasoning { .. }
            | ItemBody::Compaction { .. }
            | ItemBody::FunctionCall { .. }
            | ItemBody::CustomToolCall { .. }
            | ItemBody::LocalShellCall { .. } => true,
            ItemBody::ToolOutput { .. } => false,
            ItemBody::Other { kind, .. } => kind.ends_with("_call"),
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

fn plain_message(role: &str, raw: &str) -> ItemBody {
    let text = serde_json::from_str(raw).unwrap_or_default();
    ItemBody::Message {
        role: role.into(),
        phase: None,
        content: vec![Content::Text(text)],
    }
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
        let read = |raw: Value| Item::from_responses(&raw).body().clone();
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
                    Content::Other(r#"{"type":"hologram","x":1}"#.into()),
                ]
            }
        );
        for odd in [json!({"type": "quantum"}), json!({}), json!(7), json!(null)] {
            let item = Item::from_responses(&odd);
            assert!(matches!(item.body(), ItemBody::Other { .. }));
            assert_eq!(item.raw(), odd.to_string());
        }
    }

    #[test]
    fn likeness_is_of_what_is_said() {
        let item = |raw: Value| Item::from_responses(&raw);
        let base = item(json!({"type": "message", "role": "user", "content": "a", "id": "1"}));
        let same = item(
            json!({"id": "2", "status": "completed", "content": "a", "role": "user",
            "type": "message"}),
        );
        let other = item(json!({"type": "message", "role": "user", "content": "b", "id": "1"}));
        assert!(base.says_the_same(&same) && !base.says_the_same(&other));
        let unknown = |id, x| item(json!({"type": "hologram", "x": x, "id": id}));
        assert!(unknown(1, 1).says_the_same(&unknown(2, 1)));
        assert!(!unknown(1, 1).says_the_same(&unknown(1, 2)));
        // What is on disk is found by it.
        assert_eq!(
            base.likeness().to_string(),
            "e1abcd04a575cd7a24634dafa679b6b4"
        );
    }
}
