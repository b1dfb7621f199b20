//! Cline's command line. Measured with 3.0.65.

use std::process::Command;

use crate::support::Agent;

/// Cline, asked to count words.
fn cline() -> Option<(Agent, Command)> {
    let agent = Agent::new("cline", "HUMANLLM_TEST_CLINE")?;
    let mut command = agent.command();
    command
        .env("CLINE_NO_AUTO_UPDATE", "1")
        .arg("Count my words");
    Some((agent, command))
}

#[test]
fn cline_counts_words() {
    if let Some((agent, command)) = cline() {
        super::count_words(agent, command);
    }
}

#[test]
fn cline_is_turned_away() {
    if let Some((agent, command)) = cline() {
        super::turn_away(agent, command);
    }
}
