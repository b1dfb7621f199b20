//! The summary that is printed after an export.

use std::fmt::{self, Display, Formatter};

use super::redact::{RedactedCount, redaction_summary};
use super::{ExportFormat, ExportTarget};

/// What an export did, or would do in a dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// The file format.
    pub format: ExportFormat,
    /// The target.
    pub target: ExportTarget,
    /// Whether it was a dry run, which writes nothing.
    pub is_dry_run: bool,
    /// The number of conversations written.
    pub conversations: u64,
    /// The number of turns read.
    pub turns: u64,
    /// The number of lines or documents written.
    pub written: u64,
    /// The number of conversations left out because they are marked as excluded.
    pub excluded: u64,
    /// The number of lines left out because no reply in them has weight 1.
    pub lines_without_person: u64,
    /// The number of turns whose request cannot be read.
    pub unreadable: u64,
    /// What redaction replaced.
    pub redacted: Vec<RedactedCount>,
}

impl ExportReport {
    pub(super) fn new(format: ExportFormat) -> Self {
        Self {
            format,
            target: ExportTarget::Stdout,
            is_dry_run: false,
            conversations: 0,
            turns: 0,
            written: 0,
            excluded: 0,
            lines_without_person: 0,
            unreadable: 0,
            redacted: Vec::new(),
        }
    }
}

/// A number with a noun, in the plural by `s` unless the number is 1.
pub fn count(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    }
}

impl Display for ExportReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let to = match &self.target {
            ExportTarget::Stdout => "standard output".into(),
            ExportTarget::File(path) | ExportTarget::Folder(path) => path.display().to_string(),
        };
        let what = match self.format {
            ExportFormat::Messages | ExportFormat::Preferences | ExportFormat::Raw => {
                format!(", {}", count(self.written, "line"))
            }
            _ => String::new(),
        };
        let (turns, conversations) = (
            count(self.turns, "turn"),
            count(self.conversations, "conversation"),
        );
        if self.is_dry_run {
            writeln!(f, "Would write {conversations} ({turns}{what}) to {to}.")?
        } else {
            writeln!(f, "Wrote {conversations} ({turns}{what}) to {to}.")?
        }
        for (number, why) in [
            (self.excluded, "conversation is excluded"),
            (self.unreadable, "turn cannot be read"),
            (
                self.lines_without_person,
                "line has nothing that was written by the person",
            ),
        ] {
            let (what, is) = why.split_once(' ').unwrap_or((why, ""));
            let is = match number {
                0 => continue,
                1 => is.to_owned(),
                _ => is.replacen("is ", "are ", 1).replacen("has ", "have ", 1),
            };
            writeln!(f, "{} {is}; left out.", count(number, what))?;
        }
        if self.redacted.is_empty() {
            return Ok(());
        }
        if self.is_dry_run {
            writeln!(f, "Would replace:")?
        } else {
            writeln!(f, "Replaced:")?
        }
        f.write_str(&redaction_summary(&self.redacted, self.is_dry_run))
    }
}
