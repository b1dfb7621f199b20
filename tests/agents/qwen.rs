//! Qwen Code. Measured with 0.15.10.

use serde_json::json;

use crate::support::Agent;

#[test]
fn qwen_counts_words() {
    let Some(agent) = Agent::new("qwen", "HUMANLLM_TEST_QWEN") else {
        return;
    };
    let settings = json!({
        "general": {"enableAutoUpdate": false},
        "privacy": {"usageStatisticsEnabled": false},
    });
    agent.write("home/.qwen/settings.json", &settings.to_string());
    let mut command = agent.command();
    command.args(["--yolo", "--prompt", "Count my words"]);
    super::count_words(agent, command);
}
