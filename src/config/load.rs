//! Loads the configuration from flags, environment, file and defaults.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::error::{ConfigError, ValueProblem};
use super::file::{Mistake, ParsedFile};
use super::model::{check_drafting, check_name, check_own_address, upstreams};
use super::{ApiKey, Config, DEFAULT_LISTEN, ServerConfig, export, rules};
use crate::environment::Environment;
use crate::rules::Rules;
use crate::study::StudyPhase;
use crate::suggestion::suggest;
use crate::tui::keys::keymap::Keymap;
use crate::tui::theme::{ColourValue, ThemeBase, ThemeChoice};

/// The global flags of the command line, not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--state-dir`
    pub state_dir: Option<PathBuf>,
}

/// Loads the configuration: flags beat environment variables beat the file beat the defaults.
///
/// # Errors
/// A file that was named and is missing, unknown keys, wrong values, or an address that is
/// open to the network without an API key.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Config, ConfigError> {
    // Without a file the text is empty, which has no values and no mistakes.
    let (path, text) = find_file(flags, environment)?.unwrap_or_default();
    read(&path, &text, flags, environment)
}

/// Reads the rules of a configuration file, and ignores its other settings.
///
/// # Errors
/// If the file cannot be read, or there is a mistake in it.
pub fn rules_in(path: &Path) -> Result<Rules, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        file: path.to_owned(),
        error,
    })?;
    let in_file = |mistake: Mistake| ConfigError::File {
        file: path.to_owned(),
        line: mistake.line,
        key: mistake.key,
        problem: mistake.problem,
    };
    let file = ParsedFile::new(&text).map_err(in_file)?;
    rules::check(&file.values.rule).map_err(|(key, problem)| {
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        in_file(file.mistake(&key, problem))
    })
}

/// Like [`load`], with `text` in place of the contents of the file at `path`.
///
/// # Errors
/// As [`load`].
pub fn read(
    path: &Path,
    text: &str,
    flags: &Flags,
    environment: &Environment,
) -> Result<Config, ConfigError> {
    let in_file = |mistake: Mistake| ConfigError::File {
        file: path.to_owned(),
        line: mistake.line,
        key: mistake.key,
        problem: mistake.problem,
    };
    let mut file = ParsedFile::new(text).map_err(in_file)?;
    let values = std::mem::take(&mut file.values);
    let at = |key: &[&str], problem| in_file(file.mistake(key, problem));

    let listen = values.listen.as_deref().map(parse_listen).transpose();
    let listen = listen.map_err(|problem| at(&["listen"], problem))?;
    let state_dir = values.state_dir.as_deref();
    let state_dir = state_dir.map(|dir| file_path(dir, path, environment));
    let state_dir = state_dir
        .transpose()
        .map_err(|problem| at(&["state_dir"], problem))?;
    let api_key = values.api_key.map(ApiKey::new).transpose();
    let api_key = api_key.map_err(|problem| at(&["api_key"], problem))?;
    let models = values.models.unwrap_or_else(|| vec!["human".to_owned()]);
    check_models(&models).map_err(|problem| at(&["models"], problem))?;
    let in_path = |(path, problem): (Vec<String>, ValueProblem)| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        at(&path, problem)
    };
    let upstreams = upstreams(values.model, environment).map_err(in_path)?;
    check_drafting(&values.drafting, &upstreams)
        .map_err(|problem| at(&["drafting", "model"], problem))?;
    check_server(&values.server).map_err(|(key, problem)| at(&["server", key], problem))?;
    check_phases(&values.study.phases).map_err(|(place, problem)| {
        let place = format!("[{place}]");
        at(&["study", "phase", &place, "name"], problem)
    })?;
    let mut themes = own_themes(&values.theme).map_err(in_path)?;
    let theme = match ThemeBase::from_name(&values.tui.theme) {
        Some(base) => ThemeChoice::of(base),
        None => themes
            .remove(values.tui.theme.as_str())
            .ok_or_else(|| at(&["tui", "theme"], unknown_theme(&values.tui.theme, &themes)))?,
    };
    let keys = Keymap::from_config(&values.keys).map_err(|error| {
        let key = error.key().to_owned();
        at(&["keys", &key], error.into())
    })?;

    let rules = rules::check(&values.rule).and_then(|rules| {
        rules::check_models(&rules, &upstreams)?;
        Ok(rules)
    });
    let rules = rules.map_err(|(path, problem)| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        at(&path, problem)
    })?;

    let export = export::check(&values.export).map_err(|(place, why)| {
        let place = format!("[{place}]");
        at(&["export", "redact", &place], ValueProblem::Expression(why))
    })?;

    let config = Config {
        listen: listen_override(flags, environment)?
            .or(listen)
            .unwrap_or(DEFAULT_LISTEN),
        state_dir: state_dir_override(flags, environment)?
            .or(state_dir)
            .or_else(|| {
                let state = environment.xdg_dir("XDG_STATE_HOME", ".local/state")?;
                Some(state.join("humanllm"))
            })
            .ok_or(ConfigError::NoStateDir)?,
        api_key: api_key_override(environment)?.or(api_key),
        models,
        server: values.server,
        inbox: values.inbox,
        journal: values.journal,
        upstreams,
        drafting: values.drafting,
        tui: values.tui,
        theme,
        snippets: values.snippets,
        study: values.study,
        keys,
        rules,
        export,
    };
    check_own_address(&config).map_err(in_path)?;
    let loopback = config.listen.ip().to_canonical().is_loopback();
    if loopback || config.api_key.is_some() {
        Ok(config)
    } else {
        Err(ConfigError::OpenToNetwork(config.listen))
    }
}

