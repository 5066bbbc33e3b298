//! Flavors `seurat_v3` and `seurat_v3_paper` (Seurat's `vst` in scanpy's arithmetic; [`super::vst`] is in Seurat's): the variance of a gene after division by the standard
//! deviation that a smooth curve of variance against mean expects of it, large values cut off.
//!
//! Speed: 28 M counts along cells, 2 threads: 30 ms, in 3 batches 44: 17 for the moments ([`super::tally`]), 11 for the
//! counts above their bounds ([`super::above`]), the rest for the curve and the ranks. Memory's limit is 9, as the counts
//! are read twice.

use super::above::{Above, above};
use super::ranks::{self, ascending, choose};
use super::tally::{Moments, Tally};
use super::{Flavor, HighlyVariable, Options};
use crate::error::Result;
use crate::matrix::reduce::{Wanted, aggregate, aggregate_mapped};
use crate::matrix::{Axis, Groups, Matrix};
use crate::parallel::Ctx;
use crate::stats::loess::{Loess, LoessOptions};

/// How many genes are chosen unless the caller says.
pub(super) const DEFAULT_N_TOP: usize = 2000;

const MOMENTS: Wanted = Wanted { ddof: Some(1.0), nonzeros: false, extremes: false };

pub(super) fn run(
    ctx: &Ctx,
    matrix: &Matrix,
    batches: Option<&Groups>,
    tally: Option<Tally>,
    options: &Options,
) -> Result<HighlyVariable> {
    let n_top = options.n_top_genes.unwrap_or(DEFAULT_N_TOP);
    let everyone = Groups::all(matrix.n_obs());
    let groups = batches.unwrap_or(&everyone);
    let judged = match tally {
        Some(tally) => of_counts(ctx, matrix, groups, &tally, options)?,
        None => of_values(ctx, matrix, groups, options)?,
    };
    let Judged { means, variances, variances_expected, scores } = judged;
    Ok(HighlyVariable {
        means,
        variances,
        variances_expected: if batches.is_none() { variances_expected } else { Vec::new() },
        variances_norm: ranks::mean_over_batches(&scores),
        ..ranked(&scores, n_top, options.flavor)
    })
}

struct Judged {
    /// Over all cells.
    means: Vec<f64>,
    variances: Vec<f64>,
    /// Of the last batch.
    variances_expected: Vec<f64>,
    /// The standardised variances, a row of genes for each batch.
    scores: Vec<Vec<f64>>,
}

/// By one pass for the moments of all batches, and one that looks for counts above their gene's bound.
fn of_counts(ctx: &Ctx, matrix: &Matrix, groups: &Groups, tally: &Tally, options: &Options) -> Result<Judged> {
    let n_batches = groups.n_groups();
    let mut variances_expected = Vec::new();
    let mut curves = Vec::with_capacity(n_batches);
    for batch in 0..n_batches {
        let ctx =
            ctx.part(0.5 + 0.2 * batch as f64 / n_batches as f64, 0.5 + 0.2 * (batch + 1) as f64 / n_batches as f64);
        let moments = tally.batch(batch);
        let means = moments.means();
        variances_expected = expected_variances(ctx, &means, &moments.variances(), options.span, 0.0)?;
        curves.push((Curve::new(&means, &variances_expected, groups.size(batch)), moments));
    }
    let bounds: Vec<&[f64]> = curves.iter().map(|(curve, _)| &curve.clip[..]).collect();
    let above = above(ctx.part(0.7, 1.0), matrix, groups, &bounds)?;
    let score = |((curve, moments), above): (&(Curve, Moments), &Vec<Above>)| {
        let clipped = |gene: usize| {
            let ([sum, squares], clip, above) = (moments.sums[gene], curve.clip[gene], above[gene]);
            [sum - above.sum + above.n * clip, squares - above.squares + above.n * (clip * clip)]
        };
        curve.standardized(clipped)
    };
    let scores = curves.iter().zip(&above).map(score).collect();
    let overall = tally.overall();
    Ok(Judged { means: overall.means(), variances: overall.variances(), variances_expected, scores })
}

/// By a pass for each batch, whatever the values.
fn of_values(ctx: &Ctx, matrix: &Matrix, groups: &Groups, options: &Options) -> Result<Judged> {
    let everyone = Groups::all(matrix.n_obs());
    let overall = aggregate(ctx.part(0.1, 0.3), matrix, Axis::Obs, &everyone, MOMENTS)?;
    let by_batch = match groups.is_all() {
        false => Some(aggregate(ctx.part(0.3, 0.5), matrix, Axis::Obs, groups, MOMENTS)?),
        true => None,
    };
    let moments = by_batch.as_ref().unwrap_or(&overall);
    let n_batches = groups.n_groups();
    let mut scores = Vec::with_capacity(n_batches);
    let mut variances_expected = Vec::new();
    for batch in 0..n_batches {
        let part = |done: usize| 0.5 + 0.5 * done as f64 / n_batches as f64;
        let ctx = ctx.part(part(batch), part(batch + 1));
        let here = batch * moments.n..(batch + 1) * moments.n;
        let n = groups.size(batch);
        let means: Vec<f64> = moments.sums[here.clone()].iter().map(|sum| sum / n as f64).collect();
        variances_expected = expected_variances(ctx, &means, &moments.variances[here], options.span, 0.0)?;
        let curve = Curve::new(&means, &variances_expected, n);
        let clip = |gene: usize, x: f64| x.min(curve.clip[gene]);
        let clipped = if groups.is_all() {
            aggregate_mapped(ctx, matrix, Axis::Obs, groups, MOMENTS, clip)?
        } else {
            let inside: Vec<bool> = groups.labels().iter().map(|&label| label == batch as i32).collect();
            aggregate_mapped(ctx, matrix, Axis::Obs, &Groups::masked(&inside), MOMENTS, clip)?
        };
        scores.push(curve.standardized(|gene| [clipped.sums[gene], clipped.square_sums[gene]]));
    }
    Ok(Judged { means: overall.means(), variances: overall.variances, variances_expected, scores })
}

