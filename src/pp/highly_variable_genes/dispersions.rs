//! Flavors `seurat` and `cell_ranger`: the dispersion (variance over mean) of a gene, compared with those of genes in the
//! same bin of means.
//!
//! `cell_ranger` takes means and variances as `matrix::reduce` has them; `seurat` needs exponentials, which `ordered`
//! adds up.
//!
//! Speed: `cell_ranger` of 28 M non-zeros, 2 threads: 16 ms along cells of f32, 9 along genes of f64, nearly all of it the
//! moments. Memory's limit is 4.4 either way.

use super::bins::{Bins, compensated_mean};
use super::ordered::{BLOCK, Places, Rule, Terms, ordered_sums};
use super::ranks::{choose, descending};
use super::survey::{Kinds, survey};
use super::{Cutoffs, Flavor, HighlyVariable, Options};
use crate::error::Result;
use crate::matrix::buffer::zeros;
use crate::matrix::reduce::{CANCELS, Targets, Wanted, aggregate_into, aggregate_mapped};
use crate::matrix::{Axis, Groups, Matrix, Value, ValueSlice, ValueType};
use crate::parallel::Ctx;
use crate::simd::{widest, widest_f64};
use crate::stats::exp::{exp_m1, exp_m1_single, exp_m1_singles};
use crate::{bail, ensure, with_values};
use std::sync::atomic::{AtomicBool, Ordering};

/// What one batch says about its genes; those left out have zeros.
struct Verdict {
    means: Vec<f64>,
    dispersions: Vec<f64>,
    dispersions_norm: Vec<f64>,
    chosen: Vec<bool>,
    bin: Vec<i32>,
    edges: Vec<f64>,
}

pub(super) fn run(
    ctx: &Ctx,
    matrix: &Matrix,
    batches: Option<&Groups>,
    name_order: Option<&[i64]>,
    options: &Options,
) -> Result<HighlyVariable> {
    let everyone = Groups::all(matrix.n_obs());
    let groups = batches.unwrap_or(&everyone);
    let filter = options.filter_unexpressed_genes || batches.is_some();
    let moments = moments(ctx, matrix, groups, options, filter)?;
    let verdicts = (0..groups.n_groups())
        .map(|batch| judge(ctx, &moments, batch, batches.is_some(), options))
        .collect::<Result<Vec<_>>>()?;
    Ok(match batches {
        None => alone(verdicts),
        Some(_) => combine(&verdicts, name_order, options),
    })
}

struct Moments {
    n: usize,
    means: Vec<f64>,
    variances: Vec<f64>,
    /// Whether any cell expresses the gene, or genes are not filtered by that.
    kept: Vec<bool>,
}

/// Sums, means and variances for each batch and gene.
struct Sums {
    sums: Vec<f64>,
    means: Vec<f64>,
    variances: Vec<f64>,
    /// Some value is negative.
    negative: bool,
}

/// Means and variances for each batch and gene, for `seurat` of the values before their logarithm was taken.
fn moments(ctx: &Ctx, matrix: &Matrix, groups: &Groups, options: &Options, filter: bool) -> Result<Moments> {
    let n_genes = matrix.n_vars();
    let Sums { sums, means, variances, negative } = match options.flavor {
        Flavor::Seurat => unlogged_sums(ctx, matrix, groups, Unlog { scale: options.log_base.map(f64::ln) })?,
        _ => plain_sums(ctx, matrix, groups, filter)?,
    };
    if let Some(i) = (0..means.len()).find(|&i| !means[i].is_finite() || !variances[i].is_finite()) {
        bail!(
            Value,
            "matrix: mean or variance of var {} are too large for 64 bits; flavor {} takes logarithmised values",
            i % n_genes,
            options.flavor.name()
        );
    }
    let kept = match filter {
        false => vec![true; means.len()],
        true if negative => positives(ctx.part(0.9, 1.0), matrix, groups)?.iter().map(|&n| n > 0.0).collect(),
        true => sums.iter().map(|&sum| sum > 0.0).collect(),
    };
    Ok(Moments { n: n_genes, means, variances, kept })
}

