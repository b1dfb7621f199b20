//! The log file and its rotation.

use std::fs::{self, File};
use std::io::{self, Write};

use super::{LOG_FILE, OLD_LOG_FILE};
use crate::state_dir::StateDir;

/// A log file that is renamed when it is full, replacing the one renamed before.
#[derive(Debug)]
pub(super) struct LogFile {
    folder: StateDir,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl LogFile {
    /// Opens the log in this folder for appending. It is rotated at `max_bytes`.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or is no regular file.
    pub(super) fn open(folder: &StateDir, max_bytes: u64) -> io::Result<Self> {
        let file = folder.append(LOG_FILE)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            folder: folder.clone(),
            file,
            bytes,
            max_bytes,
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path = |name| self.folder.path().join(name);
        match fs::rename(path(LOG_FILE), path(OLD_LOG_FILE)) {
            // Somebody has removed the log.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        *self = Self::open(&self.folder, self.max_bytes)?;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let new = lines.len() as u64;
        if self.bytes > 0 && self.bytes + new > self.max_bytes {
            self.rotate()?;
        }
        // All at once, so that a rotation does not split a line.
        self.file.write_all(lines)?;
        self.bytes += new;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_hold_the_newest_lines_and_no_more() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = StateDir::open(home.path()).expect("opened");
        let text = |name| fs::read_to_string(home.path().join(name)).unwrap_or_default();
        let mut log = LogFile::open(&folder, 100).expect("opened");
        for number in 0..1_000 {
            writeln!(log, "line {number}").expect("written");
            assert!(text(LOG_FILE).len() <= 100 && text(OLD_LOG_FILE).len() <= 100);
        }
        let both = text(OLD_LOG_FILE) + &text(LOG_FILE);
        let numbers: Vec<u32> = both
            .lines()
            .map(|line| line["line ".len()..].parse().expect("a whole line"))
            .collect();
        assert_eq!(numbers.last(), Some(&999));
        assert!(numbers.len() > 10);
        assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");

        // What is there counts at the next start too.
        let mut log = LogFile::open(&folder, 100).expect("opened");
        log.write_all(&[b'x'; 99]).expect("written");
        assert_eq!(text(LOG_FILE), "x".repeat(99));
    }
}
