//! What goes wrong with an answer.

use crate::api::fields::Fields;
use crate::plain;

/// Characters of an error that are shown: one may be a whole page.
const LONGEST: usize = 500;

/// Why an answer is not whole. What was read of it before stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
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
    let text = std::str::from_utf8(body).ok()?;
    let message = Fields::of_text(text).object("error").text("message")?;
    Some(shown(&message))
}

/// A text for a person: on one line, and not too long.
fn shown(text: &str) -> String {
    plain::line(text).chars().take(LONGEST).collect()
}
