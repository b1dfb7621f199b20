//! One item of a conversation, as a client sent it.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::body::joined_text;
use super::fields::Fields;
use super::likeness::Likeness;
use super::responses::read_item;
use super::{Body, ContentPart, ItemBody};
use crate::hash::Hash;

/// An item of the input: a message, a call, the output of a call, or something unknown, which is
/// kept and shown all the same. Keeps the raw JSON, and parses it on first access.
#[derive(Debug)]
pub struct Item {
    raw: Arc<str>,
    hash: Hash,
    shape: Shape,
    /// Index of this item among the items that the text is converted to, and their number.
    index: u32,
    total: u32,
    body: OnceLock<ItemBody>,
    likeness: OnceLock<Hash>,
    tokens: OnceLock<u64>,
}

/// The format of the text of an item or of tools, which decides how it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// An item of the Responses API.
    Item,
    /// A string that is a user message.
    Prompt,
    /// A string that is instructions.
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

impl Item {
    /// An item of the Responses API from its JSON: an object, or a string that is a user message.
    pub(crate) fn of_text(raw: impl Into<Arc<str>>) -> Self {
        let raw = raw.into();
        let hash = Hash::of(raw.as_bytes());
        let shape = if raw.starts_with('"') {
            Shape::Prompt
        } else {
            Shape::Item
        };
        Self::unread(shape, raw, hash)
    }

    /// An item that is the only one of its text, to be parsed on first access.
    pub(super) fn unread(shape: Shape, raw: Arc<str>, hash: Hash) -> Self {
        Self {
            raw,
            hash,
            shape,
            index: 0,
            total: 1,
            body: OnceLock::new(),
            likeness: OnceLock::new(),
            tokens: OnceLock::new(),
        }
    }

