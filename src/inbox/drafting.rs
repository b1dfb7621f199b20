//! Drafts that models make: who is asked for one, what has come of it, and what becomes of it.
//!
//! The inbox knows no model. It gives an [`Order`] away, and whoever has models takes it and sends
//! back [`Event::Drafted`](super::Event::Drafted) until the last [`Piece`], or [`Step::Failed`].

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Event, RequestId};
use crate::api::{Body, Piece, Request, Usage};
use crate::rules::{Decision, Rules};

/// Identifies a draft, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DraftId(pub(crate) i64);

/// Something that models are to do.
#[derive(Debug)]
pub enum Order {
    /// Make a draft.
    Begin(Box<DraftOrder>),
    /// Stop making one. Nothing more of it is wanted.
    Cancel(DraftId),
}

/// A draft that is to be made.
#[derive(Debug, Clone)]
pub struct DraftOrder {
    /// Its name.
    pub id: DraftId,
    /// The name of the model in the configuration.
    pub model: String,
    /// What the agent asks.
    pub request: Request,
    /// What was said to that already, in this response, oldest first.
    pub said: Vec<Body>,
    /// The words of a message that has begun, which the model goes on with where they end.
    pub continues: Option<String>,
    /// What the person tells the model, besides.
    pub hint: Option<String>,
}

/// A step of a draft, or the end of all hope for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// What the model says.
    Piece(Piece),
    /// There will be no more, in words for the person: what went wrong, and what to do.
    Failed(String),
}

/// Where models send what they make. Clones send to the same place.
#[derive(Debug, Clone)]
pub struct DraftEvents(pub(super) mpsc::UnboundedSender<Event>);

impl DraftEvents {
    /// Sends a step of a draft; says whether anybody is left to take it.
    pub fn send(&self, id: DraftId, step: Step) -> bool {
        self.0.send(Event::Drafted { id, step }).is_ok()
    }
}

/// How a conversation goes on when its agent asks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The person answers, and has a model draft when they want it.
    #[default]
    Manual,
    /// A model drafts each answer, and the person decides.
    Draft,
    /// What the model drafts is sent while it is made, until a rule or the person stops it.
    Auto,
}

impl Mode {
    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Draft => "draft",
            Self::Auto => "auto",
        }
    }

    /// The one after it, and the first after the last.
    pub fn next(self) -> Self {
        match self {
            Self::Manual => Self::Draft,
            Self::Draft => Self::Auto,
            Self::Auto => Self::Manual,
        }
    }
}

/// What the inbox goes by.
#[derive(Debug, Clone, Default)]
pub struct Drafting {
    /// The names of the models; the first is asked where nobody names another.
    pub models: Vec<String>,
    /// How a conversation begins.
    pub mode: Mode,
    /// What is decided without the person.
    pub rules: Arc<Rules>,
    /// Where orders go; nowhere without models.
    pub orders: Option<mpsc::UnboundedSender<Order>>,
}

/// A draft that a model makes or has made.
#[derive(Debug, Clone)]
pub struct ModelDraft {
    /// Its name.
    pub id: DraftId,
    /// The request that it answers.
    pub request: RequestId,
    /// The name of the model in the configuration.
    pub model: String,
    /// What the person told it.
    pub hint: Option<String>,
    /// When it was asked for.
    pub begun: Timestamp,
    /// When its first word came.
    pub first: Option<Timestamp>,
    /// When it came to its end.
    pub ended: Option<Timestamp>,
    /// How far it is.
    pub state: DraftState,
    /// The items that are whole.
    pub items: Vec<Body>,
    /// What there is of the item after those.
    pub partial: Partial,
    /// What the upstream counted.
    pub usage: Option<Usage>,
    /// How many of its items have been sent by themselves.
    pub sent: usize,
    /// What a rule decided about it.
    pub decision: Option<Decision>,
}

/// What there is of an item that is not whole yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Partial {
    /// Nothing.
    #[default]
    Nothing,
    /// Words of a message.
    Text(String),
    /// Thoughts.
    Thought(String),
    /// A call, and its arguments as far as they are written.
    Call {
        /// What it calls.
        title: String,
        /// The arguments.
        arguments: String,
    },
}

/// How far a draft is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftState {
    /// The model is at it.
    Streaming,
    /// It is whole.
    Complete,
    /// It ended at a limit of tokens.
    CutOff,
    /// Something went wrong, in words for the person.
    Failed(String),
    /// The person stopped it.
    Cancelled,
}

impl ModelDraft {
    /// Whether more of it may come.
    pub fn is_streaming(&self) -> bool {
        self.state == DraftState::Streaming
    }

    /// Whether there is nothing in it that could be sent.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.partial == Partial::Nothing
    }

    /// Takes a step in. What is still [`Partial`] when the draft ends without being whole stays.
    pub(super) fn take(&mut self, step: Step, now: Timestamp) {
        match step {
            Step::Failed(words) => self.end(DraftState::Failed(words), now),
            Step::Piece(piece) => {
                self.first.get_or_insert(now);
                self.take_piece(piece, now);
            }
        }
    }

    fn take_piece(&mut self, piece: Piece, now: Timestamp) {
        match (piece, &mut self.partial) {
            (Piece::Text(more), Partial::Text(text)) => text.push_str(&more),
            (Piece::Text(text), partial) => *partial = Partial::Text(text),
            (Piece::Thought(more), Partial::Thought(text)) => text.push_str(&more),
            (Piece::Thought(text), partial) => *partial = Partial::Thought(text),
            (
                Piece::Call {
                    title,
                    arguments: more,
                },
                Partial::Call {
                    title: known,
                    arguments,
                },
            ) if *known == title => arguments.push_str(&more),
            (Piece::Call { title, arguments }, partial) => {
                *partial = Partial::Call { title, arguments };
            }
            (Piece::Item(item), partial) => {
                *partial = Partial::Nothing;
                self.items.push(item);
            }
            (Piece::Done { usage, cut_off }, _) => {
                self.usage = usage;
                let state = match cut_off {
                    true => DraftState::CutOff,
                    false => DraftState::Complete,
                };
                self.end(state, now);
            }
        }
    }

    /// Ends it, unless it has ended.
    pub(super) fn end(&mut self, state: DraftState, now: Timestamp) {
        if self.is_streaming() {
            self.state = state;
            self.ended = Some(now);
        }
    }
}

/// Why no draft can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Nobody asks anything here.
    #[error("no request waiting here; nothing to draft")]
    NobodyWaits,
    /// The configuration names no model.
    #[error("no model is set up: humanllm setup model")]
    NoModel,
    /// The configuration names no such model.
    #[error("there is no model {0}")]
    UnknownModel(String),
}

/// What becomes of a draft that has changed, for whoever draws it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drafted {
    /// There is more of it.
    More,
    /// There is more of it, and it was sent.
    Sent,
    /// It has come to its end; the person decides.
    Ready,
    /// All of it was sent by itself.
    Finished,
    /// A rule stopped it; the person decides.
    Held,
    /// It failed; the person decides.
    Failed,
}
