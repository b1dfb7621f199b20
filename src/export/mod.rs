//! `humanllm export`: conversations of the journal as files, for models to learn from, for other
//! programs, and for people.
//!
//! - `conversation` reads a conversation turn by turn: what was new in each request, and who said what to it
//! - `atif`, `chat`, `raw` write it for programs; `blocks` cuts it into the pieces that `markdown` and
//!   `html` show to people
//! - `charts` draws the statistics of what a page has
//! - [`redact`] takes out what must not leave
//! - `studied` is what a study knows of turns
//! - `target` is where it goes, `progress` tells how far it is
//!
//! One conversation is in memory at a time. The journal may be written meanwhile.

mod atif;
mod blocks;
mod charts;
mod chat;
mod conversation;
mod html;
mod markdown;
mod progress;
mod raw;
pub mod redact;
mod report;
mod select;
mod study;
mod target;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

pub use progress::ProgressCallback;
pub use report::{ExportReport, count};
pub use select::{Selection, parse_moment};
pub use target::ExportTarget;

use self::conversation::{ExportedConversation, ExportedTurn};
use self::progress::ExportProgress;
use self::redact::Redactor;
use self::select::Selected;
use self::target::ExportWriter;
use crate::journal::{ConversationRow, JournalReader, MarkRow, OpenError, ReadError};
use crate::statistics::{StatisticsBuilder, turns};
use crate::store::{ConversationId, Store};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Harbor's Agent Trajectory Interchange Format.
    Atif,
    /// Lines to fine-tune a model with.
    Messages,
    /// Lines of a reply and a draft that it was better than.
    Preferences,
    /// Markdown, for people.
    Markdown,
    /// A page, for people.
    Html,
    /// Requests as they came, and all that was said.
    Raw,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Atif,
        Self::Messages,
        Self::Preferences,
        Self::Markdown,
        Self::Html,
        Self::Raw,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Atif => "atif",
            Self::Messages => "messages",
            Self::Preferences => "preferences",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Raw => "raw",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Atif => "A trajectory for other programs (Harbor's ATIF 1.7)",
            Self::Messages => "Lines to fine-tune a model with",
            Self::Preferences => "What you sent, and the draft that you did not",
            Self::Markdown => "What was asked and said, to be read",
            Self::Html => "The same as one page to hand on",
            Self::Raw => "Requests byte for byte, and all that was said",
        }
    }

    /// The file of a conversation that is written alone.
    pub fn file_name(self, id: ConversationId) -> String {
        format!("conversation-{}.{}", id.number(), self.extension())
    }

    /// What its files are called at the end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Atif => "atif.json",
            Self::Messages => "messages.jsonl",
            Self::Preferences => "preferences.jsonl",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Raw => "raw.jsonl",
        }
    }

    /// Whether each conversation is a file of its own in a folder.
    fn has_file_per_conversation(self) -> bool {
        !matches!(self, Self::Messages | Self::Preferences)
    }
}

/// What a model is to learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Train {
    /// What the person wrote or changed.
    #[default]
    Person,
    /// What the person sent, whoever wrote it.
    Approved,
    /// All that was said.
    All,
}

/// What is to be written, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// What.
    pub format: ExportFormat,
    /// Of which conversations.
    pub which: Selection,
    /// Whether each reply is a line of its own; only where there are lines to train with.
    pub per_turn: bool,
    /// What a model is to learn.
    pub train: Train,
    /// Whether thoughts are written where models learn from it.
    pub thoughts: bool,
    /// Whether files that are there are replaced.
    pub force: bool,
    /// Whether nothing is written, and only looked at.
    pub dry_run: bool,
}

impl ExportOptions {
    /// All conversations in this format, in the usual way.
    pub fn new(format: ExportFormat) -> Self {
        Self {
            format,
            which: Selection::default(),
            per_turn: false,
            train: Train::default(),
            thoughts: false,
            force: false,
            dry_run: false,
        }
    }
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such conversation.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// There is no journal to write from.
    #[error("nothing is kept that could be written: the journal is off")]
    NoJournal,
    /// Nothing is as it was asked for.
    #[error("no conversation is as you asked; `humanllm history list` shows them all")]
    NoMatch,
    /// There are conversations, and nothing in them to write.
    #[error("{0}")]
    Empty(&'static str),
    /// It would be lost.
    #[error("{} is there already; --force replaces it", .0.display())]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Whoever read it has seen enough.
    #[error("standard output was closed")]
    Closed,
    /// Whoever asked for it does not want it any more.
    #[error("it was stopped")]
    Stopped,
}

impl ExportError {
    fn write(path: &Path, error: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            error,
        }
    }

    fn stdout(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::write(Path::new("standard output"), error),
        }
    }
}

/// What everything that is written goes through.
struct ExportRun<'a> {
    options: &'a ExportOptions,
    redactor: &'a mut Redactor,
    progress: ExportProgress<'a>,
    report: ExportReport,
    /// Whether a document is one line, because others follow it.
    is_line: bool,
}

