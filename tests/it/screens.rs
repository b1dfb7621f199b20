//! What the person sees and what the keys do, without a terminal, a clock or a server.
//!
//! A scene is played anew at each size, drawn after every step as the real loop does, and its last
//! screen is a snapshot in `tests/it/snapshots`. `INSTA_UPDATE=always cargo test` writes them again.

use crate::support::tui::*;
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use humanllm::agents::Housekeeping;
use humanllm::api::Purpose;
use ratatui::layout::Position;
use serde_json::json;

#[test]
fn somebody_who_starts_the_program_is_told_what_to_do() {
    assert_screens("welcome", &[NORMAL, SMALL], |_| {});
}

#[test]
fn the_first_request_opens_at_its_prompt() {
    assert_screens("first_request", &[NORMAL, SMALL, MIDDLE, WIDE], |tui| {
        let client = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
        tui.advance(252);
        tui.sees("Say hello in Python.");
        assert_eq!((tui.bells(), tui.app.title().as_str()), (1, "(1) humanllm"));
        std::mem::forget(client);
    });
}

#[test]
fn a_note_shows_how_far_it_got_and_its_kind_stays() {
    assert_screens("note", &[NORMAL, SMALL], |tui| {
        let mut client = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
        tui.press("Tab");
        tui.type_text("One moment, I am thinking");
        tui.press("Enter");
        tui.sees("note sent");
        assert_eq!(
            items_of(&tui.receive(&mut client)),
            one_item("One moment, I am thinking", "commentary")
        );
        tui.sees("[Progress]");
        tui.type_text("Still at it");
        tui.press("Enter");
        assert_eq!(tui.text(), "");
        std::mem::forget(client);
    });
}

#[test]
fn the_next_request_shows_what_is_new() {
    assert_screens("output", &[NORMAL, SMALL], |tui| {
        let mut client = tui.ask(&codex_request("a", "List the files.", &[]));
        tui.type_text("!ls");
        tui.sees("[Run");
        tui.press("Enter");
        let heard = items_of(&tui.receive(&mut client));
        assert_eq!(heard, one_item(r#"{"cmd":"ls"}"#, "call"));
        let more = [call("ls"), output("hello.py\nREADME.md\n", 0)];
        let client = tui.ask(&codex_request("a", "List the files.", &more));
        tui.sees("─ new ─");
        tui.sees("exit 0");
        std::mem::forget(client);
    });
}

#[test]
fn a_command_that_nobody_would_run_cannot_be_sent() {
    assert_screens("no_shell", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&plain_request("Just talk to me."));
        tui.press("Tab Tab");
        tui.sees("[Think]");
        std::mem::forget(client);
    });
}

#[test]
fn the_inbox_tells_who_waits() {
    let play = |tui: &mut TestTui| {
        let mut first = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
        tui.advance(60);
        let second = tui.ask(&codex_request(
            "b",
            "日本語で挨拶してください、できるだけ丁寧に。",
            &[],
        ));
        tui.advance(60);
        let more = [call("ls"), output("no such file\n", 2)];
        let third = tui.ask(&codex_request("c", "Why does this fail?", &more));
        tui.advance(5);
        let title = Housekeeping {
            purpose: Purpose::Title,
            answer: r#"{"title":"Greeting"}"#.into(),
        };
        let fourth = tui.ask_as(&codex_request("d", "Make a title", &[]), Some(title));
        tui.type_text("hello");
        tui.press("Enter");
        tui.receive(&mut first);
        tui.hang_up(second);
        tui.press("F2");
        std::mem::forget((first, third, fourth));
    };
    assert_screens("inbox", &[NORMAL, SMALL, MIDDLE, WIDE], play);
    let mut tui = TestTui::new(NORMAL);
    play(&mut tui);
    assert_eq!(tui.bells(), 3, "what answers itself does not ring");
    assert_eq!(tui.app.title(), "(1) humanllm");
    tui.press("F2");
    tui.misses("1 waiting");
    // In a column of its own it tells that it has the keys.
    let mut tui = TestTui::new((120, 24));
    play(&mut tui);
    tui.sees("▸ inbox");
    tui.press("F2");
    tui.misses("▸ inbox");
    tui.sees(" inbox");
}

