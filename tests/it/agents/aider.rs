//! aider, which has no tools: it edits what an answer says, and offers to run what stands in it.
//! Measured with 0.86.2.

use std::fs;
use std::process::Command;

use crate::support::{Agent, ClientRun, Key, Pty};

/// aider in a Git repository with a poem, which it has been told of.
fn aider() -> Option<ClientRun<Pty>> {
    let agent = Agent::new("aider", "HUMANLLM_TEST_AIDER")?;
    agent.write("work/poem.txt", super::POEM);
    for line in [
        "init --quiet",
        "config user.name Poet",
        "config user.email poet@example.com",
        "add poem.txt",
        "commit --quiet --message Begin",
    ] {
        let mut git = Command::new("git");
        // As nobody has configured it on this machine.
        git.env_clear()
            .envs(agent.session.operator.sandbox().environment())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(agent.work())
            .args(line.split(' '));
        assert!(git.status().expect("git").success(), "git {line}");
    }
    let mut command = agent.command();
    command
        .args(["--edit-format", "diff", "--no-pretty", "--no-gitignore"])
        .args(["--no-check-update", "--analytics-disable"])
        .args(["--no-show-release-notes", "poem.txt"]);
    let play = agent.start_in_terminal(&command);
    play.client.wait_for("diff>");
    Some(play)
}

/// Types something at aider's own prompt.
fn ask(play: &mut ClientRun<Pty>, prompt: &str) {
    play.client.type_text(prompt);
    play.client.wait_for(prompt);
    play.client.key(Key::Enter);
}

/// Says yes to what aider asks.
fn agree(play: &mut ClientRun<Pty>, question: &str) {
    play.client.wait_for(question);
    play.client.type_text("y");
    play.client
        .wait_until("the yes behind the question", |screen| {
            let answer = screen
                .rsplit_once(question)
                .map_or("", |(_, answer)| answer);
            answer.trim_end().ends_with('y')
        });
    play.client.key(Key::Enter);
}

#[test]
fn aider_counts_words_and_edits() {
    let Some(mut play) = aider() else {
        return;
    };
    let work = play.operator.sandbox().path("work");
    ask(&mut play, "Count my words");
    let command = format!("Let us see:\n\n```bash\n{}\n```", super::COUNT);
    play.answer("Count my words", &command);
    agree(&mut play, "Run shell command?");
    agree(&mut play, "to the chat?");

    // What came of it goes along with the next prompt.
    ask(&mut play, "Make it more of them");
    play.operator.wait_request("Make it more of them");
    play.operator.wait_for(super::COUNTED);
    let edit = "poem.txt\n```\n<<<<<<< SEARCH\nover the hill\n=======\nover the hill and far\n\
        >>>>>>> REPLACE\n```";
    play.answer("Make it more of them", edit);
    // It asks what to call that, and a draft of it is a key away.
    play.operator.wait_request("commit message");
    play.operator.key(Key::Alt('i'));
    play.operator.wait_for("> chore: update poem.txt");
    play.operator.key(Key::Enter);
    play.client.wait_for("chore: update poem.txt");
    let poem = fs::read_to_string(work.join("poem.txt")).expect("the poem");
    assert_eq!(poem, "over the hill and far\n");

    ask(&mut play, "Was that all?");
    play.answer("Was that all?", "It has five of them now");
    play.client.wait_for("It has five of them now");
    play.wait_inbox(&["Count my words", "commit message: chore: update poem.txt"]);
}

#[test]
fn aider_is_turned_away() {
    let Some(mut play) = aider() else {
        return;
    };
    ask(&mut play, "Count my words");
    play.reject("Count my words", "Count them yourself");
    play.client
        .wait_until("the reason, and its next prompt", |screen| {
            let said = screen.rsplit_once("Count them yourself");
            said.is_some_and(|(_, after)| after.contains("diff>"))
        });
    play.operator.wait_gone("waiting");
    play.wait_inbox(&["Count my words"]);
}
