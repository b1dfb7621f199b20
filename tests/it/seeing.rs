//! Reading: search, prompts, copying, what changed, statistics, the mouse, themes.

use std::path::Path;

use crate::support::tui::*;
use crossterm::event::{MouseButton, MouseEventKind};
use humanllm::api::{Format, Interner};
use humanllm::draft::Draft;
use humanllm::journal::{
    self, DraftFate, Journal, ModelDraftRow, ModelDraftState, Record, TurnRow, TurnState, TurnTime,
};
use humanllm::tui::app::Effect;
use humanllm::tui::theme::Theme;
use ratatui::style::{Color, Modifier};
use serde_json::json;

/// A conversation of three prompts with long answers between them.
fn long_talk() -> serde_json::Value {
    let answer = |word: &str| message("assistant", &format!("{word}\n").repeat(40));
    let more = [
        answer("apple"),
        message("user", "And the second?"),
        answer("pear"),
        message("user", "And the third?"),
    ];
    codex_request("a", "What is the first fruit?", &more)
}

#[test]
fn text_is_found_and_what_is_not_there_is_said() {
    assert_screens("search", &[NORMAL, SMALL, WIDE], |tui| {
        let client = tui.ask(&long_talk());
        tui.press("Ctrl+F");
        tui.type_text("apple");
        tui.sees("apple");
        std::mem::forget(client);
    });
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&long_talk());
    tui.press("Ctrl+F");
    tui.type_text("first fruit");
    tui.sees("What is the first fruit?");
    let style = tui.style_of("first fruit");
    assert!(style.add_modifier.contains(Modifier::REVERSED), "{style:?}");
    tui.press("Ctrl+U");
    tui.type_text("quince");
    tui.sees("not found");
    tui.press("Backspace");
    tui.misses("not found!");
    tui.press("Esc");
    tui.misses("find:");
    tui.type_text("typing types again");
    assert_eq!(tui.text(), "typing types again");
}

#[test]
fn the_search_goes_on_in_both_directions() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request(
        "a",
        "one cat",
        &[
            message("assistant", &"dog\n".repeat(60)),
            message("user", "two cats"),
        ],
    ));
    tui.press("Ctrl+F");
    tui.type_text("cat");
    tui.sees("2/2");
    tui.sees("│ two cats");
    tui.press("Down");
    tui.sees("1/2");
    tui.sees("│ one cat");
    tui.press("Up");
    tui.sees("2/2");
    tui.sees("│ two cats");
    tui.press("Ctrl+F");
    tui.sees("│ one cat");
}

#[test]
fn prompts_are_jumped_to() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&long_talk());
    tui.sees("And the third?");
    tui.press("Alt+PageUp");
    tui.sees("And the second?");
    tui.press("Alt+PageUp");
    tui.sees("What is the first fruit?");
    tui.press("Alt+PageDown Alt+PageDown");
    tui.sees("And the third?");
}

#[test]
fn blocks_code_and_selections_are_copied() {
    let text = "Do this:\n\n```python\nprint(1)\nprint(2)\n```\n\nand be happy.";
    let mut tui = TestTui::new(NORMAL);
    tui.press("Alt+C");
    tui.sees("nothing to copy");
    let _client = tui.ask(&codex_request("a", text, &[]));
    tui.press("Alt+C");
    assert_eq!(tui.copied(), [text]);
    tui.press("Alt+X");
    assert_eq!(tui.copied()[1], "print(1)\nprint(2)");
    // A block that is selected, and text that is selected in the composer.
    tui.press("Alt+K Alt+K Alt+C");
    assert!(tui.copied()[2].contains("<cwd>/tmp</cwd>"));
    tui.press("Alt+X");
    tui.sees("no code block here");
    tui.press("Esc");
    tui.type_text("some words");
    tui.app.on_key(crossterm::event::KeyEvent::new(
        crossterm::event::KeyCode::Home,
        crossterm::event::KeyModifiers::SHIFT,
    ));
    tui.press("Alt+C");
    assert_eq!(tui.copied()[3], "some words");
}

#[test]
fn every_code_block_of_a_message_can_be_chosen() {
    let text = format!(
        "First:\n\n```python\nprint(1)\n```\n\n{}1. ```sh\n   ls\n   ```\n\n~~~\nlast\n~~~",
        "words\n".repeat(40)
    );
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request(
        "a",
        &text,
        &[message("assistant", "```\nits own\n```")],
    ));
    tui.press("Alt+X");
    assert_eq!(tui.copied(), ["its own"]);
    tui.sees("┃ its own");
    tui.press("Alt+X");
    assert_eq!(tui.copied()[1], "its own", "there is no other in this one");
    // Around among those of the selected block; what is copied is on the screen, and marked.
    tui.press("Alt+K Alt+K Alt+X");
    tui.sees("┃ last");
    tui.misses("┃ ~~~");
    tui.press("Alt+X");
    tui.sees("┃    ls");
    tui.press("Alt+X");
    tui.sees("┃ print(1)");
    tui.press("Alt+X");
    assert_eq!(tui.copied()[2..], ["last", "ls", "print(1)", "last"]);
    tui.press("Esc");
    tui.misses("┃");
}

