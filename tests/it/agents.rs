//! A coding agent in a folder of its own on one side, and on the other a person at a terminal who has
//! it do a little task. Codex is in `codex.rs`; here are others, a file for each, and pi, in each
//! format that it knows.
//!
//! Run them with `HUMANLLM_TEST_CLAUDE=/path/to/claude cargo test agents::`, or with `OPENCODE`,
//! `AIDER`, `QWEN`, `CLINE` or `MINI` for another agent. For pi it is
//! `HUMANLLM_TEST_NODE_MODULES=/path/to/node_modules`, where there is
//! `@earendil-works/pi-coding-agent`. The scenes of an agent whose variable is not there pass at once
//! and say so. Measured with pi 0.74.2 and the versions that the files name.

mod aider;
mod claude;
mod cline;
mod mini;
mod opencode;
mod qwen;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{API_KEY, Agent, ClientOutput, ClientRun, ClientSession, client_session};
use serde_json::json;

/// What an agent finds in its folder.
const POEM: &str = "over the hill\n";
/// Counts its words.
const COUNT: &str = "echo $(wc -w < poem.txt) words";
/// What that prints.
const COUNTED: &str = "3 words";

/// Has an agent that was asked to `Count my words`, and is not in a terminal, run a command and say
/// how it went. All of that is one conversation.
fn count_words(agent: Agent, command: Command) {
    agent.write("work/poem.txt", POEM);
    let mut play = agent.start(command);
    play.run("Count my words", COUNT);
    play.answer(COUNTED, "It has three of them");
    let said = play.client.wait_answer();
    assert!(said.contains("It has three of them"), "{said}");
    play.wait_inbox(&["Count my words"]);
}

/// Starts pi with a task in an empty folder, or nothing if there is no pi.
fn pi(api: &str, base: &str, task: &str) -> Option<ClientRun> {
    let modules = client_session::node_modules()?;
    let session = ClientSession::new();
    let place = session.operator.sandbox();
    let (settings, work) = (place.path("pi"), place.path("work"));
    for folder in [&settings, &work] {
        fs::create_dir(folder).expect("a folder");
    }
    let models = json!({"providers": {"humanllm": {"baseUrl": session.url(base), "api": api,
        "apiKey": API_KEY, "models": [{"id": "human"}]}}});
    fs::write(settings.join("models.json"), models.to_string()).expect("its models");
    let mut command = session.program(Path::new("node"));
    command
        .env("PI_CODING_AGENT_DIR", settings)
        .current_dir(work)
        .arg(modules.join(".bin/pi"))
        .args(["--offline", "--no-session", "--provider", "humanllm"])
        .args(["--model", "human", "--print", task]);
    Some(session.start(command))
}

/// Turns an agent away that was asked to `Count my words`. It ends, its user sees why, and however often
/// it has insisted, that is one conversation.
fn turn_away(agent: Agent, command: Command) {
    let mut play = agent.start(command);
    play.reject("Count my words", "Count them yourself");
    play.client.wait_exit();
    let said = play.client.output();
    assert!(said.contains("Count them yourself"), "{said}");
    play.operator.wait_gone("waiting");
    play.wait_inbox(&["Count my words"]);
}

/// Has a file written and looked at.
fn save_a_poem(api: &str, base: &str) {
    let Some(mut play) = pi(api, base, "Save a poem") else {
        return;
    };
    let work = play.operator.sandbox().path("work");
    play.operator.wait_request("Save a poem");
    play.wait_heartbeats();
    let poem = [("path", "poem.txt"), ("content", "料理人は料理した")];
    play.call("Save a poem", "write", &poem);
    play.operator.wait_request("Successfully wrote");
    let saved = fs::read_to_string(work.join("poem.txt")).expect("the poem");
    assert_eq!(saved, "料理人は料理した");

    let count = "echo $(wc -m < poem.txt) characters > count.txt; cat count.txt";
    play.run("Successfully wrote", count);
    play.answer("8 characters", "It has 8 characters");
    let answer = play.client.wait_answer();
    assert_eq!(answer, "It has 8 characters");
    let count = fs::read_to_string(work.join("count.txt")).expect("the count");
    assert_eq!(count, "8 characters\n");
}

#[test]
fn pi_saves_a_poem_over_responses() {
    save_a_poem("openai-responses", "/v1");
}

#[test]
fn pi_saves_a_poem_over_chat_completions() {
    save_a_poem("openai-completions", "/v1");
}

#[test]
fn pi_saves_a_poem_over_messages() {
    save_a_poem("anthropic-messages", "");
}
