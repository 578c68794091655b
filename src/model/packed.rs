//! A column of numbers in less memory: where few different ones occur, or where nearly all of them are small.

use std::hash::Hash;
use std::sync::Arc;

use ahash::AHashMap;
use arrow_array::types::UInt16Type;
use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, UInt16Array, UInt32Array};
use arrow_buffer::ArrowNativeType;

use super::view::Numbers;

/// Numbers in one of several forms, which read the same through [`Numbers`].
#[derive(Debug)]
pub enum Packed<T: ArrowPrimitiveType> {
    /// As they are.
    Wide(PrimitiveArray<T>),
    /// As indices of the different ones.
    Few(Few<T::Native>),
    /// As numbers of 32 bits.
    Small(Small<T::Native>),
}

/// At most 65,536 different numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Few<N> {
    indices: UInt16Array,
    different: Arc<[N]>,
}

/// Numbers below [`LARGE`], and the indices of others counted from there. Found by their index, and not searched for by
/// row: a field of a row that nobody asks for then costs nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Small<N> {
    small: UInt32Array,
    large: Arc<[N]>,
}

/// From here on a number is the index of a large one.
const LARGE: u32 = 1 << 31;

/// Each large number takes its own room beside that of a small one: no more than one in so many is worth it.
const FEW_LARGE: usize = 16;

/// Rows from which on different numbers are looked for. In fewer there is little to save.
const LEAST_ROWS: usize = 1 << 17;

/// The most indices of 16 bits.
const MOST_DIFFERENT: usize = 1 << 16;

impl<T: ArrowPrimitiveType> Packed<T> {
    /// The same numbers in less memory, if that is possible.
    pub(crate) fn packed(self) -> Self
    where
        T::Native: Hash + Eq,
    {
        let Self::Wide(wide) = &self else { return self };
        if wide.null_count() == wide.len() {
            return self;
        }
        let few = (wide.len() >= LEAST_ROWS).then(|| Few::of(wide)).flatten();
        few.map(Self::Few).or_else(|| Small::of(wide).map(Self::Small)).unwrap_or(self)
    }

    pub(super) fn array(&self) -> &dyn Array {
        match self {
            Self::Wide(wide) => wide,
            Self::Few(few) => &few.indices,
            Self::Small(small) => &small.small,
        }
    }

    /// The numbers in some rows.
    pub(super) fn at(&self, rows: &[u32]) -> Self {
        let numbers = Numbers::new(self);
        Self::Wide(rows.iter().map(|row| numbers.get(*row as usize)).collect())
    }

    /// The numbers as they are.
    pub(super) fn widened(&self) -> PrimitiveArray<T> {
        match self {
            // Shares its memory.
            Self::Wide(wide) => wide.clone(),
            Self::Few(_) | Self::Small(_) => Numbers::new(self).iter().collect(),
        }
    }
}

// Not derived, as that demands of a type of numbers that it can be cloned.
impl<T: ArrowPrimitiveType> Clone for Packed<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Wide(wide) => Self::Wide(wide.clone()),
            Self::Few(few) => Self::Few(few.clone()),
            Self::Small(small) => Self::Small(small.clone()),
        }
    }
}

impl<T: ArrowPrimitiveType> From<PrimitiveArray<T>> for Packed<T> {
    fn from(wide: PrimitiveArray<T>) -> Self {
        Self::Wide(wide)
    }
}

impl<T: ArrowPrimitiveType> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Wide(wide), Self::Wide(other)) => wide == other,
            (Self::Few(few), Self::Few(other)) => few == other,
            (Self::Small(small), Self::Small(other)) => small == other,
            _ => Numbers::new(self).iter().eq(Numbers::new(other).iter()),
        }
    }
}

impl<N: ArrowNativeType + Hash + Eq> Few<N> {
    fn of<T: ArrowPrimitiveType<Native = N>>(wide: &PrimitiveArray<T>) -> Option<Self> {
        let mut indices: AHashMap<N, u16> = AHashMap::new();
        let mut different = Vec::new();
        let mut of_rows = Vec::with_capacity(wide.len());
        let mut last = None;
        for number in wide.values() {
            // Neighbors often are the same; comparing is quicker than hashing.
            let index = match last {
                Some((last, index)) if last == *number => index,
                _ => match indices.get(number) {
                    Some(index) => *index,
                    None if different.len() == MOST_DIFFERENT => return None,
                    None => {
                        let index = different.len() as u16;
                        indices.insert(*number, index);
                        different.push(*number);
                        index
                    }
                },
            };
            last = Some((*number, index));
            of_rows.push(index);
        }
        let indices = PrimitiveArray::<UInt16Type>::new(of_rows.into(), wide.nulls().cloned());
        Some(Self { indices, different: different.into() })
    }
}

