//! mini-swe-agent. Measured with 2.4.6.

use crate::support::Agent;

#[test]
fn mini_counts_words() {
    let Some(agent) = Agent::new("mini", "HUMANLLM_TEST_MINI") else {
        return;
    };
    let mut command = agent.command();
    command
        .args(["--yolo", "--exit-immediately"])
        .args(["--task", "Count my words"]);
    agent.write("work/poem.txt", super::POEM);
    let mut play = agent.run(command);
    play.run("Count my words", super::COUNT);
    // It ends when a command says so, and not with an answer.
    let end = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo It has $((2 + 1))";
    play.run(super::COUNTED, end);
    let said = play.client.wait_answer();
    assert!(said.contains("It has 3"), "{said}");
    play.wait_inbox(&["Count my words"]);
}