#[test]
fn help_tools_and_the_raw_request_are_one_key_away() {
    assert_screens("help", &[NORMAL, SMALL, MIDDLE], |tui| tui.press("F1"));
    assert_screens("tools", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "hi", &[]));
        tui.press("F3");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&plain_request("hi"));
    tui.press("F4");
    tui.sees(r#""model": "human""#);
    tui.press("F3");
    tui.sees("offers no tools");
    tui.press("F3");
    tui.sees("waiting 0 s");
    tui.press("F1 Esc");
    tui.sees("waiting 0 s");
    tui.press("F1 q");
    tui.type_text("typing types again");
    tui.sees("> typing types again");
}

#[test]
fn leaving_asks_first_when_somebody_waits() {
    assert_screens("quit", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
        tui.type_text("half an answer");
        tui.press("Ctrl+Q");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&plain_request("hi"));
    tui.type_text("half");
    tui.press("Ctrl+Q x PageUp n");
    assert!(!tui.quits());
    tui.press("!");
    assert_eq!(tui.text(), "half!");
    tui.press("Ctrl+C");
    assert_eq!(tui.text(), "");
    tui.press("Ctrl+C");
    tui.sees("Ctrl+C again");
    tui.press("x Ctrl+C");
    tui.misses("again to quit");
    tui.press("Ctrl+C");
    tui.misses("Quit?");
    tui.press("Ctrl+C");
    tui.sees("Quit? 1 waiting");
    assert!(!tui.quits());
    tui.press("y");
    assert!(tui.quits());

    let mut desk_alone = TestTui::new(NORMAL);
    desk_alone.press("Ctrl+C");
    assert!(!desk_alone.quits());
    desk_alone.press("Ctrl+C");
    assert!(desk_alone.quits());

    // Who gives up waiting while the question stands leaves nothing to ask about.
    let mut desk_late = TestTui::new(NORMAL);
    let late = desk_late.ask(&plain_request("hi"));
    desk_late.press("Ctrl+Q");
    desk_late.hang_up(late);
    desk_late.misses("waiting");
    std::mem::forget(client);
}

#[test]
fn a_command_can_have_options() {
    assert_screens("options", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "List the files.", &[]));
        tui.type_text("!ls -l");
        tui.press("Alt+O");
        tui.type_text("/srv/data");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "List the files.", &[]));
    tui.type_text("!ls");
    tui.press("Alt+O");
    tui.app.on_paste("/srv");
    tui.press("Alt+O");
    tui.sees("exec_command · workdir /srv");
    tui.press("Alt+O x Esc Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, one_item(r#"{"cmd":"ls","workdir":"/srv"}"#, "call"));
    // They are for one command.
    let _next = tui.ask(&codex_request(
        "a",
        "List the files.",
        &[call("ls"), output("", 0)],
    ));
    tui.type_text("!pwd");
    tui.misses("/srv ");
}

#[test]
fn words_that_did_not_arrive_come_back() {
    assert_screens("client_gone", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
        tui.type_text("print(\"Hello\")");
        tui.press("Enter");
        tui.sees("sent");
        tui.hang_up(client);
        assert_eq!(tui.text(), "print(\"Hello\")");
    });
    let mut tui = TestTui::new(NORMAL);
    let client = tui.ask(&codex_request("a", "hi", &[]));
    tui.type_text("first");
    tui.press("Enter");
    tui.type_text("second");
    tui.hang_up(client);
    assert_eq!(tui.text(), "first\nsecond");
    tui.press("Enter");
    tui.sees("the text is kept");
    assert_eq!(tui.text(), "first\nsecond");
}

#[test]
fn every_script_and_no_control_character_reaches_the_screen() {
    let prompt = "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。何でも薄暗いじめじめした所で\n\
        e\u{301}a\u{308}o\u{323} naïve Zürich\n👩‍👩‍👧 🇯🇵 👍🏽 ❤️ end\n한국어 العربية ไทย\n";
    assert_screens("scripts", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&plain_request(prompt));
        tui.type_text("はい、猫です。e\u{301}👍🏽!");
        std::mem::forget(client);
    });
    let nasty = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\tTab\x08\x7f\u{9b}5m \u{202e}flip\u{200b}\r\nnext\rline";
    assert_screens("controls", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&plain_request(nasty));
        tui.app.on_paste("pasted \x1b[2J\tand\x07 typed");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let mut tool = exec_command();
    tool["name"] = json!(nasty);
    tool["description"] = json!(nasty);
    let _client = tui.ask(&json!({"model": nasty, "input": [message("user", nasty),
        {"type": nasty}, {"type": "function_call", "name": nasty, "arguments": nasty,
        "call_id": nasty}], "tools": [tool], "prompt_cache_key": nasty}));
    for keys in ["Ctrl+O", "F2", "F2", "F3", "F4", "Esc", "Tab", "Tab"] {
        tui.press(keys);
        let is_bad = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
        assert!(!tui.screen().contains(is_bad), "{:?}", tui.screen());
    }
    assert!(!tui.app.title().contains(char::is_control));
}

