//! Recordings: what was asked and what was said to it, with the times, in a form that can be played
//! again.
//!
//! - `journal` reads conversations of the journal
//! - `line` is what the lines of files are, `file` reads and writes them
//! - `replies` makes of what was kept what is sent
//! - `normal` is what two requests are compared without: ids, times, ports, temporary folders
//! - `matching` finds the recorded request that another one is, or is nearest to
//! - `difference` shows how two texts differ, in few lines
//! - `aimock` writes the fixtures of aimock
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

pub mod aimock;
mod difference;
mod file;
mod journal;
pub(crate) mod line;
mod matching;
mod normal;
mod replies;

pub use difference::difference;
pub use file::{FileError, read, write};
pub use journal::of_journal;
pub use matching::{Fingerprint, MatchKind, MatchMode, Tolerance};

use crate::api::{Reply, Request};
use crate::inbox::ReplyContent;
use crate::journal::{SaidState, TurnState};

/// What was recorded, in the order in which it was asked.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The conversations that it is from.
    pub conversations: Vec<RecordedConversation>,
    /// All requests and what became of them.
    pub turns: Vec<RecordedTurn>,
}

/// A conversation that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedConversation {
    /// Its number.
    pub id: i64,
    /// The program that asked.
    pub agent: String,
    /// Its first line.
    pub title: String,
}

/// A request that was recorded, and all that was said to it.
#[derive(Debug, Clone)]
pub struct RecordedTurn {
    /// Its number in its conversation, from 1.
    pub number: usize,
    /// The conversation that it is in.
    pub conversation: i64,
    /// What was asked.
    pub request: Request,
    /// When, in milliseconds since 1970.
    pub arrived: i64,
    /// What became of it.
    pub state: TurnState,
    /// What was said to it, as it was kept.
    pub rows: Vec<JournalReply>,
}

/// Something that was said, as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalReply {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What left together has the same.
    pub ticket: i64,
    /// How far it got.
    pub state: SaidState,
    /// The reply, as it was kept.
    pub content: ReplyContent,
    /// How it was composed.
    pub typed: String,
}

/// Something that is sent, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedReply {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The reply as it leaves.
    pub reply: Reply,
}

impl RecordedTurn {
    /// Whether it was answered, with a rejection perhaps.
    pub fn is_answered(&self) -> bool {
        self.state == TurnState::Answered
    }

    /// What was said to it, as it left. If it was answered, the last of it ends the response.
    pub fn replies(&self) -> Vec<RecordedReply> {
        replies::sent_replies(&self.rows, self.is_answered(), self.arrived)
    }
}

impl Recording {
    /// Adds what was recorded elsewhere, in the order in which it was asked.
    pub fn add(&mut self, other: Self) {
        self.conversations.extend(other.conversations);
        self.turns.extend(other.turns);
        self.turns.sort_by_key(|turn| turn.arrived);
    }

    /// Leaves out the requests of which the client went away and then asked the same again: what was said to
    /// that is what it got.
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
