//! Claude Code, measured with 2.1.197 and 2.1.330.
//!
//! `--settings` names a file with additional settings. Its own state is in `.claude.json`; without
//! `hasCompletedOnboarding` there, its terminal interface begins with a login at Anthropic, whatever the
//! settings say.

use std::path::PathBuf;

use serde_json::json;

use super::{
    ANY_KEY, AgentProgram, CONTEXT_TOKENS, KEY_VARIABLE, Launch, OwnFile, PATIENCE_SECONDS,
    SetupContext, SetupError, backed_up_file, json_text,
};
use crate::setup::own_file::{Contents, JsonEntry};

pub(super) const AGENT: AgentProgram = AgentProgram {
    name: "claude",
    title: "Claude Code",
    program: "claude",
    install: "npm install -g @anthropic-ai/claude-code",
    version: &["--version"],
    question: &["-p"],
    launch,
};

fn launch(site: &SetupContext<'_>) -> Result<Launch, SetupError> {
    let mut environment = json!({
        "ANTHROPIC_BASE_URL": site.base_urls.anthropic,
        // For requests without streaming, which it falls back to after an error.
        "API_TIMEOUT_MS": (PATIENCE_SECONDS * 1000).to_string(),
        // For streams: it retries after 5 minutes without an event other than `ping`.
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": (PATIENCE_SECONDS * 1000).to_string(),
        // For unknown models it assumes a million tokens, with a warning.
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": CONTEXT_TOKENS.to_string(),
    });
    let mut settings = json!({ "model": site.model() });
    // Not by ANTHROPIC_API_KEY, which it asks the user to confirm.
    if site.needs_key {
        settings["apiKeyHelper"] = format!("printf %s \"${KEY_VARIABLE}\"").into();
    } else {
        environment["ANTHROPIC_AUTH_TOKEN"] = ANY_KEY.into();
    }
    settings["env"] = environment;
    let file = site.file("claude.json");
    Ok(Launch {
        arguments: vec!["--settings".to_owned(), file.to_string_lossy().into_owned()],
        files: vec![
            backed_up_file(file, json_text(&settings)),
            OwnFile {
                path: state_file(site)?,
                contents: Contents::Entries(vec![JsonEntry::new(
                    &["hasCompletedOnboarding"],
                    true,
                )]),
            },
        ],
        environment: Vec::new(),
        base_url: site.base_urls.anthropic.clone(),
        redirect: site.redirect_by_copies(),
    })
}

/// The file with the state of Claude Code.
fn state_file(site: &SetupContext<'_>) -> Result<PathBuf, SetupError> {
    let folder = site.environment.get_filled("CLAUDE_CONFIG_DIR");
    let folder = folder.map(PathBuf::from);
    let folder = folder.or_else(|| Some(site.environment.home()?.to_owned()));
    let folder = folder.ok_or(SetupError::NoHome(AGENT.title))?;
    Ok(folder.join(".claude.json"))
}
