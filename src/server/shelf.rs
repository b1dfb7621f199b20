//! What is stored, shared among the connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use crate::api::responses::{Stored, resolve};
use crate::api::{ApiError, Frame, Request};

/// A store that many can use at once.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    stored: Arc<Mutex<Stored>>,
    changed: Arc<watch::Sender<()>>,
}

impl Shelf {
    pub(super) fn new(stored: Stored) -> Self {
        Self {
            stored: Arc::new(Mutex::new(stored)),
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    /// The store, to look something up or to change it. Whoever changes what others wait for says
    /// so with [`Shelf::tell`].
    pub(super) fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait for a change.
    pub(super) fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Something to wait with for a change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Puts what a request goes on from before its items; see [`resolve`].
    pub(super) fn resolve(&self, request: &mut Request) -> Result<(), ApiError> {
        resolve(request, &[&self.lock()])
    }
}

/// Where a response is kept while it comes to be.
#[derive(Debug)]
pub(super) struct Record {
    shelves: Vec<Shelf>,
    id: String,
    ended: bool,
}

impl Record {
    /// Begins to keep the response that `document` is.
    pub(super) fn begin(
        shelves: Vec<Shelf>,
        id: &str,
        request: &Request,
        document: Value,
        background: bool,
    ) -> Self {
        let document = Arc::new(document);
        for shelf in &shelves {
            shelf
                .lock()
                .begin(request, Arc::clone(&document), background);
        }
        Self {
            shelves,
            id: id.to_owned(),
            ended: false,
        }
    }

    /// Takes in what the response has become, and the events that say so. Returns false if it is
    /// kept nowhere any more.
    pub(super) fn update(&mut self, document: Value, frames: &[Frame], ended: bool) -> bool {
        let document = Arc::new(document);
        self.ended |= ended;
        let mut is_kept = false;
        for shelf in &self.shelves {
            is_kept |= shelf.lock().update(Arc::clone(&document), frames, ended);
            shelf.tell();
        }
        is_kept
    }

    /// Keeps nothing of a response that never began.
    pub(super) fn forget(mut self) {
        self.ended = true;
        for shelf in &self.shelves {
            shelf.lock().forget(&self.id);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.ended {
            for shelf in &self.shelves {
                shelf.lock().abandon(&self.id);
                shelf.tell();
            }
        }
    }
}
