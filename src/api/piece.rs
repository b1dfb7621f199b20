//! Incremental output of an upstream model, whatever its wire format.

use super::{Body, Usage};

/// A piece of the output of an upstream model. The streamed pieces of an item are followed by the
/// item itself, and the answer by one [`Piece::Done`].
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text to append to the current message.
    Text(String),
    /// Reasoning text to append.
    Thought(String),
    /// Part of a call that the model is writing, for display only.
    Call {
        /// Title of the tool, see [`Tool::title`](super::Tool::title).
        title: String,
        /// Arguments, or input of a free-form tool, to append.
        arguments: String,
    },
    /// A complete item, as the client is to get it. It replaces the pieces streamed since the last
    /// one.
    Item(Body),
    /// The end of the answer.
    Done {
        /// Token counts of the upstream, if it sent them.
        usage: Option<Usage>,
        /// Whether the answer was cut off at a limit.
        cut_off: bool,
    },
}
