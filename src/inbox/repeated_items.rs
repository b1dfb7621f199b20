//! Finds the items of a rewritten history that the person has seen before.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::SentReply;
use crate::api::Item;
use crate::hash::Hash;

/// The items of the request before that do not stand where they stood. An agent may leave something out
/// and keep what came after it, or rewrite its history; then some of these items come again elsewhere.
pub(super) struct RepeatedItems {
    /// When each of these items was first seen, by its hash; as often as the item was there.
    moved: HashMap<Hash, VecDeque<Timestamp>>,
    /// Whether there were any.
    has_moved: bool,
}

impl RepeatedItems {
    /// The items after the first `common` ones, which are where they were; `seen` is when these items
    /// were first seen.
    pub(super) fn of(items: &[Arc<Item>], seen: Vec<Timestamp>, common: usize) -> Self {
        let mut moved: HashMap<Hash, VecDeque<Timestamp>> = HashMap::new();
        for (item, at) in items.iter().skip(common).zip(seen) {
            moved.entry(item.likeness()).or_default().push_back(at);
        }
        Self {
            has_moved: !moved.is_empty(),
            moved,
        }
    }

    /// When each of the items that are not new was first seen; those after them are new. Everything up
    /// to the last item that was there before, or that is a reply of this program, is not new. Neither
    /// are items of the model after that, nor boilerplate in a rewritten history.
    pub(crate) fn seen_in(
        mut self,
        items: &[Arc<Item>],
        replies: &[SentReply],
        now: Timestamp,
    ) -> Vec<Timestamp> {
        let mut reply_times = replies.iter().map(|reply| reply.at);
        let mut old = 0;
        let mut seen = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let at = match self.take(item) {
                Some(at) => {
                    if !item.is_boilerplate() {
                        old = index + 1;
                    }
                    at
                }
                None if item.is_from_model() => {
                    if self.has_moved && replies.iter().any(|reply| reply.content.matches(item)) {
                        old = index + 1;
                    }
                    // A reply that comes back was seen when it was sent.
                    reply_times.next().unwrap_or(now)
                }
                None => now,
            };
            seen.push(at);
        }
        let is_old =
            |item: &&Arc<Item>| item.is_from_model() || (self.has_moved && item.is_boilerplate());
        let rest = items[old..].iter().take_while(is_old).count();
        seen.truncate(old + rest);
        seen
    }

    /// When an item was first seen, if it is one of the moved items and was not taken as often as it was
    /// there.
    fn take(&mut self, item: &Item) -> Option<Timestamp> {
        let moved = if self.moved.is_empty() {
            None
        } else {
            self.moved.get_mut(&item.likeness())
        };
        moved?.pop_front()
    }
}
