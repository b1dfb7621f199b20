//! Where programs are.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

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
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// How long a program may take to say which version it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first line that a program prints with these arguments, if it succeeds with them.
pub(super) fn version(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    let (line, read) = mpsc::channel();
    // Beside this thread, because it may never end. To the end, because a program may take it for a
    // failure that nobody reads on.
    thread::spawn(move || {
        let mut output = Vec::new();
        let is_read = stdout.read_to_end(&mut output).is_ok();
        let output = String::from_utf8_lossy(&output);
        let first = output.lines().find(|line| !line.trim().is_empty());
        // Nobody may be waiting any more.
        let _ = line.send(first.filter(|_| is_read).map(str::to_owned));
    });
    let first = read.recv_timeout(PATIENCE).ok().flatten();
    if first.is_none() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let is_success = child.wait().is_ok_and(|status| status.success());
    first.filter(|_| is_success)
}
