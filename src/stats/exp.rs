//! The exponential function less one, the same bits on every machine.

/// `exp(x) - 1`, to two units in the last place.
///
/// The C library's differs between its versions; this one is plain additions and multiplications. `x` is reduced to
/// `k ln 2 + r` with `|r| <= ln(2) / 2`, where the Taylor series has 13 terms to go.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    /// ln 2 in two parts; the first has zeros enough at its end for `k` times it to be exact.
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// Adding and subtracting it rounds to a whole number.
    const ROUND: f64 = 6_755_399_441_055_744.0;

    if x > 709.8 || x.is_nan() {
        return if x.is_nan() { x } else { f64::INFINITY };
    }
    let x = x.max(-40.0);
    let k = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = INVERSE_FACTORIALS.iter().rev().fold(0.0, |sum, term| sum * r + term);
    // exp(r) - 1 = r + r^2 (1/2 + r/6 + ...)
    let p = r + r * r * series;
    if k == 0.0 {
        return p;
    }
    // Two factors, as 2^1024 has no f64 of its own.
    let half = power_of_two((k as i64 - 1) as i32);
    (half * p + (half - 0.5)) * 2.0
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
    let mut series = 0.0;
    for term in INVERSE_FACTORIALS.iter().rev() {
        series = series * r + term;
    }
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

fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
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
}
