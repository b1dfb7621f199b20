//! The agents that can be set up by one command: one file each, and a table of them here.
//!
//! An agent's file says what it has to be told and how it is started, as data: [`Launch`]. Writing
//! that, printing it, checking it and starting the agent are the same for all of them.
//!
//! All that is written stands in a folder of this program and is named to the agent when it starts,
//! so that whoever starts the agent by its bare name gets it as it was before.

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

/// What stands for the API key where the server asks for none.
pub(super) const ANY_KEY: &str = "humanllm";
/// The variable that the API key comes from, and that files of agents refer to: no key is ever
/// written into one.
pub(super) const KEY_VARIABLE: &str = "HUMANLLM_API_KEY";

/// How long an agent waits for an answer, in seconds: a day. A person may take hours, and one that
/// asks without streaming sees nothing before the answer.
const PATIENCE_SECONDS: u64 = 24 * 60 * 60;
/// How many tokens agents may take a conversation to hold before they have it summed up.
const CONTEXT_TOKENS: u64 = 272_000;
/// How many tokens agents may expect of an answer.
const ANSWER_TOKENS: u64 = 32_000;

/// A program that asks a model and does what it says.
#[derive(Debug)]
pub struct AgentProgram {
    /// What it is called on the command line of this program.
    pub name: &'static str,
    /// What it calls itself.
    pub title: &'static str,
    /// The program to start.
    pub program: &'static str,
    /// How to install it.
    pub install: &'static str,
    /// What makes it say which version it is, on its first line.
    pub version: &'static [&'static str],
    /// What makes it ask one question and end, behind the arguments of its [`Launch`]; the question
    /// comes last.
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
    /// All of them, in the order in which they are listed.
    pub const ALL: &'static [Self] = &[
        codex::AGENT,
        claude::AGENT,
        opencode::AGENT,
        aider::AGENT,
        qwen::AGENT,
        cline::AGENT,
        mini::AGENT,
    ];

    /// The agent of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|agent| agent.name == name)
    }

    /// What it has to be told of the server that is configured.
    ///
    /// # Errors
    /// No address can be told, or there is no place for its files.
    pub fn launch(&self, config: &Config, environment: &Environment) -> Result<Launch, SetupError> {
        (self.launch)(&SetupContext::new(self, config, environment)?)
    }

    /// Whether what it needs is there: as it would be written now or as somebody changed it since,
    /// which is theirs to keep as long as the server is the same and wants a key or none as then.
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

    /// Writes what it needs, or only shows it.
    ///
    /// # Errors
    /// As [`Agent::launch`]; or a file cannot be read or written.
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

/// What an agent has to be told of, and where its files go.
pub(super) struct SetupContext<'a> {
    pub(crate) base_urls: BaseUrls,
    /// The models that the server offers, at least one.
    pub models: &'a [String],
    /// Whether the server wants an API key.
    pub(crate) needs_key: bool,
    pub config: &'a Config,
    pub environment: &'a Environment,
    /// The folder of this program for files of agents.
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

    /// The model that agents ask for unless they are told otherwise.
    fn model(&self) -> &str {
        self.models.first().map_or("human", String::as_str)
    }

    /// A file of this name in the folder for files of agents.
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How an agent is sent elsewhere whose files stand in the folder for them.
    fn redirect_by_copies(&self) -> Redirect {
        Redirect::Copies(self.folder.clone())
    }

    /// The variable for the API key of an agent whose files cannot refer to one.
    fn key_unless_any(&self, variable: &'static str) -> Vec<(&'static str, VariableValue)> {
        if self.needs_key {
            vec![(variable, VariableValue::Key)]
        } else {
            Vec::new()
        }
    }
}

/// How an agent is started so that it asks this server.
#[derive(Debug)]
pub struct Launch {
    /// Files that have to be there.
    pub(super) files: Vec<OwnFile>,
    /// What to set in its environment.
    pub(super) environment: Vec<(&'static str, VariableValue)>,
    /// What stands behind its name on the command line.
    pub(super) arguments: Vec<String>,
    /// Where it will look for the server.
    pub(super) base_url: String,
    /// How it is made to ask another server, with the same files.
    pub(super) redirect: Redirect,
}

/// How an agent that is set up is made to ask another server for once.
#[derive(Debug)]
pub(super) enum Redirect {
    /// By copies of its files from this folder, in which that server is named.
    Copies(PathBuf),
    /// By these arguments besides its own.
    Arguments(fn(&BaseUrls) -> Vec<String>),
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VariableValue {
    Text(String),
    /// The API key, which is neither shown nor written.
    Key,
}

impl Launch {
    /// How its files are now, taken together.
    pub(super) fn file_state(&self) -> FileState {
        let standings = self.files.iter().map(OwnFile::state);
        standings.fold(FileState::AsWritten, |all, one| match (all, one) {
            (FileState::Missing, _) | (_, FileState::Missing) => FileState::Missing,
            (FileState::Changed, _) | (_, FileState::Changed) => FileState::Changed,
            _ => FileState::AsWritten,
        })
    }

    /// Whether one of its files, as they are now, names this server.
    pub(super) fn names(&self, server: &BaseUrls) -> bool {
        let texts = self.files.iter().map(|file| fs::read_to_string(&file.path));
        texts.flatten().any(|text| names(&text, &server.anthropic))
    }

    /// What is set in its environment, with the API key where there is one.
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
        // Files refer to it.
        own.chain(key.map(|key| (KEY_VARIABLE, key)))
    }

    /// The launch for another server, with copies of its files in a folder where it needs such.
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

/// Whether a text names a server, and not one whose port only begins alike.
fn names(text: &str, server: &str) -> bool {
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let mut rests = text.split(server).skip(1);
    rests.any(|rest| !digit(rest))
}

/// A JSON document as a file's text.
fn json_text(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// A file that is written whole, and kept under another name where somebody has changed it.
fn backed_up_file(path: PathBuf, text: String) -> OwnFile {
    OwnFile {
        path,
        contents: Contents::BackedUp(text),
    }
}
