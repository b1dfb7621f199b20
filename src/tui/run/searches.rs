//! Searches the journal for conversations in the background, one search at a time. Of the queries that
//! come in meanwhile, only the last one is run.

use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::store::{FoundConversation, Store};

/// The most conversations that a search returns.
const MAX_RESULTS: u32 = 500;
/// After which time a search is repeated, if the index was not up to date.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

/// The results of a search.
pub(super) struct FinishedSearch {
    pub query: String,
    pub found: Vec<FoundConversation>,
    /// Whether the index was not up to date, so that results may be missing.
    pub is_behind: bool,
}

/// The running search, and the next one.
pub(super) struct Searches {
    store: Store,
    under_way: Option<JoinHandle<FinishedSearch>>,
    next: Option<String>,
    again: Option<(Instant, String)>,
}

impl Searches {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            under_way: None,
            next: None,
            again: None,
        }
    }

    /// Searches for a query once the running search has ended. An empty query finds the newest
    /// conversations.
    pub(super) fn begin(&mut self, query: String) {
        self.again = None;
        self.next = Some(query);
        self.start_next();
    }

    /// Repeats a search soon, unless another one begins meanwhile.
    pub(super) fn repeat(&mut self, query: String) {
        if self.under_way.is_none() {
            self.again = Some((Instant::now() + REPEAT_AFTER, query));
        }
    }

    fn start_next(&mut self) {
        if self.under_way.is_none()
            && let Some(query) = self.next.take()
        {
            let store = self.store.clone();
            self.under_way = Some(spawn_blocking(move || {
                // Check this before the search: what is indexed meanwhile may still be missing.
                let is_behind = !query.trim().is_empty() && store.index_is_behind();
                let found = store.find(&query, MAX_RESULTS);
                FinishedSearch {
                    query,
                    found,
                    is_behind,
                }
            }));
        }
    }

    /// Waits for the results of the running search; for ever if there is none.
    pub(super) async fn next(&mut self) -> Option<FinishedSearch> {
        loop {
            if let Some(search) = &mut self.under_way {
                let search = search.await;
                self.under_way = None;
                self.start_next();
                return search.ok();
            }
            let Some((at, _)) = self.again else {
                return std::future::pending().await;
            };
            sleep_until(at).await;
            self.next = self.again.take().map(|(_, query)| query);
            self.start_next();
        }
    }
}
