//! The real Codex CLI. Its path comes from `HUMANLLM_TEST_CODEX`; without it such tests do nothing.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, Once};

use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::operator::Sandbox;
use super::{Pty, poll};

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

/// A running client, such as `codex exec`, with its output so far. Dropping it kills it and all it started.
pub struct ClientProcess {
    child: Child,
    stdout: Arc<Mutex<Output>>,
    stderr: Arc<Mutex<Output>>,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    ended: bool,
}

impl ClientProcess {
    /// Starts a program that speaks to the server, in a process group of its own.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the client");
        Self {
            stdout: collect(child.stdout.take().unwrap()),
            stderr: collect(child.stderr.take().unwrap()),
            child,
        }
    }

    /// What it has written to its standard output so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it has written to its standard error so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Waits until the standard error contains `text`.
    pub fn wait_stderr(&mut self, text: &str) {
        let what = format!("{text:?} from the client");
        let (out, err) = (Arc::clone(&self.stdout), Arc::clone(&self.stderr));
        poll(
            &what,
            || {
                let found = self::text(&err).contains(text);
                assert!(
                    found || self.is_running() || !ended(&err),
                    "the client ended without {text:?}:\n{}",
                    all_output(&out, &err)
                );
                found.then_some(())
            },
            || all_output(&out, &err),
        );
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the state of the client")
            .is_none()
    }

    /// Waits until it ends and all its output is here.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let (out, err) = (Arc::clone(&self.stdout), Arc::clone(&self.stderr));
        poll(
            "the end of the client",
            || {
                let status = self.child.try_wait().expect("the state of the client")?;
                (ended(&out) && ended(&err)).then_some(status)
            },
            || all_output(&out, &err),
        )
    }

    /// Waits until it ends well and returns its answer.
    pub fn wait_answer(&mut self) -> String {
        let status = self.wait_exit();
        let all = all_output(&self.stdout, &self.stderr);
        assert!(status.success(), "the client failed with {status}:\n{all}");
        self.stdout().trim_end().to_owned()
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        if self.is_running() {
            let pid = Pid::from_child(&self.child);
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Reads a stream in the background.
fn collect(mut source: impl Read + Send + 'static) -> Arc<Mutex<Output>> {
    let output = Arc::new(Mutex::new(Output::default()));
    let sink = Arc::clone(&output);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            sink.lock().unwrap().bytes.extend(&buffer[..count]);
        }
        sink.lock().unwrap().ended = true;
    });
    output
}

fn text(output: &Mutex<Output>) -> String {
    String::from_utf8_lossy(&output.lock().unwrap().bytes).into_owned()
}

fn ended(output: &Mutex<Output>) -> bool {
    output.lock().unwrap().ended
}

fn all_output(stdout: &Mutex<Output>, stderr: &Mutex<Output>) -> String {
    format!(
        "--- stdout\n{}\n--- stderr\n{}\n---",
        text(stdout),
        text(stderr)
    )
}
