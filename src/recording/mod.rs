//! Recordings: what was asked and what was said to it, with the times, in a form that can be played
//! again.
//!
//! - `journal` reads conversations of the journal
//! - `file` reads and writes the format of files
//! - `normal` is what two requests are compared without: ids, times, ports, temporary folders
//! - `matching` finds the recorded request that another one is, or is nearest to
//! - `difference` shows how two texts differ, in few lines
//! - `aimock` writes the fixtures of aimock
//!
//! # The format
//!
//! A file is UTF-8 with a JSON object on each line. What a reader does not know, lines and fields alike, it
//! passes over. `event` says what a line is; the first is `recording`, and a line about a request comes
//! after that request:
//!
//! | `event` | fields |
//! |---|---|
//! | `recording` | `version` (1), `program` |
//! | `conversation` | `conversation` (a number), `agent`, `title` |
//! | `request` | `request` (a number), `conversation`, `at`, `format` (`responses`, `compaction`, `chat`, `messages`), `body`: the bytes of the request as a string; where there is such, `earlier`: the items that the server had stored, `references`: `[place, item]` for items that were only referred to, `thread`, `parent`, `chain` |
//! | `live` | `request`, `at`, `phase` (`Commentary`, `FinalAnswer`), `delta`: more of a message that is typed live |
//! | `said` | `request`, `at`, `items`: what was said, as [`Body`](crate::api::Body) is written; `end`, if the response ended with it: `completed`, `out_of_tokens`, or `failed` with `code` and `message` |
//! | `gone` | `request`: its client went away without having got an answer |
//!
//! `at` is a moment such as `2026-11-29T21:00:00.123Z`. Heartbeats have no lines: whoever serves the recording
//! makes them.

pub mod aimock;
mod difference;
mod file;
mod journal;
mod matching;
mod normal;

pub use difference::difference;
pub use file::{FileError, read, write};
pub use journal::of_journal;
pub use matching::{How, Likeness, MatchMode, Tolerance};

use crate::api::{Reply, Request};

/// What was recorded, in the order in which it was asked.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The conversations that it is from.
    pub conversations: Vec<Conversation>,
    /// All requests and what became of them.
    pub turns: Vec<Turn>,
}

/// A conversation that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its number.
    pub id: i64,
    /// The program that asked.
    pub agent: String,
    /// Its first line.
    pub title: String,
}

/// A request that was recorded, and all that was said to it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Its number.
    pub id: i64,
    /// The conversation that it is in.
    pub conversation: i64,
    /// What was asked.
    pub request: Request,
    /// When, in milliseconds since 1970.
    pub arrived: i64,
    /// What was said to it.
    pub said: Vec<Said>,
    /// Whether the client went away without having got an answer.
    pub gone: bool,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What.
    pub reply: Reply,
}

impl Turn {
    /// Whether it was answered, with a rejection perhaps.
    pub fn is_answered(&self) -> bool {
        self.said.last().is_some_and(|said| said.reply.ends())
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
    pub fn without_retries(mut self) -> Self {
        let turns = std::mem::take(&mut self.turns);
        let is_retried = |at: usize| {
            let turn = &turns[at];
            let mut later = turns[at + 1..].iter();
            let next = later.find(|later| later.conversation == turn.conversation);
            !turn.is_answered() && next.is_some_and(|next| asks_the_same(turn, next))
        };
        let kept: Vec<bool> = (0..turns.len()).map(|at| !is_retried(at)).collect();
        let kept = turns.into_iter().zip(kept).filter(|(_, kept)| *kept);
        self.turns = kept.map(|(turn, _)| turn).collect();
        self
    }
}

fn asks_the_same(one: &Turn, other: &Turn) -> bool {
    let (one, other) = (&one.request.items, &other.request.items);
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|(one, other)| one.says_the_same(other))
}
