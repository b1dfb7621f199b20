//! What is written is there, now and after a restart.

use super::*;

#[test]
fn a_conversation_is_found_by_all_its_names() {
    let mut desk = TestJournal::new();
    let mut one = conversation(1);
    one.prefix = Some(Hash::of(b"one"));
    one.chain = Some("chain".into());
    let mut own = conversation(2);
    own.thread = one.thread.clone();
    own.automatic = Some("title".into());
    let mut later = conversation(3);
    later.prefix = Some(Hash::of(b"three"));
    desk.write([&one, &own, &later].map(|row| add(row.clone())).into());
    desk.restart();
    let reader = desk.reader();
    assert_eq!(reader.conversation(1).unwrap().as_ref(), Some(&one));
    assert_eq!(reader.conversation(9).unwrap(), None);
    assert_eq!(
        reader.by_thread("thread 1", None).unwrap().as_ref(),
        Some(&one)
    );
    let found = reader.by_thread("thread 1", Some("title")).unwrap();
    assert_eq!(found.as_ref(), Some(&own));
    assert_eq!(reader.by_chain("chain").unwrap().as_ref(), Some(&one));
    let prefixes = [b"none".as_slice(), b"three", b"one"].map(Hash::of);
    assert_eq!(reader.by_prefix(&prefixes).unwrap().as_ref(), Some(&later));
    assert_eq!(reader.by_prefix(&prefixes[..1]).unwrap(), None);
}

#[test]
fn conversations_come_in_pages_with_the_newest_activity_first() {
    let desk = TestJournal::new();
    // Two at the same moment.
    let rows = [(1, 50), (2, 70), (3, 50), (4, 60)].map(|(id, active)| ConversationRow {
        active,
        ..conversation(id)
    });
    desk.write(rows.map(add).into());
    let mut before = None;
    let mut ids = Vec::new();
    loop {
        let page = desk.reader().recent(3, before).unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.active, last.id));
        ids.extend(page.iter().map(|row| row.id));
    }
    assert_eq!(ids, [2, 4, 3, 1]);
    desk.write(vec![add(ConversationRow {
        active: 80,
        ..conversation(1)
    })]);
    assert_eq!(desk.reader().recent(1, None).unwrap()[0].id, 1);
}

#[test]
fn a_turn_comes_back_as_it_was_whatever_the_turns_before_it_had() {
    let mut desk = TestJournal::new();
    let mut items: Vec<String> = Vec::new();
    let mut turns = Vec::new();
    for id in 1..=100 {
        match id {
            // The agent forgets what was said last, or all of it.
            40 => items.truncate(items.len() - 3),
            70 => items.clear(),
            _ => {}
        }
        items.push(format!("question {id}"));
        items.push("{\"the same\": \"thing again\"}".into());
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        turns.push(turn(id, 5, &items));
    }
    for chunk in turns[..90].chunks(7) {
        desk.write(chunk.iter().cloned().map(add_turn).collect());
    }
    desk.restart();
    desk.write(turns[90..].iter().cloned().map(add_turn).collect());
    // An empty list goes on from nothing, and is no base.
    desk.write(vec![
        add_turn(turn(101, 5, &[])),
        add_turn(turn(102, 5, &["a"])),
    ]);
    let reader = desk.reader();
    for expected in &turns {
        assert_eq!(reader.turn(expected.id).unwrap().as_ref(), Some(expected));
    }
    assert_eq!(reader.turn(101).unwrap(), Some(turn(101, 5, &[])));
    assert_eq!(reader.newest_turn(5).unwrap(), Some(turn(102, 5, &["a"])));
    assert_eq!(reader.newest_turn(6).unwrap(), None);
    assert_eq!(reader.turns(5).unwrap(), (1..=102).collect::<Vec<_>>());
}

