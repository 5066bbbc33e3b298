//! Stretches of cells of one batch: what one thread works through at a time, and how.

use crate::matrix::{Groups, Lines, Matrix};
use crate::parallel::{Ctx, even_ranges};
use crate::simd::widest;
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

/// Values of a cell that are dealt with between two looks ahead in memory.
pub(super) const PIECE: usize = 128;

/// Calls `piece(genes, values)` until it was called for all stored values of the members, in order.
///
/// Meanwhile memory is asked for what is some pieces ahead: members of a batch need not follow each other, and short lines
/// end before the processor foresees anything. A `piece` that is `#[inline(always)]` has the widest vectors.
pub(super) fn in_pieces<L: Lines>(
    lines: &L,
    groups: &Groups,
    members: Range<usize>,
    mut piece: impl FnMut(&[usize], &[L::V]),
) {
    const AHEAD: usize = 4 * PIECE;
    let last = members.end.saturating_sub(1);
    let mut genes = [0; PIECE];
    widest(
        #[inline(always)]
        || {
            for member in members {
                let (cell, next) = (groups.member(member), groups.member((member + 1).min(last)));
                let values = lines.values(cell);
                for (i, part) in values.chunks(PIECE).enumerate() {
                    let ahead = i * PIECE + AHEAD;
                    match ahead.checked_sub(values.len()) {
                        None => lines.prefetch(cell, ahead..ahead + PIECE),
                        Some(ahead) => lines.prefetch(next, ahead..ahead + PIECE),
                    }
                    let genes = &mut genes[..part.len()];
                    lines.positions(cell, i * PIECE, genes);
                    piece(genes, part);
                }
            }
        },
    )
}

/// Calls `f(one of a, the same of b)` for all of them, four at a time, which a loop that may stop in between is not made to.
#[inline(always)]
pub(super) fn by_fours<A, B>(a: &[A], b: &mut [B], mut f: impl FnMut(&A, &mut B)) {
    let ((fours, rest), (with_fours, with_rest)) = (a.as_chunks::<4>(), b[..a.len()].as_chunks_mut::<4>());
    for (a, b) in fours.iter().zip(with_fours) {
        a.iter().zip(b).for_each(|(a, b)| f(a, b));
    }
    rest.iter().zip(with_rest).for_each(|(a, b)| f(a, b));
}
