//! What the person sees and what the keys do, without a terminal, a clock or a server.
//!
//! A scene is played anew at each size, drawn after every step as the real loop does, and its last
//! screen is a snapshot in `tests/it/snapshots`. `INSTA_UPDATE=always cargo test` writes them again.

use crate::support::screen::*;
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use humanllm::agents::Housekeeping;
use humanllm::api::Purpose;
use ratatui::layout::Position;
use serde_json::json;

#[test]
fn somebody_who_starts_the_program_is_told_what_to_do() {
    scene("welcome", &[NORMAL, SMALL], |_| {});
}

#[test]
fn the_first_request_opens_at_its_prompt() {
    scene("first_request", &[NORMAL, SMALL, MIDDLE, WIDE], |desk| {
        let client = desk.ask(&codex("a", "Say hello in Python.", &[]));
        desk.wait(252);
        desk.sees("Say hello in Python.");
        assert_eq!(
            (desk.bells(), desk.app.title().as_str()),
            (1, "(1) humanllm")
        );
        std::mem::forget(client);
    });
}

#[test]
fn a_note_shows_how_far_it_got_and_its_kind_stays() {
    scene("note", &[NORMAL, SMALL], |desk| {
        let mut client = desk.ask(&codex("a", "Say hello in Python.", &[]));
        desk.press("Tab");
        desk.write("One moment, I am thinking");
        desk.press("Enter");
        desk.sees("note sent");
        assert_eq!(
            said(&desk.hear(&mut client)),
            one("One moment, I am thinking", "commentary")
        );
        desk.sees("[Progress]");
        desk.write("Still at it");
        desk.press("Enter");
        assert_eq!(desk.text(), "");
        std::mem::forget(client);
    });
}

#[test]
fn the_next_request_shows_what_is_new() {
    scene("output", &[NORMAL, SMALL], |desk| {
        let mut client = desk.ask(&codex("a", "List the files.", &[]));
        desk.write("!ls");
        desk.sees("[Run");
        desk.press("Enter");
        let heard = said(&desk.hear(&mut client));
        assert_eq!(heard, one(r#"{"cmd":"ls"}"#, "call"));
        let more = [call("ls"), output("hello.py\nREADME.md\n", 0)];
        let client = desk.ask(&codex("a", "List the files.", &more));
        desk.sees("─ new ─");
        desk.sees("exit 0");
        std::mem::forget(client);
    });
}

#[test]
fn a_command_that_nobody_would_run_cannot_be_sent() {
    scene("no_shell", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&plain("Just talk to me."));
        desk.press("Tab Tab");
        desk.sees("[Think]");
        std::mem::forget(client);
    });
}

#[test]
fn the_inbox_tells_who_waits() {
    let play = |desk: &mut Desk| {
        let mut first = desk.ask(&codex("a", "Say hello in Python.", &[]));
        desk.wait(60);
        let second = desk.ask(&codex(
            "b",
            "日本語で挨拶してください、できるだけ丁寧に。",
            &[],
        ));
        desk.wait(60);
        let more = [call("ls"), output("no such file\n", 2)];
        let third = desk.ask(&codex("c", "Why does this fail?", &more));
        desk.wait(5);
        let title = Housekeeping {
            purpose: Purpose::Title,
            answer: r#"{"title":"Greeting"}"#.into(),
        };
        let fourth = desk.ask_as(&codex("d", "Make a title", &[]), Some(title));
        desk.write("hello");
        desk.press("Enter");
        desk.hear(&mut first);
        desk.hang_up(second);
        desk.press("F2");
        std::mem::forget((first, third, fourth));
    };
    scene("inbox", &[NORMAL, SMALL, MIDDLE, WIDE], play);
    let mut desk = Desk::new(NORMAL);
    play(&mut desk);
    assert_eq!(desk.bells(), 3, "what answers itself does not ring");
    assert_eq!(desk.app.title(), "(1) humanllm");
    desk.press("F2");
    desk.misses("1 waiting");
    // In a column of its own it tells that it has the keys.
    let mut desk = Desk::new((120, 24));
    play(&mut desk);
    desk.sees("▸ inbox");
    desk.press("F2");
    desk.misses("▸ inbox");
    desk.sees(" inbox");
}

