//! `humanllm history`: what the journal has, from the shell.
//!
//! Reading works while the program runs. A program that runs is asked to mark and to delete; compacting
//! needs the journal for itself.

mod json;
mod provenance;
pub mod rules;
pub mod study;
mod text;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use jiff::tz::TimeZone;

use crate::api::Assigned;
use crate::control::command::{self, CommandError};
use crate::journal::{
    self, ConversationRow, DecisionRow, DraftRow, Health, Journal, JournalOptions, JournalReader,
    MarkRow, ModelDraftRow, OpenError, ReadError, Record, SaidRow, SearchHit, TurnRow,
};
use crate::store;
use crate::store::marks::{self, ChangeError, MarkChange};

/// How many conversations are looked at in one go.
const PAGE: u32 = 500;

/// What to do with the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryAction {
    /// Lists the newest conversations.
    List {
        /// How many.
        limit: u32,
        /// Only those of this participant of a study, and under this condition, as far as they are named.
        assigned: Assigned,
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
        changes: Vec<MarkChange>,
    },
    /// Gives back the space that nothing needs.
    Compact,
}

/// How to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryFormat {
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
    /// It cannot be marked so.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The program that has the journal does not do it.
    #[error(transparent)]
    Program(CommandError),
    /// Nobody is there to be asked.
    #[error("this deletes for good; without a terminal, confirm with --yes")]
    NoTerminal,
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

/// A conversation as all of these show it.
#[derive(Debug)]
struct ListedConversation {
    row: ConversationRow,
    /// Whose its newest request is in a study.
    assigned: Assigned,
}

impl ListedConversation {
    fn of(reader: &JournalReader, row: ConversationRow) -> Result<Self, ReadError> {
        let detail = reader.newest_detail(row.id)?;
        let assigned = detail.and_then(|detail| store::assigned(&detail));
        Ok(Self {
            row,
            assigned: assigned.as_deref().cloned().unwrap_or_default(),
        })
    }

    fn is_of(&self, whose: &Assigned) -> bool {
        let is = |wanted: &Option<String>, own| wanted.is_none() || wanted == own;
        is(&whose.participant, &self.assigned.participant)
            && is(&whose.condition, &self.assigned.condition)
    }
}

/// A conversation with what belongs to it.
#[derive(Debug)]
struct ConversationRows {
    listed: ListedConversation,
    turns: Vec<i64>,
    said: Vec<SaidRow>,
    draft: Option<DraftRow>,
    model_drafts: Vec<ModelDraftRow>,
    decisions: Vec<DecisionRow>,
    newest: Option<TurnRow>,
}

/// A conversation that was found.
#[derive(Debug)]
struct SearchResult {
    listed: ListedConversation,
    hit: SearchHit,
}

/// Does it, and returns what to tell the person.
///
/// # Errors
///
/// If there is no journal, it cannot be read or written, or there is no such conversation.
pub fn run(
    action: HistoryAction,
    form: HistoryFormat,
    state_dir: &Path,
) -> Result<String, HistoryError> {
    let zone = TimeZone::system();
    // First of all, so that nothing is made where there is nothing.
    let reader = JournalReader::open(state_dir)?;
    Ok(match action {
        HistoryAction::List {
            limit,
            assigned: whose,
        } => {
            let list = list(&reader, limit, &whose)?;
            match form {
                HistoryFormat::Text => text::list(&list, &zone),
                HistoryFormat::Json => json::list(&list),
            }
        }
        HistoryAction::Show { id, raw } => {
            let whole = read(&reader, id)?;
            match form {
                HistoryFormat::Text if raw => text::show_raw(&whole, &zone),
                HistoryFormat::Text => text::show(whole, &zone),
                HistoryFormat::Json => json::show(&whole),
            }
        }
        HistoryAction::Search { words, limit } => {
            let found = search(&reader, &words, limit)?;
            match form {
                HistoryFormat::Text => text::found(&found, &zone),
                HistoryFormat::Json => json::found(&found),
            }
        }
        HistoryAction::Delete { ids, yes } => delete(reader, &ids, yes, state_dir)?,
        HistoryAction::Label { id, turn, changes } => {
            let marks = label(reader, id, turn, changes, state_dir)?;
            match form {
                HistoryFormat::Text => text::marks(&marks),
                HistoryFormat::Json => json::marks(&marks),
            }
        }
        HistoryAction::Compact => {
            // Its connection would be in the way.
            drop(reader);
            let (before, after) = journal::compact(state_dir)?;
            text::compacted(before, after)
        }
    })
}

/// The newest conversations that are meant.
fn list(
    reader: &JournalReader,
    limit: u32,
    whose: &Assigned,
) -> Result<Vec<ListedConversation>, ReadError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut list, mut before) = (Vec::new(), None);
    while list.len() < most {
        let page = reader.recent(limit.min(PAGE), before)?;
        let Some(last) = page.last() else { break };
        before = Some((last.active, last.id));
        for row in page {
            let listed = ListedConversation::of(reader, row)?;
            if listed.is_of(whose) && list.len() < most {
                list.push(listed);
            }
        }
    }
    Ok(list)
}

fn find(reader: &JournalReader, id: i64) -> Result<ListedConversation, HistoryError> {
    let row = reader.conversation(id)?.ok_or(HistoryError::Unknown(id))?;
    Ok(ListedConversation::of(reader, row)?)
}

