//! Stretches of cells of one batch: what one thread works through at a time.

use crate::matrix::{Groups, Matrix};
use crate::parallel::{Ctx, even_ranges};
use std::borrow::Cow;
use std::ops::Range;

/// Some cells of a batch, as a part of the list that the batches have of theirs.
pub(super) struct Stretch {
    pub batch: usize,
    pub members: Range<usize>,
}

/// All cells of batches in stretches of about so many stored values, batch after batch, ascending within each.
pub(super) fn stretches(matrix: &Matrix, groups: &Groups, n_stored: usize) -> Vec<Stretch> {
    let len = matrix.n_obs().div_ceil(matrix.n_stored().div_ceil(n_stored).max(1));
    let of = |batch: usize| {
        let all = groups.range(batch);
        even_ranges(all.len(), len)
            .map(move |part| Stretch { batch, members: all.start + part.start..all.start + part.end })
    };
    (0..groups.n_groups()).flat_map(of).collect()
}

/// The same for tasks that threads share out among them, of at most about a millisecond.
pub(super) fn short_stretches(ctx: &Ctx, matrix: &Matrix, groups: &Groups) -> Vec<Stretch> {
    stretches(matrix, groups, (matrix.n_stored() / (4 * ctx.threads())).clamp(1 << 14, 1 << 20))
}

/// The batches, and after them one of the cells that are in none, if there are such.
pub(super) fn with_the_others<'a>(groups: &'a Groups<'a>) -> Cow<'a, Groups<'a>> {
    if groups.all_members().len() == groups.n() {
        return Cow::Borrowed(groups);
    }
    let n = groups.n_groups();
    let labels: Vec<i32> = groups.labels().iter().map(|&label| if label < 0 { n as i32 } else { label }).collect();
    Cow::Owned(Groups::new(labels, n + 1, groups.n(), "batches").expect("labels stay in range"))
}
