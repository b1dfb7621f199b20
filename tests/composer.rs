//! The composer: what its keys do to what is being written, and what never leaves it.

mod support;

use serde_json::{Value, json};
use support::screen::*;
use support::{Client as Http, EventStream, Key, Person};

/// A request, with a tool for commands or without.
fn body(prompt: &str, has_shell: bool) -> Value {
    let mut body = codex("a", prompt, &[]);
    if !has_shell {
        body["tools"] = json!([weather()]);
    }
    body
}

fn ask(client: &Http, prompt: &str, has_shell: bool) -> EventStream {
    client.post_sse("/v1/responses", &[], &body(prompt, has_shell))
}

/// The text of the answer that ends the response.
fn answer(stream: &mut EventStream) -> String {
    let done = stream.until("response.completed");
    let output = done["response"]["output"].as_array().expect("the output");
    let text = &output.last().expect("an item")["content"][0]["text"];
    text.as_str().expect("a text").to_owned()
}

#[test]
fn a_command_without_a_shell_is_no_answer() {
    let mut person = Person::start();
    let mut stream = ask(&person.client(), "What is there?", false);
    person.wait_request("What is there?");
    person.type_text("!ls");
    person.wait_for("> !ls");
    person.key(Key::Enter);
    let screen = person.wait_for("not sent");
    assert!(screen.contains("offers no shell"), "{screen}");
    assert!(screen.contains("Enter send anyway"), "{screen}");
    assert!(screen.contains("> !ls"), "{screen}");
    // Who means it says so once more.
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), "!ls");
}

#[test]
fn no_message_begins_like_a_command_by_mistake() {
    for (kind, how) in [("", "final_answer"), ("Tab", "commentary")] {
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&body("What is there?", false));
        desk.press(if kind.is_empty() { "Esc" } else { kind });
        desk.write("!ls");
        desk.press("Enter");
        assert!(desk.hear(&mut client).is_empty());
        desk.sees("not sent: this request offers no shell");
        desk.sees("Enter send anyway");
        // Something else in between, and it is asked again.
        desk.write("x");
        desk.press("Backspace Enter");
        assert!(desk.hear(&mut client).is_empty());
        desk.press("Enter");
        assert_eq!(said(&desk.hear(&mut client)), one("!ls", how));
    }
    // Typed where there was no shell, and asked again by somebody who has one.
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&body("What is there?", false));
    desk.write("!ls");
    desk.hang_up(client);
    let mut client = desk.ask(&body("What is there?", true));
    desk.press("Enter");
    assert!(desk.hear(&mut client).is_empty());
    desk.sees("not sent: this begins with !");
    // A picture is none, and neither is what was pasted behind something.
    desk.press("Ctrl+C");
    desk.app.on_paste("![a cat](cat.png)");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("![a cat](cat.png)", "final_answer")
    );
}

#[test]
fn a_live_line_that_looks_like_a_command_does_not_leave() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body("What is there?", false));
    desk.press("Alt+L");
    desk.write("!ls\n");
    assert!(desk.hear(&mut client).is_empty());
    desk.sees("not sent");
    desk.press("Enter Enter");
    assert_eq!(said(&desk.hear(&mut client)), one("!ls", "final_answer"));
}

#[test]
fn a_command_whose_client_comes_back_without_a_shell_is_no_answer() {
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&body("What is there?", true));
    desk.write("!ls");
    desk.hang_up(client);
    let mut client = desk.ask(&body("What is there?", false));
    desk.press("Enter Enter");
    assert!(desk.hear(&mut client).is_empty());
    desk.sees("not sent: this request offers no shell; Tab changes the kind");
    assert_eq!(desk.text(), "ls");
    desk.press("Shift+Tab Shift+Tab");
    desk.sees("[Send]");
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut client)), one("ls", "final_answer"));
}

