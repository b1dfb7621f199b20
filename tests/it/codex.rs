//! Scenes with the real Codex CLI on one side and a person at a terminal on the other.
//!
//! Run them with `HUMANLLM_TEST_CODEX=/path/to/codex cargo test codex::`. Without that variable
//! every scene passes at once and says so. Measured with Codex 0.169.0.

use std::time::Duration;

use crate::support::{
    self, CodexHome, CodexSession, Key, Operator, Signal, has_row, submit_prompt,
};

#[test]
fn a_note_is_seen_before_the_answer_and_a_second_run_saves_the_file() {
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::new()
    else {
        return;
    };

    let mut run = codex.exec(&[], "Pythonで「Hello, world!」と表示して");
    operator.wait_request("と表示して");
    operator.choose("Progress");
    operator.reply("少々お待ちください…🙏");
    run.wait_stderr("少々お待ちください…🙏");
    assert!(run.is_running(), "the note ended the turn");
    assert_eq!(run.stdout(), "", "the note went where the answer goes");

    assert_eq!(
        operator.kind(),
        Some("Progress"),
        "a second note ends the turn"
    );
    operator.choose("Send");
    operator.reply("print(\"Hello, world!\")  # 世界へ");
    assert_eq!(run.wait_answer(), "print(\"Hello, world!\")  # 世界へ");
    operator.wait_until("the reply's fate", |screen| {
        screen.contains("sent") || screen.contains("delivered")
    });
    assert_eq!(wire.posts(), 1);

    let mut run = codex.exec(&[], "hello.pyに保存してください");
    operator.wait_request("に保存してください");
    operator.type_text("!");
    operator.wait_for("[Run command]");
    operator.reply("echo 'print(\"Hello, world!\")' > hello.py");
    operator.wait_until("the result of the command", |screen| {
        screen.contains("waiting")
            && screen
                .lines()
                .any(|row| row.contains("exit") && row.contains('0'))
    });
    assert_eq!(wire.posts(), 3);
    let file = std::fs::read_to_string(codex.work().join("hello.py")).expect("hello.py");
    assert_eq!(file, "print(\"Hello, world!\")\n");

    operator.type_text("!");
    operator.wait_for("[Run command]");
    operator.reply("ls");
    operator.wait_until("the list of files", |screen| {
        screen.contains("waiting") && has_row(screen, "hello.py")
    });
    assert_eq!(wire.posts(), 4);

    operator.choose("Send");
    operator.reply("保存しました。");
    assert_eq!(run.wait_answer(), "保存しました。");
    assert!(run.stderr().contains("hello.py"), "{}", run.stderr());
    assert_eq!(wire.posts(), 4);
}

#[test]
fn codex_works_over_a_websocket() {
    let Some(mut scene) = CodexSession::with_config("[server]\nheartbeat_seconds = 1\n") else {
        return;
    };
    let args = [impatient(Duration::from_secs(4)), WEBSOCKET].concat();
    let mut run = scene.codex.exec(&args, "Say what is in hill.txt");
    let operator = &mut scene.operator;
    operator.wait_request("Say what is in hill.txt");
    // As patient as over HTTP.
    support::poll(
        "ten heartbeats, one a second",
        || (scene.wire.server_sent("response.in_progress") > 10).then_some(()),
        || format!("{}\n{}", operator.screen(), run.stderr()),
    );
    operator.choose("Progress");
    operator.reply("Having a look");
    run.wait_stderr("Having a look");
    operator.type_text("!");
    operator.wait_for("[Run command]");
    operator.reply("echo a hill | tee hill.txt");
    // Codex sends the output alone, and the person still sees everything.
    operator.wait_until("the whole conversation with the output", |screen| {
        let all = ["Say what is in hill.txt", "Having a look", "a hill"];
        screen.contains("waiting") && all.iter().all(|row| has_row(screen, row))
    });
    assert!(
        !operator.screen().contains("changed"),
        "{}",
        operator.screen()
    );
    operator.choose("Send");
    operator.reply("A hill.");
    assert_eq!(run.wait_answer(), "A hill.");
    assert_eq!(scene.wire.posts(), 0, "everything went over the socket");
    assert_eq!(scene.wire.client_sent("GET /v1/responses"), 1);

    let mut run = scene.codex.exec(&WEBSOCKET, "Lift the hill");
    let operator = &mut scene.operator;
    operator.wait_request("Lift the hill");
    operator.choose("Reject");
    operator.reply("Too heavy for me");
    assert!(!run.wait_exit().success());
    assert!(
        run.stderr().contains("Too heavy for me"),
        "{}",
        run.stderr()
    );
    assert_eq!(
        scene.wire.client_sent("GET /v1/responses"),
        2,
        "no second try"
    );
}

