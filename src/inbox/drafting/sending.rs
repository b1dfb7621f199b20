//! Applies the steps of drafts. In [`Mode::Auto`], a draft is sent while the model writes it, as far as
//! no rule holds it; else rules may decide about it when it has ended.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{DraftId, DraftState, DraftStep, DraftUpdate, Mode, ModelDraft, Partial};
use crate::api::{Body, Ending, OutputFormat, Phase, Piece, Purpose, Reply, check_answer};
use crate::draft::{Draft, Origin, ReplyKind, Sender, Source};
use crate::inbox::{Change, Conversation, ConversationId, Inbox};
use crate::rules::{Decision, RuleAction};
use crate::store::Saving;

/// How often the live message of a model is written to the journal.
const SAVE_INTERVAL: SignedDuration = SignedDuration::from_secs(1);
/// The name that stands for a rule where the program itself holds a draft.
const PROGRAM_RULE: &str = "humanllm";

impl Inbox {
    /// Applies a step of a draft.
    pub(in crate::inbox) fn handle_draft_step(
        &mut self,
        draft: DraftId,
        step: DraftStep,
        now: Timestamp,
    ) -> Option<Change> {
        let id = *self.drafts_in_progress.get(&draft)?;
        let is_sending = self.get(id)?.sending() == Some(draft);
        let model_draft = self.draft_mut(id, draft)?;
        let piece = match &step {
            DraftStep::Piece(piece) => Some(piece.clone()),
            DraftStep::Failed(_) => None,
        };
        model_draft.take(step, now);
        if !model_draft.is_streaming() {
            self.drafts_in_progress.remove(&draft);
        }
        let update = match piece {
            Some(piece) if is_sending => self.send_piece(id, draft, piece, now),
            Some(Piece::Done { .. }) => self.apply_rules_to_draft(id, draft, now),
            Some(_) => DraftUpdate::More,
            None => {
                self.stop_sending(id, draft);
                DraftUpdate::Failed
            }
        };
        self.save_ended_draft(id, draft);
        Some(Change::Drafted {
            conversation: id,
            draft,
            update,
        })
    }

    pub(super) fn draft_mut(
        &mut self,
        id: ConversationId,
        draft: DraftId,
    ) -> Option<&mut ModelDraft> {
        let turn = self.turn_drafts_mut(id)?;
        turn.drafts.iter_mut().find(|found| found.id == draft)
    }

    pub(super) fn draft_of(&self, id: ConversationId, draft: DraftId) -> Option<&ModelDraft> {
        let drafts = self.get(id)?.drafts();
        drafts.iter().find(|found| found.id == draft)
    }

    /// Sends the newest piece of a draft, unless it has to wait or a rule holds it.
    fn send_piece(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        piece: Piece,
        now: Timestamp,
    ) -> DraftUpdate {
        match piece {
            Piece::Text(more) => self.send_text(id, draft, &more, now),
            Piece::Thought(_) | Piece::Call { .. } => DraftUpdate::More,
            Piece::Item(item) => self.send_item(id, draft, &item, now),
            Piece::Done { .. } => self.send_end(id, draft, now),
        }
    }

    fn send_text(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        more: &str,
        now: Timestamp,
    ) -> DraftUpdate {
        let Some(conversation) = self.get(id) else {
            return DraftUpdate::More;
        };
        // Whether a text is the JSON that the request asks for is known only at its end.
        if conversation.request().output_format != OutputFormat::Text {
            return DraftUpdate::More;
        }
        let Some(model_draft) = self.draft_of(id, draft) else {
            return DraftUpdate::More;
        };
        let Partial::Text(text) = &model_draft.partial else {
            return DraftUpdate::More;
        };
        // Items before it wait to be sent, so it waits too.
        if model_draft.sent_items < model_draft.items.len() {
            return DraftUpdate::More;
        }
        let rules = &self.drafting.rules;
        let watches = rules.watch_text();
        let decide = || rules.of_text(&conversation.subject(), text, more.len());
        let decision = watches.then(decide).flatten();
        if let Some(decision) = decision.filter(|decision| decision.action != RuleAction::Send) {
            return self.stop_and_apply(id, draft, decision, now);
        }
        self.send_words(id, draft, more, now)
    }

