//! Finds items of a list by their content, in five bytes an item: the list itself holds the keys.

use std::fmt;
use std::hash::Hash;

use ahash::RandomState;
use hashbrown::HashTable;

/// The places of items in a list that lies beside it. The caller compares, as only it has the list.
#[derive(Clone, Default)]
pub struct Index {
    places: HashTable<u32>,
    state: RandomState,
}

impl Index {
    /// The index of the item for which `is_it` is true, among those with the hash of `key`.
    #[inline]
    pub fn find<K: Hash + ?Sized>(&self, key: &K, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        let found = self.places.find(self.state.hash_one(key), |index| is_it(*index as usize));
        found.map(|index| *index as usize)
    }

    /// Notes the index of an item that is not there yet. `key_of` gives the key of any item noted before.
    #[inline]
    pub fn insert<K: Hash + ?Sized, Q: Hash>(&mut self, key: &K, index: usize, key_of: impl Fn(usize) -> Q) {
        let state = &self.state;
        let hash = |index: &u32| state.hash_one(key_of(*index as usize));
        self.places.insert_unique(state.hash_one(key), index as u32, hash);
    }

    /// Forgets every item.
    pub fn clear(&mut self) {
        self.places.clear();
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("len", &self.places.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_where_they_are_and_others_are_not() {
        let list: Vec<u64> = (0..10_000).map(|n| n * 7).collect();
        let mut index = Index::default();
        for (number, item) in list.iter().enumerate() {
            assert_eq!(index.find(item, |at| list[at] == *item), None);
            index.insert(item, number, |at| list[at]);
        }
        assert!(
            list.iter().enumerate().all(|(at, item)| index.find(item, |at| list[at] == *item) == Some(at))
        );
        assert_eq!(index.find(&3_u64, |at| list[at] == 3), None);
        index.clear();
        assert_eq!(index.find(&7_u64, |at| list[at] == 7), None);
    }
}
