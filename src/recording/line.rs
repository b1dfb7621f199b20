//! The types of the lines of recordings; [`crate::recording`] documents the format. Recordings and
//! `humanllm export --format raw` both write these; unknown values are left out.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{Assignment, Format};
use crate::journal::{SaidState, TurnState};
use crate::store::Context;

/// The version that is written, and the newest that is read.
pub(super) const VERSION: u32 = 1;

/// A line of a recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum RecordingLine {
    Conversation(Box<ConversationLine>),
    Request(Box<RequestLine>),
    Said(SaidLine),
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct ConversationLine {
    /// The version of the format; 0 in files of earlier versions, which do not have the field.
    #[serde(default)]
    pub recording: u32,
    pub conversation: i64,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub agent: String,
    #[serde(default)]
    pub version: String,
    /// Details that exports have and a replay does not need.
    #[serde(flatten, skip_deserializing)]
    pub details: Option<ConversationDetails>,
}

/// Details of a conversation from the journal.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ConversationDetails {
    pub begun: Timestamp,
    pub active: Timestamp,
    pub state: Option<StateName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic: Option<String>,
    #[serde(flatten)]
    pub(crate) assigned: Assignment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestLine {
    pub conversation: i64,
    pub turn: usize,
    pub at: Timestamp,
    pub format: FormatName,
    pub state: StateName,
    /// The bytes of the request; `None` if they cannot be read any more.
    pub body: Option<String>,
    #[serde(flatten)]
    pub context: Context,
    #[serde(flatten)]
    pub(crate) assigned: Assignment,
    /// The phase of the study in which it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Value>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SaidLine {
    pub conversation: i64,
    pub turn: usize,
    pub at: Timestamp,
    #[serde(default)]
    pub delivery: RecordedDelivery,
    #[serde(default)]
    pub ticket: i64,
    pub words: Value,
    #[serde(default)]
    pub typed: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FormatName {
    #[serde(rename = "responses")]
    Responses,
    #[serde(rename = "responses/compact")]
    Compaction,
    #[serde(rename = "chat/completions")]
    Chat,
    #[serde(rename = "messages")]
    Messages,
    #[serde(rename = "unknown", other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateName {
    Waiting,
    Answered,
    ClientGone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordedDelivery {
    Sent,
    #[default]
    Delivered,
    Undelivered,
}

impl FormatName {
    /// The wire format; `None` if this version does not know it.
    pub(crate) fn format(self) -> Option<Format> {
        Some(match self {
            Self::Responses => Format::Responses,
            Self::Compaction => Format::Compaction,
            Self::Chat => Format::Chat,
            Self::Messages => Format::Messages,
            Self::Unknown => return None,
        })
    }
}

impl From<Option<Format>> for FormatName {
    fn from(format: Option<Format>) -> Self {
        match format {
            Some(Format::Responses) => Self::Responses,
            Some(Format::Compaction) => Self::Compaction,
            Some(Format::Chat) => Self::Chat,
            Some(Format::Messages) => Self::Messages,
            None => Self::Unknown,
        }
    }
}

impl From<TurnState> for StateName {
    fn from(state: TurnState) -> Self {
        match state {
            TurnState::Waiting => Self::Waiting,
            TurnState::Answered => Self::Answered,
            TurnState::Gone => Self::ClientGone,
        }
    }
}

impl From<StateName> for TurnState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Waiting => Self::Waiting,
            StateName::Answered => Self::Answered,
            StateName::ClientGone => Self::Gone,
        }
    }
}

impl From<SaidState> for RecordedDelivery {
    fn from(state: SaidState) -> Self {
        match state {
            SaidState::Sent => Self::Sent,
            SaidState::Delivered => Self::Delivered,
            SaidState::Undelivered => Self::Undelivered,
        }
    }
}

impl From<RecordedDelivery> for SaidState {
    fn from(name: RecordedDelivery) -> Self {
        match name {
            RecordedDelivery::Sent => Self::Sent,
            RecordedDelivery::Delivered => Self::Delivered,
            RecordedDelivery::Undelivered => Self::Undelivered,
        }
    }
}

impl ConversationLine {
    /// The line for a conversation.
    pub(crate) fn line(
        conversation: i64,
        title: &str,
        agent: &str,
        more: Option<ConversationDetails>,
    ) -> RecordingLine {
        RecordingLine::Conversation(Box::new(Self {
            recording: VERSION,
            conversation,
            title: title.to_owned(),
            agent: agent.to_owned(),
            version: env!("CARGO_PKG_VERSION").into(),
            details: more,
        }))
    }
}

impl RequestLine {
    /// Removes and returns participant and condition; `None` if there are neither.
    pub(crate) fn take_assigned(&mut self) -> Option<Arc<Assignment>> {
        let assigned = std::mem::take(&mut self.assigned);
        (assigned != Assignment::default()).then(|| Arc::new(assigned))
    }
}

/// A timestamp from milliseconds since 1970.
pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// The parsed value of a JSON text; a string if it is not JSON.
pub(crate) fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
