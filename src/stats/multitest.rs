//! Corrections of p-values for the number of tests.

use super::ranks::{Pair, Sorter};

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
    /// The bits of p with its number below them.
    order: Vec<u128>,
    sorter: Sorter<u128>,
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
    // p-values are not negative, so that their bits are in their order (-0 is made 0).
    let tests = p.iter().enumerate().filter(|(_, p)| !p.is_nan());
    let order = &mut scratch.order;
    order.clear();
    order.extend(tests.map(|(i, p)| u128::pack((p + 0.0).to_bits(), i as u32)));
    scratch.sorter.sort(order);
    adjusted.fill(f64::NAN);
    let mut least = 1.0f64;
    for (rank, test) in order.iter().enumerate().rev() {
        let scaled = f64::from_bits(test.ordinal()) / ((rank + 1) as f64 / n) * penalty;
        least = least.min(scaled);
        adjusted[test.group()] = least;
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
