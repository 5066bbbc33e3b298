//! log(1 + x).

use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{ScnMatrix, required_values, values_mut, view};
use crate::ffi::status::ScnStatus;
use crate::pp::elementwise::no_repeats;
use crate::pp::log1p::{check_base, log1p, log1p_inplace};

/// 0 stands for the natural logarithm.
pub(super) fn base(base: f64) -> Option<f64> {
    (base != 0.0).then_some(base)
}

/// log(1 + x) of each stored value, into `values`: as many as the matrix stores, in its order (sparse: `nnz`, to be used
/// with its own offsets and indices; dense: the lines of the major axis one after the other, without gaps), of type
/// `values_type`, `SCN_F32` or `SCN_F64`, whatever the matrix has. `base` is that of the logarithm, 0 for e.
///
/// Within 0.9 ulp of the true logarithm (1.07 below 0), the same bits on every machine. -1 gives -inf, below -1 NaN, with a warning; NaN
/// and inf stay what they are.
///
/// As `scanpy.pp.log1p`, which uses numpy's `log1p` (within 2 ulp in float32): the last bit may differ. scanpy makes float64
/// of integers; repeated elements, whose logarithms it would take one by one, are an error here. Memory: none.
///
/// Errors: those of a matrix' descriptor and structure, `SCN_ERR_MATRIX` also for repeated indices;
/// `SCN_ERR_INVALID_ARGUMENT` for a base that is negative, 1 or not finite; `SCN_ERR_SHAPE`, `SCN_ERR_TYPE` for
/// `values`; `SCN_ERR_CANCELLED`, before the first write only.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `matrix` is null or a descriptor whose arrays have the lengths it states;
/// `values` is null or valid for writes of `values_len` elements of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_log1p(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    base: f64,
    values: *mut libc::c_void,
    values_type: i32,
    values_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let out = required_values(values, values_type, values_len, matrix.n_stored(), "values")?;
            log1p(ctx, &matrix, out, self::base(base))
        })
    }
}

/// `scn_pp_log1p` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`. Everything is checked
/// before the first write, and from then on the call cannot be cancelled: it changes all values or none.
///
/// Errors: as `scn_pp_log1p`; `SCN_ERR_TYPE` for values of an integer type.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_log1p`, and the values of the matrix are writable and used by nobody else during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_log1p_inplace(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    base: f64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let structure = view(matrix, "matrix")?;
            let base = self::base(base);
            check_base(base)?;
            no_repeats(ctx.part(0.0, 0.2), &structure)?;
            log1p_inplace(ctx, &structure, values_mut(matrix, "matrix")?, base)
        })
    }
}
