//! Request bodies: read up to a limit, or let pass unread.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt;

use super::budget::{Budget, Part};
use super::limits::Limits;
use crate::api::ApiError;

/// How long a client may go on sending what nobody wants to read.
const LINGER: Duration = Duration::from_secs(10);
/// How much room is made for a body before any of it is there, in bytes: a client may say what it
/// likes of its length.
const MOST_AHEAD: usize = 1 << 20;

/// How bodies are read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// The largest body, in bytes.
    max: usize,
    /// How long it may stand still.
    timeout: Duration,
    budget: Budget,
}

/// A whole body. Its part of the budget is given back with it: keep it until what was read is
/// where it is kept.
#[derive(Debug)]
pub(super) struct Received {
    bytes: Bytes,
    _part: Part,
}

impl Received {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Reading {
    pub(super) fn new(max: usize, limits: &Limits) -> Self {
        Self {
            max,
            timeout: limits.body_timeout,
            budget: Budget::new(limits.memory),
        }
    }

    /// Takes in what was read as a whole already.
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub(super) fn receive(&self, bytes: Bytes) -> Result<Received, ApiError> {
        let mut part = self.budget.part();
        part.grow(bytes.len())?;
        Ok(Received { bytes, _part: part })
    }

    /// Reads a whole body.
    ///
    /// # Errors
    ///
    /// If it is too large, stands still, breaks off, or if there is no memory for it.
    pub(super) async fn read(&self, body: Body) -> Result<Received, ApiError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut chunks = body.into_data_stream();
        if announced > self.max {
            linger(chunks).await;
            return Err(self.too_large());
        }
        let mut part = self.budget.part();
        let mut bytes = Vec::with_capacity(announced.min(MOST_AHEAD));
        loop {
            let chunk = match tokio::time::timeout(self.timeout, chunks.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => {
                    let message = format!("The body could not be read: {error}.");
                    return Err(ApiError::invalid(message));
                }
                Ok(None) => break,
                Err(_) => return Err(self.stands_still()),
            };
            let fault = match bytes.len() + chunk.len() > self.max {
                true => Err(self.too_large()),
                false => part.grow(chunk.len()),
            };
            if let Err(error) = fault {
                drop((bytes, part));
                linger(chunks).await;
                return Err(error);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Received {
            bytes: bytes.into(),
            _part: part,
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

    fn stands_still(&self) -> ApiError {
        let seconds = self.timeout.as_secs_f32();
        ApiError::invalid(format!(
            "Nothing more of the request body came for {seconds} seconds. Send the request again."
        ))
        .status(408)
    }
}

/// Takes a body in and forgets it. A connection that is closed while the client still sends is
/// reset, and most clients then tell of a broken connection instead of the answer that explains
/// it (RFC 9112, section 9.6).
pub(super) async fn discard(body: Body) {
    linger(body.into_data_stream()).await;
}

async fn linger(mut chunks: BodyDataStream) {
    let all = async { while let Some(Ok(_)) = chunks.next().await {} };
    // A client that takes longer gets the answer as well as that goes.
    let _ = tokio::time::timeout(LINGER, all).await;
}
