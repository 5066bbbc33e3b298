//! The full check of a matrix.

use super::{Axis, Index, Lines, Matrix, SparseLines, Value};
use crate::bail;
use crate::error::Result;
use crate::parallel::Ctx;
use crate::with_lines;
use crate::with_sparse_lines;

impl Matrix<'_> {
    /// Checks everything that the constructor leaves open and says which element is wrong: indices in range, sorted
    /// and unique where the caller declared them so, all values finite.
    pub fn validate(&self, ctx: &Ctx) -> Result<()> {
        with_sparse_lines!(self, |lines| check_order(ctx.part(0.0, 0.5), self, lines)?, else ());
        with_lines!(self, |lines| check_finite(ctx.part(0.5, 1.0), self, lines))
    }
}

fn check_order<V: Value, I: Index>(ctx: &Ctx, matrix: &Matrix, lines: SparseLines<V, I>) -> Result<()> {
    let declared = matrix.is_declared_canonical();
    let n = matrix.n_minor() as i64;
    let (major_name, minor_name) = (matrix.major().name(), matrix.major().other().name());
    let pieces = ctx.balanced(lines.n_major(), |i| matrix.stored_before(i));
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for major in pieces[p].clone() {
                let mut before = None;
                for (k, i) in lines.indices(major).iter().map(|i| i.to_i64()).enumerate() {
                    let at = lines.indptr[major] + k as i64;
                    if i < lines.base || i - lines.base >= n {
                        bail!(
                            Matrix,
                            "matrix.indices[{at}]: is {i} (in {major_name} {major}), must be from {} to {} as there are {n} {minor_name}",
                            lines.base,
                            n - 1 + lines.base
                        );
                    }
                    if declared && before.is_some_and(|b| b >= i) {
                        bail!(
                            Matrix,
                            "matrix.indices[{at}]: is {i} (in {major_name} {major}) after {}, must ascend without repeats as the flags say",
                            before.unwrap_or_default()
                        );
                    }
                    before = Some(i);
                }
            }
            Ok(())
        },
    )
}

fn check_finite(ctx: &Ctx, matrix: &Matrix, lines: impl Lines) -> Result<()> {
    let pieces = ctx.balanced(lines.n_major(), |i| matrix.stored_before(i));
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for major in pieces[p].clone() {
                if let Some(k) = lines.values(major).iter().position(|v| !v.to_f64().is_finite()) {
                    let minor = lines.minor(major, k);
                    let (obs, var) = if matrix.major() == Axis::Obs { (major, minor) } else { (minor, major) };
                    bail!(
                        Value,
                        "matrix: the value of obs {obs}, var {var} is {}, must be finite",
                        lines.values(major)[k].to_f64()
                    );
                }
            }
            Ok(())
        },
    )
}
