//! Other programs that read exported files. If one is not installed, its check is skipped with a
//! message.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::path_from_environment;

/// A Python that has harbor, or nothing. It is what reads pages too, as every Python could.
fn harbor() -> Option<PathBuf> {
    path_from_environment("HUMANLLM_TEST_HARBOR", "a Python that has harbor")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/readers")
        .join(name)
}

/// Runs Python, which has to end well; what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("Python");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Has Harbor's own validator look at a trajectory.
pub fn trajectory(file: &Path) {
    if let Some(python) = harbor() {
        let mut command = Command::new(python);
        command.args(["-m", "harbor.utils.trajectory_validator"]);
        run(command.arg(file));
    }
}

/// Has `datasets` load lines, each file as a data set of its own.
pub fn rows(files: &[PathBuf]) {
    if let Some(python) =
        path_from_environment("HUMANLLM_TEST_DATASETS", "a Python that has datasets")
    {
        let cache = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(python);
        command
            .arg(script("rows.py"))
            .arg(cache.path().join("sets"))
            .args(files)
            .env("HF_HUB_OFFLINE", "1")
            .env("HF_HOME", cache.path());
        run(&mut command);
    }
}

/// Has Python's own parser read a page, which needs nothing else and has no script; the text of it, if there
/// is somebody to read it.
pub fn page(file: &Path) -> Option<String> {
    let mut command = Command::new(harbor()?);
    Some(run(command.arg(script("page.py")).arg(file)))
}
