//! Cline's command line. Measured with 3.0.65.

use crate::support::Agent;

#[test]
fn cline_counts_words() {
    let Some(agent) = Agent::new("cline", "HUMANLLM_TEST_CLINE") else {
        return;
    };
    let mut command = agent.command();
    command
        .env("CLINE_NO_AUTO_UPDATE", "1")
        .arg("Count my words");
    super::count_words(agent, command);
}
