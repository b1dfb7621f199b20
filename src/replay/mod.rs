//! `humanllm replay`: answers requests from a recording, in place of the person.
//!
//! - `player` runs the usual server and sends the recorded replies
//! - `script` matches requests with recorded ones and keeps track of their state
//! - `report` writes progress and summary

mod player;
mod report;
mod script;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Config;
use crate::journal::{JournalReader, OpenError, ReadError};
use crate::private_file;
use crate::program::{StartError, listen};
use crate::recording::{self, FileError, Recording, Tolerance, aimock};

/// The exit code if a request matched no recorded one.
const EXIT_MISSED: u8 = 3;
/// The exit code if some recorded requests never came.
const EXIT_UNPLAYED: u8 = 4;
/// The exit code if the server cannot listen on its address.
const EXIT_NO_PORT: u8 = 5;

/// The options of a replay.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The speed: 1 as recorded, 2 twice as fast, 0 without any delay.
    pub(crate) speed: f64,
    /// How a request may differ from the recorded one.
    pub(crate) tolerance: Tolerance,
    /// Whether it ends when all recorded requests were answered.
    pub once: bool,
    /// The time without open requests after which it ends.
    pub idle: Option<Duration>,
    /// Whether address and summary are printed as JSON.
    pub json: bool,
    /// The command to run, with its arguments: the replay ends with it. Empty for none.
    pub command: Vec<OsString>,
}

/// A format of saved recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileFormat {
    /// The format of [`crate::recording`], which `humanllm replay` plays.
    #[default]
    Recording,
    /// Fixtures for aimock.
    Aimock,
}

/// Why a recording cannot be loaded, saved or played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read, or is not a recording.
    #[error("{}: {error}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// What is wrong with it.
        error: FileError,
    },
    /// The file cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// There is no conversation with this id.
    #[error("there is no conversation {0}; `humanllm history list` shows them all")]
    Unknown(i64),
    /// The recording has no replies.
    #[error("nothing was said in what is to be played")]
    Nothing,
    /// The journal cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A query of the journal failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The command cannot be started.
    #[error("cannot run {program}: {error}", program = program.display())]
    Command {
        /// The program of the command.
        program: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A system call failed.
    #[error("cannot replay: {0}")]
    System(#[from] io::Error),
}

/// Loads recordings from files and from conversations of the journal, given by their ids. A source that
/// exists as a file is read as one.
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

/// Writes a recording to a file, and returns the text to print.
///
/// # Errors
///
/// If it cannot be written, or something other than a regular file is there, which stays as it is.
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

/// Plays a recording until it ends, and returns the exit code: 0 if all recorded requests came and no others,
/// or the exit code of the command if that failed.
///
/// # Errors
///
/// If the server or the command cannot be started.
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
            report::print_stderr(&format!("humanllm: {error}\n"));
            return Ok(ExitCode::from(EXIT_NO_PORT));
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
        player::ReplayOutcome { missed: true, .. } => ExitCode::from(EXIT_MISSED),
        player::ReplayOutcome { unplayed: true, .. } => ExitCode::from(EXIT_UNPLAYED),
        player::ReplayOutcome { command, .. } => ExitCode::from(command.unwrap_or(0)),
    })
}
