//! OpenAI's Responses API: `POST /v1/responses` and what belongs to it.
//!
//! The reader takes everything that a client may send; the writer sends only what the public
//! Open Responses schema (version 2026-04-24) knows, and the item types of tools that the client
//! itself offered.

mod compaction;
mod item;
mod list;
mod object;
mod request;
mod writer;

pub use compaction::CompactionWriter;
pub(crate) use item::read_item;
pub use list::PageQuery;
pub(crate) use list::{conversation_items, page};
pub use object::ResponseObject;
pub(crate) use object::ResponseStatus;
pub(crate) use object::{echo_tools, event_name};
pub use request::{Message, parse, parse_compaction, parse_for_count, parse_items, parse_message};
pub(crate) use request::{check_part, read_tool, read_tools, tool_choice};
pub(in crate::api) use request::{finish_envelope, tools};
pub use writer::{DONE, ResponsesWriter};
