//! Whole exports, of journals that the tests write.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::api::{Body, Phase};
use crate::draft::{Draft, Origin, Source};
use crate::inbox::ReplyContent;
use crate::journal::{
    Blob, ConversationRow, DecisionRow, DraftFate, Journal, JournalOptions, ModelDraftRow,
    ModelDraftState, Record, SaidRow, SaidState, TurnRow, TurnState,
};
use crate::store::marks::find_or_new;

const FORMATS: [ExportFormat; 6] = [
    ExportFormat::Atif,
    ExportFormat::Messages,
    ExportFormat::Preferences,
    ExportFormat::Markdown,
    ExportFormat::Html,
    ExportFormat::Raw,
];

/// A journal in a folder.
struct TestJournal {
    folder: TempDir,
    journal: Journal,
    /// How many replies there are; the last one has this id.
    replies: i64,
}

impl TestJournal {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        Self {
            folder,
            journal,
            replies: 0,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, records: Vec<Record>) {
        let seq = self.journal.write(records);
        assert!(self.journal.settled_blocking(seq));
    }

    fn add_conversation(&self, id: i64, title: &str) {
        self.write(vec![Record::Conversation(ConversationRow {
            id,
            thread: None,
            chain: None,
            automatic: None,
            prefix: None,
            agent: "codex/0.169.0".into(),
            title: title.into(),
            begun: 1_767_323_045_000,
            active: 1_767_323_046_000,
            state: TurnState::Answered,
        })]);
    }

    /// Adds a request of the Responses API, parsed as the server does.
    fn add_turn(&self, id: i64, conversation: i64, input: &[Value]) {
        let body = json!({"model": "human", "tools": [{"type": "function", "name": "exec_command",
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}}}],
            "input": input});
        let body = body.to_string();
        let format = crate::api::Format::Responses;
        let request = format.parse(body.as_bytes(), &Default::default()).unwrap();
        self.write(vec![Record::Turn(Box::new(TurnRow {
            id,
            conversation,
            format: format.number(),
            arrived: 1_767_323_045_000 + id,
            state: TurnState::Answered,
            envelope: Blob::new(serde_json::to_string(&*request.envelope).unwrap()),
            instructions: None,
            tools: Some(Blob::new(request.tools.raw())),
            items: request
                .items
                .iter()
                .map(|item| Blob::new(item.raw()))
                .collect(),
            detail: "{}".into(),
        }))]);
    }

    fn add_reply(&mut self, turn: i64, conversation: i64, body: Body, draft: &Draft) {
        self.replies += 1;
        self.write(vec![Record::Said(SaidRow {
            id: self.replies,
            conversation,
            turn,
            ticket: self.replies,
            at: 1_767_323_050_000 + self.replies,
            state: SaidState::Delivered,
            words: serde_json::to_string(&ReplyContent::Item(body)).unwrap(),
            typed: draft.to_json(),
        })]);
    }

    fn add_draft(&self, id: i64, turn: i64, conversation: i64, items: &[Body], fate: DraftFate) {
        self.write(vec![Record::ModelDraft(Box::new(ModelDraftRow {
            id,
            conversation,
            turn,
            model: "qwen".into(),
            hint: None,
            begun: 1_767_323_045_000,
            first: None,
            ended: Some(1_767_323_046_000),
            state: ModelDraftState::Complete,
            failure: None,
            items: serde_json::to_string(items).unwrap(),
            partial: None,
            usage: Some(r#"{"input":100,"output":20,"reasoning":5}"#.into()),
            sent: 0,
            fate,
        }))]);
    }

    fn export(
        &self,
        options: &ExportOptions,
        redactor: &mut Redactor,
    ) -> Result<String, ExportError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        run(
            options,
            redactor,
            &ExportTarget::File(path.clone()),
            self.path(),
        )?;
        Ok(fs::read_to_string(path).unwrap())
    }

    fn export_lines(&self, options: &ExportOptions) -> Vec<Value> {
        let text = self.export(options, &mut Redactor::none()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn assistant(text: &str) -> Value {
    json!({"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": text}]})
}

fn answer(text: &str) -> Body {
    Body::message(text, Phase::FinalAnswer)
}

/// The draft of a reply whose first characters, so many, come from a model.
fn draft_of(text: &str, by_model: usize) -> Draft {
    let mut origin = Origin::default();
    origin.push(
        by_model,
        Source::Model {
            draft: 1,
            model: "qwen".into(),
        },
    );
    origin.push(text.chars().count() - by_model, Source::Typed);
    Draft {
        origin,
        ..Draft::from(text)
    }
}

