//! Random choices of few starts, which most pairs have. A branch that chance decides costs more than to compare each
//! number with each other one, which takes a few vector instructions.

use super::arrivals::is_spread_of_sorted_at_most;

/// Fewer starts than this are drawn at once.
pub(super) const FEW: usize = 16;

/// Bits that tell equal gaps apart.
const PLACE_BITS: u32 = FEW.ilog2();

/// Steps from the first start to the last at most: what is above fits into no number with its place.
pub(super) const MOST_STEPS: u32 = 1 << (31 - PLACE_BITS);

/// Draws `count` different steps before `length`, with `draw`, and tells whether the spread of the gaps between them, the
/// first step and the last, is at most a limit. Each gap is longer by `left_out`.
pub(super) fn is_as_regular(
    count: usize,
    (length, left_out): (u32, u32),
    limit: f64,
    draw: impl FnMut() -> u32,
) -> bool {
    if count < FEW / 2 {
        of_size::<{ FEW / 2 }>(count, (length, left_out), limit, draw)
    } else {
        of_size::<FEW>(count, (length, left_out), limit, draw)
    }
}

fn of_size<const N: usize>(
    count: usize,
    (length, left_out): (u32, u32),
    limit: f64,
    mut draw: impl FnMut() -> u32,
) -> bool {
    let mut steps = [u32::MAX >> 1; N];
    let mut drawn = 0;
    while drawn < count {
        let step = draw();
        // A step that is drawn twice is drawn again, which keeps all choices equally likely.
        if !steps.contains(&step) {
            steps[drawn] = step;
            drawn += 1;
        }
    }
    let steps = sorted(&steps, count);
    let mut gaps = [u32::MAX >> 1; N];
    let mut before = 0;
    for (place, gap) in gaps.iter_mut().enumerate().take(count + 1) {
        let step = if place < count { steps[place] } else { length };
        *gap = (step - before + left_out) << PLACE_BITS | place as u32;
        before = step;
    }
    let gaps = sorted(&gaps, count + 1).map(|gap| gap >> PLACE_BITS);
    is_spread_of_sorted_at_most(&gaps[..=count], limit)
}

/// The first `count` of some numbers, all different and below 2³¹, in ascending order; the others are larger.
fn sorted<const N: usize>(numbers: &[u32; N], count: usize) -> [u32; N] {
    // The place of each is how many are smaller.
    let mut places = [0_u32; N];
    for other in numbers {
        for (place, number) in places.iter_mut().zip(numbers) {
            *place += u32::from((*other as i32) < *number as i32);
        }
    }
    let mut sorted = [0; N];
    for (place, number) in places.iter().zip(numbers).take(count) {
        sorted[*place as usize % N] = *number;
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn different_numbers_are_sorted(numbers in proptest::collection::hash_set(0_u32..1 << 30, 0..=FEW)) {
            let mut expected: Vec<u32> = numbers.into_iter().collect();
            let mut padded = [u32::MAX >> 1; FEW];
            padded[..expected.len()].copy_from_slice(&expected);
            let sorted = sorted(&padded, expected.len());
            expected.sort_unstable();
            prop_assert_eq!(&sorted[..expected.len()], expected);
        }
    }
}
