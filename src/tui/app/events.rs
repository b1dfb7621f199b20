//! Changes of the inbox: requests that come and go, and replies of models, rules and scripts.

use super::{App, Level};
use crate::inbox::{Change, Event, Mode};

impl App {
    /// Handles an event from the server or from a model.
    pub fn on_event(&mut self, event: Event) {
        if let Some(change) = self.inbox.apply(event, self.now) {
            self.on_change(change);
            self.start_due_auto();
        }
        self.follow_deleted();
        for id in self.inbox.take_dropped() {
            self.forget(id);
        }
    }

    /// Handles a change of the inbox.
    pub(super) fn on_change(&mut self, change: Change) {
        match change {
            Change::Arrived {
                conversation,
                automatic,
                current,
                handled,
                returned,
            } => {
                if !returned.is_empty() {
                    self.bring_back(conversation, returned);
                }
                if let Some(found) = self.inbox.get(conversation) {
                    self.list.on_arrival(found);
                }
                self.on_arrived(conversation, automatic, current, handled);
                if current {
                    self.offer_newest_draft(conversation);
                }
            }
            Change::Delivered {
                conversation,
                tokens,
            } => {
                if self.open == Some(conversation) {
                    // A model may send hundreds of pieces a second.
                    self.needs_sync = true;
                    let found = self.inbox.get(conversation);
                    // More text of an open message is not worth a notice.
                    let goes_on = found.is_some_and(|found| found.live_phase().is_some());
                    if self.auto_sent_draft().is_none()
                        && !(goes_on && self.inbox.mode(conversation) == Mode::Auto)
                    {
                        self.say(Level::Good, self.delivered(tokens));
                    }
                    self.open_next_waiting(conversation);
                }
            }
            Change::ClientGone {
                conversation,
                mut returned,
            } => {
                // The delayed reply was composed last.
                if let Some((_, draft)) = self.take_undeliverable_reply() {
                    returned.push(draft);
                }
                self.sync(conversation);
                let is_stale = self.is_stale(conversation);
                self.restore_own_words(conversation);
                self.on_client_gone(conversation, returned);
                if is_stale {
                    self.offer_newest_draft(conversation);
                }
            }
            Change::RejectedAgain { conversation } => {
                self.sync(conversation);
                if self.open == Some(conversation) {
                    self.say_news(Level::Info, "asked again, refused again");
                }
            }
            Change::Drafted {
                conversation,
                draft,
                update,
            } => self.on_draft_update(conversation, draft, &update),
            Change::RuleApplied(conversation) => {
                self.sync(conversation);
                self.drop_shown_draft(conversation);
                self.offer_newest_draft(conversation);
            }
            Change::ScriptReplied {
                conversation,
                ended,
            } => {
                self.sync(conversation);
                if ended {
                    self.drop_shown_draft(conversation);
                    self.offer_newest_draft(conversation);
                }
                if self.open == Some(conversation) {
                    let words = if ended {
                        "a script answered"
                    } else {
                        "a script sent a note"
                    };
                    self.say_news(Level::Info, words);
                    self.offer_call(conversation);
                }
            }
        }
    }

    /// The notice for a delivered reply: its tokens, and the person's speed.
    fn delivered(&self, tokens: u64) -> String {
        if tokens == 0 {
            // A rejection.
            return "delivered".into();
        }
        let unit = if tokens == 1 { "token" } else { "tokens" };
        let speed = self.inbox.statistics().tokens_per_second();
        let speed = speed
            .map(|speed| format!(" · {speed:.1}/s"))
            .unwrap_or_default();
        format!("delivered · {tokens} {unit}{speed}")
    }
}
