//! The composer: what its keys do to what is being written, and what never leaves it.

use crate::support::tui::*;
use crate::support::{self, Client as Http, EventStream, Key, Operator};
use humanllm::tui::app::Effect;
use serde_json::{Value, json};

/// A request, with a tool for commands or without.
fn body(prompt: &str, has_shell: bool) -> Value {
    let mut body = codex_request("a", prompt, &[]);
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
    let mut operator = Operator::start();
    let mut stream = ask(&operator.client(), "What is there?", false);
    operator.wait_request("What is there?");
    operator.type_text("!ls");
    operator.wait_for("> !ls");
    operator.key(Key::Enter);
    let screen = operator.wait_for("not sent");
    assert!(screen.contains("offers no shell"), "{screen}");
    assert!(screen.contains("Enter send anyway"), "{screen}");
    assert!(screen.contains("> !ls"), "{screen}");
    // Who means it says so once more.
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "!ls");
}

#[test]
fn no_message_begins_like_a_command_by_mistake() {
    for (kind, how) in [("", "final_answer"), ("Tab", "commentary")] {
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&body("What is there?", false));
        tui.press(if kind.is_empty() { "Esc" } else { kind });
        tui.type_text("!ls");
        tui.press("Enter");
        assert!(tui.receive(&mut client).is_empty());
        tui.sees("not sent: this request offers no shell");
        tui.sees("Enter send anyway");
        // Something else in between, and it is asked again.
        tui.type_text("x");
        tui.press("Backspace Enter");
        assert!(tui.receive(&mut client).is_empty());
        tui.press("Enter");
        assert_eq!(items_of(&tui.receive(&mut client)), one_item("!ls", how));
    }
    // Typed where there was no shell, and asked again by somebody who has one.
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&body("What is there?", false));
    tui.type_text("!ls");
    tui.hang_up(client);
    let mut client = tui.ask(&body("What is there?", true));
    tui.press("Enter");
    assert!(tui.receive(&mut client).is_empty());
    tui.sees("not sent: it begins with !");
    // A picture is none, and neither is what was pasted behind something.
    tui.press("Ctrl+C");
    tui.app.on_paste("![a cat](cat.png)");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("![a cat](cat.png)", "final_answer")
    );
}

#[test]
fn a_live_line_that_looks_like_a_command_does_not_leave() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body("What is there?", false));
    tui.press("Alt+L");
    tui.type_text("!ls\n");
    assert!(tui.receive(&mut client).is_empty());
    tui.sees("not sent");
    tui.press("Enter Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("!ls", "final_answer")
    );
}

#[test]
fn a_command_whose_client_comes_back_without_a_shell_is_no_answer() {
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&body("What is there?", true));
    tui.type_text("!ls");
    tui.hang_up(client);
    let mut client = tui.ask(&body("What is there?", false));
    tui.press("Enter Enter");
    assert!(tui.receive(&mut client).is_empty());
    tui.sees("not sent: this request offers no shell; Tab changes the kind");
    assert_eq!(tui.text(), "ls");
    tui.press("Shift+Tab Shift+Tab");
    tui.sees("[Send]");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("ls", "final_answer")
    );
}

#[test]
fn shift_enter_and_a_backslash_break_the_line() {
    let mut operator = Operator::start();
    let mut stream = ask(&operator.client(), "A poem, please.", true);
    operator.wait_request("A poem, please.");
    let breaks: [&[u8]; 4] = [b"\x1b[27;2;13~", b"\x1b[13;2u", b"\r", b"\x1b\r"];
    for (at, line_break) in breaks.into_iter().enumerate() {
        let line = match line_break {
            b"\r" => format!("line {at}\\"),
            _ => format!("line {at}"),
        };
        operator.type_text(&line);
        operator.wait_for(&line);
        let before = operator.cursor();
        operator.send(line_break);
        support::poll(
            "the next line",
            || (operator.cursor().1 < before.1).then_some(()),
            || operator.screen(),
        );
    }
    operator.type_text("end\\\\");
    operator.wait_for("end\\\\");
    operator.key(Key::Enter);
    assert_eq!(
        answer(&mut stream),
        "line 0\nline 1\nline 2\nline 3\nend\\\\"
    );
}

#[test]
fn a_backslash_of_a_shell_stays() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body("What is there?", true));
    tui.type_text("!ls \\");
    tui.press("Enter");
    tui.type_text("-la");
    tui.press("Enter");
    let call = json!({"cmd": "ls \\\n-la"}).to_string();
    assert_eq!(items_of(&tui.receive(&mut client)), one_item(&call, "call"));
}

