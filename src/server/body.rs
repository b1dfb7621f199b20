//! Request bodies: read up to a limit, or let pass unread.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{timeout, timeout_at};

use super::budget::{Budget, Part};
use super::limits::Limits;
use super::pace::{Pace, Progress};
use crate::api::ApiError;

/// How long a client may go on sending what nobody wants to read.
const LINGER: Duration = Duration::from_secs(10);
/// How much room is made for a body before any of it is there, in bytes: a client may say what it
/// likes of its length.
const MOST_AHEAD: usize = 1 << 20;
/// What part of the memory for requests those may hold together that stand in line: they do so for
/// as long as a person thinks, and there must be room for others.
const IN_LINE: usize = 4;

/// How bodies are read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// The largest body, in bytes.
    max: usize,
    pace: Pace,
    budget: Budget,
    line: Budget,
}

/// A whole body, and the part of the budget that it takes until what was to be done with it is
/// done.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Bytes,
    part: Part,
}

impl Received {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn into_parts(self) -> (Bytes, Part) {
        (self.bytes, self.part)
    }
}

impl Reading {
    pub(super) fn new(max: usize, limits: &Limits) -> Self {
        Self {
            max,
            pace: Pace::new(limits),
            budget: Budget::new(limits.memory),
            line: Budget::new(limits.memory / IN_LINE),
        }
    }

    /// A part of the budget that holds nothing yet.
    pub(super) fn part(&self) -> Part {
        self.budget.part()
    }

    /// The same, of what those may hold that stand in line.
    pub(super) fn part_in_line(&self) -> Part {
        self.line.part()
    }

    /// A request begins to come in.
    pub(super) fn begin(&self) -> Progress {
        self.pace.begin()
    }

    /// Takes in what was read as a whole already, and what it holds of the budget.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub(super) fn receive(&self, bytes: Bytes, mut part: Part) -> Result<Received, ApiError> {
        part.grow_to(bytes.len())?;
        Ok(Received { bytes, part })
    }

    /// Reads a whole body.
    ///
    /// # Errors
    ///
    /// If it is too large or too slow, breaks off, or if there is no memory for it.
    pub(super) async fn read(&self, body: Body) -> Result<Received, ApiError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut chunks = body.into_data_stream();
        if announced > self.max {
            linger(chunks, LINGER).await;
            return Err(self.too_large());
        }
        let mut part = self.part();
        let mut bytes = Vec::with_capacity(announced.min(MOST_AHEAD));
        let mut progress = self.begin();
        loop {
            let chunk = match timeout_at(progress.until(), chunks.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => {
                    let message = format!("The body could not be read: {error}.");
                    return Err(ApiError::invalid(message));
                }
                Ok(None) => break,
                Err(_) => return Err(progress.late()),
            };
            progress.moved();
            let fault = match bytes.len() + chunk.len() > self.max {
                true => Err(self.too_large()),
                false => part.grow(chunk.len()),
            };
            if let Err(error) = fault {
                drop((bytes, part));
                linger(chunks, LINGER).await;
                return Err(error);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Received {
            bytes: bytes.into(),
            part,
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

/// Takes a body in and forgets it. A connection that is closed while the client still sends is
/// reset, and most clients then tell of a broken connection instead of the answer that explains
/// it (RFC 9112, section 9.6).
pub(super) async fn discard(body: Body) {
    discard_for(body, LINGER).await;
}

/// The same, for at most so long.
pub(super) async fn discard_for(body: Body, most: Duration) {
    linger(body.into_data_stream(), most).await;
}

async fn linger(mut chunks: BodyDataStream, most: Duration) {
    let all = async { while let Some(Ok(_)) = chunks.next().await {} };
    // A client that takes longer gets the answer as well as that goes.
    let _ = timeout(most, all).await;
}
