//! Maps keyed by numbers that the kernel assigns in sequence: cookies, inodes, process ids.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys the kernel assigns in sequence, so that nobody can choose colliding ones; the
/// standard hash would take a tenth of a tick.
pub(super) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Multiplies by an odd number near 2^64 divided by the golden ratio, and folds the halves.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct IdHasher(u64);

impl IdHasher {
    fn mix(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ (product >> 32);
    }
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_numbers_fall_far_apart() {
        let mut map: IdMap<u64, u64> = IdMap::default();
        (0..10_000).for_each(|n| {
            map.insert(n * 4096, n);
        });
        assert_eq!(map.len(), 10_000);
        assert_eq!(map.get(&(4096 * 77)), Some(&77));
        let low_bits: std::collections::BTreeSet<u64> = (0..256_u64)
            .map(|n| {
                let mut hasher = IdHasher::default();
                hasher.write_u64(n * 4096);
                hasher.finish() & 0xff
            })
            .collect();
        assert!(low_bits.len() > 128, "{} of 256 buckets used", low_bits.len());
    }
}
