//! `setup model`: adds a model on another server to the configuration, as a `[[model]]` table. The server is
//! found on the usual ports, or named by flags.

mod check;
mod entry;
mod found;

use std::path::PathBuf;
use std::{fs, io};

pub use check::check;
use entry::ModelEntry;
use found::FoundServer;
pub use found::{USUAL_PORTS, UsualPort};

use super::own_file::{self, Contents, OwnFile};
use super::report::outcome_lines;
use super::shell::word;
use super::{BaseUrls, SetupError};
use crate::api::Format;
use crate::config::{self, Config, ConfigError, Flags, ValueProblem};
use crate::environment::Environment;
use crate::model::{BaseUrl, BaseUrlError, Upstream};

/// The first line of a new configuration file.
const NEW_FILE_HEADER: &str =
    "# humanllm configuration; config.example.toml has every key with what it is for.\n";

/// The options of `setup model`.
#[derive(Debug, Clone, Default)]
pub struct ModelSetupOptions {
    /// The name of the model in the configuration.
    pub name: Option<String>,
    /// The base URL of its server.
    pub url: Option<String>,
    /// The name of the model on its server.
    pub model: Option<String>,
    /// The wire format of its server.
    pub format: Option<Format>,
    /// The environment variable with the API key.
    pub api_key_env: Option<String>,
    /// Whether the table is only printed.
    pub print: bool,
}

/// Why no model was set up. The configuration is unchanged then.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No server answers on the usual ports.
    #[error(
        "no model runs on the usual ports of this machine ({}); start one, or say where it is with \
         --url http://ADDRESS:PORT",
        .0.iter().map(|place| format!("{} {}", place.program, place.port)).collect::<Vec<_>>().join(", ")
    )]
    NothingFound(Vec<UsualPort>),
    /// No server on the usual ports has the model.
    #[error("no server on the usual ports has the model {0}; say where it is with --url")]
    NotFound(String),
    /// The server does not list its models.
    #[error("{0}; say which model it has with --model NAME")]
    NoList(String),
    /// There are several models; a command for each has been reported.
    #[error("there is more than one model; choose one with --url and --model")]
    Several,
    /// The URL is not valid.
    #[error("--url: {0}")]
    Url(#[from] BaseUrlError),
    /// The value of a flag is not valid.
    #[error("{0}: {1}")]
    Value(&'static str, ValueProblem),
    /// There is no home folder.
    #[error("there is no home folder for the configuration; name a file with --config")]
    NoHome,
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] SetupError),
    /// The configuration would not be valid with the model.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A system call failed.
    #[error("cannot look for models: {0}")]
    System(#[from] io::Error),
}

/// Adds a model to the configuration, or shows what would be written. `places` are the ports on which servers
/// are looked for if none is named. Messages for the person are appended to `messages`.
///
/// # Errors
///
/// A [`ModelError`]; messages appended before are still valid.
pub fn run(
    options: &ModelSetupOptions,
    places: &[UsualPort],
    flags: &Flags,
    config: &Config,
    environment: &Environment,
    messages: &mut String,
) -> Result<(), ModelError> {
    check_values(options, environment)?;
    let known = options.name.as_ref();
    let known = known.and_then(|name| config.upstreams.iter().find(|known| known.name == *name));
    let entry = match known {
        Some(known) if options.is_empty() => {
            messages.push_str(&unchanged(known));
            return Ok(());
        }
        // Values that are not given stay as they are.
        Some(known) if options.url.is_none() => ModelEntry::of(known).with(options, None),
        _ => {
            let chosen = choose(options, places, config, environment, messages)?;
            let same = |known: &&Upstream| {
                known.url == chosen.url && known.model == chosen.model && options.name.is_none()
            };
            if let Some(known) = config.upstreams.iter().find(same) {
                messages.push_str(&unchanged(known));
                return Ok(());
            }
            let entry = match known {
                Some(known) => ModelEntry::of(known),
                None => ModelEntry::new(name_of(&chosen.model, options, config), &chosen.url),
            };
            entry.with(options, Some(&chosen))
        }
    };
    let (path, _) = config::file(flags, environment).ok_or(ModelError::NoHome)?;
    if options.print {
        messages.push_str(&format!(
            "==> {}, this table alone <==\n{entry}",
            path.display()
        ));
        return Ok(());
    }
    messages.push_str(&write(&entry, path, flags, environment)?);
    let (name, url) = (word(&entry.name), &entry.base_url);
    let is_open = BaseUrl::new(url).is_ok_and(|url| !url.is_secure() && !url.is_private());
    let open = if is_open {
        "It is not encrypted: everybody on the way there can read it. Better write https://.\n"
    } else {
        ""
    };
    messages.push_str(&format!(
        "\n{entry}\n\
         All that an agent sends goes to {url} when a draft is asked for.\n{open}\
         A humanllm that runs takes the model in with F9. To try it:\n\n    \
             humanllm setup model --check {name}\n"
    ));
    Ok(())
}

impl ModelSetupOptions {
    /// Whether no option is given, except perhaps a name.
    fn is_empty(&self) -> bool {
        self.url.is_none()
            && self.model.is_none()
            && self.format.is_none()
            && self.api_key_env.is_none()
    }
}

fn check_values(options: &ModelSetupOptions, environment: &Environment) -> Result<(), ModelError> {
    if let Some(name) = &options.name {
        config::check_name(name).map_err(|problem| ModelError::Value("NAME", problem))?;
    }
    if let Some(variable) = &options.api_key_env {
        let wrong = |problem| ModelError::Value("--api-key-env", problem);
        config::key_of(variable, environment).map_err(wrong)?;
    }
    Ok(())
}

