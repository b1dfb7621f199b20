//! Where programs are.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// The program that a shell would start by this name.
pub(super) fn find(name: &str, environment: &Environment) -> Option<PathBuf> {
    let folders = environment.get_filled("PATH")?;
    let candidates = std::env::split_paths(folders).map(|folder| folder.join(name));
    candidates
        .filter(|candidate| is_executable(candidate))
        .find_map(|candidate| std::path::absolute(candidate).ok())
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}
