//! The wire formats, and the types that they share.
//!
//! A wire format is a module that parses request bytes into a [`Request`] and writes [`Reply`]s as
//! events. The types here are common to all formats. Nothing in here does I/O, reads a clock or
//! makes identifiers: callers pass those in, so that every byte can be tested without a socket.

mod blocks;
mod body;
pub mod chat;
pub(crate) mod compaction;
mod constraints;
mod envelope;
mod error;
mod fields;
mod interner;
mod item;
mod likeness;
pub mod messages;
pub mod patch;
mod piece;
mod purpose;
pub mod responses;
mod schema;
mod shell;
mod skeleton;
mod tools;
pub mod upstream;
pub(crate) mod validation;
mod writer;

pub(crate) use blocks::{first_block, is_block};
pub(crate) use body::joined_text;
pub use body::{Body, ContentPart, ItemBody};
pub use constraints::OutputLimits;
pub use envelope::Envelope;
pub use error::ApiError;
pub(crate) use fields::{Fields, is_too_large_for_tree};
pub use interner::Interner;
pub use item::Item;
pub(crate) use item::Shape;
pub use piece::Piece;
pub use purpose::Purpose;
pub(crate) use schema::{Alternative, Property, Schema, SchemaReading, SchemaType};
pub(crate) use shell::{ArgumentRole, command_in, command_line, commands_of, is_shell};
pub use shell::{NoShellTool, ShellTool};
pub use skeleton::{check_answer, skeleton};
pub use tools::{Tool, ToolList};
pub(crate) use validation::Validator;

pub use writer::{Frame, Ids, ResponseWriter};

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request to the model, whatever its wire format.
#[derive(Debug, Clone)]
pub struct Request {
    /// The wire format it came in.
    pub format: Format,
    /// The request body without its items and tools.
    pub envelope: Arc<Envelope>,
    /// The model the client named. Any name is served: the model is the person.
    pub model: String,
    /// Whether the client wants server-sent events rather than one JSON document.
    pub stream: bool,
    /// The conversation so far, oldest first: instructions or a system prompt, then items that the
    /// server had stored, then items that the client sent now.
    pub items: Vec<Arc<Item>>,
    /// How many items at the beginning come from a field of their own (`instructions`, `system`).
    pub preamble: usize,
    /// How many items after those were stored on the server rather than sent now.
    pub earlier: usize,
    /// Items that the client sent as references: their index among the sent items, and the
    /// reference itself.
    pub references: Vec<(usize, Arc<Item>)>,
    /// The tools the client is ready to run.
    pub tools: Arc<ToolList>,
    /// The client's id of the thread, if it names one (`prompt_cache_key`, a header…).
    pub thread: Option<String>,
    /// Id shared by requests that continue one another: that of the first response, or of the
    /// conversation.
    pub chain: Option<String>,
    /// The stored response or conversation that the request continues.
    pub previous: Option<Previous>,
    /// Whether the response is to be stored for later requests.
    pub store: bool,
    /// Whether the client polls for the response instead of waiting for it.
    pub background: bool,
    /// The format that the client wants the answer in.
    pub output_format: OutputFormat,
    /// Which tools may or must be called.
    pub tool_choice: ToolChoice,
    /// Whether one response may hold several calls.
    pub parallel_tool_calls: bool,
    /// Other limits on the answer.
    pub limits: OutputLimits,
    /// The parent thread, if this is the thread of a sub-agent.
    pub parent: Option<String>,
    /// What the request is for.
    pub purpose: Purpose,
    /// How long the client waits for the next byte before it times out, if it says so.
    pub client_timeout: Option<Duration>,
    /// The participant and condition that the request is assigned to, in a study.
    pub(crate) assignment: Option<Arc<Assignment>>,
}

/// The participant and condition of a study that a request is assigned to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assignment {
    /// The participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// The stored response or conversation that a request continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// The response with this id.
    Response(String),
    /// The conversation with this id.
    Conversation(String),
}

impl Request {
    /// A request without content, to be filled in.
    pub(crate) fn empty(format: Format) -> Self {
        Self {
            format,
            envelope: Arc::default(),
            model: String::new(),
            stream: false,
            items: Vec::new(),
            preamble: 0,
            earlier: 0,
            references: Vec::new(),
            tools: Arc::default(),
            thread: None,
            chain: None,
            previous: None,
            store: false,
            background: false,
            output_format: OutputFormat::Text,
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            limits: OutputLimits::default(),
            parent: None,
            purpose: Purpose::Turn,
            client_timeout: None,
            assignment: None,
        }
    }

    /// How long the client waits for the answer, if it says so. `None` for a stream, which
    /// heartbeats keep open, and for a background request.
    pub fn gives_up_after(&self) -> Option<Duration> {
        self.client_timeout.filter(|_| self.gets_all_at_once())
    }

    /// Whether the client gets nothing before the response has ended.
    pub fn gets_all_at_once(&self) -> bool {
        !self.stream && !self.background
    }

    /// The request as the client sent it, byte for byte.
    pub fn raw_body(&self) -> String {
        let sent = self.sent_items().filter(|item| item.begins_text());
        self.envelope.reassemble(
            self.tools.raw(),
            self.preamble_item().map(|item| item.raw()),
            sent.map(|item| item.raw()),
        )
    }

