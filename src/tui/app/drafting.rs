//! Drafts of models: asking for them, taking them into the composer, and who has the pen.
//!
//! A draft that is being made is not in the composer yet: the screen shows it there, and the composer
//! takes it in when it is whole, or when the person begins to change it. Then it is theirs.

use crossterm::event::KeyEvent;

use super::beside::Answered;
use super::{App, Dialog, Level, Purpose, types};
use crate::api::{Body, Phase, Request};
use crate::draft::Draft;
use crate::inbox::{
    Ask, Conversation, ConversationId, DraftId, DraftState, Drafted, Drafting, Mode, ModelDraft,
    Partial,
};
use crate::tui::app::prompt::{Asked, Prompt};
use crate::tui::composer::ReplyKind;
use crate::tui::keys::action::{Action, Group};
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
    pub(in crate::tui) fn answered(&self) -> Option<&Answered> {
        self.remembered.get(&self.open?)?.beside.last.as_ref()
    }

    /// The draft that is sent while it is made, where the person can take the pen.
    pub(in crate::tui) fn sent_by_itself(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let sending = conversation.sending()?;
        let mut drafts = conversation.drafts().iter();
        drafts.find(|draft| draft.id == sending)
    }

    /// Asks a model for a draft.
    pub(super) fn ask_for_draft(&mut self, ask: Ask) {
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

    /// Whether a model writes to the client, which is said.
    fn has_model_the_pen(&mut self) -> bool {
        let Some(model) = self.sent_by_itself().map(|draft| draft.model.clone()) else {
            return false;
        };
        let key = self.key_of(Action::Cancel);
        self.say(Level::Info, format!("{model} writes; {key} takes over"));
        true
    }

    /// Lets the person tell a model something first, or choose another.
    pub(super) fn ask_for_hint(&mut self) {
        if self.inbox.models().is_empty() {
            return self.ask_for_draft(Ask::default());
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
        self.dialog = Dialog::Picker(Purpose::Model, Box::new(picker));
    }

    /// Goes back to what the model at an index of the list is told.
    pub(super) fn hint_to(&mut self, index: usize) {
        if let Some(model) = self.inbox.models().get(index).cloned() {
            let mut prompt = Prompt::hint(model);
            prompt.paste(&std::mem::take(&mut self.hint));
            self.dialog = Dialog::Prompt(Box::new(prompt));
        }
    }

    /// Has a model go on: from the words in the composer, or after what the client has got where the
    /// message is open or nobody has to look at it first.
    pub(super) fn go_on_with_draft(&mut self) {
        let Some(id) = self.open else {
            return self.say(Level::Info, "no request yet");
        };
        if self.has_model_the_pen() {
            return;
        }
        let conversation = self.conversation();
        let is_open = conversation.is_some_and(|found| found.live_phase().is_some());
        let is_waiting = conversation.is_some_and(Conversation::is_waiting);
        if is_waiting && (is_open || self.inbox.mode(id) == Mode::Auto) {
            return self.hand_back(id);
        }
        let composer = self.composer();
        if composer.is_idle() {
            return self.ask_for_draft(Ask::default());
        }
        if !composer.kind.can_be_live() {
            return self.say(
                Level::Info,
                "a model goes on with a message, not with a call",
            );
        }
        let ask = Ask {
            continues: Some(composer.text()),
            ..Ask::default()
        };
        // The words are the draft's beginning, and the person's as before without it.
        match self.inbox.draft(id, ask, self.now) {
            Ok(draft) => {
                self.notice = None;
                self.show_draft(id, draft);
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Sends what is in the composer, and gives the pen to a model.
    fn hand_back(&mut self, id: ConversationId) {
        let composer = self.composer();
        if composer.kind.can_be_live() && composer.parts.is_empty() {
            let text = composer.text();
            if !text.is_empty()
                && let Err(problem) = self.send_live(&text)
            {
                return self.say(Level::Bad, problem.message);
            }
        } else if !composer.is_idle() {
            return self.say(Level::Bad, "send or clear what is typed first");
        }
        match self.inbox.hand_back(id, None, self.now) {
            Ok(_) => {
                self.end_taking_over(id);
                self.say(Level::Info, "the model goes on");
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Chooses who answers here.
    pub(super) fn change_mode(&mut self) {
        let Some(id) = self.at_hand() else {
            return self.say(Level::Info, "no conversation here");
        };
        if self.inbox.models().is_empty() {
            return self.ask_for_draft_in_vain();
        }
        let mode = self.inbox.mode(id).next();
        if self.open == Some(id) && mode != Mode::Auto {
            self.take_pen(true);
        }
        if let Some(change) = self.inbox.set_mode(id, mode, self.now) {
            self.on_change(change);
        }
        self.make_way_for_newest(id);
        let model = self.inbox.models().first().cloned().unwrap_or_default();
        let words = match mode {
            Mode::Manual => "manual: you answer".to_owned(),
            Mode::Draft => format!("draft: {model} drafts what comes in, you send it"),
            Mode::Auto => format!("auto: {model} answers until you or a rule stops it"),
        };
        self.say(Level::Info, words);
    }

    /// Says how a model is set up.
    fn ask_for_draft_in_vain(&mut self) {
        let error = crate::inbox::DraftError::NoModel;
        self.say(Level::Info, error.to_string());
    }

    /// Follows what has become of a draft.
    pub(super) fn drafted(&mut self, id: ConversationId, draft: DraftId, what: &Drafted) {
        match what {
            Drafted::More => return,
            Drafted::Sent => {
                // There may be hundreds of these a second: what the screen shows follows when it is drawn.
                self.unsynced |= self.open == Some(id);
                self.note_sent(id, draft);
                return;
            }
            Drafted::Finished => {
                self.sync(id);
                self.return_own_words(id);
            }
            Drafted::Ready => self.take_in(id, draft),
            Drafted::Held | Drafted::Failed => {
                self.sync(id);
                self.take_in(id, draft);
                self.call_about(id, draft);
            }
        }
    }

    /// Calls the person, to whom a draft is left.
    fn call_about(&mut self, id: ConversationId, draft: DraftId) {
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
    fn take_in(&mut self, id: ConversationId, draft: DraftId) {
        let Some(remembered) = self.remembered.get(&id) else {
            return;
        };
        let is_free = remembered.beside.shown.is_none() && remembered.composer.is_idle();
        if remembered.beside.shown == Some(draft) || is_free {
            self.settle(id, draft);
        }
    }

    /// Takes what there is of a draft into the composer.
    fn settle(&mut self, id: ConversationId, draft: DraftId) {
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
            Some(base) => base.go_on(composed),
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

    /// The person begins to type: what is there of a draft is theirs, and so is the pen.
    pub(super) fn begin_typing(&mut self) {
        self.take_pen(false);
        if let Some((id, draft)) = self.open.zip(self.previewed().map(|draft| draft.id)) {
            self.settle(id, draft);
            self.touch_draft();
        }
    }

    /// Takes a key that is bound to nothing and may be typed into a draft.
    pub(super) fn type_in_draft(&mut self, key: &KeyEvent) {
        let is_writing =
            self.previewed().is_some() || (types(key) && self.sent_by_itself().is_some());
        if is_writing && self.is_composing() {
            self.begin_typing();
        }
    }

    /// Does what an action means to a draft that is being made; says whether that is all it does.
    pub(super) fn act_in_draft(&mut self, action: Action) -> bool {
        if self.sent_by_itself().is_some() {
            return match action {
                Action::Cancel => {
                    self.take_pen(true);
                    true
                }
                Action::Submit if self.composer().is_idle() => self.has_model_the_pen(),
                Action::Submit | Action::AddPart | Action::Newline => {
                    self.take_pen(false);
                    false
                }
                _ => false,
            };
        }
        let Some((draft, model)) = self
            .previewed()
            .map(|found| (found.id, found.model.clone()))
        else {
            return false;
        };
        match action {
            Action::Cancel => {
                self.stop_draft(draft);
                self.say(Level::Info, format!("{model} stopped"));
                true
            }
            Action::Submit => {
                let key = self.key_of(Action::Cancel);
                self.say(
                    Level::Info,
                    format!("{model} is still writing; {key} stops it"),
                );
                true
            }
            Action::Interrupt => {
                self.inbox.cancel_draft(draft, self.now);
                self.show_own_words();
                let key = self.key_of(Action::NextDraft);
                self.say(
                    Level::Info,
                    format!("{model} stopped; {key} shows the draft"),
                );
                true
            }
            action if action.group() == Group::Reply => {
                self.begin_typing();
                false
            }
            _ => false,
        }
    }

    /// Stops a draft; what there is of it is in the composer.
    fn stop_draft(&mut self, draft: DraftId) {
        self.inbox.cancel_draft(draft, self.now);
        if let Some(id) = self.open {
            self.take_in(id, draft);
        }
    }

    /// Takes the pen from a model that has it. What was sent stays said, and what is typed goes on
    /// with it. Calls that are whole and were not sent are in the composer where that is wanted.
    fn take_pen(&mut self, wants_rest: bool) {
        let Some((id, draft)) = self.open.zip(self.sent_by_itself().cloned()) else {
            return;
        };
        self.inbox.take_over(id, self.now);
        self.sync(id);
        let rest = draft.unsent();
        if wants_rest && rest.iter().any(Body::is_call) {
            self.take_in(id, draft.id);
        }
        let phase = self.conversation().and_then(Conversation::live_phase);
        let remembered = self.remembered_of(id);
        let (composer, beside) = (&mut remembered.composer, &mut remembered.beside);
        if let Some(phase) = phase
            && composer.kind.can_be_live()
        {
            beside.has_taken_over |= !composer.live;
            composer.live = true;
            composer.kind = match phase {
                Phase::Commentary => ReplyKind::Progress,
                Phase::FinalAnswer => ReplyKind::Send,
            };
        }
        self.keep_draft_of(id);
        let words = match phase {
            Some(_) => "you have the pen: what you type goes on where it stopped",
            None => "you have the pen",
        };
        self.say(Level::Info, words);
    }

    /// Nothing is typed live any more that only was because the person took over.
    pub(super) fn end_taking_over(&mut self, id: ConversationId) {
        let remembered = self.remembered_of(id);
        if std::mem::take(&mut remembered.beside.has_taken_over) {
            remembered.composer.live = false;
        }
    }

    /// Shows the next draft or the previous one; after the last and before the first, the person's
    /// own words.
    pub(super) fn step_draft(&mut self, forward: bool) {
        let Some((id, conversation)) = self.open.zip(self.conversation()) else {
            return self.say(Level::Info, "no request yet");
        };
        let worth = |draft: &&ModelDraft| draft.is_streaming() || !draft.is_empty();
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
    fn show_draft(&mut self, id: ConversationId, draft: DraftId) {
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
    fn show_own_words(&mut self) {
        let Some(id) = self.open else {
            return;
        };
        let remembered = self.remembered_of(id);
        remembered.beside.shown = None;
        let own = remembered.beside.take().unwrap_or_default();
        remembered.composer.take_draft(own);
        self.keep_draft_of(id);
    }

    /// Something was sent, or nothing can be any more: words of the person that made room for a draft
    /// are back.
    pub(super) fn return_own_words(&mut self, id: ConversationId) {
        let is_answered = |found: &Conversation| found.drafts().is_empty();
        let is_over = self.inbox.get(id).is_none_or(is_answered);
        let Some(remembered) = self.remembered.get_mut(&id) else {
            return;
        };
        let beside = &mut remembered.beside;
        if is_over {
            beside.shown = None;
        }
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
    pub(super) fn drafts_of(&self, id: ConversationId) -> Option<Answered> {
        let conversation = self.inbox.get(id)?;
        Some(Answered {
            request: conversation.open_request()?,
            drafts: conversation.drafts().to_vec(),
            decision: conversation.decision().cloned(),
        })
    }

    /// Remembers when a draft that is sent by itself was made: its words are what was said.
    fn note_sent(&mut self, id: ConversationId, draft: DraftId) {
        let Some(conversation) = self.inbox.get(id) else {
            return;
        };
        let Some(request) = conversation.open_request() else {
            return;
        };
        let Some(remembered) = self.remembered.get_mut(&id) else {
            return;
        };
        let last = &mut remembered.beside.last;
        let is_known = |last: &Answered| {
            last.request == request && last.drafts.iter().any(|one| one.id == draft)
        };
        if last.as_ref().is_some_and(is_known) {
            return;
        }
        *last = self.inbox.get(id).map(|conversation| Answered {
            request,
            drafts: conversation.drafts().to_vec(),
            decision: conversation.decision().cloned(),
        });
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
    pub(super) fn take_prompted(&mut self, asked: Asked, text: String) {
        match asked {
            Asked::Hint { model } => self.ask_for_draft(Ask {
                model: Some(model),
                hint: Some(text).filter(|hint| !hint.trim().is_empty()),
                continues: None,
            }),
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
        (Some(decision), _) => format!("held by \"{}\": {}", decision.rule, decision.matched),
        (None, DraftState::CutOff) => format!("{} reached its limit of tokens", draft.model),
        (None, DraftState::Cancelled) => format!("{} stopped", draft.model),
        (None, DraftState::Streaming | DraftState::Complete) => String::new(),
    }
}