#[test]
fn heartbeats_hold_codex_longer_than_its_patience() {
    let Some(mut scene) = CodexSession::with_config("[server]\nheartbeat_seconds = 1\n") else {
        return;
    };
    let mut run = scene
        .codex
        .exec(&impatient(Duration::from_secs(4)), "Take your time");
    scene.operator.wait_request("Take your time");
    scene.operator.type_text("Here I am");
    support::poll(
        "ten heartbeats, one a second",
        || (scene.wire.server_sent("event: response.in_progress") > 10).then_some(()),
        || format!("{}\n{}", scene.operator.screen(), run.stderr()),
    );
    scene.operator.wait_request("Take your time");
    scene.operator.wait_for("Here I am");
    scene.operator.key(Key::Enter);
    assert_eq!(run.wait_answer(), "Here I am");
    assert!(!run.stderr().contains("Reconnecting"), "{}", run.stderr());
    assert_eq!(scene.wire.posts(), 1);
}

#[test]
fn without_heartbeats_codex_loses_patience_and_the_draft_stays() {
    let Some(mut scene) = CodexSession::with_config("[server]\nheartbeat_seconds = 3600\n") else {
        return;
    };
    let mut run = scene
        .codex
        .exec(&impatient(Duration::from_secs(2)), "Hurry up");
    scene.operator.wait_request("Hurry up");
    scene.operator.type_text("Slow and steady");
    run.wait_stderr("Reconnecting");
    scene.operator.wait_for("Slow and steady");
    assert!(scene.operator.screen().contains("Hurry up"));
}

/// Codex with a WebSocket instead of a request for every response.
const WEBSOCKET: [&str; 2] = ["-c", "model_providers.humanllm.supports_websockets=true"];

/// Codex with this much patience between two events.
fn impatient(patience: Duration) -> [&'static str; 2] {
    let millis = patience.as_millis();
    let setting = format!("model_providers.humanllm.stream_idle_timeout_ms={millis}");
    ["-c", setting.leak()]
}

#[test]
fn reject_shows_the_words_and_is_not_retried() {
    let Some(mut scene) = CodexSession::new() else {
        return;
    };
    let mut run = scene.codex.exec(&["--json"], "Do my homework");
    scene.operator.wait_request("Do my homework");
    scene.operator.choose("Reject");
    scene.operator.reply("No, do it yourself. 自分で。");
    let status = run.wait_exit();
    assert_eq!(status.code(), Some(1), "{}", run.stderr());
    let failures: Vec<serde_json::Value> = run
        .stdout()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &serde_json::Value| event["type"] == "turn.failed")
        .collect();
    assert_eq!(failures.len(), 1, "{}", run.stdout());
    assert_eq!(
        failures[0]["error"]["message"],
        "No, do it yourself. 自分で。"
    );
    assert_eq!(scene.wire.posts(), 1);
    scene.operator.wait_gone("waiting");
}

