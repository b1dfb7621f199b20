//! Drafts that models make: who is asked for one, what has come of it, and what becomes of it.
//!
//! The inbox knows no model. It gives an [`ModelOrder`] away, and whoever has models takes it and sends
//! back [`Event::Drafted`](super::Event::Drafted) until the last [`Piece`], or [`DraftStep::Failed`].

mod model_draft;
mod persistence;
mod sending;
mod turn;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub use self::model_draft::{DraftState, ModelDraft, Partial};
pub(super) use self::turn::TurnDrafts;
use super::Event;
use crate::api::{Body, Piece, Request};
use crate::rules::Rules;

/// Identifies a draft, in this run of the program and in later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DraftId(pub(crate) i64);

/// Something that models are to do.
#[derive(Debug)]
pub enum ModelOrder {
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
    pub already_sent: Vec<Body>,
    /// The words of a message that has begun, which the model goes on with where they end.
    pub continues: Option<String>,
    /// What the person tells the model, besides.
    pub hint: Option<String>,
}

/// A step of a draft, or the end of all hope for it.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftStep {
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
    pub fn send(&self, id: DraftId, step: DraftStep) -> bool {
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
    pub orders: Option<mpsc::UnboundedSender<ModelOrder>>,
}

/// How a draft is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftRequest {
    /// The model, by its name in the configuration; the first if this is absent.
    pub model: Option<String>,
    /// What the person tells it besides.
    pub hint: Option<String>,
    /// The words that it goes on with where they end.
    pub continues: Option<String>,
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
pub enum DraftUpdate {
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

#[cfg(test)]
mod tests;
