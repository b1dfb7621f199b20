//! The moment before an answer or a rejection leaves, in which it can be taken back. Until it is over
//! nobody but the journal knows of it, for which it is a draft.

use std::time::Duration;

use jiff::Timestamp;

use super::compose::Composed;
use super::{App, Dialog, Level};
use crate::draft::Draft;
use crate::inbox::{Conversation, ConversationId, RequestId};
use crate::tui::keys::action::Action;

/// A reply that leaves when its time has come.
#[derive(Debug)]
pub(in crate::tui) struct DelayedReply {
    conversation: ConversationId,
    /// Whom it answers, and nobody else.
    request: RequestId,
    composed: Composed,
    due: Timestamp,
}

impl App {
    /// Whether a reply can be taken back for a while: what cannot be mended by another note or
    /// command, and of which nothing has left yet.
    pub(super) fn can_be_delayed(&self, composed: &Composed) -> bool {
        let reply = &composed.reply;
        let is_last = reply.ends() && !reply.items().iter().any(|item| item.is_call());
        let is_live = composed.draft.live && composed.kind.can_be_live();
        !self.settings.unsend.is_zero() && is_last && !is_live
    }

    /// Has a reply wait for its time.
    pub(super) fn hold(&mut self, id: ConversationId, composed: Composed) {
        let Some(request) = self.conversation().and_then(Conversation::open_request) else {
            // To be told so.
            return self.send(id, composed);
        };
        // A script that answers now would answer behind the person's back.
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

    /// Sends what is held, if something is; says whether it was.
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

    /// Sends what is held if its time has come.
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

    /// Takes a key that takes back what is held: nothing leaves behind the back of somebody who goes.
    /// Says whether that is all that the key does.
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

    /// Takes back what is held, if something is: the words are in their composer again, and that is
    /// on the screen.
    pub(super) fn unsend(&mut self) -> bool {
        let Some(held) = self.delayed_reply.take() else {
            return false;
        };
        self.inbox.claim(None);
        self.open_conversation(held.conversation);
        if !matches!(self.dialog, Dialog::Options(_)) {
            // What was filled in stays; a list would stand before the words.
            self.dialog = Dialog::None;
        }
        if self.shown_draft().is_some() {
            // They are what is on the screen, and the draft waits beside them.
            self.show_own_words();
        }
        self.bring_back(held.conversation, vec![held.composed.draft]);
        self.postpone_auto();
        self.say(Level::Info, "not sent; text is back");
        true
    }

    /// What was held for a client that is gone, as it was composed.
    pub(super) fn take_undeliverable_reply(&mut self) -> Option<(ConversationId, Draft)> {
        let inbox = &self.inbox;
        let held = self.delayed_reply.take_if(|held| {
            let conversation = inbox.get(held.conversation);
            conversation.and_then(Conversation::open_request) != Some(held.request)
        })?;
        self.inbox.claim(None);
        Some((held.conversation, held.composed.draft))
    }

    /// What is held in a conversation, as it was composed: for the journal it is a draft.
    pub(super) fn delayed_draft(&self, id: Option<ConversationId>) -> Option<&Draft> {
        let held = self.delayed_reply.as_ref();
        let held = held.filter(|held| Some(held.conversation) == id)?;
        Some(&held.composed.draft)
    }

    /// How long until the countdown says another number; `None` if there is none.
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

    /// What is about to be sent, and what keys do about it, in rows for this many columns.
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
