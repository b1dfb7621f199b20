//! OpenAI's Responses API: `POST /v1/responses`.
//!
//! The reader takes everything that a client may send; the writer sends only what the public
//! Open Responses schema (version 2026-04-24) knows, and the item types of tools that the client
//! itself offered.

mod object;
mod request;
mod writer;

pub use request::parse;
pub(crate) use request::{read_tools, tool_choice};
pub use writer::{Event, Writer};
