//! How kernels read a view: one line of the major axis at a time, compiled once for each type.

use super::{Index, Value};
use crate::simd::{prefetch, prefetch_range};
use std::borrow::Cow;
use std::ops::Range;

/// The lines of a matrix along its major axis. Positions within a line are those of the minor axis, 0-based.
///
/// Lines of a [`Canonical`](super::Canonical) view come in ascending order without repeats, all in range.
pub trait Lines: Sync {
    type V: Value;
    /// Whether every element is stored. Kernels that count zeros apart read it at compile time.
    const DENSE: bool;

    fn n_major(&self) -> usize;
    fn n_minor(&self) -> usize;

    /// The stored values of a line: lent where they are of type `V`, else converted.
    fn values(&self, major: usize) -> Cow<'_, [Self::V]>;

    /// Some of them, from one `k` to another.
    fn some_values(&self, major: usize, range: Range<usize>) -> Cow<'_, [Self::V]>;

    /// The position of the `k`-th stored value of a line.
    fn minor(&self, major: usize, k: usize) -> usize;

    /// Calls `f(position, b)` for the stored values of a line from the `k`-th on, `b` being what lies beside each: for as many
    /// as `b`s are given.
    fn for_some_beside<B: Copy>(&self, major: usize, k: usize, beside: &[B], f: impl FnMut(usize, B));

    /// The same for the whole line; on the way memory is asked for what follows, where that has to be told.
    #[inline(always)]
    fn for_each_beside<B: Copy>(&self, major: usize, beside: &[B], f: impl FnMut(usize, B)) {
        self.for_some_beside(major, 0, beside, f);
    }

    /// Which stored values of a (sorted) line have positions in `minors`, as a range of `k`.
    fn find(&self, major: usize, minors: Range<usize>) -> Range<usize>;

    /// How many of these stored values of a line have positions below `bound`. All are looked at, in vectors.
    fn count_below(&self, major: usize, among: Range<usize>, bound: usize) -> usize;

    /// Calls `f(position, value)` for the stored values of a line, in their order.
    fn for_each(&self, major: usize, f: impl FnMut(usize, Self::V));

    /// Calls `f(position, value)` for these stored values of a line, in their order, and on the way asks memory for others
    /// of a later line. Both as (line, range of `k`); what is beyond a line's end is cut off. `unrolled` code takes a
    /// fifteenth less time, and several times the room.
    fn for_each_of(
        &self,
        here: (usize, Range<usize>),
        later: (usize, Range<usize>),
        unrolled: bool,
        f: impl FnMut(usize, Self::V),
    );

    /// Writes the positions of the stored values of a line from the `k`-th on, as many as there is room for.
    fn positions(&self, major: usize, k: usize, out: &mut [usize]);

    /// Asks memory for these stored values of a line; a range beyond its end is cut off.
    fn prefetch(&self, major: usize, range: Range<usize>);

    /// Asks memory for the positions of these stored values alone.
    fn prefetch_positions(&self, major: usize, range: Range<usize>);

    /// Calls `f(position, value)` for the stored values of a (sorted) line whose positions are in `minors`.
    fn for_each_in(&self, major: usize, minors: Range<usize>, f: impl FnMut(usize, Self::V));
}

/// Lines of a sparse matrix.
#[derive(Clone, Copy)]
pub struct SparseLines<'a, V, I> {
    pub n_minor: usize,
    pub indptr: &'a [i64],
    pub indices: &'a [I],
    pub base: i64,
    pub values: &'a [V],
}

impl<'a, V, I: Index> SparseLines<'a, V, I> {
    #[inline(always)]
    pub fn range(&self, major: usize) -> Range<usize> {
        self.indptr[major] as usize..self.indptr[major + 1] as usize
    }

    /// The places of the stored values `k` of a line; what is beyond its end is cut off.
    #[inline(always)]
    pub(super) fn stored(&self, (major, k): (usize, Range<usize>)) -> Range<usize> {
        let line = self.range(major);
        (line.start + k.start).min(line.end)..(line.start + k.end).min(line.end)
    }

