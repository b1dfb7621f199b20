//! Drafts of models: asking for them, and showing them in the composer.
//!
//! A draft that is still being made is drawn in the place of the composer's text but is not in it. It
//! is loaded into the composer once it is complete, or when the person begins to edit it.

use super::composer_drafts::AnsweredDraft;
use super::{App, Dialog, Level, PickerPurpose};
use crate::api::{Body, Phase, Request};
use crate::draft::Draft;
use crate::inbox::{
    Conversation, ConversationId, DraftId, DraftRequest, DraftUpdate, Drafting, Mode, ModelDraft,
    Partial,
};
use crate::rules::RuleAction;
use crate::tui::app::prompt::{Prompt, PromptPurpose};
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};

impl App {
    /// Sets which models there are, and the rules that decide without the person.
    pub fn set_drafting(&mut self, drafting: Drafting) {
        self.inbox.set_drafting(drafting);
    }

    /// The unfinished draft that is shown in the place of the composer's text.
    pub(in crate::tui) fn previewed_draft(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let shown = self.shown_draft()?;
        let is_sent = conversation.sending() == Some(shown.id);
        (shown.is_streaming() && !is_sent).then_some(shown)
    }

    /// The draft that the composer shows, unchanged by the person.
    pub(in crate::tui) fn shown_draft(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let shown = self
            .conversation_uis
            .get(&conversation.id)?
            .composer_drafts
            .shown?;
        let mut drafts = conversation.drafts().iter();
        drafts.find(|draft| draft.id == shown)
    }

    /// The person's draft that a model's draft continues.
    pub(in crate::tui) fn continued_words(&self, draft: &ModelDraft) -> Option<Draft> {
        let conversation_ui = self.conversation_uis.get(&self.open?)?;
        conversation_ui.composer_drafts.continued_draft(draft)
    }

    /// The drafts for the last answered request of the open conversation.
    pub(super) fn last_answered_drafts(&self) -> Option<&AnsweredDraft> {
        self.conversation_uis
            .get(&self.open?)?
            .composer_drafts
            .last_answered
            .as_ref()
    }

