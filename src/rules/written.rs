//! Rules as they are written in the configuration.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RuleAction;

/// A `[[rule]]`: every condition may be left out, and all that are there must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct RuleTable {
    /// What it is called; no other is.
    pub name: String,
    /// The program that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The title of the conversation, or the folder that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// What was asked, or given back by a tool, since the model said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What is drafted.
    #[serde(skip_serializing_if = "Kinds::is_empty")]
    pub kind: Kinds,
    /// The tool that is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Which of its arguments is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What it is called with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// The words of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What happens.
    #[serde(
        deserialize_with = "read_action",
        skip_serializing_if = "Option::is_none"
    )]
    pub action: Option<RuleAction>,
    /// After how long something happens if nobody does anything about what is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// What happens then.
    #[serde(
        deserialize_with = "read_action",
        skip_serializing_if = "Option::is_none"
    )]
    pub timeout_action: Option<RuleAction>,
}

/// What a model drafts, in the words of the composer; a final answer and a note are both a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftKind {
    /// Words for whoever asked.
    Message,
    /// A command for a shell.
    Command,
    /// A call of any other tool.
    Tool,
    /// Thoughts.
    Think,
}

impl DraftKind {
    /// All of them.
    const ALL: [Self; 4] = [Self::Message, Self::Command, Self::Tool, Self::Think];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Command => "command",
            Self::Tool => "tool",
            Self::Think => "think",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Some kinds; none of them stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds(pub Vec<DraftKind>);

impl Kinds {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [kind] => kind.serialize(serializer),
            kinds => kinds.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Kinds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"message\", \"command\", \"tool\", \"think\", or a list of them")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Kinds, E> {
                let kind = DraftKind::of_name(name);
                let kind =
                    kind.ok_or_else(|| E::invalid_value(de::Unexpected::Str(name), &self))?;
                Ok(Kinds(vec![kind]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Kinds, A::Error> {
                let names = Vec::<String>::deserialize(SeqAccessDeserializer::new(list))?;
                if names.is_empty() {
                    return Err(de::Error::invalid_length(0, &self));
                }
                let kinds = names.iter().map(|name| {
                    let wrong = || de::Error::invalid_value(de::Unexpected::Str(name), &Read);
                    DraftKind::of_name(name).ok_or_else(wrong)
                });
                Ok(Kinds(kinds.collect::<Result<_, _>>()?))
            }
        }

        deserializer.deserialize_any(Read)
    }
}

/// Reads an action, of which everything that can be wrong is told in the same words.
fn read_action<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RuleAction>, D::Error> {
    struct Read;

    impl<'de> Visitor<'de> for Read {
        type Value = Option<RuleAction>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(
                "\"hold\", \"send\", { reject = \"WORDS\" }, { answer = \"TEXT\" } or \
                 { draft = \"MODEL\" }",
            )
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<RuleAction>, E> {
            match name {
                "hold" => Ok(Some(RuleAction::Hold)),
                "send" => Ok(Some(RuleAction::Send)),
                other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
            }
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<RuleAction>, A::Error> {
            let first: Option<(String, String)> = map.next_entry()?;
            let action = match first {
                Some((key, words)) if key == "reject" => RuleAction::Reject(words),
                Some((key, words)) if key == "answer" => RuleAction::Answer(words),
                Some((key, model)) if key == "draft" => RuleAction::Draft(model),
                _ => return Err(de::Error::invalid_value(de::Unexpected::Map, &self)),
            };
            match map.next_key::<String>()? {
                None => Ok(Some(action)),
                Some(_) => Err(de::Error::invalid_value(de::Unexpected::Map, &self)),
            }
        }
    }

    deserializer.deserialize_any(Read)
}

impl RuleTable {
    /// The rule as it stands in the configuration, with its head.
    pub fn to_toml(&self) -> String {
        let mut out = String::from("[[rule]]\n");
        // Names, texts and numbers, which can all be written, in the order of the fields.
        let fields = serde_json::to_value(self).unwrap_or_default();
        for (key, value) in fields.as_object().into_iter().flatten() {
            if let Ok(value) = toml::Value::try_from(value) {
                out.push_str(&format!("{key} = {value}\n"));
            }
        }
        out
    }
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It has no name.
    #[error("every rule needs a name, by which you are told what it did")]
    NoName,
    /// Its name would not be a word in a line.
    #[error("{0:?} is not a name; write some words in one line")]
    Name(String),
    /// Another rule has this name.
    #[error("there is a rule `{0}` before this one; choose another name")]
    NameTwice(String),
    /// Nothing happens.
    #[error(
        "every rule needs an action: \"hold\", \"send\", {{ reject = \"WORDS\" }}, \
         {{ answer = \"TEXT\" }} or {{ draft = \"MODEL\" }}"
    )]
    NoAction,
    /// Nothing would be said.
    #[error("there are no words in it")]
    NoWords,
    /// An expression is wrong.
    #[error("{0}")]
    Expression(String),
    /// There is nothing that could be sent.
    #[error(
        "this rule is asked about a request, for which nothing is drafted yet; `send` needs a \
         condition on the draft: kind, tool, argument or text"
    )]
    NothingToSend,
    /// One condition needs another.
    #[error("this says in which argument to look; `argument` says what for, and is missing")]
    NoArgument,
    /// Two conditions never hold together.
    #[error("this is never so together with `{0}`")]
    Never(&'static str),
    /// What is not held has no timeout.
    #[error("only what is held has a timeout; this needs action = \"hold\"")]
    NotHeld,
    /// A timeout says when or what, and not both.
    #[error("`timeout_seconds` and `timeout_action` stand together; `{0}` is missing")]
    HalfTimeout(&'static str),
    /// Nothing would happen at the end of a timeout.
    #[error("what is held stays held for ever without this")]
    HeldAnyway,
    /// It would not even begin to wait.
    #[error("must be at least 1")]
    NoTime,
}