    /// How many of a line's indices are below `bound`.
    ///
    /// The search begins where that would be if they were spread evenly, and doubles its steps from there: a binary
    /// search would wait for memory at nearly each step, as lines are not in the cache when they are searched.
    fn below(&self, indices: &[I], bound: usize) -> usize {
        let is_below = |k: usize| indices[k].to_i64() - self.base < bound as i64;
        let n = indices.len();
        let guess = ((n as f64 * bound as f64 / self.n_minor as f64) as usize).min(n);
        let (mut lo, mut hi, mut step) = (0, n, 1);
        if guess < n && is_below(guess) {
            lo = guess + 1;
            while lo + step < n && is_below(lo + step) {
                lo += step + 1;
                step *= 2;
            }
            hi = (lo + step).min(n);
        } else {
            hi = guess.min(hi);
            while step <= hi && !is_below(hi - step) {
                hi -= step;
                step *= 2;
            }
            lo += hi.saturating_sub(step);
        }
        lo + indices[lo..hi].partition_point(|i| i.to_i64() - self.base < bound as i64)
    }

    /// Which of a line's indices are in `minors`.
    #[inline]
    pub(super) fn locate(&self, major: usize, minors: Range<usize>) -> Range<usize> {
        let indices = self.indices(major);
        let start = if minors.start == 0 { 0 } else { self.below(indices, minors.start) };
        let end = if minors.end >= self.n_minor { indices.len() } else { self.below(indices, minors.end) };
        start..end.max(start)
    }

    #[inline(always)]
    pub(super) fn count_indices_below(&self, major: usize, among: Range<usize>, bound: usize) -> usize {
        let (among, bound) = (&self.indices(major)[among], bound as i64 + self.base);
        if bound > I::MAX {
            return among.len();
        }
        let bound = I::from_i64(bound);
        among.iter().map(|&i| u32::from(i < bound)).sum::<u32>() as usize
    }

    /// Calls `f(position, b)` for the positions of a line, `b` being what lies beside each.
    ///
    /// On the way it asks memory for as much of the lines that follow: where indices and values are read in turns, the
    /// hardware begins to foresee each anew.
    #[inline(always)]
    pub(super) fn beside<B: Copy>(&self, major: usize, beside: &[B], f: impl FnMut(usize, B)) {
        let ahead = self.range(major).end;
        let ask = |k: usize| {
            prefetch(self.indices, ahead + k);
            prefetch(self.values, ahead + k);
        };
        self.beside_from(major, 0, beside, ask, f);
    }

    /// The same from the `k`-th on. Before each sixteen `begin` is told how many are done.
    #[inline(always)]
    pub(super) fn beside_from<B: Copy>(
        &self,
        major: usize,
        k: usize,
        beside: &[B],
        begin: impl Fn(usize),
        mut f: impl FnMut(usize, B),
    ) {
        const AT_ONCE: usize = 16;
        // Not read again for each: as far as is known, `f` may write there.
        let base = self.base;
        let mut each = move |i: I, b: B| f((i.to_i64() - base) as usize, b);
        let (indices, last_indices) = self.indices(major)[k..][..beside.len()].as_chunks::<AT_ONCE>();
        let (beside, last_beside) = beside.as_chunks::<AT_ONCE>();
        for (k, (indices, beside)) in indices.iter().zip(beside).enumerate() {
            begin(k * AT_ONCE);
            (0..AT_ONCE).for_each(|j| each(indices[j], beside[j]));
        }
        last_indices.iter().zip(last_beside).for_each(|(&i, &b)| each(i, b));
    }

    #[inline(always)]
    pub(super) fn positions_from(&self, major: usize, k: usize, out: &mut [usize]) {
        for (position, i) in out.iter_mut().zip(&self.indices(major)[k..]) {
            *position = (i.to_i64() - self.base) as usize;
        }
    }

