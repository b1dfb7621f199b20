//! The state folder, which holds the journal, the log and the control socket, and which nobody else may
//! write to.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::private_file;

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It cannot be created, or its owner and mode cannot be read.
    #[error("cannot create the state folder {}: {error}; choose another with --state-dir", folder.display())]
    Create {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Other users may write to it, and could replace the files in it.
    #[error(
        "others can write to the state folder {folder}; say `chmod go-w {folder}` if they did not, \
         or choose another with --state-dir",
        folder = folder.display()
    )]
    Writable {
        /// The folder.
        folder: PathBuf,
    },
    /// Another user owns it, and may change anything in it.
    #[error(
        "the state folder {} belongs to another user; choose one of your own with --state-dir",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
}

/// A folder that belongs to the user who runs the program, and that no other user can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// Opens the folder at `path`; creates it with mode 0700 if it does not exist.
    ///
    /// # Errors
    ///
    /// If it cannot be created, belongs to another user, or can be written to by others: whoever can
    /// replace the files of a program can make it write, or say, what they like.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let folder = path.to_owned();
        let fault = |error| StateDirError::Create {
            folder: folder.clone(),
            error,
        };
        private_file::make_folder(path).map_err(fault)?;
        let metadata = fs::metadata(path).map_err(fault)?;
        if metadata.uid() != geteuid().as_raw() {
            Err(StateDirError::Foreign { folder })
        } else if metadata.mode() & 0o022 != 0 {
            Err(StateDirError::Writable { folder })
        } else {
            Ok(Self(folder))
        }
    }

    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Opens a file in the folder for appending; creates it with mode 0600 if it does not exist.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or anything but a regular file has that name: a symbolic link to one is
    /// not followed.
    pub fn append(&self, name: &str) -> io::Result<File> {
        // Opening a FIFO that nobody reads would block without NONBLOCK.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(self.0.join(name))?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("it is no regular file"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o777
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    }

    #[test]
    fn a_new_folder_and_its_files_are_for_their_owner_only() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = StateDir::open(&home.path().join("a/b")).expect("opened");
        state.append("file").expect("opened");
        assert_eq!(mode(state.path()), 0o700);
        assert_eq!(mode(&state.path().join("file")), 0o600);
        assert_eq!(StateDir::open(state.path()).expect("opened again"), state);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let home = tempfile::tempdir().expect("a temporary folder");
        for (mode, good) in [
            (0o700, true),
            (0o755, true),
            (0o770, false),
            (0o702, false),
            (0o1777, false),
        ] {
            chmod(home.path(), mode);
            let opened = StateDir::open(home.path());
            assert_eq!(opened.is_ok(), good, "{mode:o}: {opened:?}");
            if let Err(error) = opened {
                assert!(error.to_string().contains("chmod go-w"), "{error}");
            }
        }
    }

    #[test]
    fn nothing_is_written_through_what_somebody_else_put_there() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = StateDir::open(&home.path().join("state")).expect("opened");
        let outside = home.path().join("outside");
        fs::write(&outside, "theirs").expect("written");
        symlink(&outside, state.path().join("link")).expect("linked");
        symlink(home.path().join("nothing"), state.path().join("dangling")).expect("linked");
        mknodat(
            CWD,
            state.path().join("fifo"),
            FileType::Fifo,
            Mode::RWXU,
            0,
        )
        .expect("made");
        for name in ["link", "dangling", "fifo"] {
            assert!(state.append(name).is_err(), "{name}");
        }
        assert_eq!(fs::read_to_string(&outside).expect("readable"), "theirs");
        assert!(!home.path().join("nothing").exists());
    }
}
