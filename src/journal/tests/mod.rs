//! The journal as those who use it see it.

mod deletion;
mod faults;
mod kept;
mod properties;
mod versions;

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

/// A state folder with a journal.
struct TestJournal {
    folder: TempDir,
    journal: Option<Journal>,
}

impl TestJournal {
    fn new() -> Self {
        Self::with(JournalOptions::default())
    }

    fn with(options: JournalOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::open(folder.path(), options).expect("a journal");
        Self {
            folder,
            journal: Some(journal),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().expect("open")
    }

    fn reader(&self) -> JournalReader {
        self.journal().reader()
    }

    /// Writes and waits until it is there.
    fn write(&self, records: Vec<Record>) {
        let seq = self.journal().write(records);
        assert!(self.journal().settled_blocking(seq), "{:?}", self.health());
    }

    fn health(&self) -> Health {
        self.journal().health().borrow().clone()
    }

    /// Ends the program and starts it again.
    fn restart(&mut self) {
        self.journal = None;
        self.journal =
            Some(Journal::open(self.path(), JournalOptions::default()).expect("a journal"));
    }
}

/// Waits for something that comes soon.
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn conversation(id: i64) -> ConversationRow {
    ConversationRow {
        id,
        thread: Some(format!("thread {id}")),
        chain: None,
        automatic: None,
        prefix: None,
        agent: "codex".into(),
        title: format!("Title number {id}"),
        begun: 1000 + id,
        active: 2000 + id,
        state: TurnState::Answered,
    }
}

fn turn(id: i64, conversation: i64, items: &[&str]) -> TurnRow {
    TurnRow {
        id,
        conversation,
        format: 1,
        arrived: 5000 + id,
        state: TurnState::Answered,
        envelope: Blob::new(r#"{"model":"human"}"#),
        instructions: None,
        tools: Some(Blob::new("[]")),
        items: items.iter().copied().map(Blob::new).collect(),
        detail: "{}".into(),
    }
}

fn draft(conversation: i64, body: &str) -> Record {
    Record::Draft(DraftRow {
        conversation,
        updated: 7,
        body: body.into(),
    })
}

fn said(id: i64, conversation: i64, words: &str) -> SaidRow {
    SaidRow {
        id,
        conversation,
        turn: 1,
        ticket: id,
        at: 9000 + id,
        state: SaidState::Sent,
        words: format!("{{\"text\":{words:?}}}"),
        typed: words.into(),
    }
}

fn model_draft(id: i64, conversation: i64) -> ModelDraftRow {
    ModelDraftRow {
        id,
        conversation,
        turn: conversation,
        model: "qwen".into(),
        hint: Some("shorter".into()),
        begun: 6000 + id,
        first: Some(6001 + id),
        ended: Some(6002 + id),
        state: ModelDraftState::Complete,
        failure: None,
        items: r#"[{"CustomToolCall":{"name":"a","input":"b"}}]"#.into(),
        partial: None,
        usage: Some(r#"{"input":1,"output":2,"reasoning":0}"#.into()),
        sent: 0,
        fate: DraftFate::Sent,
    }
}

fn decision(id: i64, conversation: i64) -> DecisionRow {
    DecisionRow {
        id,
        conversation,
        turn: conversation,
        at: 6003 + id,
        rule: "no rm".into(),
        matched: "tool shell, argument \"rm -rf /\"".into(),
        action: "\"hold\"".into(),
        waited: false,
        draft: Some(1),
    }
}

fn mark(conversation: i64, turn: Option<i64>) -> MarkRow {
    MarkRow {
        conversation,
        turn,
        updated: 6004,
        labels: vec!["good".into(), "to the point".into()],
        rating: Some(4),
        note: "as it should be".into(),
        excluded: false,
    }
}

fn response(id: &str, turn: Option<i64>) -> ResponseRow {
    ResponseRow {
        id: id.into(),
        turn,
        open: false,
        background: false,
        created: 3000,
        state: format!("{{\"id\":\"{id}\"}}"),
    }
}

fn add(conversation: ConversationRow) -> Record {
    Record::Conversation(conversation)
}

fn add_turn(turn: TurnRow) -> Record {
    Record::Turn(Box::new(turn))
}

fn add_model_draft(draft: ModelDraftRow) -> Record {
    Record::ModelDraft(Box::new(draft))
}

fn add_text(conversation: i64, text: &str) -> Record {
    Record::Text {
        conversation,
        text: Blob::new(text),
    }
}
