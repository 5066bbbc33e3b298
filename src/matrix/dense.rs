//! Sparse matrices as dense tables, and dense ones as sparse.

use super::build::{Line, build};
use super::shared::Shared;
use super::{Axis, Lines, Matrix, Sparse, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};
use crate::{ensure, with_exact_lines, with_lines};
use std::any::TypeId;

/// Writes the whole matrix to `out`, whose lines along `major` follow each other. Values are rounded to the type of
/// `out` (integers cut off at the ends of its range); repeated elements are summed before. No memory beside the output.
pub fn to_dense<T: Value>(ctx: &Ctx, matrix: &Matrix, major: Axis, out: &mut [T]) -> Result<()> {
    let needed = matrix.n_obs() * matrix.n_vars();
    ensure!(out.len() == needed, Shape, "out: has {} elements, must have {needed}", out.len());
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();
    ctx.within(0.0, 0.3, || {
        ctx.run_chunks(
            out,
            1 << 20,
            || (),
            |(), _, piece| {
                piece.fill(T::default());
                Ok(())
            },
        )
    })?;
    let along = if matrix.major() == major { (matrix.n_minor(), 1) } else { (1, matrix.n_major()) };
    let out = Shared::new(out);
    ctx.within(0.3, 1.0, || {
        // In its own type a value stays what it is, 64-bit integers to the last bit; to any other it goes by way of f64, and
        // the loops for that are compiled for f64 alone.
        with_exact_lines!(matrix, |lines| if is_of::<T, _>(&lines) {
            return write(ctx, matrix, lines, along, &out);
        });
        with_lines!(matrix, |lines| write(ctx, matrix, lines, along, &out))
    })
}

fn is_of<T: 'static, L: Lines>(_: &L) -> bool {
    TypeId::of::<L::V>() == TypeId::of::<T>()
}

/// Writes each value to `line * line_step + position * step`.
fn write<T: Value, L: Lines>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: L,
    (line_step, step): (usize, usize),
    out: &Shared<T>,
) -> Result<()> {
    let pieces = (matrix.n_stored() >> 20).max(8 * ctx.threads());
    let ranges = balanced_ranges(matrix.n_major(), pieces, |major| matrix.stored_before(major));
    ctx.run(
        ranges.len(),
        || (),
        |(), r| {
            for major in ranges[r].clone() {
                lines.for_each(major, |minor, x| {
                    // SAFETY: each element has one place, and each line is in one range.
                    unsafe { out.set(major * line_step + minor * step, convert(x)) }
                });
            }
            Ok(())
        },
    )
}

/// The same value in another type; unchanged, down to the last bit of a 64-bit integer, in the same type.
pub(super) fn convert<V: Value, T: Value>(x: V) -> T {
    let any: &dyn std::any::Any = &x;
    match any.downcast_ref::<T>() {
        Some(&same) => same,
        None => T::from_f64(x.to_f64()),
    }
}

/// The non-zeros of a matrix as a sparse one with the same major axis. Indices are i32 wherever they fit.
pub fn to_sparse(ctx: &Ctx, matrix: &Matrix) -> Result<Sparse> {
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();
    with_exact_lines!(matrix, |lines| non_zeros(ctx, matrix, lines))
}

fn non_zeros<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: L) -> Result<Sparse> {
    let shape = (matrix.n_obs(), matrix.n_vars());
    let zero = L::V::default();
    let work = |line: usize| matrix.stored_before(line);
    let count = |line: usize| lines.values(line).iter().filter(|x| **x != zero).count();
    if matrix.n_minor() as u64 <= i32::MAX as u64 {
        build(ctx, matrix.major(), shape, &work, Some(&count), &|line, to: &mut Line<i32, _>| {
            lines.for_each(line, |minor, x| {
                if x != zero {
                    to.push(minor as i32, x);
                }
            });
        })
    } else {
        build(ctx, matrix.major(), shape, &work, Some(&count), &|line, to: &mut Line<i64, _>| {
            lines.for_each(line, |minor, x| {
                if x != zero {
                    to.push(minor as i64, x);
                }
            });
        })
    }
}
