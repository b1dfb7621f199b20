//! Disks that are full, files that are damaged, and others who use the same folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rusqlite::Connection;

use super::deletion::telling;
use super::*;

fn is_failing(desk: &TestJournal) -> bool {
    desk.health().failing.is_some()
}

#[test]
fn a_second_program_learns_that_it_is_the_second() {
    let mut desk = TestJournal::new();
    desk.write(vec![draft(1, "mine")]);
    let refused = Journal::open(desk.path(), JournalOptions::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Busy { .. }), "{refused}");
    let reader = JournalReader::open(desk.path()).unwrap();
    let body = || reader.draft(1).unwrap().map(|draft| draft.body);
    soon("the draft", || body().as_deref() == Some("mine"));
    desk.write(vec![draft(1, "mine, later")]);
    soon("the later draft", || {
        body().as_deref() == Some("mine, later")
    });
    desk.restart();
}

#[test]
fn what_cannot_be_written_waits_until_it_can() {
    let desk = TestJournal::new();
    desk.write(vec![draft(1, "before")]);
    assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "before");
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = desk
        .journal()
        .write(vec![draft(1, "during"), add_turn(turn(1, 1, &["a"]))]);
    // It is in the tail, and nobody waits for a lock.
    assert!(desk.journal().settled_blocking(first));
    soon("the fault", || is_failing(&desk));
    let why = desk.health().failing.unwrap();
    assert!(why.contains("journal.db: database is locked"), "{why}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for number in 0..50 {
        let seq = desk
            .journal()
            .write(vec![Record::Said(said(number, 1, "words"))]);
        assert!(runtime.block_on(desk.journal().settled(seq)));
    }
    assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "before");
    other.execute_batch("ROLLBACK").unwrap();
    soon("health", || !is_failing(&desk));
    assert_eq!(desk.health(), Health::default());
    assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "during");
    assert_eq!(desk.reader().said(1).unwrap().len(), 50);
    assert!(desk.reader().turn(1).unwrap().is_some());
    assert!(desk.journal().settled_blocking(first));
}

#[test]
fn what_waits_when_the_program_ends_is_tried_once_more() {
    for durability in [Durability::Process, Durability::Power] {
        ends_while_locked(durability);
    }
}

fn ends_while_locked(durability: Durability) {
    let mut desk = TestJournal::with(JournalOptions {
        durability,
        ..JournalOptions::default()
    });
    let has_tail = durability == Durability::Process;
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let seq = desk.journal().write(vec![draft(1, "late")]);
    assert_eq!(desk.journal().settled_blocking(seq), has_tail);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(desk.journal.take().unwrap().close().failing, None);
    desk.restart();
    assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "late");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    desk.journal().write(vec![draft(1, "in the tail")]);
    assert!(desk.journal.take().unwrap().close().failing.is_some());
    other.execute_batch("ROLLBACK").unwrap();
    let body = || {
        let reader = JournalReader::open(desk.path()).unwrap();
        reader.draft(1).unwrap().unwrap().body
    };
    assert_eq!(body(), "in the tail");
}

/// The bytes of the tail.
fn tail(desk: &TestJournal) -> Vec<u8> {
    fs::read(desk.path().join("journal.db-tail")).unwrap()
}

