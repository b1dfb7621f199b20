//! Reads a conversation of the journal turn by turn: the new items of each request, and the parts of the
//! reply with their authors.

use std::collections::HashMap;
use std::sync::Arc;

use super::study::{ConversationStudy, StudyFacts};
use crate::agents::InventedTurns;
use crate::api::{Body, ContentPart, Item, ItemBody, Request};
use crate::draft::{self, Contribution, Draft, Origin, ReplyKind, Sender, Source};
use crate::hash::Hash;
use crate::inbox::ReplyContent;
use crate::journal::{
    ConversationRow, DecisionRow, JournalReader, MarkRow, ModelDraftRow, ReadError, SaidRow,
    SaidState,
};
use crate::store::{PastTurn, PastTurns};

/// The number of drafts or decisions read with one query.
const PAGE: u32 = 64;

/// A conversation whose turns are read one by one.
#[derive(Debug)]
pub(super) struct ExportedConversation {
    pub row: ConversationRow,
    /// The labels, rating and note of the conversation as a whole.
    pub mark: MarkRow,
    turns: PastTurns,
    /// The study facts of its turns.
    pub study: ConversationStudy,
    said: HashMap<i64, Vec<SaidRow>>,
    marks: HashMap<i64, MarkRow>,
    drafts: HashMap<i64, Vec<ModelDraftRow>>,
    decisions: HashMap<i64, Vec<DecisionRow>>,
    /// Items of replies that no later request has contained yet.
    awaited_echoes: Vec<AwaitedEcho>,
    /// How often each item was new, so that it does not count as new again after the agent rewrote the
    /// history.
    seen_counts: HashMap<Hash, usize>,
}

/// An item of a reply that the agent is expected to send back in a later request.
#[derive(Debug)]
struct AwaitedEcho {
    place: PartIndex,
    body: Body,
}

/// A part of a reply: the number of the turn, and the index among the parts that the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PartIndex {
    pub turn: usize,
    pub part: usize,
}

/// A request and its reply.
#[derive(Debug)]
pub(super) struct ExportedTurn {
    /// The number of the turn in the conversation, from 1.
    pub number: usize,
    pub past: PastTurn,
    pub study: StudyFacts,
    /// The items of the request that earlier requests did not have, in order.
    pub new: Vec<NewItem>,
    /// The parts of the reply that were sent, in order.
    pub parts: Vec<ReplyPart>,
    /// The parts that did not reach the client.
    pub undelivered: Vec<ReplyPart>,
    pub drafts: Vec<ModelDraftRow>,
    pub decisions: Vec<DecisionRow>,
    pub mark: MarkRow,
}

/// An item that was new in a request.
#[derive(Debug)]
pub(super) struct NewItem {
    pub item: Arc<Item>,
    pub kind: NewItemKind,
}

/// Where a new item comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewItemKind {
    /// The agent's user or one of its tools.
    Input,
    /// The agent itself, such as instructions and environment information.
    AddedByAgent,
    /// A reply of this conversation, sent back by the agent: the parts that it consists of.
    EchoedReply(Vec<PartIndex>),
    /// A reply of a model that is not in this journal.
    ForeignReply,
}

/// A part of the reply to a request.
#[derive(Debug, Clone)]
pub(super) struct ReplyPart {
    pub content: ReplyContent,
    pub at: i64,
    pub state: SaidState,
    pub sender: Sender,
    /// The sources of the text; empty unless they are known for exactly this text.
    pub origin: Origin,
    pub author: ReplyAuthor,
}

/// The author of a part of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReplyAuthor {
    /// The person.
    Person,
    /// A model, by name, with changes by the person.
    Edited(String),
    /// A model, by name.
    Model(String),
    /// A rule of the configuration, by name.
    Rule(String),
    /// This program.
    Program,
}

impl ReplyAuthor {
    /// The name in exported files.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Edited(_) => "edited",
            Self::Model(_) => "model",
            Self::Rule(_) => "rule",
            Self::Program => "program",
        }
    }

    /// The name of the model, if one took part.
    pub(super) fn model(&self) -> Option<&str> {
        match self {
            Self::Edited(model) | Self::Model(model) => Some(model),
            Self::Person | Self::Rule(_) | Self::Program => None,
        }
    }
}

impl ReplyPart {
    /// The part as an item; `None` for a rejection.
    pub(super) fn body(&self) -> Option<Body> {
        match &self.content {
            ReplyContent::Item(body) => Some(body.clone()),
            ReplyContent::Live(text, phase) => Some(Body::message(text.clone(), *phase)),
            ReplyContent::Rejection(_) => None,
        }
    }

