//! Routes on stored responses.

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use serde_json::Value;

use super::AppState;
use super::create::{HandlerResult, json};
use super::error::ErrorResponse;
use super::sse;
use crate::api::ApiError;
use crate::api::responses::PageQuery;
use crate::store::StoredResponses;

/// The query of a URL, in order.
pub(super) type QueryPairs = Query<Vec<(String, String)>>;

/// The id in a path.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        // An id that is not UTF-8 does not exist.
        Ok(Self(id.map_or_else(|_| "\u{fffd}".into(), |Path(id)| id)))
    }
}

/// A JSON document, or an error.
pub(super) type JsonResult = Result<Json<Value>, ErrorResponse>;

/// `GET /v1/responses/{id}`, with `stream=true` its events after number `starting_after`.
pub(super) async fn retrieve(
    State(state): State<AppState>,
    Id(id): Id,
    Query(query): QueryPairs,
) -> HandlerResult {
    let responses = state.store.responses();
    let value = |name: &str| {
        let mut all = query.iter();
        all.find(|(key, _)| key == name).map(|(_, value)| value)
    };
    if value("stream").is_none_or(|stream| stream != "true") {
        // Cloned first, so that the store is not locked while it is serialized.
        let response = responses.with_loaded(&id, |stored, id| stored.get(id).cloned());
        let response = response.await?;
        state.store.settled(responses.saving()).await;
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
    // Errors are reported before the stream begins.
    let replay = responses.with_loaded(&id, move |stored, id| stored.replay(id, after).map(drop));
    replay.await?;
    Ok(sse::replay(&state, id, after))
}

/// `DELETE /v1/responses/{id}`.
pub(super) async fn delete(State(state): State<AppState>, Id(id): Id) -> JsonResult {
    let responses = state.store.responses();
    let deleted = responses.with_loaded(&id, StoredResponses::delete).await?;
    responses.notify();
    state.store.settled(responses.saving()).await;
    Ok(Json(deleted))
}

/// `POST /v1/responses/{id}/cancel`.
pub(super) async fn cancel(State(state): State<AppState>, Id(id): Id) -> HandlerResult {
    let responses = state.store.responses();
    let cancelled = responses.with_loaded(&id, |stored, id| stored.cancel(id).cloned());
    let cancelled = cancelled.await?;
    responses.notify();
    state.store.settled(responses.saving()).await;
    Ok(json(cancelled.to_json()))
}

/// `GET /v1/responses/{id}/input_items`.
pub(super) async fn input_items(
    State(state): State<AppState>,
    Id(id): Id,
    Query(query): QueryPairs,
) -> HandlerResult {
    let page = PageQuery::read(&query)?;
    let responses = state.store.responses();
    let items = responses.with_loaded(&id, move |stored, id| stored.input_items(id, &page));
    Ok(json(items.await?))
}
