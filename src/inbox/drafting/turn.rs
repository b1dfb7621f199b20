//! Begins and stops the drafts for the request that waits in a conversation, and applies the mode of the
//! conversation and the rules to the request.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    DraftError, DraftId, DraftOrder, DraftRequest, DraftState, Drafting, Mode, ModelDraft,
    ModelOrder,
};
use crate::api::{Body, Ending, FailureCode, Phase, Purpose, Reply};
use crate::draft::{Draft, Origin, Sender, Source};
use crate::inbox::{Change, Conversation, ConversationId, Inbox, ReplyContent, RequestId};
use crate::journal::DraftFate;
use crate::rules::{Decision, RuleAction, Rules, Subject};

/// How many drafts of one turn are in memory, the newest.
const MAX_DRAFTS: usize = 20;
/// The name of the setting that holds the modes of conversations.
const MODES: &str = "modes";
/// How many modes are remembered; those of the oldest conversations are forgotten first.
const MAX_MODES: usize = 1_000;

/// The drafts for one request, and what is decided about it.
#[derive(Debug)]
pub(in crate::inbox) struct TurnDrafts {
    /// The request.
    pub request: RequestId,
    /// The drafts, oldest first.
    pub drafts: Vec<ModelDraft>,
    /// The one that is sent while the model writes it.
    pub sending: Option<DraftId>,
    /// The decision to hold the request, or a draft for it.
    pub(crate) decision: Option<Decision>,
    /// The draft that the decision holds.
    pub held_draft: Option<DraftId>,
    /// When the decision times out, after which its other action is carried out.
    pub deadline: Option<Timestamp>,
    /// Whether the person has begun to reply, so that neither rules nor models reply any more.
    pub(crate) automation_suspended: bool,
    /// When the live message of a model was last written to the journal, or was begun.
    pub saved_at: Option<Timestamp>,
}

impl TurnDrafts {
    fn new(request: RequestId) -> Self {
        Self {
            request,
            drafts: Vec::new(),
            sending: None,
            decision: None,
            held_draft: None,
            deadline: None,
            automation_suspended: false,
            saved_at: None,
        }
    }
}

impl Conversation {
    /// Who answers its requests.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The drafts for the request that waits, oldest first.
    pub fn drafts(&self) -> &[ModelDraft] {
        self.turn_drafts().map_or(&[], |turn| &turn.drafts)
    }

    /// The draft that is sent while the model writes it.
    pub fn sending(&self) -> Option<DraftId> {
        self.turn_drafts()?.sending
    }

    /// Whether the person has begun to reply to the request that waits.
    pub(super) fn is_automation_suspended(&self) -> bool {
        self.turn_drafts()
            .is_some_and(|turn| turn.automation_suspended)
    }

    /// The decision that holds the request that waits, or a draft for it.
    pub(crate) fn decision(&self) -> Option<&Decision> {
        self.turn_drafts()?.decision.as_ref()
    }

    fn turn_drafts(&self) -> Option<&TurnDrafts> {
        let open = self.open_request()?;
        self.drafting.as_deref().filter(|turn| turn.request == open)
    }

    /// The drafts for the request that waits; `None` if none does.
    pub(super) fn turn_drafts_mut(&mut self) -> Option<&mut TurnDrafts> {
        let open = self.open_request()?;
        let turn = self
            .drafting
            .get_or_insert_with(|| Box::new(TurnDrafts::new(open)));
        if turn.request != open {
            **turn = TurnDrafts::new(open);
        }
        Some(turn)
    }

    /// What rules match against.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            agent: &self.agent,
            title: &self.title,
            directory: self.directory(),
            request: &self.request,
        }
    }

    /// The text so far of the message that is sent live to the request that waits, if there is one.
    fn live_text(&self) -> Option<&str> {
        let last = self.replies.last()?;
        match &last.content {
            ReplyContent::Live(text, _) if Some(last.request) == self.open_request() => Some(text),
            _ => None,
        }
    }

    /// The items that were sent to the request that waits.
    fn already_sent(&self) -> Vec<Body> {
        let current = self.open_request();
        let own = self.replies.iter();
        let own = own.filter(|reply| Some(reply.request) == current);
        own.filter_map(|reply| match &reply.content {
            ReplyContent::Item(item) => Some(item.clone()),
            ReplyContent::Live(..) | ReplyContent::Rejection(_) => None,
        })
        .collect()
    }
}

