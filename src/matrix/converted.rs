//! Lines of integers, read as f64 block by block.

use super::{Index, Lines, SparseLines, Value, ValueSlice};
use crate::simd::prefetch_range;
use crate::with_values;
use std::borrow::Cow;
use std::ops::Range;

/// Values converted at a time: they stay in the first cache.
const BLOCK: usize = 256;

/// Lines of a sparse matrix whose values are f64 to the kernel, whatever they are in memory.
#[derive(Clone, Copy)]
pub struct ConvertedLines<'a, I> {
    /// Where the values are; without them.
    pub pattern: SparseLines<'a, (), I>,
    pub values: ValueSlice<'a>,
}

/// Lines of a dense matrix whose values are f64 to the kernel, whatever they are in memory.
#[derive(Clone, Copy)]
pub struct ConvertedDenseLines<'a> {
    pub n_major: usize,
    pub n_minor: usize,
    pub stride: usize,
    pub values: ValueSlice<'a>,
}

/// Writes the values of a range, as f64.
#[inline(never)]
fn convert(values: ValueSlice, range: Range<usize>, out: &mut [f64]) {
    with_values!(values, |values| for (x, value) in out.iter_mut().zip(&values[range]) {
        *x = value.to_f64();
    });
}

fn converted(values: ValueSlice, range: Range<usize>) -> Cow<'static, [f64]> {
    let mut out = vec![0.0; range.len()];
    convert(values, range, &mut out);
    Cow::Owned(out)
}

/// Calls `f(place, value)` for the values of a range, places counted from the start of `values`.
#[inline(always)]
fn in_blocks(values: ValueSlice, range: Range<usize>, mut f: impl FnMut(usize, f64)) {
    let mut block = [0.0; BLOCK];
    let mut start = range.start;
    while start < range.end {
        let n = (range.end - start).min(BLOCK);
        convert(values, start..start + n, &mut block[..n]);
        for (k, &x) in block[..n].iter().enumerate() {
            f(start + k, x);
        }
        start += n;
    }
}

impl<I: Index> Lines for ConvertedLines<'_, I> {
    type V = f64;
    const DENSE: bool = false;

    fn n_major(&self) -> usize {
        self.pattern.indptr.len() - 1
    }

    fn n_minor(&self) -> usize {
        self.pattern.n_minor
    }

    fn values(&self, major: usize) -> Cow<'_, [f64]> {
        converted(self.values, self.pattern.range(major))
    }

    fn some_values(&self, major: usize, range: Range<usize>) -> Cow<'_, [f64]> {
        converted(self.values, self.pattern.stored((major, range)))
    }

    #[inline(always)]
    fn minor(&self, major: usize, k: usize) -> usize {
        (self.pattern.indices(major)[k].to_i64() - self.pattern.base) as usize
    }

    #[inline(always)]
    fn for_each_beside<B: Copy>(&self, major: usize, beside: &[B], f: impl FnMut(usize, B)) {
        self.pattern.beside(major, beside, f);
    }

    #[inline(always)]
    fn for_some_beside<B: Copy>(&self, major: usize, k: usize, beside: &[B], f: impl FnMut(usize, B)) {
        self.pattern.beside_from(major, k, beside, |_| {}, f);
    }

    fn find(&self, major: usize, minors: Range<usize>) -> Range<usize> {
        self.pattern.locate(major, minors)
    }

    #[inline(always)]
    fn count_below(&self, major: usize, among: Range<usize>, bound: usize) -> usize {
        self.pattern.count_indices_below(major, among, bound)
    }

    #[inline(always)]
    fn for_each(&self, major: usize, mut f: impl FnMut(usize, f64)) {
        let pattern = self.pattern;
        in_blocks(self.values, pattern.range(major), |k, x| {
            f((pattern.indices[k].to_i64() - pattern.base) as usize, x)
        });
    }

    #[inline(always)]
    fn for_each_of(
        &self,
        here: (usize, Range<usize>),
        later: (usize, Range<usize>),
        _unrolled: bool,
        mut f: impl FnMut(usize, f64),
    ) {
        let pattern = self.pattern;
        self.prefetch(later.0, later.1);
        in_blocks(self.values, pattern.stored(here), |k, x| {
            f((pattern.indices[k].to_i64() - pattern.base) as usize, x)
        });
    }

    #[inline(always)]
    fn positions(&self, major: usize, k: usize, out: &mut [usize]) {
        self.pattern.positions_from(major, k, out);
    }

    #[inline(always)]
    fn prefetch(&self, major: usize, range: Range<usize>) {
        self.prefetch_positions(major, range);
    }

    #[inline(always)]
    fn prefetch_positions(&self, major: usize, range: Range<usize>) {
        prefetch_range(self.pattern.indices(major), range);
    }

    #[inline(always)]
    fn for_each_in(&self, major: usize, minors: Range<usize>, mut f: impl FnMut(usize, f64)) {
        let (pattern, found) = (self.pattern, self.find(major, minors));
        let start = pattern.range(major).start;
        in_blocks(self.values, start + found.start..start + found.end, |k, x| {
            f((pattern.indices[k].to_i64() - pattern.base) as usize, x)
        });
    }
}

impl Lines for ConvertedDenseLines<'_> {
    type V = f64;
    const DENSE: bool = true;

    fn n_major(&self) -> usize {
        self.n_major
    }

    fn n_minor(&self) -> usize {
        self.n_minor
    }

    fn values(&self, major: usize) -> Cow<'_, [f64]> {
        self.some_values(major, 0..self.n_minor)
    }

    fn some_values(&self, major: usize, range: Range<usize>) -> Cow<'_, [f64]> {
        let start = major * self.stride;
        converted(self.values, start + range.start..start + range.end)
    }

    #[inline(always)]
    fn minor(&self, _major: usize, k: usize) -> usize {
        k
    }

    #[inline(always)]
    fn for_some_beside<B: Copy>(&self, _major: usize, k: usize, beside: &[B], mut f: impl FnMut(usize, B)) {
        beside.iter().enumerate().for_each(|(i, &b)| f(k + i, b));
    }

    fn find(&self, _major: usize, minors: Range<usize>) -> Range<usize> {
        minors.start.min(self.n_minor)..minors.end.min(self.n_minor)
    }

    #[inline(always)]
    fn count_below(&self, _major: usize, among: Range<usize>, bound: usize) -> usize {
        bound.clamp(among.start, among.end) - among.start
    }

    #[inline(always)]
    fn for_each(&self, major: usize, f: impl FnMut(usize, f64)) {
        self.for_each_in(major, 0..self.n_minor, f);
    }

    #[inline(always)]
    fn for_each_of(
        &self,
        here: (usize, Range<usize>),
        _later: (usize, Range<usize>),
        _unrolled: bool,
        f: impl FnMut(usize, f64),
    ) {
        self.for_each_in(here.0, here.1, f);
    }

    #[inline(always)]
    fn positions(&self, _major: usize, k: usize, out: &mut [usize]) {
        out.iter_mut().enumerate().for_each(|(i, position)| *position = k + i);
    }

    #[inline(always)]
    fn prefetch(&self, _major: usize, _range: Range<usize>) {}

    #[inline(always)]
    fn prefetch_positions(&self, _major: usize, _range: Range<usize>) {}

    #[inline(always)]
    fn for_each_in(&self, major: usize, minors: Range<usize>, mut f: impl FnMut(usize, f64)) {
        let (start, found) = (major * self.stride, self.find(major, minors));
        in_blocks(self.values, start + found.start..start + found.end, |k, x| f(k - start, x));
    }
}
