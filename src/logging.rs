//! The log file. Nothing is ever logged to the screen, which belongs to the terminal interface.

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
/// Name of what the log was before, once it has grown too large.
const OLD_LOG_FILE: &str = "humanllm.log.1";
/// How large a log may grow before it is put aside, in bytes.
const MAX_BYTES: u64 = 5 * 1024 * 1024;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log cannot be opened for writing.
    #[error("cannot write the log {}: {error}; choose another folder with --state-dir", file.display())]
    File {
        /// The log file.
        file: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The filter is wrong.
    #[error("HUMANLLM_LOG: {0}; write a level such as debug, or target=level")]
    Filter(String),
    /// Something else logs already.
    #[error("logging has been started before")]
    Started,
}

/// A log that is being written. Keep it until nothing more is logged: dropping it writes the last
/// lines.
#[derive(Debug)]
#[must_use]
pub struct Log {
    _queue: LogQueue,
}

/// Sends everything that is logged to `humanllm.log` in the state folder.
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