    /// The item made of instructions or a system prompt.
    pub(crate) fn preamble_item(&self) -> Option<&Arc<Item>> {
        self.items[..self.preamble].first()
    }

    /// The other items that the client sent, with references unresolved.
    pub(crate) fn sent_items(&self) -> impl Iterator<Item = &Arc<Item>> {
        let own = self.items.iter().skip(self.preamble + self.earlier);
        // Ordered by index.
        let mut references = self.references.iter().peekable();
        own.enumerate().map(move |(place, item)| {
            let reference = references.next_if(|(known, _)| *known == place);
            reference.map_or(item, |(_, reference)| reference)
        })
    }

    /// The fields of the request, each with its JSON; without items and tools.
    pub fn fields(&self) -> Vec<(String, String)> {
        let fields = Fields::of_text(self.envelope.text());
        let fields = fields.iter();
        fields
            .map(|(name, raw)| (name.to_owned(), raw.get().to_owned()))
            .collect()
    }
}

/// The wire format of a request, which is that of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/responses/compact`, which asks for a summary.
    Compaction,
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/messages`.
    Messages,
}

impl Format {
    /// The number of the format on disk.
    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    /// The format with this number on disk.
    pub(crate) fn of_number(number: i64) -> Option<Self> {
        let all = [
            Self::Responses,
            Self::Compaction,
            Self::Chat,
            Self::Messages,
        ];
        all.into_iter().find(|format| format.number() == number)
    }

    /// Reads a request of this format.
    ///
    /// # Errors
    ///
    /// An [`ApiError`] that names the parameter at fault.
    pub fn parse(self, body: &[u8], interner: &Interner) -> Result<Request, ApiError> {
        match self {
            Self::Responses => responses::parse(body, interner),
            Self::Compaction => responses::parse_compaction(body, interner),
            Self::Chat => chat::parse(body, interner),
            Self::Messages => messages::parse(body, interner),
        }
    }

    /// Whether reasoning can be sent, by the format itself or a field that clients know.
    pub(crate) fn carries_reasoning(self) -> bool {
        self != Self::Compaction
    }

    /// Whether commentary can be sent before the answer.
    pub(crate) fn carries_commentary(self) -> bool {
        self != Self::Compaction
    }

    /// Whether the format marks commentary as such. In others it is text like the answer, and the
    /// SDKs of OpenAI and Anthropic reject the whole text if a part is not the JSON that was asked
    /// for.
    pub(crate) fn marks_commentary(self) -> bool {
        self == Self::Responses
    }
}

/// The format that a client wants the final answer in.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum OutputFormat {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that validates against a schema.
    JsonSchema {
        /// The client's name for the schema.
        name: String,
        /// The JSON Schema.
        schema: Value,
    },
}

/// Which tools may or must be called (`tool_choice`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// Any tool, or none.
    #[default]
    Auto,
    /// No tool.
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
    pub(crate) fn requires_call(&self) -> bool {
        matches!(self, Self::Required | Self::Only { required: true, .. })
    }
}

/// The role of a message in a turn: Codex shows commentary at once and goes on waiting, and takes
/// the final answer as the result of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// A note before the answer.
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

    /// The phase with this name on the wire.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let mut all = [Self::Commentary, Self::FinalAnswer].into_iter();
        all.find(|phase| phase.as_str() == name)
    }
}

/// Tokens of a response, as counted with the o200k vocabulary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Regularly.
    Completed,
    /// At the token limit of the request, perhaps in the middle of a word.
    OutOfTokens,
    /// With an error that the client shows or handles.
    Failed {
        /// The error code, by which clients decide whether to retry.
        code: FailureCode,
        /// The message for the user.
        message: String,
    },
}

impl Ending {
    /// The failure as an error, for formats whose responses cannot carry one.
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
    /// The person rejected the request. Codex 0.169 shows the message once and does not retry.
    InvalidPrompt,
    /// The program shuts down. Codex 0.169 retries, so that a restart goes unnoticed.
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

/// A part of the person's response to a request. `End` closes the response; nothing follows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Items that are sent at once, while the response stays open.
    Items(Vec<Body>),
    /// More text of a message that is sent while it is typed.
    Live {
        /// The text to add.
        delta: String,
        /// The phase of the message, sent with its first text.
        phase: Phase,
    },
    /// The last items, and how the response ends.
    End {
        /// Items to send before the end, in order.
        items: Vec<Body>,
        /// How the response ends.
        ending: Ending,
    },
}

impl Reply {
    /// The items it carries.
    pub fn items(&self) -> &[Body] {
        match self {
            Reply::Items(items) | Reply::End { items, .. } => items,
            Reply::Live { .. } => &[],
        }
    }

    /// The message of a rejection, if this is one.
    pub fn rejection(&self) -> Option<&str> {
        match self {
            Reply::End {
                ending:
                    Ending::Failed {
                        code: FailureCode::InvalidPrompt,
                        message,
                    },
                ..
            } => Some(message),
            _ => None,
        }
    }

    /// Whether it closes the response.
    pub fn ends(&self) -> bool {
        matches!(self, Reply::End { .. })
    }
}
