//! The short delay between the key that chooses the mode `auto` and the model's beginning: somebody
//! who only passes through that mode on the way to the next one must not have anything sent.

use std::time::Duration;

use jiff::Timestamp;

use super::App;
use crate::inbox::{Conversation, ConversationId, Mode, RequestId};

/// How long after the last key press the model begins.
const AUTO_DELAY: Duration = Duration::from_secs(1);

/// A conversation in which a model is about to begin to answer by itself.
#[derive(Debug)]
pub(in crate::tui) struct PendingAuto {
    conversation: ConversationId,
    /// The request that waits now. The delay does not apply to later ones.
    request: RequestId,
    due: Timestamp,
}

impl PendingAuto {
    /// Whether it is about this conversation.
    pub(super) fn is_in(&self, id: ConversationId) -> bool {
        self.conversation == id
    }
}

impl App {
    /// The mode that the person has chosen for a conversation, even if it has not begun yet.
    pub(in crate::tui) fn mode(&self, id: ConversationId) -> Mode {
        if self.is_auto_pending(id) {
            Mode::Auto
        } else {
            self.inbox.mode(id)
        }
    }

    /// Whether a model is about to answer by itself, which can still be stopped.
    pub(in crate::tui) fn is_auto_pending(&self, id: ConversationId) -> bool {
        self.pending_auto
            .as_ref()
            .is_some_and(|pending_auto| pending_auto.is_in(id))
    }

    /// Has a model answer by itself: a request that waits now after a delay, later ones at once.
    pub(super) fn schedule_auto(&mut self, id: ConversationId) {
        let begins = self.inbox.get(id).filter(|found| {
            let is_taken = found.decision().is_some() || found.sending().is_some();
            found.is_waiting() && !is_taken
        });
        let Some(request) = begins.and_then(Conversation::open_request) else {
            return self.start_auto(id);
        };
        // Only one start is delayed at a time: another conversation's begins now.
        if let Some(other) = self.pending_auto.take() {
            self.start_auto(other.conversation);
        }
        self.pending_auto = Some(PendingAuto {
            conversation: id,
            request,
            due: self.now.saturating_add(AUTO_DELAY).unwrap_or(self.now),
        });
    }

    /// Starts the mode `auto` if its delay is over, or the request that it waited for is gone.
    pub(super) fn start_due_auto(&mut self) {
        let Some(pending_auto) = &self.pending_auto else {
            return;
        };
        let id = pending_auto.conversation;
        let open = self.inbox.get(id).and_then(Conversation::open_request);
        let is_same = open == Some(pending_auto.request);
        // The person's own answer may still be taken back.
        let is_answered = self.delayed_draft(Some(id)).is_some();
        if !is_same || pending_auto.due <= self.now && !is_answered {
            self.pending_auto = None;
            self.start_auto(id);
        }
    }

    /// Begins the delay again, because the person has taken an answer back.
    pub(super) fn postpone_auto(&mut self) {
        if let Some(pending_auto) = &mut self.pending_auto {
            pending_auto.due = self.now.saturating_add(AUTO_DELAY).unwrap_or(self.now);
        }
    }

    /// How long until a model begins by itself; `None` if none is about to.
    pub(super) fn next_auto_start(&self) -> Option<Duration> {
        let pending_auto = self.pending_auto.as_ref();
        let pending_auto = pending_auto.filter(|pending_auto| {
            self.delayed_draft(Some(pending_auto.conversation))
                .is_none()
        })?;
        let wait = Duration::try_from(pending_auto.due.duration_since(self.now));
        Some(wait.unwrap_or_default())
    }

    fn start_auto(&mut self, id: ConversationId) {
        // The composer is the person's while a model writes to the client.
        let drafts = self.inbox.get(id).map_or(&[][..], Conversation::drafts);
        let shown = self
            .conversation_uis
            .get(&id)
            .and_then(|own| own.composer_drafts.shown);
        let mut shown = drafts.iter().filter(|draft| Some(draft.id) == shown);
        if let Some(draft) = shown.find(|draft| draft.is_streaming()) {
            self.inbox.cancel_draft(draft.id, self.now);
        }
        self.drop_shown_draft(id);
        if let Some(change) = self.inbox.set_mode(id, Mode::Auto, self.now) {
            self.on_change(change);
        }
        self.offer_newest_draft(id);
    }
}
