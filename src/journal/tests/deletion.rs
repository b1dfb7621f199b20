//! What is deleted is gone, and nothing else is.

use super::*;

/// Whether any file in the folder has these bytes.
fn is_anywhere(folder: &Path, what: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(what.len())
            .any(|window| window == what.as_bytes())
    })
}

/// A conversation whose every part says `word`, besides what it shares with all others.
pub(super) fn telling(id: i64, word: &str) -> Vec<Record> {
    let row = ConversationRow {
        title: format!("title{word}"),
        ..conversation(id)
    };
    let mut asked = turn(id, id, &[&format!("item{word}"), "shared item"]);
    asked.detail = format!("detail{word}");
    asked.envelope = Blob::new(format!("envelope{word}"));
    asked.instructions = Some(Blob::new("shared instructions"));
    let id_of_response = format!("resp_{id}");
    vec![
        add(row),
        add_turn(asked),
        Record::Said(said(id, id, &format!("words{word}"))),
        draft(id, &format!("earlierdraft{word}")),
        add_model_draft(ModelDraftRow {
            hint: Some(format!("hint{word}")),
            items: format!("items{word}"),
            partial: Some(format!("partial{word}")),
            ..model_draft(id, id)
        }),
        Record::Decision(DecisionRow {
            matched: format!("matched{word}"),
            ..decision(id, id)
        }),
        Record::Mark(MarkRow {
            labels: vec![format!("label{word}")],
            ..mark(id, None)
        }),
        Record::Mark(MarkRow {
            note: format!("note{word}"),
            ..mark(id, Some(id))
        }),
        Record::TurnTime(TurnTime {
            turn: id,
            conversation: id,
            delays: format!("delay{word}"),
            phase: Some(format!("phase{word}")),
            ..TurnTime::default()
        }),
        draft(id, &format!("draft{word}")),
        Record::Response(ResponseRow {
            state: format!("state{word}"),
            ..response(&id_of_response, Some(id))
        }),
        Record::ResponseItem {
            id: format!("msg_{id}"),
            response: id_of_response.clone(),
            item: Blob::new(format!("output{word}")),
        },
        Record::Events {
            response: id_of_response,
            events: vec![EventRow {
                number: 1,
                name: None,
                data: format!("event{word}"),
            }],
        },
        add_text(id, &format!("some text{word} to be found and shared{id}")),
        add_text(id, "shared text"),
    ]
}

#[test]
fn a_deleted_conversation_leaves_nothing_behind() {
    let desk = TestJournal::new();
    desk.write(telling(1, "zanzibar"));
    desk.write(telling(2, "quokka"));
    soon("the index", || {
        !desk.reader().search("textzanzibar", 1).unwrap().is_empty()
    });
    soon("the index", || {
        !desk.reader().search("textquokka", 1).unwrap().is_empty()
    });
    assert!(is_anywhere(desk.path(), "zanzibar"));
    desk.write(vec![Record::DeleteConversation { id: 1 }]);
    let reader = desk.reader();
    assert_eq!(reader.conversation(1).unwrap(), None);
    assert_eq!(reader.turn(1).unwrap(), None);
    assert_eq!(reader.said(1).unwrap(), []);
    assert_eq!(reader.model_drafts(1, 0, 9).unwrap(), []);
    assert_eq!(reader.decisions(1, 0, 9).unwrap(), []);
    assert_eq!(reader.marks(1).unwrap(), []);
    assert_eq!(reader.timed_turns(1).unwrap(), []);
    assert_eq!(reader.drafts().unwrap(), [2]);
    assert_eq!(reader.response("resp_1").unwrap(), None);
    assert_eq!(reader.response_item("msg_1").unwrap(), None);
    assert_eq!(reader.search("textzanzibar", 9).unwrap(), []);
    soon("its end in all files", || {
        !is_anywhere(desk.path(), "zanzibar")
    });

    // The other one has everything that it had.
    let turn = reader.turn(2).unwrap().unwrap();
    let items: Vec<&str> = turn.items.iter().map(|item| &*item.text).collect();
    assert_eq!(items, ["itemquokka", "shared item"]);
    assert_eq!(&*turn.instructions.unwrap().text, "shared instructions");
    assert_eq!(
        reader.model_drafts(2, 0, 9).unwrap()[0].items,
        "itemsquokka"
    );
    assert_eq!(
        reader.decisions(2, 0, 9).unwrap()[0].matched,
        "matchedquokka"
    );
    let marks = reader.marks(2).unwrap();
    assert_eq!(marks[0].labels, ["labelquokka"]);
    assert_eq!(marks[1].note, "notequokka");
    let timed = reader.timed_turns(2).unwrap();
    assert_eq!(timed[0].times.delays, "delayquokka");
    assert_eq!(
        reader.events("resp_2", 0, 9).unwrap()[0].data,
        "eventquokka"
    );
    assert_eq!(
        &*reader.response_item("msg_2").unwrap().unwrap().text,
        "outputquokka"
    );
    for words in ["textquokka", "titlequokka", "shared text"] {
        let hits = reader.search(words, 9).unwrap();
        assert_eq!(hits.len(), 1, "{words}");
        assert_eq!(hits[0].conversation, 2, "{words}");
    }
    let left = reader.totals().unwrap().blobs;
    desk.write(vec![Record::DeleteConversation { id: 2 }]);
    let totals = reader.totals().unwrap();
    assert_eq!(
        (totals.blobs, totals.turns, totals.responses),
        (0, 0, 0),
        "of {left}"
    );
    soon("the end of all", || !is_anywhere(desk.path(), "quokka"));
    // Rows that are free again are not mistaken for those that were there.
    desk.write(telling(3, "narwhal"));
    assert_eq!(
        &*reader.turn(3).unwrap().unwrap().items[0].text,
        "itemnarwhal"
    );
}

