//! Who writes to the client: the person, or a model whose draft is sent while it is made. The person
//! takes over by typing, and hands back with one key.

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
    /// The draft of the open conversation that is sent while it is made.
    pub(in crate::tui) fn auto_sent_draft(&self) -> Option<&ModelDraft> {
        let conversation = self.conversation()?;
        let sending = conversation.sending()?;
        let mut drafts = conversation.drafts().iter();
        drafts.find(|draft| draft.id == sending)
    }

    /// Whether a model writes to the client. If so, a notice says how to take over.
    pub(super) fn refuse_while_model_sends(&mut self) -> bool {
        let Some(model) = self.auto_sent_draft().map(|draft| draft.model.clone()) else {
            return false;
        };
        let key = self.key_of(Action::Cancel);
        self.say(Level::Info, format!("{model} writes; {key} takes over"));
        true
    }

    /// Has a model continue the text in the composer, as a draft. If a live message is open, or in mode
    /// `auto`, hands back to the model instead: it continues what was already sent.
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
        // The draft begins with these words, and without the draft they are the person's as before.
        match self.inbox.draft(id, ask, self.now) {
            Ok(draft) => {
                self.notice = None;
                self.show_draft(id, draft);
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Sends what is in the composer, and has a model write the rest to the client.
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
        match self.inbox.start_model_reply(id, None, self.now) {
            Ok(_) => {
                self.end_takeover(id);
                self.say(Level::Info, "the model goes on");
            }
            Err(error) => self.say(Level::Info, error.to_string()),
        }
    }

    /// Changes to the next mode: manual, draft, auto.
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

    /// Tells how to set up a model, because there is none.
    fn say_no_model(&mut self) {
        let error = DraftError::NoModel;
        self.say(Level::Info, error.to_string());
    }

    /// Handles the begin of typing: takes over from a model that sends, and loads an unfinished draft
    /// into the composer as the person's own.
    pub(super) fn begin_typing(&mut self) {
        self.take_over_from_model(false);
        if let Some((id, draft)) = self.open.zip(self.previewed_draft().map(|draft| draft.id)) {
            self.load_draft(id, draft);
            self.detach_draft();
        }
    }

    /// Takes over if a key without an action would be typed into a model's draft.
    pub(super) fn take_over_by_typing(&mut self, key: &KeyEvent) {
        let is_writing =
            self.previewed_draft().is_some() || (types(key) && self.auto_sent_draft().is_some());
        if is_writing && self.is_composing() {
            self.begin_typing();
        }
    }

    /// Does what an action means while a model writes; returns whether that is all the action does.
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

    /// Stops a draft, and loads what there is of it into the composer.
    fn stop_draft(&mut self, draft: DraftId) {
        self.inbox.cancel_draft(draft, self.now);
        if let Some(id) = self.open {
            self.load_finished_draft(id, draft);
        }
    }

    /// Takes over from a model that writes to the client. What was sent stays sent, and what is typed
    /// continues it. With `wants_rest`, complete calls that were not sent yet go into the composer.
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

    /// Switches typing live off again if it was on only because the person took over.
    pub(super) fn end_takeover(&mut self, id: ConversationId) {
        let conversation_ui = self.conversation_ui(id);
        if std::mem::take(&mut conversation_ui.composer_drafts.live_by_takeover) {
            conversation_ui.composer.live = false;
        }
    }

    /// Remembers a draft that is sent by itself as one for the last answered request.
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
        let last = &mut conversation_ui.composer_drafts.last_answered;
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
