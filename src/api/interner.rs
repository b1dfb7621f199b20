//! Shares items between requests: the same bytes are the same item, however many requests bring
//! them.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hashbrown::DefaultHashBuilder;

use super::{ApiError, Item, Shape, ToolList};
use crate::hash::Hash;

/// Items and lists of tools that are in use, by the text that they were read from. Entries that are
/// no longer referenced are dropped. Lookup is by a fast hash, confirmed by comparing the text;
/// what an agent sends again is not parsed again.
#[derive(Debug, Default)]
pub struct Interner {
    hasher: DefaultHashBuilder,
    items: Mutex<InternTable<Box<[Weak<Item>]>>>,
    tools: Mutex<InternTable<Weak<ToolList>>>,
}

/// How the text is read, and its hash, which is valid in this run of the program only.
type Key = (Shape, u64);

#[derive(Debug)]
struct InternTable<T> {
    known: HashMap<Key, T>,
    /// Number of entries at which unused ones are removed next.
    limit: usize,
}

impl<T> Default for InternTable<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            limit: 1024,
        }
    }
}

impl<T> InternTable<T> {
    fn insert(&mut self, key: Key, value: T, is_held: impl Fn(&T) -> bool) {
        if self.known.len() >= self.limit {
            self.known.retain(|_, value| is_held(value));
            // Doubled, so that removal costs as little as insertion on average.
            self.limit = (self.known.len() * 2).max(1024);
            self.known.shrink_to(self.limit);
        }
        self.known.insert(key, value);
    }
}

impl Interner {
    fn key(&self, shape: Shape, text: &str) -> Key {
        (shape, self.hasher.hash_one(text))
    }

    /// Appends the items of a text to `items`: known ones are shared, and `read` makes the others.
    ///
    /// # Errors
    ///
    /// The error of `read`.
    pub(super) fn items(
        &self,
        shape: Shape,
        text: &str,
        items: &mut Vec<Arc<Item>>,
        read: impl FnOnce(Arc<str>, Hash) -> Result<Vec<Arc<Item>>, ApiError>,
    ) -> Result<(), ApiError> {
        let key = self.key(shape, text);
        if let Some(known) = lock(&self.items).known.get(&key) {
            let from = items.len();
            items.extend(known.iter().map_while(Weak::upgrade));
            // All items of the text must be alive, and their text be the same.
            let first = items.get(from);
            if items.len() - from == known.len() && first.is_none_or(|item| item.raw() == text) {
                return Ok(());
            }
            items.truncate(from);
        }
        let made = read(text.into(), Hash::of(text.as_bytes()))?;
        let weak = made.iter().map(Arc::downgrade).collect();
        lock(&self.items).insert(key, weak, |known| {
            known.iter().any(|item| item.strong_count() > 0)
        });
        items.extend(made);
        Ok(())
    }

    /// The tools of a text: a known list is shared, and `read` makes another.
    ///
    /// # Errors
    ///
    /// The error of `read`.
    pub(super) fn tools(
        &self,
        shape: Shape,
        text: &str,
        read: impl FnOnce(Arc<str>, Hash) -> Result<ToolList, ApiError>,
    ) -> Result<Arc<ToolList>, ApiError> {
        let key = self.key(shape, text);
        let known = lock(&self.tools).known.get(&key).and_then(Weak::upgrade);
        if let Some(known) = known.filter(|known| known.raw() == text) {
            return Ok(known);
        }
        let made = Arc::new(read(text.into(), Hash::of(text.as_bytes()))?);
        let is_held = |known: &Weak<ToolList>| known.strong_count() > 0;
        lock(&self.tools).insert(key, Arc::downgrade(&made), is_held);
        Ok(made)
    }
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
