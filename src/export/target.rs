//! The target of an export: standard output, a file, or a folder. A file is written under a temporary name
//! and renamed when it is complete.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ExportError;
use crate::private_file::{self, NewFile};

/// Where an export is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTarget {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
    /// Files in a folder, which is created if it does not exist.
    Folder(PathBuf),
}

impl ExportTarget {
    /// The target for a path on the command line: `-` is standard output; an existing folder, or a path
    /// that ends with a slash, is a folder.
    pub fn of(path: &Path) -> Self {
        match path.to_str() {
            Some("-") => Self::Stdout,
            _ => Self::on_disk(path),
        }
    }

    /// The same without standard output: `-` is a file name.
    pub fn on_disk(path: &Path) -> Self {
        if path.to_string_lossy().ends_with('/') || path.is_dir() {
            Self::Folder(path.to_owned())
        } else {
            Self::File(path.to_owned())
        }
    }
}

/// An open file or stream.
#[derive(Debug)]
pub(super) struct ExportWriter {
    stream: OutputStream,
}

#[derive(Debug)]
enum OutputStream {
    Stdout(BufWriter<io::Stdout>),
    File { file: NewFile, replaces: bool },
}

impl ExportWriter {
    pub(super) fn stdout() -> Self {
        Self {
            stream: OutputStream::Stdout(BufWriter::new(io::stdout())),
        }
    }

    /// Opens a file that is renamed to `path` by [`Self::finish`]. Unless it `replaces`, it is an error if
    /// something has that name by then.
    pub(super) fn file(path: &Path, replaces: bool) -> Result<Self, ExportError> {
        check_free(path, replaces)?;
        let file = NewFile::begin(path).map_err(|error| ExportError::write(path, error))?;
        Ok(Self {
            stream: OutputStream::File { file, replaces },
        })
    }

    /// Flushes the stream, or gives the file its name.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        match self.stream {
            OutputStream::Stdout(mut stdout) => stdout.flush().map_err(ExportError::stdout),
            OutputStream::File { file, replaces } => {
                let path = file.path().to_owned();
                file.finish(replaces).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => ExportError::Exists(path),
                    _ => ExportError::write(&path, error),
                })
            }
        }
    }

    /// The export error for an error of writing.
    pub(super) fn failed(&self, error: io::Error) -> ExportError {
        match &self.stream {
            OutputStream::Stdout(_) => ExportError::stdout(error),
            OutputStream::File { file, .. } => ExportError::write(file.path(), error),
        }
    }
}

impl Write for ExportWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            OutputStream::Stdout(stdout) => stdout.write(bytes),
            OutputStream::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.stream {
            OutputStream::Stdout(stdout) => stdout.flush(),
            OutputStream::File { file, .. } => file.flush(),
        }
    }
}

/// Fails if `path` is not a regular file, or exists and may not be replaced.
pub(super) fn check_free(path: &Path, replaces: bool) -> Result<(), ExportError> {
    private_file::check(path).map_err(|error| ExportError::write(path, error))?;
    if replaces || fs::symlink_metadata(path).is_err() {
        Ok(())
    } else {
        Err(ExportError::Exists(path.to_owned()))
    }
}

/// Creates a folder that only its owner can read, if there is none.
pub(super) fn make_folder(folder: &Path) -> Result<(), ExportError> {
    private_file::make_folder(folder).map_err(|error| ExportError::write(folder, error))
}
