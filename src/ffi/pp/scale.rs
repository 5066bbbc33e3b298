//! Scaling of genes.

use crate::ensure;
use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::groups::groups_or_all;
use crate::ffi::matrix::{ScnMatrix, axis, output, product, typed_output, values_mut, view};
use crate::ffi::options::{self, Sized32};
use crate::ffi::status::{ScnStatus, guard};
use crate::matrix::ValueSliceMut;
use crate::pp::scale::{self, Divisor, Moments, ScaleOptions};
use crate::{bail, with_values_mut};
use libc::c_void;
use safer_ffi::derive_ReprC;

/// How `scn_pp_scale` and `scn_pp_scale_inplace` scale. Set up by `scn_scale_options_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnScaleOptions {
    /// sizeof(ScnScaleOptions) of the header compiled against.
    pub struct_size: u32,
    /// 1 (default) to subtract each gene's mean, 0 to leave zeros zero.
    pub zero_center: i32,
    /// Values above it become it, and with `zero_center` and `clip_below` values below its negative become that; default
    /// infinity.
    pub max_value: f64,
    /// 1 (default) to divide by the standard deviations, 0 to divide by nothing.
    pub divide: i32,
    /// 1 to divide what is not centred by sqrt(sum of squares / (n - 1)), as R's `scale` and Seurat do; 0 (default) by the
    /// standard deviation, as scanpy does.
    pub root_mean_square: i32,
    /// 1 (default) if `max_value` bounds centred values from below, too; 0 from above only, as in Seurat.
    pub clip_below: i32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: repr(C), struct_size first, numbers only, no padding.
unsafe impl Sized32 for ScnScaleOptions {
    const NAME: &'static str = "ScnScaleOptions";
    const FIRST_SIZE: usize = 16;
    fn defaults() -> Self {
        let d = ScaleOptions::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            zero_center: i32::from(d.zero_center),
            max_value: d.max_value.unwrap_or(f64::INFINITY),
            divide: 1,
            root_mean_square: 0,
            clip_below: i32::from(d.clip_below),
            reserved: 0,
        }
    }
}

impl ScnScaleOptions {
    fn checked(&self) -> Result<ScaleOptions> {
        for (value, name) in [
            (self.zero_center, "zero_center"),
            (self.divide, "divide"),
            (self.root_mean_square, "root_mean_square"),
            (self.clip_below, "clip_below"),
        ] {
            ensure!(matches!(value, 0 | 1), InvalidArgument, "options.{name}: is {value}, must be 0 or 1");
        }
        Ok(ScaleOptions {
            zero_center: self.zero_center == 1,
            max_value: (self.max_value != f64::INFINITY).then_some(self.max_value),
            divisor: match (self.divide, self.root_mean_square) {
                (0, _) => Divisor::One,
                (_, 1) => Divisor::RootMeanSquare,
                _ => Divisor::StandardDeviation,
            },
            clip_below: self.clip_below == 1,
        })
    }
}

