//! What goes wrong with an answer.

use serde_json::value::RawValue;

use crate::api::fields::{self, Fields, JsonKind, kind};
use crate::plain;

/// Characters of an error that are shown: one may be a whole page.
const MAX_LENGTH: usize = 500;

/// How many errors within errors are looked into.
const MAX_DEPTH: u8 = 8;

/// Why an answer is not whole. What was read of it before stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The server says that it cannot answer, in its words.
    #[error("{0}")]
    Told(String),
    /// What came is not what the format has; the beginning of it.
    #[error("it sent what cannot be read: {0}")]
    Unreadable(String),
    /// There is no more, though the answer has no end.
    #[error("the answer ended in the middle")]
    Ended,
    /// There is more than anybody wants.
    #[error("the answer is too long to be kept")]
    TooLong,
}

/// The words of an error, as servers of any kind send it; `None` if there are none.
pub fn error_message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let words = match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => words(raw, MAX_DEPTH),
        // A page for people says little, and a short text all there is.
        Err(_) if text.starts_with('<') => title(text),
        Err(_) => Some(text.to_owned()),
    };
    let words = words.filter(|words| !words.trim().is_empty());
    words.map(|words| shown(&words))
}

/// The words of an error that stands where an answer should. An event by the name of `error` is one
/// whatever is in it.
pub(super) fn told(fields: &Fields<'_>, is_error: bool) -> Option<String> {
    let is_error = is_error || fields.text("type").as_deref() == Some("error");
    let error = fields.get("error").filter(|error| match kind(error) {
        // An empty one says that there is none.
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

/// The words in an error of any form.
fn words(raw: &RawValue, depth: u8) -> Option<String> {
    let deeper = depth.checked_sub(1)?;
    match kind(raw) {
        JsonKind::String => {
            let text = fields::text(raw)?;
            // Proxies hand on what they were told as a text.
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

/// What a page calls itself.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let to = from + lower.get(from..)?.find("</title>")?;
    Some(page.get(from..to)?.trim().to_owned())
}

/// A text for a person: on one line, and not too long.
pub(super) fn shown(text: &str) -> String {
    let line = plain::line(text.trim());
    match line.char_indices().nth(MAX_LENGTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
