//! opencode. Measured with 1.18.33.

use std::process::Command;

use crate::support::Agent;

/// opencode, asked to count words.
fn opencode() -> Option<(Agent, Command)> {
    let agent = Agent::new("opencode", "HUMANLLM_TEST_OPENCODE")?;
    let mut command = agent.command();
    command
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .args(["run", "Count my words"]);
    Some((agent, command))
}

#[test]
fn opencode_counts_words() {
    if let Some((agent, command)) = opencode() {
        super::count_words(agent, command);
    }
}

#[test]
fn opencode_is_turned_away() {
    if let Some((agent, command)) = opencode() {
        super::turn_away(agent, command);
    }
}
