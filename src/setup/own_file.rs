//! Files that the program writes for other programs, and what it does about what is there already:
//! nothing of somebody else is lost.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Why nothing was set up. When an error is returned, no file has been changed, except for
/// [`SetupError::Write`], where a file before the named one may have been.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The profile's name would not make a file name, or Codex would not take it.
    #[error("`{0}` is not a profile name; use letters, digits, `-` and `_`, such as humanllm")]
    ProfileName(String),
    /// The port changes with every start.
    #[error(
        "port 0 picks another port at every start; choose one with --listen, such as 127.0.0.1:3000"
    )]
    NoPort,
    /// There is no home folder.
    #[error("there is no home folder; say where Codex keeps its files with --codex-home DIR")]
    NoCodexHome,
    /// There is no home folder, and an agent that has to have one.
    #[error("there is no home folder for the files of {0}; set HOME")]
    NoHome(&'static str),
    /// A file in which one entry has to be changed is none of JSON.
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
    /// A file of somebody else is in the way.
    #[error(
        "{} was not written by humanllm; move it away, choose another --profile NAME, or replace \
         it with --force",
        .0.display()
    )]
    Foreign(PathBuf),
    /// A file was changed by somebody else while this was made of it.
    #[error("{} has just been changed; try again", .0.display())]
    Changed(PathBuf),
    /// Something that is no file is in the way.
    #[error("{} is not a regular file; move it away", .0.display())]
    NoFile(PathBuf),
    /// A file that is there cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// It was not there.
    Created,
    /// It had other contents.
    Replaced {
        /// Where those are kept, unless this program had written them.
        backup: Option<PathBuf>,
    },
    /// It had these contents already and was left alone.
    Unchanged,
}

/// A file to be written.
#[derive(Debug)]
pub(super) struct OwnFile {
    pub path: PathBuf,
    pub(crate) contents: Contents,
}

/// What a file is to hold, and what becomes of what it holds already.
#[derive(Debug)]
pub(super) enum Contents {
    /// This text. Another one is replaced if this program wrote it, and else refused.
    Marked {
        text: String,
        /// Whether contents found in its place were written by this program.
        is_own: fn(&str) -> bool,
    },
    /// This text. Another one is kept under another name.
    BackedUp(String),
    /// What it held, with something behind it. What it held then is kept under another name, unless an
    /// earlier beginning of it is.
    Appended {
        /// What it held.
        before: String,
        /// What it is to hold.
        text: String,
    },
    /// These entries of a JSON object, which may have others and is kept as it was under another
    /// name.
    Entries(Vec<JsonEntry>),
}

/// An entry of a JSON object.
#[derive(Debug)]
pub(super) struct JsonEntry {
    /// The keys that lead to it, at least one.
    pub path: &'static [&'static str],
    pub value: Value,
    /// Whether another value may stay.
    keep_existing: bool,
}

impl JsonEntry {
    pub fn new(path: &'static [&'static str], value: impl Into<Value>) -> Self {
        Self {
            path,
            value: value.into(),
            keep_existing: false,
        }
    }

    /// One that is written where there is none.
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
    /// What a file that is not there yet is to hold.
    pub fn new_text(&self) -> String {
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

/// Writes all of the files or none: every one is checked before the first is touched.
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

/// What is to be done about a file.
struct FilePlan {
    /// What is to be written, if anything is.
    text: Option<String>,
    /// What is there now.
    found: Option<Vec<u8>>,
    /// Whether that has to be kept.
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

/// Keeps a file's contents beside it, under a name that is free or has the same contents. Where they
/// stay, at the beginning of the new ones, an earlier beginning of them is enough.
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

/// How to make a file that nobody can read who cannot read this one; only its owner, where there is
/// none yet: agents keep secrets in some of them.
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

/// How a file that was written once is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    /// As it would be written.
    AsWritten,
    /// There, and not so.
    Changed,
    /// Not there, or not to be read.
    Missing,
}

impl OwnFile {
    /// How the file is now.
    pub(crate) fn state(&self) -> FileState {
        match self.plan(true) {
            Err(_) | Ok(FilePlan { found: None, .. }) => FileState::Missing,
            Ok(FilePlan { text: None, .. }) => FileState::AsWritten,
            Ok(FilePlan { text: Some(_), .. }) => FileState::Changed,
        }
    }

    /// Whether the file is as it would be written, or changed and yet no `otherwise`: with all lines
    /// that only the one of the two has, and none that only the other has.
    pub(crate) fn is_usable(&self, otherwise: &Self) -> bool {
        match (self.state(), &self.contents) {
            (FileState::AsWritten, _) => return true,
            // What else is in the file is no matter here.
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
        // Bytes, because a foreign file may hold anything.
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

    /// What was found, with these entries; the very same where it has them.
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

/// The lines of a text, without what tells their place in a list or an object.
fn lines(text: &str) -> HashSet<&str> {
    let lines = text.lines().map(str::trim);
    lines.map(|line| line.trim_end_matches(',')).collect()
}

/// The new contents, complete on the disk beside the target; removed again unless committed.
struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn new(path: &Path, text: &str) -> io::Result<Self> {
        // A symbolic link stays one, and the file it points to is replaced.
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
