//! Scenes in which a person has the real Codex do all that a model can: patches, several calls at
//! once, tools in namespaces, pictures, escalation, answers in a form, thoughts.
//!
//! Run them with `HUMANLLM_TEST_CODEX=/path/to/codex cargo test codex_tools::`. Without that
//! variable every scene passes at once and says so. Measured with Codex 0.169.0.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{self, CodexSession, Key, Operator, Sandbox, has_row, submit_prompt};

/// Goes down a form to a field.
fn go_to(operator: &mut Operator, field: &str) {
    let marked = format!("› {field}");
    for _ in 0..20 {
        let screen = operator.wait_until("a field", |screen| screen.contains('›'));
        if screen.contains(&marked) {
            return;
        }
        operator.key(Key::Down);
        operator.wait_until("another field", |now| now != screen);
    }
    panic!("no field {field}:\n{}", operator.screen());
}

/// Types a command with `!` and leaves it there.
fn type_command(operator: &mut Operator, command: &str) {
    operator.type_text("!");
    operator.wait_for("[Run command]");
    operator.type_text(command);
    operator.wait_for(&format!("$ {command}"));
}

/// Waits until the request with the results is here and says something.
fn wait_result(operator: &Operator, what: &str, holds: impl Fn(&str) -> bool) -> String {
    operator.wait_until(what, |screen| screen.contains("waiting") && holds(screen))
}

#[test]
fn a_patch_is_checked_and_applied_by_the_free_form_tool() {
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::new()
    else {
        return;
    };
    let file = codex.work().join("greeting.txt");
    fs::write(&file, "hello\nworld\n").unwrap();
    let mut run = codex.exec(&[], "Greet somebody else");
    operator.wait_request("Greet somebody else");
    operator.call_tool("apply", "apply_patch");
    operator.wait_for("*** Begin Patch");

    // The template is filled in by hand: path, context, what goes, what comes.
    operator.type_text("greeting.txt");
    operator.wait_for("*** Update File: greeting.txt");
    operator.key(Key::Down);
    operator.key(Key::Down);
    operator.key(Key::End);
    operator.key(Key::Backspace);
    operator.type_text("hello");
    operator.key(Key::Down);
    operator.key(Key::End);
    operator.type_text("world");
    operator.key(Key::Down);
    operator.key(Key::End);
    operator.type_text("there");
    operator.key(Key::Down);
    operator.key(Key::End);
    operator.key(Key::Backspace);
    operator.key(Key::Backspace);
    operator.wait_for("line 4: ");
    operator.key(Key::Enter);
    operator.wait_for("Enter send anyway");
    assert_eq!(wire.posts(), 1);
    operator.key(Key::Up);
    operator.key(Key::Up);
    operator.key(Key::Home);
    operator.type_text(" ");
    // Something else was done, so Enter does not insist any more.
    operator.wait_gone("Enter send anyway");
    operator.wait_for("update greeting.txt +1 -1");
    operator.key(Key::Enter);
    wait_result(&operator, "the result", |screen| {
        screen.contains("M greeting.txt")
    });
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello\nthere\n");
    assert_eq!(wire.posts(), 2);
    assert!(wire.client_sent("custom_tool_call_output") > 0);
    operator.reply("Done");
    assert_eq!(run.wait_answer(), "Done");
}

#[test]
fn a_patch_from_the_editor_goes_through_the_shell_where_there_is_no_tool_for_it() {
    let place = Sandbox::new();
    let patch = "*** Begin Patch\n*** Add File: song.txt\n+la 'la' $la\n+ラ\n*** End Patch\n";
    fs::write(place.path("patch"), patch).unwrap();
    let editor = place.path("editor");
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in *.patch) cp '{}' \"$1\";; esac\n",
        place.path("patch").display()
    );
    fs::write(&editor, script).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let operator = Operator::at(place).env("EDITOR", &editor.display().to_string());
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::with_operator(operator)
    else {
        return;
    };
    codex.remove_catalog();
    let mut run = codex.exec(&[], "Write a song");
    operator.wait_request("Write a song");
    operator.call_tool("apply", "apply_patch through exec_command");
    operator.key(Key::Ctrl('g'));
    operator.wait_for("add song.txt +2");
    operator.key(Key::Enter);
    wait_result(&operator, "the result", |screen| {
        screen.contains("A song.txt")
    });
    let song = fs::read_to_string(codex.work().join("song.txt")).unwrap();
    assert_eq!(song, "la 'la' $la\nラ\n");
    assert_eq!(wire.client_sent("custom_tool_call_output"), 0);
    operator.reply("Sung");
    assert_eq!(run.wait_answer(), "Sung");
}

