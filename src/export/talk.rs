//! A conversation for those who write it down: turn by turn, what was new in each request, and who said
//! what to it.

use std::collections::HashMap;
use std::sync::Arc;

use super::studied::{Studied, StudiedTurns};
use crate::agents::InventedTurns;
use crate::api::{Body, ContentPart, Item, ItemBody, Request};
use crate::draft::{self, Draft, Hand, Origin, ReplyKind, Sender, Source};
use crate::hash::Hash;
use crate::inbox::ReplyContent;
use crate::journal::{
    ConversationRow, DecisionRow, JournalReader, MarkRow, ModelDraftRow, ReadError, SaidRow,
    SaidState,
};
use crate::store::{PastTurn, PastTurns};

/// How many drafts and decisions are read at once.
const PAGE: u32 = 64;

/// A conversation, the turns of which are still to come.
#[derive(Debug)]
pub(super) struct Talk {
    pub row: ConversationRow,
    /// What the person makes of it as a whole.
    pub mark: MarkRow,
    turns: PastTurns,
    /// What a study knows of it.
    pub studied: StudiedTurns,
    said: HashMap<i64, Vec<SaidRow>>,
    marks: HashMap<i64, MarkRow>,
    drafts: HashMap<i64, Vec<ModelDraftRow>>,
    decisions: HashMap<i64, Vec<DecisionRow>>,
    /// What was said and has not come back yet.
    pending: Vec<UnsentReply>,
    /// What was new once, and how often, so that it is not again where an agent changes what was said
    /// before.
    known: HashMap<Hash, usize>,
}

/// Something that was said and that the agent sends again.
#[derive(Debug)]
struct UnsentReply {
    place: PartIndex,
    body: Body,
}

/// A part of what was said: which turn, and which of the parts that the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PartIndex {
    pub turn: usize,
    pub part: usize,
}

/// A request and what was said to it.
#[derive(Debug)]
pub(super) struct ExportedTurn {
    /// Its number in the conversation, from 1.
    pub number: usize,
    pub past: PastTurn,
    pub studied: Studied,
    /// What its request has that was not there before, in order.
    pub new: Vec<New>,
    /// What was said and not lost, in order.
    pub said: Vec<ReplyPart>,
    /// What was said and did not arrive.
    pub lost: Vec<ReplyPart>,
    pub drafts: Vec<ModelDraftRow>,
    pub decisions: Vec<DecisionRow>,
    pub mark: MarkRow,
}

/// An item that was new in a request.
#[derive(Debug)]
pub(super) struct New {
    pub item: Arc<Item>,
    pub what: What,
}

/// What a new item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A person or a program on the other side sent it.
    Asked,
    /// The agent put it in by itself.
    Added,
    /// It is what was said here, come back.
    Back(Vec<PartIndex>),
    /// A model said it that nobody here knows of.
    Elsewhere,
}

/// Something that was said to a request.
#[derive(Debug, Clone)]
pub(super) struct ReplyPart {
    pub words: ReplyContent,
    pub at: i64,
    pub state: SaidState,
    pub sender: Sender,
    /// Where the words come from, if that is known of exactly these words.
    pub origin: Origin,
    pub by: By,
}

/// Who wrote something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// The person.
    Person,
    /// A model, and the person changed it.
    Edited(String),
    /// A model.
    Model(String),
    /// A rule of the configuration.
    Rule(String),
    /// This program.
    Program,
}

impl By {
    /// A word for it in files that programs read.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Edited(_) => "edited",
            Self::Model(_) => "model",
            Self::Rule(_) => "rule",
            Self::Program => "program",
        }
    }

    /// The model that had a hand in it.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::Edited(model) | Self::Model(model) => Some(model),
            Self::Person | Self::Rule(_) | Self::Program => None,
        }
    }
}

impl ReplyPart {
    /// What was said, where it is an item.
    pub fn body(&self) -> Option<Body> {
        match &self.words {
            ReplyContent::Item(body) => Some(body.clone()),
            ReplyContent::Live(text, phase) => Some(Body::message(text.clone(), *phase)),
            ReplyContent::Rejection(_) => None,
        }
    }

