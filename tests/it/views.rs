//! What has the keys, where one is in a text and what is found in it: nothing moves, opens or leaves
//! that the person did not mean.

use crate::support::screen::*;
use crate::support::{EventStream, Key, Person};
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
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&codex("a", "hi", &[]));
        desk.write("half an answer");
        desk.press(view);
        desk.misses("half an answer");
        // None of these reaches the draft, its kind or the client.
        desk.press("Enter Tab x ! Backspace Ctrl+J Alt+Enter Alt+A Alt+L Alt+U Ctrl+U Ctrl+O");
        desk.burst("one\ntwo\n");
        desk.press(view);
        desk.press(view);
        desk.app.on_paste("pasted");
        desk.step();
        desk.sees("nothing to paste into here");
        assert!(desk.hear(&mut client).is_empty(), "{view}");
        assert!(!desk.effects.contains(&Effect::Edit));
        for close in ["q", "Esc", "Ctrl+C", view] {
            desk.press(close);
            desk.sees("> half an answer");
            desk.press(view);
        }
        desk.press("q Enter");
        assert_eq!(
            said(&desk.hear(&mut client)),
            one("half an answer", "final_answer")
        );
    }
}

#[test]
fn a_view_is_scrolled_with_the_keys_of_pagers() {
    let mut desk = Desk::new(SMALL);
    desk.press("F1");
    let top = desk.screen();
    for (there, back) in [
        ("j", "k"),
        ("Down", "Up"),
        ("PageDown", "PageUp"),
        ("Enter", "k"),
        ("G", "g"),
        ("Ctrl+End", "Ctrl+Home"),
        ("End", "Home"),
    ] {
        desk.press(there);
        assert_ne!(desk.screen(), top, "{there}");
        desk.press(back);
        assert_eq!(desk.screen(), top, "{back}");
    }
    desk.press("G");
    desk.sees("end");
    desk.sees("Alt+F.");
    // A view that is at its end does not run away when the window changes.
    desk.press("g");
    desk.resize(80, 60);
    desk.resize(SMALL.0, SMALL.1);
    assert_eq!(desk.screen(), top);
}

#[test]
fn help_has_a_part_for_everything_one_does() {
    let mut desk = Desk::new((100, 120));
    desk.press("F1");
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
        let screen = desk.screen();
        let at = screen[before..].find(title);
        before += at.unwrap_or_else(|| panic!("no {title} below\n{screen}"));
    }
}

#[test]
fn what_is_shown_is_searched() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "Where is the statistics page?", &[]));
    desk.press("F1");
    let before = desk.screen();
    for key in ["/", "Ctrl+F"] {
        desk.press(key);
        desk.write("statistics");
        desk.sees("Show statistics");
        desk.sees("1/2");
        // The search goes first, then the view.
        desk.press("Esc");
        assert_eq!(desk.screen(), before);
    }
    desk.press("/");
    desk.write("show statistics");
    desk.press("Enter");
    desk.misses("search:");
    desk.sees("Show statistics");
    desk.press("q");
    desk.sees("Where is the statistics page?");
}

#[test]
fn the_inbox_opens_nothing_until_it_is_told_to() {
    for size in [NORMAL, (120, 24), WIDE] {
        let mut desk = Desk::new(size);
        let mut clients = Vec::new();
        for prompt in ["kestrel", "heron", "crane"] {
            clients.push(desk.ask(&codex(prompt, prompt, &[])));
            desk.wait(2);
        }
        assert_eq!(desk.title(), "kestrel");
        desk.write("a draft");
        desk.press("F2");
        desk.sees("▸ inbox");
        desk.press("g");
        let first = desk.screen();
        desk.press("Down j x Tab PageUp");
        assert_eq!(desk.title(), "kestrel");
        desk.press("g");
        assert_eq!(desk.screen(), first);
        for back in ["F2", "Esc", "q"] {
            desk.press(back);
            desk.misses("▸ inbox");
            desk.sees("> a draft");
            desk.press("F2");
        }
        // It stays with what was chosen, also where that moves.
        desk.press("g G");
        let chosen = |desk: &Desk| {
            let screen = desk.screen();
            let row = screen.lines().find(|row| row.starts_with('▸'));
            let row = row.unwrap_or_else(|| panic!("nothing is chosen on\n{screen}"));
            ["kestrel", "heron", "crane"]
                .into_iter()
                .find(|name| row.contains(name))
        };
        let before = chosen(&desk);
        assert_ne!(before, None);
        clients.push(desk.ask(&codex("stork", "stork", &[])));
        assert_eq!(chosen(&desk), before);
        assert_eq!(desk.title(), "kestrel");
        desk.press("Enter");
        assert_eq!(Some(desk.title()), before);
        desk.misses("▸ inbox");
        for mut client in clients {
            assert!(desk.hear(&mut client).is_empty());
        }
    }
}

