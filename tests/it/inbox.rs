//! Finding one's way among many conversations: the inbox, the lists of conversations and of actions,
//! and being called while one looks elsewhere.

use std::time::Duration;

use crate::support::tui::*;
use crossterm::event::Event as Input;
use humanllm::api::{Interner, responses};
use humanllm::tui::app::Effect;
use humanllm::tui::keys::action::Action;
use serde_json::{Value, json};

/// A request of Codex from a folder, for a model.
fn from(thread: &str, folder: &str, model: &str, prompt: &str) -> Value {
    let mut body = codex_request(thread, prompt, &[]);
    let context = format!(
        "<environment_context>\n  <cwd>/home/user/{folder}</cwd>\n  <shell>bash</shell>\n\
        </environment_context>"
    );
    body["input"][2] = message("user", &context);
    body["model"] = json!(model);
    body
}

/// The rows of the screen that have one of these marks, without what is right of the inbox.
fn rows(tui: &TestTui, marks: &[char]) -> Vec<String> {
    let screen = tui.screen();
    let list = screen
        .lines()
        .map(|row| row.split('│').next().unwrap_or(row));
    let own = list.filter(|row| row.chars().nth(1).is_some_and(|mark| marks.contains(&mark)));
    own.map(|row| row.trim().trim_start_matches('▌').to_owned())
        .collect()
}

/// The titles in the inbox, in their order.
fn titles(tui: &TestTui) -> Vec<String> {
    let rows = rows(tui, &['●', '✓', '✗', '⋯']);
    let title = |row: &String| {
        let title: String = row.chars().skip(2).collect();
        title.trim_end_matches('✎').trim().to_owned()
    };
    rows.iter().map(title).collect()
}

/// Somebody asks, is answered, and has got it.
fn answered(tui: &mut TestTui, thread: &str, prompt: &str) {
    let mut client = tui.ask(&codex_request(thread, prompt, &[]));
    tui.type_text("done");
    tui.press("Enter");
    tui.receive(&mut client);
}

#[test]
fn a_row_tells_who_asks_from_where_and_what_is_different() {
    assert_screens("inbox_rows", &[SMALL, NORMAL, MIDDLE], |tui| {
        let mut kept = Vec::new();
        for (thread, folder, model, prompt) in [
            (
                "t-0001",
                "api",
                "gpt-5",
                "# Fix the **tests**\n\nAll of them.",
            ),
            ("t-0002", "web", "gpt-5", "Fix the tests"),
            ("t-0003", "cli", "gpt-5", "Explain `main.rs`"),
            ("t-0004", "cli", "gpt-5-mini", "Explain `main.rs`"),
            ("t-0005", "cli", "gpt-5", "Say hello"),
        ] {
            kept.push(tui.ask(&from(thread, folder, model, prompt)));
            tui.advance(61);
        }
        tui.type_text("a draft");
        tui.press("F2");
        std::mem::forget(kept);
    });
}

#[test]
fn those_that_wait_stand_above_and_the_longest_wait_first() {
    let mut tui = TestTui::new(MIDDLE);
    answered(&mut tui, "a", "answered first");
    tui.advance(1);
    answered(&mut tui, "b", "answered second");
    tui.advance(1);
    let _c = tui.ask(&codex_request("c", "waits longest", &[]));
    tui.advance(1);
    let _d = tui.ask(&codex_request("d", "waits too", &[]));
    assert_eq!(
        titles(&tui),
        [
            "waits longest",
            "waits too",
            "answered second",
            "answered first"
        ]
    );
}

#[test]
fn rows_stay_where_they_are_while_somebody_looks_for_one() {
    let mut tui = TestTui::new(MIDDLE);
    let mut a = tui.ask(&codex_request("a", "first", &[]));
    let _b = tui.ask(&codex_request("b", "second", &[]));
    tui.type_text("done");
    tui.press("Enter F2");
    let before = titles(&tui);
    assert_eq!(before, ["second", "first"]);
    // One comes in, and one changes: the rows that were there stay.
    tui.receive(&mut a);
    tui.advance(5);
    let _c = tui.ask(&codex_request("c", "third", &[]));
    tui.advance(1);
    let _again = tui.ask(&codex_request("a", "first", &[message("user", "more")]));
    assert_eq!(titles(&tui), ["second", "first", "third"]);
    tui.sees("1 new · 3 waiting");
    assert_eq!(rows(&tui, &['●']).len(), 3);
    // They are sorted when one asks for it, or comes back.
    tui.press("r");
    assert_eq!(titles(&tui), ["second", "third", "first"]);
    tui.misses("1 new");
    tui.press("k Enter");
    assert_eq!(tui.title(), "third");
}

