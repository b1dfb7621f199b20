//! The order in which conversations are listed, kept as they change.

use std::cmp::Reverse;
use std::collections::VecDeque;

use jiff::Timestamp;

use super::{Conversation, Status};
use crate::store::ConversationId;

/// Where a conversation is listed: those that wait come first, the longest wait on top, then the
/// newest activity, sub-agents below the conversation that began them. What the program answers by
/// itself comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ListKey {
    Waiting(Timestamp, ConversationId),
    /// By the newest activity among those that belong together, and by the first of them.
    Done(Reverse<Timestamp>, ConversationId, ConversationId),
    Automatic(Reverse<Timestamp>, ConversationId),
}

impl ListKey {
    fn of(conversation: &Conversation) -> Self {
        let active = Reverse(conversation.last_activity);
        match conversation.status() {
            Status::Waiting { since } => Self::Waiting(since, conversation.id),
            _ if conversation.automatic.is_some() => Self::Automatic(active, conversation.id),
            _ => match conversation.family {
                Some(family) => Self::Done(Reverse(family.active), family.root, conversation.id),
                None => Self::Done(active, conversation.id, conversation.id),
            },
        }
    }

    fn id(self) -> ConversationId {
        match self {
            Self::Waiting(_, id) | Self::Done(_, _, id) | Self::Automatic(_, id) => id,
        }
    }
}

/// All conversations in order. What is asked of it does not take longer the more there are.
#[derive(Debug, Default)]
pub(super) struct ListOrder {
    /// What changes is near the front, so little is moved.
    listed: VecDeque<ListKey>,
    /// How many requests wait.
    requests: usize,
}

impl ListOrder {
    pub fn insert(&mut self, conversation: &Conversation) {
        let key = ListKey::of(conversation);
        let at = self.listed.partition_point(|other| *other < key);
        self.listed.insert(at, key);
        self.requests += conversation.waiting();
    }

    /// Takes a conversation out, which must not have changed since it was put in.
    pub fn remove(&mut self, conversation: &Conversation) {
        if let Some(at) = self.position(conversation) {
            self.listed.remove(at);
            self.requests -= conversation.waiting();
        }
    }

    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// How many requests wait.
    pub(crate) fn waiting_requests(&self) -> usize {
        self.requests
    }

    /// The conversations from a place in the list on.
    pub fn from(
        &self,
        place: usize,
    ) -> impl DoubleEndedIterator<Item = ConversationId> + ExactSizeIterator {
        let place = place.min(self.listed.len());
        self.listed.range(place..).map(|key| key.id())
    }

    pub fn position(&self, conversation: &Conversation) -> Option<usize> {
        self.listed.binary_search(&ListKey::of(conversation)).ok()
    }

    /// The conversations that wait, the one that has waited longest first.
    pub fn waiting(&self) -> impl DoubleEndedIterator<Item = ConversationId> {
        let waiting = self.first_done();
        self.listed.range(..waiting).map(|key| key.id())
    }

    /// The one that nobody waits in and in which nothing has happened for longest, but neither the
    /// newest of these nor the one to be spared.
    pub(crate) fn oldest_done(&self, spared: Option<ConversationId>) -> Option<ConversationId> {
        let done = self.from(self.first_done()).skip(1);
        done.rev().find(|id| Some(*id) != spared)
    }

    /// The place of the first that nobody waits in.
    fn first_done(&self) -> usize {
        self.listed
            .partition_point(|key| matches!(key, ListKey::Waiting(..)))
    }
}