#[test]
fn two_commands_in_one_reply_both_run() {
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::new()
    else {
        return;
    };
    let mut run = codex.exec(&[], "Count");
    operator.wait_request("Count");
    type_command(&mut operator, "echo $((10 + 1))");
    operator.key(Key::Alt('a'));
    operator.wait_for("part 1 added");
    type_command(&mut operator, "echo $((20 + 2))");
    operator.key(Key::Enter);
    wait_result(&operator, "both outputs", |screen| {
        has_row(screen, "11") && has_row(screen, "22")
    });
    assert_eq!(wire.posts(), 2);
    assert_eq!(wire.client_sent(r#""type":"function_call_output""#), 2);
    operator.reply("Counted");
    assert_eq!(run.wait_answer(), "Counted");
    for line in ["echo $((10 + 1))", "echo $((20 + 2))"] {
        assert!(run.stderr().contains(line), "{}", run.stderr());
    }
}

#[test]
fn a_tool_in_a_namespace_answers() {
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::new()
    else {
        return;
    };
    let mut run = codex.exec(&[], "Close the other one");
    operator.wait_request("Close the other one");
    operator.call_tool("close", "multi_agent_v1.close_agent");
    go_to(&mut operator, "target");
    operator.type_text("nobody");
    operator.wait_for("nobody");
    operator.key(Key::Enter);
    // It is Codex's tool that complains, not Codex that knows no such tool.
    wait_result(&operator, "the result", |screen| {
        screen.contains("invalid agent id nobody")
    });
    assert_eq!(wire.client_sent("unsupported call"), 0);
    operator.reply("There is none");
    assert_eq!(run.wait_answer(), "There is none");
}

/// One red pixel.
const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cI\
    DATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

#[test]
fn a_picture_comes_back() {
    let Some(CodexSession {
        mut operator,
        codex,
        ..
    }) = CodexSession::new()
    else {
        return;
    };
    fs::write(codex.work().join("red.png"), PNG).unwrap();
    let mut run = codex.exec(&[], "What colour is it?");
    operator.wait_request("What colour is it?");
    operator.call_tool("view_im", "view_image");
    go_to(&mut operator, "path");
    operator.type_text("red.png");
    operator.wait_for("red.png");
    operator.key(Key::Enter);
    wait_result(&operator, "the picture", |screen| {
        screen.contains("[image: image/png")
    });
    operator.reply("Red");
    assert_eq!(run.wait_answer(), "Red");
}

#[test]
fn an_escalated_command_is_asked_for_with_its_justification() {
    let Some(mut scene) = CodexSession::with_operator(Operator::builder().size(120, 40)) else {
        return;
    };
    let mut codex = scene.codex.interactive_sandboxed((100, 40));
    submit_prompt(&mut codex, "Look outside");
    let operator = &mut scene.operator;
    operator.wait_request("Look outside");
    type_command(
        operator,
        "echo $((40 + 2)) > ../outside.txt; cat ../outside.txt",
    );
    operator.key(Key::Alt('o'));
    // What is set most is what one begins with.
    operator.wait_for("› workdir");
    go_to(operator, "sandbox_permissions");
    operator.type_text("req");
    operator.wait_for("require_escalated");
    go_to(operator, "justification");
    operator.type_text("May I leave the sandbox?");
    operator.wait_for("May I leave the sandbox?");
    operator.key(Key::Alt('o'));
    operator.wait_for("$ echo");
    operator.key(Key::Enter);
    codex.wait_for("May I leave the sandbox?");
    let arguments = [
        r#"\"sandbox_permissions\":\"require_escalated\""#,
        r#"\"justification\":\"May I leave the sandbox?\""#,
    ];
    for argument in arguments {
        assert!(scene.wire.server_sent(argument) > 0, "no {argument}");
    }
    let outside = scene.codex.work().join("../outside.txt");
    assert!(!outside.exists(), "it ran before anybody allowed it");
    codex.press_enter_until_gone("Yes, proceed");
    let operator = &mut scene.operator;
    wait_result(operator, "the output", |screen| has_row(screen, "42"));
    assert_eq!(fs::read_to_string(outside).unwrap(), "42\n");
    operator.reply("It is bright");
    codex.wait_for("It is bright");
}

#[test]
fn an_answer_in_a_form_starts_from_a_skeleton_and_is_checked() {
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::new()
    else {
        return;
    };
    let schema = r#"{"type": "object", "properties": {"word": {"type": "string"},
        "count": {"type": "integer"}}, "required": ["word", "count"], "additionalProperties": false}"#;
    fs::write(codex.work().join("schema.json"), schema).unwrap();
    let mut run = codex.exec(&["--output-schema", "schema.json"], "Which word?");
    operator.wait_request("Which word?");
    operator.wait_for("Expected: JSON");
    operator.reply("any word");
    operator.wait_for("Enter send anyway");
    assert_eq!(run.stdout(), "");
    operator.key(Key::Alt('i'));
    operator.wait_for(r#""count": 0"#);
    operator.key(Key::Up);
    operator.key(Key::Up);
    operator.key(Key::End);
    operator.key(Key::Left);
    operator.key(Key::Left);
    operator.type_text("へえ");
    operator.wait_for(r#""word": "へえ","#);
    operator.key(Key::Enter);
    let answer: serde_json::Value = serde_json::from_str(&run.wait_answer()).unwrap();
    assert_eq!(answer, serde_json::json!({"word": "へえ", "count": 0}));
    assert_eq!(wire.posts(), 1);
}

#[test]
fn a_thought_is_shown_and_does_not_end_the_turn() {
    let Some(CodexSession {
        mut operator,
        codex,
        wire,
    }) = CodexSession::new()
    else {
        return;
    };
    let mut run = codex.exec(&[], "Think first");
    operator.wait_request("Think first");
    operator.choose("Think");
    operator.reply("Let me see, 考え中");
    operator.wait_for("thought sent");
    run.wait_stderr("Let me see, 考え中");
    assert!(run.is_running(), "the thought ended the turn");
    assert_eq!(run.stdout(), "");
    operator.choose("Send");
    operator.reply("Thought");
    assert_eq!(run.wait_answer(), "Thought");
    assert_eq!(wire.posts(), 1);
}

#[test]
fn interactive_codex_shows_a_thought_where_it_says_that_it_works() {
    let Some(mut scene) = CodexSession::new() else {
        return;
    };
    let mut codex = scene.codex.interactive((100, 30));
    submit_prompt(&mut codex, "Think first");
    let operator = &mut scene.operator;
    operator.wait_request("Think first");
    operator.choose("Think");
    operator.reply("Let me see, 考え中");
    codex.wait_until("the thought and the time", |screen| {
        let mut rows = screen.lines();
        rows.any(|row| row.contains("Let me see, 考え中 (") && row.contains("esc to interrupt"))
    });
    operator.choose("Send");
    operator.reply("Here it is");
    codex.wait_for("• Here it is");
}

#[test]
fn a_process_that_runs_is_typed_into() {
    let Some(CodexSession {
        mut operator,
        codex,
        ..
    }) = CodexSession::with_operator(Operator::builder().size(100, 40))
    else {
        return;
    };
    let mut run = codex.exec(&[], "Talk to the cat");
    operator.wait_request("Talk to the cat");
    type_command(&mut operator, "sed -u 's/^/cat says /'");
    operator.key(Key::Alt('o'));
    go_to(&mut operator, "yield_time_ms");
    operator.type_text("250");
    operator.wait_for("250");
    go_to(&mut operator, "tty");
    operator.type_text("t");
    operator.key(Key::Alt('o'));
    operator.wait_for("yield_time_ms 250 · tty true");
    // It is found though the output of another command comes after it.
    operator.key(Key::Alt('a'));
    operator.wait_for("part 1 added");
    type_command(&mut operator, "echo $((3 + 4))");
    operator.key(Key::Enter);
    wait_result(&operator, "the session", |screen| {
        screen.contains("still running, session") && has_row(screen, "7")
    });
    operator.key(Key::Alt('s'));
    operator.wait_for("[Call tool]");
    operator.wait_for("› chars");
    operator.type_text("miaow");
    operator.key(Key::AltEnter);
    operator.wait_for("miaow");
    operator.key(Key::Enter);
    wait_result(&operator, "what the process says", |screen| {
        has_row(screen, "cat says miaow")
    });
    // Once it has ended there is nothing to go on with.
    operator.key(Key::Alt('s'));
    operator.wait_for("› chars");
    operator.paste("\u{4}");
    operator.key(Key::Enter);
    wait_result(&operator, "its end", |screen| {
        screen.matches("exit 0").count() == 2
    });
    operator.key(Key::Alt('s'));
    operator.wait_for("no process is still running");
    operator.reply("It talks");
    assert_eq!(run.wait_answer(), "It talks");
}

#[test]
fn typing_live_is_seen_line_by_line() {
    let Some(mut scene) = CodexSession::new() else {
        return;
    };
    let mut codex = scene.codex.interactive((100, 30));
    submit_prompt(&mut codex, "Tell me slowly");
    let operator = &mut scene.operator;
    operator.wait_request("Tell me slowly");
    operator.key(Key::Alt('l'));
    operator.wait_for("[Send live]");
    operator.type_text("It was a dark night");
    operator.key(Key::AltEnter);
    codex.wait_for("It was a dark night");
    operator.wait_request("Tell me slowly");
    operator.reply("and nothing happened.");
    codex.wait_for("and nothing happened.");
    operator.wait_gone("waiting");
    let whole = r"It was a dark night\nand nothing happened.";
    // Codex shows the last line before the message has been told as a whole.
    support::poll(
        "one message of two lines",
        || (scene.wire.server_sent(whole) > 0).then_some(()),
        || operator.screen(),
    );
}

#[test]
fn tokens_are_counted() {
    let Some(mut scene) = CodexSession::new() else {
        return;
    };
    let mut run = scene.codex.exec(&["--json"], "How much is it?");
    scene.operator.wait_request("How much is it?");
    scene.operator.reply("It is one, two, three, four, five.");
    assert!(run.wait_exit().success());
    let stdout = run.stdout();
    let mut events = stdout.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        event
    });
    let done = events.find(|event| event["type"] == "turn.completed");
    let usage = &done.expect("the end of the turn")["usage"];
    let input = usage["input_tokens"].as_u64().expect("input tokens");
    let output = usage["output_tokens"].as_u64().expect("output tokens");
    // Instructions, tools and the prompt; and a dozen words.
    assert!((1_000..20_000).contains(&input), "{usage}");
    assert!((10..30).contains(&output), "{usage}");
}
