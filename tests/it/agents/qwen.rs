//! Qwen Code. Measured with 0.15.10.

use std::process::Command;

use serde_json::json;

use crate::support::Agent;

/// Qwen Code, asked to count words.
fn qwen() -> Option<(Agent, Command)> {
    let agent = Agent::new("qwen", "HUMANLLM_TEST_QWEN")?;
    let settings = json!({
        "general": {"enableAutoUpdate": false},
        "privacy": {"usageStatisticsEnabled": false},
    });
    agent.write("home/.qwen/settings.json", &settings.to_string());
    let mut command = agent.command();
    command.args(["--yolo", "--prompt", "Count my words"]);
    Some((agent, command))
}

#[test]
fn qwen_counts_words() {
    if let Some((agent, command)) = qwen() {
        super::count_words(agent, command);
    }
}

#[test]
fn qwen_is_turned_away() {
    if let Some((agent, command)) = qwen() {
        super::turn_away(agent, command);
    }
}
