//! What comes of an upstream model, step by step, whatever format it speaks.

use super::{Body, Usage};

/// A step of what an upstream model says. What is streamed of an item is followed by the item
/// itself, and the whole by one [`Piece::Done`].
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// More words of the message that is being written.
    Text(String),
    /// More of the thoughts before it.
    Thought(String),
    /// More of a call, as far as the model has written it; to be looked at and not to be sent.
    Call {
        /// What it calls, as [`Tool::title`](super::Tool::title) has it.
        title: String,
        /// More of its arguments, or of the text that a free-form tool takes.
        arguments: String,
    },
    /// An item that is whole, as the agent that asked is to get it. It stands for all that was
    /// streamed since the last one.
    Item(Body),
    /// There is no more.
    Done {
        /// What the upstream counted, if it did.
        usage: Option<Usage>,
        /// Whether it ended at a limit and not by itself.
        cut_off: bool,
    },
}
