//! A WebSocket message while it is received: its memory reservation and its deadline.

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

/// Bytes of a message that are received without a reservation. So a small message is complete
/// before it is refused for lack of memory, and the connection can go on. All sockets together hold
/// little with that.
const UNCOUNTED_BYTES: usize = 128 * 1024;
/// Bytes of a client's ping or pong besides its payload (RFC 6455, section 5.2).
const CONTROL_HEADER: usize = 6;

/// Why there is no message.
pub(super) enum ReceiveError {
    /// The connection is broken.
    Broken(axum::Error),
    /// The message is refused.
    Refused(ApiError),
}

/// The part of the next message that was received.
#[derive(Debug)]
pub(super) struct IncomingMessage {
    body_reader: BodyReader,
    flow: Arc<Flow>,
    /// Received bytes that belong to earlier messages.
    earlier_bytes: usize,
    /// Received bytes at the last check.
    seen_bytes: usize,
    reservation: Reservation,
    deadline: Option<ReadDeadline>,
    /// The last message.
    last: Bytes,
}

impl IncomingMessage {
    /// The first message of a connection.
    pub(super) fn new(body_reader: BodyReader, flow: Arc<Flow>) -> Self {
        let received = flow.received();
        Self {
            reservation: body_reader.reserve(),
            body_reader,
            flow,
            earlier_bytes: received,
            seen_bytes: received,
            deadline: None,
            last: Bytes::new(),
        }
    }

    /// Receives the next message; `None` at the end. Cancel-safe.
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
                // Data that has arrived counts, however late it is read.
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

    /// Waits for the next message, or for more of it to arrive (`None`). The last message is
    /// dropped only after reading has begun: a socket whose buffer is in use allocates another one,
    /// and so does not keep the buffer of its largest message.
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
                Poll::Pending => match self.reserve_received() {
                    Ok(false) => Poll::Pending,
                    Ok(true) => Poll::Ready(None),
                    Err(error) => Poll::Ready(Some(Some(Err(ReceiveError::Refused(error))))),
                },
            }
        })
        .await
    }

    /// Reserves memory for data that arrived of an incomplete message; returns whether there was
    /// any.
    ///
    /// # Errors
    ///
    /// If the memory budget is exhausted.
    fn reserve_received(&mut self) -> Result<bool, ApiError> {
        let received = self.flow.received();
        if std::mem::replace(&mut self.seen_bytes, received) == received {
            return Ok(false);
        }
        let bytes = received.saturating_sub(self.earlier_bytes);
        if bytes > 0 {
            let begin = || self.body_reader.begin();
            self.deadline.get_or_insert_with(begin).extend();
        }
        if bytes > UNCOUNTED_BYTES {
            self.reservation.grow_to(bytes)?;
        }
        Ok(true)
    }

    /// Accounts for a ping or pong, perhaps in the middle of a message.
    pub(super) fn control(&mut self, payload: usize) {
        let received = self.flow.received();
        self.earlier_bytes = received.min(self.earlier_bytes + payload + CONTROL_HEADER);
        if self.earlier_bytes == received {
            self.deadline = None;
        }
    }

    /// Ends the message, and returns its reservation.
    pub(super) fn finish(&mut self, message: Bytes) -> Reservation {
        self.last = message;
        let received = self.flow.received();
        // The beginning of the next message, read with it, is small.
        (self.earlier_bytes, self.seen_bytes) = (received, received);
        self.deadline = None;
        std::mem::replace(&mut self.reservation, self.body_reader.reserve())
    }
}