/// The path of the configuration file, and the flag or variable that names it. A file that neither names
/// need not exist. `None` if there is no home folder.
pub fn file(flags: &Flags, environment: &Environment) -> Option<(PathBuf, Option<&'static str>)> {
    const VARIABLE: &str = "HUMANLLM_CONFIG";
    let from_variable = environment.get_filled(VARIABLE).map(PathBuf::from);
    let named = flags
        .config
        .clone()
        .map(|path| (path, "--config"))
        .or_else(|| from_variable.map(|path| (path, VARIABLE)));
    let usual = || {
        let folder = environment.xdg_dir("XDG_CONFIG_HOME", ".config")?;
        Some(folder.join("humanllm/config.toml"))
    };
    match named {
        Some((path, named_by)) => Some((path, Some(named_by))),
        None => Some((usual()?, None)),
    }
}

/// The file to read and its text; `None` if none was named and there is none in the usual place.
fn find_file(
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let Some((path, named_by)) = file(flags, environment) else {
        return Ok(None);
    };
    match (fs::read_to_string(&path), named_by) {
        (Ok(text), _) => Ok(Some((path, text))),
        (Err(error), None) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        (Err(error), Some(named_by)) if error.kind() == io::ErrorKind::NotFound => {
            Err(ConfigError::NotFound {
                file: path,
                named_by,
            })
        }
        (Err(error), _) => Err(ConfigError::Unreadable { file: path, error }),
    }
}