#[test]
fn the_keyboard_is_asked_for_and_put_back() {
    // This terminal knows nothing of kitty, and answers everything else.
    let mut operator = Operator::start();
    let wrote = |operator: &Operator, what: &str| {
        support::poll(
            what,
            || support::contains(&operator.raw_since(0), what.as_bytes()).then_some(()),
            || operator.screen(),
        );
    };
    wrote(&operator, "\x1b[?u\x1b[c");
    wrote(&operator, "\x1b[>4;1m");
    assert!(!support::contains(&operator.raw_since(0), b"\x1b[>5u"));
    operator.key(Key::Ctrl('q'));
    operator.wait_exit();
    let raw = operator.raw_since(0);
    let at = |what: &[u8]| memchr::memmem::find(&raw, what).expect("a sequence");
    // While the screen is still the one that has it.
    assert!(at(b"\x1b[>4m") < at(b"\x1b[?1049l"));

    // One that does.
    for signal in [false, true] {
        let mut operator = Operator::start();
        operator.send(b"\x1b[?0u\x1b[?62;4c");
        wrote(&operator, "\x1b[>5u");
        // Its keys are those of all others.
        operator.send(b"\x1b[57364u\x1b[99;9uword\x1b[13;2uand\x1b[127;1u");
        operator.wait_until("two lines", |screen| {
            screen.contains("> word") && screen.lines().any(|row| row.ends_with("  an"))
        });
        match signal {
            true => operator.signal(support::Signal::TERM),
            // Esc, Ctrl+L and Ctrl+Q.
            false => operator.send(b"\x1b[27u\x1b[108;5u\x1b[113;5u"),
        }
        operator.wait_exit();
        let raw = operator.raw_since(0);
        let at = |what: &[u8]| memchr::memmem::find(&raw, what).expect("a sequence");
        assert!(at(b"\x1b[<u") < at(b"\x1b[?1049l"));
    }
}

#[test]
fn the_keyboard_is_put_back_for_the_shell_and_asked_for_again() {
    let mut operator = Operator::builder().in_shell().start();
    operator.send(b"\x1b[?0u\x1b[?62;4c");
    let wrote = |operator: &Operator, mark: usize, what: &str| {
        support::poll(
            what,
            || support::contains(&operator.raw_since(mark), what.as_bytes()).then_some(()),
            || operator.screen(),
        );
    };
    wrote(&operator, 0, "\x1b[>5u");
    let mark = operator.mark();
    operator.send(b"\x1b[122;5u");
    operator.wait_for("Stopped");
    wrote(&operator, mark, "\x1b[<u");
    let mark = operator.mark();
    operator.type_text("fg\r");
    operator.wait_for("F1 help");
    wrote(&operator, mark, "\x1b[>5u");
    // Nobody waits for an answer that may come when the next shell reads.
    assert!(!support::contains(&operator.raw_since(mark), b"\x1b[c"));
}

#[test]
fn ctrl_c_clears_and_undo_and_recall_bring_back() {
    let mut operator = Operator::start();
    let mut stream = ask(&operator.client(), "What now?", true);
    operator.wait_request("What now?");
    operator.type_text("long words");
    operator.wait_for("> long words");
    operator.key(Key::Ctrl('c'));
    operator.wait_for("cleared");
    operator.wait_gone("> long words");
    operator.key(Key::Alt('u'));
    operator.wait_for("> long words");
    operator.key(Key::Ctrl('c'));
    operator.wait_gone("> long words");
    operator.wait_saved("long words");
    operator.key(Key::Up);
    operator.wait_for("> long words");
    operator.key(Key::Ctrl('c'));
    operator.wait_gone("> long words");
    operator.key(Key::Ctrl('c'));
    operator.wait_for("again to quit");
    operator.key(Key::Up);
    operator.wait_for("> long words");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "long words");
}

