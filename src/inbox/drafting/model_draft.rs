//! One draft of a model, from the order to its end.

use jiff::Timestamp;

use super::{DraftId, DraftStep, DraftUpdate};
use crate::api::{Body, ContentPart, Piece, Usage, joined_text};
use crate::rules::Decision;
use crate::store::RequestId;

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
    /// The words that it goes on with, which are not of it.
    pub continues: Option<String>,
    /// When it was asked for.
    pub begun: Timestamp,
    /// When its first word came.
    pub first_piece: Option<Timestamp>,
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
    pub sent_items: usize,
    /// How many bytes of the message after those have been, too.
    pub(crate) sent_message_bytes: usize,
    /// What a rule decided about it.
    pub(crate) decision: Option<Decision>,
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
    pub(super) fn new(id: DraftId, request: RequestId, model: String, now: Timestamp) -> Self {
        Self {
            id,
            request,
            model,
            hint: None,
            continues: None,
            begun: now,
            first_piece: None,
            ended: None,
            state: DraftState::Streaming,
            items: Vec::new(),
            partial: Partial::Nothing,
            usage: None,
            sent_items: 0,
            sent_message_bytes: 0,
            decision: None,
        }
    }

    /// What there is to be told of it.
    pub(super) fn update(&self) -> DraftUpdate {
        match &self.state {
            DraftState::Streaming => DraftUpdate::More,
            DraftState::Failed(_) => DraftUpdate::Failed,
            DraftState::Complete | DraftState::CutOff | DraftState::Cancelled => DraftUpdate::Ready,
        }
    }

    /// Whether a message of it has left.
    pub(super) fn has_sent_message(&self) -> bool {
        let sent = self.items.iter().take(self.sent_items);
        let mut messages = sent.filter(|item| matches!(item, Body::Message { .. }));
        messages.next().is_some()
    }

    /// Whether there is nothing in it but thoughts.
    pub(super) fn is_only_reasoning(&self) -> bool {
        let mut items = self.items.iter();
        items.all(|item| matches!(item, Body::Reasoning { .. }))
    }

    /// Whether more of it may come.
    pub fn is_streaming(&self) -> bool {
        self.state == DraftState::Streaming
    }

    /// The items that were not sent by themselves. Of a message that was sent in part, and is open, it
    /// is what is left.
    pub fn unsent(&self) -> Vec<Body> {
        let mut items = self
            .items
            .get(self.sent_items..)
            .unwrap_or_default()
            .to_vec();
        if self.sent_message_bytes > 0
            && let Some(Body::Message { content, .. }) = items.first_mut()
        {
            let words = joined_text(content);
            let rest = words.get(self.sent_message_bytes..).unwrap_or_default();
            *content = vec![ContentPart::Text(rest.to_owned())];
        }
        items
    }

    /// Whether there is something in it that was not sent by itself and could be.
    pub(crate) fn has_unsent(&self) -> bool {
        let mut unsent = self.items.iter().skip(self.sent_items);
        unsent.any(|item| !matches!(item, Body::Reasoning { .. }))
            || match &self.partial {
                Partial::Text(text) => text.len() > self.sent_message_bytes,
                Partial::Call { .. } => true,
                Partial::Nothing | Partial::Thought(_) => false,
            }
    }

    /// Whether there is nothing in it that could be sent.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.partial == Partial::Nothing
    }

    /// Takes a step in. What is still [`Partial`] when the draft ends without being whole stays.
    pub(super) fn take(&mut self, step: DraftStep, now: Timestamp) {
        match step {
            DraftStep::Failed(words) => self.end(DraftState::Failed(words), now),
            DraftStep::Piece(piece) => {
                self.first_piece.get_or_insert(now);
                self.apply_piece(piece, now);
            }
        }
    }

    fn apply_piece(&mut self, piece: Piece, now: Timestamp) {
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
                let state = if cut_off {
                    DraftState::CutOff
                } else {
                    DraftState::Complete
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