#[test]
fn help_tools_and_the_raw_request_are_one_key_away() {
    scene("help", &[NORMAL, SMALL, MIDDLE], |desk| desk.press("F1"));
    scene("tools", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "hi", &[]));
        desk.press("F3");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&plain("hi"));
    desk.press("F4");
    desk.sees(r#""model": "human""#);
    desk.press("F3");
    desk.sees("offers no tools");
    desk.press("F3");
    desk.sees("waiting 0 s");
    desk.press("F1 Esc");
    desk.sees("waiting 0 s");
    desk.press("F1 q");
    desk.write("typing types again");
    desk.sees("> typing types again");
}

#[test]
fn leaving_asks_first_when_somebody_waits() {
    scene("quit", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "Say hello in Python.", &[]));
        desk.write("half an answer");
        desk.press("Ctrl+Q");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&plain("hi"));
    desk.write("half");
    desk.press("Ctrl+Q x PageUp n");
    assert!(!desk.quits());
    desk.press("!");
    assert_eq!(desk.text(), "half!");
    desk.press("Ctrl+C");
    assert_eq!(desk.text(), "");
    desk.press("Ctrl+C");
    desk.sees("Ctrl+C again");
    desk.press("x Ctrl+C");
    desk.misses("again to quit");
    desk.press("Ctrl+C");
    desk.misses("Quit?");
    desk.press("Ctrl+C");
    desk.sees("Quit? 1 waiting");
    assert!(!desk.quits());
    desk.press("y");
    assert!(desk.quits());

    let mut desk_alone = Desk::new(NORMAL);
    desk_alone.press("Ctrl+C");
    assert!(!desk_alone.quits());
    desk_alone.press("Ctrl+C");
    assert!(desk_alone.quits());

    // Who gives up waiting while the question stands leaves nothing to ask about.
    let mut desk_late = Desk::new(NORMAL);
    let late = desk_late.ask(&plain("hi"));
    desk_late.press("Ctrl+Q");
    desk_late.hang_up(late);
    desk_late.misses("waiting");
    std::mem::forget(client);
}

#[test]
fn a_command_can_have_options() {
    scene("options", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "List the files.", &[]));
        desk.write("!ls -l");
        desk.press("Alt+O");
        desk.write("/srv/data");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "List the files.", &[]));
    desk.write("!ls");
    desk.press("Alt+O");
    desk.app.on_paste("/srv");
    desk.press("Alt+O");
    desk.sees("exec_command · workdir /srv");
    desk.press("Alt+O x Esc Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, one(r#"{"cmd":"ls","workdir":"/srv"}"#, "call"));
    // They are for one command.
    let _next = desk.ask(&codex("a", "List the files.", &[call("ls"), output("", 0)]));
    desk.write("!pwd");
    desk.misses("/srv ");
}

#[test]
fn words_that_did_not_arrive_come_back() {
    scene("client_gone", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "Say hello in Python.", &[]));
        desk.write("print(\"Hello\")");
        desk.press("Enter");
        desk.sees("sent");
        desk.hang_up(client);
        assert_eq!(desk.text(), "print(\"Hello\")");
    });
    let mut desk = Desk::new(NORMAL);
    let client = desk.ask(&codex("a", "hi", &[]));
    desk.write("first");
    desk.press("Enter");
    desk.write("second");
    desk.hang_up(client);
    assert_eq!(desk.text(), "first\nsecond");
    desk.press("Enter");
    desk.sees("the text is kept");
    assert_eq!(desk.text(), "first\nsecond");
}

#[test]
fn every_script_and_no_control_character_reaches_the_screen() {
    let prompt = "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。何でも薄暗いじめじめした所で\n\
        e\u{301}a\u{308}o\u{323} naïve Zürich\n👩‍👩‍👧 🇯🇵 👍🏽 ❤️ end\n한국어 العربية ไทย\n";
    scene("scripts", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&plain(prompt));
        desk.write("はい、猫です。e\u{301}👍🏽!");
        std::mem::forget(client);
    });
    let nasty = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\tTab\x08\x7f\u{9b}5m \u{202e}flip\u{200b}\r\nnext\rline";
    scene("controls", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&plain(nasty));
        desk.app.on_paste("pasted \x1b[2J\tand\x07 typed");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let mut tool = exec_command();
    tool["name"] = json!(nasty);
    tool["description"] = json!(nasty);
    let _client = desk.ask(&json!({"model": nasty, "input": [message("user", nasty),
        {"type": nasty}, {"type": "function_call", "name": nasty, "arguments": nasty,
        "call_id": nasty}], "tools": [tool], "prompt_cache_key": nasty}));
    for keys in ["Ctrl+O", "F2", "F2", "F3", "F4", "Esc", "Tab", "Tab"] {
        desk.press(keys);
        let is_bad = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{200b}".contains(c);
        assert!(!desk.screen().contains(is_bad), "{:?}", desk.screen());
    }
    assert!(!desk.app.title().contains(char::is_control));
}

