//! `split AGENT`: an agent in the other half of a tmux window, set up for this server.
//!
//! The agent gets the environment of the shell in which that was typed, as a program started there
//! would; tmux gives new panes that of its server. It goes there in a file that only its owner can
//! read and that removes itself, because others can read command lines.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::agents::{AgentProgram, Launch};
use super::programs::find;
use super::running::{ProbeResult, probe};
use super::shell::{quoted, word};
use super::{BaseUrls, SetupError};
use crate::config::{ApiKey, Config};
use crate::environment::Environment;

/// Columns that two halves side by side need; in fewer, one is above the other.
const MIN_COLUMNS_SIDE_BY_SIDE: u16 = 120;
/// What a pane has of its own, and what no value can be given to where `sh` is bash: it ends there.
const PANE_VARIABLES: &[&str] = &[
    "TMUX",
    "TMUX_PANE",
    "TERM",
    "COLUMNS",
    "LINES",
    "PWD",
    "OLDPWD",
    "_",
    "UID",
    "EUID",
    "PPID",
    "SHELLOPTS",
    "BASHOPTS",
    "BASH_VERSINFO",
];

/// Why the agent was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// There is no window to split.
    #[error(
        "split works inside of tmux; elsewhere, start humanllm in one terminal and the agent in \
         another: humanllm setup {0}"
    )]
    NoTmux(&'static str),
    /// The agent is not installed.
    #[error("there is no {program} on PATH; install it with `{install}`")]
    NoProgram {
        /// What would be started.
        program: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// Its files cannot be written, or no address can be told.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The port belongs to somebody else.
    #[error(
        "another program answers at {0}, or a humanllm with another API key; choose another port \
         with --listen"
    )]
    Taken(String),
    /// The file for the pane could not be written.
    #[error("cannot write what the other pane is to do: {0}")]
    Write(#[from] io::Error),
    /// tmux says no.
    #[error("tmux cannot split the window: {0}")]
    Tmux(String),
}

/// An agent that is set up and ready to be opened.
#[derive(Debug)]
pub struct Split {
    /// What was written for that, for the person.
    pub written: String,
    /// Whether a server runs already; else the pane in which this was typed is to have it.
    pub is_running: bool,
    /// The pane whose half the agent gets.
    pane: OsString,
    /// What the new pane does, in the folder in which this was typed.
    script: String,
}

impl Split {
    /// Sets the agent up where it is not set up for this server, and finds out who is to run that.
    ///
    /// # Errors
    /// No tmux, no agent, no address, or no place for its files.
    pub fn new(
        agent: &AgentProgram,
        arguments: &[String],
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, SplitError> {
        let pane = environment
            .get_filled("TMUX")
            .and(environment.get_filled("TMUX_PANE"))
            .ok_or(SplitError::NoTmux(agent.name))?;
        if find(agent.program, environment).is_none() {
            return Err(SplitError::NoProgram {
                program: agent.program,
                install: agent.install,
            });
        }
        let server = BaseUrls::of(config.listen)?;
        let is_running = match probe(&server, config.api_key.as_ref()) {
            ProbeResult::Humanllm => true,
            ProbeResult::Nobody => false,
            ProbeResult::Other | ProbeResult::WantsAnotherKey => {
                return Err(SplitError::Taken(server.anthropic));
            }
        };
        let launch = agent.launch(config, environment)?;
        let written = if agent.is_set_up(config, environment)? {
            String::new()
        } else {
            agent.set_up(false, config, environment)?.written()
        };
        Ok(Self {
            written,
            is_running,
            pane: pane.to_owned(),
            // Not by an argument of tmux, which runs what stands in `#(…)` there.
            script: script(
                &std::env::current_dir()?,
                agent,
                &launch,
                arguments,
                config.api_key.as_ref(),
                environment,
            ),
        })
    }

    /// Opens the agent: at the left, or above where there is no room for two side by side. It is
    /// what the person types into next.
    ///
    /// # Errors
    /// tmux does not do it.
    pub fn open(self) -> Result<(), SplitError> {
        let width = tmux(&[
            "display-message".as_ref(),
            "-p".as_ref(),
            "-t".as_ref(),
            &self.pane,
            "#{pane_width}".as_ref(),
        ])?;
        let is_wide = width
            .trim()
            .parse()
            .is_ok_and(|width: u16| width >= MIN_COLUMNS_SIDE_BY_SIDE);
        let file = self.write()?;
        let split = tmux(&[
            "split-window".as_ref(),
            if is_wide { "-h" } else { "-v" }.as_ref(),
            "-b".as_ref(),
            "-t".as_ref(),
            &self.pane,
            format!("sh {}", word(&file.to_string_lossy())).as_ref(),
        ]);
        if split.is_err() {
            // Nobody else will.
            let _ = fs::remove_file(&file);
        }
        split.map(drop)
    }

    /// A file for its owner only, which removes itself.
    fn write(&self) -> io::Result<PathBuf> {
        let mut file = tempfile::Builder::new().prefix("humanllm-").tempfile()?;
        let name = word(&file.path().to_string_lossy());
        write!(file, "rm -f -- {name}\n{}", self.script)?;
        file.flush()?;
        let (_, path) = file.keep().map_err(|error| error.error)?;
        Ok(path)
    }
}

/// What a shell does in the new pane.
fn script(
    folder: &Path,
    agent: &AgentProgram,
    launch: &Launch,
    arguments: &[String],
    key: Option<&ApiKey>,
    environment: &Environment,
) -> String {
    let kept = environment
        .variables()
        .filter(|(name, _)| is_name(name) && !PANE_VARIABLES.iter().any(|own| own == name));
    let export = |(name, value): (&str, &str)| format!("export {name}={}\n", quoted(value));
    let exports: String = kept
        .map(export)
        .chain(launch.variables(key).map(export))
        .collect();
    let words = launch.arguments.iter().chain(arguments);
    let words: String = words
        .map(|argument| format!(" {}", word(argument)))
        .collect();
    let program = agent.program;
    let folder = quoted(&folder.to_string_lossy());
    // A pane closes with its program, and what that said last would be gone.
    format!(
        "{exports}cd -- {folder} && {program}{words}\n\
         status=$?\n\
         [ \"$status\" -eq 0 ] || {{\n    \
             printf '\\n{program} ended with status %s; Enter closes this pane ' \"$status\"\n    \
             read -r _\n\
         }}\n"
    )
}

/// Whether a shell takes this for the name of a variable.
fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Has tmux do something; returns what it prints.
fn tmux(arguments: &[&OsStr]) -> Result<String, SplitError> {
    let output = Command::new("tmux")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| SplitError::Tmux(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(SplitError::Tmux(words.trim().to_owned()))
}
