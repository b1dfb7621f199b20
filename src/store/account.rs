//! How much memory conversations take, where an item that several share counts once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::Item;

/// How many bytes those take that somebody holds. What goes on from something earlier shares its
/// items, and keeps them when the earlier one goes: an item is counted once, and for as long as
/// anybody has it.
#[derive(Debug, Default)]
pub(crate) struct MemoryUse {
    /// The bytes of everything that is held.
    pub bytes: usize,
    /// How many holders each item has, by its address, which stays the same as long as one of them has it.
    holders: HashMap<usize, u32>,
}

impl MemoryUse {
    /// Counts items that somebody holds from now on.
    pub fn add<'a>(&mut self, items: impl IntoIterator<Item = &'a Arc<Item>>) {
        for item in items {
            self.bytes += size_of::<Arc<Item>>();
            let holders = self.holders.entry(Arc::as_ptr(item).addr()).or_default();
            *holders += 1;
            if *holders == 1 {
                self.bytes += item.bytes();
            }
        }
    }

    /// Counts what somebody takes besides items anew.
    pub(crate) fn recount(&mut self, known: &mut usize, bytes: usize) {
        self.bytes = self.bytes + bytes - *known;
        *known = bytes;
    }

    /// Counts items that somebody does not hold any more.
    pub fn remove<'a>(&mut self, items: impl IntoIterator<Item = &'a Arc<Item>>) {
        for item in items {
            let address = Arc::as_ptr(item).addr();
            let Some(holders) = self.holders.get_mut(&address) else {
                continue;
            };
            self.bytes -= size_of::<Arc<Item>>();
            *holders -= 1;
            if *holders == 0 {
                self.holders.remove(&address);
                self.bytes -= item.bytes();
            }
        }
    }

    /// How many different items are held.
    #[cfg(test)]
    pub fn items(&self) -> usize {
        self.holders.len()
    }
}
