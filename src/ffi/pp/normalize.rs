//! Normalisation of cells: equal totals, relative counts, centred log ratios.

use super::log1p::base;
use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{SCN_F32, ScnMatrix, axis, output, required_values, values_mut, view};
use crate::ffi::options::{self, Sized32};
use crate::ffi::status::{ScnStatus, guard};
use crate::matrix::{Matrix, ValueSliceMut};
use crate::parallel::Ctx;
use crate::pp::normalize_seurat::{self, Method};
use crate::pp::normalize_total::{self, Options, SizeFactors, Then};
use libc::c_void;
use safer_ffi::derive_ReprC;

/// Options of `scn_pp_normalize_total` and `scn_pp_normalize_log1p`. Null means all defaults. Set up by
/// `scn_normalize_total_options_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnNormalizeTotalOptions {
    /// sizeof(ScnNormalizeTotalOptions) of the header compiled against.
    pub struct_size: u32,
    /// Whether genes that have more than `max_fraction` of the total of any one cell do not count towards the totals;
    /// 0 (default) or 1.
    pub exclude_highly_expressed: i32,
    /// See there; from 0 to 1, default 0.05.
    pub max_fraction: f64,
    /// The total that each cell gets; 0 (default) for the median total of the cells that have any counts.
    pub target_sum: f64,
    /// Of `scn_pp_normalize_log1p`: the base of the logarithm, 0 (default) for e.
    pub base: f64,
}

// SAFETY: repr(C), struct_size first, numbers only.
unsafe impl Sized32 for ScnNormalizeTotalOptions {
    const NAME: &'static str = "ScnNormalizeTotalOptions";
    const FIRST_SIZE: usize = 32;
    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            exclude_highly_expressed: 0,
            max_fraction: 0.05,
            target_sum: 0.0,
            base: 0.0,
        }
    }
}

/// Writes the defaults. `struct_size` is `sizeof(ScnNormalizeTotalOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_normalize_total_options_init(
    options: *mut ScnNormalizeTotalOptions,
    struct_size: usize,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Where the numbers beside the values go.
struct Beside {
    factors: *mut f64,
    factors_len: i64,
    highly_expressed: *mut u8,
    highly_expressed_len: i64,
    target_sum: *mut f64,
}

impl Beside {
    /// # Safety
    /// The pointers are null or valid for writes of their lengths.
    unsafe fn check(&self, matrix: &Matrix) -> Result<()> {
        // SAFETY: as this function's own contract.
        unsafe {
            output(self.factors, self.factors_len, matrix.n_obs(), "size_factors")?;
            output(self.highly_expressed, self.highly_expressed_len, matrix.n_vars(), "highly_expressed")?;
        }
        Ok(())
    }

    /// # Safety
    /// As `check`, which came before.
    unsafe fn write(&self, matrix: &Matrix, found: &SizeFactors) -> Result<()> {
        // SAFETY: as this function's own contract.
        unsafe {
            if let Some(out) = output(self.factors, self.factors_len, matrix.n_obs(), "size_factors")? {
                out.copy_from_slice(&found.factors);
            }
            if let Some(out) =
                output(self.highly_expressed, self.highly_expressed_len, matrix.n_vars(), "highly_expressed")?
            {
                out.iter_mut().zip(&found.highly_expressed).for_each(|(to, &from)| *to = from.into());
            }
            if !self.target_sum.is_null() {
                self.target_sum.write(found.target_sum);
            }
        }
        Ok(())
    }
}

/// # Safety
/// As `scn_pp_normalize_total`.
unsafe fn settings(options: *const ScnNormalizeTotalOptions, log1p: bool) -> Result<(Options, Then)> {
    // SAFETY: as this function's own contract.
    let o = unsafe { options::read(options)? };
    let exclude = match o.exclude_highly_expressed {
        0 => None,
        1 => Some(o.max_fraction),
        other => crate::bail!(InvalidArgument, "options.exclude_highly_expressed: is {other}, must be 0 or 1"),
    };
    crate::ensure!(
        (0.0..=1.0).contains(&o.max_fraction),
        InvalidArgument,
        "max_fraction: is {}, choose max_fraction between 0 and 1",
        o.max_fraction
    );
    let target_sum = (o.target_sum != 0.0).then_some(o.target_sum);
    Ok((Options { target_sum, exclude_above: exclude }, Then { log1p, base: if log1p { base(o.base) } else { None } }))
}

