//! Finds programs on `PATH` and asks for their versions.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::environment::Environment;

/// The path of the program that a shell would start by this name.
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

/// How long a program may take to print its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(20);

/// The first non-empty line that a program prints with these arguments; `None` if it fails.
pub(super) fn version(program: &Path, arguments: &[&str]) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A process group of its own, so that its children can be killed too.
        .process_group(0)
        .spawn()
        .ok()?;
    let group = Pid::from_raw(child.id().cast_signed());
    let (ended, end) = mpsc::channel();
    // In a thread, because the program may hang. All output is read, because some programs fail on a closed
    // pipe.
    thread::spawn(move || {
        // The receiver is gone after a timeout.
        let _ = ended.send(child.wait_with_output());
    });
    let Ok(output) = end.recv_timeout(VERSION_TIMEOUT) else {
        if let Some(group) = group {
            // The group may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
        return None;
    };
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().find(|line| !line.trim().is_empty());
    first.map(str::to_owned)
}
