//! Seurat's other normalisations: relative counts and centred log ratios (`NormalizeData` with `RC` and `CLR`).

use super::elementwise::{Change, change_inplace, change_into, no_repeats};
use super::normalize_total::cell_totals;
use crate::error::Result;
use crate::matrix::{Axis, Groups, Lines, Matrix, Value, ValueSliceMut, reduce};
use crate::parallel::Ctx;
use crate::stats::log1p::Log1p;
use crate::{bail, ensure, with_lines};

/// Which of the two, with its setting.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    /// x / total of the cell * scale factor.
    Relative { scale_factor: f64 },
    /// log1p(x / exp(sum of log1p over the positive x, divided by the number of all x)), across this axis' other: `Obs`
    /// takes the genes of each cell together (Seurat's margin 2), `Var` the cells of each gene (margin 1, its default).
    CentredLogRatio { of: Axis },
}

/// What each cell's or gene's values are divided by, and by which axis: all that can be wrong is found here, before
/// anything is written.
pub fn prepare(ctx: &Ctx, matrix: &Matrix, method: Method) -> Result<(Axis, Vec<f64>)> {
    let ctx = ctx.part(0.0, 0.5);
    match method {
        Method::Relative { scale_factor } => {
            let fine = scale_factor.is_finite() && scale_factor > 0.0;
            ensure!(fine, InvalidArgument, "scale_factor: is {scale_factor}, must be a positive number");
            let totals = cell_totals(ctx, matrix)?;
            Ok((Axis::Obs, totals.into_iter().map(|total| if total == 0.0 { 1.0 } else { total }).collect()))
        }
        Method::CentredLogRatio { of } => {
            no_repeats(ctx, matrix)?;
            no_negatives(ctx, matrix)?;
            let over = of.other();
            let n = matrix.n(over) as f64;
            let log = |_, v: f64| if v > 0.0 { Log1p::log1p(v) } else { 0.0 };
            let groups = Groups::all(matrix.n(over));
            let logs = reduce::aggregate_mapped(ctx, matrix, over, &groups, Default::default(), log)?.sums;
            Ok((of, logs.into_iter().map(|sum| (sum / n).exp()).collect()))
        }
    }
}

fn change<'a>(method: Method, divisors: &'a (Axis, Vec<f64>)) -> Change<'a> {
    let divide = Some((divisors.0, divisors.1.as_slice()));
    match method {
        Method::Relative { scale_factor } => Change { divide, times: Some(scale_factor), ..Default::default() },
        Method::CentredLogRatio { .. } => Change { divide, log1p: true, ..Default::default() },
    }
}

/// Changes the values in place; `structure` as in [`change_inplace`], `divisors` from [`prepare`].
pub fn apply_inplace(
    ctx: &Ctx,
    structure: &Matrix,
    values: ValueSliceMut,
    method: Method,
    divisors: &(Axis, Vec<f64>),
) -> Result<()> {
    change_inplace(ctx.part(0.5, 1.0), structure, values, &change(method, divisors))?;
    Ok(())
}

/// Writes the normalised stored values to `out`.
pub fn normalize(ctx: &Ctx, matrix: &Matrix, out: ValueSliceMut, method: Method) -> Result<()> {
    let divisors = prepare(ctx, matrix, method)?;
    change_into(ctx.part(0.5, 1.0), matrix, out, &change(method, &divisors))?;
    Ok(())
}

/// Counts are not negative. NaN passes: like Seurat (na.rm), the sum of logarithms leaves it out.
fn no_negatives(ctx: &Ctx, matrix: &Matrix) -> Result<()> {
    fn check(ctx: &Ctx, matrix: &Matrix, lines: impl Lines) -> Result<()> {
        let pieces = ctx.balanced(matrix.n_major(), |line| matrix.stored_before(line));
        ctx.run(
            pieces.len(),
            || (),
            |(), p| {
                for line in pieces[p].clone() {
                    if let Some(k) = lines.values(line).iter().position(|v| v.to_f64() < 0.0) {
                        let minor = lines.minor(line, k);
                        let (obs, var) = if matrix.major() == Axis::Obs { (line, minor) } else { (minor, line) };
                        bail!(
                            Value,
                            "matrix: the value of obs {obs}, var {var} is {}, must not be negative",
                            lines.values(line)[k].to_f64()
                        );
                    }
                }
                Ok(())
            },
        )
    }
    with_lines!(matrix, |lines| check(ctx, matrix, lines))
}
