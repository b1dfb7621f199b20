//! Drafts of models: asking for them, taking them into the composer, and who has the pen.
//!
//! A draft that is being made is not in the composer yet: the screen shows it there, and the composer
//! takes it in when it is whole, or when the person begins to change it. Then it is theirs.

use super::beside::AnsweredDraft;
use super::{App, Dialog, Level, PickerPurpose};
use crate::api::{Body, Phase, Request};
use crate::draft::Draft;
use crate::inbox::{
    Conversation, ConversationId, DraftId, DraftRequest, DraftState, DraftUpdate, Drafting, Mode,
    ModelDraft, Partial,
};
use crate::rules::{Decision, RuleAction as Then};
use crate::tui::app::prompt::{Prompt, PromptPurpose};
use crate::tui::keys::action::Action;
use crate::tui::picker::{Choice, Picker};

impl App {
    /// Says which models there are, and what is decided without the person.
    pub fn set_drafting(&mut self, drafting: Drafting) {
        self.inbox.set_drafting(drafting);
    }

    /// The draft that is being made and shown in the place of the composer.
    pub(in crate::tui) fn previewed(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let shown = self.shown_draft()?;
        let is_sent = conversation.sending() == Some(shown.id);
        (shown.is_streaming() && !is_sent).then_some(shown)
    }

    /// The draft that the composer shows as the model made it.
    pub(in crate::tui) fn shown_draft(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let shown = self.remembered.get(&conversation.id)?.beside.shown?;
        let mut drafts = conversation.drafts().iter();
        drafts.find(|draft| draft.id == shown)
    }

    /// The words that a draft goes on with.
    pub(in crate::tui) fn base_of(&self, draft: &ModelDraft) -> Option<Draft> {
        let remembered = self.remembered.get(&self.open?)?;
        remembered.beside.base(draft)
    }

    /// What was drafted for the request of the open conversation that was answered last.
    pub(in crate::tui) fn answered(&self) -> Option<&AnsweredDraft> {
        self.remembered.get(&self.open?)?.beside.last.as_ref()
    }

