//! The maximum mean discrepancy between groups of cells (Gretton et al. 2012).

use super::energy_distance::with_selves;
use super::pairs::{Comparisons, Points, Readable, median_distance, pair_means};
use crate::error::Result;
use crate::matrix::{Groups, Matrix};
use crate::parallel::Ctx;
use crate::stats::random::Random;
use crate::{bail, ensure};

/// Cells that the median heuristic looks at, at most.
const SAMPLE: usize = 1000;

/// The squared MMD of each comparison and the kernel's widths.
#[derive(Clone, Debug, PartialEq)]
pub struct Mmd {
    pub squared: Vec<f64>,
    pub gammas: Vec<f64>,
}

/// `E k(X, X') + E k(Y, Y') - 2 E k(X, Y)` with the kernel `k(x, y) = exp(-gamma |x - y|^2)`, averaged over the gammas.
///
/// No gammas: one by the median heuristic, `1 / (2 m^2)`, `m` being the median distance of pairs of cells in groups, of at
/// most 1000 of them, drawn by the context's seed. `unbiased` leaves out each cell with itself.
///
/// NaN for groups that are too small: empty, or of one cell if `unbiased`.
pub fn mmd(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    comparisons: Comparisons,
    gammas: &[f64],
    unbiased: bool,
) -> Result<Mmd> {
    let n_groups = groups.n_groups();
    comparisons.check(n_groups)?;
    ensure!(
        groups.n() == matrix.n_obs(),
        Shape,
        "groups: has {} labels, must have {}, the number of cells",
        groups.n(),
        matrix.n_obs()
    );
    for (i, &gamma) in gammas.iter().enumerate() {
        ensure!(
            gamma.is_finite() && gamma > 0.0,
            InvalidArgument,
            "gammas[{i}]: is {gamma}, must be positive and finite"
        );
    }
    let canonical = ctx.within(0.0, 0.02, || matrix.canonical(ctx))?;
    let readable = ctx.within(0.02, 0.05, || Readable::new(ctx, &canonical.view()))?;
    let points = readable.points();
    let gammas = match gammas {
        [] => ctx.within(0.05, 0.1, || median_gamma(ctx, &points, groups)).map(|gamma| vec![gamma])?,
        _ => gammas.to_vec(),
    };
    let kernel = |squared: f64| {
        // The crate's own exponential: the system's differs in the last bit from machine to machine.
        let sum: f64 = gammas.iter().map(|gamma| libm::exp(-gamma * squared)).sum();
        sum / gammas.len() as f64
    };
    let means = ctx.within(0.1, 1.0, || pair_means(ctx, &points, groups, comparisons, kernel))?;
    let within: Vec<f64> = (0..n_groups).map(|g| with_selves(means.within[g], 1.0, groups.size(g), unbiased)).collect();
    let squared: Vec<f64> = (comparisons.pairs(n_groups).into_iter().zip(&means.between))
        .map(|((a, b), between)| within[a] + within[b] - 2.0 * between)
        .collect();
    Ok(Mmd { squared: comparisons.arrange(n_groups, &squared), gammas })
}

fn median_gamma(ctx: &Ctx, points: &Points, groups: &Groups) -> Result<f64> {
    let mut cells: Vec<usize> = groups.all_members().to_vec();
    cells.sort_unstable();
    if cells.len() > SAMPLE {
        let mut random = Random::new(ctx.seed(), 0, 0);
        for i in 0..SAMPLE {
            let chosen = i + random.below(cells.len() - i);
            cells.swap(i, chosen);
        }
        cells.truncate(SAMPLE);
        cells.sort_unstable();
    }
    let median = median_distance(ctx, points, &cells)?;
    if median == 0.0 {
        bail!(Value, "gammas: none given, and the median distance of the cells is 0; give at least one");
    }
    Ok(if median.is_nan() { f64::NAN } else { 1.0 / (2.0 * median * median) })
}

#[cfg(test)]
mod tests {
    use super::super::energy_distance::{Metric, energy_distance};
    use super::*;
    use crate::matrix::{Axis, ValueSlice};

