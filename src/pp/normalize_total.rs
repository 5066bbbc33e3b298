//! Equal totals for all cells, after `scanpy.pp.normalize_total`.
//!
//! Arithmetic is scanpy's for sparse matrices: totals are added up in f64 and kept in the type of the result (f32 for
//! f32 and integer matrices, else f64), as is the size factor, total / target; each value is divided by its cell's.
//!
//! Where the target is given and a cell's values lie together, a cell is added up, divided and its logarithms are taken
//! while it is in the cache: one pass. In place that is the memory's limit.
//!
//! A cell with total 0 has factor 0 and stays as it is. The median is over the cells with a positive total, as in
//! scanpy 1.12 (and in 1.11 for dense matrices; its sparse path took all cells). NaN stays within its cell.

use super::elementwise::{Change, change_inplace, change_into, no_repeats};
use super::log1p::check_base;
use crate::error::Result;
use crate::matrix::{Axis, Lines, Matrix, Value, ValueSliceMut, count_sum, reduce};
use crate::parallel::Ctx;
use crate::{ensure, with_lines};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The total that each cell gets; the median total if none.
    pub target_sum: Option<f64>,
    /// Genes that have more than this part of any one cell's total do not count towards the totals.
    pub exclude_above: Option<f64>,
}

/// What cells are divided by.
#[derive(Clone, Debug)]
pub struct SizeFactors {
    /// Total over target, for each cell.
    pub factors: Vec<f64>,
    pub target_sum: f64,
    /// The genes that did not count.
    pub highly_expressed: Vec<bool>,
}

impl SizeFactors {
    /// The factors, with 1 for cells of total 0.
    fn divisors(&self) -> Vec<f64> {
        self.factors.iter().map(|&f| if f == 0.0 { 1.0 } else { f }).collect()
    }
}

/// The size factors of a matrix whose result will be f32 (`single`) or f64.
pub fn size_factors(ctx: &Ctx, matrix: &Matrix, single: bool, options: &Options) -> Result<SizeFactors> {
    options.target_sum.map_or(Ok(()), check_target)?;
    if let Some(part) = options.exclude_above {
        ensure!((0.0..=1.0).contains(&part), InvalidArgument, "max_fraction: is {part}, must be from 0 to 1");
    }
    let kept = |x: f64| kept(x, single);
    let round = |totals: Vec<f64>| totals.into_iter().map(kept).collect::<Vec<_>>();
    let steps = if options.exclude_above.is_some() { 3 } else { 1 };
    let mut totals = round(ctx.step(0, steps, || cell_totals(ctx, matrix))?);
    let mut highly_expressed = vec![false; matrix.n_vars()];
    if let Some(part) = options.exclude_above {
        let canonical = matrix.canonical(ctx)?;
        let matrix = &canonical.view();
        highly_expressed =
            ctx.step(1, steps, || with_lines!(matrix, |lines| above(ctx, matrix, lines, part, &totals)))?;
        totals =
            round(ctx.step(2, steps, || {
                with_lines!(matrix, |lines| totals_without(ctx, matrix, lines, &highly_expressed))
            })?);
    }
    let target_sum = kept(options.target_sum.unwrap_or_else(|| kept(median_of_positive(&totals, single))));
    let factors: Vec<f64> = totals.into_iter().map(|total| factor(total, target_sum, single)).collect();
    warn_of_zeros(ctx, &factors);
    Ok(SizeFactors { factors, target_sum, highly_expressed })
}

fn check_target(target: f64) -> Result<()> {
    ensure!(target.is_finite() && target > 0.0, InvalidArgument, "target_sum: is {target}, must be a positive number");
    Ok(())
}

/// In the precision of the result.
fn kept(x: f64, single: bool) -> f64 {
    if single { x as f32 as f64 } else { x }
}