#[test]
fn what_is_in_the_tail_is_taken_in_whoever_reads_it_and_as_far_as_it_is_whole() {
    let mut desk = TestJournal::new();
    let database = desk.path().join("journal.db");
    let other = Connection::open(&database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 1..=3 {
        let items = ["shared", &format!("item {number}")];
        desk.write(vec![
            draft(1, &format!("draft {number}")),
            add_turn(turn(number, 1, &items)),
        ]);
    }
    let whole = tail(&desk);
    desk.journal.take().unwrap().close();
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let before = fs::read(&database).unwrap();
    let read = |bytes: &[u8]| {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(desk.path().join(format!("journal.db{suffix}")));
        }
        fs::write(&database, &before).unwrap();
        fs::write(desk.path().join("journal.db-tail"), bytes).unwrap();
        let reader = JournalReader::open(desk.path()).unwrap();
        let turns = reader.turns(1).unwrap();
        let newest = reader.newest_turn(1).unwrap();
        let last = turns.last().copied().unwrap_or(0);
        assert_eq!(turns, (1..=last).collect::<Vec<_>>(), "in order");
        let items = ["shared", &format!("item {last}")];
        assert_eq!(newest, (last > 0).then(|| turn(last, 1, &items)));
        let body = reader.draft(1).unwrap().map(|draft| draft.body);
        let expected = (last > 0).then(|| format!("draft {last}"));
        assert_eq!(body, expected, "all of a write or nothing");
        last
    };
    assert_eq!(read(&whole), 3);
    assert_eq!(read(&[]), 0);
    assert_eq!(read(&[&*whole, b"something else"].concat()), 3);
    let cuts = (1..whole.len()).step_by(61);
    let read_up_to = cuts.map(|cut| read(&whole[..cut])).collect::<Vec<_>>();
    assert!(read_up_to.is_sorted() && read_up_to.contains(&0) && read_up_to.contains(&2));
    assert_eq!(read(&whole[..whole.len() - 1]), 2);
    // What comes after something that this program cannot read is not put before it.
    let mut damaged = whole.clone();
    damaged[whole.len() - 5] ^= 1;
    assert_eq!(read(&damaged), 0);
}

/// Keeps the database from being written until it is dropped.
fn locked(desk: &TestJournal) -> Connection {
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn every_kind_of_record_comes_through_the_tail() {
    let mut desk = TestJournal::new();
    let direct = TestJournal::with(JournalOptions {
        durability: Durability::Power,
        ..JournalOptions::default()
    });
    let conversation = ApiConversation {
        id: "conv_1".into(),
        object: "{}".into(),
        used: 1,
    };
    let mut records = telling(7, "quokka");
    records.extend([
        Record::TurnState {
            id: 7,
            state: TurnState::Gone,
        },
        Record::SaidState {
            id: 7,
            state: SaidState::Delivered,
        },
        Record::Recall(Recall {
            text: "again".into(),
            at: 1,
            conversation: Some(7),
        }),
        Record::Setting {
            key: "key".into(),
            value: "a \"value\"\n\u{1f600}".into(),
        },
        Record::ApiConversation(conversation),
        Record::ApiConversationItems {
            conversation: "conv_1".into(),
            position: 0,
            items: vec![Blob::new("item"), Blob::new("")],
        },
    ]);
    direct.write(records.clone());
    let lock = locked(&desk);
    desk.write(records);
    assert!(desk.journal.take().unwrap().close().failing.is_some());
    drop(lock);
    desk.restart();
    let all = |desk: &TestJournal| {
        let reader = desk.reader();
        let of_conversation = (
            reader.conversation(7).unwrap(),
            reader.turn(7).unwrap(),
            reader.said(7).unwrap(),
            reader.draft(7).unwrap(),
            reader.model_drafts(7, 0, 9).unwrap(),
            reader.decisions(7, 0, 9).unwrap(),
            reader.marks(7).unwrap(),
            reader.timed_turns(7).unwrap(),
        );
        let of_api = (
            reader.response("resp_7").unwrap(),
            reader.response_item("msg_7").unwrap(),
            reader.events("resp_7", 0, 9).unwrap(),
            reader.api_conversation("conv_1").unwrap(),
        );
        let others = (reader.recalls().unwrap(), reader.setting("key").unwrap());
        format!("{of_conversation:#?} {of_api:#?} {others:#?}")
    };
    let expected = all(&direct);
    assert!(expected.contains("quokka"));
    assert_eq!(all(&desk), expected);
}

#[test]
fn what_is_in_the_database_is_not_put_there_again() {
    let mut desk = TestJournal::new();
    desk.write(vec![add(conversation(1)), draft(1, "first")]);
    let earlier = tail(&desk);
    desk.write(vec![draft(1, "second")]);
    desk.write(vec![Record::DeleteConversation { id: 1 }]);
    desk.write(vec![draft(2, "kept")]);
    assert_eq!(desk.reader().drafts().unwrap(), [2]);
    desk.journal = None;
    // As when nothing could be done about the tail any more.
    fs::write(desk.path().join("journal.db-tail"), &earlier).unwrap();
    let drafts = JournalReader::open(desk.path()).unwrap().drafts();
    assert_eq!(drafts.unwrap(), [2]);
    desk.restart();
    assert_eq!(desk.reader().drafts().unwrap(), [2]);
    assert_eq!(desk.reader().conversation(1).unwrap(), None);
    // What this run writes is newer than all that an earlier one wrote.
    let lock = locked(&desk);
    desk.write(vec![draft(2, "later")]);
    desk.journal.take().unwrap().close();
    drop(lock);
    desk.restart();
    assert_eq!(desk.reader().draft(2).unwrap().unwrap().body, "later");
}

#[test]
fn what_cannot_be_read_in_the_tail_is_kept_and_told() {
    for (name, replaced) in [("\"Draft\"", "\"Craft\""), ("second", "s\u{7f}cond")] {
        let mut desk = TestJournal::new();
        let lock = locked(&desk);
        desk.write(vec![add_turn(turn(1, 1, &["first"]))]);
        desk.write(vec![draft(1, "second")]);
        desk.write(vec![add_turn(turn(2, 1, &["third"]))]);
        desk.journal.take().unwrap().close();
        drop(lock);
        let mut bytes = tail(&desk);
        let at = bytes
            .windows(name.len())
            .position(|at| at == name.as_bytes());
        let at = at.unwrap();
        bytes[at..at + name.len()].copy_from_slice(replaced.as_bytes());
        if name != "second" {
            // Another version of the program has another name for it: the write is whole.
            let start = bytes[..at].iter().rposition(|byte| *byte == b'[').unwrap() - 8;
            let size = u32::from_le_bytes(bytes[start - 20..start - 16].try_into().unwrap());
            let hash = Hash::of(&bytes[start..start + size as usize]);
            bytes[start - 16..start].copy_from_slice(hash.as_bytes());
        }
        fs::write(desk.path().join("journal.db-tail"), &bytes).unwrap();
        let reader = JournalReader::open(desk.path()).unwrap();
        assert!(reader.turn(1).unwrap().is_none(), "left to the program");
        desk.restart();
        let told = desk.health().replaced.expect("said");
        let kept = told.split_whitespace().last().unwrap();
        assert!(kept.contains("journal.db-tail.damaged-"), "{told}");
        assert_eq!(fs::read(kept).unwrap(), bytes);
        assert!(
            desk.reader().turn(1).unwrap().is_some(),
            "what comes before it"
        );
        desk.write(vec![draft(1, "new")]);
        desk.restart();
        assert_eq!(desk.health(), Health::default());
        assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "new");
    }
}

