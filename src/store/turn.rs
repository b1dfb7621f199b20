//! Requests as rows of the journal, and the way back.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RequestKey;
use super::context::{Context, resolve_references};
use crate::agents::purpose;
use crate::api::{Assignment, Envelope, Format, Interner, Item, Request, ToolList};
use crate::journal::{Blob, BlobContent, BlobKey, TurnParts, TurnRow, TurnState};

/// The facts about a request that its body does not say, because they depend on its headers and on what
/// was stored when it came. The names of the fields are part of the journal.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct TurnDetail {
    /// How many of its items the client did not send, because it goes on from what is stored.
    earlier: usize,
    thread: Option<String>,
    parent: Option<String>,
    chain: Option<String>,
    /// What item references were resolved to: the index of the reference among the items that the client
    /// sent, and the item as JSON.
    references: Vec<(usize, Arc<str>)>,
    /// The participant and condition of a study that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<Arc<Assignment>>,
}

/// The row of a request that came at the moment `now`, in milliseconds since 1970.
pub(super) fn row(key: RequestKey, request: &Request, now: i64) -> TurnRow {
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
        id: key.request.0,
        conversation: key.conversation.0,
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

/// The participant and condition of a study that a turn belongs to, from the `detail` of its row.
pub(crate) fn assignment(detail: &str) -> Option<Arc<Assignment>> {
    serde_json::from_str::<TurnDetail>(detail).ok()?.study
}

/// The JSON of an item as a content of the journal.
pub(super) fn blob(item: &Item) -> Blob {
    Blob {
        hash: item.hash(),
        text: Arc::clone(item.shared_raw()),
    }
}

/// The body of a request byte for byte as it came, and its context; `None` if it cannot be read any more.
pub(crate) fn body_and_context(turn: &TurnRow) -> Option<(String, Context)> {
    let detail: TurnDetail = serde_json::from_str(&turn.detail).unwrap_or_default();
    let envelope: Envelope = serde_json::from_str(&turn.envelope.text).ok()?;
    let (earlier, own) = turn.items.split_at_checked(detail.earlier)?;
    let none = ToolList::default();
    let tools = turn.tools.as_ref().map_or(none.raw(), |tools| &tools.text);
    let instructions = turn
        .instructions
        .as_ref()
        .map(|instructions| &*instructions.text);
    let body = envelope.reassemble(tools, instructions, own.iter().map(|item| &*item.text));
    let context = Context {
        earlier: earlier.iter().map(|item| Arc::clone(&item.text)).collect(),
        references: detail.references,
        thread: detail.thread,
        parent: detail.parent,
        chain: detail.chain,
    };
    Some((body, context))
}

/// The request of a row; `None` if it cannot be read any more.
pub(super) fn request(turn: &TurnRow, interner: &Interner) -> Option<Request> {
    let format = Format::of_number(turn.format)?;
    let (body, context) = body_and_context(turn)?;
    let mut request = context.request(format, body.as_bytes(), interner).ok()?;
    request.assignment = assignment(&turn.detail);
    Some(request)
}

/// The parsed parts of a turn. The turn after it has most of them too, and takes them from here.
#[derive(Debug, Default)]
pub(super) struct PreviousTurn {
    format: Option<i64>,
    tools: Option<(BlobKey, Arc<ToolList>)>,
    instructions: Option<(BlobKey, Vec<Arc<Item>>)>,
    items: HashMap<BlobKey, Vec<Arc<Item>>>,
}

impl PreviousTurn {
    /// Whether a content is among its parts, so that its text need not be read.
    pub(super) fn has(&self, key: BlobKey) -> bool {
        let tools = self.tools.as_ref().map(|(key, _)| *key);
        let instructions = self.instructions.as_ref().map(|(key, _)| *key);
        tools == Some(key) || instructions == Some(key) || self.items.contains_key(&key)
    }

    /// Whether it has all parts of a turn that were not read with it, in the role that they have there.
    pub(crate) fn covers(&self, parts: &TurnParts) -> bool {
        let is_same = self.format.is_none_or(|format| format == parts.format);
        // The same content may be an item in one turn and the instructions in the next.
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
                self.instructions.as_ref().map(|(key, _)| *key),
            )
    }
}

