//! Finding one's way among many conversations: the inbox, the lists of conversations and of actions,
//! and being called while one looks elsewhere.

use std::time::Duration;

use crate::support::screen::*;
use crossterm::event::Event as Input;
use humanllm::api::{Interner, responses};
use humanllm::tui::app::Effect;
use humanllm::tui::keys::action::Action;
use serde_json::{Value, json};

/// A request of Codex from a folder, for a model.
fn from(thread: &str, folder: &str, model: &str, prompt: &str) -> Value {
    let mut body = codex(thread, prompt, &[]);
    let context = format!(
        "<environment_context>\n  <cwd>/home/user/{folder}</cwd>\n  <shell>bash</shell>\n\
        </environment_context>"
    );
    body["input"][2] = message("user", &context);
    body["model"] = json!(model);
    body
}

/// The rows of the screen that have one of these marks, without what is right of the inbox.
fn rows(desk: &Desk, marks: &[char]) -> Vec<String> {
    let screen = desk.screen();
    let list = screen
        .lines()
        .map(|row| row.split('│').next().unwrap_or(row));
    let own = list.filter(|row| row.chars().nth(1).is_some_and(|mark| marks.contains(&mark)));
    own.map(|row| row.trim().trim_start_matches('▌').to_owned())
        .collect()
}

/// The titles in the inbox, in their order.
fn titles(desk: &Desk) -> Vec<String> {
    let rows = rows(desk, &['●', '✓', '✗', '⋯']);
    let title = |row: &String| {
        let title: String = row.chars().skip(2).collect();
        title.trim_end_matches('✎').trim().to_owned()
    };
    rows.iter().map(title).collect()
}

/// Somebody asks, is answered, and has got it.
fn answered(desk: &mut Desk, thread: &str, prompt: &str) {
    let mut client = desk.ask(&codex(thread, prompt, &[]));
    desk.write("done");
    desk.press("Enter");
    desk.hear(&mut client);
}

#[test]
fn a_row_tells_who_asks_from_where_and_what_is_different() {
    scene("inbox_rows", &[SMALL, NORMAL, MIDDLE], |desk| {
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
            kept.push(desk.ask(&from(thread, folder, model, prompt)));
            desk.wait(61);
        }
        desk.write("a draft");
        desk.press("F2");
        std::mem::forget(kept);
    });
}