    /// Sends more of the live message.
    fn send_words(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        more: &str,
        now: Timestamp,
    ) -> DraftUpdate {
        self.end_previous_message(id, draft, now);
        let reply_id = self.store.next_reply_id();
        let Some(model_draft) = self.draft_mut(id, draft) else {
            return DraftUpdate::More;
        };
        model_draft.sent_message_bytes += more.len();
        let (source, sender) = source_and_sender(model_draft);
        let words = Draft {
            kind: ReplyKind::Send,
            text: more.to_owned(),
            live: true,
            origin: Origin::of(more, source),
            sender,
            ..Draft::default()
        };
        let Some(conversation) = self.conversations.get_mut(&id) else {
            return DraftUpdate::More;
        };
        let Some(open) = conversation.open.front() else {
            return DraftUpdate::More;
        };
        let (request, ticket) = (open.id, open.responder.next_ticket());
        let phase = Phase::FinalAnswer;
        conversation.add_live(more, phase, (now, reply_id), request, ticket, words);
        if let Some(open) = conversation.open.front_mut() {
            let delta = more.to_owned();
            // No words of the person: it need not be in the journal before it leaves, but soon after.
            open.responder
                .send(Reply::Live { delta, phase }, Saving::default());
        }
        if let Some(turn) = self.turn_drafts_mut(id) {
            let saved_at = *turn.saved_at.get_or_insert(now);
            if now.duration_since(saved_at) >= SAVE_INTERVAL {
                turn.saved_at = Some(now);
                self.save_live_message(id);
            }
        }
        DraftUpdate::Sent
    }

    /// Ends the live message if it is an earlier one of the draft than that which begins now.
    fn end_previous_message(&mut self, id: ConversationId, draft: DraftId, now: Timestamp) {
        let is_open = self
            .get(id)
            .is_some_and(|found| found.live_phase().is_some());
        let Some(model_draft) = self.draft_of(id, draft).filter(|_| is_open) else {
            return;
        };
        if model_draft.sent_message_bytes == 0 && model_draft.has_sent_message() {
            let words = auto_draft(model_draft);
            let _ = self.reply_as(id, Reply::Items(Vec::new()), words, None, now);
        }
    }

    fn send_item(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        item: &Body,
        now: Timestamp,
    ) -> DraftUpdate {
        if let Some(decision) = self.blocking_decision(id, item) {
            return self.stop_and_apply(id, draft, decision, now);
        }
        let waits = |model_draft: &ModelDraft| model_draft.sent_items + 1 < model_draft.items.len();
        if self.draft_of(id, draft).is_none_or(waits) {
            return DraftUpdate::More;
        }
        match item {
            Body::Message { .. } => {
                let Some(model_draft) = self.draft_mut(id, draft) else {
                    return DraftUpdate::More;
                };
                let words = item.words().into_owned();
                // What was not streamed before the complete message came.
                let rest = words
                    .get(model_draft.sent_message_bytes..)
                    .unwrap_or_default();
                if !rest.is_empty() {
                    self.send_words(id, draft, rest, now);
                }
                if let Some(model_draft) = self.draft_mut(id, draft) {
                    model_draft.sent_items += 1;
                    model_draft.sent_message_bytes = 0;
                }
                DraftUpdate::Sent
            }
            Body::Reasoning { .. } => {
                let carries = self.get(id).map(|found| {
                    let carries = found.request().format.carries_reasoning();
                    (carries, found.live_phase().is_some())
                });
                let Some((model_draft, (carries, is_open))) =
                    self.draft_mut(id, draft).zip(carries)
                else {
                    return DraftUpdate::More;
                };
                // Sent within a live message that the draft continues, reasoning would end that message.
                let leaves = carries && (!is_open || model_draft.has_sent_message());
                model_draft.sent_items += 1;
                if !leaves {
                    return DraftUpdate::More;
                }
                let words = auto_draft(model_draft);
                let reply = Reply::Items(vec![item.clone()]);
                let _ = self.reply_as(id, reply, words, None, now);
                DraftUpdate::Sent
            }
            // Calls are sent together at the end, when it is known that no rule holds one of them.
            _ => DraftUpdate::More,
        }
    }

