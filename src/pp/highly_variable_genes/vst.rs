//! Flavor `vst`: what [`super::standardized`] computes, in the arithmetic of Seurat itself.
//!
//! Genes whose counts are alike but for the order of the cells have the same mean and the same variance, and Seurat ranks
//! them by what rounding leaves of the difference. So the terms, the order of their addition and the points of a local fit
//! are Seurat's here: squared deviations of the non-zero values in the order of the cells, then those of the zeros at once,
//! then one division. The last bits of the curve are those of the BLAS that R runs on; a caller who wants these, too, gives
//! R's curve ([`Options::variances_expected`]).

use super::ranks::mean_over_batches;
use super::standardized::{DEFAULT_N_TOP, expected_variances, ranked};
use super::{HighlyVariable, Options};
use crate::error::Result;
use crate::matrix::reduce::{Aggregate, Wanted, aggregate, aggregate_mapped};
use crate::matrix::{Axis, Groups, Matrix};
use crate::parallel::Ctx;
use crate::stats::loess::R_SLACK;

pub(super) fn run(ctx: &Ctx, matrix: &Matrix, batches: Option<&Groups>, options: &Options) -> Result<HighlyVariable> {
    let everyone = Groups::all(matrix.n_obs());
    let groups = batches.unwrap_or(&everyone);
    let n = groups.n_groups();
    let part = |done: usize| 0.1 + 0.8 * done as f64 / n as f64;
    let mut by_batch = (0..n)
        .map(|batch| judge(ctx.part(part(batch), part(batch + 1)), matrix, groups, batch, options))
        .collect::<Result<Vec<_>>>()?;
    let standardized: Vec<Vec<f64>> = by_batch.iter().map(|vst| vst.standardized.clone()).collect();
    // Seurat leaves out genes whose mean is 0.
    let expressed = |vst: &Vst| {
        vst.standardized.iter().zip(&vst.means).map(|(&x, &mean)| if mean == 0.0 { f64::NAN } else { x }).collect()
    };
    let scores: Vec<Vec<f64>> = by_batch.iter().map(expressed).collect();
    let chosen = ranked(&scores, options.n_top_genes.unwrap_or(DEFAULT_N_TOP), options.flavor);
    let variances_norm = mean_over_batches(&standardized);
    if batches.is_none() {
        let Vst { means, variances, expected, .. } = by_batch.remove(0);
        return Ok(HighlyVariable { means, variances, variances_expected: expected, variances_norm, ..chosen });
    }
    let wanted = Wanted { ddof: Some(1.0), ..Default::default() };
    let overall = aggregate(ctx.part(0.9, 1.0), matrix, Axis::Obs, &everyone, wanted)?;
    Ok(HighlyVariable { means: overall.means(), variances: overall.variances, variances_norm, ..chosen })
}

/// One value for each gene, over the cells of one batch.
struct Vst {
    means: Vec<f64>,
    variances: Vec<f64>,
    /// By the curve; 0 for a gene that does not vary.
    expected: Vec<f64>,
    standardized: Vec<f64>,
}

fn judge(ctx: &Ctx, matrix: &Matrix, groups: &Groups, batch: usize, options: &Options) -> Result<Vst> {
    let inside: Groups;
    let cells = if groups.is_all() {
        groups
    } else {
        let mask: Vec<bool> = groups.labels().iter().map(|&label| label == batch as i32).collect();
        inside = Groups::masked(&mask);
        &inside
    };
    let n = groups.size(batch) as f64;
    let counted = Wanted { nonzeros: true, ..Default::default() };
    let Aggregate { sums, nonzeros, .. } =
        ctx.within(0.0, 0.3, || aggregate(ctx, matrix, Axis::Obs, cells, counted))?;
    let means: Vec<f64> = sums.iter().map(|sum| sum / n).collect();
    // (x - mean)^2 added up over all cells: over those that are not zero first, then over the zeros.
    let over_all = |from: f64, to: f64, square: &(dyn Fn(usize, f64) -> f64 + Sync)| -> Result<Vec<f64>> {
        let of_nonzeros = |gene: usize, x: f64| if x == 0.0 { 0.0 } else { square(gene, x) };
        let all = || aggregate_mapped(ctx, matrix, Axis::Obs, cells, Wanted::default(), of_nonzeros);
        let sums = ctx.within(from, to, all)?.sums;
        let add_zeros = |(gene, sum): (usize, f64)| sum + square(gene, 0.0) * (n - nonzeros[gene]);
        Ok(sums.into_iter().enumerate().map(add_zeros).map(|sum| sum / (n - 1.0)).collect())
    };
    let variances = over_all(0.3, 0.6, &|gene, x| (x - means[gene]) * (x - means[gene]))?;
    let expected = match options.variances_expected {
        Some(expected) => expected.to_vec(),
        None => ctx.within(0.6, 0.7, || expected_variances(ctx, &means, &variances, options.span, R_SLACK))?,
    };
    let deviations: Vec<f64> = expected.iter().map(|variance| variance.sqrt()).collect();
    let largest = options.clip.unwrap_or(n.sqrt());
    if deviations.iter().all(|&deviation| deviation == 0.0) {
        // A caller who wants the moments, for a curve of its own.
        let standardized = vec![0.0; means.len()];
        return Ok(Vst { means, variances, expected, standardized });
    }
    let standardized = over_all(0.7, 1.0, &|gene, x| {
        if deviations[gene] == 0.0 {
            return 0.0;
        }
        let y = ((x - means[gene]) / deviations[gene]).min(largest);
        y * y
    })?;
    Ok(Vst { means, variances, expected, standardized })
}
