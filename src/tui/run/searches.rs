//! Looking for earlier conversations, one search at a time: what was asked for meanwhile and is not
//! wanted any more is never looked for.

use tokio::task::{JoinHandle, spawn_blocking};

use crate::store::{Found, Store};

/// How many conversations are listed.
const MOST: u32 = 500;

/// The search under way, and the one after it.
pub(super) struct Searches {
    store: Store,
    under_way: Option<JoinHandle<(String, Vec<Found>)>>,
    next: Option<String>,
}

impl Searches {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            under_way: None,
            next: None,
        }
    }

    /// Looks for these words as soon as it can; without words, for the newest conversations.
    pub(super) fn begin(&mut self, query: String) {
        self.next = Some(query);
        self.go_on();
    }

    fn go_on(&mut self) {
        if self.under_way.is_none()
            && let Some(query) = self.next.take()
        {
            let store = self.store.clone();
            self.under_way = Some(spawn_blocking(move || {
                let found = store.find(&query, MOST);
                (query, found)
            }));
        }
    }

    /// Waits for what a search finds; for ever if there is none.
    pub(super) async fn next(&mut self) -> Option<(String, Vec<Found>)> {
        let Some(search) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let found = search.await;
        self.under_way = None;
        self.go_on();
        found.ok()
    }
}
