//! OpenAI's Responses API: `POST /v1/responses` and what belongs to it.
//!
//! The reader takes everything that a client may send; the writer sends only what the public
//! Open Responses schema (version 2026-04-24) knows, and the item types of tools that the client
//! itself offered.

mod compaction;
mod list;
mod object;
mod request;
mod stored;
mod writer;

pub use compaction::{CompactionWriter, draft};
pub use list::Page;
pub use request::{
    Previous, background, from_params, parse, parse_compaction, parse_for_count, parse_items,
    previous, store,
};
pub(crate) use request::{read_tools, tool_choice};
pub use stored::{History, Replay, Stored, resolve, resolve_items};
pub use writer::{DONE, Event, Writer};
