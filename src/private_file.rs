//! Files of the program in folders that it does not have for itself alone: what something else put
//! there is neither followed, waited for, nor removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Makes a folder for its owner only, where there is none.
///
/// # Errors
///
/// If it cannot be made.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Reads a file; one that is no UTF-8 is read as far as it is. A link, a pipe or a device is an
/// error, and nobody waits for it.
///
/// # Errors
///
/// If it cannot be read or is no file.
pub fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(is_no_file());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Makes a new file for its owner only.
///
/// # Errors
///
/// If there is something of that name already, or it cannot be made.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Removes a file, if there is one.
///
/// # Errors
///
/// If it cannot be removed, or there is something of that name that is no file.
pub fn remove(path: &Path) -> io::Result<()> {
    check(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Fails if there is something other than a file.
fn check(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(is_no_file()),
        _ => Ok(()),
    }
}

fn is_no_file() -> io::Error {
    io::Error::other("something else than a file has its name")
}