fn read(reader: &JournalReader, id: i64) -> Result<ConversationRows, HistoryError> {
    Ok(ConversationRows {
        listed: find(reader, id)?,
        turns: reader.turns(id)?,
        said: reader.said(id)?,
        draft: reader.draft(id)?,
        model_drafts: reader.model_drafts(id, 0, u32::MAX)?,
        decisions: reader.decisions(id, 0, u32::MAX)?,
        newest: reader.newest_turn(id)?,
    })
}

fn search(
    reader: &JournalReader,
    words: &str,
    limit: u32,
) -> Result<Vec<SearchResult>, HistoryError> {
    let mut all = Vec::new();
    for hit in reader.search(words, limit)? {
        // One that was deleted in between is none.
        if let Some(conversation) = reader.conversation(hit.conversation)? {
            let listed = ListedConversation::of(reader, conversation)?;
            all.push(SearchResult { listed, hit });
        }
    }
    Ok(all)
}

/// What is said of a conversation and its turns, by their numbers.
#[derive(Debug)]
struct TurnMarks {
    listed: ListedConversation,
    marks: Vec<(Option<usize>, MarkRow)>,
}

fn all_marks(reader: &JournalReader, id: i64) -> Result<TurnMarks, HistoryError> {
    let turns = reader.turns(id)?;
    let number = |turn: i64| Some(turns.iter().position(|known| *known == turn)? + 1);
    let marks = reader.marks(id)?.into_iter();
    Ok(TurnMarks {
        listed: find(reader, id)?,
        marks: marks
            .map(|mark| (mark.turn.and_then(number), mark))
            .collect(),
    })
}

/// Changes what is said of a conversation or turn; returns all that is said of it then.
fn label(
    reader: JournalReader,
    id: i64,
    turn: Option<u64>,
    changes: Vec<MarkChange>,
    state_dir: &Path,
) -> Result<TurnMarks, HistoryError> {
    let mut mark = marks::found(&reader, id, turn)?.mark;
    for change in &changes {
        change.apply(&mut mark).map_err(ChangeError::from)?;
    }
    if changes.is_empty() {
        return all_marks(&reader, id);
    }
    drop(reader);
    let writer = JournalWriter::open(state_dir)?;
    writer.write(
        vec![Record::Mark(mark)],
        command::ControlCommand::Label {
            conversation: id,
            turn,
            changes,
        },
        HistoryError::NotMarked,
    )?;
    all_marks(&JournalReader::open(state_dir)?, id)
}

fn delete(
    reader: JournalReader,
    ids: &[i64],
    yes: bool,
    state_dir: &Path,
) -> Result<String, HistoryError> {
    let mut to_delete: Vec<ListedConversation> = Vec::new();
    for id in ids {
        let listed = find(&reader, *id)?;
        if to_delete.iter().all(|known| known.row.id != *id) {
            to_delete.push(listed);
        }
    }
    drop(reader);
    // Before the question: an answer that changes nothing is one too many.
    let writer = JournalWriter::open(state_dir)?;
    if !yes && !confirm(&to_delete)? {
        return Ok("Nothing was deleted.\n".into());
    }
    let conversations: Vec<i64> = to_delete.iter().map(|listed| listed.row.id).collect();
    let records = conversations
        .iter()
        .map(|id| Record::DeleteConversation { id: *id });
    writer.write(
        records.collect(),
        command::ControlCommand::Delete { conversations },
        HistoryError::Write,
    )?;
    Ok(text::deleted(to_delete.len()))
}

/// Who writes the journal.
enum JournalWriter<'a> {
    /// Nobody else.
    Own(Journal),
    /// A program that runs with this state folder.
    Program(&'a Path),
}

impl<'a> JournalWriter<'a> {
    fn open(state_dir: &'a Path) -> Result<Self, HistoryError> {
        match Journal::open(state_dir, JournalOptions::default()) {
            Ok(journal) => Ok(Self::Own(journal)),
            Err(busy @ OpenError::Busy { .. }) => {
                // What cannot be asked cannot do it.
                match command::run(command::ControlCommand::Status, true, state_dir) {
                    Ok(_) => Ok(Self::Program(state_dir)),
                    Err(error) if error.is_nobody() => Err(HistoryError::Busy(busy)),
                    Err(error) => Err(HistoryError::Program(error)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes records, or asks the program for what they are.
    fn write(
        self,
        records: Vec<Record>,
        asked: command::ControlCommand,
        failed: impl FnOnce(String) -> HistoryError,
    ) -> Result<(), HistoryError> {
        let journal = match self {
            Self::Own(journal) => journal,
            Self::Program(state_dir) => {
                let done = command::run(asked, true, state_dir);
                return done.map(drop).map_err(HistoryError::Program);
            }
        };
        let written = journal.write(records);
        let saved = journal.settled_blocking(written);
        let Health {
            failing, replaced, ..
        } = journal.close();
        match failing.or(replaced) {
            None if saved => Ok(()),
            why => Err(failed(why.unwrap_or_default())),
        }
    }
}

/// Asks the person.
fn confirm(to_delete: &[ListedConversation]) -> Result<bool, HistoryError> {
    if !io::stdin().is_terminal() {
        return Err(HistoryError::NoTerminal);
    }
    let mut stderr = io::stderr().lock();
    let asked = stderr.write_all(text::delete_question(to_delete).as_bytes());
    asked.map_err(HistoryError::Ask)?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(HistoryError::Ask)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
