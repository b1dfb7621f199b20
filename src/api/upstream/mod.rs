//! The way to a model on another server and back: the request that goes there, whatever format the
//! agent speaks, and what the model says, as the agent is to get it.

mod arguments;
mod chat;
mod fault;
mod history;
mod messages;
mod reader;
mod responses;
mod terms;
mod tools;
mod transcript;

pub use fault::{AnswerError, error_message};
pub use reader::UpstreamReader;
pub use transcript::Functions;

use serde_json::{Map, Value};

use self::history::ModelHistory;
use self::terms::Terms;
use self::tools::Toolbox;

use super::{Body, Format, Request};

/// What a model on another server is asked.
#[derive(Debug, Clone, Copy)]
pub struct DraftContext<'a> {
    /// What the agent asks.
    pub request: &'a Request,
    /// What was said to that already, in this response, oldest first.
    pub said: &'a [Body],
    /// The words of a message that has begun. The model goes on where they end, and the message that
    /// it makes holds what comes after them.
    pub continues: Option<&'a str>,
    /// What the person tells the model, besides.
    pub hint: Option<&'a str>,
    /// What the server calls the model.
    pub model: &'a str,
    /// The format that the server speaks; a summary is asked for as a response.
    pub format: Format,
    /// How the server is told to go on with a message.
    pub continuing: Continuing,
    /// Whether the model takes pictures; it gets words in their place otherwise.
    pub takes_images: bool,
    /// Whether the model gets its earlier thoughts, where the format has a place for them.
    pub takes_thoughts: bool,
    /// The most tokens that the answer may have, whatever the agent allows.
    pub max_tokens: Option<u64>,
    /// What else stands in the request. It wins over what would stand there, and `null` takes that
    /// away.
    pub parameters: &'a Map<String, Value>,
}

/// How a model is told to go on with a message that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Continuing {
    /// The message comes last, and the server has the model go on with it. Chat Completions and
    /// Messages have that, as far as the server knows it.
    #[default]
    Prefill,
    /// The message is followed by an instruction in words.
    Words,
}

/// A request for a server.
#[derive(Debug)]
pub struct UpstreamRequest {
    /// The path below the base URL of the server, which ends with `/v1`.
    pub path: &'static str,
    /// The JSON to send.
    pub body: Vec<u8>,
    /// What reads the answer.
    pub reader: UpstreamReader,
}

impl DraftContext<'_> {
    /// The request for the server. The same history is the same bytes each time, so that what the
    /// server remembers of a prompt is of use.
    pub fn write(&self) -> UpstreamRequest {
        let (toolbox, functions) = Toolbox::of(self.request.tools.tools());
        let history = ModelHistory::of(self, &toolbox);
        let terms = Terms::of(self, &toolbox, functions);
        let is_begun = history.is_begun;
        let (path, mut body) = match self.format {
            Format::Chat => ("/chat/completions", chat::body(self, history, &terms)),
            Format::Messages => ("/messages", messages::body(self, history, &terms)),
            Format::Responses | Format::Compaction => {
                ("/responses", responses::body(self, history, &terms))
            }
        };
        for (name, value) in self.parameters {
            match value {
                Value::Null => body.shift_remove(name),
                value => body.insert(name.clone(), value.clone()),
            };
        }
        if body.get("stream") != Some(&Value::Bool(true)) {
            // It is refused without a stream.
            body.shift_remove("stream_options");
        }
        let limit = body.get("max_output_tokens").and_then(Value::as_u64);
        UpstreamRequest {
            path,
            body: Value::Object(body).to_string().into_bytes(),
            reader: UpstreamReader::new(self.format, toolbox, self.echo(is_begun), limit),
        }
    }

    /// What the model may write once more at the beginning of its answer, though it was there before;
    /// nothing unless it goes on with a message.
    fn echo(&self, is_begun: bool) -> Option<String> {
        let begun = self.continues.filter(|begun| !begun.trim().is_empty())?;
        Some(match (is_begun, self.format) {
            // The space at the end could not be said.
            (true, Format::Messages) => begun[begun.trim_end().len()..].to_owned(),
            (true, _) => String::new(),
            (false, _) => begun.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
