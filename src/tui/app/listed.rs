//! The list of conversations: going through it, and taking off what is done.

use crossterm::event::KeyEvent;

use super::past::BUSY;
use super::{App, Level, Pane};
use crate::inbox::ConversationId;
use crate::tui::inbox::Outcome;
use crate::tui::keys::action::Action;

impl App {
    /// Shows the inbox and gives it the keys; puts it away if it has them.
    pub(super) fn toggle_inbox(&mut self) {
        self.pager = None;
        if self.inbox_view.is_focused() {
            self.hides_inbox = self.hits.has_columns;
            return self.leave_inbox();
        }
        self.hides_inbox = false;
        self.pane = Pane::Inbox;
        self.inbox_view.focus(&self.inbox, self.open);
    }

    /// Gives the keys back to the composer.
    pub(super) fn leave_inbox(&mut self) {
        self.inbox_view.blur();
        self.pane = Pane::Transcript;
    }

    /// Takes a key that is for the inbox while that has the keys; says whether it was.
    pub(super) fn key_in_inbox(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        if !self.inbox_view.is_focused() {
            return false;
        }
        match self.inbox_view.on_key(key, action, &self.inbox) {
            Outcome::Ignored => return false,
            Outcome::Consumed => {}
            Outcome::Open(id) => {
                self.leave_inbox();
                self.show(id);
            }
            Outcome::Dismiss(id) => self.dismiss(Some(id)),
            Outcome::DismissDone => self.dismiss_done(),
            Outcome::Close => self.leave_inbox(),
        }
        true
    }

    /// Takes a conversation off the list; the journal keeps it.
    pub(super) fn dismiss(&mut self, id: Option<ConversationId>) {
        let Some(id) = id else {
            return self.say(Level::Info, "there is no conversation to dismiss");
        };
        if self.has_draft(id) {
            return self.say(Level::Info, "a draft is here: send or clear it first");
        }
        let at = self.inbox.position(id).unwrap_or(0);
        if !self.inbox.dismiss(id) {
            return self.say(Level::Info, BUSY);
        }
        self.forget(id, at);
        self.say_dismissed(1);
    }

    /// Takes all off the list that nobody waits in and that hold no draft.
    pub(super) fn dismiss_done(&mut self) {
        let with_draft = self.inbox.conversations().map(|found| found.id);
        let with_draft: Vec<ConversationId> = with_draft.filter(|id| self.has_draft(*id)).collect();
        let done = self.inbox.dismiss_done(|id| with_draft.contains(&id));
        for id in &done {
            self.forget(*id, 0);
        }
        match done.len() {
            0 => self.say(Level::Info, "nothing is done yet"),
            count => self.say_dismissed(count),
        }
    }

    fn say_dismissed(&mut self, count: usize) {
        let what = match count {
            1 => "dismissed".to_owned(),
            count => format!("{count} dismissed"),
        };
        let found = match self.store().keeps() {
            true => format!(
                " · {} finds it again",
                self.key_of(Action::FindConversation)
            ),
            false => String::new(),
        };
        self.say(Level::Good, what + &found);
    }
}