impl Inbox {
    /// Sets the models, the rules and the default mode.
    pub fn set_drafting(&mut self, drafting: Drafting) {
        self.drafting = drafting;
    }

    /// The rules that decide without the person.
    pub fn rules(&self) -> &Rules {
        &self.drafting.rules
    }

    /// The names of the models; the first is the default.
    pub fn models(&self) -> &[String] {
        &self.drafting.models
    }

    /// Who answers the requests of a conversation; the default mode if it is not in memory.
    pub fn mode(&self, id: ConversationId) -> Mode {
        self.get(id).map_or(self.drafting.mode, Conversation::mode)
    }

    /// Changes the mode of a conversation, and applies the new one to the request that waits: a model
    /// begins to draft or to reply, or one that is replying stops.
    pub(crate) fn set_mode(
        &mut self,
        id: ConversationId,
        mode: Mode,
        now: Timestamp,
    ) -> Option<Change> {
        self.conversations.get_mut(&id)?.mode = mode;
        self.save_mode(id, mode);
        self.propagate_mode(id, mode, now);
        match mode {
            Mode::Manual => self.take_over(id, now).then_some(())?,
            Mode::Draft => {
                self.take_over(id, now);
                let conversation = self.get(id)?;
                let has_draft = conversation.drafts().iter().any(|draft| !draft.is_empty());
                if has_draft || conversation.decision().is_some() {
                    return None;
                }
                self.draft(id, DraftRequest::default(), now).ok()?;
            }
            Mode::Auto => {
                let conversation = self.get(id)?;
                if conversation.decision().is_some() || conversation.sending().is_some() {
                    return None;
                }
                if self.is_permission_check(id) {
                    return None;
                }
                // A rule may have been added since the request came.
                let rules = self.drafting.rules.clone();
                let decision = rules.of_request(&conversation.subject());
                return match decision {
                    Some(decision) => {
                        self.apply_decision(id, decision, None, now);
                        self.newest_draft_change(id)
                            .or(Some(Change::RuleApplied(id)))
                    }
                    None => self.start_auto_reply(id, now),
                };
            }
        }
        self.newest_draft_change(id)
    }

    /// Begins a draft for the request that waits.
    ///
    /// # Errors
    ///
    /// A [`DraftError`] if no request waits, or there is no such model.
    pub fn draft(
        &mut self,
        id: ConversationId,
        options: DraftRequest,
        now: Timestamp,
    ) -> Result<DraftId, DraftError> {
        let by_rule = self.model_by_rule(id);
        let Drafting { models, orders, .. } = &self.drafting;
        let orders = orders.clone().ok_or(DraftError::NoModel)?;
        let first = models.first().ok_or(DraftError::NoModel)?;
        let model = options.model.or(by_rule).unwrap_or_else(|| first.clone());
        if !models.contains(&model) {
            return Err(DraftError::UnknownModel(model));
        }
        let draft = DraftId(self.store.next_draft_id());
        let conversation = self.conversations.get_mut(&id);
        let conversation = conversation.ok_or(DraftError::NobodyWaits)?;
        let live_text = conversation.live_text().map(str::to_owned);
        let order = DraftOrder {
            id: draft,
            model: model.clone(),
            request: conversation.request.clone(),
            already_sent: conversation.already_sent(),
            // The model must not repeat what was sent already.
            continues: options.continues.clone().or(live_text),
            hint: options.hint.clone(),
        };
        let turn = conversation
            .turn_drafts_mut()
            .ok_or(DraftError::NobodyWaits)?;
        let mut model_draft = ModelDraft::new(draft, turn.request, model, now);
        model_draft.hint = options.hint;
        model_draft.continues = options.continues;
        turn.drafts.push(model_draft);
        let dropped = (turn.drafts.len() > MAX_DRAFTS).then(|| turn.drafts.remove(0));
        if let Some(mut dropped) = dropped {
            self.stop(&mut dropped, now);
            self.save_model_draft(id, &dropped, DraftFate::Unused);
        }
        orders
            .send(ModelOrder::Begin(Box::new(order)))
            .map_err(|_| DraftError::NoModel)?;
        self.drafts_in_progress.insert(draft, id);
        if let Some(model_draft) = self.draft_of(id, draft) {
            self.save_model_draft(id, model_draft, DraftFate::Open);
        }
        Ok(draft)
    }

