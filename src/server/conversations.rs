//! Conversations that a client makes first and then names in its requests.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State as Shared};
use axum::http::HeaderMap;
use serde_json::json;

use super::State;
use super::answer::{Answer, json as json_of, receive_unanswered as receive};
use super::exchange::{new_id, unix_now};
use super::stored::{Found, Id, Pairs};
use crate::api::responses::{Page, parse_items};
use crate::store::{Stored, resolve_items};

/// `POST /v1/conversations`, with `items` to begin with and `metadata`.
pub(super) async fn create(Shared(state): Shared<State>, headers: HeaderMap, body: Body) -> Found {
    let ((mut items, metadata), _part) = receive(&state, &headers, body, parse_items).await?;
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
pub(super) async fn retrieve(Shared(state): Shared<State>, Id(id): Id) -> Found {
    let responses = state.store.responses();
    let found = responses.with(&id, |stored, id| stored.conversation(id).cloned());
    Ok(Json(found.await?))
}

/// `DELETE /v1/conversations/{id}`.
pub(super) async fn delete(Shared(state): Shared<State>, Id(id): Id) -> Found {
    let responses = state.store.responses();
    let deleted = responses.with(&id, Stored::delete_conversation).await?;
    state.store.settled(responses.saving()).await;
    Ok(Json(deleted))
}

/// `GET /v1/conversations/{id}/items`.
pub(super) async fn items(Shared(state): Shared<State>, Id(id): Id, Query(query): Pairs) -> Answer {
    let page = Page::read(&query)?;
    let responses = state.store.responses();
    let items = responses.with(&id, move |stored, id| stored.conversation_items(id, &page));
    let items = items.await?;
    // What was said a moment ago is in it before it is in the journal.
    state.store.settled(responses.saving()).await;
    Ok(json_of(items))
}

/// `POST /v1/conversations/{id}/items`.
pub(super) async fn add_items(
    Shared(state): Shared<State>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let ((mut items, _), _part) = receive(&state, &headers, body, parse_items).await?;
    let responses = state.store.responses();
    let added = responses.with(&id, move |stored, id| {
        resolve_items(&mut items, &[stored], "items")?;
        stored.add_items(id, items)
    });
    let added = added.await?;
    state.store.settled(responses.saving()).await;
    Ok(json_of(added))
}
