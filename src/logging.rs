//! The log file. Nothing is ever logged to the screen, which belongs to the terminal interface.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Name of the log in the state folder.
pub const LOG_FILE: &str = "humanllm.log";
/// Name of the log of earlier days, once it has grown too large.
const OLD_LOG_FILE: &str = "humanllm.log.1";
/// A log larger than this is put aside at the next start.
const MAX_LOG_BYTES: u64 = 5 * 1024 * 1024;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The state folder cannot be made.
    #[error("cannot create the state folder {}: {error}; choose another with --state-dir", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
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

/// Sends everything that is logged to `STATE_DIR/humanllm.log`, and returns the file's path.
///
/// `filter` is the value of `HUMANLLM_LOG`; without one, everything from level `info` up.
///
/// # Errors
/// The folder or the file cannot be written, or the filter is wrong.
pub fn init(state_dir: &Path, filter: Option<&OsStr>) -> Result<PathBuf, LogError> {
    let filter = match filter {
        None => EnvFilter::new("info"),
        Some(filter) => {
            let filter = filter
                .to_str()
                .ok_or_else(|| LogError::Filter("the value is not valid UTF-8".to_owned()))?;
            EnvFilter::try_new(filter).map_err(|error| LogError::Filter(error.to_string()))?
        }
    };
    let (path, file) = open(state_dir)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init()
        .map_err(|_| LogError::Started)?;
    Ok(path)
}

/// Opens the log for appending, readable by its owner only, after putting a large one aside.
fn open(state_dir: &Path) -> Result<(PathBuf, File), LogError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder
        .create(state_dir)
        .map_err(|error| LogError::Folder {
            folder: state_dir.to_owned(),
            error,
        })?;
    let path = state_dir.join(LOG_FILE);
    let written = rotate(&path, &state_dir.join(OLD_LOG_FILE)).and_then(|()| options.open(&path));
    match written {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(LogError::File { file: path, error }),
    }
}

fn rotate(log: &Path, old: &Path) -> io::Result<()> {
    match fs::metadata(log) {
        Ok(metadata) if metadata.is_file() && metadata.len() > MAX_LOG_BYTES => {
            fs::rename(log, old)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn appends_to_a_private_file_in_a_new_private_folder() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = home.path().join("a/b");
        for line in ["one\n", "two\n"] {
            let (_, mut file) = open(&state).expect("opened");
            file.write_all(line.as_bytes()).expect("written");
        }
        let log = state.join(LOG_FILE);
        assert_eq!(fs::read_to_string(&log).expect("readable"), "one\ntwo\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode();
            assert_eq!(mode(&state) & 0o777, 0o700);
            assert_eq!(mode(&log) & 0o777, 0o600);
        }
    }

    #[test]
    fn puts_a_large_log_aside() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let log = state.path().join(LOG_FILE);
        let large = File::create(&log).expect("created");
        large.set_len(MAX_LOG_BYTES + 1).expect("grown");
        open(state.path()).expect("opened");
        let size = |name| fs::metadata(state.path().join(name)).expect("there").len();
        assert_eq!(size(LOG_FILE), 0);
        assert_eq!(size(OLD_LOG_FILE), MAX_LOG_BYTES + 1);
    }

    #[test]
    fn says_what_to_change() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let file = state.path().join("file");
        fs::write(&file, "").expect("written");
        let error = init(&file, None).expect_err("no folder").to_string();
        assert!(error.contains("choose another with --state-dir"), "{error}");
        let error = init(state.path(), Some(OsStr::new("humanllm=loud"))).expect_err("no level");
        assert!(error.to_string().starts_with("HUMANLLM_LOG: "), "{error}");
        assert!(!state.path().join(LOG_FILE).exists());
    }
}
