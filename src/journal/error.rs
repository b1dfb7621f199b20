//! What can be wrong with the journal.

use std::io;
use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no journal to read.
    #[error("there is no journal in {}", folder.display())]
    None {
        /// The state folder.
        folder: PathBuf,
    },
    /// Another program writes it.
    #[error("another humanllm uses the journal in {}", folder.display())]
    Busy {
        /// The state folder.
        folder: PathBuf,
    },
    /// A later version of the program wrote it.
    #[error(
        "{} was written by a newer humanllm (version {found}, and this one reads up to {known})",
        database.display()
    )]
    Newer {
        /// The database.
        database: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that is known.
        known: i64,
    },
    /// An earlier version of the program wrote it, and reading alone cannot change that.
    #[error(
        "{} was written by an older humanllm; start humanllm once, and it becomes readable",
        database.display()
    )]
    Older {
        /// The database.
        database: PathBuf,
    },
    /// Something that is no file is in the way.
    #[error("{} is no regular file; move it away", .0.display())]
    NoFile(PathBuf),
    /// The system refuses.
    #[error("cannot use {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The database refuses.
    #[error("cannot use {}: {error}", database.display())]
    Database {
        /// The database.
        database: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database cannot be read.
    #[error("cannot read the journal: {0}")]
    Database(#[from] rusqlite::Error),
}

/// What follows from an error of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorClass {
    /// It may pass: a full disk, a lock.
    Passing,
    /// The database is damaged.
    Damaged,
    /// Only the index of the full-text search is damaged, which can be made again.
    Index,
    /// This one change is wrong, and always will be.
    Refused,
}

impl ErrorClass {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(error, _) = error else {
            return Self::Refused;
        };
        match error.code {
            _ if error.extended_code == rusqlite::ffi::SQLITE_CORRUPT_VTAB => Self::Index,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ApiMisuse
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::Unknown => Self::Refused,
            _ => Self::Passing,
        }
    }
}