#[test]
fn what_was_cleared_comes_back_whole() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body("What now?", true));
    tui.type_text("!pwd");
    tui.press("Alt+A");
    tui.type_text("!ls");
    tui.press("Alt+O");
    tui.type_text("/srv");
    tui.press("Alt+O Ctrl+C");
    tui.sees("[Send]");
    tui.misses("1. ");
    assert!(tui.app.composer().to_draft().is_empty());
    tui.type_text("x");
    tui.press("Alt+U Alt+U");
    tui.press("Enter");
    let calls = [r#"{"cmd":"pwd"}"#, r#"{"cmd":"ls","workdir":"/srv"}"#];
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, calls.map(|call| (call.to_owned(), "call")));

    // What is sent after it was cleared is what undo brings back.
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body("What now?", true));
    tui.type_text("first");
    tui.press("Ctrl+C");
    tui.type_text("second");
    tui.press("Enter Alt+U");
    tui.receive(&mut client);
    assert_eq!(tui.text(), "second");

    // Nothing is cleared behind a view that hides it.
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body("What now?", true));
    tui.type_text("half");
    tui.press("F1 Ctrl+C F1");
    assert_eq!(tui.text(), "half");
}

#[test]
fn one_undo_takes_one_change_back() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body("What now?", true));
    tui.type_text("before");
    tui.app.on_edited("after\nit\n");
    tui.press("Alt+U");
    assert_eq!(tui.text(), "before");
    tui.press("Alt+R");
    assert_eq!(tui.text(), "after\nit");
    tui.press("Alt+U Alt+U");
    assert_eq!(tui.text(), "befor");
    tui.press("Alt+R Alt+R");
    assert_eq!(tui.text(), "after\nit");
    // What was deleted since the draft was cleared comes back before it.
    tui.press("Ctrl+C");
    tui.type_text("x");
    tui.press("Backspace Alt+U");
    assert_eq!(tui.text(), "x");
    tui.press("Alt+U Alt+U");
    assert_eq!(tui.text(), "after\nit");
    tui.press("Alt+U");
    assert_eq!(tui.text(), "before");
}

#[test]
fn arrows_walk_through_what_was_said() {
    let mut tui = TestTui::new(NORMAL);
    for words in ["one", "two", "three\nlines"] {
        let mut client = tui.ask(&codex_request("a", words, &[]));
        tui.type_text(words);
        tui.press("Enter");
        tui.receive(&mut client);
    }
    let _client = tui.ask(&codex_request("a", "now", &[]));
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
        tui.press(key);
        assert_eq!(tui.text(), text, "{key}");
    }
    // What was changed is a draft, in which arrows move.
    tui.type_text("!");
    tui.press("Up");
    tui.type_text("-");
    assert_eq!(tui.text(), "three-\nlines!");
    // A draft is never replaced.
    tui.press("Ctrl+C");
    tui.type_text("own");
    tui.press("Up Down");
    assert_eq!(tui.text(), "own");
}

#[test]
fn the_wheel_of_a_mouse_scrolls_and_recalls_nothing() {
    let mut operator = Operator::builder().size(80, 24).start();
    let client = operator.client();
    let mut stream = ask(&client, "First?", true);
    operator.wait_request("First?");
    operator.reply("said before");
    answer(&mut stream);
    let lines: String = (1..=60).map(|n| format!("line {n:02}\n")).collect();
    let _stream = ask(&client, &lines, true);
    operator.wait_request("line 01");
    // As terminals tell of a wheel where the mouse is off.
    operator.send(b"\x1b[B\x1b[B\x1b[B");
    operator.wait_gone("line 01");
    operator.send(b"\x1b[A\x1b[A\x1b[A");
    let screen = operator.wait_for("line 01");
    assert!(!screen.contains("> said before"), "{screen}");
}

/// A person whose answers wait for so many seconds.
fn unsending(seconds: u32) -> Operator {
    let config = format!("[tui]\nunsend_seconds = {seconds}\n");
    Operator::builder().config(&config).start()
}

#[test]
fn an_answer_can_be_taken_back() {
    let mut operator = unsending(60);
    let mut stream = ask(&operator.client(), "What now?", true);
    operator.wait_request("What now?");
    operator.reply("too eaarly");
    let screen = operator.wait_for("Esc takes it back");
    assert!(screen.contains("sending in"), "{screen}");
    assert!(!screen.contains("> too eaarly"), "{screen}");
    operator.key(Key::Esc);
    let screen = operator.wait_for("not sent; text is back");
    assert!(screen.contains("> too eaarly"), "{screen}");
    assert!(!screen.contains("sending in"), "{screen}");
    operator.send(b"\x17in time");
    operator.wait_for("> too in time");
    operator.key(Key::Enter);
    operator.wait_for("sending in");
    // Enter again does not wait.
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "too in time");
    operator.wait_for("delivered");
}

