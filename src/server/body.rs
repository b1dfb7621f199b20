//! Request bodies: read up to a limit, or discarded.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{timeout, timeout_at};

use super::budget::{Budget, Reservation};
use super::limits::Limits;
use super::read_timeout::{ReadDeadline, ReadTimeouts};
use crate::api::ApiError;

/// How long the rest of an unwanted body is read and discarded.
const LINGER_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes that are allocated for a body before it arrives: `Content-Length` is not to be
/// trusted.
const MAX_AHEAD: usize = 1 << 20;
/// Queued requests may hold this fraction (1/n) of the memory for requests: they hold it for as
/// long as a person thinks, and there must be room for others.
const QUEUE_SHARE: usize = 4;

/// Limits for reading bodies.
#[derive(Debug, Clone)]
pub(super) struct BodyReader {
    /// The largest body, in bytes.
    max: usize,
    timeouts: ReadTimeouts,
    budget: Budget,
    queue_budget: Budget,
}

/// A complete body, with the memory reserved for it as long as it is processed.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Bytes,
    reservation: Reservation,
}

impl Received {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_parts(self) -> (Bytes, Reservation) {
        (self.bytes, self.reservation)
    }
}

impl BodyReader {
    pub(super) fn new(max: usize, limits: &Limits) -> Self {
        Self {
            max,
            timeouts: ReadTimeouts::new(limits),
            budget: Budget::new(limits.memory),
            queue_budget: Budget::new(limits.memory / QUEUE_SHARE),
        }
    }

    /// An empty reservation.
    pub(super) fn reserve(&self) -> Reservation {
        self.budget.reserve()
    }

    /// An empty reservation, for a request that is queued behind others.
    pub(super) fn reserve_queued(&self) -> Reservation {
        self.queue_budget.reserve()
    }

    /// Starts the deadline of a request that begins to arrive.
    pub(super) fn begin(&self) -> ReadDeadline {
        self.timeouts.begin()
    }

    /// Wraps a body that was read elsewhere, and reserves its memory.
    ///
    /// # Errors
    ///
    /// If the memory budget is exhausted.
    pub(super) fn receive(
        &self,
        bytes: Bytes,
        mut reservation: Reservation,
    ) -> Result<Received, ApiError> {
        reservation.grow_to(bytes.len())?;
        Ok(Received { bytes, reservation })
    }

    /// Reads a whole body.
    ///
    /// # Errors
    ///
    /// If it is too large, too slow or incomplete, or if the memory budget is exhausted.
    pub(super) async fn read(&self, body: Body) -> Result<Received, ApiError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut chunks = body.into_data_stream();
        if announced > self.max {
            linger(chunks, LINGER_TIMEOUT).await;
            return Err(self.too_large());
        }
        let mut reservation = self.reserve();
        let mut bytes = Vec::with_capacity(announced.min(MAX_AHEAD));
        let mut deadline = self.begin();
        loop {
            let chunk = match timeout_at(deadline.until(), chunks.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => {
                    let message = format!("The body could not be read: {error}.");
                    return Err(ApiError::invalid(message));
                }
                Ok(None) => break,
                Err(_) => return Err(deadline.error()),
            };
            deadline.extend();
            let fault = if bytes.len() + chunk.len() > self.max {
                Err(self.too_large())
            } else {
                reservation.grow(chunk.len())
            };
            if let Err(error) = fault {
                drop((bytes, reservation));
                linger(chunks, LINGER_TIMEOUT).await;
                return Err(error);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Received {
            bytes: bytes.into(),
            reservation,
        })
    }

    fn too_large(&self) -> ApiError {
        let max = self.max;
        ApiError::invalid(format!(
            "The request body is larger than {max} bytes. Shorten the conversation, or raise \
             'max_body_mib' in the configuration of this server."
        ))
        .status(413)
    }
}

/// Reads and discards a body. A connection that is closed while the client still sends is reset,
/// and most clients then report a broken connection instead of the response that explains it (RFC
/// 9112, section 9.6).
pub(super) async fn discard(body: Body) {
    discard_for(body, LINGER_TIMEOUT).await;
}

/// Reads and discards the rest of a body, for at most this long.
pub(super) async fn discard_for(body: Body, most: Duration) {
    linger(body.into_data_stream(), most).await;
}

async fn linger(mut chunks: BodyDataStream, most: Duration) {
    let all = async { while let Some(Ok(_)) = chunks.next().await {} };
    // A client that takes longer may miss the response.
    let _ = timeout(most, all).await;
}