    /// Asks a model for a draft.
    pub(super) fn ask_for_draft(&mut self, ask: DraftRequest) {
        let Some(id) = self.open else {
            return self.say(Level::Info, "no request yet");
        };
        if self.has_model_the_pen() {
            return;
        }
        // One that the same model is still making is not wanted any more.
        let model = ask.model.as_ref().or(self.inbox.models().first());
        let old = self.previewed();
        let old = old
            .filter(|old| Some(&old.model) == model)
            .map(|old| old.id);
        if let Some(old) = old {
            self.inbox.cancel_draft(old, self.now);
        }
        match self.inbox.draft(id, ask, self.now) {
            Ok(draft) => {
                self.notice = None;
                self.make_way(id, draft);
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Lets the person tell a model something first, or choose another.
    pub(super) fn ask_for_hint(&mut self) {
        if self.inbox.models().is_empty() {
            return self.ask_for_draft(DraftRequest::default());
        }
        if self.has_model_the_pen() {
            return;
        }
        self.notice = None;
        self.dialog = Dialog::Prompt(Box::new(Prompt::hint(self.inbox.models()[0].clone())));
    }

    /// Lets the person choose the model that they tell something.
    pub(super) fn pick_model(&mut self, hint: String) {
        let models = self.inbox.models().iter();
        let choices = models.map(|model| Choice::new(model.clone(), "")).collect();
        let picker = Picker::new("model", choices);
        self.hint = hint;
        self.dialog = Dialog::Picker(PickerPurpose::Model, Box::new(picker));
    }

    /// Goes back to what the model at an index of the list is told.
    pub(super) fn hint_to(&mut self, index: usize) {
        if let Some(model) = self.inbox.models().get(index).cloned() {
            let mut prompt = Prompt::hint(model);
            prompt.paste(&std::mem::take(&mut self.hint));
            self.dialog = Dialog::Prompt(Box::new(prompt));
        }
    }

    /// Follows what has become of a draft.
    pub(super) fn drafted(&mut self, id: ConversationId, draft: DraftId, what: &DraftUpdate) {
        if *what != DraftUpdate::Finished {
            self.follow_turn(id);
        }
        match what {
            DraftUpdate::More => {}
            DraftUpdate::Sent => {
                // There may be hundreds of these a second: what the screen shows follows when it is drawn.
                self.unsynced |= self.open == Some(id);
                self.note_sent(id, draft);
            }
            DraftUpdate::Finished => {
                self.sync(id);
                self.drop_shown(id);
                self.make_way_for_newest(id);
            }
            DraftUpdate::Ready => self.take_in(id, draft),
            DraftUpdate::Held | DraftUpdate::Failed => {
                self.sync(id);
                self.take_in(id, draft);
                self.call_about(id, draft);
            }
        }
    }

    /// Calls the person, to whom a draft is left that was not to be theirs.
    fn call_about(&mut self, id: ConversationId, draft: DraftId) {
        if self.inbox.mode(id) != Mode::Auto {
            return;
        }
        let words = self.inbox.get(id).map(|found| {
            let mut drafts = found.drafts().iter();
            let draft = drafts.find(|one| one.id == draft);
            let why = draft.map(outcome).unwrap_or_default();
            (format!("{why} · {}", found.title()), why)
        });
        let Some((words, why)) = words else {
            return;
        };
        self.call(&words);
        if self.open != Some(id) {
            self.announced = Some(id);
            let key = self.key_of(Action::NextWaiting);
            self.tell(Level::Bad, format!("{why} · {key} opens it"));
        }
    }

    /// Shows a draft that is new, unless the person has begun something: then it waits beside that.
    fn make_way(&mut self, id: ConversationId, draft: DraftId) {
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        let drafts: Vec<DraftId> = drafts.iter().map(|draft| draft.id).collect();
        let remembered = self.remembered_of(id);
        let shown = remembered.beside.shown;
        let is_untouched = shown.is_some_and(|shown| drafts.contains(&shown));
        if !is_untouched && !remembered.composer.is_idle() {
            return;
        }
        if is_untouched {
            remembered.composer.take_draft(Draft::default());
        }
        remembered.composer.withdraw();
        remembered.beside.shown = Some(draft);
        let is_over = |found: &ModelDraft| found.id == draft && !found.is_streaming();
        let mut drafts = self
            .inbox
            .get(id)
            .into_iter()
            .flat_map(Conversation::drafts);
        if drafts.any(is_over) {
            self.settle(id, draft);
        }
    }

    /// The same for one that was begun without the person.
    pub(super) fn make_way_for_newest(&mut self, id: ConversationId) {
        if self.is_stale(id) {
            self.return_own_words(id);
        }
        let Some(conversation) = self.inbox.get(id) else {
            return;
        };
        let newest = conversation.drafts().last().map(|draft| draft.id);
        let Some(newest) = newest.filter(|newest| conversation.sending() != Some(*newest)) else {
            return;
        };
        let is_shown = |beside: &super::beside::Beside| beside.shown.is_some();
        if !self
            .remembered
            .get(&id)
            .is_some_and(|own| is_shown(&own.beside))
        {
            self.make_way(id, newest);
        }
    }

    /// Takes a draft into the composer that has ended, if it is shown or there is nothing else.
    pub(super) fn take_in(&mut self, id: ConversationId, draft: DraftId) {
        let Some(remembered) = self.remembered.get(&id) else {
            return;
        };
        let is_free = remembered.beside.shown.is_none() && remembered.composer.is_idle();
        if remembered.beside.shown == Some(draft) || is_free {
            self.settle(id, draft);
        }
    }

    /// Takes what there is of a draft into the composer.
    pub(super) fn settle(&mut self, id: ConversationId, draft: DraftId) {
        let Some((conversation, remembered)) = self.inbox.get(id).zip(self.remembered.get_mut(&id))
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
        let beside = &mut remembered.beside;
        let composed = composed_of(draft, conversation.request());
        let composed = match beside.base(draft) {
            Some(base) => base.continue_with(composed),
            None => composed,
        };
        if draft.is_streaming() && composed.is_empty() {
            return;
        }
        beside.shown = Some(draft.id);
        if composed.is_empty() {
            // There is nothing to look at, and what was typed meanwhile is in nobody's way.
            beside.shown = None;
            return;
        }
        let composer = &mut remembered.composer;
        composer.take_draft(composed);
        if conversation.live_phase().is_some() && composer.kind.can_be_live() {
            beside.has_taken_over |= !composer.live;
            composer.live = true;
        }
        self.keep_draft_of(id);
    }

    /// What is in the composer is the person's from now on.
    pub(super) fn touch_draft(&mut self) {
        let shown = self.shown_draft().filter(|draft| draft.continues.is_some());
        let shown = shown.cloned();
        let open = self.open.and_then(|id| self.remembered.get_mut(&id));
        if let Some(open) = open.filter(|open| open.beside.shown.is_some()) {
            open.beside.shown = None;
            if let Some(draft) = shown {
                open.beside.drop_base(&draft);
            }
        }
    }

    /// Whether words of the person are aside.
    pub(in crate::tui) fn has_own_beside(&self) -> bool {
        let open = self.open.and_then(|id| self.remembered.get(&id));
        open.is_some_and(|open| open.beside.has_own())
    }

    /// Shows the next draft or the previous one; after the last and before the first, the person's
    /// own words.
    pub(super) fn step_draft(&mut self, forward: bool) {
        let Some((id, conversation)) = self.open.zip(self.conversation()) else {
            return self.say(Level::Info, "no request yet");
        };
        let worth = |draft: &&ModelDraft| draft.is_streaming() || draft.has_rest();
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

    /// Shows a draft; what the person has written makes room for it.
    pub(super) fn show_draft(&mut self, id: ConversationId, draft: DraftId) {
        let remembered = self.remembered_of(id);
        let composer = &mut remembered.composer;
        if remembered.beside.shown.is_none() {
            remembered.beside.put(composer.to_draft());
        }
        composer.take_draft(Draft::default());
        remembered.beside.shown = Some(draft);
        self.keep_draft_of(id);
        if self.previewed().is_none() {
            self.settle(id, draft);
        }
    }

    /// Shows the person's own words in the place of a draft.
    pub(super) fn show_own_words(&mut self) {
        let Some(id) = self.open else {
            return;
        };
        let remembered = self.remembered_of(id);
        remembered.beside.shown = None;
        let own = remembered.beside.take().unwrap_or_default();
        remembered.composer.take_draft(own);
        self.keep_draft_of(id);
    }

    /// A draft that nobody has changed makes room, because somebody else has answered or does.
    pub(super) fn drop_shown(&mut self, id: ConversationId) {
        self.clear_shown(id);
        self.return_own_words(id);
    }

    fn clear_shown(&mut self, id: ConversationId) {
        let remembered = self.remembered.get_mut(&id);
        let shown = remembered.filter(|remembered| remembered.beside.shown.is_some());
        if let Some(remembered) = shown {
            remembered.beside.shown = None;
            remembered.composer.take_draft(Draft::default());
            self.keep_draft_of(id);
        }
    }

    /// Whether the composer shows a draft, as the model made it, for a request that does not wait any
    /// more. It is for no other request, and the journal has it.
    pub(super) fn is_stale(&self, id: ConversationId) -> bool {
        let remembered = self.remembered.get(&id);
        let Some(shown) = remembered.and_then(|own| own.beside.shown) else {
            return false;
        };
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        drafts.iter().all(|draft| draft.id != shown)
    }

    /// Shows what there is for the request that waits now, in the place of a draft for one before it.
    pub(super) fn follow_turn(&mut self, id: ConversationId) {
        if self.is_stale(id) {
            self.return_own_words(id);
            self.make_way_for_newest(id);
        }
    }

    /// Takes in words of the person that did not arrive, oldest first. While a draft is in the place of
    /// the person's words, they are with those.
    pub(super) fn bring_back(&mut self, id: ConversationId, returned: Vec<Draft>) {
        if self.is_stale(id) {
            self.return_own_words(id);
        }
        let shown = self.remembered_of(id).beside.shown;
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        let mut continued = drafts.iter().filter(|draft| draft.continues.is_some());
        let is_continued = continued.any(|draft| Some(draft.id) == shown);
        let remembered = self.remembered_of(id);
        match shown {
            Some(_) => remembered.beside.bring_back(returned, is_continued),
            None => remembered.composer.bring_back(returned),
        }
        self.keep_draft_of(id);
    }

    /// Something was sent, or nothing can be any more: words of the person that made room for a draft
    /// are back.
    pub(super) fn return_own_words(&mut self, id: ConversationId) {
        if self.is_stale(id) {
            self.clear_shown(id);
            self.end_taking_over(id);
        }
        let is_answered = |found: &Conversation| found.drafts().is_empty();
        let is_over = self.inbox.get(id).is_none_or(is_answered);
        let Some(remembered) = self.remembered.get_mut(&id) else {
            return;
        };
        let beside = &mut remembered.beside;
        if beside.shown.is_none() && beside.has_own() && remembered.composer.is_idle() {
            let own = beside.take().unwrap_or_default();
            remembered.composer.take_draft(own);
            if is_over {
                let more: Vec<Draft> = std::iter::from_fn(|| beside.take()).collect();
                remembered.composer.bring_back(more);
            }
            self.keep_draft_of(id);
        }
    }

    /// Remembers what was drafted for a request before it is answered.
    pub(super) fn drafts_of(&self, id: ConversationId) -> Option<AnsweredDraft> {
        let conversation = self.inbox.get(id)?;
        Some(AnsweredDraft {
            request: conversation.open_request()?,
            drafts: conversation.drafts().to_vec(),
            decision: conversation.decision().cloned(),
        })
    }

    /// Brings what is on the screen up to date with what models have said since it was drawn.
    pub(in crate::tui) fn catch_up(&mut self) {
        if std::mem::take(&mut self.unsynced)
            && let Some(id) = self.open
        {
            self.sync(id);
        }
    }

    /// Takes what the person told in the line that they were asked for.
    pub(super) fn take_prompted(&mut self, asked: PromptPurpose, text: String) {
        match asked {
            PromptPurpose::Hint { model } => self.ask_for_draft(DraftRequest {
                model: Some(model),
                hint: Some(text).filter(|hint| !hint.trim().is_empty()),
                continues: None,
            }),
            PromptPurpose::Rejection if text.trim().is_empty() => {
                self.say(Level::Bad, "a reason is required");
                self.dialog = Dialog::Prompt(Box::new(Prompt::rejection()));
            }
            PromptPurpose::Rejection => self.propose_rules(Then::Reject(text)),
        }
    }
}

/// What there is of a draft and was not sent by itself, as the person would compose it.
fn composed_of(draft: &ModelDraft, request: &Request) -> Draft {
    let mut items = draft.unsent();
    items.extend(begun(draft, request));
    Draft::of_items(&items, request, draft.id.0, &draft.model)
}

/// The item that a draft has begun, as far as it was not sent.
fn begun(draft: &ModelDraft, request: &Request) -> Option<Body> {
    match &draft.partial {
        Partial::Nothing | Partial::Thought(_) => None,
        Partial::Text(text) => {
            let rest = text.get(draft.sent_of_message..).unwrap_or_default();
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

/// What became of a draft that did not simply come to its end.
pub(in crate::tui) fn outcome(draft: &ModelDraft) -> String {
    match (&draft.decision, &draft.state) {
        (_, DraftState::Failed(words)) => format!("{} failed: {words}", draft.model),
        // What is allowed needs no words.
        (
            Some(Decision {
                action: Then::Send, ..
            }),
            _,
        ) => String::new(),
        (Some(decision), _) if decision.action != Then::Hold => {
            let (rule, then) = (&decision.rule, decision.action.words());
            format!("rule \"{rule}\" says {then}: {}", decision.matched)
        }
        (Some(decision), _) => format!("held by \"{}\": {}", decision.rule, decision.matched),
        (None, DraftState::CutOff) => format!("{} reached its limit of tokens", draft.model),
        (None, DraftState::Cancelled) => format!("{} stopped", draft.model),
        (None, DraftState::Streaming | DraftState::Complete) => String::new(),
    }
}
