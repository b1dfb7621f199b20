//! The way to a model on another server and back: the request that goes there, whatever format the
//! agent speaks, and what the model says, as the agent is to get it.

mod fault;
mod reader;

pub use fault::{Fault, error_message};
pub use reader::Reader;

use serde_json::{Map, Value, json};

use super::{Body, Format, Request};

/// What a model on another server is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
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
pub struct Asked {
    /// The path below the base URL of the server, which ends with `/v1`.
    pub path: &'static str,
    /// The JSON to send.
    pub body: Vec<u8>,
    /// What reads the answer.
    pub reader: Reader,
    /// The tools that the agent offers and the model does not get to know, because neither the agent
    /// nor this program could run them.
    pub left_out: Vec<String>,
}

impl Ask<'_> {
    /// The request for the server. The same history is the same bytes each time, so that what the
    /// server remembers of a prompt is of use.
    pub fn write(&self) -> Asked {
        let messages = self.request.items.iter();
        let messages =
            messages.filter_map(|item| Some(json!({"role": item.role()?, "content": item.text()})));
        let mut body = Map::new();
        body.insert("model".into(), self.model.into());
        body.insert("stream".into(), true.into());
        body.insert("messages".into(), messages.collect());
        for (name, value) in self.parameters {
            match value {
                Value::Null => body.shift_remove(name),
                value => body.insert(name.clone(), value.clone()),
            };
        }
        Asked {
            path: "/chat/completions",
            body: Value::Object(body).to_string().into_bytes(),
            reader: Reader::default(),
            left_out: Vec::new(),
        }
    }
}