    /// Stops a draft that a model is writing; what there is of it stays. Returns whether there was such
    /// a draft.
    pub fn cancel_draft(&mut self, draft: DraftId, now: Timestamp) -> bool {
        let Some(id) = self.drafts_in_progress.remove(&draft) else {
            return false;
        };
        self.send_order(ModelOrder::Cancel(draft));
        if let Some(turn) = self.turn_drafts_mut(id) {
            turn.sending.take_if(|sending| *sending == draft);
        }
        if let Some(found) = self.draft_mut(id, draft) {
            found.end(DraftState::Cancelled, now);
        }
        self.save_ended_draft(id, draft);
        true
    }

    /// Stops a model that is replying, so that the person can go on. What was sent stays. Returns
    /// whether there was such a model.
    pub(crate) fn take_over(&mut self, id: ConversationId, now: Timestamp) -> bool {
        let Some(draft) = self.get(id).and_then(Conversation::sending) else {
            return false;
        };
        if let Some(turn) = self.turn_drafts_mut(id) {
            turn.sending = None;
        }
        self.cancel_draft(draft, now);
        self.save_live_message(id);
        true
    }

    /// Has a model write the reply, or the rest of it after what was sent already, and sends it while it
    /// is written.
    ///
    /// # Errors
    ///
    /// As [`Inbox::draft`].
    pub(crate) fn start_model_reply(
        &mut self,
        id: ConversationId,
        model: Option<String>,
        now: Timestamp,
    ) -> Result<DraftId, DraftError> {
        let conversation = self.get(id).ok_or(DraftError::NobodyWaits)?;
        if conversation.live_phase() == Some(Phase::Commentary) {
            // What the model writes is the answer, and must not be added to a note.
            let nothing = Reply::Items(Vec::new());
            let _ = self.reply_as(id, nothing, Draft::default(), None, now);
        }
        let conversation = self.get(id).ok_or(DraftError::NobodyWaits)?;
        let options = DraftRequest {
            model,
            continues: conversation.live_text().map(str::to_owned),
            hint: None,
        };
        self.take_over(id, now);
        let draft = self.draft(id, options, now)?;
        if let Some(turn) = self.turn_drafts_mut(id) {
            turn.sending = Some(draft);
            (turn.decision, turn.deadline, turn.held_draft) = (None, None, None);
            turn.automation_suspended = false;
        }
        Ok(draft)
    }

    /// Keeps rules and models from replying to the request that waits, because the person has begun to
    /// reply.
    pub(crate) fn suspend_automation(&mut self, id: ConversationId) {
        let has_drafts = self
            .get(id)
            .is_some_and(|found| found.turn_drafts().is_some());
        let Some(turn) = self.turn_drafts_mut(id).filter(|_| has_drafts) else {
            return;
        };
        turn.automation_suspended = true;
        if let Some(at) = turn.deadline.take() {
            self.deadlines.remove(&(at, id));
        }
    }

    /// The model that a rule names for the request that waits.
    fn model_by_rule(&self, id: ConversationId) -> Option<String> {
        let found = self.get(id).filter(|found| found.is_waiting())?;
        match self.drafting.rules.of_request(&found.subject())?.action {
            RuleAction::Draft(model) => Some(model),
            _ => None,
        }
    }

    /// Gives a new mode of a conversation to those of its sub-agents that have no mode of their own.
    fn propagate_mode(&mut self, id: ConversationId, mode: Mode, now: Timestamp) {
        let family = self.get(id).and_then(|found| found.family);
        let members = family.and_then(|family| self.families.get(&family.root));
        for member in members.cloned().unwrap_or_default() {
            let is_own = self
                .get(member)
                .is_some_and(|found| found.parent == Some(id));
            if is_own && member != id && !self.modes.contains_key(&member) {
                if let Some(found) = self.conversations.get_mut(&member) {
                    found.mode = mode;
                }
                if mode != Mode::Auto {
                    self.take_over(member, now);
                }
                self.propagate_mode(member, mode, now);
            }
        }
    }

