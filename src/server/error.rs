//! Errors on their way out.

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::api::ApiError;
use crate::inbox::Refusal;

/// An error as an HTTP response in the form of OpenAI.
#[derive(Debug)]
pub(super) struct ErrorResponse(pub ApiError);

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        tracing::info!(status = status.as_u16(), param = ?self.0.param, "refused: {}", self.0);
        let mut response = (status, Json(self.0.to_json())).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: it must say how to do better.
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<ApiError> for ErrorResponse {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<Refusal> for ErrorResponse {
    fn from(refusal: Refusal) -> Self {
        let error = ApiError::invalid(capitalised(&refusal.to_string()));
        Self(match refusal {
            Refusal::Full(_) => error
                .status(429)
                .kind("rate_limit_error")
                .code("rate_limit_exceeded"),
            Refusal::Closed => error.status(503).kind("server_error").code("server_error"),
        })
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), chars.as_str())
}
