//! Whatever is written is read again, also after a restart.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a person and agents do to a journal.
#[derive(Debug, Clone)]
enum JournalStep {
    /// The agent keeps so many of the items of the conversation, and adds these.
    Turn {
        conversation: i64,
        kept: usize,
        added: Vec<String>,
    },
    Draft {
        conversation: i64,
        body: String,
    },
    Clear {
        conversation: i64,
    },
    Said {
        conversation: i64,
        typed: String,
    },
    Delete {
        conversation: i64,
    },
    Restart,
}

fn step() -> impl Strategy<Value = JournalStep> {
    let conversation = 1..4_i64;
    // Few different ones, some of them long, so that they are shared and compressed.
    let text = prop_oneof![
        "[ab]{0,2}",
        "\\PC{0,40}",
        ("[ab]", 100..3000_usize).prop_map(|(letter, times)| letter.repeat(times)),
    ];
    prop_oneof![
        6 => (conversation.clone(), 0..12_usize, prop::collection::vec(text.clone(), 0..4))
            .prop_map(|(conversation, kept, added)| JournalStep::Turn { conversation, kept, added }),
        2 => (conversation.clone(), text.clone())
            .prop_map(|(conversation, body)| JournalStep::Draft { conversation, body }),
        1 => conversation.clone().prop_map(|conversation| JournalStep::Clear { conversation }),
        2 => (conversation.clone(), text)
            .prop_map(|(conversation, typed)| JournalStep::Said { conversation, typed }),
        1 => conversation.prop_map(|conversation| JournalStep::Delete { conversation }),
        1 => Just(JournalStep::Restart),
    ]
}

/// What the journal should have.
#[derive(Debug, Default)]
struct Model {
    turns: BTreeMap<i64, TurnRow>,
    drafts: BTreeMap<i64, String>,
    said: BTreeMap<i64, SaidRow>,
}

impl Model {
    fn check(&self, reader: &JournalReader) {
        for (id, turn) in &self.turns {
            assert_eq!(reader.turn(*id).unwrap().as_ref(), Some(turn));
        }
        assert_eq!(reader.totals().unwrap().turns, self.turns.len() as u64);
        let drafts = reader.drafts().unwrap().into_iter();
        let drafts = drafts.map(|id| (id, reader.draft(id).unwrap().unwrap().body));
        assert_eq!(drafts.collect::<BTreeMap<_, _>>(), self.drafts);
        for conversation in 1..4 {
            let said = self
                .said
                .values()
                .filter(|said| said.conversation == conversation);
            let said: Vec<SaidRow> = said.cloned().collect();
            assert_eq!(reader.said(conversation).unwrap(), said);
            let mut turns = self.turns.values().rev();
            let newest = turns.find(|turn| turn.conversation == conversation);
            assert_eq!(reader.newest_turn(conversation).unwrap().as_ref(), newest);
        }
        let mut blobs: Vec<Hash> = Vec::new();
        for turn in self.turns.values() {
            blobs.extend(turn.items.iter().map(|item| item.hash));
            blobs.push(turn.envelope.hash);
            blobs.extend(turn.tools.iter().map(|tools| tools.hash));
        }
        blobs.sort();
        blobs.dedup();
        assert_eq!(
            reader.totals().unwrap().blobs,
            blobs.len() as u64,
            "no more and no less"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_there(steps in prop::collection::vec(step(), 1..60)) {
        let mut desk = TestJournal::new();
        let mut model = Model::default();
        for (id, step) in (1..).zip(steps) {
            match step {
                JournalStep::Turn { conversation, kept, added } => {
                    let mut turns = model.turns.values().rev();
                    let last = turns.find(|turn| turn.conversation == conversation);
                    let items = last.map_or(Vec::new(), |last| last.items.clone());
                    let mut row = turn(id, conversation, &[]);
                    row.items = items.into_iter().take(kept).collect();
                    row.items.extend(added.into_iter().map(Blob::new));
                    desk.write(vec![add_turn(row.clone())]);
                    model.turns.insert(id, row);
                }
                JournalStep::Draft { conversation, body } => {
                    desk.write(vec![draft(conversation, &body)]);
                    model.drafts.insert(conversation, body);
                }
                JournalStep::Clear { conversation } => {
                    desk.write(vec![Record::ClearDraft { conversation }]);
                    model.drafts.remove(&conversation);
                }
                JournalStep::Said { conversation, typed } => {
                    let row = said(id, conversation, &typed);
                    desk.write(vec![Record::Said(row.clone())]);
                    model.said.insert(id, row);
                }
                JournalStep::Delete { conversation } => {
                    desk.write(vec![Record::DeleteConversation { id: conversation }]);
                    model.turns.retain(|_, turn| turn.conversation != conversation);
                    model.said.retain(|_, said| said.conversation != conversation);
                    model.drafts.remove(&conversation);
                }
                JournalStep::Restart => desk.restart(),
            }
        }
        model.check(&desk.reader());
        desk.restart();
        model.check(&desk.reader());
    }
}
