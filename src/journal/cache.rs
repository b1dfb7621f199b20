//! A bounded memory of what was looked up.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// Keeps what was used lately. When the young half is full it becomes the old one, and what was in
/// the old one and was not used since goes.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    weight: usize,
    most: usize,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    /// `most` is the weight that each half may have.
    pub(super) fn new(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            weight: 0,
            most,
        }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            // The weight of the replaced value is not known any more. That is no harm: the old half goes soon.
            self.insert(key, value, 1);
        }
        self.young.get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        if self.weight + weight > self.most {
            self.old = mem::take(&mut self.young);
            self.weight = 0;
        }
        self.old.remove(&key);
        self.weight += weight;
        self.young.insert(key, value);
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_is_not_used_and_stays_small() {
        let mut cache = Cache::new(10);
        for number in 0..1000 {
            cache.insert(number, number, 1);
            assert_eq!(cache.get(&0), Some(&0), "in use");
        }
        assert_eq!(cache.get(&999), Some(&999));
        assert_eq!(cache.get(&500), None);
        assert!(cache.young.len() + cache.old.len() <= 20);
        cache.clear();
        assert_eq!(cache.get(&0), None);
    }
}
