//! Requests as the journal has them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RequestKey;
use super::context::{Context, resolve};
use crate::agents::purpose;
use crate::api::{Assignment, Envelope, Format, Interner, Item, Request, ToolList};
use crate::journal::{Blob, BlobContent, BlobKey, TurnParts, TurnRow, TurnState};

/// What a request is, besides its text: it depends on what the store had when it came.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct TurnDetail {
    /// How many of the items were not sent, because they were stored.
    earlier: usize,
    thread: Option<String>,
    parent: Option<String>,
    chain: Option<String>,
    /// What stands in the place of items that only refer to others: where, and its JSON.
    references: Vec<(usize, Arc<str>)>,
    /// Whose it is in a study.
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<Arc<Assignment>>,
}

/// The row of a request that came at a moment, in milliseconds since 1970.
pub(super) fn row(place: RequestKey, request: &Request, now: i64) -> TurnRow {
    let earlier = &request.items[request.preamble..][..request.earlier];
    let own = &request.items[request.preamble + request.earlier..];
    let resolved = |(at, _): &(usize, Arc<Item>)| Some((*at, own.get(*at)?.shared_raw().clone()));
    let detail = TurnDetail {
        earlier: earlier.len(),
        thread: request.thread.clone(),
        parent: request.parent.clone(),
        chain: request.chain.clone(),
        references: request.references.iter().filter_map(resolved).collect(),
        study: request.assignment.clone(),
    };
    let sent = request.sent_items().filter(|item| item.begins_text());
    let tools = &request.tools;
    TurnRow {
        id: place.request.0,
        conversation: place.conversation.0,
        format: request.format.number(),
        arrived: now,
        state: TurnState::Waiting,
        envelope: Blob::new(serde_json::to_string(&*request.envelope).unwrap_or_default()),
        instructions: request.preamble_item().map(|item| blob(item)),
        tools: tools.is_given().then(|| Blob {
            hash: tools.hash(),
            text: Arc::clone(tools.shared_raw()),
        }),
        items: earlier.iter().chain(sent).map(|item| blob(item)).collect(),
        detail: serde_json::to_string(&detail).unwrap_or_default(),
    }
}

/// Whose a turn is in a study, as it is written down.
pub(crate) fn assigned(detail: &str) -> Option<Arc<Assignment>> {
    serde_json::from_str::<TurnDetail>(detail).ok()?.study
}

/// The content of an item.
pub(super) fn blob(item: &Item) -> Blob {
    Blob {
        hash: item.hash(),
        text: Arc::clone(item.shared_raw()),
    }
}

/// The text of a request as it came, byte for byte, and what is known of it besides; `None` if it cannot
/// be read any more.
pub(crate) fn asked(turn: &TurnRow) -> Option<(String, Context)> {
    let detail: TurnDetail = serde_json::from_str(&turn.detail).unwrap_or_default();
    let envelope: Envelope = serde_json::from_str(&turn.envelope.text).ok()?;
    let (earlier, own) = turn.items.split_at_checked(detail.earlier)?;
    let none = ToolList::default();
    let tools = turn.tools.as_ref().map_or(none.raw(), |tools| &tools.text);
    let beside = turn.instructions.as_ref().map(|beside| &*beside.text);
    let whole = envelope.reassemble(tools, beside, own.iter().map(|item| &*item.text));
    let context = Context {
        earlier: earlier.iter().map(|item| Arc::clone(&item.text)).collect(),
        references: detail.references,
        thread: detail.thread,
        parent: detail.parent,
        chain: detail.chain,
    };
    Some((whole, context))
}

/// The request of a row; `None` if it cannot be read any more.
pub(super) fn request(turn: &TurnRow, interner: &Interner) -> Option<Request> {
    let format = Format::of_number(turn.format)?;
    let (whole, context) = asked(turn)?;
    let mut request = context.request(format, whole.as_bytes(), interner).ok()?;
    request.assignment = assigned(&turn.detail);
    Some(request)
}

/// What a turn was made of, for the next one, which has most of it too.
#[derive(Debug, Default)]
pub(super) struct PreviousTurn {
    format: Option<i64>,
    tools: Option<(BlobKey, Arc<ToolList>)>,
    beside: Option<(BlobKey, Vec<Arc<Item>>)>,
    items: HashMap<BlobKey, Vec<Arc<Item>>>,
}

impl PreviousTurn {
    /// Whether the text of a content is at hand.
    pub fn has(&self, key: BlobKey) -> bool {
        let tools = self.tools.as_ref().map(|(key, _)| *key);
        let beside = self.beside.as_ref().map(|(key, _)| *key);
        tools == Some(key) || beside == Some(key) || self.items.contains_key(&key)
    }

