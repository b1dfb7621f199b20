//! Requests as the journal has them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Place;
use crate::agents::purpose;
use crate::api::{Assigned, Envelope, Format, Interner, Item, Request, ToolList};
use crate::journal::{Blob, State, Turn};

/// What a request is, besides its text: it depends on what the store had when it came.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Detail {
    /// How many of the items were not sent, because they were stored.
    earlier: usize,
    thread: Option<String>,
    parent: Option<String>,
    chain: Option<String>,
    /// What stands in the place of items that only refer to others: where, and its JSON.
    references: Vec<(usize, Arc<str>)>,
    /// Whose it is in a study.
    #[serde(skip_serializing_if = "Option::is_none")]
    study: Option<Arc<Assigned>>,
}

/// The row of a request that came at a moment, in milliseconds since 1970.
pub(super) fn row(place: Place, request: &Request, now: i64) -> Turn {
    let earlier = &request.items[request.preamble..][..request.earlier];
    let own = &request.items[request.preamble + request.earlier..];
    let resolved = |(at, _): &(usize, Arc<Item>)| Some((*at, own.get(*at)?.shared_raw().clone()));
    let detail = Detail {
        earlier: earlier.len(),
        thread: request.thread.clone(),
        parent: request.parent.clone(),
        chain: request.chain.clone(),
        references: request.references.iter().filter_map(resolved).collect(),
        study: request.assigned.clone(),
    };
    let sent = request.sent().filter(|item| item.begins_text());
    let tools = &request.tools;
    Turn {
        id: place.request.0,
        conversation: place.conversation.0,
        format: request.format.number(),
        arrived: now,
        state: State::Waiting,
        envelope: Blob::new(serde_json::to_string(&*request.envelope).unwrap_or_default()),
        instructions: request.beside().map(|item| blob(item)),
        tools: tools.is_given().then(|| Blob {
            hash: tools.hash(),
            text: Arc::clone(tools.shared_raw()),
        }),
        items: earlier.iter().chain(sent).map(|item| blob(item)).collect(),
        detail: serde_json::to_string(&detail).unwrap_or_default(),
    }
}

/// Whose a turn is in a study, as it is written down.
pub fn assigned(detail: &str) -> Option<Arc<Assigned>> {
    serde_json::from_str::<Detail>(detail).ok()?.study
}

/// The content of an item.
pub(super) fn blob(item: &Item) -> Blob {
    Blob {
        hash: item.hash(),
        text: Arc::clone(item.shared_raw()),
    }
}

/// The request of a row; `None` if it cannot be read any more.
pub(super) fn request(turn: &Turn, interner: &Interner) -> Option<Request> {
    let detail: Detail = serde_json::from_str(&turn.detail).unwrap_or_default();
    let envelope: Envelope = serde_json::from_str(&turn.envelope.text).ok()?;
    let (earlier, own) = turn.items.split_at_checked(detail.earlier)?;
    let none = ToolList::default();
    let tools = turn.tools.as_ref().map_or(none.raw(), |tools| &tools.text);
    let beside = turn.instructions.as_ref().map(|beside| &*beside.text);
    let whole = envelope.whole(tools, beside, own.iter().map(|item| &*item.text));
    let format = Format::of_number(turn.format)?;
    let mut request = format.parse(whole.as_bytes(), interner).ok()?;
    for (at, raw) in detail.references {
        if let Some(item) = request.items.get_mut(request.preamble + at) {
            let resolved = Arc::new(Item::of_text(raw));
            request
                .references
                .push((at, std::mem::replace(item, resolved)));
        }
    }
    let at = request.preamble;
    let earlier = earlier.iter().map(|item| Arc::clone(&item.text));
    let earlier: Vec<_> = earlier.map(|raw| Arc::new(Item::of_text(raw))).collect();
    request.earlier = earlier.len();
    request.items.splice(at..at, earlier);
    request.purpose = purpose(&request);
    request.thread = detail.thread;
    request.parent = detail.parent;
    request.chain = detail.chain;
    request.assigned = detail.study;
    Some(request)
}