#[test]
fn the_cursor_is_where_the_next_character_goes() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&plain_request("hi"));
    let bottom = 24 - 2;
    assert_eq!(tui.cursor(), Position::new(2, bottom));
    for (text, column) in [("ab", 4), ("日本", 8), ("👩‍👩‍👧", 10), ("e\u{301}", 11)] {
        tui.app.on_paste(text);
        tui.step();
        assert_eq!(tui.cursor(), Position::new(column, bottom), "after {text}");
    }
    tui.press("Ctrl+J");
    tui.type_text("x");
    assert_eq!(tui.cursor(), Position::new(3, bottom));
    tui.press("Ctrl+A Ctrl+U");
    tui.app.on_paste("a\tb");
    tui.step();
    let at = tui.cursor();
    let before = &tui.terminal.backend().buffer()[(at.x - 1, at.y)];
    assert_eq!(before.symbol(), "b", "{at}\n{}", tui.screen());
}

#[test]
fn blocks_fold_and_unfold() {
    assert_screens("folding", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
        tui.press("Alt+K Alt+K Ctrl+O");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "Say hello in Python.", &[]));
    tui.press("Ctrl+O Ctrl+Home");
    tui.sees("You are a coding agent.\n");
    tui.misses("▸");
    tui.press("Ctrl+End");
    tui.sees("│   <cwd>/tmp</cwd>\n");
    tui.press("Ctrl+O");
    tui.sees("▸ developer");
    tui.sees("▸ user");
    tui.press("Alt+K Ctrl+O Alt+J Esc");
    tui.misses("┃");
}

#[test]
fn how_far_one_has_come_is_said() {
    let long: Vec<String> = (1..=300)
        .map(|n| format!("line {n} of the output"))
        .collect();
    let more = [call("seq 300"), output(&long.join("\n"), 0)];
    assert_screens("more", &[NORMAL, SMALL], |tui| {
        let client = tui.ask(&codex_request("a", "Count.", &more));
        tui.sees("line 1 of");
        tui.press("PageDown PageDown Ctrl+Up");
        tui.sees("%");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "Count.", &more));
    tui.press("Ctrl+End");
    tui.sees("line 300 of");
    tui.sees("waiting 0 s · end");
    tui.press("Ctrl+Home");
    tui.sees("developer");
    for (columns, rows) in [(200, 60), (40, 12), (20, 6), (5, 2), (1, 1), (80, 24)] {
        tui.resize(columns, rows);
    }
    tui.sees("developer");
}

#[test]
fn what_is_new_is_scrolled_to_wherever_the_person_was() {
    let long: Vec<String> = (1..=300)
        .map(|n| format!("line {n} of the output"))
        .collect();
    let more = [call("seq 300"), output(&long.join("\n"), 0)];

    // In the open conversation, with an empty composer or not.
    for typed in ["", "already typing"] {
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&codex_request("a", "Count.", &[]));
        tui.type_text("!seq 300");
        tui.press("Enter");
        tui.receive(&mut client);
        tui.type_text(typed);
        let _next = tui.ask(&codex_request("a", "Count.", &more));
        tui.sees("─ new ─");
        tui.sees("line 1 of");
    }

    // In one that was answered and left.
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "Count.", &[]));
    tui.type_text("!seq 300");
    tui.press("Enter");
    tui.receive(&mut client);
    let _other = tui.ask(&codex_request("b", "Something else", &[]));
    assert_eq!(tui.title(), "Something else");
    let _next = tui.ask(&codex_request("a", "Count.", &more));
    tui.press("Alt+N");
    tui.sees("─ new ─");
    tui.sees("line 1 of");

    // But never while somebody who types has scrolled up to read.
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "Count.", &more));
    tui.type_text("well");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.type_text("hm");
    tui.press("Ctrl+Home");
    let longer = [
        more.as_slice(),
        &[message("assistant", "well"), message("user", "And?")],
    ]
    .concat();
    let _next = tui.ask(&codex_request("a", "Count.", &longer));
    tui.sees("developer");
    tui.misses("And?");
}