#[test]
fn nothing_opens_by_itself_while_one_chooses_or_searches() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", "first", &[]));
    desk.write("done");
    desk.press("Enter");
    desk.hear(&mut client);
    desk.press("F2");
    let _second = desk.ask(&codex("b", "second", &[]));
    desk.sees("▸ inbox");
    desk.sees("Alt+N opens it");
    assert_eq!(desk.title(), "first");
    // A question about deleting one does not open the draft to what is pasted.
    desk.press("g F8");
    desk.sees("for good?");
    desk.app.on_paste("words");
    desk.step();
    desk.sees("nothing to paste into here");
    desk.press("Esc");
    assert_eq!(desk.text(), "");

    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", &format!("needle\n{}", lines(60)), &[]));
    desk.write("!seq");
    desk.press("Enter");
    desk.hear(&mut client);
    desk.press("Ctrl+F");
    desk.write("needle");
    desk.sees("1/1");
    let more = [call("seq"), output("needle\n", 0)];
    let _next = desk.ask(&codex("a", &format!("needle\n{}", lines(60)), &more));
    desk.sees("│ needle");
    desk.sees("1/2");
}

#[test]
fn who_is_at_the_end_stays_there() {
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&codex("a", &lines(60), &[]));
    desk.press("Ctrl+End");
    desk.sees("row 60 of it");
    // A draft that grows and shrinks.
    for _ in 0..9 {
        desk.write("a line of the draft\n");
        desk.sees("row 60 of it");
        desk.sees("· end");
    }
    desk.press("Ctrl+U Backspace Backspace");
    desk.sees("row 60 of it");
    // Another size of the window.
    for (columns, rows) in [(80, 12), (40, 12), (200, 50), (97, 14), (80, 24)] {
        desk.resize(columns, rows);
        desk.sees("row 60 of it");
    }
    // A message below it.
    desk.app.set_alert(Some(
        "what you type is not saved: the disk is full, and more of it".into(),
    ));
    desk.step();
    desk.sees("row 60 of it");
    let _other = desk.ask(&codex("b", "Somebody else", &[]));
    desk.sees("row 60 of it");
    // And what was said last.
    desk.write("!");
    desk.press("Enter");
    desk.hear(&mut client);
    desk.sees("delivered");
    // But not who has gone up to read.
    desk.press("Ctrl+Home");
    let top = |desk: &Desk| {
        desk.screen()
            .lines()
            .skip(1)
            .take(5)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = top(&desk);
    desk.write("x\ny\nz");
    for line in ["> x", "  y", "  z"] {
        desk.sees(line);
    }
    desk.resize(80, 22);
    assert_eq!(top(&desk), before);
}

#[test]
fn a_long_draft_does_not_hide_what_is_answered() {
    for (size, least) in [(NORMAL, 11), (SMALL, 4)] {
        let mut desk = Desk::new(size);
        let _client = desk.ask(&codex("a", "A question\nof two lines?", &[]));
        desk.write(&"a line of the draft\n".repeat(40));
        desk.write("the last line");
        desk.sees("of two lines?");
        desk.sees("the last line");
        let screen = desk.screen();
        let above = screen.lines().position(|row| row.contains("[Send]"));
        assert!(above.is_some_and(|rows| rows >= least), "{screen}");
    }
    // Nor do parts, what is asked for and a form together.
    let mut desk = Desk::new(SMALL);
    let mut body = codex("a", "Short question?", &[]);
    body["text"] = json!({"format": {"type": "json_schema", "name": "n", "schema":
        {"type": "object", "properties": {"answer": {"type": "string"}}}}});
    body["max_output_tokens"] = json!(1_000);
    let _client = desk.ask(&body);
    for _ in 0..6 {
        desk.write("!ls");
        desk.press("Alt+A");
    }
    desk.write("more\nand more\nand the end");
    desk.sees("Short question?");
    desk.sees("and the end");
}

