//! The order of the list of conversations, updated whenever one of them changes.

use std::cmp::Reverse;
use std::collections::VecDeque;

use jiff::Timestamp;

use super::{Conversation, Status};
use crate::store::ConversationId;

/// The sort key of a conversation. Those in which a request waits come first, the longest wait on top;
/// then the others, the newest activity on top, with sub-agents below the conversation that began them;
/// those that the program answers by itself come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ListKey {
    Waiting(Timestamp, ConversationId),
    /// The newest activity in its family, the root of the family, and its own id. Without a family, it
    /// is the root.
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

/// The conversations in order. Look-ups are a binary search at most.
#[derive(Debug, Default)]
pub(super) struct ListOrder {
    /// Conversations change mostly near the front, where a deque moves little.
    listed: VecDeque<ListKey>,
    /// How many requests wait.
    requests: usize,
}

impl ListOrder {
    pub(super) fn insert(&mut self, conversation: &Conversation) {
        let key = ListKey::of(conversation);
        let at = self.listed.partition_point(|other| *other < key);
        self.listed.insert(at, key);
        self.requests += conversation.waiting();
    }

    /// Takes a conversation out of the list. It must not have changed since it was inserted, because it
    /// is found by its key.
    pub(super) fn remove(&mut self, conversation: &Conversation) {
        if let Some(at) = self.position(conversation) {
            self.listed.remove(at);
            self.requests -= conversation.waiting();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// How many requests wait.
    pub(crate) fn waiting_requests(&self) -> usize {
        self.requests
    }

    /// The conversations from an index on.
    pub(super) fn from(
        &self,
        index: usize,
    ) -> impl DoubleEndedIterator<Item = ConversationId> + ExactSizeIterator {
        let index = index.min(self.listed.len());
        self.listed.range(index..).map(|key| key.id())
    }

    pub(super) fn position(&self, conversation: &Conversation) -> Option<usize> {
        self.listed.binary_search(&ListKey::of(conversation)).ok()
    }

    /// The conversations in which a request waits, the longest wait first.
    pub(super) fn waiting(&self) -> impl DoubleEndedIterator<Item = ConversationId> {
        let waiting = self.first_done();
        self.listed.range(..waiting).map(|key| key.id())
    }

    /// The oldest conversation in which no request waits, except for the newest of these and the one to
    /// be spared.
    pub(crate) fn oldest_done(&self, spared: Option<ConversationId>) -> Option<ConversationId> {
        let done = self.from(self.first_done()).skip(1);
        done.rev().find(|id| Some(*id) != spared)
    }

    /// The index of the first conversation in which no request waits.
    fn first_done(&self) -> usize {
        self.listed
            .partition_point(|key| matches!(key, ListKey::Waiting(..)))
    }
}
