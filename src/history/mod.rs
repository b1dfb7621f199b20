//! `humanllm history`: what the journal has, from the shell.
//!
//! Reading works while the program runs. Deleting and compacting need the journal for themselves.

mod json;
mod provenance;
pub mod rules;
pub mod statistics;
pub mod study;
mod text;
pub mod turns;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use jiff::tz::TimeZone;

use crate::journal::{
    self, Conversation, Decision, Draft, Health, Hit, Journal, Mark, ModelDraft, OpenError,
    Options, ReadError, Reader, Record, Said, Turn,
};
use crate::store::marks::{Change, MarkError, mark_of};

/// What to do with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Lists the newest conversations.
    List {
        /// How many.
        limit: u32,
    },
    /// Shows a conversation.
    Show {
        /// Which.
        id: i64,
        /// Whether people see its rows as they are, and not the transcript.
        raw: bool,
    },
    /// Finds conversations by the words in them.
    Search {
        /// The words, all of which a text must have.
        words: String,
        /// How many conversations.
        limit: u32,
    },
    /// Deletes conversations for good.
    Delete {
        /// Which.
        ids: Vec<i64>,
        /// Whether the person is not asked first.
        yes: bool,
    },
    /// Changes what the person makes of a conversation or turn, and shows it.
    Label {
        /// Which conversation.
        id: i64,
        /// Which of its turns, by its number; the conversation itself if this is absent.
        turn: Option<u64>,
        /// What changes; nothing, to look at it.
        changes: Vec<Change>,
    },
    /// Gives back the space that nothing needs.
    Compact,
}

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The journal cannot be used.
    #[error(transparent)]
    Open(OpenError),
    /// A program that runs has the journal.
    #[error("{0}; quit it first")]
    Busy(OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(ReadError),
    /// There is no such conversation.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// There is no such turn.
    #[error("conversation {0} has no turn {1}; it has {2}")]
    UnknownTurn(i64, u64, usize),
    /// It cannot be marked so.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// Nobody is there to be asked.
    #[error("this deletes for good; without a terminal, confirm with --yes")]
    NobodyToAsk,
    /// The person could not be asked.
    #[error("cannot ask: {0}")]
    Ask(io::Error),
    /// The journal cannot be written.
    #[error("nothing was deleted: {0}")]
    Write(String),
    /// The journal cannot be written.
    #[error("nothing was marked: {0}")]
    NotMarked(String),
}

impl From<OpenError> for HistoryError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Busy { .. } => Self::Busy(error),
            _ => Self::Open(error),
        }
    }
}

impl From<ReadError> for HistoryError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Open(error) => error.into(),
            error => Self::Read(error),
        }
    }
}

/// A conversation with what belongs to it.
#[derive(Debug)]
struct Whole {
    conversation: Conversation,
    turns: Vec<i64>,
    said: Vec<Said>,
    draft: Option<Draft>,
    model_drafts: Vec<ModelDraft>,
    decisions: Vec<Decision>,
    newest: Option<Turn>,
}

/// A conversation that was found.
#[derive(Debug)]
struct Found {
    conversation: Conversation,
    hit: Hit,
}

/// Does it, and returns what to tell the person.
///
/// # Errors
///
/// If there is no journal, it cannot be read or written, or there is no such conversation.
pub fn run(action: Action, form: Form, state_dir: &Path) -> Result<String, HistoryError> {
    let zone = TimeZone::system();
    // First of all, so that nothing is made where there is nothing.
    let reader = Reader::open(state_dir)?;
    Ok(match action {
        Action::List { limit } => {
            let list = reader.recent(limit, None)?;
            match form {
                Form::Text => text::list(&list, &zone),
                Form::Json => json::list(&list),
            }
        }
        Action::Show { id, raw } => {
            let whole = read(&reader, id)?;
            match form {
                Form::Text if raw => text::show_raw(&whole, &zone),
                Form::Text => text::show(whole, &zone),
                Form::Json => json::show(&whole),
            }
        }
        Action::Search { words, limit } => {
            let found = search(&reader, &words, limit)?;
            match form {
                Form::Text => text::found(&found, &zone),
                Form::Json => json::found(&found),
            }
        }
        Action::Delete { ids, yes } => delete(reader, &ids, yes, state_dir)?,
        Action::Label { id, turn, changes } => {
            let marks = label(reader, id, turn, &changes, state_dir)?;
            match form {
                Form::Text => text::marks(&marks),
                Form::Json => json::marks(&marks),
            }
        }
        Action::Compact => {
            // Its connection would be in the way.
            drop(reader);
            let (before, after) = journal::compact(state_dir)?;
            text::compacted(before, after)
        }
    })
}