    /// The drafts of models that are in it.
    pub fn drafts(&self) -> Vec<i64> {
        let mut drafts: Vec<i64> = self
            .origin
            .spans()
            .iter()
            .filter_map(|span| match &span.source {
                Source::Model { draft, .. } => Some(*draft),
                _ => None,
            })
            .collect();
        if let Sender::Auto { draft, .. } = &self.sender {
            drafts.push(*draft);
        }
        drafts.sort_unstable();
        drafts.dedup();
        drafts
    }
}

impl ExportedTurn {
    /// What was asked, if it can be read.
    pub fn request(&self) -> Option<&Request> {
        self.past.request.as_ref()
    }

    /// What was said, as items.
    pub fn bodies(&self) -> Vec<Body> {
        self.said.iter().filter_map(ReplyPart::body).collect()
    }

    /// The words of a rejection, if there was one.
    pub fn rejection(&self) -> Option<&str> {
        self.said.iter().find_map(|part| match &part.words {
            ReplyContent::Rejection(words) => Some(words.as_str()),
            _ => None,
        })
    }
}

impl Talk {
    /// A conversation of the journal; `None` if there is none of this id.
    pub fn open(reader: &JournalReader, id: i64) -> Result<Option<Self>, ReadError> {
        let Some(row) = reader.conversation(id)? else {
            return Ok(None);
        };
        let mut said: HashMap<i64, Vec<SaidRow>> = HashMap::new();
        for row in reader.said(id)? {
            said.entry(row.turn).or_default().push(row);
        }
        let mut talk = Self {
            turns: PastTurns::of(reader, id)?,
            studied: StudiedTurns::of(reader, id)?,
            mark: MarkRow::default(),
            marks: HashMap::new(),
            said,
            drafts: HashMap::new(),
            decisions: HashMap::new(),
            pending: Vec::new(),
            known: HashMap::new(),
            row,
        };
        for mark in reader.marks(id)? {
            match mark.turn {
                Some(turn) => drop(talk.marks.insert(turn, mark)),
                None => talk.mark = mark,
            }
        }
        let mut after = 0;
        loop {
            let page = reader.model_drafts(id, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for draft in page {
                talk.drafts.entry(draft.turn).or_default().push(draft);
            }
        }
        after = 0;
        loop {
            let page = reader.decisions(id, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for decision in page {
                talk.decisions
                    .entry(decision.turn)
                    .or_default()
                    .push(decision);
            }
        }
        Ok(Some(talk))
    }

    /// The next turn.
    pub fn next(&mut self) -> Result<Option<ExportedTurn>, ReadError> {
        let Some(past) = self.turns.next().transpose()? else {
            return Ok(None);
        };
        let number = past.number;
        let new = self.new_in(&past);
        let rows = self.said.remove(&past.id).unwrap_or_default();
        let mut all = parts(rows);
        if self.row.automatic.is_some() {
            let nobodys = all.iter_mut().filter(|part| part.by == By::Person);
            nobodys.for_each(|part| part.by = By::Program);
        }
        let (lost, said) = all
            .into_iter()
            .partition::<Vec<ReplyPart>, _>(|part| part.state == SaidState::Undelivered);
        let bodies = said.iter().enumerate();
        let pending = bodies.filter_map(|(part, said)| {
            let place = PartIndex { turn: number, part };
            let body = said.body()?;
            Some(UnsentReply { place, body })
        });
        self.pending.extend(pending);
        Ok(Some(ExportedTurn {
            number,
            studied: self.studied.take(past.id),
            drafts: self.drafts.remove(&past.id).unwrap_or_default(),
            decisions: self.decisions.remove(&past.id).unwrap_or_default(),
            mark: self.marks.remove(&past.id).unwrap_or_default(),
            past,
            new,
            said,
            lost,
        }))
    }

    /// What is new in a request, and what it is.
    fn new_in(&mut self, past: &PastTurn) -> Vec<New> {
        let Some(request) = &past.request else {
            return Vec::new();
        };
        let opening = InventedTurns::of(request);
        // What an agent sends again after it has changed something is not new.
        let mut sent_before = match past.is_rewritten() {
            true => self.known.clone(),
            false => HashMap::new(),
        };
        if past.is_rewritten() {
            for item in request.items.iter().take(past.kept) {
                take(&mut sent_before, item);
            }
        }
        let mut new = Vec::new();
        for (index, item) in request.items.iter().enumerate().skip(past.kept) {
            if past.is_rewritten() && take(&mut sent_before, item) {
                continue;
            }
            *self.known.entry(item.likeness()).or_default() += 1;
            let what = match item.is_from_model() {
                true => match self.came_back(item) {
                    places if places.is_empty() && opening.contains(&request.items, index) => {
                        What::Added
                    }
                    places if places.is_empty() => What::Elsewhere,
                    places => What::Back(places),
                },
                false if opening.contains(&request.items, index) => What::Added,
                false => What::Asked,
            };
            new.push(New {
                item: Arc::clone(item),
                what,
            });
        }
        new
    }

    /// What an item of the model is of what was said here: one part, or messages that some formats
    /// make one.
    fn came_back(&mut self, item: &Item) -> Vec<PartIndex> {
        let Some(sent) = item.said() else {
            return Vec::new();
        };
        let is_it = |pending: &UnsentReply| comes_back_as(&pending.body, sent);
        let found = self.pending.iter().position(is_it);
        let range = match found {
            Some(one) => one..one + 1,
            None => match joined(&self.pending, sent) {
                Some(range) => range,
                None => return Vec::new(),
            },
        };
        let back = self.pending.drain(range);
        back.map(|pending| pending.place).collect()
    }
}

/// Whether an item was counted, which it is once less then.
fn take(counts: &mut HashMap<Hash, usize>, item: &Item) -> bool {
    match counts.get_mut(&item.likeness()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// Whether a client that sends `sent` has got `said`. Some write the arguments of a call anew.
fn comes_back_as(said: &Body, sent: &Body) -> bool {
    if said.is_echoed_by(sent) {
        return true;
    }
    match (said, sent) {
        (
            Body::FunctionCall {
                name, arguments, ..
            },
            Body::FunctionCall {
                name: sent_name,
                arguments: sent_arguments,
                ..
            },
        ) if name == sent_name => {
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            let said = value(arguments);
            said.is_some() && said == value(sent_arguments)
        }
        (Body::Message { .. }, Body::Message { .. })
        | (Body::Reasoning { .. }, Body::Reasoning { .. }) => {
            said.words().trim() == sent.words().trim()
        }
        _ => false,
    }
}

/// The messages in a row that are this one together, with whatever stands between them.
fn joined(pending: &[UnsentReply], sent: &Body) -> Option<std::ops::Range<usize>> {
    if !matches!(sent, Body::Message { .. }) {
        return None;
    }
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    let whole = letters(&sent.words());
    if whole.is_empty() {
        return None;
    }
    (0..pending.len()).rev().find_map(|begin| {
        let mut rest = whole.as_str();
        for (index, pending) in pending.iter().enumerate().skip(begin) {
            if !matches!(pending.body, Body::Message { .. }) {
                return None;
            }
            rest = rest.strip_prefix(letters(&pending.body.words()).as_str())?;
            if rest.is_empty() {
                return Some(begin..index + 1);
            }
        }
        None
    })
}

/// What was said to a request, with who wrote it. What left with one reply shares what was typed.
fn parts(rows: Vec<SaidRow>) -> Vec<ReplyPart> {
    let mut parts = Vec::with_capacity(rows.len());
    let mut typed: Option<(String, Draft, Places)> = None;
    for row in rows {
        let Ok(words) = serde_json::from_str::<ReplyContent>(&row.words) else {
            tracing::warn!(said = row.id, "what was said cannot be read");
            continue;
        };
        if typed.as_ref().is_none_or(|(text, ..)| *text != row.typed) {
            let draft = Draft::from_json(&row.typed);
            typed = Some((row.typed, draft, Places::default()));
        }
        let Some((_, draft, places)) = &mut typed else {
            continue;
        };
        let (origin, by) = source_of(&words, draft, places);
        parts.push(ReplyPart {
            words,
            at: row.at,
            state: row.state,
            sender: draft.sender.clone(),
            origin,
            by,
        });
    }
    parts
}

/// How many calls of a draft were found again so far.
#[derive(Debug, Default)]
struct Places {
    calls: usize,
}

/// Where the words of something come from, as far as that is known of exactly these words, and who
/// wrote it.
fn source_of(words: &ReplyContent, draft: &Draft, places: &mut Places) -> (Origin, By) {
    let whole = draft::Part {
        kind: draft.kind,
        text: draft.text.clone(),
        call: draft.call.clone(),
        origin: draft.origin.clone(),
        cut: draft.cut,
        ..draft::Part::default()
    };
    let all: Vec<&draft::Part> = draft.parts.iter().chain([&whole]).collect();
    let is_call = |part: &draft::Part| part.call.is_some() || part.kind == ReplyKind::Command;
    let text = words.text();
    let own = match words {
        ReplyContent::Item(body) if body.is_call() => {
            let mut calls = all.iter().filter(|part| is_call(part));
            let found = calls.nth(places.calls);
            places.calls += 1;
            found
        }
        _ => all.iter().find(|part| part.text.trim() == text.trim()),
    };
    let own = own.copied().unwrap_or(&whole);
    let origin = match own.text == text {
        true => own.origin.clone(),
        false => Origin::default(),
    };
    (origin, writer_of(own, &draft.sender))
}

/// Who wrote a part of a reply.
fn writer_of(part: &draft::Part, sender: &Sender) -> By {
    // What stands beside a call is another part.
    let text = match part.call {
        Some(_) => String::new(),
        None => part.text.clone(),
    };
    let hand = Hand::of(&Draft {
        origin: if text.is_empty() {
            Origin::default()
        } else {
            part.origin.clone()
        },
        text,
        call: part.call.clone(),
        cut: part.cut,
        sender: sender.clone(),
        ..Draft::default()
    });
    match hand {
        Some(Hand {
            model: Some(model),
            is_edited,
            ..
        }) => match is_edited {
            true => By::Edited(model),
            false => By::Model(model),
        },
        Some(Hand {
            rule: Some(rule), ..
        }) => By::Rule(rule),
        _ => By::Person,
    }
}

/// The words of parts for people: pictures and files by what they are.
pub(super) fn text_of(content: &[ContentPart]) -> String {
    let texts = content.iter().map(|part| match part {
        ContentPart::Text(text) | ContentPart::Refusal(text) => text.clone(),
        ContentPart::Image(url) => match url.split_once(";base64,") {
            Some((kind, data)) => {
                let kind = kind.strip_prefix("data:").unwrap_or(kind);
                format!("[picture: {kind}, {} bytes]", data.len() / 4 * 3)
            }
            None => format!("[picture: {url}]"),
        },
        ContentPart::File { name, size } => match size {
            Some(size) => format!("[file: {name}, {size} bytes]"),
            None => format!("[file: {name}]"),
        },
        ContentPart::Other(json) => json.clone(),
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// What an item says, for people.
pub(super) fn words_of(item: &Item) -> String {
    match item.body() {
        ItemBody::Said {
            body: Body::Message { content, .. },
            ..
        }
        | ItemBody::ToolOutput { content, .. } => text_of(content),
        ItemBody::Said { body, .. } => body.words().into_owned(),
        ItemBody::Compaction { summary } => summary
            .clone()
            .unwrap_or_else(|| "[a summary that cannot be read here]".into()),
        ItemBody::Other { .. } => item.raw().to_owned(),
    }
}