#[test]
fn what_an_agent_sends_again_takes_no_space_again() {
    let desk = TestJournal::new();
    let mut items: Vec<String> = Vec::new();
    let mut unique = 0;
    for id in 1..=300 {
        // Words that are worth compressing, about as much as those of people and tools.
        for part in 0..2 {
            let words: Vec<String> = (0..250)
                .map(|word| format!("{:x}", word * id * 31 + part))
                .collect();
            items.push(words.join(" the "));
            unique += items.last().unwrap().len();
        }
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        desk.write(vec![
            add(conversation(1)),
            add_turn(turn(id, 1, &items)),
            add_text(1, items[items.len() - 1]),
            add_text(1, items[items.len() - 2]),
        ]);
    }
    soon("the index", || {
        desk.reader().search("the 1f", 1).unwrap().len() == 1
    });
    let totals = desk.reader().totals().unwrap();
    assert_eq!(totals.turns, 300);
    let ratio = totals.bytes as f64 / unique as f64;
    assert!(ratio < 2.0, "{} bytes for {unique}: {ratio}", totals.bytes);
}

#[test]
fn states_change_and_the_rest_stays() {
    let mut desk = TestJournal::new();
    let mut asked = turn(1, 1, &["a"]);
    asked.state = TurnState::Waiting;
    desk.write(vec![add(conversation(1)), add_turn(asked.clone())]);
    let words = said(4, 1, "Hello");
    desk.write(vec![
        Record::Said(words.clone()),
        Record::Said(said(5, 1, "again")),
    ]);
    desk.write(vec![
        Record::SaidState {
            id: 4,
            state: SaidState::Delivered,
        },
        Record::TurnState {
            id: 1,
            state: TurnState::Gone,
        },
        Record::ConversationState {
            id: 1,
            active: 99,
            state: TurnState::Gone,
        },
    ]);
    desk.restart();
    let delivered = SaidRow {
        state: SaidState::Delivered,
        ..words
    };
    assert_eq!(
        desk.reader().said(1).unwrap(),
        [delivered, said(5, 1, "again")]
    );
    let ended = TurnRow {
        state: TurnState::Gone,
        ..asked
    };
    assert_eq!(desk.reader().turn(1).unwrap(), Some(ended));
    let gone = ConversationRow {
        active: 99,
        state: TurnState::Gone,
        ..conversation(1)
    };
    assert_eq!(desk.reader().conversation(1).unwrap(), Some(gone));
}

#[test]
fn drafts_recalls_and_settings_outlive_the_program() {
    let mut desk = TestJournal::new();
    desk.write(vec![
        draft(0, "before any request"),
        draft(3, "half"),
        draft(4, "x"),
    ]);
    desk.write(vec![
        draft(3, "half a sentence"),
        Record::ClearDraft { conversation: 4 },
    ]);
    for number in 0..250 {
        desk.write(vec![Record::Recall(Recall {
            text: format!("reply {number}"),
            at: number,
            conversation: None,
        })]);
    }
    desk.write(vec![Record::Recall(Recall {
        text: "reply 60".into(),
        at: 999,
        conversation: None,
    })]);
    for value in ["1", "2"] {
        desk.write(vec![Record::Setting {
            key: "statistics".into(),
            value: value.into(),
        }]);
    }
    desk.restart();
    let reader = desk.reader();
    assert_eq!(reader.drafts().unwrap(), [0, 3]);
    assert_eq!(reader.draft(3).unwrap().unwrap().body, "half a sentence");
    assert_eq!(reader.draft(4).unwrap(), None);
    let recalls = reader.recalls().unwrap();
    let recalls: Vec<String> = recalls.into_iter().map(|row| row.text).collect();
    assert_eq!(recalls.len(), 200);
    assert_eq!(recalls[..2], ["reply 60", "reply 249"]);
    assert_eq!(recalls[199], "reply 50");
    assert_eq!(reader.setting("statistics").unwrap().as_deref(), Some("2"));
    assert_eq!(reader.setting("other").unwrap(), None);
}

