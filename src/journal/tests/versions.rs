//! Databases of earlier and later versions.

use rusqlite::Connection;

use super::*;

#[test]
fn a_newer_one_is_refused_and_stays_as_it_is() {
    let mut desk = TestJournal::new();
    desk.write(vec![draft(1, "kept")]);
    desk.journal = None;
    let database = desk.path().join("journal.db");
    let edit = Connection::open(&database).unwrap();
    edit.pragma_update(None, "user_version", 99).unwrap();
    drop(edit);
    let before = std::fs::read(&database).unwrap();
    let refused = Journal::open(desk.path(), JournalOptions::default()).unwrap_err();
    assert!(
        matches!(refused, OpenError::Newer { found: 99, .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("newer humanllm"), "{refused}");
    let refused = JournalReader::open(desk.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { .. }), "{refused}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

/// A database as each version made it, with a row in every table.
const EARLIER: &[&str] = &[
    include_str!("version_1.sql"),
    include_str!("version_2.sql"),
    include_str!("version_3.sql"),
    include_str!("version_4.sql"),
    include_str!("version_5.sql"),
    include_str!("version_6.sql"),
];

#[test]
fn every_earlier_one_opens_with_all_that_is_in_it() {
    let fresh = TestJournal::new();
    for (index, sql) in EARLIER.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("journal.db")).unwrap();
        old.execute_batch(sql).unwrap();
        old.pragma_update(None, "user_version", index as i64 + 1)
            .unwrap();
        drop(old);
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        let reader = journal.reader();
        assert_eq!(
            reader.conversation(1).unwrap().unwrap().title,
            "Fix the parser"
        );
        let turn = reader.turn(2).unwrap().unwrap();
        let items: Vec<&str> = turn.items.iter().map(|item| &*item.text).collect();
        assert_eq!(items, ["{\"first\"}", "{\"third\"}"]);
        assert_eq!(&*turn.tools.unwrap().text, "[]");
        assert_eq!(reader.said(1).unwrap()[0].typed, "Hello");
        assert_eq!(reader.draft(1).unwrap().unwrap().body, "half");
        assert_eq!(reader.recalls().unwrap()[0].text, "Hello");
        assert_eq!(reader.setting("statistics").unwrap().as_deref(), Some("{}"));
        assert_eq!(reader.response("resp_1").unwrap().unwrap().state, "{}");
        assert_eq!(
            &*reader.response_item("msg_1").unwrap().unwrap().text,
            "{\"third\"}"
        );
        assert_eq!(reader.events("resp_1", 0, 9).unwrap()[0].data, "{}");
        assert_eq!(
            reader.api_conversation("conv_1").unwrap().unwrap().1.len(),
            1
        );
        assert_eq!(reader.search("parser", 9).unwrap()[0].conversation, 1);
        let drafted = reader.model_drafts(1, 0, 9).unwrap();
        let decided = reader.decisions(1, 0, 9).unwrap();
        if index < 2 {
            assert!(drafted.is_empty() && decided.is_empty());
        } else {
            assert_eq!((drafted[0].turn, &*drafted[0].items), (2, "[]"));
            assert_eq!(drafted[0].fate, DraftFate::Edited);
            assert_eq!(decided[0].draft, Some(drafted[0].id));
        }
        let marks = reader.marks(1).unwrap();
        if index < 3 {
            assert!(marks.is_empty());
        } else {
            assert_eq!((marks[0].turn, marks[1].turn), (None, Some(2)));
            assert_eq!((&*marks[0].note, marks[0].rating), ("a note", Some(5)));
            assert_eq!(marks[0].labels, ["good", "short"]);
            assert!(marks[1].excluded);
        }
        let timed = reader.timed_turns(1).unwrap();
        assert_eq!((timed.len(), timed[1].arrived), (2, 3));
        let times = &timed[1].times;
        if index < 4 {
            assert_eq!((times.seen, times.keys, &*times.delays), (None, 0, "[]"));
        } else {
            assert_eq!((times.seen, times.keys, times.paused), (Some(4), 6, 10));
            assert_eq!(times.delays, "[{\"first_ms\":3}]");
        }
        let phase = times.phase.as_deref();
        assert_eq!(phase, (index >= 5).then_some("task"));
        drop(journal);
        let layout = |folder: &Path| {
            let database = Connection::open(folder.join("journal.db")).unwrap();
            let mut find = database
                .prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
                .unwrap();
            let rows = find.query_map([], |row| {
                let sql: Option<String> = row.get(2)?;
                // Comments and spaces are no difference.
                let sql = sql.unwrap_or_default();
                let code = sql
                    .lines()
                    .map(|line| line.split("--").next().unwrap_or_default());
                let code: String = code.flat_map(str::split_whitespace).collect();
                Ok((row.get(0)?, row.get(1)?, code))
            });
            rows.unwrap()
                .collect::<rusqlite::Result<Vec<(String, String, String)>>>()
                .unwrap()
        };
        assert_eq!(
            layout(folder.path()),
            layout(fresh.path()),
            "version {}",
            index + 1
        );
    }
    assert_eq!(
        EARLIER.len() as i64,
        database::latest(),
        "one fixture for each version"
    );
}

#[test]
fn later_steps_are_taken_once_and_as_a_whole() {
    let mut desk = TestJournal::new();
    desk.write(vec![draft(1, "kept")]);
    desk.journal = None;
    let mut database = Connection::open(desk.path().join("journal.db")).unwrap();
    let step = "ALTER TABLE draft ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'";
    let broken = "CREATE TABLE half (a); this is no SQL";
    let version = |database: &Connection| {
        database
            .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let steps = [database::STEPS, &[step, broken]].concat();
    database::migrate(&mut database, &steps).unwrap_err();
    assert_eq!(
        version(&database),
        database::latest() + 1,
        "the step before the broken one is done"
    );
    assert!(database.prepare("SELECT * FROM half").is_err());
    for _ in 0..2 {
        database::migrate(&mut database, &steps[..steps.len() - 1]).unwrap();
        let row = database.query_row("SELECT body, colour FROM draft", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        assert_eq!(row.unwrap(), ("kept".into(), "blue".into()));
    }
    drop(database);
    let refused = Journal::open(desk.path(), JournalOptions::default()).unwrap_err();
    let OpenError::Newer { found, known, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!((found, known), (database::latest() + 1, database::latest()));
}
