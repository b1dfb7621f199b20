//! What was read before: the same bytes are the same item, however many requests bring them.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hashbrown::DefaultHashBuilder;

use super::{ApiError, Item, Shape, ToolList};
use crate::hash::Hash;

/// Items and lists of tools that somebody holds, by what they were read from. What nobody holds any
/// more is forgotten. They are found by a hash that takes next to no time, and are what is looked for
/// if their text is the same: of what an agent sends again, nothing else is looked at.
#[derive(Debug, Default)]
pub struct Interner {
    hasher: DefaultHashBuilder,
    items: Mutex<InternTable<Box<[Weak<Item>]>>>,
    tools: Mutex<InternTable<Weak<ToolList>>>,
}

/// What a text stands for, and its hash in this run of the program.
type Key = (Shape, u64);

#[derive(Debug)]
struct InternTable<T> {
    known: HashMap<Key, T>,
    /// How many there may be before those that nobody holds are looked for.
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
            // So that looking for them costs as little as putting them in.
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

    /// Puts the items that a text stands for behind those in `items`, which are made by `read` if
    /// nobody holds them.
    ///
    /// # Errors
    ///
    /// The items of a request: known ones are shared, and `read` makes the others.
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
            // All of them, and of this very text, which they share.
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

    /// The list of tools that a text stands for, made by `read` if nobody holds it.
    ///
    /// # Errors
    ///
    /// The tools of a request: a known list is shared, and `read` makes another.
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
