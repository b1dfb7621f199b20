//! Stored responses as the connections share them: looked up in the journal where they are not in
//! memory, and watched for changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{RequestId, Saving, StoredResponses, blocking, resolve};
use crate::api::responses::ResponseObject;
use crate::api::{ApiError, Frame, Previous, Request};

/// Stored responses behind a lock. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Responses {
    stored: Arc<Mutex<StoredResponses>>,
    changed: Arc<watch::Sender<()>>,
}

impl Responses {
    pub(crate) fn new(stored: StoredResponses) -> Self {
        Self {
            stored: Arc::new(Mutex::new(stored)),
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    /// Locks the responses, to look something up or to change it. After a change that others may wait for,
    /// [`Responses::notify`] has to be called.
    pub(crate) fn lock(&self) -> MutexGuard<'_, StoredResponses> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last write to the journal. No client may see a change before its write is settled.
    pub(crate) fn saving(&self) -> Saving {
        self.lock().saving()
    }

    /// Wakes all who wait for a change.
    pub(crate) fn notify(&self) {
        self.changed.send_replace(());
    }

    /// A receiver that is woken by each change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Calls `act` with the stored responses and `id`, after the response or conversation with that id
    /// was loaded into memory, if there is one. Reads the journal on a thread that may block.
    pub(crate) async fn with_loaded<T: Send + 'static>(
        &self,
        id: &str,
        act: impl FnOnce(&mut StoredResponses, &str) -> T + Send + 'static,
    ) -> T {
        let id = id.to_owned();
        let ids = [id.clone()];
        self.with_all_loaded(&ids, move |stored| act(stored, &id))
            .await
    }

    async fn with_all_loaded<T: Send + 'static>(
        &self,
        ids: &[String],
        act: impl FnOnce(&mut StoredResponses) -> T + Send + 'static,
    ) -> T {
        let (archive, missing) = {
            let mut stored = self.lock();
            match stored.missing(ids) {
                Some(missing) => missing,
                None => return act(&mut stored),
            }
        };
        let responses = self.clone();
        blocking(move || {
            let found = archive.find(&missing);
            let mut stored = responses.lock();
            stored.load_archived(found);
            act(&mut stored)
        })
        .await
    }

    /// Adds to a request what it goes on from and refers to, as [`resolve`] does. What `nearer`, the
    /// responses of one connection, has is taken from there.
    pub(crate) async fn resolve(
        &self,
        nearer: Option<Self>,
        mut request: Request,
    ) -> Result<Request, ApiError> {
        let mut ids = referenced_ids(&request);
        if let Some(nearer) = &nearer {
            let nearer = nearer.lock();
            ids.retain(|id| !nearer.is_in_memory(id));
        }
        self.with_all_loaded(&ids, move |stored| {
            match &nearer {
                Some(nearer) => resolve(&mut request, &[&nearer.lock(), stored])?,
                None => resolve(&mut request, &[stored])?,
            }
            Ok(request)
        })
        .await
    }
}

/// The ids of all responses, conversations and items that a request refers to.
fn referenced_ids(request: &Request) -> Vec<String> {
    let previous = match &request.previous {
        Some(Previous::Response(id) | Previous::Conversation(id)) => Some(id.clone()),
        None => None,
    };
    let items = request.items.iter().filter_map(|item| item.reference());
    previous.into_iter().chain(items).collect()
}

/// Stores one response while it is being made. Dropping it before the end cancels the response.
#[derive(Debug)]
pub(crate) struct ResponseRecorder {
    stores: Vec<Responses>,
    id: String,
    ended: bool,
}

impl ResponseRecorder {
    /// Stores a response that begins in all of `stores`; `turn` is the id of its request in the journal.
    pub(crate) fn begin(
        stores: Vec<Responses>,
        request: &Request,
        response: &ResponseObject,
        turn: Option<RequestId>,
    ) -> Self {
        for store in &stores {
            let turn = turn.map(|turn| turn.0);
            store.lock().begin(request, response.clone(), turn);
        }
        Self {
            stores,
            id: response.id().to_owned(),
            ended: false,
        }
    }

    /// Loads a response of an earlier run, to go on with it.
    pub(crate) async fn resume(store: Responses, id: &str) -> Self {
        store.with_loaded(id, |_, _| ()).await;
        Self {
            stores: vec![store],
            id: id.to_owned(),
            ended: false,
        }
    }

    /// The last write of it. Nothing of it may leave the program before that is settled.
    pub(crate) fn saving(&self) -> Saving {
        let written = self.stores.iter().map(|store| store.lock().saving());
        written.max().unwrap_or_default()
    }

    /// Updates the response in all stores, as [`StoredResponses::update`]. Returns false if none of them
    /// has it open any more.
    pub(crate) fn update(
        &mut self,
        response: &ResponseObject,
        checkpoint: Option<String>,
        frames: &[Frame],
        ended: bool,
    ) -> bool {
        self.ended |= ended;
        let mut is_kept = false;
        for store in &self.stores {
            let checkpoint = checkpoint.clone();
            is_kept |= store.lock().update(response, checkpoint, frames, ended);
            store.notify();
        }
        is_kept
    }

    /// Leaves the response open, so that a later run can go on with it.
    pub(crate) fn leave_open(mut self) {
        self.ended = true;
    }
}

impl Drop for ResponseRecorder {
    fn drop(&mut self) {
        if !self.ended {
            for store in &self.stores {
                store.lock().abandon(&self.id);
                store.notify();
            }
        }
    }
}
