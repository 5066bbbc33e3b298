//! Corrections of p-values for the number of tests.

use super::ranks::{Pair, Sorter};
use crate::simd::{widest, widest_f64};

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
    /// The tests in the order of their p: the [`key`] of p with the number of the test below it.
    order: Vec<u64>,
    sorter: Sorter<u64>,
    /// The p-values in their order; then what they are adjusted to but for those above them.
    sorted: Vec<f64>,
}

/// [`adjust`] for one set of tests after the other.
///
/// Speed: 7 ns a test, of which sorting takes 4; nearly each of them lowers the running minimum where some genes differ, so
/// that none can be left out of the order.
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
    let (order, sorted) = (&scratch.order[..n_tests], &mut scratch.sorted[..n_tests]);
    widest(
        #[inline(always)]
        || {
            for (rank, p) in (1u32..).zip(sorted.iter_mut()) {
                *p = *p / (f64::from(rank) / n) * penalty;
            }
        },
    );
    // Also where no test is NaN: going straight through brings into the cache what is then written to here and there.
    adjusted.fill(f64::NAN);
    let mut least = 1.0;
    for (test, &scaled) in order.iter().zip(&*sorted).rev() {
        least = if scaled < least { scaled } else { least };
        adjusted[test.group()] = least;
    }
}

/// Puts the tests into the order of their p, NaN last.
fn sort(p: &[f64], scratch: &mut AdjustScratch) {
    let AdjustScratch { order, sorter, sorted } = scratch;
    order.resize(p.len(), 0);
    widest_f64(
        #[inline(always)]
        || {
            for ((test, &p), pair) in (0u32..).zip(p).zip(order.iter_mut()) {
                *pair = u64::pack(u64::from(key(p)), test);
            }
        },
    );
    sorter.sort(order);
    sorted.clear();
    sorted.extend(order.iter().map(|test| p[test.group()]));
    if !insertion_sort(order, sorted) {
        let compare = |a: f64, b: f64| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(&b));
        order.sort_unstable_by(|a, b| compare(p[a.group()], p[b.group()]));
        sorted.iter_mut().zip(order).for_each(|(sorted, test)| *sorted = p[test.group()]);
    }
}

/// The greatest key of a p that is no NaN.
const LAST: u32 = (1 << 22) - 2;

/// A number of 22 bits, two digits to sort by, in the order of p, that tells almost all apart: most p lie evenly between 0 and
/// 1, those of genes that differ at every power of ten.
#[inline(always)]
fn key(p: f64) -> u32 {
    // The upper bits of a number are nearly its logarithm. (-0 is made 0.)
    let logarithmic = |p: f64| ((p + 0.0).to_bits() >> 43) as u32;
    // Added to it, a number is rounded to a whole one in the low bits.
    const ROUND: f64 = (1u64 << 52) as f64;
    const STEPS: u32 = LAST - (1f64.to_bits() >> 43) as u32;
    let linear = (p * f64::from(STEPS) + ROUND).to_bits() as u32;
    let key = linear.wrapping_add(logarithmic(p)).min(LAST);
    if p.is_nan() { LAST + 1 } else { key }
}

/// Sorts p-values none of which is far from its place, and their tests with them. Gives up, and returns false, if that takes long.
fn insertion_sort(order: &mut [u64], sorted: &mut [f64]) -> bool {
    let mut patience = 8 * sorted.len();
    for i in 1..sorted.len() {
        let (p, test) = (sorted[i], order[i]);
        let mut at = i;
        while at > 0 && sorted[at - 1] > p {
            (sorted[at], order[at]) = (sorted[at - 1], order[at - 1]);
            at -= 1;
        }
        (sorted[at], order[at]) = (p, test);
        match patience.checked_sub(i - at) {
            Some(left) => patience = left,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// The same operations for each p, in the order that a comparison sort gives.
    fn by_comparison(correction: Correction, p: &[f64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
        order.sort_by(|&a, &b| (p[a] + 0.0).total_cmp(&(p[b] + 0.0)));
        let n = order.len() as f64;
        let penalty = match correction {
            Correction::BenjaminiYekutieli => (1..=order.len()).map(|k| 1.0 / k as f64).sum(),
            _ => 1.0,
        };
        let mut adjusted = vec![f64::NAN; p.len()];
        let mut least = 1.0f64;
        for (k, &i) in order.iter().enumerate().rev() {
            least = least.min(p[i] / ((k + 1) as f64 / n) * penalty);
            adjusted[i] = least;
        }
        adjusted
    }

    fn check(p: &[f64]) {
        let mut scratch = AdjustScratch::default();
        for correction in [Correction::BenjaminiHochberg, Correction::BenjaminiYekutieli] {
            // Scratch space that others have used, and more of it.
            adjust_with(correction, &vec![0.5; p.len() + 3], &mut vec![0.0; p.len() + 3], &mut scratch);
            let mut got = vec![0.0; p.len()];
            adjust_with(correction, p, &mut got, &mut scratch);
            let bits = |p: &f64| if p.is_nan() { u64::MAX } else { (p + 0.0).to_bits() };
            assert!(got.iter().map(bits).eq(by_comparison(correction, p).iter().map(bits)), "{correction:?}");
        }
    }

    fn any_p() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => 0.0..=1.0f64,
            4 => (0.0..750.0f64).prop_map(|x| (-x).exp()),
            2 => (0..9u64).prop_map(|ulps| f64::from_bits(0.317f64.to_bits() + ulps)),
            2 => (0..9u64).prop_map(f64::from_bits),
            1 => (0..9u64).prop_map(|ulps| f64::from_bits(1f64.to_bits() - ulps)),
            1 => prop::sample::select(vec![0.0, -0.0, 1.0, f64::NAN, 1e-3, f64::MIN_POSITIVE]),
        ]
    }

    proptest! {
        #[test]
        fn has_the_bits_of_a_comparison_sort(p in prop::collection::vec(any_p(), 0..3000)) {
            check(&p);
        }

        /// So many close to each other that insertion gives up.
        #[test]
        fn crowds(p in prop::collection::vec((0..99u64).prop_map(|ulps| f64::from_bits(0.317f64.to_bits() + ulps)), 0..2000)) {
            check(&p);
        }

        #[test]
        fn keys_keep_the_order(a in any_p(), b in any_p()) {
            if a <= b {
                prop_assert!(key(a) <= key(b));
            }
            prop_assert!(key(a) <= LAST || a.is_nan());
        }
    }
}
