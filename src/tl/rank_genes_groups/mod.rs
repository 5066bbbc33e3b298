//! Genes that tell a group of cells from the others: Wilcoxon's rank sum test, t-tests, fold changes.
//!
//! In the order to read it: [`Options`] and [`rank_genes_groups`] here; [`sides`] (what every method needs to know of a
//! group and of what it is compared with); [`wilcoxon`] and [`t_test`]; [`fold_change`]; [`order`].

pub mod fold_change;
pub mod order;
mod sides;
pub mod t_test;
pub mod wilcoxon;

use crate::error::Result;
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::Ctx;
use crate::stats::multitest::{Correction, adjust};
use crate::{bail, ensure, with_lines};
use fold_change::FoldChange;
pub use sides::Side;
use sides::Sides;
use std::sync::atomic::{AtomicBool, Ordering};

/// The test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Welch's t-test: unequal variances.
    TTest,
    /// Welch's t-test that takes the rest to be as small as the group, scanpy's overestimate of the variance.
    TTestOverestimVar,
    /// Student's t-test: one pooled variance.
    Student,
    /// Wilcoxon's rank sum test (Mann and Whitney's U) in its normal approximation.
    Wilcoxon,
}

/// What each group is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// All other cells, those in no group counted in.
    Rest,
    /// The cells of one group.
    Group(usize),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub method: Method,
    pub reference: Reference,
    /// Wilcoxon only: the variance of the rank sum is that of the tied ranks.
    pub tie_correct: bool,
    /// Wilcoxon only: half a rank less between the rank sum and its mean.
    pub continuity: bool,
    /// Wilcoxon only: p-values from the exact distribution of U where both sides have fewer than 50 cells and no values are
    /// tied.
    pub exact: bool,
    /// Whether fractions are of values above zero, rather than other than zero.
    pub positive_fractions: bool,
    /// The smallest group that is tested; at least 1 for Wilcoxon, at least 2 for a t-test.
    pub min_cells: usize,
    pub correction: Correction,
    pub fold_change: FoldChange,
}

impl Default for Options {
    /// scanpy's defaults.
    fn default() -> Self {
        Self {
            method: Method::TTest,
            reference: Reference::Rest,
            tie_correct: false,
            continuity: false,
            exact: false,
            positive_fractions: false,
            min_cells: 2,
            correction: Correction::BenjaminiHochberg,
            fold_change: FoldChange::default(),
        }
    }
}

/// Which results to compute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    pub scores: bool,
    pub pvals: bool,
    pub ln_pvals: bool,
    pub pvals_adj: bool,
    pub log_fold_changes: bool,
    pub u: bool,
    pub auroc: bool,
    pub means: bool,
    pub means_reference: bool,
    pub fractions: bool,
    pub fractions_reference: bool,
}

/// The results, each `n_groups` x `n_vars`, row-major; what was not wanted is empty. In the row of a reference group
/// everything that compares is NaN; its own mean and fraction are there.
#[derive(Clone, Debug, Default)]
pub struct Ranked {
    /// z or t; positive where the group's values are the greater. 0 where nothing differs.
    pub scores: Vec<f64>,
    /// Two-sided.
    pub pvals: Vec<f64>,
    /// Natural logarithms of `pvals`, finite where these are below the least double.
    pub ln_pvals: Vec<f64>,
    pub pvals_adj: Vec<f64>,
    pub log_fold_changes: Vec<f64>,
    /// Mann and Whitney's U of the group: in how many pairs of a cell of the group and one outside the former has the
    /// greater value, ties being half a pair.
    pub u: Vec<f64>,
    /// U over the number of pairs: the area under the ROC curve.
    pub auroc: Vec<f64>,
    pub means: Vec<f64>,
    pub means_reference: Vec<f64>,
    /// The part of the cells whose value is not zero, or above zero if the options say so.
    pub fractions: Vec<f64>,
    pub fractions_reference: Vec<f64>,
}

