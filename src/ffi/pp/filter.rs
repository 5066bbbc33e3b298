//! Which cells and genes to keep.

use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{ScnMatrix, output, view};
use crate::ffi::status::ScnStatus;
use crate::pp;

/// Not given is NaN.
fn given(x: f64) -> Option<f64> {
    (!x.is_nan()).then_some(x)
}

/// # Safety
/// The outputs as in the functions below.
unsafe fn write(
    (mask, numbers): (Vec<bool>, Vec<f64>),
    keep: *mut u8,
    keep_len: i64,
    out: *mut f64,
    out_len: i64,
) -> crate::error::Result<()> {
    // SAFETY: as this function's own contract.
    let (keep, out) =
        unsafe { (output(keep, keep_len, mask.len(), "keep")?, output(out, out_len, mask.len(), "numbers")?) };
    if let Some(keep) = keep {
        keep.iter_mut().zip(&mask).for_each(|(to, &from)| *to = from.into());
    }
    if let Some(out) = out {
        out.copy_from_slice(&numbers);
    }
    Ok(())
}

/// Which cells pass a threshold, and the number that was compared: the total of each cell (`min_counts`,
/// `max_counts`) or how many of its values are positive (`min_genes`, `max_genes`). Exactly one of the four is given,
/// the others are NaN. A bound is inclusive; a number that is NaN does not pass. Nothing is removed: subset by `keep`.
///
/// `keep` gets `n_obs` bytes, 1 or 0; `numbers` gets `n_obs` doubles. Either may be null.
///
/// As `scanpy.pp.filter_cells(..., inplace=False)`, whose totals of float32 matrices are float32 sums; ours are summed in
/// double, genes in ascending order. Memory: the outputs.
///
/// Errors: those of a matrix' descriptor and structure; `SCN_ERR_INVALID_ARGUMENT` unless exactly one threshold is given;
/// `SCN_ERR_SHAPE` for a wrong length; `SCN_ERR_CANCELLED`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `matrix` is null or a descriptor whose arrays have the lengths it states; the
/// outputs are null or valid for writes of their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_filter_cells(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    min_counts: f64,
    min_genes: f64,
    max_counts: f64,
    max_genes: f64,
    keep: *mut u8,
    keep_len: i64,
    numbers: *mut f64,
    numbers_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            output(keep, keep_len, matrix.n_obs(), "keep")?;
            output(numbers, numbers_len, matrix.n_obs(), "numbers")?;
            let found = pp::filter_cells::filter_cells(
                ctx,
                &matrix,
                given(min_counts),
                given(min_genes),
                given(max_counts),
                given(max_genes),
            )?;
            write(found, keep, keep_len, numbers, numbers_len)
        })
    }
}

/// Which genes pass a threshold, and the number that was compared: the total of each gene (`min_counts`,
/// `max_counts`) or in how many cells its value is positive (`min_cells`, `max_cells`). Exactly one of the four is given,
/// the others are NaN. A bound is inclusive; a number that is NaN does not pass. Nothing is removed: subset by `keep`.
///
/// `keep` gets `n_vars` bytes, 1 or 0; `numbers` gets `n_vars` doubles. Either may be null.
///
/// As `scanpy.pp.filter_genes(..., inplace=False)`, whose totals of float32 matrices are float32 sums; ours are summed in
/// double, cells in ascending order. Memory: the outputs.
///
/// Errors: as `scn_pp_filter_cells`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_filter_cells`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_filter_genes(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    min_counts: f64,
    min_cells: f64,
    max_counts: f64,
    max_cells: f64,
    keep: *mut u8,
    keep_len: i64,
    numbers: *mut f64,
    numbers_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            output(keep, keep_len, matrix.n_vars(), "keep")?;
            output(numbers, numbers_len, matrix.n_vars(), "numbers")?;
            let found = pp::filter_genes::filter_genes(
                ctx,
                &matrix,
                given(min_counts),
                given(min_cells),
                given(max_counts),
                given(max_cells),
            )?;
            write(found, keep, keep_len, numbers, numbers_len)
        })
    }
}
