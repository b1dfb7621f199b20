//! Calling the person, who may look elsewhere, and leading them on.

use jiff::{SignedDuration, Timestamp};

use super::{App, Dialog, Effect, Level};
use crate::api::Body;
use crate::inbox::{Conversation, ConversationId, ReplyContent, SentReply, Status};
use crate::tui::inbox::folder;
use crate::tui::text::format::{agent_name, elapsed};
use crate::tui::text::one_line;

/// Columns of a notification: what is longer is cut by those who show it, or worse.
const MAX_LENGTH: u16 = 120;

/// What is known of whether the person is there.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// Whether the terminal says that it has lost the focus.
    is_away: bool,
    /// When the person did something last, or was called for one that waits long.
    stirred: Timestamp,
}

impl App {
    /// Takes in whether the terminal has the focus.
    pub(super) fn on_focus(&mut self, has_focus: bool) {
        self.attention.is_away = !has_focus;
    }

    /// The person did something.
    pub(super) fn stir(&mut self) {
        self.attention.stirred = self.now;
    }

    /// Rings for a request that came in, and says what it is where nobody looks.
    pub(super) fn call_for(&mut self, id: ConversationId) {
        let words = self.inbox.get(id).map(|found| {
            let agent = agent_name(&found.agent);
            match folder(found) {
                "" => format!("{} · {agent}", found.title()),
                folder => format!("{} · {agent} in {folder}", found.title()),
            }
        });
        self.call(&words.unwrap_or_default());
    }

    pub(super) fn call(&mut self, words: &str) {
        if self.settings.bell {
            self.effects.push(Effect::Bell);
        }
        if self.attention.is_away {
            self.effects
                .push(Effect::Notify(one_line(words, MAX_LENGTH)));
        }
    }

    /// Calls again if somebody has waited long, and the person has done nothing for as long.
    pub(super) fn remind(&mut self) {
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
        let idle = self.now.duration_since(since.max(self.attention.stirred));
        if SignedDuration::try_from(after).is_ok_and(|after| idle >= after) {
            let words = format!("waiting {} · {}", elapsed(since, self.now), found.title());
            self.stir();
            self.call(&words);
        }
    }

    /// Opens the next conversation that waits when the answer in this one has arrived, if that is
    /// wanted and the person has begun nothing else.
    pub(super) fn advance(&mut self, from: ConversationId) {
        let is_answered = self.inbox.get(from).is_some_and(is_answered);
        let is_idle =
            self.composer().is_idle() && self.is_composing() && matches!(self.dialog, Dialog::None);
        if !self.settings.auto_advance || self.open != Some(from) || !is_answered || !is_idle {
            return;
        }
        if let Some(next) = self.next_waiting() {
            self.show(next);
            self.tell(Level::Good, "answered · next request");
        }
    }
}

/// Whether the last word is the answer, and not a call whose result comes back.
fn is_answered(conversation: &Conversation) -> bool {
    let is_call =
        |said: &SentReply| matches!(&said.words, ReplyContent::Item(item) if Body::is_call(item));
    !conversation.is_waiting()
        && conversation
            .said()
            .last()
            .is_some_and(|said| !is_call(said))
}