/// Compares each group with its reference, gene by gene.
///
/// - `groups`: the groups; a cell in none counts in the rest, and takes no part if the reference is a group.
/// - Every group must have `min_cells` cells at least; the rest two for a t-test, one for Wilcoxon.
/// - Fold changes undo a logarithm, so the values should be log1p of normalised counts; whole numbers get a warning.
/// - A value that is NaN or infinite is an error.
/// - Memory: the results twice, one or two numbers per group and gene, and per thread a gene's values.
pub fn rank_genes_groups(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    options: &Options,
    wanted: &Wanted,
) -> Result<Ranked> {
    check_options(options, wanted)?;
    check_sizes(matrix, groups, options)?;
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();

    let t_test = options.method != Method::Wilcoxon;
    let tested = wanted.scores || wanted.pvals || wanted.ln_pvals || wanted.pvals_adj || wanted.u || wanted.auroc;
    let share = if t_test { 0.8 } else { 0.2 };
    let sides = ctx.within(0.0, share, || Sides::new(ctx, matrix, groups, options, wanted.log_fold_changes))?;
    if !sides.all_finite() {
        check_finite(ctx, matrix)?;
    }
    if wanted.log_fold_changes && options.fold_change.convention.takes_logarithms() && whole_numbers(ctx, matrix)? {
        ctx.warn(
            "matrix: holds whole numbers only, as raw counts do; rank_genes_groups expects log-normalised values, \
             and the fold changes are wrong without",
        );
    }

    let mut ranked = Ranked::default();
    if tested {
        ctx.within(share, 1.0, || {
            if t_test {
                t_test::fill(ctx, &sides, options.method, wanted, &mut ranked)
            } else {
                wilcoxon::fill(ctx, matrix, groups, options, wanted, &mut ranked)
            }
        })?;
    }
    if wanted.pvals_adj {
        ranked.pvals_adj = adjusted(ctx, &ranked.pvals, sides.n_vars(), options.correction)?;
        if !wanted.pvals {
            ranked.pvals = Vec::new();
        }
    }
    if wanted.log_fold_changes {
        ranked.log_fold_changes = sides.compare(|pair| options.fold_change.of(pair));
    }
    if wanted.means {
        ranked.means = sides.of_groups(Side::mean);
    }
    if wanted.means_reference {
        ranked.means_reference = sides.of_others(Side::mean);
    }
    if wanted.fractions {
        ranked.fractions = sides.of_groups(|side| side.nonzeros / side.n);
    }
    if wanted.fractions_reference {
        ranked.fractions_reference = sides.of_others(|side| side.nonzeros / side.n);
    }
    Ok(ranked)
}

fn check_options(options: &Options, wanted: &Wanted) -> Result<()> {
    if options.method != Method::Wilcoxon {
        for (asked, name) in [(wanted.u, "u"), (wanted.auroc, "auroc")] {
            ensure!(!asked, InvalidArgument, "{name}: is asked for with a t-test, only method wilcoxon has it");
        }
        for (set, name) in
            [(options.tie_correct, "tie_correct"), (options.continuity, "continuity"), (options.exact, "exact")]
        {
            ensure!(!set, InvalidArgument, "{name}: is set with a t-test, only method wilcoxon has it");
        }
    }
    let least = if options.method == Method::Wilcoxon { 1 } else { 2 };
    ensure!(
        options.min_cells >= least,
        InvalidArgument,
        "min_cells: is {}, must be at least {least} for this method",
        options.min_cells
    );
    options.fold_change.check()
}

fn check_sizes(matrix: &Matrix, groups: &Groups, options: &Options) -> Result<()> {
    ensure!(
        groups.n() == matrix.n_obs(),
        Shape,
        "groups: has {} labels, must have {}, one for each cell",
        groups.n(),
        matrix.n_obs()
    );
    let n_groups = groups.n_groups();
    ensure!(n_groups > 0, InvalidArgument, "n_groups: is 0, must be at least 1");
    let least = if options.method == Method::Wilcoxon { 1 } else { 2 };
    if let Reference::Group(reference) = options.reference {
        ensure!(
            reference < n_groups,
            InvalidArgument,
            "reference: is {reference}, must be from 0 to {} (a group), or -1 (the rest)",
            n_groups - 1
        );
        ensure!(n_groups > 1, InvalidArgument, "n_groups: is 1, must be at least 2 as the reference is a group");
    }
    for group in 0..n_groups {
        let size = groups.size(group);
        ensure!(
            size >= options.min_cells,
            Value,
            "groups: group {group} has {size} {}, must have at least {}; leave such groups out (label -1)",
            if size == 1 { "cell" } else { "cells" },
            options.min_cells
        );
    }
    for group in 0..n_groups {
        let rest = groups.n() - groups.size(group);
        ensure!(
            options.reference != Reference::Rest || rest >= least,
            Value,
            "groups: outside group {group} there are {rest} cells, must be at least {least}"
        );
    }
    Ok(())
}

