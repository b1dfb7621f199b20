//! What is written: rows of the database, and the changes made of them.
//!
//! Ids of conversations, turns and of what was said are given by whoever writes and are at least 1.
//! Moments are milliseconds since 1970. What is JSON to others is text here.

use std::sync::Arc;

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hash::Hash;

/// A content and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The hash of the text.
    pub(crate) hash: Hash,
    /// The text.
    pub text: Arc<str>,
}

impl Blob {
    /// Names a text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self {
            hash: Hash::of(text.as_bytes()),
            text,
        }
    }
}

/// The tail of the journal has the text of a content once, beside the records: there its name stands
/// for it.
impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.hash.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self {
            hash: Hash::deserialize(deserializer)?,
            text: Arc::default(),
        })
    }
}

/// What a conversation or a turn is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TurnState {
    /// A client waits for the person.
    Waiting,
    /// It was answered.
    Answered,
    /// The client went away.
    Gone,
}

/// How far something that was said got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SaidState {
    /// On its way.
    Sent,
    /// Handed to the client's connection.
    Delivered,
    /// The client went away first.
    Undelivered,
}

/// How far a draft of a model got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelDraftState {
    /// The model is at it.
    Streaming,
    /// It is whole.
    Complete,
    /// It ended at a limit.
    CutOff,
    /// Something went wrong.
    Failed,
    /// The person stopped it.
    Cancelled,
}

/// What became of a draft of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DraftFate {
    /// Nothing yet.
    Open,
    /// The person sent it as it was.
    Sent,
    /// The person sent what they had made of it.
    Edited,
    /// It was sent by itself, at least in part.
    Automatic,
    /// Nothing of it was sent.
    Unused,
}

/// Stores an enum without fields as its place in this list. The list is part of the schema.
macro_rules! stored_as_place {
    ($enum:ident: $($variant:ident),+) => {
        impl $enum {
            const PLACES: &[Self] = &[$(Self::$variant),+];
        }

        impl ToSql for $enum {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok((*self as i64).into())
            }
        }

        impl FromSql for $enum {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let place = i64::column_result(value)?;
                let known = usize::try_from(place).ok().and_then(|place| Self::PLACES.get(place));
                known.copied().ok_or(FromSqlError::OutOfRange(place))
            }
        }
    };
}

stored_as_place!(TurnState: Waiting, Answered, Gone);
stored_as_place!(SaidState: Sent, Delivered, Undelivered);
stored_as_place!(ModelDraftState: Streaming, Complete, CutOff, Failed, Cancelled);
stored_as_place!(DraftFate: Open, Sent, Edited, Automatic, Unused);

/// A conversation without its turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRow {
    /// Its name.
    pub id: i64,
    /// What the client calls the thread.
    pub thread: Option<String>,
    /// What joins requests of clients that name no thread.
    pub chain: Option<String>,
    /// Why the program answers in it by itself.
    pub automatic: Option<String>,
    /// The hash of its items so far.
    pub prefix: Option<Hash>,
    /// The program on the other side.
    pub agent: String,
    /// Its first line, which the full-text search finds too.
    pub title: String,
    /// When it began.
    pub begun: i64,
    /// When something last happened.
    pub active: i64,
    /// What it is doing. One that waits is never retired.
    pub state: TurnState,
}

/// A request, taken apart, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnRow {
    /// Its name. Later turns of a conversation have greater ones.
    pub id: i64,
    /// Where it belongs.
    pub conversation: i64,
    /// A number for the wire format.
    pub format: i64,
    /// When it came.
    pub arrived: i64,
    /// What became of it.
    pub state: TurnState,
    /// The request without its big parts.
    pub envelope: Blob,
    /// The instructions of the request.
    pub instructions: Option<Blob>,
    /// The tools of the request.
    pub tools: Option<Blob>,
    /// All of its items, in order. Those that the turn before it had too are stored once.
    pub items: Vec<Blob>,
    /// Whatever else is known of it.
    pub detail: String,
}

