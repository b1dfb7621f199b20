//! `humanllm export`: writes conversations of the journal to files, as training data, as documents for
//! other programs, and as pages for people.
//!
//! - `select` finds the conversations to export
//! - `conversation` reads a conversation turn by turn: the new items of each request, and its replies
//! - `atif`, `chat` and `raw` write it for programs; `blocks` cuts it into the blocks that `markdown` and
//!   `html` show to people
//! - `charts` draws the statistics at the end of an HTML page
//! - [`redact`] replaces secrets and personal data
//! - `study` reads the participant, condition and phase of turns
//! - `target` is the file, folder or stream that is written to, `progress` the progress bar, `report` the
//!   summary at the end
//!
//! One conversation is in memory at a time. Another process may write the journal meanwhile.

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

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Harbor's Agent Trajectory Interchange Format.
    Atif,
    /// JSON Lines for fine-tuning, in the shape of Chat Completions.
    Messages,
    /// JSON Lines for preference training: a reply that the person chose and a draft that they did not.
    Preferences,
    /// Markdown, for people.
    Markdown,
    /// An HTML page, for people.
    Html,
    /// JSON Lines with the request bytes and all replies, drafts and decisions.
    Raw,
}

impl ExportFormat {
    /// All formats, in the order of the help text.
    pub const ALL: [Self; 6] = [
        Self::Atif,
        Self::Messages,
        Self::Preferences,
        Self::Markdown,
        Self::Html,
        Self::Raw,
    ];

    /// The name on the command line.
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

    /// A short description for the person.
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

    /// The file name for a conversation that is exported alone.
    pub fn file_name(self, id: ConversationId) -> String {
        format!("conversation-{}.{}", id.number(), self.extension())
    }

    /// The file extension, without the leading dot.
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

    /// Whether an export to a folder writes one file for each conversation, and not one for all.
    fn has_file_per_conversation(self) -> bool {
        !matches!(self, Self::Messages | Self::Preferences)
    }
}

/// Which replies a model is trained on: they get weight 1, all others weight 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Train {
    /// Replies that the person wrote or changed.
    #[default]
    Person,
    /// Replies that the person sent, whoever wrote them.
    Approved,
    /// All replies.
    All,
}

/// The options of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// The file format.
    pub format: ExportFormat,
    /// The conversations.
    pub which: Selection,
    /// Whether each reply is a line of its own; for [`ExportFormat::Messages`] only.
    pub per_turn: bool,
    /// The replies with weight 1; for [`ExportFormat::Messages`] only.
    pub train: Train,
    /// Whether training data has the reasoning too, as `reasoning_content`.
    pub thoughts: bool,
    /// Whether existing files are replaced.
    pub force: bool,
    /// Whether nothing is written, and the report only says what would be.
    pub dry_run: bool,
}

impl ExportOptions {
    /// All conversations in this format, with the defaults of the command line.
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

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A query of the journal failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no conversation with this id.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// The store has no journal.
    #[error("nothing is kept that could be written: the journal is off")]
    NoJournal,
    /// No conversation matches the selection.
    #[error("no conversation is as you asked; `humanllm history list` shows them all")]
    NoMatch,
    /// The selected conversations have nothing to write in this format; the text says why.
    #[error("{0}")]
    Empty(&'static str),
    /// The file exists, and replacing it was not allowed.
    #[error("{} is there already; --force replaces it", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The reader of standard output has closed it.
    #[error("standard output was closed")]
    Closed,
    /// The progress callback returned `false`.
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

/// The state of a running export, which all writers share.
struct ExportRun<'a> {
    options: &'a ExportOptions,
    redactor: &'a mut Redactor,
    progress: ExportProgress<'a>,
    report: ExportReport,
    /// Whether each document has to be one line, because several are written to one file.
    is_line: bool,
}

impl ExportRun<'_> {
    /// Counts one more turn as done; fails if the export is to stop.
    fn step(&mut self) -> Result<(), ExportError> {
        if self.progress.step() {
            Ok(())
        } else {
            Err(ExportError::Stopped)
        }
    }

    /// Reads the next turn of a conversation and counts it.
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

    /// Whether the marks of a turn, or of its conversation, match the selection.
    fn is_selected(&self, conversation: &ExportedConversation, mark: &MarkRow) -> bool {
        let which = &self.options.which;
        which.wants(&conversation.mark) || which.wants(mark)
    }
}

/// Exports from the journal in a state folder.
///
/// # Errors
///
/// If there is no journal, no conversation matches, or a file cannot be written. No incomplete file is
/// left behind.
pub fn run(
    options: &ExportOptions,
    redactor: &mut Redactor,
    target: &ExportTarget,
    state_dir: &Path,
) -> Result<ExportReport, ExportError> {
    let reader = JournalReader::open(state_dir)?;
    export(&reader, options, redactor, target, None)
}

