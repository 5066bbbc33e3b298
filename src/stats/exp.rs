//! The exponential function less one, the same bits on every machine.
//!
//! The C library's differs between its versions; these are plain additions and multiplications, and selections in place of
//! branches, so that they vectorise. `x` is reduced to `k ln 2 + r` with `|r| <= ln(2) / 2`; exp(r) - 1 is a polynomial.

use super::horner::horner;
use crate::simd::widest_f64;

/// `exp(x) - 1`, to two units in the last place: the Taylor series has 13 terms to go.
#[inline(always)]
pub fn exp_m1(x: f64) -> f64 {
    /// ln 2 in two parts; the first has zeros enough at its end for `k` times it to be exact.
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Adding it rounds to a whole number, which is then in the low bits; subtracting it gives that number.
    const ROUND: f64 = 6_755_399_441_055_744.0;

    let above = if x > -40.0 { x } else { -40.0 };
    let inside = if above < 709.8 { above } else { 709.8 };
    let shifted = inside * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (inside - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = horner(&INVERSE_FACTORIALS, r);
    // exp(r) - 1 = r + r^2 (1/2 + r/6 + ...)
    let p = r + r * r * series;
    // Half of 2^k, as 2^1024 has no f64 of its own.
    let half = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1022 << 52));
    let y = (half * p + (half - 0.5)) * 2.0;
    let y = if k == 0.0 { p } else { y };
    let y = if x > 709.8 { f64::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// `exp(x)` to two units in the last place for x that is not above 0 and no NaN, without a branch.
#[inline(always)]
pub fn exp_of_negative(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Adding it puts a whole number into the low bits of the sum.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = if x < -800.0 { -800.0 } else { x };
    let k = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = horner(&INVERSE_FACTORIALS, r);
    let p = 1.0 + (r + r * r * series);
    // Two factors, as what is below the least normal number has no power of two of its own.
    let half = (k * 0.5 + ROUND) - ROUND;
    let power = |k: f64| f64::from_bits((k + 1023.0 + ROUND).to_bits() << 52);
    p * power(half) * power(k - half)
}

/// 1/2!, 1/3!, ..., 1/14!
const INVERSE_FACTORIALS: [f64; 13] = {
    let mut terms = [0.5; 13];
    let mut i = 1;
    while i < 13 {
        terms[i] = terms[i - 1] / (i + 2) as f64;
        i += 1;
    }
    terms
};

/// `exp(x) - 1` in single precision, to 1.1 units in the last place: half as much work for twice as many at once.
#[inline(always)]
pub fn exp_m1_single(x: f32) -> f32 {
    let above = if x > -20.0 { x } else { -20.0 };
    let y = exp_m1_inside(if above < 88.8 { above } else { 88.8 });
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// [`exp_m1_single`] of each; returns whether all are from 0 to 80, neither NaN nor -0.
pub fn exp_m1_singles(values: &[f32], out: &mut [f32]) -> bool {
    // By their bits, in which negative numbers and NaN are the largest.
    const LARGEST: u32 = 80f32.to_bits();
    widest_f64(
        #[inline(always)]
        || {
            let mut largest = 0;
            let mut inside = |values: &[f32], out: &mut [f32]| {
                for (x, out) in values.iter().zip(out) {
                    largest = x.to_bits().max(largest);
                    *out = exp_m1_inside(*x);
                }
            };
            let (whole, rest) = values.split_at(values.len() / 16 * 16);
            let (whole_out, rest_out) = out.split_at_mut(whole.len());
            inside(whole, whole_out);
            if !rest.is_empty() {
                // Zeros make up a whole vector.
                let (mut last, mut last_out) = ([0.0; 16], [0.0; 16]);
                last[..rest.len()].copy_from_slice(rest);
                inside(&last, &mut last_out);
                rest_out.copy_from_slice(&last_out[..rest.len()]);
            }
            if largest > LARGEST {
                values.iter().zip(out).for_each(|(x, out)| *out = exp_m1_single(*x));
            }
            largest <= LARGEST
        },
    )
}

/// [`exp_m1_single`] from -20 to 88.8.
#[inline(always)]
fn exp_m1_inside(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    /// (exp(r) - 1 - r) / r^2, fitted at Chebyshev nodes.
    const SERIES: [f32; 5] = [0.5, 0.166_666_67, 0.041_666_463, 0.008_333_298, 0.001_393_367_7];
    const LAST: f32 = 0.000_198_993_19;

    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let exact = x - k * LN_2_HIGH;
    let r = exact - k * LN_2_LOW;
    let lost = (exact - r) - k * LN_2_LOW;
    let series = SERIES.iter().rev().fold(LAST, |sum, term| sum * r + term);
    let small = r * r * series + lost;
    let half = f32::from_bits((shifted.to_bits() << 23).wrapping_add(126 << 23));
    // half * (1 + r + small) - 1/2, and what rounding takes from the first addition.
    let whole = half - 0.5;
    let sum = whole + half * r;
    let rest = (half * r - (sum - whole)) + half * small;
    let y = (sum + rest) * 2.0;
    if k == 0.0 { r + small } else { y }
}

/// `exp(x)` in single precision, to 1.1 units in the last place down to the smallest normal number, and 0 below it.
#[inline(always)]
pub fn exp_single(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    /// (exp(r) - 1 - r) / r^2, fitted at Chebyshev nodes.
    const SERIES: [f32; 6] = [0.5, 0.166_666_67, 0.041_666_463, 0.008_333_298, 0.001_393_367_7, 0.000_198_993_19];

    let above = if x > -87.3 { x } else { -87.3 };
    let inside = if above < 88.8 { above } else { 88.8 };
    let shifted = inside * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (inside - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = SERIES.iter().rev().fold(0.0, |sum, term| sum * r + term);
    let part = 1.0 + (r + r * r * series);
    // 2^k, of large k in two factors: 2^128 is no number, and half of 2^-126 no normal one.
    let (bias, twice) = if k > 0.0 { (126 << 23, 2.0) } else { (127 << 23, 1.0) };
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(bias));
    let y = part * power * twice;
    let y = if x > -87.3 { y } else { 0.0 };
    let y = if x > 88.722_84 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_agree_with_the_c_library() {
        let worst = (0..7_000_000).map(|i| -1e-4 * f64::from(i)).map(|x| (exp_of_negative(x) / x.exp() - 1.0).abs());
        let worst = worst.fold(0.0, f64::max);
        assert!(worst < 4.5e-16, "{worst}");
        assert_eq!((exp_of_negative(0.0), exp_of_negative(-0.0), exp_of_negative(-800.0)), (1.0, 1.0, 0.0));
        assert_eq!(exp_of_negative(f64::NEG_INFINITY), 0.0);
        assert!((exp_of_negative(-740.0) / (-740f64).exp() - 1.0).abs() < 0.1);
    }

    #[test]
    fn agrees_with_the_c_library() {
        let mut worst: f64 = 0.0;
        for i in -400_000..700_000 {
            let x = f64::from(i) * 1.000_3e-3 + 1e-7;
            worst = worst.max((exp_m1(x) / x.exp_m1() - 1.0).abs());
        }
        assert!(worst < 4.5e-16, "{worst}");
        for x in [1e-300, 1e-20, -1e-9, 0.34, 0.35, -0.35, 709.7, -39.0, -800.0] {
            assert!((exp_m1(x) / x.exp_m1() - 1.0).abs() < 4.5e-16, "{x}");
        }
        assert_eq!(exp_m1(0.0), 0.0);
        assert_eq!((exp_m1(710.0), exp_m1(f64::NEG_INFINITY)), (f64::INFINITY, -1.0));
        assert!(exp_m1(f64::NAN).is_nan());
    }

    #[test]
    fn single_exponential_agrees_with_double() {
        let mut worst: f64 = 0.0;
        for i in -873_000..887_000 {
            let x = i as f32 * 1e-4;
            let want = f64::from(x).exp();
            let unit = f64::from(f32::from_bits((want as f32).to_bits() + 1)) - f64::from(want as f32);
            worst = worst.max(((f64::from(exp_single(x)) - want) / unit).abs());
        }
        assert!(worst < 1.1, "{worst}");
        assert_eq!((exp_single(0.0), exp_single(-100.0), exp_single(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert_eq!(exp_single(89.0), f32::INFINITY);
        assert!(exp_single(f32::NAN).is_nan());
    }

    #[test]
    fn single_precision_agrees_with_double() {
        let mut worst: f64 = 0.0;
        // Every 97th f32 of either sign.
        for bits in (0..0x42b1_0000u32).step_by(97) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                let want = exp_m1(f64::from(x));
                let unit =
                    f64::from(f32::from_bits((want as f32).abs().to_bits() + 1)) - f64::from((want as f32).abs());
                worst = worst.max(((f64::from(exp_m1_single(x)) - want) / unit).abs());
            }
        }
        assert!(worst < 1.1, "{worst}");
        assert_eq!(exp_m1_single(0.0), 0.0);
        assert_eq!((exp_m1_single(89.0), exp_m1_single(f32::NEG_INFINITY)), (f32::INFINITY, -1.0));
        assert!(exp_m1_single(f32::NAN).is_nan());
    }

    #[test]
    fn whole_slices_have_the_bits_of_each() {
        let inside: Vec<f32> = (0..1003).map(|i| i as f32 * 0.079_7).collect();
        let special =
            [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.3, 79.9, 81.0, 88.7, 88.75, 89.0, 1e-30];
        let all: Vec<f32> = inside.iter().copied().chain(special).collect();
        for values in [inside, all] {
            let mut got = vec![1.0; values.len()];
            assert_eq!(exp_m1_singles(&values, &mut got), values.len() == 1003);
            assert!(got.iter().zip(&values).all(|(got, &x)| got.to_bits() == exp_m1_single(x).to_bits()));
        }
    }
}
