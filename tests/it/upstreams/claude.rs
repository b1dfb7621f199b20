//! Claude Code, and a model that follows a script: Messages on one side, Chat Completions on the other.

use serde_json::json;

use super::{NO_RM, qwen};
use crate::support::upstream::{call, say};
use crate::support::{Agent, ClientProcess, ClientRun, Key, Upstream};

/// Claude Code with a task, and a person whose `humanllm` has a model.
fn claude(
    upstream: &Upstream,
    mode: &str,
    lines: &str,
    task: &str,
) -> Option<ClientRun<ClientProcess>> {
    let config = qwen(upstream, mode, lines);
    let agent = Agent::with_config("claude", "HUMANLLM_TEST_CLAUDE", &config)?;
    agent.write("work/poem.txt", "over the hill\n");
    let mut command = agent.command();
    command.env("DISABLE_AUTOUPDATER", "1");
    command.args(["--permission-mode", "default", "--allowedTools", "Bash"]);
    command.args(["--print", task]);
    Some(agent.start(command))
}

/// The call that Claude Code takes for a command.
fn bash(command: &str) -> crate::support::upstream::OutputPart {
    let arguments = json!({"command": command, "description": "Looks"});
    call("Bash", arguments)
}

#[test]
fn claude_gets_what_a_person_made_of_a_draft() {
    let upstream = Upstream::start();
    upstream.says(&[bash("wc -w poem.txt")]);
    let Some(mut play) = claude(&upstream, "draft", "", "Count my words") else {
        return;
    };
    play.operator
        .wait_until("the command as a draft", |screen| {
            screen.contains("[Run command]") && screen.contains("wc -w poem.txt")
        });
    upstream.says(&[say("It has 3 words.")]);
    play.operator.key(Key::Enter);
    play.operator.wait_for("> It has 3 words.");
    play.operator.type_text(" Short!");
    play.operator.wait_for("Short!");
    play.operator.key(Key::Enter);
    let answer = play.client.wait_answer();
    assert!(answer.contains("It has 3 words. Short!"), "{answer}");
    let asked = (upstream.request(), upstream.request()).1;
    let last = asked.body["messages"].as_array().expect("messages").last();
    assert_eq!(last.expect("a message")["role"], "tool");
}

#[test]
fn a_model_answers_claude_alone_until_a_rule_holds_it() {
    let upstream = Upstream::start();
    upstream.says(&[say("I count. "), bash("wc -w poem.txt")]);
    upstream.says(&[bash("rm poem.txt")]);
    let Some(mut play) = claude(&upstream, "auto", NO_RM, "Count my words") else {
        return;
    };
    play.operator
        .wait_until("the command that was held", |screen| {
            screen.contains("no rm") && screen.contains("$ rm poem.txt")
        });
    assert!(play.operator.sandbox().path("work/poem.txt").exists());
    play.operator.key(Key::Ctrl('c'));
    play.operator.wait_for("> The final answer");
    play.operator.choose("Send");
    play.operator.reply("Three, and they stay");
    let answer = play.client.wait_answer();
    assert!(answer.contains("Three, and they stay"), "{answer}");
}

#[test]
fn a_model_answers_claude_alone() {
    let upstream = Upstream::start();
    upstream.says(&[say("I count. "), bash("wc -w poem.txt")]);
    upstream.says(&[bash("wc -c poem.txt")]);
    upstream.says(&[say("It has 3 words and 14 letters.")]);
    let Some(mut play) = claude(&upstream, "auto", "", "Count my words") else {
        return;
    };
    let answer = play.client.wait_answer();
    assert!(
        answer.contains("It has 3 words and 14 letters."),
        "{answer}"
    );
    assert_eq!(upstream.requests(), 3);
}
