//! opencode. Measured with 1.18.33.

use crate::support::Agent;

#[test]
fn opencode_counts_words() {
    let Some(agent) = Agent::new("opencode", "HUMANLLM_TEST_OPENCODE") else {
        return;
    };
    let mut command = agent.command();
    command
        .env("OPENCODE_DISABLE_AUTOUPDATE", "1")
        .env("OPENCODE_DISABLE_MODELS_FETCH", "1")
        .args(["run", "Count my words"]);
    super::count_words(agent, command);
}
