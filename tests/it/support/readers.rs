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

/// Runs Python, which has to succeed, and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("Python");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Checks a trajectory with Harbor's own validator.
pub fn validate_trajectory(file: &Path) {
    if let Some(python) = harbor() {
        let mut command = Command::new(python);
        command.args(["-m", "harbor.utils.trajectory_validator"]);
        run(command.arg(file));
    }
}

/// Loads files of JSON lines with `datasets`, each as a data set of its own.
pub fn load_data_sets(files: &[PathBuf]) {
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

/// Reads a page with Python's own parser, and checks that it has no script and loads nothing. Returns its
/// text, unless there is no Python to test with.
pub fn read_page(file: &Path) -> Option<String> {
    let mut command = Command::new(harbor()?);
    Some(run(command.arg(script("page.py")).arg(file)))
}