/// Of a total that is kept in its precision already. Division in f64 and rounding to f32 is division in f32: f64 has more
/// than twice the digits.
fn factor(total: f64, target_sum: f64, single: bool) -> f64 {
    // Also where no cell has counts, so that there is no target.
    if total == 0.0 { 0.0 } else { kept(total / target_sum, single) }
}

fn warn_of_zeros(ctx: &Ctx, factors: &[f64]) {
    if factors.iter().any(|factor| factor.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater)) {
        ctx.warn("Some cells have zero counts");
    }
}

/// The total of each cell.
pub fn cell_totals(ctx: &Ctx, matrix: &Matrix) -> Result<Vec<f64>> {
    if matrix.major() == Axis::Obs
        && let Some(totals) = with_lines!(matrix, |lines| count_totals(ctx, matrix, lines)?)
    {
        return Ok(totals);
    }
    reduce::sums(ctx, matrix, Axis::Var)
}

/// The totals of the lines if all values are counts: then their order is all the same and the indices need no look.
fn count_totals(ctx: &Ctx, matrix: &Matrix, lines: impl Lines) -> Result<Option<Vec<f64>>> {
    let mut totals = vec![0.0; matrix.n_major()];
    let pieces = ctx.balanced(matrix.n_major(), |line| matrix.stored_before(line));
    let other = AtomicBool::new(false);
    ctx.run_split(
        &mut totals,
        pieces.iter().map(|piece| piece.len()),
        || (),
        |(), p, totals| {
            for (total, line) in totals.iter_mut().zip(pieces[p].clone()) {
                match count_sum(&lines.values(line)) {
                    Some(sum) => *total = sum,
                    None => {
                        other.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                if other.load(Ordering::Relaxed) {
                    break;
                }
            }
            Ok(())
        },
    )?;
    Ok((!other.into_inner()).then_some(totals))
}

/// The genes with more than `part` of the total of some cell.
fn above(ctx: &Ctx, matrix: &Matrix, lines: impl Lines, part: f64, totals: &[f64]) -> Result<Vec<bool>> {
    let marks: Vec<AtomicBool> = (0..matrix.n_vars()).map(|_| AtomicBool::new(false)).collect();
    let pieces = ctx.balanced(matrix.n_major(), |line| matrix.stored_before(line));
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for line in pieces[p].clone() {
                lines.for_each(line, |minor, v| {
                    let (cell, gene) = if matrix.major() == Axis::Obs { (line, minor) } else { (minor, line) };
                    if v.to_f64() > part * totals[cell] {
                        marks[gene].store(true, Ordering::Relaxed);
                    }
                });
            }
            Ok(())
        },
    )?;
    // A zero that is not stored is above a part of a negative total.
    let any_negative = totals.iter().any(|&total| part * total < 0.0);
    ensure!(
        !any_negative,
        Value,
        "matrix: has a cell with a negative total, which has no highly expressed genes; use counts"
    );
    Ok(marks.into_iter().map(AtomicBool::into_inner).collect())
}

/// The total of each cell over the genes that are not marked.
fn totals_without(ctx: &Ctx, matrix: &Matrix, lines: impl Lines, marks: &[bool]) -> Result<Vec<f64>> {
    let mut totals = vec![0.0; matrix.n_obs()];
    if matrix.major() == Axis::Obs {
        let pieces = ctx.balanced(matrix.n_obs(), |line| matrix.stored_before(line));
        ctx.run_split(
            &mut totals,
            pieces.iter().map(|piece| piece.len()),
            || (),
            |(), p, totals| {
                for (total, cell) in totals.iter_mut().zip(pieces[p].clone()) {
                    lines.for_each(cell, |gene, v| *total += if marks[gene] { 0.0 } else { v.to_f64() });
                }
                Ok(())
            },
        )?;
        return Ok(totals);
    }
    let len = matrix.n_obs().div_ceil(ctx.threads() * 8);
    ctx.run_chunks(
        &mut totals,
        len,
        || (),
        |(), p, totals| {
            let first = p * len;
            for gene in (0..matrix.n_vars()).filter(|&gene| !marks[gene]) {
                lines.for_each_in(gene, first..first + totals.len(), |cell, v| totals[cell - first] += v.to_f64());
            }
            Ok(())
        },
    )?;
    Ok(totals)
}

