//! Checks patches for Codex's `apply_patch` before they are sent.
//!
//! Codex answers a patch it cannot read with an error that only shows up a request later. [`check`]
//! reports it while the person is still typing, with the line. It knows only the text: whether the
//! files exist and have the expected lines is for the client to find out.
//!
//! # What Codex takes
//!
//! Measured with Codex CLI 0.169.0, whose reader is more lenient than the grammar it offers; the
//! table of cases is in the tests. What is easily got wrong:
//!
//! - Space around the whole patch, around `*** Begin Patch` and around the last line is ignored. In
//!   an added or deleted file's part, space around headers is ignored too; in an updated file's
//!   part a header with a space in front is a context line.
//! - An empty line in an updated file's part is an empty context line. Anywhere else it is an error.
//! - The first chunk needs no `@@`; a chunk, with it or without, needs a line; a second chunk needs
//!   its `@@`, and what follows `@@` on the line is text to look for, not line numbers.
//! - A move needs a chunk. An empty line will do.
//! - Lines may end in `\r\n`; the `\r` is dropped.
//! - A heredoc around the patch is taken off if it starts with exactly `<<EOF`, `<<'EOF'` or `<<"EOF"`.
//! - A file can be named by one part only, however its path is spelled. Where it moves to does not count.

mod reader;
#[cfg(test)]
mod tests;

use std::fmt;

use reader::PatchReader;

/// The first line of a patch.
pub(super) const BEGIN: &str = "*** Begin Patch";
/// The last line of a patch.
pub(super) const END: &str = "*** End Patch";
/// Marks a chunk that reaches to the end of the file.
pub(super) const END_OF_FILE: &str = "*** End of File";
/// In front of the path of a new file.
pub(super) const ADD: &str = "*** Add File: ";
/// In front of the path of a file to delete.
pub(super) const DELETE: &str = "*** Delete File: ";
/// In front of the path of a file to change.
pub(super) const UPDATE: &str = "*** Update File: ";
/// In front of where a changed file moves to.
pub(super) const MOVE: &str = "*** Move to: ";

/// Why a patch would be refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PatchError {
    /// The line, counted from 1 in the text as the person typed it.
    pub line: usize,
    /// What is wrong there, and what to do.
    pub message: String,
}

/// What a patch does, file by file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What happens to each file, in the order of the patch: at least one.
    pub changes: Vec<FileChange>,
    /// Warnings about what Codex accepts but may not be meant.
    pub remarks: Vec<Remark>,
}

/// What happens to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// What is done to it.
    pub action: FileAction,
    /// The path as the patch gives it.
    pub path: String,
    /// How many lines start with `+`.
    pub added: usize,
    /// How many lines start with `-`.
    pub(crate) removed: usize,
}

/// What is done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileAction {
    /// Written, over an existing file.
    Add,
    /// Lines change.
    Update,
    /// Deleted.
    Delete,
    /// Moved, over an existing file; lines may change too.
    Move {
        /// The new path.
        to: String,
    },
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The line, counted from 1.
    pub line: usize,
    /// What will happen.
    pub message: String,
}

impl fmt::Display for Summary {
    /// One line, such as `update src/a.rs +3 -1, add b.txt +2`. Paths are written as they are: make
    /// them harmless before they are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.changes.iter().enumerate() {
            let gap = if index == 0 { "" } else { ", " };
            write!(f, "{gap}{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.action {
            FileAction::Add => write!(f, "add {path}")?,
            FileAction::Update => write!(f, "update {path}")?,
            FileAction::Delete => write!(f, "delete {path}")?,
            FileAction::Move { to } => write!(f, "move {path} to {to}")?,
        }
        if self.added > 0 {
            write!(f, " +{}", self.added)?;
        }
        if self.removed > 0 {
            write!(f, " -{}", self.removed)?;
        }
        Ok(())
    }
}

/// Reads a patch as Codex 0.169.0 does, and says what it does to which file.
///
/// Two things that Codex takes are refused: moving a file to its own path, which deletes it, and
/// line numbers after `@@`, which Codex takes for text that is not there.
///
/// # Errors
///
/// The first line that Codex would not take. Where Codex looks at the last line first, this goes
/// from top to bottom.
pub fn check(patch: &str) -> Result<Summary, PatchError> {
    let (first, body) = unwrapped(patch);
    let lines = body.split('\n').map(|line| line.trim_end_matches('\r'));
    let mut lines = (first..).zip(lines).peekable();
    match lines.next() {
        Some((_, line)) if line.trim() == BEGIN => {}
        first => {
            let (line, text) = first.unwrap_or((1, ""));
            return Err(PatchError {
                line,
                message: not_the_beginning(text),
            });
        }
    }
    let mut reader = PatchReader::default();
    let mut last = first;
    while let Some((number, line)) = lines.next() {
        last = number;
        if lines.peek().is_none() && line.trim() == END {
            return reader.finish(number);
        }
        reader.line(number, line)?;
    }
    Err(PatchError {
        line: last,
        message: format!("the patch must end with a line `{END}`"),
    })
}

fn not_the_beginning(line: &str) -> String {
    let line = line.trim();
    let rest = if line.starts_with("<<") || line.starts_with("apply_patch") {
        ": write the patch alone, without the shell command around it"
    } else if line.starts_with("```") {
        ": write the patch alone, without the fence around it"
    } else if line.starts_with("--- ") || line.starts_with("diff ") {
        ": this looks like a diff of another kind, which Codex does not read"
    } else {
        ""
    };
    format!("the patch must begin with a line `{BEGIN}`{rest}")
}

/// The patch without space around it, and without a heredoc that Codex takes off itself; and the
/// number of the line it begins on.
fn unwrapped(patch: &str) -> (usize, &str) {
    let space = patch.len() - patch.trim_start().len();
    let before = patch.as_bytes()[..space].iter();
    let first = 1 + before.filter(|byte| **byte == b'\n').count();
    let patch = patch.trim();
    match without_heredoc(patch) {
        Some(body) => (first + 1, body),
        None => (first, patch),
    }
}

fn without_heredoc(patch: &str) -> Option<&str> {
    let (opening, rest) = patch.split_once('\n')?;
    let (body, closing) = rest.rsplit_once('\n')?;
    let opens = ["<<EOF", "<<'EOF'", "<<\"EOF\""].contains(&opening.trim_end_matches('\r'));
    let begins = body.split('\n').next()?.trim() == BEGIN;
    (opens && begins && closing.ends_with("EOF")).then_some(body)
}

/// A patch of one file to begin with, which Codex takes as it stands as soon as its lines are filled in.
pub fn template() -> String {
    format!("{BEGIN}\n{UPDATE}\n@@\n \n-\n+\n \n{END}\n")
}

/// The shell command that applies the patch, for clients that offer a shell but no `apply_patch`.
///
/// Codex 0.169.0 recognises a command line that is a heredoc alone (`cd DIR &&` may stand before it),
/// with any delimiter. It does not recognise the patch as an argument, nor with commands after it, and
/// the program does not exist. The delimiter is quoted, so that a real shell changes nothing either.
pub fn shell_command(patch: &str) -> String {
    let (_, patch) = unwrapped(patch);
    let delimiter = std::iter::once("EOF".to_owned())
        .chain((1..).map(|n: usize| format!("EOF_{n}")))
        .find(|delimiter| !patch.contains(delimiter.as_str()))
        .unwrap_or_default();
    format!("apply_patch <<'{delimiter}'\n{patch}\n{delimiter}")
}
