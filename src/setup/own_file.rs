//! Writes files for other programs. Contents that this program did not write are backed up first, or not
//! replaced at all.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Why a set-up failed. No file has been changed then, except with [`SetupError::Write`]: files before the
/// named one may have been written.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The profile's name would not make a file name, or Codex would not take it.
    #[error("`{0}` is not a profile name; use letters, digits, `-` and `_`, such as humanllm")]
    ProfileName(String),
    /// Port 0, which is another port at every start.
    #[error(
        "port 0 picks another port at every start; choose one with --listen, such as 127.0.0.1:3000"
    )]
    NoPort,
    /// There is no home folder.
    #[error("there is no home folder; say where Codex keeps its files with --codex-home DIR")]
    NoCodexHome,
    /// There is no home folder, and the files of the agent belong into one.
    #[error("there is no home folder for the files of {0}; set HOME")]
    NoHome(&'static str),
    /// A file in which an entry has to be changed is not a JSON object.
    #[error("{} is no JSON object, so no entry of it can be changed; move it away", .0.display())]
    NoObject(PathBuf),
    /// Codex refuses profile files whose name `config.toml` uses in the old way.
    #[error(
        "{} has an old-style profile `{profile}`, with which Codex refuses a profile file of that \
         name; choose another with --profile NAME",
        config.display()
    )]
    OldProfile {
        /// The config file of Codex.
        config: PathBuf,
        /// The profile's name.
        profile: String,
    },
    /// A file that this program did not write has the same name.
    #[error(
        "{} was not written by humanllm; move it away, choose another --profile NAME, or replace \
         it with --force",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A file was changed after it was read and before it was to be written.
    #[error("{} has just been changed; try again", .0.display())]
    Changed(PathBuf),
    /// Something that is not a regular file has the same name.
    #[error("{} is not a regular file; move it away", .0.display())]
    NoFile(PathBuf),
    /// An existing file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
}

/// What was done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// It did not exist.
    Created,
    /// It had other contents.
    Replaced {
        /// The path of the backup; `None` if this program had written the old contents.
        backup: Option<PathBuf>,
    },
    /// It had these contents already.
    Unchanged,
}

/// A file to write.
#[derive(Debug)]
pub(super) struct OwnFile {
    pub path: PathBuf,
    pub(crate) contents: Contents,
}

/// The contents to write, and what is done with existing other contents.
#[derive(Debug)]
pub(super) enum Contents {
    /// A text. Other contents are replaced if this program wrote them, and are otherwise an error.
    Marked {
        text: String,
        /// Whether existing contents were written by this program.
        is_own: fn(&str) -> bool,
    },
    /// A text. Other contents are backed up.
    BackedUp(String),
    /// The existing contents with an addition at the end. They are backed up, unless a backup holds an
    /// earlier state without the additions.
    Appended {
        /// The existing contents.
        before: String,
        /// The new contents.
        text: String,
    },
    /// Entries of a JSON object, whose other entries stay. The existing file is backed up.
    Entries(Vec<JsonEntry>),
}

/// An entry of a JSON object.
#[derive(Debug)]
pub(super) struct JsonEntry {
    /// The keys that lead to it, at least one.
    pub path: &'static [&'static str],
    pub value: Value,
    /// Whether an existing value stays.
    keep_existing: bool,
}

impl JsonEntry {
    pub(super) fn new(path: &'static [&'static str], value: impl Into<Value>) -> Self {
        Self {
            path,
            value: value.into(),
            keep_existing: false,
        }
    }

    /// An entry that is written only if there is none at its path.
    pub(crate) fn if_absent(path: &'static [&'static str], value: impl Into<Value>) -> Self {
        Self {
            keep_existing: true,
            ..Self::new(path, value)
        }
    }

    fn insert_into(&self, object: &mut Map<String, Value>) {
        let Some((last, folders)) = self.path.split_last() else {
            return;
        };
        let mut object = object;
        for key in folders {
            let inner = object.entry(*key).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            match inner {
                Value::Object(inner) => object = inner,
                _ => return,
            }
        }
        if !(self.keep_existing && object.contains_key(*last)) {
            object.insert((*last).to_owned(), self.value.clone());
        }
    }
}

