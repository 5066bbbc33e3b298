//! Sparse results put together line by line.

use super::buffer::zeros;
use super::shared::Shared;
use super::{Axis, Index, Sparse, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};

/// Stored values that one thread handles in some 10 ms.
pub(super) const BITE: u64 = 1 << 22;

/// A matrix whose lines are made one at a time, in any order: `count(line)` says how many values a line has, `fill(line,
/// indices, values)` writes them, in ascending order. `work(line)` is about how much is to be read for the lines before.
#[allow(clippy::type_complexity)]
pub(super) fn build<I: Index, V: Value>(
    ctx: &Ctx,
    major: Axis,
    (n_obs, n_vars): (usize, usize),
    work: &dyn Fn(usize) -> u64,
    count: &(dyn Fn(usize) -> usize + Sync),
    fill: &(dyn Fn(usize, &mut [I], &mut [V]) + Sync),
) -> Result<Sparse> {
    let n = if major == Axis::Obs { n_obs } else { n_vars };
    let pieces = ((work(n) - work(0)) / BITE) as usize;
    let ranges = balanced_ranges(n, pieces.max(8 * ctx.threads()), work);
    let mut indptr = zeros::<i64>(n + 1)?;
    ctx.within(0.0, 0.3, || {
        ctx.run_split(
            &mut indptr[1..],
            ranges.iter().map(|range| range.len()),
            || (),
            |(), r, lens| {
                for (line, len) in ranges[r].clone().zip(lens) {
                    *len = count(line) as i64;
                }
                Ok(())
            },
        )
    })?;
    (0..n).for_each(|line| indptr[line + 1] += indptr[line]);

    let nnz = indptr[n] as usize;
    let (mut indices, mut values) = (zeros::<I>(nnz)?, zeros::<V>(nnz)?);
    {
        let (indices, values) = (Shared::new(&mut indices), Shared::new(&mut values));
        ctx.within(0.3, 1.0, || {
            ctx.run(
                ranges.len(),
                || (),
                |(), r| {
                    for line in ranges[r].clone() {
                        let place = indptr[line] as usize..indptr[line + 1] as usize;
                        // SAFETY: each line is in one range, and lines do not overlap.
                        unsafe { fill(line, indices.slice(place.clone()), values.slice(place)) };
                    }
                    Ok(())
                },
            )
        })?;
    }
    Ok(Sparse { major, n_obs, n_vars, indptr, indices: I::wrap_vec(indices), values: V::wrap_vec(values) })
}