#[test]
fn going_from_one_to_the_next_comes_by_all_of_them() {
    let mut tui = TestTui::new(NORMAL);
    let clients: Vec<_> = ["one", "two", "three"]
        .map(|name| tui.ask(&codex_request(name, name, &[])))
        .into();
    assert_eq!(tui.title(), "one");
    tui.press("Alt+Down");
    assert_eq!(tui.title(), "two");
    // Whatever happens to those that were passed.
    let mut clients = clients.into_iter();
    tui.hang_up(clients.next().unwrap());
    tui.press("Alt+Down");
    assert_eq!(tui.title(), "three");
    tui.press("Alt+Up Alt+Up");
    assert_eq!(tui.title(), "one");
    std::mem::forget(clients.collect::<Vec<_>>());
}

#[test]
fn letters_narrow_the_inbox_down() {
    for size in [SMALL, NORMAL, MIDDLE] {
        let mut tui = TestTui::new(size);
        let _clients = [
            tui.ask(&from("a", "parser", "m", "Fix it")),
            tui.ask(&from("b", "web", "m", "Write tests")),
            tui.ask(&from("c", "web", "m", "Fix the page")),
        ];
        tui.press("F2 /");
        tui.type_text("fix web");
        assert_eq!(titles(&tui), ["Fix the page"]);
        tui.sees("/fix web");
        assert_eq!(tui.text(), "", "nothing goes into the draft");
        tui.press("Enter");
        assert_eq!(tui.title(), "Fix the page");
        tui.type_text("typing types again");
        assert_eq!(tui.text(), "typing types again");
        tui.press("F2 / x x x x Esc");
        assert_eq!(titles(&tui).len(), 3);
    }
}

#[test]
fn what_is_done_is_dismissed_and_can_be_found_again() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut tui = TestTui::with_state_dir(MIDDLE, folder.path());
        for thread in ["kestrel", "heron", "crane", "stork"] {
            answered(&mut tui, thread, thread);
            tui.advance(1);
        }
        let _waits = tui.ask(&codex_request("w", "waiting", &[]));
        tui.press("F2 d");
        tui.sees("a request is waiting here");
        // A draft keeps its conversation on the list.
        tui.press("j Enter");
        assert_eq!(tui.title(), "stork");
        tui.type_text("to be sent");
        tui.press("Alt+W");
        tui.sees("there is a draft here");
        assert_eq!(tui.text(), "to be sent");
        tui.press("F2 j d");
        assert_eq!(titles(&tui), ["waiting", "stork", "heron", "kestrel"]);
        tui.sees("dismissed · F6 finds it again");
        tui.press("D");
        tui.sees("2 dismissed");
        assert_eq!(titles(&tui).len(), 2);
    }
    // It stays so when the program is started again, until one of them is looked for.
    let mut tui = TestTui::with_state_dir(MIDDLE, folder.path());
    assert_eq!(titles(&tui).len(), 2, "{}", tui.screen());
    tui.press("F6");
    tui.search();
    tui.type_text("heron");
    tui.search();
    tui.press("Enter");
    assert_eq!(tui.title(), "heron");
    assert_eq!(titles(&tui).len(), 3);
}

#[test]
fn the_inbox_is_as_wide_as_one_wants_it() {
    let mut tui = TestTui::new(MIDDLE);
    let _a = tui.ask(&codex_request(
        "a",
        "Say hello in Python, and explain every word of it to me",
        &[],
    ));
    let edge = |tui: &TestTui| {
        let screen = tui.screen();
        let mut first = screen.lines().next().unwrap_or_default().chars();
        first.position(|c| c == '│').expect("a column of its own")
    };
    let before = edge(&tui);
    tui.press("Alt+. Alt+.");
    assert_eq!(edge(&tui), before + 8);
    tui.press("F2 < < <");
    assert_eq!(edge(&tui), before - 4);
    for _ in 0..20 {
        tui.press(">");
    }
    tui.sees("every word of it to me");
    tui.sees("Say hello");
}

