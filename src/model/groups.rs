//! Groups the rows of a table by a key.

/// The rows of every group, in table order; groups are in key order.
///
/// A detector that groups connections by small keys ([`super::ids`]) sorts numbers, and needs only
/// four bytes per row.
#[derive(Debug)]
pub struct Groups<K> {
    /// Each key, and where its rows begin.
    keys: Vec<(K, u32)>,
    rows: Vec<u32>,
}

impl<K: Copy + Ord> Groups<K> {
    /// Groups rows by key; they may be in any order.
    pub fn new(mut keyed: Vec<(K, u32)>) -> Self {
        keyed.sort_unstable();
        let mut keys: Vec<(K, u32)> = Vec::new();
        for (begin, (key, _)) in (0..).zip(&keyed) {
            if keys.last().is_none_or(|(last, _)| last != key) {
                keys.push((*key, begin));
            }
        }
        keys.shrink_to_fit();
        let mut rows: Vec<u32> = keyed.into_iter().map(|(_, row)| row).collect();
        // It may lie where the keys lay.
        rows.shrink_to_fit();
        Self { keys, rows }
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Every group with its rows.
    pub fn iter(&self) -> impl Iterator<Item = (K, &[u32])> {
        (0..self.keys.len()).map(|at| (self.keys[at].0, self.rows_at(at)))
    }

    /// The rows of a group; empty if there is no such group.
    pub fn get(&self, key: K) -> &[u32] {
        self.keys.binary_search_by_key(&key, |(key, _)| *key).map_or(&[], |at| self.rows_at(at))
    }

    fn rows_at(&self, at: usize) -> &[u32] {
        let end = self.keys.get(at + 1).map_or(self.rows.len(), |(_, begin)| *begin as usize);
        &self.rows[self.keys[at].1 as usize..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_in_the_order_of_the_keys_and_of_the_table() {
        let groups = Groups::new(vec![('b', 0), ('a', 3), ('b', 1), ('a', 2)]);
        let all: Vec<_> = groups.iter().map(|(key, rows)| (key, rows.to_vec())).collect();
        assert_eq!(all, [('a', vec![2, 3]), ('b', vec![0, 1])]);
        assert_eq!((groups.get('b'), groups.get('c')), (&[0, 1][..], &[][..]));
    }

    #[test]
    fn without_rows_there_is_no_group() {
        let none = Groups::<u32>::new(Vec::new());
        assert!(none.is_empty() && none.iter().next().is_none() && none.get(1).is_empty());
    }
}
