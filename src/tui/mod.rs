//! The terminal interface: what the person playing the model sees and types into.

pub mod scroll;
pub mod text;
