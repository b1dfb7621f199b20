//! Routes on responses that were made earlier.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query, State as Shared};
use axum::http::request::Parts;
use serde_json::Value;

use super::State;
use super::answer::{Answer, json};
use super::error::ErrorResponse;
use super::sse;
use crate::api::ApiError;
use crate::api::responses::Page;

/// The query of a URL, in the order in which it stands there.
pub(super) type Pairs = Query<Vec<(String, String)>>;

/// The id in a path.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        // An id that is no text is one that nobody has.
        Ok(Self(id.map_or_else(|_| "\u{fffd}".into(), |Path(id)| id)))
    }
}

/// A JSON document, or the error that there is instead.
pub(super) type Found = Result<Json<Value>, ErrorResponse>;

/// `GET /v1/responses/{id}`, with `stream=true` its events after number `starting_after`.
pub(super) async fn retrieve(
    Shared(state): Shared<State>,
    Id(id): Id,
    Query(query): Pairs,
) -> Answer {
    let value = |name: &str| {
        let mut all = query.iter();
        all.find(|(key, _)| key == name).map(|(_, value)| value)
    };
    if value("stream").is_none_or(|stream| stream != "true") {
        // Copied first, so that nobody waits while it is written.
        let response = state.store.responses().lock_for(&id).get(&id)?.clone();
        state.store.responses().settled().await;
        return Ok(json(response.to_json()));
    }
    let after = match value("starting_after") {
        None => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| {
            ApiError::invalid(format!(
                "Invalid value for 'starting_after': expected the number of an event, but got \
                 '{text}'."
            ))
            .param("starting_after")
        })?),
    };
    // What is wrong is told before the stream begins.
    state.store.responses().lock_for(&id).replay(&id, after)?;
    let heartbeat = state.settings.heartbeat;
    Ok(sse::replay(
        state.store.responses().clone(),
        id,
        after,
        heartbeat,
    ))
}

/// `DELETE /v1/responses/{id}`.
pub(super) async fn delete(Shared(state): Shared<State>, Id(id): Id) -> Found {
    let deleted = state.store.responses().lock_for(&id).delete(&id)?;
    state.store.responses().tell();
    state.store.responses().settled().await;
    Ok(Json(deleted))
}

/// `POST /v1/responses/{id}/cancel`.
pub(super) async fn cancel(Shared(state): Shared<State>, Id(id): Id) -> Answer {
    let cancelled = state.store.responses().lock_for(&id).cancel(&id)?.clone();
    state.store.responses().tell();
    state.store.responses().settled().await;
    Ok(json(cancelled.to_json()))
}

/// `GET /v1/responses/{id}/input_items`.
pub(super) async fn input_items(
    Shared(state): Shared<State>,
    Id(id): Id,
    Query(query): Pairs,
) -> Answer {
    let page = Page::read(&query)?;
    let items = state
        .store
        .responses()
        .lock_for(&id)
        .input_items(&id, &page)?;
    Ok(json(items))
}
