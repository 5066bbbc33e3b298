//! The energy distance between groups of cells.

use super::pairs::{Comparisons, PairMeans, Readable, pair_means};
use crate::error::Result;
use crate::matrix::reduce::{Wanted, aggregate};
use crate::matrix::{Axis, Groups, Matrix};
use crate::parallel::Ctx;

/// The distance between two cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// Squared Euclidean: the energy distance is then one of means and variances, and costs one pass over the cells.
    #[default]
    SquaredEuclidean,
    /// Euclidean: Székely and Rizzo's, which is 0 only for equal distributions, and costs all pairs of cells.
    Euclidean,
}

/// `2 E|X - Y| - E|X - X'| - E|Y - Y'|` for each comparison. `unbiased` leaves out each cell's distance from itself (the
/// mean is over `n (n - 1)` pairs), else it counts as 0 (`n^2` pairs).
///
/// NaN for groups that are too small: empty, or of one cell if `unbiased`.
pub fn energy_distance(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    comparisons: Comparisons,
    metric: Metric,
    unbiased: bool,
) -> Result<Vec<f64>> {
    let n_groups = groups.n_groups();
    comparisons.check(n_groups)?;
    let means = match metric {
        Metric::SquaredEuclidean => means_of_squares(ctx, matrix, groups, comparisons)?,
        Metric::Euclidean => {
            let canonical = ctx.within(0.0, 0.02, || matrix.canonical(ctx))?;
            let readable = ctx.within(0.02, 0.05, || Readable::new(ctx, &canonical.view()))?;
            ctx.within(0.05, 1.0, || pair_means(ctx, &readable.points(), groups, comparisons, f64::sqrt))?
        }
    };
    let within: Vec<f64> = (0..n_groups).map(|g| with_selves(means.within[g], 0.0, groups.size(g), unbiased)).collect();
    let distances: Vec<f64> = (comparisons.pairs(n_groups).into_iter().zip(&means.between))
        .map(|((a, b), between)| 2.0 * between - within[a] - within[b])
        .collect();
    Ok(comparisons.arrange(n_groups, &distances))
}

/// The mean over pairs of a group's cells: of different cells as it is, else with each cell paired with itself, too.
pub(super) fn with_selves(mean: f64, of_self: f64, size: usize, unbiased: bool) -> f64 {
    let n = size as f64;
    match size {
        _ if unbiased => mean,
        0 => f64::NAN,
        1 => of_self,
        _ => mean * ((n - 1.0) / n) + of_self / n,
    }
}

/// Mean squared distances from means and variances: `E|X - Y|^2 = |mean X - mean Y|^2 + var X + var Y`, and within a group
/// twice the unbiased variance, each summed over the dimensions.
fn means_of_squares(ctx: &Ctx, matrix: &Matrix, groups: &Groups, comparisons: Comparisons) -> Result<PairMeans> {
    let wanted = Wanted { ddof: Some(0.0), ..Default::default() };
    let made = aggregate(ctx, matrix, Axis::Obs, groups, wanted)?;
    let (means, dims) = (made.means(), matrix.n_vars());
    let mean = |g: usize| &means[g * dims..(g + 1) * dims];
    let variances: Vec<f64> = (0..groups.n_groups())
        .map(|g| match groups.size(g) {
            0 => f64::NAN,
            _ => made.variances[g * dims..(g + 1) * dims].iter().sum(),
        })
        .collect();
    let within = |g: usize| match groups.size(g) {
        0 | 1 => f64::NAN,
        n => 2.0 * variances[g] * (n as f64 / (n as f64 - 1.0)),
    };
    let between = |(a, b): (usize, usize)| {
        let apart: f64 = mean(a).iter().zip(mean(b)).map(|(x, y)| (x - y) * (x - y)).sum();
        apart + variances[a] + variances[b]
    };
    Ok(PairMeans {
        within: (0..groups.n_groups()).map(within).collect(),
        between: comparisons.pairs(groups.n_groups()).into_iter().map(between).collect(),
    })
}
