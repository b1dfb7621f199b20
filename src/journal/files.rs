//! The files of the journal: where they are, whose they are, and that only one program writes them.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::error::OpenError;
use crate::private_file;

/// The database in the state folder.
const DATABASE: &str = "journal.db";
/// The suffixes of the files that SQLite keeps beside a database: the write-ahead log and its index.
const SQLITE_SUFFIXES: [&str; 2] = ["-wal", "-shm"];
/// The suffixes of the tail, and of the new tail that is renamed to it.
const TAIL_SUFFIXES: [&str; 2] = ["-tail", "-tail-new"];
/// Who holds a lock on this file writes the journal.
const LOCK: &str = "journal.lock";

/// Where the journal is.
#[derive(Debug, Clone)]
pub(super) struct JournalFiles {
    /// The database, in a folder without symbolic links.
    pub(crate) database: PathBuf,
}

/// Which file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino())
    }
}

impl JournalFiles {
    /// The files in a state folder that is there.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, OpenError> {
        // SQLite follows no symbolic links, but those that lead to the folder are the person's.
        let folder = folder.canonicalize().map_err(|error| OpenError::Io {
            path: folder.to_owned(),
            error,
        })?;
        Ok(Self {
            database: folder.join(DATABASE),
        })
    }

    /// Makes the folder if need be, for its owner only.
    pub(crate) fn make_folder(folder: &Path) -> Result<(), OpenError> {
        private_file::make_folder(folder).map_err(|error| OpenError::Io {
            path: folder.to_owned(),
            error,
        })
    }

    /// Becomes the one program that writes, until the file is dropped.
    pub(super) fn lock(&self) -> Result<File, OpenError> {
        let path = self.database.with_file_name(LOCK);
        check_regular(&path)?;
        let io = |error| OpenError::Io {
            path: path.clone(),
            error,
        };
        let file = private_options().create(true).open(&path).map_err(io)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Busy {
                folder: self.folder().to_owned(),
            }),
            Err(error) => Err(io(error.into())),
        }
    }

    /// Whether this still is the lock that another program would find.
    pub(crate) fn is_locked_by(&self, lock: &File) -> bool {
        let found = fs::symlink_metadata(self.database.with_file_name(LOCK));
        let identities =
            found.and_then(|found| Ok([Identity::of(&found), Identity::of(&lock.metadata()?)]));
        identities.is_ok_and(|[found, held]| found == held)
    }

    /// Makes sure that everything in the way of the database is a file of its owner, and that there
    /// is a database, be it empty.
    pub(super) fn prepare(&self) -> Result<(), OpenError> {
        for path in self.all() {
            if let Some(mode) = check_regular(&path)?
                && mode & 0o077 != 0
            {
                fs::set_permissions(&path, Permissions::from_mode(0o600))
                    .map_err(|error| OpenError::Io { path, error })?;
            }
        }
        // Made here because SQLite would let others read it. One that is there is not even opened:
        // closing it again would take SQLite's locks away.
        match private_options().create_new(true).open(&self.database) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(OpenError::Io {
                path: self.database.clone(),
                error,
            }),
            _ => Ok(()),
        }
    }

    /// Whether there is a database to read.
    pub(crate) fn check_readable(&self) -> Result<(), OpenError> {
        for path in self.all() {
            check_regular(&path)?;
        }
        match fs::symlink_metadata(&self.database) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::None {
                folder: self.folder().to_owned(),
            }),
            Err(error) => Err(OpenError::Io {
                path: self.database.clone(),
                error,
            }),
        }
    }

    /// Renames the database and what is beside it, and returns what it is called now.
    pub(crate) fn put_aside(&self) -> io::Result<PathBuf> {
        let aside = damaged_name(&self.database);
        // The database last: as long as it is there, another attempt finds the rest.
        for suffix in SQLITE_SUFFIXES {
            match fs::rename(
                with_suffix(&self.database, suffix),
                with_suffix(&aside, suffix),
            ) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.database, &aside)?;
        Ok(aside)
    }

    /// Which file the database is, if it is there.
    pub(super) fn identity(&self) -> Option<Identity> {
        let metadata = fs::symlink_metadata(&self.database).ok()?;
        Some(Identity::of(&metadata))
    }

    /// Which file the tail is, if it is there.
    pub(super) fn identity_of_tail(&self) -> Option<Identity> {
        let metadata = fs::symlink_metadata(self.tail(0)).ok()?;
        Some(Identity::of(&metadata))
    }

    /// The tail, to be read; `None` if there is none.
    pub(super) fn open_tail(&self) -> io::Result<Option<File>> {
        match private_options().open(self.tail(0)) {
            Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
            Ok(_) => Err(io::ErrorKind::InvalidInput.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an empty new tail, which [`Self::rename_new_tail`] puts in the place of the tail.
    pub(super) fn create_new_tail(&self) -> io::Result<File> {
        private_file::remove(&self.tail(1))?;
        private_options().create_new(true).open(self.tail(1))
    }

    /// Renames the new tail to the tail.
    pub(super) fn rename_new_tail(&self) -> io::Result<()> {
        private_file::check(&self.tail(0))?;
        fs::rename(self.tail(1), self.tail(0))
    }

    /// Removes the tail, and a new tail that was never renamed.
    pub(super) fn remove_tail(&self) -> io::Result<()> {
        private_file::remove(&self.tail(0))?;
        private_file::remove(&self.tail(1))
    }

    /// Links a damaged tail to a second name, under which it stays when it is replaced. Returns that path.
    pub(super) fn link_damaged_tail(&self) -> io::Result<PathBuf> {
        let kept = damaged_name(&self.tail(0));
        fs::hard_link(self.tail(0), &kept)?;
        Ok(kept)
    }

    fn tail(&self, which: usize) -> PathBuf {
        with_suffix(&self.database, TAIL_SUFFIXES[which])
    }

    pub(super) fn folder(&self) -> &Path {
        self.database.parent().unwrap_or(Path::new("/"))
    }

    fn all(&self) -> impl Iterator<Item = PathBuf> {
        let beside = SQLITE_SUFFIXES.iter().chain(&TAIL_SUFFIXES);
        let beside = beside.map(|suffix| with_suffix(&self.database, suffix));
        beside.chain([self.database.clone()])
    }
}

/// How files are made and opened: private, and never through a symbolic link.
fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

/// The mode of a regular file; `None` if there is nothing.
fn check_regular(path: &Path) -> Result<Option<u32>, OpenError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.mode())),
        Ok(_) => Err(OpenError::NoFile(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Io {
            path: path.to_owned(),
            error,
        }),
    }
}

/// A name that nothing has yet, for a file that is damaged.
fn damaged_name(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let named = |number: u64| with_suffix(path, &format!(".damaged-{number}"));
    (now..)
        .map(named)
        .find(|path| fs::symlink_metadata(path).is_err())
        .unwrap_or_else(|| named(now))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
