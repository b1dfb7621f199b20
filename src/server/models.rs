//! `GET /v1/models`: the person, under the names that were configured.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Shared};
use serde_json::{Value, json};

use super::State;
use super::error::ErrorResponse;
use crate::api::ApiError;

pub(super) async fn list(Shared(state): Shared<State>) -> Json<Value> {
    let models: Vec<Value> = state.settings.models.iter().map(|id| model(id)).collect();
    Json(json!({"object": "list", "data": models}))
}

pub(super) async fn retrieve(
    Shared(state): Shared<State>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ErrorResponse> {
    // A name that is no text is one that nobody has.
    let id = id.map_or_else(|_| "\u{fffd}".to_owned(), |Path(id)| id);
    if state.settings.models.contains(&id) {
        return Ok(Json(model(&id)));
    }
    let known = state.settings.models.join(", ");
    Err(ApiError::invalid(format!(
        "The model '{id}' does not exist; this server has: {known}."
    ))
    .status(404)
    .code("model_not_found")
    .param("model")
    .into())
}

fn model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "humanllm"})
}
