//! Errors in the answer of an upstream.

use serde_json::value::RawValue;

use crate::api::fields::{self, Fields, JsonKind, kind};
use crate::plain;

/// Characters of an error that are shown: one may be a whole page.
const MAX_LENGTH: usize = 500;

/// Levels of nested errors that are read.
const MAX_DEPTH: u8 = 8;

/// Why an answer is incomplete. Pieces read before it remain valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The server reports an error, with its message.
    #[error("{0}")]
    Server(String),
    /// The data is not valid in the format; the beginning of it.
    #[error("it sent what cannot be read: {0}")]
    Unreadable(String),
    /// The stream ended before the answer was complete.
    #[error("the answer ended in the middle")]
    Incomplete,
    /// The answer exceeds the size limit.
    #[error("the answer is too long to be kept")]
    TooLong,
}

/// The message in the body of an error of any server; `None` if there is none.
pub fn error_message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let words = match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => words(raw, MAX_DEPTH),
        // Of an HTML page only the title is useful; plain text is the message itself.
        Err(_) if text.starts_with('<') => title(text),
        Err(_) => Some(text.to_owned()),
    };
    let words = words.filter(|words| !words.trim().is_empty());
    words.map(|words| shown(&words))
}

/// The message of an error in the place of an answer. An event named `error` is one whatever its
/// data.
pub(super) fn error_in(fields: &Fields<'_>, is_error: bool) -> Option<String> {
    let is_error = is_error || fields.text("type").as_deref() == Some("error");
    let error = fields.get("error").filter(|error| match kind(error) {
        // An empty error field means that there is no error.
        JsonKind::Object => error.get() != "{}",
        JsonKind::String => error.get() != "\"\"",
        JsonKind::Bool => error.get() == "true",
        _ => false,
    });
    if error.is_none() && !is_error {
        return None;
    }
    let inner = error.and_then(|error| words(error, MAX_DEPTH));
    let words = inner.or_else(|| words_of(fields, MAX_DEPTH));
    let words = words.unwrap_or_else(|| "it says that there was an error, and not which".into());
    Some(shown(&words))
}

/// The message in an error value of any form.
fn words(raw: &RawValue, depth: u8) -> Option<String> {
    let deeper = depth.checked_sub(1)?;
    match kind(raw) {
        JsonKind::String => {
            let text = fields::text(raw)?;
            // Proxies forward the JSON of an error as a string.
            let inner = serde_json::from_str::<&RawValue>(&text).ok();
            let inner = inner.filter(|inner| kind(inner) == JsonKind::Object);
            let inner = inner.and_then(|inner| words(inner, deeper));
            Some(inner.unwrap_or(text))
        }
        JsonKind::Array => {
            let members = fields::list(raw).into_iter().take(3);
            let all: Vec<String> = members.filter_map(|member| words(member, deeper)).collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        JsonKind::Object => words_of(&Fields::of(raw), deeper),
        _ => None,
    }
}

fn words_of(fields: &Fields<'_>, depth: u8) -> Option<String> {
    let names = [
        "error", "message", "detail", "msg", "errors", "title", "code",
    ];
    let mut found = names
        .iter()
        .filter_map(|name| words(fields.get(name)?, depth));
    found.find(|words| !words.trim().is_empty())
}

/// The title of an HTML page.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let to = from + lower.get(from..)?.find("</title>")?;
    Some(page.get(from..to)?.trim().to_owned())
}

/// A text for display: on one line, and truncated.
pub(super) fn shown(text: &str) -> String {
    let line = plain::line(text.trim());
    match line.char_indices().nth(MAX_LENGTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
