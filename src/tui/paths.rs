//! Lists the files below a folder, for the completion of paths.

use std::collections::VecDeque;
use std::fs::read_dir;
use std::path::Path;

/// The most paths that are listed; the deepest are left out first.
const MAX_PATHS: usize = 10_000;
/// The most directory entries that are read, listed or not.
const MAX_ENTRIES: usize = 50_000;

/// The files and folders below a folder, relative to it, the least deep first; folders end in `/`.
/// Hidden ones are left out, and links are not followed. Empty if there is no such folder. It blocks on
/// the disk.
pub(super) fn list(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut folders = VecDeque::from([String::new()]);
    while let Some(inside) = folders.pop_front() {
        // A folder that cannot be read is left out.
        let entries = read_dir(folder.join(&inside)).into_iter().flatten();
        let mut here = Vec::new();
        for entry in entries.flatten() {
            seen += 1;
            if seen > MAX_ENTRIES {
                break;
            }
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if name.starts_with('.') || name.chars().any(char::is_control) {
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let end = if is_folder { "/" } else { "" };
            here.push((format!("{inside}{name}{end}"), is_folder));
        }
        here.sort_unstable();
        for (path, is_folder) in here {
            if found.len() >= MAX_PATHS {
                return found;
            }
            if is_folder {
                folders.push_back(path.clone());
            }
            found.push(path);
        }
        if seen > MAX_ENTRIES {
            return found;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_near_comes_first_and_what_is_hidden_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in [".git/objects", "src/tui/app", "docs"] {
            create_dir_all(at(path)).unwrap();
        }
        for path in [
            ".env",
            ".git/config",
            "src/tui/run.rs",
            "src/main.rs",
            "a b.txt",
            "x\ny",
        ] {
            write(at(path), "").unwrap();
        }
        symlink(folder.path(), at("docs/loop")).unwrap();
        assert_eq!(
            list(folder.path()),
            [
                "a b.txt",
                "docs/",
                "src/",
                "docs/loop",
                "src/main.rs",
                "src/tui/",
                "src/tui/app/",
                "src/tui/run.rs",
            ]
        );
        assert!(list(&at("nowhere")).is_empty());
        assert!(list(&at("src/main.rs")).is_empty());
    }

    #[test]
    fn there_is_an_end_to_it() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..MAX_PATHS + 10 {
            write(folder.path().join(format!("{n:06}")), "").unwrap();
        }
        assert_eq!(list(folder.path()).len(), MAX_PATHS);
    }
}