#[test]
fn an_answer_that_is_not_taken_back_leaves_by_itself() {
    let mut operator = unsending(1);
    let client = operator.client();
    let mut first = ask(&client, "What now?", true);
    operator.wait_request("What now?");
    operator.reply("an answer");
    operator.wait_for("sending in 1 s");
    assert_eq!(answer(&mut first), "an answer");
    let screen = operator.wait_for("delivered");
    assert!(!screen.contains("sending in"), "{screen}");
}

#[test]
fn what_was_not_sent_is_a_draft_whatever_ends_the_program() {
    let mut operator = unsending(60);
    let stream = ask(&operator.client(), "What now?", true);
    operator.wait_request("What now?");
    operator.reply("half thought");
    operator.wait_for("sending in");
    operator.wait_saved("half thought");
    operator.signal(support::Signal::KILL);
    drop(stream);
    let mut operator = operator.restart();
    let mut stream = ask(&operator.client(), "What now?", true);
    operator.wait_for("> half thought");
    // Whoever quits takes it back first, and is told so.
    operator.key(Key::Enter);
    operator.wait_for("sending in");
    operator.key(Key::Ctrl('q'));
    let screen = operator.wait_for("not sent; text is back");
    assert!(screen.contains("> half thought"), "{screen}");
    operator.key(Key::Ctrl('q'));
    operator.wait_for("Quit? 1 waiting");
    operator.type_text("y");
    let failed = stream.until("response.failed");
    assert_eq!(failed["response"]["output"], json!([]));
    operator.wait_exit();
}

#[test]
fn what_is_not_the_last_word_never_waits() {
    let mut tui = TestTui::with_unsend(NORMAL, 2);
    let mut client = tui.ask(&body("What now?", true));
    tui.press("Tab");
    tui.type_text("One moment");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("One moment", "commentary")
    );
    tui.press("Shift+Tab");
    tui.type_text("!ls");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item(r#"{"cmd":"ls"}"#, "call")
    );

    let mut client = tui.ask(&body("And now?", true));
    tui.press("Shift+Tab");
    tui.type_text("I will not.");
    tui.press("Enter");
    assert!(tui.receive(&mut client).is_empty());
    tui.sees("sending in 2 s");
    tui.advance(1);
    tui.sees("sending in 1 s");
    assert!(tui.receive(&mut client).is_empty());
    tui.advance(1);
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("I will not.", "invalid_prompt")
    );
    tui.misses("sending");
}

#[test]
fn words_that_are_taken_back_are_not_behind_a_list() {
    let mut tui = TestTui::with_unsend(NORMAL, 2);
    let mut client = tui.ask(&body("What now?", true));
    tui.type_text("words");
    for list in ["F10", "F6", "Ctrl+R", "Ctrl+T", "F1", "F2"] {
        tui.press("Enter");
        tui.press(list);
        tui.press("Esc");
        tui.sees("> words");
        tui.type_text("!");
        tui.press("Backspace");
        assert_eq!(tui.text(), "words", "{list}");
    }
    // By its name, too, what takes one away takes the words back.
    tui.press("Enter F10");
    tui.type_text("suspend");
    tui.press("Enter");
    assert_eq!(tui.text(), "words");
    tui.press("Enter Alt+K");
    tui.type_text("|");
    assert_eq!(tui.text(), "words");
    tui.advance(5);
    assert!(tui.receive(&mut client).is_empty());
}

#[test]
fn a_key_for_the_process_takes_back_what_waits() {
    let running = "Chunk ID: 1\nProcess running with session ID 4711\nOutput:\n>>> ";
    let stdin = json!({"type": "object", "properties": {"session_id": {"type": "number"},
        "chars": {"type": "string"}}});
    let output = json!({"type": "function_call_output", "call_id": "call_1", "output": running});
    let mut body = codex_request("a", "Start python.", &[call("python3"), output]);
    body["tools"] = json!([exec_command(), function("write_stdin", "Writes.", stdin)]);
    let mut tui = TestTui::with_unsend(NORMAL, 2);
    let mut client = tui.ask(&body);
    tui.type_text("It runs.");
    tui.press("Enter Alt+Shift+C");
    let heard = items_of(&tui.receive(&mut client));
    let interrupt = "{\"session_id\":4711,\"chars\":\"\\u0003\"}";
    assert_eq!(heard, one_item(interrupt, "call"));
    assert_eq!(tui.text(), "It runs.");
    tui.advance(5);
    tui.misses("sending");
    tui.misses("client gone");
    assert_eq!(tui.text(), "It runs.");
}