/// Something the person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidRow {
    /// Its name.
    pub id: i64,
    /// The conversation it belongs to.
    pub conversation: i64,
    /// To which request.
    pub turn: i64,
    /// Its number among what was said to the request.
    pub ticket: i64,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// How far it got.
    pub state: SaidState,
    /// What went to the client.
    pub words: String,
    /// As it was typed.
    pub typed: String,
}

/// What was typed and not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRow {
    /// Where; 0 for what was typed before there was any conversation.
    pub conversation: i64,
    /// When it last changed.
    pub updated: i64,
    /// What was typed.
    pub body: String,
}

/// What a model drafted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelDraftRow {
    /// Its name.
    pub id: i64,
    /// The conversation it belongs to.
    pub conversation: i64,
    /// To which request.
    pub turn: i64,
    /// The name of the model in the configuration.
    pub model: String,
    /// What the person told it.
    pub hint: Option<String>,
    /// When it was asked for.
    pub begun: i64,
    /// When its first word came.
    pub first: Option<i64>,
    /// When it came to its end.
    pub ended: Option<i64>,
    /// How far it got.
    pub state: ModelDraftState,
    /// What went wrong.
    pub failure: Option<String>,
    /// Its items that are whole, in order: a list of [`Body`](crate::api::Body).
    pub items: String,
    /// What there is of the item after those, as if it were whole; a call goes by its title.
    pub partial: Option<String>,
    /// What the upstream counted, as [`Usage`](crate::api::Usage) is written.
    pub usage: Option<String>,
    /// How many of its items were sent by themselves.
    pub sent: i64,
    /// What became of it.
    pub fate: DraftFate,
}

/// What a rule decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// Its name.
    pub id: i64,
    /// The conversation it belongs to.
    pub conversation: i64,
    /// Of which request.
    pub turn: i64,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// The name of the rule.
    pub rule: String,
    /// What it matched.
    pub matched: String,
    /// What was to happen, as [`RuleAction`](crate::rules::RuleAction) is written.
    pub action: String,
    /// Whether that is what happens where nobody does anything for a while.
    pub waited: bool,
    /// The draft that it is about; the request itself if there is none.
    pub draft: Option<i64>,
}

/// What the person makes of a conversation or of one of its turns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MarkRow {
    /// Where.
    pub conversation: i64,
    /// Which turn; `None` is the conversation as a whole.
    pub turn: Option<i64>,
    /// When it last changed.
    pub updated: i64,
    /// Words to find it by, in order and each once.
    pub labels: Vec<String>,
    /// How good it is, from 1 to 5.
    pub rating: Option<u8>,
    /// Whatever else is to be said of it.
    pub note: String,
    /// Whether it stays out of what is exported.
    pub excluded: bool,
}

impl MarkRow {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        let says_nothing = self.labels.is_empty() && self.note.is_empty();
        says_nothing && self.rating.is_none() && !self.excluded
    }
}

/// When what happened in a turn, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TurnTime {
    /// Which turn.
    pub turn: i64,
    /// The conversation it belongs to.
    pub conversation: i64,
    /// When it was first on the screen.
    pub seen: Option<i64>,
    /// When the first key of an answer was pressed.
    pub first_key: Option<i64>,
    /// How many keys were pressed while it was open on the screen.
    pub keys: i64,
    /// When something was first said to it.
    pub first_said: Option<i64>,
    /// When the end of the response was sent.
    pub sent: Option<i64>,
    /// When that was handed to the client's connection.
    pub delivered: Option<i64>,
    /// When the request waited no longer, answered or not.
    pub ended: Option<i64>,
    /// For how long the study stood still meanwhile, in milliseconds.
    pub paused: i64,
    /// What was added before words left, a list in JSON.
    pub delays: String,
    /// The phase of the study in which something was last said to it; the one in which it came if
    /// nothing was.
    pub phase: Option<String>,
}