#[test]
fn those_that_wait_stand_above_and_the_longest_wait_first() {
    let mut desk = Desk::new(MIDDLE);
    answered(&mut desk, "a", "answered first");
    desk.wait(1);
    answered(&mut desk, "b", "answered second");
    desk.wait(1);
    let _c = desk.ask(&codex("c", "waits longest", &[]));
    desk.wait(1);
    let _d = desk.ask(&codex("d", "waits too", &[]));
    assert_eq!(
        titles(&desk),
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
    let mut desk = Desk::new(MIDDLE);
    let mut a = desk.ask(&codex("a", "first", &[]));
    let _b = desk.ask(&codex("b", "second", &[]));
    desk.write("done");
    desk.press("Enter F2");
    let before = titles(&desk);
    assert_eq!(before, ["second", "first"]);
    // One comes in, and one changes: the rows that were there stay.
    desk.hear(&mut a);
    desk.wait(5);
    let _c = desk.ask(&codex("c", "third", &[]));
    desk.wait(1);
    let _again = desk.ask(&codex("a", "first", &[message("user", "more")]));
    assert_eq!(titles(&desk), ["second", "first", "third"]);
    desk.sees("1 new · 3 waiting");
    assert_eq!(rows(&desk, &['●']).len(), 3);
    // They are sorted when one asks for it, or comes back.
    desk.press("r");
    assert_eq!(titles(&desk), ["second", "third", "first"]);
    desk.misses("1 new");
    desk.press("k Enter");
    assert_eq!(desk.title(), "third");
}

#[test]
fn going_from_one_to_the_next_comes_by_all_of_them() {
    let mut desk = Desk::new(NORMAL);
    let clients: Vec<_> = ["one", "two", "three"]
        .map(|name| desk.ask(&codex(name, name, &[])))
        .into();
    assert_eq!(desk.title(), "one");
    desk.press("Alt+Down");
    assert_eq!(desk.title(), "two");
    // Whatever happens to those that were passed.
    let mut clients = clients.into_iter();
    desk.hang_up(clients.next().unwrap());
    desk.press("Alt+Down");
    assert_eq!(desk.title(), "three");
    desk.press("Alt+Up Alt+Up");
    assert_eq!(desk.title(), "one");
    std::mem::forget(clients.collect::<Vec<_>>());
}

#[test]
fn letters_narrow_the_inbox_down() {
    for size in [SMALL, NORMAL, MIDDLE] {
        let mut desk = Desk::new(size);
        let _clients = [
            desk.ask(&from("a", "parser", "m", "Fix it")),
            desk.ask(&from("b", "web", "m", "Write tests")),
            desk.ask(&from("c", "web", "m", "Fix the page")),
        ];
        desk.press("F2 /");
        desk.write("fix web");
        assert_eq!(titles(&desk), ["Fix the page"]);
        desk.sees("/fix web");
        assert_eq!(desk.text(), "", "nothing goes into the draft");
        desk.press("Enter");
        assert_eq!(desk.title(), "Fix the page");
        desk.write("typing types again");
        assert_eq!(desk.text(), "typing types again");
        desk.press("F2 / x x x x Esc");
        assert_eq!(titles(&desk).len(), 3);
    }
}

#[test]
fn what_is_done_is_dismissed_and_can_be_found_again() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut desk = Desk::at(MIDDLE, folder.path());
        for thread in ["kestrel", "heron", "crane", "stork"] {
            answered(&mut desk, thread, thread);
            desk.wait(1);
        }
        let _waits = desk.ask(&codex("w", "waiting", &[]));
        desk.press("F2 d");
        desk.sees("a request is waiting here");
        // A draft keeps its conversation on the list.
        desk.press("j Enter");
        assert_eq!(desk.title(), "stork");
        desk.write("to be sent");
        desk.press("Alt+W");
        desk.sees("there is a draft here");
        assert_eq!(desk.text(), "to be sent");
        desk.press("F2 j d");
        assert_eq!(titles(&desk), ["waiting", "stork", "heron", "kestrel"]);
        desk.sees("dismissed · F6 finds it again");
        desk.press("D");
        desk.sees("2 dismissed");
        assert_eq!(titles(&desk).len(), 2);
    }
    // It stays so when the program is started again, until one of them is looked for.
    let mut desk = Desk::at(MIDDLE, folder.path());
    assert_eq!(titles(&desk).len(), 2, "{}", desk.screen());
    desk.press("F6");
    desk.search();
    desk.write("heron");
    desk.search();
    desk.press("Enter");
    assert_eq!(desk.title(), "heron");
    assert_eq!(titles(&desk).len(), 3);
}

#[test]
fn the_inbox_is_as_wide_as_one_wants_it() {
    let mut desk = Desk::new(MIDDLE);
    let _a = desk.ask(&codex(
        "a",
        "Say hello in Python, and explain every word of it to me",
        &[],
    ));
    let edge = |desk: &Desk| {
        let screen = desk.screen();
        let mut first = screen.lines().next().unwrap_or_default().chars();
        first.position(|c| c == '│').expect("a column of its own")
    };
    let before = edge(&desk);
    desk.press("Alt+. Alt+.");
    assert_eq!(edge(&desk), before + 8);
    desk.press("F2 < < <");
    assert_eq!(edge(&desk), before - 4);
    for _ in 0..20 {
        desk.press(">");
    }
    desk.sees("every word of it to me");
    desk.sees("Say hello");
}

#[test]
fn every_action_is_done_by_its_name() {
    scene("palette", &[SMALL, NORMAL, MIDDLE], |desk| {
        let client = desk.ask(&codex("a", "Say hello.", &[]));
        desk.press("F10");
        desk.write("conversation");
        std::mem::forget(client);
    });
    let mut desk = Desk::new(NORMAL);
    let _client = desk.ask(&codex("a", "Say hello.", &[]));
    desk.write("kept");
    for keys in ["F10", "Alt+M"] {
        desk.press(keys);
        desk.write("statis");
        desk.press("Enter");
        desk.sees("Tokens per second");
        desk.press("Esc");
    }
    assert_eq!(desk.text(), "kept");
    // All of them can be found by their names.
    for action in Action::ALL
        .iter()
        .filter(|action| **action != Action::Palette)
    {
        desk.press("F10");
        desk.write(action.name());
        desk.sees(&format!("{action}"));
        desk.press("Esc");
    }
    desk.press("F10");
    desk.write("quit");
    desk.press("Enter");
    desk.sees("Quit? 1 waiting");
}

