//! Drafts on disk: what a person typed and has not sent is still there after a crash.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

/// How long a draft may be newer in memory than on disk.
const DELAY: Duration = Duration::from_millis(250);

/// Drafts that nobody came back for are removed after this time.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// The drafts of all conversations, each in a file of its own. Writing happens on a thread of its
/// own; dropping this writes what is left.
#[derive(Debug)]
pub struct Drafts {
    folder: PathBuf,
    changes: Option<mpsc::Sender<(PathBuf, String)>>,
    writer: Option<JoinHandle<()>>,
}

impl Drafts {
    /// The drafts in `STATE_DIR/drafts`, which is made if need be and is for its owner only.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or the thread not started.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        let folder = state_dir.join("drafts");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        remove_old(&folder);
        let (changes, receiver) = mpsc::channel();
        let writer = std::thread::Builder::new()
            .name("drafts".into())
            .spawn(move || write_changes(&receiver))?;
        Ok(Self {
            folder,
            changes: Some(changes),
            writer: Some(writer),
        })
    }

    /// The draft of a thread, if it has one.
    pub fn load(&self, thread: &str) -> Option<String> {
        fs::read_to_string(self.path(thread))
            .ok()
            .filter(|text| !text.is_empty())
    }

    /// Keeps the draft of a thread; an empty one is forgotten. Returns at once.
    pub fn save(&self, thread: &str, text: String) {
        if let Some(changes) = &self.changes {
            // The writer ends only with this struct.
            let _ = changes.send((self.path(thread), text));
        }
    }

    /// Thread names are the clients' words and no file names.
    fn path(&self, thread: &str) -> PathBuf {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, thread.as_bytes());
        self.folder.join(format!("{name}.txt"))
    }
}

impl Drop for Drafts {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Writes changes until there can be no more, those of one moment once.
fn write_changes(changes: &mpsc::Receiver<(PathBuf, String)>) {
    while let Ok(first) = changes.recv() {
        let mut newest = HashMap::from([first]);
        let until = Instant::now() + DELAY;
        let mut open = true;
        while open {
            match changes.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((path, text)) => {
                    newest.insert(path, text);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        }
        for (path, text) in newest {
            if let Err(error) = write(&path, &text) {
                tracing::error!(path = %path.display(), %error, "a draft could not be kept");
            }
        }
    }
}

/// Replaces the file as a whole, so that a crash leaves the old draft or the new one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(new, path)
}

fn remove_old(folder: &Path) {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.map(|modified| now.duration_since(modified).unwrap_or_default());
        if age.is_ok_and(|age| age > KEPT_FOR) {
            // It will be tried again at the next start.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_outlive_the_program() {
        let state = tempfile::tempdir().unwrap();
        let drafts = Drafts::open(state.path()).unwrap();
        drafts.save("a/../b", "half".into());
        drafts.save("a/../b", "half a sentence\n日本語".into());
        drafts.save("other", "x".into());
        drop(drafts);
        let drafts = Drafts::open(state.path()).unwrap();
        assert_eq!(
            drafts.load("a/../b").as_deref(),
            Some("half a sentence\n日本語")
        );
        drafts.save("a/../b", String::new());
        drop(drafts);
        let drafts = Drafts::open(state.path()).unwrap();
        assert_eq!(drafts.load("a/../b"), None);
        assert_eq!(drafts.load("other").as_deref(), Some("x"));
        assert_eq!(drafts.load("never"), None);
    }
}