#[test]
fn deleting_a_response_or_a_clients_conversation_leaves_those_of_others() {
    let desk = TestJournal::new();
    let item = |id: &str, response: &str, text: &str| Record::ResponseItem {
        id: id.into(),
        response: response.into(),
        item: Blob::new(text),
    };
    let items = |text: &str| Record::ApiConversationItems {
        conversation: "conv_1".into(),
        position: 0,
        items: vec![Blob::new(text), Blob::new("shared")],
    };
    desk.write(vec![
        Record::Response(response("resp_1", None)),
        Record::Response(response("resp_2", None)),
        item("msg_1", "resp_1", "only wombat"),
        item("msg_2", "resp_1", "shared"),
        item("msg_3", "resp_2", "shared"),
        Record::ApiConversation(ApiConversation {
            id: "conv_1".into(),
            object: "{}".into(),
            used: 1,
        }),
        items("only ibex"),
    ]);
    desk.write(vec![
        Record::DeleteResponse {
            id: "resp_1".into(),
        },
        Record::DeleteResponse {
            id: "resp_9".into(),
        },
        Record::DeleteApiConversation {
            id: "conv_1".into(),
        },
        Record::DeleteApiConversation {
            id: "conv_9".into(),
        },
    ]);
    let reader = desk.reader();
    assert_eq!(reader.response("resp_1").unwrap(), None);
    assert_eq!(reader.response_item("msg_2").unwrap(), None);
    assert_eq!(
        reader.response_item("msg_3").unwrap(),
        Some(Blob::new("shared"))
    );
    assert_eq!(reader.api_conversation("conv_1").unwrap(), None);
    assert_eq!(reader.totals().unwrap().blobs, 1);
    soon("their end in all files", || {
        !is_anywhere(desk.path(), "wombat") && !is_anywhere(desk.path(), "ibex")
    });
}

/// Milliseconds since 1970, so many days ago.
fn days_ago(days: i64) -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(now.as_millis()).unwrap() - days * 24 * 3600 * 1000
}