#[test]
fn each_conversation_keeps_its_own_draft_and_kind() {
    let mut tui = TestTui::new(NORMAL);
    let _a = tui.ask(&codex_request("a", "first", &[]));
    tui.advance(1);
    let _b = tui.ask(&codex_request("b", "second", &[]));
    assert_eq!(tui.title(), "first", "a request is waiting here");
    tui.type_text("to the first");
    tui.press("Tab Alt+N");
    assert_eq!((tui.title(), tui.text().as_str()), ("second", ""));
    tui.sees("[Send]");
    tui.type_text("to the second");
    tui.press("Alt+Up");
    assert_eq!(
        (tui.title(), tui.text().as_str()),
        ("first", "to the first")
    );
    tui.sees("[Progress]");
    tui.press("Alt+Down");
    assert_eq!(tui.text(), "to the second");
    tui.press("Alt+Down");
    tui.sees("no other conversation");
}

#[test]
fn a_request_opens_by_itself_only_when_nothing_is_being_done() {
    // Nobody does anything.
    let mut tui = TestTui::new(NORMAL);
    let mut a = tui.ask(&codex_request("a", "first", &[]));
    assert_eq!(tui.title(), "first");
    // Somebody waits on the screen.
    let _b = tui.ask(&codex_request("b", "second", &[]));
    assert_eq!(tui.title(), "first");
    tui.sees("new request · Alt+N opens it · second");
    // Answered, so the next one may come.
    tui.type_text("done");
    tui.press("Enter");
    tui.receive(&mut a);
    let _c = tui.ask(&codex_request("c", "third", &[]));
    assert_eq!(tui.title(), "third");

    // Somebody is typing, reads help, or is asked something.
    for keys in ["x", "F1", "x Ctrl+Q"] {
        let mut tui = TestTui::new(NORMAL);
        let mut a = tui.ask(&codex_request("a", "first", &[]));
        tui.type_text("done");
        tui.press("Enter");
        tui.receive(&mut a);
        tui.press(keys);
        let _b = tui.ask(&codex_request("b", "second", &[]));
        assert_eq!(tui.title(), "first", "with {keys}");
        assert_eq!(tui.bells(), 2);
    }

    // What was typed before anybody asked is not lost, and goes to whoever is opened first.
    let mut tui = TestTui::new(NORMAL);
    tui.type_text("early words");
    tui.press("Enter");
    tui.sees("no request yet; the text is kept");
    let mut a = tui.ask(&codex_request("a", "first", &[]));
    assert_eq!(tui.text(), "early words");
    tui.press("Alt+N Enter");
    assert_eq!(
        items_of(&tui.receive(&mut a)),
        one_item("early words", "final_answer")
    );
}

#[test]
fn kinds_are_chosen_by_tab_and_by_an_exclamation_mark() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "hi", &[]));
    for kind in [
        "[Send]",
        "[Progress]",
        "[Run command]",
        "[Call tool]",
        "[Think]",
        "[Reject]",
        "[Send]",
    ] {
        tui.sees(kind);
        tui.press("Tab");
    }
    for kind in [
        "[Progress]",
        "[Send]",
        "[Reject]",
        "[Think]",
        "[Call tool]",
        "[Run command]",
    ] {
        tui.sees(kind);
        tui.press("Shift+Tab");
    }
    tui.press("Shift+Tab");
    tui.sees("[Send]");
    tui.press("!");
    tui.sees("[Run command]");
    assert_eq!(tui.text(), "");
    tui.press("Backspace");
    tui.sees("[Send]");
    tui.type_text("wow! really!");
    tui.sees("[Send]");
    assert_eq!(tui.text(), "wow! really!");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("wow! really!", "final_answer")
    );

    // Progress stays until the response ends, then the answer is what comes first again.
    let mut client = tui.ask(&codex_request("a", "hi", &[message("user", "more")]));
    tui.press("Tab");
    for note in ["one", "two"] {
        tui.type_text(note);
        tui.press("Enter");
        assert_eq!(
            items_of(&tui.receive(&mut client)),
            one_item(note, "commentary")
        );
        tui.sees("[Progress]");
    }
    tui.press("Shift+Tab Shift+Tab");
    tui.type_text("I will not");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("I will not", "invalid_prompt")
    );
    tui.sees("[Send]");
    tui.sees("rejected");

    // Without a tool for it, a mark is a mark, and the person learns why.
    let _plain = tui.ask(&plain_request("talk"));
    tui.press("!");
    assert_eq!(tui.text(), "!");
    tui.sees("[Send]");
    tui.sees("offers no shell");
}

