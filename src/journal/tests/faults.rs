//! Disks that are full, files that are damaged, and others who use the same folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rusqlite::Connection;

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
    assert_eq!(reader.draft(1).unwrap().unwrap().body, "mine");
    desk.write(vec![draft(1, "mine, later")]);
    assert_eq!(reader.draft(1).unwrap().unwrap().body, "mine, later");
    desk.restart();
}

#[test]
fn what_cannot_be_written_waits_until_it_can() {
    let desk = TestJournal::new();
    desk.write(vec![draft(1, "before")]);
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = desk
        .journal()
        .write(vec![draft(1, "during"), add_turn(turn(1, 1, &["a"]))]);
    assert!(!desk.journal().settled_blocking(first));
    let why = desk.health().failing.unwrap();
    assert!(why.contains("journal.db: database is locked"), "{why}");
    // Nobody waits for a lock that is known to be held.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for number in 0..50 {
        let seq = desk
            .journal()
            .write(vec![Record::Said(said(number, 1, "words"))]);
        assert!(!runtime.block_on(desk.journal().settled(seq)));
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
    let mut desk = TestJournal::new();
    let other = Connection::open(desk.path().join("journal.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let seq = desk.journal().write(vec![draft(1, "late")]);
    assert!(!desk.journal().settled_blocking(seq));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(desk.journal.take().unwrap().close().failing, None);
    desk.restart();
    assert_eq!(desk.reader().draft(1).unwrap().unwrap().body, "late");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    desk.journal().write(vec![draft(1, "never")]);
    assert!(desk.journal.take().unwrap().close().failing.is_some());
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
    for name in ["journal.db", "journal.db-wal", "journal.lock"] {
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
            "CREATE TRIGGER refuse BEFORE INSERT ON setting
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
