//! Distributions and multiple testing on arrays of numbers.

pub mod loess;

use super::matrix::{required_output, slice};
use super::status::{ScnStatus, guard};
use crate::bail;
use crate::error::Result;
use crate::stats::multitest::{Correction, adjust};
use crate::stats::{normal, student};

/// False discovery rate of independent tests (Benjamini and Hochberg 1995).
pub const SCN_CORR_BENJAMINI_HOCHBERG: i32 = 0;
/// False discovery rate under any dependence (Benjamini and Yekutieli 2001).
pub const SCN_CORR_BENJAMINI_YEKUTIELI: i32 = 1;
/// Family-wise error rate: p times the number of tests, at most 1.
pub const SCN_CORR_BONFERRONI: i32 = 2;

pub(crate) fn correction(value: i32, name: &str) -> Result<Correction> {
    Ok(match value {
        SCN_CORR_BENJAMINI_HOCHBERG => Correction::BenjaminiHochberg,
        SCN_CORR_BENJAMINI_YEKUTIELI => Correction::BenjaminiYekutieli,
        SCN_CORR_BONFERRONI => Correction::Bonferroni,
        _ => bail!(InvalidArgument, "{name}: is {value}, must be one of SCN_CORR_* (0 to 2)"),
    })
}

/// Two-sided p-values of standard normal scores, P(|Z| >= |z|), or their natural logarithms if `logarithm` is 1.
///
/// Right to 1e-14 relative down to the least double, and the logarithm beyond; NaN gives NaN. Reference: scipy's
/// `2 * norm.sf(abs(z))`, which is 1e-13 off at 1e-300.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE` (`p_len` is not `z_len`).
///
/// @since 0.1.0
///
/// # Safety
/// `z` is null or valid for reads of `z_len`, `p` for writes of `p_len`; they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_stats_normal_p(
    z: *const f64,
    z_len: i64,
    logarithm: i32,
    p: *mut f64,
    p_len: i64,
) -> ScnStatus {
    guard(|| {
        // SAFETY: as this function's own contract.
        let (z, p) = unsafe {
            let z = slice(z, z_len, "z")?;
            (z, required_output(p, p_len, z.len(), "p")?)
        };
        let tail = match logarithm {
            0 => normal::two_sided_p,
            1 => normal::ln_two_sided_p,
            _ => bail!(InvalidArgument, "logarithm: is {logarithm}, must be 0 or 1"),
        };
        p.iter_mut().zip(z).for_each(|(p, &z)| *p = tail(z));
        Ok(())
    })
}

/// Two-sided p-values of Student's t, P(|T| >= |t|), each with its own degrees of freedom (any positive number, infinity
/// included), or their natural logarithms if `logarithm` is 1.
///
/// Right to 1e-12 relative down to 1e-300, and the logarithm beyond; NaN, or df that is not positive, gives NaN.
/// Reference: scipy's `2 * t.sf(abs(t), df)`.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE` (`df_len` or `p_len` is not `t_len`).
///
/// @since 0.1.0
///
/// # Safety
/// `t` and `df` are null or valid for reads of their lengths, `p` for writes of `p_len`; it does not overlap them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_stats_student_p(
    t: *const f64,
    t_len: i64,
    df: *const f64,
    df_len: i64,
    logarithm: i32,
    p: *mut f64,
    p_len: i64,
) -> ScnStatus {
    guard(|| {
        // SAFETY: as this function's own contract.
        let (t, df, p) = unsafe {
            let t = slice(t, t_len, "t")?;
            let df = slice(df, df_len, "df")?;
            (t, df, required_output(p, p_len, t.len(), "p")?)
        };
        if df.len() != t.len() {
            bail!(Shape, "df: has length {}, must have {}, as t has", df.len(), t.len());
        }
        let tail = match logarithm {
            0 => student::two_sided_p,
            1 => student::ln_two_sided_p,
            _ => bail!(InvalidArgument, "logarithm: is {logarithm}, must be 0 or 1"),
        };
        p.iter_mut().zip(t.iter().zip(df)).for_each(|(p, (&t, &df))| *p = tail(t, df));
        Ok(())
    })
}

/// p-values corrected for the number of tests, at most 1. A NaN stays NaN and counts as no test. Reference: R's
/// `p.adjust`; statsmodels' `multipletests` where no p-value is NaN.
///
/// - `corr_method`: `SCN_CORR_*`.
///
/// Memory: 16 bytes per test.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE` (`adjusted_len` is not `pvals_len`),
/// `SCN_ERR_VALUE` (a p-value below 0 or above 1).
///
/// @since 0.1.0
///
/// # Safety
/// `pvals` is null or valid for reads of `pvals_len`, `adjusted` for writes of `adjusted_len`; they do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_stats_adjust_p(
    pvals: *const f64,
    pvals_len: i64,
    corr_method: i32,
    adjusted: *mut f64,
    adjusted_len: i64,
) -> ScnStatus {
    guard(|| {
        // SAFETY: as this function's own contract.
        let (pvals, adjusted) = unsafe {
            let pvals = slice(pvals, pvals_len, "pvals")?;
            (pvals, required_output(adjusted, adjusted_len, pvals.len(), "adjusted")?)
        };
        let correction = correction(corr_method, "corr_method")?;
        if let Some(i) = pvals.iter().position(|p| !p.is_nan() && !(0.0..=1.0).contains(p)) {
            bail!(Value, "pvals[{i}]: is {}, must be from 0 to 1, or NaN", pvals[i]);
        }
        adjust(correction, pvals, adjusted);
        Ok(())
    })
}
