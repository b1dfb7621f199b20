//! What is stored of responses, shared among the connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{RequestId, Saving, Stored, resolve};
use crate::api::responses::ResponseObject;
use crate::api::{ApiError, Frame, Request};

/// Stored responses that many can use at once.
#[derive(Debug, Clone)]
pub(crate) struct Responses {
    stored: Arc<Mutex<Stored>>,
    changed: Arc<watch::Sender<()>>,
}

impl Responses {
    pub(crate) fn new(stored: Stored) -> Self {
        Self {
            stored: Arc::new(Mutex::new(stored)),
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    /// The store, to look something up or to change it. Whoever changes what others wait for says
    /// so with [`Responses::tell`].
    pub(crate) fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that was changed is in the journal: nobody is told of it before.
    pub(crate) async fn settled(&self) {
        let written = self.lock().written();
        if let Some((journal, seq)) = written {
            journal.settled(seq).await;
        }
    }

    /// Wakes those who wait for a change.
    pub(crate) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Something to wait with for a change from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The same, with this response or conversation in memory, if there is one.
    pub(crate) fn lock_for(&self, id: &str) -> MutexGuard<'_, Stored> {
        let mut stored = self.lock();
        stored.fetch(id);
        stored
    }

    /// Puts what a request goes on from before its items; see [`resolve`].
    pub(crate) fn resolve(&self, request: &mut Request) -> Result<(), ApiError> {
        let mut stored = self.lock();
        stored.fetch_for(request);
        resolve(request, &[&stored])
    }
}

/// Where a response is kept while it comes to be.
#[derive(Debug)]
pub(crate) struct Record {
    places: Vec<Responses>,
    id: String,
    ended: bool,
}

impl Record {
    /// Begins to keep the response to a request.
    pub(crate) fn begin(
        places: Vec<Responses>,
        request: &Request,
        response: &ResponseObject,
        turn: Option<RequestId>,
    ) -> Self {
        for place in &places {
            let turn = turn.map(|turn| turn.0);
            place.lock().begin_turn(request, response.clone(), turn);
        }
        Self {
            places,
            id: response.id().to_owned(),
            ended: false,
        }
    }

    /// Goes on with a response of an earlier run.
    pub(crate) fn resume(place: Responses, id: &str) -> Self {
        place.lock().fetch(id);
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
            is_kept |= place
                .lock()
                .update_from(response, checkpoint, frames, ended);
            place.tell();
        }
        is_kept
    }

    /// Leaves the response open, to be gone on with later.
    pub(crate) fn leave(mut self) {
        self.ended = true;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            for place in &self.places {
                place.lock().abandon(&self.id);
                place.tell();
            }
        }
    }
}
