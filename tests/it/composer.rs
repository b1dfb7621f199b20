//! The composer: what its keys do to what is being written, and what never leaves it.

use crate::support::screen::*;
use crate::support::{self, Client as Http, EventStream, Key, Person};
use humanllm::tui::app::Effect;
use serde_json::{Value, json};

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
    desk.sees("not sent: it begins with !");
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
        person.wait_until("two lines", |screen| {
            screen.contains("> word") && screen.lines().any(|row| row.ends_with("  an"))
        });
        match signal {
            true => person.signal(support::Signal::TERM),
            // Esc, Ctrl+L and Ctrl+Q.
            false => person.send(b"\x1b[27u\x1b[108;5u\x1b[113;5u"),
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
    person.wait_for("again to quit");
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
fn one_undo_takes_one_change_back() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body("What now?", true));
    desk.write("before");
    desk.app.on_edited("after\nit\n");
    desk.press("Alt+U");
    assert_eq!(desk.text(), "before");
    desk.press("Alt+R");
    assert_eq!(desk.text(), "after\nit");
    desk.press("Alt+U Alt+U");
    assert_eq!(desk.text(), "befor");
    desk.press("Alt+R Alt+R");
    assert_eq!(desk.text(), "after\nit");
    // What was deleted since the draft was cleared comes back before it.
    desk.press("Ctrl+C");
    desk.write("x");
    desk.press("Backspace Alt+U");
    assert_eq!(desk.text(), "x");
    desk.press("Alt+U Alt+U");
    assert_eq!(desk.text(), "after\nit");
    desk.press("Alt+U");
    assert_eq!(desk.text(), "before");
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

/// A person whose answers wait for so many seconds.
fn unsending(seconds: u32) -> Person {
    let config = format!("[tui]\nunsend_seconds = {seconds}\n");
    Person::builder().config(&config).start()
}

#[test]
fn an_answer_can_be_taken_back() {
    let mut person = unsending(60);
    let mut stream = ask(&person.client(), "What now?", true);
    person.wait_request("What now?");
    person.reply("too eaarly");
    let screen = person.wait_for("Esc takes it back");
    assert!(screen.contains("sending in"), "{screen}");
    assert!(!screen.contains("> too eaarly"), "{screen}");
    person.key(Key::Esc);
    let screen = person.wait_for("not sent; text is back");
    assert!(screen.contains("> too eaarly"), "{screen}");
    assert!(!screen.contains("sending in"), "{screen}");
    person.send(b"\x17in time");
    person.wait_for("> too in time");
    person.key(Key::Enter);
    person.wait_for("sending in");
    // Enter again does not wait.
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), "too in time");
    person.wait_for("delivered");
}

#[test]
fn an_answer_that_is_not_taken_back_leaves_by_itself() {
    let mut person = unsending(1);
    let client = person.client();
    let mut first = ask(&client, "What now?", true);
    person.wait_request("What now?");
    person.reply("an answer");
    person.wait_for("sending in 1 s");
    assert_eq!(answer(&mut first), "an answer");
    let screen = person.wait_for("delivered");
    assert!(!screen.contains("sending in"), "{screen}");
}

#[test]
fn what_was_not_sent_is_a_draft_whatever_ends_the_program() {
    let mut person = unsending(60);
    let stream = ask(&person.client(), "What now?", true);
    person.wait_request("What now?");
    person.reply("half thought");
    person.wait_for("sending in");
    person.wait_saved("half thought");
    person.signal(support::Signal::KILL);
    drop(stream);
    let mut person = person.restart();
    let mut stream = ask(&person.client(), "What now?", true);
    person.wait_for("> half thought");
    // Whoever quits takes it back first, and is told so.
    person.key(Key::Enter);
    person.wait_for("sending in");
    person.key(Key::Ctrl('q'));
    let screen = person.wait_for("not sent; text is back");
    assert!(screen.contains("> half thought"), "{screen}");
    person.key(Key::Ctrl('q'));
    person.wait_for("Quit? 1 waiting");
    person.type_text("y");
    let failed = stream.until("response.failed");
    assert_eq!(failed["response"]["output"], json!([]));
    person.wait_exit();
}

