//! What has the keys, where one is in a text and what is found in it: nothing moves, opens or leaves
//! that the person did not mean.

use crate::support::tui::*;
use crate::support::{EventStream, Key, Operator};
use humanllm::tui::app::Effect;
use ratatui::style::Modifier;
use serde_json::{Value, json};

/// Lines that can be told from each other.
fn lines(count: usize) -> String {
    let lines = (1..=count).map(|n| format!("row {n} of it\n"));
    lines.collect()
}

#[test]
fn an_open_view_has_the_keys() {
    for view in ["F1", "F3", "F4", "F5"] {
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&codex_request("a", "hi", &[]));
        tui.type_text("half an answer");
        tui.press(view);
        tui.misses("half an answer");
        // None of these reaches the draft, its kind or the client.
        tui.press("Enter Tab x ! Backspace Ctrl+J Alt+Enter Alt+A Alt+L Alt+U Ctrl+U Ctrl+O");
        tui.paste_unbracketed("one\ntwo\n");
        tui.press(view);
        tui.press(view);
        tui.app.on_paste("pasted");
        tui.step();
        tui.sees("nothing to paste into here");
        assert!(tui.receive(&mut client).is_empty(), "{view}");
        assert!(!tui.effects.contains(&Effect::Edit));
        for close in ["q", "Esc", "Ctrl+C", view] {
            tui.press(close);
            tui.sees("> half an answer");
            tui.press(view);
        }
        tui.press("q Enter");
        assert_eq!(
            items_of(&tui.receive(&mut client)),
            one_item("half an answer", "final_answer")
        );
    }
}

#[test]
fn a_view_is_scrolled_with_the_keys_of_pagers() {
    let mut tui = TestTui::new(SMALL);
    tui.press("F1");
    let top = tui.screen();
    for (there, back) in [
        ("j", "k"),
        ("Down", "Up"),
        ("PageDown", "PageUp"),
        ("Enter", "k"),
        ("G", "g"),
        ("Ctrl+End", "Ctrl+Home"),
        ("End", "Home"),
    ] {
        tui.press(there);
        assert_ne!(tui.screen(), top, "{there}");
        tui.press(back);
        assert_eq!(tui.screen(), top, "{back}");
    }
    tui.press("G");
    tui.sees("end");
    tui.sees("Alt+F.");
    // A view that is at its end does not run away when the window changes.
    tui.press("g");
    tui.resize(80, 60);
    tui.resize(SMALL.0, SMALL.1);
    assert_eq!(tui.screen(), top);
}

#[test]
fn help_has_a_part_for_everything_one_does() {
    let mut tui = TestTui::new((100, 120));
    tui.press("F1");
    let mut before = 0;
    for title in [
        "KINDS OF REPLY",
        "REPLY\n",
        "MODELS\n",
        "CONVERSATIONS\n",
        "TRANSCRIPT\n",
        "VIEWS\n",
        "PROGRAM\n",
        "IN THE INBOX",
    ] {
        let screen = tui.screen();
        let at = screen[before..].find(title);
        before += at.unwrap_or_else(|| panic!("no {title} below\n{screen}"));
    }
}

#[test]
fn what_is_shown_is_searched() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "Where is the statistics page?", &[]));
    tui.press("F1");
    let before = tui.screen();
    for key in ["/", "Ctrl+F"] {
        tui.press(key);
        tui.type_text("statistics");
        tui.sees("Show statistics");
        tui.sees("1/3");
        // The search goes first, then the view.
        tui.press("Esc");
        assert_eq!(tui.screen(), before);
    }
    tui.press("/");
    tui.type_text("show statistics");
    tui.press("Enter");
    tui.misses("search:");
    tui.sees("Show statistics");
    tui.press("q");
    tui.sees("Where is the statistics page?");
}

