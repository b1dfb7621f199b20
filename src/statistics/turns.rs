//! The turns of the journal one by one, with what can be counted of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec;

use crate::api::Assignment;
use crate::draft::{Draft, Origin, Sender, Source};
use crate::journal::{
    ConversationRow, DraftFate, JournalReader, ReadError, SaidRow, TurnState, TurnTime,
};
use crate::store;
use crate::study::Plan;

/// Conversations that are read at once.
const PAGE: u32 = 200;

/// A turn that a person had to answer.
#[derive(Debug, Clone)]
pub struct TurnFacts {
    /// Where.
    pub conversation: i64,
    /// The program that asked.
    pub agent: String,
    /// A number for the wire format.
    pub format: i64,
    /// What became of it.
    pub state: TurnState,
    /// Whose it is in a study.
    pub(crate) assigned: Option<Arc<Assignment>>,
    /// When it came, in milliseconds since 1970.
    pub arrived: i64,
    /// When what happened.
    pub times: TurnTime,
    /// What was added before words left.
    pub delays: Vec<Plan>,
    /// What became of what models drafted for it.
    pub drafts: Vec<DraftFate>,
    /// How many replies there were.
    pub replies: usize,
    /// How many characters were said, by where they come from.
    pub characters: BTreeMap<&'static str, usize>,
    /// Who had them sent, each once, in order.
    pub senders: Vec<&'static str>,
}

/// Where characters may come from, as columns and fields have them.
pub(crate) const SOURCES: [&str; 8] = [
    "typed", "pasted", "snippet", "recalled", "template", "model", "rule", "script",
];

/// The conversations that a person answered in and in which something happened since a moment, those
/// with the newest activity first.
#[derive(Debug)]
pub struct Conversations {
    since: i64,
    page: vec::IntoIter<ConversationRow>,
    /// Where the next page begins.
    before: Option<(i64, i64)>,
    is_last: bool,
}

impl Conversations {
    /// Those since a moment, in milliseconds since 1970.
    pub fn since(since: i64) -> Self {
        Self {
            since,
            page: Vec::new().into_iter(),
            before: None,
            is_last: false,
        }
    }

    /// The next one.
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    pub fn next(&mut self, reader: &JournalReader) -> Result<Option<ConversationRow>, ReadError> {
        loop {
            match self.page.next() {
                // Those that follow are older.
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

/// Has all turns told that came at or after a moment, in milliseconds since 1970: those of the newest
/// conversations first, and within one the oldest first. No more than one conversation is in memory.
///
/// # Errors
///
/// If the journal cannot be read, or whoever is told cannot go on.
pub fn each<E: From<ReadError>>(
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

/// The turns of a conversation that came at or after a moment, the oldest first.
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
            assigned: store::assigned(&timed.detail),
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
    /// Counts what was said. All that left with one reply shares its draft.
    fn count(&mut self, said: &[SaidRow]) {
        let mut last = None;
        for one in said {
            // Of turns that were kept before times were, this much is known.
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
            // What nobody kept track of was typed by whoever sent it.
            let source = match sender {
                Sender::Person => "typed",
                Sender::Auto { .. } => "model",
                Sender::Rule(_) => "rule",
                Sender::Script => "script",
            };
            *self.characters.entry(source).or_default() += rest;
        }
    }

    /// How long the person took to say something, in milliseconds.
    pub(crate) fn to_first_word(&self) -> Option<i64> {
        // Clocks may be set back.
        Some((self.times.first_said? - self.arrived).max(0))
    }

    /// How long the request waited for its answer, in milliseconds.
    pub(crate) fn to_end(&self) -> Option<i64> {
        Some((self.times.sent? - self.arrived).max(0))
    }
}
