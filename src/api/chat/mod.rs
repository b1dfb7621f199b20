//! OpenAI's Chat Completions API: `POST /v1/chat/completions`.

mod request;
mod writer;

pub use request::parse;
pub use writer::Writer;

#[cfg(test)]
mod tests;