#[test]
fn what_models_drafted_and_rules_decided_outlives_the_program() {
    let mut desk = TestJournal::new();
    let streaming = ModelDraftRow {
        first: None,
        ended: None,
        state: ModelDraftState::Streaming,
        items: "[]".into(),
        usage: None,
        fate: DraftFate::Open,
        ..model_draft(1, 1)
    };
    desk.write(vec![add_model_draft(streaming.clone())]);
    let done = ModelDraftRow {
        items: format!("[{:?}]", "long ".repeat(100)),
        partial: Some("{}".into()),
        failure: Some("no route".into()),
        ..model_draft(1, 1)
    };
    let other = ModelDraftRow {
        sent: 2,
        ..streaming.clone()
    };
    desk.write(vec![
        add_model_draft(done.clone()),
        add_model_draft(ModelDraftRow {
            id: 2,
            ..streaming.clone()
        }),
        add_model_draft(ModelDraftRow {
            id: 3,
            ..other.clone()
        }),
        Record::Decision(decision(1, 1)),
        Record::Decision(DecisionRow {
            draft: None,
            waited: true,
            ..decision(2, 1)
        }),
    ]);
    desk.restart();
    desk.write(vec![Record::NobodyWaits]);
    let reader = desk.reader();
    let drafts = reader.model_drafts(1, 0, 9).unwrap();
    // What the program was at when it ended has ended too.
    let ended = |id, fate, draft: &ModelDraftRow| ModelDraftRow {
        id,
        state: ModelDraftState::Failed,
        failure: Some("the program ended".into()),
        fate,
        ..draft.clone()
    };
    let expected = [
        done,
        ended(2, DraftFate::Unused, &streaming),
        ended(3, DraftFate::Automatic, &other),
    ];
    assert_eq!(drafts, expected);
    assert_eq!(reader.model_drafts(1, 1, 1).unwrap(), expected[1..2]);
    assert_eq!(reader.model_drafts(2, 0, 9).unwrap(), []);
    let decisions = reader.decisions(1, 0, 9).unwrap();
    assert_eq!(decisions[0], decision(1, 1));
    assert!(decisions[1].draft.is_none() && decisions[1].waited);
    assert_eq!(reader.decisions(1, 1, 9).unwrap(), decisions[1..]);
}

#[test]
fn what_the_person_makes_of_it_outlives_the_program() {
    let mut desk = TestJournal::new();
    desk.write(vec![
        add(conversation(1)),
        add(conversation(2)),
        add_turn(turn(1, 1, &[])),
        add_turn(turn(2, 2, &[])),
    ]);
    desk.write(vec![
        Record::Mark(mark(1, Some(1))),
        Record::Mark(mark(1, None)),
        Record::Mark(mark(2, None)),
    ]);
    let changed = MarkRow {
        labels: Vec::new(),
        rating: None,
        excluded: true,
        updated: 6005,
        ..mark(1, Some(1))
    };
    desk.write(vec![
        Record::Mark(changed.clone()),
        // One that says nothing is none.
        Record::Mark(MarkRow {
            conversation: 2,
            ..MarkRow::default()
        }),
    ]);
    desk.restart();
    let reader = desk.reader();
    assert_eq!(reader.marks(1).unwrap(), [mark(1, None), changed]);
    assert_eq!(reader.marks(2).unwrap(), []);
    // What is not there, or belongs elsewhere, is not marked.
    desk.write(vec![
        Record::Mark(mark(9, None)),
        Record::Mark(mark(2, Some(1))),
        Record::Mark(mark(2, Some(9))),
    ]);
    assert_eq!(reader.marks(2).unwrap(), []);
    assert_eq!(reader.marks(9).unwrap(), []);
}

#[test]
fn of_many_drafts_to_one_request_the_newest_are_kept() {
    let desk = TestJournal::new();
    let of_turn = |id, turn| ModelDraftRow {
        turn,
        ..model_draft(id, 1)
    };
    desk.write(vec![add_model_draft(of_turn(1, 1))]);
    desk.write(
        (2..=150)
            .map(|id| add_model_draft(of_turn(id, 2)))
            .collect(),
    );
    desk.write(
        (1..=1200)
            .map(|id| Record::Decision(decision(id, 1)))
            .collect(),
    );
    let drafts = desk.reader().model_drafts(1, 0, 999).unwrap();
    let ids: Vec<i64> = drafts.iter().map(|draft| draft.id).collect();
    assert_eq!(ids, [vec![1], (51..=150).collect()].concat());
    let decisions = desk.reader().decisions(1, 0, 9999).unwrap();
    assert_eq!((decisions.len(), decisions[0].id), (1000, 201));
}

