//! Sums of whole lines, several lines side by side.

use super::{Lines, Value};
use crate::simd::widest;
use std::borrow::Cow;
use std::ops::Range;

/// What is added up of a line: each from its first value to its last, in one f64.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Summed {
    pub sum: f64,
    pub squares: f64,
    /// How many values are not zero.
    pub nonzeros: f64,
}

/// Lines that are added up side by side. One sum alone waits for each of its additions; eight fill two vectors of AVX2.
const LANES: usize = 8;
/// Values that each lane takes at a time.
const STEP: usize = 4;

/// Calls `done(line, its sums)` for each line; non-zeros are counted if `counts`, else they are 0. The last lines to finish come last, so not all come in order.
///
/// A lane that finishes its line takes the next one, so lines of any lengths keep all lanes busy. What a line's sums are
/// does not depend on the lines beside it.
pub(super) fn sum_lines<L: Lines>(lines: &L, majors: Range<usize>, counts: bool, mut done: impl FnMut(usize, Summed)) {
    let mut rest = majors;
    let mut lanes: [Lane<L::V>; LANES] = std::array::from_fn(|_| Lane::default());
    let mut sums = [0.0; LANES];
    let mut squares = [0.0; LANES];
    loop {
        for (lane, (sum, square)) in lanes.iter_mut().zip(sums.iter_mut().zip(&mut squares)) {
            while lane.is_done() {
                if let Some(line) = lane.line.take() {
                    let nonzeros = if counts { count_nonzeros(&lane.values) as f64 } else { 0.0 };
                    done(line, Summed { sum: *sum, squares: *square, nonzeros });
                }
                let Some(line) = rest.next() else { break };
                *lane = Lane { line: Some(line), values: lines.values(line), at: 0 };
                (*sum, *square) = (0.0, 0.0);
            }
        }
        let steps = lanes.iter().map(|lane| lane.rest().len() / STEP).min().unwrap_or(0);
        if steps > 0 {
            let values = std::array::from_fn(|l| &lanes[l].rest()[..steps * STEP]);
            widest(
                #[inline(always)]
                || add_steps(values, steps, &mut sums, &mut squares),
            );
            lanes.iter_mut().for_each(|lane| lane.at += steps * STEP);
        } else if lanes.iter().all(|lane| lane.is_done()) {
            return;
        } else {
            // Some lane is at the end of its line, or has none: each takes a few values by itself.
            for (l, lane) in lanes.iter_mut().enumerate() {
                let few = lane.rest().len().min(STEP);
                for v in &lane.rest()[..few] {
                    let x = v.to_f64();
                    sums[l] += x;
                    squares[l] += x * x;
                }
                lane.at += few;
            }
        }
    }
}

/// A line on its way.
struct Lane<'a, V: Clone> {
    line: Option<usize>,
    values: Cow<'a, [V]>,
    /// How many of them are added up.
    at: usize,
}

impl<V: Clone> Default for Lane<'_, V> {
    fn default() -> Self {
        Self { line: None, values: Cow::Borrowed(&[]), at: 0 }
    }
}

impl<V: Value> Lane<'_, V> {
    fn rest(&self) -> &[V] {
        &self.values[self.at..]
    }

    fn is_done(&self) -> bool {
        self.at == self.values.len()
    }
}

#[inline(always)]
fn add_steps<V: Value>(values: [&[V]; LANES], steps: usize, sums: &mut [f64; LANES], squares: &mut [f64; LANES]) {
    let values: [&[V]; LANES] = std::array::from_fn(|l| &values[l][..steps * STEP]);
    let (mut sum, mut square) = (*sums, *squares);
    for step in 0..steps {
        for k in 0..STEP {
            let x: [f64; LANES] = std::array::from_fn(|l| values[l][step * STEP + k].to_f64());
            for l in 0..LANES {
                sum[l] += x[l];
                square[l] += x[l] * x[l];
            }
        }
    }
    (*sums, *squares) = (sum, square);
}

/// How many values are not zero.
fn count_nonzeros<V: Value>(values: &[V]) -> usize {
    widest(
        #[inline(always)]
        || {
            // Counted in 32 bits, which vectors of f32 have a lane for.
            let count = |part: &[V]| part.iter().map(|v| u32::from(*v != V::default())).sum::<u32>() as usize;
            values.chunks(1 << 20).map(count).sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::SparseLines;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_line_is_added_up_by_itself(lens in prop::collection::vec(0usize..70, 0..40), seed in any::<u64>()) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                if state >> 61 == 0 { 0.0 } else { (state >> 40) as f32 * 0.37 - 3e6 }
            };
            let values: Vec<f32> = (0..lens.iter().sum()).map(|_| next()).collect();
            let indptr: Vec<i64> = std::iter::once(0).chain(lens.iter().scan(0, |at, &len| {
                *at += len as i64;
                Some(*at)
            })).collect();
            let indices = vec![0i32; values.len()];
            let lines = SparseLines { n_minor: 1, indptr: &indptr, indices: &indices, base: 0, values: &values };
            let mut got = vec![None; lens.len()];
            sum_lines(&lines, 0..lens.len(), true, |line, summed| {
                assert!(got[line].replace(summed).is_none());
            });
            for (line, got) in got.into_iter().enumerate() {
                let mut want = Summed::default();
                for &v in lines.values(line).iter() {
                    let x = f64::from(v);
                    want.sum += x;
                    want.squares += x * x;
                    want.nonzeros += f64::from(u8::from(x != 0.0));
                }
                prop_assert_eq!(got, Some(want));
            }
        }
    }
}
