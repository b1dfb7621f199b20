//! Opening conversations, and moving in the open one.

use ratatui::layout::Rect;

use super::{App, Dialog, Effect, Focus, Level};
use crate::api::Purpose;
use crate::draft::Draft;
use crate::inbox::{Conversation, ConversationId};
use crate::tui::inbox::ListSource;
use crate::tui::keys::action::Action;
use crate::tui::search::Searchable;
use crate::tui::terminal::clipboard::without_controls;
use crate::tui::transcript::Transcript;
use crate::tui::ui::Ui;

impl App {
    pub(super) fn cancel(&mut self) {
        self.notice = None;
        self.with_transcript(|transcript| {
            transcript.clear_selection();
        });
    }

    /// Runs `act` on the text that can be scrolled, if there is one.
    pub(super) fn with_searchable(&mut self, act: impl FnOnce(&mut dyn Searchable)) {
        if let Some(reading) = self.searchable_mut() {
            act(reading);
        }
    }

    pub(super) fn with_transcript(&mut self, change: impl FnOnce(&mut Transcript)) {
        if let Some(transcript) = self.open.and_then(|id| self.transcript_of(id)) {
            change(transcript);
        }
    }

    /// The transcript of a conversation, if that was ever opened.
    fn transcript_of(&mut self, id: ConversationId) -> Option<&mut Transcript> {
        self.conversation_uis.get_mut(&id)?.transcript.as_mut()
    }

    pub(in crate::tui) fn transcript_mut(&mut self) -> Option<&mut Transcript> {
        self.transcript_of(self.open?)
    }

    pub(super) fn on_arrived(
        &mut self,
        id: ConversationId,
        automatic: bool,
        current: bool,
        handled: bool,
    ) {
        let transcript = self.transcript_of(id);
        let was_at_bottom = transcript.is_none_or(|transcript| transcript.is_at_bottom());
        self.sync(id);
        if automatic {
            return;
        }
        // Do not scroll away from somebody who types about what they have scrolled up to, or who
        // searches.
        let has_scrolled = !self.composer().is_empty() && !was_at_bottom;
        let is_reading = self.open == Some(id) && (has_scrolled || self.finder().is_some());
        if current
            && !is_reading
            && let Some(transcript) = self.transcript_of(id)
        {
            transcript.show_new();
        }
        // Requests for a title or a probe do not ring and do not open: the person must not type the
        // answer to a prompt into a request for its title that came just before.
        let purpose = self.inbox.get(id).map(|found| found.request().purpose);
        let steps_aside = matches!(purpose, Some(Purpose::Title | Purpose::Probe));
        if !steps_aside && !handled {
            self.ring_for_request(id);
        }
        let is_idle = self.is_idle() && !steps_aside;
        if self.open == Some(id) {
            if current {
                self.take_scratch(id);
                self.offer_call(id);
                self.notice = None;
            } else {
                self.say_news(Level::Info, "another request is waiting behind this one");
            }
        } else if is_idle {
            self.open_conversation(id);
        } else if handled {
            // A script or a model has it, and the inbox shows that.
        } else if let Some(conversation) = self.inbox.get(id) {
            let title = conversation.title().to_owned();
            self.announced = Some(id);
            let key = self.key_of(Action::NextWaiting);
            self.say_news(
                Level::Info,
                format!("new request · {key} opens it · {title}"),
            );
        }
    }

    pub(super) fn on_client_gone(&mut self, id: ConversationId, returned: Vec<Draft>) {
        let has_returned = !returned.is_empty();
        self.offer_call(id);
        if has_returned {
            self.bring_back(id, returned);
        }
        if self.open == Some(id) {
            let waits = self.conversation().is_some_and(Conversation::is_waiting);
            let (level, what) = match (has_returned, waits) {
                (false, true) => (Level::Info, "one request gone; another is still waiting"),
                (false, false) => (Level::Bad, "client gone"),
                (true, _) => (Level::Bad, "client gone; text is back"),
            };
            self.say_news(level, what);
        }
    }

    /// Whether a new request may open by itself: nothing is being typed, no view or dialog is open, and
    /// no request waits in the open conversation.
    pub(super) fn is_idle(&self) -> bool {
        self.composer().is_idle()
            && self.is_composing()
            && matches!(self.dialog, Dialog::None)
            && !self.conversation().is_some_and(Conversation::is_waiting)
    }

