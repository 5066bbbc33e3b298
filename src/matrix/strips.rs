//! What cells have of some genes, one cell after the other, each part asked for in time.
//!
//! Threads that divide the genes each read a part of every line. The processor foresees only reads that go straight on:
//! unless it is told, it waits for memory at each part, about as long as the additions take.

use super::{Groups, Lines};
use crate::simd::widest;
use std::ops::Range;

/// What one cell has of the genes, and what a later one probably has.
pub(crate) struct Part {
    pub cell: usize,
    /// Which stored values of its line.
    pub here: Range<usize>,
    pub later: usize,
    pub there: Range<usize>,
}

impl Part {
    /// The part in blocks of `len` values: while one is worked on, memory brings its like of the later cell.
    #[inline(always)]
    pub fn blocks<L: Lines>(&self, lines: &L, len: usize) -> impl Iterator<Item = Range<usize>> {
        self.here.clone().step_by(len).map(move |k| {
            let (end, ahead) = ((k + len).min(self.here.end), self.there.start + (k - self.here.start));
            let rest = ahead..self.there.end;
            lines.prefetch(self.later, if end == self.here.end { rest } else { ahead..(ahead + len).min(rest.end) });
            k..end
        })
    }
}

/// What each of these members of groups has of the genes.
#[inline(always)]
pub(crate) fn parts<L: Lines>(
    lines: &L,
    groups: &Groups,
    members: Range<usize>,
    genes: Range<usize>,
) -> impl Iterator<Item = Part> {
    let last = members.end.saturating_sub(1);
    let mut strip = Strip::new(lines, genes);
    members.map(move |member| {
        let (cell, later) = (groups.member(member), groups.member((member + AHEAD).min(last)));
        Part { cell, here: strip.find(cell), later, there: strip.foresee(later) }
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

/// How many cells memory is asked ahead for.
const AHEAD: usize = 2;

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

    /// What the cell usually has of these genes, and where `find` will look first.
    fn foresee(&self, cell: usize) -> Range<usize> {
        let n = self.stored(cell);
        let usual = |part: f64| (n as f64 * part) as usize;
        let begin = if self.genes.start > 0 { usual(self.begins).saturating_sub(AROUND) } else { 0 };
        let end = if self.genes.end < self.lines.n_minor() { (usual(self.ends) + AROUND).min(n) } else { n };
        begin..end
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