    /// Asks a model for a draft.
    pub(super) fn ask_for_draft(&mut self, ask: DraftRequest) {
        let Some(id) = self.open else {
            return self.say(Level::Info, "no request yet");
        };
        if self.refuse_while_model_sends() {
            return;
        }
        // The new draft replaces one that the same model is still making.
        let model = ask.model.as_ref().or(self.inbox.models().first());
        let old = self.previewed_draft();
        let old = old
            .filter(|old| Some(&old.model) == model)
            .map(|old| old.id);
        if let Some(old) = old {
            self.inbox.cancel_draft(old, self.now);
        }
        match self.inbox.draft(id, ask, self.now) {
            Ok(draft) => {
                self.notice = None;
                self.offer_draft(id, draft);
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Prompts for a hint to a model before it drafts; another model can be chosen there.
    pub(super) fn ask_for_hint(&mut self) {
        if self.inbox.models().is_empty() {
            return self.ask_for_draft(DraftRequest::default());
        }
        if self.refuse_while_model_sends() {
            return;
        }
        self.notice = None;
        self.dialog = Dialog::Prompt(Box::new(Prompt::hint(self.inbox.models()[0].clone())));
    }

    /// Lets the person choose another model for the hint that they have begun.
    pub(super) fn pick_model(&mut self, hint: String) {
        let models = self.inbox.models().iter();
        let choices = models.map(|model| Choice::new(model.clone(), "")).collect();
        let picker = Picker::new("model", choices);
        self.hint = hint;
        self.dialog = Dialog::Picker(PickerPurpose::Model, Box::new(picker));
    }

    /// Goes back to the prompt for the hint, with the model at an index of the picker's list.
    pub(super) fn prompt_hint_for(&mut self, index: usize) {
        if let Some(model) = self.inbox.models().get(index).cloned() {
            let mut prompt = Prompt::hint(model);
            prompt.paste(&std::mem::take(&mut self.hint));
            self.dialog = Dialog::Prompt(Box::new(prompt));
        }
    }

    /// Handles an update of a draft.
    pub(super) fn on_draft_update(
        &mut self,
        id: ConversationId,
        draft: DraftId,
        what: &DraftUpdate,
    ) {
        if *what != DraftUpdate::Finished {
            self.follow_open_request(id);
        }
        match what {
            DraftUpdate::More => {}
            DraftUpdate::Sent => {
                // There may be hundreds of these a second: what the screen shows follows when it is drawn.
                self.needs_sync |= self.open == Some(id);
                self.remember_sent_draft(id, draft);
            }
            DraftUpdate::Finished => {
                self.sync(id);
                self.drop_shown_draft(id);
                self.offer_newest_draft(id);
            }
            DraftUpdate::Ready => self.load_finished_draft(id, draft),
            DraftUpdate::Held | DraftUpdate::Failed => {
                self.sync(id);
                self.load_finished_draft(id, draft);
                self.ring_about_draft(id, draft);
            }
        }
    }

    /// Rings for a draft that was to be sent by itself and is left to the person.
    fn ring_about_draft(&mut self, id: ConversationId, draft: DraftId) {
        if self.inbox.mode(id) != Mode::Auto {
            return;
        }
        let words = self.inbox.get(id).map(|found| {
            let mut drafts = found.drafts().iter();
            let draft = drafts.find(|one| one.id == draft);
            let why = draft.map(ModelDraft::outcome).unwrap_or_default();
            (format!("{why} · {}", found.title()), why)
        });
        let Some((words, why)) = words else {
            return;
        };
        self.ring(&words);
        if self.open != Some(id) {
            self.announced = Some(id);
            let key = self.key_of(Action::NextWaiting);
            self.say_news(Level::Bad, format!("{why} · {key} opens it"));
        }
    }

    /// Shows a new draft, unless the person has begun to write something.
    fn offer_draft(&mut self, id: ConversationId, draft: DraftId) {
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        let drafts: Vec<DraftId> = drafts.iter().map(|draft| draft.id).collect();
        let conversation_ui = self.conversation_ui(id);
        let shown = conversation_ui.composer_drafts.shown;
        let is_untouched = shown.is_some_and(|shown| drafts.contains(&shown));
        if !is_untouched && !conversation_ui.composer.is_idle() {
            return;
        }
        if is_untouched {
            conversation_ui.composer.take_draft(Draft::default());
        }
        conversation_ui.composer.withdraw_offer();
        conversation_ui.composer_drafts.shown = Some(draft);
        let is_over = |found: &ModelDraft| found.id == draft && !found.is_streaming();
        let mut drafts = self
            .inbox
            .get(id)
            .into_iter()
            .flat_map(Conversation::drafts);
        if drafts.any(is_over) {
            self.load_draft(id, draft);
        }
    }

    /// Shows the newest draft if no other one is shown, unless the person has begun to write something.
    pub(super) fn offer_newest_draft(&mut self, id: ConversationId) {
        if self.is_stale(id) {
            self.restore_own_words(id);
        }
        let Some(conversation) = self.inbox.get(id) else {
            return;
        };
        let newest = conversation.drafts().last().map(|draft| draft.id);
        let Some(newest) = newest.filter(|newest| conversation.sending() != Some(*newest)) else {
            return;
        };
        let is_shown = |composer_drafts: &super::composer_drafts::ComposerDrafts| {
            composer_drafts.shown.is_some()
        };
        if !self
            .conversation_uis
            .get(&id)
            .is_some_and(|own| is_shown(&own.composer_drafts))
        {
            self.offer_draft(id, newest);
        }
    }

    /// Loads a draft that has ended into the composer, if it is the one shown or the composer is empty.
    pub(super) fn load_finished_draft(&mut self, id: ConversationId, draft: DraftId) {
        let Some(conversation_ui) = self.conversation_uis.get(&id) else {
            return;
        };
        let is_free =
            conversation_ui.composer_drafts.shown.is_none() && conversation_ui.composer.is_idle();
        if conversation_ui.composer_drafts.shown == Some(draft) || is_free {
            self.load_draft(id, draft);
        }
    }

    /// Loads what there is of a draft into the composer.
    pub(super) fn load_draft(&mut self, id: ConversationId, draft: DraftId) {
        let Some((conversation, conversation_ui)) =
            self.inbox.get(id).zip(self.conversation_uis.get_mut(&id))
        else {
            return;
        };
        let mut drafts = conversation.drafts().iter();
        let Some(draft) = drafts.find(|one| one.id == draft) else {
            return;
        };
        if draft.is_streaming() && conversation.sending() == Some(draft.id) {
            return;
        }
        let composer_drafts = &mut conversation_ui.composer_drafts;
        let composed = draft_of_unsent(draft, conversation.request());
        let composed = match composer_drafts.continued_draft(draft) {
            Some(base) => base.continue_with(composed),
            None => composed,
        };
        if draft.is_streaming() && composed.is_empty() {
            return;
        }
        composer_drafts.shown = Some(draft.id);
        if composed.is_empty() {
            // The draft is empty, so the composer keeps what was typed meanwhile.
            composer_drafts.shown = None;
            return;
        }
        let composer = &mut conversation_ui.composer;
        composer.take_draft(composed);
        if conversation.live_phase().is_some() && composer.kind.can_be_live() {
            composer_drafts.live_by_takeover |= !composer.live;
            composer.live = true;
        }
        self.mark_draft_changed(id);
    }

    /// Makes what is in the composer the person's own, no longer the unchanged draft of a model.
    pub(super) fn detach_draft(&mut self) {
        let shown = self.shown_draft().filter(|draft| draft.continues.is_some());
        let shown = shown.cloned();
        let open = self.open.and_then(|id| self.conversation_uis.get_mut(&id));
        if let Some(open) = open.filter(|open| open.composer_drafts.shown.is_some()) {
            open.composer_drafts.shown = None;
            if let Some(draft) = shown {
                open.composer_drafts.drop_continued(&draft);
            }
        }
    }

    /// Whether own drafts of the person are stashed while a model's is shown.
    pub(in crate::tui) fn has_stashed_words(&self) -> bool {
        let open = self.open.and_then(|id| self.conversation_uis.get(&id));
        open.is_some_and(|open| open.composer_drafts.has_stashed())
    }

    /// Shows the next draft or the previous one; after the last and before the first, the person's
    /// own words.
    pub(super) fn step_draft(&mut self, forward: bool) {
        let Some((id, conversation)) = self.open.zip(self.conversation()) else {
            return self.say(Level::Info, "no request yet");
        };
        let worth = |draft: &&ModelDraft| draft.is_streaming() || draft.has_unsent();
        let sending = conversation.sending();
        let drafts = conversation.drafts().iter().filter(worth);
        let drafts = drafts.map(|draft| draft.id);
        let drafts: Vec<DraftId> = drafts.filter(|id| Some(*id) != sending).collect();
        if drafts.is_empty() {
            let key = self.key_of(Action::Draft);
            return self.say(Level::Info, format!("no draft here; {key} asks for one"));
        }
        self.notice = None;
        let shown = self.shown_draft().map(|draft| draft.id);
        let at = shown.and_then(|shown| drafts.iter().position(|draft| *draft == shown));
        let next = match (at, forward) {
            (None, true) => drafts.first(),
            (None, false) => drafts.last(),
            (Some(at), true) => drafts.get(at + 1),
            (Some(at), false) => at.checked_sub(1).and_then(|at| drafts.get(at)),
        };
        match next {
            Some(draft) => self.show_draft(id, *draft),
            None => self.show_own_words(),
        }
    }

    /// Shows a draft; what the person has written is stashed.
    pub(super) fn show_draft(&mut self, id: ConversationId, draft: DraftId) {
        let conversation_ui = self.conversation_ui(id);
        let composer = &mut conversation_ui.composer;
        if conversation_ui.composer_drafts.shown.is_none() {
            conversation_ui.composer_drafts.stash(composer.to_draft());
        }
        composer.take_draft(Draft::default());
        conversation_ui.composer_drafts.shown = Some(draft);
        self.mark_draft_changed(id);
        if self.previewed_draft().is_none() {
            self.load_draft(id, draft);
        }
    }

    /// Shows the person's own stashed draft in the place of a model's.
    pub(super) fn show_own_words(&mut self) {
        let Some(id) = self.open else {
            return;
        };
        let conversation_ui = self.conversation_ui(id);
        conversation_ui.composer_drafts.shown = None;
        let own = conversation_ui
            .composer_drafts
            .unstash()
            .unwrap_or_default();
        conversation_ui.composer.take_draft(own);
        self.mark_draft_changed(id);
    }

    /// Removes an unchanged draft from the composer, because somebody else has answered or does now.
    pub(super) fn drop_shown_draft(&mut self, id: ConversationId) {
        self.clear_shown_draft(id);
        self.restore_own_words(id);
    }

    fn clear_shown_draft(&mut self, id: ConversationId) {
        let conversation_ui = self.conversation_uis.get_mut(&id);
        let shown = conversation_ui
            .filter(|conversation_ui| conversation_ui.composer_drafts.shown.is_some());
        if let Some(conversation_ui) = shown {
            conversation_ui.composer_drafts.shown = None;
            conversation_ui.composer.take_draft(Draft::default());
            self.mark_draft_changed(id);
        }
    }

    /// Whether the composer shows an unchanged draft for a request that is not open any more. It is of
    /// no use for another request, and the journal has it.
    pub(super) fn is_stale(&self, id: ConversationId) -> bool {
        let conversation_ui = self.conversation_uis.get(&id);
        let Some(shown) = conversation_ui.and_then(|own| own.composer_drafts.shown) else {
            return false;
        };
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        drafts.iter().all(|draft| draft.id != shown)
    }

    /// Replaces a draft for an earlier request with the newest one for the request that is open now.
    pub(super) fn follow_open_request(&mut self, id: ConversationId) {
        if self.is_stale(id) {
            self.restore_own_words(id);
            self.offer_newest_draft(id);
        }
    }

    /// Takes back replies of the person that were not delivered, oldest first: into the composer, or
    /// into the stash while a model's draft is shown.
    pub(super) fn bring_back(&mut self, id: ConversationId, returned: Vec<Draft>) {
        if self.is_stale(id) {
            self.restore_own_words(id);
        }
        let shown = self.conversation_ui(id).composer_drafts.shown;
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        let mut continued = drafts.iter().filter(|draft| draft.continues.is_some());
        let is_continued = continued.any(|draft| Some(draft.id) == shown);
        let conversation_ui = self.conversation_ui(id);
        match shown {
            Some(_) => conversation_ui
                .composer_drafts
                .bring_back(returned, is_continued),
            None => conversation_ui.composer.restore_undelivered(returned),
        }
        self.mark_draft_changed(id);
    }

    /// Puts the person's stashed draft back into the composer, after something was sent or because
    /// nothing can be sent any more.
    pub(super) fn restore_own_words(&mut self, id: ConversationId) {
        if self.is_stale(id) {
            self.clear_shown_draft(id);
            self.end_takeover(id);
        }
        let is_answered = |found: &Conversation| found.drafts().is_empty();
        let is_over = self.inbox.get(id).is_none_or(is_answered);
        let Some(conversation_ui) = self.conversation_uis.get_mut(&id) else {
            return;
        };
        let composer_drafts = &mut conversation_ui.composer_drafts;
        if composer_drafts.shown.is_none()
            && composer_drafts.has_stashed()
            && conversation_ui.composer.is_idle()
        {
            let own = composer_drafts.unstash().unwrap_or_default();
            conversation_ui.composer.take_draft(own);
            if is_over {
                let more: Vec<Draft> = std::iter::from_fn(|| composer_drafts.unstash()).collect();
                conversation_ui.composer.restore_undelivered(more);
            }
            self.mark_draft_changed(id);
        }
    }

    /// The drafts for the open request, to be remembered when it is answered.
    pub(super) fn drafts_for_open_request(&self, id: ConversationId) -> Option<AnsweredDraft> {
        let conversation = self.inbox.get(id)?;
        Some(AnsweredDraft {
            request: conversation.open_request()?,
            drafts: conversation.drafts().to_vec(),
            decision: conversation.decision().cloned(),
        })
    }

    /// Updates the open transcript if a model has sent something since the last update.
    pub(in crate::tui) fn sync_if_needed(&mut self) {
        if std::mem::take(&mut self.needs_sync)
            && let Some(id) = self.open
        {
            self.sync(id);
        }
    }

    /// Handles the line that was entered into a prompt.
    pub(super) fn on_prompt_submitted(&mut self, purpose: PromptPurpose, text: String) {
        match purpose {
            PromptPurpose::Hint { model } => self.ask_for_draft(DraftRequest {
                model: Some(model),
                hint: Some(text).filter(|hint| !hint.trim().is_empty()),
                continues: None,
            }),
            PromptPurpose::Rejection if text.trim().is_empty() => {
                self.say(Level::Bad, "a reason is required");
                self.dialog = Dialog::Prompt(Box::new(Prompt::rejection()));
            }
            PromptPurpose::Rejection => self.propose_rules(RuleAction::Reject(text)),
        }
    }
}

/// The part of a model's draft that was not sent yet, in the form that a composer can load.
fn draft_of_unsent(draft: &ModelDraft, request: &Request) -> Draft {
    let mut items = draft.unsent();
    items.extend(partial_item(draft, request));
    Draft::of_items(&items, request, draft.id.0, &draft.model)
}

/// The unsent part of the item that a model is still writing.
fn partial_item(draft: &ModelDraft, request: &Request) -> Option<Body> {
    match &draft.partial {
        Partial::Nothing | Partial::Thought(_) => None,
        Partial::Text(text) => {
            let rest = text.get(draft.sent_message_bytes..).unwrap_or_default();
            (!rest.is_empty()).then(|| Body::message(rest, Phase::FinalAnswer))
        }
        Partial::Call { title, arguments } => {
            let mut tools = request.tools.tools().iter();
            let tool = tools.find(|tool| tool.title() == *title)?;
            Some(match tool.kind.as_str() {
                "custom" => Body::CustomToolCall {
                    name: tool.name.clone(),
                    input: arguments.clone(),
                },
                _ => Body::FunctionCall {
                    namespace: tool.namespace.clone(),
                    name: tool.name.clone(),
                    arguments: arguments.clone(),
                },
            })
        }
    }
}