#[test]
fn what_has_to_be_known_stays_on_every_screen() {
    for size in [NORMAL, (60, 20), SMALL, WIDE] {
        let mut tui = TestTui::new(size);
        let mut client = tui.ask(&codex_request("a", "hi", &[]));
        let words = "what you type is not saved: No space left on device (os error 28)";
        tui.app.set_alert(Some(words.into()));
        tui.step();
        tui.type_text("words");
        tui.sees("not saved");
        tui.press("F1 Esc Enter");
        tui.receive(&mut client);
        tui.sees("what you type is not saved");
        tui.sees("delivered");
        tui.press("Ctrl+Q");
        tui.sees("F1 help");
        tui.app.set_alert(None);
        tui.step();
        tui.misses("not saved");
    }
}

#[test]
fn what_cannot_be_sent_is_kept() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "hi", &[]));
    tui.press("Enter");
    tui.sees("nothing to send");
    tui.type_text(" \n ");
    tui.press("Enter");
    tui.sees("nothing to send");
    assert!(tui.receive(&mut client).is_empty());
    tui.press("Ctrl+U Backspace Ctrl+U");
    tui.type_text("bye");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.type_text("one more thing");
    tui.press("Enter");
    tui.sees("no request waiting here; the text is kept");
    assert_eq!(tui.text(), "one more thing");

    // The client went away, and the news of it is still on its way.
    let client = tui.ask(&codex_request("a", "hi", &[message("user", "again")]));
    drop(client);
    tui.app
        .on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    tui.draw();
    tui.sees("client gone; the text is kept");
    assert_eq!(tui.text(), "one more thing");
    tui.step();
    assert_eq!(tui.text(), "one more thing");
}

#[test]
fn pasted_text_never_submits() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "hi", &[]));
    tui.app
        .on_input(vec![Input::Paste("one\r\ntwo\rthree\n".into())]);
    tui.step();
    assert_eq!(tui.text(), "one\ntwo\nthree\n");
    assert!(tui.receive(&mut client).is_empty());
    // An exclamation mark in it is text too.
    tui.press("Ctrl+U Backspace Ctrl+U Backspace Ctrl+U Backspace Ctrl+U");
    tui.app.on_paste("!ls");
    assert_eq!(tui.text(), "!ls");
    tui.press("Ctrl+U");
    // Terminals that know no bracketed paste.
    tui.paste_unbracketed("one\ntwo\nthree");
    assert_eq!(tui.text(), "one\ntwo\nthree");
    tui.paste_unbracketed("\nfour\n");
    assert_eq!(tui.text(), "one\ntwo\nthree\nfour\n");
    assert!(tui.receive(&mut client).is_empty());
    // A fast typist's line with its Enter is still sent.
    tui.paste_unbracketed("five\n");
    assert_eq!(
        items_of(&tui.receive(&mut client)),
        one_item("one\ntwo\nthree\nfour\nfive", "final_answer")
    );
}

#[test]
fn undo_brings_sent_words_back() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "hi", &[]));
    tui.type_text("sent too early");
    tui.press("Enter");
    tui.receive(&mut client);
    assert_eq!(tui.text(), "");
    tui.press("Alt+U");
    assert_eq!(tui.text(), "sent too early");
    tui.press("Alt+R");
    assert_eq!(tui.text(), "");
    tui.app.on_edited("from the editor\n");
    assert_eq!(tui.text(), "from the editor");
    tui.press("Ctrl+_");
    assert_eq!(tui.text(), "");
}

#[test]
fn requests_of_one_conversation_are_answered_one_after_the_other() {
    let mut tui = TestTui::new(NORMAL);
    let mut first = tui.ask(&codex_request("a", "first", &[]));
    let mut second = tui.ask(&codex_request("a", "first", &[message("user", "second")]));
    tui.sees("is waiting behind");
    tui.sees("(+1 behind)");
    tui.type_text("1");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut first)),
        one_item("1", "final_answer")
    );
    tui.sees("second");
    tui.type_text("2");
    tui.press("Enter");
    assert_eq!(
        items_of(&tui.receive(&mut second)),
        one_item("2", "final_answer")
    );
}