impl Contents {
    /// The contents of a new file.
    pub(super) fn new_text(&self) -> String {
        match self {
            Self::Marked { text, .. } | Self::BackedUp(text) | Self::Appended { text, .. } => {
                text.clone()
            }
            Self::Entries(entries) => {
                let mut object = Map::new();
                entries
                    .iter()
                    .for_each(|entry| entry.insert_into(&mut object));
                format!("{:#}\n", Value::from(object))
            }
        }
    }
}

/// Writes all files or none: all are checked before the first is changed.
pub(super) fn write_all(
    files: &[OwnFile],
    force: bool,
) -> Result<Vec<(PathBuf, FileOutcome)>, SetupError> {
    let plans: Vec<FilePlan> = files
        .iter()
        .map(|file| file.plan(force))
        .collect::<Result<_, _>>()?;
    let mut staged = Vec::new();
    for (file, plan) in files.iter().zip(&plans) {
        let path = &file.path;
        staged.push(match &plan.text {
            None => None,
            Some(text) => Some(Staged::new(path, text).map_err(|error| write_error(path, error))?),
        });
    }
    let mut outcomes = Vec::new();
    for ((file, plan), staged) in files.iter().zip(plans).zip(staged) {
        let outcome = plan
            .carry_out(staged)
            .map_err(|error| write_error(&file.path, error))?;
        outcomes.push((file.path.clone(), outcome));
    }
    Ok(outcomes)
}

/// What has to be done with a file.
struct FilePlan {
    /// The text to write; `None` if the file has it already.
    text: Option<String>,
    /// The existing contents; `None` if there is no file.
    found: Option<Vec<u8>>,
    /// Whether they have to be backed up.
    needs_backup: bool,
}

impl FilePlan {
    fn carry_out(self, staged: Option<Staged>) -> io::Result<FileOutcome> {
        let Some(staged) = staged else {
            return Ok(FileOutcome::Unchanged);
        };
        let backup = match &self.found {
            Some(found) if self.needs_backup => {
                let has_all = self
                    .text
                    .is_some_and(|text| text.as_bytes().starts_with(found));
                Some(back_up(&staged.target, found, has_all)?)
            }
            _ => None,
        };
        staged.commit()?;
        Ok(match self.found {
            None => FileOutcome::Created,
            Some(_) => FileOutcome::Replaced { backup },
        })
    }
}

