//! Distances between groups of cells.

use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::groups::groups_or_all;
use crate::ffi::matrix::{ScnMatrix, output, required_output, slice, view};
use crate::ffi::status::ScnStatus;
use crate::tl::energy_distance::{self, Metric};
use crate::tl::mmd;
use crate::tl::pairs::Comparisons;
use crate::{bail, ensure};

/// Squared Euclidean distance between cells.
pub const SCN_METRIC_SQEUCLIDEAN: i32 = 0;
/// Euclidean distance between cells.
pub const SCN_METRIC_EUCLIDEAN: i32 = 1;

fn comparisons(reference: i64, n_groups: usize) -> Result<Comparisons> {
    ensure!(
        reference >= -1 && reference < n_groups as i64,
        InvalidArgument,
        "reference: is {reference}, must be a group, from 0 to {}, or -1 for all pairs of groups",
        n_groups as i64 - 1
    );
    Ok(if reference < 0 { Comparisons::All } else { Comparisons::WithReference(reference as usize) })
}

fn flag(value: i32, name: &str) -> Result<bool> {
    ensure!(matches!(value, 0 | 1), InvalidArgument, "{name}: is {value}, must be 0 or 1");
    Ok(value == 1)
}

/// The energy distance between groups of cells, `2 E d(X, Y) - E d(X, X') - E d(Y, Y')`.
///
/// - `matrix`: cells as points, an embedding or any matrix of cells x features.
/// - `groups`: `groups_len` = n_obs labels from 0 to `n_groups` - 1, or -1 for cells in no group.
/// - `reference`: -1 for all pairs of groups, else the group that all are compared with.
/// - `metric`: what d is: `SCN_METRIC_SQEUCLIDEAN` (distances of means and variances, one pass over the cells) or
///   `SCN_METRIC_EUCLIDEAN` (all pairs of cells).
/// - `unbiased`: 1 to average within a group over its n (n - 1) pairs of different cells, 0 over all n^2 pairs.
/// - `distance`: n_groups x n_groups, row-major, or n_groups if there is a reference; 0 of a group from itself; NaN where a
///   group is empty, or of one cell if `unbiased`.
///
/// Not finite values make the distances of their group NaN.
///
/// Reference: scPerturb's `edist` (Peidl et al. 2024) is squared Euclidean and unbiased; pertpy's `edistance` is Euclidean
/// and biased. The square root is not taken.
///
/// Cost and memory: squared Euclidean one pass and two doubles per group and feature; Euclidean all pairs of cells and some
/// kilobytes per thread and feature (a sparse matrix compressed along its features is compressed along its cells once).
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_INVALID_ARGUMENT` (a label, reference,
/// metric or flag out of range).
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or valid; `matrix` is null or a descriptor whose arrays have the lengths it states; the other
/// pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_energy_distance(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    reference: i64,
    metric: i32,
    unbiased: i32,
    distance: *mut f64,
    distance_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let groups = groups_or_all(groups, groups_len, n_groups, matrix.n_obs(), "groups")?;
            let comparisons = comparisons(reference, groups.n_groups())?;
            let metric = match metric {
                SCN_METRIC_SQEUCLIDEAN => Metric::SquaredEuclidean,
                SCN_METRIC_EUCLIDEAN => Metric::Euclidean,
                _ => bail!(InvalidArgument, "metric: is {metric}, must be one of SCN_METRIC_*"),
            };
            let unbiased = flag(unbiased, "unbiased")?;
            let out = required_output(distance, distance_len, comparisons.len(groups.n_groups()), "distance")?;
            out.copy_from_slice(&energy_distance::energy_distance(
                ctx,
                &matrix,
                &groups,
                comparisons,
                metric,
                unbiased,
            )?);
            Ok(())
        })
    }
}

/// The squared maximum mean discrepancy between groups of cells, `E k(X, X') + E k(Y, Y') - 2 E k(X, Y)`, with Gaussian
/// kernels: k(x, y) is the mean of `exp(-gamma |x - y|^2)` over the gammas.
///
/// - `matrix`, `groups`, `reference`: as in `scn_tl_energy_distance`.
/// - `gammas`: positive; null with length 0 for one by the median heuristic, 1 / (2 m^2), m being the median distance of
///   pairs of cells in groups, of at most 1000 cells, drawn by `context.seed`.
/// - `unbiased`: 1 for the U-statistic (n (n - 1) pairs within a group; may be negative), 0 for the V-statistic (n^2).
/// - `squared_mmd`: n_groups x n_groups, row-major, or n_groups if there is a reference; 0 of a group from itself; NaN where
///   a group is empty, or of one cell if `unbiased`.
/// - `gammas_used`: `gammas_len` gammas, or one if none was given; or null.
///
/// Not finite values make the results of their group NaN.
///
/// Reference: Gretton et al. 2012; with gamma 1 and biased pertpy's `mmd` with its rbf kernel, with several gammas the mean
/// over them.
///
/// Cost and memory: all pairs of cells, and some kilobytes per thread and feature (a sparse matrix compressed along its
/// features is compressed along its cells once).
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_INVALID_ARGUMENT` (a label, reference,
/// gamma or flag out of range), `SCN_ERR_VALUE` (no gamma, and a median distance of 0).
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_tl_energy_distance`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_mmd(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    reference: i64,
    gammas: *const f64,
    gammas_len: i64,
    unbiased: i32,
    squared_mmd: *mut f64,
    squared_mmd_len: i64,
    gammas_used: *mut f64,
    gammas_used_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let groups = groups_or_all(groups, groups_len, n_groups, matrix.n_obs(), "groups")?;
            let comparisons = comparisons(reference, groups.n_groups())?;
            let gammas = slice(gammas, gammas_len, "gammas")?;
            let unbiased = flag(unbiased, "unbiased")?;
            let needed = comparisons.len(groups.n_groups());
            let out = required_output(squared_mmd, squared_mmd_len, needed, "squared_mmd")?;
            let used = output(gammas_used, gammas_used_len, gammas.len().max(1), "gammas_used")?;
            let made = mmd::mmd(ctx, &matrix, &groups, comparisons, gammas, unbiased)?;
            out.copy_from_slice(&made.squared);
            if let Some(used) = used {
                used.copy_from_slice(&made.gammas);
            }
            Ok(())
        })
    }
}