#[test]
fn stored_responses_and_their_events_come_back() {
    let mut desk = TestJournal::new();
    let open = |id, created| ResponseRow {
        open: true,
        background: true,
        created,
        ..response(id, Some(1))
    };
    desk.write(vec![
        Record::Response(open("resp_b", 20)),
        Record::Response(open("resp_a", 10)),
        Record::Response(response("resp_c", None)),
    ]);
    let event = |number: i64| EventRow {
        number,
        name: (number % 2 == 0).then(|| "response.output_text.delta".into()),
        data: format!("{{\"delta\":\"{}\"}}", "long ".repeat(number as usize)),
    };
    desk.write(vec![
        Record::Events {
            response: "resp_a".into(),
            events: (0..60).map(event).collect(),
        },
        Record::Events {
            response: "resp_none".into(),
            events: vec![event(1)],
        },
        Record::ResponseItem {
            id: "msg_1".into(),
            response: "resp_a".into(),
            item: Blob::new("{1}"),
        },
    ]);
    // However long it takes and whatever comes of it, it began when it began.
    desk.write(vec![
        Record::Response(open("resp_a", 30)),
        Record::Response(ResponseRow {
            open: false,
            ..open("resp_d", 15)
        }),
    ]);
    desk.restart();
    let reader = desk.reader();
    assert_eq!(
        reader.open_background().unwrap(),
        [open("resp_a", 10), open("resp_b", 20)]
    );
    desk.write(vec![Record::Response(ResponseRow {
        open: false,
        ..open("resp_b", 20)
    })]);
    assert_eq!(reader.open_background().unwrap(), [open("resp_a", 10)]);
    assert_eq!(
        reader.response("resp_c").unwrap(),
        Some(response("resp_c", None))
    );
    assert_eq!(reader.response("resp_none").unwrap(), None);
    assert_eq!(
        reader.response_item("msg_1").unwrap(),
        Some(Blob::new("{1}"))
    );
    let events = reader.events("resp_a", 9, 3).unwrap();
    assert_eq!(events, [event(10), event(11), event(12)]);
    assert_eq!(reader.events("resp_a", -1, 999).unwrap().len(), 60);
    assert_eq!(reader.events("resp_none", -1, 999).unwrap(), []);
}

#[test]
fn conversations_of_clients_come_back_in_order() {
    let mut desk = TestJournal::new();
    let row = ApiConversation {
        id: "conv_1".into(),
        object: "{}".into(),
        used: 5,
    };
    let items = |position, items: &[&str]| Record::ApiConversationItems {
        conversation: "conv_1".into(),
        position,
        items: items.iter().copied().map(Blob::new).collect(),
    };
    desk.write(vec![
        Record::ApiConversation(row.clone()),
        items(0, &["a", "b"]),
    ]);
    desk.write(vec![
        items(2, &["a"]),
        Record::ApiConversation(ApiConversation {
            used: 6,
            ..row.clone()
        }),
    ]);
    desk.restart();
    let (found, items) = desk.reader().api_conversation("conv_1").unwrap().unwrap();
    assert_eq!(found.used, 6);
    assert_eq!(items, ["a", "b", "a"].map(Blob::new));
    assert_eq!(desk.reader().api_conversation("conv_2").unwrap(), None);
}

#[test]
fn new_ids_are_free() {
    let desk = TestJournal::new();
    let ids = desk.reader().next_ids().unwrap();
    assert_eq!(
        ids,
        NextIds {
            conversation: 1,
            turn: 1,
            said: 1,
            model_draft: 1,
            decision: 1,
        }
    );
    desk.write(vec![
        add(conversation(7)),
        add_turn(turn(9, 8, &[])),
        Record::Said(said(3, 7, "a")),
        add_model_draft(model_draft(5, 7)),
        Record::Decision(decision(2, 7)),
    ]);
    let ids = desk.reader().next_ids().unwrap();
    assert_eq!(
        ids,
        NextIds {
            conversation: 9,
            turn: 10,
            said: 4,
            model_draft: 6,
            decision: 3,
        }
    );
}

