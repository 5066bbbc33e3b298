//! Regression on covariates.

use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::groups::groups_or_all;
use crate::ffi::matrix::{ScnMatrix, product, slice, typed_output, view};
use crate::ffi::status::ScnStatus;
use crate::matrix::{Matrix, ValueSliceMut};
use crate::pp::regress_out;
use crate::{bail, ensure, with_values_mut};
use libc::c_void;

/// # Safety
/// `out` is null or valid for writes of `len` elements of the type that `tag` says.
unsafe fn residuals<'a>(matrix: &Matrix, out: *mut c_void, tag: i32, len: i64) -> Result<ValueSliceMut<'a>> {
    let needed = product(matrix.n_obs(), matrix.n_vars(), "matrix.n_obs")?;
    // SAFETY: as this function's own contract.
    match unsafe { typed_output(out, tag, len, needed, "out")? } {
        Some(out) => Ok(out),
        None => bail!(Null, "out: is null, must point to {needed} elements"),
    }
}

/// Regresses each gene on covariates of the cells and a constant, by least squares, and gives the residuals.
///
/// - `covariates`: n_obs x `n_covariates` doubles, one covariate after the other, all finite.
/// - `out`: n_obs * n_vars values of type `out_type` (`SCN_F32` or `SCN_F64`), cell after cell. It must not overlap the
///   matrix.
///
/// A covariate that is constant or a linear combination of those before it changes nothing; there is a warning. NaN and
/// infinities make their gene NaN. Everything is computed in double and rounded once.
///
/// Reference: scanpy's `pp.regress_out` with numerical keys. Where we differ: the covariates are made orthogonal instead of
/// inverting their products, which keeps about twice the digits; where scanpy's matrix is singular it falls back to one
/// GLM per gene, whose residuals are the same, but leaves genes that are the same in all cells as they are (ours are 0).
///
/// Memory: beside the result, n_covariates + 1 doubles per cell and per gene, and a block per thread: a sparse matrix is
/// not made dense. A call that is cancelled while it writes leaves the residuals written in part.
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_TYPE` (out_type),
/// `SCN_ERR_INVALID_ARGUMENT` (n_covariates negative), `SCN_ERR_VALUE` (a covariate that is not finite).
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or valid; `matrix` is null or a descriptor whose arrays have the lengths it states; the other
/// pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_regress_out(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    covariates: *const f64,
    covariates_len: i64,
    n_covariates: i64,
    out_type: i32,
    out: *mut c_void,
    out_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            ensure!(
                n_covariates >= 0 && n_covariates <= i32::MAX as i64,
                InvalidArgument,
                "n_covariates: is {n_covariates}, must be from 0 to {}",
                i32::MAX
            );
            let covariates = slice(covariates, covariates_len, "covariates")?;
            let out = residuals(&matrix, out, out_type, out_len)?;
            with_values_mut!(out, |out| regress_out::regress_out(ctx, &matrix, covariates, n_covariates as usize, out))
        })
    }
}

/// Subtracts from each gene its mean in the cell's category; a gene that is the same in all cells is left as it is.
///
/// - `groups`: n_obs labels from 0 to `n_groups` - 1, one for every cell.
/// - `out`: as in `scn_pp_regress_out`.
///
/// Reference: scanpy's `pp.regress_out` with one categorical key, which fits each gene by a constant and by its own means
/// over the categories; its result differs by the rounding of these means to float32. A cell without a category is an
/// error here; scanpy takes 0 for its mean.
///
/// Memory: beside the result, one double per gene and category, and a block per thread. A call that is
/// cancelled while it writes leaves the residuals written in part.
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_TYPE` (out_type),
/// `SCN_ERR_INVALID_ARGUMENT` (a label out of range or -1).
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_regress_out`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_regress_out_groups(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    out_type: i32,
    out: *mut c_void,
    out_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let groups = groups_or_all(groups, groups_len, n_groups, matrix.n_obs(), "groups")?;
            let out = residuals(&matrix, out, out_type, out_len)?;
            with_values_mut!(out, |out| regress_out::regress_out_groups(ctx, &matrix, &groups, out))
        })
    }
}