impl ExportRun<'_> {
    /// One turn more is done.
    fn step(&mut self) -> Result<(), ExportError> {
        match self.progress.step() {
            true => Ok(()),
            false => Err(ExportError::Stopped),
        }
    }

    /// The next turn of a conversation.
    fn next(
        &mut self,
        conversation: &mut ExportedConversation,
    ) -> Result<Option<ExportedTurn>, ExportError> {
        let turn = conversation.next()?;
        if let Some(turn) = &turn {
            self.step()?;
            self.report.turns += 1;
            self.report.unreadable += u64::from(turn.request().is_none());
        }
        Ok(turn)
    }

    /// Whether a turn is among those that are wanted.
    fn is_selected(&self, conversation: &ExportedConversation, mark: &MarkRow) -> bool {
        let which = &self.options.which;
        which.wants(&conversation.mark) || which.wants(mark)
    }
}

/// Writes what was asked for, from the journal in a state folder.
///
/// # Errors
///
/// If there is no journal, nothing is as it was asked for, or it cannot be written; there is no file
/// then that is not whole.
pub fn run(
    options: &ExportOptions,
    redactor: &mut Redactor,
    target: &ExportTarget,
    state_dir: &Path,
) -> Result<ExportReport, ExportError> {
    let reader = JournalReader::open(state_dir)?;
    export(&reader, options, redactor, target, None)
}

/// Writes one conversation of a store that may be in use. `watch` is told how many turns are done and how
/// many there are, and says whether to go on.
///
/// # Errors
///
/// As [`run`]; also if nothing is kept, or `watch` has it stop: there is no file then.
pub fn conversation(
    store: &Store,
    id: ConversationId,
    options: &ExportOptions,
    redactor: &mut Redactor,
    target: &ExportTarget,
    watch: ProgressCallback<'_>,
) -> Result<ExportReport, ExportError> {
    let reader = store.journal_reader().ok_or(ExportError::NoJournal)?;
    let mut options = options.clone();
    options.which = Selection::of(vec![id.number()]);
    export(&reader, &options, redactor, target, Some(watch))
}

fn export(
    reader: &JournalReader,
    options: &ExportOptions,
    redactor: &mut Redactor,
    target: &ExportTarget,
    watch: Option<ProgressCallback<'_>>,
) -> Result<ExportReport, ExportError> {
    redactor.reset_counts();
    let (selected, left_out) = select::select(reader, &options.which)?;
    let total = selected.iter().map(|selected| selected.turns).sum();
    let progress = match watch {
        None => {
            ExportProgress::on_terminal(total, *target == ExportTarget::Stdout && !options.dry_run)
        }
        Some(watch) => ExportProgress::with_callback(total, watch),
    };
    let mut work = ExportRun {
        options,
        redactor,
        progress,
        report: ExportReport {
            excluded: left_out,
            is_dry_run: options.dry_run,
            target: target.clone(),
            ..ExportReport::new(options.format)
        },
        is_line: selected.len() > 1 && !matches!(target, ExportTarget::Folder(_)),
    };
    let all: Vec<i64> = selected.iter().map(|selected| selected.id).collect();
    match target {
        ExportTarget::Folder(folder) if options.format.has_file_per_conversation() => {
            write_separately(reader, &selected, folder, &mut work)?;
        }
        ExportTarget::Folder(folder) => {
            if !options.dry_run {
                target::make_folder(folder)?;
            }
            let path = folder.join(options.format.extension());
            write_together(reader, &all, Some(&path), &mut work)?;
        }
        ExportTarget::File(path) => write_together(reader, &all, Some(path), &mut work)?,
        ExportTarget::Stdout => write_together(reader, &all, None, &mut work)?,
    }
    work.progress.end();
    work.report.redacted = work.redactor.found();
    Ok(work.report)
}

/// Writes each conversation into a file of its own.
fn write_separately(
    reader: &JournalReader,
    selected: &[Selected],
    folder: &Path,
    work: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let path = |id: i64| {
        let extension = work.options.format.extension();
        folder.join(format!("conversation-{id}.{extension}"))
    };
    let paths: Vec<(i64, PathBuf)> = selected.iter().map(|row| (row.id, path(row.id))).collect();
    if !work.options.dry_run {
        // Before any is written.
        for (_, path) in &paths {
            target::check_free(path, work.options.force)?;
        }
        target::make_folder(folder)?;
    }
    for (id, path) in paths {
        let before = work.report.written;
        let mut output = ExportOutput::new(Some(&path), work.options)?;
        write_one(reader, id, &mut output, work)?;
        // A file with nothing in it would be no document.
        if work.report.written > before {
            output.finish(work)?;
        }
    }
    match work.report.written {
        0 => Err(nothing_written(work)),
        _ => Ok(()),
    }
}

