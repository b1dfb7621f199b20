//! Request bodies: read up to a limit, or let pass unread.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;

use crate::api::ApiError;

/// How long a client may go on sending what nobody wants to read.
const LINGER: Duration = Duration::from_secs(10);

/// Reads a whole body of at most `max` bytes.
pub(super) async fn read(body: Body, max: usize) -> Result<Vec<u8>, ApiError> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|error| ApiError::invalid(format!("The body could not be read: {error}.")))?;
        if bytes.len() + chunk.len() > max {
            drop(bytes);
            linger(chunks).await;
            return Err(ApiError::invalid(format!(
                "The request body is larger than {max} bytes. Shorten the conversation, or raise \
                 'max_body_mib' in the configuration of this server."
            ))
            .status(413));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
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
