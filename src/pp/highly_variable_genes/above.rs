//! Counts above a bound that each gene has in each batch: few, but all have to be looked at.

use super::stretches::{Stretch, short_stretches};
use crate::error::Result;
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::Ctx;
use crate::simd::widest;
use crate::with_lines;
use std::sync::Mutex;

/// Of the counts of a gene above its bound: how many, their sum, and that of their squares.
#[derive(Clone, Copy, Default)]
pub(super) struct Above {
    pub n: f64,
    pub sum: f64,
    pub squares: f64,
}

impl Above {
    fn add(&mut self, x: f64) {
        *self = Self { n: self.n + 1.0, sum: self.sum + x, squares: self.squares + x * x };
    }
}

/// A row of genes for each batch. Values must be counts, and their sums of squares exact.
pub(super) fn above(ctx: &Ctx, matrix: &Matrix, groups: &Groups, bounds: &[&[f64]]) -> Result<Vec<Vec<Above>>> {
    let rows: Vec<_> = bounds.iter().map(|row| Mutex::new(vec![Above::default(); row.len()])).collect();
    with_lines!(matrix, |lines| match matrix.major() {
        Axis::Obs => along_cells(ctx, matrix, lines, groups, bounds, &rows)?,
        Axis::Var => along_genes(ctx, matrix, lines, groups, bounds, &rows)?,
    });
    Ok(rows.into_iter().map(|row| row.into_inner().unwrap_or_else(|e| e.into_inner())).collect())
}

/// How many values are compared between two looks ahead in memory.
const AHEAD: usize = 128;

fn along_cells<L: Lines>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: L,
    groups: &Groups,
    bounds: &[&[f64]],
    rows: &[Mutex<Vec<Above>>],
) -> Result<()> {
    let tasks = short_stretches(ctx, matrix, groups);
    let stored = |cell: usize| (matrix.stored_before(cell + 1) - matrix.stored_before(cell)) as usize;
    ctx.run(tasks.len(), Vec::new, |found: &mut Vec<(usize, f64)>, i| {
        let Stretch { batch, members } = &tasks[i];
        let bounds = bounds[*batch];
        for member in members.clone() {
            let (cell, later) = (groups.member(member), groups.member((member + 2).min(members.end - 1)));
            for k in (0..stored(cell)).step_by(AHEAD) {
                lines.prefetch(later, k..k + AHEAD);
                lines.for_each_of(cell, k..k + AHEAD, |gene, v| {
                    if v.to_f64() > bounds[gene] {
                        found.push((gene, v.to_f64()));
                    }
                });
            }
            if !found.is_empty() {
                let mut row = rows[*batch].lock().unwrap_or_else(|e| e.into_inner());
                found.drain(..).for_each(|(gene, x)| row[gene].add(x));
            }
        }
        Ok(())
    })
}

fn along_genes<L: Lines>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: L,
    groups: &Groups,
    bounds: &[&[f64]],
    rows: &[Mutex<Vec<Above>>],
) -> Result<()> {
    let pieces = ctx.balanced(matrix.n_vars(), |gene| matrix.stored_before(gene));
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for gene in pieces[p].clone() {
                let lowest = bounds.iter().fold(f64::INFINITY, |lowest, row| lowest.min(row[gene]));
                let values = lines.values(gene);
                let any = widest(
                    #[inline(always)]
                    || values.iter().fold(false, |any, v| any | (v.to_f64() > lowest)),
                );
                if !any {
                    continue;
                }
                lines.for_each(gene, |cell, v| {
                    if let Some(batch) = groups.of(cell).filter(|&batch| v.to_f64() > bounds[batch][gene]) {
                        rows[batch].lock().unwrap_or_else(|e| e.into_inner())[gene].add(v.to_f64());
                    }
                });
            }
            Ok(())
        },
    )
}