    /// The ids of the model drafts that the part contains text of.
    pub(super) fn drafts(&self) -> Vec<i64> {
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
    /// The request, if it can be read.
    pub(super) fn request(&self) -> Option<&Request> {
        self.past.request.as_ref()
    }

    /// The parts of the reply as items.
    pub(super) fn bodies(&self) -> Vec<Body> {
        self.parts.iter().filter_map(ReplyPart::body).collect()
    }

    /// The message of the rejection, if the request was rejected.
    pub(super) fn rejection(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match &part.content {
            ReplyContent::Rejection(words) => Some(words.as_str()),
            _ => None,
        })
    }
}

impl ExportedConversation {
    /// Opens a conversation of the journal; `None` if there is none with this id.
    pub(super) fn open(reader: &JournalReader, id: i64) -> Result<Option<Self>, ReadError> {
        let Some(row) = reader.conversation(id)? else {
            return Ok(None);
        };
        let mut said: HashMap<i64, Vec<SaidRow>> = HashMap::new();
        for row in reader.said(id)? {
            said.entry(row.turn).or_default().push(row);
        }
        let mut conversation = Self {
            turns: PastTurns::of(reader, id)?,
            study: ConversationStudy::of(reader, id)?,
            mark: MarkRow::default(),
            marks: HashMap::new(),
            said,
            drafts: HashMap::new(),
            decisions: HashMap::new(),
            awaited_echoes: Vec::new(),
            seen_counts: HashMap::new(),
            row,
        };
        for mark in reader.marks(id)? {
            match mark.turn {
                Some(turn) => drop(conversation.marks.insert(turn, mark)),
                None => conversation.mark = mark,
            }
        }
        let mut after = 0;
        loop {
            let page = reader.model_drafts(id, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for draft in page {
                conversation
                    .drafts
                    .entry(draft.turn)
                    .or_default()
                    .push(draft);
            }
        }
        after = 0;
        loop {
            let page = reader.decisions(id, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for decision in page {
                conversation
                    .decisions
                    .entry(decision.turn)
                    .or_default()
                    .push(decision);
            }
        }
        Ok(Some(conversation))
    }

    /// Reads the next turn; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<ExportedTurn>, ReadError> {
        let Some(past) = self.turns.next().transpose()? else {
            return Ok(None);
        };
        let number = past.number;
        let new = self.new_items(&past);
        let rows = self.said.remove(&past.id).unwrap_or_default();
        let mut all = parts(rows);
        if self.row.automatic.is_some() {
            let nobodys = all
                .iter_mut()
                .filter(|part| part.author == ReplyAuthor::Person);
            nobodys.for_each(|part| part.author = ReplyAuthor::Program);
        }
        let (lost, said) = all
            .into_iter()
            .partition::<Vec<ReplyPart>, _>(|part| part.state == SaidState::Undelivered);
        let bodies = said.iter().enumerate();
        let pending = bodies.filter_map(|(part, said)| {
            let place = PartIndex { turn: number, part };
            let body = said.body()?;
            Some(AwaitedEcho { place, body })
        });
        self.awaited_echoes.extend(pending);
        Ok(Some(ExportedTurn {
            number,
            study: self.study.take(past.id),
            drafts: self.drafts.remove(&past.id).unwrap_or_default(),
            decisions: self.decisions.remove(&past.id).unwrap_or_default(),
            mark: self.marks.remove(&past.id).unwrap_or_default(),
            past,
            new,
            parts: said,
            undelivered: lost,
        }))
    }

    /// The new items of a request.
    fn new_items(&mut self, past: &PastTurn) -> Vec<NewItem> {
        let Some(request) = &past.request else {
            return Vec::new();
        };
        let opening = InventedTurns::of(request);
        // Items that an agent repeats after it has rewritten the history are not new.
        let mut sent_before = if past.is_rewritten() {
            self.seen_counts.clone()
        } else {
            HashMap::new()
        };
        if past.is_rewritten() {
            for item in request.items.iter().take(past.unchanged_items) {
                take_seen(&mut sent_before, item);
            }
        }
        let mut new = Vec::new();
        for (index, item) in request.items.iter().enumerate().skip(past.unchanged_items) {
            if past.is_rewritten() && take_seen(&mut sent_before, item) {
                continue;
            }
            *self.seen_counts.entry(item.likeness()).or_default() += 1;
            let echo = if item.is_from_model() {
                self.echo_of(item)
            } else {
                Vec::new()
            };
            let kind = if !echo.is_empty() {
                NewItemKind::EchoedReply(echo)
            } else if opening.contains(&request.items, index) {
                NewItemKind::AddedByAgent
            } else if item.is_from_model() {
                NewItemKind::ForeignReply
            } else {
                NewItemKind::Input
            };
            new.push(NewItem {
                item: Arc::clone(item),
                kind,
            });
        }
        new
    }

    /// The awaited parts that an assistant item consists of, which are not awaited any more: one part, or
    /// several messages that the wire format has joined. Empty if there are none.
    fn echo_of(&mut self, item: &Item) -> Vec<PartIndex> {
        let Some(sent) = item.said() else {
            return Vec::new();
        };
        let is_it = |pending: &AwaitedEcho| comes_back_as(&pending.body, sent);
        let found = self.awaited_echoes.iter().position(is_it);
        let range = match found {
            Some(one) => one..one + 1,
            None => match joined_messages(&self.awaited_echoes, sent) {
                Some(range) => range,
                None => return Vec::new(),
            },
        };
        let back = self.awaited_echoes.drain(range);
        back.map(|pending| pending.place).collect()
    }
}

/// Whether the count of an item is above zero; decrements it.
fn take_seen(counts: &mut HashMap<Hash, usize>, item: &Item) -> bool {
    match counts.get_mut(&item.likeness()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// Whether `sent` is what a client makes of `said` when it sends it back. Some clients reformat the JSON
/// arguments of calls, or trim messages.
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

/// The range of consecutive messages whose texts together are this message, ignoring white space.
fn joined_messages(pending: &[AwaitedEcho], sent: &Body) -> Option<std::ops::Range<usize>> {
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

/// The parts of a reply with their authors. Rows that were sent together share one composed draft.
fn parts(rows: Vec<SaidRow>) -> Vec<ReplyPart> {
    let mut parts = Vec::with_capacity(rows.len());
    let mut typed: Option<(String, Draft, FoundCalls)> = None;
    for row in rows {
        let Ok(words) = serde_json::from_str::<ReplyContent>(&row.words) else {
            tracing::warn!(said = row.id, "what was said cannot be read");
            continue;
        };
        if typed.as_ref().is_none_or(|(text, ..)| *text != row.typed) {
            let draft = Draft::from_json(&row.typed);
            typed = Some((row.typed, draft, FoundCalls::default()));
        }
        let Some((_, draft, places)) = &mut typed else {
            continue;
        };
        let (origin, by) = origin_and_author(&words, draft, places);
        parts.push(ReplyPart {
            content: words,
            at: row.at,
            state: row.state,
            sender: draft.sender.clone(),
            origin,
            author: by,
        });
    }
    parts
}

/// How many calls of a composed draft were matched with rows so far.
#[derive(Debug, Default)]
struct FoundCalls {
    count: usize,
}

/// The sources of the text of a row, if they are known for exactly this text, and its author.
fn origin_and_author(
    words: &ReplyContent,
    draft: &Draft,
    places: &mut FoundCalls,
) -> (Origin, ReplyAuthor) {
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
            let found = calls.nth(places.count);
            places.count += 1;
            found
        }
        _ => all.iter().find(|part| part.text.trim() == text.trim()),
    };
    let own = own.copied().unwrap_or(&whole);
    let origin = if own.text == text {
        own.origin.clone()
    } else {
        Origin::default()
    };
    (origin, author_of(own, &draft.sender))
}

/// The author of a part of a composed draft.
fn author_of(part: &draft::Part, sender: &Sender) -> ReplyAuthor {
    // The text beside a call is a part of its own.
    let text = match part.call {
        Some(_) => String::new(),
        None => part.text.clone(),
    };
    let hand = Contribution::of(&Draft {
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
        Some(Contribution {
            model: Some(model),
            is_edited,
            ..
        }) => {
            if is_edited {
                ReplyAuthor::Edited(model)
            } else {
                ReplyAuthor::Model(model)
            }
        }
        Some(Contribution {
            rule: Some(rule), ..
        }) => ReplyAuthor::Rule(rule),
        _ => ReplyAuthor::Person,
    }
}

/// Content parts as text; images and files as a short description.
pub(super) fn content_text(content: &[ContentPart]) -> String {
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

/// The text of an item, for people.
pub(super) fn item_text(item: &Item) -> String {
    match item.body() {
        ItemBody::Said {
            body: Body::Message { content, .. },
            ..
        }
        | ItemBody::ToolOutput { content, .. } => content_text(content),
        ItemBody::Said { body, .. } => body.words().into_owned(),
        ItemBody::Compaction { summary } => summary
            .clone()
            .unwrap_or_else(|| "[a summary that cannot be read here]".into()),
        ItemBody::Other { .. } => item.raw().to_owned(),
    }
}
