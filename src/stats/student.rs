//! Tails of Student's t distribution of any real degrees of freedom.
//!
//! P(|T| >= |t|) is the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t^2) (Abramowitz and
//! Stegun 26.7.1). Everything that gets small is carried as a logarithm, so that the relative error stays below 1e-12
//! down to 1e-300.
//!
//! Of more than a dozen degrees of freedom an expansion at the normal distribution gives almost every p ([`expanded_p_values`]), the
//! same few operations for each; what it does not reach is computed by series and fractions that are added up until they
//! have converged.

use super::erfcx::erfcx;
use super::exp::exp_of_negative;
use super::horner::horner;
use super::log1p::Log1p;
use super::normal;
use crate::simd::{widest, widest_f64};
use libm::{exp, log, log1p};
use std::f64::consts::PI;

/// P(|T| >= |t|); 0 below the least double, NaN for NaN or for df that is not positive. df may be infinite (normal).
pub fn two_sided_p(t: f64, df: f64) -> f64 {
    let mut p = [0.0];
    two_sided_p_values(&[t], &[df], &mut p);
    p[0]
}

/// [`two_sided_p`] of each.
///
/// Some 8 ns a value and core where the expansion reaches, with AVX-512.
pub fn two_sided_p_values(t: &[f64], df: &[f64], p: &mut [f64]) {
    for ((t, df), p) in t.chunks(TOGETHER).zip(df.chunks(TOGETHER)).zip(p.chunks_mut(TOGETHER)) {
        expanded_p_values(t, df, p);
        if p.iter().fold(false, |any, p| any | p.is_nan()) {
            fill_in(t, df, p);
        }
    }
}

/// Values that are computed together; they stay in the first cache.
const TOGETHER: usize = 64;

/// Writes P(|T| >= |t|) where there are enough degrees of freedom and t^2 is no great multiple of them; else NaN.
///
/// With y = ln(1 + t^2 / df), nu = df / 2 - 1/4 and x = sqrt(nu y), p is the integral of exp(-nu s) / sqrt(2 sinh(s / 2)) from y on,
/// over that from 0 on. Near 0 the root is sqrt(s), which gives erfc(x); what it lacks is integrated by parts, again and again
/// (Bleistein 1966, of Temme's kind for the incomplete beta function), so that
///
///   p = exp(-x^2) (erfcx(x) + x / nu (y A(y^2, 1 / nu^2) + 1 / nu B(y^2, 1 / nu^2))).
///
/// The power series A and B are cut off where they count for less than 5e-14 of p, and their coefficients fitted (least
/// squares, in 40 digits) to y up to 2 and nu from 6 on.
///
/// Step by step for all values: in a short loop the processor has several of them in work at once, in a long one each waits for
/// the one before.
fn expanded_p_values(t: &[f64], df: &[f64], p: &mut [f64]) {
    let all = widest_f64(
        #[inline(always)]
        || {
            let (mut given, mut steps) = ([[1.0; TOGETHER]; 2], [[0.0; TOGETHER]; 6]);
            let ([ts, dfs], [us, ys, xs, tails, lacks, ps]) = (&mut given, &mut steps);
            ts[..t.len()].copy_from_slice(t);
            dfs[..df.len()].copy_from_slice(df);
            for i in 0..TOGETHER {
                (us[i], ys[i], xs[i]) = transformed(ts[i], dfs[i]);
            }
            for i in 0..TOGETHER {
                tails[i] = erfcx(xs[i]);
            }
            for i in 0..TOGETHER {
                lacks[i] = lacking(xs[i], ys[i], dfs[i]);
            }
            for i in 0..TOGETHER {
                ps[i] = joined(ts[i], dfs[i], us[i], ys[i], tails[i] + lacks[i]);
            }
            *ps
        },
    );
    p.copy_from_slice(&all[..p.len()]);
}

/// nu.
#[inline(always)]
fn order(df: f64) -> f64 {
    0.5 * df - 0.25
}

/// t^2 / df, y and x.
#[inline(always)]
fn transformed(t: f64, df: f64) -> (f64, f64, f64) {
    let u = t * t / df;
    let y = Log1p::log1p(u);
    (u, y, (order(df) * y).sqrt())
}

/// What erfcx(x) lacks.
#[inline(always)]
fn lacking(x: f64, y: f64, df: f64) -> f64 {
    let inverse = 1.0 / order(df);
    let (y2, inverse2) = (y * y, inverse * inverse);
    x * inverse * (y * a_series(y2, inverse2) + inverse * b_series(y2, inverse2))
}

