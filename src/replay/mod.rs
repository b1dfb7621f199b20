//! `humanllm replay`: a recording in the place of the person.
//!
//! The server is the one that the person has; `player` sends what was recorded, and `script` knows which
//! recorded request another one is.

mod player;
mod report;
mod script;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::app::{StartError, listen};
use crate::config::Config;
use crate::journal::{JournalReader, OpenError, ReadError};
use crate::private_file;
use crate::recording::{self, FileError, Recording, Tolerance, aimock};

/// Requests came that were not recorded.
const MISSED: u8 = 3;
/// Not all that was recorded was asked.
const UNPLAYED: u8 = 4;
/// The address cannot be used.
const NO_PORT: u8 = 5;

/// What to play, and how.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// How fast: 1 is as it was recorded, 0 is at once.
    pub(crate) speed: f64,
    /// What is the same as what was recorded.
    pub(crate) tolerance: Tolerance,
    /// Whether it ends when all was played.
    pub once: bool,
    /// After how long without an open request it ends.
    pub idle: Option<Duration>,
    /// Whether a script reads what is told.
    pub json: bool,
    /// What is run meanwhile; it ends with that.
    pub command: Vec<OsString>,
}

/// A form of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileFormat {
    /// What is played by this program.
    #[default]
    Recording,
    /// The fixtures of aimock.
    Aimock,
}

/// Why nothing is played or saved.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is none, or cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with it.
        error: FileError,
    },
    /// It cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is no such conversation.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// Nothing in it was answered by a person.
    #[error("nothing was said in what is to be played")]
    Nothing,
    /// The journal cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The program to be run is not there.
    #[error("cannot run {program}: {error}", program = program.display())]
    Command {
        /// The program that was to be run.
        program: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Something that every program needs is missing.
    #[error("cannot replay: {0}")]
    System(#[from] io::Error),
}

/// Reads what the sources name: files, and conversations of the journal by their numbers. What is there as
/// a file is meant by its name.
///
/// # Errors
///
/// If one of them cannot be read.
pub fn load(sources: &[String], state_dir: &Path) -> Result<Recording, ReplayError> {
    let mut all = Recording::default();
    for source in sources {
        let path = Path::new(source);
        let number = source.parse::<i64>().ok().filter(|_| !path.exists());
        let found = match number {
            Some(id) => {
                let reader = JournalReader::open(state_dir)?;
                recording::of_journal(&reader, id)?.ok_or(ReplayError::Unknown(id))?
            }
            None => {
                let read = File::open(path).map_err(FileError::from);
                let read = read.and_then(|file| recording::read(BufReader::new(file)));
                read.map_err(|error| ReplayError::File {
                    path: path.to_owned(),
                    error,
                })?
            }
        };
        all.add(found);
    }
    Ok(all)
}

/// Writes a recording to a file, and returns what to tell the person.
///
/// # Errors
///
/// If it cannot be written, or what is there is no file; it is as it was then.
pub fn save(recording: &Recording, path: &Path, form: FileFormat) -> Result<String, ReplayError> {
    let mut told = String::new();
    let written = private_file::check(path).and_then(|()| match form {
        FileFormat::Recording => {
            private_file::replace(path, |out| recording::write(recording, out))
        }
        FileFormat::Aimock => {
            let fixtures = aimock::fixtures(recording);
            for words in &fixtures.warnings {
                told.push_str(&format!("left out: {words}\n"));
            }
            private_file::replace(path, |out| {
                serde_json::to_writer_pretty(&mut *out, &fixtures.document)?;
                out.write_all(b"\n")
            })
        }
    });
    written.map_err(|error| ReplayError::Write {
        path: path.to_owned(),
        error,
    })?;
    let open = recording.turns.iter().filter(|turn| !turn.is_answered());
    told.push_str(&format!(
        "{}: {} requests, {} of them without an answer\n",
        path.display(),
        recording.turns.len(),
        open.count()
    ));
    Ok(told)
}

/// Plays a recording until there is a reason to end, and returns the exit code: 0 if all was played and
/// nothing else was asked; that of the command if that failed.
///
/// # Errors
///
/// Whatever keeps it from beginning.
pub fn run(
    recording: Recording,
    options: ReplayOptions,
    config: &Config,
) -> Result<ExitCode, ReplayError> {
    if recording.turns.iter().all(|turn| turn.rows.is_empty()) {
        return Err(ReplayError::Nothing);
    }
    let listener = match listen(config.listen) {
        Ok(listener) => listener,
        Err(error @ (StartError::InUse(_) | StartError::Listen { .. })) => {
            report::tell(&format!("humanllm: {error}\n"));
            return Ok(ExitCode::from(NO_PORT));
        }
        Err(error) => return Err(io::Error::other(error.to_string()).into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let played = runtime.block_on(player::play(recording, options, config, listener));
    runtime.shutdown_background();
    let played = played?;
    Ok(match played {
        player::Played { missed: true, .. } => ExitCode::from(MISSED),
        player::Played { unplayed: true, .. } => ExitCode::from(UNPLAYED),
        player::Played { command, .. } => ExitCode::from(command.unwrap_or(0)),
    })
}
