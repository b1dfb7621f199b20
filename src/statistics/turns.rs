//! Reads the turns of the journal one by one, with the facts that are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec;

use crate::api::Assignment;
use crate::draft::{Draft, Origin, Sender, Source};
use crate::journal::{
    ConversationRow, DraftFate, JournalReader, ReadError, SaidRow, TurnState, TurnTime,
};
use crate::store;
use crate::study::DelayPlan;

/// The number of conversations read with one query.
const PAGE: u32 = 200;

/// The facts of a turn that a person had to answer.
#[derive(Debug, Clone)]
pub struct TurnFacts {
    /// The id of the conversation.
    pub conversation: i64,
    /// The name and version of the agent.
    pub agent: String,
    /// The number of the wire format, as [`Format::of_number`](crate::api::Format::of_number) reads it.
    pub format: i64,
    /// Whether the request waits, was answered, or its client has gone.
    pub state: TurnState,
    /// Participant and condition, in a study.
    pub(crate) assigned: Option<Arc<Assignment>>,
    /// When the request arrived, in milliseconds since 1970.
    pub arrived: i64,
    /// The times of later events.
    pub times: TurnTime,
    /// The delays that the study added to its replies.
    pub delays: Vec<DelayPlan>,
    /// The fates of its model drafts.
    pub drafts: Vec<DraftFate>,
    /// The number of replies.
    pub replies: usize,
    /// The number of characters in the replies, by source (see [`SOURCES`]).
    pub characters: BTreeMap<&'static str, usize>,
    /// The senders of the replies, without duplicates, in order.
    pub senders: Vec<&'static str>,
}

/// The names of the sources of characters, in columns and fields.
pub(crate) const SOURCES: [&str; 8] = [
    "typed", "pasted", "snippet", "recalled", "template", "model", "rule", "script",
];

/// The conversations that a person answered and that were active since a time, the most recently active
/// first.
#[derive(Debug)]
pub struct Conversations {
    since: i64,
    page: vec::IntoIter<ConversationRow>,
    /// Activity and id of the last row of the page before.
    before: Option<(i64, i64)>,
    is_last: bool,
}

impl Conversations {
    /// The conversations active at or after `since`, in milliseconds since 1970.
    pub fn since(since: i64) -> Self {
        Self {
            since,
            page: Vec::new().into_iter(),
            before: None,
            is_last: false,
        }
    }

    /// The next conversation; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn next(&mut self, reader: &JournalReader) -> Result<Option<ConversationRow>, ReadError> {
        loop {
            match self.page.next() {
                // All that follow are older.
                Some(row) if row.active < self.since => self.end(),
                Some(row) if row.automatic.is_some() => {}
                Some(row) => return Ok(Some(row)),
                None if self.is_last => return Ok(None),
                None => {
                    let page = reader.recent(PAGE, self.before)?;
                    self.before = page.last().map(|row| (row.active, row.id));
                    self.is_last = page.is_empty();
                    self.page = page.into_iter();
                }
            }
        }
    }

    fn end(&mut self) {
        self.page = Vec::new().into_iter();
        self.is_last = true;
    }
}

/// Calls `tell` with each turn whose request arrived at or after `since`, in milliseconds since 1970: the
/// most recently active conversations first, and within one the oldest turn first. One conversation is in
/// memory at a time.
///
/// # Errors
///
/// If the journal cannot be read, or `tell` fails.
pub fn for_each<E: From<ReadError>>(
    reader: &JournalReader,
    since: i64,
    mut tell: impl FnMut(TurnFacts) -> Result<(), E>,
) -> Result<(), E> {
    let mut conversations = Conversations::since(since);
    while let Some(row) = conversations.next(reader)? {
        of_conversation(reader, &row, since)?
            .into_iter()
            .try_for_each(&mut tell)?;
    }
    Ok(())
}

/// The turns of a conversation whose request arrived at or after `since`, the oldest first.
///
/// # Errors
///
/// If the journal cannot be read.
pub(crate) fn of_conversation(
    reader: &JournalReader,
    row: &ConversationRow,
    since: i64,
) -> Result<Vec<TurnFacts>, ReadError> {
    let mut said: BTreeMap<i64, Vec<SaidRow>> = BTreeMap::new();
    for one in reader.said(row.id)? {
        said.entry(one.turn).or_default().push(one);
    }
    let mut drafts: BTreeMap<i64, Vec<DraftFate>> = BTreeMap::new();
    for (turn, fate) in reader.draft_fates(row.id)? {
        drafts.entry(turn).or_default().push(fate);
    }
    let turns = reader.timed_turns(row.id)?.into_iter();
    let turns = turns.filter(|timed| timed.arrived >= since).map(|timed| {
        let turn = timed.times.turn;
        let mut facts = TurnFacts {
            conversation: row.id,
            agent: row.agent.clone(),
            format: timed.format,
            state: timed.state,
            assigned: store::assignment(&timed.detail),
            arrived: timed.arrived,
            delays: serde_json::from_str(&timed.times.delays).unwrap_or_default(),
            times: timed.times,
            drafts: drafts.remove(&turn).unwrap_or_default(),
            replies: 0,
            characters: BTreeMap::new(),
            senders: Vec::new(),
        };
        facts.count(&said.remove(&turn).unwrap_or_default());
        facts
    });
    Ok(turns.collect())
}

impl TurnFacts {
    /// Counts the replies. Rows that were sent together (with one ticket) share one composed draft.
    fn count(&mut self, said: &[SaidRow]) {
        let mut last = None;
        for one in said {
            // Journals of earlier versions have no times but this one.
            self.times.first_said.get_or_insert(one.at);
            if last.replace(one.ticket) == Some(one.ticket) {
                continue;
            }
            self.replies += 1;
            let draft = Draft::from_json(&one.typed);
            let texts = draft.parts.iter().map(|part| (&part.text, &part.origin));
            for (text, origin) in texts.chain([(&draft.text, &draft.origin)]) {
                self.count_text(text, origin, &draft.sender);
            }
            let sender = match draft.sender {
                Sender::Person => "person",
                Sender::Auto { .. } => "model",
                Sender::Rule(_) => "rule",
                Sender::Script => "script",
            };
            if !self.senders.contains(&sender) {
                self.senders.push(sender);
            }
        }
    }

    fn count_text(&mut self, text: &str, origin: &Origin, sender: &Sender) {
        let mut counted = 0;
        for span in origin.spans() {
            let source = match &span.source {
                Source::Typed => "typed",
                Source::Pasted => "pasted",
                Source::Snippet(_) => "snippet",
                Source::Recalled => "recalled",
                Source::Template => "template",
                Source::Model { .. } => "model",
                Source::Rule(_) => "rule",
                Source::Script => "script",
            };
            *self.characters.entry(source).or_default() += span.chars;
            counted += span.chars;
        }
        let rest = text.chars().count().saturating_sub(counted);
        if rest > 0 {
            // Characters without a known source count for the sender.
            let source = match sender {
                Sender::Person => "typed",
                Sender::Auto { .. } => "model",
                Sender::Rule(_) => "rule",
                Sender::Script => "script",
            };
            *self.characters.entry(source).or_default() += rest;
        }
    }

    /// The time to the first word of the reply, in milliseconds.
    pub(crate) fn to_first_word(&self) -> Option<i64> {
        // A clock may have been set back.
        Some((self.times.first_said? - self.arrived).max(0))
    }

    /// The time to the end of the answer, in milliseconds.
    pub(crate) fn to_end(&self) -> Option<i64> {
        Some((self.times.sent? - self.arrived).max(0))
    }
}