fn unchanged(known: &Upstream) -> String {
    format!(
        "unchanged: the model {} is set up already, as {} at {}\n",
        known.name, known.model, known.url
    )
}

/// The model to set up.
struct ChosenModel {
    url: BaseUrl,
    /// The URL as it is to be written.
    written: String,
    model: String,
}

/// Determines the model to set up, and reports which servers there are.
fn choose(
    options: &ModelSetupOptions,
    places: &[UsualPort],
    config: &Config,
    environment: &Environment,
    messages: &mut String,
) -> Result<ChosenModel, ModelError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let Some(url) = &options.url else {
        let own = BaseUrls::of(config.listen).ok();
        let own = own.and_then(|own| BaseUrl::new(&own.openai).ok());
        let found = runtime.block_on(found::probe_ports(places, own.as_ref()));
        if found.is_empty() {
            return Err(ModelError::NothingFound(places.to_vec()));
        }
        for found in &found {
            messages.push_str(&format!("found {found}\n"));
        }
        return only_model(options, &found, messages);
    };
    let parsed = BaseUrl::new(url)?;
    let asked = found::probe_url(&parsed, options, environment);
    match (runtime.block_on(asked), &options.model) {
        (Ok(found), None) => {
            messages.push_str(&format!("found {found}\n"));
            only_model(options, &[found], messages)
        }
        (Err(words), None) => Err(ModelError::NoList(words)),
        (answer, Some(model)) => {
            match answer {
                Ok(found) if !found.models.contains(model) => {
                    messages.push_str(&format!("found {found}\n    {model} is not in its list\n"));
                }
                Ok(_) => {}
                Err(words) => messages.push_str(&format!("{words}\n")),
            }
            Ok(ChosenModel {
                url: parsed,
                written: url.clone(),
                model: model.clone(),
            })
        }
    }
}

/// The model, if only one of the found models comes into question; if there are several, a command for each
/// is reported.
fn only_model(
    options: &ModelSetupOptions,
    found: &[FoundServer],
    messages: &mut String,
) -> Result<ChosenModel, ModelError> {
    let fits = |model: &&String| match &options.model {
        Some(wanted) => *model == wanted,
        None => !is_embedding_model(model),
    };
    let of = |found: &'_ FoundServer| found.models.iter().filter(fits).count();
    // Another humanllm is used only if its URL is given.
    let is_meant = |found: &&FoundServer| options.url.is_some() || !found.is_humanllm();
    let meant: usize = found.iter().filter(is_meant).map(of).sum();
    for found in found.iter().filter(|found| meant == 1 && is_meant(found)) {
        if let Some(model) = found.models.iter().find(fits) {
            return Ok(choice(found, model));
        }
    }
    let (mut several, url) = (false, |found: &FoundServer| word(&found.written));
    for (found, model) in found.iter().flat_map(|found| {
        found
            .models
            .iter()
            .filter(fits)
            .map(move |model| (found, model))
    }) {
        let (url, model) = (url(found), word(model));
        messages.push_str(&format!(
            "    humanllm setup model --url {url} --model {model}\n"
        ));
        several = true;
    }
    match (several, &options.model, found) {
        (true, ..) => Err(ModelError::Several),
        (false, Some(model), _) => Err(ModelError::NotFound(model.clone())),
        (false, None, _) => Err(ModelError::NoList("no model is there that writes".into())),
    }
}

fn choice(found: &FoundServer, model: &str) -> ChosenModel {
    ChosenModel {
        url: found.url.clone(),
        written: found.written.clone(),
        model: model.to_owned(),
    }
}

/// Whether the name is that of an embedding or reranking model, which cannot chat.
fn is_embedding_model(model: &str) -> bool {
    let model = model.to_lowercase();
    ["embed", "rerank"].iter().any(|part| model.contains(part))
}

/// The name in the configuration: the last part of the name on the server, with a number if that is taken.
fn name_of(model: &str, options: &ModelSetupOptions, config: &Config) -> String {
    if let Some(name) = &options.name {
        return name.clone();
    }
    let last = model.rsplit(['/', '\\']).next().unwrap_or(model);
    let last = last.strip_suffix(".gguf").unwrap_or(last);
    let name: String = last
        .chars()
        .map(|c| {
            if c.is_whitespace() || c.is_control() {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let name = if name.is_empty() {
        "model".to_owned()
    } else {
        name
    };
    let is_taken = |name: &str| config.upstreams.iter().any(|known| known.name == name);
    let mut names = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}-{n}")));
    names.find(|name| !is_taken(name)).unwrap_or(name)
}

/// Writes the table to the configuration file, in place of the one with its name or at the end, if the file
/// is valid then.
fn write(
    entry: &ModelEntry,
    path: PathBuf,
    flags: &Flags,
    environment: &Environment,
) -> Result<String, ModelError> {
    let old = match fs::read_to_string(&path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => NEW_FILE_HEADER.to_owned(),
        Err(error) => return Err(SetupError::Read { path, error }.into()),
    };
    let new = entry.put_into(&old);
    config::read(&path, &new, flags, environment)?;
    let file = OwnFile {
        path,
        contents: Contents::BackedUp(new),
    };
    Ok(outcome_lines(&own_file::write_all(&[file], false)?))
}
