//! Files of the program in folders that it does not have for itself alone: what something else put
//! there is neither followed, waited for, nor removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

/// Makes a folder for its owner only, where there is none.
///
/// # Errors
///
/// If it cannot be made.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
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

/// Writes a whole file for its owner only, in the place of one that may be there. However the program ends,
/// there is the old file or the new one, and nothing half written beside it.
///
/// # Errors
///
/// If it cannot be written; what was there is as it was then.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Without a name until it is whole, where the system knows such files.
    let nameless = rustix::fs::open(
        folder,
        OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    );
    let Ok(file) = nameless.map(File::from) else {
        return replace_by_name(path, folder, write);
    };
    write_whole(&file, write)?;
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    let give = |name: &Path| {
        let flags = AtFlags::SYMLINK_FOLLOW;
        rustix::fs::linkat(CWD, &own, CWD, name, flags).map_err(io::Error::from)
    };
    match give(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // It takes a name of its own for a moment, whole as it is.
            let made = tempfile::Builder::new()
                .prefix(".humanllm-")
                .make_in(folder, give)?;
            made.persist(path).map_err(|error| error.error)?;
            Ok(())
        }
        given => given,
    }
}

fn replace_by_name(
    path: &Path,
    folder: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file = tempfile::NamedTempFile::new_in(folder)?;
    write_whole(file.as_file(), write)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn write_whole(
    file: &File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()?;
    drop(out);
    file.sync_all()
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
