//! Files of the program in folders that it does not have for itself alone: what something else put
//! there is neither followed, waited for, nor removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::NamedTempFile;

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

/// A new file for its owner only, which has its name when it is whole and not before: however the program
/// ends, there is what was there before or all of it, and nothing half written beside it.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    out: BufWriter<Unnamed>,
}

/// A file that has no name yet, or not its own.
#[derive(Debug)]
enum Unnamed {
    /// Without any, where the system knows such files.
    Nameless(File),
    Temporary(NamedTempFile),
}

impl NewFile {
    /// Begins one.
    ///
    /// # Errors
    ///
    /// If there can be none in its folder.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let folder = folder_of(path);
        let nameless = rustix::fs::open(
            folder,
            OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        );
        let file = match nameless {
            Ok(file) => Unnamed::Nameless(file.into()),
            Err(_) => Unnamed::Temporary(temporary().tempfile_in(folder)?),
        };
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
        })
    }

    /// The name that it gets.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has what was written outlive a power failure.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn sync(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().file().sync_all()
    }

    /// Gives it its name, in the place of what may be there if it `replaces` that.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or something has its name that it does not replace; what was there is as it
    /// was then.
    pub fn finish(self, replaces: bool) -> io::Result<()> {
        let Self { path, out } = self;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let file = match file {
            Unnamed::Nameless(file) => file,
            Unnamed::Temporary(file) => {
                let named = match replaces {
                    true => file.persist(&path),
                    false => file.persist_noclobber(&path),
                };
                return named.map(drop).map_err(|error| error.error);
            }
        };
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        let give = |name: &Path| {
            let flags = AtFlags::SYMLINK_FOLLOW;
            rustix::fs::linkat(CWD, &own, CWD, name, flags).map_err(io::Error::from)
        };
        match give(&path) {
            Err(error) if replaces && error.kind() == io::ErrorKind::AlreadyExists => {
                // It takes a name of its own for a moment, whole as it is.
                let made = temporary().make_in(folder_of(&path), give)?;
                made.persist(&path).map_err(|error| error.error)?;
                Ok(())
            }
            given => given,
        }
    }
}

impl Unnamed {
    fn file(&self) -> &File {
        match self {
            Self::Nameless(file) => file,
            Self::Temporary(file) => file.as_file(),
        }
    }
}

impl Write for Unnamed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What files are called that have not got their name.
fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".humanllm-");
    builder
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes a whole file, in the place of one that may be there, as [`NewFile`]; it outlives a power
/// failure.
///
/// # Errors
///
/// If it cannot be written; what was there is as it was then.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = NewFile::begin(path)?;
    write(&mut file)?;
    file.sync()?;
    file.finish(true)
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

/// Looks at what has a name.
///
/// # Errors
///
/// If that is something other than a file: a link, a pipe, a device, a folder.
pub fn check(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(is_no_file()),
        _ => Ok(()),
    }
}

fn is_no_file() -> io::Error {
    io::Error::other("something else than a file has its name")
}