    /// Whether it is good for this turn.
    pub(crate) fn is_of(&self, parts: &TurnParts) -> bool {
        let is_same = self.format.is_none_or(|format| format == parts.format);
        // A content may be one thing in this turn that it was not in the turn before it.
        let has_all = |items: &[BlobContent]| {
            let unread = items.iter().filter(|item| item.text.is_none());
            unread
                .map(|item| item.key)
                .all(|key| self.items.contains_key(&key))
        };
        let is_read = |content: &Option<BlobContent>, key: Option<BlobKey>| {
            let unread = content.as_ref().filter(|content| content.text.is_none());
            unread.is_none_or(|content| Some(content.key) == key)
        };
        is_same
            && has_all(&parts.items)
            && is_read(&parts.tools, self.tools.as_ref().map(|(key, _)| *key))
            && is_read(
                &parts.instructions,
                self.beside.as_ref().map(|(key, _)| *key),
            )
    }
}

/// The request of a turn that was read in parts, and what it is made of; `None` if it cannot be read
/// any more.
pub(super) fn request_of_parts(
    parts: &TurnParts,
    known: &PreviousTurn,
    interner: &Interner,
) -> Option<(Request, PreviousTurn)> {
    let detail: TurnDetail = serde_json::from_str(&parts.detail).unwrap_or_default();
    let envelope: Envelope = serde_json::from_str(&parts.envelope).ok()?;
    let format = Format::of_number(parts.format)?;
    let (earlier, own) = parts.items.split_at_checked(detail.earlier)?;
    // What is at hand is not read again: something short stands in its place.
    let text = |content: &Option<BlobContent>, other: &'static str| -> Option<Arc<str>> {
        let content = content.as_ref()?;
        Some(content.text.clone().unwrap_or_else(|| other.into()))
    };
    let tools = text(&parts.tools, "[]");
    let beside = text(&parts.instructions, "\"\"");
    let parse = |tools: &str, beside: Option<&str>, item: Option<&str>| {
        let whole = envelope.reassemble(tools, beside, item);
        format.parse(whole.as_bytes(), interner).ok()
    };
    let mut items: HashMap<BlobKey, Vec<Arc<Item>>> = HashMap::with_capacity(parts.items.len());
    for content in earlier {
        let read = match (&content.text, known.items.get(&content.key)) {
            (Some(text), _) => vec![Arc::new(Item::of_text(Arc::clone(text)))],
            (None, known) => known?.clone(),
        };
        items.insert(content.key, read);
    }
    let short = beside.as_ref().map(|_| "\"\"");
    for content in own {
        let read = match (&content.text, known.items.get(&content.key)) {
            (Some(text), _) => {
                let mut alone = parse("[]", short, Some(text))?;
                alone.items.split_off(alone.preamble)
            }
            (None, known) => known?.clone(),
        };
        items.insert(content.key, read);
    }
    // A request without any would be refused.
    let first = own.first().and_then(|content| match &content.text {
        Some(text) => Some(Arc::clone(text)),
        None => Some(Arc::clone(items.get(&content.key)?.first()?.shared_raw())),
    });
    let none = ToolList::default();
    let mut request = parse(
        tools.as_deref().unwrap_or(none.raw()),
        beside.as_deref(),
        first.as_deref(),
    )?;
    request.items.truncate(request.preamble);
    let mut now_known = PreviousTurn {
        format: Some(parts.format),
        ..PreviousTurn::default()
    };
    if let Some(content) = &parts.tools {
        if content.text.is_none() {
            request.tools = Arc::clone(&known.tools.as_ref()?.1);
        }
        now_known.tools = Some((content.key, Arc::clone(&request.tools)));
    }
    if let Some(content) = &parts.instructions {
        if content.text.is_none() {
            request.items.clone_from(&known.beside.as_ref()?.1);
            request.preamble = request.items.len();
        }
        now_known.beside = Some((content.key, request.items.clone()));
    }
    let of = |content: &BlobContent| items.get(&content.key).cloned().unwrap_or_default();
    request.items.extend(earlier.iter().flat_map(of));
    let start = request.items.len();
    request.items.extend(own.iter().flat_map(of));
    resolve(&mut request, start, detail.references);
    request.earlier = start - request.preamble;
    // That of the whole, and not of what was read here.
    request.envelope = Arc::new(envelope);
    request.purpose = purpose(&request);
    request.thread = detail.thread;
    request.parent = detail.parent;
    request.chain = detail.chain;
    request.assignment = detail.study;
    now_known.items = items;
    Some((request, now_known))
}