#[test]
fn a_search_counts_and_goes_back() {
    let text = format!("needle one\n{}needle two needle three\n", lines(60));
    let mut desk = Desk::new(NORMAL);
    let mut body = codex("a", &text, &[]);
    body["input"][1]["content"][0]["text"] =
        json!("<skills_instructions>\na NEEDLE\n</skills_instructions>");
    let _client = desk.ask(&body);
    desk.press("Ctrl+End");
    let before = desk.screen();
    desk.press("Ctrl+F");
    desk.write("needle");
    desk.sees("3/4");
    // The one that it is at looks different from the others.
    let style = |desk: &Desk, text| desk.style_of(text).add_modifier;
    assert!(style(&desk, "needle two").contains(Modifier::REVERSED));
    let other = style(&desk, "needle three");
    assert!(other.contains(Modifier::UNDERLINED) && !other.contains(Modifier::REVERSED));
    desk.press("Down");
    desk.sees("4/4");
    assert!(style(&desk, "needle three").contains(Modifier::REVERSED));
    desk.press("Down");
    desk.sees("1/4");
    desk.sees("│ a NEEDLE");
    desk.press("Down");
    desk.sees("2/4");
    desk.sees("▸ developer <skills_instructions>");
    desk.press("Up");
    desk.sees("│ a NEEDLE");
    // Back, with what was unfolded folded again, and nothing selected.
    desk.press("Esc");
    assert_eq!(desk.screen(), before);
    desk.press("Ctrl+Home");
    desk.sees("▸ developer <skills_instructions>");
    desk.press("Ctrl+End");
    // Who stays, stays; and what was looked for is at hand.
    desk.press("Ctrl+F Ctrl+F");
    desk.sees("search: needle");
    desk.press("Down Down Enter");
    desk.misses("search:");
    desk.sees("│ a NEEDLE");
    desk.write("a draft");
    desk.sees("│ a NEEDLE");
    assert_eq!(desk.text(), "a draft");
}

#[test]
fn each_conversation_keeps_its_place_and_what_is_selected() {
    let mut desk = Desk::new(NORMAL);
    let _a = desk.ask(&codex("a", &lines(60), &[]));
    desk.wait(1);
    let _b = desk.ask(&codex("b", "Something else", &[]));
    desk.press("PageDown Ctrl+Down");
    let place = |desk: &Desk| {
        desk.screen()
            .lines()
            .skip(1)
            .take(15)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = place(&desk);
    desk.press("Alt+N");
    assert_ne!(place(&desk), before);
    desk.press("Alt+N");
    assert_eq!(place(&desk), before);
    desk.press("Alt+K");
    desk.sees("┃");
    desk.press("Alt+N");
    desk.misses("┃");
    desk.press("Alt+N");
    desk.sees("┃");
}

/// A request of a thread.
fn ask(person: &Person, thread: &str, prompt: &str) -> EventStream {
    let body: Value = json!({"model": "m", "stream": true, "input": prompt,
        "prompt_cache_key": thread});
    person.client().post_sse("/v1/responses", &[], &body)
}

/// The text of the answer.
fn answer(stream: &mut EventStream) -> String {
    let done = stream.until("response.completed");
    let text = done["response"]["output"][0]["content"][0]["text"].as_str();
    text.expect("a text").to_owned()
}

#[test]
fn in_a_terminal_a_view_sends_nothing() {
    let mut person = Person::builder().size(80, 24).start();
    let mut stream = ask(&person, "a", "What is the answer?");
    person.wait_request("What is the answer?");
    person.type_text("half");
    person.wait_for("> half");
    for (n, title) in [
        (3, "tools of this request"),
        (4, "raw JSON"),
        (5, "Time to first token"),
        (1, "KINDS OF REPLY"),
    ] {
        person.key(Key::F(n));
        person.wait_for(title);
        person.key(Key::Enter);
        person.type_text("xz");
        person.key(Key::Down);
        person.type_text("q");
        person.wait_for("> half");
    }
    person.type_text(" done");
    person.wait_for("> half done");
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), "half done");
}

