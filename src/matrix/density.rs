//! How stored values spread over the minor axis.

use super::{Lines, Matrix};
use crate::parallel::balanced_ranges;
use crate::with_lines;
use std::ops::Range;

/// An estimate of how many values each position of the minor axis has, from some lines. Only how evenly work is
/// divided among threads depends on it, never a result.
pub(crate) struct Density {
    minors: Range<usize>,
    /// Sampled values before each position.
    before: Vec<u64>,
}

impl Density {
    /// The matrix must be canonical.
    pub fn of(matrix: &Matrix, minors: &Range<usize>) -> Self {
        const SAMPLE: usize = 64;
        let mut before = vec![0; minors.len() + 1];
        if matrix.is_sparse() {
            let step = matrix.n_major().div_ceil(SAMPLE).max(1);
            with_lines!(matrix, |lines| sample(lines, step, minors, &mut before[1..]));
            (1..before.len()).for_each(|i| before[i] += before[i - 1]);
        }
        Self { minors: minors.clone(), before }
    }

    /// At most so many ranges of positions with about equally many values.
    pub fn cut(&self, pieces: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.minors.start;
        let ranges = balanced_ranges(self.minors.len(), pieces, |i| self.before[i]);
        ranges.into_iter().map(move |r| r.start + first..r.end + first)
    }
}

fn sample(lines: impl Lines, step: usize, minors: &Range<usize>, counts: &mut [u64]) {
    for major in (0..lines.n_major()).step_by(step) {
        lines.for_each_in(major, minors.clone(), |i, _| counts[i - minors.start] += 1);
    }
}