/// A response that clients can come back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseRow {
    /// Its id on the wire.
    pub id: String,
    /// The request it answers. It is deleted with the conversation of that.
    pub turn: Option<i64>,
    /// Whether it is still being made.
    pub open: bool,
    /// Whether it is made while no client waits.
    pub background: bool,
    /// When it began.
    pub created: i64,
    /// What it is.
    pub state: String,
}

/// An event of a background response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Its number within the response.
    pub number: i64,
    /// Its name, where the format names events.
    pub name: Option<String>,
    /// What it says.
    pub data: String,
}

/// A conversation that a client made and names in its requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiConversation {
    /// Its id on the wire.
    pub id: String,
    /// What it is.
    pub object: String,
    /// When a request last named it.
    pub used: i64,
}

/// Something to be offered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recall {
    /// As it was typed.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Where it was said last, with which it is deleted.
    pub conversation: Option<i64>,
}

/// A change of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A conversation, new or as it is now.
    Conversation(ConversationRow),
    /// What a conversation is doing.
    ConversationState {
        /// The id of the conversation.
        id: i64,
        /// When something last happened.
        active: i64,
        /// What it is doing now.
        state: TurnState,
    },
    /// Deletes a conversation for good, with all that belongs to it.
    DeleteConversation {
        /// The id of the conversation.
        id: i64,
    },
    /// A new turn. Of one that is there, its state alone changes.
    Turn(Box<TurnRow>),
    /// The program was started: whoever waited when it ended does not any more, and no model is at
    /// a draft.
    NobodyWaits,
    /// What became of a turn.
    TurnState {
        /// The id of the turn.
        id: i64,
        /// What it is doing now.
        state: TurnState,
    },
    /// Something the person said, new or as it is now.
    Said(SaidRow),
    /// How far something that was said got.
    SaidState {
        /// The id of what was said.
        id: i64,
        /// How far.
        state: SaidState,
    },
    /// What a model drafted, new or as it is now. Of those to one request, the newest are kept.
    ModelDraft(Box<ModelDraftRow>),
    /// What a rule decided. Of those about one request, the newest are kept.
    Decision(DecisionRow),
    /// What the person makes of a conversation or turn, new or as it is now. One that says nothing is
    /// forgotten, and so is one of what is not there.
    Mark(MarkRow),
    /// The times of a turn, new or as they are now.
    TurnTime(TurnTime),
    /// A draft, new or as it is now.
    Draft(DraftRow),
    /// Forgets a draft.
    ClearDraft {
        /// The conversation it belongs to.
        conversation: i64,
    },
    /// Something to be offered again. The newest 200 are kept.
    Recall(Recall),
    /// A value that outlives the program.
    Setting {
        /// Its name.
        key: String,
        /// The value.
        value: String,
    },
    /// A response, new or as it is now; its turn, its kind and when it began stay as they were.
    Response(ResponseRow),
    /// Deletes a response with its items and events.
    DeleteResponse {
        /// Its id.
        id: String,
    },
    /// An item of a response, new or as it is now.
    ResponseItem {
        /// The item's id on the wire.
        id: String,
        /// The id of the response.
        response: String,
        /// The item.
        item: Blob,
    },
    /// Events of a background response.
    Events {
        /// The id of the response.
        response: String,
        /// The events.
        events: Vec<EventRow>,
    },
    /// A client's conversation, new or as it is now.
    ApiConversation(ApiConversation),
    /// Items of a client's conversation.
    ApiConversationItems {
        /// Its id.
        conversation: String,
        /// The place of the first of them.
        position: i64,
        /// The items.
        items: Vec<Blob>,
    },
    /// Deletes a client's conversation with its items.
    DeleteApiConversation {
        /// Its id.
        id: String,
    },
    /// A text that the full-text search finds.
    Text {
        /// Where it was said.
        conversation: i64,
        /// The text. One that was added before is not added again.
        text: Blob,
    },
}

impl Record {
    /// Whether words of the person are at stake, which are kept whatever happens.
    pub(super) fn holds_words(&self) -> bool {
        matches!(
            self,
            Self::Said(_)
                | Self::SaidState { .. }
                | Self::Draft(_)
                | Self::ClearDraft { .. }
                | Self::Recall(_)
                | Self::Mark(_)
        )
    }