    /// The indices of a line as they are stored: `base` is not yet subtracted.
    #[inline(always)]
    pub fn indices(&self, major: usize) -> &'a [I] {
        &self.indices[self.range(major)]
    }
}

impl<V: Value, I: Index> Lines for SparseLines<'_, V, I> {
    type V = V;
    const DENSE: bool = false;

    #[inline(always)]
    fn n_major(&self) -> usize {
        self.indptr.len() - 1
    }

    #[inline(always)]
    fn n_minor(&self) -> usize {
        self.n_minor
    }

    #[inline(always)]
    fn values(&self, major: usize) -> Cow<'_, [V]> {
        Cow::Borrowed(&self.values[self.range(major)])
    }

    #[inline(always)]
    fn some_values(&self, major: usize, range: Range<usize>) -> Cow<'_, [V]> {
        Cow::Borrowed(&self.values[self.range(major)][range])
    }

    #[inline(always)]
    fn minor(&self, major: usize, k: usize) -> usize {
        (self.indices(major)[k].to_i64() - self.base) as usize
    }

    #[inline(always)]
    fn for_each_beside<B: Copy>(&self, major: usize, beside: &[B], f: impl FnMut(usize, B)) {
        self.beside(major, beside, f);
    }

    #[inline(always)]
    fn for_some_beside<B: Copy>(&self, major: usize, k: usize, beside: &[B], f: impl FnMut(usize, B)) {
        self.beside_from(major, k, beside, |_| {}, f);
    }

    #[inline]
    fn find(&self, major: usize, minors: Range<usize>) -> Range<usize> {
        self.locate(major, minors)
    }

    #[inline(always)]
    fn count_below(&self, major: usize, among: Range<usize>, bound: usize) -> usize {
        self.count_indices_below(major, among, bound)
    }

    #[inline(always)]
    fn for_each(&self, major: usize, mut f: impl FnMut(usize, V)) {
        let range = self.range(major);
        for (i, &v) in self.indices[range.clone()].iter().zip(&self.values[range]) {
            f((i.to_i64() - self.base) as usize, v);
        }
    }

    #[inline(always)]
    fn for_each_of(
        &self,
        here: (usize, Range<usize>),
        later: (usize, Range<usize>),
        unrolled: bool,
        mut f: impl FnMut(usize, V),
    ) {
        // A line of the cache of indices, and of values if these are as large: asked for one by one, as memory takes only so
        // many requests at a time, and the reads in between would wait for their turn.
        const AT_ONCE: usize = 16;
        let (here, later) = (self.stored(here), self.stored(later));
        let pieces = self.indices[here.clone()].chunks(AT_ONCE).zip(self.values[here].chunks(AT_ONCE));
        // Not read again for each: as far as is known, `f` may write there.
        let base = self.base;
        let mut each = move |i: I, v: V| f((i.to_i64() - base) as usize, v);
        for ((indices, values), k) in pieces.zip((later.start..).step_by(AT_ONCE)) {
            prefetch(self.indices, k.min(later.end));
            (0..size_of::<V>()).step_by(4).for_each(|i| prefetch(self.values, (k + 4 * i).min(later.end)));
            match (<&[I; AT_ONCE]>::try_from(indices), <&[V; AT_ONCE]>::try_from(values)) {
                (Ok(indices), Ok(values)) if unrolled => (0..AT_ONCE).for_each(|j| each(indices[j], values[j])),
                _ => indices.iter().zip(values).for_each(|(&i, &v)| each(i, v)),
            }
        }
    }

    #[inline(always)]
    fn positions(&self, major: usize, k: usize, out: &mut [usize]) {
        self.positions_from(major, k, out);
    }

    #[inline(always)]
    fn prefetch(&self, major: usize, range: Range<usize>) {
        self.prefetch_positions(major, range.clone());
        prefetch_range(&self.values[self.range(major)], range);
    }

    #[inline(always)]
    fn prefetch_positions(&self, major: usize, range: Range<usize>) {
        prefetch_range(self.indices(major), range);
    }

    #[inline(always)]
    fn for_each_in(&self, major: usize, minors: Range<usize>, mut f: impl FnMut(usize, V)) {
        let found = self.find(major, minors);
        let indices = &self.indices(major)[found.clone()];
        for (i, &v) in indices.iter().zip(&self.values[self.range(major)][found]) {
            f((i.to_i64() - self.base) as usize, v);
        }
    }
}