/// p, which is 1 for t = 0 whatever the degrees of freedom.
#[inline(always)]
fn joined(t: f64, df: f64, u: f64, y: f64, tail: f64) -> f64 {
    let nu = order(df);
    let p = exp_of_negative(-(nu * y)) * tail;
    let p = if p > 1.0 { 1.0 } else { p };
    // exp(2) - 1, and where nothing overflows or vanishes on the way.
    let reached = (nu >= 6.0) & (df <= 1e8) & (u <= 6.389) & (t.abs() >= 1e-50);
    let p = if reached { p } else { f64::NAN };
    if (t == 0.0) & (df > 0.0) { 1.0 } else { p }
}

#[inline(always)]
fn a_series(y2: f64, inverse2: f64) -> f64 {
    horner(
        &[horner(&A.0, y2), horner(&A.1, y2), horner(&A.2, y2), horner(&A.3, y2), horner(&A.4, y2), horner(&A.5, y2)],
        inverse2,
    )
}

#[inline(always)]
fn b_series(y2: f64, inverse2: f64) -> f64 {
    horner(
        &[horner(&B.0, y2), horner(&B.1, y2), horner(&B.2, y2), horner(&B.3, y2), horner(&B.4, y2), horner(&B.5, y2)],
        inverse2,
    )
}

type Series<const N: usize> = [f64; N];

const A: (Series<8>, Series<7>, Series<6>, Series<5>, Series<4>, Series<3>) = (
    [
        -0.011_753_949_657_188_345,
        0.000_220_386_555_812_839_34,
        -4.445_627_681_970_046e-6,
        9.572_904_428_783_703e-8,
        -2.146_220_796_438_483e-9,
        4.911_392_484_387_102e-11,
        -1.090_330_760_795_751e-12,
        1.806_300_968_628_733_7e-14,
    ],
    [
        0.001_744_726_862_275_403_3,
        -0.000_106_585_312_998_892_32,
        4.596_710_164_294_974_6e-6,
        -1.714_391_667_569_208e-7,
        5.779_738_784_936_816e-9,
        -1.637_933_767_850_651_7e-10,
        2.691_486_732_393_745e-12,
    ],
    [
        -0.000_905_340_597_492_272_6,
        0.000_113_215_731_966_567_56,
        -8.331_802_612_914_05e-6,
        4.566_255_200_285_329e-7,
        -1.454_541_405_030_805e-8,
        -3.468_873_360_256_596_5e-10,
    ],
    [
        0.000_974_552_598_727_414_9,
        -0.000_205_694_296_727_953_22,
        2.004_357_629_449_755_4e-5,
        6.899_227_511_232_571e-7,
        -3.451_418_159_252_843e-7,
    ],
    [
        -0.001_701_940_289_108_094_8,
        0.000_475_444_564_070_832_74,
        0.000_127_778_422_912_830_1,
        -3.355_216_187_189_911e-5,
    ],
    [0.003_358_073_632_223_657, 0.002_919_931_483_352_145, -0.000_200_514_281_056_697_12],
);

const B: (Series<8>, Series<7>, Series<6>, Series<5>, Series<4>, Series<2>) = (
    [
        -0.017_630_924_483_019_738,
        0.000_771_352_925_837_855_2,
        -2.445_091_999_098_122_5e-5,
        7.179_424_072_590_624e-7,
        -2.037_779_850_422_483_4e-8,
        5.619_070_574_299_987e-10,
        -1.431_824_711_333_786_6e-11,
        2.569_779_966_148_489e-13,
    ],
    [
        0.002_617_089_587_759_257_5,
        -0.000_373_050_135_068_432_1,
        2.528_505_347_824_791_5e-5,
        -1.287_461_094_314_548_5e-6,
        5.554_809_168_848_613e-8,
        -2.079_433_226_438_433_5e-9,
        6.112_046_822_325_177e-11,
    ],
    [
        -0.001_357_975_854_551_867_6,
        0.000_396_508_729_471_484_04,
        -4.577_169_739_670_829_4e-5,
        3.600_951_108_135_543e-6,
        -3.116_908_329_350_124e-7,
        2.760_428_497_764_058_5e-8,
    ],
    [
        0.001_462_242_879_802_170_5,
        -0.000_715_013_549_873_777_9,
        0.000_136_272_852_081_888_04,
        -3.477_990_487_312_802e-5,
        5.076_300_961_517_786_6e-6,
    ],
    [
        -0.002_590_780_436_862_836_7,
        0.001_689_533_074_394_405_1,
        -0.001_465_223_125_031_977_7,
        0.000_198_127_437_622_846_34,
    ],
    [0.005_216_973_388_973_532, -0.008_833_084_565_922_592],
);