#[test]
fn the_cursor_is_where_the_next_character_goes() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&plain("hi"));
    let bottom = 24 - 2;
    assert_eq!(desk.cursor(), Position::new(2, bottom));
    for (text, column) in [("ab", 4), ("日本", 8), ("👩‍👩‍👧", 10), ("e\u{301}", 11)] {
        desk.app.on_paste(text);
        desk.step();
        assert_eq!(desk.cursor(), Position::new(column, bottom), "after {text}");
    }
    desk.press("Ctrl+J");
    desk.write("x");
    assert_eq!(desk.cursor(), Position::new(3, bottom));
    desk.press("Ctrl+A Ctrl+U");
    desk.app.on_paste("a\tb");
    desk.step();
    let at = desk.cursor();
    let before = &desk.terminal.backend().buffer()[(at.x - 1, at.y)];
    assert_eq!(before.symbol(), "b", "{at}\n{}", desk.screen());
}

#[test]
fn blocks_fold_and_unfold() {
    scene("folding", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "Say hello in Python.", &[]));
        desk.press("Alt+K Alt+K Ctrl+O");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "Say hello in Python.", &[]));
    desk.press("Ctrl+O Ctrl+Home");
    desk.sees("You are a coding agent.\n");
    desk.misses("▸");
    desk.press("Ctrl+End");
    desk.sees("│   <cwd>/tmp</cwd>\n");
    desk.press("Ctrl+O");
    desk.sees("▸ developer");
    desk.sees("▸ user");
    desk.press("Alt+K Ctrl+O Alt+J Esc");
    desk.misses("┃");
}

#[test]
fn how_far_one_has_come_is_said() {
    let long: Vec<String> = (1..=300)
        .map(|n| format!("line {n} of the output"))
        .collect();
    let more = [call("seq 300"), output(&long.join("\n"), 0)];
    scene("more", &[NORMAL, SMALL], |desk| {
        let client = desk.ask(&codex("a", "Count.", &more));
        desk.sees("line 1 of");
        desk.press("PageDown PageDown Ctrl+Up");
        desk.sees("%");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "Count.", &more));
    desk.press("Ctrl+End");
    desk.sees("line 300 of");
    desk.sees("waiting 0 s · end");
    desk.press("Ctrl+Home");
    desk.sees("developer");
    for (columns, rows) in [(200, 60), (40, 12), (20, 6), (5, 2), (1, 1), (80, 24)] {
        desk.resize(columns, rows);
    }
    desk.sees("developer");
}

#[test]
fn what_is_new_is_scrolled_to_wherever_the_person_was() {
    let long: Vec<String> = (1..=300)
        .map(|n| format!("line {n} of the output"))
        .collect();
    let more = [call("seq 300"), output(&long.join("\n"), 0)];

    // In the open conversation, with an empty composer or not.
    for typed in ["", "already typing"] {
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&codex("a", "Count.", &[]));
        desk.write("!seq 300");
        desk.press("Enter");
        desk.hear(&mut client);
        desk.write(typed);
        let _next = desk.ask(&codex("a", "Count.", &more));
        desk.sees("─ new ─");
        desk.sees("line 1 of");
    }

    // In one that was answered and left.
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "Count.", &[]));
    desk.write("!seq 300");
    desk.press("Enter");
    desk.hear(&mut client);
    let _other = desk.ask(&codex("b", "Something else", &[]));
    assert_eq!(desk.title(), "Something else");
    let _next = desk.ask(&codex("a", "Count.", &more));
    desk.press("Alt+N");
    desk.sees("─ new ─");
    desk.sees("line 1 of");

    // But never while somebody who types has scrolled up to read.
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "Count.", &more));
    desk.write("well");
    desk.press("Enter");
    desk.hear(&mut client);
    desk.write("hm");
    desk.press("Ctrl+Home");
    let longer = [
        more.as_slice(),
        &[message("assistant", "well"), message("user", "And?")],
    ]
    .concat();
    let _next = desk.ask(&codex("a", "Count.", &longer));
    desk.sees("developer");
    desk.misses("And?");
}

