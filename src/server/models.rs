//! `GET /v1/models`: the configured names of the person.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::AppState;
use super::error::{ErrorResponse, is_anthropic};
use super::stored::Id;
use crate::api::ApiError;

pub(super) async fn list(State(state): State<AppState>, headers: HeaderMap) -> Json<Value> {
    if is_anthropic("", &headers) {
        let models = &state.settings.models;
        let data: Vec<Value> = models.iter().map(|id| anthropic_model(id)).collect();
        return Json(
            json!({"data": data, "has_more": false, "first_id": models.first(),
            "last_id": models.last()}),
        );
    }
    let models: Vec<Value> = state.settings.models.iter().map(|id| model(id)).collect();
    Json(json!({"object": "list", "data": models}))
}

pub(super) async fn retrieve(
    State(state): State<AppState>,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<Json<Value>, ErrorResponse> {
    if state.settings.models.contains(&id) {
        return Ok(Json(if is_anthropic("", &headers) {
            anthropic_model(&id)
        } else {
            model(&id)
        }));
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

/// A model in the format of Anthropic.
fn anthropic_model(id: &str) -> Value {
    json!({"type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z"})
}

fn model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "humanllm"})
}
