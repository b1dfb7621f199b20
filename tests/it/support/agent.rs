//! A coding agent in a folder of its own, set up as a person would, and a person whose inbox stands
//! beside the transcript.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use portable_pty::CommandBuilder;
use serde_json::{Value, json};

use super::{KEY, Person, Play, Pty, Shown, Stage, given};

/// An agent that is to be started, and the stage for it.
pub struct Agent {
    pub stage: Stage,
    /// The line that starts it.
    line: String,
}

impl Agent {
    /// Sets up the program that an environment variable names by `humanllm setup NAME`; nothing if
    /// the variable is not there.
    pub fn new(name: &str, variable: &'static str) -> Option<Self> {
        Self::with(name, variable, "[server]\nheartbeat_seconds = 1\n")
    }

    /// The same with a configuration file for `humanllm`.
    pub fn with(name: &str, variable: &'static str, config: &str) -> Option<Self> {
        let program = given(variable, name)?;
        let stage = Stage::with(Person::builder().size(120, 40), config);
        let place = stage.person.place();
        let setup = place
            .command(&["setup", name, "--listen", &stage.wire.address.to_string()])
            .env("HUMANLLM_API_KEY", KEY)
            .output()
            .expect("humanllm setup");
        assert!(setup.status.success(), "setup failed: {setup:?}");
        let said = String::from_utf8(setup.stdout).expect("UTF-8");
        let line = said.lines().last().expect("how to start it").trim();
        let agent = Self {
            line: line.to_owned(),
            stage,
        };
        fs::create_dir(agent.work()).expect("a folder to work in");
        agent.offer(name, &program);
        Some(agent)
    }

    /// Claude Code, which trusts its folder; nothing if there is none to test with.
    pub fn claude() -> Option<Self> {
        Self::claude_with("[server]\nheartbeat_seconds = 1\n")
    }

    /// The same with a configuration file for `humanllm`.
    pub fn claude_with(config: &str) -> Option<Self> {
        let agent = Self::with("claude", "HUMANLLM_TEST_CLAUDE", config)?;
        let path = agent.stage.person.place().path("home/.claude.json");
        let state = fs::read_to_string(path).expect("what setup wrote");
        let mut state: Value = serde_json::from_str(&state).expect("JSON");
        let work = agent.work().canonicalize().expect("a folder");
        state["projects"][work.display().to_string()] = json!({"hasTrustDialogAccepted": true});
        agent.write("home/.claude.json", &state.to_string());
        Some(agent)
    }

    /// The line that starts Claude Code.
    pub fn claude_command(&self) -> Command {
        let mut command = self.command();
        // It would install its newest version for everybody.
        command.env("DISABLE_AUTOUPDATER", "1");
        command
    }

    /// Lets a shell find a program by its name.
    fn offer(&self, name: &str, program: &Path) {
        let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display());
        self.write(&format!("bin/{name}"), &script);
        let path = self.stage.person.place().path("bin").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable file");
    }

    /// The folder that it works in.
    pub fn work(&self) -> PathBuf {
        self.stage.person.place().path("work")
    }

    /// Writes a file of its `home`, or of its `work`.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.stage.person.place().path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// The line that starts it, in its folder. Arguments are added to those of the line.
    pub fn command(&self) -> Command {
        let bin = self.stage.person.place().path("bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = self.stage.program(Path::new("sh"));
        command
            .current_dir(self.work())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HUMANLLM_API_KEY", KEY)
            .args(["-c", &format!("{} \"$@\"", self.line), "sh"]);
        command
    }

    /// Starts it without a terminal.
    pub fn run(self, command: Command) -> Play {
        self.stage.play(command)
    }

    /// Starts it in a terminal.
    pub fn open(self, command: &Command) -> Play<Pty> {
        Play {
            client: in_terminal(command),
            person: self.stage.person,
            wire: self.stage.wire,
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

impl<C: Shown> Play<C> {
    /// Waits until the inbox has these conversations and no others, but for requests that the
    /// program answered itself.
    pub fn wait_inbox(&self, titles: &[&str]) {
        let what = format!("an inbox of {titles:?}");
        self.person.wait_until(&what, |screen| {
            let rows = inbox(screen);
            let mut pairs = rows.iter().zip(titles);
            rows.len() == titles.len() && pairs.all(|(row, title)| is_called(row, title))
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
fn is_called(row: &str, title: &str) -> bool {
    match row.strip_suffix('…') {
        Some(beginning) => title.starts_with(beginning),
        None => row == title,
    }
}
