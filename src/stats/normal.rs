//! Tails of the standard normal distribution, right to the last few bits as far as doubles reach, and in logarithm
//! beyond.

use libm::{erf, erfc, log, log1p};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

/// What `FRAC_1_SQRT_2` lacks of 1 / sqrt(2).
const FRAC_1_SQRT_2_LOW: f64 = -4.833646656726457e-17;

/// From here on p-values near the end of the doubles: their logarithm is taken from the continued fraction.
const FAR: f64 = 36.0;

/// P(Z >= z).
pub fn sf(z: f64) -> f64 {
    let half = 0.5 * two_sided_p(z);
    if z < 0.0 { 1.0 - half } else { half }
}

/// P(|Z| >= |z|), 0 where it is below the least double (|z| > 38.5). NaN for NaN.
///
/// This is erfc(|z| / sqrt 2). The error of the rounded quotient counts 2 x^2 times over in the result, 1e-13 at
/// 1e-300, so it is carried along and put right to first order.
pub fn two_sided_p(z: f64) -> f64 {
    let z = z.abs();
    let x = z * FRAC_1_SQRT_2;
    if x > 28.0 {
        return 0.0;
    }
    let low = product_error(z, FRAC_1_SQRT_2, x) + z * FRAC_1_SQRT_2_LOW;
    let p = erfc(x);
    p - p * (low * log_slope(x))
}

/// [`two_sided_p`] of each.
pub fn two_sided_p_values(z: &[f64], p: &mut [f64]) {
    z.iter().zip(p).for_each(|(&z, p)| *p = two_sided_p(z));
}

/// ln P(|Z| >= |z|), finite for every finite z below 1e154.
pub fn ln_two_sided_p(z: f64) -> f64 {
    let z = z.abs();
    if z < 0.5 {
        let x = z * FRAC_1_SQRT_2;
        return log1p(-erf(x));
    }
    if z < FAR {
        return log(two_sided_p(z));
    }
    -0.5 * z * z + log((2.0 / PI).sqrt() * mills_ratio(z))
}

/// -d ln erfc(x) / dx, within a few percent (Pollak 1956), which is enough for a correction of 1e-13.
fn log_slope(x: f64) -> f64 {
    x + (x * x + FRAC_2_SQRT_PI * FRAC_2_SQRT_PI).sqrt()
}

/// (1 - Phi(z)) / phi(z) for large z by Laplace's continued fraction; twelve levels are exact to rounding from z = 20 on.
fn mills_ratio(z: f64) -> f64 {
    let tail = (1..=12).rev().fold(z, |below, k| z + f64::from(k) / below);
    1.0 / tail
}

/// a * b - rounded, exactly (Dekker 1971), for factors far from overflow.
fn product_error(a: f64, b: f64, rounded: f64) -> f64 {
    let split = |x: f64| {
        let c = 134_217_729.0 * x;
        let high = c - (c - x);
        (high, x - high)
    };
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    a2 * b2 - (((rounded - a1 * b1) - a2 * b1) - a1 * b2)
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