#[test]
fn each_conversation_keeps_its_own_draft_and_kind() {
    let mut desk = Desk::new(NORMAL);
    let _a = desk.ask(&codex("a", "first", &[]));
    desk.wait(1);
    let _b = desk.ask(&codex("b", "second", &[]));
    assert_eq!(desk.title(), "first", "a request is waiting here");
    desk.write("to the first");
    desk.press("Tab Alt+N");
    assert_eq!((desk.title(), desk.text().as_str()), ("second", ""));
    desk.sees("[Send]");
    desk.write("to the second");
    desk.press("Alt+Up");
    assert_eq!(
        (desk.title(), desk.text().as_str()),
        ("first", "to the first")
    );
    desk.sees("[Progress]");
    desk.press("Alt+Down");
    assert_eq!(desk.text(), "to the second");
    desk.press("Alt+Down");
    desk.sees("no other conversation");
}

#[test]
fn a_request_opens_by_itself_only_when_nothing_is_being_done() {
    // Nobody does anything.
    let mut desk = Desk::new(NORMAL);
    let mut a = desk.ask(&codex("a", "first", &[]));
    assert_eq!(desk.title(), "first");
    // Somebody waits on the screen.
    let _b = desk.ask(&codex("b", "second", &[]));
    assert_eq!(desk.title(), "first");
    desk.sees("new request · Alt+N opens it · second");
    // Answered, so the next one may come.
    desk.write("done");
    desk.press("Enter");
    desk.hear(&mut a);
    let _c = desk.ask(&codex("c", "third", &[]));
    assert_eq!(desk.title(), "third");

    // Somebody is typing, reads help, or is asked something.
    for keys in ["x", "F1", "x Ctrl+Q"] {
        let mut desk = Desk::new(NORMAL);
        let mut a = desk.ask(&codex("a", "first", &[]));
        desk.write("done");
        desk.press("Enter");
        desk.hear(&mut a);
        desk.press(keys);
        let _b = desk.ask(&codex("b", "second", &[]));
        assert_eq!(desk.title(), "first", "with {keys}");
        assert_eq!(desk.bells(), 2);
    }

    // What was typed before anybody asked is not lost, and goes to whoever is opened first.
    let mut desk = Desk::new(NORMAL);
    desk.write("early words");
    desk.press("Enter");
    desk.sees("no request yet; the text is kept");
    let mut a = desk.ask(&codex("a", "first", &[]));
    assert_eq!(desk.text(), "early words");
    desk.press("Alt+N Enter");
    assert_eq!(said(&desk.hear(&mut a)), one("early words", "final_answer"));
}

#[test]
fn kinds_are_chosen_by_tab_and_by_an_exclamation_mark() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "hi", &[]));
    for kind in [
        "[Send]",
        "[Progress]",
        "[Run command]",
        "[Call tool]",
        "[Think]",
        "[Reject]",
        "[Send]",
    ] {
        desk.sees(kind);
        desk.press("Tab");
    }
    for kind in [
        "[Progress]",
        "[Send]",
        "[Reject]",
        "[Think]",
        "[Call tool]",
        "[Run command]",
    ] {
        desk.sees(kind);
        desk.press("Shift+Tab");
    }
    desk.press("Shift+Tab");
    desk.sees("[Send]");
    desk.press("!");
    desk.sees("[Run command]");
    assert_eq!(desk.text(), "");
    desk.press("Backspace");
    desk.sees("[Send]");
    desk.write("wow! really!");
    desk.sees("[Send]");
    assert_eq!(desk.text(), "wow! really!");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("wow! really!", "final_answer")
    );

    // Progress stays until the response ends, then the answer is what comes first again.
    let mut client = desk.ask(&codex("a", "hi", &[message("user", "more")]));
    desk.press("Tab");
    for note in ["one", "two"] {
        desk.write(note);
        desk.press("Enter");
        assert_eq!(said(&desk.hear(&mut client)), one(note, "commentary"));
        desk.sees("[Progress]");
    }
    desk.press("Shift+Tab Shift+Tab");
    desk.write("I will not");
    desk.press("Enter");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("I will not", "invalid_prompt")
    );
    desk.sees("[Send]");
    desk.sees("rejected");

    // Without a tool for it, a mark is a mark, and the person learns why.
    let _plain = desk.ask(&plain("talk"));
    desk.press("!");
    assert_eq!(desk.text(), "!");
    desk.sees("[Send]");
    desk.sees("offers no shell");
}

