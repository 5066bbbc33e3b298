//! Genes that tell a group of cells from the others: Wilcoxon's rank sum test, t-tests, fold changes.
//!
//! In the order to read it: [`Options`] and [`rank_genes_groups`] here; [`sides`] (what every method needs to know of a
//! group and of what it is compared with); [`wilcoxon`] with [`tally`], and [`t_test`]; [`fold_change`]; [`order`].

pub mod fold_change;
pub mod order;
mod sides;
pub mod t_test;
mod tally;
pub mod wilcoxon;

use crate::error::Result;
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::Ctx;
use crate::stats::multitest::{AdjustScratch, Correction, adjust_with};
use crate::stats::{normal, student};
use crate::{bail, ensure, with_lines};
use fold_change::FoldChange;
pub use sides::Side;
use sides::{Row, Sides};
use std::sync::atomic::{AtomicBool, Ordering};
use wilcoxon::Tested;

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

/// Where results go: tables as those of [`Ranked`], empty if not wanted.
#[derive(Debug, Default)]
pub struct Results<'a> {
    pub scores: &'a mut [f64],
    pub pvals: &'a mut [f64],
    pub ln_pvals: &'a mut [f64],
    pub pvals_adj: &'a mut [f64],
    pub log_fold_changes: &'a mut [f64],
    pub u: &'a mut [f64],
    pub auroc: &'a mut [f64],
    pub means: &'a mut [f64],
    pub means_reference: &'a mut [f64],
    pub fractions: &'a mut [f64],
    pub fractions_reference: &'a mut [f64],
}

impl<'a> Results<'a> {
    fn tables(&mut self) -> [&mut &'a mut [f64]; 11] {
        [
            &mut self.scores,
            &mut self.pvals,
            &mut self.ln_pvals,
            &mut self.pvals_adj,
            &mut self.log_fold_changes,
            &mut self.u,
            &mut self.auroc,
            &mut self.means,
            &mut self.means_reference,
            &mut self.fractions,
            &mut self.fractions_reference,
        ]
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            scores: !self.scores.is_empty(),
            pvals: !self.pvals.is_empty(),
            ln_pvals: !self.ln_pvals.is_empty(),
            pvals_adj: !self.pvals_adj.is_empty(),
            log_fold_changes: !self.log_fold_changes.is_empty(),
            u: !self.u.is_empty(),
            auroc: !self.auroc.is_empty(),
            means: !self.means.is_empty(),
            means_reference: !self.means_reference.is_empty(),
            fractions: !self.fractions.is_empty(),
            fractions_reference: !self.fractions_reference.is_empty(),
        }
    }

    /// The results of each group.
    fn rows(mut self, n_groups: usize, n_vars: usize) -> Vec<Results<'a>> {
        (0..n_groups)
            .map(|_| {
                let mut row = Results::default();
                for (all, part) in self.tables().into_iter().zip(row.tables()) {
                    let n = n_vars.min(all.len());
                    *part = all.split_off_mut(..n).unwrap_or_default();
                }
                row
            })
            .collect()
    }
}

/// Compares each group with its reference, gene by gene.
///
/// - `groups`: the groups; a cell in none counts in the rest, and takes no part if the reference is a group.
/// - Every group must have `min_cells` cells at least; the rest two for a t-test, one for Wilcoxon.
/// - Fold changes undo a logarithm, so the values should be log1p of normalised counts; whole numbers get a warning.
/// - A value that is NaN or infinite is an error.
/// - Memory: the results, two to four numbers per group and gene, and per thread a gene's values.
pub fn rank_genes_groups(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    options: &Options,
    wanted: &Wanted,
) -> Result<Ranked> {
    check_options(options, wanted)?;
    let n = groups.n_groups() * matrix.n_vars();
    let table = |wanted: bool| vec![0.0; if wanted { n } else { 0 }];
    let mut ranked = Ranked {
        scores: table(wanted.scores),
        pvals: table(wanted.pvals),
        ln_pvals: table(wanted.ln_pvals),
        pvals_adj: table(wanted.pvals_adj),
        log_fold_changes: table(wanted.log_fold_changes),
        u: table(wanted.u),
        auroc: table(wanted.auroc),
        means: table(wanted.means),
        means_reference: table(wanted.means_reference),
        fractions: table(wanted.fractions),
        fractions_reference: table(wanted.fractions_reference),
    };
    let results = Results {
        scores: &mut ranked.scores,
        pvals: &mut ranked.pvals,
        ln_pvals: &mut ranked.ln_pvals,
        pvals_adj: &mut ranked.pvals_adj,
        log_fold_changes: &mut ranked.log_fold_changes,
        u: &mut ranked.u,
        auroc: &mut ranked.auroc,
        means: &mut ranked.means,
        means_reference: &mut ranked.means_reference,
        fractions: &mut ranked.fractions,
        fractions_reference: &mut ranked.fractions_reference,
    };
    rank_genes_groups_into(ctx, matrix, groups, options, results)?;
    Ok(ranked)
}

