//! The sum of one line.

use super::Value;
use super::counts::{sum_of_counts, whole};
use crate::simd::widest;

/// The sum of the values from first to last, in one f64 accumulator.
///
/// Sums of counts are exact, so that their order does not matter: they are added up as integers, in vectors, while it is
/// watched that all values are counts. If not, it is done again one by one.
pub fn line_sum<V: Value>(values: &[V]) -> f64 {
    match count_sum(values) {
        Some(sum) => sum,
        None => values.iter().fold(0.0, |sum, v| sum + v.to_f64()),
    }
}

/// The sum, if all values are whole numbers below 2^31, none is negative, and the sum is below 2^52 (so that sums of any
/// of them, in any order, are exact).
pub fn count_sum<V: Value>(values: &[V]) -> Option<f64> {
    // Nearly all counts are small, and four bytes each are quicker than eight.
    if let Some(sum) = sum_of_counts(values) {
        return Some(sum as f64);
    }
    widest(
        #[inline(always)]
        || {
            let (mut sum, mut odd, mut all) = (0u64, 0u64, 0u64);
            for v in values {
                let (count, lost) = whole(v.to_f64());
                sum = sum.wrapping_add(count);
                odd |= lost;
                all |= count;
            }
            (odd == 0 && all < 1 << 31 && sum < 1 << 52).then_some(sum as f64)
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
