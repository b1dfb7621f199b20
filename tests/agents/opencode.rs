//! opencode. Measured with 1.18.33.

use serde_json::json;

use crate::support::{Agent, KEY};

#[test]
fn opencode_counts_words() {
    let Some(agent) = Agent::new("HUMANLLM_TEST_OPENCODE", "an opencode") else {
        return;
    };
    let options = json!({"baseURL": agent.stage.url("/v1"), "apiKey": KEY});
    let provider = json!({"npm": "@ai-sdk/openai-compatible", "name": "humanllm",
        "options": options, "models": {"human": {"name": "human"}}});
    let config = json!({"provider": {"humanllm": provider}, "model": "humanllm/human"});
    agent.write("work/opencode.json", &config.to_string());
    let mut command = agent.command();
    command
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .args(["run", "Count my words"]);
    super::count_words(agent, command);
}
