//! Anthropic's Messages API: `POST /v1/messages`.

mod request;
mod writer;

pub use request::{parse, parse_for_count};
pub use writer::Writer;

use serde_json::{Value, json};

use super::ApiError;

/// An error in the form that Anthropic's clients read.
pub fn error_object(error: &ApiError) -> Value {
    let kind = match error.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        status if status >= 500 => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": error.message}})
}

#[cfg(test)]
mod tests;
