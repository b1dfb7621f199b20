//! A message of a WebSocket while it comes in: what it holds of the budget, and whether it moves.

use std::sync::Arc;

use tokio::time::Instant;

use super::body::Reading;
use super::budget::Part;
use super::pace::Progress;
use super::stream::Flow;
use crate::api::ApiError;

/// How much of a message comes in without being counted, in bytes: a small one that finds no memory
/// is whole by then, and the connection can go on after it. All sockets together hold little with
/// that.
const SMALL: usize = 128 * 1024;
/// What a ping or a pong of a client takes besides what it says (RFC 6455, section 5.2).
const CONTROL_HEADER: usize = 6;

/// What has come of the next message.
#[derive(Debug)]
pub(super) struct Arriving {
    reading: Reading,
    flow: Arc<Flow>,
    /// How much of what was received belongs to what came before it.
    done: usize,
    /// How much had been received when that was looked at last.
    seen: usize,
    part: Part,
    progress: Option<Progress>,
}

impl Arriving {
    /// Nothing has come yet over a connection.
    pub(super) fn new(reading: Reading, flow: Arc<Flow>) -> Self {
        let received = flow.received();
        Self {
            part: reading.part(),
            reading,
            flow,
            done: received,
            seen: received,
            progress: None,
        }
    }

    /// Takes in what has come while there is no whole message, and tells whether there was any.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub(super) fn look(&mut self) -> Result<bool, ApiError> {
        let received = self.flow.received();
        if std::mem::replace(&mut self.seen, received) == received {
            return Ok(false);
        }
        let bytes = received.saturating_sub(self.done);
        if bytes > 0 {
            let begin = || self.reading.begin();
            self.progress.get_or_insert_with(begin).moved();
        }
        if bytes > SMALL {
            self.part.grow_to(bytes)?;
        }
        Ok(true)
    }

    /// Until when something has to come, and what the client is told otherwise; `None` while it
    /// has begun no message.
    pub(super) fn due(&self) -> Option<(Instant, ApiError)> {
        let progress = self.progress.as_ref()?;
        Some((progress.until(), progress.late()))
    }

    /// A ping or a pong came, perhaps in the middle of a message.
    pub(super) fn control(&mut self, payload: usize) {
        let received = self.flow.received();
        self.done = received.min(self.done + payload + CONTROL_HEADER);
        if self.done == received {
            self.progress = None;
        }
    }

    /// The message is whole. What it holds goes with it.
    pub(super) fn finish(&mut self) -> Part {
        let received = self.flow.received();
        // What was read with it of the next one is little.
        (self.done, self.seen) = (received, received);
        self.progress = None;
        std::mem::replace(&mut self.part, self.reading.part())
    }
}
