//! Where programs are.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

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
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);

/// The first line that a program prints with these arguments, if it succeeds with them.
pub(super) fn version(program: &Path, arguments: &[&str]) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // So that all that it starts ends with it.
        .process_group(0)
        .spawn()
        .ok()?;
    let group = Pid::from_raw(child.id().cast_signed());
    let (ended, end) = mpsc::channel();
    // Beside this thread, because it may never end. To the end, because a program may take it for a
    // failure that nobody reads on.
    thread::spawn(move || {
        // Nobody may be waiting any more.
        let _ = ended.send(child.wait_with_output());
    });
    let Ok(output) = end.recv_timeout(VERSION_TIMEOUT) else {
        if let Some(group) = group {
            // All may have ended by themselves just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
        return None;
    };
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().find(|line| !line.trim().is_empty());
    first.map(str::to_owned)
}
