//! Errors as HTTP responses.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::below_base;
use super::refusals::Refusals;
use crate::api::messages::error_object;
use crate::api::{ApiError, FailureCode};
use crate::inbox::Refusal;

/// An error as an HTTP response in the format of OpenAI.
#[derive(Debug)]
pub(super) struct ErrorResponse(pub ApiError);

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0.to_json())).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // Required by RFC 9110, section 15.5.2.
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        // For the middleware, which rewrites it for clients of Anthropic and logs it.
        response.extensions_mut().insert(self.0);
        response
    }
}

/// Middleware that sends errors in the format of the client, Anthropic's for its routes and
/// clients, and logs them.
pub(super) async fn in_callers_form(
    State(refusals): State<Refusals>,
    request: Request,
    next: Next,
) -> Response {
    let is_anthropic = is_anthropic(request.uri().path(), request.headers());
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = &error {
        refusals.log(error);
    }
    match error.filter(|_| is_anthropic) {
        Some(error) => {
            let body = error_object(&error).to_string();
            // The other headers are the same in both formats.
            response.headers_mut().remove(CONTENT_LENGTH);
            response.map(|_| body.into())
        }
        None => response,
    }
}

/// Whether a request comes from a client of Anthropic's API, all of which send `anthropic-version`.
pub(super) fn is_anthropic(path: &str, headers: &HeaderMap) -> bool {
    let path = below_base(path);
    path == "/messages"
        || path.starts_with("/messages/")
        || headers.contains_key("anthropic-version")
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
            // The person's own message from before.
            Refusal::Rejected(words) => {
                ApiError::invalid(words).code(FailureCode::InvalidPrompt.as_str())
            }
            // The message is complete already.
            Refusal::Unexpected(words) => ApiError::invalid(words).code("not_recorded"),
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
