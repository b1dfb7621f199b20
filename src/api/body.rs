//! The content of an item, sent by a client or by the person.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Phase, fields};

/// The content of an output item: a message, reasoning, or a call. Items that clients send have the
/// same content with a role and a call id around it: see [`ItemBody`].
///
/// This is also the form on disk, where a list of parts that is a single text is written as a
/// string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Body {
    /// A message.
    Message {
        /// The content parts; what the person types is one text part.
        #[serde(rename = "text", with = "parts")]
        content: Vec<ContentPart>,
        /// Whether the message is a note or the answer; `None` if the client does not say.
        phase: Option<Phase>,
    },
    /// A call of a function.
    FunctionCall {
        /// The namespace the function lives in. Codex 0.169 refuses a joined name.
        namespace: Option<String>,
        /// Name of the function.
        name: String,
        /// The arguments as text, which is a JSON object if nothing is wrong with it.
        arguments: String,
    },
    /// A call of a free-form tool.
    CustomToolCall {
        /// The name of the tool.
        name: String,
        /// The text handed to it.
        input: String,
    },
    /// Reasoning of the model.
    Reasoning {
        /// The summary parts; what the person types is one part.
        #[serde(with = "parts")]
        summary: Vec<String>,
    },
    /// A call of the built-in `local_shell` tool of older Codex versions.
    LocalShellCall {
        /// The program and its arguments.
        command: Vec<String>,
        /// Working directory; the client chooses if absent.
        working_directory: Option<String>,
    },
    /// A call of OpenAI's built-in `shell` tool.
    ShellCall {
        /// The commands, each a whole command line. The client may run them in parallel.
        commands: Vec<String>,
        /// Time limit in milliseconds; the client chooses if absent.
        timeout_ms: Option<u64>,
        /// Most characters of output to return.
        max_output_length: Option<u64>,
    },
}

/// The meaning of an item that a client sent.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemBody {
    /// A message, reasoning, or a call.
    Said {
        /// `user`, `assistant`, `system`, `developer` or any other.
        role: String,
        /// The id that the output of a call refers to.
        call_id: Option<String>,
        /// The content.
        body: Body,
    },
    /// The output of a call.
    ToolOutput {
        /// The `call_id` of the call.
        call_id: String,
        /// The parts.
        content: Vec<ContentPart>,
    },
    /// A summary in the place of an earlier part of the conversation.
    Compaction {
        /// The summary, where this program can read it: other servers encrypt theirs.
        summary: Option<String>,
    },
    /// An item of an unknown type, shown as JSON.
    Other {
        /// The wire type, or `item` where there is none.
        kind: String,
        /// Its `call_id`, if it has one.
        call_id: Option<String>,
        /// Its fields in a canonical order, without `id` and `status`, each as `name:JSON` on a
        /// line.
        fields: String,
    },
}

/// One part of a message or of an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ContentPart {
    /// Text.
    Text(String),
    /// A picture: a `data:` URL, a link, or a file id.
    Image(String),
    /// A file.
    File {
        /// Its name, id or link.
        name: String,
        /// Size in bytes, if the client sent the file along.
        size: Option<usize>,
    },
    /// A refusal.
    Refusal(String),
    /// A part of an unknown type, the JSON of which is shown.
    Other(String),
}

impl Body {
    /// A message of one text.
    pub fn message(text: impl Into<String>, phase: Phase) -> Self {
        Self::Message {
            content: vec![ContentPart::Text(text.into())],
            phase: Some(phase),
        }
    }

