//! A model on another server, as the configuration names it.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::BaseUrl;
use crate::api::Format;

/// Shorter header values are not treated as secrets.
const MIN_SECRET_LENGTH: usize = 8;

/// A model on another server, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in the configuration.
    pub name: String,
    /// Where the server is.
    pub url: BaseUrl,
    /// The wire format of the server.
    pub format: Format,
    /// The server's name of the model.
    pub model: String,
    /// Additional headers of each request. All values are treated as secrets.
    pub headers: HeaderMap,
    /// The environment variable with the API key.
    pub key: Option<KeyVariable>,
    /// Token limit of an answer.
    pub max_tokens: Option<u64>,
    /// Whether the model accepts images.
    pub images: bool,
    /// Whether the model gets its earlier reasoning.
    pub thoughts: bool,
    /// Whether a message is continued by prefilling it.
    pub(crate) prefill: bool,
    /// Additional fields of each request.
    pub parameters: Map<String, Value>,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// The environment variable with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyVariable {
    /// Its name.
    pub name: String,
    /// Whether it is set. If not, no request is made.
    pub(crate) is_set: bool,
}

/// Time limits of an upstream; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// To the first token: a small machine needs minutes for a long prompt.
    pub(crate) first_token: Option<Duration>,
    /// Between tokens.
    pub idle: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Some(Duration::from_secs(600)),
            idle: Some(Duration::from_secs(120)),
        }
    }
}

impl Upstream {
    /// An upstream with default settings.
    pub fn new(name: impl Into<String>, url: BaseUrl, format: Format) -> Self {
        let name = name.into();
        Self {
            model: name.clone(),
            name,
            url,
            format,
            headers: HeaderMap::new(),
            key: None,
            max_tokens: None,
            images: false,
            thoughts: false,
            prefill: true,
            parameters: Map::new(),
            timeouts: Timeouts::default(),
        }
    }

    /// The header for a key, and its value; `None` if it is no valid header value.
    pub(crate) fn key_header(format: Format, key: &str) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match format {
            Format::Messages => (HeaderName::from_static("x-api-key"), key.to_owned()),
            _ => (AUTHORIZATION, format!("Bearer {key}")),
        };
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    /// A text with all header values removed.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let values = self
            .headers
            .values()
            .filter_map(|value| value.to_str().ok());
        // Without the scheme, such as `Bearer`.
        let secrets = values.flat_map(|value| [value, value.rsplit(' ').next().unwrap_or(value)]);
        let secrets = secrets.filter(|secret| secret.len() >= MIN_SECRET_LENGTH);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}
