//! The person's external editor and its file. What was saved there survives the end of the program,
//! however it ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::private_file;
use crate::tui::terminal::program::Program;

/// The folder of the files, in the state folder.
const FOLDER: &str = "editor";
/// The most files of the same text at once.
const MAX_COPIES: usize = 100;

/// A file that an editor works on. It stays when this is dropped, until [`EditorFile::remove`]: the text
/// must be kept elsewhere first.
///
/// It is named after a hash of the original text, so that a file that is left behind shows whether
/// it was changed.
#[derive(Debug)]
pub struct EditorFile {
    path: PathBuf,
    /// Tells other programs that the file is in use.
    _lock: File,
}

impl EditorFile {
    /// A file with a text in `STATE_DIR/editor`, which ends in `suffix`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn create(text: &str, suffix: &str, state_dir: &Path) -> io::Result<Self> {
        let folder = state_dir.join(FOLDER);
        private_file::make_folder(&folder)?;
        let lock = File::open(&folder)?;
        // On file systems without locks, do without.
        let _ = lock.try_lock_shared();
        let name = name_of(text);
        // Another program may work on the same text.
        let names = (0..MAX_COPIES).map(|count| match count {
            0 => format!("{name}{suffix}"),
            count => format!("{name}.{count}{suffix}"),
        });
        for path in names.map(|name| folder.join(name)) {
            match private_file::create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(mut file) => {
                    file.write_all(text.as_bytes())?;
                    return Ok(Self { path, _lock: lock });
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Opens it in the person's editor. The terminal must have been given back.
    ///
    /// # Errors
    ///
    /// If no shell can be started.
    pub fn open(&self) -> io::Result<Program> {
        Program::editor(&self.path)
    }

    /// The text that was saved in it; `None` if it is the original one.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn changed(&self) -> io::Result<Option<String>> {
        // Editors may replace the file rather than write into it, so it is read by its name.
        let text = private_file::read(&self.path)?;
        Ok(is_changed(&self.path, &text).then_some(text))
    }

    /// Removes it.
    pub fn remove(self) {
        remove(&self.path);
    }
}

/// A text that was saved in the editor, but not taken over before the program ended.
#[derive(Debug)]
pub struct LeftBehind {
    /// The text.
    pub text: String,
    path: PathBuf,
}

impl LeftBehind {
    /// All of them. Files that are not the program's are left alone, and so are all files while another
    /// instance has an editor open.
    pub fn find(state_dir: &Path) -> Vec<Self> {
        let folder = state_dir.join(FOLDER);
        let is_free = File::open(&folder).is_ok_and(|folder| folder.try_lock().is_ok());
        if !is_free {
            return Vec::new();
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let own = entries
            .map(|entry| entry.path())
            .filter(|path| name_in(path).is_some());
        let mut found = Vec::new();
        for path in own {
            match private_file::read(&path) {
                Ok(text) if is_changed(&path, &text) => found.push(Self { text, path }),
                // Unchanged, so the draft has the same text.
                Ok(_) => remove(&path),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "left alone");
                }
            }
        }
        found
    }

    /// Removes the file, because the text is kept elsewhere.
    pub fn remove(self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    if let Err(error) = private_file::remove(path) {
        // It is offered once more at the next start.
        tracing::warn!(path = %path.display(), %error, "cannot be removed");
    }
}

fn name_of(text: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes())
}

/// The hash in the name of a file; `None` if the file is not the program's.
fn name_in(path: &Path) -> Option<Uuid> {
    let stem = path.file_stem()?.to_str()?;
    let stem = match stem.split_once('.') {
        Some((stem, count)) if count.parse::<usize>().is_ok() => stem,
        _ => stem,
    };
    let uuid = Uuid::try_parse(stem).ok()?;
    let is_own = uuid.get_version_num() == 5 && uuid.to_string() == stem;
    let suffix = path.extension()?.to_str()?;
    (is_own && matches!(suffix, "md" | "sh" | "json" | "patch" | "txt")).then_some(uuid)
}

fn is_changed(path: &Path, text: &str) -> bool {
    // Editors add a line break at the end.
    let texts = [text, text.strip_suffix('\n').unwrap_or(text)];
    let name = name_in(path);
    !texts.iter().any(|text| Some(name_of(text)) == name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn left(state: &Path) -> Vec<String> {
        let found = LeftBehind::find(state).into_iter();
        found.map(|left| left.text).collect()
    }

    #[test]
    fn what_was_saved_is_found_again_and_nothing_else() {
        let state = tempfile::tempdir().unwrap();
        let file = EditorFile::create("half", ".md", state.path()).unwrap();
        assert_eq!(file.changed().unwrap(), None);
        fs::write(&file.path, "half\n").unwrap();
        assert_eq!(file.changed().unwrap(), None);
        fs::write(&file.path, "half and more").unwrap();
        assert_eq!(file.changed().unwrap().as_deref(), Some("half and more"));
        assert!(left(state.path()).is_empty(), "it is still in use");
        let path = file.path.clone();
        drop(file);

        let folder = state.path().join(FOLDER);
        let others = ["notes.md", ".half.md.swp", &format!("{}.rs", name_of("x"))];
        for name in others {
            fs::write(folder.join(name), "not ours").unwrap();
        }
        let target = state.path().join("target");
        fs::write(&target, "secret").unwrap();
        symlink(&target, folder.join(format!("{}.md", name_of("y")))).unwrap();
        assert_eq!(left(state.path()), ["half and more"]);
        for found in LeftBehind::find(state.path()) {
            found.remove();
        }
        assert!(!path.exists());
        assert!(left(state.path()).is_empty());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
        assert_eq!(fs::read_to_string(&target).unwrap(), "secret");

        let file = EditorFile::create("same", ".md", state.path()).unwrap();
        let path = file.path.clone();
        drop(file);
        assert!(left(state.path()).is_empty());
        assert!(!path.exists(), "nothing was changed, nothing is kept");
    }
}
