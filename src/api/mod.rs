//! The wire formats, and the meaning they share.
//!
//! A wire format is a module that turns request bytes into a [`Request`] and [`Reply`]s into
//! events. The types here are what every format means; the modules know how it is written.
//! Nothing in here does I/O, reads a clock or makes up an identifier by itself: whoever calls
//! hands those in, so that every byte can be tested without a socket.

pub mod chat;
pub(crate) mod compaction;
mod constraints;
mod error;
mod fields;
mod housekeeping;
mod item;
pub mod messages;
pub mod patch;
mod patch_reader;
pub mod responses;
mod shell;
mod skeleton;
mod validation;
mod writer;

pub use error::ApiError;
pub(crate) use fields::json_object;
pub use housekeeping::Housekeeping;
pub use item::{Content, Item, ItemBody};
pub use shell::{NoShellTool, ShellTool};
pub(crate) use shell::{command_line, command_of};
pub use skeleton::{check_answer, skeleton};
pub(crate) use validation::{Validator, percent_decoded};

pub use writer::{Frame, Ids, ResponseWriter};

use std::sync::Arc;

use serde_json::{Map, Value};

/// What a client asks of the model, whatever format it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// The wire format it came in.
    pub format: Format,
    /// The field that the items were taken out of, to put them back for a reader.
    pub items_key: Option<&'static str>,
    /// The model the client named. Any name is served: the model is the person.
    pub model: String,
    /// Whether the client wants server-sent events rather than one JSON document.
    pub stream: bool,
    /// The conversation so far, oldest first: what stands in other fields (instructions), what
    /// the server had stored, and what the client sent now.
    pub items: Vec<Arc<Item>>,
    /// How many of the items stand in another field than the rest, in a Responses request.
    pub preamble: usize,
    /// How many of the items after those the client did not send, because the server knew them.
    pub earlier: usize,
    /// The tools the client is ready to run.
    pub tools: Vec<Tool>,
    /// What identifies the thread, where the client says so (`thread_id`, `prompt_cache_key`…).
    pub thread: Option<String>,
    /// What requests that go on from one another by id have in common: the id of the first
    /// response, or of the conversation.
    pub chain: Option<String>,
    /// The form the client wants the answer in.
    pub output_format: OutputFormat,
    /// What the client allows to be called.
    pub tool_choice: ToolChoice,
    /// Whether one response may hold several calls.
    pub parallel_tool_calls: bool,
    /// Why the client asks, where it says so (Codex: `thread_source`, such as `thread_title`).
    pub purpose: Option<String>,
    /// Every field but the items, as it came.
    pub params: Map<String, Value>,
}

impl Request {
    /// The request as the client sent it, put together again for a person to read. What it refers
    /// to by id stands there itself.
    pub fn to_json(&self) -> Value {
        let mut body = self.params.clone();
        if let Some(key) = self.items_key {
            let sent = self.items.iter().skip(self.preamble + self.earlier);
            let items: Vec<Value> = sent.map(|item| Value::clone(&item.raw)).collect();
            if !items.is_empty() {
                body.insert(key.into(), Value::Array(items));
            }
        }
        Value::Object(body)
    }
}