/// Writes all of them into one.
fn write_together(
    reader: &JournalReader,
    ids: &[i64],
    path: Option<&Path>,
    work: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let mut output = ExportOutput::new(path, work.options)?;
    for id in ids {
        write_one(reader, *id, &mut output, work)?;
    }
    match work.report.written {
        0 => Err(nothing_written(work)),
        _ => output.finish(work),
    }
}

/// What to say where there was nothing to write.
fn nothing_written(work: &ExportRun<'_>) -> ExportError {
    ExportError::Empty(match work.options.format {
        ExportFormat::Messages if work.report.lines_without_person > 0 => {
            "nothing there was written by the person; approved or all (--train) takes more"
        }
        ExportFormat::Messages => "nothing was said there",
        ExportFormat::Preferences => {
            "in none of these did a person say something else than a model had drafted"
        }
        _ => "there is no turn that can be read",
    })
}

/// What is written on.
struct ExportOutput {
    writer: Option<ExportWriter>,
    is_html: bool,
    has_begun: bool,
    /// What is counted of the conversations of a page.
    statistics: StatisticsBuilder,
}

impl ExportOutput {
    fn new(path: Option<&Path>, options: &ExportOptions) -> Result<Self, ExportError> {
        let writer = match (options.dry_run, path) {
            (true, _) => None,
            (false, Some(path)) => Some(ExportWriter::file(path, options.force)?),
            (false, None) => Some(ExportWriter::stdout()),
        };
        Ok(Self {
            writer: writer,
            is_html: options.format == ExportFormat::Html,
            has_begun: false,
            // As all times of a page.
            statistics: StatisticsBuilder::new(TimeZone::UTC),
        })
    }

    fn put(&mut self, text: &str) -> Result<(), ExportError> {
        match &mut self.writer {
            None => Ok(()),
            Some(writer) => {
                let written = writer.write_all(text.as_bytes());
                written.map_err(|error| writer.failed(error))
            }
        }
    }

    /// Counts the turns of a conversation, except for those that stay out.
    fn count(&mut self, reader: &JournalReader, row: &ConversationRow) -> Result<(), ExportError> {
        let marks = reader.marks(row.id)?.into_iter();
        let excluded = marks.filter(|mark| mark.excluded);
        let excluded: Vec<i64> = excluded.filter_map(|mark| mark.turn).collect();
        for turn in turns::of_conversation(reader, row, i64::MIN)? {
            if !excluded.contains(&turn.times.turn) {
                self.statistics.add(&turn);
            }
        }
        Ok(())
    }

    fn finish(mut self, work: &mut ExportRun<'_>) -> Result<(), ExportError> {
        if self.is_html {
            let tally =
                std::mem::replace(&mut self.statistics, StatisticsBuilder::new(TimeZone::UTC));
            self.put(&charts::section(&tally.finish(), work.redactor))?;
            self.put(html::END)?;
        }
        self.writer.map_or(Ok(()), ExportWriter::finish)
    }
}

/// Writes a conversation.
fn write_one(
    reader: &JournalReader,
    id: i64,
    output: &mut ExportOutput,
    work: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let before = work.report.written;
    let mut line = |work: &mut ExportRun<'_>, line: String| {
        let line = work.redactor.json(&line);
        output.put(&line)?;
        output.put("\n")?;
        work.report.written += 1;
        Ok(())
    };
    if work.options.format == ExportFormat::Raw {
        raw::lines(reader, id, work, line)?;
    } else if let Some(mut conversation) = ExportedConversation::open(reader, id)? {
        match work.options.format {
            ExportFormat::Messages => chat::messages(&mut conversation, work, line)?,
            ExportFormat::Preferences => chat::preferences(&mut conversation, work, line)?,
            ExportFormat::Markdown | ExportFormat::Html => {
                for_people(&mut conversation, output, work)?;
                if output.is_html && conversation.row.automatic.is_none() {
                    output.count(reader, &conversation.row)?;
                }
            }
            ExportFormat::Atif | ExportFormat::Raw => {
                if let Some(document) = atif::document(conversation, work)? {
                    line(work, document)?;
                }
            }
        }
    }
    work.report.conversations += u64::from(work.report.written > before);
    Ok(())
}

fn for_people(
    conversation: &mut ExportedConversation,
    output: &mut ExportOutput,
    work: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let is_page = output.is_html;
    if !std::mem::replace(&mut output.has_begun, true) {
        if is_page {
            let title = match work.is_line {
                true => "Conversations",
                false => &conversation.row.title,
            };
            let begin = html::begin(title, work.redactor);
            output.put(&begin)?;
        }
    } else if !is_page {
        output.put("\n---\n\n")?;
    }
    work.report.written += 1;
    let write = |_: &mut ExportRun<'_>, text: String| output.put(&text);
    match is_page {
        true => html::conversation(conversation, work, write),
        false => markdown::conversation(conversation, work, write),
    }
}

#[cfg(test)]
mod tests;