/// Of the values as they are. Whether some are negative is only asked `for_a_filter`.
fn plain_sums(ctx: &Ctx, matrix: &Matrix, groups: &Groups, for_a_filter: bool) -> Result<Sums> {
    let table = || zeros(groups.n_groups() * matrix.n_vars());
    let [mut sums, mut means, mut variances] = [table()?, table()?, table()?];
    let targets = Targets {
        sums: Some(&mut sums),
        means: Some(&mut means),
        variances: Some(&mut variances),
        ..Default::default()
    };
    aggregate_into(ctx.part(0.0, 0.8), matrix, Axis::Obs, groups, 1.0, targets)?;
    // A value that is not finite shows in its sum, and is then named.
    let negative = (for_a_filter || !sums.iter().all(|sum| sum.is_finite()))
        && survey(ctx.part(0.8, 0.9), matrix)?.negative.is_some();
    Ok(Sums { sums, means, variances, negative })
}

/// Of the values before their logarithm was taken.
fn unlogged_sums(ctx: &Ctx, matrix: &Matrix, groups: &Groups, unlog: Unlog) -> Result<Sums> {
    let seen = Seen::default();
    let terms = |values: ValueSlice, _: &Places, terms: &mut Terms| seen.note(unlog.block(values, terms));
    let singles = |values: &[f32], out: &mut [f32]| seen.note(unlog.singles(values, out));
    let rule = match matrix.values().value_type() {
        ValueType::F32 => Rule::Squares(&singles),
        _ => Rule::Terms { terms: &terms, by_cell: false },
    };
    let sums = ordered_sums(ctx.part(0.0, 0.8), matrix, groups, &rule)?;
    if seen.infinite.into_inner() {
        survey(ctx, matrix)?;
    }
    let n_genes = matrix.n_vars();
    let size = |i: usize| groups.size(i / n_genes) as f64;
    let means: Vec<f64> = sums.iter().enumerate().map(|(i, [sum, _])| sum / size(i)).collect();
    let variance = |(i, [sum, squares]): (usize, &[f64; 2])| (squares - means[i] * sum).max(0.0) / (size(i) - 1.0);
    let mut variances: Vec<f64> = sums.iter().enumerate().map(variance).collect();
    let fine = |(mean, variance): (&f64, &f64)| {
        *mean == 0.0 || !mean.is_finite() || (variance.is_finite() && *variance >= CANCELS * mean * mean)
    };
    if !means.iter().zip(&variances).all(fine) {
        let wanted = Wanted { ddof: Some(1.0), ..Default::default() };
        let value = |_: usize, x: f64| unlog.one(x, matrix.values().value_type());
        variances = aggregate_mapped(ctx.part(0.8, 0.9), matrix, Axis::Obs, groups, wanted, value)?.variances;
    }
    let negative = seen.negative.into_inner();
    Ok(Sums { sums: sums.into_iter().map(|[sum, _]| sum).collect(), means, variances, negative })
}

/// What kinds of values have been seen.
#[derive(Default)]
struct Seen {
    /// NaN or infinite.
    infinite: AtomicBool,
    negative: AtomicBool,
}

