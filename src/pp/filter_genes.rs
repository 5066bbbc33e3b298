//! Which genes to keep, after `scanpy.pp.filter_genes`.

use super::filter::{Criterion, filter};
use crate::error::Result;
use crate::matrix::{Axis, Matrix};
use crate::parallel::Ctx;

/// Exactly one criterion must be given. Returns the mask, and the total or the number of positive cells of each gene.
pub fn filter_genes(
    ctx: &Ctx,
    matrix: &Matrix,
    min_counts: Option<f64>,
    min_cells: Option<f64>,
    max_counts: Option<f64>,
    max_cells: Option<f64>,
) -> Result<(Vec<bool>, Vec<f64>)> {
    let criterion = Criterion::exactly_one(min_counts, min_cells, max_counts, max_cells, "cells")?;
    filter(ctx, matrix, Axis::Var, criterion)
}