/// Replaces NaN by p.
#[inline(never)]
fn fill_in(t: &[f64], df: &[f64], p: &mut [f64]) {
    let (mut places, mut n) = ([0; TOGETHER], 0);
    for i in 0..p.len() {
        if !p[i].is_nan() {
            continue;
        }
        if is_ordinary(t[i], df[i]) {
            places[n] = i;
            n += 1;
        } else {
            p[i] = other_p(t[i], df[i]);
        }
    }
    for places in places[..n].chunks(LANES) {
        // A lane that is left over has any.
        let of = |values: &[f64]| lanes(|lane| values[places[lane.min(places.len() - 1)]]);
        let computed = widest(
            #[inline(always)]
            || ordinary_p(&of(t), &of(df)),
        );
        for (&i, computed) in places.iter().zip(computed) {
            p[i] = computed;
        }
    }
}

/// Values that are computed side by side. Each stops where its own series or fraction has converged, so that its bits do
/// not depend on its neighbours.
const LANES: usize = 8;
type Lanes = [f64; LANES];

/// Up to this t^2, p is one minus what lies between -t and t.
const MIDDLE: f64 = 4.0;

/// Whether nothing in the way of computing p overflows or vanishes.
#[inline(always)]
fn is_ordinary(t: f64, df: f64) -> bool {
    (1.0..=1e8).contains(&df) & (1e-50..=1e50).contains(&t.abs())
}

#[inline(never)]
fn other_p(t: f64, df: f64) -> f64 {
    match tail(t, df) {
        Tail::Known(p) => p,
        Tail::Complement(inner) => 1.0 - inner,
        Tail::Product { ln, factor } => exp(ln) * factor,
        Tail::Normal => normal::two_sided_p(t),
    }
}

#[inline(always)]
fn lanes(f: impl Fn(usize) -> f64) -> Lanes {
    let mut out = [0.0; LANES];
    for (i, out) in out.iter_mut().enumerate() {
        *out = f(i);
    }
    out
}

/// P(|T| >= |t|) as [`tail`] has it.
#[inline(always)]
fn ordinary_p(t: &Lanes, df: &Lanes) -> Lanes {
    let a = lanes(|i| 0.5 * df[i]);
    let w = lanes(|i| df[i] / (t[i] * t[i]));
    let root_y = lanes(|i| (1.0 / (1.0 + w[i])).sqrt());
    let power = lanes(
        #[inline(always)]
        |i| exp_of_negative(-a[i] * Log1p::log1p(t[i] * t[i] / df[i])),
    );
    let gammas = gamma_ratios(&a);
    let product = lanes(|i| power[i] * (gammas[i] / PI.sqrt()));
    let (mut middles, mut tails) = (false, false);
    let mut is_middle = [false; LANES];
    for i in 0..LANES {
        is_middle[i] = (t[i] * t[i] <= MIDDLE) & (w[i] >= 1.0);
        middles |= is_middle[i];
        tails |= !is_middle[i];
    }
    let mut p = [0.0; LANES];
    if middles {
        let series = complement_sums(&a, &w, &is_middle);
        p = lanes(|i| 1.0 - 2.0 * product[i] * root_y[i] * series[i]);
    }
    if tails {
        let fractions = fractions(&a, &w, &is_middle);
        p = lanes(|i| if is_middle[i] { p[i] } else { product[i] / (a[i] * root_y[i]) * fractions[i] });
    }
    p
}

/// [`gamma_ratio`] of each.
#[inline(always)]
fn gamma_ratios(a: &Lanes) -> Lanes {
    let (mut a, mut above, mut below) = (*a, [1.0; LANES], [1.0; LANES]);
    while a.iter().fold(false, |any, &a| any | (a < 20.0)) {
        for i in 0..LANES {
            let small = a[i] < 20.0;
            above[i] *= if small { a[i] } else { 1.0 };
            below[i] *= if small { a[i] + 0.5 } else { 1.0 };
            a[i] += if small { 1.0 } else { 0.0 };
        }
    }
    lanes(|i| above[i] / below[i] * gamma_ratio_from_20(a[i]))
}

/// [`complement_series`] of each that is in the middle. A term too small to count is followed by smaller ones only, which
/// change nothing: each may have as many terms as its neighbours need.
#[inline(always)]
fn complement_sums(a: &Lanes, w: &Lanes, is_middle: &[bool; LANES]) -> Lanes {
    let y = lanes(|i| 1.0 / (1.0 + w[i]));
    let (mut sum, mut term) = ([1.0; LANES], [1.0; LANES]);
    for n in 0..10_000 {
        let n = f64::from(n);
        let inverse = 1.0 / (1.5 + n);
        let mut goes_on = false;
        for i in 0..LANES {
            term[i] *= y[i] * (a[i] + (0.5 + n)) * inverse;
            sum[i] += term[i];
            goes_on |= is_middle[i] & (term[i] >= 1e-17 * sum[i]);
        }
        if !goes_on {
            break;
        }
    }
    sum
}