#[test]
fn what_waits_to_be_sent_goes_to_nobody_else() {
    let mut tui = TestTui::with_unsend(NORMAL, 2);
    let client = tui.ask(&body("What now?", true));
    tui.type_text("for the first");
    tui.press("Enter");
    // Another client of the same conversation, and the one that asked first goes.
    let mut other = tui.ask(&body("What now?", true));
    tui.hang_up(client);
    tui.advance(5);
    assert!(tui.receive(&mut other).is_empty());
    assert_eq!(tui.text(), "for the first");
    tui.misses("sending");
    tui.press("Enter Enter");
    assert_eq!(
        items_of(&tui.receive(&mut other)),
        one_item("for the first", "final_answer")
    );
}

#[test]
fn words_typed_meanwhile_are_the_next_ones() {
    let mut tui = TestTui::with_unsend(NORMAL, 2);
    let mut a = tui.ask(&codex_request("a", "first", &[]));
    let mut b = tui.ask(&codex_request("b", "second", &[]));
    tui.type_text("to the first");
    tui.press("Enter");
    tui.type_text("since");
    tui.press("Esc");
    assert_eq!(tui.text(), "to the first\nsince");
    tui.press("Ctrl+C");
    tui.type_text("to the first");
    tui.press("Enter Alt+N");
    tui.sees("sending in 2 s");
    // It is taken back where it was written.
    tui.press("Esc");
    assert_eq!(
        (tui.title(), tui.text().as_str()),
        ("first", "to the first")
    );
    tui.press("Enter Alt+N");
    tui.type_text("to the second");
    // The next answer sends the one before.
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut a)),
        one_item("to the first", "final_answer")
    );
    assert!(tui.receive(&mut b).is_empty());
    tui.advance(2);
    assert_eq!(
        items_of(&tui.receive(&mut b)),
        one_item("to the second", "final_answer")
    );
}

#[test]
fn a_long_paste_is_one_mark_and_is_sent_whole() {
    let text: String = (1..=1_240).map(|n| format!("line {n}\n")).collect();
    let text = text.trim_end();
    let mut operator = Operator::start();
    let client = operator.client();
    let mut stream = ask(&client, "Show me.", true);
    operator.wait_request("Show me.");
    operator.type_text("here: ");
    operator.paste(text);
    let screen = operator.wait_for("> here: [pasted 1,240 lines #1]");
    assert!(!screen.contains("line 1240"), "{screen}");
    operator.wait_saved("line 1240");
    // Any part of it is all of it, and undo brings all of it back.
    operator.key(Key::Backspace);
    operator.wait_gone("[pasted");
    operator.key(Key::Alt('u'));
    operator.wait_for("> here: [pasted 1,240 lines #1]");
    operator.key(Key::Alt('y'));
    operator.wait_for("line 1240");
    operator.key(Key::Alt('u'));
    operator.key(Key::Alt('u'));
    operator.wait_for("> here: [pasted 1,240 lines #1]");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), format!("here: {text}"));
}

