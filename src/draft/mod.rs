//! A draft: everything that a person has composed and not yet sent, as plain data.
//!
//! - [`Draft`] is saved to the journal, and stays with a reply until it is delivered
//! - `read` reads drafts from disk, even damaged ones, without losing text
//! - `origin` keeps the source of each character
//! - `of_items` makes a draft of the items of a model
//! - `contribution` tells which model, rule or script took part in a reply
//! - `returned` puts undelivered replies back into a draft
//!
//! It depends on neither the terminal interface nor the journal.

mod contribution;
mod of_items;
mod origin;
mod read;
mod returned;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use contribution::Contribution;
pub use origin::{Origin, Sender, Source, Span};

use crate::api::ShellTool;

/// The value of the field `draft`, which marks a saved draft. Readers go by the other fields and not by the
/// number; a text without the mark is a draft of a version in which drafts were plain text.
const VERSION: u32 = 1;

/// The kinds of reply, in the order in which the composer offers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// The final answer, which ends the response.
    #[default]
    Send,
    /// A note; the response stays open.
    Progress,
    /// A shell command for the agent to run.
    Command,
    /// A call of any tool that the request offers.
    Tool,
    /// A summary of what the person thinks; the response stays open.
    Think,
    /// An error with the person's message, which ends the turn.
    Reject,
}

/// The state of a composer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The chosen kind of reply.
    pub kind: ReplyKind,
    /// The text, which accompanies the call if there is one.
    pub text: String,
    /// Where the cursor is in the text; at its end if this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Additional arguments of the shell tool for the next command.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// The call that is being composed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Finished parts, which are sent together with the rest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether each line is sent as soon as it is complete.
    pub live: bool,
    /// The source of each character of the text.
    #[serde(skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
    /// Whether text of a model was deleted from it.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
    /// The sender, once it was sent.
    #[serde(skip_serializing_if = "Sender::is_person")]
    pub sender: Sender,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The line, from 0.
    pub line: usize,
    /// The number of characters before it in the line.
    pub column: usize,
}

/// One part of a reply of several.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// The kind of reply.
    pub kind: ReplyKind,
    /// The text.
    pub text: String,
    /// Additional arguments of the shell tool, for a command.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// The call, if the part is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// The source of each character of the text.
    #[serde(skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
    /// Whether text of a model was deleted from it.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
}

/// A call that is being composed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The tool.
    pub target: CallTarget,
    /// The editor of the arguments, with its contents.
    pub editor: Editor,
    /// The call as a model drafted it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafted: Option<DraftedCall>,
}

/// A call as a model drafted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftedCall {
    /// The id of the draft.
    pub draft: i64,
    /// The model's name in the configuration.
    pub model: String,
    /// The arguments, or the text of a free-form tool, as it wrote them.
    pub arguments: String,
    /// Whether the call was changed since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_edited: bool,
}

/// The tool that is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTarget {
    /// A function, called with JSON arguments.
    Function {
        /// Its namespace.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// The JSON Schema of its arguments.
        #[serde(with = "nested")]
        schema: Value,
    },
    /// A free-form tool, called with a text.
    Custom {
        /// Its name.
        name: String,
    },
    /// The shell, to apply a patch.
    PatchByShell(ShellTool),
}

/// The editor of the arguments of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Editor {
    /// A form; the value is the saved state of the form.
    Form(Value),
    /// A text field, for raw JSON or the input of a free-form tool.
    Text {
        /// The text.
        text: String,
        /// Where the cursor is; at the end if this is absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
}

impl Draft {
    /// Whether nothing was composed: no text, no call, no parts, no options.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
            && self.call.is_none()
            && self.parts.is_empty()
            && self.options.is_empty()
    }

    /// Appends a line that was sent live in the same message. If the person sent one of the lines, they are
    /// the sender of the message.
    pub(crate) fn add_line(&mut self, line: &Self) {
        if self.origin.is_empty() && !line.origin.is_empty() {
            self.origin.push(self.text.chars().count(), Source::Typed);
        }
        if line.origin.is_empty() && !self.origin.is_empty() {
            self.origin.push(line.text.chars().count(), Source::Typed)
        } else {
            self.origin.extend(&line.origin)
        }
        self.text.push_str(&line.text);
        self.cut |= line.cut;
        if line.sender.is_person() {
            self.sender = Sender::Person;
        }
    }

    /// The draft as JSON, as it is saved.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct SavedDraft<'a> {
            draft: u32,
            #[serde(flatten)]
            content: &'a Draft,
        }
        let written = SavedDraft {
            draft: VERSION,
            content: self,
        };
        // Strings and numbers always serialize; if not, the text would survive.
        serde_json::to_string(&written).unwrap_or_else(|_| self.text.clone())
    }
}

/// For serde: `false` is not written.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A final answer with these words.
impl From<&str> for Draft {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }
}

/// Saves a JSON value as a string: the schema of a client may be nested as deep as the parser allows, and
/// would be too deep within a draft.
mod nested {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use serde_json::Value;

    pub(crate) fn serialize<S: Serializer>(
        value: &Value,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_string())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Value, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
