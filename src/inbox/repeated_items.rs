//! What is not new in a request that does not just go on where the one before it ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::SentReply;
use crate::api::Item;
use crate::hash::Hash;

/// What is there again of what a request had, wherever it stands now: an agent may leave something out
/// and keep what came after it, or put its history together anew.
pub(super) struct RepeatedItems {
    /// When what is not where it was had been seen, as often as it was there.
    moved: HashMap<Hash, VecDeque<Timestamp>>,
    /// Whether there is such.
    has_moved: bool,
}

impl RepeatedItems {
    /// Of these items, of which so many are where they were; the others had been seen then.
    pub fn of(items: &[Arc<Item>], seen: Vec<Timestamp>, common: usize) -> Self {
        let mut moved: HashMap<Hash, VecDeque<Timestamp>> = HashMap::new();
        for (item, at) in items.iter().skip(common).zip(seen) {
            moved.entry(item.likeness()).or_default().push_back(at);
        }
        Self {
            has_moved: !moved.is_empty(),
            moved,
        }
    }

    /// When each of these items was seen that is not new. What stands before the last that was there, or
    /// was said here, is not; neither is what the model says, nor what agents add to a history that is
    /// not as it was.
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
                    // What comes back of what was said was there when it was said.
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

    /// When this was seen, if it was there and nothing else was found to be it.
    fn take(&mut self, item: &Item) -> Option<Timestamp> {
        let moved = if self.moved.is_empty() {
            None
        } else {
            self.moved.get_mut(&item.likeness())
        };
        moved?.pop_front()
    }
}
