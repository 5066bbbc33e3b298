//! Bins of genes with similar means, and dispersions in units of the spread within a bin.
//!
//! The bins are those of `pandas.cut`, the statistics those of pandas' groupby and of statsmodels' `mad`, to the order of
//! their additions: genes at the edge of a bin or of the choice must fall as they do in scanpy.

use crate::error::Result;
use crate::simd::widest;
use crate::{bail, ensure};

/// Intervals, open below and closed above, and the one that each gene falls in.
pub(super) struct Bins {
    pub edges: Vec<f64>,
    pub of: Vec<i32>,
}

impl Bins {
    /// Bins of equal width from the smallest to the largest mean, the first a thousandth of the range wider.
    pub fn of_equal_width(means: &[f64], n_bins: usize) -> Result<Self> {
        let mut low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let mut high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let constant = low == high;
        if constant {
            let margin = |x: f64| if x == 0.0 { 0.001 } else { 0.001 * x.abs() };
            (low, high) = (low - margin(low), high + margin(high));
        }
        let step = (high - low) / n_bins as f64;
        let mut edges: Vec<f64> = (0..n_bins).map(|i| i as f64 * step + low).collect();
        edges.push(high);
        if !constant {
            edges[0] -= (high - low) * 0.001;
        }
        Self::between(edges, means)
    }

    /// Twenty bins that end at the 10th, 15th, ..., 100th percentile of the means.
    pub fn of_percentiles(means: &[f64]) -> Result<Self> {
        let quantiles: Vec<f64> = (10..105).step_by(5).map(|percent| f64::from(percent) / 100.0).collect();
        let mut edges = vec![f64::NEG_INFINITY];
        edges.extend(percentiles(&mut means.to_vec(), &quantiles));
        edges.push(f64::INFINITY);
        Self::between(edges, means)
    }

    fn between(edges: Vec<f64>, means: &[f64]) -> Result<Self> {
        if let Some(i) = edges.windows(2).position(|pair| pair[0] >= pair[1]) {
            bail!(
                Value,
                "matrix: bins by mean would begin and end at {}, as too many genes have this mean (mostly genes that no \
                 cell expresses); filter genes first, or ask for fewer bins",
                edges[i]
            );
        }
        let n_bins = (edges.len() - 1) as i32;
        // How many edges are below. A search through them would be foreseen wrongly at every second step.
        let mut of = vec![0; means.len()];
        widest(
            #[inline(always)]
            || {
                for edge in &edges {
                    of.iter_mut().zip(means).for_each(|(of, mean)| *of += i32::from(edge < mean));
                }
            },
        );
        ensure!(
            of.iter().all(|&i| 1 <= i && i <= n_bins),
            Value,
            "matrix: the mean of a gene is not a number; log-normalised values are expected"
        );
        of.iter_mut().for_each(|i| *i -= 1);
        Ok(Self { edges, of })
    }

    /// The values of each bin, in gene order, NaN left out.
    fn collect(&self, values: &[f64]) -> Vec<Vec<f64>> {
        let mut bins = vec![Vec::new(); self.edges.len() - 1];
        for (&bin, &value) in self.of.iter().zip(values).filter(|(_, value)| !value.is_nan()) {
            bins[bin as usize].push(value);
        }
        bins
    }

    /// (value - mean) / standard deviation within the bin; 1 for a gene that is alone in its bin.
    pub fn standardize(&self, values: &[f64]) -> Vec<f64> {
        let center_spread: Vec<(f64, f64)> = self
            .collect(values)
            .iter()
            .map(|bin| {
                let mean = compensated_mean(bin.iter().copied());
                if bin.len() < 2 { (0.0, mean) } else { (mean, standard_deviation(bin)) }
            })
            .collect();
        self.normalize(values, &center_spread)
    }

    /// (value - median) / median absolute deviation within the bin.
    pub fn robust_standardize(&self, values: &[f64]) -> Vec<f64> {
        let center_spread: Vec<(f64, f64)> = self
            .collect(values)
            .iter_mut()
            .map(|bin| {
                let center = median(bin);
                // The factor that makes the deviation of a normal distribution one: its quantile at 3/4.
                let mut distances: Vec<f64> = bin.iter().map(|x| (x - center).abs() / 0.6744897501960817).collect();
                (center, median(&mut distances))
            })
            .collect();
        self.normalize(values, &center_spread)
    }

    fn normalize(&self, values: &[f64], center_spread: &[(f64, f64)]) -> Vec<f64> {
        let within = |(&bin, &value): (&i32, &f64)| {
            let (center, spread) = center_spread[bin as usize];
            (value - center) / spread
        };
        self.of.iter().zip(values).map(within).collect()
    }
}

