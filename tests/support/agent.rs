//! A coding agent in a folder of its own, and a person whose inbox stands beside the transcript.

use std::path::PathBuf;
use std::process::Command;

use portable_pty::CommandBuilder;

use super::{Person, Play, Pty, Shown, Stage, given};

/// An agent that is to be started, and the stage for it.
pub struct Agent {
    pub stage: Stage,
    program: PathBuf,
}

impl Agent {
    /// The program that an environment variable names, or nothing.
    pub fn new(variable: &'static str, name: &str) -> Option<Self> {
        let program = given(variable, name)?;
        let stage = Stage::of(Person::builder().size(120, 40));
        let agent = Self { stage, program };
        std::fs::create_dir(agent.work()).expect("a folder to work in");
        Some(agent)
    }

    /// Its home.
    pub fn home(&self) -> PathBuf {
        self.stage.person.place().path("home")
    }

    /// The folder that it works in.
    pub fn work(&self) -> PathBuf {
        self.stage.person.place().path("work")
    }

    /// Writes a file of its home or of the folder that it works in.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.stage.person.place().path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// The agent in its folder, without arguments.
    pub fn command(&self) -> Command {
        let mut command = self.stage.program(&self.program);
        command.current_dir(self.work());
        command
    }

    /// Starts it without a terminal.
    pub fn run(self, command: Command) -> Play {
        self.stage.play(command)
    }

    /// Starts it in a terminal.
    pub fn open(self, command: &Command) -> Play<Pty> {
        let mut builder = CommandBuilder::new(command.get_program());
        builder.env_clear();
        for (name, value) in command.get_envs() {
            builder.env(name, value.unwrap_or_default());
        }
        builder.args(command.get_args());
        builder.cwd(self.work());
        Play {
            person: self.stage.person,
            wire: self.stage.wire,
            client: Pty::spawn(builder, (100, 40)),
        }
    }
}

impl<C: Shown> Play<C> {
    /// Waits until the inbox has these conversations and no others, but for requests that the
    /// program answered itself.
    pub fn wait_inbox(&self, titles: &[&str]) {
        let what = format!("an inbox of {titles:?}");
        self.person
            .wait_until(&what, |screen| inbox(screen) == titles);
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
