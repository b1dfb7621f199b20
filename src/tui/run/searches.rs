//! Looking for earlier conversations, one search at a time: what was asked for meanwhile and is not
//! wanted any more is never looked for.

use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::store::{FoundConversation, Store};

/// How many conversations are listed.
const MAX: u32 = 500;
/// After which time to look again where the index was behind.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What a search found.
pub(super) struct FinishedSearch {
    pub query: String,
    pub found: Vec<FoundConversation>,
    /// Whether there is more that the index does not know yet.
    pub is_behind: bool,
}

/// The search under way, and the one after it.
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

    /// Looks for these words as soon as it can; without words, for the newest conversations.
    pub(super) fn begin(&mut self, query: String) {
        self.again = None;
        self.next = Some(query);
        self.go_on();
    }

    /// Looks for the same words again soon, unless others are looked for meanwhile.
    pub(super) fn again(&mut self, query: String) {
        if self.under_way.is_none() {
            self.again = Some((Instant::now() + AGAIN_AFTER, query));
        }
    }

    fn go_on(&mut self) {
        if self.under_way.is_none()
            && let Some(query) = self.next.take()
        {
            let store = self.store.clone();
            self.under_way = Some(spawn_blocking(move || {
                // Asked first: what is put into the index meanwhile may be missing all the same.
                let is_behind = !query.trim().is_empty() && store.index_is_behind();
                let found = store.find(&query, MAX);
                FinishedSearch {
                    query,
                    found,
                    is_behind,
                }
            }));
        }
    }

    /// Waits for what a search finds; for ever if there is none.
    pub(super) async fn next(&mut self) -> Option<FinishedSearch> {
        loop {
            if let Some(search) = &mut self.under_way {
                let search = search.await;
                self.under_way = None;
                self.go_on();
                return search.ok();
            }
            let Some((at, _)) = self.again else {
                return std::future::pending().await;
            };
            sleep_until(at).await;
            self.next = self.again.take().map(|(_, query)| query);
            self.go_on();
        }
    }
}
