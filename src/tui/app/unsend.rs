//! The delay before an answer or a rejection is sent, in which it can be taken back. Until it is over,
//! the reply is saved as a draft.

use std::time::Duration;

use jiff::Timestamp;

use super::compose::Composed;
use super::{App, Dialog, Level};
use crate::draft::Draft;
use crate::inbox::{Conversation, ConversationId, RequestId};
use crate::tui::keys::action::Action;

/// A reply that is sent when its delay is over.
#[derive(Debug)]
pub(in crate::tui) struct DelayedReply {
    conversation: ConversationId,
    /// The only request that it may answer.
    request: RequestId,
    composed: Composed,
    due: Timestamp,
}

impl App {
    /// Whether a reply is delayed: one that ends the response for good, and of which nothing was sent
    /// yet.
    pub(super) fn can_be_delayed(&self, composed: &Composed) -> bool {
        let reply = &composed.reply;
        let is_last = reply.ends() && !reply.items().iter().any(|item| item.is_call());
        let is_live = composed.draft.live && composed.kind.can_be_live();
        !self.settings.unsend.is_zero() && is_last && !is_live
    }

    /// Delays a reply.
    pub(super) fn delay(&mut self, id: ConversationId, composed: Composed) {
        let Some(request) = self.conversation().and_then(Conversation::open_request) else {
            // Sending tells the person why it cannot be sent.
            return self.send(id, composed);
        };
        // No script may answer this request meanwhile.
        self.inbox.claim(Some(request));
        let unsend = self.settings.unsend;
        self.delayed_reply = Some(DelayedReply {
            conversation: id,
            request,
            composed,
            due: self.now.saturating_add(unsend).unwrap_or(self.now),
        });
        self.clear_composed(true);
    }

    /// Sends the delayed reply now; returns whether there was one.
    pub(super) fn send_delayed(&mut self) -> bool {
        if let Some((id, draft)) = self.take_undeliverable_reply() {
            self.bring_back(id, vec![draft]);
            self.say_news(Level::Bad, "client gone; text is back");
            return true;
        }
        let Some(held) = self.delayed_reply.take() else {
            return false;
        };
        self.inbox.claim(None);
        self.send(held.conversation, held.composed);
        true
    }

    /// Sends the delayed reply if its delay is over.
    pub(super) fn send_due(&mut self) {
        if self
            .delayed_reply
            .as_ref()
            .is_some_and(|held| held.due <= self.now)
        {
            self.send_delayed();
        }
    }

    fn send(&mut self, id: ConversationId, composed: Composed) {
        let draft = composed.draft.clone();
        let rest = self.composer_of(id).to_draft();
        if let Err(problem) = self.deliver(id, composed, &rest) {
            self.bring_back(id, vec![draft]);
            self.say(Level::Bad, problem.message);
        }
        self.mark_draft_changed(id);
        self.follow_open_request(id);
    }

    /// Takes the delayed reply back on keys that cancel or leave, so that nothing is sent while nobody
    /// looks. Returns whether that is all that the key does.
    pub(super) fn key_while_delayed(&mut self, action: Option<Action>) -> bool {
        match action {
            Some(Action::Cancel | Action::Interrupt | Action::Quit) => self.unsend(),
            Some(Action::Suspend | Action::Editor | Action::Page) => {
                self.unsend();
                false
            }
            _ => false,
        }
    }

    /// Takes the delayed reply back into its composer, and opens that conversation. Returns whether
    /// there was one.
    pub(super) fn unsend(&mut self) -> bool {
        let Some(held) = self.delayed_reply.take() else {
            return false;
        };
        self.inbox.claim(None);
        self.open_conversation(held.conversation);
        if !matches!(self.dialog, Dialog::Options(_)) {
            // Close dialogs that would cover the text; a form keeps its values.
            self.dialog = Dialog::None;
        }
        if self.shown_draft().is_some() {
            // Show the text in the place of a model's draft.
            self.show_own_words();
        }
        self.bring_back(held.conversation, vec![held.composed.draft]);
        self.postpone_auto();
        self.say(Level::Info, "not sent; text is back");
        true
    }

    /// Removes and returns the draft of the delayed reply, if its request is gone.
    pub(super) fn take_undeliverable_reply(&mut self) -> Option<(ConversationId, Draft)> {
        let inbox = &self.inbox;
        let held = self.delayed_reply.take_if(|held| {
            let conversation = inbox.get(held.conversation);
            conversation.and_then(Conversation::open_request) != Some(held.request)
        })?;
        self.inbox.claim(None);
        Some((held.conversation, held.composed.draft))
    }

    /// The draft of the delayed reply of a conversation, which is saved as long as it is not sent.
    pub(super) fn delayed_draft(&self, id: Option<ConversationId>) -> Option<&Draft> {
        let held = self.delayed_reply.as_ref();
        let held = held.filter(|held| Some(held.conversation) == id)?;
        Some(&held.composed.draft)
    }

    /// How long until the countdown shows the next number; `None` if there is none.
    pub(super) fn next_countdown_tick(&self) -> Option<Duration> {
        let left = self.delayed_reply.as_ref()?.due.duration_since(self.now);
        let left = Duration::try_from(left).unwrap_or_default();
        let part = Duration::from_nanos(left.subsec_nanos().into());
        Some(if part.is_zero() && !left.is_zero() {
            Duration::from_secs(1)
        } else {
            part
        })
    }

    /// The rows of the countdown, at most `width` columns wide: the keys, and the delayed reply.
    pub(in crate::tui) fn countdown(&self, width: usize) -> Vec<String> {
        let Some(held) = &self.delayed_reply else {
            return Vec::new();
        };
        let left = held.due.duration_since(self.now).as_millis();
        let seconds = u64::try_from(left).unwrap_or(0).div_ceil(1_000);
        let keys = [Action::Cancel, Action::Submit].map(|action| self.key_of(action));
        let [back, now] = keys;
        let long = format!("sending in {seconds} s · {back} takes it back · {now} sends it");
        let line = if long.chars().count() > width {
            format!("sending in {seconds} s · {back} back · {now} now")
        } else {
            long
        };
        let typed = held.composed.typed.chars();
        vec![line, typed.take(width).collect()]
    }
}
