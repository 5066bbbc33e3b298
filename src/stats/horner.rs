//! Polynomials by Horner's rule, nothing fused, so that they have the same bits on every machine.

/// The polynomial of these coefficients, that of the lowest power first.
#[inline(always)]
pub(super) fn horner<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[N - 1];
    for coefficient in coefficients[..N - 1].iter().rev() {
        sum = sum * x + coefficient;
    }
    sum
}
