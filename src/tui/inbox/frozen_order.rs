//! An order of conversations that does not change while somebody goes through the list.

use std::collections::HashMap;

use crate::inbox::ConversationId;

/// Conversations in the order in which they are shown. New ones are added at the end.
#[derive(Debug)]
pub(super) struct FrozenOrder {
    ids: Vec<ConversationId>,
    positions: HashMap<ConversationId, usize>,
    /// How many were added after the order was frozen.
    added: usize,
}

impl FrozenOrder {
    pub(super) fn new(ids: impl Iterator<Item = ConversationId>) -> Self {
        let ids: Vec<ConversationId> = ids.collect();
        let positions = ids.iter().enumerate().map(|(place, id)| (*id, place));
        Self {
            positions: positions.collect(),
            ids,
            added: 0,
        }
    }

    /// Adds a new conversation at the end, if it is not there already.
    pub(super) fn add(&mut self, id: ConversationId) {
        if !self.positions.contains_key(&id) {
            self.positions.insert(id, self.ids.len());
            self.ids.push(id);
            self.added += 1;
        }
    }

    /// Removes a conversation that was dismissed or deleted.
    pub(super) fn remove(&mut self, id: ConversationId) {
        if let Some(place) = self.position(id) {
            let is_later = place >= self.ids.len() - self.added;
            let added = self.added - usize::from(is_later);
            let rest = self.ids.iter().copied().filter(|other| *other != id);
            *self = Self {
                added,
                ..Self::new(rest)
            };
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many were added later.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    pub(super) fn position(&self, id: ConversationId) -> Option<usize> {
        self.positions.get(&id).copied()
    }

    /// The conversations from an index on.
    pub(super) fn from(&self, place: usize) -> impl Iterator<Item = ConversationId> {
        self.ids.iter().skip(place).copied()
    }

    /// The conversations before an index, the nearest first.
    pub(super) fn before(&self, place: usize) -> impl Iterator<Item = ConversationId> {
        let before = self.ids.get(..place).unwrap_or(&self.ids);
        before.iter().rev().copied()
    }
}