#[test]
fn interactive_codex_shows_a_rejection_once_and_gets_its_title_from_the_program() {
    let Some(mut scene) = CodexSession::new() else {
        return;
    };
    let mut codex = scene.codex.interactive((100, 30));
    submit_prompt(&mut codex, "Greet the reviewers");
    scene.operator.wait_request("Greet the reviewers");
    codex.wait_until("the title", |screen| {
        let below = screen
            .rsplit_once("Ask Codex")
            .map_or("", |(_, below)| below);
        below.contains("Greet the reviewers")
    });
    assert_eq!(scene.wire.posts(), 2, "the turn and its title");
    assert!(scene.wire.client_sent("thread_title") > 0);
    assert_eq!(scene.operator.bells(), 1, "only the turn rings");

    scene.operator.choose("Progress");
    scene.operator.reply("Let me think");
    codex.wait_for("• Let me think");
    scene.operator.choose("Send");
    scene.operator.reply("Hello, reviewers!");
    codex.wait_for("• Hello, reviewers!");

    submit_prompt(&mut codex, "Now insult them");
    scene.operator.wait_request("Now insult them");
    scene.operator.choose("Reject");
    scene.operator.reply("I would rather not");
    let screen = codex.wait_for("I would rather not");
    assert_eq!(screen.matches("I would rather not").count(), 1, "{screen}");
    scene.operator.wait_gone("waiting");
    assert_eq!(scene.wire.posts(), 3);

    let seen = scene.operator.raw_since(0);
    assert!(!support::contains(&seen, b"Generate a concise"));
}

#[test]
fn the_turn_comes_back_after_a_clean_stop() {
    the_turn_comes_back_after(Signal::TERM);
}

#[test]
fn the_turn_comes_back_after_a_crash() {
    the_turn_comes_back_after(Signal::KILL);
}

fn the_turn_comes_back_after(signal: Signal) {
    // No tap: Codex shall meet a closed port, as it does in life.
    if support::codex::binary().is_none() {
        return;
    }
    let mut operator = Operator::start();
    let Some(codex) = CodexHome::new(operator.sandbox().address) else {
        return;
    };
    let mut run = codex.exec(&[], "Tell me a long story");
    operator.wait_request("Tell me a long story");
    operator.choose("Progress");
    operator.reply("Once upon a time");
    run.wait_stderr("Once upon a time");
    operator.choose("Send");
    operator.type_text("there was a 料理人 who");
    operator.wait_for("there was a 料理人 who");
    if signal == Signal::KILL {
        operator.wait_saved("there was a 料理人 who");
    }
    operator.signal(signal);
    operator.wait_exit();
    if signal == Signal::TERM {
        assert!(operator.is_restored(), "the terminal is left in disorder");
    }
    run.wait_stderr("Reconnecting");
    assert!(run.is_running());

    let mut operator = operator.restart();
    operator.wait_request("Tell me a long story");
    operator.wait_for("there was a 料理人 who");
    operator.type_text(" cooked");
    operator.wait_for("who cooked");
    assert_eq!(operator.kind(), Some("Send"));
    operator.key(Key::Enter);
    assert_eq!(run.wait_answer(), "there was a 料理人 who cooked");
    assert_eq!(run.stderr().matches("Once upon a time").count(), 1);
}

#[test]
fn setup_makes_codex_know_the_model() {
    let Some(mut scene) = CodexSession::new() else {
        return;
    };
    assert!(scene.codex.setup.contains("--profile humanllm"));
    let files = ["humanllm.config.toml", "config.toml"];
    let exists = files.map(|name| scene.codex.path().join(name).exists());
    assert_eq!(exists, [true, false], "{files:?}");

    let mut run = scene.codex.exec(&[], "Are you there?");
    scene.operator.wait_request("Are you there?");
    scene.operator.reply("Yes");
    assert_eq!(run.wait_answer(), "Yes");
    assert!(!run.stderr().contains("metadata"), "{}", run.stderr());
    assert_eq!(scene.wire.posts(), 1);
}
