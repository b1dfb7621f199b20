//! An order of conversations that does not change while somebody goes through the list.

use std::collections::HashMap;

use crate::inbox::ConversationId;

/// Conversations in the order in which they are shown. New ones are added at the end.
#[derive(Debug)]
pub(super) struct FrozenOrder {
    ids: Vec<ConversationId>,
    places: HashMap<ConversationId, usize>,
    /// How many were added after the order was frozen.
    later: usize,
}

impl FrozenOrder {
    pub fn new(ids: impl Iterator<Item = ConversationId>) -> Self {
        let ids: Vec<ConversationId> = ids.collect();
        let places = ids.iter().enumerate().map(|(place, id)| (*id, place));
        Self {
            places: places.collect(),
            ids,
            later: 0,
        }
    }

    /// Adds a new conversation at the end, if it is not there already.
    pub fn add(&mut self, id: ConversationId) {
        if !self.places.contains_key(&id) {
            self.places.insert(id, self.ids.len());
            self.ids.push(id);
            self.later += 1;
        }
    }

    /// Removes a conversation that was dismissed or deleted.
    pub fn remove(&mut self, id: ConversationId) {
        if let Some(place) = self.place(id) {
            let is_later = place >= self.ids.len() - self.later;
            let later = self.later - usize::from(is_later);
            let rest = self.ids.iter().copied().filter(|other| *other != id);
            *self = Self {
                later,
                ..Self::new(rest)
            };
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// How many were added later.
    pub fn later(&self) -> usize {
        self.later
    }

    pub fn place(&self, id: ConversationId) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The conversations from an index on.
    pub fn from(&self, place: usize) -> impl Iterator<Item = ConversationId> {
        self.ids.iter().skip(place).copied()
    }

    /// The conversations before an index, the nearest first.
    pub fn before(&self, place: usize) -> impl Iterator<Item = ConversationId> {
        let before = self.ids.get(..place).unwrap_or(&self.ids);
        before.iter().rev().copied()
    }
}