#[test]
fn what_has_to_be_known_stays_on_every_screen() {
    for size in [NORMAL, (60, 20), SMALL, WIDE] {
        let mut desk = Desk::new(size);
        let mut client = desk.ask(&codex("a", "hi", &[]));
        let words = "what you type is not saved: No space left on device (os error 28)";
        desk.app.set_alert(Some(words.into()));
        desk.step();
        desk.write("words");
        desk.sees("not saved");
        desk.press("F1 Esc Enter");
        desk.hear(&mut client);
        desk.sees("what you type is not saved");
        desk.sees("delivered");
        desk.press("Ctrl+Q");
        desk.sees("F1 help");
        desk.app.set_alert(None);
        desk.step();
        desk.misses("not saved");
    }
}

#[test]
fn what_cannot_be_sent_is_kept() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "hi", &[]));
    desk.press("Enter");
    desk.sees("nothing to send");
    desk.write(" \n ");
    desk.press("Enter");
    desk.sees("nothing to send");
    assert!(desk.hear(&mut client).is_empty());
    desk.press("Ctrl+U Backspace Ctrl+U");
    desk.write("bye");
    desk.press("Enter");
    desk.hear(&mut client);
    desk.write("one more thing");
    desk.press("Enter");
    desk.sees("no request waiting here; the text is kept");
    assert_eq!(desk.text(), "one more thing");

    // The client went away, and the news of it is still on its way.
    let client = desk.ask(&codex("a", "hi", &[message("user", "again")]));
    drop(client);
    desk.app
        .on_key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    desk.draw();
    desk.sees("client gone; the text is kept");
    assert_eq!(desk.text(), "one more thing");
    desk.step();
    assert_eq!(desk.text(), "one more thing");
}

#[test]
fn pasted_text_never_submits() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "hi", &[]));
    desk.app
        .on_input(vec![Input::Paste("one\r\ntwo\rthree\n".into())]);
    desk.step();
    assert_eq!(desk.text(), "one\ntwo\nthree\n");
    assert!(desk.hear(&mut client).is_empty());
    // An exclamation mark in it is text too.
    desk.press("Ctrl+U Backspace Ctrl+U Backspace Ctrl+U Backspace Ctrl+U");
    desk.app.on_paste("!ls");
    assert_eq!(desk.text(), "!ls");
    desk.press("Ctrl+U");
    // Terminals that know no bracketed paste.
    desk.burst("one\ntwo\nthree");
    assert_eq!(desk.text(), "one\ntwo\nthree");
    desk.burst("\nfour\n");
    assert_eq!(desk.text(), "one\ntwo\nthree\nfour\n");
    assert!(desk.hear(&mut client).is_empty());
    // A fast typist's line with its Enter is still sent.
    desk.burst("five\n");
    assert_eq!(
        said(&desk.hear(&mut client)),
        one("one\ntwo\nthree\nfour\nfive", "final_answer")
    );
}

#[test]
fn undo_brings_sent_words_back() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "hi", &[]));
    desk.write("sent too early");
    desk.press("Enter");
    desk.hear(&mut client);
    assert_eq!(desk.text(), "");
    desk.press("Alt+U");
    assert_eq!(desk.text(), "sent too early");
    desk.press("Alt+R");
    assert_eq!(desk.text(), "");
    desk.app.on_edited("from the editor\n");
    assert_eq!(desk.text(), "from the editor");
    desk.press("Ctrl+_");
    assert_eq!(desk.text(), "");
}

#[test]
fn requests_of_one_conversation_are_answered_one_after_the_other() {
    let mut desk = Desk::new(NORMAL);
    let mut first = desk.ask(&codex("a", "first", &[]));
    let mut second = desk.ask(&codex("a", "first", &[message("user", "second")]));
    desk.sees("is waiting behind");
    desk.sees("(+1 behind)");
    desk.write("1");
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut first)), one("1", "final_answer"));
    desk.sees("second");
    desk.write("2");
    desk.press("Enter");
    assert_eq!(said(&desk.hear(&mut second)), one("2", "final_answer"));
}

