//! Logging to a file. Nothing is logged to the terminal, which the terminal interface draws on.

mod file;
mod queue;

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;

use self::file::LogFile;
use self::queue::LogQueue;
use crate::state_dir::StateDir;

/// Name of the log in the state folder.
const LOG_FILE: &str = "humanllm.log";
/// Name of the rotated log.
const OLD_LOG_FILE: &str = "humanllm.log.1";
/// The size, in bytes, at which the log is rotated.
const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// Why logging cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log cannot be opened for writing.
    #[error("cannot write the log {}: {error}; choose another folder with --state-dir", file.display())]
    File {
        /// The log file.
        file: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The filter is not valid.
    #[error("HUMANLLM_LOG: {0}; write a level such as debug, or target=level")]
    Filter(String),
    /// A global logger is set already.
    #[error("logging has been started before")]
    Started,
}

/// The open log. Keep it until the end of the program: dropping it writes the remaining lines.
#[derive(Debug)]
#[must_use]
pub struct Log {
    _queue: LogQueue,
}

/// Installs the global logger, which writes to `humanllm.log` in the state folder.
///
/// `filter` is the value of `HUMANLLM_LOG`; without one, everything from level `info` up.
///
/// # Errors
/// The file cannot be written, or the filter is wrong.
pub fn init(folder: &StateDir, filter: Option<&OsStr>) -> Result<Log, LogError> {
    let filter = match filter {
        None => EnvFilter::new("info"),
        Some(filter) => {
            let filter = filter
                .to_str()
                .ok_or_else(|| LogError::Filter("the value is not valid UTF-8".to_owned()))?;
            EnvFilter::try_new(filter).map_err(|error| LogError::Filter(error.to_string()))?
        }
    };
    let queue = LogFile::open(folder, MAX_BYTES).and_then(LogQueue::start);
    let queue = queue.map_err(|error| LogError::File {
        file: folder.path().join(LOG_FILE),
        error,
    })?;
    let lines = queue.writer();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(move || lines.clone())
        .try_init()
        .map_err(|_| LogError::Started)?;
    Ok(Log { _queue: queue })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_change() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = StateDir::open(home.path()).expect("opened");
        let error = init(&folder, Some(OsStr::new("humanllm=loud"))).expect_err("no level");
        assert!(error.to_string().starts_with("HUMANLLM_LOG: "), "{error}");
        assert!(!home.path().join(LOG_FILE).exists());
        std::fs::create_dir(home.path().join(LOG_FILE)).expect("made");
        let error = init(&folder, None).expect_err("no file").to_string();
        assert!(error.contains("--state-dir"), "{error}");
    }
}