    /// Sends the rest of a draft, and ends the response.
    fn send_end(&mut self, id: ConversationId, draft: DraftId, now: Timestamp) -> DraftUpdate {
        let Some(model_draft) = self.draft_of(id, draft) else {
            return DraftUpdate::More;
        };
        let is_empty = model_draft.is_only_reasoning();
        let is_cut = model_draft.state == DraftState::CutOff;
        let words = auto_draft(model_draft);
        if is_empty {
            self.stop_sending(id, draft);
            return self.fail_empty_draft(id, draft);
        }
        if is_cut {
            // Whether the response ends here is for the person to decide.
            self.stop_sending(id, draft);
            return DraftUpdate::Held;
        }
        let items = self.unsent_items(id, draft);
        let problem = self.get(id).zip(self.draft_of(id, draft));
        let problem = problem
            .and_then(|(found, model_draft)| found.unmet_tool_choice(&model_draft.items, true));
        if let Some(problem) = problem {
            return self.stop_and_apply(id, draft, hold_decision(problem.message), now);
        }
        let ending = Ending::Completed;
        let reply = Reply::End { items, ending };
        match self.reply_as(id, reply, words, None, now) {
            Ok(()) => DraftUpdate::Finished,
            Err(_) => DraftUpdate::Ready,
        }
    }

    /// Applies the rules to a draft that has ended and is not sent while it is written. They decide in
    /// [`Mode::Draft`], unless the person has begun to reply.
    fn apply_rules_to_draft(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        now: Timestamp,
    ) -> DraftUpdate {
        let Some(conversation) = self.get(id) else {
            return DraftUpdate::Ready;
        };
        let Some(model_draft) = self.draft_of(id, draft) else {
            return DraftUpdate::Ready;
        };
        if model_draft.is_only_reasoning() {
            return self.fail_empty_draft(id, draft);
        }
        let items = model_draft.items.clone();
        let is_whole = model_draft.state == DraftState::Complete && model_draft.continues.is_none();
        let is_free = conversation.decision().is_none() && !conversation.is_automation_suspended();
        // Permission for an action of the agent is given by a key of the person and by nothing else.
        let is_check = conversation.request().purpose == Purpose::PermissionCheck;
        let may_act = conversation.mode() == Mode::Draft && is_free && !is_check;
        let subject = conversation.subject();
        let rules = &self.drafting.rules;
        let decisions: Vec<Option<Decision>> = items
            .iter()
            .map(|item| rules.of_item(&subject, item))
            .collect();
        let is_send = |decision: &Decision| decision.action == RuleAction::Send;
        let mut found = decisions.iter().flatten();
        let stop = found.find(|decision| !is_send(decision)).cloned();
        // A draft is sent only if a rule sends each of its items but reasoning.
        let mut decided = items.iter().zip(&decisions);
        let all_sent = decided.all(|(item, decision)| {
            matches!(item, Body::Reasoning { .. }) || decision.as_ref().is_some_and(is_send)
        });
        let send = decisions.into_iter().flatten().find(is_send);
        if let Some(model_draft) = self.draft_mut(id, draft) {
            // A decision that stopped it while it was sent still holds.
            let decision = stop.clone().or_else(|| send.clone());
            model_draft.decision = model_draft.decision.take().or(decision);
        }
        match (stop, send) {
            (Some(stop), _) if may_act => self.stop_and_apply(id, draft, stop, now),
            (None, Some(send)) if may_act && is_whole && all_sent => {
                if self.apply_decision(id, send, Some(draft), now) {
                    DraftUpdate::Finished
                } else {
                    DraftUpdate::Ready
                }
            }
            _ => DraftUpdate::Ready,
        }
    }

