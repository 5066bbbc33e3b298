//! The logarithm to the base 2, the same bits on every machine.
//!
//! As in [`super::log1p`] there is no branch, so that it vectorises: x = 2^k m with m between sqrt(1/2) and sqrt(2), and
//! log2(m) is a series in s = (m - 1) / (m + 1).

use super::horner::horner;
use std::f64::consts::LOG2_E;

/// To two units in the last place; exact for powers of two. -inf for 0, NaN for what is below it.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    /// Adding it to a whole number puts that number into the low bits of the sum.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    /// log2(m) = s (2 + 2/3 s^2 + 2/5 s^4 + ...) / ln 2, where s^2 is below 0.03.
    const SERIES: [f64; 11] = {
        let mut series = [0.0; 11];
        let mut i = 0;
        while i < 11 {
            series[i] = 2.0 * LOG2_E / (2 * i + 1) as f64;
            i += 1;
        }
        series
    };
    let subnormal = x < f64::MIN_POSITIVE;
    let bits = if subnormal { x * 2f64.powi(54) } else { x }.to_bits();
    let biased = bits.wrapping_sub(SQRT_HALF).wrapping_add(1023 << 52) >> 52;
    let k = f64::from_bits(biased | SHIFT.to_bits()) - SHIFT - if subnormal { 1023.0 + 54.0 } else { 1023.0 };
    let f = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(1023) << 52)) - 1.0;
    let s = f / (2.0 + f);
    let y = k + s * horner(&SERIES, s * s);
    let y = if x < f64::INFINITY { y } else { x };
    let below = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x > 0.0 || x.is_nan() { y } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_c_library() {
        for bits in (1..f64::INFINITY.to_bits()).step_by(1 << 43) {
            let x = f64::from_bits(bits + bits % 1_000_003);
            for x in [x, 1.0 + x, 1.0 - x.min(0.5)] {
                assert!((log2(x) - libm::log2(x)).abs() <= 4.5e-16 * libm::log2(x).abs(), "{x}: {}", log2(x));
            }
        }
        for k in -1022..1024 {
            assert_eq!(log2(2f64.powi(k)), f64::from(k));
        }
        assert_eq!((log2(0.0), log2(-0.0), log2(f64::INFINITY)), (f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY));
        assert!(log2(-1.0).is_nan() && log2(f64::NEG_INFINITY).is_nan() && log2(f64::NAN).is_nan());
    }
}