/// The wire format of a request, which is that of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/responses/compact`: what is asked for is a summary.
    Compaction,
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/messages`.
    Messages,
}

impl Format {
    /// Whether the format has a place for reasoning.
    pub fn carries_reasoning(self) -> bool {
        matches!(self, Self::Responses | Self::Messages)
    }

    /// Whether the format has a place for words on the way to the answer.
    pub fn carries_progress(self) -> bool {
        self != Self::Compaction
    }

    /// Whether notes are told from the answer. Elsewhere they are text like the answer, and the
    /// SDKs of OpenAI and Anthropic refuse all of it if a part is not the JSON that was asked for.
    pub fn tells_notes(self) -> bool {
        self == Self::Responses
    }
}

/// The form a client wants the final answer in.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum OutputFormat {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that is valid against a schema.
    JsonSchema {
        /// The client's name for the schema.
        name: String,
        /// The JSON Schema.
        schema: Value,
    },
}

/// What a client allows to be called (`tool_choice`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// Anything or nothing.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// At least one call, of any tool.
    Required,
    /// Only these tools, by name; at least one call of them if `required`.
    Only {
        /// The names.
        names: Vec<String>,
        /// Whether there must be a call.
        required: bool,
    },
}

impl ToolChoice {
    /// Whether a tool of this name may be called.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Self::Auto | Self::Required => true,
            Self::None => false,
            Self::Only { names, .. } => names.iter().any(|known| known == name),
        }
    }

    /// Whether a response without a call breaks it.
    pub fn requires_call(&self) -> bool {
        matches!(self, Self::Required | Self::Only { required: true, .. })
    }
}

/// A tool that a request offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The wire type: `function`, `custom`, `namespace`, `web_search`, `local_shell`, …
    pub kind: String,
    /// The name to call it by; empty where the type alone names it.
    pub name: String,
    /// The namespace that holds it, for a function inside a `namespace` tool.
    pub namespace: Option<String>,
    /// What the client says it does.
    pub description: String,
    /// The tool as the client sent it.
    pub raw: Value,
}

impl Tool {
    /// The JSON Schema of the arguments, for a function that has one.
    pub fn parameters(&self) -> Option<&Value> {
        self.raw.get("parameters")
    }

    /// The schema of one named argument.
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters()?.get("properties")?.get(name)
    }

    /// The name for a person to read: `namespace.name`, the name, or the type.
    pub fn title(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.{}", self.name),
            None if self.name.is_empty() => self.kind.clone(),
            None => self.name.clone(),
        }
    }
}

/// The place of a message in a turn: Codex shows commentary at once and goes on waiting, and
/// takes the final answer as the result of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A note on the way.
    Commentary,
    /// The answer.
    FinalAnswer,
}

impl Phase {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Commentary => "commentary",
            Phase::FinalAnswer => "final_answer",
        }
    }
}

/// One thing the person puts into a response.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputItem {
    /// Words for the user of the agent.
    Message {
        /// The words.
        text: String,
        /// Whether they are a note or the answer.
        phase: Phase,
    },
    /// A call of a function that the request offers.
    FunctionCall {
        /// The namespace the function lives in. Codex 0.169 refuses a joined name.
        namespace: Option<String>,
        /// The name of the function.
        name: String,
        /// The arguments, a JSON object as text.
        arguments: String,
    },
    /// A call of a free-form tool.
    CustomToolCall {
        /// The name of the tool.
        name: String,
        /// The text handed to it.
        input: String,
    },
    /// A summary of what the person thinks.
    Reasoning {
        /// The summary.
        summary: String,
    },
    /// A call of the built-in `local_shell` tool of older Codex versions.
    LocalShellCall {
        /// The program and its arguments.
        command: Vec<String>,
        /// Where to run it; the client's own choice if absent.
        working_directory: Option<String>,
    },
}

impl OutputItem {
    /// Whether the client has to run something and come back.
    pub fn is_call(&self) -> bool {
        self.tool_name().is_some()
    }

    /// The name of the tool that it calls.
    pub fn tool_name(&self) -> Option<&str> {
        match self {
            Self::FunctionCall { name, .. } | Self::CustomToolCall { name, .. } => Some(name),
            Self::LocalShellCall { .. } => Some("local_shell"),
            Self::Message { .. } | Self::Reasoning { .. } => None,
        }
    }

    /// The text that a model would have had to write.
    pub fn text(&self) -> String {
        match self {
            Self::Message { text, .. } => text.clone(),
            Self::FunctionCall {
                name, arguments, ..
            } => format!("{name}{arguments}"),
            Self::CustomToolCall { name, input } => format!("{name}{input}"),
            Self::Reasoning { summary } => summary.clone(),
            Self::LocalShellCall { command, .. } => command.join(" "),
        }
    }
}

/// Tokens of a response, as counted with the o200k vocabulary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request.
    pub input: u64,
    /// Tokens of the response, those of `reasoning` included.
    pub output: u64,
    /// Tokens of reasoning items.
    pub reasoning: u64,
}

/// How a response ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// As it should.
    Completed,
    /// At the length that the request allows, perhaps in the middle of a word.
    OutOfTokens,
    /// With an error that the client shows or handles.
    Failed {
        /// What kind of failure; clients decide by it whether to try again.
        code: FailureCode,
        /// Words for the user.
        message: String,
    },
}

impl Ending {
    /// The failure as an error, for formats that have no response to tell it in.
    pub fn error(&self) -> Option<ApiError> {
        let Self::Failed { code, message } = self else {
            return None;
        };
        let error = ApiError::invalid(message.clone()).code(code.as_str());
        Some(match code {
            FailureCode::InvalidPrompt => error,
            FailureCode::ServerError => error.status(503).kind("server_error"),
        })
    }
}

/// Why a response failed, in the codes that OpenAI's clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCode {
    /// The person will not answer this. Codex 0.169 shows the message once and does not retry.
    InvalidPrompt,
    /// The program is going away. Codex 0.169 retries, so that a restart goes unnoticed.
    ServerError,
}

impl FailureCode {
    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureCode::InvalidPrompt => "invalid_prompt",
            FailureCode::ServerError => "server_error",
        }
    }
}

/// What the person says to one request. An `End` closes the response, so nothing can follow it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Items that leave at once, while the response stays open.
    Items(Vec<OutputItem>),
    /// More text of a message that is sent while it is typed.
    Live {
        /// The text to add.
        delta: String,
        /// What the message is, told with its first text.
        phase: Phase,
    },
    /// The last items, and how the response ends.
    End {
        /// What to say before the end, in order.
        items: Vec<OutputItem>,
        /// How it ends.
        ending: Ending,
    },
}

impl Reply {
    /// The items it carries.
    pub fn items(&self) -> &[OutputItem] {
        match self {
            Reply::Items(items) | Reply::End { items, .. } => items,
            Reply::Live { .. } => &[],
        }
    }

    /// Whether it closes the response.
    pub fn ends(&self) -> bool {
        matches!(self, Reply::End { .. })
    }
}