/// [`rank_genes_groups`] whose results are written to where they shall be, each table `n_groups` x `n_vars`.
pub fn rank_genes_groups_into(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    options: &Options,
    mut results: Results,
) -> Result<()> {
    let wanted = &results.wanted();
    check_options(options, wanted)?;
    check_sizes(matrix, groups, options)?;
    let (n_groups, n_vars) = (groups.n_groups(), matrix.n_vars());
    for table in results.tables() {
        ensure!(
            table.is_empty() || table.len() == n_groups * n_vars,
            Shape,
            "results: a table has {} elements, must have {n_groups} (n_groups) x {n_vars} (n_vars)",
            table.len()
        );
    }
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();

    let tested = wanted.scores || wanted.pvals || wanted.ln_pvals || wanted.pvals_adj || wanted.u || wanted.auroc;
    // Wilcoxon's pass over the values gives sums and numbers of non-zeros as well.
    let wilcoxon = if tested && options.method == Method::Wilcoxon {
        Some(ctx.within(0.0, 0.8, || Tested::new(ctx, matrix, groups, options))?)
    } else {
        None
    };
    let described = wanted.log_fold_changes
        || wanted.means
        || wanted.means_reference
        || wanted.fractions
        || wanted.fractions_reference;
    let sides = if described || wilcoxon.is_none() {
        let known = wilcoxon.as_ref().map(|tested| tested.moments(ctx)).transpose()?;
        let from = if wilcoxon.is_some() { 0.8 } else { 0.0 };
        Some(ctx.within(from, 0.85, || Sides::new(ctx, matrix, groups, options, wanted, known))?)
    } else {
        None
    };
    let finite = match (&wilcoxon, &sides) {
        (Some(tested), _) => tested.finite,
        (None, Some(sides)) => sides.all_finite(ctx)?,
        (None, None) => true,
    };
    if !finite {
        check_finite(ctx, matrix)?;
    }
    let whole =
        || if wilcoxon.as_ref().is_some_and(|tested| tested.whole) { Ok(true) } else { whole_numbers(ctx, matrix) };
    if wanted.log_fold_changes && options.fold_change.convention.takes_logarithms() && whole()? {
        ctx.warn(
            "matrix: holds whole numbers only, as raw counts do; rank_genes_groups expects log-normalised values, \
             and the fold changes are wrong without",
        );
    }

    let compared = Compared { wilcoxon, sides, options, n_vars, wanted: *wanted };
    // A few tasks for each thread, none of more groups than the test's results of are read together.
    let group_by = n_groups.div_ceil(6 * ctx.threads()).min(wilcoxon::ROWS);
    let mut rows = results.rows(n_groups, n_vars);
    ctx.within(0.85, 1.0, || {
        ctx.run_chunks(&mut rows, group_by, Scratch::default, |scratch, chunk, rows| {
            compared.write(chunk * group_by, rows, scratch);
            Ok(())
        })
    })
}

/// All that the results are made of.
struct Compared<'a> {
    wilcoxon: Option<Tested>,
    sides: Option<Sides>,
    options: &'a Options,
    n_vars: usize,
    wanted: Wanted,
}

/// Rows that results are made from, where these are not among them.
#[derive(Default)]
struct Scratch {
    scores: Vec<f64>,
    df: Vec<f64>,
    u: Vec<f64>,
    pvals: Vec<f64>,
    adjust: AdjustScratch,
}