/// Three questions with an answer each: one by the person, one of a model, one of both.
fn three_turns() -> TestJournal {
    let mut journal = TestJournal::new();
    journal.add_conversation(1, "Three");
    let mut input = vec![user("one")];
    journal.add_turn(1, 1, &input);
    journal.add_reply(1, 1, answer("first"), &"first".into());
    input.extend([assistant("first"), user("two")]);
    journal.add_turn(2, 1, &input);
    journal.add_draft(1, 2, 1, &[answer("second")], DraftFate::Sent);
    journal.add_reply(2, 1, answer("second"), &draft_of("second", 6));
    input.extend([assistant("second"), user("three")]);
    journal.add_turn(3, 1, &input);
    journal.add_draft(2, 3, 1, &[answer("thirty")], DraftFate::Unused);
    journal.add_draft(3, 3, 1, &[answer("thirst")], DraftFate::Edited);
    journal.add_reply(3, 1, answer("third"), &draft_of("third", 4));
    journal
}

/// The messages of the assistant in a line, each with its weight: 1 if it is to be learned.
fn weights(line: &Value) -> Vec<(&str, i64)> {
    let messages = line["messages"].as_array().unwrap().iter();
    let own = messages.filter(|message| message["role"] == "assistant");
    own.map(|message| {
        (
            message["content"].as_str().unwrap(),
            message["weight"].as_i64().unwrap(),
        )
    })
    .collect()
}

#[test]
fn a_model_learns_what_was_asked_for() {
    let journal = three_turns();
    let mut options = ExportOptions::new(ExportFormat::Messages);
    let lines = journal.export_lines(&options);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        weights(&lines[0]),
        [("first", 1), ("second", 0), ("third", 1)]
    );
    assert_eq!(lines[0]["tools"][0]["function"]["name"], "exec_command");
    options.train = Train::Approved;
    assert_eq!(
        weights(&journal.export_lines(&options)[0]),
        [("first", 1), ("second", 1), ("third", 1)]
    );
    options.train = Train::Person;
    options.per_turn = true;
    let lines = journal.export_lines(&options);
    let last: Vec<_> = lines.iter().map(|line| weights(line)).collect();
    assert_eq!(
        last,
        [
            vec![("first", 1)],
            vec![("first", 0), ("second", 0), ("third", 1)]
        ],
        "each with its own reply alone, and none for that of the model"
    );
}

#[test]
fn what_was_marked_is_chosen_or_left_out() {
    let journal = three_turns();
    let mark = |turn: Option<i64>, change: &dyn Fn(&mut MarkRow)| {
        let mut mark = find_or_new(&[], 1, turn);
        change(&mut mark);
        journal.write(vec![Record::Mark(mark)]);
    };
    let mut options = ExportOptions::new(ExportFormat::Messages);
    options.which.labels = vec!["good".into()];
    assert!(matches!(
        journal.export(&options, &mut Redactor::none()),
        Err(ExportError::NoMatch)
    ));
    mark(Some(1), &|mark| {
        mark.labels = vec!["good".into()];
        mark.rating = Some(4);
    });
    assert_eq!(
        weights(&journal.export_lines(&options)[0]),
        [("first", 1), ("second", 0), ("third", 0)]
    );
    options.which.rating = Some(5);
    assert!(journal.export(&options, &mut Redactor::none()).is_err());
    options.which = Selection::default();
    mark(Some(3), &|mark| mark.excluded = true);
    assert_eq!(
        weights(&journal.export_lines(&options)[0]),
        [("first", 1), ("second", 0), ("third", 0)]
    );
    options.format = ExportFormat::Preferences;
    assert!(matches!(
        journal.export(&options, &mut Redactor::none()),
        Err(ExportError::Empty(_))
    ));
    for format in [
        ExportFormat::Markdown,
        ExportFormat::Html,
        ExportFormat::Atif,
    ] {
        options.format = format;
        let text = journal.export(&options, &mut Redactor::none()).unwrap();
        assert!(
            text.contains("second") && !text.contains("third"),
            "{format:?}: {text}"
        );
    }
    mark(None, &|mark| mark.excluded = true);
    let error = journal.export(&options, &mut Redactor::none()).unwrap_err();
    assert!(error.to_string().contains("--include"), "{error}");
}

#[test]
fn a_draft_that_was_not_sent_is_a_worse_reply() {
    let lines = three_turns().export_lines(&ExportOptions::new(ExportFormat::Preferences));
    let said = |line: &Value, which: &str| line[which][0]["content"].as_str().unwrap().to_owned();
    let pairs: Vec<_> = lines
        .iter()
        .map(|line| (said(line, "chosen"), said(line, "rejected")))
        .collect();
    assert_eq!(
        pairs,
        [
            ("third".into(), "thirty".into()),
            ("third".into(), "thirst".to_owned())
        ]
    );
    let prompt = lines[0]["prompt"].as_array().unwrap();
    assert_eq!(prompt.len(), 5);
    assert_eq!(prompt[4], json!({"role": "user", "content": "three"}));
}