    /// Lets a draft fail that has nothing for the agent.
    fn fail_empty_draft(&mut self, id: ConversationId, draft: DraftId) -> DraftUpdate {
        if let Some(model_draft) = self.draft_mut(id, draft) {
            let words = if model_draft.items.is_empty() {
                "the model said nothing"
            } else {
                "the model thought, and said nothing"
            };
            model_draft.state = DraftState::Failed(words.into());
        }
        DraftUpdate::Failed
    }

    /// The items of a draft that were not sent, without reasoning if the format of the request has none.
    /// Of a message that was sent in part, only the rest.
    fn unsent_items(&self, id: ConversationId, draft: DraftId) -> Vec<Body> {
        let Some((found, model_draft)) = self.get(id).zip(self.draft_of(id, draft)) else {
            return Vec::new();
        };
        let carries = found.request().format.carries_reasoning();
        let mut items = model_draft.unsent();
        items.retain(|item| carries || !matches!(item, Body::Reasoning { .. }));
        items
    }

    /// Sends a complete draft because a rule has decided that, and ends the response. If another rule
    /// holds one of its items, or they do not keep to what the request asks for, the person decides.
    /// Returns whether it was sent.
    pub(super) fn send_draft(
        &mut self,
        id: ConversationId,
        decision: &Decision,
        draft: DraftId,
        now: Timestamp,
    ) -> bool {
        let Some((conversation, model_draft)) = self.get(id).zip(self.draft_of(id, draft)) else {
            return false;
        };
        let is_open = conversation.live_phase().is_some();
        let is_whole = model_draft.state == DraftState::Complete;
        // A continuation makes no sense without the message that it continues.
        if !is_whole || (model_draft.continues.is_some() && !is_open) {
            return false;
        }
        let goes_on = model_draft.sent_message_bytes > 0
            || (model_draft.continues.is_some() && !model_draft.has_sent_message());
        let (source, _) = source_and_sender(model_draft);
        let mut items = self.unsent_items(id, draft);
        let own = |found: &Decision| found.rule == decision.rule;
        let mut others = items
            .iter()
            .filter_map(|item| self.blocking_decision(id, item));
        if let Some(other) = others.find(|found| !own(found)) {
            self.hold(id, other, Some(draft), now);
            return false;
        }
        let problem = self
            .get(id)
            .and_then(|found| found.unmet_tool_choice(&items, true));
        if problem.is_some() {
            return false;
        }
        if goes_on && matches!(items.first(), Some(Body::Message { .. })) {
            // The rest of the live message ends it.
            let rest = items.remove(0);
            self.send_words(id, draft, &rest.words(), now);
        }
        let text: String = items.iter().map(|item| item.words()).collect();
        let draft = Draft {
            origin: Origin::of(&text, source),
            text,
            sender: Sender::Rule(decision.rule.clone()),
            ..Draft::default()
        };
        let ending = Ending::Completed;
        let reply = Reply::End { items, ending };
        self.reply_as(id, reply, draft, None, now).is_ok()
    }

    /// The decision that keeps an item from being sent without the person, if there is one.
    fn blocking_decision(&self, id: ConversationId, item: &Body) -> Option<Decision> {
        let conversation = self.get(id)?;
        let by_rule = self.drafting.rules.of_item(&conversation.subject(), item);
        match by_rule {
            Some(decision) if decision.action == RuleAction::Send => None,
            Some(decision) => Some(decision),
            None => item_problem(conversation, item).map(hold_decision),
        }
    }