    /// Whether something is to be nowhere any more.
    pub(super) fn deletes(&self) -> bool {
        matches!(
            self,
            Self::DeleteConversation { .. }
                | Self::DeleteResponse { .. }
                | Self::DeleteApiConversation { .. }
        )
    }

    /// The conversation whose draft this changes.
    pub(super) fn draft_of(&self) -> Option<i64> {
        match self {
            Self::Draft(draft) => Some(draft.conversation),
            Self::ClearDraft { conversation } => Some(*conversation),
            _ => None,
        }
    }

    /// The contents that it has.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let (parts, items): (_, &[Blob]) = match self {
            Self::Turn(row) => {
                let parts = [
                    Some(&row.envelope),
                    row.instructions.as_ref(),
                    row.tools.as_ref(),
                ];
                (parts, &row.items)
            }
            Self::ResponseItem { item: blob, .. } | Self::Text { text: blob, .. } => {
                ([Some(blob), None, None], &[])
            }
            Self::ApiConversationItems { items, .. } => ([None; 3], items),
            _ => ([None; 3], &[]),
        };
        parts.into_iter().flatten().chain(items)
    }

    /// The same, to be changed.
    pub(super) fn blobs_mut(&mut self) -> impl Iterator<Item = &mut Blob> {
        let (parts, items): (_, &mut [Blob]) = match self {
            Self::Turn(row) => {
                let row = &mut **row;
                let parts = [
                    Some(&mut row.envelope),
                    row.instructions.as_mut(),
                    row.tools.as_mut(),
                ];
                (parts, &mut row.items)
            }
            Self::ResponseItem { item: blob, .. } | Self::Text { text: blob, .. } => {
                ([Some(blob), None, None], &mut [])
            }
            Self::ApiConversationItems { items, .. } => ([None, None, None], items),
            _ => ([None, None, None], &mut []),
        };
        parts.into_iter().flatten().chain(items)
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let blobs = self.blobs().map(|blob| size_of::<Blob>() + blob.text.len());
        let texts = match self {
            Self::Conversation(row) => row.agent.len() + row.title.len(),
            Self::Turn(row) => size_of::<TurnRow>() + row.detail.len(),
            Self::Said(row) => row.words.len() + row.typed.len(),
            Self::ModelDraft(row) => {
                let texts = [&row.hint, &row.failure, &row.partial, &row.usage];
                let texts = texts.into_iter().flatten().map(String::len);
                size_of::<ModelDraftRow>()
                    + row.model.len()
                    + row.items.len()
                    + texts.sum::<usize>()
            }
            Self::Decision(row) => row.rule.len() + row.matched.len() + row.action.len(),
            Self::Mark(row) => {
                let labels = row
                    .labels
                    .iter()
                    .map(|label| size_of::<String>() + label.len());
                row.note.len() + labels.sum::<usize>()
            }
            Self::TurnTime(row) => row.delays.len() + row.phase.as_ref().map_or(0, String::len),
            Self::Draft(row) => row.body.len(),
            Self::Recall(row) => row.text.len(),
            Self::Setting { key, value } => key.len() + value.len(),
            Self::Response(row) => row.state.len(),
            Self::Events { events, .. } => {
                let event = |event: &EventRow| size_of::<EventRow>() + event.data.len();
                events.iter().map(event).sum()
            }
            Self::ApiConversation(row) => row.object.len(),
            Self::ConversationState { .. }
            | Self::ResponseItem { .. }
            | Self::ApiConversationItems { .. }
            | Self::Text { .. }
            | Self::DeleteConversation { .. }
            | Self::NobodyWaits
            | Self::TurnState { .. }
            | Self::SaidState { .. }
            | Self::ClearDraft { .. }
            | Self::DeleteResponse { .. }
            | Self::DeleteApiConversation { .. } => 0,
        };
        size_of::<Self>() + texts + blobs.sum::<usize>()
    }
}
