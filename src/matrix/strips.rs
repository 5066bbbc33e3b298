//! What cells have of some genes, one cell after the other, each part asked for in time.
//!
//! Threads that divide the genes each read a part of every line. The processor foresees only reads that go straight on:
//! unless it is told, it waits for memory at each part, about as long as the additions take.

use super::{Groups, Lines};
use crate::simd::widest;
use std::ops::Range;

/// Some of what one cell has of the genes, and what comes some values later, of this cell or the next.
pub(crate) struct Part {
    pub cell: usize,
    /// Which stored values of its line.
    pub here: Range<usize>,
    pub later: usize,
    pub there: Range<usize>,
}

impl Part {
    /// The part in blocks of `len` values: while one is worked on, memory brings its like of what comes later.
    #[inline(always)]
    pub fn blocks<L: Lines>(&self, lines: &L, len: usize) -> impl Iterator<Item = Range<usize>> {
        self.here.clone().step_by(len).map(move |k| {
            let ahead = self.there.start + (k - self.here.start);
            lines.prefetch(self.later, ahead..(ahead + len).min(self.there.end));
            k..(k + len).min(self.here.end)
        })
    }
}

/// Values that memory is asked for ahead: more would take the place of what is added to in the first cache.
const AHEAD: usize = 256;

/// What each of these members of groups has of the genes: what comes before the last [`AHEAD`] values, which then come with
/// those of the next member.
#[inline(always)]
pub(crate) fn parts<L: Lines>(
    lines: &L,
    groups: &Groups,
    members: Range<usize>,
    genes: Range<usize>,
) -> impl Iterator<Item = Part> {
    let last = members.end.saturating_sub(1);
    let cell = move |member: usize| groups.member(member.min(last));
    let mut strip = Strip::new(lines, genes);
    let mut found = if members.is_empty() { 0..0 } else { strip.find(cell(members.start)) };
    members.flat_map(move |member| {
        strip.foresee(cell(member + 3));
        let (cell, later) = (cell(member), cell(member + 1));
        let there = strip.find(later);
        let here = std::mem::replace(&mut found, there.clone());
        let split = here.end.saturating_sub(AHEAD).max(here.start);
        [
            Part { cell, here: here.start..split, later: cell, there: here.start + AHEAD..here.end },
            Part { cell, here: split..here.end, later, there },
        ]
    })
}

/// Some genes, and where cells usually have them.
struct Strip<'a, L> {
    lines: &'a L,
    genes: Range<usize>,
    /// Parts of the line, averaged over the last cells.
    begins: f64,
    ends: f64,
}

/// How far from where it usually is a bound is looked for first.
const AROUND: usize = 48;

impl<'a, L: Lines> Strip<'a, L> {
    fn new(lines: &'a L, genes: Range<usize>) -> Self {
        let evenly = |gene: usize| gene as f64 / lines.n_minor().max(1) as f64;
        Self { lines, begins: evenly(genes.start), ends: evenly(genes.end), genes }
    }

    fn stored(&self, cell: usize) -> usize {
        self.lines.find(cell, 0..self.lines.n_minor()).len()
    }

    /// Which stored values of the cell are of these genes. Once for each type of lines: it is called for each cell only.
    #[inline(never)]
    fn find(&mut self, cell: usize) -> Range<usize> {
        let n = self.stored(cell);
        let (mut begin, mut end) = (0, n);
        let learn = |part: &mut f64, k: usize| *part += (k as f64 / n.max(1) as f64 - *part) / 8.0;
        if self.genes.start > 0 {
            begin = self.below(cell, n, self.genes.start, self.begins);
            learn(&mut self.begins, begin);
        }
        if self.genes.end < self.lines.n_minor() {
            end = self.below(cell, n, self.genes.end, self.ends).max(begin);
            learn(&mut self.ends, end);
        }
        begin..end
    }

    /// Asks memory for what `find` will look at first.
    fn foresee(&self, cell: usize) {
        let around = |part: f64| {
            let k = (self.stored(cell) as f64 * part) as usize;
            self.lines.prefetch_positions(cell, k.saturating_sub(AROUND)..k + AROUND);
        };
        if self.genes.start > 0 {
            around(self.begins);
        }
        if self.genes.end < self.lines.n_minor() {
            around(self.ends);
        }
    }

    /// How many of the `n` stored values have positions below `bound`. Around where they usually end all are looked at:
    /// a search would go wrong ways, as half of its branches would be foreseen wrongly.
    fn below(&self, cell: usize, n: usize, bound: usize, part: f64) -> usize {
        let usual = (n as f64 * part) as usize;
        let (begin, end) = (usual.saturating_sub(AROUND), (usual + AROUND).min(n));
        let k = begin
            + widest(
                #[inline(always)]
                || self.lines.count_below(cell, begin..end, bound),
            );
        let is_around = (k > begin || begin == 0) && (k < end || end == n);
        if is_around { k } else { self.lines.find(cell, 0..bound).len() }
    }
}
