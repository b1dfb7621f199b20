//! Codex, and a model that follows a script.

use serde_json::{Value, json};

use super::{NO_RM, config, qwen};
use crate::support::upstream::{call, say};
use crate::support::{
    CodexSession, Gate, Key, Script, Upstream, free_address, has_row, submit_prompt,
};

/// The call that Codex takes for a command.
fn exec(command: &str) -> crate::support::upstream::OutputPart {
    call("exec_command", json!({ "cmd": command }))
}

/// The texts of the messages of a request, with their roles.
fn messages(body: &Value) -> Vec<(String, String)> {
    let messages = body["messages"].as_array().expect("messages");
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    };
    messages
        .iter()
        .map(|message| {
            let role = message["role"].as_str().unwrap_or_default().to_owned();
            (role, text(&message["content"]))
        })
        .collect()
}

#[test]
fn codex_gets_what_a_person_made_of_a_draft() {
    let upstream = Upstream::start();
    let Some(mut scene) = CodexSession::with_config(&qwen(&upstream, "draft", "")) else {
        return;
    };
    std::fs::write(scene.codex.work().join("hill.txt"), "over the hill\n").expect("a file");
    upstream.says(&[exec("cat hill.txt")]);
    let mut run = scene.codex.exec(&[], "Say what is in hill.txt");
    let operator = &mut scene.operator;
    let asked = upstream.request();
    let (role, prompt) = messages(&asked.body).pop().expect("a message");
    assert_eq!(role, "user");
    assert!(prompt.ends_with("Say what is in hill.txt"), "{prompt}");
    operator.wait_until("the command as a draft", |screen| {
        screen.contains("[Run command]") && screen.contains("cat hill.txt")
    });
    upstream.says(&[say("It says: over the hill.")]);
    operator.key(Key::Enter);
    operator.wait_until("the answer as a draft", |screen| {
        screen.contains("[Send]") && screen.contains("> It says: over the hill.")
    });
    let asked = upstream.request();
    let (role, output) = messages(&asked.body).pop().expect("a message");
    assert_eq!(role, "tool");
    assert!(output.contains("over the hill"), "{output}");
    operator.type_text(" Far away!");
    operator.wait_for("Far away!");
    operator.key(Key::Enter);
    assert_eq!(run.wait_answer(), "It says: over the hill. Far away!");
    operator.wait_for("draft qwen, edited");
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn a_model_answers_codex_alone_through_two_commands() {
    let upstream = Upstream::start();
    let Some(scene) = CodexSession::with_config(&qwen(&upstream, "auto", "")) else {
        return;
    };
    upstream.says(&[
        say("I look around. "),
        exec("echo over the hill > hill.txt"),
    ]);
    upstream.says(&[exec("cat hill.txt")]);
    upstream.says(&[say("It says: over the hill.")]);
    let mut run = scene.codex.exec(&[], "Write a poem into hill.txt");
    assert_eq!(run.wait_answer(), "It says: over the hill.");
    assert_eq!(upstream.requests(), 3);
    let third = (upstream.request(), upstream.request(), upstream.request()).2;
    let roles = messages(&third.body);
    let roles: Vec<&str> = roles.iter().map(|(role, _)| role.as_str()).collect();
    assert!(
        roles.ends_with(&["assistant", "tool", "assistant", "tool"]),
        "{roles:?}"
    );
    assert_eq!(scene.wire.posts(), 3);
    scene.operator.wait_for("auto qwen");
    assert!(run.stderr().contains("I look around."), "{}", run.stderr());
    assert_eq!(scene.operator.bells(), 0, "nobody was called");
}

#[test]
fn the_person_takes_over_in_the_middle_of_a_word() {
    let upstream = Upstream::start();
    let Some(mut scene) = CodexSession::with_config(&qwen(&upstream, "auto", "")) else {
        return;
    };
    upstream.plays(Script::stream().words("Once upon a mid").hold());
    let mut codex = scene.codex.interactive((100, 30));
    submit_prompt(&mut codex, "Tell me a story");
    codex.wait_for("Once upon a mid");
    let operator = &mut scene.operator;
    operator.wait_for("Esc takes over");
    let first = upstream.request();
    operator.key(Key::Esc);
    upstream.wait_closed(first.connection);
    operator.wait_for("you have the pen");
    operator.type_text("night, ");
    operator.wait_for("> night,");
    // And hands it back: the model goes on from there.
    upstream.says(&[say("there was a cat.")]);
    operator.key(Key::Alt('f'));
    codex.wait_for("Once upon a midnight, there was a cat.");
    let second = upstream.request();
    let (role, begun) = messages(&second.body).pop().expect("a message");
    assert_eq!(
        (role.as_str(), begun.as_str()),
        ("assistant", "Once upon a midnight, ")
    );
    operator.wait_until("one message", |screen| {
        screen.contains("Once upon a midnight, there was a cat.") && !screen.contains("waiting")
    });
}

#[test]
fn a_rule_holds_a_command_for_the_person() {
    let upstream = Upstream::start();
    let Some(mut scene) = CodexSession::with_config(&qwen(&upstream, "auto", NO_RM)) else {
        return;
    };
    let file = scene.codex.work().join("hill.txt");
    std::fs::write(&file, "over the hill\n").expect("a file");
    upstream.says(&[exec("cat hill.txt")]);
    upstream.says(&[say("I tidy up. "), exec("cd . && rm hill.txt")]);
    let mut run = scene.codex.exec(&[], "Tidy up");
    let operator = &mut scene.operator;
    operator.wait_until("the command that was held", |screen| {
        screen.contains("no rm") && screen.contains("$ cd . && rm hill.txt")
    });
    assert!(file.exists(), "it was not held");
    assert_eq!(operator.bells(), 1, "the person is called");
    operator.key(Key::Ctrl('c'));
    operator.wait_gone("$ cd .");
    operator.choose("Send");
    upstream.says(&[say("never asked")]);
    operator.reply("It stays.");
    assert!(run.wait_answer().ends_with("It stays."), "{}", run.stdout());
    assert!(file.exists());
    assert_eq!(upstream.requests(), 2);
}

#[test]
fn whatever_a_model_does_the_turn_stays_with_the_person() {
    let upstream = Upstream::start();
    let Some(mut scene) = CodexSession::with_config(&qwen(&upstream, "manual", "")) else {
        return;
    };
    let mut run = scene.codex.exec(&[], "Say hello");
    let operator = &mut scene.operator;
    operator.wait_request("Say hello");
    let gate = Gate::default();
    let nonsense = "<html>It works!</html>";
    let scripts = [
        (Script::error(503, "loading the model"), "answered 503"),
        (Script::error(400, "too many tokens"), "answered 400"),
        (Script::whole(200, "text/html", &[], nonsense), "qwen"),
        (Script::stream().words("Hel").hang_up(), "Hel"),
        (Script::stream().chunk(b"data: {nonsense\n\n").end(), "qwen"),
    ];
    for (script, seen) in scripts {
        upstream.plays(script);
        operator.key(Key::Alt('d'));
        upstream.request();
        operator.wait_until("a failure in words", |screen| {
            screen.contains("failed") && screen.contains(seen) && screen.contains("waiting")
        });
        if operator.screen().contains("> Hel") {
            operator.key(Key::Ctrl('c'));
            operator.wait_gone("> Hel");
        }
    }
    // A slow one is waited for, and does not keep the person from answering.
    upstream.plays(Script::stream().wait(&gate).words("Late").done());
    operator.key(Key::Alt('d'));
    upstream.request();
    operator.wait_for("asked");
    operator.key(Key::Esc);
    operator.wait_for("stopped");
    operator.reply("Hello yourself");
    assert_eq!(run.wait_answer(), "Hello yourself");
    gate.open();
    operator.wait_gone("waiting");
    assert!(!operator.screen().contains("Late"));
    assert_eq!(scene.wire.posts(), 1, "Codex saw nothing of it");
}

#[test]
fn nothing_that_listens_is_said_and_the_draft_is_made_once_there_is() {
    let nobody = free_address();
    let config = config(&format!("http://{nobody}"), "draft", "", "");
    let Some(mut scene) = CodexSession::with_config(&config) else {
        return;
    };
    let mut run = scene.codex.exec(&[], "Say hello");
    let operator = &mut scene.operator;
    operator.wait_until("what to do", |screen| {
        screen.contains("waiting") && screen.contains(&format!("{nobody}"))
    });
    operator.reply("Hello");
    assert_eq!(run.wait_answer(), "Hello");
    operator.wait_until("the answer", |screen| has_row(screen, "Hello"));
}