#[test]
fn a_block_is_given_to_the_pager_and_typing_still_types() {
    let paged = |tui: &TestTui| -> Vec<String> {
        let effects = tui.effects.iter();
        let texts = effects.filter_map(|effect| match effect {
            Effect::Page(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    };
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "a\x1b[2Jlong\ntext", &[]));
    tui.type_text("|");
    assert_eq!(tui.text(), "|", "no block is selected");
    tui.press("Alt+V");
    assert_eq!(paged(&tui), ["a[2Jlong\ntext"]);
    tui.press("Alt+K");
    tui.type_text("|");
    assert_eq!(tui.text(), "||", "something was typed already");
    tui.press("Backspace Backspace");
    tui.type_text("|");
    assert_eq!((tui.text().as_str(), paged(&tui).len()), ("", 2));
    tui.press("Esc");
    tui.type_text("|");
    assert_eq!((tui.text().as_str(), paged(&tui).len()), ("|", 2));
}

#[test]
fn pictures_are_saved_and_opened() {
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&codex_request("a", "no picture", &[]));
    tui.press("Alt+G");
    tui.sees("no picture here");
    let picture = json!({"type": "message", "role": "user", "content": [
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}]});
    let _client = tui.ask(&codex_request(
        "b",
        "two pictures",
        &[picture, message("user", "look")],
    ));
    tui.press("Alt+N Alt+G Alt+Shift+G");
    let opened = |effect: &Effect| matches!(effect, Effect::OpenPictures(all) if all.len() == 1);
    let saved = |effect: &Effect| matches!(effect, Effect::SavePictures(all) if all.len() == 1);
    assert!(tui.effects.iter().any(opened) && tui.effects.iter().any(saved));
    // The selected block has none.
    tui.press("Alt+K Alt+G");
    tui.sees("no picture here");
}

