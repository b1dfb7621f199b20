//! Errors in the form that OpenAI's clients read.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::fields::{JsonKind, kind};

/// Why a request was refused, with what the client needs to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The class of error, such as `invalid_request_error`.
    pub kind: &'static str,
    /// A code for programs, where there is one.
    pub code: Option<&'static str>,
    /// The parameter at fault, as a path such as `input[2].role`.
    pub param: Option<String>,
    /// What is wrong and what to do, for people.
    pub message: String,
}

impl ApiError {
    /// A request that is wrong as a whole.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            code: None,
            param: None,
            message: message.into(),
        }
    }

    /// A parameter that is missing.
    pub fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required parameter: '{param}'."))
            .code("missing_required_parameter")
            .param(param)
    }

    /// A parameter of the wrong type.
    pub(crate) fn wrong_type(param: impl Into<String>, expected: &str, got: &RawValue) -> Self {
        Self::wrong_kind(param, expected, kind(got))
    }

    /// A parameter of the wrong type, of which only the kind is known.
    pub(crate) fn wrong_kind(param: impl Into<String>, expected: &str, got: JsonKind) -> Self {
        let param = param.into();
        let got = got.words();
        Self::invalid(format!(
            "Invalid type for '{param}': expected {expected}, but got {got} instead."
        ))
        .code("invalid_type")
        .param(param)
    }

    /// The same error with another HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same error of another class.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// The same error with a code.
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same error naming a parameter.
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The body of the HTTP response.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}
