//! Requests that others keep: what is known of one besides its text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agents::purpose;
use crate::api::{ApiError, Format, Interner, Item, Request};

/// What is known of a request besides its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    /// The items that were not sent, because they were stored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Arc<str>>,
    /// What stands in the place of items that only refer to others: where, and its JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<(usize, Arc<str>)>,
    /// What identifies the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
    /// The thread on whose behalf that was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What requests that go on from one another by id have in common.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
}

impl Context {
    /// The context of a request.
    pub fn of(request: &Request) -> Self {
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

    /// The request with this text.
    ///
    /// # Errors
    ///
    /// If the text is not a request.
    pub fn request(
        self,
        format: Format,
        whole: &[u8],
        interner: &Interner,
    ) -> Result<Request, ApiError> {
        let mut request = format.parse(whole, interner)?;
        let start = request.preamble;
        resolve(&mut request, start, self.references);
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

/// Puts what was meant in the place of items that only refer to others, each at its place behind `start`,
/// and keeps those aside.
pub(super) fn resolve(request: &mut Request, start: usize, references: Vec<(usize, Arc<str>)>) {
    for (at, raw) in references {
        if let Some(item) = request.items.get_mut(start + at) {
            let resolved = Arc::new(Item::of_text(raw));
            request
                .references
                .push((at, std::mem::replace(item, resolved)));
        }
    }
}
