//! `humanllm` in a pseudo-terminal and a home of its own, used like a person would.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use portable_pty::CommandBuilder;
use tempfile::TempDir;

use super::{Client, Pty, any_file_contains, free_address, poll};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_humanllm");

/// The kinds of reply as the screen names them, in the order of the Tab key.
pub const KINDS: [&str; 6] = [
    "Send",
    "Progress",
    "Run command",
    "Call tool",
    "Think",
    "Reject",
];

/// Folders and an address that outlive one run of the program. The folders go with the last clone.
#[derive(Clone)]
pub struct Sandbox {
    folder: Arc<TempDir>,
    state: String,
    /// Where the program listens.
    pub address: SocketAddr,
}

impl Sandbox {
    /// An empty home and a free address.
    pub fn new() -> Self {
        Self::with_state("state")
    }

    /// The same, with another name for the state folder.
    pub fn with_state(name: &str) -> Self {
        let sandbox = Self {
            folder: Arc::new(tempfile::tempdir().expect("a temporary folder")),
            state: name.to_owned(),
            address: free_address(),
        };
        for folder in ["home/.config", name] {
            std::fs::create_dir_all(sandbox.path(folder)).expect("a folder");
        }
        sandbox
    }

    /// A path in the temporary folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder given as `--state-dir`.
    pub fn state_dir(&self) -> PathBuf {
        self.path(&self.state)
    }

