//! Corrections of p-values for the number of tests.

use super::ranks::{Pair, Sorter};
use crate::simd::widest;

/// How p-values are corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// False discovery rate of independent tests (Benjamini and Hochberg 1995).
    BenjaminiHochberg,
    /// False discovery rate under any dependence (Benjamini and Yekutieli 2001).
    BenjaminiYekutieli,
    /// Family-wise error rate: p times the number of tests.
    Bonferroni,
}

/// Writes the adjusted p-values, at most 1. A NaN stays NaN and counts as no test, as in R's `p.adjust`.
pub fn adjust(correction: Correction, p: &[f64], adjusted: &mut [f64]) {
    adjust_with(correction, p, adjusted, &mut AdjustScratch::default());
}

/// Scratch space of [`adjust_with`].
#[derive(Default)]
pub struct AdjustScratch {
    /// The upper bits of p with its number below them.
    order: Vec<u64>,
    sorter: Sorter<u64>,
    /// The p-values in their order; then what they are adjusted to but for those above them.
    sorted: Vec<f64>,
}

/// [`adjust`] for one set of tests after the other.
pub fn adjust_with(correction: Correction, p: &[f64], adjusted: &mut [f64], scratch: &mut AdjustScratch) {
    assert_eq!(p.len(), adjusted.len());
    assert!(u32::try_from(p.len()).is_ok(), "tests are numbered in 32 bits");
    let n_tests = p.iter().filter(|p| !p.is_nan()).count();
    let n = n_tests as f64;
    if correction == Correction::Bonferroni {
        for (&p, out) in p.iter().zip(adjusted) {
            *out = if p.is_nan() { p } else { (p * n).min(1.0) };
        }
        return;
    }
    let penalty = match correction {
        Correction::BenjaminiYekutieli => (1..=n_tests).map(|k| 1.0 / k as f64).sum(),
        _ => 1.0,
    };
    sort(p, scratch);
    let AdjustScratch { order, sorted, .. } = scratch;
    sorted.clear();
    sorted.extend(order.iter().map(|test| p[test.group()]));
    widest(
        #[inline(always)]
        || {
            for (rank, p) in (1u32..).zip(sorted.iter_mut()) {
                *p = *p / (f64::from(rank) / n) * penalty;
            }
        },
    );
    adjusted.fill(f64::NAN);
    let mut least = 1.0;
    for (test, &scaled) in order.iter().zip(&*sorted).rev() {
        least = if scaled < least { scaled } else { least };
        adjusted[test.group()] = least;
    }
}

/// Puts the tests that are not NaN into the order of their p.
fn sort(p: &[f64], scratch: &mut AdjustScratch) {
    let AdjustScratch { order, sorter, .. } = scratch;
    // Bits of numbers that are not negative are in the order of these (-0 is made 0). p is at most 1, so that the first two are
    // 0, and the next 32 tell almost all apart.
    let tests = p.iter().enumerate().filter(|(_, p)| !p.is_nan());
    order.clear();
    order.extend(tests.map(|(i, p)| u64::pack((p + 0.0).to_bits() >> 30, i as u32)));
    sorter.sort(order);
    for close in order.chunk_by_mut(|a, b| a.ordinal() == b.ordinal()).filter(|close| close.len() > 1) {
        close.sort_unstable_by(|a, b| p[a.group()].total_cmp(&p[b.group()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adjusted(correction: Correction, p: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; p.len()];
        adjust(correction, p, &mut out);
        out
    }

    /// The definition, for every p apart: the least over all p_(j) >= p of p_(j) n / j.
    #[test]
    fn definition() {
        let p = [0.01, 0.02, 0.03, 0.5, 0.02, 1.0, 0.0];
        let n = p.len() as f64;
        let harmonic: f64 = (1..=p.len()).map(|k| 1.0 / k as f64).sum();
        let mut sorted = p;
        sorted.sort_by(f64::total_cmp);
        for (correction, penalty) in [(Correction::BenjaminiHochberg, 1.0), (Correction::BenjaminiYekutieli, harmonic)]
        {
            for (&p, got) in p.iter().zip(adjusted(correction, &p)) {
                let want = sorted
                    .iter()
                    .enumerate()
                    .filter(|&(_, &other)| other >= p)
                    .map(|(j, other)| other * n * penalty / (j + 1) as f64)
                    .fold(1.0, f64::min);
                assert!((got - want).abs() <= 1e-15, "{correction:?} {p}: {got} {want}");
            }
        }
        assert_eq!(adjusted(Correction::Bonferroni, &[0.1, 0.5, 0.0]), [0.1 * 3.0, 1.0, 0.0]);
    }

    #[test]
    fn nan_is_no_test() {
        for correction in [Correction::BenjaminiHochberg, Correction::BenjaminiYekutieli, Correction::Bonferroni] {
            let with = adjusted(correction, &[0.01, f64::NAN, 0.04]);
            let without = adjusted(correction, &[0.01, 0.04]);
            assert!(with[1].is_nan());
            assert_eq!([with[0], with[2]], without[..]);
            assert!(adjusted(correction, &[]).is_empty());
        }
    }
}