#[test]
fn whoever_reads_the_tail_has_a_whole_one_and_what_was_deleted_is_in_none() {
    let mut desk = TestJournal::new();
    let path = desk.path().join("journal.db-tail");
    let beside = desk.path().join("journal.db-tail-new");
    desk.write(telling(1, "zanzibar"));
    let whole = tail(&desk);
    let mut read = fs::File::open(&path).unwrap();
    desk.write(vec![Record::DeleteConversation { id: 1 }]);
    soon("another tail", || tail(&desk).is_empty());
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut read, &mut bytes).unwrap();
    assert!(bytes.starts_with(&whole));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    // Where there can be no other one, the one that is there goes.
    fs::create_dir(&beside).unwrap();
    desk.write(telling(2, "quokka"));
    desk.write(vec![Record::DeleteConversation { id: 2 }]);
    soon("its end", || !path.exists());
    desk.write(vec![draft(3, "kept")]);
    fs::remove_dir(&beside).unwrap();
    // One that did not get into its place when a program was killed goes too.
    for durability in [Durability::Process, Durability::Power] {
        desk.journal = None;
        fs::write(&beside, &whole).unwrap();
        let options = JournalOptions {
            durability,
            ..JournalOptions::default()
        };
        desk.journal = Some(Journal::open(desk.path(), options).unwrap());
        desk.write(vec![draft(3, "kept")]);
        soon("its end", || !beside.exists());
    }
    assert_eq!(desk.reader().drafts().unwrap(), [3]);
}

#[test]
fn a_link_in_place_of_the_tail_is_neither_followed_nor_replaced() {
    let desk = TestJournal::new();
    assert!(desk.reader().drafts().unwrap().is_empty());
    let path = desk.path().join("journal.db-tail");
    let elsewhere = desk.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    desk.write(vec![draft(1, "in the database")]);
    assert_eq!(desk.reader().drafts().unwrap(), [1]);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    assert_eq!(fs::read_link(&path).unwrap(), elsewhere);
}

