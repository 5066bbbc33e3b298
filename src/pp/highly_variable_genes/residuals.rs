//! Flavor `pearson_residuals`: the variance of `(x - mu) / sqrt(mu + mu^2 / theta)`, cut off at `clip`, where `mu` is what
//! the gene's share of all counts gives a cell of its depth.
//!
//! Residuals are never stored. That of a zero depends on the gene's sum and the cell's depth alone, both of which few
//! genes and cells have to themselves; so first every count is taken to be zero, once for each distinct sum and depth,
//! and then the counts that are not are put right.

use super::ranks::{self, ascending, choose};
use super::{HighlyVariable, Options};
use crate::error::Result;
use crate::matrix::reduce::{Wanted, aggregate, sums};
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::{Ctx, balanced_ranges};
use crate::with_lines;

/// Distinct sums of genes that are worked on side by side, each in its own accumulators.
const LANES: usize = 8;

/// Stored values that one thread works through in some 10 ms.
const BITE: u64 = 1 << 20;

pub(super) fn run(ctx: &Ctx, matrix: &Matrix, batches: Option<&Groups>, options: &Options) -> Result<HighlyVariable> {
    let n_top = options.n_top_genes.expect("checked before");
    let everyone = Groups::all(matrix.n_obs());
    let moments = Wanted { ddof: Some(1.0), ..Default::default() };
    let overall = aggregate(ctx.part(0.1, 0.2), matrix, Axis::Obs, &everyone, moments)?;
    let groups = batches.unwrap_or(&everyone);
    let gene_sums = match batches {
        Some(batches) => aggregate(ctx.part(0.2, 0.3), matrix, Axis::Obs, batches, Wanted::default())?.sums,
        None => overall.sums.clone(),
    };
    let depths = sums(ctx.part(0.3, 0.4), matrix, Axis::Var)?;
    // scanpy takes the first batch's for every batch.
    let clip = options.clip.unwrap_or_else(|| (groups.size(0) as f64).sqrt());

    let n_genes = matrix.n_vars();
    let models: Vec<Model> = (0..groups.n_groups())
        .map(|batch| {
            let total = gene_sums[batch * n_genes..(batch + 1) * n_genes].iter().sum();
            Model { total, theta: options.theta, clip }
        })
        .collect();
    let corrections = corrections(ctx.part(0.4, 0.8), matrix, groups, &gene_sums, &depths, &models)?;
    let mut scores = Vec::with_capacity(models.len());
    for (batch, model) in models.iter().enumerate() {
        let part = |done: usize| 0.8 + 0.2 * done as f64 / models.len() as f64;
        let here = batch * n_genes..(batch + 1) * n_genes;
        let depths: Vec<f64> = groups.members(batch).iter().map(|&cell| depths[cell]).collect();
        let ctx = ctx.part(part(batch), part(batch + 1));
        scores.push(variances(ctx, model, &gene_sums[here.clone()], &depths, &corrections[here])?);
    }

    let ranks = ranks::ranks(&scores, n_top);
    let highly_variable = choose(n_genes, n_top, |a, b| {
        ranks.n_batches[b].cmp(&ranks.n_batches[a]).then_with(|| ascending(ranks.median[a], ranks.median[b]))
    });
    Ok(HighlyVariable {
        highly_variable,
        means: overall.means(),
        variances: overall.variances,
        residual_variances: ranks::mean_over_batches(&scores),
        rank: ranks.median,
        intersection: ranks.n_batches.iter().map(|&n| n == models.len() as i64).collect(),
        n_batches: ranks.n_batches,
        ..Default::default()
    })
}

/// The null model of one batch.
#[derive(Clone, Copy)]
struct Model {
    total: f64,
    theta: f64,
    clip: f64,
}

impl Model {
    #[inline(always)]
    fn expected(&self, gene_sum: f64, depth: f64) -> f64 {
        gene_sum * depth / self.total
    }

    #[inline(always)]
    fn residual(&self, count: f64, mu: f64) -> f64 {
        ((count - mu) / (mu + mu * mu / self.theta).sqrt()).clamp(-self.clip, self.clip)
    }
}

/// A sum of residuals and one of their squares.
#[derive(Clone, Copy, Default)]
struct Sums {
    plain: f64,
    squared: f64,
}

/// For each batch and gene, what the residuals of its counts are more than those of zeros would be.
fn corrections(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    gene_sums: &[f64],
    depths: &[f64],
    models: &[Model],
) -> Result<Vec<Sums>> {
    with_lines!(matrix, |lines| correct_lines(ctx, matrix, lines, groups, gene_sums, depths, models))
}

