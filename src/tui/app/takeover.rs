//! Who has the pen: the person, or a model that writes to the client while it drafts. Whoever types
//! takes it, and one key gives it back.

use crossterm::event::KeyEvent;

use super::composer_drafts::AnsweredDraft;
use super::{App, Level, types};
use crate::api::{Body, Phase};
use crate::inbox::{
    Conversation, ConversationId, DraftError, DraftId, DraftRequest, Mode, ModelDraft,
};
use crate::tui::composer::ReplyKind;
use crate::tui::keys::action::{Action, Group};

impl App {
    /// The draft that is sent while it is made, where the person can take the pen.
    pub(in crate::tui) fn auto_sent_draft(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let sending = conversation.sending()?;
        let mut drafts = conversation.drafts().iter();
        drafts.find(|draft| draft.id == sending)
    }

    /// Whether a model writes to the client, which is said.
    pub(super) fn refuse_while_model_sends(&mut self) -> bool {
        let Some(model) = self.auto_sent_draft().map(|draft| draft.model.clone()) else {
            return false;
        };
        let key = self.key_of(Action::Cancel);
        self.say(Level::Info, format!("{model} writes; {key} takes over"));
        true
    }

    /// Has a model go on: from the words in the composer, or after what the client has got where the
    /// message is open or nobody has to look at it first.
    pub(super) fn continue_draft(&mut self) {
        let Some(id) = self.open else {
            return self.say(Level::Info, "no request yet");
        };
        if self.refuse_while_model_sends() {
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
            return self.ask_for_draft(DraftRequest::default());
        }
        if !composer.kind.can_be_live() {
            return self.say(
                Level::Info,
                "a model goes on with a message, not with a call",
            );
        }
        let ask = DraftRequest {
            continues: Some(composer.text()),
            ..DraftRequest::default()
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
                self.end_takeover(id);
                self.say(Level::Info, "the model goes on");
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Chooses who answers here.
    pub(super) fn change_mode(&mut self) {
        let Some(id) = self.target_conversation() else {
            return self.say(Level::Info, "no conversation here");
        };
        if self.inbox.models().is_empty() {
            return self.say_no_model();
        }
        let mode = self.mode(id).next();
        self.pending_auto
            .take_if(|pending_auto| pending_auto.is_in(id));
        if mode == Mode::Auto {
            self.schedule_auto(id);
        } else {
            if self.open == Some(id) {
                self.take_over_from_model(true);
            }
            if let Some(change) = self.inbox.set_mode(id, mode, self.now) {
                self.on_change(change);
            }
            self.offer_newest_draft(id);
        }
        let model = self.inbox.models().first().cloned().unwrap_or_default();
        let words = match mode {
            Mode::Manual => "manual: you answer".to_owned(),
            Mode::Draft => format!("draft: {model} drafts what comes in, you send it"),
            Mode::Auto => {
                let when = if self.is_auto_pending(id) {
                    " in 1 s"
                } else {
                    ""
                };
                format!("auto{when}: {model} answers until you or a rule stops it")
            }
        };
        self.say(Level::Info, words);
    }

    /// Says how a model is set up.
    fn say_no_model(&mut self) {
        let error = DraftError::NoModel;
        self.say(Level::Info, error.to_string());
    }

    /// The person begins to type: what is there of a draft is theirs, and so is the pen.
    pub(super) fn begin_typing(&mut self) {
        self.take_over_from_model(false);
        if let Some((id, draft)) = self.open.zip(self.previewed_draft().map(|draft| draft.id)) {
            self.load_draft(id, draft);
            self.detach_draft();
        }
    }

    /// Takes a key that is bound to nothing and may be typed into a draft.
    pub(super) fn take_over_by_typing(&mut self, key: &KeyEvent) {
        let is_writing =
            self.previewed_draft().is_some() || (types(key) && self.auto_sent_draft().is_some());
        if is_writing && self.is_composing() {
            self.begin_typing();
        }
    }

    /// Does what an action means to a draft that is being made; says whether that is all it does.
    pub(super) fn act_on_model_draft(&mut self, action: Action) -> bool {
        if self.auto_sent_draft().is_some() {
            return match action {
                Action::Cancel => {
                    self.take_over_from_model(true);
                    true
                }
                Action::Submit if self.composer().is_idle() => self.refuse_while_model_sends(),
                Action::Submit | Action::AddPart | Action::Newline => {
                    self.take_over_from_model(false);
                    false
                }
                _ => false,
            };
        }
        let Some((draft, model)) = self
            .previewed_draft()
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
            self.load_finished_draft(id, draft);
        }
    }

    /// Takes the pen from a model that has it. What was sent stays said, and what is typed goes on
    /// with it. Calls that are whole and were not sent are in the composer where that is wanted.
    fn take_over_from_model(&mut self, wants_rest: bool) {
        let Some((id, draft)) = self.open.zip(self.auto_sent_draft().cloned()) else {
            return;
        };
        self.inbox.take_over(id, self.now);
        self.sync(id);
        let rest = draft.unsent();
        if wants_rest && rest.iter().any(Body::is_call) {
            self.load_finished_draft(id, draft.id);
        }
        let phase = self.conversation().and_then(Conversation::live_phase);
        let conversation_ui = self.conversation_ui(id);
        let (composer, composer_drafts) = (
            &mut conversation_ui.composer,
            &mut conversation_ui.composer_drafts,
        );
        if let Some(phase) = phase
            && composer.kind.can_be_live()
        {
            composer_drafts.live_by_takeover |= !composer.live;
            composer.live = true;
            composer.kind = match phase {
                Phase::Commentary => ReplyKind::Progress,
                Phase::FinalAnswer => ReplyKind::Send,
            };
        }
        self.mark_draft_changed(id);
        let words = match phase {
            Some(_) => "you have the pen: what you type goes on where it stopped",
            None => "you have the pen",
        };
        self.say(Level::Info, words);
    }

    /// Nothing is typed live any more that only was because the person took over.
    pub(super) fn end_takeover(&mut self, id: ConversationId) {
        let conversation_ui = self.conversation_ui(id);
        if std::mem::take(&mut conversation_ui.composer_drafts.live_by_takeover) {
            conversation_ui.composer.live = false;
        }
    }

    /// Remembers when a draft that is sent by itself was made: its words are what was said.
    pub(super) fn remember_sent_draft(&mut self, id: ConversationId, draft: DraftId) {
        let Some(conversation) = self.inbox.get(id) else {
            return;
        };
        let Some(request) = conversation.open_request() else {
            return;
        };
        let Some(conversation_ui) = self.conversation_uis.get_mut(&id) else {
            return;
        };
        let last = &mut conversation_ui.composer_drafts.last;
        let is_known = |last: &AnsweredDraft| {
            last.request == request && last.drafts.iter().any(|one| one.id == draft)
        };
        if last.as_ref().is_some_and(is_known) {
            return;
        }
        *last = self.inbox.get(id).map(|conversation| AnsweredDraft {
            request,
            drafts: conversation.drafts().to_vec(),
            decision: conversation.decision().cloned(),
        });
    }
}
