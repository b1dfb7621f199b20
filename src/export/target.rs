//! Where an export goes: standard output, a file, or a folder with a file for each conversation. A file
//! has its name when it is whole and not before.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ExportError;
use crate::private_file::{self, NewFile};

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTarget {
    /// To standard output.
    Stdout,
    /// Into this file.
    File(PathBuf),
    /// Into files in this folder, which is made if need be.
    Folder(PathBuf),
}

impl ExportTarget {
    /// What a path on the command line means: `-` is standard output, and a folder is one that is there,
    /// or whose path ends with a slash.
    pub fn of(path: &Path) -> Self {
        match path.to_str() {
            Some("-") => Self::Stdout,
            _ => Self::on_disk(path),
        }
    }

    /// The same where there is no standard output.
    pub fn on_disk(path: &Path) -> Self {
        match path.to_string_lossy().ends_with('/') || path.is_dir() {
            true => Self::Folder(path.to_owned()),
            false => Self::File(path.to_owned()),
        }
    }
}

/// Something that is being written.
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
    pub fn stdout() -> Self {
        Self {
            stream: OutputStream::Stdout(BufWriter::new(io::stdout())),
        }
    }

    /// A file that gets its name when it is finished; unless it `replaces`, only if nothing has that
    /// name by then.
    pub fn file(path: &Path, replaces: bool) -> Result<Self, ExportError> {
        check_free(path, replaces)?;
        let file = NewFile::begin(path).map_err(|error| ExportError::write(path, error))?;
        Ok(Self {
            stream: OutputStream::File { file, replaces },
        })
    }

    /// It is whole.
    pub fn finish(self) -> Result<(), ExportError> {
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

    /// What is wrong with an error of writing to it.
    pub fn failed(&self, error: io::Error) -> ExportError {
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

/// Refuses what is there already, and what is there and no file in any case.
pub(super) fn check_free(path: &Path, replaces: bool) -> Result<(), ExportError> {
    private_file::check(path).map_err(|error| ExportError::write(path, error))?;
    match replaces || fs::symlink_metadata(path).is_err() {
        true => Ok(()),
        false => Err(ExportError::Exists(path.to_owned())),
    }
}

/// Makes a folder for its owner only, where there is none.
pub(super) fn make_folder(folder: &Path) -> Result<(), ExportError> {
    private_file::make_folder(folder).map_err(|error| ExportError::write(folder, error))
}
