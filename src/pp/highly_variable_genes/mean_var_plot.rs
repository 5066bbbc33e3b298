//! Flavors `mean_var_plot` and `dispersion`: Seurat's selection by the dispersion of a gene, variance over mean of the
//! values before their logarithm was taken, in bins of genes of similar mean.
//!
//! scanpy's `seurat` ([`super::dispersions`]) is built after it and parts from it in what it does with single precision,
//! genes that no cell expresses and genes alone in their bin, and in the order of its choice.

use super::bins::Bins;
use super::ranks::descending;
use super::{Binning, Flavor, HighlyVariable, Options};
use crate::error::Result;
use crate::matrix::reduce::{Aggregate, Wanted, aggregate_mapped};
use crate::matrix::{Axis, Groups, Matrix};
use crate::parallel::Ctx;
use crate::stats::exp::exp_m1;
use crate::{bail, ensure};

/// How many genes `dispersion` chooses unless the caller says.
const DEFAULT_N_TOP: usize = 2000;

pub(super) fn run(ctx: &Ctx, matrix: &Matrix, options: &Options) -> Result<HighlyVariable> {
    let (means, dispersions) = moments(ctx, matrix, options)?;
    let (bin, edges) = bins(&means, options)?;
    let scaled = standardize(&dispersions, &bin, edges.len() - 1);

    let mut order: Vec<usize> = (0..means.len()).filter(|&gene| means[gene] != 0.0).collect();
    order.sort_by(|&a, &b| descending(dispersions[a], dispersions[b]));
    if options.flavor == Flavor::MeanVarPlot {
        order.retain(|&gene| options.cutoffs.hold(means[gene], scaled[gene]));
    } else {
        order.truncate(options.n_top_genes.unwrap_or(DEFAULT_N_TOP));
    }
    let mut highly_variable = vec![false; means.len()];
    let mut rank = vec![f64::NAN; means.len()];
    for (place, gene) in order.into_iter().enumerate() {
        highly_variable[gene] = true;
        rank[gene] = place as f64;
    }
    Ok(HighlyVariable {
        n_batches: highly_variable.iter().map(|&chosen| i64::from(chosen)).collect(),
        intersection: highly_variable.clone(),
        highly_variable,
        means,
        dispersions,
        dispersions_norm: scaled,
        rank,
        mean_bin: bin.iter().map(|bin| bin.map_or(-1, |bin| bin as i32)).collect(),
        bin_edges: edges,
        ..Default::default()
    })
}

/// log(1 + mean) and log(variance / mean) of the values before their logarithm was taken; 0 where that is not a number.
fn moments(ctx: &Ctx, matrix: &Matrix, options: &Options) -> Result<(Vec<f64>, Vec<f64>)> {
    let cells = Groups::all(matrix.n_obs());
    let n = matrix.n_obs() as f64;
    let scale = options.log_base.map_or(1.0, f64::ln);
    let unlogged = |x: f64| exp_m1(x * scale);
    let counted = Wanted { nonzeros: true, ..Default::default() };
    let Aggregate { sums, nonzeros, .. } =
        aggregate_mapped(ctx.part(0.1, 0.5), matrix, Axis::Obs, &cells, counted, |_, x| unlogged(x))?;
    let means: Vec<f64> = sums.iter().map(|sum| sum / n).collect();
    let of_nonzeros =
        |gene: usize, x: f64| if x == 0.0 { 0.0 } else { (unlogged(x) - means[gene]) * (unlogged(x) - means[gene]) };
    let squares = aggregate_mapped(ctx.part(0.5, 1.0), matrix, Axis::Obs, &cells, Wanted::default(), of_nonzeros)?.sums;
    if let Some(gene) = (0..means.len()).find(|&gene| !means[gene].is_finite() || !squares[gene].is_finite()) {
        bail!(
            Value,
            "matrix: mean or variance of var {gene} are too large for 64 bits; flavor {} takes logarithmised values",
            options.flavor.name()
        );
    }
    let dispersion = |gene: usize| {
        let mean = means[gene];
        let variance = (squares[gene] + mean * mean * (n - nonzeros[gene])) / (n - 1.0);
        (variance / mean).ln()
    };
    let zero_if_nan = |x: f64| if x.is_nan() { 0.0 } else { x };
    let dispersions = (0..means.len()).map(|gene| zero_if_nan(dispersion(gene))).collect();
    Ok((means.iter().map(|mean| zero_if_nan(mean.ln_1p())).collect(), dispersions))
}