    /// Lifts the rejection in the open or selected conversation, so that a retry waits for the person.
    pub(super) fn lift_rejection(&mut self) {
        let rejects = |found: &Conversation| found.rejects(self.now);
        let id = self
            .target_conversation()
            .filter(|id| self.inbox.get(*id).is_some_and(rejects));
        match id {
            Some(id) => {
                self.inbox.lift_rejections(id);
                self.say(
                    Level::Good,
                    "rejection lifted: whoever asks again waits for you",
                );
            }
            None => self.say(Level::Info, "nothing is rejected here"),
        }
    }

    /// The announced conversation, or else the one after the open one in order of waiting, so that
    /// pressing the key repeatedly visits all of them.
    pub(super) fn next_waiting(&self) -> Option<ConversationId> {
        let is_other = |id: &ConversationId| Some(*id) != self.open;
        let waits = |id: &ConversationId| self.inbox.get(*id).is_some_and(Conversation::is_waiting);
        let announced = self.announced.filter(|id| is_other(id) && waits(id));
        announced.or_else(|| {
            let waiting = || self.inbox.longest_waiting();
            let after = waiting().skip_while(|id| is_other(id)).nth(1);
            after.or_else(|| waiting().next()).filter(is_other)
        })
    }

    pub(super) fn step_conversation(&mut self, forward: bool) {
        let next = self.list.step(self.open, forward, &self.inbox);
        match next {
            Some(id) => self.open_conversation(id),
            _ if self.open.is_none() => self.say(Level::Info, "no request yet"),
            _ => self.say(Level::Info, "no other conversation"),
        }
    }

    /// Lays out the list of conversations in a pane; without one it is not shown. `has_column` says
    /// whether the list and the transcript are both on the screen.
    pub(in crate::tui) fn lay_out_list(&mut self, ui: &Ui, area: Option<Rect>, has_column: bool) {
        let mut list = std::mem::take(&mut self.list);
        let source = ListSource {
            inbox: &self.inbox,
            open: self.open,
            has_focus: self.is_in_inbox(),
            now: self.now,
            zone: &self.settings.zone,
            mode: &|id| self.mode(id),
            has_draft: &|id| self.has_draft(id),
        };
        list.layout(ui, &source, area, has_column);
        self.list = list;
    }

    /// Opens a conversation and gives the composer the focus.
    pub(super) fn open_conversation(&mut self, id: ConversationId) {
        self.close_search(false);
        self.focus = Focus::Composer;
        if self.open == Some(id) {
            return;
        }
        let first_look = self.transcript_of(id).is_none();
        if self.inbox.get(id).is_some_and(|found| !found.is_loaded()) {
            self.effects.push(Effect::Load(id));
        }
        self.open = Some(id);
        self.inbox.set_displayed(self.open, self.now);
        self.announced = None;
        self.dialog = Dialog::None;
        self.notice = None;
        self.sync(id);
        if first_look {
            self.with_transcript(Transcript::show_new);
        }
        self.take_scratch(id);
        self.offer_call(id);
    }

    /// Updates the transcript of a conversation, if that was ever opened.
    pub(super) fn sync(&mut self, id: ConversationId) {
        let is_open = self.open == Some(id);
        if !is_open && self.transcript_of(id).is_none() {
            return;
        }
        self.conversation_ui(id);
        if let (Some(conversation), Some(conversation_ui)) =
            (self.inbox.get(id), self.conversation_uis.get_mut(&id))
        {
            conversation_ui
                .transcript
                .get_or_insert_default()
                .sync(conversation);
        }
        if is_open && self.view().is_none() {
            self.recount();
        }
    }

    /// Copies the view; or what is selected in the composer, else the selected block, else the last
    /// one.
    pub(super) fn copy(&mut self) {
        if let Some(view) = self.view() {
            let text = view.as_str().to_owned();
            return self.copy_text(Some(text), "");
        }
        let text = self.composer_mut().take_selection().or_else(|| {
            let block = self.transcript().and_then(Transcript::current_block);
            block.map(|block| block.text().as_str().to_owned())
        });
        self.copy_text(text, "nothing to copy");
    }

    /// Copies the last code block of the selected block, or the last one of the conversation; again,
    /// the one before it.
    pub(super) fn copy_code(&mut self) {
        let code = self.transcript_mut().and_then(Transcript::next_code);
        self.copy_text(code, "no code block here");
    }

    fn copy_text(&mut self, text: Option<String>, otherwise: &str) {
        match text {
            Some(text) => self.effects.push(Effect::Copy(without_controls(&text))),
            None => self.say(Level::Info, otherwise),
        }
    }
}
