//! Requests as the journal has them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Place;
use crate::agents::purpose;
use crate::api::{ApiError, Envelope, Format, Interner, Item, Request, ToolList};
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
}

/// The row of a request that came at a moment, in milliseconds since 1970.
pub(super) fn row(place: Place, request: &Request, now: i64) -> Turn {
    let earlier = &request.items[request.preamble..][..request.earlier];
    let known = Known::of(request);
    let detail = Detail {
        earlier: earlier.len(),
        thread: known.thread,
        parent: known.parent,
        chain: known.chain,
        references: known.references,
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

/// The content of an item.
pub(super) fn blob(item: &Item) -> Blob {
    Blob {
        hash: item.hash(),
        text: Arc::clone(item.shared_raw()),
    }
}

/// The request of a row; `None` if it cannot be read any more.
pub(crate) fn request(turn: &Turn, interner: &Interner) -> Option<Request> {
    let detail: Detail = serde_json::from_str(&turn.detail).unwrap_or_default();
    let envelope: Envelope = serde_json::from_str(&turn.envelope.text).ok()?;
    let (earlier, own) = turn.items.split_at_checked(detail.earlier)?;
    let none = ToolList::default();
    let tools = turn.tools.as_ref().map_or(none.raw(), |tools| &tools.text);
    let beside = turn.instructions.as_ref().map(|beside| &*beside.text);
    let whole = envelope.whole(tools, beside, own.iter().map(|item| &*item.text));
    let format = Format::of_number(turn.format)?;
    let known = Known {
        earlier: earlier.iter().map(|item| Arc::clone(&item.text)).collect(),
        references: detail.references,
        thread: detail.thread,
        parent: detail.parent,
        chain: detail.chain,
    };
    known.request(format, whole.as_bytes(), interner).ok()
}

/// What is known of a request besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The items that were not sent, because they were stored.
    pub earlier: Vec<Arc<str>>,
    /// What stands in the place of items that only refer to others: where, and its JSON.
    pub references: Vec<(usize, Arc<str>)>,
    pub thread: Option<String>,
    pub parent: Option<String>,
    pub chain: Option<String>,
}

impl Known {
    /// That of a request.
    pub fn of(request: &Request) -> Self {
        let own = &request.items[request.preamble..];
        let (earlier, own) = own.split_at(request.earlier.min(own.len()));
        let resolved =
            |(at, _): &(usize, Arc<Item>)| Some((*at, own.get(*at)?.shared_raw().clone()));
        Self {
            earlier: earlier
                .iter()
                .map(|item| item.shared_raw().clone())
                .collect(),
            references: request.references.iter().filter_map(resolved).collect(),
            thread: request.thread.clone(),
            parent: request.parent.clone(),
            chain: request.chain.clone(),
        }
    }

    /// The request with this text.
    ///
    /// # Errors
    ///
    /// If that is none.
    pub fn request(
        self,
        format: Format,
        whole: &[u8],
        interner: &Interner,
    ) -> Result<Request, ApiError> {
        let mut request = format.parse(whole, interner)?;
        for (at, raw) in self.references {
            if let Some(item) = request.items.get_mut(request.preamble + at) {
                let resolved = Arc::new(Item::of_text(raw));
                request
                    .references
                    .push((at, std::mem::replace(item, resolved)));
            }
        }
        let at = request.preamble;
        let earlier = self.earlier.into_iter().map(Item::of_text);
        let earlier: Vec<_> = earlier.map(Arc::new).collect();
        request.earlier = earlier.len();
        request.items.splice(at..at, earlier);
        request.purpose = purpose(&request);
        request.thread = self.thread;
        request.parent = self.parent;
        request.chain = self.chain;
        Ok(request)
    }
}
