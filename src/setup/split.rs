//! `split AGENT`: opens an agent in the other half of a tmux window, set up for this server.
//!
//! The agent gets the environment of the calling shell, although tmux gives new panes the environment of
//! its server. It is passed in a script file that only its owner can read and that removes itself, because
//! other users can read command lines.

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

/// The columns from which on the two panes are side by side, and not one above the other.
const MIN_COLUMNS_SIDE_BY_SIDE: u16 = 120;
/// Variables that are not passed on: those that tmux sets for each pane, and those that are read-only in
/// bash, where `sh` is bash: setting one would end the script.
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
    /// The command does not run in tmux.
    #[error(
        "split works inside of tmux; elsewhere, start humanllm in one terminal and the agent in \
         another: humanllm setup {0}"
    )]
    NoTmux(&'static str),
    /// The agent is not installed.
    #[error("there is no {program} on PATH; install it with `{install}`")]
    NoProgram {
        /// The name of the program.
        program: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// The files of the agent cannot be written, or the address is not known.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Another program listens on the port.
    #[error(
        "another program answers at {0}, or a humanllm with another API key; choose another port \
         with --listen"
    )]
    Taken(String),
    /// The script for the pane cannot be written.
    #[error("cannot write what the other pane is to do: {0}")]
    Write(#[from] io::Error),
    /// tmux failed.
    #[error("tmux cannot split the window: {0}")]
    Tmux(String),
}

/// An agent that is set up and can be opened.
#[derive(Debug)]
pub struct Split {
    /// The files that were written, for the person; empty if there were none.
    pub written: String,
    /// Whether the server is running already; if not, it has to be started in the current pane.
    pub is_running: bool,
    /// The id of the pane to split.
    pane: OsString,
    /// The shell script for the new pane.
    script: String,
}

impl Split {
    /// Sets the agent up, unless it is set up for this server, and finds out whether the server is running.
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
            // The script changes to the folder, because tmux would expand `#(…)` in an argument.
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

    /// Opens the agent in a new pane with the focus: on the left, or above if the pane is narrow.
    ///
    /// # Errors
    /// tmux failed, or the script cannot be written.
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
            // The script, which would remove itself, does not run.
            let _ = fs::remove_file(&file);
        }
        split.map(drop)
    }

    /// Writes the script to a file that only its owner can read and that removes itself.
    fn write(&self) -> io::Result<PathBuf> {
        let mut file = tempfile::Builder::new().prefix("humanllm-").tempfile()?;
        let name = word(&file.path().to_string_lossy());
        write!(file, "rm -f -- {name}\n{}", self.script)?;
        file.flush()?;
        let (_, path) = file.keep().map_err(|error| error.error)?;
        Ok(path)
    }
}

/// The script for the new pane.
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
    // After an error, wait: the pane closes with its program, and takes the message with it.
    format!(
        "{exports}cd -- {folder} && {program}{words}\n\
         status=$?\n\
         [ \"$status\" -eq 0 ] || {{\n    \
             printf '\\n{program} ended with status %s; Enter closes this pane ' \"$status\"\n    \
             read -r _\n\
         }}\n"
    )
}

/// Whether a shell accepts this as the name of a variable.
fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Runs a tmux command and returns its output.
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
