//! What a person typed survives whatever ends the program: the real binary in a pseudo-terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{Client, EventStream, Key, Operator, Sandbox, Signal};
use crate::support::{any_file_contains, contains, poll};
use humanllm::journal::JournalReader;
use serde_json::{Value, json};

fn body(input: &str) -> Value {
    let tool = json!({"type": "function", "name": "exec_command", "parameters": {
        "type": "object", "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}}}});
    json!({"model": "m", "stream": true, "input": input, "tools": [tool]})
}

/// A request that names its thread.
fn ask(client: &Client, thread: &str) -> EventStream {
    let mut body = body("What now?");
    body["prompt_cache_key"] = thread.into();
    client.post_sse("/v1/responses", &[], &body)
}

/// The files that an editor may be at work on.
fn editor_files(place: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.state_dir().join("editor"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// An editor that saves words and stays open.
fn slow_editor(place: &Sandbox) -> String {
    let path = place.path("slow-editor");
    let script =
        "#!/bin/sh\nprintf 'saved words' > \"$1\"\nprintf '\\033]0;saved\\007'\nsleep 1000\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A person in whose editor something is saved that was begun as a draft.
fn at_the_editor() -> (Operator, EventStream) {
    let place = Sandbox::new();
    let editor = slow_editor(&place);
    let mut operator = Operator::at(place).env("EDITOR", &editor).start();
    let stream = ask(&operator.client(), "a");
    operator.wait_request("What now?");
    operator.type_text("begun");
    operator.wait_for("> begun");
    let mark = operator.mark();
    operator.key(Key::Ctrl('g'));
    poll(
        "the editor",
        || contains(&operator.raw_since(mark), b"saved\x07").then_some(()),
        || operator.screen(),
    );
    (operator, stream)
}

#[test]
fn a_command_with_its_options_is_one_after_a_crash() {
    let mut operator = Operator::start();
    let _stream = ask(&operator.client(), "a");
    operator.wait_request("What now?");
    operator.type_text("!rm a");
    operator.key(Key::Alt('o'));
    operator.wait_for("workdir");
    operator.type_text("/srv");
    operator.wait_saved("/srv");
    operator.wait_saved("rm a");
    operator.signal(Signal::KILL);
    let mut operator = operator.restart();
    let mut stream = ask(&operator.client(), "a");
    operator.wait_for("[Run command]");
    operator.wait_for("workdir /srv");
    operator.key(Key::Enter);
    let done = stream.until("response.completed");
    let call = &done["response"]["output"][0];
    assert_eq!(call["arguments"], r#"{"cmd":"rm a","workdir":"/srv"}"#);
}

#[test]
fn a_note_that_was_not_delivered_is_back_after_a_crash() {
    let mut operator = Operator::start();
    let mut body = body("What now?");
    body["stream"] = false.into();
    let client = operator.client();
    // One that does not stream gets nothing before the end.
    let waits =
        std::thread::spawn(move || client.post("/v1/responses", &[], body.to_string().as_bytes()));
    operator.wait_request("What now?");
    operator.choose("Progress");
    operator.reply("an unread note");
    operator.wait_for("commentary · sent");
    operator.type_text("and more");
    operator.wait_saved("and more");
    operator.signal(Signal::KILL);
    let operator = operator.restart();
    let _ = waits.join();
    let _stream = operator
        .client()
        .post_sse("/v1/responses", &[], &self::body("What now?"));
    operator.wait_for("and more");
    operator.wait_for("an unread note");
    assert_eq!(operator.kind(), Some("Progress"));
}

#[test]
fn what_was_delivered_does_not_come_back() {
    let mut operator = Operator::start();
    let mut stream = ask(&operator.client(), "a");
    operator.wait_request("What now?");
    operator.reply("the answer");
    stream.until("response.completed");
    operator.wait_for("final answer · delivered");
    no_draft_is_left(&operator);
    operator.signal(Signal::KILL);
    let mut operator = operator.restart();
    operator.key(Key::AltDown);
    operator.wait_for("the answer");
    let screen = operator.screen();
    assert!(screen.contains("> Nothing to answer"), "{screen}");
}

/// Waits until nothing that was typed is kept to be sent.
fn no_draft_is_left(operator: &Operator) {
    let reader = JournalReader::open(&operator.sandbox().state_dir()).expect("a journal");
    poll(
        "the draft to go",
        || {
            reader
                .drafts()
                .is_ok_and(|drafts| drafts.is_empty())
                .then_some(())
        },
        || operator.screen(),
    );
}

#[test]
fn requests_that_begin_alike_share_no_draft() {
    let mut operator = Operator::start();
    let client = operator.client();
    let post = || client.post_sse("/v1/responses", &[], &body("What now?"));
    let mut first = post();
    operator.wait_request("What now?");
    operator.type_text("to the first");
    let _second = post();
    operator.wait_for("Alt+N opens it");
    operator.wait_saved("to the first");
    operator.key(Key::Alt('n'));
    let screen = operator.wait_gone("to the first");
    assert!(screen.contains("> The final answer"), "{screen}");
    operator.key(Key::AltUp);
    operator.wait_for("> to the first");
    operator.key(Key::Enter);
    let done = first.until("response.completed");
    assert_eq!(
        done["response"]["output"][0]["content"][0]["text"],
        "to the first"
    );
}

#[test]
fn an_earlier_conversation_is_found_read_and_deleted_for_good() {
    // Without the inbox beside it, which lists what the search leaves out.
    let mut operator = Operator::builder().size(80, 24).start();
    let client = operator.client();
    for (thread, prompt, reply) in [
        ("a", "Where is the kestrel?", "zyzzogeton above the quarry"),
        ("b", "And the heron?", "by the river"),
    ] {
        let mut body = body(prompt);
        body["prompt_cache_key"] = thread.into();
        let mut stream = client.post_sse("/v1/responses", &[], &body);
        operator.wait_request(prompt);
        operator.reply(reply);
        stream.until("response.completed");
        operator.wait_for("final answer · delivered");
    }
    operator.key(Key::Ctrl('q'));
    operator.wait_exit();
    let folder = operator.sandbox().state_dir();
    assert!(any_file_contains(&folder, "zyzzogeton"));
    let mut show = operator.sandbox().command(&["history", "show", "1"]);
    let shown = show.arg("--state-dir").arg(&folder).output();
    let shown = String::from_utf8(shown.expect("ended").stdout).expect("UTF-8");
    for part in [
        "\n── user\n│ Where is the kestrel?\n",
        "\n── assistant · final answer · delivered · ",
        "\n│ zyzzogeton above the quarry\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }

    let mut operator = operator.restart();
    operator.key(Key::F(6));
    operator.wait_for("find a conversation");
    operator.wait_for("Where is the kestrel?");
    operator.type_text("zyzz");
    operator.wait_gone("heron");
    operator.wait_for("zyzzogeton");
    operator.key(Key::Enter);
    operator.wait_for("zyzzogeton above the quarry");
    operator.key(Key::F(8));
    operator.wait_for("Delete «Where is the kestrel?» for good?");
    // Whoever goes on writing keeps it.
    operator.type_text("no");
    operator.wait_gone("for good?");
    operator.key(Key::F(8));
    operator.wait_for("for good?");
    operator.type_text("y");
    operator.wait_for("And the heron?");
    operator.key(Key::Ctrl('q'));
    operator.wait_exit();
    for word in ["zyzzogeton", "kestrel"] {
        assert!(!any_file_contains(&folder, word), "{word} is left");
    }
    let mut operator = operator.restart();
    operator.key(Key::F(6));
    operator.wait_for("And the heron?");
    operator.type_text("zyzz");
    operator.wait_for("nothing");
    let screen = operator.screen();
    assert!(!screen.contains("kestrel"), "{screen}");
}

#[test]
fn what_was_just_said_is_found() {
    let mut operator = Operator::builder().size(80, 24).start();
    let mut stream = ask(&operator.client(), "a");
    operator.wait_request("What now?");
    operator.reply("zyzzogeton above the quarry");
    stream.until("response.completed");
    // The index is not there yet, and the person does not ask again.
    operator.key(Key::F(6));
    operator.type_text("zyzzogeton quar");
    operator.wait_for("> zyzzogeton quar");
    operator.wait_for("1/2");
    operator.wait_for("zyzzogeton above the quarry");
}

#[test]
fn words_typed_before_any_request_are_kept() {
    let mut operator = Operator::start();
    operator.type_text("early words");
    operator.wait_saved("early words");
    operator.signal(Signal::KILL);
    let mut operator = operator.restart();
    operator.wait_for("> early words");
    let mut stream = ask(&operator.client(), "a");
    operator.wait_for("Alt+N opens it");
    operator.key(Key::Alt('n'));
    operator.wait_request("What now?");
    operator.wait_for("> early words");
    operator.key(Key::Enter);
    stream.until("response.completed");
    operator.wait_for("final answer · delivered");
    no_draft_is_left(&operator);
}

#[test]
fn what_an_editor_saved_survives_a_kill_and_is_offered() {
    let (operator, _stream) = at_the_editor();
    operator.signal(Signal::KILL);
    let mut operator = operator.restart();
    let screen = operator.wait_for("> saved words");
    assert!(
        screen.contains("text saved in an editor is back"),
        "{screen}"
    );
    assert!(editor_files(operator.sandbox()).is_empty());
    // The draft is where it was, and what was saved is offered beside it.
    let _stream = ask(&operator.client(), "a");
    operator.wait_for("Alt+N opens it");
    operator.key(Key::Alt('n'));
    operator.wait_for("> begun");
    operator.key(Key::Ctrl('r'));
    operator.wait_for("saved words");
}

#[test]
fn what_an_editor_saved_is_in_the_draft_when_the_program_is_ended() {
    type End = fn(&mut Operator);
    let ends: [End; 2] = [
        |operator| operator.signal(Signal::TERM),
        |operator| operator.hang_up(),
    ];
    for end in ends {
        let (mut operator, _stream) = at_the_editor();
        end(&mut operator);
        let operator = operator.restart();
        assert!(editor_files(operator.sandbox()).is_empty());
        let _stream = ask(&operator.client(), "a");
        operator.wait_for("> saved words");
    }
}

#[test]
fn what_cannot_be_saved_is_told_for_as_long_as_it_is_so() {
    for (columns, rows) in [(80, 24), (60, 20)] {
        let mut operator = Operator::builder().size(columns, rows).start();
        let mut stream = ask(&operator.client(), "a");
        operator.wait_request("What now?");
        let folder = operator.sandbox().state_dir();
        let other = rusqlite::Connection::open(folder.join("journal.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        operator.type_text("words");
        operator.wait_for("not saved: ");
        operator.type_text(" and more");
        let screen = operator.wait_for("> words and more");
        assert!(screen.contains("not saved: "), "{screen}");
        other.execute_batch("ROLLBACK").unwrap();
        operator.wait_gone("not saved: ");
        operator.wait_saved("words and more");
        operator.key(Key::Enter);
        stream.until("response.completed");
    }
}

#[test]
fn signals_about_writing_end_nothing() {
    let mut operator = Operator::start();
    operator.signal(Signal::PIPE);
    operator.signal(Signal::XFSZ);
    let mut stream = ask(&operator.client(), "a");
    operator.wait_request("What now?");
    operator.reply("still here");
    stream.until("response.completed");
}
