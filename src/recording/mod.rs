//! Recordings: requests and their replies with the times, in a form that can be replayed.
//!
//! - `journal` makes recordings of conversations in the journal
//! - `line` has the types of the lines of a file, `file` reads and writes files
//! - `replies` turns rows of the journal back into the replies that were sent
//! - `normal` removes what differs between equal requests: ids, times, ports, temporary folders
//! - `matching` compares a request with recorded ones
//! - `difference` shows how two texts differ
//! - `aimock` writes fixtures for aimock
//!
//! # The format
//!
//! That of `humanllm export --format raw`, which writes the same lines: UTF-8 with a JSON object on each. What a reader
//! does not know, lines and fields alike, it passes over. `type` says what a line is; what is about a request comes
//! after that request:
//!
//! | `type` | fields |
//! |---|---|
//! | `conversation` | `recording` (1, the version of this), `conversation` (a number), `title`, `agent`, `version`; of an export also `begun`, `active`, `state`, `thread`, `automatic`, `participant`, `condition`, `mark` |
//! | `request` | `conversation`, `turn` (its number there, from 1), `at`, `format` (`responses`, `responses/compact`, `chat/completions`, `messages`), `state` (`answered`, `client_gone`, `waiting`), `body`: its bytes as a string, `null` if they cannot be read any more; where there is such, `earlier`: the items that the server had stored, `references`: `[place, item]` for those that were only referred to, `thread`, `parent`, `chain`, `participant`, `condition`; of an export also `phase`, `mark` |
//! | `said` | `conversation`, `turn`, `at`, `ticket`: what left together has the same, `delivery` (`delivered`, `sent`, `undelivered`), `words`: what was said, as `inbox::Words` is written, `typed`: how, as `draft::Draft` is |
//!
//! `at` is a moment such as `2026-11-29T21:00:00.123Z`. What has the last ticket of an answered request ended
//! its response. Heartbeats have no lines: whoever plays a recording makes them.

pub(crate) mod aimock;
mod difference;
mod file;
mod journal;
pub(crate) mod line;
mod matching;
mod normal;
mod replies;

pub(crate) use difference::difference;
pub(crate) use file::{FileError, read, write};
pub(crate) use journal::of_journal;
pub(crate) use matching::{Fingerprint, MatchKind, MatchMode, Tolerance};

use crate::api::{Reply, Request};
use crate::inbox::ReplyContent;
use crate::journal::{SaidState, TurnState};

/// Recorded turns, in the order in which their requests arrived.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The conversations of the turns.
    pub conversations: Vec<RecordedConversation>,
    /// The turns.
    pub turns: Vec<RecordedTurn>,
}

/// A recorded conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedConversation {
    /// Its id in the journal.
    pub id: i64,
    /// The name and version of the agent.
    pub agent: String,
    /// Its title.
    pub title: String,
}

/// A recorded request and its replies.
#[derive(Debug, Clone)]
pub struct RecordedTurn {
    /// The number of the turn in its conversation, from 1.
    pub number: usize,
    /// The id of the conversation.
    pub conversation: i64,
    /// The request.
    pub request: Request,
    /// When the request arrived, in milliseconds since 1970.
    pub arrived: i64,
    /// Whether the request waited, was answered, or its client had gone.
    pub state: TurnState,
    /// The replies as rows of the journal.
    pub rows: Vec<JournalReply>,
}

/// A reply as a row of the journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalReply {
    /// When it was sent, in milliseconds since 1970.
    pub at: i64,
    /// The number of the reply in the response; rows that were sent together have the same.
    pub ticket: i64,
    /// The delivery state.
    pub state: SaidState,
    /// The content of the reply.
    pub content: ReplyContent,
    /// The composed draft, as JSON of [`Draft`](crate::draft::Draft).
    pub typed: String,
}

/// A reply and when it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedReply {
    /// When it was sent, in milliseconds since 1970.
    pub at: i64,
    /// The reply.
    pub reply: Reply,
}

impl RecordedTurn {
    /// Whether it was answered or rejected.
    pub fn is_answered(&self) -> bool {
        self.state == TurnState::Answered
    }

    /// The replies as they were sent. If the request was answered, the last one ends the response.
    pub fn replies(&self) -> Vec<RecordedReply> {
        replies::sent_replies(&self.rows, self.is_answered(), self.arrived)
    }
}

impl Recording {
    /// Merges another recording into this one.
    pub fn add(&mut self, other: Self) {
        self.conversations.extend(other.conversations);
        self.turns.extend(other.turns);
        self.turns.sort_by_key(|turn| turn.arrived);
    }

    /// Removes requests whose client disconnected and then sent the same request again: only the reply to
    /// the retry reached it.
    pub(crate) fn without_retries(mut self) -> Self {
        let turns = std::mem::take(&mut self.turns);
        let is_retried = |at: usize| {
            let turn = &turns[at];
            let mut later = turns[at + 1..].iter();
            let next = later.find(|later| later.conversation == turn.conversation);
            turn.state == TurnState::Gone && next.is_some_and(|next| is_same_request(turn, next))
        };
        let kept: Vec<bool> = (0..turns.len()).map(|at| !is_retried(at)).collect();
        let kept = turns.into_iter().zip(kept).filter(|(_, kept)| *kept);
        self.turns = kept.map(|(turn, _)| turn).collect();
        self
    }
}

fn is_same_request(one: &RecordedTurn, other: &RecordedTurn) -> bool {
    let (one, other) = (&one.request.items, &other.request.items);
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| one.says_the_same(other))
}