/// Exports one conversation of a store that may be in use. `watch` gets the number of turns that are done
/// and of all turns, and returns whether to go on.
///
/// # Errors
///
/// As [`run`]; also if the store has no journal, or `watch` returned `false`: then there is no file.
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
    let mut run = ExportRun {
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
            write_separately(reader, &selected, folder, &mut run)?;
        }
        ExportTarget::Folder(folder) => {
            if !options.dry_run {
                target::make_folder(folder)?;
            }
            let path = folder.join(options.format.extension());
            write_together(reader, &all, Some(&path), &mut run)?;
        }
        ExportTarget::File(path) => write_together(reader, &all, Some(path), &mut run)?,
        ExportTarget::Stdout => write_together(reader, &all, None, &mut run)?,
    }
    run.progress.end();
    run.report.redacted = run.redactor.found();
    Ok(run.report)
}

/// Writes one file for each conversation.
fn write_separately(
    reader: &JournalReader,
    selected: &[Selected],
    folder: &Path,
    run: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let path = |id: i64| {
        let extension = run.options.format.extension();
        folder.join(format!("conversation-{id}.{extension}"))
    };
    let paths: Vec<(i64, PathBuf)> = selected.iter().map(|row| (row.id, path(row.id))).collect();
    if !run.options.dry_run {
        // All are checked before the first is written.
        for (_, path) in &paths {
            target::check_free(path, run.options.force)?;
        }
        target::make_folder(folder)?;
    }
    for (id, path) in paths {
        let before = run.report.written;
        let mut output = ExportOutput::new(Some(&path), run.options)?;
        write_one(reader, id, &mut output, run)?;
        // An empty file would be no valid document.
        if run.report.written > before {
            output.finish(run)?;
        }
    }
    match run.report.written {
        0 => Err(nothing_written(run)),
        _ => Ok(()),
    }
}

/// Writes all conversations to one file, or to standard output.
fn write_together(
    reader: &JournalReader,
    ids: &[i64],
    path: Option<&Path>,
    run: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let mut output = ExportOutput::new(path, run.options)?;
    for id in ids {
        write_one(reader, *id, &mut output, run)?;
    }
    match run.report.written {
        0 => Err(nothing_written(run)),
        _ => output.finish(run),
    }
}

/// The error for conversations that have nothing to write in this format.
fn nothing_written(run: &ExportRun<'_>) -> ExportError {
    ExportError::Empty(match run.options.format {
        ExportFormat::Messages if run.report.lines_without_person > 0 => {
            "nothing there was written by the person; approved or all (--train) takes more"
        }
        ExportFormat::Messages => "nothing was said there",
        ExportFormat::Preferences => {
            "in none of these did a person say something else than a model had drafted"
        }
        _ => "there is no turn that can be read",
    })
}

/// A file or stream that documents are written to.
struct ExportOutput {
    /// `None` in a dry run.
    writer: Option<ExportWriter>,
    is_html: bool,
    has_begun: bool,
    /// The statistics at the end of an HTML page.
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
            writer,
            is_html: options.format == ExportFormat::Html,
            has_begun: false,
            // All times on a page are in UTC.
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

    /// Adds the turns of a conversation to the statistics, except for excluded ones.
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

    fn finish(mut self, run: &mut ExportRun<'_>) -> Result<(), ExportError> {
        if self.is_html {
            let tally =
                std::mem::replace(&mut self.statistics, StatisticsBuilder::new(TimeZone::UTC));
            self.put(&charts::section(&tally.finish(), run.redactor))?;
            self.put(html::END)?;
        }
        self.writer.map_or(Ok(()), ExportWriter::finish)
    }
}

/// Writes one conversation.
fn write_one(
    reader: &JournalReader,
    id: i64,
    output: &mut ExportOutput,
    run: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let before = run.report.written;
    let mut line = |run: &mut ExportRun<'_>, line: String| {
        let line = run.redactor.json(&line);
        output.put(&line)?;
        output.put("\n")?;
        run.report.written += 1;
        Ok(())
    };
    if run.options.format == ExportFormat::Raw {
        raw::lines(reader, id, run, line)?;
    } else if let Some(mut conversation) = ExportedConversation::open(reader, id)? {
        match run.options.format {
            ExportFormat::Messages => chat::messages(&mut conversation, run, line)?,
            ExportFormat::Preferences => chat::preferences(&mut conversation, run, line)?,
            ExportFormat::Markdown | ExportFormat::Html => {
                for_people(&mut conversation, output, run)?;
                if output.is_html && conversation.row.automatic.is_none() {
                    output.count(reader, &conversation.row)?;
                }
            }
            ExportFormat::Atif | ExportFormat::Raw => {
                if let Some(document) = atif::document(conversation, run)? {
                    line(run, document)?;
                }
            }
        }
    }
    run.report.conversations += u64::from(run.report.written > before);
    Ok(())
}

fn for_people(
    conversation: &mut ExportedConversation,
    output: &mut ExportOutput,
    run: &mut ExportRun<'_>,
) -> Result<(), ExportError> {
    let is_page = output.is_html;
    if !std::mem::replace(&mut output.has_begun, true) {
        if is_page {
            let title = if run.is_line {
                "Conversations"
            } else {
                &conversation.row.title
            };
            let begin = html::begin(title, run.redactor);
            output.put(&begin)?;
        }
    } else if !is_page {
        output.put("\n---\n\n")?;
    }
    run.report.written += 1;
    let write = |_: &mut ExportRun<'_>, text: String| output.put(&text);
    if is_page {
        html::conversation(conversation, run, write)
    } else {
        markdown::conversation(conversation, run, write)
    }
}

#[cfg(test)]
mod tests;