#[test]
fn what_is_older_than_is_to_be_kept_goes() {
    let mut desk = TestJournal::new();
    let old = |id: i64, state| {
        let mut records = telling(id, &format!("w{id}"));
        records.push(Record::ClearDraft { conversation: id });
        records.push(add(ConversationRow {
            active: days_ago(40),
            state,
            ..conversation(id)
        }));
        records
    };
    desk.write(old(1, TurnState::Answered));
    desk.write(old(2, TurnState::Waiting));
    desk.write([old(3, TurnState::Answered), vec![draft(3, "mine")]].concat());
    desk.write(
        [
            old(4, TurnState::Gone),
            vec![Record::TurnState {
                id: 4,
                state: TurnState::Waiting,
            }],
        ]
        .concat(),
    );
    desk.write(telling(5, "young"));
    desk.write(vec![add(ConversationRow {
        active: days_ago(5),
        ..conversation(5)
    })]);
    let made = |id: &str, created, open| {
        Record::Response(ResponseRow {
            created,
            open,
            ..response(id, None)
        })
    };
    desk.write(vec![
        made("resp_old", days_ago(31), false),
        made("resp_open", days_ago(31), true),
        made("resp_young", days_ago(29), false),
        Record::Response(ResponseRow {
            created: days_ago(1),
            ..response("resp_5", Some(5))
        }),
        Record::ApiConversation(ApiConversation {
            id: "conv".into(),
            object: "{}".into(),
            used: days_ago(31),
        }),
    ]);
    desk.journal = None;
    let retention = Retention {
        days: Some(30),
        bytes: None,
    };
    let options = JournalOptions {
        retention,
        ..JournalOptions::default()
    };
    desk.journal = Some(Journal::open(desk.path(), options).unwrap());
    let reader = desk.reader();
    soon("the end of the old one", || {
        reader.conversation(1).unwrap().is_none()
            && reader.response("resp_old").unwrap().is_none()
            && reader.api_conversation("conv").unwrap().is_none()
    });
    let left: Vec<i64> = reader
        .recent(9, None)
        .unwrap()
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(left, [5, 4, 3, 2]);
    for id in 2..=5 {
        assert_eq!(reader.turn(id).unwrap().unwrap().items.len(), 2);
    }
    assert_eq!(reader.search("textw1", 9).unwrap(), []);
    assert!(reader.response("resp_open").unwrap().is_some());
    assert!(reader.response("resp_young").unwrap().is_some());
}

/// Much that nothing makes small.
fn much(id: i64) -> String {
    let digits = (0..20_000).map(|n| format!("{:x}", n * id * 7919));
    digits.collect()
}

#[test]
fn the_oldest_go_when_there_is_too_much_and_the_file_shrinks() {
    let desk = TestJournal::with(JournalOptions {
        retention: Retention {
            days: None,
            bytes: Some(2 << 20),
        },
        ..JournalOptions::default()
    });
    for id in 1..=60 {
        desk.write(vec![
            add(conversation(id)),
            add_turn(turn(id, id, &[&much(id)])),
        ]);
    }
    let reader = desk.reader();
    let before = reader.totals().unwrap();
    soon("less", || {
        let now = reader.totals().unwrap();
        now.bytes - now.free <= 2 << 20 && now.bytes < before.bytes / 2
    });
    let left = reader.recent(99, None).unwrap();
    assert!(left.len() > 3, "{}", left.len());
    assert_eq!(
        left.last().unwrap().id,
        61 - left.len() as i64,
        "the newest ones"
    );
    assert!(reader.newest_turn(60).unwrap().is_some());
}

#[test]
fn compacting_gives_space_back_and_keeps_everything() {
    let mut desk = TestJournal::new();
    for id in 1..=40 {
        desk.write(vec![
            add(conversation(id)),
            add_turn(turn(id, id, &[&much(id)])),
            add_text(id, &format!("word{id}")),
        ]);
    }
    // An item that is replaced leaves a content that nobody has.
    for text in ["first", "second"] {
        desk.write(vec![
            Record::Response(response("resp", None)),
            Record::ResponseItem {
                id: "msg".into(),
                response: "resp".into(),
                item: Blob::new(text),
            },
        ]);
    }
    desk.write(
        (1..=30)
            .map(|id| Record::DeleteConversation { id })
            .collect(),
    );
    assert!(matches!(compact(desk.path()), Err(OpenError::Busy { .. })));
    desk.journal = None;
    let (before, after) = compact(desk.path()).unwrap();
    assert!(after < before / 2, "{before} {after}");
    desk.restart();
    let totals = desk.reader().totals().unwrap();
    assert_eq!((totals.conversations, totals.free), (10, 0));
    // Ten titles, texts and items, tools, envelope, and the item of the response.
    assert_eq!(totals.blobs, 33);
    assert_eq!(desk.reader().search("word31", 9).unwrap().len(), 1);
    assert_eq!(desk.reader().search("word30", 9).unwrap(), []);
}