/// Chooses an action by its name.
fn choose(desk: &mut Desk, action: &str) {
    desk.press("F10");
    desk.write(action);
    desk.press("Enter");
}

#[test]
fn nothing_is_done_by_its_name_to_what_is_not_on_the_screen() {
    for view in ["F2", "F1", "F3"] {
        let mut desk = Desk::new(NORMAL);
        let mut client = desk.ask(&codex("a", "Say hello.", &[]));
        desk.write("half a sentence");
        desk.press(view);
        for action in ["submit", "interrupt_process", "newline"] {
            choose(&mut desk, action);
            assert!(desk.hear(&mut client).is_empty(), "{view} {action}");
            desk.press("Esc");
            desk.press(view);
        }
        assert_eq!(desk.text(), "half a sentence");
        // What its keys do, it does by name.
        desk.press("Esc");
        desk.press(view);
        choose(&mut desk, "interrupt");
        assert_eq!(desk.text(), "half a sentence");
        desk.write("!");
        assert_eq!(desk.text(), "half a sentence!", "{view}");
    }
    // A form hides the draft beside it.
    let mut desk = Desk::new(NORMAL);
    let mut client = desk.ask(&offering("Weather?", &[weather()], json!({})));
    desk.write("kept");
    desk.press("Ctrl+T Enter");
    desk.app.settings.snippets = vec![("town".into(), "Oslo".into())];
    desk.press("Ctrl+R Enter");
    choose(&mut desk, "newline");
    assert_eq!(desk.text(), "kept");
    desk.sees("Oslo");
    desk.press("Enter");
    desk.write("2");
    desk.press("Enter");
    let heard = said(&desk.hear(&mut client));
    assert_eq!(heard, one(r#"{"city":"Oslo\n","days":2}"#, "call"));
}

#[test]
fn a_conversation_is_found_by_all_that_is_known_of_it() {
    for kept in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = match kept {
            true => Desk::at(NORMAL, folder.path()),
            false => Desk::new(NORMAL),
        };
        let _clients = [
            desk.ask(&from(
                "a",
                "parser",
                "gpt-5",
                "Fix it\nThe kestrel is too slow.",
            )),
            desk.ask(&from("b", "web", "gpt-5-mini", "Write a page")),
            desk.ask(&from("c", "tools", "gpt-5", "Explain this")),
        ];
        for (query, title) in [
            ("wrpage", "Write a page"),
            ("tools", "Explain this"),
            ("home/user/parser", "Fix it"),
            ("mini", "Write a page"),
            ("kestrel", "Fix it"),
            ("codex expl", "Explain this"),
        ] {
            desk.press("F6");
            desk.search();
            desk.write(query);
            desk.search();
            desk.press("Enter");
            assert_eq!(desk.title(), title, "{query} {kept}\n{}", desk.screen());
        }
    }
}

#[test]
fn earlier_conversations_follow_those_of_the_inbox() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut desk = Desk::at(NORMAL, folder.path());
        answered(&mut desk, "old", "The heron of last week");
        desk.press("Alt+W");
    }
    for size in [SMALL, NORMAL, MIDDLE] {
        let mut desk = Desk::at(size, folder.path());
        let client = desk.ask(&from("new", "birds", "m", "Draw a heron"));
        desk.press("F6");
        desk.search();
        desk.write("heron");
        // What is open is there at once, whatever the disk does.
        desk.sees("▸ Draw a heron");
        desk.search();
        desk.sees("  The heron of la");
        desk.press("Down Enter");
        assert_eq!(desk.title(), "The heron of last week");
        desk.press("Alt+W");
        desk.hang_up(client);
        desk.press("F8 y");
        assert_eq!(desk.title(), "");
    }
}