/// The request of a turn of which the parts in `previous` were not read, and its own parsed parts;
/// `None` if it cannot be read any more.
pub(super) fn request_of_parts(
    parts: &TurnParts,
    previous: &PreviousTurn,
    interner: &Interner,
) -> Option<(Request, PreviousTurn)> {
    let detail: TurnDetail = serde_json::from_str(&parts.detail).unwrap_or_default();
    let envelope: Envelope = serde_json::from_str(&parts.envelope).ok()?;
    let format = Format::of_number(parts.format)?;
    let (earlier, own) = parts.items.split_at_checked(detail.earlier)?;
    // Parts that are parsed already are not parsed again: an empty value stands for them.
    let text = |content: &Option<BlobContent>, other: &'static str| -> Option<Arc<str>> {
        let content = content.as_ref()?;
        Some(content.text.clone().unwrap_or_else(|| other.into()))
    };
    let tools = text(&parts.tools, "[]");
    let instructions = text(&parts.instructions, "\"\"");
    let parse = |tools: &str, instructions: Option<&str>, item: Option<&str>| {
        let body = envelope.reassemble(tools, instructions, item);
        format.parse(body.as_bytes(), interner).ok()
    };
    let mut items: HashMap<BlobKey, Vec<Arc<Item>>> = HashMap::with_capacity(parts.items.len());
    for content in earlier {
        let read = match (&content.text, previous.items.get(&content.key)) {
            (Some(text), _) => vec![Arc::new(Item::of_text(Arc::clone(text)))],
            (None, previous) => previous?.clone(),
        };
        items.insert(content.key, read);
    }
    let empty_instructions = instructions.as_ref().map(|_| "\"\"");
    for content in own {
        let read = match (&content.text, previous.items.get(&content.key)) {
            (Some(text), _) => {
                let mut alone = parse("[]", empty_instructions, Some(text))?;
                alone.items.split_off(alone.preamble)
            }
            (None, previous) => previous?.clone(),
        };
        items.insert(content.key, read);
    }
    // The first item, because parsing fails without one.
    let first = own.first().and_then(|content| match &content.text {
        Some(text) => Some(Arc::clone(text)),
        None => Some(Arc::clone(items.get(&content.key)?.first()?.shared_raw())),
    });
    let none = ToolList::default();
    let mut request = parse(
        tools.as_deref().unwrap_or(none.raw()),
        instructions.as_deref(),
        first.as_deref(),
    )?;
    request.items.truncate(request.preamble);
    let mut current = PreviousTurn {
        format: Some(parts.format),
        ..PreviousTurn::default()
    };
    if let Some(content) = &parts.tools {
        if content.text.is_none() {
            request.tools = Arc::clone(&previous.tools.as_ref()?.1);
        }
        current.tools = Some((content.key, Arc::clone(&request.tools)));
    }
    if let Some(content) = &parts.instructions {
        if content.text.is_none() {
            request.items.clone_from(&previous.instructions.as_ref()?.1);
            request.preamble = request.items.len();
        }
        current.instructions = Some((content.key, request.items.clone()));
    }
    let of = |content: &BlobContent| items.get(&content.key).cloned().unwrap_or_default();
    request.items.extend(earlier.iter().flat_map(of));
    let start = request.items.len();
    request.items.extend(own.iter().flat_map(of));
    resolve_references(&mut request, start, detail.references);
    request.earlier = start - request.preamble;
    // The envelope of the whole request, and not that of the shortened one that was parsed here.
    request.envelope = Arc::new(envelope);
    request.purpose = purpose(&request);
    request.thread = detail.thread;
    request.parent = detail.parent;
    request.chain = detail.chain;
    request.assignment = detail.study;
    current.items = items;
    Some((request, current))
}
