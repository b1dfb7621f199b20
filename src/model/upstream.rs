//! A model on another server, as the configuration names it.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::BaseUrl;
use crate::api::Format;

/// How short something may be that is no secret, although it stands where secrets stand.
const SHORTEST_SECRET: usize = 8;

/// A model on another server, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// What it is called here.
    pub name: String,
    /// Where the server is.
    pub url: BaseUrl,
    /// The format that the server speaks.
    pub format: Format,
    /// What the server calls it.
    pub model: String,
    /// What is said in the head of each request. All of it counts as secret.
    pub headers: HeaderMap,
    /// The variable that the key comes from.
    pub key: Option<KeyVariable>,
    /// The most tokens that an answer may have.
    pub max_tokens: Option<u64>,
    /// Whether it takes pictures.
    pub images: bool,
    /// Whether it gets its earlier thoughts.
    pub thoughts: bool,
    /// Whether a message that has begun is continued by being the last one.
    pub(crate) prefill: bool,
    /// What else stands in each request.
    pub parameters: Map<String, Value>,
    /// How long it may take.
    pub patience: Timeouts,
}

/// The variable of the environment that a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyVariable {
    /// Its name.
    pub name: String,
    /// Whether it is set. Without, nothing is asked.
    pub(crate) is_set: bool,
}

/// How long an upstream may take; for ever, where there is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To take a connection.
    pub connect: Duration,
    /// To say the first word: whoever reads a long prompt on a small machine needs minutes.
    pub(crate) first_token: Option<Duration>,
    /// To say the next one.
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
    /// One of this name, with what holds where nothing else is said.
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
            patience: Timeouts::default(),
        }
    }

    /// The header that a key travels in, and its value; `None` if that cannot stand in one.
    pub(crate) fn key_header(format: Format, key: &str) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match format {
            Format::Messages => (HeaderName::from_static("x-api-key"), key.to_owned()),
            _ => (AUTHORIZATION, format!("Bearer {key}")),
        };
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    /// A text without anything in it that is said in the head of requests.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let values = self
            .headers
            .values()
            .filter_map(|value| value.to_str().ok());
        // Behind the name of the scheme, if it has one.
        let secrets = values.flat_map(|value| [value, value.rsplit(' ').next().unwrap_or(value)]);
        let secrets = secrets.filter(|secret| secret.len() >= SHORTEST_SECRET);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}