#[test]
fn a_long_paste_is_whole_in_the_draft_of_the_next_run() {
    let text: String = (1..=30).map(|n| format!("line {n}\n")).collect();
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&body("Show me.", true));
    tui.type_text("a ");
    tui.app.on_paste(&text);
    tui.type_text("b");
    tui.sees("a [pasted 30 lines #1]b");
    let (_, draft) = tui.app.take_dirty_drafts().pop().unwrap();
    assert_eq!(draft.text, format!("a {text}b"));
    let cursor = draft.cursor.unwrap();
    assert_eq!((cursor.line, cursor.column), (30, 1));
    // So it is in the editor.
    assert_eq!(tui.app.composer().edited_text().0, format!("a {text}b"));
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
        let mut tui = TestTui::new(NORMAL);
        let _client = tui.ask(&body("Show me.", true));
        tui.type_text("a ");
        tui.app.on_paste(&long);
        tui.type_text(" b");
        tui.sees(&format!("a {mark} b"));
        tui.press_unbound(&["Left", "Left"]);
        tui.press_unbound(&keys.split(' ').collect::<Vec<_>>());
        let shown = tui.app.composer().area().lines().join("\n");
        assert_eq!(shown, left, "{keys}");
        assert_eq!(tui.text(), left.replace(mark, &long), "{keys}");
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
    let mut operator = Operator::start();
    let folder = operator.sandbox().path("work");
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
    let client = operator.client();
    let mut stream = client.post_sse("/v1/responses", &[], &body_in(&folder));
    operator.wait_request("Where is it?");
    operator.type_text("In @");
    let screen = operator.wait_for("src/tui/keyboard.rs");
    assert!(!screen.contains(".git"), "{screen}");
    operator.type_text("keyb");
    operator.wait_gone("src/main.rs");
    operator.key(Key::Enter);
    operator.wait_for("> In src/tui/keyboard.rs");
    // Esc leaves what was typed, and so does a blank.
    operator.type_text(", me@example.org, @ke");
    operator.wait_for("src/tui/keyboard.rs");
    operator.wait_for("path");
    operator.key(Key::Esc);
    operator.wait_for("me@example.org, @ke");
    operator.key(Key::Enter);
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
        (plain_request("Who?"), false),
        (body_in("C:\\src".as_ref()), false),
    ] {
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&body);
        tui.type_text("a@b @");
        let lists = tui
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::ListPaths(_)));
        assert_eq!(lists.count(), usize::from(asked));
        // Nothing is there.
        tui.app.on_paths(Vec::new());
        tui.type_text("someone");
        tui.press("Enter");
        assert_eq!(
            items_of(&tui.receive(&mut client)),
            one_item("a@b @someone", "final_answer")
        );
    }
}

#[test]
fn a_path_with_a_blank_is_one_word_of_a_command() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&body_in("/srv".as_ref()));
    let found = || vec!["my notes.md".to_owned(), "src/".to_owned()];
    tui.type_text("!cat @");
    // Typed before the list was there.
    tui.type_text("my");
    tui.app.on_paths(found());
    tui.step();
    tui.sees("my notes.md");
    tui.misses("src/");
    tui.type_text("no");
    tui.press("Enter");
    assert_eq!(tui.text(), "cat 'my notes.md'");
    // Whoever has gone on is not held up, and the list is not for somebody else.
    tui.type_text(" @ x");
    tui.app.on_paths(found());
    tui.press("Enter");
    let call = json!({"cmd": "cat 'my notes.md' @ x"}).to_string();
    assert_eq!(items_of(&tui.receive(&mut client)), one_item(&call, "call"));

    let _client = tui.ask(&body_in("/srv".as_ref()));
    for (keys, left) in [
        ("n o t h i n g Enter", "@nothing"),
        ("Backspace", ""),
        ("m y Esc", "@my"),
    ] {
        tui.type_text("@");
        tui.app.on_paths(found());
        tui.step();
        for key in keys.split(' ') {
            match key {
                "Backspace" => tui.press_unbound(&["Backspace"]),
                key => tui.press(key),
            }
        }
        assert_eq!(tui.text(), left, "{keys}");
        tui.press("Ctrl+U");
    }
}

#[test]
fn whoever_goes_to_the_editor_takes_the_answer_back() {
    let place = support::Sandbox::new();
    let editor = place.path("editor");
    std::fs::write(&editor, "#!/bin/sh\nprintf ' and more' >> \"$1\"\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&editor, mode).unwrap();
    let mut operator = Operator::at(place)
        .config("[tui]\nunsend_seconds = 60\n")
        .env("EDITOR", &editor.display().to_string())
        .start();
    let mut stream = ask(&operator.client(), "What now?", true);
    operator.wait_request("What now?");
    operator.reply("an answer");
    operator.wait_for("sending in");
    operator.key(Key::Ctrl('g'));
    let screen = operator.wait_for("> an answer and more");
    assert!(!screen.contains("sending in"), "{screen}");
    operator.key(Key::Enter);
    operator.wait_for("sending in");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "an answer and more");
}

#[test]
fn what_was_typed_before_a_request_is_sent_to_the_one_that_is_opened() {
    let mut tui = TestTui::new(NORMAL);
    tui.type_text("already thought of");
    let mut client = tui.ask(&body("What is there?", true));
    tui.press("Enter");
    assert!(tui.receive(&mut client).is_empty());
    tui.sees("Alt+N opens the one that waits");
    tui.press("Alt+N");
    tui.sees("What is there?");
    tui.sees("> already thought of");
    tui.press("Enter");
    assert!(!tui.receive(&mut client).is_empty());
}
