//! Dismissing conversations from the inbox; the journal keeps them.

use super::conversations::BUSY;
use super::{App, Level};
use crate::inbox::ConversationId;
use crate::tui::keys::action::Action;

impl App {
    /// Dismisses a conversation from the inbox.
    pub(super) fn dismiss(&mut self, id: Option<ConversationId>) {
        let Some(id) = id else {
            return self.say(Level::Info, "no conversation to dismiss");
        };
        if self.has_draft(id) {
            return self.say(Level::Info, "there is a draft here: send or clear it first");
        }
        let at = self.inbox.position(id).unwrap_or(0);
        if !self.inbox.dismiss(id) {
            return self.say(Level::Info, BUSY);
        }
        self.on_removed_from_list(id, at);
        self.forget(id);
        self.say_dismissed(1);
    }

    /// Dismisses all conversations in which nobody waits and no draft is unsent.
    pub(super) fn dismiss_done(&mut self) {
        let with_draft = self.inbox.conversations().map(|found| found.id);
        let with_draft: Vec<ConversationId> = with_draft.filter(|id| self.has_draft(*id)).collect();
        let done = self.inbox.dismiss_done(|id| with_draft.contains(&id));
        for id in &done {
            self.on_removed_from_list(*id, 0);
            self.forget(*id);
        }
        match done.len() {
            0 => self.say(Level::Info, "nothing to dismiss"),
            count => self.say_dismissed(count),
        }
    }

    fn say_dismissed(&mut self, count: usize) {
        let what = match count {
            1 => "dismissed".to_owned(),
            count => format!("{count} dismissed"),
        };
        let found = if self.store().has_journal() {
            format!(
                " · {} finds it again",
                self.key_of(Action::FindConversation)
            )
        } else {
            String::new()
        };
        self.say(Level::Good, what + &found);
    }
}
