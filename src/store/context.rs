//! What it takes besides the body of a request to read it again outside of the journal, as in a recording.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agents::purpose;
use crate::api::{ApiError, Format, Interner, Item, Request};

/// The facts about a request that its body does not say, because they depend on its headers and on what
/// was stored when it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    /// The items that it goes on from and that the client did not send, as JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Arc<str>>,
    /// What item references were resolved to: the index of the reference among the items that the client
    /// sent, and the item as JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<(usize, Arc<str>)>,
    /// The client's name for the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// The name of the thread on whose behalf that was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The id that requests which go on from one another have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
}

impl Context {
    /// The context of a request.
    pub(crate) fn of(request: &Request) -> Self {
        let own = &request.items[request.preamble..];
        let (earlier, own) = own.split_at(request.earlier.min(own.len()));
        let raw = |item: &Arc<Item>| item.shared_raw().clone();
        let resolved = |(at, _): &(usize, Arc<Item>)| Some((*at, raw(own.get(*at)?)));
        Self {
            earlier: earlier.iter().map(raw).collect(),
            references: request.references.iter().filter_map(resolved).collect(),
            thread: request.thread.clone(),
            parent: request.parent.clone(),
            chain: request.chain.clone(),
        }
    }

    /// The request with this body.
    ///
    /// # Errors
    ///
    /// If the body is not a request.
    pub(crate) fn request(
        self,
        format: Format,
        body: &[u8],
        interner: &Interner,
    ) -> Result<Request, ApiError> {
        let mut request = format.parse(body, interner)?;
        let start = request.preamble;
        resolve_references(&mut request, start, self.references);
        let earlier = self.earlier.into_iter().map(Item::of_text);
        let earlier: Vec<_> = earlier.map(Arc::new).collect();
        request.earlier = earlier.len();
        request.items.splice(start..start, earlier);
        request.purpose = purpose(&request);
        request.thread = self.thread;
        request.parent = self.parent;
        request.chain = self.chain;
        Ok(request)
    }
}

/// Replaces item references by what they refer to, each at its index after `start`, and moves the
/// references to [`Request::references`].
pub(super) fn resolve_references(
    request: &mut Request,
    start: usize,
    references: Vec<(usize, Arc<str>)>,
) {
    for (at, raw) in references {
        if let Some(item) = request.items.get_mut(start + at) {
            let resolved = Arc::new(Item::of_text(raw));
            request
                .references
                .push((at, std::mem::replace(item, resolved)));
        }
    }
}
