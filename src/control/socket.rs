//! The socket in the state folder. Only the user who runs the program can connect, and only one program can
//! have it: it holds a lock file for as long as it listens.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::state_dir::StateDir;

/// The name of the socket in the state folder.
const SOCKET_NAME: &str = "control.sock";
/// The name of the lock file in the state folder.
const LOCK_NAME: &str = "control.lock";
/// The longest socket path that all systems support, in bytes with the terminating zero.
const MAX_PATH_LENGTH: usize = 104;
/// The length of the queue of connections that are not accepted yet.
const BACKLOG: i32 = 32;

/// Why the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process listens on it.
    #[error("scripts reach another humanllm that has the same state folder")]
    Taken,
    /// A file that is not a socket has its name.
    #[error("scripts cannot reach this: {} is no socket; remove it", .0.display())]
    NoSocket(PathBuf),
    /// It cannot be created.
    #[error("scripts cannot reach this: {}: {error}", path.display())]
    Failed {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
}

/// The socket of the running program. It is removed from the disk when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    folder: PathBuf,
    /// Device and inode, so that no other file of its name is removed.
    inode: (u64, u64),
    listener: Option<UnixListener>,
    /// Locked until this is dropped.
    _lock: File,
}

impl ControlSocket {
    /// Listens in the state folder. A stale socket is replaced.
    ///
    /// # Errors
    ///
    /// If another process listens on it, another file has its name, or it cannot be created.
    pub fn bind(folder: &StateDir) -> Result<Self, SocketError> {
        let path = folder.path().join(SOCKET_NAME);
        let failed = |error| SocketError::Failed {
            path: path.clone(),
            error,
        };
        let lock = folder.append(LOCK_NAME).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(SocketError::Taken),
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.file_type().is_socket() => {
                return Err(SocketError::NoSocket(path));
            }
            // A process may listen without holding the lock.
            Ok(_) if connect(folder.path()).is_ok() => return Err(SocketError::Taken),
            Ok(_) => fs::remove_file(&path).map_err(failed)?,
        }
        let listener = with_socket_path(folder.path(), listen).map_err(failed)?;
        let found = fs::symlink_metadata(&path).map_err(failed)?;
        Ok(Self {
            folder: folder.path().to_owned(),
            inode: (found.dev(), found.ino()),
            listener: Some(listener),
            _lock: lock,
        })
    }

    /// The listener; `None` if it was taken already.
    pub fn take_listener(&mut self) -> Option<UnixListener> {
        self.listener.take()
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let path = self.folder.join(SOCKET_NAME);
        let is_own =
            fs::symlink_metadata(&path).is_ok_and(|found| (found.dev(), found.ino()) == self.inode);
        if is_own && let Err(error) = fs::remove_file(&path) {
            tracing::warn!(%error, "the control socket stays");
        }
    }
}

/// Connects to the program that runs with this state folder.
///
/// # Errors
///
/// If none is running, or the socket belongs to another user.
pub(super) fn connect(folder: &Path) -> io::Result<UnixStream> {
    let found = fs::symlink_metadata(folder.join(SOCKET_NAME))?;
    if !found.file_type().is_socket() || found.uid() != own_user() {
        return Err(io::Error::other(
            "what listens there is another user's, or no socket",
        ));
    }
    with_socket_path(folder, |path| UnixStream::connect(path))
}

/// The effective user id of this process.
pub(super) fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Before `listen`, so that nobody can connect while the permissions are wider.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Calls `with` with the path of the socket, or with a shorter one through `/proc/self/fd` if that is longer
/// than [`MAX_PATH_LENGTH`].
fn with_socket_path<T>(folder: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(SOCKET_NAME);
    let length = path.as_os_str().len() + 1;
    if length <= MAX_PATH_LENGTH {
        return with(&path);
    }
    let opened = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
    if short.exists() {
        with(&short.join(SOCKET_NAME))
    } else {
        Err(io::Error::other(format!(
            "its path is {} bytes too long for a socket; choose a shorter folder with --state-dir",
            length - MAX_PATH_LENGTH
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(path: &Path) -> StateDir {
        StateDir::open(path).expect("a state folder")
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o777
    }

    #[test]
    fn the_socket_is_for_its_owner_and_goes_with_the_program() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = folder(home.path());
        assert!(connect(home.path()).is_err());
        let socket = ControlSocket::bind(&state).expect("bound");
        let path = home.path().join(SOCKET_NAME);
        assert_eq!(mode(&path), 0o600);
        connect(home.path()).expect("reached");
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_was_left_behind_is_replaced_and_one_that_is_in_use_is_not() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = folder(home.path());
        // As a program leaves it that was killed.
        drop(UnixListener::bind(home.path().join(SOCKET_NAME)).expect("bound"));
        let socket = ControlSocket::bind(&state).expect("replaced");
        assert!(matches!(
            ControlSocket::bind(&state),
            Err(SocketError::Taken)
        ));
        connect(home.path()).expect("still reached");
        drop(socket);
        // By somebody who knows of no lock.
        let other = UnixListener::bind(home.path().join(SOCKET_NAME)).expect("bound");
        assert!(matches!(
            ControlSocket::bind(&state),
            Err(SocketError::Taken)
        ));
        drop(other);
        ControlSocket::bind(&state).expect("bound again");
    }

    #[test]
    fn nothing_else_of_its_name_is_removed_or_followed() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = folder(&home.path().join("state"));
        let path = state.path().join(SOCKET_NAME);
        let elsewhere = home.path().join("elsewhere.sock");
        let _theirs = UnixListener::bind(&elsewhere).expect("bound");
        symlink(&elsewhere, &path).expect("linked");
        assert!(matches!(
            ControlSocket::bind(&state),
            Err(SocketError::NoSocket(_))
        ));
        assert!(connect(state.path()).is_err());
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "mine").expect("written");
        assert!(matches!(
            ControlSocket::bind(&state),
            Err(SocketError::NoSocket(_))
        ));
        assert_eq!(fs::read_to_string(&path).expect("there"), "mine");
        fs::remove_file(&path).expect("removed");
        let socket = ControlSocket::bind(&state).expect("bound");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "mine").expect("written");
        drop(socket);
        assert_eq!(fs::read_to_string(&path).expect("there"), "mine");
    }

    #[test]
    fn a_long_path_is_no_hindrance() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let state = folder(&home.path().join("deep/".repeat(40)));
        assert!(state.path().as_os_str().len() > 150);
        let _socket = ControlSocket::bind(&state).expect("bound");
        connect(state.path()).expect("reached");
        assert!(state.path().join(SOCKET_NAME).exists());
    }
}
