//! Flavors `seurat_v3` and `seurat_v3_paper` (Seurat's `vst` in scanpy's arithmetic; [`super::vst`] is in Seurat's): the variance of a gene after division by the standard
//! deviation that a smooth curve of variance against mean expects of it, large values cut off.

use super::ranks::{self, ascending, choose};
use super::{Flavor, HighlyVariable, Options};
use crate::error::Result;
use crate::matrix::reduce::{Wanted, aggregate, aggregate_mapped};
use crate::matrix::{Axis, Groups, Matrix};
use crate::parallel::Ctx;
use crate::stats::loess::{Loess, LoessOptions};

/// How many genes are chosen unless the caller says.
pub(super) const DEFAULT_N_TOP: usize = 2000;

const MOMENTS: Wanted = Wanted { ddof: Some(1.0), nonzeros: false, extremes: false };

pub(super) fn run(ctx: &Ctx, matrix: &Matrix, batches: Option<&Groups>, options: &Options) -> Result<HighlyVariable> {
    let n_top = options.n_top_genes.unwrap_or(DEFAULT_N_TOP);
    let everyone = Groups::all(matrix.n_obs());
    let overall = aggregate(ctx.part(0.1, 0.3), matrix, Axis::Obs, &everyone, MOMENTS)?;
    let by_batch = match batches {
        Some(batches) => Some(aggregate(ctx.part(0.3, 0.5), matrix, Axis::Obs, batches, MOMENTS)?),
        None => None,
    };
    let moments = by_batch.as_ref().unwrap_or(&overall);
    let groups = batches.unwrap_or(&everyone);
    let n_groups = groups.n_groups();
    let mut scores = Vec::with_capacity(n_groups);
    let mut variances_expected = Vec::new();
    for batch in 0..n_groups {
        let part = |done: usize| 0.5 + 0.5 * done as f64 / n_groups as f64;
        let ctx = ctx.part(part(batch), part(batch + 1));
        let here = batch * moments.n..(batch + 1) * moments.n;
        let n = groups.size(batch) as f64;
        let means: Vec<f64> = moments.sums[here.clone()].iter().map(|sum| sum / n).collect();
        variances_expected = expected_variances(ctx, &means, &moments.variances[here], options.span, 0.0)?;
        scores.push(standardized_variances(ctx, matrix, groups, batch, &means, &variances_expected)?);
    }
    Ok(HighlyVariable {
        means: overall.means(),
        variances: overall.variances,
        variances_expected: if batches.is_none() { variances_expected } else { Vec::new() },
        variances_norm: ranks::mean_over_batches(&scores),
        ..ranked(&scores, n_top, options.flavor)
    })
}

/// The genes of the highest scores, which have one row for each batch; with batches as the flavor says. A gene whose score
/// is NaN is never chosen.
pub(super) fn ranked(scores: &[Vec<f64>], n_top: usize, flavor: Flavor) -> HighlyVariable {
    let ranks = ranks::ranks(scores, n_top);
    let by_rank = |a: usize, b: usize| ascending(ranks.median[a], ranks.median[b]);
    let by_batches = |a: usize, b: usize| ranks.n_batches[b].cmp(&ranks.n_batches[a]);
    let mut highly_variable = choose(scores[0].len(), n_top, |a, b| match flavor {
        Flavor::SeuratV3 => by_rank(a, b).then_with(|| by_batches(a, b)),
        _ => by_batches(a, b).then_with(|| by_rank(a, b)),
    });
    highly_variable.iter_mut().zip(&ranks.n_batches).for_each(|(chosen, &n)| *chosen &= n > 0);
    HighlyVariable {
        highly_variable,
        rank: ranks.median,
        intersection: ranks.n_batches.iter().map(|&n| n == scores.len() as i64).collect(),
        n_batches: ranks.n_batches,
        ..Default::default()
    }
}

/// For each gene, the variance within a batch of `min(x, mean + sqrt(n) s) / s`, where `s` is the expected standard
/// deviation, about the mean as it is without cutting off.
fn standardized_variances(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    batch: usize,
    means: &[f64],
    variances_expected: &[f64],
) -> Result<Vec<f64>> {
    let n = groups.size(batch) as f64;
    // 1 for a gene that does not vary, whose expected variance is 0.
    let deviation = |&variance: &f64| if variance > 0.0 { variance.sqrt() } else { 1.0 };
    let expected: Vec<f64> = variances_expected.iter().map(deviation).collect();
    let clip: Vec<f64> = means.iter().zip(&expected).map(|(mean, s)| s * n.sqrt() + mean).collect();

    let clipped = if groups.is_all() {
        aggregate_mapped(ctx, matrix, Axis::Obs, groups, MOMENTS, |gene, x| x.min(clip[gene]))?
    } else {
        let inside: Vec<bool> = groups.labels().iter().map(|&label| label == batch as i32).collect();
        aggregate_mapped(ctx, matrix, Axis::Obs, &Groups::masked(&inside), MOMENTS, |gene, x| x.min(clip[gene]))?
    };
    let variance = |gene: usize| {
        let (mean, s) = (means[gene], expected[gene]);
        let squares = n * (mean * mean) + clipped.square_sums[gene] - 2.0 * clipped.sums[gene] * mean;
        1.0 / ((n - 1.0) * (s * s)) * squares
    };
    Ok((0..means.len()).map(variance).collect())
}

/// 10 to the loess fit of log10 variance on log10 mean, among the genes that vary; 0 for the others.
pub(super) fn expected_variances(
    ctx: &Ctx,
    means: &[f64],
    variances: &[f64],
    span: f64,
    slack: f64,
) -> Result<Vec<f64>> {
    let varying: Vec<usize> = (0..means.len()).filter(|&gene| variances[gene] > 0.0).collect();
    let mut expected = vec![0.0; means.len()];
    if varying.is_empty() {
        return Ok(expected);
    }
    let x: Vec<f64> = varying.iter().map(|&gene| means[gene].log10()).collect();
    let y: Vec<f64> = varying.iter().map(|&gene| variances[gene].log10()).collect();
    let curve = Loess::fit(ctx, &x, &y, None, &LoessOptions { span, slack, ..Default::default() })?;
    for (&gene, fitted) in varying.iter().zip(curve.predict(ctx, &x)?) {
        expected[gene] = 10f64.powf(fitted);
    }
    Ok(expected)
}
