//! Anthropic's Messages API: `POST /v1/messages`.

mod own;
mod request;
mod writer;

pub(crate) use request::{bodies, read_tools};
pub use request::{parse, parse_for_count};
pub use writer::MessagesWriter;

use serde_json::{Value, json};

use super::ApiError;

/// The error code on which clients send the whole conversation instead of only what is new in a
/// thread.
const NO_THREADS: &str = "thread_unsupported_request";

/// An error in the form that Anthropic's clients read.
pub(crate) fn error_object(error: &ApiError) -> Value {
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
    let mut body = json!({"type": kind, "message": error.message});
    if error.code == Some(NO_THREADS) {
        body["details"] = json!({"error_code": NO_THREADS, "unsupported": []});
    }
    json!({"type": "error", "error": body})
}

#[cfg(test)]
mod tests;