#[test]
fn in_a_terminal_the_inbox_opens_what_is_chosen() {
    let mut person = Person::builder().size(100, 24).start();
    let mut first = ask(&person, "a", "the first question");
    person.wait_request("the first question");
    let mut second = ask(&person, "b", "the second question");
    person.wait_for("opens it");
    person.type_text("to the first");
    person.wait_for("> to the first");
    person.key(Key::F(2));
    person.wait_for("▸ inbox");
    // To the other one, whichever is on top.
    let screen = person.screen();
    let list = screen.lines().filter_map(|row| row.split('│').next());
    let place = |text: &str| list.clone().position(|row| row.contains(text));
    let key = match place("the second") < place("the first") {
        true => "k",
        false => "j",
    };
    person.type_text(key);
    person.wait_until("the other one chosen", |screen| {
        screen
            .lines()
            .any(|row| row.starts_with('▸') && row.contains("the second"))
    });
    person.wait_for("> to the first");
    person.key(Key::Enter);
    person.wait_gone("> to the first");
    person.reply("to the second");
    assert_eq!(answer(&mut second), "to the second");
    person.key(Key::Alt('n'));
    person.wait_for("> to the first");
    person.key(Key::Enter);
    assert_eq!(answer(&mut first), "to the first");
}

#[test]
fn in_a_terminal_the_end_stays_in_sight() {
    let mut person = Person::builder().size(80, 24).start();
    let mut stream = ask(&person, "a", &lines(60));
    person.wait_request("row 1 of it");
    person.send(b"\x1b[1;5F");
    person.wait_for("row 60 of it");
    for line in ["one", "two", "three", "four"] {
        person.type_text(line);
        person.key(Key::AltEnter);
    }
    person.type_text("five");
    let screen = person.wait_for("five");
    assert!(screen.contains("row 60 of it"), "{screen}");
    person.resize(60, 16);
    person.wait_until("the end in a smaller window", |screen| {
        screen.lines().count() <= 16 && screen.contains("row 60 of it") && screen.contains("five")
    });
    person.key(Key::Enter);
    assert_eq!(answer(&mut stream), "one\ntwo\nthree\nfour\nfive");
}

#[test]
fn in_a_terminal_a_search_counts_and_goes_back() {
    let mut person = Person::builder().size(80, 24).start();
    let text = format!("needle\n{}needle and needle\n", lines(60));
    let _stream = ask(&person, "a", &text);
    person.wait_request("row 1 of it");
    person.key(Key::Ctrl('f'));
    person.wait_for("search:");
    person.type_text("needle");
    person.wait_for("1/3");
    person.key(Key::Down);
    person.wait_for("2/3");
    person.wait_for("needle and needle");
    person.key(Key::Esc);
    person.wait_gone("search:");
    person.wait_for("row 1 of it");
    person.wait_gone("needle and needle");
}

#[test]
fn help_opens_from_everything_that_offers_it() {
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&offering("?", &[exec_command(), weather()], json!({})));
    desk.app.settings.snippets = vec![("bye".into(), "Bye.".into())];
    for dialog in ["F10", "F6", "Ctrl+T", "Ctrl+R", "Ctrl+F", "F2", "F3"] {
        desk.press(dialog);
        desk.sees("F1 help");
        desk.press("F1");
        desk.sees("KINDS OF REPLY");
        desk.press("Esc");
        desk.write("x");
        assert_eq!(desk.text(), "x", "{dialog}");
        desk.press("Backspace");
    }
    // What was filled in by then is kept.
    desk.write("!ls");
    desk.press("Alt+O");
    desk.write("/srv");
    desk.press("F1");
    desk.sees("KINDS OF REPLY");
    desk.press("Esc");
    desk.sees("/srv");
    desk.press("Alt+A Alt+P F1");
    desk.sees("KINDS OF REPLY");
    // Ctrl+C closes them like all others.
    desk.press("Esc Alt+P Ctrl+C");
    desk.write("!ls");
    desk.press("Alt+O Ctrl+C");
    desk.write(" -l");
    assert_eq!(desk.text(), "ls -l");
}