impl<N> Few<N> {
    pub(super) fn indices(&self) -> &UInt16Array {
        &self.indices
    }

    pub(super) fn different(&self) -> &[N] {
        &self.different
    }
}

impl<N: ArrowNativeType> Small<N> {
    fn of<T: ArrowPrimitiveType<Native = N>>(wide: &PrimitiveArray<T>) -> Option<Self> {
        if size_of::<N>() <= size_of::<u32>() {
            return None;
        }
        let small = |number: &N| {
            let number = number.to_usize().and_then(|number| u32::try_from(number).ok());
            number.filter(|number| *number < LARGE)
        };
        let large: Arc<[N]> =
            wide.values().iter().filter(|number| small(number).is_none()).copied().collect();
        if large.len() * FEW_LARGE > wide.len() {
            return None;
        }
        let mut indices = LARGE..;
        let mut index = || indices.next().unwrap_or(LARGE);
        let small = wide.values().iter().map(|number| small(number).unwrap_or_else(&mut index)).collect();
        Some(Self { small: UInt32Array::new(small, wide.nulls().cloned()), large })
    }

    pub(super) fn small(&self) -> &UInt32Array {
        &self.small
    }

    /// The number in a row, null or not.
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
    use arrow_array::types::{UInt32Type, UInt64Type};

    use super::*;

    fn numbers<T: ArrowPrimitiveType>(packed: &Packed<T>) -> Vec<Option<T::Native>> {
        Numbers::new(packed).iter().collect()
    }

    fn wide(last: &[Option<u64>]) -> Packed<UInt64Type> {
        Packed::Wide((0..100 - last.len() as u64).map(Some).chain(last.iter().copied()).collect())
    }

    #[test]
    fn small_and_large_numbers_and_nulls_are_the_same_in_half_of_the_memory() {
        let most = u64::from(LARGE);
        let last = [None, Some(most - 1), Some(most), Some(most + 1), Some(u64::MAX), None];
        let (counts, small) = (wide(&last), wide(&last).packed());
        assert!(matches!(&small, Packed::Small(_)));
        assert_eq!(numbers(&small), numbers(&counts));
        assert_eq!(numbers(&small)[94..], last);
        assert_eq!(Numbers::new(&small).get(100), None);
        assert!(small == counts && small == wide(&last).packed() && small != wide(&[]));
        assert_eq!(small.array().null_count(), 2);
    }

    #[test]
    fn numbers_that_are_large_more_often_stay_as_they_are() {
        let six = wide(&[Some(u64::MAX); 6]).packed();
        let seven = wide(&[Some(u64::MAX); 7]).packed();
        assert!(matches!(six, Packed::Small(_)) && matches!(seven, Packed::Wide(_)));
    }

    #[test]
    fn few_different_numbers_are_the_same_by_their_indices() {
        let number = |row: usize| (row % 7 != 3).then_some((row % 500) as u32 * 8_000_000);
        let wide: Packed<UInt32Type> = Packed::Wide((0..LEAST_ROWS).map(number).collect());
        let few = wide.clone().packed();
        assert!(matches!(&few, Packed::Few(few) if few.different.len() == 500));
        assert!(numbers(&few) == (0..LEAST_ROWS).map(number).collect::<Vec<_>>());
        assert_eq!(Numbers::new(&few).get(LEAST_ROWS), None);
        assert!(few == wide && few.array().null_count() == wide.array().null_count());
    }

    #[test]
    fn numbers_of_too_many_kinds_and_of_few_rows_stay_as_they_are() {
        let packed = |rows, different| -> Packed<UInt32Type> {
            Packed::Wide((0..rows).map(|row| Some(row as u32 % different)).collect()).packed()
        };
        assert!(matches!(packed(LEAST_ROWS, MOST_DIFFERENT as u32), Packed::Few(_)));
        assert!(matches!(packed(LEAST_ROWS, MOST_DIFFERENT as u32 + 1), Packed::Wide(_)));
        assert!(matches!(packed(LEAST_ROWS - 1, 2), Packed::Wide(_)));
    }

    #[test]
    fn rows_are_taken_in_the_order_asked_for() {
        let small = wide(&[Some(u64::MAX), None]).packed();
        assert_eq!(numbers(&small.at(&[99, 98, 3, 98])), [None, Some(u64::MAX), Some(3), Some(u64::MAX)]);
        assert_eq!(small.widened(), (0..98).map(Some).chain([Some(u64::MAX), None]).collect());
    }
}
