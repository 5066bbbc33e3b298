//! Genes of a cell by rank value: the highest score first.

use crate::models::cells::Cells;

/// The genes of a cell with their scores, from the highest score on; equal scores in the order of the columns. `genes` has
/// the gene of each column; counts of columns that are the same gene are added up, in the place of the first of them.
pub fn ranked(
    cells: &Cells,
    cell: usize,
    genes: &[Option<usize>],
    score: impl Fn(usize, f64) -> f64,
) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, usize, f64)> = Vec::new();
    cells.for_each(cell, |column, count| {
        if let Some(gene) = genes[column] {
            found.push((gene, column, count));
        }
    });
    // Sorted by gene, then column: equal genes become neighbours.
    found.sort_unstable_by_key(|&(gene, column, _)| (gene, column));
    found.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.2 += next.2;
        }
        same
    });
    let mut scored: Vec<(usize, usize, f64)> =
        found.into_iter().map(|(gene, column, count)| (gene, column, score(gene, count))).collect();
    scored.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|(gene, _, score)| (gene, score)).collect()
}