fn find(reader: &Reader, id: i64) -> Result<Conversation, HistoryError> {
    reader.conversation(id)?.ok_or(HistoryError::Unknown(id))
}

fn read(reader: &Reader, id: i64) -> Result<Whole, HistoryError> {
    Ok(Whole {
        conversation: find(reader, id)?,
        turns: reader.turns(id)?,
        said: reader.said(id)?,
        draft: reader.draft(id)?,
        model_drafts: reader.model_drafts(id, 0, u32::MAX)?,
        decisions: reader.decisions(id, 0, u32::MAX)?,
        newest: reader.newest_turn(id)?,
    })
}

fn search(reader: &Reader, words: &str, limit: u32) -> Result<Vec<Found>, HistoryError> {
    let mut all = Vec::new();
    for hit in reader.search(words, limit)? {
        // One that was deleted in between is none.
        if let Some(conversation) = reader.conversation(hit.conversation)? {
            all.push(Found { conversation, hit });
        }
    }
    Ok(all)
}

/// What is said of a conversation and its turns, by their numbers.
#[derive(Debug)]
struct Marks {
    conversation: Conversation,
    marks: Vec<(Option<usize>, Mark)>,
}

fn marks(reader: &Reader, id: i64) -> Result<Marks, HistoryError> {
    let turns = reader.turns(id)?;
    let number = |turn: i64| Some(turns.iter().position(|known| *known == turn)? + 1);
    let marks = reader.marks(id)?.into_iter();
    Ok(Marks {
        conversation: find(reader, id)?,
        marks: marks
            .map(|mark| (mark.turn.and_then(number), mark))
            .collect(),
    })
}

/// Changes what is said of a conversation or turn; returns all that is said of it then.
fn label(
    reader: Reader,
    id: i64,
    turn: Option<u64>,
    changes: &[Change],
    state_dir: &Path,
) -> Result<Marks, HistoryError> {
    find(&reader, id)?;
    if changes.is_empty() && turn.is_none() {
        return marks(&reader, id);
    }
    let turns = reader.turns(id)?;
    let turn = match turn {
        None => None,
        Some(number) => {
            let place = usize::try_from(number).ok();
            let place = place.and_then(|number| turns.get(number.checked_sub(1)?));
            let unknown = HistoryError::UnknownTurn(id, number, turns.len());
            Some(*place.ok_or(unknown)?)
        }
    };
    let mut mark = mark_of(&reader.marks(id)?, id, turn);
    for change in changes {
        change.apply(&mut mark)?;
    }
    if changes.is_empty() {
        return marks(&reader, id);
    }
    drop(reader);
    let journal = Journal::open(state_dir, Options::default())?;
    let written = journal.write(vec![Record::Mark(mark)]);
    let saved = journal.settled_blocking(written);
    let Health {
        failing, replaced, ..
    } = journal.close();
    match failing.or(replaced) {
        None if saved => marks(&Reader::open(state_dir)?, id),
        why => Err(HistoryError::NotMarked(why.unwrap_or_default())),
    }
}

fn delete(
    reader: Reader,
    ids: &[i64],
    yes: bool,
    state_dir: &Path,
) -> Result<String, HistoryError> {
    let mut doomed = Vec::new();
    for id in ids {
        let conversation = find(&reader, *id)?;
        if !doomed.contains(&conversation) {
            doomed.push(conversation);
        }
    }
    drop(reader);
    // Before the question: an answer that changes nothing is one too many.
    let journal = Journal::open(state_dir, Options::default())?;
    if !yes && !is_sure(&doomed)? {
        return Ok("Nothing was deleted.\n".into());
    }
    let records = doomed
        .iter()
        .map(|conversation| Record::DeleteConversation {
            id: conversation.id,
        });
    let written = journal.write(records.collect());
    let saved = journal.settled_blocking(written);
    let Health {
        failing, replaced, ..
    } = journal.close();
    match failing.or(replaced) {
        None if saved => Ok(text::deleted(doomed.len())),
        why => Err(HistoryError::Write(why.unwrap_or_default())),
    }
}

/// Asks the person.
fn is_sure(doomed: &[Conversation]) -> Result<bool, HistoryError> {
    if !io::stdin().is_terminal() {
        return Err(HistoryError::NobodyToAsk);
    }
    let mut stderr = io::stderr().lock();
    let asked = stderr.write_all(text::question(doomed).as_bytes());
    asked.map_err(HistoryError::Ask)?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(HistoryError::Ask)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