#[test]
fn what_an_agent_changes_begins_another_line_and_is_not_told_twice() {
    let mut journal = TestJournal::new();
    journal.add_conversation(1, "Summed up");
    let mut input = vec![user("one")];
    journal.add_turn(1, 1, &input);
    journal.add_reply(1, 1, answer("first"), &"first".into());
    input.extend([assistant("first"), user("two")]);
    journal.add_turn(2, 1, &input);
    journal.add_reply(2, 1, answer("second"), &"second".into());
    // It puts the history together anew.
    let summary = [
        user("what was said: first, second"),
        assistant("second"),
        user("three"),
    ];
    journal.add_turn(3, 1, &summary);
    journal.add_reply(3, 1, answer("third"), &"third".into());
    let lines = journal.export_lines(&ExportOptions::new(ExportFormat::Messages));
    assert_eq!(lines.len(), 2);
    assert_eq!(weights(&lines[0]), [("first", 1), ("second", 1)]);
    assert_eq!(weights(&lines[1]), [("second", 0), ("third", 1)]);
    let text = journal.export(
        &ExportOptions::new(ExportFormat::Atif),
        &mut Redactor::none(),
    );
    let text = text.unwrap();
    assert_eq!(text.matches("\"second\"").count(), 1, "{text}");
}

/// What reads the journal while another part of the program writes it sees whole turns.
#[test]
fn a_journal_that_is_written_meanwhile_can_be_exported() {
    let mut journal = three_turns();
    let options = ExportOptions::new(ExportFormat::Atif);
    for turn in 4..10 {
        let input: Vec<Value> = (0..turn).map(|n| user(&format!("{n}"))).collect();
        journal.add_turn(turn, 1, &input);
        journal.add_reply(turn, 1, answer("more"), &"more".into());
        let text = journal.export(&options, &mut Redactor::none()).unwrap();
        assert!(text.contains("ATIF-v1.7"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Wherever a secret stands, and whatever stands around it, no format lets it through.
    #[test]
    fn no_format_lets_a_secret_through(
        before in "(\\PC{0,12}|[\"\\\\<>`{}&\n ]{0,6})",
        after in "(\\PC{0,12}|[\"\\\\<>`{}&\n ]{0,6})",
    ) {
        let letters = "abcdefghijklmnopqrstuvwx0123456789";
        let secret = format!("sk-proj-{letters}");
        let words = |what: &str| format!("{what} {before} {secret} {after}");
        let mut journal = TestJournal::new();
        journal.add_conversation(1, &words("title"));
        let call = json!({"type": "function_call", "call_id": "call_1", "name": "exec_command",
            "arguments": json!({"cmd": words("command")}).to_string()});
        let output = json!({"type": "function_call_output", "call_id": "call_1",
            "output": words("output")});
        let odd = json!({"type": "hologram", "data": {"deep": [words("odd")]}});
        let mut input = vec![
            json!({"type": "message", "role": "developer", "content": words("instructions")}),
            user(&words("prompt")),
            odd,
        ];
        journal.add_turn(1, 1, &input);
        let body = Body::FunctionCall {
            namespace: None,
            name: "exec_command".into(),
            arguments: json!({"cmd": words("command")}).to_string(),
        };
        journal.add_draft(1, 1, 1, &[answer(&words("draft"))], DraftFate::Unused);
        journal.add_reply(1, 1, Body::reasoning(words("thought")), &Draft::from(&*words("thought")));
        journal.add_reply(1, 1, body, &Draft::from("ls"));
        input.extend([call, output]);
        journal.add_turn(2, 1, &input);
        journal.add_reply(2, 1, answer(&words("answer")), &draft_of(&words("answer"), 5));
        journal.write(vec![
            Record::Mark(MarkRow {
                note: words("note"),
                labels: vec![secret.clone()],
                ..find_or_new(&[], 1, Some(2))
            }),
            Record::Decision(DecisionRow {
                id: 1,
                conversation: 1,
                turn: 1,
                at: 1,
                rule: words("rule"),
                matched: words("matched"),
                action: json!({"answer": words("action")}).to_string(),
                waited: false,
                draft: None,
            }),
        ]);
        let mut redactor = Redactor::new(None, &[]);
        for format in FORMATS {
            let options = ExportOptions { thoughts: true, ..ExportOptions::new(format) };
            let text = journal.export(&options, &mut redactor).unwrap();
            // What Markdown escapes is the same to whoever reads it.
            prop_assert!(!text.replace('\\', "").contains(letters), "{format:?}: {text}");
            prop_assert!(redactor.found().iter().any(|found| found.count > 0), "{format:?}");
            match format {
                ExportFormat::Atif => drop(serde_json::from_str::<Value>(&text).expect("JSON")),
                ExportFormat::Messages | ExportFormat::Preferences | ExportFormat::Raw => {
                    for line in text.lines() {
                        serde_json::from_str::<Value>(line).expect("JSON");
                    }
                }
                ExportFormat::Markdown | ExportFormat::Html => {}
            }
            let open = journal.export(&options, &mut Redactor::none()).unwrap();
            prop_assert!(open.replace('\\', "").contains(letters), "{format:?}");
        }
    }
}