#[test]
fn one_of_two_requests_that_leaves_does_not_look_like_the_end() {
    for first_leaves in [true, false] {
        let mut tui = TestTui::new(NORMAL);
        let first = tui.ask(&codex_request("a", "first", &[]));
        let second = tui.ask(&codex_request("a", "first", &[message("user", "second")]));
        let (gone, mut stays) = match first_leaves {
            true => (first, second),
            false => (second, first),
        };
        tui.hang_up(gone);
        tui.sees("another is still waiting");
        tui.misses("client gone");
        tui.type_text("still here");
        tui.press("Enter");
        let heard = items_of(&tui.receive(&mut stays));
        assert_eq!(heard, one_item("still here", "final_answer"));
    }
}

#[test]
fn refusals_go_with_the_next_key_and_news_stay_while_typing() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "hi", &[]));
    tui.press("Enter");
    tui.sees("nothing to send");
    tui.sees("Enter send");
    tui.press("x");
    tui.misses("nothing to send");
    let _other = tui.ask(&codex_request(
        "b",
        "A rather long first line of a prompt that goes on",
        &[],
    ));
    tui.sees("new request · Alt+N opens it");
    tui.sees("Enter send");
    tui.type_text("typing on");
    tui.sees("new request · Alt+N opens it");
    tui.press("Ctrl+O");
    tui.misses("new request");
}

#[test]
fn what_answers_itself_does_not_push_anybody_down() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "Wait for me", &[]));
    tui.advance(5);
    let title = Housekeeping {
        purpose: Purpose::Title,
        answer: "{}".into(),
    };
    let _automatic = tui.ask_as(&codex_request("b", "Make a title", &[]), Some(title));
    tui.press("F2");
    assert!(tui.find("Wait for me").1 < tui.find("thread title").1);
}

#[test]
fn one_key_comes_by_all_that_wait() {
    let mut tui = TestTui::new(NORMAL);
    let prompts = ["first", "second", "third", "fourth"];
    let mut clients = Vec::new();
    for prompt in prompts {
        clients.push(tui.ask(&codex_request(prompt, prompt, &[])));
        tui.advance(2);
    }
    tui.sees("Alt+N opens it · fourth");
    let mut seen = vec![tui.app.conversation().unwrap().title().to_owned()];
    for _ in 0..4 {
        tui.press("Alt+N");
        seen.push(tui.app.conversation().unwrap().title().to_owned());
    }
    // What was announced first, and then as they came.
    assert_eq!(seen, ["first", "fourth", "first", "second", "third"]);
    std::mem::forget(clients);
}

#[test]
fn a_conversation_is_deleted_only_after_a_clear_yes() {
    for size in [(80, 24), (60, 20), SMALL] {
        let mut tui = TestTui::new(size);
        let mut client = tui.ask(&codex_request(
            "a",
            "Where is the kestrel, in a long question?",
            &[],
        ));
        tui.press("F8");
        tui.misses("for good?");
        tui.sees("a request is waiting here");
        tui.type_text("Above.");
        tui.press("Enter F8");
        tui.misses("for good?");
        tui.receive(&mut client);
        tui.press("F8");
        tui.sees("y delete · n keep");
        tui.sees("Delete «");
        // Whoever goes on writing keeps it, and every word.
        tui.type_text("no");
        tui.misses("y delete");
        assert!(tui.title().contains("kestrel"));
        tui.press("F8 Enter");
        tui.misses("y delete");
        tui.press("F8 Esc");
        assert!(tui.title().contains("kestrel"));
        tui.press("F8 y");
        assert_eq!(tui.title(), "");
        tui.sees("You are the model.");
        tui.sees("deleted");
    }
}

#[test]
fn the_next_conversation_is_shown_when_one_is_deleted() {
    let mut tui = TestTui::new(NORMAL);
    for (thread, prompt) in [("a", "kestrel"), ("b", "heron"), ("c", "crane")] {
        let mut client = tui.ask(&codex_request(thread, prompt, &[]));
        tui.type_text("seen");
        tui.press("Enter");
        tui.receive(&mut client);
    }
    tui.press("F6");
    tui.sees("find a conversation");
    tui.type_text("hero");
    tui.press("Enter");
    assert_eq!(tui.title(), "heron");
    tui.press("F8 y");
    assert_eq!(tui.title(), "crane");
    tui.press("F8 y");
    assert_eq!(tui.title(), "kestrel");
    // What was said in it is not offered again.
    tui.press("F8 y Ctrl+R");
    tui.sees("nothing to recall");
}
