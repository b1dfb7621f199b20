//! What a person does with a conversation besides answering it: they say what they make of it, make a
//! file of it, and ask one of its turns again. What the screen says of that is what the command line says.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::screen::{Desk, MIDDLE, NORMAL, SMALL, call, codex, message, output};
use crate::support::{Key, Person, poll};
use humanllm::export::ExportFormat;
use humanllm::tui::app::Effect;
use humanllm::tui::export::{ExportSettings, News};
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "sk-proj-0123456789abcdefghijklmnop";

/// A person who has answered two requests of Codex: a command, whose output has a key, and the end.
fn played(size: (u16, u16), state: &Path, out: &Path) -> Desk {
    let mut desk = Desk::at(size, state);
    desk.app.settings.export = ExportSettings {
        folder: out.to_owned(),
        ..ExportSettings::default()
    };
    let mut client = desk.ask(&codex("a", "Fix the parser", &[]));
    desk.write("!ls");
    desk.press("Enter");
    desk.hear(&mut client);
    let came = [call("ls"), output(&format!("KEY={SECRET}"), 0)];
    let mut client = desk.ask(&codex("a", "Fix the parser", &came));
    desk.write("It is fixed.");
    desk.press("Enter");
    desk.hear(&mut client);
    desk
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
fn select(desk: &mut Desk, header: &str) {
    desk.press("Esc Alt+K");
    for _ in 0..30 {
        let screen = desk.screen();
        let selected = screen.lines().find(|line| line.contains('┃'));
        if selected.is_some_and(|line| line.contains(header)) {
            return;
        }
        desk.press("Alt+K");
    }
    panic!("no {header:?} on\n{}", desk.screen());
}

#[test]
fn a_conversation_and_its_turns_are_marked_and_it_shows() {
    let (state, out) = folders();
    let mut desk = played(MIDDLE, state.path(), out.path());
    desk.press("Alt+Shift+L");
    desk.work();
    desk.sees("mark conversation 1");
    desk.write("short, good");
    desk.press("Down 4 Down");
    desk.write("as it should be");
    desk.press("Enter");
    let words = "conversation: 4 of 5 · good, short · as it should be";
    desk.sees(words);
    desk.misses("mark conversation 1");
    // In the list, in words too.
    desk.sees("answered 07:40 · 4 of 5 · good");

    // The turn of the block that is selected: a command belongs to the request that it answered.
    for (header, turn) in [("user", 1), ("exec_command", 1), ("output", 2)] {
        select(&mut desk, header);
        desk.press("Alt+Shift+L");
        desk.work();
        desk.sees(&format!("mark turn {turn} of conversation 1"));
        desk.press("Esc");
    }
    select(&mut desk, "user");
    desk.press("Alt+Shift+L");
    desk.work();
    desk.press("Down Down Down t Enter");
    desk.sees(&format!("{words} · turn 1: excluded"));
    desk.work();
    let told = printed(state.path(), "history label 1");
    assert!(told.contains(words), "{told}");
    assert!(told.contains("turn 1: excluded"), "{told}");
    drop(desk);

    // Another run knows it, before it has read the conversation and after.
    let mut desk = Desk::at(MIDDLE, state.path());
    desk.sees("· 4 of 5 ·");
    desk.press("F2 Enter");
    desk.work();
    desk.sees(&format!("{words} · turn 1: excluded"));
    select(&mut desk, "output");
    desk.press("Alt+Shift+L");
    desk.work();
    desk.sees("mark turn 2 of conversation 1");
    desk.press("Esc Esc");
    // What is taken away again is gone.
    desk.press("Alt+Shift+L");
    desk.work();
    desk.press("Ctrl+U Down");
    desk.raw(&["Delete"]);
    desk.press("Down Ctrl+U Enter");
    desk.sees("conversation: not marked any more");
    desk.misses("as it should be");
    desk.work();
    let told = printed(state.path(), "history label 1");
    assert!(!told.contains("good") && told.contains("turn 1"), "{told}");
}

#[test]
fn what_is_no_label_is_said_and_nothing_typed_is_lost() {
    let (state, out) = folders();
    let mut desk = played(NORMAL, state.path(), out.path());
    desk.press("Alt+Shift+L");
    desk.work();
    let long = "x".repeat(65);
    desk.write(&format!("good, {long}"));
    desk.press("Enter");
    desk.sees("is not a");
    desk.sees("mark conversation 1");
    desk.raw(&["Ctrl+w"]);
    desk.press("Enter");
    desk.sees("conversation: good");
    desk.misses("mark conversation 1");
}

#[test]
fn every_format_is_written_from_the_screen() {
    for size in [SMALL, NORMAL] {
        let (state, out) = folders();
        let mut desk = played(size, state.path(), out.path());
        for format in ExportFormat::ALL {
            let name = format!("conversation-1.{}", format.extension());
            let file = out.path().join(&name);
            desk.press("Alt+Shift+E");
            desk.write(format.name());
            desk.press("Enter");
            desk.sees("export conversation 1");
            desk.work();
            desk.press("Enter");
            desk.work();
            if format == ExportFormat::Preferences {
                // No model drafted here. The form stays, for another try or to be left.
                desk.sees("nothing was written");
                desk.press("Esc");
                assert!(!file.exists());
                continue;
            }
            desk.sees(&format!("wrote {name}"));
            desk.sees("Replaced:");
            let text = fs::read_to_string(&file).expect("a file");
            assert!(text.contains("[redacted API key]"), "{text}");
            assert!(!text.contains(SECRET), "{text}");
            fs::remove_file(&file).unwrap();
            desk.press("q");
        }
    }
}

#[test]
fn what_would_be_replaced_is_shown_before_and_counted_after() {
    let (state, out) = folders();
    let mut desk = played(NORMAL, state.path(), out.path());
    desk.press("Alt+Shift+E");
    desk.write("zzz");
    desk.sees("nothing matches");
    desk.press("Ctrl+U");
    desk.write("markdown");
    desk.press("Enter");
    // Before anything was looked at, and after.
    desk.sees("What was asked and said, to be read.");
    desk.sees("Looking …");
    desk.work();
    desk.sees("In 2 turns, this would be replaced:");
    desk.sees("1  API key: sk-p… (34 characters)");
    // What was looked for in vain too.
    desk.sees("private key");
    desk.sees("e-mail address");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    desk.press("Enter");
    desk.work();
    let file = out.path().join("conversation-1.md");
    desk.sees("· 1 replaced");
    desk.sees("Replaced:");
    desk.sees("1  API key");
    desk.press("q");
    desk.sees("It is fixed.");

    // What is there is replaced by whoever says so twice.
    fs::write(&file, "mine").unwrap();
    desk.press("Alt+Shift+E");
    desk.write("markdown");
    desk.press("Enter");
    desk.work();
    desk.press("Enter");
    desk.work();
    desk.sees("Enter again replaces it");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    desk.press("Down");
    desk.write("f");
    desk.work();
    desk.sees("Nothing is replaced");
    desk.press("Enter");
    desk.work();
    desk.sees("wrote conversation-1.md · 2 turns · 0 replaced");
    assert!(fs::read_to_string(&file).unwrap().contains(SECRET));
}

#[test]
fn what_nobody_waits_for_any_more_leaves_nothing() {
    let (state, out) = folders();
    let mut desk = played(NORMAL, state.path(), out.path());
    desk.work();
    desk.press("Alt+Shift+E");
    desk.write("html");
    desk.press("Enter Enter");
    let mut orders = desk.effects.iter().filter_map(|effect| match effect {
        Effect::Export(order) => Some(order),
        _ => None,
    });
    let order = orders.next_back().expect("an order");
    assert!(!order.options.dry_run);
    let mut turns = 0;
    order.carry_out(desk.app.store(), |news| {
        turns += u32::from(matches!(news, News::Turns(..)));
        turns == 0
    });
    assert_eq!(turns, 1);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

/// Codex asks over HTTP, and is answered.
fn ask(person: &mut Person, thread: &str, input: &[Value], answer: &str) {
    let mut body = codex(thread, "Fix the parser", input);
    body["stream"] = json!(false);
    let client = person.client();
    let asked = std::thread::spawn(move || client.post_json("/v1/responses", &[], &body));
    person.wait_request("Fix the parser");
    person.reply(answer);
    let (status, document) = asked.join().expect("answered");
    assert_eq!(status, 200, "{document}");
    person.wait_for("delivered");
}

#[test]
fn a_real_terminal_exports_marks_and_forks() {
    let mut person = Person::builder().size(80, 24).start();
    ask(&mut person, "a", &[], "What is it?");
    let more = [
        message("assistant", "What is it?"),
        message("user", "All of it"),
    ];
    ask(&mut person, "a", &more, "It is fixed.");

    person.key(Key::Alt('E'));
    person.wait_for("export: as what");
    person.type_text("html");
    person.wait_for("> html");
    person.key(Key::Enter);
    person.wait_for("export conversation 1 as html");
    person.wait_for("In 2 turns, ");
    person.key(Key::Enter);
    person.wait_for("wrote conversation-1.html · 2 turns");
    let page = person.place().path("home").join("conversation-1.html");
    let page = fs::read_to_string(page).expect("a page");
    assert!(page.contains("It is fixed."), "{page}");
    person.type_text("q");

    person.key(Key::Alt('L'));
    person.wait_for("mark conversation 1");
    person.type_text("good");
    person.key(Key::Enter);
    person.wait_for("conversation: good");

    // The first turn again: without what came after it, and without touching where it is from.
    person.key(Key::Alt('F'));
    person.wait_for("fork: ask which turn again");
    person.wait_for("turn 2 · All of it");
    person.type_text("turn 1");
    person.key(Key::Enter);
    let screen = person.wait_until("the request", |screen| {
        screen.contains("waiting") && screen.contains("1/2")
    });
    assert!(!screen.contains("All of it"), "{screen}");
    person.reply("Another answer");
    person.wait_for("delivered");
    let state = person.place().state_dir();
    let shown = poll(
        "the fork in the journal",
        || {
            let shown = printed(&state, "history show 2");
            shown.contains("Another answer").then_some(shown)
        },
        || person.screen(),
    );
    assert!(!shown.contains("All of it"), "{shown}");
    let listed = printed(&state, "history list");
    assert!(listed.contains("humanllm-fork"), "{listed}");
    assert!(printed(&state, "history label 1").contains("conversation: good"));
}