impl Compared<'_> {
    /// Writes the results of the groups from the `first` on.
    fn write(&self, first: usize, rows: &mut [Results], scratch: &mut Scratch) {
        let n = self.n_vars;
        if n == 0 {
            return;
        }
        for table in [&mut scratch.scores, &mut scratch.u] {
            table.resize(rows.len() * n, 0.0);
        }
        for row in [&mut scratch.df, &mut scratch.pvals] {
            row.resize(n, 0.0);
        }
        if let Some(tested) = &self.wilcoxon {
            tested.z(first, &mut scratch.scores);
            if self.wanted.u || self.wanted.auroc {
                tested.u(first, &mut scratch.u);
            }
        }
        for (k, row) in rows.iter_mut().enumerate() {
            let places = k * n..(k + 1) * n;
            let (scores, u) = (&mut scratch.scores[places.clone()], &scratch.u[places]);
            self.write_group(first + k, row, scores, u, &mut scratch.df, &mut scratch.pvals, &mut scratch.adjust);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn write_group(
        &self,
        group: usize,
        row: &mut Results,
        scores: &mut [f64],
        u: &[f64],
        df: &mut [f64],
        pvals: &mut [f64],
        adjusting: &mut AdjustScratch,
    ) {
        let wanted = &self.wanted;
        let is_reference = self.options.reference == Reference::Group(group);
        let scores = if wanted.scores {
            if self.wilcoxon.is_some() {
                row.scores.copy_from_slice(scores);
            }
            &mut *row.scores
        } else {
            scores
        };
        let pvals = if wanted.pvals { &mut *row.pvals } else { pvals };
        if let Some(sides) = &self.sides {
            for (genes, own, other) in sides.pieces(group) {
                if self.wilcoxon.is_none() && self.wanted_tested() {
                    t_test::fill(self.options.method, own, other, &mut scores[genes.clone()], &mut df[genes.clone()]);
                }
                if wanted.log_fold_changes {
                    self.options.fold_change.fill(own, other, &mut row.log_fold_changes[genes.clone()]);
                }
                let describe = |on: bool, table: &mut [f64], of: Row, f: fn(&Side) -> f64| {
                    if on {
                        table[genes.clone()].iter_mut().enumerate().for_each(|(i, out)| *out = f(&of.side(i)));
                    }
                };
                let fraction = |side: &Side| side.nonzeros / side.n;
                describe(wanted.means, row.means, own, Side::mean);
                describe(wanted.means_reference, row.means_reference, other, Side::mean);
                describe(wanted.fractions, row.fractions, own, fraction);
                describe(wanted.fractions_reference, row.fractions_reference, other, fraction);
            }
        }
        if is_reference {
            scores.fill(f64::NAN);
            row.log_fold_changes.fill(f64::NAN);
        }
        if wanted.pvals || wanted.pvals_adj {
            match &self.wilcoxon {
                Some(_) => normal::two_sided_p_values(scores, pvals),
                None => student::two_sided_p_values(scores, df, pvals),
            }
        }
        if wanted.ln_pvals {
            match &self.wilcoxon {
                Some(_) => map(row.ln_pvals, |gene| normal::ln_two_sided_p(scores[gene])),
                None => map(row.ln_pvals, |gene| student::ln_two_sided_p(scores[gene], df[gene])),
            }
        }
        if let Some(tested) = self.wilcoxon.as_ref().filter(|tested| tested.has_exact()) {
            for (gene, p) in (0..self.n_vars).filter_map(|gene| Some((gene, tested.exact(group, gene)?))) {
                pvals[gene] = p;
                if wanted.ln_pvals {
                    row.ln_pvals[gene] = libm::log(p);
                }
            }
        }
        if wanted.pvals_adj {
            adjust_with(self.options.correction, pvals, row.pvals_adj, adjusting);
        }
        if wanted.u {
            row.u.copy_from_slice(u);
        }
        if let (true, Some(tested)) = (wanted.auroc, &self.wilcoxon) {
            let pairs = tested.design.pairs(group);
            map(row.auroc, |gene| u[gene] / pairs);
        }
    }

    fn wanted_tested(&self) -> bool {
        let wanted = &self.wanted;
        wanted.scores || wanted.pvals || wanted.ln_pvals || wanted.pvals_adj
    }
}

/// Writes what `f` is of each gene.
fn map(row: &mut [f64], f: impl Fn(usize) -> f64) {
    row.iter_mut().enumerate().for_each(|(gene, out)| *out = f(gene));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;

    const SHAPE: (usize, usize) = (70, 600);

    /// A third of the values are not zero; the first gene varies little about 50.
    fn example() -> Vec<f64> {
        let noise = |i: usize| (i * 7919 % 1009) as f64 / 1009.0;
        let value = |i: usize| match (i % SHAPE.1, noise(i)) {
            (0, noise) => 50.0 + 1e-3 * noise,
            (_, noise) if noise < 1.0 / 3.0 => 5.0 * noise + 0.1,
            _ => 0.0,
        };
        (0..SHAPE.0 * SHAPE.1).map(value).collect()
    }

    fn rank(threads: usize, major: Axis, table: &[f64], options: &Options) -> Result<Ranked> {
        let turned: Vec<f64> =
            (0..SHAPE.1).flat_map(|gene| table.iter().skip(gene).step_by(SHAPE.1).copied()).collect();
        let (values, stride) = if major == Axis::Obs { (table, SHAPE.1) } else { (&turned[..], SHAPE.0) };
        let matrix = Matrix::dense(major, SHAPE, ValueSlice::F64(values), stride)?;
        // Ten groups, and cells in none.
        let labels: Vec<i32> = (0..SHAPE.0).map(|cell| (cell * cell + cell / 7) as i32 % 11 - 1).collect();
        let groups = Groups::new(labels, 10, SHAPE.0, "groups")?;
        let wanted = Wanted {
            scores: true,
            pvals: true,
            ln_pvals: true,
            pvals_adj: true,
            log_fold_changes: true,
            means: true,
            means_reference: true,
            fractions: true,
            fractions_reference: true,
            ..Default::default()
        };
        rank_genes_groups(&Ctx::new(threads), &matrix, &groups, options, &wanted)
    }

    #[test]
    fn t_tests_have_the_same_bits_in_each_layout_and_at_each_thread_count() {
        use fold_change::Convention::{Difference, ScanpyV1, ScanpyV2};
        let table = example();
        let bits = |column: &[f64]| column.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for method in [Method::TTest, Method::TTestOverestimVar, Method::Student] {
            for convention in [ScanpyV1, ScanpyV2, Difference] {
                let options = Options {
                    method,
                    reference: Reference::Group(3),
                    fold_change: FoldChange { convention, ..Default::default() },
                    ..Default::default()
                };
                let [first, others @ ..] = [(1, Axis::Obs), (1, Axis::Var), (2, Axis::Obs), (2, Axis::Var)]
                    .map(|(threads, major)| rank(threads, major, &table, &options).unwrap());
                assert!(first.means.iter().all(|mean| mean.is_finite()));
                for other in others {
                    for (a, b) in [
                        (&first.scores, &other.scores),
                        (&first.pvals, &other.pvals),
                        (&first.ln_pvals, &other.ln_pvals),
                        (&first.pvals_adj, &other.pvals_adj),
                        (&first.log_fold_changes, &other.log_fold_changes),
                        (&first.means, &other.means),
                        (&first.means_reference, &other.means_reference),
                        (&first.fractions, &other.fractions),
                        (&first.fractions_reference, &other.fractions_reference),
                    ] {
                        assert_eq!(bits(a), bits(b), "{method:?} {convention:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_that_is_no_number_is_named() {
        // Cell 14 is in no group.
        for (cell, reference) in [(5, Reference::Group(3)), (5, Reference::Rest), (14, Reference::Rest)] {
            let mut table = example();
            table[cell * SHAPE.1 + 4] = f64::NAN;
            let options = Options { reference, ..Default::default() };
            for (threads, major) in [(1, Axis::Obs), (2, Axis::Obs), (2, Axis::Var)] {
                let error = rank(threads, major, &table, &options).unwrap_err();
                assert_eq!(error.message, format!("matrix: the value of cell {cell}, gene 4 is NaN, must be finite"));
            }
        }
    }
}
