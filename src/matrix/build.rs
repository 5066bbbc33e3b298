//! Sparse results put together line by line.

use super::buffer::{room, zeros};
use super::shared::Shared;
use super::{Axis, Index, Sparse, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};
use crate::simd::widest;
use std::mem::MaybeUninit;

/// Stored values that one thread handles in some 10 ms.
pub(super) const BITE: u64 = 1 << 22;

/// A line to be written to.
pub(super) struct Line<'a, I, V> {
    indices: &'a mut [MaybeUninit<I>],
    values: &'a mut [MaybeUninit<V>],
    /// Values that are written.
    n: usize,
}

impl<I: Index, V: Value> Line<'_, I, V> {
    #[inline(always)]
    pub fn push(&mut self, index: I, value: V) {
        self.indices[self.n].write(index);
        self.values[self.n].write(value);
        self.n += 1;
    }

    /// Copies values, `shift` added to their indices.
    pub fn extend<J: Index>(&mut self, indices: &[J], shift: i64, values: &[V]) {
        let place = self.n..self.n + values.len();
        widest(
            #[inline(always)]
            || {
                for (to, index) in self.indices[place.clone()].iter_mut().zip(indices) {
                    to.write(I::from_i64(index.to_i64() + shift));
                }
            },
        );
        for (to, &value) in self.values[place].iter_mut().zip(values) {
            to.write(value);
        }
        self.n += indices.len().min(values.len());
    }
}

/// A matrix whose lines are made one at a time, in any order: `count(line)` says how many values a line has, `fill(line,
/// to)` writes them, in ascending order. `work(line)` is about how much is to be read for the lines before; exactly how much,
/// and as much as is written, where nothing counts.
#[allow(clippy::type_complexity)]
pub(super) fn build<I: Index, V: Value>(
    ctx: &Ctx,
    major: Axis,
    (n_obs, n_vars): (usize, usize),
    work: &dyn Fn(usize) -> u64,
    count: Option<&(dyn Fn(usize) -> usize + Sync)>,
    fill: &(dyn Fn(usize, &mut Line<I, V>) + Sync),
) -> Result<Sparse> {
    let n = if major == Axis::Obs { n_obs } else { n_vars };
    let pieces = ((work(n) - work(0)) / BITE) as usize;
    let ranges = balanced_ranges(n, pieces.max(8 * ctx.threads()), work);
    let mut indptr = zeros::<i64>(n + 1)?;
    if let Some(count) = count {
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
    } else {
        indptr.iter_mut().enumerate().for_each(|(line, end)| *end = work(line) as i64);
    }

    let nnz = indptr[n] as usize;
    let (mut indices, mut values) = (room::<I>(nnz)?, room::<V>(nnz)?);
    {
        let (indices, values) = (Shared::new(indices.spare_capacity_mut()), Shared::new(values.spare_capacity_mut()));
        ctx.within(0.3, 1.0, || {
            ctx.run(
                ranges.len(),
                || (),
                |(), r| {
                    for line in ranges[r].clone() {
                        let place = indptr[line] as usize..indptr[line + 1] as usize;
                        // SAFETY: each line is in one range, and lines do not overlap.
                        let (indices, values) = unsafe { (indices.slice(place.clone()), values.slice(place)) };
                        let mut to = Line { indices, values, n: 0 };
                        fill(line, &mut to);
                        assert_eq!(to.n, to.indices.len(), "line {line} must have as many values as were counted");
                    }
                    Ok(())
                },
            )
        })?;
    }
    // SAFETY: each line is full, or the run would have failed.
    unsafe {
        indices.set_len(nnz);
        values.set_len(nnz);
    }
    Ok(Sparse { major, n_obs, n_vars, indptr, indices: I::wrap_vec(indices), values: V::wrap_vec(values) })
}
