//! The form of rules in the configuration.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RuleAction;

/// A `[[rule]]` table: every condition is optional, and all given ones must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct RuleTable {
    /// Its name, which is unique.
    pub name: String,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that the request names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The title or the working directory of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// A prompt or tool output since the model's last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The kind of drafted item.
    #[serde(skip_serializing_if = "Kinds::is_empty")]
    pub kind: Kinds,
    /// The called tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The parameter that `argument` is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// An argument of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// The text of a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The action.
    #[serde(
        deserialize_with = "read_action",
        skip_serializing_if = "Option::is_none"
    )]
    pub action: Option<RuleAction>,
    /// Seconds after which `timeout_action` is taken for something held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// The action after that time.
    #[serde(
        deserialize_with = "read_action",
        skip_serializing_if = "Option::is_none"
    )]
    pub timeout_action: Option<RuleAction>,
}

/// Kinds of drafted items, named as in the composer; answers and notes are both messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftKind {
    /// A message.
    Message,
    /// A shell command.
    Command,
    /// A call of any other tool.
    Tool,
    /// Reasoning.
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

/// A list of kinds; empty for all.
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

/// Reads an action, with one error message for every mistake.
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
    /// The rule as TOML, with its `[[rule]]` header.
    pub fn to_toml(&self) -> String {
        let mut out = String::from("[[rule]]\n");
        // Serialization cannot fail: all values have a form in TOML.
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
    /// Its name has line breaks or control characters.
    #[error("{0:?} is not a name; write some words in one line")]
    Name(String),
    /// Another rule has this name.
    #[error("there is a rule `{0}` before this one; choose another name")]
    NameTwice(String),
    /// It has no action.
    #[error(
        "every rule needs an action: \"hold\", \"send\", {{ reject = \"WORDS\" }}, \
         {{ answer = \"TEXT\" }} or {{ draft = \"MODEL\" }}"
    )]
    NoAction,
    /// The text of the action is empty.
    #[error("there are no words in it")]
    NoWords,
    /// An invalid regular expression.
    #[error("{0}")]
    Expression(String),
    /// Action `send` for requests, where there is no draft.
    #[error(
        "this rule is asked about a request, for which nothing is drafted yet; `send` needs a \
         condition on the draft: kind, tool, argument or text"
    )]
    NothingToSend,
    /// `parameter` without `argument`.
    #[error("this says in which argument to look; `argument` says what for, and is missing")]
    NoArgument,
    /// Conditions that never hold together.
    #[error("this is never so together with `{0}`")]
    Contradiction(&'static str),
    /// A timeout without action `hold`.
    #[error("only what is held has a timeout; this needs action = \"hold\"")]
    TimeoutWithoutHold,
    /// Only one of the two timeout keys is given.
    #[error("`timeout_seconds` and `timeout_action` stand together; `{0}` is missing")]
    HalfTimeout(&'static str),
    /// The timeout action is `hold`.
    #[error("what is held stays held for ever without this")]
    TimeoutHolds,
    /// The timeout is 0.
    #[error("must be at least 1")]
    ZeroTimeout,
}
