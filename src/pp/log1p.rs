//! log(1 + x), after `scanpy.pp.log1p`.

use super::elementwise::{Change, change_inplace, change_into, no_repeats};
use crate::ensure;
use crate::error::Result;
use crate::matrix::{Matrix, ValueSliceMut};
use crate::parallel::Ctx;

/// A base is a positive number other than 1.
pub fn check_base(base: Option<f64>) -> Result<()> {
    let fine = base.is_none_or(|base| base > 0.0 && base != 1.0 && base.is_finite());
    ensure!(fine, InvalidArgument, "base: is {}, must be positive and not 1", base.unwrap_or_default());
    Ok(())
}

/// Replaces each stored value by log(1 + it), in the base if there is one.
pub fn log1p_inplace(ctx: &Ctx, structure: &Matrix, values: ValueSliceMut, base: Option<f64>) -> Result<()> {
    change_inplace(ctx.part(0.2, 1.0), structure, values, &Change { log1p: true, base, ..Default::default() })?;
    Ok(())
}

/// Writes log(1 + x) of each stored value to `out`.
pub fn log1p(ctx: &Ctx, matrix: &Matrix, out: ValueSliceMut, base: Option<f64>) -> Result<()> {
    check_base(base)?;
    no_repeats(ctx.part(0.0, 0.2), matrix)?;
    change_into(ctx.part(0.2, 1.0), matrix, out, &Change { log1p: true, base, ..Default::default() })?;
    Ok(())
}