/// Lines of a dense matrix.
#[derive(Clone, Copy)]
pub struct DenseLines<'a, V> {
    pub n_major: usize,
    pub n_minor: usize,
    pub stride: usize,
    pub values: &'a [V],
}

impl<'a, V> DenseLines<'a, V> {
    #[inline(always)]
    fn line(&self, major: usize) -> &'a [V] {
        &self.values[major * self.stride..major * self.stride + self.n_minor]
    }
}

impl<V: Value> Lines for DenseLines<'_, V> {
    type V = V;
    const DENSE: bool = true;

    #[inline(always)]
    fn n_major(&self) -> usize {
        self.n_major
    }

    #[inline(always)]
    fn n_minor(&self) -> usize {
        self.n_minor
    }

    #[inline(always)]
    fn values(&self, major: usize) -> Cow<'_, [V]> {
        Cow::Borrowed(self.line(major))
    }

    #[inline(always)]
    fn some_values(&self, major: usize, range: Range<usize>) -> Cow<'_, [V]> {
        Cow::Borrowed(&self.line(major)[range])
    }

    #[inline(always)]
    fn minor(&self, _major: usize, k: usize) -> usize {
        k
    }

    #[inline(always)]
    fn for_some_beside<B: Copy>(&self, _major: usize, k: usize, beside: &[B], mut f: impl FnMut(usize, B)) {
        beside.iter().enumerate().for_each(|(i, &b)| f(k + i, b));
    }

    #[inline(always)]
    fn find(&self, _major: usize, minors: Range<usize>) -> Range<usize> {
        minors.start.min(self.n_minor)..minors.end.min(self.n_minor)
    }

    #[inline(always)]
    fn count_below(&self, _major: usize, among: Range<usize>, bound: usize) -> usize {
        bound.clamp(among.start, among.end) - among.start
    }

    #[inline(always)]
    fn for_each(&self, major: usize, mut f: impl FnMut(usize, V)) {
        for (k, &v) in self.line(major).iter().enumerate() {
            f(k, v);
        }
    }

    #[inline(always)]
    fn for_each_of(
        &self,
        here: (usize, Range<usize>),
        _later: (usize, Range<usize>),
        _unrolled: bool,
        f: impl FnMut(usize, V),
    ) {
        self.for_each_in(here.0, here.1, f);
    }

    #[inline(always)]
    fn positions(&self, _major: usize, k: usize, out: &mut [usize]) {
        out.iter_mut().enumerate().for_each(|(i, position)| *position = k + i);
    }

    #[inline(always)]
    fn prefetch(&self, major: usize, range: Range<usize>) {
        prefetch_range(self.line(major), range);
    }

    #[inline(always)]
    fn prefetch_positions(&self, _major: usize, _range: Range<usize>) {}

    #[inline(always)]
    fn for_each_in(&self, major: usize, minors: Range<usize>, mut f: impl FnMut(usize, V)) {
        let found = self.find(major, minors);
        for (k, &v) in found.clone().zip(&self.line(major)[found]) {
            f(k, v);
        }
    }
}