#[test]
fn what_is_not_the_last_word_never_waits() {
    let mut desk = Desk::unsending(NORMAL, 2);
    let mut client = desk.ask(&body("What now?", true));
    desk.press("Tab");
    desk.write("One moment");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("One moment", "commentary")
    );
    desk.press("Shift+Tab");
    desk.write("!ls");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one(r#"{"cmd":"ls"}"#, "call")
    );

    let mut client = desk.ask(&body("And now?", true));
    desk.press("Shift+Tab");
    desk.write("I will not.");
    desk.press("Enter");
    assert!(desk.hear(&mut client).is_empty());
    desk.sees("sending in 2 s");
    desk.wait(1);
    desk.sees("sending in 1 s");
    assert!(desk.hear(&mut client).is_empty());
    desk.wait(1);
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("I will not.", "invalid_prompt")
    );
    desk.misses("sending");
}

#[test]
fn words_that_are_taken_back_are_not_behind_a_list() {
    let mut desk = Desk::unsending(NORMAL, 2);
    let mut client = desk.ask(&body("What now?", true));
    desk.write("words");
    for list in ["F10", "F6", "Ctrl+R", "Ctrl+T", "F1", "F2"] {
        desk.press("Enter");
        desk.press(list);
        desk.press("Esc");
        desk.sees("> words");
        desk.write("!");
        desk.press("Backspace");
        assert_eq!(desk.text(), "words", "{list}");
    }
    // By its name, too, what takes one away takes the words back.
    desk.press("Enter F10");
    desk.write("suspend");
    desk.press("Enter");
    assert_eq!(desk.text(), "words");
    desk.press("Enter Alt+K");
    desk.write("|");
    assert_eq!(desk.text(), "words");
    desk.wait(5);
    assert!(desk.hear(&mut client).is_empty());
}

#[test]
fn a_key_for_the_process_takes_back_what_waits() {
    let running = "Chunk ID: 1\nProcess running with session ID 4711\nOutput:\n>>> ";
    let stdin = json!({"type": "object", "properties": {"session_id": {"type": "number"},
        "chars": {"type": "string"}}});
    let output = json!({"type": "function_call_output", "call_id": "call_1", "output": running});
    let mut body = codex("a", "Start python.", &[call("python3"), output]);
    body["tools"] = json!([exec_command(), function("write_stdin", "Writes.", stdin)]);
    let mut desk = Desk::unsending(NORMAL, 2);
    let mut client = desk.ask(&body);
    desk.write("It runs.");
    desk.press("Enter Alt+Shift+C");
    let heard = said(&desk.hear(&mut client));
    let interrupt = "{\"session_id\":4711,\"chars\":\"\\u0003\"}";
    assert_eq!(heard, one(interrupt, "call"));
    assert_eq!(desk.text(), "It runs.");
    desk.wait(5);
    desk.misses("sending");
    desk.misses("client gone");
    assert_eq!(desk.text(), "It runs.");
}

#[test]
fn what_waits_to_be_sent_goes_to_nobody_else() {
    let mut desk = Desk::unsending(NORMAL, 2);
    let client = desk.ask(&body("What now?", true));
    desk.write("for the first");
    desk.press("Enter");
    // Another client of the same conversation, and the one that asked first goes.
    let mut other = desk.ask(&body("What now?", true));
    desk.hang_up(client);
    desk.wait(5);
    assert!(desk.hear(&mut other).is_empty());
    assert_eq!(desk.text(), "for the first");
    desk.misses("sending");
    desk.press("Enter Enter");
    assert_eq!(
        said(&desk.hear(&mut other)),
        one("for the first", "final_answer")
    );
}

#[test]
fn words_typed_meanwhile_are_the_next_ones() {
    let mut desk = Desk::unsending(NORMAL, 2);
    let mut a = desk.ask(&codex("a", "first", &[]));
    let mut b = desk.ask(&codex("b", "second", &[]));
    desk.write("to the first");
    desk.press("Enter");
    desk.write("since");
    desk.press("Esc");
    assert_eq!(desk.text(), "to the first\nsince");
    desk.press("Ctrl+C");
    desk.write("to the first");
    desk.press("Enter Alt+N");
    desk.sees("sending in 2 s");
    // It is taken back where it was written.
    desk.press("Esc");
    assert_eq!(
        (desk.title(), desk.text().as_str()),
        ("first", "to the first")
    );
    desk.press("Enter Alt+N");
    desk.write("to the second");
    // The next answer sends the one before.
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut a)),
        one("to the first", "final_answer")
    );
    assert!(desk.hear(&mut b).is_empty());
    desk.wait(2);
    assert_eq!(
        said(&desk.hear(&mut b)),
        one("to the second", "final_answer")
    );
}