/// # Safety
/// As `scn_pp_normalize_total`.
unsafe fn into(
    ctx: &Ctx,
    matrix: *const ScnMatrix,
    (options, then): (Options, Then),
    (values, values_type, values_len): (*mut c_void, i32, i64),
    beside: &Beside,
) -> Result<()> {
    // SAFETY: as this function's own contract.
    unsafe {
        let matrix = view(matrix, "matrix")?;
        beside.check(&matrix)?;
        let found = if values.is_null() {
            normalize_total::factors_alone(ctx, &matrix, values_type == SCN_F32, &options, then)?
        } else {
            let out = required_values(values, values_type, values_len, matrix.n_stored(), "values")?;
            normalize_total::normalize_total(ctx, &matrix, out, &options, then)?
        };
        beside.write(&matrix, &found)
    }
}

/// # Safety
/// As `scn_pp_normalize_total_inplace`.
unsafe fn inplace(
    ctx: &Ctx,
    matrix: *const ScnMatrix,
    (options, then): (Options, Then),
    beside: &Beside,
) -> Result<()> {
    // SAFETY: as this function's own contract.
    unsafe {
        let structure = view(matrix, "matrix")?;
        beside.check(&structure)?;
        let single = matches!(values_mut(matrix, "matrix")?, ValueSliceMut::F32(_));
        let values = || values_mut(matrix, "matrix");
        let found = normalize_total::normalize_total_inplace(ctx, &structure, single, &options, then, values)?;
        beside.write(&structure, &found)
    }
}

/// Divides the values of each cell by its size factor, total / target, so that all cells have the target as their
/// total. The values go to `values` as `scn_pp_log1p` says; if it is null only the numbers beside are computed, as for a
/// result of type `values_type`.
///
/// `size_factors` (`n_obs`) gets the factors, `highly_expressed` (`n_vars` bytes) which genes did not count,
/// `target_sum` (one double) the target; each may be null.
///
/// A cell of total 0 has factor 0 and stays as it is; there is a warning for cells without counts. A cell with NaN
/// becomes NaN. Repeated elements are each divided.
///
/// As `scanpy.pp.normalize_total` on CSR, bit for bit for counts: totals are summed in double and kept in the type of the
/// result, divisions are in that type. scanpy makes float32 of integers: pass `SCN_F32` for that. The median is over the
/// cells with a positive total, as in scanpy 1.12 (1.11 took all cells of a CSR matrix, but not of a dense one).
/// Memory: three doubles a cell, one byte a gene; a copy of the matrix only if totals of fractions or excluded genes are asked
/// for and its indices are not sorted.
///
/// Errors: those of a matrix' descriptor and structure; `SCN_ERR_STRUCT_SIZE`; `SCN_ERR_INVALID_ARGUMENT` for options;
/// `SCN_ERR_VALUE` for excluding genes where a cell's total is negative; `SCN_ERR_SHAPE`, `SCN_ERR_TYPE` for outputs;
/// `SCN_ERR_CANCELLED`, before the first write only.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `matrix` is null or a descriptor whose arrays have the lengths it states; the
/// outputs are null or valid for writes of their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_total(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    options: *const ScnNormalizeTotalOptions,
    values: *mut c_void,
    values_type: i32,
    values_len: i64,
    size_factors: *mut f64,
    size_factors_len: i64,
    highly_expressed: *mut u8,
    highly_expressed_len: i64,
    target_sum: *mut f64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let beside = Beside {
                factors: size_factors,
                factors_len: size_factors_len,
                highly_expressed,
                highly_expressed_len,
                target_sum,
            };
            into(ctx, matrix, settings(options, false)?, (values, values_type, values_len), &beside)
        })
    }
}

/// `scn_pp_normalize_total` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`. Everything is
/// checked before the first write, and from then on the call cannot be cancelled: it changes all values or none.
///
/// Errors: as `scn_pp_normalize_total`; `SCN_ERR_TYPE` for values of an integer type.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_normalize_total`, and the values of the matrix are writable and used by nobody else during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_total_inplace(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    options: *const ScnNormalizeTotalOptions,
    size_factors: *mut f64,
    size_factors_len: i64,
    highly_expressed: *mut u8,
    highly_expressed_len: i64,
    target_sum: *mut f64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let beside = Beside {
                factors: size_factors,
                factors_len: size_factors_len,
                highly_expressed,
                highly_expressed_len,
                target_sum,
            };
            inplace(ctx, matrix, settings(options, false)?, &beside)
        })
    }
}

/// `scn_pp_normalize_total` and then `scn_pp_log1p` in one pass, to the same bits.
///
/// With a target of 10,000 this is what Seurat's `NormalizeData` computes by default, in double there.
///
/// Errors: as those two.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_normalize_total`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_log1p(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    options: *const ScnNormalizeTotalOptions,
    values: *mut c_void,
    values_type: i32,
    values_len: i64,
    size_factors: *mut f64,
    size_factors_len: i64,
    highly_expressed: *mut u8,
    highly_expressed_len: i64,
    target_sum: *mut f64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let beside = Beside {
                factors: size_factors,
                factors_len: size_factors_len,
                highly_expressed,
                highly_expressed_len,
                target_sum,
            };
            into(ctx, matrix, settings(options, true)?, (values, values_type, values_len), &beside)
        })
    }
}