    /// The whole environment of the program: nothing of the machine but its PATH.
    pub fn environment(&self) -> Vec<(String, String)> {
        let home = self.path("home").display().to_string();
        let pairs = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("SHELL", "/bin/sh".to_owned()),
            ("XDG_CONFIG_HOME", format!("{home}/.config")),
            ("XDG_STATE_HOME", format!("{home}/.local/state")),
            ("XDG_DATA_HOME", format!("{home}/.local/share")),
            ("XDG_CACHE_HOME", format!("{home}/.cache")),
            ("HOME", home),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// `humanllm` without a terminal, for its subcommands and for what it says when it fails.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().envs(self.environment()).args(args);
        command
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

/// How to start the program.
#[derive(Clone)]
pub struct OperatorBuilder {
    sandbox: Sandbox,
    size: (u16, u16),
    args: Vec<String>,
    env: Vec<(String, String)>,
    in_shell: bool,
    descriptors: Option<u32>,
    background: Option<String>,
    program: PathBuf,
}

impl OperatorBuilder {
    /// Columns and rows; 100x30 if not said.
    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Writes a configuration file and passes it as `--config`.
    pub fn config(self, toml: &str) -> Self {
        let path = self.sandbox.path("config.toml");
        std::fs::write(&path, toml).expect("a configuration file");
        self.args(&["--config", &path.display().to_string()])
    }

    /// More arguments.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// One more environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the program have this many descriptors and no more.
    pub fn descriptors(mut self, most: u32) -> Self {
        self.descriptors = Some(most);
        self
    }

    /// What the terminal says that its background is, such as `ffff/ffff/ffff`; nothing if `None`.
    pub fn background(mut self, colour: Option<&str>) -> Self {
        self.background = colour.map(str::to_owned);
        self
    }

    /// Another build of the program.
    #[allow(dead_code, reason = "`benches/load` compares builds")]
    pub fn program(mut self, path: &Path) -> Self {
        self.program = path.to_owned();
        self
    }

    /// Starts the program from an interactive shell, as job control (Ctrl+Z) needs one. The shell's
    /// prompt is `shell> `, and what ends at the end is the shell.
    pub fn in_shell(mut self) -> Self {
        self.in_shell = true;
        self
    }

    /// Starts the program and waits until it answers and draws.
    pub fn start(self) -> Operator {
        let operator = self.start_without_waiting();
        operator.wait_for("F1 help");
        operator.client().wait_healthy();
        operator
    }

    /// Starts the program and waits for nothing.
    pub fn start_without_waiting(self) -> Operator {
        let pty = Pty::spawn_on(self.command(), self.size, self.background.clone());
        let mut operator = Operator { pty, builder: self };
        if operator.builder.in_shell {
            operator.wait_for("shell>");
            let line = operator.builder.argv().join("' '");
            operator.type_text(&format!("'{line}'\r"));
        }
        operator
    }

    fn argv(&self) -> Vec<String> {
        let fixed = [
            &self.program.display().to_string(),
            "--listen",
            &self.sandbox.address.to_string(),
            "--state-dir",
            &self.sandbox.state_dir().display().to_string(),
        ];
        let limit = self.descriptors.map(|most| {
            let script = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
            ["sh".to_owned(), "-c".to_owned(), script]
        });
        let limit = limit.into_iter().flatten();
        let fixed = fixed.map(str::to_owned);
        limit.chain(fixed).chain(self.args.clone()).collect()
    }

    fn command(&self) -> CommandBuilder {
        let argv = if self.in_shell {
            ["bash", "--noprofile", "--norc", "-i"]
                .map(str::to_owned)
                .into()
        } else {
            self.argv()
        };
        let mut command = CommandBuilder::from_argv(argv.into_iter().map(Into::into).collect());
        command.env_clear();
        for (name, value) in self.sandbox.environment().iter().chain(&self.env) {
            command.env(name, value);
        }
        command.env("PS1", "shell> ");
        command.cwd(self.sandbox.path("home"));
        command
    }
}

/// A person at `humanllm`. All of [`Pty`] works on it.
pub struct Operator {
    pty: Pty,
    builder: OperatorBuilder,
}

impl Operator {
    /// How to start the program in a new sandbox.
    pub fn builder() -> OperatorBuilder {
        Self::at(Sandbox::new())
    }

    /// How to start the program in this sandbox.
    pub fn at(sandbox: Sandbox) -> OperatorBuilder {
        OperatorBuilder {
            sandbox,
            size: (100, 30),
            args: Vec::new(),
            env: Vec::new(),
            in_shell: false,
            descriptors: None,
            background: Some("0000/0000/0000".to_owned()),
            program: PROGRAM.into(),
        }
    }

    /// Starts the program in a new sandbox, 100x30.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts the program once more after it has ended: same folders, address, size and arguments.
    pub fn restart(mut self) -> Self {
        self.wait_exit();
        self.builder.start()
    }

    /// The folders and the address of the program.
    pub fn sandbox(&self) -> &Sandbox {
        &self.builder.sandbox
    }

    /// A client of the program's server.
    pub fn client(&self) -> Client {
        Client::new(self.sandbox().address)
    }

    /// The kind of reply that is chosen, if the screen shows one.
    pub fn kind(&self) -> Option<&'static str> {
        reply_kind_on(&self.screen())
    }

    /// Chooses a kind of reply with the Tab key.
    pub fn choose(&mut self, kind: &str) {
        for _ in 0..=KINDS.len() {
            let before =
                reply_kind_on(&self.wait_until("a kind of reply", |s| reply_kind_on(s).is_some()));
            if before == Some(kind) {
                return;
            }
            self.key(super::Key::Tab);
            self.wait_until("another kind of reply", |s| {
                reply_kind_on(s).is_some_and(|now| Some(now) != before)
            });
        }
        panic!("cannot choose {kind}:\n{}", self.screen());
    }

    /// Waits for a request: its prompt and the word `waiting` on the screen.
    pub fn wait_request(&self, prompt: &str) -> String {
        self.wait_until(&format!("the request {prompt:?}"), |screen| {
            screen.contains(prompt) && screen.contains("waiting")
        })
    }

    /// Types a reply, waits until the composer shows its last line, and presses Enter.
    pub fn reply(&mut self, text: &str) {
        self.type_text(text);
        let line = text.lines().last().unwrap_or("");
        self.wait_for(line);
        self.key(super::Key::Enter);
    }

    /// Chooses a tool by a part of its name and waits until the call is there to be filled in.
    pub fn call_tool(&mut self, part: &str, title: &str) {
        self.key(super::Key::Ctrl('t'));
        self.wait_for("call tool");
        self.type_text(part);
        self.wait_until("what was typed, and the tool", |screen| {
            screen.contains(part) && screen.contains(title.split(' ').next().unwrap_or(title))
        });
        self.key(super::Key::Enter);
        self.wait_until("the call", |screen| {
            let is_open = screen.contains("[Call tool]") && screen.contains(title);
            is_open && !screen.contains("call tool")
        });
    }

    /// Waits until `text` is in some file of the state folder, so that even SIGKILL cannot lose it.
    pub fn wait_saved(&self, text: &str) {
        let folder = self.sandbox().state_dir();
        poll(
            &format!("{text:?} in {}", folder.display()),
            || any_file_contains(&folder, text).then_some(()),
            || self.screen(),
        );
    }
}

/// The kind in brackets, which a narrow screen shows too, live or not.
fn reply_kind_on(screen: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| {
        let labels = [format!("[{kind}]"), format!("[{kind} live]")];
        labels.iter().any(|label| screen.contains(label))
    })
}

impl Deref for Operator {
    type Target = Pty;

    fn deref(&self) -> &Pty {
        &self.pty
    }
}

impl DerefMut for Operator {
    fn deref_mut(&mut self) -> &mut Pty {
        &mut self.pty
    }
}
