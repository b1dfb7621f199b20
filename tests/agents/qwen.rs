//! qwen-code. Measured with 0.15.10.

use serde_json::json;

use crate::support::{Agent, KEY};

#[test]
fn qwen_counts_words() {
    let Some(agent) = Agent::new("HUMANLLM_TEST_QWEN", "a qwen-code") else {
        return;
    };
    let settings = json!({
        "general": {"enableAutoUpdate": false},
        "privacy": {"usageStatisticsEnabled": false},
    });
    agent.write("home/.qwen/settings.json", &settings.to_string());
    let mut command = agent.command();
    command
        .env("OPENAI_BASE_URL", agent.stage.url("/v1"))
        .env("OPENAI_API_KEY", KEY)
        .env("OPENAI_MODEL", "human")
        .args([
            "--auth-type",
            "openai",
            "--yolo",
            "--prompt",
            "Count my words",
        ]);
    super::count_words(agent, command);
}
