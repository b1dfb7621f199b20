//! Drafts of replies that models write, and the rules that decide without the person.
//!
//! The inbox talks to no model itself. It sends a [`ModelOrder`], and the layer that has the models
//! answers with [`Event::Drafted`](super::Event::Drafted) until the last [`Piece`], or
//! [`DraftStep::Failed`].
//!
//! - `turn` begins and stops drafts, and applies mode and rules to a request
//! - `sending` sends a draft while the model writes it, unless a rule holds it
//! - `model_draft` is one draft
//! - `persistence` writes drafts and decisions to the journal

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

/// An order to the layer that has the models.
#[derive(Debug)]
pub enum ModelOrder {
    /// Begin a draft.
    Begin(Box<DraftOrder>),
    /// Stop a draft. Steps that still come are ignored.
    Cancel(DraftId),
}

/// A draft that a model is to write.
#[derive(Debug, Clone)]
pub struct DraftOrder {
    /// The id of the draft.
    pub id: DraftId,
    /// The name of the model in the configuration.
    pub model: String,
    /// The request that it answers.
    pub request: Request,
    /// The items that were already sent in this response, oldest first.
    pub already_sent: Vec<Body>,
    /// The beginning of a message that the model is to continue.
    pub continues: Option<String>,
    /// What the person tells the model in addition.
    pub hint: Option<String>,
}

/// A step of a draft.
#[derive(Debug, Clone, PartialEq)]
pub enum DraftStep {
    /// The next piece of the model's output.
    Piece(Piece),
    /// The draft has failed. The text tells the person what went wrong, and what to do.
    Failed(String),
}

/// Sends the steps of drafts to the inbox. Clones send to the same inbox.
#[derive(Debug, Clone)]
pub struct DraftEvents(pub(super) mpsc::UnboundedSender<Event>);

impl DraftEvents {
    /// Sends a step of a draft. Returns false if the inbox is gone.
    pub fn send(&self, id: DraftId, step: DraftStep) -> bool {
        self.0.send(Event::Drafted { id, step }).is_ok()
    }
}

/// Who answers the requests of a conversation. The names are part of the journal and of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The person answers, and may ask a model for a draft.
    #[default]
    Manual,
    /// A model drafts each answer, and the person decides what is sent.
    Draft,
    /// What the model drafts is sent while it is written, until a rule or the person stops it.
    Auto,
}

impl Mode {
    /// Its name, as it is shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Draft => "draft",
            Self::Auto => "auto",
        }
    }

    /// The next mode, and the first after the last.
    pub fn next(self) -> Self {
        match self {
            Self::Manual => Self::Draft,
            Self::Draft => Self::Auto,
            Self::Auto => Self::Manual,
        }
    }
}

/// The settings of drafting.
#[derive(Debug, Clone, Default)]
pub struct Drafting {
    /// The names of the models; the first is the default.
    pub models: Vec<String>,
    /// The mode of new conversations.
    pub mode: Mode,
    /// The rules that decide without the person.
    pub rules: Arc<Rules>,
    /// The sender of orders; `None` without models.
    pub orders: Option<mpsc::UnboundedSender<ModelOrder>>,
}

/// The options of a new draft.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftRequest {
    /// The name of the model in the configuration; by default the one that a rule names, or else the first.
    pub model: Option<String>,
    /// What the person tells the model in addition.
    pub hint: Option<String>,
    /// The beginning of a message that the model is to continue.
    pub continues: Option<String>,
}

/// Why no draft can be begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// No request waits in the conversation.
    #[error("no request waiting here; nothing to draft")]
    NobodyWaits,
    /// The configuration names no model.
    #[error("no model is set up: humanllm setup model")]
    NoModel,
    /// The configuration names no such model.
    #[error("there is no model {0}")]
    UnknownModel(String),
}

/// How a draft has changed, so that the terminal can show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftUpdate {
    /// There is more of it.
    More,
    /// There is more of it, which was sent.
    Sent,
    /// It has ended; the person decides.
    Ready,
    /// All of it was sent, without the person.
    Finished,
    /// A rule stopped it; the person decides.
    Held,
    /// It failed; the person decides.
    Failed,
}

#[cfg(test)]
mod tests;