/// Runs the body once with the lines of the types that the matrix has: `with_lines!(matrix, |lines| kernel(lines))`.
///
/// The body is compiled for f32, for f64, and once for all integer types, which [`ConvertedLines`] gives as f64, block by
/// block: for the kernels that compute in f64 anyway it is the same, and the library is a third of what it would be.
/// Integers beyond 2^53 are read as the nearest f64.
#[macro_export]
macro_rules! with_lines {
    ($matrix:expr, |$lines:ident| $body:expr) => {{
        let matrix: &$crate::matrix::Matrix<'_> = $matrix;
        let n_minor = matrix.n_minor();
        match matrix.storage() {
            $crate::matrix::Storage::Sparse { indptr, indices, base, values, .. } => match *indices {
                $crate::matrix::IndexSlice::I32(indices) => {
                    $crate::with_lines!(@values indptr, indices, *base, n_minor, *values, |$lines| $body)
                }
                $crate::matrix::IndexSlice::I64(indices) => {
                    $crate::with_lines!(@values indptr, indices, *base, n_minor, *values, |$lines| $body)
                }
            },
            $crate::matrix::Storage::Dense { values, stride } => {
                let (n_major, stride) = (matrix.n_major(), *stride);
                match *values {
                    $crate::matrix::ValueSlice::F32(values) => {
                        let $lines = $crate::matrix::DenseLines { n_major, n_minor, stride, values };
                        $body
                    }
                    $crate::matrix::ValueSlice::F64(values) => {
                        let $lines = $crate::matrix::DenseLines { n_major, n_minor, stride, values };
                        $body
                    }
                    values => {
                        let $lines = $crate::matrix::ConvertedDenseLines { n_major, n_minor, stride, values };
                        $body
                    }
                }
            }
        }
    }};
    (@values $indptr:expr, $indices:expr, $base:expr, $n_minor:expr, $values:expr, |$lines:ident| $body:expr) => {{
        let (indptr, indices, base, n_minor) = ($indptr, $indices, $base, $n_minor);
        match $values {
            $crate::matrix::ValueSlice::F32(values) => {
                let $lines = $crate::matrix::SparseLines { n_minor, indptr, indices, base, values };
                $body
            }
            $crate::matrix::ValueSlice::F64(values) => {
                let $lines = $crate::matrix::SparseLines { n_minor, indptr, indices, base, values };
                $body
            }
            values => {
                let pattern = $crate::matrix::SparseLines { n_minor, indptr, indices, base, values: &[] };
                let $lines = $crate::matrix::ConvertedLines { pattern, values };
                $body
            }
        }
    }};
}

/// `with_lines!` for what keeps the values' own type (a transpose, a subset): compiled for each of the ten.
#[macro_export]
macro_rules! with_exact_lines {
    ($matrix:expr, |$lines:ident| $body:expr) => {
        $crate::with_sparse_lines!($matrix, |$lines| $body, else |$lines| $body)
    };
}

/// `with_exact_lines!` with another body for dense matrices, and the sparse ones as plain [`SparseLines`].
#[macro_export]
macro_rules! with_sparse_lines {
    ($matrix:expr, |$lines:ident| $body:expr, else |$dense_lines:ident| $dense:expr) => {{
        let matrix: &$crate::matrix::Matrix<'_> = $matrix;
        let n_minor = matrix.n_minor();
        match matrix.storage() {
            $crate::matrix::Storage::Sparse { indptr, indices, base, values, .. } => {
                $crate::with_values!(*values, |values| match *indices {
                    $crate::matrix::IndexSlice::I32(indices) => {
                        let $lines = $crate::matrix::SparseLines { n_minor, indptr, indices, base: *base, values };
                        $body
                    }
                    $crate::matrix::IndexSlice::I64(indices) => {
                        let $lines = $crate::matrix::SparseLines { n_minor, indptr, indices, base: *base, values };
                        $body
                    }
                })
            }
            $crate::matrix::Storage::Dense { values, stride } => {
                $crate::with_values!(*values, |values| {
                    let n_major = matrix.n_major();
                    let $dense_lines = $crate::matrix::DenseLines { n_major, n_minor, stride: *stride, values };
                    $dense
                })
            }
        }
    }};
    ($matrix:expr, |$lines:ident| $body:expr, else $dense:expr) => {{
        let matrix: &$crate::matrix::Matrix<'_> = $matrix;
        match matrix.storage() {
            $crate::matrix::Storage::Dense { .. } => $dense,
            _ => $crate::with_sparse_lines!(matrix, |$lines| $body, else |_lines| unreachable!("not dense")),
        }
    }};
}
