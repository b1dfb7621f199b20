//! How much memory conversations and stored responses take, where an item that several share counts once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::api::Item;

/// Counts the bytes that are held in memory. A conversation or response that goes on from an earlier one
/// shares its items, and keeps them when the earlier one is dropped. So an item counts once, and for as
/// long as anything holds it.
#[derive(Debug, Default)]
pub(crate) struct MemoryUse {
    /// The bytes of everything that is held.
    pub bytes: usize,
    /// How many holders each item has, by its address. The address stays the same as long as there is a
    /// holder.
    holders: HashMap<usize, u32>,
}

impl MemoryUse {
    /// Adds items that have one more holder from now on.
    pub(crate) fn add<'a>(&mut self, items: impl IntoIterator<Item = &'a Arc<Item>>) {
        for item in items {
            self.bytes += size_of::<Arc<Item>>();
            let holders = self.holders.entry(Arc::as_ptr(item).addr()).or_default();
            *holders += 1;
            if *holders == 1 {
                self.bytes += item.bytes();
            }
        }
    }

    /// Replaces a number of bytes that was counted besides items, by what it is now.
    pub(crate) fn recount(&mut self, known: &mut usize, bytes: usize) {
        self.bytes = self.bytes + bytes - *known;
        *known = bytes;
    }

    /// Removes items that have one holder less from now on.
    pub(crate) fn remove<'a>(&mut self, items: impl IntoIterator<Item = &'a Arc<Item>>) {
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
    pub(crate) fn items(&self) -> usize {
        self.holders.len()
    }
}
