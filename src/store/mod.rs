//! Everything asked and said, once: what server and inbox share.

mod account;
mod responses;
mod stored;
mod threads;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::{Interner, Request};

pub(crate) use account::Account;
pub(crate) use responses::{Record, Responses};
pub(crate) use threads::Place;
pub use threads::{ConversationId, RequestId};

use self::threads::Threads;
pub use stored::{History, Replay, Stored, resolve, resolve_items};

/// What was asked and what was said. Clones are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    interner: Arc<Interner>,
    responses: Responses,
    threads: Arc<Mutex<Threads>>,
}

impl Store {
    /// A store with room for this many responses and conversations of the Responses API.
    pub fn new(most_responses: usize) -> Self {
        Self {
            interner: Arc::default(),
            responses: Responses::new(Stored::new(most_responses)),
            threads: Arc::new(Mutex::new(Threads::new(1, 1))),
        }
    }

    /// What was read before.
    pub(crate) fn interner(&self) -> &Arc<Interner> {
        &self.interner
    }

    /// The responses that later requests can go on from.
    pub(crate) fn responses(&self) -> &Responses {
        &self.responses
    }

    /// Finds the conversation that a request goes on with, or begins one.
    pub(crate) fn place(&self, request: &Request, automatic: bool) -> Place {
        self.threads().place(request, automatic)
    }

    /// A request of a conversation was answered, or its client went away.
    pub(crate) fn close(&self, conversation: ConversationId, gone: bool) {
        self.threads().close(conversation, gone);
    }

    /// Forgets a conversation.
    pub(crate) fn forget(&self, conversation: ConversationId) {
        self.threads().forget(conversation);
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
