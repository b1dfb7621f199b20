//! `setup codex`: a profile and a model catalog that make the Codex CLI talk to this program.
//!
//! What Codex reads here was measured with Codex CLI 0.169.0.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{AgentProgram, Launch, Redirect, VariableValue};
use crate::config::Config;
use crate::environment::Environment;
use crate::setup::own_file::{self, Contents, OwnFile, SetupError};
use crate::setup::{BaseUrls, SetupReport};

/// The name of Codex on the command line.
pub const NAME: &str = "codex";

/// The entry of Codex in the table of agents.
pub const AGENT: AgentProgram = AgentProgram {
    name: NAME,
    title: "Codex",
    program: "codex",
    install: "npm install -g @openai/codex",
    version: &["--version"],
    question: &["exec", "--skip-git-repo-check"],
    launch: |site| CodexSetupOptions::usual().launch(site.config, site.environment),
};

/// The name of the profile when none is given.
pub(crate) const DEFAULT_PROFILE: &str = "humanllm";

/// Begins the first line of every profile that this program wrote.
const PROFILE_MARK: &str = "# Written by `humanllm setup codex`";
/// The value of `written_by` in every catalog that this program wrote. Codex ignores that field.
const CATALOG_MARK: &str = "humanllm setup codex";

/// How long Codex waits without an event before it gives up, in milliseconds: a day. Heartbeats
/// arrive far more often; this is for a machine that slept.
const IDLE_TIMEOUT_MS: u64 = 24 * 60 * 60 * 1000;
/// How often Codex takes up a broken stream again before it gives the turn up.
const STREAM_RETRIES: u64 = 100;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexSetupOptions {
    /// Where Codex keeps its files; `None` for `$CODEX_HOME`, or else `~/.codex`.
    pub codex_home: Option<PathBuf>,
    /// The name of the profile: letters, digits, `-` and `_`.
    pub profile: String,
    /// Only print what would be written.
    pub print: bool,
    /// Replace files that this program did not write.
    pub force: bool,
    /// Have Codex keep a WebSocket open instead of sending a request for every response.
    pub websocket: bool,
}

/// Writes the profile `NAME.config.toml` and its catalog `NAME-models.json` to the Codex home.
///
/// The user's own `config.toml` is read, never written.
///
/// # Errors
/// A name or an address that cannot work, or a file in the way that this program did not write.
/// Then nothing has been written.
pub fn run(
    options: &CodexSetupOptions,
    config: &Config,
    environment: &Environment,
) -> Result<SetupReport, SetupError> {
    let launch = options.launch(config, environment)?;
    let command = launch.command(AGENT.program);
    if options.print {
        return Ok(SetupReport::printed(launch.files, command));
    }
    Ok(SetupReport::Installed {
        title: AGENT.title,
        files: own_file::write_all(&launch.files, options.force)?,
        base_url: launch.base_url,
        needs_key: config.api_key.is_some(),
        command,
    })
}

impl CodexSetupOptions {
    /// The defaults of the command line.
    fn usual() -> Self {
        Self {
            codex_home: None,
            profile: DEFAULT_PROFILE.to_owned(),
            print: false,
            force: false,
            websocket: false,
        }
    }

    /// The launch of Codex.
    ///
    /// # Errors
    /// A name or an address that cannot work, or no folder for the files.
    pub fn launch(&self, config: &Config, environment: &Environment) -> Result<Launch, SetupError> {
        let profile = &self.profile;
        if !is_profile_name(profile) {
            return Err(SetupError::ProfileName(profile.clone()));
        }
        let base_url = BaseUrls::of(config.listen)?.openai;
        let home = self.home(environment)?;
        refuse_old_profile(&home, profile)?;
        let is_usual = usual_home(environment).is_some_and(|usual| is_same_folder(&usual, &home));
        let catalog_name = format!("{profile}-models.json");
        let named = VariableValue::Text(home.to_string_lossy().into_owned());
        Ok(Launch {
            files: vec![
                OwnFile {
                    path: home.join(format!("{profile}.config.toml")),
                    contents: Contents::Marked {
                        text: profile_toml(self, config, &base_url, &catalog_name),
                        is_own: |found| found.starts_with(PROFILE_MARK),
                    },
                },
                OwnFile {
                    path: home.join(&catalog_name),
                    contents: Contents::Marked {
                        text: catalog_json(&config.models),
                        is_own: is_own_catalog,
                    },
                },
            ],
            environment: if is_usual {
                Vec::new()
            } else {
                vec![("CODEX_HOME", named)]
            },
            arguments: vec!["--profile".to_owned(), profile.clone()],
            base_url,
            redirect: Redirect::Arguments(|server| {
                let url = toml::Value::from(server.openai.as_str());
                let setting = format!("model_providers.humanllm.base_url={url}");
                vec!["-c".to_owned(), setting]
            }),
        })
    }