#[test]
fn every_action_is_done_by_its_name() {
    assert_screens("palette", &[SMALL, NORMAL, MIDDLE], |tui| {
        let client = tui.ask(&codex_request("a", "Say hello.", &[]));
        tui.press("F10");
        tui.type_text("conversation");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "Say hello.", &[]));
    tui.type_text("kept");
    for keys in ["F10", "Alt+M"] {
        tui.press(keys);
        tui.type_text("statis");
        tui.press("Enter");
        tui.sees("Tokens per second");
        tui.press("Esc");
    }
    assert_eq!(tui.text(), "kept");
    // All of them can be found by their names.
    for action in Action::ALL
        .iter()
        .filter(|action| **action != Action::Palette)
    {
        tui.press("F10");
        tui.type_text(action.name());
        tui.sees(&format!("{action}"));
        tui.press("Esc");
    }
    tui.press("F10");
    tui.type_text("quit");
    tui.press("Enter");
    tui.sees("Quit? 1 waiting");
}

/// Chooses an action by its name.
fn choose(tui: &mut TestTui, action: &str) {
    tui.press("F10");
    tui.type_text(action);
    tui.press("Enter");
}

#[test]
fn nothing_is_done_by_its_name_to_what_is_not_on_the_screen() {
    for view in ["F2", "F1", "F3"] {
        let mut tui = TestTui::new(NORMAL);
        let mut client = tui.ask(&codex_request("a", "Say hello.", &[]));
        tui.type_text("half a sentence");
        tui.press(view);
        for action in ["submit", "interrupt_process", "newline"] {
            choose(&mut tui, action);
            assert!(tui.receive(&mut client).is_empty(), "{view} {action}");
            tui.press("Esc");
            tui.press(view);
        }
        assert_eq!(tui.text(), "half a sentence");
        // What its keys do, it does by name.
        tui.press("Esc");
        tui.press(view);
        choose(&mut tui, "interrupt");
        assert_eq!(tui.text(), "half a sentence");
        tui.type_text("!");
        assert_eq!(tui.text(), "half a sentence!", "{view}");
    }
    // A form hides the draft beside it.
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&request_with_tools("Weather?", &[weather()], json!({})));
    tui.type_text("kept");
    tui.press("Ctrl+T Enter");
    tui.app.settings.snippets = vec![("town".into(), "Oslo".into())];
    tui.press("Ctrl+R Enter");
    choose(&mut tui, "newline");
    assert_eq!(tui.text(), "kept");
    tui.sees("Oslo");
    tui.press("Enter");
    tui.type_text("2");
    tui.press("Enter");
    let heard = items_of(&tui.receive(&mut client));
    assert_eq!(heard, one_item(r#"{"city":"Oslo\n","days":2}"#, "call"));
}

#[test]
fn a_conversation_is_found_by_all_that_is_known_of_it() {
    for kept in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut tui = match kept {
            true => TestTui::with_state_dir(NORMAL, folder.path()),
            false => TestTui::new(NORMAL),
        };
        let _clients = [
            tui.ask(&from(
                "a",
                "parser",
                "gpt-5",
                "Fix it\nThe kestrel is too slow.",
            )),
            tui.ask(&from("b", "web", "gpt-5-mini", "Write a page")),
            tui.ask(&from("c", "tools", "gpt-5", "Explain this")),
        ];
        for (query, title) in [
            ("wrpage", "Write a page"),
            ("tools", "Explain this"),
            ("home/user/parser", "Fix it"),
            ("mini", "Write a page"),
            ("kestrel", "Fix it"),
            ("codex expl", "Explain this"),
        ] {
            tui.press("F6");
            tui.search();
            tui.type_text(query);
            tui.search();
            tui.press("Enter");
            assert_eq!(tui.title(), title, "{query} {kept}\n{}", tui.screen());
        }
    }
}

#[test]
fn earlier_conversations_follow_those_of_the_inbox() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut tui = TestTui::with_state_dir(NORMAL, folder.path());
        answered(&mut tui, "old", "The heron of last week");
        tui.press("Alt+W");
    }
    for size in [SMALL, NORMAL, MIDDLE] {
        let mut tui = TestTui::with_state_dir(size, folder.path());
        let client = tui.ask(&from("new", "birds", "m", "Draw a heron"));
        tui.press("F6");
        tui.search();
        tui.type_text("heron");
        // What is open is there at once, whatever the disk does.
        tui.sees("▸ Draw a heron");
        tui.search();
        tui.sees("  The heron of la");
        tui.press("Down Enter");
        assert_eq!(tui.title(), "The heron of last week");
        tui.press("Alt+W");
        tui.hang_up(client);
        tui.press("F8 y");
        assert_eq!(tui.title(), "");
    }
}