#[test]
fn the_keys_that_help_now_are_named_first() {
    let hints = |desk: &Desk| {
        desk.screen()
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let mut desk = Desk::new(NORMAL);
    let format = json!({"format": {"type": "json_schema", "name": "n", "schema": {
        "type": "object", "properties": {"title": {"type": "string"}}}}});
    let _a = desk.ask(&offering(
        "Name it.",
        &[],
        json!({"text": format, "stream": true}),
    ));
    assert!(
        hints(&desk).starts_with("Enter send · Alt+I skeleton"),
        "{}",
        hints(&desk)
    );
    desk.write("{");
    assert!(!hints(&desk).contains("skeleton"));

    let mut desk = Desk::new(NORMAL);
    let running =
        "Chunk ID: 1\nWall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n";
    let mut body = codex(
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
    let _b = desk.ask(&body);
    assert!(
        hints(&desk).starts_with("Enter send · Alt+S continue process"),
        "{}",
        hints(&desk)
    );
    desk.press("Alt+K");
    assert!(
        hints(&desk).contains("Alt+C copy · Ctrl+O fold"),
        "{}",
        hints(&desk)
    );
}

#[test]
fn whoever_has_answered_is_told_of_the_others() {
    for size in [SMALL, NORMAL] {
        let mut desk = Desk::new(size);
        let mut a = desk.ask(&codex("a", "first", &[]));
        let _others: Vec<_> = ["b", "c"]
            .map(|name| desk.ask(&codex(name, name, &[])))
            .into();
        desk.write("done");
        desk.press("Enter");
        desk.hear(&mut a);
        desk.sees("> Answered · 2 others waiting");
    }
    let mut desk = Desk::new(NORMAL);
    let _a = desk.ask(&codex("a", "first", &[]));
    desk.press("Alt+N");
    desk.sees("no other requests waiting");
}

#[test]
fn the_chosen_kind_and_its_neighbours_can_be_read_in_a_small_pane() {
    let kinds = ["Send", "Progress", "Run", "Call", "Think", "Reject"];
    for is_live in [false, true] {
        let mut desk = Desk::new(SMALL);
        let _client = desk.ask(&codex("a", "Say hello.", &[]));
        if is_live {
            desk.press("Alt+L");
        }
        for at in 0..kinds.len() {
            desk.sees(&format!("[{}", kinds[at]));
            for near in [at.saturating_sub(1), (at + 1).min(kinds.len() - 1)] {
                desk.sees(kinds[near]);
            }
            desk.press("Tab");
        }
    }
}

/// What the terminal was asked to show outside of its window.
fn notifications(desk: &Desk) -> Vec<&str> {
    let effects = desk.effects.iter();
    let shown = effects.filter_map(|effect| match effect {
        Effect::Notify(text) => Some(text.as_str()),
        _ => None,
    });
    shown.collect()
}

#[test]
fn whoever_looks_elsewhere_is_called() {
    let mut desk = Desk::new(NORMAL);
    let _a = desk.ask(&from("a", "web", "m", "While one looks"));
    assert_eq!((desk.bells(), notifications(&desk).len()), (1, 0));
    desk.app.on_input(vec![Input::FocusLost]);
    let nasty = format!("\x1b]0;x\x07 {}", "long ".repeat(100));
    let _b = desk.ask(&from("b", "web", "m", "**While** one does not"));
    let _c = desk.ask(&from("c", "web", "m", &nasty));
    assert_eq!(desk.bells(), 3);
    let shown = notifications(&desk);
    assert_eq!(shown[0], "While one does not · codex_exec in web");
    assert!(!shown[1].contains(char::is_control) && shown[1].chars().count() <= 120);
    desk.app.on_input(vec![Input::FocusGained]);
    let _d = desk.ask(&from("d", "web", "m", "Back again"));
    assert_eq!(notifications(&desk).len(), 2);
}

#[test]
fn somebody_who_waits_long_calls_again() {
    let mut desk = Desk::new(NORMAL);
    desk.app.settings.remind_after = Some(Duration::from_secs(600));
    let _a = desk.ask(&codex("a", "Are you there?", &[]));
    desk.app.on_input(vec![Input::FocusLost]);
    let tick = |desk: &mut Desk, seconds| {
        desk.wait(seconds);
        desk.app.on_tick();
        desk.step();
    };
    tick(&mut desk, 599);
    assert_eq!(desk.bells(), 1);
    tick(&mut desk, 1);
    assert_eq!(
        (desk.bells(), notifications(&desk)),
        (2, vec!["waiting 10 m 00 s · Are you there?"])
    );
    tick(&mut desk, 1);
    assert_eq!(desk.bells(), 2);
    // Somebody who types is there.
    tick(&mut desk, 300);
    desk.write("yes");
    tick(&mut desk, 599);
    assert_eq!(desk.bells(), 2);
    tick(&mut desk, 1);
    assert_eq!(desk.bells(), 3);
}

#[test]
fn the_next_one_opens_after_an_answer_if_one_wants_that() {
    for is_wanted in [true, false] {
        let mut desk = Desk::new(NORMAL);
        desk.app.settings.auto_advance = is_wanted;
        let mut a = desk.ask(&codex("a", "first", &[]));
        let _b = desk.ask(&codex("b", "second", &[]));
        // A command comes back, and its conversation stays.
        desk.write("!ls");
        desk.press("Enter");
        desk.hear(&mut a);
        assert_eq!(desk.title(), "first");
        let mut a = desk.ask(&codex("a", "first", &[call("ls"), output("", 0)]));
        desk.write("done");
        desk.press("Enter");
        assert_eq!(desk.title(), "first", "it is not delivered yet");
        desk.hear(&mut a);
        assert_eq!(desk.title(), if is_wanted { "second" } else { "first" });
    }
}

#[test]
fn one_sees_how_long_the_client_will_wait() {
    let ask = |desk: &mut Desk, stream: bool| {
        let body = json!({"model": "m", "input": "Hurry", "stream": stream}).to_string();
        let mut request = responses::parse(body.as_bytes(), &Interner::default()).unwrap();
        request.patience = Some(Duration::from_secs(600));
        desk.open(request, None)
    };
    for size in [SMALL, NORMAL, MIDDLE] {
        let mut desk = Desk::new(size);
        let _client = ask(&mut desk, false);
        desk.wait(240);
        desk.sees("6 m 00 s left");
        desk.press("F2");
        desk.sees("waiting 4 m 00 s · codex_exec");
        desk.wait(300);
        desk.sees("1 m 00 s left · codex_exec");
        desk.press("F2");
        desk.press("Tab");
        desk.sees("arrives with the answer");
        desk.wait(60);
        desk.sees("out of time");
        // One that streams is kept by signs of life, and reads at once.
        let mut desk = Desk::new(size);
        let _client = ask(&mut desk, true);
        desk.press("Tab");
        desk.misses("left");
        desk.misses("with the answer");
    }
}

#[test]
fn what_comes_in_where_nothing_was_is_at_hand() {
    // The empty list, and a filter that leaves nothing.
    for filter in ["", "kestrel"] {
        let mut desk = Desk::new(NORMAL);
        desk.press("F2");
        if !filter.is_empty() {
            desk.write("/");
            desk.write(filter);
        }
        let _client = desk.ask(&codex("a", "Feed the kestrel.", &[]));
        desk.press("Enter");
        assert_eq!(desk.title(), "Feed the kestrel.");
        desk.write("x");
        assert_eq!(desk.text(), "x");
    }
    // Who has looked at something else comes back to it.
    for view in ["F1", "F2", "F5", "F6", "F10"] {
        let mut desk = Desk::new(NORMAL);
        desk.press(view);
        let _client = desk.ask(&codex("a", "Say hello.", &[]));
        desk.misses("waiting 0 s · 1/1");
        desk.press("Esc");
        assert_eq!(desk.title(), "Say hello.", "{view}");
        // Where there is a conversation, nothing moves by itself.
        desk.press(view);
        let _other = desk.ask(&codex("b", "Say goodbye.", &[]));
        desk.press("Esc");
        assert_eq!(desk.title(), "Say hello.", "{view}");
    }
    // Nor does it while something is typed.
    let mut desk = Desk::new(NORMAL);
    desk.write("to whom");
    desk.press("F1");
    let _client = desk.ask(&codex("a", "Say hello.", &[]));
    desk.press("Esc");
    desk.write("?");
    desk.sees("> to whom?");
    desk.press("Alt+N");
    assert_eq!(desk.text(), "to whom?");
}