#[test]
fn the_tail_is_begun_anew_before_it_is_long_and_keeps_what_is_not_in_the_database() {
    let desk = TestJournal::new();
    for number in 1..=40 {
        let items = ["x".repeat(300_000), format!("item {number}")];
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        let long = format!("{number}").repeat(150_000);
        desk.write(vec![draft(1, &long), add_turn(turn(number, 1, &items))]);
        assert!(tail(&desk).len() < 16 << 20);
        // It has read all that was written before.
        assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, long);
        assert!(desk.reader().turn(number).unwrap().is_some());
    }
    // Nothing goes there where something else has its place, and nothing is lost.
    let path = desk.path().join("journal.db-tail");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    desk.write(vec![draft(1, "in the database")]);
    assert_eq!(desk.health(), Health::default());
    let body = desk.reader().draft(1).unwrap().unwrap().body;
    assert_eq!(body, "in the database");
    fs::remove_dir(&path).unwrap();
    desk.write(vec![draft(1, "in both")]);
    desk.write(vec![draft(1, "in both again")]);
    assert!(!tail(&desk).is_empty());
}

#[test]
fn a_damaged_database_is_put_aside_at_the_start() {
    let damages: [fn(Vec<u8>) -> Vec<u8>; 3] = [
        |bytes| b"no database ".repeat(bytes.len() / 12),
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |mut bytes| {
            bytes[100..4096].fill(0xa5);
            bytes
        },
    ];
    for damage in damages {
        let mut desk = TestJournal::new();
        desk.write(vec![draft(1, "lost")]);
        desk.journal = None;
        let database = desk.path().join("journal.db");
        let damage = damage(fs::read(&database).unwrap());
        fs::write(&database, &damage).unwrap();
        desk.restart();
        let replaced = desk.health().replaced.expect("said");
        assert!(replaced.contains("journal.db.damaged-"), "{replaced}");
        let aside = fs::read_dir(desk.path()).unwrap().find_map(|entry| {
            let path = entry.unwrap().path();
            path.to_str().unwrap().contains(".damaged-").then_some(path)
        });
        assert_eq!(fs::read(aside.expect("kept")).unwrap(), damage);
        assert_eq!(desk.reader().draft(1).unwrap(), None);
        desk.write(vec![draft(1, "new")]);
        desk.restart();
        assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "new");
        assert_eq!(desk.health(), Health::default());
    }
}

#[test]
fn damage_while_the_program_runs_loses_nothing_that_is_written_later() {
    let desk = TestJournal::new();
    for id in 1..200 {
        desk.write(vec![draft(id, &format!("draft {id} ").repeat(100))]);
    }
    let reader = desk.reader();
    assert!(reader.draft(5).unwrap().is_some());
    // Everything is in the database and not in the log; then a disk forgets it.
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    let moved = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0)
    });
    assert_eq!(moved.unwrap(), 0);
    drop(other);
    let database = desk.path().join("journal.db");
    let size = fs::metadata(&database).unwrap().len() as usize;
    let mut bytes = vec![0xa5; size];
    bytes[..100].copy_from_slice(&fs::read(&database).unwrap()[..100]);
    use std::io::Write;
    fs::OpenOptions::new()
        .write(true)
        .open(&database)
        .unwrap()
        .write_all(&bytes)
        .unwrap();
    // Whatever still is in the cache is overwritten; at some time a damaged page is read.
    let mut id = 1000;
    soon("the damage", || {
        id += 1;
        let seq = desk.journal().write(vec![
            draft(id, &"long ".repeat(2000)),
            add_turn(turn(id, id, &["x"])),
        ]);
        desk.journal().settled_blocking(seq);
        desk.health().replaced.is_some()
    });
    soon("health", || !is_failing(&desk));
    assert!(
        reader.draft(id).unwrap().is_some(),
        "what was being written is in the new one"
    );
    assert!(reader.turn(id).unwrap().is_some());
    assert_eq!(reader.draft(5).unwrap(), None);
}