#[test]
fn the_keys_that_help_now_are_named_first() {
    let hints = |tui: &TestTui| {
        tui.screen()
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let mut tui = TestTui::new(NORMAL);
    let format = json!({"format": {"type": "json_schema", "name": "n", "schema": {
        "type": "object", "properties": {"title": {"type": "string"}}}}});
    let _a = tui.ask(&request_with_tools(
        "Name it.",
        &[],
        json!({"text": format, "stream": true}),
    ));
    assert!(
        hints(&tui).starts_with("Enter send · Alt+I skeleton"),
        "{}",
        hints(&tui)
    );
    tui.type_text("{");
    assert!(!hints(&tui).contains("skeleton"));

    let mut tui = TestTui::new(NORMAL);
    let running =
        "Chunk ID: 1\nWall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n";
    let mut body = codex_request(
        "a",
        "Run it.",
        &[
            call("cat"),
            json!({"type": "function_call_output",
        "call_id": "call_1", "output": running}),
        ],
    );
    let stdin = json!({"type": "object", "properties": {"session_id": {"type": "number"},
        "chars": {"type": "string"}}});
    let tools = body["tools"].as_array_mut().unwrap();
    tools.push(function("write_stdin", "Writes.", stdin));
    let _b = tui.ask(&body);
    assert!(
        hints(&tui).starts_with("Enter send · Alt+S continue process"),
        "{}",
        hints(&tui)
    );
    tui.press("Alt+K");
    assert!(
        hints(&tui).contains("Alt+C copy · Ctrl+O fold"),
        "{}",
        hints(&tui)
    );
}

#[test]
fn whoever_has_answered_is_told_of_the_others() {
    for size in [SMALL, NORMAL] {
        let mut tui = TestTui::new(size);
        let mut a = tui.ask(&codex_request("a", "first", &[]));
        let _others: Vec<_> = ["b", "c"]
            .map(|name| tui.ask(&codex_request(name, name, &[])))
            .into();
        tui.type_text("done");
        tui.press("Enter");
        tui.receive(&mut a);
        tui.sees("> Answered · 2 others waiting");
    }
    let mut tui = TestTui::new(NORMAL);
    let _a = tui.ask(&codex_request("a", "first", &[]));
    tui.press("Alt+N");
    tui.sees("no other requests waiting");
}

#[test]
fn the_chosen_kind_and_its_neighbours_can_be_read_in_a_small_pane() {
    let kinds = ["Send", "Progress", "Run", "Call", "Think", "Reject"];
    for is_live in [false, true] {
        let mut tui = TestTui::new(SMALL);
        let _client = tui.ask(&codex_request("a", "Say hello.", &[]));
        if is_live {
            tui.press("Alt+L");
        }
        for at in 0..kinds.len() {
            tui.sees(&format!("[{}", kinds[at]));
            for near in [at.saturating_sub(1), (at + 1).min(kinds.len() - 1)] {
                tui.sees(kinds[near]);
            }
            tui.press("Tab");
        }
    }
}

/// What the terminal was asked to show outside of its window.
fn notifications(tui: &TestTui) -> Vec<&str> {
    let effects = tui.effects.iter();
    let shown = effects.filter_map(|effect| match effect {
        Effect::Notify(text) => Some(text.as_str()),
        _ => None,
    });
    shown.collect()
}

#[test]
fn whoever_looks_elsewhere_is_called() {
    let mut tui = TestTui::new(NORMAL);
    let _a = tui.ask(&from("a", "web", "m", "While one looks"));
    assert_eq!((tui.bells(), notifications(&tui).len()), (1, 0));
    tui.app.on_input(vec![Input::FocusLost]);
    let nasty = format!("\x1b]0;x\x07 {}", "long ".repeat(100));
    let _b = tui.ask(&from("b", "web", "m", "**While** one does not"));
    let _c = tui.ask(&from("c", "web", "m", &nasty));
    assert_eq!(tui.bells(), 3);
    let shown = notifications(&tui);
    assert_eq!(shown[0], "While one does not · codex_exec in web");
    assert!(!shown[1].contains(char::is_control) && shown[1].chars().count() <= 120);
    tui.app.on_input(vec![Input::FocusGained]);
    let _d = tui.ask(&from("d", "web", "m", "Back again"));
    assert_eq!(notifications(&tui).len(), 2);
}

#[test]
fn somebody_who_waits_long_calls_again() {
    let mut tui = TestTui::new(NORMAL);
    tui.app.settings.remind_after = Some(Duration::from_secs(600));
    let _a = tui.ask(&codex_request("a", "Are you there?", &[]));
    tui.app.on_input(vec![Input::FocusLost]);
    let tick = |tui: &mut TestTui, seconds| {
        tui.advance(seconds);
        tui.app.on_tick();
        tui.step();
    };
    tick(&mut tui, 599);
    assert_eq!(tui.bells(), 1);
    tick(&mut tui, 1);
    assert_eq!(
        (tui.bells(), notifications(&tui)),
        (2, vec!["waiting 10 m 00 s · Are you there?"])
    );
    tick(&mut tui, 1);
    assert_eq!(tui.bells(), 2);
    // Somebody who types is there.
    tick(&mut tui, 300);
    tui.type_text("yes");
    tick(&mut tui, 599);
    assert_eq!(tui.bells(), 2);
    tick(&mut tui, 1);
    assert_eq!(tui.bells(), 3);
}

#[test]
fn the_next_one_opens_after_an_answer_if_one_wants_that() {
    for is_wanted in [true, false] {
        let mut tui = TestTui::new(NORMAL);
        tui.app.settings.auto_advance = is_wanted;
        let mut a = tui.ask(&codex_request("a", "first", &[]));
        let _b = tui.ask(&codex_request("b", "second", &[]));
        // A command comes back, and its conversation stays.
        tui.type_text("!ls");
        tui.press("Enter");
        tui.receive(&mut a);
        assert_eq!(tui.title(), "first");
        let mut a = tui.ask(&codex_request("a", "first", &[call("ls"), output("", 0)]));
        tui.type_text("done");
        tui.press("Enter");
        assert_eq!(tui.title(), "first", "it is not delivered yet");
        tui.receive(&mut a);
        assert_eq!(tui.title(), if is_wanted { "second" } else { "first" });
    }
}

#[test]
fn one_sees_how_long_the_client_will_wait() {
    let ask = |tui: &mut TestTui, stream: bool| {
        let body = json!({"model": "m", "input": "Hurry", "stream": stream}).to_string();
        let mut request = responses::parse(body.as_bytes(), &Interner::default()).unwrap();
        request.client_timeout = Some(Duration::from_secs(600));
        tui.open(request, None)
    };
    for size in [SMALL, NORMAL, MIDDLE] {
        let mut tui = TestTui::new(size);
        let _client = ask(&mut tui, false);
        tui.advance(240);
        tui.sees("6 m 00 s left");
        tui.press("F2");
        tui.sees("waiting 4 m 00 s · codex_exec");
        tui.advance(300);
        tui.sees("1 m 00 s left · codex_exec");
        tui.press("F2");
        tui.press("Tab");
        tui.sees("arrives with the answer");
        tui.advance(60);
        tui.sees("out of time");
        // One that streams is kept by signs of life, and reads at once.
        let mut tui = TestTui::new(size);
        let _client = ask(&mut tui, true);
        tui.press("Tab");
        tui.misses("left");
        tui.misses("with the answer");
    }
}

#[test]
fn what_comes_in_where_nothing_was_is_at_hand() {
    // The empty list, and a filter that leaves nothing.
    for filter in ["", "kestrel"] {
        let mut tui = TestTui::new(NORMAL);
        tui.press("F2");
        if !filter.is_empty() {
            tui.type_text("/");
            tui.type_text(filter);
        }
        let _client = tui.ask(&codex_request("a", "Feed the kestrel.", &[]));
        tui.press("Enter");
        assert_eq!(tui.title(), "Feed the kestrel.");
        tui.type_text("x");
        assert_eq!(tui.text(), "x");
    }
    // Who has looked at something else comes back to it.
    for view in ["F1", "F2", "F5", "F6", "F10"] {
        let mut tui = TestTui::new(NORMAL);
        tui.press(view);
        let _client = tui.ask(&codex_request("a", "Say hello.", &[]));
        tui.misses("waiting 0 s · 1/1");
        tui.press("Esc");
        assert_eq!(tui.title(), "Say hello.", "{view}");
        // Where there is a conversation, nothing moves by itself.
        tui.press(view);
        let _other = tui.ask(&codex_request("b", "Say goodbye.", &[]));
        tui.press("Esc");
        assert_eq!(tui.title(), "Say hello.", "{view}");
    }
    // Nor does it while something is typed.
    let mut tui = TestTui::new(NORMAL);
    tui.type_text("to whom");
    tui.press("F1");
    let _client = tui.ask(&codex_request("a", "Say hello.", &[]));
    tui.press("Esc");
    tui.type_text("?");
    tui.sees("> to whom?");
    tui.press("Alt+N");
    assert_eq!(tui.text(), "to whom?");
}
