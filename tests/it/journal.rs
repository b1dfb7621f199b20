//! The journal against what happens to the whole program: it is killed, or the system lets it write
//! no more. Each test starts this binary again, to be the program that it happens to.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use humanllm::journal::{
    Blob, ConversationRow, DraftRow, EventRow, Journal, JournalOptions, JournalReader, Record,
    ResponseRow, SaidRow, SaidState, TurnRow, TurnState,
};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Says to this binary that it is the program, and where its state folder is.
const FOLDER: &str = "HUMANLLM_TEST_JOURNAL";

/// How often the program is killed.
const KILLS: usize = 100;

/// This binary as the program: it runs the test of this name, which finds the folder.
fn program(test: &str, folder: &Path) -> Child {
    // The shell has the signal for too large files ignored, which Rust cannot without unsafe code.
    Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" --exact "$1" --nocapture"#])
        .arg(std::env::current_exe().expect("this binary"))
        .arg(test)
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// The folder, where this is the program.
fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn conversation(number: i64) -> i64 {
    number % 7 + 1
}

fn item(number: i64) -> String {
    format!(
        "{{\"content\":\"{}\"}}",
        format!("item {number} ").repeat(50)
    )
}

/// Everything that one number stands for: a turn that goes on from the one before it in its
/// conversation, words, a draft, a response with events.
fn records(number: i64) -> Vec<Record> {
    let conversation = conversation(number);
    let earlier = (1..=number).filter(|earlier| self::conversation(*earlier) == conversation);
    let response = format!("resp_{number}");
    vec![
        Record::Conversation(ConversationRow {
            id: conversation,
            thread: None,
            chain: None,
            automatic: None,
            prefix: None,
            agent: "test".into(),
            title: format!("conversation {conversation}"),
            begun: 1,
            active: number,
            state: TurnState::Waiting,
        }),
        Record::Turn(Box::new(TurnRow {
            id: number,
            conversation,
            format: 1,
            arrived: number,
            state: TurnState::Waiting,
            envelope: Blob::new("{}"),
            instructions: None,
            tools: None,
            items: earlier.map(|number| Blob::new(item(number))).collect(),
            detail: "{}".into(),
        })),
        Record::Said(SaidRow {
            id: number,
            conversation,
            turn: number,
            ticket: 1,
            at: number,
            state: SaidState::Sent,
            words: format!("words {number}"),
            typed: format!("typed {number}"),
        }),
        Record::Draft(DraftRow {
            conversation: 0,
            updated: number,
            body: number.to_string(),
        }),
        Record::Response(ResponseRow {
            id: response.clone(),
            turn: Some(number),
            open: true,
            background: true,
            created: number,
            state: "{}".into(),
        }),
        Record::Events {
            response,
            events: vec![EventRow {
                number: 0,
                name: None,
                data: format!("event {number}"),
            }],
        },
        Record::Text {
            conversation,
            text: Blob::new(item(number)),
        },
    ]
}

#[test]
fn a_kill_loses_nothing_that_was_settled() {
    if let Some(folder) = folder() {
        // Writes one number after the other, and says which are settled.
        let journal = Journal::open(&folder, JournalOptions::default()).expect("a journal");
        let next = journal.reader().next_ids().expect("readable").turn;
        for number in next.. {
            let seq = journal.write(records(number));
            if number % 5 != 0 {
                assert!(journal.settled_blocking(seq));
                println!("settled {number}");
            }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut settled = 0;
    for kill in 0..KILLS {
        let mut child = program(
            "journal::a_kill_loses_nothing_that_was_settled",
            folder.path(),
        );
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut numbers = lines
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("settled ")?.parse::<i64>().ok());
        // From the first writes of a start to those that go on while the log is moved.
        for number in numbers.by_ref().take(1 + kill * 7 % 40) {
            settled = number;
        }
        std::thread::sleep(Duration::from_micros((kill as u64 * 677) % 5000));
        child.kill().expect("killed");
        settled = numbers.last().unwrap_or(settled).max(settled);
        child.wait().expect("ended");

        let shell = JournalReader::open(folder.path()).expect("readable without writing");
        assert!(shell.next_ids().expect("readable").turn > settled);
        drop(shell);
        let journal = Journal::open(folder.path(), JournalOptions::default()).expect("a journal");
        assert_eq!(*journal.health().borrow(), Default::default());
        let reader = journal.reader();
        let last = reader.next_ids().expect("readable").turn - 1;
        assert!(
            last >= settled,
            "{settled} was settled, but {last} is the last there is"
        );
        for number in [settled, last] {
            let turn = reader.turn(number).expect("readable").expect("there");
            let Some(Record::Turn(expected)) = records(number).into_iter().nth(1) else {
                unreachable!("the second record is the turn");
            };
            assert_eq!(turn, *expected, "with all that came before it");
            let said = reader.said(conversation(number)).expect("readable");
            assert!(
                said.iter()
                    .any(|said| said.typed == format!("typed {number}"))
            );
            let events = reader
                .events(&format!("resp_{}", turn.id), -1, 9)
                .expect("readable");
            assert_eq!(events.len(), 1);
        }
        let all: usize = (1..=7)
            .map(|id| reader.said(id).expect("readable").len())
            .sum();
        assert_eq!(
            all as i64, last,
            "each number once, and none without its words"
        );
        let draft = reader.draft(0).expect("readable").expect("there");
        assert_eq!(draft.body, last.to_string(), "all of a write or nothing");
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_typed() {
    if let Some(folder) = folder() {
        // Does as it is told: a number limits how much may be written, anything else is typed.
        let journal = Journal::open(&folder, JournalOptions::default()).expect("a journal");
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if let Ok(limit) = line.parse() {
                let limit = Rlimit {
                    current: Some(limit),
                    maximum: None,
                };
                setrlimit(Resource::Fsize, limit).expect("limited");
                println!("limited");
                continue;
            }
            let seq = journal.write(vec![Record::Draft(DraftRow {
                conversation: 1,
                updated: 1,
                body: line.repeat(10_000),
            })]);
            let saved = journal.settled_blocking(seq);
            let health = journal.health().borrow().failing.clone();
            println!("saved {saved} {}", health.unwrap_or_default());
        }
        // What waited goes in as soon as it can.
        let mut health = journal.health();
        let deadline = Instant::now() + Duration::from_secs(20);
        while health.borrow_and_update().failing.is_some() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        println!("healthy {}", health.borrow().failing.is_none());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = program(
        "journal::a_full_disk_loses_nothing_that_was_typed",
        folder.path(),
    );
    let mut input = child.stdin.take().expect("a pipe");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut lines = output.lines().map_while(Result::ok);
    let mut tell = |line: &str| {
        writeln!(input, "{line}").expect("told");
        let begins = ["saved", "limited"];
        lines
            .find(|line| begins.iter().any(|word| line.starts_with(word)))
            .expect("an answer")
    };
    assert_eq!(tell("before"), "saved true ");
    tell("40000");
    let answer = tell("during");
    assert!(
        answer.starts_with("saved false ") && answer.contains("journal.db"),
        "{answer}"
    );
    let answer = tell("later");
    assert!(answer.starts_with("saved false "), "{answer}");
    tell("1000000000");
    drop(input);
    assert!(lines.any(|line| line == "healthy true"));
    assert!(child.wait().expect("ended").success());
    let journal = Journal::open(folder.path(), JournalOptions::default()).expect("a journal");
    let draft = journal.reader().draft(1).expect("readable").expect("there");
    assert_eq!(draft.body, "later".repeat(10_000));
}