#[test]
fn shift_enter_and_a_backslash_break_the_line() {
    let mut person = Person::start();
    let mut stream = ask(&person.client(), "A poem, please.", true);
    person.wait_request("A poem, please.");
    let breaks: [&[u8]; 4] = [b"\x1b[27;2;13~", b"\x1b[13;2u", b"\r", b"\x1b\r"];
    for (at, line_break) in breaks.into_iter().enumerate() {
        let line = match line_break {
            b"\r" => format!("line {at}\\"),
            _ => format!("line {at}"),
        };
        person.type_text(&line);
        person.wait_for(&line);
        let before = person.cursor();
        person.send(line_break);
        support::poll(
            "the next line",
            || (person.cursor().1 < before.1).then_some(()),
            || person.screen(),
        );
    }
    person.type_text("end\\\\");
    person.wait_for("end\\\\");
    person.key(Key::Enter);
    assert_eq!(
        answer(&mut stream),
        "line 0\nline 1\nline 2\nline 3\nend\\\\"
    );
}

#[test]
fn a_backslash_of_a_shell_stays() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body("What is there?", true));
    desk.write("!ls \\");
    desk.press("Enter");
    desk.write("-la");
    desk.press("Enter");
    let call = json!({"cmd": "ls \\\n-la"}).to_string();
    assert_eq!(said(&desk.hear(&mut client)), one(&call, "call"));
}

#[test]
fn the_keyboard_is_asked_for_and_put_back() {
    // This terminal knows nothing of kitty, and answers everything else.
    let mut person = Person::start();
    let wrote = |person: &Person, what: &str| {
        support::poll(
            what,
            || support::contains(&person.raw_since(0), what.as_bytes()).then_some(()),
            || person.screen(),
        );
    };
    wrote(&person, "\x1b[?u\x1b[c");
    wrote(&person, "\x1b[>4;1m");
    assert!(!support::contains(&person.raw_since(0), b"\x1b[>5u"));
    person.key(Key::Ctrl('q'));
    person.wait_exit();
    let raw = person.raw_since(0);
    let at = |what: &[u8]| memchr::memmem::find(&raw, what).expect("a sequence");
    // While the screen is still the one that has it.
    assert!(at(b"\x1b[>4m") < at(b"\x1b[?1049l"));

    // One that does.
    for signal in [false, true] {
        let mut person = Person::start();
        person.send(b"\x1b[?0u\x1b[?62;4c");
        wrote(&person, "\x1b[>5u");
        // Its keys are those of all others.
        person.send(b"\x1b[57364u\x1b[99;9uword\x1b[13;2uand\x1b[127;1u");
        person.wait_for("an");
        person.send(b"\x1b[27u\x1b[108;5u\x1b[113;5u");
        match signal {
            true => person.signal(support::Signal::TERM),
            false => {}
        }
        person.wait_exit();
        let raw = person.raw_since(0);
        let at = |what: &[u8]| memchr::memmem::find(&raw, what).expect("a sequence");
        assert!(at(b"\x1b[<u") < at(b"\x1b[?1049l"));
    }
}

#[test]
fn the_keyboard_is_put_back_for_the_shell_and_asked_for_again() {
    let mut person = Person::builder().in_shell().start();
    person.send(b"\x1b[?0u\x1b[?62;4c");
    let wrote = |person: &Person, mark: usize, what: &str| {
        support::poll(
            what,
            || support::contains(&person.raw_since(mark), what.as_bytes()).then_some(()),
            || person.screen(),
        );
    };
    wrote(&person, 0, "\x1b[>5u");
    let mark = person.mark();
    person.send(b"\x1b[122;5u");
    person.wait_for("Stopped");
    wrote(&person, mark, "\x1b[<u");
    let mark = person.mark();
    person.type_text("fg\r");
    person.wait_for("F1 help");
    wrote(&person, mark, "\x1b[>5u");
    // Nobody waits for an answer that may come when the next shell reads.
    assert!(!support::contains(&person.raw_since(mark), b"\x1b[c"));
}

