//! The agents that can be set up with one command: a module for each, and a table of them.
//!
//! The module of an agent describes its files and how it is started as data, a [`Launch`]. Writing,
//! printing and checking that, and starting the agent, is the same for all agents.
//!
//! Files are written to a folder of this program, and the agent is pointed to them when it is started, so
//! that starting the agent without that works as before.

mod aider;
mod claude;
mod cline;
pub mod codex;
mod mini;
mod opencode;
mod qwen;

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::base_urls::BaseUrls;
use super::own_file;
use super::own_file::{Contents, FileState, OwnFile, SetupError};
use super::report::SetupReport;
use super::shell::word;
use crate::config::{ApiKey, Config};
use crate::environment::Environment;

/// The API key that is set in clients if the server needs none.
pub(super) const ANY_KEY: &str = "humanllm";
/// The environment variable with the API key. Files of agents refer to it: the key itself is never written.
pub(super) const KEY_VARIABLE: &str = "HUMANLLM_API_KEY";

/// How long an agent waits for an answer, in seconds: a day. A person may take hours, and a request without
/// streaming gets no heartbeats.
const PATIENCE_SECONDS: u64 = 24 * 60 * 60;
/// The context window that agents are told, in tokens: they compact a conversation before it is full.
const CONTEXT_TOKENS: u64 = 272_000;
/// The maximum length of an answer that agents are told, in tokens.
const ANSWER_TOKENS: u64 = 32_000;

/// An agent that can be set up.
#[derive(Debug)]
pub struct AgentProgram {
    /// Its name on the command line of this program.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The name of the executable.
    pub program: &'static str,
    /// The command that installs it.
    pub install: &'static str,
    /// The arguments with which it prints its version on the first line.
    pub version: &'static [&'static str],
    /// The arguments, after those of its [`Launch`], with which it asks one question and exits; the question
    /// itself follows them.
    pub question: &'static [&'static str],
    pub(super) launch: fn(&SetupContext<'_>) -> Result<Launch, SetupError>,
}

impl PartialEq for AgentProgram {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for AgentProgram {}

impl AgentProgram {
    /// All agents, in the order in which they are listed.
    pub const ALL: &'static [Self] = &[
        codex::AGENT,
        claude::AGENT,
        opencode::AGENT,
        aider::AGENT,
        qwen::AGENT,
        cline::AGENT,
        mini::AGENT,
    ];

    /// The agent with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|agent| agent.name == name)
    }

    /// Its files, arguments and environment for the configured server.
    ///
    /// # Errors
    /// The address is not known, or there is no folder for its files.
    pub fn launch(&self, config: &Config, environment: &Environment) -> Result<Launch, SetupError> {
        (self.launch)(&SetupContext::new(self, config, environment)?)
    }

    /// Whether its files exist and can be used: they may have been edited since, as long as the address of
    /// the server, and whether it needs a key, are still the same.
    pub(super) fn is_set_up(
        &self,
        config: &Config,
        environment: &Environment,
    ) -> Result<bool, SetupError> {
        let launch = self.launch(config, environment)?;
        let otherwise = Config {
            api_key: match config.api_key {
                Some(_) => None,
                None => ApiKey::new(ANY_KEY).ok(),
            },
            ..config.clone()
        };
        let otherwise = self.launch(&otherwise, environment)?;
        let mut files = launch.files.iter().zip(&otherwise.files);
        Ok(launch.names(&BaseUrls::of(config.listen)?)
            && files.all(|(file, otherwise)| file.is_usable(otherwise)))
    }

    /// Writes its files, or only shows them.
    ///
    /// # Errors
    /// As [`AgentProgram::launch`]; or a file cannot be read or written.
    pub fn set_up(
        &self,
        print: bool,
        config: &Config,
        environment: &Environment,
    ) -> Result<SetupReport, SetupError> {
        let launch = self.launch(config, environment)?;
        let command = launch.command(self.program);
        if print {
            return Ok(SetupReport::printed(launch.files, command));
        }
        Ok(SetupReport::Installed {
            title: self.title,
            files: own_file::write_all(&launch.files, false)?,
            base_url: launch.base_url,
            needs_key: config.api_key.is_some(),
            command,
        })
    }
}

/// What the launch of an agent is made from.
pub(super) struct SetupContext<'a> {
    pub(crate) base_urls: BaseUrls,
    /// The models that the server offers, at least one.
    pub models: &'a [String],
    /// Whether the server wants an API key.
    pub(crate) needs_key: bool,
    pub config: &'a Config,
    pub environment: &'a Environment,
    /// The folder for files of agents.
    folder: PathBuf,
}

impl<'a> SetupContext<'a> {
    fn new(
        agent: &AgentProgram,
        config: &'a Config,
        environment: &'a Environment,
    ) -> Result<Self, SetupError> {
        let folder = environment.xdg_dir("XDG_CONFIG_HOME", ".config");
        Ok(Self {
            base_urls: BaseUrls::of(config.listen)?,
            models: &config.models,
            needs_key: config.api_key.is_some(),
            config,
            environment,
            folder: folder
                .ok_or(SetupError::NoHome(agent.title))?
                .join("humanllm/agents"),
        })
    }

