//! The order in which conversations are listed, kept as they change.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;

use super::{Conversation, Status};
use crate::store::ConversationId;

/// Where a conversation is listed: those that nobody has to look at last, else the newest first.
type Key = (bool, Reverse<Timestamp>, ConversationId);

/// All conversations in order. What is asked of it does not take longer the more there are.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// What changes is near the front, so little is moved.
    listed: VecDeque<Key>,
    /// Those that wait, by since when.
    waiting: BTreeSet<(Timestamp, ConversationId)>,
    /// Those that nobody waits in.
    idle: BTreeSet<Key>,
    /// How many requests wait.
    requests: usize,
}

fn key(conversation: &Conversation) -> Key {
    let is_low = conversation.automatic.is_some() && !conversation.is_waiting();
    let activity = Reverse(conversation.last_activity);
    (is_low, activity, conversation.id)
}

impl Order {
    pub fn insert(&mut self, conversation: &Conversation) {
        let key = key(conversation);
        let at = self.listed.partition_point(|other| *other < key);
        self.listed.insert(at, key);
        self.requests += conversation.waiting();
        match conversation.status() {
            Status::Waiting { since } => self.waiting.insert((since, conversation.id)),
            _ => self.idle.insert(key),
        };
    }

    /// Takes a conversation out, which must not have changed since it was put in.
    pub fn remove(&mut self, conversation: &Conversation) {
        let key = key(conversation);
        if let Ok(at) = self.listed.binary_search(&key) {
            self.listed.remove(at);
        }
        self.requests -= conversation.waiting();
        match conversation.status() {
            Status::Waiting { since } => self.waiting.remove(&(since, conversation.id)),
            _ => self.idle.remove(&key),
        };
    }

    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// How many requests wait.
    pub fn waiting_requests(&self) -> usize {
        self.requests
    }

    /// All of them, as they are listed.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ConversationId> {
        self.listed.iter().map(|(_, _, id)| *id)
    }

    pub fn position(&self, conversation: &Conversation) -> Option<usize> {
        self.listed.binary_search(&key(conversation)).ok()
    }

    /// Those that wait, the one that has waited longest first.
    pub fn waiting(&self) -> impl DoubleEndedIterator<Item = ConversationId> {
        self.waiting.iter().map(|(_, id)| *id)
    }

    /// The one that nobody waits in and in which nothing has happened for longest, but neither the
    /// newest of all nor the one to be spared.
    pub fn oldest_idle(&self, spared: Option<ConversationId>) -> Option<ConversationId> {
        let newest = self.listed.front();
        let idle = self.idle.iter().rev();
        idle.filter(|key| Some(*key) != newest)
            .map(|(_, _, id)| *id)
            .find(|id| Some(*id) != spared)
    }
}
