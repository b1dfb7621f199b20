//! `setup model`: a model on another server that drafts, found where such servers usually listen or
//! named by flags, becomes a `[[model]]` table of the configuration file.

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

/// What stands above the first table of a file that is new.
const NEW_FILE_HEADER: &str =
    "# humanllm configuration; config.example.toml has every key with what it is for.\n";

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct ModelSetupOptions {
    /// What the model is to be called here.
    pub name: Option<String>,
    /// Where its server is.
    pub url: Option<String>,
    /// What its server calls it.
    pub model: Option<String>,
    /// The format that its server speaks.
    pub format: Option<Format>,
    /// The variable that its key comes from.
    pub api_key_env: Option<String>,
    /// Whether nothing is to be written.
    pub print: bool,
}

/// Why no model was set up. Nothing has been changed then.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No server runs where one was looked for.
    #[error(
        "no model runs on the usual ports of this machine ({}); start one, or say where it is with \
         --url http://ADDRESS:PORT",
        .0.iter().map(|place| format!("{} {}", place.program, place.port)).collect::<Vec<_>>().join(", ")
    )]
    NothingFound(Vec<UsualPort>),
    /// None of those that run has the model.
    #[error("no server on the usual ports has the model {0}; say where it is with --url")]
    NotFound(String),
    /// The server does not say which models it has.
    #[error("{0}; say which model it has with --model NAME")]
    NoList(String),
    /// There are several, and what was told has a command for each.
    #[error("there is more than one model; choose one with --url and --model")]
    Several,
    /// The URL is none.
    #[error("--url: {0}")]
    Url(#[from] BaseUrlError),
    /// A name or the name of a variable is none.
    #[error("{0}: {1}")]
    Value(&'static str, ValueProblem),
    /// There is no home folder.
    #[error("there is no home folder for the configuration; name a file with --config")]
    NoHome,
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] SetupError),
    /// The file would be wrong with the model in it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something that every program needs is missing.
    #[error("cannot look for models: {0}")]
    System(#[from] io::Error),
}

/// Sets a model up, or shows what would be written, and tells the person what it does. `places` is where
/// servers are looked for if none is named.
///
/// # Errors
///
/// A [`ModelError`]; what was told before stands.
pub fn run(
    options: &ModelSetupOptions,
    places: &[UsualPort],
    flags: &Flags,
    config: &Config,
    environment: &Environment,
    told: &mut String,
) -> Result<(), ModelError> {
    check_values(options, environment)?;
    let known = options.name.as_ref();
    let known = known.and_then(|name| config.upstreams.iter().find(|known| known.name == *name));
    let entry = match known {
        Some(known) if options.is_empty() => {
            told.push_str(&unchanged(known));
            return Ok(());
        }
        // What is not said stays.
        Some(known) if options.url.is_none() => ModelEntry::of(known).with(options, None),
        _ => {
            let chosen = choose(options, places, config, environment, told)?;
            let same = |known: &&Upstream| {
                known.url == chosen.url && known.model == chosen.model && options.name.is_none()
            };
            if let Some(known) = config.upstreams.iter().find(same) {
                told.push_str(&unchanged(known));
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
        told.push_str(&format!(
            "==> {}, this table alone <==\n{entry}",
            path.display()
        ));
        return Ok(());
    }
    told.push_str(&write(&entry, path, flags, environment)?);
    let (name, url) = (word(&entry.name), &entry.base_url);
    let is_open = BaseUrl::new(url).is_ok_and(|url| !url.is_secure() && !url.is_private());
    let open = if is_open {
        "It is not encrypted: everybody on the way there can read it. Better write https://.\n"
    } else {
        ""
    };
    told.push_str(&format!(
        "\n{entry}\n\
         All that an agent sends goes to {url} when a draft is asked for.\n{open}\
         A humanllm that runs takes the model in with F9. To try it:\n\n    \
             humanllm setup model --check {name}\n"
    ));
    Ok(())
}

impl ModelSetupOptions {
    /// Whether nothing is asked for but a name.
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

/// A model on a server.
struct ChosenModel {
    url: BaseUrl,
    /// As it is written.
    written: String,
    model: String,
}

/// Finds out which model is meant, and tells what there is.
fn choose(
    options: &ModelSetupOptions,
    places: &[UsualPort],
    config: &Config,
    environment: &Environment,
    told: &mut String,
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
            told.push_str(&format!("found {found}\n"));
        }
        return only_model(options, &found, told);
    };
    let parsed = BaseUrl::new(url)?;
    let asked = found::probe_url(&parsed, options, environment);
    match (runtime.block_on(asked), &options.model) {
        (Ok(found), None) => {
            told.push_str(&format!("found {found}\n"));
            only_model(options, &[found], told)
        }
        (Err(words), None) => Err(ModelError::NoList(words)),
        (answer, Some(model)) => {
            match answer {
                Ok(found) if !found.models.contains(model) => {
                    told.push_str(&format!("found {found}\n    {model} is not in its list\n"));
                }
                Ok(_) => {}
                Err(words) => told.push_str(&format!("{words}\n")),
            }
            Ok(ChosenModel {
                url: parsed,
                written: url.clone(),
                model: model.clone(),
            })
        }
    }
}

/// The one model of those that were found, if there is one; else what to choose from is told.
fn only_model(
    options: &ModelSetupOptions,
    found: &[FoundServer],
    told: &mut String,
) -> Result<ChosenModel, ModelError> {
    let fits = |model: &&String| match &options.model {
        Some(wanted) => *model == wanted,
        None => !is_embedding_model(model),
    };
    let of = |found: &'_ FoundServer| found.models.iter().filter(fits).count();
    // A person elsewhere drafts only where somebody says so.
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
        told.push_str(&format!(
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

/// Whether a model makes numbers of texts and says nothing.
fn is_embedding_model(model: &str) -> bool {
    let model = model.to_lowercase();
    ["embed", "rerank"].iter().any(|part| model.contains(part))
}

/// What a model is called here: the last part of its name there, and a number where that is taken.
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

/// Writes the table into the configuration file, where it was or at the end, if the file is right then.
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
