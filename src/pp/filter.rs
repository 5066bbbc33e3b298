//! Which cells or genes to keep, by how many counts they have or in how many of the others they are seen: the kernel of
//! `scanpy.pp.filter_cells` and `filter_genes`.

use crate::bail;
use crate::error::Result;
use crate::matrix::{Axis, Groups, Matrix, reduce};
use crate::parallel::Ctx;

/// What is compared: the total, or how many values are positive (the genes of a cell, the cells of a gene).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    MinCounts(f64),
    MaxCounts(f64),
    MinSeen(f64),
    MaxSeen(f64),
}

impl Criterion {
    /// The one that is given; `seen` is the name of the positive values, "genes" or "cells".
    pub fn exactly_one(
        min_counts: Option<f64>,
        min_seen: Option<f64>,
        max_counts: Option<f64>,
        max_seen: Option<f64>,
        seen: &str,
    ) -> Result<Self> {
        match (min_counts, min_seen, max_counts, max_seen) {
            (Some(n), None, None, None) => Ok(Self::MinCounts(n)),
            (None, Some(n), None, None) => Ok(Self::MinSeen(n)),
            (None, None, Some(n), None) => Ok(Self::MaxCounts(n)),
            (None, None, None, Some(n)) => Ok(Self::MaxSeen(n)),
            _ => bail!(
                InvalidArgument,
                "Only provide one of the optional parameters `min_counts`, `min_{seen}`, `max_counts`, `max_{seen}` per call: {} are given",
                [min_counts, min_seen, max_counts, max_seen].iter().flatten().count()
            ),
        }
    }
}

/// For each cell (`Obs`) or gene (`Var`): whether it is kept, and the number that was compared. NaN is never kept.
pub fn filter(ctx: &Ctx, matrix: &Matrix, axis: Axis, criterion: Criterion) -> Result<(Vec<bool>, Vec<f64>)> {
    use Criterion::*;
    let over = axis.other();
    let numbers = match criterion {
        MinCounts(_) | MaxCounts(_) => reduce::sums(ctx, matrix, over)?,
        MinSeen(_) | MaxSeen(_) => {
            let groups = Groups::all(matrix.n(over));
            let seen = |_, v: f64| if v > 0.0 { 1.0 } else { 0.0 };
            reduce::aggregate_mapped(ctx, matrix, over, &groups, Default::default(), seen)?.sums
        }
    };
    let keep = numbers.iter().map(|&number| match criterion {
        MinCounts(least) | MinSeen(least) => number >= least,
        MaxCounts(most) | MaxSeen(most) => number <= most,
    });
    Ok((keep.collect(), numbers))
}
