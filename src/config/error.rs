//! The errors of the configuration, with messages that tell the person what to change.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model::BaseUrlError;
use crate::rules::RuleError;
use crate::tui::keys::keymap::KeymapError;
use crate::tui::theme::ThemeError;

/// Why there is no configuration. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named is not there.
    #[error("{named_by}: there is no file {}", file.display())]
    NotFound {
        /// The path as given.
        file: PathBuf,
        /// The flag or variable that named it.
        named_by: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// Something in the file is wrong.
    #[error("{}:{line}: {}{problem}", file.display(), prefix(key))]
    File {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key with its table, such as `server.max_waiting`; empty if the TOML is broken.
        key: String,
        /// What is wrong.
        problem: ValueProblem,
    },
    /// The value of a flag or of an environment variable is wrong.
    #[error("{name}: {problem}")]
    Value {
        /// The flag or the variable.
        name: &'static str,
        /// What is wrong.
        problem: ValueProblem,
    },
    /// The address is open to the network, and there is no API key.
    #[error(
        "listening on {0} lets others on the network in: set HUMANLLM_API_KEY (or `api_key` in \
         the config file) to a secret, or listen on 127.0.0.1"
    )]
    OpenToNetwork(SocketAddr),
    /// There is no state folder.
    #[error("there is no home folder for the state: set HUMANLLM_STATE_DIR or --state-dir")]
    NoStateDir,
}

fn prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueProblem {
    /// The file is not valid TOML.
    #[error("{0}")]
    Syntax(String),
    /// No such key.
    #[error("unknown key{}", suggest(suggestion.as_deref(), known))]
    UnknownKey {
        /// The key it was probably meant to be.
        suggestion: Option<String>,
        /// The keys there are.
        known: Vec<String>,
    },
    /// A value of another type was expected.
    #[error("{0}")]
    Type(String),
    /// Not Unicode.
    #[error("the value is not valid UTF-8")]
    NotUtf8,
    /// No address with a port.
    #[error("`{0}` is not an address; write ADDR:PORT, such as 127.0.0.1:3000 or [::1]:3000")]
    Address(String),
    /// An empty bearer token protects nothing.
    #[error("the key is empty; set it to a secret, or remove it")]
    EmptyApiKey,
    /// A bearer token that no client could send.
    #[error(
        "the key may hold only ASCII letters, digits and punctuation, without spaces, because it travels in a header"
    )]
    ApiKeyCharacters,
    /// An empty path.
    #[error("the path is empty")]
    EmptyPath,
    /// A path below `~`, and no home folder.
    #[error("there is no home folder for `~`; write the full path")]
    NoHome,
    /// No model name.
    #[error("needs at least one model name")]
    NoModels,
    /// A model name that nobody could type or read.
    #[error("{0:?} is not a model name; use letters, digits and punctuation, without spaces")]
    ModelName(String),
    /// The same model name twice.
    #[error("`{0}` is listed twice")]
    ModelTwice(String),
    /// Zero where it makes no sense.
    #[error("must be at least 1")]
    Zero,
    /// No host name.
    #[error(
        "{0:?} is not a host name; write it without scheme, port and path, such as my-laptop.lan"
    )]
    Host(String),
    /// No origin.
    #[error("{0:?} is not an origin; write scheme and host only, such as https://example.org")]
    Origin(String),
    /// A model on another server without a name.
    #[error("this model needs a `name`, such as \"qwen\"")]
    NoUpstreamName,
    /// A phase of a study without a name.
    #[error("this phase needs a `name`, such as \"greeting\"")]
    NoPhaseName,
    /// Two phases of a study with one name.
    #[error("there is a phase of the name `{0}` already; choose another")]
    PhaseTwice(String),
    /// Two models on other servers with one name.
    #[error("there is a model of the name `{0}` already; choose another")]
    UpstreamTwice(String),
    /// No such model on another server.
    #[error("there is no [[model]] with this name{}", known_upstreams(suggestion.as_deref(), known))]
    UnknownUpstream {
        /// The model it was probably meant to be.
        suggestion: Option<String>,
        /// The models there are.
        known: Vec<String>,
    },
    /// A model on another server without an address.
    #[error("this model needs a `base_url`, such as \"http://127.0.0.1:8080\"")]
    NoBaseUrl,
    /// No base URL.
    #[error(transparent)]
    BaseUrl(#[from] BaseUrlError),
    /// A key that would be sent without encryption.
    #[error(
        "the key would travel to {0} so that everybody on the way can read it; write https://, or, if \
         that machine is in your own network, its address there"
    )]
    OpenKey(String),
    /// The address of this program itself, which would draft for itself without end.
    #[error("this is where humanllm itself listens; write the address of the model's server")]
    OwnAddress,
    /// No format.
    #[error("`{0}` is not a format; write chat, responses or messages")]
    Format(String),
    /// Something that is no name of a variable, perhaps the key itself.
    #[error(
        "this is the name of the environment variable that holds the key, in capitals, such as \
         OPENROUTER_API_KEY; the key itself does not belong into this file"
    )]
    KeyVariable,
    /// A header that cannot be set.
    #[error("{0:?} is not a header that can be set here")]
    HeaderName(String),
    /// A header that cannot have this value, which may be secret.
    #[error("the value of {0:?} cannot stand in a header; use visible ASCII characters")]
    HeaderValue(String),
    /// A parameter that this program sets.
    #[error("`{0}` is set by humanllm itself; remove it here")]
    OwnParameter(String),
    /// No such theme.
    #[error("there is no theme with this name{}", suggest(suggestion.as_deref(), known))]
    UnknownTheme {
        /// The theme it was probably meant to be.
        suggestion: Option<String>,
        /// The themes there are.
        known: Vec<String>,
    },
    /// A theme with the name of one of the program's own.
    #[error("there is a built-in theme with this name; choose another")]
    ThemeTaken,
    /// A `[theme.NAME]` table is wrong.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// Something that is no regular expression.
    #[error("{0}")]
    Expression(String),
    /// A `[[rule]]` is wrong.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The `[keys]` table is wrong.
    #[error(transparent)]
    Keys(#[from] KeymapError),
}

fn suggest(suggestion: Option<&str>, known: &[String]) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; there are {}", known.join(", ")),
    }
}

fn known_upstreams(suggestion: Option<&str>, known: &[String]) -> String {
    match known {
        [] => "; `humanllm setup model` adds one".into(),
        known => suggest(suggestion, known),
    }
}
