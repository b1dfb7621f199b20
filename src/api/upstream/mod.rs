//! Requests to models on other servers, and their answers: writes a request of any format in the
//! format of the server, and reads the answer as items for the client.

mod answer_error;
mod arguments;
mod chat;
mod generation_options;
mod history;
mod messages;
mod reader;
mod responses;
mod tools;
mod transcript;

pub use answer_error::{AnswerError, error_message};
pub use reader::UpstreamReader;
pub use transcript::Functions;

use serde_json::{Map, Value};

use self::generation_options::GenerationOptions;
use self::history::ModelHistory;
use self::tools::Toolbox;

use super::{Body, Format, Request};

/// Everything that a request to a model on another server is made of.
#[derive(Debug, Clone, Copy)]
pub struct DraftContext<'a> {
    /// The client's request.
    pub request: &'a Request,
    /// The replies so far in this response, oldest first.
    pub said: &'a [Body],
    /// The beginning of a message. The model continues it, and the message that it makes has only
    /// what comes after.
    pub continues: Option<&'a str>,
    /// A hint of the person for the model.
    pub hint: Option<&'a str>,
    /// The server's name of the model.
    pub model: &'a str,
    /// The wire format of the server; [`Format::Compaction`] is written as a response.
    pub format: Format,
    /// How the server is asked to continue a message.
    pub continuing: Continuing,
    /// Whether the model accepts images; it gets a text in their place otherwise.
    pub takes_images: bool,
    /// Whether the model gets its earlier reasoning, if the format has a place for it.
    pub takes_thoughts: bool,
    /// Token limit of the answer, besides that of the client.
    pub max_tokens: Option<u64>,
    /// Additional fields of the request. They override fields of the same name, and `null` removes
    /// one.
    pub parameters: &'a Map<String, Value>,
}

/// How a model is asked to continue a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Continuing {
    /// The message is the last one, and the server lets the model continue it. Possible in Chat
    /// Completions and Messages, if the server supports it.
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
    /// The JSON body.
    pub body: Vec<u8>,
    /// The reader of the answer.
    pub reader: UpstreamReader,
}

impl DraftContext<'_> {
    /// Writes the request. The same history gives the same bytes each time, so that the server's
    /// prompt cache works.
    pub fn write(&self) -> UpstreamRequest {
        let (toolbox, functions) = Toolbox::of(self.request.tools.tools());
        let history = ModelHistory::of(self, &toolbox);
        let terms = GenerationOptions::of(self, &toolbox, functions);
        let is_begun = history.is_prefilled;
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
            // Rejected unless the request streams.
            body.shift_remove("stream_options");
        }
        let limit = body.get("max_output_tokens").and_then(Value::as_u64);
        UpstreamRequest {
            path,
            body: Value::Object(body).to_string().into_bytes(),
            reader: UpstreamReader::new(self.format, toolbox, self.echo(is_begun), limit),
        }
    }

    /// The text that the model may repeat at the beginning of its answer; `None` unless it
    /// continues a message.
    fn echo(&self, is_begun: bool) -> Option<String> {
        let begun = self.continues.filter(|begun| !begun.trim().is_empty())?;
        Some(match (is_begun, self.format) {
            // The white space at the end was not sent.
            (true, Format::Messages) => begun[begun.trim_end().len()..].to_owned(),
            (true, _) => String::new(),
            (false, _) => begun.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
