//! What cells have of some genes, one cell after the other, each part asked for in time.
//!
//! Threads that divide the genes each read a part of every line. The processor foresees only reads that go straight on:
//! unless it is told, it waits for memory at each part, about as long as the additions take.

use super::{Groups, Lines};
use std::ops::Range;

/// What one cell has of the genes, and what a later one will have.
pub(crate) struct Part {
    pub cell: usize,
    /// Which stored values of its line.
    pub here: Range<usize>,
    later: usize,
    there: Range<usize>,
}

impl Part {
    /// The part in blocks of `len` values: while one is worked on, memory brings its like of the later cell.
    #[inline(always)]
    pub fn blocks<L: Lines>(&self, lines: &L, len: usize) -> impl Iterator<Item = Range<usize>> {
        self.here.clone().step_by(len).map(move |k| {
            let ahead = self.there.start + (k - self.here.start);
            lines.prefetch(self.later, ahead..(ahead + len).min(self.there.end));
            k..(k + len).min(self.here.end)
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
    let cell = move |member: usize| groups.member(member.min(last));
    let mut strip = Strip { lines, genes, begins: 0.0, ends: 0.0 };
    let mut found = [members.start, members.start + 1].map(|member| match members.is_empty() {
        true => 0..0,
        false => strip.find(cell(member)),
    });
    members.map(move |member| {
        let later = cell(member + 2);
        strip.foresee(cell(member + 4));
        let there = strip.find(later);
        let [here, next] = std::mem::take(&mut found);
        found = [next, there.clone()];
        Part { cell: cell(member), here, later, there }
    })
}

/// Some genes, and where they were in the cell before: they are not far from there in the next.
struct Strip<'a, L> {
    lines: &'a L,
    genes: Range<usize>,
    /// Parts of the line.
    begins: f64,
    ends: f64,
}

impl<L: Lines> Strip<'_, L> {
    fn stored(&self, cell: usize) -> usize {
        self.lines.find(cell, 0..self.lines.n_minor()).len()
    }

    /// Which stored values of the cell are of these genes. Once for each type of lines: it is called for each cell only.
    #[inline(never)]
    fn find(&mut self, cell: usize) -> Range<usize> {
        let n = self.stored(cell);
        let (mut begin, mut end) = (0, n);
        if self.genes.start > 0 {
            begin = self.below(cell, n, self.genes.start, self.begins);
            self.begins = begin as f64 / n.max(1) as f64;
        }
        if self.genes.end < self.lines.n_minor() {
            end = self.below(cell, n, self.genes.end, self.ends).max(begin);
            self.ends = end as f64 / n.max(1) as f64;
        }
        begin..end
    }

    /// Asks memory for what `find` will look at first.
    fn foresee(&self, cell: usize) {
        let guess = |part: f64| (self.stored(cell) as f64 * part) as usize;
        let around = |k: usize| self.lines.prefetch(cell, k.saturating_sub(16)..k + 16);
        if self.genes.start > 0 {
            around(guess(self.begins));
        }
        if self.genes.end < self.lines.n_minor() {
            around(guess(self.ends));
        }
    }

    /// How many of the `n` stored values have positions below `bound`, which is searched for in growing steps from where
    /// it probably is.
    fn below(&self, cell: usize, n: usize, bound: usize, part: f64) -> usize {
        let is_below = |k: usize| self.lines.minor(cell, k) < bound;
        let guess = ((n as f64 * part) as usize).min(n);
        let (mut lo, mut hi, mut step) = (guess + 1, guess, 8);
        if guess < n && is_below(guess) {
            while lo + step < n && is_below(lo + step) {
                lo += step + 1;
                step *= 2;
            }
            hi = (lo + step).min(n);
        } else {
            while step <= hi && !is_below(hi - step) {
                hi -= step;
                step *= 2;
            }
            lo = hi.saturating_sub(step);
        }
        while lo < hi {
            let middle = (lo + hi) / 2;
            if is_below(middle) { lo = middle + 1 } else { hi = middle }
        }
        lo
    }
}
