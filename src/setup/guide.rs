//! `setup`, `setup openai` and `setup anthropic`: lists the agents that can be set up, and prints what to
//! set in other clients. Writes no files.
//!
//! What the SDKs read from the environment was measured with those for Python, OpenAI's 3.52.0 and
//! Anthropic's 2.11.0. Neither starts without an API key. Anthropic's takes `ANTHROPIC_AUTH_TOKEN`
//! too, but `ANTHROPIC_API_KEY` beats it.

use super::agents::{ANY_KEY, AgentProgram, KEY_VARIABLE};
use super::programs::find;
use super::shell::{quoted, word};
use super::{BaseUrls, SetupError};
use crate::config::{Config, Flags};
use crate::environment::Environment;

/// The SDKs of a provider, which read their settings from the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdks {
    /// OpenAI's, for Responses and Chat Completions.
    OpenAi,
    /// Anthropic's, for Messages.
    Anthropic,
}

impl Sdks {
    /// Both of them, in the order of the guide.
    pub const ALL: &'static [Self] = &[Self::OpenAi, Self::Anthropic];

    fn heading(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI's SDKs, for Responses and Chat Completions",
            Self::Anthropic => "Anthropic's SDKs, for Messages",
        }
    }

    /// The prefix of the environment variables.
    fn prefix(self) -> &'static str {
        match self {
            Self::OpenAi => "OPENAI",
            Self::Anthropic => "ANTHROPIC",
        }
    }
}

/// The API key that a client has to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyForm {
    /// The server needs none.
    Any,
    /// The one in the environment of this process.
    InEnvironment,
    /// The one in the configuration file, which is not in the environment.
    InFile,
}

/// Instructions for a person to read or a shell to evaluate. They never contain the API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guide {
    base_urls: BaseUrls,
    key: KeyForm,
    models: Vec<String>,
    /// The global flags to repeat in commands, each with a leading space.
    flags: String,
    /// The list of agents, one line each.
    agents: String,
}

/// The line of an agent in the list.
fn agent_line(agent: &AgentProgram, environment: &Environment) -> String {
    let place = match find(agent.program, environment) {
        Some(path) => path.display().to_string(),
        None => format!("not found: {}", agent.install),
    };
    format!("    {:<9}{:<15}{place}\n", agent.name, agent.title)
}

impl Guide {
    /// The guide for the server that these flags and this environment configure.
    ///
    /// # Errors
    /// The port is 0, so there is no address to tell.
    pub fn new(
        flags: &Flags,
        config: &Config,
        environment: &Environment,
    ) -> Result<Self, SetupError> {
        let key = match (&config.api_key, environment.get(KEY_VARIABLE)) {
            (None, _) => KeyForm::Any,
            (Some(_), Some(_)) => KeyForm::InEnvironment,
            (Some(_), None) => KeyForm::InFile,
        };
        let listen = flags.listen.as_deref().map(word);
        // The command may be run in another folder.
        let file = flags.config.as_ref().map(|file| {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            word(&file.to_string_lossy())
        });
        let repeated = [("--listen", listen), ("--config", file)].into_iter();
        Ok(Self {
            base_urls: BaseUrls::of(config.listen)?,
            key,
            models: config.models.clone(),
            agents: AgentProgram::ALL
                .iter()
                .map(|agent| agent_line(agent, environment))
                .collect(),
            flags: repeated
                .filter_map(|(flag, value)| Some(format!(" {flag} {}", value?)))
                .collect(),
        })
    }

    /// All instructions, for a person.
    pub fn all(&self) -> String {
        let Self { flags, agents, .. } = self;
        let BaseUrls { openai, anthropic } = &self.base_urls;
        let sdks: String = Sdks::ALL.iter().map(|sdks| self.section(*sdks)).collect();
        format!(
            "Start humanllm in one terminal. In another, where the client runs:\n\
             {}\n\
             An agent of these, by one command, which also says how to start it:\n    \
                 humanllm setup AGENT{flags}\n\
             \n\
             {agents}\
             \n\
             {sdks}\
             Any other client\n    \
                 base URL   {openai} for the APIs of OpenAI\n               \
                            {anthropic} for Anthropic's, whose clients add /v1\n    \
                 API key    {}\n    \
                 model      {}\n\
             \n\
             The variables of both SDKs at once:\n    \
                 eval \"$(humanllm setup --print env{flags})\"\n",
            self.key_first(),
            self.key_in_words(),
            self.models_in_words(),
        )
    }

    /// The instructions for these SDKs, for a person.
    pub fn of(&self, sdks: Sdks) -> String {
        format!(
            "Start humanllm in one terminal. In another, where the client runs:\n\
             {}\n\
             {}\
             The API key: {}.\n\
             The model: {}.\n",
            self.key_first(),
            self.section(sdks),
            self.key_in_words(),
            self.models_in_words(),
        )
    }

    /// Lines for a shell to evaluate.
    pub fn env(&self, sdks: &[Sdks]) -> String {
        let lines: String = sdks.iter().flat_map(|sdks| self.exports(*sdks)).collect();
        match self.key {
            KeyForm::Any | KeyForm::InEnvironment => lines,
            // Grouped into one command: if the key is missing, an interactive shell would run the
            // remaining lines, and the client would fail later with a less helpful message.
            KeyForm::InFile => format!(
                "{{ : \"${{{KEY_VARIABLE}:?set it to the api_key in the config file of humanllm}}\"\n\
                 {lines}}}\n"
            ),
        }
    }

    fn section(&self, sdks: Sdks) -> String {
        let exports = self.exports(sdks).map(|line| format!("    {line}"));
        format!("{}\n{}\n", sdks.heading(), exports.concat())
    }

    fn exports(&self, sdks: Sdks) -> [String; 2] {
        let prefix = sdks.prefix();
        let base_url = quoted(match sdks {
            Sdks::OpenAi => &self.base_urls.openai,
            Sdks::Anthropic => &self.base_urls.anthropic,
        });
        let key = match self.key {
            KeyForm::Any => quoted(ANY_KEY),
            KeyForm::InEnvironment | KeyForm::InFile => format!("\"${KEY_VARIABLE}\""),
        };
        [
            format!("export {prefix}_BASE_URL={base_url}\n"),
            format!("export {prefix}_API_KEY={key}\n"),
        ]
    }

    /// The line that sets the API key, if the server needs one.
    fn key_first(&self) -> String {
        match self.key {
            KeyForm::Any => String::new(),
            KeyForm::InEnvironment | KeyForm::InFile => {
                format!("    export {KEY_VARIABLE}='YOUR KEY'\n")
            }
        }
    }

    fn key_in_words(&self) -> String {
        match self.key {
            KeyForm::Any => {
                "anything: humanllm needs none, but SDKs do not start without one".into()
            }
            KeyForm::InEnvironment => format!("the one in {KEY_VARIABLE}, which is not shown here"),
            KeyForm::InFile => "the api_key in the config file, which is not shown here".into(),
        }
    }

    fn models_in_words(&self) -> String {
        format!("{}; any other name works too", self.models.join(", "))
    }
}
