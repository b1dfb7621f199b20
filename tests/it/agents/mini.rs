//! mini-swe-agent. Measured with 2.4.6.

use std::process::Command;

use crate::support::Agent;

/// mini-swe-agent, asked to count words.
fn mini() -> Option<(Agent, Command)> {
    let agent = Agent::new("mini", "HUMANLLM_TEST_MINI")?;
    let mut command = agent.command();
    command
        .args(["--yolo", "--exit-immediately"])
        .args(["--task", "Count my words"]);
    Some((agent, command))
}

#[test]
fn mini_counts_words() {
    let Some((agent, command)) = mini() else {
        return;
    };
    agent.write("work/poem.txt", super::POEM);
    let mut play = agent.start(command);
    play.run("Count my words", super::COUNT);
    // It ends when a command says so, and not with an answer.
    let end = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo It has $((2 + 1))";
    play.run(super::COUNTED, end);
    let said = play.client.wait_answer();
    assert!(said.contains("It has 3"), "{said}");
    play.wait_inbox(&["Count my words"]);
}

#[test]
fn mini_is_turned_away() {
    if let Some((agent, mut command)) = mini() {
        // It would insist ten times, for minutes.
        command.env("MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT", "2");
        super::turn_away(agent, command);
    }
}