impl Seen {
    fn note(&self, (infinite, negative): (bool, bool)) {
        for (flag, now) in [(&self.infinite, infinite), (&self.negative, negative)] {
            if now && !flag.load(Ordering::Relaxed) {
                flag.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Writes what `map` makes of the values; returns whether some of these are not finite, and negative.
#[inline(always)]
fn note_and_map<V: Value, T>(values: &[V], out: &mut [T], map: impl Fn(V) -> T) -> (bool, bool) {
    widest(
        #[inline(always)]
        || {
            let (mut infinite, mut negative) = (false, false);
            for (&v, out) in values.iter().zip(out) {
                // x - x is 0 unless x is NaN or infinite.
                infinite |= v.to_f64() - v.to_f64() != 0.0;
                negative |= v < V::default();
                *out = map(v);
            }
            (infinite, negative)
        },
    )
}

/// What undoes the logarithm.
#[derive(Clone, Copy)]
struct Unlog {
    /// Of the logarithm's base; `None`: e.
    scale: Option<f64>,
}

impl Unlog {
    /// The values without their logarithm, and the squares of these; and whether some values are not finite, or negative.
    fn block(self, values: ValueSlice, [plain, squared]: &mut Terms) -> (bool, bool) {
        let n = values.len();
        // Zeros make up whole vectors.
        let whole = n.next_multiple_of(16).min(BLOCK);
        let scale = self.scale.unwrap_or(1.0);
        plain[n..whole].fill(0.0);
        let seen = with_values!(values, |values| note_and_map(values, plain, |x| x.to_f64() * scale));
        widest_f64(
            #[inline(always)]
            || {
                for (x, square) in plain[..whole].iter_mut().zip(squared) {
                    *x = exp_m1(*x);
                    *square = *x * *x;
                }
            },
        );
        seen
    }

    /// The values without their logarithm; and whether some are not finite, or negative.
    fn singles(self, values: &[f32], out: &mut [f32]) -> (bool, bool) {
        match self.scale {
            None if exp_m1_singles(values, out) => (false, false),
            None => {
                let kinds = Kinds::of(values);
                (kinds.infinite, kinds.negative)
            }
            Some(scale) => {
                let mut scaled = [0.0; BLOCK];
                let seen = note_and_map(values, &mut scaled, |x| (f64::from(x) * scale) as f32);
                exp_m1_singles(&scaled[..values.len()], out);
                seen
            }
        }
    }

    /// Of one value. numpy, and so scanpy, undoes the logarithm of float32 values in float32.
    fn one(self, x: f64, of: ValueType) -> f64 {
        let scaled = self.scale.map_or(x, |scale| x * scale);
        if of == ValueType::F32 { f64::from(exp_m1_single(scaled as f32)) } else { exp_m1(scaled) }
    }
}

/// How many cells of each batch have a value above zero.
fn positives(ctx: &Ctx, matrix: &Matrix, groups: &Groups) -> Result<Vec<f64>> {
    let wanted = Wanted { nonzeros: true, ..Default::default() };
    Ok(aggregate_mapped(ctx, matrix, Axis::Obs, groups, wanted, |_, x| x.max(0.0))?.nonzeros)
}

fn judge(ctx: &Ctx, moments: &Moments, batch: usize, batched: bool, options: &Options) -> Result<Verdict> {
    let n = moments.n;
    let here = batch * n..(batch + 1) * n;
    let (means, variances) = (&moments.means[here.clone()], &moments.variances[here.clone()]);
    let kept = &moments.kept[here];
    let n_kept = kept.iter().filter(|&&kept| kept).count();
    let place = if batched { format!(" in batch {batch}") } else { String::new() };
    ensure!(n_kept > 0, Value, "matrix: no gene is expressed{place}");

    let log = options.flavor == Flavor::Seurat;
    let (mut mean, mut dispersion) = (Vec::with_capacity(n_kept), Vec::with_capacity(n_kept));
    for gene in (0..n).filter(|&gene| kept[gene]) {
        let m = if means[gene] == 0.0 { 1e-12 } else { means[gene] };
        let d = variances[gene] / m;
        let log_or_none = |d: f64| if d == 0.0 { f64::NAN } else { d.ln() };
        mean.push(if log { m.ln_1p() } else { m });
        dispersion.push(if log { log_or_none(d) } else { d });
    }
    let bins = if log { Bins::of_equal_width(&mean, options.n_bins)? } else { Bins::of_percentiles(&mean)? };
    let norm = if log { bins.standardize(&dispersion) } else { bins.robust_standardize(&dispersion) };
    let chosen = match options.n_top_genes {
        Some(n_top) => top(ctx, &norm, n_top, &place)?,
        None => within(&options.cutoffs, &mean, &norm),
    };

    Ok(Verdict {
        means: of_all(kept, mean, 0.0),
        dispersions: of_all(kept, dispersion, 0.0),
        dispersions_norm: of_all(kept, norm, 0.0),
        chosen: of_all(kept, chosen, false),
        bin: of_all(kept, bins.of, -1),
        edges: bins.edges,
    })
}

/// What the genes have that were kept, and `other` for those left out.
fn of_all<T: Copy>(kept: &[bool], values: Vec<T>, other: T) -> Vec<T> {
    if values.len() == kept.len() {
        return values;
    }
    let mut values = values.into_iter();
    kept.iter().map(|&kept| if kept { values.next().unwrap_or(other) } else { other }).collect()
}

/// The genes whose normalised dispersion is at least the `n_top`-th largest: more than `n_top` if there are ties.
fn top(ctx: &Ctx, norm: &[f64], n_top: usize, place: &str) -> Result<Vec<bool>> {
    let mut defined: Vec<f64> = norm.iter().copied().filter(|x| !x.is_nan()).collect();
    ensure!(!defined.is_empty(), Value, "matrix: no gene has a normalised dispersion{place}; do any vary?");
    // Genes that no cell of the batch expresses were left out, so that fewer may be there than were asked for.
    let mut n = n_top.min(norm.len());
    if n > defined.len() {
        ctx.warn(&format!(
            "`n_top_genes` (={n}) > number of normalized dispersions (={}){place}, returning all genes with normalized \
             dispersions.",
            defined.len()
        ));
        n = defined.len();
    }
    let bound = *defined.select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a)).1;
    Ok(norm.iter().map(|&x| finite_or(x, f64::NEG_INFINITY) >= bound).collect())
}

/// The genes between the bounds; an undefined normalised dispersion counts as 0.
fn within(cutoffs: &Cutoffs, means: &[f64], norm: &[f64]) -> Vec<bool> {
    means.iter().zip(norm).map(|(&mean, &norm)| cutoffs.hold(mean, finite_or(norm, 0.0))).collect()
}

/// numpy's `nan_to_num`: infinities become the largest numbers.
fn finite_or(x: f64, instead_of_nan: f64) -> f64 {
    if x.is_nan() { instead_of_nan } else { x.clamp(f64::MIN, f64::MAX) }
}

fn alone(mut verdicts: Vec<Verdict>) -> HighlyVariable {
    let verdict = verdicts.pop().expect("without batches there is one group");
    HighlyVariable {
        n_batches: verdict.chosen.iter().map(|&chosen| i64::from(chosen)).collect(),
        intersection: verdict.chosen.clone(),
        highly_variable: verdict.chosen,
        means: verdict.means,
        dispersions: verdict.dispersions,
        dispersions_norm: verdict.dispersions_norm,
        mean_bin: verdict.bin,
        bin_edges: verdict.edges,
        ..Default::default()
    }
}

/// Means over batches, undefined values left out; genes sorted by how many batches chose them, then by normalised
/// dispersion, then by name.
fn combine(verdicts: &[Verdict], name_order: Option<&[i64]>, options: &Options) -> HighlyVariable {
    let n = verdicts[0].means.len();
    let mean = |column: fn(&Verdict) -> &Vec<f64>| -> Vec<f64> {
        let over = |gene: usize| {
            let defined: Vec<f64> = verdicts.iter().map(|v| column(v)[gene]).filter(|x| !x.is_nan()).collect();
            compensated_mean(defined.into_iter())
        };
        (0..n).map(over).collect()
    };
    let means = mean(|v| &v.means);
    let mut dispersions_norm = mean(|v| &v.dispersions_norm);
    let n_batches: Vec<i64> =
        (0..n).map(|gene| verdicts.iter().filter(|verdict| verdict.chosen[gene]).count() as i64).collect();
    let highly_variable = match options.n_top_genes {
        Some(n_top) => choose(n, n_top, |a, b| {
            n_batches[b]
                .cmp(&n_batches[a])
                .then_with(|| descending(dispersions_norm[a], dispersions_norm[b]))
                .then_with(|| name_order.map_or(a.cmp(&b), |order| order[a].cmp(&order[b])))
        }),
        None => {
            dispersions_norm.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.0);
            (0..n).map(|gene| options.cutoffs.hold(means[gene], dispersions_norm[gene])).collect()
        }
    };
    HighlyVariable {
        highly_variable,
        dispersions: mean(|v| &v.dispersions),
        means,
        dispersions_norm,
        intersection: n_batches.iter().map(|&n| n == verdicts.len() as i64).collect(),
        n_batches,
        ..Default::default()
    }
}