/// Backs up a file's contents to `NAME.bak`, `NAME.bak2` and so on: to the first name that is free or has the
/// same contents. If the new contents begin with the old ones (`stays`), a backup that is a prefix of the old
/// contents will do too.
fn back_up(path: &Path, found: &[u8], stays: bool) -> io::Result<PathBuf> {
    let is_enough = |kept: Vec<u8>| kept == found || (stays && found.starts_with(&kept));
    let mut number = 1;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        match number {
            1 => name.push(".bak"),
            number => name.push(format!(".bak{number}")),
        }
        let backup = path.with_file_name(name);
        match options_with_mode_of(path).create_new(true).open(&backup) {
            Ok(mut file) => {
                file.write_all(found)?;
                file.sync_all()?;
                return Ok(backup);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read(&backup).is_ok_and(is_enough) {
                    return Ok(backup);
                }
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Options to create a file with the permissions of another one; readable for its owner only if that does
/// not exist, because agents keep secrets in some files.
fn options_with_mode_of(path: &Path) -> OpenOptions {
    let mode = fs::metadata(path).map_or(0o600, |found| found.permissions().mode() & 0o777);
    let mut options = OpenOptions::new();
    options.write(true).mode(mode);
    options
}

fn write_error(path: &Path, error: io::Error) -> SetupError {
    SetupError::Write {
        path: path.to_owned(),
        error,
    }
}

/// The state of a file that was written by an earlier set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    /// It has the contents that would be written now.
    AsWritten,
    /// It has other contents.
    Changed,
    /// It does not exist, or cannot be read.
    Missing,
}

impl OwnFile {
    /// The state of the file.
    pub(crate) fn state(&self) -> FileState {
        match self.plan(true) {
            Err(_) | Ok(FilePlan { found: None, .. }) => FileState::Missing,
            Ok(FilePlan { text: None, .. }) => FileState::AsWritten,
            Ok(FilePlan { text: Some(_), .. }) => FileState::Changed,
        }
    }

    /// Whether the file can be used as it is: it has the contents that would be written, or it was edited
    /// and still has all lines in which they differ from `otherwise`, and none of the lines of `otherwise`.
    pub(crate) fn is_usable(&self, otherwise: &Self) -> bool {
        match (self.state(), &self.contents) {
            (FileState::AsWritten, _) => return true,
            // With entries, the rest of the file does not matter.
            (FileState::Missing, _) | (_, Contents::Entries(_)) => return false,
            (FileState::Changed, _) => {}
        }
        let Ok(found) = fs::read_to_string(&self.path) else {
            return false;
        };
        let (own, other) = (self.contents.new_text(), otherwise.contents.new_text());
        let (found, own, other) = (lines(&found), lines(&own), lines(&other));
        own.difference(&other).all(|line| found.contains(line))
            && other.difference(&own).all(|line| !found.contains(line))
    }

    fn plan(&self, force: bool) -> Result<FilePlan, SetupError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(FilePlan {
                    text: Some(self.contents.new_text()),
                    found: None,
                    needs_backup: false,
                });
            }
            Err(error) => return Err(self.read_error(error)),
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                return Err(SetupError::NoFile(self.path.clone()));
            }
            Ok(_) => {}
        }
        // Bytes, because it may not be UTF-8.
        let found = fs::read(&self.path).map_err(|error| self.read_error(error))?;
        let (text, is_kept) = match &self.contents {
            Contents::Marked { text, is_own } => {
                let is_own = is_own(&String::from_utf8_lossy(&found));
                if !is_own && !force && found != text.as_bytes() {
                    return Err(SetupError::Foreign(self.path.clone()));
                }
                (text.clone(), !is_own)
            }
            Contents::BackedUp(text) => (text.clone(), true),
            Contents::Appended { before, .. } if found != before.as_bytes() => {
                return Err(SetupError::Changed(self.path.clone()));
            }
            Contents::Appended { text, .. } => (text.clone(), true),
            Contents::Entries(entries) => (self.with_entries(entries, &found)?, true),
        };
        Ok(FilePlan {
            text: (found != text.as_bytes()).then_some(text),
            found: Some(found),
            needs_backup: is_kept,
        })
    }

    /// The existing contents with these entries; unchanged if they have them already.
    fn with_entries(&self, entries: &[JsonEntry], found: &[u8]) -> Result<String, SetupError> {
        let no_object = || SetupError::NoObject(self.path.clone());
        let found = std::str::from_utf8(found).map_err(|_| no_object())?;
        let old: Map<String, Value> = serde_json::from_str(found).map_err(|_| no_object())?;
        let mut new = old.clone();
        entries.iter().for_each(|entry| entry.insert_into(&mut new));
        Ok(if new == old {
            found.to_owned()
        } else {
            format!("{:#}\n", Value::from(new))
        })
    }

    fn read_error(&self, error: io::Error) -> SetupError {
        SetupError::Read {
            path: self.path.clone(),
            error,
        }
    }
}

/// The lines of a text, without indentation and trailing commas.
fn lines(text: &str) -> HashSet<&str> {
    let lines = text.lines().map(str::trim);
    lines.map(|line| line.trim_end_matches(',')).collect()
}

/// New contents in a temporary file beside the target, which is removed unless committed.
struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn new(path: &Path, text: &str) -> io::Result<Self> {
        // The target of a symbolic link is replaced, and not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let staged = Self {
            temporary: folder.join(name),
            target,
        };
        let mut out = options_with_mode_of(&staged.target)
            .create_new(true)
            .open(&staged.temporary)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        Ok(staged)
    }

    fn commit(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.target)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a commit there is nothing left to remove.
        let _ = fs::remove_file(&self.temporary);
    }
}
