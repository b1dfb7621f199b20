//! What a person typed survives whatever ends the program: the real binary in a pseudo-terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{Client, EventStream, Key, Person, Place, Signal};
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
fn editor_files(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.state_dir().join("editor"));
    let entries = entries.into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// An editor that saves words and stays open.
fn slow_editor(place: &Place) -> String {
    let path = place.path("slow-editor");
    let script =
        "#!/bin/sh\nprintf 'saved words' > \"$1\"\nprintf '\\033]0;saved\\007'\nsleep 1000\n";
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A person in whose editor something is saved that was begun as a draft.
fn at_the_editor() -> (Person, EventStream) {
    let place = Place::new();
    let editor = slow_editor(&place);
    let mut person = Person::at(place).env("EDITOR", &editor).start();
    let stream = ask(&person.client(), "a");
    person.wait_request("What now?");
    person.type_text("begun");
    person.wait_for("> begun");
    let mark = person.mark();
    person.key(Key::Ctrl('g'));
    poll(
        "the editor",
        || contains(&person.raw_since(mark), b"saved\x07").then_some(()),
        || person.screen(),
    );
    (person, stream)
}

#[test]
fn a_command_with_its_options_is_one_after_a_crash() {
    let mut person = Person::start();
    let _stream = ask(&person.client(), "a");
    person.wait_request("What now?");
    person.type_text("!rm a");
    person.key(Key::Alt('o'));
    person.wait_for("workdir");
    person.type_text("/srv");
    person.wait_saved("/srv");
    person.wait_saved("rm a");
    person.signal(Signal::KILL);
    let mut person = person.restart();
    let mut stream = ask(&person.client(), "a");
    person.wait_for("[Run command]");
    person.wait_for("workdir /srv");
    person.key(Key::Enter);
    let done = stream.until("response.completed");
    let call = &done["response"]["output"][0];
    assert_eq!(call["arguments"], r#"{"cmd":"rm a","workdir":"/srv"}"#);
}

#[test]
fn a_note_that_was_not_delivered_is_back_after_a_crash() {
    let mut person = Person::start();
    let mut body = body("What now?");
    body["stream"] = false.into();
    let client = person.client();
    // One that does not stream gets nothing before the end.
    let waits =
        std::thread::spawn(move || client.post("/v1/responses", &[], body.to_string().as_bytes()));
    person.wait_request("What now?");
    person.choose("Progress");
    person.reply("an unread note");
    person.wait_for("commentary · sent");
    person.type_text("and more");
    person.wait_saved("and more");
    person.signal(Signal::KILL);
    let person = person.restart();
    let _ = waits.join();
    let _stream = person
        .client()
        .post_sse("/v1/responses", &[], &self::body("What now?"));
    person.wait_for("and more");
    person.wait_for("an unread note");
    assert_eq!(person.kind(), Some("Progress"));
}

#[test]
fn what_was_delivered_does_not_come_back() {
    let mut person = Person::start();
    let mut stream = ask(&person.client(), "a");
    person.wait_request("What now?");
    person.reply("the answer");
    stream.until("response.completed");
    person.wait_for("final answer · delivered");
    no_draft_is_left(&person);
    person.signal(Signal::KILL);
    let mut person = person.restart();
    person.key(Key::AltDown);
    person.wait_for("the answer");
    let screen = person.screen();
    assert!(screen.contains("> Nothing to answer"), "{screen}");
}

/// Waits until nothing that was typed is kept to be sent.
fn no_draft_is_left(person: &Person) {
    let reader = JournalReader::open(&person.place().state_dir()).expect("a journal");
    poll(
        "the draft to go",
        || {
            reader
                .drafts()
                .is_ok_and(|drafts| drafts.is_empty())
                .then_some(())
        },
        || person.screen(),
    );
}

#[test]
fn requests_that_begin_alike_share_no_draft() {
    let mut person = Person::start();
    let client = person.client();
    let post = || client.post_sse("/v1/responses", &[], &body("What now?"));
    let mut first = post();
    person.wait_request("What now?");
    person.type_text("to the first");
    let _second = post();
    person.wait_for("Alt+N opens it");
    person.wait_saved("to the first");
    person.key(Key::Alt('n'));
    let screen = person.wait_gone("to the first");
    assert!(screen.contains("> The final answer"), "{screen}");
    person.key(Key::AltUp);
    person.wait_for("> to the first");
    person.key(Key::Enter);
    let done = first.until("response.completed");
    assert_eq!(
        done["response"]["output"][0]["content"][0]["text"],
        "to the first"
    );
}

#[test]
fn an_earlier_conversation_is_found_read_and_deleted_for_good() {
    // Without the inbox beside it, which lists what the search leaves out.
    let mut person = Person::builder().size(80, 24).start();
    let client = person.client();
    for (thread, prompt, reply) in [
        ("a", "Where is the kestrel?", "zyzzogeton above the quarry"),
        ("b", "And the heron?", "by the river"),
    ] {
        let mut body = body(prompt);
        body["prompt_cache_key"] = thread.into();
        let mut stream = client.post_sse("/v1/responses", &[], &body);
        person.wait_request(prompt);
        person.reply(reply);
        stream.until("response.completed");
        person.wait_for("final answer · delivered");
    }
    person.key(Key::Ctrl('q'));
    person.wait_exit();
    let folder = person.place().state_dir();
    assert!(any_file_contains(&folder, "zyzzogeton"));
    let mut show = person.place().command(&["history", "show", "1"]);
    let shown = show.arg("--state-dir").arg(&folder).output();
    let shown = String::from_utf8(shown.expect("ended").stdout).expect("UTF-8");
    for part in [
        "\n── user\n│ Where is the kestrel?\n",
        "\n── assistant · final answer · delivered · ",
        "\n│ zyzzogeton above the quarry\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }

    let mut person = person.restart();
    person.key(Key::F(6));
    person.wait_for("find a conversation");
    person.wait_for("Where is the kestrel?");
    person.type_text("zyzz");
    person.wait_gone("heron");
    person.wait_for("zyzzogeton");
    person.key(Key::Enter);
    person.wait_for("zyzzogeton above the quarry");
    person.key(Key::F(8));
    person.wait_for("Delete «Where is the kestrel?» for good?");
    // Whoever goes on writing keeps it.
    person.type_text("no");
    person.wait_gone("for good?");
    person.key(Key::F(8));
    person.wait_for("for good?");
    person.type_text("y");
    person.wait_for("And the heron?");
    person.key(Key::Ctrl('q'));
    person.wait_exit();
    for word in ["zyzzogeton", "kestrel"] {
        assert!(!any_file_contains(&folder, word), "{word} is left");
    }
    let mut person = person.restart();
    person.key(Key::F(6));
    person.wait_for("And the heron?");
    person.type_text("zyzz");
    person.wait_for("nothing");
    let screen = person.screen();
    assert!(!screen.contains("kestrel"), "{screen}");
}

#[test]
fn what_was_just_said_is_found() {
    let mut person = Person::builder().size(80, 24).start();
    let mut stream = ask(&person.client(), "a");
    person.wait_request("What now?");
    person.reply("zyzzogeton above the quarry");
    stream.until("response.completed");
    // The index is not there yet, and the person does not ask again.
    person.key(Key::F(6));
    person.type_text("zyzzogeton quar");
    person.wait_for("> zyzzogeton quar");
    person.wait_for("1/2");
    person.wait_for("zyzzogeton above the quarry");
}

#[test]
fn words_typed_before_any_request_are_kept() {
    let mut person = Person::start();
    person.type_text("early words");
    person.wait_saved("early words");
    person.signal(Signal::KILL);
    let mut person = person.restart();
    person.wait_for("> early words");
    let mut stream = ask(&person.client(), "a");
    person.wait_for("Alt+N opens it");
    person.key(Key::Alt('n'));
    person.wait_request("What now?");
    person.wait_for("> early words");
    person.key(Key::Enter);
    stream.until("response.completed");
    person.wait_for("final answer · delivered");
    no_draft_is_left(&person);
}

#[test]
fn what_an_editor_saved_survives_a_kill_and_is_offered() {
    let (person, _stream) = at_the_editor();
    person.signal(Signal::KILL);
    let mut person = person.restart();
    let screen = person.wait_for("> saved words");
    assert!(
        screen.contains("text saved in an editor is back"),
        "{screen}"
    );
    assert!(editor_files(person.place()).is_empty());
    // The draft is where it was, and what was saved is offered beside it.
    let _stream = ask(&person.client(), "a");
    person.wait_for("Alt+N opens it");
    person.key(Key::Alt('n'));
    person.wait_for("> begun");
    person.key(Key::Ctrl('r'));
    person.wait_for("saved words");
}

#[test]
fn what_an_editor_saved_is_in_the_draft_when_the_program_is_ended() {
    type End = fn(&mut Person);
    let ends: [End; 2] = [
        |person| person.signal(Signal::TERM),
        |person| person.hang_up(),
    ];
    for end in ends {
        let (mut person, _stream) = at_the_editor();
        end(&mut person);
        let person = person.restart();
        assert!(editor_files(person.place()).is_empty());
        let _stream = ask(&person.client(), "a");
        person.wait_for("> saved words");
    }
}

#[test]
fn what_cannot_be_saved_is_told_for_as_long_as_it_is_so() {
    for (columns, rows) in [(80, 24), (60, 20)] {
        let mut person = Person::builder().size(columns, rows).start();
        let mut stream = ask(&person.client(), "a");
        person.wait_request("What now?");
        let folder = person.place().state_dir();
        let other = rusqlite::Connection::open(folder.join("journal.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        person.type_text("words");
        person.wait_for("not saved: ");
        person.type_text(" and more");
        let screen = person.wait_for("> words and more");
        assert!(screen.contains("not saved: "), "{screen}");
        other.execute_batch("ROLLBACK").unwrap();
        person.wait_gone("not saved: ");
        person.wait_saved("words and more");
        person.key(Key::Enter);
        stream.until("response.completed");
    }
}

#[test]
fn signals_about_writing_end_nothing() {
    let mut person = Person::start();
    person.signal(Signal::PIPE);
    person.signal(Signal::XFSZ);
    let mut stream = ask(&person.client(), "a");
    person.wait_request("What now?");
    person.reply("still here");
    stream.until("response.completed");
}
