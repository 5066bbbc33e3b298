//! The sum of one line.

use super::Value;
use crate::simd::widest;

/// Adding it to a whole number below 2^51 and taking it off again changes nothing; any other number is rounded.
const ROUND: f64 = 6755399441055744.0;

/// The sum of the values from first to last, in one f64 accumulator.
///
/// Sums of counts are exact, so that their order does not matter: they are taken in eight lanes, while it is watched
/// that all values are whole and positive and that the sum stays below 2^52. If not, it is done again one by one.
pub fn line_sum<V: Value>(values: &[V]) -> f64 {
    match count_sum(values) {
        Some(sum) => sum,
        None => values.iter().fold(0.0, |sum, v| sum + v.to_f64()),
    }
}

/// The sum, if all values are whole numbers, none is negative, and the sum is below 2^52 (so that sums of any of them,
/// in any order, are exact).
pub fn count_sum<V: Value>(values: &[V]) -> Option<f64> {
    widest(
        #[inline(always)]
        || {
            let (mut sums, mut odd, mut signs) = ([0.0f64; 8], [0u64; 8], [0u64; 8]);
            let mut add = |lane: usize, v: V| {
                let v = v.to_f64();
                sums[lane] += v;
                odd[lane] |= ((v + ROUND) - ROUND).to_bits() ^ v.to_bits();
                signs[lane] |= v.to_bits();
            };
            let chunks = values.chunks_exact(8);
            let rest = chunks.remainder();
            for chunk in chunks {
                for (lane, &v) in chunk.iter().enumerate() {
                    add(lane, v);
                }
            }
            for (lane, &v) in rest.iter().enumerate() {
                add(lane, v);
            }
            let sum: f64 = sums.iter().sum();
            let odd = odd.iter().fold(0, |all, bits| all | bits);
            let signs = signs.iter().fold(0, |all, bits| all | bits);
            // NaN and infinity pass for whole, but not here.
            (odd == 0 && signs >> 63 == 0 && sum < 4503599627370496.0).then_some(sum)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_sum_in_order_whatever_the_values() {
        let cases: [Vec<f64>; 7] = [
            vec![],
            (0..1003).map(|i| (i * 7 % 13) as f64).collect(),
            (0..1003).map(|i| (i * 7 % 13) as f64 * 0.1).collect(),
            (0..1003).map(|i| if i % 3 == 0 { -0.7 } else { 1e16 }).collect(),
            vec![1e300, 3.0, -1e300, 1.0],
            vec![0.0, -0.0, 4503599627370495.0, 4503599627370495.0, 1.0],
            vec![1.0; 9].into_iter().chain([0.5]).collect(),
        ];
        for values in cases {
            let one_by_one = values.iter().fold(0.0, |sum, v| sum + v);
            assert_eq!(line_sum(&values).to_bits(), one_by_one.to_bits());
            let singles: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            let one_by_one = singles.iter().fold(0.0, |sum, &v| sum + v as f64);
            assert_eq!(line_sum(&singles).to_bits(), one_by_one.to_bits());
        }
        assert!(line_sum(&[1.0, f64::NAN]).is_nan());
        assert_eq!(line_sum(&[1.0, f64::INFINITY]), f64::INFINITY);
        assert_eq!(count_sum(&[2u8, 3]), Some(5.0));
        assert_eq!(count_sum(&[2i8, -3]), None);
        assert_eq!(count_sum(&[0.5f32]), None);
    }
}