/// Fails at the first value that is NaN or infinite.
fn check_finite(ctx: &Ctx, matrix: &Matrix) -> Result<()> {
    with_lines!(matrix, |lines| find_not_finite(ctx, matrix, &lines))
}

fn find_not_finite<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: &L) -> Result<()> {
    for major in 0..lines.n_major() {
        ctx.poll(0.0)?;
        if let Some(k) = lines.values(major).iter().position(|v| !v.to_f64().is_finite()) {
            let value = lines.values(major)[k].to_f64();
            let minor = lines.minor(major, k);
            let (cell, gene) = if matrix.major() == Axis::Obs { (major, minor) } else { (minor, major) };
            bail!(Value, "matrix: the value of cell {cell}, gene {gene} is {value}, must be finite");
        }
    }
    Ok(())
}

/// Whether there are values other than zero and all are whole and not negative.
fn whole_numbers(ctx: &Ctx, matrix: &Matrix) -> Result<bool> {
    let lines = matrix.n_major();
    // Where the first lines have a fraction, as log-normalised values do, they need not all be read.
    let pieces = ctx.balanced(lines, |i| matrix.stored_before(i));
    let (whole, some) = (AtomicBool::new(true), AtomicBool::new(false));
    ctx.run(
        pieces.len(),
        || (),
        |(), piece| {
            for major in pieces[piece].clone() {
                if !whole.load(Ordering::Relaxed) {
                    break;
                }
                let (ok, any) = with_lines!(matrix, |lines| survey(&lines.values(major)));
                if !ok {
                    whole.store(false, Ordering::Relaxed);
                }
                if any {
                    some.store(true, Ordering::Relaxed);
                }
            }
            Ok(())
        },
    )?;
    Ok(whole.into_inner() && some.into_inner())
}

/// Whether all are whole and not negative, and whether any is not zero.
fn survey<V: Value>(values: &[V]) -> (bool, bool) {
    let zero = V::default();
    let whole = values.iter().all(|&v| v >= zero && v.to_f64().fract() == 0.0);
    (whole, values.iter().any(|&v| v != zero))
}

/// Fills in the scores and the p-values that are wanted; `p(i, score)` and `ln_p(i, score)` are those of the `i`-th.
fn fill_p_values(
    ctx: &Ctx,
    scores: Vec<f64>,
    wanted: &Wanted,
    ranked: &mut Ranked,
    p: impl Fn(usize, f64) -> f64 + Sync,
    ln_p: impl Fn(usize, f64) -> f64 + Sync,
) -> Result<()> {
    if wanted.pvals || wanted.pvals_adj {
        ranked.pvals = map_scores(ctx, &scores, p)?;
    }
    if wanted.ln_pvals {
        ranked.ln_pvals = map_scores(ctx, &scores, ln_p)?;
    }
    if wanted.scores {
        ranked.scores = scores;
    }
    Ok(())
}

fn map_scores(ctx: &Ctx, scores: &[f64], f: impl Fn(usize, f64) -> f64 + Sync) -> Result<Vec<f64>> {
    const BLOCK: usize = 4096;
    let mut out = vec![0.0; scores.len()];
    ctx.run_chunks(
        &mut out,
        BLOCK,
        || (),
        |(), block, piece| {
            for (i, out) in (block * BLOCK..).zip(piece) {
                *out = f(i, scores[i]);
            }
            Ok(())
        },
    )?;
    Ok(out)
}

/// Each row corrected for its own tests.
fn adjusted(ctx: &Ctx, pvals: &[f64], n_vars: usize, correction: Correction) -> Result<Vec<f64>> {
    let mut out = vec![0.0; pvals.len()];
    ctx.run_chunks(
        &mut out,
        n_vars,
        || (),
        |(), group, row| {
            adjust(correction, &pvals[group * n_vars..][..row.len()], row);
            Ok(())
        },
    )?;
    Ok(out)
}
