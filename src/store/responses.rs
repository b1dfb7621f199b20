//! What is stored of responses, shared among the connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{RequestId, Saving, StoredResponses, blocking, resolve};
use crate::api::responses::ResponseObject;
use crate::api::{ApiError, Frame, Previous, Request};

/// Stored responses that many can use at once.
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

    /// The store, to look something up or to change it. Whoever changes what others wait for says
    /// so with [`Responses::tell`].
    pub(crate) fn lock(&self) -> MutexGuard<'_, StoredResponses> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was written last: nobody is told of a change before that is in the journal.
    pub(crate) fn saving(&self) -> Saving {
        self.lock().saving()
    }

    /// Wakes those who wait for a change.
    pub(crate) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Something to wait with for a change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Does something with the store when this response or conversation is in memory, if there is
    /// one: at once if it is there, and otherwise on a thread that may wait for the disk.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        id: &str,
        act: impl FnOnce(&mut StoredResponses, &str) -> T + Send + 'static,
    ) -> T {
        let id = id.to_owned();
        let ids = [id.clone()];
        self.with_all(&ids, move |stored| act(stored, &id)).await
    }

    async fn with_all<T: Send + 'static>(
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
            stored.take_back(found);
            act(&mut stored)
        })
        .await
    }

    /// Puts what a request goes on from before its items; see [`resolve`]. What `nearer` has is not
    /// looked for here.
    pub(crate) async fn resolve(
        &self,
        nearer: Option<Self>,
        mut request: Request,
    ) -> Result<Request, ApiError> {
        let mut ids = named(&request);
        if let Some(nearer) = &nearer {
            let nearer = nearer.lock();
            ids.retain(|id| !nearer.knows(id));
        }
        self.with_all(&ids, move |stored| {
            match &nearer {
                Some(nearer) => resolve(&mut request, &[&nearer.lock(), stored])?,
                None => resolve(&mut request, &[stored])?,
            }
            Ok(request)
        })
        .await
    }
}

/// The ids of all that a request refers to.
fn named(request: &Request) -> Vec<String> {
    let previous = match &request.previous {
        Some(Previous::Response(id) | Previous::Conversation(id)) => Some(id.clone()),
        None => None,
    };
    let items = request.items.iter().filter_map(|item| item.reference());
    previous.into_iter().chain(items).collect()
}

/// Where a response is kept while it comes to be.
#[derive(Debug)]
pub(crate) struct ResponseRecorder {
    places: Vec<Responses>,
    id: String,
    ended: bool,
}

impl ResponseRecorder {
    /// Begins to keep the response to a request.
    pub(crate) fn begin(
        places: Vec<Responses>,
        request: &Request,
        response: &ResponseObject,
        turn: Option<RequestId>,
    ) -> Self {
        for place in &places {
            let turn = turn.map(|turn| turn.0);
            place.lock().begin(request, response.clone(), turn);
        }
        Self {
            places,
            id: response.id().to_owned(),
            ended: false,
        }
    }

    /// Goes on with a response of an earlier run.
    pub(crate) async fn resume(place: Responses, id: &str) -> Self {
        place.with(id, |_, _| ()).await;
        Self {
            places: vec![place],
            id: id.to_owned(),
            ended: false,
        }
    }

    /// What was written of it last: what it says must not leave before that is in the journal.
    pub(crate) fn saving(&self) -> Saving {
        let written = self.places.iter().map(|place| place.lock().saving());
        written.max().unwrap_or_default()
    }

    /// Takes in what the response has become, and the events that say so. Returns false if it is
    /// kept nowhere any more.
    pub(crate) fn update(
        &mut self,
        response: &ResponseObject,
        checkpoint: Option<String>,
        frames: &[Frame],
        ended: bool,
    ) -> bool {
        self.ended |= ended;
        let mut is_kept = false;
        for place in &self.places {
            let checkpoint = checkpoint.clone();
            is_kept |= place.lock().update(response, checkpoint, frames, ended);
            place.tell();
        }
        is_kept
    }

    /// Leaves the response open, to be gone on with later.
    pub(crate) fn leave(mut self) {
        self.ended = true;
    }
}

impl Drop for ResponseRecorder {
    fn drop(&mut self) {
        if !self.ended {
            for place in &self.places {
                place.lock().abandon(&self.id);
                place.tell();
            }
        }
    }
}
