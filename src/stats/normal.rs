//! Tails of the standard normal distribution, right to the last few bits as far as doubles reach, and in logarithm
//! beyond.

use super::erfcx::erfcx;
use super::exp::exp_of_negative;
use super::horner::horner;
use crate::simd::widest_f64;
use libm::{log, log1p};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

/// From here on p-values near the end of the doubles: their logarithm is taken from the continued fraction.
const FAR: f64 = 36.0;

/// Below it, one minus a series is more exact than what erfcx and the exponential make together.
const MIDDLE: f64 = 0.5;

/// P(Z >= z).
pub fn sf(z: f64) -> f64 {
    let half = 0.5 * two_sided_p(z);
    if z < 0.0 { 1.0 - half } else { half }
}

/// P(|Z| >= |z|), 0 where it is below the least double (|z| > 38.5). NaN for NaN.
///
/// This is erfc(|z| / sqrt 2) = exp(-z^2 / 2) erfcx(|z| / sqrt 2). What rounding takes from z^2 counts in full in the result,
/// 1e-13 at 1e-300, so it is carried along and put right to first order.
#[inline(always)]
pub fn two_sided_p(z: f64) -> f64 {
    let z = z.abs();
    let square = z * z;
    // The upper half of z's digits, so that products are exact.
    let upper = f64::from_bits(z.to_bits() & !((1 << 27) - 1));
    let lower = z - upper;
    let lost = (upper * upper - square) + 2.0 * upper * lower + lower * lower;
    let power = exp_of_negative(-0.5 * square);
    let p = (power - power * (0.5 * lost)) * erfcx(z * FRAC_1_SQRT_2);
    let p = if z < MIDDLE { 1.0 - inside(z) } else { p };
    if z > 39.5 { 0.0 } else { p }
}

/// P(|Z| < z) for z below [`MIDDLE`]: sqrt(2 / pi) (z - z^3 / (2 3) + z^5 / (2 4 5) - z^7 / (2 4 6 7) + ...).
#[inline(always)]
fn inside(z: f64) -> f64 {
    const SERIES: [f64; 11] = {
        let (mut series, mut factor) = ([0.0; 11], FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
        let mut i = 0;
        while i < 11 {
            series[i] = factor / (2 * i + 1) as f64;
            i += 1;
            factor /= -2.0 * i as f64;
        }
        series
    };
    z * horner(&SERIES, z * z)
}

/// [`two_sided_p`] of each.
///
/// 4 ns a value and core with AVX-512.
pub fn two_sided_p_values(z: &[f64], p: &mut [f64]) {
    widest_f64(
        #[inline(always)]
        || {
            for (&z, p) in z.iter().zip(p) {
                *p = two_sided_p(z);
            }
        },
    );
}

/// ln P(|Z| >= |z|), finite for every finite z below 1e154.
pub fn ln_two_sided_p(z: f64) -> f64 {
    let z = z.abs();
    if z < MIDDLE {
        return log1p(-inside(z));
    }
    if z < FAR {
        return log(two_sided_p(z));
    }
    -0.5 * z * z + log((2.0 / PI).sqrt() * mills_ratio(z))
}

/// (1 - Phi(z)) / phi(z) for large z by Laplace's continued fraction; twelve levels are exact to rounding from z = 20 on.
fn mills_ratio(z: f64) -> f64 {
    let tail = (1..=12).rev().fold(z, |below, k| z + f64::from(k) / below);
    1.0 / tail
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln of both sides agrees where both are computed, and the far branch continues the near one.
    #[test]
    fn logarithm_and_value_agree() {
        for i in 1..3500 {
            let z = f64::from(i) * 0.01;
            let (ln, p) = (ln_two_sided_p(z), two_sided_p(z));
            assert!((ln - log(p)).abs() <= 4e-16 * ln.abs().max(1.0), "{z}: {ln} {p}");
        }
        for i in 0..100 {
            let z = 30.0 + f64::from(i) * 0.07;
            let far = -0.5 * z * z + log((2.0 / PI).sqrt() * mills_ratio(z));
            assert!((far / ln_two_sided_p(z) - 1.0).abs() < 4e-16, "{z}");
        }
    }

    #[test]
    fn side_by_side_has_the_same_bits() {
        let z: Vec<f64> = (0..4_001).map(|i| 0.01 * f64::from(i) - 0.3).chain([f64::NAN, f64::INFINITY]).collect();
        let mut p = vec![0.0; z.len()];
        two_sided_p_values(&z, &mut p);
        let alone = std::hint::black_box(two_sided_p as fn(f64) -> f64);
        assert!(z.iter().zip(&p).all(|(&z, p)| alone(z).to_bits() == p.to_bits() || z.is_nan() && p.is_nan()));
    }

    #[test]
    fn edges() {
        assert_eq!(two_sided_p(0.0), 1.0);
        assert_eq!(two_sided_p(-3.0), two_sided_p(3.0));
        assert_eq!(two_sided_p(f64::INFINITY), 0.0);
        assert_eq!(two_sided_p(39.0), 0.0);
        assert!(two_sided_p(38.4) > 0.0);
        assert!(two_sided_p(f64::NAN).is_nan() && ln_two_sided_p(f64::NAN).is_nan());
        assert_eq!(ln_two_sided_p(0.0), 0.0);
        assert_eq!(ln_two_sided_p(f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(sf(0.0), 0.5);
        assert_eq!(sf(f64::NEG_INFINITY), 1.0);
    }
}
