//! Conversations that a client makes first and then names in its requests.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State as Shared};
use serde_json::{Value, json};

use super::error::ErrorResponse;
use super::exchange::{new_id, unix_now};
use super::stored::{Id, Pairs};
use super::{State, body};
use crate::api::responses::{Page, parse_items, resolve_items};

/// A JSON document, or the error that there is instead.
type Found = Result<Json<Value>, ErrorResponse>;

/// `POST /v1/conversations`, with `items` to begin with and `metadata`.
pub(super) async fn create(Shared(state): Shared<State>, body: Body) -> Found {
    let bytes = body::read(body, state.settings.max_body).await?;
    let (mut items, metadata) = parse_items(&bytes)?;
    let object = json!({"id": new_id("conv"), "object": "conversation",
        "created_at": unix_now(), "metadata": metadata});
    let mut stored = state.stored.lock();
    resolve_items(&mut items, &[&stored], "items")?;
    stored.begin_conversation(object.clone(), items);
    Ok(Json(object))
}

/// `GET /v1/conversations/{id}`.
pub(super) async fn retrieve(Shared(state): Shared<State>, Id(id): Id) -> Found {
    Ok(Json(state.stored.lock().conversation(&id)?.clone()))
}

/// `DELETE /v1/conversations/{id}`.
pub(super) async fn delete(Shared(state): Shared<State>, Id(id): Id) -> Found {
    Ok(Json(state.stored.lock().delete_conversation(&id)?))
}

/// `GET /v1/conversations/{id}/items`.
pub(super) async fn items(Shared(state): Shared<State>, Id(id): Id, Query(query): Pairs) -> Found {
    let page = Page::read(&query)?;
    Ok(Json(state.stored.lock().conversation_items(&id, &page)?))
}

/// `POST /v1/conversations/{id}/items`.
pub(super) async fn add_items(Shared(state): Shared<State>, Id(id): Id, body: Body) -> Found {
    let bytes = body::read(body, state.settings.max_body).await?;
    let (mut items, _) = parse_items(&bytes)?;
    let mut stored = state.stored.lock();
    resolve_items(&mut items, &[&stored], "items")?;
    Ok(Json(stored.add_items(&id, items)?))
}