/// Writes the defaults into scaling options. `struct_size` is `sizeof(ScnScaleOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_scale_options_init(options: *mut ScnScaleOptions, struct_size: usize) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Scales each gene to variance 1 and, with `zero_center`, to mean 0, into a dense matrix: `(x - mean) / std`, clipped.
///
/// - `groups`: `groups_len` = n_obs labels from 0 to `n_groups` - 1; each group is scaled by its own means and standard
///   deviations; cells labelled -1 count for nothing and are copied as they are. Null with `groups_len` 0 and `n_groups`
///   1: all cells together.
/// - `options`: null for the defaults.
/// - `means`, `stds`: `n_groups` x n_vars (row-major) means, and what values were divided by: standard deviations (divisor
///   n - 1) unless the options say else, 1 in place of 0; NaN for a group without cells; or null.
/// - `out`: n_obs * n_vars values of type `out_type` (`SCN_F32` or `SCN_F64`); its lines along `out_major` (`SCN_OBS` or
///   `SCN_VAR`) follow each other. It must not overlap the matrix.
///
/// NaN and infinities make their gene NaN. Everything is computed in double and rounded once.
///
/// Reference: scanpy's `pp.scale` (with `mask_obs` as groups 0 and -1). Where we differ: float32 results are rounded
/// once, not twice; a gene of equal values has standard deviation 1 whatever rounding leaves of its variance; with a mask a
/// sparse matrix that is centred becomes dense, not a sparse matrix full of values. Groups are our extension.
///
/// With `root_mean_square` 1 and `clip_below` 0 this is Seurat's ScaleData: `zero_center` is its do.center, `divide` its
/// do.scale, groups are its split.by. Where we differ: a gene of equal values is 0 when centred, whatever rounding leaves of
/// its variance.
///
/// Memory: three doubles per group and gene. A call that is cancelled while it writes leaves the scaled matrix, and nothing
/// else, written in part.
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_SHAPE` (lengths),
/// `SCN_ERR_INVALID_ARGUMENT` (a group of one cell, a label out of range, a negative max_value), `SCN_ERR_TYPE`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` and `options` are null or valid; `matrix` is null or a descriptor whose arrays have the lengths it states;
/// `groups` and the outputs are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_scale(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    options: *const ScnScaleOptions,
    means: *mut f64,
    means_len: i64,
    stds: *mut f64,
    stds_len: i64,
    out_major: i32,
    out_type: i32,
    out: *mut c_void,
    out_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let groups = groups_or_all(groups, groups_len, n_groups, matrix.n_obs(), "groups")?;
            let options = options::read(options)?.checked()?;
            let n_moments = product(groups.n_groups(), matrix.n_vars(), "n_groups")?;
            let means = output(means, means_len, n_moments, "means")?;
            let stds = output(stds, stds_len, n_moments, "stds")?;
            let major = axis(out_major, "out_major")?;
            let needed = product(matrix.n_obs(), matrix.n_vars(), "matrix.n_obs")?;
            let Some(out) = typed_output(out, out_type, out_len, needed, "out")? else {
                bail!(Null, "out: is null, must point to {needed} elements")
            };
            let made = with_values_mut!(out, |out| scale::scale(ctx, &matrix, &groups, &options, major, out))?;
            put_moments(&made, means, stds);
            Ok(())
        })
    }
}

/// Scales the values of a matrix in place: of a dense one, or of a sparse one with `zero_center` 0, of type `SCN_F32` or
/// `SCN_F64`. Everything else is as in `scn_pp_scale`. The call can be
/// cancelled until it begins to write.
///
/// A sparse matrix with repeated indices can be scaled but not clipped: `SCN_ERR_MATRIX`; sum its duplicates first.
///
/// Memory: three doubles per group and gene.
///
/// Errors: as `scn_pp_scale`; `SCN_ERR_TYPE` if the values are integers; `SCN_ERR_INVALID_ARGUMENT` if a sparse matrix is
/// to be centred. After an error the values are as they were.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_pp_scale`; the values of the matrix are writable and used by nobody else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_scale_inplace(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    options: *const ScnScaleOptions,
    means: *mut f64,
    means_len: i64,
    stds: *mut f64,
    stds_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let structure = view(matrix, "matrix")?;
            let groups = groups_or_all(groups, groups_len, n_groups, structure.n_obs(), "groups")?;
            let options = options::read(options)?.checked()?;
            let n_moments = product(groups.n_groups(), structure.n_vars(), "n_groups")?;
            let means = output(means, means_len, n_moments, "means")?;
            let stds = output(stds, stds_len, n_moments, "stds")?;
            // Checked before anything is computed, taken for writing only when the moments are known.
            values_mut(matrix, "matrix").map(drop::<ValueSliceMut>)?;
            let made = scale::scale_inplace(ctx, &structure, &groups, &options, || values_mut(matrix, "matrix"))?;
            put_moments(&made, means, stds);
            Ok(())
        })
    }
}

fn put_moments(made: &Moments, means: Option<&mut [f64]>, stds: Option<&mut [f64]>) {
    for (out, made) in [(means, &made.means), (stds, &made.stds)] {
        if let Some(out) = out {
            out.copy_from_slice(made);
        }
    }
}
