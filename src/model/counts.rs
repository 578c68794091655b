//! A column of 64-bit numbers, in half of the memory where nearly all of them are small.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, UInt32Array, UInt64Array};
use arrow_buffer::ArrowNativeType;

use super::view::Numbers;

/// Counts and ids.
#[derive(Debug, Clone)]
pub enum Counts {
    /// Each in 64 bits.
    Wide(UInt64Array),
    /// In 32 bits, but for a few.
    Narrow(Narrow<u64>),
}

/// Numbers in 32 bits, but for those that are larger.
#[derive(Debug, Clone, PartialEq)]
pub struct Narrow<N> {
    /// With the bit [`LARGE`], an index in [`Self::large`]. A search by row would be a call, which the compiler keeps for
    /// every field of a row that nobody asks for.
    small: UInt32Array,
    /// The others.
    large: Arc<[N]>,
}

/// Stands for a number that needs more bits.
const LARGE: u32 = 1 << 31;

/// Share of numbers that may be large.
const FEW: usize = 16;

impl Counts {
    /// The same numbers in less memory, if there is any to gain.
    pub(crate) fn narrowed(self) -> Self {
        let Self::Wide(wide) = &self else { return self };
        let is_large = |number: &&u64| **number >= u64::from(LARGE);
        let large: Arc<[u64]> = wide.values().iter().filter(is_large).copied().collect();
        if large.len() * FEW > wide.len() {
            return self;
        }
        let mut indices = LARGE..;
        let mut small = |number: u64| match u32::try_from(number) {
            Ok(number) if number < LARGE => number,
            _ => indices.next().unwrap_or(LARGE),
        };
        let small = wide.values().iter().map(|number| small(*number)).collect();
        let small = UInt32Array::new(small, wide.nulls().cloned());
        Self::Narrow(Narrow { small, large })
    }

    /// The array with its nulls, whatever stands in it.
    pub(super) fn array(&self) -> &dyn Array {
        match self {
            Self::Wide(wide) => wide,
            Self::Narrow(narrow) => &narrow.small,
        }
    }

    /// The numbers of some rows, in this order.
    pub(super) fn at(&self, rows: &[u32]) -> Self {
        let numbers = Numbers::new(self);
        Self::Wide(rows.iter().map(|row| numbers.get(*row as usize)).collect())
    }

    /// The same numbers in 64 bits.
    pub(super) fn widened(&self) -> Cow<'_, UInt64Array> {
        match self {
            Self::Wide(wide) => Cow::Borrowed(wide),
            Self::Narrow(_) => Cow::Owned(Numbers::new(self).iter().collect()),
        }
    }
}

impl From<UInt64Array> for Counts {
    fn from(wide: UInt64Array) -> Self {
        Self::Wide(wide)
    }
}

impl PartialEq for Counts {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wide(wide), Self::Wide(other)) => wide == other,
            (Self::Narrow(narrow), Self::Narrow(other)) => narrow == other,
            _ => Numbers::new(self).iter().eq(Numbers::new(other).iter()),
        }
    }
}

impl<N: ArrowNativeType> Narrow<N> {
    /// The numbers in 32 bits with their nulls.
    pub(super) fn small(&self) -> &UInt32Array {
        &self.small
    }

    /// The number in a row, whatever stands there if it is null; `None` if there is no such row.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<N> {
        let small = *self.small.values().get(row)?;
        if small >= LARGE {
            self.large.get((small - LARGE) as usize).copied()
        } else {
            N::from_usize(small as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(counts: &Counts) -> Vec<Option<u64>> {
        Numbers::new(counts).iter().collect()
    }

    /// A hundred numbers, the last of which are given.
    fn wide(last: &[Option<u64>]) -> Counts {
        Counts::Wide((0..100 - last.len() as u64).map(Some).chain(last.iter().copied()).collect())
    }

    #[test]
    fn small_and_large_numbers_and_nulls_are_the_same_in_half_of_the_memory() {
        let most = u64::from(LARGE);
        let last = [None, Some(most - 1), Some(most), Some(most + 1), Some(u64::MAX), None];
        let (counts, narrow) = (wide(&last), wide(&last).narrowed());
        assert!(matches!(&narrow, Counts::Narrow(_)));
        assert_eq!(numbers(&narrow), numbers(&counts));
        assert_eq!(numbers(&narrow)[94..], last);
        assert_eq!(Numbers::new(&narrow).get(100), None);
        assert!(narrow == counts && narrow == wide(&last).narrowed() && narrow != wide(&[]));
        assert_eq!(narrow.array().null_count(), 2);
    }

    #[test]
    fn numbers_that_are_large_more_often_stay_as_they_are() {
        let six = wide(&[Some(u64::MAX); 6]).narrowed();
        let seven = wide(&[Some(u64::MAX); 7]).narrowed();
        assert!(matches!(six, Counts::Narrow(_)) && matches!(seven, Counts::Wide(_)));
    }

    #[test]
    fn rows_are_taken_in_the_order_asked_for() {
        let narrow = wide(&[Some(u64::MAX), None]).narrowed();
        assert_eq!(numbers(&narrow.at(&[99, 98, 3, 98])), [None, Some(u64::MAX), Some(3), Some(u64::MAX)]);
    }
}
