//! The Conversations API: conversations that a client creates, and names in its requests.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde_json::json;

use super::AppState;
use super::active_response::{new_id, unix_now};
use super::create::{HandlerResult, json as json_of, receive_unanswered as receive};
use super::stored::{Id, JsonResult, QueryPairs};
use crate::api::responses::{PageQuery, parse_items};
use crate::store::{StoredResponses, resolve_items};

/// `POST /v1/conversations`, with `items` to begin with and `metadata`.
pub(super) async fn create(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> JsonResult {
    let ((mut items, metadata), _reservation) =
        receive(&state, &headers, body, parse_items).await?;
    let object = json!({"id": new_id("conv"), "object": "conversation",
        "created_at": unix_now(), "metadata": metadata});
    {
        let mut stored = state.store.responses().lock();
        resolve_items(&mut items, &[&stored], "items")?;
        stored.begin_conversation(object.clone(), items);
    }
    state.store.settled(state.store.responses().saving()).await;
    Ok(Json(object))
}

/// `GET /v1/conversations/{id}`.
pub(super) async fn retrieve(State(state): State<AppState>, Id(id): Id) -> JsonResult {
    let responses = state.store.responses();
    let found = responses.with_loaded(&id, |stored, id| stored.conversation(id).cloned());
    Ok(Json(found.await?))
}

/// `DELETE /v1/conversations/{id}`.
pub(super) async fn delete(State(state): State<AppState>, Id(id): Id) -> JsonResult {
    let responses = state.store.responses();
    let deleted = responses
        .with_loaded(&id, StoredResponses::delete_conversation)
        .await?;
    state.store.settled(responses.saving()).await;
    Ok(Json(deleted))
}

/// `GET /v1/conversations/{id}/items`.
pub(super) async fn items(
    State(state): State<AppState>,
    Id(id): Id,
    Query(query): QueryPairs,
) -> HandlerResult {
    let page = PageQuery::read(&query)?;
    let responses = state.store.responses();
    let items = responses.with_loaded(&id, move |stored, id| stored.conversation_items(id, &page));
    let items = items.await?;
    // The store has items before they are in the journal.
    state.store.settled(responses.saving()).await;
    Ok(json_of(items))
}

/// `POST /v1/conversations/{id}/items`.
pub(super) async fn add_items(
    State(state): State<AppState>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> HandlerResult {
    let ((mut items, _), _reservation) = receive(&state, &headers, body, parse_items).await?;
    let responses = state.store.responses();
    let added = responses.with_loaded(&id, move |stored, id| {
        resolve_items(&mut items, &[stored], "items")?;
        stored.add_items(id, items)
    });
    let added = added.await?;
    state.store.settled(responses.saving()).await;
    Ok(json_of(added))
}
