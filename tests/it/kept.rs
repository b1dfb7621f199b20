//! What a person does with a conversation besides answering it: they say what they make of it, make a
//! file of it, and ask one of its turns again. What the screen says of that is what the command line says.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::tui::{MIDDLE, NORMAL, SMALL, TestTui, call, codex_request, message, output};
use crate::support::{Key, Operator, poll};
use humanllm::export::ExportFormat;
use humanllm::tui::app::Effect;
use humanllm::tui::export::{ExportSettings, ExportUpdate};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "sk-proj-0123456789abcdefghijklmnop";

/// A person who has answered two requests of Codex: a command, whose output has a key, and the end.
fn played(size: (u16, u16), state: &Path, out: &Path) -> TestTui {
    let mut tui = TestTui::with_state_dir(size, state);
    tui.app.settings.export = ExportSettings {
        folder: out.to_owned(),
        ..ExportSettings::default()
    };
    let mut client = tui.ask(&codex_request("a", "Fix the parser", &[]));
    tui.type_text("!ls");
    tui.press("Enter");
    tui.receive(&mut client);
    let came = [call("ls"), output(&format!("KEY={SECRET}"), 0)];
    let mut client = tui.ask(&codex_request("a", "Fix the parser", &came));
    tui.type_text("It is fixed.");
    tui.press("Enter");
    tui.receive(&mut client);
    tui
}

