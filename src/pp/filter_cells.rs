//! Which cells to keep, after `scanpy.pp.filter_cells`.

use super::filter::{Criterion, filter};
use crate::error::Result;
use crate::matrix::{Axis, Matrix};
use crate::parallel::Ctx;

/// Exactly one criterion must be given. Returns the mask, and the total or the number of positive genes of each cell.
pub fn filter_cells(
    ctx: &Ctx,
    matrix: &Matrix,
    min_counts: Option<f64>,
    min_genes: Option<f64>,
    max_counts: Option<f64>,
    max_genes: Option<f64>,
) -> Result<(Vec<bool>, Vec<f64>)> {
    let criterion = Criterion::exactly_one(min_counts, min_genes, max_counts, max_genes, "genes")?;
    filter(ctx, matrix, Axis::Obs, criterion)
}
