//! A conversation for those who write it down: turn by turn, what was new in each request, and who said
//! what to it.

use std::collections::HashMap;
use std::sync::Arc;

use super::study::{ConversationStudy, StudyFacts};
use crate::agents::Opening;
use crate::api::{Body, ContentPart, Item, ItemBody, Request};
use crate::draft::{self, Contribution, Draft, Origin, ReplyKind, Sender, Source};
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
pub(super) struct ExportedConversation {
    pub row: ConversationRow,
    /// What the person makes of it as a whole.
    pub mark: MarkRow,
    turns: PastTurns,
    /// What a study knows of it.
    pub study: ConversationStudy,
    said: HashMap<i64, Vec<SaidRow>>,
    marks: HashMap<i64, MarkRow>,
    drafts: HashMap<i64, Vec<ModelDraftRow>>,
    decisions: HashMap<i64, Vec<DecisionRow>>,
    /// What was said and has not come back yet.
    awaited_echoes: Vec<AwaitedEcho>,
    /// What was new once, and how often, so that it is not again where an agent changes what was said
    /// before.
    seen_counts: HashMap<Hash, usize>,
}

/// Something that was said and that the agent sends again.
#[derive(Debug)]
struct AwaitedEcho {
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
    pub study: StudyFacts,
    /// What its request has that was not there before, in order.
    pub new: Vec<NewItem>,
    /// What was said and not lost, in order.
    pub parts: Vec<ReplyPart>,
    /// What was said and did not arrive.
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

/// What a new item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewItemKind {
    /// A person or a program on the other side sent it.
    Input,
    /// The agent put it in by itself.
    AddedByAgent,
    /// It is what was said here, come back.
    EchoedReply(Vec<PartIndex>),
    /// A model said it that nobody here knows of.
    ForeignReply,
}

/// Something that was said to a request.
#[derive(Debug, Clone)]
pub(super) struct ReplyPart {
    pub content: ReplyContent,
    pub at: i64,
    pub state: SaidState,
    pub sender: Sender,
    /// Where the words come from, if that is known of exactly these words.
    pub origin: Origin,
    pub author: ReplyAuthor,
}

/// Who wrote something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReplyAuthor {
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

impl ReplyAuthor {
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
        match &self.content {
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
        self.parts.iter().filter_map(ReplyPart::body).collect()
    }

    /// The words of a rejection, if there was one.
    pub fn rejection(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match &part.content {
            ReplyContent::Rejection(words) => Some(words.as_str()),
            _ => None,
        })
    }
}

impl ExportedConversation {
    /// A conversation of the journal; `None` if there is none of this id.
    pub fn open(reader: &JournalReader, id: i64) -> Result<Option<Self>, ReadError> {
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

    /// The next turn.
    pub fn next(&mut self) -> Result<Option<ExportedTurn>, ReadError> {
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

    /// What is new in a request, and what it is.
    fn new_items(&mut self, past: &PastTurn) -> Vec<NewItem> {
        let Some(request) = &past.request else {
            return Vec::new();
        };
        let opening = Opening::of(request);
        // What an agent sends again after it has changed something is not new.
        let mut sent_before = match past.is_rewritten() {
            true => self.seen_counts.clone(),
            false => HashMap::new(),
        };
        if past.is_rewritten() {
            for item in request.items.iter().take(past.kept) {
                take_seen(&mut sent_before, item);
            }
        }
        let mut new = Vec::new();
        for (index, item) in request.items.iter().enumerate().skip(past.kept) {
            if past.is_rewritten() && take_seen(&mut sent_before, item) {
                continue;
            }
            *self.seen_counts.entry(item.likeness()).or_default() += 1;
            let what = match item.is_from_model() {
                true => match self.echo_of(item) {
                    places if places.is_empty() && opening.holds(&request.items, index) => {
                        NewItemKind::AddedByAgent
                    }
                    places if places.is_empty() => NewItemKind::ForeignReply,
                    places => NewItemKind::EchoedReply(places),
                },
                false if opening.holds(&request.items, index) => NewItemKind::AddedByAgent,
                false => NewItemKind::Input,
            };
            new.push(NewItem {
                item: Arc::clone(item),
                kind: what,
            });
        }
        new
    }

    /// What an item of the model is of what was said here: one part, or messages that some formats
    /// make one.
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

/// Whether an item was counted, which it is once less then.
fn take_seen(counts: &mut HashMap<Hash, usize>, item: &Item) -> bool {
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
    if said.comes_back_as(sent) {
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

/// What was said to a request, with who wrote it. What left with one reply shares what was typed.
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

/// How many calls of a draft were found again so far.
#[derive(Debug, Default)]
struct FoundCalls {
    count: usize,
}

/// Where the words of something come from, as far as that is known of exactly these words, and who
/// wrote it.
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
    let origin = match own.text == text {
        true => own.origin.clone(),
        false => Origin::default(),
    };
    (origin, author_of(own, &draft.sender))
}

/// Who wrote a part of a reply.
fn author_of(part: &draft::Part, sender: &Sender) -> ReplyAuthor {
    // What stands beside a call is another part.
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
        }) => match is_edited {
            true => ReplyAuthor::Edited(model),
            false => ReplyAuthor::Model(model),
        },
        Some(Contribution {
            rule: Some(rule), ..
        }) => ReplyAuthor::Rule(rule),
        _ => ReplyAuthor::Person,
    }
}

/// The words of parts for people: pictures and files by what they are.
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

/// What an item says, for people.
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