/// [`continued_fraction`] of each that is not in the middle, as the quotient of its numerators and denominators, which
/// follow from the two before each without a division: with all coefficients positive nothing cancels.
#[inline(always)]
fn fractions(a: &Lanes, w: &Lanes, is_middle: &[bool; LANES]) -> Lanes {
    /// Twice as many levels from one look at whether they converged to the next.
    const STEPS: u32 = 4;
    let inverse = lanes(|i| 1.0 / a[i]);
    let scaled_w = lanes(|i| w[i] * inverse[i]);
    // Level 1, and level 0 before it.
    let (mut above, mut below) = (lanes(|i| 1.0 + inverse[i] + 0.5 * scaled_w[i]), lanes(|i| 1.0 + inverse[i]));
    let (mut above_before, mut below_before) = ([1.0; LANES], [1.0; LANES]);
    let (mut value, mut done) = ([0.0; LANES], *is_middle);
    let mut m = 0.0;
    while m < 10_000.0 {
        for _ in 0..STEPS {
            m += 1.0;
            for i in 0..LANES {
                let numerator = scaled_w[i] * (m * (1.0 + (m - 0.5) * inverse[i]));
                let denominator = 1.0 + 2.0 * m * inverse[i];
                above_before[i] = denominator * above[i] + numerator * above_before[i];
                below_before[i] = denominator * below[i] + numerator * below_before[i];
                let numerator = scaled_w[i] * ((m + 0.5) * (1.0 + m * inverse[i]));
                let denominator = 1.0 + (2.0 * m + 1.0) * inverse[i];
                above[i] = denominator * above_before[i] + numerator * above[i];
                below[i] = denominator * below_before[i] + numerator * below[i];
            }
        }
        let mut goes_on = false;
        for i in 0..LANES {
            // The convergents lie on both sides of the limit in turn.
            let (cross, other) = (above[i] * below_before[i], above_before[i] * below[i]);
            let converged = (cross - other).abs() <= 1e-15 * cross;
            value[i] = if done[i] { value[i] } else { below[i] / above[i] };
            done[i] |= converged;
            goes_on |= !done[i];
            // All four by the same power of two, before they overflow.
            let exponent = above[i].to_bits() >> 52;
            let scale = f64::from_bits((2046 - exponent) << 52);
            above[i] *= scale;
            below[i] *= scale;
            above_before[i] *= scale;
            below_before[i] *= scale;
        }
        if !goes_on {
            break;
        }
    }
    value
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
    if square <= MIDDLE && y <= 0.5 {
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
    shift * gamma_ratio_from_20(a)
}

#[inline(always)]
fn gamma_ratio_from_20(a: f64) -> f64 {
    let n = a - 0.25;
    let w = 1.0 / (n * n);
    let series = 1.0
        - w * (1.0 / 64.0
            - w * (21.0 / 8192.0
                - w * (671.0 / 524_288.0 - w * (180_323.0 / 134_217_728.0 - w * (20_898_423.0 / 8_589_934_592.0)))));
    n.sqrt() / series
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

    /// Against the form with a logarithm, which is computed one by one with Lentz's method.
    #[test]
    fn side_by_side_is_as_exact_and_depends_on_no_neighbour() {
        let (mut t, mut df) = (vec![], vec![]);
        for i in 0..400 {
            for j in 0..60 {
                t.push(1e-3 * 1.03f64.powi(i) * if i % 2 == 0 { 1.0 } else { -1.0 });
                df.push(1.0 + 0.7 * 1.31f64.powi(j) * if j % 3 == 0 { 0.5 } else { 1.0 });
            }
        }
        let mut p = vec![0.0; t.len()];
        two_sided_p_values(&t, &df, &mut p);
        // Through a function that cannot be vectorised over.
        let alone = std::hint::black_box(
            (|t, df| {
                let (u, y, x) = transformed(t, df);
                joined(t, df, u, y, erfcx(x) + lacking(x, y, df))
            }) as fn(f64, f64) -> f64,
        );
        for i in 0..p.len() {
            let expanded = alone(t[i], df[i]);
            assert!(expanded.is_nan() || expanded.to_bits() == p[i].to_bits(), "{} {}", t[i], df[i]);
            assert_eq!(p[i].to_bits(), two_sided_p(t[i], df[i]).to_bits(), "{} {}", t[i], df[i]);
            let want = other_p(t[i], df[i]);
            assert!((p[i] - want).abs() <= 4e-13 * want || want < 1e-300, "{} {}: {} {want}", t[i], df[i], p[i]);
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
