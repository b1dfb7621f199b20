//! Files that the program writes into other programs' folders, and may only replace if it wrote
//! them itself.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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
    /// Something that is no file is in the way.
    #[error("{} is not a regular file; move it away or choose another --profile NAME", .0.display())]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It had other contents.
    Replaced,
    /// It had these contents already and was left alone.
    Unchanged,
}

/// A file to be written, with the means to recognise it later.
pub(super) struct OwnFile {
    pub path: PathBuf,
    pub contents: String,
    /// Whether contents found in its place were written by this program.
    pub is_own: fn(&str) -> bool,
}

/// Writes all of the files or none: every one is checked before the first is touched.
pub(super) fn write_all(
    files: &[OwnFile],
    force: bool,
) -> Result<Vec<(PathBuf, Outcome)>, SetupError> {
    let outcomes: Vec<Outcome> = files
        .iter()
        .map(|file| file.check(force))
        .collect::<Result<_, _>>()?;
    let mut staged = Vec::new();
    for (file, outcome) in files.iter().zip(&outcomes) {
        if *outcome != Outcome::Unchanged {
            staged.push(Staged::new(file).map_err(|error| write_error(&file.path, error))?);
        }
    }
    for file in staged {
        let target = file.target.clone();
        file.commit().map_err(|error| write_error(&target, error))?;
    }
    let paths = files.iter().map(|file| file.path.clone());
    Ok(paths.zip(outcomes).collect())
}

fn write_error(path: &Path, error: io::Error) -> SetupError {
    SetupError::Write {
        path: path.to_owned(),
        error,
    }
}

impl OwnFile {
    fn check(&self, force: bool) -> Result<Outcome, SetupError> {
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outcome::Created),
            Err(error) => return Err(self.read_error(error)),
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                return Err(SetupError::NoFile(self.path.clone()));
            }
            Ok(_) => {}
        }
        // Bytes, because a foreign file may hold anything.
        let found = fs::read(&self.path).map_err(|error| self.read_error(error))?;
        let found = String::from_utf8_lossy(&found);
        if found == self.contents {
            Ok(Outcome::Unchanged)
        } else if force || (self.is_own)(&found) {
            Ok(Outcome::Replaced)
        } else {
            Err(SetupError::Foreign(self.path.clone()))
        }
    }

    fn read_error(&self, error: io::Error) -> SetupError {
        SetupError::Read {
            path: self.path.clone(),
            error,
        }
    }
}

/// The new contents, complete on the disk beside the target; removed again unless committed.
struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn new(file: &OwnFile) -> io::Result<Self> {
        // A symbolic link stays one, and the file it points to is replaced.
        let target = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        let folder = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let staged = Self {
            temporary: folder.join(name),
            target,
        };
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&staged.temporary)?;
        out.write_all(file.contents.as_bytes())?;
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