    /// The next moment at which [`Inbox::process_deadlines`] has something to do; `None` while the study
    /// is paused.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let first = self.deadlines.first().filter(|_| self.paused.is_none());
        first.map(|(at, _)| *at)
    }

    /// Carries out the actions of decisions that have timed out.
    pub(crate) fn process_deadlines(&mut self, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.paused.is_some() {
            return changes;
        }
        while let Some((at, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.pop_first();
            let turn = self
                .turn_drafts_mut(id)
                .filter(|turn| turn.deadline == Some(at));
            let decision = turn.and_then(|turn| {
                turn.deadline = None;
                Some((turn.decision.take()?, turn.held_draft.take(), turn.request))
            });
            if let Some((decision, held_draft, request)) = decision
                && let Some((_, action)) = decision.timeout.clone()
            {
                let decision = Decision {
                    action,
                    timeout: None,
                    waited: true,
                    ..decision
                };
                self.apply_decision(id, decision, held_draft, now);
                let now_open = self.get(id).and_then(Conversation::open_request);
                if now_open != Some(request) {
                    changes.push(Change::RuleApplied(id));
                }
                changes.extend(self.newest_draft_change(id));
            }
        }
        changes
    }

    /// Applies the rules, or else the mode of the conversation, to the request that waits now. Returns
    /// whether a rule or a model answers it, so that the person need not be called.
    pub(in crate::inbox) fn handle_automatically(
        &mut self,
        id: ConversationId,
        now: Timestamp,
    ) -> bool {
        let Some(conversation) = self.conversations.get_mut(&id) else {
            return false;
        };
        let is_paused = self.paused.is_some();
        if is_paused || conversation.turn_drafts_mut().is_none() || conversation.automatic.is_some()
        {
            return false;
        }
        let found = self.get(id);
        let decision = found.and_then(|found| self.drafting.rules.of_request(&found.subject()));
        if let Some(decision) = decision {
            return self.apply_decision(id, decision, None, now);
        }
        match self.mode(id) {
            Mode::Manual => false,
            Mode::Draft => {
                let drafts = self.get(id).map_or(&[][..], Conversation::drafts);
                if drafts.is_empty() {
                    // Without a model, the person answers.
                    let _ = self.draft(id, DraftRequest::default(), now);
                }
                false
            }
            // Permission for an action of the agent is given by a key of the person and by nothing else.
            Mode::Auto if self.is_permission_check(id) => {
                let _ = self.draft(id, DraftRequest::default(), now);
                false
            }
            Mode::Auto => self.start_auto_reply(id, now).is_some(),
        }
    }

    fn is_permission_check(&self, id: ConversationId) -> bool {
        let found = self.get(id);
        found.is_some_and(|found| found.request().purpose == Purpose::PermissionCheck)
    }

    /// Has the default model write the reply.
    fn start_auto_reply(&mut self, id: ConversationId, now: Timestamp) -> Option<Change> {
        self.start_model_reply(id, None, now).ok()?;
        self.newest_draft_change(id)
    }

    /// Carries out the decision of a rule about a request or one of its drafts. Returns whether that
    /// answers the request, so that the person need not be called.
    pub(super) fn apply_decision(
        &mut self,
        id: ConversationId,
        decision: Decision,
        draft: Option<DraftId>,
        now: Timestamp,
    ) -> bool {
        self.save_decision(id, &decision, draft, now);
        let rule = decision.rule.clone();
        match decision.action.clone() {
            RuleAction::Hold => {
                self.hold(id, decision, draft, now);
                false
            }
            // A rule sends a draft; about a request without one, it decides nothing.
            RuleAction::Send => {
                draft.is_some_and(|draft| self.send_draft(id, &decision, draft, now))
            }
            RuleAction::Reject(message) => {
                let ending = Ending::Failed {
                    code: FailureCode::InvalidPrompt,
                    message,
                };
                let items = Vec::new();
                self.end_by_rule(id, Reply::End { items, ending }, rule, now)
            }
            RuleAction::Answer(text) => {
                let reply = Reply::End {
                    items: vec![Body::message(text, Phase::FinalAnswer)],
                    ending: Ending::Completed,
                };
                self.end_by_rule(id, reply, rule, now)
            }
            RuleAction::Draft(model) => {
                let is_auto = self.mode(id) == Mode::Auto;
                let model = Some(model);
                if is_auto {
                    return self.start_model_reply(id, model, now).is_ok();
                }
                let options = DraftRequest {
                    model,
                    ..DraftRequest::default()
                };
                let _ = self.draft(id, options, now);
                false
            }
        }
    }

    /// Leaves the request to the person, until the decision times out.
    pub(super) fn hold(
        &mut self,
        id: ConversationId,
        decision: Decision,
        draft: Option<DraftId>,
        now: Timestamp,
    ) {
        let Some(turn) = self.turn_drafts_mut(id) else {
            return;
        };
        let timeout = decision
            .timeout
            .as_ref()
            .filter(|_| !turn.automation_suspended);
        let deadline = timeout
            .and_then(|(wait, _)| now.checked_add(SignedDuration::try_from(*wait).ok()?).ok());
        turn.decision = Some(decision);
        turn.held_draft = draft;
        turn.deadline = deadline;
        self.deadlines.extend(deadline.map(|at| (at, id)));
    }

    /// Ends the response with a reply in the name of a rule.
    fn end_by_rule(
        &mut self,
        id: ConversationId,
        reply: Reply,
        rule: String,
        now: Timestamp,
    ) -> bool {
        let text: String = reply.items().iter().map(|item| item.words()).collect();
        let draft = Draft {
            origin: Origin::of(&text, Source::Rule(rule.clone())),
            text,
            sender: Sender::Rule(rule),
            ..Draft::default()
        };
        self.reply_as(id, reply, draft, None, now).is_ok()
    }

    /// The change that shows the newest draft.
    fn newest_draft_change(&self, id: ConversationId) -> Option<Change> {
        let draft = self.get(id)?.drafts().last()?;
        Some(Change::Drafted {
            conversation: id,
            draft: draft.id,
            update: draft.update(),
        })
    }

    pub(super) fn send_order(&self, order: ModelOrder) {
        if let Some(orders) = &self.drafting.orders {
            // Without a receiver, the program is shutting down.
            let _ = orders.send(order);
        }
    }

    pub(super) fn turn_drafts_mut(&mut self, id: ConversationId) -> Option<&mut TurnDrafts> {
        self.conversations.get_mut(&id)?.turn_drafts_mut()
    }

    /// The mode that was set for a conversation, or else that of the conversation that began it.
    pub(in crate::inbox) fn initial_mode(&self, id: ConversationId) -> Mode {
        let parent = self.get(id).and_then(|found| found.parent);
        let of_parent = parent.map(|parent| self.mode(parent));
        let known = self.modes.get(&id).copied();
        known.or(of_parent).unwrap_or_default()
    }

    /// Gives a new conversation the default mode, which it keeps if the configuration changes later.
    pub(in crate::inbox) fn save_default_mode(&mut self, id: ConversationId) {
        let mode = self.drafting.mode;
        if mode != Mode::Manual {
            self.save_mode(id, mode);
        }
    }

    fn save_mode(&mut self, id: ConversationId, mode: Mode) {
        self.modes.insert(id, mode);
        while self.modes.len() > MAX_MODES {
            self.modes.pop_first();
        }
        self.write_modes();
    }

    pub(in crate::inbox) fn read_modes(setting: Option<String>) -> BTreeMap<ConversationId, Mode> {
        let modes = setting.and_then(|json| serde_json::from_str::<Vec<(i64, Mode)>>(&json).ok());
        let modes = modes.unwrap_or_default().into_iter();
        modes.map(|(id, mode)| (ConversationId(id), mode)).collect()
    }

    /// The name of the setting that holds the modes.
    pub(in crate::inbox) const fn modes_setting() -> &'static str {
        MODES
    }

    fn write_modes(&self) {
        if self.store.has_journal() {
            let modes: Vec<(i64, Mode)> =
                self.modes.iter().map(|(id, mode)| (id.0, *mode)).collect();
            let json = serde_json::to_string(&modes).unwrap_or_default();
            self.store.save_setting(MODES, json);
        }
    }
}
