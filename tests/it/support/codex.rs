//! The real Codex CLI. Its path comes from `HUMANLLM_TEST_CODEX`; without it such tests do nothing.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use portable_pty::CommandBuilder;
use tempfile::TempDir;

use super::operator::Sandbox;
use super::{ClientProcess, Pty};

/// The Codex binary to test with. Says so when there is none, past the test runner's capture.
pub fn binary() -> Option<PathBuf> {
    static REPORTED: Once = Once::new();
    let path = std::env::var_os("HUMANLLM_TEST_CODEX").map(PathBuf::from);
    if path.is_none() {
        REPORTED.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "skipped: HUMANLLM_TEST_CODEX does not name a Codex CLI"
            );
        });
    }
    path
}

/// A CODEX_HOME made by `humanllm setup codex`, and an empty folder to work in.
pub struct CodexHome {
    binary: PathBuf,
    folder: TempDir,
    /// What `humanllm setup codex` printed.
    pub setup: String,
}

impl CodexHome {
    /// Sets Codex up for a server, or nothing if there is no Codex to test with.
    pub fn new(server: SocketAddr) -> Option<Self> {
        let binary = binary()?;
        let mut home = Self {
            binary,
            folder: tempfile::tempdir().expect("a temporary folder"),
            setup: String::new(),
        };
        std::fs::create_dir(home.work()).expect("a folder to work in");
        let codex_home = home.path().display().to_string();
        let output = Sandbox::new()
            .command(&["setup", "codex", "--codex-home", &codex_home])
            .env("HUMANLLM_LISTEN", server.to_string())
            .output()
            .expect("humanllm setup codex");
        assert!(output.status.success(), "setup failed: {output:?}");
        home.setup = String::from_utf8(output.stdout).expect("UTF-8");
        Some(home)
    }

    /// The CODEX_HOME.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("codex")
    }

    /// The folder that Codex works in.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Starts `codex exec PROMPT` with more `args` before the prompt.
    pub fn exec(&self, args: &[&str], prompt: &str) -> ClientProcess {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(self.environment())
            .arg("exec")
            .args(PROFILE)
            .arg(NO_SANDBOX)
            .arg("--skip-git-repo-check")
            .args(args)
            .arg(prompt)
            .current_dir(self.work());
        ClientProcess::spawn(command)
    }

    /// Starts the interactive Codex in a terminal of its own and waits until it takes a prompt.
    pub fn interactive(&self, size: (u16, u16)) -> Pty {
        self.interactive_with(&[NO_SANDBOX], size)
    }

    /// Starts the interactive Codex as it is for everybody: it trusts the folder, sandboxes what it
    /// runs there, and asks before anything else.
    pub fn interactive_sandboxed(&self, size: (u16, u16)) -> Pty {
        let work = std::fs::canonicalize(self.work()).expect("the folder to work in");
        let work = toml::Value::from(work.display().to_string());
        let trust = format!("[projects.{work}]\ntrust_level = \"trusted\"\n");
        std::fs::write(self.path().join("config.toml"), trust).expect("Codex's configuration");
        let args = ["--sandbox", "workspace-write"];
        let asks = ["--ask-for-approval", "on-request"];
        self.interactive_with(&[args, asks].concat(), size)
    }

    fn interactive_with(&self, args: &[&str], size: (u16, u16)) -> Pty {
        let mut command = CommandBuilder::new(&self.binary);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.args(PROFILE);
        command.args(args);
        command.cwd(self.work());
        let pty = Pty::spawn(command, size);
        pty.wait_for("Ask Codex");
        pty
    }

    /// Removes the catalog from the profile, so that Codex does not know the model.
    pub fn remove_catalog(&self) {
        let path = self.path().join("humanllm.config.toml");
        let profile = std::fs::read_to_string(&path).expect("the profile");
        let lines: Vec<&str> = profile
            .lines()
            .filter(|line| !line.starts_with("model_catalog_json"))
            .collect();
        std::fs::write(&path, lines.join("\n")).expect("the profile");
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        let pairs = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("SHELL", "/bin/bash".to_owned()),
            ("HOME", text(self.folder.path())),
            ("CODEX_HOME", text(&self.path())),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// What `humanllm setup codex` tells to start Codex with.
const PROFILE: [&str; 2] = ["--profile", "humanllm"];

/// Codex asks whether it may work in a folder and sandboxes what it runs; a throw-away folder needs
/// neither, and a container often cannot.
const NO_SANDBOX: &str = "--dangerously-bypass-approvals-and-sandbox";
