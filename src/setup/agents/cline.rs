//! Cline's command line, measured with 3.0.65.
//!
//! It has one file for all providers and for the selected one. To keep the user's own, it gets a separate
//! data folder, sessions included, by `--data-dir`. Cline rewrites the file itself, and ignores an entry
//! that lacks any of these fields.

use serde_json::json;

use super::{ANY_KEY, AgentProgram, Launch, OwnFile, SetupContext, SetupError};
use crate::setup::own_file::{Contents, JsonEntry};

pub(super) const AGENT: AgentProgram = AgentProgram {
    name: "cline",
    title: "Cline",
    program: "cline",
    install: "npm install -g cline",
    version: &["--version"],
    question: &[],
    launch,
};

fn launch(site: &SetupContext<'_>) -> Result<Launch, SetupError> {
    let folder = site.file("cline");
    let mut settings = json!({ "provider": "openai-compatible" });
    if !site.needs_key {
        settings["apiKey"] = ANY_KEY.into();
    }
    settings["model"] = site.model().into();
    settings["baseUrl"] = site.base_urls.openai.as_str().into();
    let entries = vec![
        JsonEntry::new(&["version"], 1),
        JsonEntry::new(&["lastUsedProvider"], "openai-compatible"),
        JsonEntry::new(&["providers", "openai-compatible", "settings"], settings),
        JsonEntry::if_absent(
            &["providers", "openai-compatible", "updatedAt"],
            "1970-01-01T00:00:00.000Z",
        ),
    ];
    Ok(Launch {
        files: vec![OwnFile {
            path: folder.join("settings/providers.json"),
            contents: Contents::Entries(entries),
        }],
        environment: site.key_unless_any("OPENAI_API_KEY"),
        arguments: vec![
            "--data-dir".to_owned(),
            folder.to_string_lossy().into_owned(),
        ],
        base_url: site.base_urls.openai.clone(),
        redirect: site.redirect_by_copies(),
    })
}