#[test]
fn a_long_paste_is_one_mark_and_is_sent_whole() {
    let text: String = (1..=1_240).map(|n| format!("line {n}\n")).collect();
    let text = text.trim_end();
    let mut person = Person::start();
    let client = person.client();
    let mut stream = ask(&client, "Show me.", true);
    person.wait_request("Show me.");
    person.type_text("here: ");
    person.paste(text);
    let screen = person.wait_for("> here: [pasted 1,240 lines #1]");
    assert!(!screen.contains("line 1240"), "{screen}");
    person.wait_saved("line 1240");
    // Any part of it is all of it, and undo brings all of it back.
    person.key(Key::Backspace);
    person.wait_gone("[pasted");
    person.key(Key::Alt('u'));
    person.wait_for("> here: [pasted 1,240 lines #1]");
    person.key(Key::Alt('y'));
    person.wait_for("line 1240");
    person.key(Key::Alt('u'));
    person.key(Key::Alt('u'));
    person.wait_for("> here: [pasted 1,240 lines #1]");
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), format!("here: {text}"));
}

#[test]
fn a_long_paste_is_whole_in_the_draft_of_the_next_run() {
    let text: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&body("Show me.", true));
    desk.write("a ");
    desk.app.on_paste(&text);
    desk.write("b");
    desk.sees("a [pasted 30 lines #1]b");
    let (_, draft) = desk.app.take_dirty_drafts().pop().unwrap();
    assert_eq!(draft.text, format!("a {text}b"));
    let cursor = draft.cursor.unwrap();
    assert_eq!((cursor.line, cursor.column), (30, 1));
    // So it is in the editor.
    assert_eq!(desk.app.composer().edited_text().0, format!("a {text}b"));
}

#[test]
fn no_key_leaves_half_a_mark() {
    let long = "word ".repeat(500);
    let mark = "[pasted 2,500 characters #1]";
    for (keys, left) in [
        ("Backspace", "a  b"),
        ("Alt+Backspace", "a  b"),
        ("Left Delete", "a  b"),
        ("Left Left Backspace", " [pasted 2,500 characters #1] b"),
        ("Ctrl+W", "a  b"),
        ("Left Alt+Delete", "a  b"),
        ("Ctrl+U", " b"),
        ("Ctrl+K", "a [pasted 2,500 characters #1]"),
        ("Left Right x", "a [pasted 2,500 characters #1]x b"),
        ("Ctrl+Left x", "a x[pasted 2,500 characters #1] b"),
        (
            "Home Right Right Ctrl+Right y",
            "a [pasted 2,500 characters #1]y b",
        ),
    ] {
        let mut desk = Desk::new(NORMAL);
        let _client = desk.ask(&body("Show me.", true));
        desk.write("a ");
        desk.app.on_paste(&long);
        desk.write(" b");
        desk.sees(&format!("a {mark} b"));
        desk.raw(&["Left", "Left"]);
        desk.raw(&keys.split(' ').collect::<Vec<_>>());
        let shown = desk.app.composer().area().lines().join("\n");
        assert_eq!(shown, left, "{keys}");
        assert_eq!(desk.text(), left.replace(mark, &long), "{keys}");
    }
}

/// A request of an agent that works in a folder.
fn body_in(folder: &std::path::Path) -> Value {
    let mut body = body("Where is it?", true);
    let context = format!(
        "<environment_context>\n  <cwd>{}</cwd>\n  <shell>bash</shell>\n</environment_context>",
        folder.display()
    );
    body["input"][2] = message("user", &context);
    body
}