/// numpy's linear percentiles, in ascending order. Reorders the values.
fn percentiles(values: &mut [f64], quantiles: &[f64]) -> impl Iterator<Item = f64> {
    let last = values.len() - 1;
    let place = move |quantile: f64| last as f64 * quantile;
    let around = move |quantile: f64| {
        let below = (place(quantile).floor() as usize).min(last);
        [below, (below + 1).min(last)]
    };
    let mut ranks: Vec<usize> = quantiles.iter().flat_map(|&quantile| around(quantile)).collect();
    ranks.sort_unstable();
    ranks.dedup();
    select(values, 0, &ranks);
    quantiles.iter().map(move |&quantile| {
        let ([a, b], t) = (around(quantile).map(|rank| values[rank]), place(quantile).fract());
        if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) }
    })
}

/// Brings the values of these ranks (ascending, the first value having rank `first`) to where sorting would.
fn select(values: &mut [f64], first: usize, ranks: &[usize]) {
    let half = ranks.len() / 2;
    if let Some(&rank) = ranks.get(half) {
        let (below, _, above) = values.select_nth_unstable_by(rank - first, f64::total_cmp);
        select(below, first, &ranks[..half]);
        select(above, rank + 1, &ranks[half + 1..]);
    }
}

/// The mean by Kahan's compensated sum, as pandas' groupby takes it; NaN of no values.
pub(super) fn compensated_mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    let (mut sum, mut lost) = (0.0, 0.0);
    for value in values {
        let y = value - lost;
        let t = sum + y;
        lost = t - sum - y;
        // Infinite sums leave nothing to compensate.
        if lost.is_nan() {
            lost = 0.0;
        }
        sum = t;
    }
    sum / n
}

/// With n - 1, by Welford's recurrence, as pandas' groupby takes it.
fn standard_deviation(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (0.0, 0.0);
    for (i, &value) in values.iter().enumerate() {
        let before = mean;
        mean += (value - before) / (i + 1) as f64;
        squares += (value - mean) * (value - before);
    }
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Reorders the values; NaN of none.
fn median(values: &mut [f64]) -> f64 {
    match values.len() {
        0 => f64::NAN,
        n => {
            let middle = [(n - 1) / 2, n / 2];
            select(values, 0, &middle[n % 2..]);
            (values[middle[0]] + values[middle[1]]) / 2.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_on_an_edge_is_in_the_bin_below() {
        let bins = Bins::of_equal_width(&[0.0, 1.0, 2.0, 4.0], 4).unwrap();
        assert_eq!(bins.edges, [-0.004, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(bins.of, [0, 0, 1, 3]);
        assert_eq!(Bins::of_equal_width(&[2.0, 2.0], 2).unwrap().of, [0, 0]);
    }

    #[test]
    fn equal_percentiles_are_an_error() {
        let means: Vec<f64> = (0..100).map(|i| if i < 40 { 0.0 } else { f64::from(i) }).collect();
        assert!(Bins::of_percentiles(&means).err().unwrap().message.contains("filter genes first"));
        let ascending: Vec<f64> = (0..101).map(f64::from).collect();
        let bins = Bins::of_percentiles(&ascending).unwrap();
        assert_eq!((bins.of[10], bins.of[11], bins.of[100]), (0, 1, 18));
    }

    #[test]
    fn selection_gives_what_sorting_gives() {
        for n in [1, 2, 3, 8, 19, 20, 21, 400] {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 401 / 3 - 50)).collect();
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let at = |rank: usize| sorted[rank.min(sorted.len() - 1)];
            assert_eq!(median(&mut values.clone()), (at((sorted.len() - 1) / 2) + at(sorted.len() / 2)) / 2.0);
            let quantiles = [0.0, 0.1, 0.1, 0.5, 0.77, 1.0];
            let got: Vec<f64> = percentiles(&mut values.clone(), &quantiles).collect();
            for (quantile, got) in quantiles.into_iter().zip(got) {
                let place = (n - 1) as f64 * quantile;
                let below = at(place as usize);
                let want = below + (at(place as usize + 1) - below) * place.fract();
                assert!((got - want).abs() <= 1e-13 * want.abs(), "{n} {quantile}: {got} {want}");
            }
        }
    }

    #[test]
    fn a_gene_alone_in_its_bin_gets_one() {
        let bins = Bins::of_equal_width(&[0.0, 0.1, 0.2, 9.0], 2).unwrap();
        let norm = bins.standardize(&[1.0, f64::NAN, 3.0, 7.0]);
        assert!(norm[1].is_nan() && norm[3] == 1.0);
        assert!((norm[0] + 0.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(bins.robust_standardize(&[1.0, 2.0, 3.0, 7.0])[0], -0.6744897501960817);
    }
}
