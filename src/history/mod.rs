//! `humanllm history`: lists, shows, searches, labels and deletes the conversations of the journal.
//!
//! Reading works while the program runs. Marking and deleting is done by the running program, if there is
//! one, through the control socket. Compacting needs exclusive access to the journal.

mod json;
mod provenance;
pub mod rules;
pub mod study;
mod text;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use jiff::tz::TimeZone;

use crate::api::Assignment;
use crate::control::command::{self, CommandError};
use crate::journal::{
    self, ConversationRow, DecisionRow, DraftRow, Health, Journal, JournalOptions, JournalReader,
    MarkRow, ModelDraftRow, OpenError, ReadError, Record, SaidRow, SearchHit, TurnRow,
};
use crate::store;
use crate::store::marks::{self, ChangeError, MarkChange};

/// The number of conversations read with one query.
const PAGE: u32 = 500;

/// A subcommand of `humanllm history`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryAction {
    /// Lists the newest conversations.
    List {
        /// The maximum number of conversations.
        limit: u32,
        /// Only conversations of this study participant and condition, as far as they are given.
        assigned: Assignment,
    },
    /// Shows a conversation.
    Show {
        /// The id of the conversation.
        id: i64,
        /// Whether the text form shows the rows of the journal, and not the transcript.
        raw: bool,
    },
    /// Searches the text of conversations.
    Search {
        /// The words, all of which a text must contain.
        words: String,
        /// The maximum number of conversations.
        limit: u32,
    },
    /// Deletes conversations permanently.
    Delete {
        /// The ids of the conversations.
        ids: Vec<i64>,
        /// Whether to skip the confirmation.
        yes: bool,
    },
    /// Changes the labels, rating or note of a conversation or turn, and shows all of them.
    Label {
        /// The id of the conversation.
        id: i64,
        /// The number of the turn, from 1; `None` for the conversation as a whole.
        turn: Option<u64>,
        /// The changes; empty to show only.
        changes: Vec<MarkChange>,
    },
    /// Shrinks the journal file by its unused space.
    Compact,
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Why a history command failed.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// A running program has the journal locked.
    #[error("{0}; quit it first")]
    Busy(OpenError),
    /// A query of the journal failed.
    #[error(transparent)]
    Read(ReadError),
    /// There is no conversation with this id.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// The change of a mark is not valid.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The running program refused the command.
    #[error(transparent)]
    Program(CommandError),
    /// Standard input is no terminal, so the confirmation cannot be asked for.
    #[error("this deletes for good; without a terminal, confirm with --yes")]
    NoTerminal,
    /// Asking for the confirmation failed.
    #[error("cannot ask: {0}")]
    Ask(io::Error),
    /// The deletion could not be written to the journal.
    #[error("nothing was deleted: {0}")]
    Write(String),
    /// The mark could not be written to the journal.
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

/// A conversation with its study assignment.
#[derive(Debug)]
struct ListedConversation {
    row: ConversationRow,
    /// Participant and condition of its newest request.
    assigned: Assignment,
}

impl ListedConversation {
    fn of(reader: &JournalReader, row: ConversationRow) -> Result<Self, ReadError> {
        let detail = reader.newest_detail(row.id)?;
        let assigned = detail.and_then(|detail| store::assignment(&detail));
        Ok(Self {
            row,
            assigned: assigned.as_deref().cloned().unwrap_or_default(),
        })
    }

    fn is_of(&self, whose: &Assignment) -> bool {
        let is = |wanted: &Option<String>, own| wanted.is_none() || wanted == own;
        is(&whose.participant, &self.assigned.participant)
            && is(&whose.condition, &self.assigned.condition)
    }
}

/// A conversation with all rows that belong to it.
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

/// A conversation found by a search.
#[derive(Debug)]
struct SearchResult {
    listed: ListedConversation,
    hit: SearchHit,
}

/// Runs a history command, and returns the text to print.
///
/// # Errors
///
/// If there is no journal, it cannot be read or written, or there is no such conversation or turn.
pub fn run(
    action: HistoryAction,
    form: HistoryFormat,
    state_dir: &Path,
) -> Result<String, HistoryError> {
    let zone = TimeZone::system();
    // Before anything else, so that no journal is created where there is none.
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
            // An open connection would prevent it.
            drop(reader);
            let (before, after) = journal::compact(state_dir)?;
            text::compacted(before, after)
        }
    })
}

/// The newest conversations of a participant and condition.
fn list(
    reader: &JournalReader,
    limit: u32,
    whose: &Assignment,
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
        // It may have been deleted after the search.
        if let Some(conversation) = reader.conversation(hit.conversation)? {
            let listed = ListedConversation::of(reader, conversation)?;
            all.push(SearchResult { listed, hit });
        }
    }
    Ok(all)
}

/// The marks of a conversation and its turns, with the turn numbers; `None` for the conversation.
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

/// Changes the mark of a conversation or turn; returns all marks of the conversation.
fn label(
    reader: JournalReader,
    id: i64,
    turn: Option<u64>,
    changes: Vec<MarkChange>,
    state_dir: &Path,
) -> Result<TurnMarks, HistoryError> {
    let mut mark = marks::find(&reader, id, turn)?.mark;
    for change in &changes {
        change.apply(&mut mark).map_err(ChangeError::from)?;
    }
    if changes.is_empty() {
        return all_marks(&reader, id);
    }
    drop(reader);
    let writer = WriteAccess::open(state_dir)?;
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
    // Before the confirmation, so that nobody confirms what then fails.
    let writer = WriteAccess::open(state_dir)?;
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

/// Writes to the journal, directly or through the running program.
enum WriteAccess<'a> {
    /// This process has the journal.
    Own(Journal),
    /// Another process with this state folder has it.
    Program(&'a Path),
}

impl<'a> WriteAccess<'a> {
    fn open(state_dir: &'a Path) -> Result<Self, HistoryError> {
        match Journal::open(state_dir, JournalOptions::default()) {
            Ok(journal) => Ok(Self::Own(journal)),
            Err(busy @ OpenError::Busy { .. }) => {
                // Whether that process can be reached at all.
                match command::run(command::ControlCommand::Status, true, state_dir) {
                    Ok(_) => Ok(Self::Program(state_dir)),
                    Err(error) if error.is_nobody() => Err(HistoryError::Busy(busy)),
                    Err(error) => Err(HistoryError::Program(error)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the records, or has the running program execute the equivalent command.
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

/// Asks the person to confirm a deletion.
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
