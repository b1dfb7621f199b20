//! Cline's command line. Measured with 3.0.65.

use serde_json::json;

use crate::support::{Agent, KEY};

#[test]
fn cline_counts_words() {
    let Some(agent) = Agent::new("HUMANLLM_TEST_CLINE", "a Cline") else {
        return;
    };
    let settings = json!({"provider": "openai-compatible", "apiKey": KEY, "model": "human",
        "baseUrl": agent.stage.url("/v1")});
    let provider = json!({"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z",
        "tokenSource": "manual"});
    let providers = json!({"version": 1, "lastUsedProvider": "openai-compatible",
        "providers": {"openai-compatible": provider}});
    agent.write(
        "home/.cline/data/settings/providers.json",
        &providers.to_string(),
    );
    let mut command = agent.command();
    // Otherwise it leaves a process behind that serves all of its sessions.
    command
        .env("CLINE_SESSION_BACKEND_MODE", "local")
        .env("CLINE_NO_AUTO_UPDATE", "1")
        .arg("Count my words");
    super::count_words(agent, command);
}
