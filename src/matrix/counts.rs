//! Counts as counts: whole numbers, not negative, whose sums are exact in any order.

use super::Value;
use crate::simd::widest;

/// Lines are read in stretches of this many values, whose sum of counts below 2^20 fits 32 bits.
const STRETCH: usize = 2048;

/// 2^52. Added to a smaller whole number it has that number in its low bits, and taken off again it changes nothing; any
/// other number is rounded, or sets high bits.
pub(crate) const SHIFT: f64 = 4503599627370496.0;

/// A whole number below 2^52 that is not negative, and 0; of any other number the first is 2^52 or more, or the second
/// is not 0.
#[inline(always)]
pub fn whole(value: f64) -> (u64, u64) {
    let shifted = value + SHIFT;
    (shifted.to_bits().wrapping_sub(SHIFT.to_bits()), (shifted - SHIFT).to_bits() ^ value.to_bits())
}

/// What there is to know of a line of counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub sum: u64,
    pub nonzeros: u64,
    pub highest: u32,
}

/// Writes the values as counts; `None` if one of them is no count below 2^20.
pub fn to_counts<V: Value>(values: &[V], counts: &mut Vec<u32>) -> Option<Counted> {
    counts.resize(values.len(), 0);
    widest(
        #[inline(always)]
        || {
            let mut all = Counted::default();
            for (counts, values) in counts.chunks_mut(STRETCH).zip(values.chunks(STRETCH)) {
                let (mut sum, mut nonzeros, mut highest) = (0u32, 0u32, 0u32);
                for (count, value) in counts.iter_mut().zip(values) {
                    *count = value.count();
                    sum = sum.wrapping_add(*count);
                    nonzeros += u32::from(*count != 0);
                    highest = highest.max(*count);
                }
                if highest == u32::MAX {
                    return None;
                }
                all.sum += u64::from(sum);
                all.nonzeros += u64::from(nonzeros);
                all.highest = all.highest.max(highest);
            }
            Some(all)
        },
    )
}

/// The sum of a line of counts below 2^20.
pub(super) fn sum_of_counts<V: Value>(values: &[V]) -> Option<u64> {
    widest(
        #[inline(always)]
        || {
            let mut all = 0;
            for values in values.chunks(STRETCH) {
                let (mut sum, mut highest) = (0u32, 0u32);
                for value in values {
                    let count = value.count();
                    sum = sum.wrapping_add(count);
                    highest = highest.max(count);
                }
                if highest == u32::MAX {
                    return None;
                }
                all += u64::from(sum);
            }
            Some(all)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_a_count() {
        for (value, count) in [(0.0, 0), (1.0, 1), (1048575.0, 1048575)] {
            assert_eq!((f64::count(value), f32::count(value as f32)), (count, count));
        }
        for value in [-0.0, -1.0, 0.5, 1048576.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-320] {
            assert_eq!(f64::count(value), u32::MAX, "{value}");
        }
        for value in [-0.0f32, -1.0, 0.5, 1048576.0, 1e30, f32::NAN, f32::INFINITY, 1e-45, 8388607.5] {
            assert_eq!(f32::count(value), u32::MAX, "{value}");
        }
        assert_eq!((7i8.count(), (-7i8).count(), 255u8.count(), (1i64 << 40).count()), (7, u32::MAX, 255, u32::MAX));
    }

    #[test]
    fn what_is_whole() {
        for count in [0, 1, 1 << 31, (1 << 52) - 1] {
            assert_eq!(whole(count as f64), (count, 0));
        }
        for value in [
            -0.0,
            -1.0,
            0.5,
            1e-320,
            4503599627370495.5,
            4503599627370496.0,
            9007199254740992.0,
            1e300,
            -1e300,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            let (count, odd) = whole(value);
            assert!(count >= 1 << 52 || odd != 0, "{value}");
        }
    }

    proptest! {
        #[test]
        fn as_one_by_one(counts in prop::collection::vec(0u32..1 << 20, 0..5000)) {
            let values: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
            let want = Counted {
                sum: counts.iter().map(|&count| u64::from(count)).sum(),
                nonzeros: counts.iter().filter(|&&count| count != 0).count() as u64,
                highest: counts.iter().copied().max().unwrap_or(0),
            };
            let mut got = Vec::new();
            prop_assert_eq!(to_counts(&values, &mut got), Some(want));
            prop_assert_eq!(got, counts);
            prop_assert_eq!(sum_of_counts(&values), Some(want.sum));
        }
    }
}