    /// Stops sending a draft, and carries out the decision about it.
    fn stop_and_apply(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        decision: Decision,
        now: Timestamp,
    ) -> DraftUpdate {
        self.stop_sending(id, draft);
        let mut decision = decision;
        if let Some(model_draft) = self.draft_mut(id, draft) {
            model_draft.decision = Some(decision.clone());
        }
        // Two rules that each name the other model would have them draft for ever.
        let drafts = self.get(id).map_or(&[][..], Conversation::drafts);
        let has_drafted = |model: &String| {
            let mut own = drafts
                .iter()
                .filter(|model_draft| model_draft.model == *model);
            own.any(|model_draft| model_draft.decision.is_some())
        };
        if matches!(&decision.action, RuleAction::Draft(model) if has_drafted(model)) {
            decision.action = RuleAction::Hold;
        }
        match decision.action {
            RuleAction::Hold => {
                self.save_decision(id, &decision, Some(draft), now);
                self.hold(id, decision, Some(draft), now);
                DraftUpdate::Held
            }
            _ => {
                // The rest of the draft does not matter any more.
                self.cancel_draft(draft, now);
                if self.apply_decision(id, decision, Some(draft), now) {
                    DraftUpdate::Finished
                } else {
                    DraftUpdate::Held
                }
            }
        }
    }

    /// Stops sending a draft; the rest of it is for the person.
    fn stop_sending(&mut self, id: ConversationId, draft: DraftId) {
        if let Some(turn) = self.turn_drafts_mut(id) {
            turn.sending.take_if(|sending| *sending == draft);
        }
        self.save_live_message(id);
    }

    /// Writes the live message to the journal.
    pub(super) fn save_live_message(&mut self, id: ConversationId) {
        if !self.store.has_journal() {
            return;
        }
        let Some(conversation) = self.get(id) else {
            return;
        };
        if let Some(request) = conversation.open_request()
            && conversation.live_phase().is_some()
        {
            let last = conversation.replies().len().saturating_sub(1);
            self.store
                .save_replies(conversation.rows(last, request), None, None, None);
        }
    }
}

/// The decision of the program itself to hold something.
fn hold_decision(matched: String) -> Decision {
    Decision {
        rule: PROGRAM_RULE.into(),
        matched,
        action: RuleAction::Hold,
        timeout: None,
        waited: false,
    }
}

/// The source of the words of a draft, and the sender where the draft is sent without the person.
fn source_and_sender(model_draft: &ModelDraft) -> (Source, Sender) {
    let source = Source::Model {
        draft: model_draft.id.0,
        model: model_draft.model.clone(),
    };
    let sender = Sender::Auto {
        draft: model_draft.id.0,
        model: model_draft.model.clone(),
    };
    (source, sender)
}

/// The draft that is written for items that are sent without the person.
fn auto_draft(model_draft: &ModelDraft) -> Draft {
    let (_, sender) = source_and_sender(model_draft);
    Draft {
        sender,
        ..Draft::default()
    }
}

/// The problem of an item, which the person would be told before sending it.
fn item_problem(conversation: &Conversation, item: &Body) -> Option<String> {
    let offers = |name: &str, namespace: Option<&String>| {
        let mut tools = conversation.tools().iter();
        tools.any(|tool| tool.name == *name && tool.namespace.as_ref() == namespace)
    };
    match item {
        Body::FunctionCall {
            namespace,
            name,
            arguments,
        } => {
            if !offers(name, namespace.as_ref()) {
                return Some(format!("{name} is not offered"));
            }
            let is_object = serde_json::from_str::<Map<String, Value>>(arguments).is_ok();
            (!is_object).then(|| format!("the arguments of {name} are no JSON object"))
        }
        Body::CustomToolCall { name, .. } if !offers(name, None) => {
            Some(format!("{name} is not offered"))
        }
        Body::Message { .. } => {
            let format = &conversation.request().output_format;
            check_answer(format, &item.words()).err()
        }
        _ => None,
    }
}