fn listen_override(
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<SocketAddr>, ConfigError> {
    const VARIABLE: &str = "HUMANLLM_LISTEN";
    let (name, value) = match (&flags.listen, environment.get_filled(VARIABLE)) {
        (Some(flag), _) => ("--listen", Ok(flag.as_str())),
        (None, Some(variable)) => (VARIABLE, utf8(variable)),
        (None, None) => return Ok(None),
    };
    value
        .and_then(parse_listen)
        .map(Some)
        .map_err(|problem| ConfigError::Value { name, problem })
}

fn state_dir_override(
    flags: &Flags,
    environment: &Environment,
) -> Result<Option<PathBuf>, ConfigError> {
    let variable = || environment.get_filled("HUMANLLM_STATE_DIR");
    match &flags.state_dir {
        Some(flag) if flag.as_os_str().is_empty() => Err(ConfigError::Value {
            name: "--state-dir",
            problem: ValueProblem::EmptyPath,
        }),
        Some(flag) => Ok(Some(flag.clone())),
        None => Ok(variable().map(PathBuf::from)),
    }
}

fn api_key_override(environment: &Environment) -> Result<Option<ApiKey>, ConfigError> {
    const NAME: &str = "HUMANLLM_API_KEY";
    // An empty variable is a mistake here: whoever sets it wants to be protected.
    let key = environment.get(NAME).map(|key| {
        utf8(key)
            .and_then(ApiKey::new)
            .map_err(|problem| ConfigError::Value {
                name: NAME,
                problem,
            })
    });
    key.transpose()
}

fn utf8(value: &OsStr) -> Result<&str, ValueProblem> {
    value.to_str().ok_or(ValueProblem::NotUtf8)
}

/// Reads `ADDR:PORT` or `localhost:PORT`.
fn parse_listen(text: &str) -> Result<SocketAddr, ValueProblem> {
    let wrong = || ValueProblem::Address(text.to_owned());
    if let Some((host, port)) = text.rsplit_once(':')
        && host.eq_ignore_ascii_case("localhost")
    {
        let port: u16 = port.parse().map_err(|_| wrong())?;
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| wrong())
}

/// A path in the file: `~/` is the home folder, and a relative path starts at the file's folder.
fn file_path(path: &str, file: &Path, environment: &Environment) -> Result<PathBuf, ValueProblem> {
    let below_home = path.strip_prefix("~/").or((path == "~").then_some(""));
    if path.is_empty() {
        Err(ValueProblem::EmptyPath)
    } else if let Some(below_home) = below_home {
        let home = environment.home().ok_or(ValueProblem::NoHome)?;
        Ok(home.join(below_home))
    } else {
        Ok(file.parent().unwrap_or(Path::new("")).join(path))
    }
}

fn check_models(models: &[String]) -> Result<(), ValueProblem> {
    if models.is_empty() {
        return Err(ValueProblem::NoModels);
    }
    for (index, model) in models.iter().enumerate() {
        check_name(model)?;
        if models[..index].contains(model) {
            return Err(ValueProblem::ModelTwice(model.clone()));
        }
    }
    Ok(())
}

/// The themes of the configuration file. An error comes with the path of the key.
fn own_themes(
    tables: &BTreeMap<String, BTreeMap<String, ColourValue>>,
) -> Result<BTreeMap<&str, ThemeChoice>, (Vec<String>, ValueProblem)> {
    let theme = |(name, table): (&'_ String, _)| {
        let path = |key: &str| {
            let path = ["theme", name, key].into_iter();
            path.filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect()
        };
        if ThemeBase::from_name(name).is_some() {
            return Err((path(""), ValueProblem::ThemeTaken));
        }
        let theme = ThemeChoice::from_config(table);
        theme.map_err(|error| (path(error.key()), error.into()))
    };
    tables
        .iter()
        .map(|entry| Ok((entry.0.as_str(), theme(entry)?)))
        .collect()
}

fn unknown_theme(name: &str, own: &BTreeMap<&str, ThemeChoice>) -> ValueProblem {
    let known = ThemeBase::NAMES.into_iter().map(|(name, _)| name);
    let known: Vec<&str> = known.chain(own.keys().copied()).collect();
    ValueProblem::UnknownTheme {
        suggestion: suggest(name, known.iter().copied()).map(str::to_owned),
        known: known.into_iter().map(str::to_owned).collect(),
    }
}

/// Checks the phases of a study. An error comes with the index of the phase.
fn check_phases(phases: &[StudyPhase]) -> Result<(), (usize, ValueProblem)> {
    for (place, phase) in phases.iter().enumerate() {
        let is_same = |other: &StudyPhase| other.name == phase.name;
        if phase.name.trim().is_empty() || phase.name.contains(char::is_control) {
            return Err((place, ValueProblem::NoPhaseName));
        }
        if phases[..place].iter().any(is_same) {
            return Err((place, ValueProblem::PhaseTwice(phase.name.clone())));
        }
    }
    Ok(())
}

/// Checks the `[server]` table. An error names the key in it.
fn check_server(server: &ServerConfig) -> Result<(), (&'static str, ValueProblem)> {
    for (key, zero) in [
        ("max_body_mib", server.max_body_mib == 0),
        ("max_waiting", server.max_waiting == 0),
        ("heartbeat_seconds", server.heartbeat_seconds == 0),
    ] {
        if zero {
            return Err((key, ValueProblem::Zero));
        }
    }
    for host in &server.allowed_hosts {
        let has_port = !host.starts_with('[') && host.contains(':');
        if host.is_empty() || has_port || host.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err(("allowed_hosts", ValueProblem::Host(host.clone())));
        }
    }
    for origin in &server.allowed_origins {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if host.is_empty() || host.contains(|c: char| c == '/' || c.is_whitespace()) {
            return Err(("allowed_origins", ValueProblem::Origin(origin.clone())));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
