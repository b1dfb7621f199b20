//! Writes drafts of models and decisions of rules to the journal.

use jiff::Timestamp;

use super::turn::TurnDrafts;
use super::{DraftId, DraftState, ModelDraft, ModelOrder, Partial};
use crate::api::{Body, Phase};
use crate::draft::{Call, Draft, Sender, Source};
use crate::inbox::{Conversation, ConversationId, Inbox, ReplyContent, RequestId, SentReply};
use crate::journal::{self, DraftFate};
use crate::rules::Decision;

/// The drafts for a request that waits no longer.
#[derive(Debug)]
pub(in crate::inbox) struct EndedTurn {
    turn: Box<TurnDrafts>,
    /// What became of each draft, in the same order.
    fates: Vec<DraftFate>,
}

impl Conversation {
    /// Takes the drafts for a request that has just ended, with what became of each.
    pub(in crate::inbox) fn take_turn_drafts(&mut self) -> Option<EndedTurn> {
        let turn = self.drafting.take()?;
        let own = self
            .replies
            .iter()
            .filter(|reply| reply.request == turn.request);
        let own: Vec<&SentReply> = own.collect();
        let fates = turn.drafts.iter().map(|draft| fate(draft, &own)).collect();
        Some(EndedTurn { turn, fates })
    }
}

impl Inbox {
    /// Writes what became of the drafts for a request that has ended, and stops those that are still
    /// being written.
    pub(in crate::inbox) fn end_turn(
        &mut self,
        id: ConversationId,
        ended: Option<EndedTurn>,
        now: Timestamp,
    ) {
        let Some(EndedTurn { turn, fates }) = ended else {
            return;
        };
        if let Some(at) = turn.deadline {
            self.deadlines.remove(&(at, id));
        }
        let TurnDrafts { drafts, .. } = *turn;
        for (mut draft, fate) in drafts.into_iter().zip(fates) {
            self.stop(&mut draft, now);
            self.save_model_draft(id, &draft, fate);
        }
    }

    /// Stops a draft that is still being written.
    pub(super) fn stop(&mut self, draft: &mut ModelDraft, now: Timestamp) {
        if self.drafts_in_progress.remove(&draft.id).is_some() {
            self.send_order(ModelOrder::Cancel(draft.id));
        }
        draft.end(DraftState::Cancelled, now);
    }

    /// Writes a draft that has ended while its request still waits.
    pub(super) fn save_ended_draft(&self, id: ConversationId, draft: DraftId) {
        let found = self.draft_of(id, draft);
        if let Some(found) = found.filter(|found| !found.is_streaming()) {
            self.save_model_draft(id, found, DraftFate::Open);
        }
    }

    pub(super) fn save_model_draft(&self, id: ConversationId, draft: &ModelDraft, fate: DraftFate) {
        if self.store.has_journal() {
            self.store.save_model_draft(row(id, draft, fate));
        }
    }

    /// Writes the decision of a rule about the request that waits, or about one of its drafts.
    pub(super) fn save_decision(
        &self,
        id: ConversationId,
        decision: &Decision,
        draft: Option<DraftId>,
        now: Timestamp,
    ) {
        let request = self.get(id).and_then(Conversation::open_request);
        let Some(RequestId(turn)) = request.filter(|_| self.store.has_journal()) else {
            return;
        };
        self.store.save_decision(journal::DecisionRow {
            id: self.store.next_decision_id(),
            conversation: id.0,
            turn,
            at: now.as_millisecond(),
            rule: decision.rule.clone(),
            matched: decision.matched.clone(),
            action: serde_json::to_string(&decision.action).unwrap_or_default(),
            waited: decision.waited,
            draft: draft.map(|draft| draft.0),
        });
    }
}

fn row(id: ConversationId, draft: &ModelDraft, fate: DraftFate) -> journal::ModelDraftRow {
    let (state, failure) = match &draft.state {
        DraftState::Streaming => (journal::ModelDraftState::Streaming, None),
        DraftState::Complete => (journal::ModelDraftState::Complete, None),
        DraftState::CutOff => (journal::ModelDraftState::CutOff, None),
        DraftState::Failed(words) => (journal::ModelDraftState::Failed, Some(words.clone())),
        DraftState::Cancelled => (journal::ModelDraftState::Cancelled, None),
    };
    let partial = partial(&draft.partial);
    journal::ModelDraftRow {
        id: draft.id.0,
        conversation: id.0,
        turn: draft.request.0,
        model: draft.model.clone(),
        hint: draft.hint.clone(),
        begun: draft.begun.as_millisecond(),
        first: draft.first_piece.map(Timestamp::as_millisecond),
        ended: draft.ended.map(Timestamp::as_millisecond),
        state,
        failure,
        items: serde_json::to_string(&draft.items).unwrap_or_default(),
        partial: partial.and_then(|item| serde_json::to_string(&item).ok()),
        usage: draft
            .usage
            .and_then(|usage| serde_json::to_string(&usage).ok()),
        sent: i64::try_from(draft.sent_items).unwrap_or(i64::MAX),
        fate,
    }
}

/// What there is of an unfinished item, as a whole item.
fn partial(partial: &Partial) -> Option<Body> {
    Some(match partial {
        Partial::Nothing => return None,
        Partial::Text(text) => Body::message(text.clone(), Phase::FinalAnswer),
        Partial::Thought(text) => Body::reasoning(text.clone()),
        Partial::Call { title, arguments } => Body::FunctionCall {
            namespace: None,
            name: title.clone(),
            arguments: arguments.clone(),
        },
    })
}

/// What became of a draft, by the replies to its request.
fn fate(draft: &ModelDraft, replies: &[&SentReply]) -> DraftFate {
    let by_itself = |reply: &&SentReply| matches!(reply.draft.sender, Sender::Auto { draft: id, .. } if id == draft.id.0);
    if draft.sent_items > 0 || draft.sent_message_bytes > 0 || replies.iter().any(by_itself) {
        return DraftFate::Automatic;
    }
    let own = replies
        .iter()
        .filter(|reply| is_made_of(&reply.draft, draft.id));
    let mut sent = own.map(|reply| &reply.content).peekable();
    if sent.peek().is_none() {
        return DraftFate::Unused;
    }
    // Reasoning does not count: the person may leave it out.
    let is_reasoning = |item: &&Body| matches!(item, Body::Reasoning { .. });
    let mut drafted = draft.items.iter().filter(|item| !is_reasoning(item));
    let mut sent =
        sent.filter(|content| !matches!(content, ReplyContent::Item(item) if is_reasoning(&item)));
    let is_same = sent.all(|content| match (content, drafted.next()) {
        (ReplyContent::Item(sent), Some(drafted)) => sent.is_echoed_by(drafted),
        _ => false,
    });
    if is_same && drafted.next().is_none() {
        DraftFate::Sent
    } else {
        DraftFate::Edited
    }
}

/// Whether any part of what the person composed comes from a draft of a model.
fn is_made_of(composed: &Draft, id: DraftId) -> bool {
    let calls = composed.parts.iter().filter_map(|part| part.call.as_ref());
    let is_drafted = |call: &Call| {
        let drafted = call.drafted.as_ref();
        drafted.is_some_and(|drafted| drafted.draft == id.0)
    };
    let origins = composed.parts.iter().map(|part| &part.origin);
    let mut spans = origins
        .chain([&composed.origin])
        .flat_map(|origin| origin.spans());
    calls.chain(&composed.call).any(is_drafted)
        || spans.any(|span| matches!(span.source, Source::Model { draft, .. } if draft == id.0))
}