/// numpy's median of the positive ones, in the precision of the result; NaN if there are none.
fn median_of_positive(totals: &[f64], single: bool) -> f64 {
    let mut positive: Vec<f64> = totals.iter().copied().filter(|&total| total > 0.0).collect();
    let n = positive.len();
    if n == 0 {
        return f64::NAN;
    }
    let (below, &mut upper, _) = positive.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if single { ((lower as f32 + upper as f32) / 2.0) as f64 } else { (lower + upper) / 2.0 }
}

/// What is done after the division.
#[derive(Clone, Copy, Debug, Default)]
pub struct Then {
    /// log(1 + x), in the base if there is one.
    pub log1p: bool,
    pub base: Option<f64>,
}

/// The size factors alone, after the checks that [`normalize_total`] makes.
pub fn factors_alone(ctx: &Ctx, matrix: &Matrix, single: bool, options: &Options, then: Then) -> Result<SizeFactors> {
    check(ctx.part(0.0, 0.1), matrix, then)?;
    size_factors(ctx.part(0.1, 1.0), matrix, single, options)
}

/// Divides each cell's values by its factor, in place; `structure` as in [`change_inplace`]. All that can be wrong is
/// found before `values` is asked for what is to be written to.
pub fn normalize_total_inplace<'v>(
    ctx: &Ctx,
    structure: &Matrix,
    single: bool,
    options: &Options,
    then: Then,
    values: impl FnOnce() -> Result<ValueSliceMut<'v>>,
) -> Result<SizeFactors> {
    check(ctx.part(0.0, 0.1), structure, then)?;
    apply(ctx, structure, single, options, then, |ctx, change| change_inplace(ctx, structure, values()?, change))
}

/// Writes each stored value divided by its cell's factor to `out`.
pub fn normalize_total(
    ctx: &Ctx,
    matrix: &Matrix,
    out: ValueSliceMut,
    options: &Options,
    then: Then,
) -> Result<SizeFactors> {
    check(ctx.part(0.0, 0.1), matrix, then)?;
    let single = matches!(out, ValueSliceMut::F32(_));
    apply(ctx, matrix, single, options, then, |ctx, change| change_into(ctx, matrix, out, change))
}

fn check(ctx: &Ctx, matrix: &Matrix, then: Then) -> Result<()> {
    check_base(then.base)?;
    if then.log1p { no_repeats(ctx, matrix) } else { Ok(()) }
}

/// In one pass where the target is known and a cell's values lie together; else the factors come first.
fn apply(
    ctx: &Ctx,
    matrix: &Matrix,
    single: bool,
    options: &Options,
    then: Then,
    run: impl FnOnce(&Ctx, &Change) -> Result<Vec<f64>>,
) -> Result<SizeFactors> {
    let change = Change { log1p: then.log1p, base: then.base, ..Default::default() };
    if let (Axis::Obs, Some(target), None) = (matrix.major(), options.target_sum, options.exclude_above) {
        check_target(target)?;
        let target_sum = kept(target, single);
        let of_sum = |total: f64| factor(kept(total, single), target_sum, single);
        let factors = run(ctx.part(0.1, 1.0), &Change { divide_by_sum: Some(&of_sum), ..change })?;
        warn_of_zeros(ctx, &factors);
        return Ok(SizeFactors { factors, target_sum, highly_expressed: vec![false; matrix.n_vars()] });
    }
    let factors = size_factors(ctx.part(0.1, 0.5), matrix, single, options)?;
    let divisors = factors.divisors();
    run(ctx.part(0.5, 1.0), &Change { divide: Some((Axis::Obs, &divisors)), ..change })?;
    Ok(factors)
}
