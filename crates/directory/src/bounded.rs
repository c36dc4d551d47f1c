//! A map that forgets: bounded in size, the entry written longest ago goes first.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// Entries by key, and the order in which they were written.
pub(crate) struct Bounded<K, V> {
    capacity: usize,
    entries: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    /// An empty map for at most `capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Writes an entry and makes it the youngest; the oldest is forgotten if there is no room.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.capacity == 0 {
            return;
        }
        self.remove(&key);
        if self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        let place = self.next;
        self.next += 1;
        self.order.insert(place, key.clone());
        self.entries.insert(key, (place, value));
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (place, value) = self.entries.remove(key)?;
        self.order.remove(&place);
        Some(value)
    }

    /// The entry written longest ago.
    pub(crate) fn oldest(&self) -> Option<(&K, &V)> {
        let key = self.order.values().next()?;
        self.entries.get(key).map(|(_, value)| (key, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_written_longest_ago_goes_first() {
        let mut map = Bounded::new(2);
        map.insert("a", 1);
        map.insert("b", 2);
        map.insert("a", 3);
        assert_eq!(map.oldest(), Some((&"b", &2)));
        map.insert("c", 4);
        assert_eq!((map.get(&"a"), map.get(&"b"), map.get(&"c")), (Some(&3), None, Some(&4)));
        assert_eq!(map.remove(&"a"), Some(3));
        assert_eq!((map.len(), map.oldest()), (1, Some((&"c", &4))));
    }

    #[test]
    fn a_map_for_nothing_keeps_nothing() {
        let mut map = Bounded::new(0);
        map.insert("a", 1);
        assert_eq!((map.len(), map.oldest()), (0, None));
    }
}