#[test]
fn the_inbox_opens_nothing_until_it_is_told_to() {
    for size in [NORMAL, (120, 24), WIDE] {
        let mut tui = TestTui::new(size);
        let mut clients = Vec::new();
        for prompt in ["kestrel", "heron", "crane"] {
            clients.push(tui.ask(&codex_request(prompt, prompt, &[])));
            tui.advance(2);
        }
        assert_eq!(tui.title(), "kestrel");
        tui.type_text("a draft");
        tui.press("F2");
        tui.sees("▸ inbox");
        tui.press("g");
        let first = tui.screen();
        tui.press("Down j x Tab PageUp");
        assert_eq!(tui.title(), "kestrel");
        tui.press("g");
        assert_eq!(tui.screen(), first);
        for back in ["F2", "Esc", "q"] {
            tui.press(back);
            tui.misses("▸ inbox");
            tui.sees("> a draft");
            tui.press("F2");
        }
        // It stays with what was chosen, also where that moves.
        tui.press("g G");
        let chosen = |tui: &TestTui| {
            let screen = tui.screen();
            let row = screen.lines().find(|row| row.starts_with('▸'));
            let row = row.unwrap_or_else(|| panic!("nothing is chosen on\n{screen}"));
            ["kestrel", "heron", "crane"]
                .into_iter()
                .find(|name| row.contains(name))
        };
        let before = chosen(&tui);
        assert_ne!(before, None);
        clients.push(tui.ask(&codex_request("stork", "stork", &[])));
        assert_eq!(chosen(&tui), before);
        assert_eq!(tui.title(), "kestrel");
        tui.press("Enter");
        assert_eq!(Some(tui.title()), before);
        tui.misses("▸ inbox");
        for mut client in clients {
            assert!(tui.receive(&mut client).is_empty());
        }
    }
}

#[test]
fn nothing_opens_by_itself_while_one_chooses_or_searches() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "first", &[]));
    tui.type_text("done");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.press("F2");
    let _second = tui.ask(&codex_request("b", "second", &[]));
    tui.sees("▸ inbox");
    tui.sees("Alt+N opens it");
    assert_eq!(tui.title(), "first");
    // A question about deleting one does not open the draft to what is pasted.
    tui.press("g F8");
    tui.sees("for good?");
    tui.app.on_paste("words");
    tui.step();
    tui.sees("nothing to paste into here");
    tui.press("Esc");
    assert_eq!(tui.text(), "");

    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", &format!("needle\n{}", lines(60)), &[]));
    tui.type_text("!seq");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.press("Ctrl+F");
    tui.type_text("needle");
    tui.sees("1/1");
    let more = [call("seq"), output("needle\n", 0)];
    let _next = tui.ask(&codex_request(
        "a",
        &format!("needle\n{}", lines(60)),
        &more,
    ));
    tui.sees("│ needle");
    tui.sees("1/2");
}