    /// Points of three groups, one cell in none; the fourth group has one cell, the fifth none.
    fn points() -> (Vec<f64>, Vec<i32>) {
        let mut random = Random::new(3, 0, 0);
        let labels: Vec<i32> = (0..400).map(|i| if i == 0 { 3 } else { i % 4 - 1 }).collect();
        let values = labels.iter().flat_map(|&g| [random.normal() + f64::from(g), random.normal(), random.normal()]);
        (values.collect(), labels)
    }

    fn dense(values: &[f64]) -> Matrix<'_> {
        Matrix::dense(Axis::Obs, (values.len() / 3, 3), ValueSlice::F64(values), 3).unwrap()
    }

    /// The definition, pair by pair.
    fn naive(values: &[f64], labels: &[i32], unbiased: bool, value: impl Fn(f64) -> f64) -> [[f64; 5]; 5] {
        let mut means = [[0.0; 5]; 5];
        for (a, row) in means.iter_mut().enumerate() {
            for (b, mean) in row.iter_mut().enumerate() {
                let (mut sum, mut n) = (0.0, 0.0);
                for (i, _) in labels.iter().enumerate().filter(|(_, g)| **g == a as i32) {
                    for (j, _) in labels.iter().enumerate().filter(|(_, g)| **g == b as i32) {
                        if i != j || !unbiased {
                            let d: f64 = (0..3).map(|k| (values[3 * i + k] - values[3 * j + k]).powi(2)).sum();
                            sum += value(d);
                            n += 1.0;
                        }
                    }
                }
                *mean = sum / n;
            }
        }
        let mut out = [[0.0; 5]; 5];
        for (a, row) in out.iter_mut().enumerate() {
            for (b, x) in row.iter_mut().enumerate().filter(|(b, _)| *b != a) {
                *x = 2.0 * means[a][b] - means[a][a] - means[b][b];
            }
        }
        out
    }

    fn assert_close(got: &[f64], wanted: &[[f64; 5]; 5]) {
        for (i, (got, wanted)) in got.iter().zip(wanted.iter().flatten()).enumerate() {
            assert!((got - wanted).abs() < 1e-11 || got.is_nan() && wanted.is_nan(), "{i}: {got}, must be {wanted}");
        }
    }

    #[test]
    fn distances_are_those_of_the_definitions() {
        let (values, labels) = points();
        let groups = Groups::new(&labels[..], 5, labels.len(), "groups").unwrap();
        let (ctx, matrix) = (Ctx::new(2), dense(&values));
        for unbiased in [false, true] {
            let energy = |metric| energy_distance(&ctx, &matrix, &groups, Comparisons::All, metric, unbiased).unwrap();
            assert_close(&energy(Metric::SquaredEuclidean), &naive(&values, &labels, unbiased, |d| d));
            assert_close(&energy(Metric::Euclidean), &naive(&values, &labels, unbiased, f64::sqrt));
            let made = mmd(&ctx, &matrix, &groups, Comparisons::All, &[0.5, 2.0], unbiased).unwrap();
            let kernel = |d: f64| -((-0.5 * d).exp() + (-2.0 * d).exp()) / 2.0;
            assert_close(&made.squared, &naive(&values, &labels, unbiased, kernel));
        }
    }

    #[test]
    fn one_reference_is_a_row_of_all_and_threads_change_nothing() {
        let (values, labels) = points();
        let groups = Groups::new(&labels[..], 5, labels.len(), "groups").unwrap();
        let matrix = dense(&values);
        let all = mmd(&Ctx::new(1), &matrix, &groups, Comparisons::All, &[], false).unwrap();
        for threads in [1, 2, 3, 8] {
            let made = mmd(&Ctx::new(threads), &matrix, &groups, Comparisons::WithReference(1), &[], false).unwrap();
            let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&made.squared), bits(&all.squared[5..10]));
            assert_eq!(made.gammas, all.gammas);
        }
    }

    #[test]
    fn bad_arguments_are_named() {
        let values = [1.0; 6];
        let groups = Groups::all(2);
        let fails = |comparisons, gammas: &[f64]| {
            mmd(&Ctx::new(1), &dense(&values), &groups, comparisons, gammas, false).unwrap_err().message
        };
        assert!(fails(Comparisons::WithReference(1), &[1.0]).contains("reference: is 1"));
        assert!(fails(Comparisons::All, &[1.0, 0.0]).contains("gammas[1]: is 0"));
        assert!(fails(Comparisons::All, &[]).contains("median distance of the cells is 0"));
    }
}
