//! Reading and writing files in folders that other programs use too: symbolic links that they put there
//! are not followed, opening a FIFO of theirs does not block, and what is not a regular file is never
//! removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use tempfile::NamedTempFile;

/// Creates a folder and its missing parents with mode 0700, unless it exists.
///
/// # Errors
///
/// If it cannot be created.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Reads a whole file as text; bytes that are not UTF-8 become replacement characters.
///
/// # Errors
///
/// If it cannot be read or is not a regular file. A symbolic link, a FIFO and a device fail at once.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(not_a_regular_file());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Creates a new file with mode 0600.
///
/// # Errors
///
/// If it cannot be created, or anything has that name already.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A file with mode 0600 that is written without a name and gets its name when it is complete. However
/// the program ends, the path leads to the old file or to the whole new one. Where the file system has
/// no nameless files, a program that is killed leaves a temporary file beside it.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    out: BufWriter<Unnamed>,
}

/// A file that does not have its final name yet.
#[derive(Debug)]
enum Unnamed {
    /// It has no name at all: opened with `O_TMPFILE`, which not every file system supports.
    Nameless(File),
    /// It has a temporary name in the same folder.
    Temporary(NamedTempFile),
}

impl NewFile {
    /// Begins the file that will be at `path`.
    ///
    /// # Errors
    ///
    /// If no file can be created in its folder.
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let folder = folder_of(path);
        let nameless = rustix::fs::open(
            folder,
            OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC,
            Mode::RUSR | Mode::WUSR,
        );
        let file = match nameless {
            Ok(file) => Unnamed::Nameless(file.into()),
            Err(_) => Unnamed::Temporary(temporary_names().tempfile_in(folder)?),
        };
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
        })
    }

    /// The path that it will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it to the disk, so that it outlives a power failure.
    ///
    /// # Errors
    ///
    /// If the system cannot write it.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().file().sync_all()
    }

    /// Gives the file its name. With `replaces`, it takes the place of a file that has the name already.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or something has the name already that it does not replace. What has the
    /// name is unchanged then.
    pub(crate) fn finish(self, replaces: bool) -> io::Result<()> {
        let Self { path, out } = self;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let file = match file {
            Unnamed::Nameless(file) => file,
            Unnamed::Temporary(file) => {
                let persisted = if replaces {
                    file.persist(&path)
                } else {
                    file.persist_noclobber(&path)
                };
                return persisted.map(drop).map_err(|error| error.error);
            }
        };
        let descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
        let link_as = |name: &Path| {
            let flags = AtFlags::SYMLINK_FOLLOW;
            rustix::fs::linkat(CWD, &descriptor, CWD, name, flags).map_err(io::Error::from)
        };
        match link_as(&path) {
            Err(error) if replaces && error.kind() == io::ErrorKind::AlreadyExists => {
                // linkat(2) cannot replace a file, but a rename can, and that needs a name to begin with.
                let linked = temporary_names().make_in(folder_of(&path), link_as)?;
                linked.persist(&path).map_err(|error| error.error)?;
                Ok(())
            }
            result => result,
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

/// Makes the names of files that do not have their final name yet.
fn temporary_names() -> tempfile::Builder<'static, 'static> {
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

/// Writes a whole file as a [`NewFile`] that replaces one of that name, and that outlives a power failure.
///
/// # Errors
///
/// If it cannot be written; a file of that name is unchanged then.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = NewFile::begin(path)?;
    write(&mut file)?;
    file.sync()?;
    file.finish(true)
}

/// Removes a file; it is no error if there is none.
///
/// # Errors
///
/// If it cannot be removed, or is not a regular file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    check(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Checks that a path leads to a regular file or to nothing.
///
/// # Errors
///
/// If anything else has that name: a symbolic link, a FIFO, a device, a folder.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(not_a_regular_file()),
        _ => Ok(()),
    }
}

fn not_a_regular_file() -> io::Error {
    io::Error::other("something else than a file has its name")
}
