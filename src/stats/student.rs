//! Tails of Student's t distribution of any real degrees of freedom.
//!
//! P(|T| >= |t|) is the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t^2) (Abramowitz and
//! Stegun 26.7.1). Everything that gets small is carried as a logarithm, so that the relative error stays below 1e-12
//! down to 1e-300.

use super::normal;
use libm::{exp, log, log1p};
use std::f64::consts::PI;

/// P(|T| >= |t|); 0 below the least double, NaN for NaN or for df that is not positive. df may be infinite (normal).
pub fn two_sided_p(t: f64, df: f64) -> f64 {
    match tail(t, df) {
        Tail::Known(p) => p,
        Tail::Complement(inner) => 1.0 - inner,
        Tail::Product { ln, factor } => exp(ln) * factor,
        Tail::Normal => normal::two_sided_p(t),
    }
}

/// [`two_sided_p`] of each.
pub fn two_sided_p_values(t: &[f64], df: &[f64], p: &mut [f64]) {
    t.iter().zip(df).zip(p).for_each(|((&t, &df), p)| *p = two_sided_p(t, df));
}

/// ln P(|T| >= |t|), also where the probability itself is below the least double.
pub fn ln_two_sided_p(t: f64, df: f64) -> f64 {
    match tail(t, df) {
        Tail::Known(p) => log(p),
        Tail::Complement(inner) => log1p(-inner),
        Tail::Product { ln, factor } => ln + log(factor),
        Tail::Normal => normal::ln_two_sided_p(t),
    }
}

enum Tail {
    Known(f64),
    /// One minus this.
    Complement(f64),
    /// exp(ln) * factor.
    Product {
        ln: f64,
        factor: f64,
    },
    Normal,
}

fn tail(t: f64, df: f64) -> Tail {
    let t = t.abs();
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return Tail::Known(f64::NAN);
    }
    if t == 0.0 {
        return Tail::Known(1.0);
    }
    if t == f64::INFINITY {
        return Tail::Known(0.0);
    }
    if df == f64::INFINITY {
        return Tail::Normal;
    }
    let a = 0.5 * df;
    let square = t * t;
    let u = square / df;
    let ln_1_plus_u = if u.is_finite() { log1p(u) } else { 2.0 * log(t) - log(df) };
    let y = 1.0 / (1.0 + df / square);
    // x^a / B(a, 1/2), where 1 / B(a, 1/2) = Gamma(a + 1/2) / (Gamma(a) sqrt(pi)).
    let ln = -a * ln_1_plus_u;
    let factor = gamma_ratio(a) / PI.sqrt();
    if square <= 9.0 && y <= 0.5 {
        // Near the middle the complement I_y(1/2, a) is what has no cancellation, all its terms being positive.
        return Tail::Complement(2.0 * exp(ln) * factor * y.sqrt() * complement_series(a, y));
    }
    Tail::Product { ln, factor: factor / (a * y.sqrt()) * continued_fraction(a, df / square) }
}

/// Gamma(a + 1/2) / Gamma(a): the asymptotic series in a - 1/4, which has even powers only (the central binomial
/// coefficient's), from a = 20 on, and the recurrence below.
fn gamma_ratio(mut a: f64) -> f64 {
    let mut shift = 1.0;
    while a < 20.0 {
        shift *= a / (a + 0.5);
        a += 1.0;
    }
    let n = a - 0.25;
    let w = 1.0 / (n * n);
    let series = 1.0
        - w * (1.0 / 64.0
            - w * (21.0 / 8192.0
                - w * (671.0 / 524_288.0 - w * (180_323.0 / 134_217_728.0 - w * (20_898_423.0 / 8_589_934_592.0)))));
    shift * n.sqrt() / series
}

/// The sum of (a + 1/2)_n / (3/2)_n y^n (Abramowitz and Stegun 26.5.4).
fn complement_series(a: f64, y: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 0..10_000 {
        let n = f64::from(n);
        term *= y * (a + 0.5 + n) / (1.5 + n);
        sum += term;
        if term < 1e-17 * sum {
            break;
        }
    }
    sum
}

/// F(1/2, 1; a + 1; -w) by Gauss's continued fraction (Abramowitz and Stegun 26.5.8 in another variable). All its
/// coefficients are positive, so that nothing cancels however many degrees of freedom there are; for many of them it
/// becomes Laplace's fraction for the normal tail. By Lentz's method.
fn continued_fraction(a: f64, w: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / (1.0 + 0.5 * w / (a + 1.0));
    let mut value = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = w * (m / (a + 2.0 * m - 1.0)) * ((a + m - 0.5) / (a + 2.0 * m));
        d = 1.0 / (1.0 + even * d);
        c = 1.0 + even / c;
        value *= d * c;
        let odd = w * ((m + 0.5) / (a + 2.0 * m)) * ((a + m) / (a + 2.0 * m + 1.0));
        d = 1.0 / (1.0 + odd * d);
        c = 1.0 + odd / c;
        let step = d * c;
        value *= step;
        if (step - 1.0).abs() < 3e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One degree of freedom is Cauchy's distribution, two have a closed form as well.
    #[test]
    fn closed_forms() {
        let mut t = 1e-8;
        while t < 1e150 {
            let cauchy = 2.0 / PI * libm::atan(1.0 / t);
            let two = 2.0 / ((t * t + 2.0f64).sqrt() * ((t * t + 2.0).sqrt() + t));
            for (df, truth) in [(1.0, cauchy), (2.0, two)] {
                let p = two_sided_p(t, df);
                assert!((p / truth - 1.0).abs() < 1e-13, "t {t} df {df}: {p} {truth}");
                let ln = ln_two_sided_p(t, df);
                assert!((ln - log(truth)).abs() < 1e-13 * ln.abs().max(1.0), "t {t} df {df}");
            }
            t *= 1.37;
        }
    }

    #[test]
    fn many_degrees_of_freedom_are_normal() {
        for t in [0.5, 2.0, 3.5, 7.0, 20.0, 36.0] {
            let ratio = two_sided_p(t, 1e13) / normal::two_sided_p(t);
            assert!((ratio - 1.0).abs() < 1e-7, "{t}: {ratio}"); // t^4 / (4 df) is below 5e-8
            assert_eq!(two_sided_p(t, f64::INFINITY), normal::two_sided_p(t));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(two_sided_p(0.0, 5.0), 1.0);
        assert_eq!(two_sided_p(f64::NEG_INFINITY, 5.0), 0.0);
        assert!(two_sided_p(f64::NAN, 5.0).is_nan() && two_sided_p(1.0, f64::NAN).is_nan());
        assert!(two_sided_p(1.0, 0.0).is_nan() && two_sided_p(1.0, -1.0).is_nan());
        assert_eq!(two_sided_p(2.5, 7.0), two_sided_p(-2.5, 7.0));
        assert!(two_sided_p(1e200, 1.0) > 0.0);
        assert!(ln_two_sided_p(1e3, 1e6) < -1000.0);
    }
}