    /// The default model of agents.
    fn model(&self) -> &str {
        self.models.first().map_or("human", String::as_str)
    }

    /// The path of a file in the folder for files of agents.
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The redirect of an agent whose files are all in that folder.
    fn redirect_by_copies(&self) -> Redirect {
        Redirect::Copies(self.folder.clone())
    }

    /// The environment variable for the API key, if the server needs one, of an agent whose files cannot
    /// refer to a variable.
    fn key_unless_any(&self, variable: &'static str) -> Vec<(&'static str, VariableValue)> {
        if self.needs_key {
            vec![(variable, VariableValue::Key)]
        } else {
            Vec::new()
        }
    }
}

/// How an agent is started so that it uses this server.
#[derive(Debug)]
pub struct Launch {
    /// The files that it needs.
    pub(super) files: Vec<OwnFile>,
    /// The environment variables to set.
    pub(super) environment: Vec<(&'static str, VariableValue)>,
    /// The command line arguments.
    pub(super) arguments: Vec<String>,
    /// The base URL that it will use.
    pub(super) base_url: String,
    /// How it is redirected to another server, with the same files.
    pub(super) redirect: Redirect,
}

/// How an agent that is set up is redirected to another server for one run.
#[derive(Debug)]
pub(super) enum Redirect {
    /// By copies of its files in this folder, with the address replaced.
    Copies(PathBuf),
    /// By additional arguments.
    Arguments(fn(&BaseUrls) -> Vec<String>),
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VariableValue {
    Text(String),
    /// The API key, which is neither shown nor written to a file.
    Key,
}

impl Launch {
    /// The worst state of its files.
    pub(super) fn file_state(&self) -> FileState {
        let standings = self.files.iter().map(OwnFile::state);
        standings.fold(FileState::AsWritten, |all, one| match (all, one) {
            (FileState::Missing, _) | (_, FileState::Missing) => FileState::Missing,
            (FileState::Changed, _) | (_, FileState::Changed) => FileState::Changed,
            _ => FileState::AsWritten,
        })
    }

    /// Whether one of its files, as they are on disk, has the address of this server.
    pub(super) fn names(&self, server: &BaseUrls) -> bool {
        let texts = self.files.iter().map(|file| fs::read_to_string(&file.path));
        texts.flatten().any(|text| names(&text, &server.anthropic))
    }

    /// The environment variables to set, with the API key if there is one.
    pub(super) fn variables<'a>(
        &'a self,
        key: Option<&'a ApiKey>,
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        let key = key.map(ApiKey::as_str);
        let own = self.environment.iter();
        let own = own.filter_map(move |(name, value)| match value {
            VariableValue::Text(text) => Some((*name, text.as_str())),
            VariableValue::Key => Some((*name, key?)),
        });
        // The files of agents refer to this one.
        own.chain(key.map(|key| (KEY_VARIABLE, key)))
    }

    /// The launch for another server; copies of its files, if it needs them, are written to `copies`.
    ///
    /// # Errors
    /// A file cannot be read or copied.
    pub(super) fn redirected_to(
        mut self,
        from: &BaseUrls,
        to: &BaseUrls,
        copies: &Path,
    ) -> io::Result<Self> {
        let folder = match &self.redirect {
            Redirect::Copies(folder) => folder.clone(),
            Redirect::Arguments(arguments) => {
                self.arguments.extend(arguments(to));
                return Ok(self);
            }
        };
        let (old, new) = (folder.to_string_lossy(), copies.to_string_lossy());
        for file in &self.files {
            let Ok(name) = file.path.strip_prefix(&folder) else {
                continue;
            };
            let text = fs::read_to_string(&file.path)?;
            let text = text.replace(&from.anthropic, &to.anthropic);
            let copy = copies.join(name);
            fs::create_dir_all(copy.parent().unwrap_or(copies))?;
            fs::write(copy, text.replace(&*old, &new))?;
        }
        for argument in &mut self.arguments {
            *argument = argument.replace(&*old, &new);
        }
        for (_, value) in &mut self.environment {
            if let VariableValue::Text(text) = value {
                *text = text.replace(&*old, &new);
            }
        }
        Ok(self)
    }

    /// The command that starts the program, for a shell.
    pub(super) fn command(&self, program: &str) -> String {
        let variables = self.environment.iter().map(|(name, value)| match value {
            VariableValue::Text(text) => format!("{name}={}", word(text)),
            VariableValue::Key => format!("{name}=\"${KEY_VARIABLE}\""),
        });
        let arguments = self.arguments.iter().map(|argument| word(argument));
        let words: Vec<String> = variables
            .chain([program.to_owned()])
            .chain(arguments)
            .collect();
        words.join(" ")
    }
}

/// Whether a text has the address of a server, not followed by more digits of another port.
fn names(text: &str, server: &str) -> bool {
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let mut rests = text.split(server).skip(1);
    rests.any(|rest| !digit(rest))
}

/// A JSON document as the text of a file.
fn json_text(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// A file that is written as a whole; other contents are backed up.
fn backed_up_file(path: PathBuf, text: String) -> OwnFile {
    OwnFile {
        path,
        contents: Contents::BackedUp(text),
    }
}