/// What the real program prints of that state folder.
fn printed(state: &Path, line: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humanllm"));
    command.args(line.split_whitespace());
    let output = command.arg("--state-dir").arg(state).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn folders() -> (TempDir, TempDir) {
    let folder = || tempfile::tempdir().expect("a folder");
    (folder(), folder())
}

/// Selects the first block that has a text in its header.
fn select(tui: &mut TestTui, header: &str) {
    tui.press("Esc Alt+K");
    for _ in 0..30 {
        let screen = tui.screen();
        let selected = screen.lines().find(|line| line.contains('┃'));
        if selected.is_some_and(|line| line.contains(header)) {
            return;
        }
        tui.press("Alt+K");
    }
    panic!("no {header:?} on\n{}", tui.screen());
}

#[test]
fn a_conversation_and_its_turns_are_marked_and_it_shows() {
    let (state, out) = folders();
    let mut tui = played(MIDDLE, state.path(), out.path());
    tui.press("Alt+Shift+L");
    tui.run_jobs();
    tui.sees("mark conversation 1");
    tui.type_text("short, good");
    tui.press("Down 4 Down");
    tui.type_text("as it should be");
    tui.press("Enter");
    let words = "conversation: 4 of 5 · good, short · as it should be";
    tui.sees(words);
    tui.misses("mark conversation 1");
    // In the list, in words too.
    tui.sees("answered 07:40 · 4 of 5 · good");

    // The turn of the block that is selected: a command belongs to the request that it answered.
    for (header, turn) in [("user", 1), ("exec_command", 1), ("output", 2)] {
        select(&mut tui, header);
        tui.press("Alt+Shift+L");
        tui.run_jobs();
        tui.sees(&format!("mark turn {turn} of conversation 1"));
        tui.press("Esc");
    }
    select(&mut tui, "user");
    tui.press("Alt+Shift+L");
    tui.run_jobs();
    tui.press("Down Down Down t Enter");
    tui.sees(&format!("{words} · turn 1: excluded"));
    tui.run_jobs();
    let told = printed(state.path(), "history label 1");
    assert!(told.contains(words), "{told}");
    assert!(told.contains("turn 1: excluded"), "{told}");
    drop(tui);

    // Another run knows it, before it has read the conversation and after.
    let mut tui = TestTui::with_state_dir(MIDDLE, state.path());
    tui.sees("· 4 of 5 ·");
    tui.press("F2 Enter");
    tui.run_jobs();
    tui.sees(&format!("{words} · turn 1: excluded"));
    select(&mut tui, "output");
    tui.press("Alt+Shift+L");
    tui.run_jobs();
    tui.sees("mark turn 2 of conversation 1");
    tui.press("Esc Esc");
    // What is taken away again is gone.
    tui.press("Alt+Shift+L");
    tui.run_jobs();
    tui.press("Ctrl+U Down");
    tui.press_unbound(&["Delete"]);
    tui.press("Down Ctrl+U Enter");
    tui.sees("conversation: not marked any more");
    tui.misses("as it should be");
    tui.run_jobs();
    let told = printed(state.path(), "history label 1");
    assert!(!told.contains("good") && told.contains("turn 1"), "{told}");
}

#[test]
fn what_is_no_label_is_said_and_nothing_typed_is_lost() {
    let (state, out) = folders();
    let mut tui = played(NORMAL, state.path(), out.path());
    tui.press("Alt+Shift+L");
    tui.run_jobs();
    let long = "x".repeat(65);
    tui.type_text(&format!("good, {long}"));
    tui.press("Enter");
    tui.sees("is not a");
    tui.sees("mark conversation 1");
    tui.press_unbound(&["Ctrl+w"]);
    tui.press("Enter");
    tui.sees("conversation: good");
    tui.misses("mark conversation 1");
}

#[test]
fn every_format_is_written_from_the_screen() {
    for size in [SMALL, NORMAL] {
        let (state, out) = folders();
        let mut tui = played(size, state.path(), out.path());
        for format in ExportFormat::ALL {
            let name = format!("conversation-1.{}", format.extension());
            let file = out.path().join(&name);
            tui.press("Alt+Shift+E");
            tui.type_text(format.name());
            tui.press("Enter");
            tui.sees("export conversation 1");
            tui.run_jobs();
            tui.press("Enter");
            tui.run_jobs();
            if format == ExportFormat::Preferences {
                // No model drafted here. The form stays, for another try or to be left.
                tui.sees("nothing was written");
                tui.press("Esc");
                assert!(!file.exists());
                continue;
            }
            tui.sees(&format!("wrote {name}"));
            tui.sees("Replaced:");
            let text = fs::read_to_string(&file).expect("a file");
            assert!(text.contains("[redacted API key]"), "{text}");
            assert!(!text.contains(SECRET), "{text}");
            fs::remove_file(&file).unwrap();
            tui.press("q");
        }
    }
}

#[test]
fn what_would_be_replaced_is_shown_before_and_counted_after() {
    let (state, out) = folders();
    let mut tui = played(NORMAL, state.path(), out.path());
    tui.press("Alt+Shift+E");
    tui.type_text("zzz");
    tui.sees("nothing matches");
    tui.press("Ctrl+U");
    tui.type_text("markdown");
    tui.press("Enter");
    // Before anything was looked at, and after.
    tui.sees("What was asked and said, to be read.");
    tui.sees("Looking …");
    tui.run_jobs();
    tui.sees("In 2 turns, this would be replaced:");
    tui.sees("1  API key: sk-p… (34 characters)");
    // What was looked for in vain too.
    tui.sees("private key");
    tui.sees("e-mail address");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    tui.press("Enter");
    tui.run_jobs();
    let file = out.path().join("conversation-1.md");
    tui.sees("· 1 replaced");
    tui.sees("Replaced:");
    tui.sees("1  API key");
    tui.press("q");
    tui.sees("It is fixed.");

    // What is there is replaced by whoever says so twice.
    fs::write(&file, "mine").unwrap();
    tui.press("Alt+Shift+E");
    tui.type_text("markdown");
    tui.press("Enter");
    tui.run_jobs();
    tui.press("Enter");
    tui.run_jobs();
    tui.sees("Enter again replaces it");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    tui.press("Down");
    tui.type_text("f");
    tui.run_jobs();
    tui.sees("Nothing is replaced");
    tui.press("Enter");
    tui.run_jobs();
    tui.sees("wrote conversation-1.md · 2 turns · 0 replaced");
    assert!(fs::read_to_string(&file).unwrap().contains(SECRET));
}

#[test]
fn what_nobody_waits_for_any_more_leaves_nothing() {
    let (state, out) = folders();
    let mut tui = played(NORMAL, state.path(), out.path());
    tui.run_jobs();
    tui.press("Alt+Shift+E");
    tui.type_text("html");
    tui.press("Enter Enter");
    let mut orders = tui.effects.iter().filter_map(|effect| match effect {
        Effect::Export(order) => Some(order),
        _ => None,
    });
    let order = orders.next_back().expect("an order");
    assert!(!order.options.dry_run);
    let mut turns = 0;
    order.run(tui.app.store(), |news| {
        turns += u32::from(matches!(news, ExportUpdate::Turns(..)));
        turns == 0
    });
    assert_eq!(turns, 1);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

/// Codex asks over HTTP, and is answered.
fn ask(operator: &mut Operator, thread: &str, input: &[Value], answer: &str) {
    let mut body = codex_request(thread, "Fix the parser", input);
    body["stream"] = json!(false);
    let client = operator.client();
    let asked = std::thread::spawn(move || client.post_json("/v1/responses", &[], &body));
    operator.wait_request("Fix the parser");
    operator.reply(answer);
    let (status, document) = asked.join().expect("answered");
    assert_eq!(status, 200, "{document}");
    operator.wait_for("delivered");
}

#[test]
fn a_real_terminal_exports_marks_and_forks() {
    let mut operator = Operator::builder().size(80, 24).start();
    ask(&mut operator, "a", &[], "What is it?");
    let more = [
        message("assistant", "What is it?"),
        message("user", "All of it"),
    ];
    ask(&mut operator, "a", &more, "It is fixed.");

    operator.key(Key::Alt('E'));
    operator.wait_for("export: as what");
    operator.type_text("html");
    operator.wait_for("> html");
    operator.key(Key::Enter);
    operator.wait_for("export conversation 1 as html");
    operator.wait_for("In 2 turns, ");
    operator.key(Key::Enter);
    operator.wait_for("wrote conversation-1.html · 2 turns");
    let page = operator.sandbox().path("home").join("conversation-1.html");
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.contains("It is fixed."), "{page}");
    operator.type_text("q");

    operator.key(Key::Alt('L'));
    operator.wait_for("mark conversation 1");
    operator.type_text("good");
    operator.key(Key::Enter);
    operator.wait_for("conversation: good");

    // The first turn again: without what came after it, and without touching where it is from.
    operator.key(Key::Alt('F'));
    operator.wait_for("fork: ask which turn again");
    operator.wait_for("turn 2 · All of it");
    operator.type_text("turn 1");
    operator.key(Key::Enter);
    let screen = operator.wait_until("the request", |screen| {
        screen.contains("waiting") && screen.contains("1/2")
    });
    assert!(!screen.contains("All of it"), "{screen}");
    operator.reply("Another answer");
    operator.wait_for("delivered");
    let state = operator.sandbox().state_dir();
    let shown = poll(
        "the fork in the journal",
        || {
            let shown = printed(&state, "history show 2");
            shown.contains("Another answer").then_some(shown)
        },
        || operator.screen(),
    );
    assert!(!shown.contains("All of it"), "{shown}");
    let listed = printed(&state, "history list");
    assert!(listed.contains("humanllm-fork"), "{listed}");
    assert!(printed(&state, "history label 1").contains("conversation: good"));
}