#[test]
fn a_damaged_index_of_the_search_is_made_again() {
    let desk = TestJournal::new();
    desk.write(vec![add(conversation(1)), add_text(1, "marmalade")]);
    let found = || {
        desk.reader()
            .search("marmalade", 9)
            .is_ok_and(|hits| hits.len() == 1)
    };
    soon("the index", found);
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other
        .execute_batch("UPDATE search_data SET block = x'ffffffffffffffff'")
        .unwrap();
    drop(other);
    desk.write(vec![add(conversation(2)), add_text(2, "another")]);
    soon("the index, made again", || {
        found()
            && desk
                .reader()
                .search("another", 9)
                .is_ok_and(|hits| hits.len() == 1)
    });
    assert_eq!(desk.health(), Health::default(), "nothing is lost");
}

#[test]
fn a_journal_that_somebody_removes_is_begun_again() {
    let desk = TestJournal::new();
    desk.write(vec![draft(1, "gone")]);
    assert_eq!(desk.reader().drafts().unwrap(), [1]);
    for entry in fs::read_dir(desk.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    desk.write(vec![draft(2, "there")]);
    assert!(
        desk.health()
            .replaced
            .is_some_and(|why| why.contains("removed"))
    );
    assert_eq!(desk.reader().drafts().unwrap(), [2]);
    fs::remove_dir_all(desk.path()).unwrap();
    desk.write(vec![draft(3, "there")]);
    assert_eq!(desk.reader().drafts().unwrap(), [3]);
    // A file in place of the folder is nothing that could be mended.
    fs::remove_dir_all(desk.path()).unwrap();
    fs::write(desk.path(), "").unwrap();
    let seq = desk.journal().write(vec![draft(4, "in memory")]);
    assert!(!desk.journal().settled_blocking(seq));
    assert!(is_failing(&desk));
    fs::remove_file(desk.path()).unwrap();
    soon("the journal", || !is_failing(&desk));
    assert_eq!(desk.reader().drafts().unwrap(), [4]);
}

#[test]
fn nothing_but_files_of_its_own_is_used() {
    for name in [
        "journal.db",
        "journal.db-wal",
        "journal.db-tail",
        "journal.lock",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "precious").unwrap();
        symlink(&elsewhere, folder.path().join(name)).unwrap();
        let refused = Journal::open(folder.path(), JournalOptions::default()).unwrap_err();
        assert!(matches!(refused, OpenError::NoFile(_)), "{name}: {refused}");
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
        fs::remove_file(folder.path().join(name)).unwrap();
        // Opening a FIFO would wait for somebody at its other end.
        let fifo = folder.path().join(name);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let refused = Journal::open(folder.path(), JournalOptions::default()).unwrap_err();
        assert!(matches!(refused, OpenError::NoFile(_)), "{name}: {refused}");
    }
}

#[test]
fn a_folder_behind_a_link_is_fine_and_files_become_private() {
    let mut desk = TestJournal::new();
    desk.write(vec![draft(1, "a")]);
    desk.journal = None;
    let database = desk.path().join("journal.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let other = tempfile::tempdir().unwrap();
    let link = other.path().join("link");
    symlink(desk.path(), &link).unwrap();
    let journal = Journal::open(&link, JournalOptions::default()).unwrap();
    assert_eq!(journal.reader().draft(1).unwrap().unwrap().body, "a");
    assert_eq!(
        fs::metadata(&database).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Journal::open(&file, JournalOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("/file"), "{error}");
    for path in ["nothing", "."] {
        let error = JournalReader::open(&folder.path().join(path)).unwrap_err();
        assert!(matches!(error, OpenError::None { .. }), "{error}");
    }
}

#[test]
fn a_change_that_the_database_refuses_takes_no_other_with_it() {
    let desk = TestJournal::new();
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON setting WHEN new.key = 'a'
             BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let refused = Record::Setting {
        key: "a".into(),
        value: "b".into(),
    };
    let seqs = [
        desk.journal().write(vec![draft(1, "one")]),
        desk.journal().write(vec![refused, draft(2, "with it")]),
        desk.journal().write(vec![draft(3, "three")]),
    ];
    for seq in seqs {
        assert!(desk.journal().settled_blocking(seq));
    }
    assert_eq!(desk.reader().drafts().unwrap(), [1, 3]);
    assert_eq!(
        desk.health(),
        Health {
            lost: 2,
            ..Health::default()
        }
    );
}
