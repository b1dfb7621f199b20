//! The answers of a form as they are serialized. Unlike the JSON of its value they keep what is
//! unfinished: a number without its digits, an object that is not sent, the position of the cursor.

use serde::{Deserialize, Serialize};

use super::choice::FixedChoice;
use super::json::JsonValue;
use super::spec::FieldKind;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedAnswer {
    #[serde(default)]
    pub(super) state: SavedState,
    #[serde(flatten)]
    pub(super) content: Option<SavedContent>,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SavedState {
    #[default]
    Unset,
    Null,
    Set,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SavedContent {
    Line(SavedLine),
    Raw(SavedLine),
    Choice(SavedChoice),
    Object {
        open: bool,
        fields: Option<Vec<SavedField>>,
        /// The alternative that was chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chosen: Option<SavedChoice>,
        /// Answers to other alternatives.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        aside: Vec<SavedField>,
    },
    List(Vec<SavedAnswer>),
}

/// The option is written as JSON, which stays the same where the order of the options does not.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum SavedChoice {
    Made(Option<String>),
    /// In the middle of typing the name of one.
    Named {
        option: Option<String>,
        typed: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedLine {
    pub(super) text: String,
    /// In bytes.
    #[serde(default)]
    pub(super) at: Option<usize>,
}

/// A field and what was answered there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedField {
    pub(super) name: String,
    pub(super) answer: SavedAnswer,
}

impl SavedAnswer {
    /// Whether a field of this kind can hold the answer without turning it into raw JSON.
    pub(super) fn fits(&self, kind: &FieldKind) -> bool {
        match (&self.content, kind) {
            (None, _) => false,
            (Some(SavedContent::Raw(_)), _) => true,
            (Some(SavedContent::Line(_)), FieldKind::Text | FieldKind::Number { .. }) => true,
            (Some(SavedContent::List(_)), FieldKind::List) => true,
            (Some(SavedContent::Object { .. }), FieldKind::Object | FieldKind::Union(_)) => true,
            (Some(SavedContent::Choice(saved)), FieldKind::Choice(options)) => {
                saved.clone().among(options).picked().is_some()
            }
            _ => false,
        }
    }
}

impl SavedChoice {
    /// The option, and what was typed of its name.
    pub(super) fn into_parts(self) -> (Option<String>, String) {
        match self {
            Self::Made(option) => (option, String::new()),
            Self::Named { option, typed } => (option, typed),
        }
    }

    /// The choice among these options; none if the saved option is not one of them.
    pub(super) fn among(self, options: &[JsonValue]) -> FixedChoice {
        let (picked, typed) = self.into_parts();
        let is_picked = |option: &_| Some(ToString::to_string(option)) == picked;
        FixedChoice::named(options.iter().position(is_picked), typed)
    }
}