/// The result is computed as one row of batches for each gene, so that threads can divide the genes.
fn correct_lines<L: Lines>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: L,
    groups: &Groups,
    gene_sums: &[f64],
    depths: &[f64],
    models: &[Model],
) -> Result<Vec<Sums>> {
    let (n_genes, n_batches) = (matrix.n_vars(), models.len());
    let add = |row: &mut [Sums], cell: usize, gene: usize, count: f64| {
        let Some(batch) = groups.of(cell).filter(|_| count > 0.0) else { return };
        let model = &models[batch];
        let mu = model.expected(gene_sums[batch * n_genes + gene], depths[cell]);
        let (counted, zero) = (model.residual(count, mu), model.residual(0.0, mu));
        row[batch].plain += counted - zero;
        row[batch].squared += counted * counted - zero * zero;
    };
    let mut table = vec![Sums::default(); n_genes * n_batches];
    match matrix.major() {
        Axis::Var => {
            let bites = (matrix.n_stored() as u64).div_ceil(BITE) as usize;
            let ranges = balanced_ranges(n_genes, bites.max(8 * ctx.threads()), |gene| matrix.stored_before(gene));
            let lens = ranges.iter().map(|genes| genes.len() * n_batches);
            ctx.run_split(
                &mut table,
                lens,
                || (),
                |(), i, rows| {
                    for (gene, row) in ranges[i].clone().zip(rows.chunks_exact_mut(n_batches)) {
                        lines.for_each(gene, |cell, x| add(row, cell, gene, x.to_f64()));
                    }
                    Ok(())
                },
            )?;
        }
        Axis::Obs => {
            // Stretches of cells one after the other, so that each gene's sums take them in order; in each, threads
            // divide the genes.
            let n_cells = matrix.n_obs();
            let stretches = (matrix.n_stored() as u64).div_ceil(BITE * ctx.threads() as u64) as usize;
            let genes_each = n_genes.div_ceil(ctx.threads());
            for cells in balanced_ranges(n_cells, stretches.max(1), |cell| matrix.stored_before(cell)) {
                let part = |cell: usize| cell as f64 / n_cells as f64;
                ctx.within(part(cells.start), part(cells.end), || {
                    ctx.run_chunks(
                        &mut table,
                        genes_each * n_batches,
                        || (),
                        |(), i, rows| {
                            let first = i * genes_each;
                            let genes = first..first + rows.len() / n_batches;
                            for cell in cells.clone() {
                                lines.for_each_in(cell, genes.clone(), |gene, x| {
                                    let row = &mut rows[(gene - first) * n_batches..][..n_batches];
                                    add(row, cell, gene, x.to_f64());
                                });
                            }
                            Ok(())
                        },
                    )
                })?;
            }
        }
    }
    Ok((0..n_batches).flat_map(|batch| table[batch..].iter().step_by(n_batches).copied()).collect())
}

/// The variance of each gene's residuals, over all cells of the batch: those of zeros, put right.
fn variances(ctx: &Ctx, model: &Model, gene_sums: &[f64], depths: &[f64], corrections: &[Sums]) -> Result<Vec<f64>> {
    let depths = counted(depths);
    let mut distinct: Vec<f64> = gene_sums.iter().copied().filter(|&sum| sum > 0.0).collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();

    let mut zeros = vec![Sums::default(); distinct.len()];
    ctx.run_chunks(
        &mut zeros,
        LANES,
        || (),
        |(), piece, zeros| {
            let mut lanes = [1.0; LANES];
            let sums = &distinct[piece * LANES..][..zeros.len()];
            lanes[..sums.len()].copy_from_slice(sums);
            zeros.copy_from_slice(&zero_residuals(model, &lanes, &depths)[..sums.len()]);
            Ok(())
        },
    )?;

    let n: f64 = depths.iter().map(|&(_, times)| times).sum();
    let variance = |(&sum, more): (&f64, &Sums)| {
        if sum == 0.0 {
            return 0.0;
        }
        let zeros = zeros[distinct.partition_point(|&s| s < sum)];
        let mean = (zeros.plain + more.plain) / n;
        ((zeros.squared + more.squared) / n - mean * mean).max(0.0)
    };
    Ok(gene_sums.iter().zip(corrections).map(variance).collect())
}

/// Distinct depths, ascending, and how many cells have each. Empty cells have residuals of zero and only count.
fn counted(depths: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = depths.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as f64)).collect()
}

/// For genes of these sums, the residuals of zeros added over all cells. The lanes never mix, so that a gene's sum does
/// not depend on the others'.
fn zero_residuals(model: &Model, gene_sums: &[f64; LANES], depths: &[(f64, f64)]) -> [Sums; LANES] {
    let mut plain = [0.0; LANES];
    let mut squared = [0.0; LANES];
    for &(depth, times) in depths.iter().filter(|(depth, _)| *depth > 0.0) {
        for lane in 0..LANES {
            let r = model.residual(0.0, model.expected(gene_sums[lane], depth));
            plain[lane] += times * r;
            squared[lane] += times * (r * r);
        }
    }
    std::array::from_fn(|lane| Sums { plain: plain[lane], squared: squared[lane] })
}