#[test]
fn texts_and_titles_are_found_by_their_words() {
    let mut desk = TestJournal::new();
    let long = format!(
        "{} Überraschung im Café {}",
        "before ".repeat(500),
        "after ".repeat(500)
    );
    desk.write(vec![
        add(conversation(1)),
        add(ConversationRow {
            title: "Repair the parser".into(),
            ..conversation(2)
        }),
        add_text(1, &long),
        add_text(1, &long),
        add_text(2, "SELECT \"quoted\" AND (NOT) NEAR/2 col:umn* — naïve"),
    ]);
    let found = |words: &str| {
        let hits = desk.reader().search(words, 10).unwrap();
        hits.into_iter()
            .map(|hit| hit.conversation)
            .collect::<Vec<_>>()
    };
    soon("the index", || found("naive") == [2]);
    assert_eq!(
        found("uberraschung CAFE"),
        [1],
        "whatever the case and the accents"
    );
    assert_eq!(found("repair pars"), [2], "the title, and part of a word");
    assert_eq!(found("number"), [1]);
    assert_eq!(found("before naive"), [0; 0], "all of the words");
    for strange in [
        "", " ", "\"", "* - ()", "a\"b", "col:umn", "NEAR(", "NOT", "AND OR", "\0x", "x\0",
        "-naive", "^", "{a b}:c",
    ] {
        found(strange);
    }
    assert_eq!(found("col:umn \"quoted"), [2]);
    let hits = desk.reader().search("café", 10).unwrap();
    let excerpt = &hits[0].excerpt;
    assert!(
        excerpt.text.starts_with('…') && excerpt.text.ends_with('…'),
        "{excerpt:?}"
    );
    assert!(excerpt.text.len() < 400, "{excerpt:?}");
    let marked: Vec<&str> = excerpt
        .found
        .iter()
        .map(|range| &excerpt.text[range.clone()])
        .collect();
    assert_eq!(marked, ["Café"]);
    drop(hits);

    desk.write(vec![add(ConversationRow {
        title: "Another thing".into(),
        ..conversation(2)
    })]);
    soon("the new title", || {
        !desk.reader().search("another", 1).unwrap().is_empty()
    });
    assert_eq!(desk.reader().search("parser", 1).unwrap(), []);
    desk.restart();
    assert_eq!(desk.reader().search("naive", 1).unwrap().len(), 1);
}

#[test]
fn writes_are_settled_for_those_who_wait_in_the_background_too() {
    let desk = TestJournal::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for number in 0..50 {
            let seq = desk.journal().write(vec![draft(1, &number.to_string())]);
            assert!(desk.journal().settled(seq).await);
            let reader = desk.reader();
            assert_eq!(reader.draft(1).unwrap().unwrap().body, number.to_string());
        }
    });
}

#[test]
fn many_can_write_and_read_at_once() {
    let desk = TestJournal::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let desk = &desk;
            scope.spawn(move || {
                for number in 0..100 {
                    let id = writer * 1000 + number + 1;
                    desk.write(vec![
                        add(conversation(id)),
                        add_turn(turn(id, id, &["shared", "too"])),
                    ]);
                    assert_eq!(desk.reader().newest_turn(id).unwrap().unwrap().id, id);
                }
            });
        }
    });
    let totals = desk.reader().totals().unwrap();
    assert_eq!((totals.conversations, totals.turns), (400, 400));
    // The items, tools and envelope, each once, and the titles.
    assert_eq!(totals.blobs, 4 + 400);
}

#[test]
fn only_the_owner_can_read_it_and_the_log_of_sqlite_stays_small() {
    use std::os::unix::fs::MetadataExt;
    let desk = TestJournal::new();
    for id in 1..200 {
        let body = format!("{id} ").repeat(50_000);
        desk.write(vec![draft(id, &body)]);
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(desk.path()).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "journal.db",
            "journal.db-shm",
            "journal.db-tail",
            "journal.db-wal",
            "journal.lock"
        ]
    );
    let log = desk.path().join("journal.db-wal");
    soon("a small log", || {
        std::fs::metadata(&log).unwrap().len() < 100 << 20
    });
}