#[test]
fn ctrl_c_clears_and_undo_and_recall_bring_back() {
    let mut person = Person::start();
    let mut stream = ask(&person.client(), "What now?", true);
    person.wait_request("What now?");
    person.type_text("long words");
    person.wait_for("> long words");
    person.key(Key::Ctrl('c'));
    person.wait_for("cleared");
    person.wait_gone("> long words");
    person.key(Key::Alt('u'));
    person.wait_for("> long words");
    person.key(Key::Ctrl('c'));
    person.wait_gone("> long words");
    person.wait_saved("long words");
    person.key(Key::Up);
    person.wait_for("> long words");
    person.key(Key::Ctrl('c'));
    person.wait_gone("> long words");
    person.key(Key::Ctrl('c'));
    person.wait_for("again quits");
    person.key(Key::Up);
    person.wait_for("> long words");
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), "long words");
}

#[test]
fn what_was_cleared_comes_back_whole() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body("What now?", true));
    desk.write("!pwd");
    desk.press("Alt+A");
    desk.write("!ls");
    desk.press("Alt+O");
    desk.write("/srv");
    desk.press("Alt+O Ctrl+C");
    desk.sees("[Send]");
    desk.misses("1. ");
    assert!(desk.app.composer().to_draft().is_empty());
    desk.write("x");
    desk.press("Alt+U Alt+U");
    desk.press("Enter");
    let calls = [r#"{"cmd":"pwd"}"#, r#"{"cmd":"ls","workdir":"/srv"}"#];
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, calls.map(|call| (call.to_owned(), "call")));

    // What is sent after it was cleared is what undo brings back.
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body("What now?", true));
    desk.write("first");
    desk.press("Ctrl+C");
    desk.write("second");
    desk.press("Enter Alt+U");
    desk.hear(&mut client);
    assert_eq!(desk.text(), "second");

    // Nothing is cleared behind a view that hides it.
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body("What now?", true));
    desk.write("half");
    desk.press("F1 Ctrl+C F1");
    assert_eq!(desk.text(), "half");
}

#[test]
fn arrows_walk_through_what_was_said() {
    let mut desk = Desk::new(NORMAL);
    for words in ["one", "two", "three\nlines"] {
        let mut client = desk.ask(&codex("a", words, &[]));
        desk.write(words);
        desk.press("Enter");
        desk.hear(&mut client);
    }
    let _client = desk.ask(&codex("a", "now", &[]));
    for (key, text) in [
        ("Down", ""),
        ("Up", "three\nlines"),
        ("Up", "two"),
        ("Up", "one"),
        ("Up", "one"),
        ("Down", "two"),
        ("Down", "three\nlines"),
        ("Down", ""),
        ("Up", "three\nlines"),
    ] {
        desk.press(key);
        assert_eq!(desk.text(), text, "{key}");
    }
    // What was changed is a draft, in which arrows move.
    desk.write("!");
    desk.press("Up");
    desk.write("-");
    assert_eq!(desk.text(), "three-\nlines!");
    // A draft is never replaced.
    desk.press("Ctrl+C");
    desk.write("own");
    desk.press("Up Down");
    assert_eq!(desk.text(), "own");
}

#[test]
fn the_wheel_of_a_mouse_scrolls_and_recalls_nothing() {
    let mut person = Person::builder().size(80, 24).start();
    let client = person.client();
    let mut stream = ask(&client, "First?", true);
    person.wait_request("First?");
    person.reply("said before");
    answer(&mut stream);
    let lines: String = (1..=60).map(|n| format!("line {n:02}\n")).collect();
    let _stream = ask(&client, &lines, true);
    person.wait_request("line 01");
    // As terminals tell of a wheel where the mouse is off.
    person.send(b"\x1b[B\x1b[B\x1b[B");
    person.wait_gone("line 01");
    person.send(b"\x1b[A\x1b[A\x1b[A");
    let screen = person.wait_for("line 01");
    assert!(!screen.contains("> said before"), "{screen}");
}