    /// Where Codex keeps its files.
    fn home(&self, environment: &Environment) -> Result<PathBuf, SetupError> {
        let home = self.codex_home.clone();
        let home = home.or_else(|| usual_home(environment));
        let home = home.filter(|home| !home.as_os_str().is_empty());
        home.map(absolute).ok_or(SetupError::NoCodexHome)
    }
}

/// Whether Codex accepts this as the name of a profile, and a shell as an unquoted argument.
fn is_profile_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The folder that Codex uses by default.
fn usual_home(environment: &Environment) -> Option<PathBuf> {
    match environment.get_filled("CODEX_HOME") {
        Some(home) => Some(absolute(home.into())),
        None => Some(environment.home()?.join(".codex")),
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn is_same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// Codex exits with an error if there are both a profile file and a table with that name.
fn refuse_old_profile(home: &Path, profile: &str) -> Result<(), SetupError> {
    let config = home.join("config.toml");
    let table = fs::read_to_string(&config)
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok())
        .unwrap_or_default();
    let selected = table.get("profile").and_then(toml::Value::as_str) == Some(profile);
    let defined = table
        .get("profiles")
        .is_some_and(|profiles| profiles.get(profile).is_some());
    if selected || defined {
        let profile = profile.to_owned();
        return Err(SetupError::OldProfile { config, profile });
    }
    Ok(())
}

fn profile_toml(
    options: &CodexSetupOptions,
    config: &Config,
    base_url: &str,
    catalog_name: &str,
) -> String {
    let text = |value: &str| toml::Value::from(value).to_string();
    let model = config.models.first().map_or("human", String::as_str);
    let mut profile = format!(
        "{PROFILE_MARK}, which overwrites changes made here.\n\
         model = {}\n\
         model_provider = \"humanllm\"\n\
         model_catalog_json = {}\n\
         \n\
         [model_providers.humanllm]\n\
         name = \"Human LLM\"\n\
         base_url = {}\n\
         wire_api = \"responses\"\n",
        text(model),
        text(catalog_name),
        text(base_url),
    );
    if options.websocket {
        profile.push_str("supports_websockets = true\n");
    }
    if config.api_key.is_some() {
        profile.push_str("env_key = \"HUMANLLM_API_KEY\"\n");
    }
    profile.push_str(&format!(
        "# A person may take hours to answer.\n\
         stream_idle_timeout_ms = {IDLE_TIMEOUT_MS}\n\
         stream_max_retries = {STREAM_RETRIES}\n"
    ));
    profile
}

fn catalog_json(models: &[String]) -> String {
    let models: Vec<_> = models
        .iter()
        .zip(1..)
        .map(|(slug, priority)| catalog_entry(slug, priority))
        .collect();
    let catalog = json!({ "written_by": CATALOG_MARK, "models": models });
    format!("{catalog:#}\n")
}

/// The catalog entry of a model. It avoids the warning about missing metadata, and `base_instructions`
/// replaces a system prompt of 19 KB.
fn catalog_entry(slug: &str, priority: u32) -> serde_json::Value {
    json!({
        "slug": slug,
        "display_name": slug,
        "description": "A person at a terminal",
        "default_reasoning_level": "medium",
        "supported_reasoning_levels": [
            { "effort": "medium", "description": "As long as the person thinks" }
        ],
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": true,
        "priority": priority,
        "availability_nux": null,
        "upgrade": null,
        "base_instructions": "A person reads this conversation in a terminal and answers by hand. \
            They see what the user asks and the results of the tools they call.",
        "supports_reasoning_summaries": true,
        "default_reasoning_summary": "none",
        "support_verbosity": false,
        "default_verbosity": null,
        "apply_patch_tool_type": "freeform",
        "truncation_policy": { "mode": "tokens", "limit": 10_000 },
        "supports_parallel_tool_calls": true,
        "context_window": 272_000,
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"]
    })
}

fn is_own_catalog(found: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(found)
        .is_ok_and(|found| found["written_by"] == CATALOG_MARK)
}

#[cfg(test)]
#[path = "codex_tests.rs"]
mod tests;