    /// The items that one message of another format is converted to.
    pub(super) fn all_of(
        shape: Shape,
        raw: &Arc<str>,
        hash: Hash,
        bodies: Vec<ItemBody>,
    ) -> Vec<Arc<Self>> {
        let count = u32::try_from(bodies.len()).unwrap_or(u32::MAX);
        let item = |(place, body)| {
            Arc::new(Self {
                index: place,
                total: count,
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
    #[cfg(test)]
    pub(crate) fn user_message(text: &str) -> Self {
        Self::message("user", text)
    }

    /// A message made from plain text.
    #[cfg(test)]
    pub fn message(role: &str, text: &str) -> Self {
        Self::from_responses(&serde_json::json!({
            "type": "message", "role": role,
            "content": [{"type": "input_text", "text": text}],
        }))
    }

    /// The meaning of the item, parsed on first access.
    pub fn body(&self) -> &ItemBody {
        self.body.get_or_init(|| match self.shape {
            Shape::Prompt => plain_message("user", &self.raw),
            Shape::Instructions => plain_message("system", &self.raw),
            // A text of several items is parsed when they are made.
            _ => read_item(&self.raw),
        })
    }

    /// The JSON that it came as. Items of one message share it.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The JSON of the item, shared instead of copied.
    pub(crate) fn shared_raw(&self) -> &Arc<str> {
        &self.raw
    }

    /// The hash of the JSON that it came as.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// Whether it is the first item of its text.
    pub(crate) fn begins_text(&self) -> bool {
        self.index == 0
    }

    /// Hash of the content without `id` and `status`, the same in all versions of the program.
    /// Equal hashes are confirmed by [`Item::says_the_same`].
    pub(crate) fn likeness(&self) -> Hash {
        *self
            .likeness
            .get_or_init(|| Likeness::of(self.body()).hash())
    }

    /// Whether another item has the same content, apart from `id` and `status`.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let is_same_text = || self.index == other.index && self.shape == other.shape;
        let is_alike = || Likeness::of(self.body()) == Likeness::of(other.body());
        (Arc::ptr_eq(&self.raw, &other.raw) && is_same_text())
            || self.likeness() == other.likeness() && is_alike()
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
        // References are short; anything longer is not parsed.
        const MAX_LENGTH: usize = 1024;
        if self.shape != Shape::Item || self.raw.len() > MAX_LENGTH || !self.may_be_reference() {
            return None;
        }
        let fields = Fields::of_text(&self.raw);
        let named = fields.text("type").as_deref() == Some("item_reference");
        let is_bare = |(name, _)| matches!(name, "id" | "type");
        let bare = fields.get("type").is_none() && fields.iter().all(is_bare);
        fields.text("id").filter(|_| named || bare)
    }

    /// Whether parsing it may find a reference. Checked for every item of every request, and hardly
    /// ever true.
    fn may_be_reference(&self) -> bool {
        let has = |text: &str| memchr::memmem::find(self.raw.as_bytes(), text.as_bytes()).is_some();
        // Escapes may hide the word.
        has("item_reference") || !has("\"type\"") || has("\\u")
    }

    /// The fields of an item of the Responses API, as JSON.
    pub(crate) fn to_value(&self) -> Value {
        match self.shape {
            Shape::Prompt | Shape::Instructions => serde_json::json!({
                "type": "message", "role": self.role(),
                "content": [{"type": "input_text", "text": self.text()}],
            }),
            _ => serde_json::from_str(&self.raw).unwrap_or_default(),
        }
    }

    /// Approximate memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.raw.len() / self.total.max(1) as usize + size_of::<Self>()
    }

    /// The number of its tokens, once counted.
    pub(crate) fn tokens(&self) -> &OnceLock<u64> {
        &self.tokens
    }

    /// The message, reasoning or call in it; `None` for items that only clients send.
    pub fn said(&self) -> Option<&Body> {
        match self.body() {
            ItemBody::Said { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The role of a message.
    pub fn role(&self) -> Option<&str> {
        match self.body() {
            ItemBody::Said {
                role,
                body: Body::Message { .. },
                ..
            } => Some(role),
            _ => None,
        }
    }

    /// The parts of a message or an output.
    pub fn content(&self) -> &[ContentPart] {
        match self.body() {
            ItemBody::Said {
                body: Body::Message { content, .. },
                ..
            }
            | ItemBody::ToolOutput { content, .. } => content,
            _ => &[],
        }
    }

    /// The text parts, one after the other on lines of their own.
    pub fn text(&self) -> String {
        joined_text(self.content()).into_owned()
    }

    /// The `call_id` of a call of any kind, unknown ones included.
    pub fn call_id(&self) -> Option<&str> {
        match self.body() {
            ItemBody::Said { call_id, .. } | ItemBody::Other { call_id, .. } => call_id.as_deref(),
            ItemBody::ToolOutput { .. } | ItemBody::Compaction { .. } => None,
        }
    }

    /// The `call_id` that an output refers to.
    pub(crate) fn output_of(&self) -> Option<&str> {
        match self.body() {
            ItemBody::ToolOutput { call_id, .. } => Some(call_id),
            _ => None,
        }
    }

    /// Whether the model made this: an assistant message, a call, or reasoning.
    pub(crate) fn is_from_model(&self) -> bool {
        match self.body() {
            ItemBody::Said { role, .. } => role == "assistant",
            ItemBody::Compaction { .. } => true,
            ItemBody::ToolOutput { .. } => false,
            ItemBody::Other { kind, .. } => kind.ends_with("_call"),
        }
    }
}

fn plain_message(role: &str, raw: &str) -> ItemBody {
    let text = serde_json::from_str(raw).unwrap_or_default();
    ItemBody::message(role, vec![ContentPart::Text(text)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_it_knows_and_keeps_the_rest() {
        let read = |raw: Value| Item::from_responses(&raw).body().clone();
        assert_eq!(
            read(json!({"role": "user", "content": "hi"})),
            ItemBody::message("user", vec![ContentPart::Text("hi".into())])
        );
        assert_eq!(
            read(
                json!({"type": "function_call", "namespace": "a", "name": "b",
                "arguments": "{}", "call_id": "c"})
            ),
            ItemBody::call(
                "c".into(),
                Body::FunctionCall {
                    namespace: Some("a".into()),
                    name: "b".into(),
                    arguments: "{}".into(),
                }
            )
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
                    ContentPart::Text("t".into()),
                    ContentPart::Image("data:image/png;base64,AA==".into()),
                    ContentPart::Other(r#"{"type":"hologram","x":1}"#.into()),
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