    /// Reasoning of one text.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Self::Reasoning {
            summary: vec![text.into()],
        }
    }

    /// Whether this is a call that the client has to run.
    pub fn is_call(&self) -> bool {
        self.tool_name().is_some()
    }

    /// The name of the called tool; `None` if this is no call.
    pub(crate) fn tool_name(&self) -> Option<&str> {
        match self {
            Self::FunctionCall { name, .. } | Self::CustomToolCall { name, .. } => Some(name),
            Self::LocalShellCall { .. } => Some("local_shell"),
            Self::ShellCall { .. } => Some("shell"),
            Self::Message { .. } | Self::Reasoning { .. } => None,
        }
    }

    /// The name of the tool, with its namespace in front where it has one.
    pub(crate) fn full_tool_name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::FunctionCall {
                namespace: Some(namespace),
                name,
                ..
            } => Some(Cow::Owned(format!("{namespace}.{name}"))),
            _ => self.tool_name().map(Cow::Borrowed),
        }
    }

    /// The phase of a message, if it has one.
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Message { phase, .. } => *phase,
            _ => None,
        }
    }

    /// The text of the message or reasoning, or the arguments of the call. Parts are joined with
    /// line breaks.
    pub fn words(&self) -> Cow<'_, str> {
        match self {
            Self::Message { content, .. } => joined_text(content),
            Self::Reasoning { summary } => join_lines(summary.iter().map(String::as_str)),
            Self::FunctionCall { arguments, .. } => arguments.into(),
            Self::CustomToolCall { input, .. } => input.into(),
            Self::LocalShellCall { command, .. } => command.join(" ").into(),
            Self::ShellCall { commands, .. } => join_lines(commands.iter().map(String::as_str)),
        }
    }

    /// The text that a model would have had to write.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::FunctionCall { .. } | Self::CustomToolCall { .. } => {
                let name = self.full_tool_name().unwrap_or_default();
                format!("{name}{}", self.words()).into()
            }
            _ => self.words(),
        }
    }

    /// Whether `other`, which a client sent, is this item sent back. Names, phases and the division
    /// into parts are not compared: some formats have no place for them.
    pub(crate) fn is_echoed_by(&self, other: &Self) -> bool {
        let is_same_kind = std::mem::discriminant(self) == std::mem::discriminant(other);
        is_same_kind && self.words() == other.words()
    }
}

impl ItemBody {
    /// A message with this role.
    pub(super) fn message(role: impl Into<String>, content: Vec<ContentPart>) -> Self {
        let phase = None;
        Self::Said {
            role: role.into(),
            call_id: None,
            body: Body::Message { content, phase },
        }
    }

    /// Reasoning of the model.
    pub(super) fn reasoning(summary: Vec<String>) -> Self {
        Self::Said {
            role: "assistant".into(),
            call_id: None,
            body: Body::Reasoning { summary },
        }
    }

    /// A call of the model with its `call_id`.
    pub(super) fn call(call_id: String, body: Body) -> Self {
        Self::Said {
            role: "assistant".into(),
            call_id: Some(call_id),
            body,
        }
    }
}

impl ContentPart {
    /// Reads a `content` field: a string, or an array of strings and of objects, which `read` turns
    /// into parts.
    pub(super) fn read_list<P: IntoIterator<Item = Self>>(
        content: &RawValue,
        read: impl Fn(&RawValue) -> P,
    ) -> Vec<Self> {
        if fields::kind(content) != fields::JsonKind::Array {
            return Self::read_member(content, |other| [Self::Other(other.get().to_owned())]);
        }
        let members = fields::list(content).into_iter();
        members
            .flat_map(|raw| Self::read_member(raw, &read))
            .collect()
    }

    /// Reads one member of a `content` array.
    pub(super) fn read_member<P: IntoIterator<Item = Self>>(
        raw: &RawValue,
        read: impl Fn(&RawValue) -> P,
    ) -> Vec<Self> {
        match fields::text(raw) {
            Some(text) => vec![Self::Text(text)],
            None => read(raw).into_iter().collect(),
        }
    }

    /// A file with this name, and with its data in base64 where that came along.
    pub(super) fn file(name: String, data: Option<&str>) -> Self {
        // Four characters of base64 are three bytes.
        let size = data.map(|data| data.rsplit(',').next().unwrap_or(data).len() / 4 * 3);
        Self::File { name, size }
    }

    /// The text of a text part; `None` for any other.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Refusal(text) => Some(text),
            Self::Image(_) | Self::File { .. } | Self::Other(_) => None,
        }
    }
}

/// The text parts, joined with line breaks.
pub(crate) fn joined_text(content: &[ContentPart]) -> Cow<'_, str> {
    join_lines(content.iter().filter_map(ContentPart::words))
}

/// Joins texts with line breaks; a single text is borrowed.
fn join_lines<'a>(mut texts: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    let mut all = Cow::Borrowed(texts.next().unwrap_or_default());
    for text in texts {
        let all = all.to_mut();
        all.push('\n');
        all.push_str(text);
    }
    all
}

