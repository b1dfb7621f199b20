//! A draft: everything that a person has composed and not sent, as plain data.
//!
//! - [`Draft`] is what is written down and what travels with a reply until it is delivered
//! - `read` takes in drafts from disk, whatever has become of them: the words survive
//! - `origin` knows who or what its words come from
//! - `of_items` makes a draft of what a model says
//! - `hand` says in a word who had a hand in it
//! - `returned` puts what was said and did not arrive back into a draft
//!
//! It knows neither the screen nor the disk.

mod hand;
mod of_items;
mod origin;
mod read;
mod returned;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use hand::Contribution;
pub use origin::{Origin, Sender, Source, Span};

use crate::api::ShellTool;

/// What a draft is marked with when it is written down. A reader goes by the fields and not by the
/// number; a text without it is a draft of the time when a draft was a text.
const VERSION: u32 = 1;

/// The kinds of reply, in the order in which they are chosen.
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
    /// An error in the person's words, which ends the turn.
    Reject,
}

/// All that a composer holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The chosen kind of reply.
    pub kind: ReplyKind,
    /// The text, which stands beside a call if there is one.
    pub text: String,
    /// Where the cursor is in the text; at its end if this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// What the next command is given besides the command line.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// The call that is being put together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// What is collected already, to be sent together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether lines leave as soon as they are complete.
    pub live: bool,
    /// Where the words of the text come from.
    #[serde(skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
    /// Whether words of a model were taken out of the text.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
    /// Who had it sent, once it was.
    #[serde(skip_serializing_if = "Sender::is_person")]
    pub sender: Sender,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The line, from 0.
    pub line: usize,
    /// Characters before it in the line.
    pub column: usize,
}

/// One part of a reply of several.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// How it was composed.
    pub kind: ReplyKind,
    /// As it was typed.
    pub text: String,
    /// The options of a command.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// The call, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Where the words of the text come from.
    #[serde(skip_serializing_if = "Origin::is_empty")]
    pub origin: Origin,
    /// Whether words of a model were taken out of the text.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
}

/// A call in the making.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What is called.
    pub target: CallTarget,
    /// Where its arguments are typed.
    pub editor: Editor,
    /// The draft that it was, where a model made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drafted: Option<DraftedCall>,
}

/// A call as a model drafted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftedCall {
    /// The draft.
    pub draft: i64,
    /// The model's name in the configuration.
    pub model: String,
    /// The arguments, or the text of a free-form tool, as it wrote them.
    pub arguments: String,
    /// Whether the call says something else now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_edited: bool,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTarget {
    /// A function, by its arguments.
    Function {
        /// The namespace that it lives in.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// The JSON Schema of its arguments.
        #[serde(with = "nested")]
        schema: Value,
    },
    /// A free-form tool, by a text.
    Custom {
        /// Its name.
        name: String,
    },
    /// The shell, to apply a patch.
    PatchByShell(ShellTool),
}

/// Where the arguments of a call are typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Editor {
    /// The answers to a form, in the form's own words.
    Form(Value),
    /// A text: raw JSON, or what a free-form tool takes.
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

    /// Adds what was typed after it in the same message. What a person had a hand in is theirs.
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

    /// The draft as it is written down.
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
        // Strings and numbers only, which can all be written; the words would be left otherwise.
        serde_json::to_string(&written).unwrap_or_else(|_| self.text.clone())
    }
}

/// What is not so is not written down.
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

/// A value that stands as text in what it is part of: a client's schema may be as deep as any
/// reader allows, and must not be deeper for being part of a draft.
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