#[test]
fn who_is_at_the_end_stays_there() {
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", &lines(60), &[]));
    tui.press("Ctrl+End");
    tui.sees("row 60 of it");
    // A draft that grows and shrinks.
    for _ in 0..9 {
        tui.type_text("a line of the draft\n");
        tui.sees("row 60 of it");
        tui.sees("· end");
    }
    tui.press("Ctrl+U Backspace Backspace");
    tui.sees("row 60 of it");
    // Another size of the window.
    for (columns, rows) in [(80, 12), (40, 12), (200, 50), (97, 14), (80, 24)] {
        tui.resize(columns, rows);
        tui.sees("row 60 of it");
    }
    // A message below it.
    tui.app.set_alert(Some(
        "what you type is not saved: the disk is full, and more of it".into(),
    ));
    tui.step();
    tui.sees("row 60 of it");
    let _other = tui.ask(&codex_request("b", "Somebody else", &[]));
    tui.sees("row 60 of it");
    // And what was said last.
    tui.type_text("!");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.sees("delivered");
    // But not who has gone up to read.
    tui.press("Ctrl+Home");
    let top = |tui: &TestTui| {
        tui.screen()
            .lines()
            .skip(1)
            .take(5)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = top(&tui);
    tui.type_text("x\ny\nz");
    for line in ["> x", "  y", "  z"] {
        tui.sees(line);
    }
    tui.resize(80, 22);
    assert_eq!(top(&tui), before);
}

#[test]
fn a_long_draft_does_not_hide_what_is_answered() {
    for (size, least) in [(NORMAL, 11), (SMALL, 4)] {
        let mut tui = TestTui::new(size);
        let _client = tui.ask(&codex_request("a", "A question\nof two lines?", &[]));
        tui.type_text(&"a line of the draft\n".repeat(40));
        tui.type_text("the last line");
        tui.sees("of two lines?");
        tui.sees("the last line");
        let screen = tui.screen();
        let above = screen.lines().position(|row| row.contains("[Send]"));
        assert!(above.is_some_and(|rows| rows >= least), "{screen}");
    }
    // Nor do parts, what is asked for and a form together.
    let mut tui = TestTui::new(SMALL);
    let mut body = codex_request("a", "Short question?", &[]);
    body["text"] = json!({"format": {"type": "json_schema", "name": "n", "schema":
        {"type": "object", "properties": {"answer": {"type": "string"}}}}});
    body["max_output_tokens"] = json!(1_000);
    let _client = tui.ask(&body);
    for _ in 0..6 {
        tui.type_text("!ls");
        tui.press("Alt+A");
    }
    tui.type_text("more\nand more\nand the end");
    tui.sees("Short question?");
    tui.sees("and the end");
}

#[test]
fn a_search_counts_and_goes_back() {
    let text = format!("needle one\n{}needle two needle three\n", lines(60));
    let mut tui = TestTui::new(NORMAL);
    let mut body = codex_request("a", &text, &[]);
    body["input"][1]["content"][0]["text"] =
        json!("<skills_instructions>\na NEEDLE\n</skills_instructions>");
    let _client = tui.ask(&body);
    tui.press("Ctrl+End");
    let before = tui.screen();
    tui.press("Ctrl+F");
    tui.type_text("needle");
    tui.sees("3/4");
    // The one that it is at looks different from the others.
    let style = |tui: &TestTui, text| tui.style_of(text).add_modifier;
    assert!(style(&tui, "needle two").contains(Modifier::REVERSED));
    let other = style(&tui, "needle three");
    assert!(other.contains(Modifier::UNDERLINED) && !other.contains(Modifier::REVERSED));
    tui.press("Down");
    tui.sees("4/4");
    assert!(style(&tui, "needle three").contains(Modifier::REVERSED));
    tui.press("Down");
    tui.sees("1/4");
    tui.sees("│ a NEEDLE");
    tui.press("Down");
    tui.sees("2/4");
    tui.sees("▸ developer <skills_instructions>");
    tui.press("Up");
    tui.sees("│ a NEEDLE");
    // Back, with what was unfolded folded again, and nothing selected.
    tui.press("Esc");
    assert_eq!(tui.screen(), before);
    tui.press("Ctrl+Home");
    tui.sees("▸ developer <skills_instructions>");
    tui.press("Ctrl+End");
    // Who stays, stays; and what was looked for is at hand.
    tui.press("Ctrl+F Ctrl+F");
    tui.sees("search: needle");
    tui.press("Down Down Enter");
    tui.misses("search:");
    tui.sees("│ a NEEDLE");
    tui.type_text("a draft");
    tui.sees("│ a NEEDLE");
    assert_eq!(tui.text(), "a draft");
}

#[test]
fn each_conversation_keeps_its_place_and_what_is_selected() {
    let mut tui = TestTui::new(NORMAL);
    let _a = tui.ask(&codex_request("a", &lines(60), &[]));
    tui.advance(1);
    let _b = tui.ask(&codex_request("b", "Something else", &[]));
    tui.press("PageDown Ctrl+Down");
    let place = |tui: &TestTui| {
        tui.screen()
            .lines()
            .skip(1)
            .take(15)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = place(&tui);
    tui.press("Alt+N");
    assert_ne!(place(&tui), before);
    tui.press("Alt+N");
    assert_eq!(place(&tui), before);
    tui.press("Alt+K");
    tui.sees("┃");
    tui.press("Alt+N");
    tui.misses("┃");
    tui.press("Alt+N");
    tui.sees("┃");
}

/// A request of a thread.
fn ask(operator: &Operator, thread: &str, prompt: &str) -> EventStream {
    let body: Value = json!({"model": "m", "stream": true, "input": prompt,
        "prompt_cache_key": thread});
    operator.client().post_sse("/v1/responses", &[], &body)
}

/// The text of the answer.
fn answer(stream: &mut EventStream) -> String {
    let done = stream.until("response.completed");
    let text = done["response"]["output"][0]["content"][0]["text"].as_str();
    text.expect("a text").to_owned()
}

#[test]
fn in_a_terminal_a_view_sends_nothing() {
    let mut operator = Operator::builder().size(80, 24).start();
    let mut stream = ask(&operator, "a", "What is the answer?");
    operator.wait_request("What is the answer?");
    operator.type_text("half");
    operator.wait_for("> half");
    for (n, title) in [
        (3, "tools of this request"),
        (4, "raw JSON"),
        (5, "Time to first token"),
        (1, "KINDS OF REPLY"),
    ] {
        operator.key(Key::F(n));
        operator.wait_for(title);
        operator.key(Key::Enter);
        operator.type_text("xz");
        operator.key(Key::Down);
        operator.type_text("q");
        operator.wait_for("> half");
    }
    operator.type_text(" done");
    operator.wait_for("> half done");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "half done");
}

#[test]
fn in_a_terminal_the_inbox_opens_what_is_chosen() {
    let mut operator = Operator::builder().size(100, 24).start();
    let mut first = ask(&operator, "a", "the first question");
    operator.wait_request("the first question");
    let mut second = ask(&operator, "b", "the second question");
    operator.wait_for("opens it");
    operator.type_text("to the first");
    operator.wait_for("> to the first");
    operator.key(Key::F(2));
    operator.wait_for("▸ inbox");
    // To the other one, whichever is on top.
    let screen = operator.screen();
    let list = screen.lines().filter_map(|row| row.split('│').next());
    let place = |text: &str| list.clone().position(|row| row.contains(text));
    let key = match place("the second") < place("the first") {
        true => "k",
        false => "j",
    };
    operator.type_text(key);
    operator.wait_until("the other one chosen", |screen| {
        screen
            .lines()
            .any(|row| row.starts_with('▸') && row.contains("the second"))
    });
    operator.wait_for("> to the first");
    operator.key(Key::Enter);
    operator.wait_gone("> to the first");
    operator.reply("to the second");
    assert_eq!(answer(&mut second), "to the second");
    operator.key(Key::Alt('n'));
    operator.wait_for("> to the first");
    operator.key(Key::Enter);
    assert_eq!(answer(&mut first), "to the first");
}

#[test]
fn in_a_terminal_the_end_stays_in_sight() {
    let mut operator = Operator::builder().size(80, 24).start();
    let mut stream = ask(&operator, "a", &lines(60));
    operator.wait_request("row 1 of it");
    operator.send(b"\x1b[1;5F");
    operator.wait_for("row 60 of it");
    for line in ["one", "two", "three", "four"] {
        operator.type_text(line);
        operator.key(Key::AltEnter);
    }
    operator.type_text("five");
    let screen = operator.wait_for("five");
    assert!(screen.contains("row 60 of it"), "{screen}");
    operator.resize(60, 16);
    operator.wait_until("the end in a smaller window", |screen| {
        screen.lines().count() <= 16 && screen.contains("row 60 of it") && screen.contains("five")
    });
    operator.key(Key::Enter);
    assert_eq!(answer(&mut stream), "one\ntwo\nthree\nfour\nfive");
}

#[test]
fn in_a_terminal_a_search_counts_and_goes_back() {
    let mut operator = Operator::builder().size(80, 24).start();
    let text = format!("needle\n{}needle and needle\n", lines(60));
    let _stream = ask(&operator, "a", &text);
    operator.wait_request("row 1 of it");
    operator.key(Key::Ctrl('f'));
    operator.wait_for("search:");
    operator.type_text("needle");
    operator.wait_for("1/3");
    operator.key(Key::Down);
    operator.wait_for("2/3");
    operator.wait_for("needle and needle");
    operator.key(Key::Esc);
    operator.wait_gone("search:");
    operator.wait_for("row 1 of it");
    operator.wait_gone("needle and needle");
}

#[test]
fn help_opens_from_everything_that_offers_it() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&request_with_tools(
        "?",
        &[exec_command(), weather()],
        json!({}),
    ));
    tui.app.settings.snippets = vec![("bye".into(), "Bye.".into())];
    for dialog in ["F10", "F6", "Ctrl+T", "Ctrl+R", "Ctrl+F", "F2", "F3"] {
        tui.press(dialog);
        tui.sees("F1 help");
        tui.press("F1");
        tui.sees("KINDS OF REPLY");
        tui.press("Esc");
        tui.type_text("x");
        assert_eq!(tui.text(), "x", "{dialog}");
        tui.press("Backspace");
    }
    // What was filled in by then is kept.
    tui.type_text("!ls");
    tui.press("Alt+O");
    tui.type_text("/srv");
    tui.press("F1");
    tui.sees("KINDS OF REPLY");
    tui.press("Esc");
    tui.sees("/srv");
    tui.press("Alt+A Alt+P F1");
    tui.sees("KINDS OF REPLY");
    // Ctrl+C closes them like all others.
    tui.press("Esc Alt+P Ctrl+C");
    tui.type_text("!ls");
    tui.press("Alt+O Ctrl+C");
    tui.type_text(" -l");
    assert_eq!(tui.text(), "ls -l");
}