#[test]
fn a_path_of_the_agents_folder_is_completed() {
    let mut person = Person::start();
    let folder = person.place().path("work");
    for path in ["src/tui", ".git"] {
        std::fs::create_dir_all(folder.join(path)).unwrap();
    }
    for path in [
        "src/tui/keyboard.rs",
        "src/main.rs",
        ".git/keys",
        "my notes.md",
    ] {
        std::fs::write(folder.join(path), "").unwrap();
    }
    let client = person.client();
    let mut stream = client.post_sse("/v1/responses", &[], &body_in(&folder));
    person.wait_request("Where is it?");
    person.type_text("In @");
    let screen = person.wait_for("src/tui/keyboard.rs");
    assert!(!screen.contains(".git"), "{screen}");
    person.type_text("keyb");
    person.wait_gone("src/main.rs");
    person.key(Key::Enter);
    person.wait_for("> In src/tui/keyboard.rs");
    // Esc leaves what was typed, and so does a blank.
    person.type_text(", me@example.org, @ke");
    person.wait_for("src/tui/keyboard.rs");
    person.wait_for("path");
    person.key(Key::Esc);
    person.wait_for("me@example.org, @ke");
    person.key(Key::Enter);
    assert_eq!(
        answer(&mut stream),
        "In src/tui/keyboard.rs, me@example.org, @ke"
    );
}

#[test]
fn where_there_is_no_folder_it_is_a_character() {
    let folder = tempfile::tempdir().unwrap();
    for (body, asked) in [
        (body_in(folder.path()), true),
        (plain("Who?"), false),
        (body_in("C:\\src".as_ref()), false),
    ] {
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&body);
        desk.write("a@b @");
        let lists = desk
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::ListPaths(_)));
        assert_eq!(lists.count(), usize::from(asked));
        // Nothing is there.
        desk.app.on_paths(Vec::new());
        desk.write("someone");
        desk.press("Enter");
        assert_eq!(
            said(&desk.hear(&mut client)),
            one("a@b @someone", "final_answer")
        );
    }
}

#[test]
fn a_path_with_a_blank_is_one_word_of_a_command() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&body_in("/srv".as_ref()));
    let found = || vec!["my notes.md".to_owned(), "src/".to_owned()];
    desk.write("!cat @");
    // Typed before the list was there.
    desk.write("my");
    desk.app.on_paths(found());
    desk.step();
    desk.sees("my notes.md");
    desk.misses("src/");
    desk.write("no");
    desk.press("Enter");
    assert_eq!(desk.text(), "cat 'my notes.md'");
    // Whoever has gone on is not held up, and the list is not for somebody else.
    desk.write(" @ x");
    desk.app.on_paths(found());
    desk.press("Enter");
    let call = json!({"cmd": "cat 'my notes.md' @ x"}).to_string();
    assert_eq!(said(&desk.hear(&mut client)), one(&call, "call"));

    let _client = desk.ask(&body_in("/srv".as_ref()));
    for (keys, left) in [
        ("n o t h i n g Enter", "@nothing"),
        ("Backspace", ""),
        ("m y Esc", "@my"),
    ] {
        desk.write("@");
        desk.app.on_paths(found());
        desk.step();
        for key in keys.split(' ') {
            match key {
                "Backspace" => desk.raw(&["Backspace"]),
                key => desk.press(key),
            }
        }
        assert_eq!(desk.text(), left, "{keys}");
        desk.press("Ctrl+U");
    }
}

#[test]
fn whoever_goes_to_the_editor_takes_the_answer_back() {
    let place = support::Place::new();
    let editor = place.path("editor");
    std::fs::write(&editor, "#!/bin/sh\nprintf ' and more' >> \"$1\"\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&editor, mode).unwrap();
    let mut person = Person::at(place)
        .config("[tui]\nunsend_seconds = 60\n")
        .env("EDITOR", &editor.display().to_string())
        .start();
    let mut stream = ask(&person.client(), "What now?", true);
    person.wait_request("What now?");
    person.reply("an answer");
    person.wait_for("sending in");
    person.key(Key::Ctrl('g'));
    let screen = person.wait_for("> an answer and more");
    assert!(!screen.contains("sending in"), "{screen}");
    person.key(Key::Enter);
    person.wait_for("sending in");
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), "an answer and more");
}

#[test]
fn what_was_typed_before_a_request_is_sent_to_the_one_that_is_opened() {
    let mut desk = Desk::new(NORMAL);
    desk.write("already thought of");
    let mut client = desk.ask(&body("What is there?", true));
    desk.press("Enter");
    assert!(desk.hear(&mut client).is_empty());
    desk.sees("Alt+N opens the one that waits");
    desk.press("Alt+N");
    desk.sees("What is there?");
    desk.sees("> already thought of");
    desk.press("Enter");
    assert!(!desk.hear(&mut client).is_empty());
}
