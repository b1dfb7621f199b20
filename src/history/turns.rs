//! The turns of the journal one by one, with what can be counted of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::Assigned;
use crate::draft::{Draft, Origin, Sender, Source};
use crate::journal::{Conversation, ReadError, Reader, Said, State, TurnTime};
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
    pub state: State,
    /// Whose it is in a study.
    pub assigned: Option<Arc<Assigned>>,
    /// When it came, in milliseconds since 1970.
    pub arrived: i64,
    /// When what happened.
    pub times: TurnTime,
    /// What was added before words left.
    pub delays: Vec<Plan>,
    /// How many replies there were.
    pub replies: usize,
    /// How many characters were said, by where they come from.
    pub characters: BTreeMap<&'static str, usize>,
    /// Who had them sent, each once, in order.
    pub senders: Vec<&'static str>,
}

/// Where characters may come from, as columns and fields have them.
pub const SOURCES: [&str; 8] = [
    "typed", "pasted", "snippet", "recalled", "template", "model", "rule", "script",
];

/// Has all turns told that came at or after a moment, in milliseconds since 1970: those of the newest
/// conversations first, and within one the oldest first. No more than one conversation is in memory.
///
/// # Errors
///
/// If the journal cannot be read, or whoever is told cannot go on.
pub fn each<E: From<ReadError>>(
    reader: &Reader,
    since: i64,
    mut tell: impl FnMut(TurnFacts) -> Result<(), E>,
) -> Result<(), E> {
    let mut before = None;
    loop {
        let page = reader.recent(PAGE, before)?;
        let Some(last) = page.last().map(|row| (row.active, row.id)) else {
            return Ok(());
        };
        for row in &page {
            if row.active < since {
                // Those that follow are older.
                return Ok(());
            }
            if row.automatic.is_none() {
                of_conversation(reader, row, since, &mut tell)?;
            }
        }
        before = Some(last);
    }
}

fn of_conversation<E: From<ReadError>>(
    reader: &Reader,
    row: &Conversation,
    since: i64,
    tell: &mut impl FnMut(TurnFacts) -> Result<(), E>,
) -> Result<(), E> {
    let mut said: BTreeMap<i64, Vec<Said>> = BTreeMap::new();
    for one in reader.said(row.id)? {
        said.entry(one.turn).or_default().push(one);
    }
    for timed in reader.timed_turns(row.id)? {
        if timed.arrived < since {
            continue;
        }
        let own = said.remove(&timed.times.turn).unwrap_or_default();
        let mut facts = TurnFacts {
            conversation: row.id,
            agent: row.agent.clone(),
            format: timed.format,
            state: timed.state,
            assigned: store::assigned(&timed.detail),
            arrived: timed.arrived,
            delays: serde_json::from_str(&timed.times.delays).unwrap_or_default(),
            times: timed.times,
            replies: 0,
            characters: BTreeMap::new(),
            senders: Vec::new(),
        };
        facts.count(&own);
        tell(facts)?;
    }
    Ok(())
}

impl TurnFacts {
    /// Counts what was said. All that left with one reply shares its draft.
    fn count(&mut self, said: &[Said]) {
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
    pub fn to_first_word(&self) -> Option<i64> {
        Some(self.times.first_said? - self.arrived)
    }

    /// How long the request waited for its answer, in milliseconds.
    pub fn to_end(&self) -> Option<i64> {
        Some(self.times.sent? - self.arrived)
    }
}
