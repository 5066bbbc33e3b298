//! Counts above a bound that each gene has in each batch: few, but all have to be looked at.

use super::stretches::{PIECE, Stretch, by_fours, in_pieces, short_stretches};
use crate::error::Result;
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::{Ctx, lock};
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

fn along_cells<L: Lines>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: L,
    groups: &Groups,
    bounds: &[&[f64]],
    rows: &[Mutex<Vec<Above>>],
) -> Result<()> {
    // The smallest counts above the bounds, or the largest byte: a table that stays in the first cache.
    let lowest = |bounds: &&[f64]| bounds.iter().map(|bound| (bound.floor() + 1.0) as u8).collect();
    let lowest: Vec<Vec<u8>> = bounds.iter().map(lowest).collect();
    let tasks = short_stretches(ctx, matrix, groups);
    ctx.run(
        tasks.len(),
        || [0; PIECE],
        |limits, i| {
            let Stretch { batch, members } = &tasks[i];
            let (bounds, lowest) = (bounds[*batch], &lowest[*batch][..]);
            in_pieces(
                &lines,
                groups,
                members.clone(),
                #[inline(always)]
                |genes: &[usize], values: &[L::V]| {
                    by_fours(genes, limits, |&gene, limit| *limit = lowest[gene]);
                    let reaches = |(&v, &limit): (&L::V, &u8)| v >= L::V::from_f64(f64::from(limit));
                    if values.iter().zip(&*limits).fold(false, |any, each| any | reaches(each)) {
                        let mut row = lock(&rows[*batch]);
                        for (&gene, x) in genes.iter().zip(values.iter().map(|v| v.to_f64())) {
                            if x > bounds[gene] {
                                row[gene].add(x);
                            }
                        }
                    }
                },
            );
            Ok(())
        },
    )
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
                        lock(&rows[batch])[gene].add(v.to_f64());
                    }
                });
            }
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;

    #[test]
    fn finds_what_is_above_in_both_layouts() {
        let (n, m) = (300, 11);
        let table: Vec<f32> = (0..n * m).map(|i| (i * i % 89 * (i % 7)) as f32).collect();
        let turned: Vec<f32> = (0..m).flat_map(|j| table.iter().skip(j).step_by(m).copied()).collect();
        let labels: Vec<i32> = (0..n).map(|i| (i % 3) as i32 - 1).collect();
        let groups = Groups::new(&labels[..], 2, n, "batches").unwrap();
        let first = [0.5, 1.0, 3.7, 100.0, 253.5, 254.0, 254.5, 255.0, 300.5, 527.9, f64::INFINITY];
        let second = first.map(|bound| bound * 0.7);
        let bounds = [&first[..], &second[..]];
        for (major, values, stride) in [(Axis::Obs, &table, m), (Axis::Var, &turned, n)] {
            let matrix = Matrix::dense(major, (n, m), ValueSlice::F32(values), stride).unwrap();
            let got = above(&Ctx::new(2), &matrix, &groups, &bounds).unwrap();
            for (batch, gene) in (0..2).flat_map(|batch| (0..m).map(move |gene| (batch, gene))) {
                let mut want = Above::default();
                let values = groups.members(batch).iter().map(|cell| f64::from(table[cell * m + gene]));
                values.filter(|&x| x > bounds[batch][gene]).for_each(|x| want.add(x));
                let got = got[batch][gene];
                assert_eq!([got.n, got.sum, got.squares], [want.n, want.sum, want.squares], "{batch} {gene}");
            }
        }
    }
}