#[test]
fn one_of_two_requests_that_leaves_does_not_look_like_the_end() {
    for first_leaves in [true, false] {
        let mut desk = Desk::new(NORMAL);
        let first = desk.ask(&codex("a", "first", &[]));
        let second = desk.ask(&codex("a", "first", &[message("user", "second")]));
        let (gone, mut stays) = match first_leaves {
            true => (first, second),
            false => (second, first),
        };
        desk.hang_up(gone);
        desk.sees("another is still waiting");
        desk.misses("client gone");
        desk.write("still here");
        desk.press("Enter");
        let heard = said(&desk.hear(&mut stays));
        assert_eq!(heard, one("still here", "final_answer"));
    }
}

#[test]
fn refusals_go_with_the_next_key_and_news_stay_while_typing() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "hi", &[]));
    desk.press("Enter");
    desk.sees("nothing to send");
    desk.sees("Enter send");
    desk.press("x");
    desk.misses("nothing to send");
    let _other = desk.ask(&codex(
        "b",
        "A rather long first line of a prompt that goes on",
        &[],
    ));
    desk.sees("new request · Alt+N opens it");
    desk.sees("Enter send");
    desk.write("typing on");
    desk.sees("new request · Alt+N opens it");
    desk.press("Ctrl+O");
    desk.misses("new request");
}

#[test]
fn what_answers_itself_does_not_push_anybody_down() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "Wait for me", &[]));
    desk.wait(5);
    let title = Housekeeping {
        purpose: Purpose::Title,
        answer: "{}".into(),
    };
    let _automatic = desk.ask_as(&codex("b", "Make a title", &[]), Some(title));
    desk.press("F2");
    assert!(desk.find("Wait for me").1 < desk.find("thread title").1);
}

#[test]
fn one_key_comes_by_all_that_wait() {
    let mut desk = Desk::new(NORMAL);
    let prompts = ["first", "second", "third", "fourth"];
    let mut clients = Vec::new();
    for prompt in prompts {
        clients.push(desk.ask(&codex(prompt, prompt, &[])));
        desk.wait(2);
    }
    desk.sees("Alt+N opens it · fourth");
    let mut seen = vec![desk.app.conversation().unwrap().title().to_owned()];
    for _ in 0..4 {
        desk.press("Alt+N");
        seen.push(desk.app.conversation().unwrap().title().to_owned());
    }
    // What was announced first, and then as they came.
    assert_eq!(seen, ["first", "fourth", "first", "second", "third"]);
    std::mem::forget(clients);
}

#[test]
fn a_conversation_is_deleted_only_after_a_clear_yes() {
    for size in [(80, 24), (60, 20), SMALL] {
        let mut desk = Desk::new(size);
        let mut client = desk.ask(&codex(
            "a",
            "Where is the kestrel, in a long question?",
            &[],
        ));
        desk.press("F8");
        desk.misses("for good?");
        desk.sees("a request is waiting here");
        desk.write("Above.");
        desk.press("Enter F8");
        desk.misses("for good?");
        desk.hear(&mut client);
        desk.press("F8");
        desk.sees("y delete · n keep");
        desk.sees("Delete «");
        // Whoever goes on writing keeps it, and every word.
        desk.write("no");
        desk.misses("y delete");
        assert!(desk.title().contains("kestrel"));
        desk.press("F8 Enter");
        desk.misses("y delete");
        desk.press("F8 Esc");
        assert!(desk.title().contains("kestrel"));
        desk.press("F8 y");
        assert_eq!(desk.title(), "");
        desk.sees("You are the model.");
        desk.sees("deleted");
    }
}

#[test]
fn the_next_conversation_is_shown_when_one_is_deleted() {
    let mut desk = Desk::new(NORMAL);
    for (thread, prompt) in [("a", "kestrel"), ("b", "heron"), ("c", "crane")] {
        let mut client = desk.ask(&codex(thread, prompt, &[]));
        desk.write("seen");
        desk.press("Enter");
        desk.hear(&mut client);
    }
    desk.press("F6");
    desk.sees("find a conversation");
    desk.write("hero");
    desk.press("Enter");
    assert_eq!(desk.title(), "heron");
    desk.press("F8 y");
    assert_eq!(desk.title(), "crane");
    desk.press("F8 y");
    assert_eq!(desk.title(), "kestrel");
    // What was said in it is not offered again.
    desk.press("F8 y Ctrl+R");
    desk.sees("nothing to recall");
}