/// `scn_pp_normalize_total_inplace` and then `scn_pp_log1p_inplace` in one pass, to the same bits.
///
/// Errors: as those two.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_normalize_total_inplace`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_log1p_inplace(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    options: *const ScnNormalizeTotalOptions,
    size_factors: *mut f64,
    size_factors_len: i64,
    highly_expressed: *mut u8,
    highly_expressed_len: i64,
    target_sum: *mut f64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let beside = Beside {
                factors: size_factors,
                factors_len: size_factors_len,
                highly_expressed,
                highly_expressed_len,
                target_sum,
            };
            inplace(ctx, matrix, settings(options, true)?, &beside)
        })
    }
}

/// # Safety
/// As `scn_pp_normalize_relative`.
unsafe fn seurat_into(
    ctx: &Ctx,
    matrix: *const ScnMatrix,
    method: Method,
    values: *mut c_void,
    tag: i32,
    len: i64,
) -> Result<()> {
    // SAFETY: as this function's own contract.
    unsafe {
        let matrix = view(matrix, "matrix")?;
        let out = required_values(values, tag, len, matrix.n_stored(), "values")?;
        normalize_seurat::normalize(ctx, &matrix, out, method)
    }
}

/// # Safety
/// As `scn_pp_normalize_relative_inplace`.
unsafe fn seurat_inplace(ctx: &Ctx, matrix: *const ScnMatrix, method: Method) -> Result<()> {
    // SAFETY: as this function's own contract.
    unsafe {
        let structure = view(matrix, "matrix")?;
        // Whether they can be written is known before anything is computed.
        let _ = values_mut(matrix, "matrix")?;
        let divisors = normalize_seurat::prepare(ctx, &structure, method)?;
        normalize_seurat::apply_inplace(ctx, &structure, values_mut(matrix, "matrix")?, method, &divisors)
    }
}

/// Seurat's relative counts (`NormalizeData(normalization.method = "RC")`): each value divided by the total of its cell and
/// multiplied by `scale_factor` (Seurat's default is 10000; 1e6 gives counts per million). Values go to `values` as
/// `scn_pp_log1p` says. A cell of total 0 stays as it is. Computed in the type of the result; Seurat computes in double.
///
/// Errors: those of a matrix' descriptor and structure; `SCN_ERR_INVALID_ARGUMENT` unless `scale_factor` is positive;
/// `SCN_ERR_SHAPE`, `SCN_ERR_TYPE` for `values`; `SCN_ERR_CANCELLED`, before the first write only.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_log1p`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_relative(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    scale_factor: f64,
    values: *mut c_void,
    values_type: i32,
    values_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| seurat_into(ctx, matrix, Method::Relative { scale_factor }, values, values_type, values_len))
    }
}

/// `scn_pp_normalize_relative` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`: all or none.
///
/// Errors: as `scn_pp_normalize_relative`; `SCN_ERR_TYPE` for values of an integer type.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_log1p_inplace`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_relative_inplace(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    scale_factor: f64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe { run(context, |ctx| seurat_inplace(ctx, matrix, Method::Relative { scale_factor })) }
}

/// Seurat's centred log ratio (`NormalizeData(normalization.method = "CLR")`): log1p(x / exp(s / n)), where s is the sum of
/// log1p(x) over the positive values of a gene or cell and n the number of all its values, zeros counted. `of` says which
/// values are taken together: `SCN_VAR` those of a gene (Seurat's `margin = 1`, its default), `SCN_OBS` those of a cell
/// (`margin = 2`). Values go to `values` as `scn_pp_log1p` says; zeros stay zero. NaN stays
/// NaN and does not count towards s.
///
/// s is summed in double in ascending order; the division and the outer logarithm are in the type of the result (Seurat
/// has doubles only). Memory: one double a gene (or cell).
///
/// Errors: as `scn_pp_log1p` (repeated indices are one); `SCN_ERR_INVALID_ARGUMENT` for `of`; `SCN_ERR_VALUE` for negative
/// values.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_log1p`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_clr(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    of: i32,
    values: *mut c_void,
    values_type: i32,
    values_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            seurat_into(ctx, matrix, Method::CentredLogRatio { of: axis(of, "of")? }, values, values_type, values_len)
        })
    }
}

/// `scn_pp_normalize_clr` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`: all or none.
///
/// Errors: as `scn_pp_normalize_clr`; `SCN_ERR_TYPE` for values of an integer type.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_log1p_inplace`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_normalize_clr_inplace(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    of: i32,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe { run(context, |ctx| seurat_inplace(ctx, matrix, Method::CentredLogRatio { of: axis(of, "of")? })) }
}
