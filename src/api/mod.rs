//! The wire formats, and the meaning they share.
//!
//! A wire format is a module that turns request bytes into a [`Request`] and [`Reply`]s into
//! events. The types here are what every format means; the modules know how it is written.
//! Nothing in here does I/O, reads a clock or makes up an identifier by itself: whoever calls
//! hands those in, so that every byte can be tested without a socket.

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
pub(crate) use body::text_of;
pub use body::{Body, ContentPart, ItemBody};
pub use constraints::OutputLimits;
pub use envelope::Envelope;
pub use error::ApiError;
pub(crate) use fields::{Fields, is_bushy};
pub use interner::Interner;
pub use item::Item;
pub(crate) use item::Shape;
pub use piece::Piece;
pub use purpose::Purpose;
pub(crate) use schema::{Alternative, Property, Schema, SchemaReading, SchemaType};
pub use shell::{NoShellTool, ShellTool};
pub(crate) use shell::{Use, command_in, command_line, commands_of, is_shell};
pub use skeleton::{check_answer, skeleton};
pub use tools::{Tool, ToolList};
pub(crate) use validation::Validator;

pub use writer::{Frame, Ids, ResponseWriter};

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a client asks of the model, whatever format it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// The wire format it came in.
    pub format: Format,
    /// The request as it came, but for its items and tools.
    pub envelope: Arc<Envelope>,
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
    /// Items that the client only referred to: their places among those that it sent, and what
    /// stood there.
    pub references: Vec<(usize, Arc<Item>)>,
    /// The tools the client is ready to run.
    pub tools: Arc<ToolList>,
    /// What identifies the thread, where the client says so (`prompt_cache_key`, a header…).
    pub thread: Option<String>,
    /// What requests that go on from one another by id have in common: the id of the first
    /// response, or of the conversation.
    pub chain: Option<String>,
    /// What the request goes on from.
    pub previous: Option<Previous>,
    /// Whether the response is to be kept for later requests.
    pub store: bool,
    /// Whether the client comes back for the response instead of waiting for it.
    pub background: bool,
    /// The form the client wants the answer in.
    pub output_format: OutputFormat,
    /// What the client allows to be called.
    pub tool_choice: ToolChoice,
    /// Whether one response may hold several calls.
    pub parallel_tool_calls: bool,
    /// What else the client asks of the answer.
    pub limits: OutputLimits,
    /// The thread on whose behalf this one was begun, as a sub-agent's is.
    pub parent: Option<String>,
    /// Why the client asks.
    pub purpose: Purpose,
    /// How long the client waits for the next byte before it gives up, where it says so.
    pub patience: Option<Duration>,
    /// Whose request it is in a study, where there is one.
    pub(crate) assigned: Option<Arc<Assigned>>,
}

/// Whose request it is in a study, and under which condition they take part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assigned {
    /// The participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// The condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// What a request goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Previous {
    /// The response of this id.
    Response(String),
    /// The conversation of this id.
    Conversation(String),
}

impl Request {
    /// A request that asks for nothing, to be filled in.
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
            patience: None,
            assigned: None,
        }
    }

    /// How long the client waits for the answer, where it says so. One that streams is kept by signs
    /// of life, and one that comes back for the response waits for nothing.
    pub fn gives_up_after(&self) -> Option<Duration> {
        self.patience.filter(|_| self.gets_all_at_once())
    }

    /// Whether what is said reaches the client with the end of the response, and nothing before.
    pub fn gets_all_at_once(&self) -> bool {
        !self.stream && !self.background
    }

    /// The request as the client sent it, byte for byte.
    pub fn whole(&self) -> String {
        let sent = self.sent().filter(|item| item.begins_text());
        self.envelope.whole(
            self.tools.raw(),
            self.beside().map(|item| item.raw()),
            sent.map(|item| item.raw()),
        )
    }

    /// What stands beside the items that were sent: instructions, a system prompt.
    pub(crate) fn beside(&self) -> Option<&Arc<Item>> {
        self.items[..self.preamble].first()
    }

    /// The other items that the client sent, as it sent them.
    pub(crate) fn sent(&self) -> impl Iterator<Item = &Arc<Item>> {
        let own = self.items.iter().skip(self.preamble + self.earlier);
        // In the order of their places.
        let mut references = self.references.iter().peekable();
        own.enumerate().map(move |(place, item)| {
            let reference = references.next_if(|(known, _)| *known == place);
            reference.map_or(item, |(_, reference)| reference)
        })
    }

    /// The fields of the request, each with its JSON; lists of items and tools are empty there.
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
    /// `POST /v1/responses/compact`: what is asked for is a summary.
    Compaction,
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/messages`.
    Messages,
}

impl Format {
    /// The number by which it is known on disk.
    pub(crate) fn number(self) -> i64 {
        self as i64
    }

    /// The format of a number.
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

    /// Whether the format has a place for reasoning, or clients know one.
    pub(crate) fn carries_reasoning(self) -> bool {
        self != Self::Compaction
    }

    /// Whether the format has a place for words on the way to the answer.
    pub(crate) fn carries_progress(self) -> bool {
        self != Self::Compaction
    }

    /// Whether notes are told from the answer. Elsewhere they are text like the answer, and the
    /// SDKs of OpenAI and Anthropic refuse all of it if a part is not the JSON that was asked for.
    pub(crate) fn tells_notes(self) -> bool {
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
    pub(crate) fn requires_call(&self) -> bool {
        matches!(self, Self::Required | Self::Only { required: true, .. })
    }
}

/// The place of a message in a turn: Codex shows commentary at once and goes on waiting, and
/// takes the final answer as the result of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The phase of a name.
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
    Items(Vec<Body>),
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
        items: Vec<Body>,
        /// How it ends.
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

    /// The words of a rejection, if it is one.
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