/// The bin of each gene, none below the first edge; and the edges.
fn bins(means: &[f64], options: &Options) -> Result<(Vec<Option<usize>>, Vec<f64>)> {
    if options.binning == Binning::EqualWidth {
        let Bins { edges, of } = Bins::of_equal_width(means, options.n_bins)?;
        return Ok((of.into_iter().map(|bin| Some(bin as usize)).collect(), edges));
    }
    let mut positive: Vec<f64> = means.iter().copied().filter(|&mean| mean > 0.0).collect();
    positive.sort_unstable_by(f64::total_cmp);
    ensure!(!positive.is_empty(), Value, "matrix: no gene has a positive mean, which bins of equal frequency need");
    ensure!(
        options.n_bins > 1,
        InvalidArgument,
        "n_bins: is {}, must be at least 2 for bins of equal frequency, of which it counts the ends",
        options.n_bins
    );
    let edges: Vec<f64> =
        (0..options.n_bins).map(|i| quantile(&positive, i as f64 / (options.n_bins - 1) as f64)).collect();
    if let Some(i) = edges.windows(2).position(|pair| pair[0] >= pair[1]) {
        bail!(
            Value,
            "matrix: bins by mean would begin and end at {}, as too many genes have this mean; filter genes first, or ask \
             for fewer bins",
            edges[i]
        );
    }
    // Closed above, the first also below.
    let bin = |&mean: &f64| match edges.partition_point(|edge| *edge < mean) {
        0 if mean == edges[0] => Some(0),
        at => at.checked_sub(1),
    };
    Ok((means.iter().map(bin).collect(), edges))
}

/// R's default quantile (its type 7) of sorted values.
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * probability;
    let below = place.floor() as usize;
    let (a, b, h) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)], place - place.floor());
    if h == 0.0 || a == b { a } else { (1.0 - h) * a + h * b }
}

/// (value - mean) / standard deviation within the bin; NaN for a gene alone in its bin, or in none.
fn standardize(values: &[f64], bin: &[Option<usize>], n_bins: usize) -> Vec<f64> {
    let mut members = vec![Vec::new(); n_bins];
    bin.iter()
        .zip(values)
        .filter_map(|(bin, &value)| bin.map(|bin| (bin, value)))
        .for_each(|(b, v)| members[b].push(v));
    let center_spread: Vec<(f64, f64)> = members.iter().map(|values| mean_and_deviation(values)).collect();
    let scaled = |(bin, value): (&Option<usize>, &f64)| match bin {
        Some(bin) => (value - center_spread[*bin].0) / center_spread[*bin].1,
        None => f64::NAN,
    };
    bin.iter().zip(values).map(scaled).collect()
}

/// Mean, and standard deviation with n - 1; a second pass over the deviations takes back what rounding took from the mean.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let rough = values.iter().sum::<f64>() / n;
    let mean = if rough.is_finite() { rough + values.iter().map(|x| x - rough).sum::<f64>() / n } else { rough };
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, if values.len() < 2 { f64::NAN } else { (squares / (n - 1.0)).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.0, 0.5, 1.0].map(|p| quantile(&sorted, p)), [1.0, 3.0, 8.0]);
        assert!((quantile(&sorted, 0.25) - 1.75).abs() < 1e-15);
    }

    #[test]
    fn equal_frequency_leaves_out_genes_without_expression() {
        let options = Options { binning: Binning::EqualFrequency, n_bins: 3, ..Options::new(Flavor::MeanVarPlot) };
        let (bin, edges) = bins(&[0.0, 1.0, 2.0, 3.0, 5.0], &options).unwrap();
        assert_eq!(edges, [1.0, 2.5, 5.0]);
        assert_eq!(bin, [None, Some(0), Some(0), Some(1), Some(1)]);
        let same = bins(&[1.0, 1.0, 1.0, 2.0], &options).unwrap_err();
        assert!(same.message.contains("too many genes"), "{}", same.message);
    }

    #[test]
    fn a_gene_alone_in_its_bin_has_no_scaled_dispersion() {
        let scaled = standardize(&[1.0, 3.0, 7.0], &[Some(0), Some(0), Some(1)], 2);
        assert!((scaled[0] + 0.5f64.sqrt()).abs() < 1e-15 && scaled[2].is_nan());
        // an infinite dispersion, of a constant gene, spoils its bin
        assert!(standardize(&[f64::NEG_INFINITY, 3.0], &[Some(0), Some(0)], 1).iter().all(|x| x.is_nan()));
    }
}
