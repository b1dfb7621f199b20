//! The moment between the key that lets a model answer by itself and its beginning: whoever only goes on
//! to the next mode has nothing said in their place.

use std::time::Duration;

use jiff::Timestamp;

use super::App;
use crate::inbox::{Conversation, ConversationId, Mode, RequestId};

/// How long the key has to rest.
const REST: Duration = Duration::from_secs(1);

/// That a model is about to answer by itself.
#[derive(Debug)]
pub(in crate::tui) struct PendingAuto {
    conversation: ConversationId,
    /// What it would answer. One that comes after it is answered at once.
    request: RequestId,
    due: Timestamp,
}

impl PendingAuto {
    /// Whether it is so in a conversation.
    pub(super) fn is_in(&self, id: ConversationId) -> bool {
        self.conversation == id
    }
}

impl App {
    /// How a conversation goes on, as the person wants it.
    pub(in crate::tui) fn mode(&self, id: ConversationId) -> Mode {
        match self.is_auto_pending(id) {
            true => Mode::Auto,
            false => self.inbox.mode(id),
        }
    }

    /// Whether a model is about to answer by itself, unless the person wants something else.
    pub(in crate::tui) fn is_auto_pending(&self, id: ConversationId) -> bool {
        self.pending_auto
            .as_ref()
            .is_some_and(|pending_auto| pending_auto.is_in(id))
    }

    /// Lets a model answer by itself: what waits when nobody has wanted anything else for a while, what
    /// comes later at once.
    pub(super) fn schedule_auto(&mut self, id: ConversationId) {
        let begins = self.inbox.get(id).filter(|found| {
            let is_taken = found.decision().is_some() || found.sending().is_some();
            found.is_waiting() && !is_taken
        });
        let Some(request) = begins.and_then(Conversation::open_request) else {
            return self.start_auto(id);
        };
        // One that the person has left to itself in another conversation does not wait for this one.
        if let Some(other) = self.pending_auto.take() {
            self.start_auto(other.conversation);
        }
        self.pending_auto = Some(PendingAuto {
            conversation: id,
            request,
            due: self.now.saturating_add(REST).unwrap_or(self.now),
        });
    }

    /// Has a model answer by itself if the time for that has come, or the request is not the same any
    /// more.
    pub(super) fn start_due_auto(&mut self) {
        let Some(pending_auto) = &self.pending_auto else {
            return;
        };
        let id = pending_auto.conversation;
        let open = self.inbox.get(id).and_then(Conversation::open_request);
        let is_same = open == Some(pending_auto.request);
        // The person has answered it, which may be taken back.
        let is_answered = self.delayed_draft(Some(id)).is_some();
        if !is_same || pending_auto.due <= self.now && !is_answered {
            self.pending_auto = None;
            self.start_auto(id);
        }
    }

    /// The person has taken an answer back: the key rests from now on.
    pub(super) fn postpone_auto(&mut self) {
        if let Some(pending_auto) = &mut self.pending_auto {
            pending_auto.due = self.now.saturating_add(REST).unwrap_or(self.now);
        }
    }

    /// How long until a model begins by itself; `None` if none does.
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
