//! `humanllm history` on the command line, with a journal that was written before or that a program
//! is writing.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use humanllm::journal::{
    Blob, ConversationRow, DraftRow, Journal, JournalOptions, JournalReader, Record, SaidRow,
    SaidState, TurnRow, TurnState,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// `humanllm history` with a state folder, in the time zone UTC.
fn history(state: &Path, line: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_humanllm"))
        .arg("history")
        .args(line.split_whitespace())
        .arg("--state-dir")
        .arg(state)
        .env_clear()
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    // Somebody who says yes to everything, through a pipe. It may not even be asked.
    let _ = child.stdin.take().expect("a pipe").write_all(b"y\n");
    child.wait_with_output().expect("ended")
}

fn shows(state: &Path, line: &str) -> String {
    let output = history(state, line);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {stderr}");
    assert_eq!(stderr, "", "{line}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn document(state: &Path, line: &str) -> Value {
    serde_json::from_str(&shows(state, line)).expect("JSON")
}

/// The one line with which it refuses.
fn refusal(state: &Path, line: &str) -> String {
    let output = history(state, line);
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(output.stdout, b"", "{line}");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    let message = stderr.strip_prefix("humanllm: ").expect("our name");
    let message = message.strip_suffix('\n').expect("a line");
    assert!(!message.contains('\n'), "{message}");
    message.to_owned()
}

/// A journal of two conversations. The first has a number that no float can hold, and a title that
/// would turn the terminal red.
fn journal(state: &Path) -> Journal {
    let journal = Journal::open(state, JournalOptions::default()).expect("a journal");
    // 2026-01-02 03:04:05 UTC.
    let begun = 1_767_323_045_000;
    let conversation = |id: i64, title: &str| {
        Record::Conversation(ConversationRow {
            id,
            thread: Some("thread".into()),
            chain: None,
            automatic: None,
            prefix: None,
            agent: "codex".into(),
            title: title.into(),
            begun,
            active: begun + id * 60_000,
            state: TurnState::Answered,
        })
    };
    let written = journal.write(vec![
        conversation(1, "Fix the\u{1b}[31m parser"),
        conversation(2, "Write a haiku"),
        Record::Turn(Box::new(TurnRow {
            id: 1,
            conversation: 1,
            format: 1,
            arrived: begun,
            state: TurnState::Answered,
            envelope: Blob::new(r#"{"model":"human","seed":12345678901234567890123}"#),
            instructions: None,
            tools: Some(Blob::new("[]")),
            items: vec![Blob::new(r#"{"role":"user",  "content":"Fix it"}"#)],
            detail: "{}".into(),
        })),
        Record::Said(SaidRow {
            id: 1,
            conversation: 1,
            turn: 1,
            ticket: 1,
            at: begun + 9_000,
            state: SaidState::Delivered,
            words: r#"{"answer":"Done."}"#.into(),
            typed: "Done.\nReally.".into(),
        }),
        Record::Draft(DraftRow {
            conversation: 1,
            updated: begun,
            body: "half a sent".into(),
        }),
        Record::Text {
            conversation: 2,
            text: Blob::new("An old silent pond, a frog jumps into the pond"),
        },
    ]);
    assert!(journal.settled_blocking(written));
    let reader = journal.reader();
    while reader.search("frog", 1).expect("readable").is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    journal
}

#[test]
fn everything_can_be_read_while_the_program_runs() {
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path();
    let running = journal(state);
    let list = shows(state, "list");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(
        lines,
        [
            "     2  2026-01-02 03:06  codex           answered     Write a haiku",
            "     1  2026-01-02 03:05  codex           answered     Fix the [31m parser",
        ]
    );
    assert_eq!(shows(state, "list --limit 1").lines().count(), 1);
    let list = document(state, "list --json");
    assert_eq!(list[0]["title"], "Write a haiku");
    assert_eq!(list[1]["title"], "Fix the\u{1b}[31m parser");
    assert_eq!(list[1]["begun"], "2026-01-02T03:04:05Z");

    let shown = shows(state, "show 1 --raw");
    for part in [
        "\nagent     codex\n",
        "\n2026-01-02 03:04  delivered\nDone.\nReally.\n",
        "\nhalf a sent\n",
        "\n{\"role\":\"user\",  \"content\":\"Fix it\"}\n",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "nothing steers the terminal");
    let unreadable = shows(state, "show 1");
    assert!(
        unreadable.contains("--raw shows what is there"),
        "{unreadable}"
    );
    let raw = shows(state, "show 1 --json");
    assert!(raw.contains("12345678901234567890123"), "{raw}");
    let shown = document(state, "show 1 --json");
    assert_eq!(shown["said"][0]["typed"], "Done.\nReally.");
    assert_eq!(shown["said"][0]["words"], json!({"answer": "Done."}));
    assert_eq!(shown["newest_request"]["items"][0]["content"], "Fix it");
    assert_eq!(shown["draft"], "half a sent");

    let found = shows(state, "search FROG pon");
    assert!(found.starts_with("     2  "), "{found}");
    assert!(
        found.contains("\n        An old silent pond, a frog jumps"),
        "{found}"
    );
    assert_eq!(document(state, "search parser --json")[0]["id"], 1);
    assert_eq!(shows(state, "search nothing"), "Nothing found.\n");
    assert_eq!(document(state, "search nothing --json"), json!([]));
    drop(running);
    // And afterwards, and again.
    assert_eq!(shows(state, "list").lines().count(), 2);
    assert_eq!(shows(state, "list").lines().count(), 2);
}

#[test]
fn what_is_deleted_is_gone() {
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path();
    let running = journal(state);
    for line in ["delete 1 --yes", "compact"] {
        let message = refusal(state, line);
        assert!(
            message.starts_with("another humanllm uses the journal in "),
            "{message}"
        );
        assert!(message.ends_with("; quit it first"), "{message}");
    }
    drop(running);
    let message = refusal(state, "delete 1");
    assert!(
        message.ends_with("without a terminal, confirm with --yes"),
        "{message}"
    );
    let message = refusal(state, "delete 1 7 --yes");
    assert!(
        message.starts_with("there is no conversation 7;"),
        "{message}"
    );
    assert_eq!(
        shows(state, "list").lines().count(),
        2,
        "all of them or none"
    );
    assert_eq!(
        shows(state, "delete 1 1 --yes"),
        "Deleted 1 conversation.\n"
    );
    assert_eq!(
        document(state, "list --json").as_array().map(Vec::len),
        Some(1)
    );
    let message = refusal(state, "show 1");
    assert!(
        message.starts_with("there is no conversation 1;"),
        "{message}"
    );
    let reader = JournalReader::open(state).expect("readable");
    assert_eq!(reader.drafts().expect("readable"), [0; 0]);
    drop(reader);
    let message = shows(state, "compact");
    assert!(
        message.starts_with("The journal had ") && message.ends_with(" now.\n"),
        "{message}"
    );
    assert_eq!(shows(state, "search haiku").lines().count(), 2);
}

#[test]
fn without_a_journal_nothing_is_made() {
    let home: TempDir = tempfile::tempdir().expect("a folder");
    let state = home.path().join("state");
    for line in ["list", "show 1", "search a", "delete 1 --yes", "compact"] {
        let message = refusal(&state, line);
        assert!(
            message.starts_with("there is no journal in "),
            "{line}: {message}"
        );
        assert!(!state.exists(), "{line}");
    }
}
