//! Local regression.

use crate::bail;
use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{output, slice};
use crate::ffi::options::{self, Sized32};
use crate::ffi::status::{ScnStatus, guard};
use crate::stats::loess::{Loess, LoessOptions, Surface};
use safer_ffi::derive_ReprC;

/// Fit at the ends of cells and blend between them by cubics, as R and scikit-misc do by default.
pub const SCN_LOESS_INTERPOLATE: i32 = 0;
/// Fit at each point.
pub const SCN_LOESS_DIRECT: i32 = 1;

/// How `scn_stats_loess` smooths. Set up by `scn_loess_options_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnLoessOptions {
    /// sizeof(ScnLoessOptions) of the header compiled against.
    pub struct_size: u32,
    /// Degree of the local polynomial: 0, 1 or 2 (default).
    pub degree: i32,
    /// `SCN_LOESS_INTERPOLATE` (default) or `SCN_LOESS_DIRECT`.
    pub surface: i32,
    /// Must be 0.
    pub reserved: u32,
    /// The part of the points that a local fit takes, above 0; default 0.75. Above 1, all points with a wider kernel.
    pub span: f64,
    /// A cell is cut in two while it holds more than n * span * cell points; default 0.2.
    pub cell: f64,
    /// Added to n * span before it is cut off to a whole number of points: default 0, as scikit-misc has it; R has 1e-5.
    pub slack: f64,
}

// SAFETY: repr(C), struct_size first, numbers only, no padding.
unsafe impl Sized32 for ScnLoessOptions {
    const NAME: &'static str = "ScnLoessOptions";
    const FIRST_SIZE: usize = 32;
    fn defaults() -> Self {
        let d = LoessOptions::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            degree: d.degree as i32,
            surface: SCN_LOESS_INTERPOLATE,
            reserved: 0,
            span: d.span,
            cell: d.cell,
            slack: d.slack,
        }
    }
}

impl ScnLoessOptions {
    fn parsed(&self) -> Result<LoessOptions> {
        let Ok(degree) = u32::try_from(self.degree) else {
            bail!(InvalidArgument, "degree: is {}, must be 0, 1 or 2", self.degree)
        };
        let surface = match self.surface {
            SCN_LOESS_INTERPOLATE => Surface::Interpolate,
            SCN_LOESS_DIRECT => Surface::Direct,
            other => {
                bail!(InvalidArgument, "surface: is {other}, must be SCN_LOESS_INTERPOLATE (0) or SCN_LOESS_DIRECT (1)")
            }
        };
        Ok(LoessOptions { span: self.span, degree, surface, cell: self.cell, slack: self.slack })
    }
}

/// Writes the defaults into loess options. `struct_size` is `sizeof(ScnLoessOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_loess_options_init(options: *mut ScnLoessOptions, struct_size: usize) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Smooths y over x by local regression (Cleveland's loess, family gaussian, one predictor).
///
/// - `x`, `y`: the points, in any order, `x_len` = `y_len` of them.
/// - `weights`: case weights, not negative, as many; or null for 1 each.
/// - `options`: null for all defaults.
/// - `new_x`: where else to evaluate the curve, or null.
/// - `fitted`: the curve at each x, `x_len` values; or null.
/// - `predicted`: the curve at each of `new_x`, `new_x_len` values, NaN outside the range of x; or null.
///
/// Reference: R's `stats::loess` and scikit-misc's `skmisc.loess`, both of which run netlib's dloess; fitted values agree
/// with them to 1e-10. Fits near singular (many equal x) use a pseudoinverse and warn through the log callback, as in R;
/// scikit-misc fails there. `n * span` is cut off to a whole number of points as in scikit-misc, unless `slack` is R's.
///
/// Memory: a few doubles for each point.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_SHAPE` (lengths that differ, no points),
/// `SCN_ERR_INVALID_ARGUMENT` (an option out of range, a span that takes fewer points than the polynomial has
/// coefficients plus one), `SCN_ERR_VALUE` (NaN, infinity, negative weights, x so often equal that a fit has no width).
///
/// @since 0.1.0
///
/// # Safety
/// `context` and `options` are null or valid; the arrays are null or valid for their lengths, the outputs for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_stats_loess(
    context: *const ScnContext,
    x: *const f64,
    x_len: i64,
    y: *const f64,
    y_len: i64,
    weights: *const f64,
    weights_len: i64,
    options: *const ScnLoessOptions,
    new_x: *const f64,
    new_x_len: i64,
    fitted: *mut f64,
    fitted_len: i64,
    predicted: *mut f64,
    predicted_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let options = options::read(options)?.parsed()?;
            let (x, y) = (slice(x, x_len, "x")?, slice(y, y_len, "y")?);
            let weights = if weights.is_null() { None } else { Some(slice(weights, weights_len, "weights")?) };
            let new_x = if new_x.is_null() { &[] } else { slice(new_x, new_x_len, "new_x")? };
            let fitted = output(fitted, fitted_len, x.len(), "fitted")?;
            let predicted = output(predicted, predicted_len, new_x.len(), "predicted")?;

            let curve = Loess::fit(ctx, x, y, weights, &options)?;
            let at_x = if fitted.is_some() { curve.predict(ctx, x)? } else { Vec::new() };
            let at_new_x = if predicted.is_some() { curve.predict(ctx, new_x)? } else { Vec::new() };
            if let Some(fitted) = fitted {
                fitted.copy_from_slice(&at_x);
            }
            if let Some(predicted) = predicted {
                predicted.copy_from_slice(&at_new_x);
            }
            Ok(())
        })
    }
}
