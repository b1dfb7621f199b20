//! A coding agent in a folder of its own, set up as a person would, and `humanllm` with the inbox
//! beside the transcript.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use portable_pty::CommandBuilder;
use serde_json::{Value, json};

use super::{
    API_KEY, ClientOutput, ClientRun, ClientSession, Operator, Pty, path_from_environment,
};

/// An agent that is to be started, and the session around it.
pub struct Agent {
    pub session: ClientSession,
    /// The shell command that starts it.
    start_command: String,
}

impl Agent {
    /// Sets up the program that an environment variable names by `humanllm setup NAME`; nothing if
    /// the variable is not there.
    pub fn new(name: &str, variable: &'static str) -> Option<Self> {
        Self::with_config(name, variable, "[server]\nheartbeat_seconds = 1\n")
    }

    /// The same with a configuration file for `humanllm`.
    pub fn with_config(name: &str, variable: &'static str, config: &str) -> Option<Self> {
        let program = path_from_environment(variable, name)?;
        let session = ClientSession::with_config(Operator::builder().size(120, 40), config);
        let sandbox = session.operator.sandbox();
        let setup = sandbox
            .command(&["setup", name, "--listen", &session.wire.address.to_string()])
            .env("HUMANLLM_API_KEY", API_KEY)
            .output()
            .expect("humanllm setup");
        assert!(setup.status.success(), "setup failed: {setup:?}");
        let report = String::from_utf8(setup.stdout).expect("UTF-8");
        let start_command = report.lines().last().expect("how to start it").trim();
        let agent = Self {
            start_command: start_command.to_owned(),
            session,
        };
        fs::create_dir(agent.work()).expect("a folder to work in");
        agent.link_program(name, &program);
        Some(agent)
    }

    /// Claude Code, which trusts its folder; `None` if there is none to test with.
    pub fn claude() -> Option<Self> {
        Self::claude_with_config("[server]\nheartbeat_seconds = 1\n")
    }

    /// The same with a configuration file for `humanllm`.
    pub fn claude_with_config(config: &str) -> Option<Self> {
        let agent = Self::with_config("claude", "HUMANLLM_TEST_CLAUDE", config)?;
        let path = agent.session.operator.sandbox().path("home/.claude.json");
        let state = fs::read_to_string(path).expect("what setup wrote");
        let mut state: Value = serde_json::from_str(&state).expect("JSON");
        let work = agent.work().canonicalize().expect("a folder");
        state["projects"][work.display().to_string()] = json!({"hasTrustDialogAccepted": true});
        agent.write("home/.claude.json", &state.to_string());
        Some(agent)
    }

    /// The command that starts Claude Code.
    pub fn claude_command(&self) -> Command {
        let mut command = self.command();
        // Otherwise it would install its newest version.
        command.env("DISABLE_AUTOUPDATER", "1");
        command
    }

    /// Lets a shell find a program by its name.
    fn link_program(&self, name: &str, program: &Path) {
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
        self.write(&format!("bin/{name}"), &script);
        let path = self.session.operator.sandbox().path("bin").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable file");
    }

    /// The folder that it works in.
    pub fn work(&self) -> PathBuf {
        self.session.operator.sandbox().path("work")
    }

    /// Writes a file, whose path begins with `home` or `work`.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.session.operator.sandbox().path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// The command that starts it in its folder; more arguments may be added.
    pub fn command(&self) -> Command {
        let bin = self.session.operator.sandbox().path("bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = self.session.program(Path::new("sh"));
        command
            .current_dir(self.work())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HUMANLLM_API_KEY", API_KEY)
            .args(["-c", &format!("{} \"$@\"", self.start_command), "sh"]);
        command
    }

    /// Starts it without a terminal.
    pub fn start(self, command: Command) -> ClientRun {
        self.session.start(command)
    }

    /// Starts it in a terminal.
    pub fn start_in_terminal(self, command: &Command) -> ClientRun<Pty> {
        ClientRun {
            client: in_terminal(command),
            operator: self.session.operator,
            wire: self.session.wire,
        }
    }
}

/// A command in a terminal, with the folder and the environment that it says and no other.
pub fn in_terminal(command: &Command) -> Pty {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.env_clear();
    for (name, value) in command.get_envs() {
        builder.env(name, value.unwrap_or_default());
    }
    builder.args(command.get_args());
    builder.cwd(command.get_current_dir().expect("a folder"));
    Pty::spawn(builder, (100, 40))
}

impl<C: ClientOutput> ClientRun<C> {
    /// Waits until the inbox has these conversations and no others, but for requests that the
    /// program answered itself.
    pub fn wait_inbox(&self, titles: &[&str]) {
        let what = format!("an inbox of {titles:?}");
        self.operator.wait_until(&what, |screen| {
            let rows = inbox(screen);
            let mut pairs = rows.iter().zip(titles);
            rows.len() == titles.len() && pairs.all(|(row, title)| has_title(row, title))
        });
    }
}

/// The titles in the inbox at the left of a screen, without those that the program answered itself.
fn inbox(screen: &str) -> Vec<&str> {
    let list = screen.lines().filter_map(|row| row.split_once('│'));
    let titles = list.filter_map(|(row, _)| {
        let own = row.trim_start_matches(['▌', '▸', ' ']);
        let title = own.strip_prefix(['●', '✓', '✗'])?;
        Some(title.trim().trim_end_matches('✎').trim_end())
    });
    titles.collect()
}

/// Whether a row, which may be too narrow for all of it, has this title.
fn has_title(row: &str, title: &str) -> bool {
    match row.strip_suffix('…') {
        Some(beginning) => title.starts_with(beginning),
        None => row == title,
    }
}
