use std::fs::File;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

/// Identifiers as the inbox gives them out.
fn ids(count: usize) -> Vec<ConversationId> {
    use crate::api::responses;
    use crate::inbox::{Change, Inbox, channel};
    let (intake, mut events) = channel(count);
    let mut inbox = Inbox::default();
    let mut clients = Vec::new();
    let ids = (0..count).map(|at| {
        let body = format!(r#"{{"model": "m", "input": "{at}"}}"#);
        let request = responses::parse(body.as_bytes()).unwrap();
        clients.push(intake.open(request, "test".into(), None).unwrap());
        let event = events.try_recv().unwrap();
        match inbox.apply(event, jiff::Timestamp::UNIX_EPOCH) {
            Some(Change::Arrived { conversation, .. }) => conversation,
            other => panic!("{other:?}"),
        }
    });
    ids.collect()
}

fn file_of(key: &str, suffix: &str) -> String {
    format!(
        "{}.{suffix}",
        Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes())
    )
}

fn text_of(draft: Option<Draft>) -> Option<String> {
    draft.map(|draft| draft.text)
}

#[test]
fn drafts_outlive_the_program() {
    let state = tempfile::tempdir().unwrap();
    let ids = ids(3);
    let mut drafts = Drafts::open(state.path()).unwrap();
    drafts.save(Some(ids[0]), Some("a/../b"), "half".into());
    drafts.save(
        Some(ids[0]),
        Some("a/../b"),
        "half a sentence\n日本語".into(),
    );
    drafts.save(Some(ids[1]), Some("other"), "x".into());
    drafts.save(None, None, "early".into());
    drop(drafts);
    let mut drafts = Drafts::open(state.path()).unwrap();
    let loaded = text_of(drafts.load(ids[0], "a/../b"));
    assert_eq!(loaded.as_deref(), Some("half a sentence\n日本語"));
    assert_eq!(text_of(drafts.load_scratch()).as_deref(), Some("early"));
    drafts.save(Some(ids[0]), None, Draft::default());
    drop(drafts);
    let mut drafts = Drafts::open(state.path()).unwrap();
    assert_eq!(drafts.load(ids[0], "a/../b"), None);
    assert_eq!(text_of(drafts.load(ids[1], "other")).as_deref(), Some("x"));
    assert_eq!(drafts.load(ids[2], "never"), None);
}

#[test]
fn conversations_that_begin_alike_have_drafts_of_their_own() {
    let state = tempfile::tempdir().unwrap();
    let ids = ids(2);
    let mut drafts = Drafts::open(state.path()).unwrap();
    drafts.save(Some(ids[0]), Some("same"), "to the first".into());
    assert_eq!(drafts.written().blocking_recv(), Ok(true));
    assert_eq!(drafts.load(ids[1], "same"), None);
    drafts.save(Some(ids[1]), None, "to the second".into());
    assert_eq!(drafts.written().blocking_recv(), Ok(true));
    let loaded = [0, 1].map(|at| text_of(drafts.load(ids[at], "same")));
    assert_eq!(
        loaded,
        ["to the first", "to the second"].map(|text| Some(text.into()))
    );
}

#[test]
fn drafts_of_earlier_versions_are_answers() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("drafts");
    fs::create_dir(&folder).unwrap();
    let old = folder.join(file_of("a", "txt"));
    fs::write(&old, "{\"kind\": \"command\"}").unwrap();
    let id = ids(1)[0];
    let mut drafts = Drafts::open(state.path()).unwrap();
    let draft = drafts.load(id, "a").unwrap();
    assert_eq!(draft, "{\"kind\": \"command\"}".into());
    drafts.save(Some(id), None, draft.clone());
    drop(drafts);
    assert!(!old.exists());
    let mut drafts = Drafts::open(state.path()).unwrap();
    assert_eq!(drafts.load(id, "a"), Some(draft));
}

#[test]
fn what_others_put_there_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("drafts");
    fs::create_dir(&folder).unwrap();
    let secret = state.path().join("secret");
    fs::write(&secret, "not yours").unwrap();
    symlink(&secret, folder.join(file_of("link", "json"))).unwrap();
    let pipe = folder.join(file_of("pipe", "json"));
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let long_ago = SystemTime::now() - 2 * KEPT_FOR;
    let old = ["thesis.txt", "a.json", ".x.new", &file_of("old", "md")];
    for name in old {
        let file = File::create(folder.join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let own = folder.join(file_of("gone", "json"));
    File::create(&own).unwrap().set_modified(long_ago).unwrap();

    let mut drafts = Drafts::open(state.path()).unwrap();
    assert!(!own.exists(), "a draft that nobody came back for");
    for (id, key) in ids(2).into_iter().zip(["link", "pipe"]) {
        assert_eq!(drafts.load(id, key), None);
        drafts.save(Some(id), None, "words".into());
        drafts.save(Some(id), None, Draft::default());
    }
    assert_eq!(drafts.written().blocking_recv(), Ok(false));
    drop(drafts);
    assert_eq!(fs::read_to_string(&secret).unwrap(), "not yours");
    assert!(pipe.exists());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), old.len() + 2);
}

#[test]
fn what_cannot_be_written_is_told_and_tried_again() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("drafts");
    let mut drafts = Drafts::open(state.path()).unwrap();
    fs::remove_dir(&folder).unwrap();
    drafts.save(None, None, "no folder".into());
    assert_eq!(
        drafts.written().blocking_recv(),
        Ok(true),
        "it is made again"
    );

    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "in the way").unwrap();
    drafts.save(None, None, "words".into());
    assert_eq!(drafts.written().blocking_recv(), Ok(false));
    let told = drafts.health().borrow().clone();
    assert!(told.is_some_and(|told| told.contains("not saved")));
    fs::remove_file(&folder).unwrap();
    assert_eq!(drafts.written().blocking_recv(), Ok(true));
    assert_eq!(*drafts.health().borrow(), None);
    assert_eq!(text_of(drafts.load_scratch()).as_deref(), Some("words"));
}
