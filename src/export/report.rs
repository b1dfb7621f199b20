//! What an export has done, in words.

use std::fmt::{self, Display, Formatter};

use super::redact::{RedactedCount, redaction_summary};
use super::{ExportFormat, ExportTarget};

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// In which format.
    pub format: ExportFormat,
    /// Where it went.
    pub target: ExportTarget,
    /// Whether nothing was written.
    pub is_dry_run: bool,
    /// How many conversations were written.
    pub conversations: u64,
    /// How many turns were looked at.
    pub turns: u64,
    /// How many lines or documents there are.
    pub written: u64,
    /// How many conversations are excluded.
    pub excluded: u64,
    /// How many lines have nothing that the person wrote, and were not written.
    pub lines_without_person: u64,
    /// How many turns cannot be read any more.
    pub unreadable: u64,
    /// What was replaced.
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

/// A number of things.
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
        match self.is_dry_run {
            true => writeln!(f, "Would write {conversations} ({turns}{what}) to {to}.")?,
            false => writeln!(f, "Wrote {conversations} ({turns}{what}) to {to}.")?,
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
        match self.is_dry_run {
            true => writeln!(f, "Would replace:")?,
            false => writeln!(f, "Replaced:")?,
        }
        f.write_str(&redaction_summary(&self.redacted, self.is_dry_run))
    }
}