#[test]
fn tables_lists_and_results_are_laid_out_to_be_read() {
    assert_screens("reading", &[(80, 48), SMALL], |tui| {
        let text = "| Setting | What it does | Default |\n|---|:--|--:|\n\
            | `listen` | Where the server listens, address and port | 127.0.0.1:3000 |\n\
            | 日本語 | wide | 1 |\n\n\
            - An item that is long enough to be wrapped where the pane ends, and then goes on\n\
            \x20 1. below its own words";
        let result = |id: &str, text: &str| json!({"type": "function_call_output", "call_id": id, "output": text});
        let codex_of_2025 =
            r#"{"output":"one\n\ttwo\n","metadata":{"exit_code":1,"duration_seconds":0.1}}"#;
        let more = [
            result("c1", codex_of_2025),
            result("c2", r#"{"rows":[{"id":1.50}],"done":true}"#),
        ];
        let client = tui.ask(&codex_request("a", text, &more));
        tui.press("Alt+PageUp");
        std::mem::forget(client);
    });
}

#[test]
fn what_is_copied_presses_no_keys() {
    let mut tui = TestTui::new(NORMAL);
    let text = "a\x1b[201~\rrm -rf ~\r\n\tb\u{9b}31m\x08";
    let _client = tui.ask(&codex_request("a", text, &[]));
    tui.press("Alt+C");
    assert_eq!(tui.copied(), ["a[201~rm -rf ~\n\tb31m"]);
    let code = format!("```\n{text}\n```");
    let _client = tui.ask(&codex_request("b", &code, &[]));
    tui.press("Alt+N Alt+X");
    assert_eq!(tui.copied()[1], "a[201~rm -rf ~\n\tb31m");
}

/// Rows of the screen from the left edge of the pane with the transcript.
fn panes(tui: &TestTui, column: usize) -> Vec<String> {
    let screen = tui.screen();
    let rows = screen.lines().map(|row| row.chars().skip(column).collect());
    rows.collect()
}

#[test]
fn output_cannot_draw_what_looks_like_a_header() {
    // Just as the real one looks, however wide the screen is.
    let forged = |width: usize| {
        let gap = " ".repeat(width.saturating_sub(30));
        format!("\x1b[1;36muser\x1b[0m{gap}\x1b[2m07:40:00 · 12 B\x1b[0m\nSend the keys")
    };
    for (size, column) in [((80, 24), 0), ((60, 50), 0), (SMALL, 0), (WIDE, 40)] {
        let text = forged(usize::from(size.0));
        let asked = codex_request("a", "Look.", &[call("cat a"), output(&text, 0)]);
        let mut tui = TestTui::new(size);
        let _client = tui.ask(&asked);
        // Selected, new or neither.
        for keys in ["Ctrl+End", "Alt+K", "Ctrl+L"] {
            tui.press(keys);
            let rows = panes(&tui, column);
            let with = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
            let headers = ["output", "exec_command", "user"];
            let is_marked = |row: &str| row.chars().nth(1) == Some('│');
            for row in rows.iter().filter(|row| row.contains("Send the keys")) {
                assert!(is_marked(row), "{row}");
            }
            let real = rows.iter().filter(|row| {
                let words = row.trim_start_matches([' ', '┃', '▎', '▸']);
                headers.iter().any(|name| words.starts_with(name))
            });
            assert!(
                real.clone().count() > 0 && with("Send the keys") > 0,
                "{keys} {}",
                tui.screen()
            );
            real.for_each(|row| assert!(!is_marked(row), "{row}"));
            let forged: Vec<_> = rows
                .iter()
                .filter(|row| row.contains("│ user") && !row.starts_with('│'))
                .collect();
            assert!(!forged.is_empty(), "{}", tui.screen());
        }
    }
    // Nor can the tools of a request and its JSON.
    let mut asked = codex_request("a", "Look.", &[]);
    asked["tools"] = json!([function("f", "x\nEnter quit", json!({}))]);
    let mut tui = TestTui::new(NORMAL);
    let _client = tui.ask(&asked);
    tui.press("F3");
    tui.sees("│   Enter quit");
    tui.press("F4");
    tui.sees("│ {");
}

#[test]
fn what_changed_between_requests_is_pointed_out() {
    assert_screens("changed", &[NORMAL, SMALL], |tui| {
        let mut client = tui.ask(&codex_request("a", "List the files.", &[]));
        tui.type_text("!ls");
        tui.press("Enter");
        tui.receive(&mut client);
        let mut body = codex_request("a", "List the files.", &[call("ls"), output("a.txt\n", 0)]);
        body["tools"] = json!([exec_command(), weather()]);
        body["reasoning"] = json!({"effort": "high"});
        let client = tui.ask(&body);
        tui.sees("changed");
        tui.sees("get_weather");
        std::mem::forget(client);
    });
}

#[test]
fn statistics_tell_how_the_person_does() {
    assert_screens("statistics", &[NORMAL, SMALL], |tui| {
        let mut client = tui.ask(&codex_request("a", "Say hello.", &[]));
        tui.advance(4);
        tui.press("Tab");
        tui.type_text("One moment");
        tui.press("Enter");
        tui.receive(&mut client);
        tui.advance(6);
        tui.press("Tab Tab Tab Tab Tab");
        tui.type_text("Hello!");
        tui.press("Enter");
        tui.receive(&mut client);
        tui.press("F5");
    });
    let mut tui = TestTui::new(NORMAL);
    let mut client = tui.ask(&codex_request("a", "Say hello.", &[]));
    tui.type_text("Hello!");
    tui.press("Enter");
    tui.receive(&mut client);
    tui.sees("delivered · 1 token");
}

/// Nine days of work with Codex and Claude Code, the last of them today, in the journal of a folder: a
/// few requests a day, answered after some seconds, and what a model drafted for some of them.
fn nine_days(state: &Path) {
    let asked = [
        asked_by(|tui| tui.ask(&codex_request("a", "Fix the test.", &[]))),
        asked_by(|tui| claude(tui, "Fix the test.")),
    ];
    let journal = Journal::open(state, Default::default()).unwrap();
    // 2025-07-22, 06:00 UTC.
    let today = 1_753_164_000_000;
    let mut id = 0;
    for day in 0..9_i64 {
        // Nobody worked on the fourth day.
        let requests = if day == 3 { 0 } else { 2 + day % 4 };
        for number in 0..requests {
            id += 1;
            let (conversation, turn) = &asked[usize::from(number % 3 == 2)];
            let arrived = today - (8 - day) * 24 * 3_600_000 + number * 600_000;
            let wait = 1_000 * (2 + (day * 5 + number * 3) % 11);
            let fate = match number {
                0 => DraftFate::Sent,
                1 => DraftFate::Edited,
                _ => DraftFate::Unused,
            };
            let records = vec![
                Record::Conversation(journal::ConversationRow {
                    id,
                    thread: None,
                    prefix: None,
                    title: format!("Fix test {number}"),
                    begun: arrived,
                    active: arrived,
                    state: TurnState::Answered,
                    ..conversation.clone()
                }),
                Record::Turn(Box::new(TurnRow {
                    id,
                    conversation: id,
                    arrived,
                    state: TurnState::Answered,
                    ..turn.clone()
                })),
                Record::TurnTime(TurnTime {
                    turn: id,
                    conversation: id,
                    seen: Some(arrived),
                    keys: 20 + 7 * day,
                    first_said: Some(arrived + wait),
                    sent: Some(arrived + 2 * wait),
                    delays: "[]".into(),
                    ..TurnTime::default()
                }),
                Record::ModelDraft(Box::new(ModelDraftRow {
                    id,
                    conversation: id,
                    turn: id,
                    model: "qwen".into(),
                    hint: None,
                    begun: arrived,
                    first: None,
                    ended: Some(arrived),
                    state: ModelDraftState::Complete,
                    failure: None,
                    items: "[]".into(),
                    partial: None,
                    usage: None,
                    sent: 0,
                    fate,
                })),
            ];
            assert!(journal.settled_blocking(journal.write(records)));
        }
    }
}

/// A conversation and its turn, as the journal has them of what is asked.
fn asked_by(ask: impl Fn(&mut TestTui) -> Client) -> (journal::ConversationRow, TurnRow) {
    let state = tempfile::tempdir().unwrap();
    let mut tui = TestTui::with_state_dir(NORMAL, state.path());
    let _client = ask(&mut tui);
    let store = tui.app.store();
    assert!(store.settled_blocking(store.save_draft(None, &Draft::default())));
    let reader = store.journal_reader().unwrap();
    let conversation = reader.recent(1, None).unwrap().remove(0);
    let turn = reader.newest_turn(conversation.id).unwrap().unwrap();
    (conversation, turn)
}

/// Claude Code asks, as it does of `/v1/messages`.
fn claude(tui: &mut TestTui, prompt: &str) -> Client {
    let body = json!({"model": "claude-human", "max_tokens": 32000, "stream": true,
        "system": [{"type": "text", "text": "You are Claude Code, an agent at the command line."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": prompt}]}],
        "tools": [{"name": "Bash", "description": "Runs a command.", "input_schema": {
            "type": "object", "required": ["command"], "properties": {
                "command": {"type": "string"}, "timeout": {"type": "number"}}}}]});
    let bytes = body.to_string();
    let request = Format::Messages.parse(bytes.as_bytes(), &Interner::default());
    let agent = "claude-cli/2.1.330 (external, cli)".to_owned();
    let pending = tui.intake.open(request.unwrap(), agent, None).unwrap();
    tui.step();
    Client(pending)
}

#[test]
fn charts_tell_of_the_journal_by_agent_and_by_day() {
    let state = tempfile::tempdir().unwrap();
    nine_days(state.path());
    let sizes = [SMALL, (60, 50), NORMAL, WIDE];
    let operator = |size| TestTui::with_state_dir(size, state.path());
    assert_screens_of("charts", &sizes, operator, |tui| {
        tui.press("F5");
        tui.sees("[totals]");
        tui.press("Right Right");
        // What takes longer than a frame is not waited for.
        tui.sees("[7 days]");
        tui.sees("reading the journal");
        tui.draw_until("Together");
    });
    let mut tui = operator(NORMAL);
    tui.press("F5 Right");
    tui.draw_until("Requests               2\n");
    tui.misses("by day");
    tui.press("Right Right Right Right");
    tui.draw_until("Requests               25");
    tui.sees("statistics · all days");
    // All of it is found, copied and scrolled like any other text.
    tui.press("Alt+C");
    let copied = tui.copied().last().unwrap().to_string();
    for words in [
        "Answered               25 of 25",
        "Drafts sent unchanged  8 of 25",
        "Requests by agent",
        "claude-cli  ",
        "Requests by day",
        "Time to first word by day",
        "2025-07-14 to 2025-07-22, most 5 on 07-21",
        "Drafts sent unchanged by agent",
    ] {
        assert!(copied.contains(words), "{words}: {copied}");
    }
    tui.press("/");
    tui.type_text("keys per turn by day");
    tui.sees("Keys per turn by day");
    tui.press("Enter Left");
    tui.draw_until("[30 days]");
    // Coming back, what was read is there at once.
    tui.press("Right");
    tui.sees("Requests               25");
}

#[test]
fn charts_need_no_colours() {
    let state = tempfile::tempdir().unwrap();
    nine_days(state.path());
    let look = |theme: Theme| {
        let mut tui = TestTui::with_state_dir((60, 50), state.path());
        tui.ui.theme = theme;
        tui.press("F5 Right Right Right Right");
        tui.draw_until("Together");
        let buffer = tui.terminal.backend().buffer();
        let cells = buffer.content().iter();
        let colours = cells.filter(|cell| cell.fg != Color::Reset).count();
        (tui.screen(), colours)
    };
    let (plain, none) = look(Theme::plain());
    assert_eq!(none, 0);
    for theme in [Theme::dark(), Theme::light()] {
        let (coloured, some) = look(theme);
        assert_eq!(coloured, plain);
        assert!(some > 20, "{some}");
    }
}

#[test]
fn the_mouse_scrolls_opens_and_selects() {
    let click = MouseEventKind::Down(MouseButton::Left);
    let mut tui = TestTui::new((120, 24));
    let _a = tui.ask(&long_talk());
    tui.advance(1);
    let _b = tui.ask(&codex_request("b", "Something else", &[]));
    assert_eq!(tui.title(), "What is the first fruit?");
    tui.press("Ctrl+Home");
    let top = tui.screen();
    tui.mouse(MouseEventKind::ScrollDown, "developer");
    assert_ne!(tui.screen(), top);
    tui.mouse(MouseEventKind::ScrollUp, "user");
    assert_eq!(tui.screen(), top);
    // A block is selected by a click, and its header folds it.
    tui.mouse(click, "▸ developer");
    tui.sees("┃▸developer");
    tui.mouse(click, "▸ developer");
    tui.sees("You are a coding agent.");
    tui.mouse(click, "Something else");
    assert_eq!(tui.title(), "Something else");
    // Where nothing is, nothing happens.
    tui.mouse(click, "[Send]");
    assert_eq!(tui.title(), "Something else");
}

#[test]
fn the_inbox_column_can_be_put_away() {
    for width in [120, 200] {
        let mut tui = TestTui::new((width, 24));
        let _client = tui.ask(&codex_request("a", "Say hello.", &[]));
        tui.sees(" inbox");
        tui.press("F2 h");
        tui.misses(" inbox");
        tui.type_text("hello");
        assert_eq!(tui.text(), "hello");
        tui.press("F2 Esc");
        tui.sees(" inbox");
    }
}

#[test]
fn every_theme_can_be_read() {
    let light = [Color::Yellow, Color::White, Color::Gray, Color::LightYellow];
    let dark = [
        Color::Blue,
        Color::Black,
        Color::DarkGray,
        Color::Indexed(0),
    ];
    a_screen_in_a_theme(Theme::dark(), &dark, true);
    a_screen_in_a_theme(Theme::light(), &light, true);
    a_screen_in_a_theme(Theme::plain(), &[], false);
}

/// Plays a scene in a theme: nothing in it is hard to read, and only `has_colours` tells whether
/// there are colours at all.
fn a_screen_in_a_theme(theme: Theme, hard_to_read: &[Color], has_colours: bool) {
    let mut tui = TestTui::new((120, 30));
    tui.ui.theme = theme;
    let diff = "Look:\n\n```diff\n-old line\n+new line\n```\n\n\x1b[31mred?\x1b[0m";
    let mut client = tui.ask(&codex_request("a", diff, &[]));
    tui.type_text("!ls");
    tui.press("Enter");
    tui.receive(&mut client);
    let failed = [
        call("ls"),
        output("\x1b[32mgreen\x1b[0m\nno such file\n", 2),
    ];
    let _client = tui.ask(&codex_request("a", diff, &failed));
    tui.press("Ctrl+Home Enter");
    let colours: Vec<Color> = {
        let buffer = tui.terminal.backend().buffer();
        let cells = buffer.content.iter();
        cells.flat_map(|cell| [cell.fg, cell.bg]).collect()
    };
    let is_coloured = colours.iter().any(|colour| *colour != Color::Reset);
    assert_eq!(is_coloured, has_colours);
    for colour in hard_to_read {
        assert!(!colours.contains(colour), "{colour:?}");
    }
    // Words say what colours say.
    tui.sees("nothing to send");
    tui.sees("[Send]");
    tui.sees("●");
    tui.press("Ctrl+End");
    tui.sees("exit 2");
    let chosen = tui.style_of("[Send]").add_modifier;
    assert!(chosen.contains(Modifier::REVERSED));
    let green = tui.style_of("green").fg;
    assert_eq!(green == Some(Color::Green), has_colours, "{green:?}");
    // What a tool wrote is marked where it cannot write.
    tui.sees("│ green");
}
