//! Getting the person's attention with the bell and with notifications, and opening the next request
//! after an answer.

use jiff::{SignedDuration, Timestamp};

use super::{App, Dialog, Effect, Level};
use crate::api::Body;
use crate::inbox::{Conversation, ConversationId, ReplyContent, SentReply, Status};
use crate::tui::inbox::folder;
use crate::tui::text::format::{agent_name, elapsed};
use crate::tui::text::one_line;

/// Columns of a notification. Terminals and desktops cut longer ones, or handle them worse.
const MAX_LENGTH: u16 = 120;

/// Whether the person is at the terminal.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Whether the terminal has reported that it lost the focus.
    is_away: bool,
    /// When the person last pressed a key, or was last reminded.
    last_activity: Timestamp,
}

impl App {
    /// Handles a change of the terminal's focus.
    pub(super) fn on_focus(&mut self, has_focus: bool) {
        self.attention.is_away = !has_focus;
    }

    /// Records that the person did something.
    pub(super) fn note_activity(&mut self) {
        self.attention.last_activity = self.now;
    }

    /// Rings for a new request, with a notification about it if the terminal has no focus.
    pub(super) fn ring_for_request(&mut self, id: ConversationId) {
        let words = self.inbox.get(id).map(|found| {
            let agent = agent_name(&found.agent);
            match folder(found) {
                "" => format!("{} · {agent}", found.title()),
                folder => format!("{} · {agent} in {folder}", found.title()),
            }
        });
        self.ring(&words.unwrap_or_default());
    }

    /// Rings the bell if that is configured, and notifies if the terminal has no focus.
    pub(super) fn ring(&mut self, words: &str) {
        if self.settings.bell {
            self.effects.push(Effect::Bell);
        }
        if self.attention.is_away {
            self.effects
                .push(Effect::Notify(one_line(words, MAX_LENGTH)));
        }
    }

    /// Rings again if a request has waited for the configured time, and the person has been idle for
    /// as long.
    pub(super) fn remind_of_waiting(&mut self) {
        let Some(after) = self.settings.remind_after else {
            return;
        };
        let longest = self.inbox.longest_waiting().next();
        let Some(found) = longest.and_then(|id| self.inbox.get(id)) else {
            return;
        };
        let Status::Waiting { since } = found.status() else {
            return;
        };
        let idle = self
            .now
            .duration_since(since.max(self.attention.last_activity));
        if SignedDuration::try_from(after).is_ok_and(|after| idle >= after) {
            let words = format!("waiting {} · {}", elapsed(since, self.now), found.title());
            self.note_activity();
            self.ring(&words);
        }
    }

    /// Opens the next waiting conversation once the answer in this one is delivered, if that is
    /// configured and the person has not begun something else.
    pub(super) fn open_next_waiting(&mut self, from: ConversationId) {
        let is_answered = self.inbox.get(from).is_some_and(is_answered);
        let is_idle =
            self.composer().is_idle() && self.is_composing() && matches!(self.dialog, Dialog::None);
        if !self.settings.auto_advance || self.open != Some(from) || !is_answered || !is_idle {
            return;
        }
        if let Some(next) = self.next_waiting() {
            self.open_conversation(next);
            self.say_news(Level::Good, "answered · next request");
        }
    }
}

/// Whether the last reply was an answer, and not a tool call whose output comes back.
fn is_answered(conversation: &Conversation) -> bool {
    let is_call =
        |said: &SentReply| matches!(&said.content, ReplyContent::Item(item) if Body::is_call(item));
    !conversation.is_waiting()
        && conversation
            .replies()
            .last()
            .is_some_and(|said| !is_call(said))
}