/// Serde form of parts on disk: a string if they are a single text, an array otherwise.
mod parts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::ContentPart;

    /// A content part that may be plain text.
    pub(super) trait PartText: From<String> {
        fn as_text(&self) -> Option<&str>;
    }

    impl PartText for String {
        fn as_text(&self) -> Option<&str> {
            Some(self)
        }
    }

    impl PartText for ContentPart {
        fn as_text(&self) -> Option<&str> {
            match self {
                Self::Text(text) => Some(text),
                _ => None,
            }
        }
    }

    impl From<String> for ContentPart {
        fn from(text: String) -> Self {
            Self::Text(text)
        }
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum SavedBody<T, P> {
        Text(T),
        Parts(P),
    }

    pub(super) fn serialize<P: PartText + Serialize, S: Serializer>(
        parts: &[P],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let stored = match parts {
            [part] => part.as_text().map(SavedBody::Text),
            _ => None,
        };
        stored
            .unwrap_or(SavedBody::Parts(parts))
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, P: PartText + Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<P>, D::Error> {
        Ok(
            match SavedBody::<String, Vec<P>>::deserialize(deserializer)? {
                SavedBody::Text(text) => vec![text.into()],
                SavedBody::Parts(parts) => parts,
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What every version so far wrote for what a person can say.
    #[test]
    fn what_is_on_disk_stays_as_it_was() {
        let command = vec!["ls".to_owned()];
        let table = [
            (
                Body::message("Hello", Phase::Commentary),
                json!({"Message": {"text": "Hello", "phase": "Commentary"}}),
            ),
            (
                Body::FunctionCall {
                    namespace: Some("a".into()),
                    name: "b".into(),
                    arguments: "{}".into(),
                },
                json!({"FunctionCall": {"namespace": "a", "name": "b", "arguments": "{}"}}),
            ),
            (
                Body::CustomToolCall {
                    name: "a".into(),
                    input: "b".into(),
                },
                json!({"CustomToolCall": {"name": "a", "input": "b"}}),
            ),
            (
                Body::reasoning("Hm"),
                json!({"Reasoning": {"summary": "Hm"}}),
            ),
            (
                Body::LocalShellCall {
                    command,
                    working_directory: None,
                },
                json!({"LocalShellCall": {"command": ["ls"], "working_directory": null}}),
            ),
            (
                Body::ShellCall {
                    commands: vec!["ls".into(), "pwd".into()],
                    timeout_ms: Some(1),
                    max_output_length: None,
                },
                json!({"ShellCall": {"commands": ["ls", "pwd"], "timeout_ms": 1,
                    "max_output_length": null}}),
            ),
        ];
        for (body, stored) in table {
            assert_eq!(serde_json::to_string(&body).unwrap(), stored.to_string());
            assert_eq!(serde_json::from_value::<Body>(stored).unwrap(), body);
        }
    }

    #[test]
    fn parts_of_any_kind_are_read_back() {
        let picture = ContentPart::Image("file_1".into());
        for content in [vec![], vec![picture.clone()], vec![picture; 2]] {
            let body = Body::Message {
                content,
                phase: None,
            };
            let stored = serde_json::to_string(&body).unwrap();
            assert_eq!(serde_json::from_str::<Body>(&stored).unwrap(), body);
        }
    }

    #[test]
    fn words_that_come_back_are_known_without_names_and_phases() {
        let said = Body::message("one\ntwo", Phase::FinalAnswer);
        let back = |content| Body::Message {
            content,
            phase: None,
        };
        let text = |text: &str| ContentPart::Text(text.into());
        assert!(said.is_echoed_by(&back(vec![text("one\ntwo")])));
        assert!(said.is_echoed_by(&back(vec![text("one"), text("two")])));
        assert!(!said.is_echoed_by(&back(vec![text("one")])));
        assert!(!said.is_echoed_by(&Body::reasoning("one\ntwo")));
        let call = |namespace: Option<&str>| Body::FunctionCall {
            namespace: namespace.map(str::to_owned),
            name: "f".into(),
            arguments: "{}".into(),
        };
        assert!(call(Some("a")).is_echoed_by(&call(None)));
        assert_eq!(call(Some("a")).text(), "a.f{}");
    }
}
