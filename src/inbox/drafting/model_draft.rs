//! One draft of a model.

use jiff::Timestamp;

use super::{DraftId, DraftStep, DraftUpdate};
use crate::api::{Body, ContentPart, Piece, Usage, joined_text};
use crate::rules::{Decision, RuleAction};
use crate::store::RequestId;

/// A draft that a model is writing or has written.
#[derive(Debug, Clone)]
pub struct ModelDraft {
    /// Its id.
    pub id: DraftId,
    /// The request that it answers.
    pub request: RequestId,
    /// The name of the model in the configuration.
    pub model: String,
    /// What the person told the model in addition.
    pub hint: Option<String>,
    /// The beginning of a message that it continues, which is not part of it.
    pub continues: Option<String>,
    /// When it was ordered.
    pub begun: Timestamp,
    /// When its first piece came.
    pub first_piece: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Whether it is being written, and how it ended if not.
    pub state: DraftState,
    /// The items that are complete.
    pub items: Vec<Body>,
    /// The unfinished item after those.
    pub partial: Partial,
    /// The token counts of the upstream.
    pub usage: Option<Usage>,
    /// How many of its items were sent while it was written.
    pub sent_items: usize,
    /// How many bytes of the message after those were sent too.
    pub(crate) sent_message_bytes: usize,
    /// The decision of a rule about it.
    pub(crate) decision: Option<Decision>,
}

/// The unfinished item of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Partial {
    /// There is none.
    #[default]
    Nothing,
    /// The beginning of a message.
    Text(String),
    /// The beginning of reasoning.
    Thought(String),
    /// The beginning of a call.
    Call {
        /// The name of the tool, as it is shown.
        title: String,
        /// The beginning of its arguments.
        arguments: String,
    },
}

/// Whether a draft is being written, and how it ended if not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftState {
    /// The model is writing it.
    Streaming,
    /// It is complete.
    Complete,
    /// It ended at a token limit.
    CutOff,
    /// It failed. The text tells the person what went wrong.
    Failed(String),
    /// It was stopped before its end.
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

    /// The update that shows its state.
    pub(super) fn update(&self) -> DraftUpdate {
        match &self.state {
            DraftState::Streaming => DraftUpdate::More,
            DraftState::Failed(_) => DraftUpdate::Failed,
            DraftState::Complete | DraftState::CutOff | DraftState::Cancelled => DraftUpdate::Ready,
        }
    }

    /// Whether one of its messages was sent to its end.
    pub(super) fn has_sent_message(&self) -> bool {
        let sent = self.items.iter().take(self.sent_items);
        let mut messages = sent.filter(|item| matches!(item, Body::Message { .. }));
        messages.next().is_some()
    }

    /// Whether none of its items is anything but reasoning.
    pub(super) fn is_only_reasoning(&self) -> bool {
        let mut items = self.items.iter();
        items.all(|item| matches!(item, Body::Reasoning { .. }))
    }

    /// Whether more of it may come.
    pub fn is_streaming(&self) -> bool {
        self.state == DraftState::Streaming
    }

    /// Why it was held, failed or stopped, in words for the person; empty if it simply ended.
    pub fn outcome(&self) -> String {
        match (&self.decision, &self.state) {
            (_, DraftState::Failed(words)) => format!("{} failed: {words}", self.model),
            // A draft that a rule allows needs no message.
            (
                Some(Decision {
                    action: RuleAction::Send,
                    ..
                }),
                _,
            ) => String::new(),
            (Some(decision), _) if decision.action != RuleAction::Hold => {
                let (rule, action) = (&decision.rule, decision.action.words());
                format!("rule \"{rule}\" says {action}: {}", decision.matched)
            }
            (Some(decision), _) => format!("held by \"{}\": {}", decision.rule, decision.matched),
            (None, DraftState::CutOff) => format!("{} reached its limit of tokens", self.model),
            (None, DraftState::Cancelled) => format!("{} stopped", self.model),
            (None, DraftState::Streaming | DraftState::Complete) => String::new(),
        }
    }

    /// The items that were not sent while it was written. Of a message that was sent in part, only the
    /// rest.
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

    /// Whether there is anything but reasoning in it that was not sent while it was written.
    pub(crate) fn has_unsent(&self) -> bool {
        let mut unsent = self.items.iter().skip(self.sent_items);
        unsent.any(|item| !matches!(item, Body::Reasoning { .. }))
            || match &self.partial {
                Partial::Text(text) => text.len() > self.sent_message_bytes,
                Partial::Call { .. } => true,
                Partial::Nothing | Partial::Thought(_) => false,
            }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.partial == Partial::Nothing
    }

    /// Applies a step. If the draft ends before it is complete, its unfinished item stays in [`Partial`].
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

    /// Ends it, unless it has ended already.
    pub(super) fn end(&mut self, state: DraftState, now: Timestamp) {
        if self.is_streaming() {
            self.state = state;
            self.ended = Some(now);
        }
    }
}