/// What genes are held against in one batch.
struct Curve {
    n: f64,
    means: Vec<f64>,
    /// Standard deviations; 1 for a gene that does not vary, whose expected variance is 0.
    expected: Vec<f64>,
    /// Values above become this.
    clip: Vec<f64>,
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

impl Curve {
    fn new(means: &[f64], variances_expected: &[f64], n: usize) -> Self {
        let n = n as f64;
        let deviation = |&variance: &f64| if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let expected: Vec<f64> = variances_expected.iter().map(deviation).collect();
        let clip = means.iter().zip(&expected).map(|(mean, s)| s * n.sqrt() + mean).collect();
        Self { n, means: means.to_vec(), expected, clip }
    }

    /// For each gene, the variance of `min(x, mean + sqrt(n) s) / s`, where `s` is the expected standard deviation, about
    /// the mean as it is without cutting off. `clipped` gives sum and sum of squares of `min(x, ...)`.
    fn standardized(&self, clipped: impl Fn(usize) -> [f64; 2]) -> Vec<f64> {
        let n = self.n;
        let variance = |gene: usize| {
            let ([sum, square_sum], mean, s) = (clipped(gene), self.means[gene], self.expected[gene]);
            let squares = n * (mean * mean) + square_sum - 2.0 * sum * mean;
            1.0 / ((n - 1.0) * (s * s)) * squares
        };
        (0..self.means.len()).map(variance).collect()
    }
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
    let logs = |values: &[f64]| in_parallel(ctx, &varying, |gene| values[gene].log10());
    let (x, y) = (logs(means)?, logs(variances)?);
    let curve = Loess::fit(ctx, &x, &y, None, &LoessOptions { span, slack, ..Default::default() })?;
    let fitted = curve.predict(ctx, &x)?;
    for (&gene, value) in varying.iter().zip(in_parallel(ctx, &fitted, |fitted| 10f64.powf(fitted))?) {
        expected[gene] = value;
    }
    Ok(expected)
}

/// `map` of each.
fn in_parallel<T: Copy + Sync>(ctx: &Ctx, of: &[T], map: impl Fn(T) -> f64 + Sync) -> Result<Vec<f64>> {
    const PIECE: usize = 4096;
    let mut out = vec![0.0; of.len()];
    ctx.run_chunks(
        &mut out,
        PIECE,
        || (),
        |(), piece, out| {
            out.iter_mut().zip(&of[piece * PIECE..]).for_each(|(out, &x)| *out = map(x));
            Ok(())
        },
    )?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;

    #[test]
    fn counts_and_other_values_are_judged_alike() {
        let (n, m) = (400, 60);
        // One gene of 10 has a count that is cut off.
        let value = |i: usize| match (i / m, i % m) {
            (cell, gene) if cell == 7 * gene % n && gene % 10 == 0 => 500.0,
            (cell, gene) => (cell * cell * 31 + gene * 17 + cell * gene) as f64 % 97.0 % (2.0 + gene as f64),
        };
        let table: Vec<f64> = (0..n * m).map(value).map(f64::floor).collect();
        let turned: Vec<f64> = (0..m).flat_map(|j| table.iter().skip(j).step_by(m).copied()).collect();
        let labels: Vec<i32> = (0..n).map(|i| (i % 3) as i32 - 1).collect();
        let options = Options::new(Flavor::SeuratV3);
        let ctx = &Ctx::new(2);
        for groups in [Groups::all(n), Groups::new(&labels[..], 2, n, "batches").unwrap()] {
            for (major, values, stride) in [(Axis::Obs, &table, m), (Axis::Var, &turned, n)] {
                let matrix = &Matrix::dense(major, (n, m), ValueSlice::F64(values), stride).unwrap();
                let tally = Tally::of(ctx, matrix, &groups).unwrap().expect("all are counts");
                let counts = of_counts(ctx, matrix, &groups, &tally, &options).unwrap();
                let values = of_values(ctx, matrix, &groups, &options).unwrap();
                let pairs = [(&counts.means, &values.means), (&counts.variances, &values.variances)];
                for (a, b) in pairs.into_iter().chain(counts.scores.iter().zip(&values.scores)) {
                    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs()), "{a:?} {b:?}");
                }
            }
        }
    }
}
