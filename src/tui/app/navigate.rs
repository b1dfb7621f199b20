//! Going from one conversation to another, and around in the one that is open.

use super::{App, Dialog, Effect, Level, Pane};
use crate::draft::Draft;
use crate::inbox::{Conversation, ConversationId};
use crate::tui::form::pretty;
use crate::tui::keys::action::Action;
use crate::tui::pager::{self, Pager, Topic};
use crate::tui::terminal::clipboard::without_controls;
use crate::tui::transcript::Transcript;
use crate::tui::transcript::block::Block;

impl App {
    pub(super) fn cancel(&mut self) {
        self.notice = None;
        if self.pager.take().is_some() {
            return;
        }
        if self.pane == Pane::Inbox {
            return self.leave_inbox();
        }
        self.with_transcript(|transcript| {
            transcript.clear_selection();
        });
    }

    pub(super) fn toggle_pager(&mut self, topic: Topic) {
        if self.pager.take().is_some_and(|pager| pager.topic == topic) {
            return;
        }
        let text = match (topic, self.conversation()) {
            (Topic::Help, _) => pager::help(&self.settings.keymap),
            (Topic::Statistics, _) => pager::statistics(self.inbox.statistics()),
            (_, None) => return self.say(Level::Info, "no request has come in yet"),
            (Topic::Tools, Some(conversation)) => pager::tools(conversation.tools()),
            (Topic::Raw, Some(conversation)) => {
                let block = self.transcript().and_then(Transcript::selected_block);
                match block.and_then(Block::raw) {
                    Some(raw) => pretty(raw),
                    None => pretty(&conversation.request().whole()),
                }
            }
        };
        // It takes the place of the transcript, also where only one pane is on the screen.
        self.leave_inbox();
        self.pager = Some(Pager::new(topic, text));
    }

    pub(super) fn scroll(&mut self, rows: i64) {
        match &mut self.pager {
            Some(pager) => pager.scroll(rows),
            None => self.with_transcript(|transcript| transcript.scroll(rows)),
        }
    }

    pub(super) fn scroll_pages(&mut self, pages: i64) {
        match &mut self.pager {
            Some(pager) => pager.scroll_pages(pages),
            None => self.with_transcript(|transcript| transcript.scroll_pages(pages)),
        }
    }

    pub(super) fn with_transcript(&mut self, change: impl FnOnce(&mut Transcript)) {
        let open = self.open.and_then(|id| self.transcripts.get_mut(&id));
        if let Some(transcript) = open {
            change(transcript);
        }
    }

    pub(in crate::tui) fn transcript_mut(&mut self) -> Option<&mut Transcript> {
        self.transcripts.get_mut(&self.open?)
    }

    pub(super) fn arrived(&mut self, id: ConversationId, automatic: bool, current: bool) {
        let transcript = self.transcripts.get(&id);
        let was_at_bottom = transcript.is_none_or(Transcript::is_at_bottom);
        self.sync(id);
        if automatic {
            return;
        }
        // Somebody who types and has scrolled up is reading what the words are about.
        let is_reading = self.open == Some(id) && !self.composer().is_empty() && !was_at_bottom;
        if let Some(transcript) = self
            .transcripts
            .get_mut(&id)
            .filter(|_| current && !is_reading)
        {
            transcript.show_new();
        }
        self.call_for(id);
        let is_idle = self.is_idle();
        if self.open == Some(id) {
            if current {
                self.take_scratch(id);
                self.notice = None;
            } else {
                self.tell(Level::Info, "another request waits behind this one");
            }
        } else if is_idle {
            self.show(id);
        } else if let Some(conversation) = self.inbox.get(id) {
            let title = conversation.title().to_owned();
            self.announced = Some(id);
            let key = self.key_of(Action::NextWaiting);
            self.tell(
                Level::Info,
                format!("new request · {key} opens it · {title}"),
            );
        }
    }

    pub(super) fn client_gone(&mut self, id: ConversationId, returned: Vec<Draft>) {
        let has_returned = !returned.is_empty();
        if has_returned {
            self.composer_of(id).bring_back(returned);
            self.keep_draft_of(id);
        }
        if self.open == Some(id) {
            let waits = self.conversation().is_some_and(Conversation::is_waiting);
            let (level, what) = match (has_returned, waits) {
                (false, true) => (Level::Info, "one request is gone; another still waits"),
                (false, false) => (Level::Bad, "the client is gone"),
                (true, _) => (Level::Bad, "client gone; text is back"),
            };
            self.tell(level, what);
        }
    }

    /// Whether a new request may take the screen: nothing is being typed, read or asked, and the
    /// open conversation waits for nothing.
    fn is_idle(&self) -> bool {
        self.composer().is_idle()
            && self.pager.is_none()
            && !self.inbox_view.is_focused()
            && matches!(self.dialog, Dialog::None)
            && !self.conversation().is_some_and(Conversation::is_waiting)
    }

    /// The conversation that was announced, else the one that has waited next longest: pressing the
    /// key again and again comes by all of them.
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
        let next = self.inbox_view.step(self.open, forward, &self.inbox);
        match next {
            Some(id) => self.open(id),
            _ if self.open.is_none() => self.say(Level::Info, "no request has come in yet"),
            _ => self.say(Level::Info, "no further conversation"),
        }
    }

    /// Opens a conversation, and goes to it.
    pub(super) fn show(&mut self, id: ConversationId) {
        self.leave_inbox();
        self.open(id);
    }

    /// Puts a conversation on the screen, and stays in the list for whoever is there.
    pub(super) fn open(&mut self, id: ConversationId) {
        if self.open == Some(id) {
            return;
        }
        let first_look = !self.transcripts.contains_key(&id);
        if self.inbox.get(id).is_some_and(|found| !found.is_loaded()) {
            self.effects.push(Effect::Load(id));
        }
        self.open = Some(id);
        self.inbox_view.on_opened(id);
        self.inbox.look_at(self.open);
        self.announced = None;
        self.pager = None;
        self.dialog = Dialog::None;
        self.notice = None;
        self.sync(id);
        if first_look {
            self.with_transcript(Transcript::show_new);
        }
        self.take_scratch(id);
    }

    /// Brings the transcript of a conversation up to date, if it has been looked at.
    pub(super) fn sync(&mut self, id: ConversationId) {
        let Some(conversation) = self.inbox.get(id) else {
            return;
        };
        if self.open == Some(id) || self.transcripts.contains_key(&id) {
            self.transcripts.entry(id).or_default().sync(conversation);
        }
    }

    /// Copies what is selected in the composer, else the selected block, else the last one.
    pub(super) fn copy(&mut self) {
        let text = self.composer_mut().take_selection().or_else(|| {
            let block = self.transcript().and_then(Transcript::block_at_hand);
            block.map(|block| block.text().as_str().to_owned())
        });
        self.copy_text(text, "there is nothing to copy");
    }

    /// Copies the last code block of the selected block, or the last one of the conversation.
    pub(super) fn copy_code(&mut self) {
        let code = self.transcript().and_then(Transcript::code_at_hand);
        self.copy_text(code, "there is no code block here");
    }

    fn copy_text(&mut self, text: Option<String>, otherwise: &str) {
        match text {
            Some(text) => self.effects.push(Effect::Copy(without_controls(&text))),
            None => self.say(Level::Info, otherwise),
        }
    }
}
