//! OpenAI's Chat Completions API: `POST /v1/chat/completions`.

mod request;
mod writer;

pub use request::parse;
pub(crate) use request::{bodies, read_functions, read_tools};
pub use writer::ChatWriter;

#[cfg(test)]
mod tests;
