//! A message of a WebSocket while it comes in: what it holds of the budget, and whether it moves.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use tokio::time::sleep_until;

use super::body::BodyReader;
use super::budget::Reservation;
use super::read_timeout::ReadDeadline;
use super::stream::Flow;
use crate::api::ApiError;

/// How much of a message comes in without being counted, in bytes: a small one that finds no memory
/// is whole by then, and the connection can go on after it. All sockets together hold little with
/// that.
const SMALL: usize = 128 * 1024;
/// What a ping or a pong of a client takes besides what it says (RFC 6455, section 5.2).
const CONTROL_HEADER: usize = 6;

/// Why there is no message.
pub(super) enum ReceiveError {
    /// Nothing more can be understood.
    Broken(axum::Error),
    /// What comes is not taken.
    Refused(ApiError),
}

/// What has come of the next message.
#[derive(Debug)]
pub(super) struct IncomingMessage {
    reading: BodyReader,
    flow: Arc<Flow>,
    /// How much of what was received belongs to what came before it.
    done: usize,
    /// How much had been received when that was looked at last.
    seen: usize,
    reservation: Reservation,
    deadline: Option<ReadDeadline>,
    /// The message that was read last.
    last: Bytes,
}

impl IncomingMessage {
    /// Nothing has come yet over a connection.
    pub(super) fn new(reading: BodyReader, flow: Arc<Flow>) -> Self {
        let received = flow.received();
        Self {
            reservation: reading.reserve(),
            reading,
            flow,
            done: received,
            seen: received,
            deadline: None,
            last: Bytes::new(),
        }
    }

    /// The next message, if it comes as it should. Can be given up and begun again without losing
    /// anything.
    pub(super) async fn recv(
        &mut self,
        socket: &mut WebSocket,
    ) -> Option<Result<Message, ReceiveError>> {
        loop {
            let due = self.deadline;
            let late = async {
                match due {
                    Some(deadline) => sleep_until(deadline.until()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                // What has come counts, however late it is read.
                biased;
                came = self.poll(socket) => match came {
                    Some(message) => return message,
                    None => continue,
                },
                () = late => {}
            }
            return due.map(|deadline| Err(ReceiveError::Refused(deadline.error())));
        }
    }

    /// The next message, or nothing if some more of it has come. The one before is let go of only
    /// when reading has begun: a socket that finds its buffer in use takes another one, and does not
    /// keep for as long as it lasts what the largest message needed.
    async fn poll(
        &mut self,
        socket: &mut WebSocket,
    ) -> Option<Option<Result<Message, ReceiveError>>> {
        let mut next = pin!(socket.recv());
        poll_fn(|context| {
            let polled = next.as_mut().poll(context);
            self.last = Bytes::new();
            match polled {
                Poll::Ready(message) => {
                    Poll::Ready(Some(message.map(|came| came.map_err(ReceiveError::Broken))))
                }
                Poll::Pending => match self.look() {
                    Ok(false) => Poll::Pending,
                    Ok(true) => Poll::Ready(None),
                    Err(error) => Poll::Ready(Some(Some(Err(ReceiveError::Refused(error))))),
                },
            }
        })
        .await
    }

    /// Takes in what has come while there is no whole message, and tells whether there was any.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    fn look(&mut self) -> Result<bool, ApiError> {
        let received = self.flow.received();
        if std::mem::replace(&mut self.seen, received) == received {
            return Ok(false);
        }
        let bytes = received.saturating_sub(self.done);
        if bytes > 0 {
            let begin = || self.reading.begin();
            self.deadline.get_or_insert_with(begin).extend();
        }
        if bytes > SMALL {
            self.reservation.grow_to(bytes)?;
        }
        Ok(true)
    }

    /// A ping or a pong came, perhaps in the middle of a message.
    pub(super) fn control(&mut self, payload: usize) {
        let received = self.flow.received();
        self.done = received.min(self.done + payload + CONTROL_HEADER);
        if self.done == received {
            self.deadline = None;
        }
    }

    /// The message is whole. What it holds goes with it.
    pub(super) fn finish(&mut self, message: Bytes) -> Reservation {
        self.last = message;
        let received = self.flow.received();
        // What was read with it of the next one is little.
        (self.done, self.seen) = (received, received);
        self.deadline = None;
        std::mem::replace(&mut self.reservation, self.reading.reserve())
    }
}
