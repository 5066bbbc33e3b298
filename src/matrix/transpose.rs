//! The same matrix compressed along the other axis.
//!
//! A first pass over the old lines counts how many values each new line will have, and notes where the old lines cross
//! from one strip of new lines to the next. Then each strip is one task: it visits its piece of every old line, in their
//! order, so that new lines come out sorted and the same at every thread count. A strip is so narrow that the places
//! being written to stay in the cache. As the pieces lie far apart, what is read next, and the lines that will be written
//! next, are asked for ahead of their use: the hardware would not guess them.

use super::buffer::{room, zeros};
use super::dense::to_sparse;
use super::shared::Shared;
use super::{Axis, Canonical, DenseLines, Index, Lines, Matrix, Sparse, SparseLines, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges, lock};
use crate::simd::{prefetch_near, widest};
use crate::{ensure, with_sparse_lines};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Mutex;

/// The matrix compressed along its other axis, sorted. A dense matrix gives its non-zeros; zeros that a sparse one stores
/// stay. Indices are i32 wherever they fit.
///
/// 28 M non-zeros, 2 threads: 63 ms, of which the kernel takes 20 to clear the result's pages and the count 9. The
/// rest is the scatter, two stores into the second-level cache for each value; to move the bytes alone would take 30.
///
/// Memory: the result, 4 bytes per thread for each of its lines, and 4 bytes for each line of the matrix and strip, which
/// is at most a third of a byte for each value.
pub fn transpose(ctx: &Ctx, matrix: &Matrix) -> Result<Sparse> {
    let canonical = matrix.canonical(ctx)?;
    let turn = ctx.within(0.0, 0.2, || Turn::new(ctx, &canonical, usize::MAX))?;
    ctx.within(0.2, 1.0, || turn.lines(ctx, 0..turn.n_lines()))
}

/// The matrix compressed along `major`: a sorted copy if it is so already, else [`transpose`]d. A dense one gives its
/// non-zeros.
pub fn to_major(ctx: &Ctx, matrix: &Matrix, major: Axis) -> Result<Sparse> {
    match (matrix.major() == major, matrix.is_sparse()) {
        (false, _) => transpose(ctx, matrix),
        (true, true) => matrix.to_canonical(ctx),
        (true, false) => to_sparse(ctx, matrix),
    }
}

/// Calls `visit(lines, block)` for consecutive ranges of the lines along `major`, `block` being a matrix of those lines
/// alone: for kernels that want genes one after the other, whatever the layout of the matrix.
///
/// If the matrix lies that way already, there is one block, the matrix itself. Else blocks are [`transpose`]d one after
/// the other, each of at most `budget` bytes unless a single line is larger.
pub fn for_each_block(
    ctx: &Ctx,
    matrix: &Matrix,
    major: Axis,
    budget: usize,
    mut visit: impl FnMut(Range<usize>, &Matrix) -> Result<()>,
) -> Result<()> {
    let canonical = matrix.canonical(ctx)?;
    if matrix.major() == major {
        return visit(0..matrix.n(major), &canonical.view());
    }
    let turn = ctx.within(0.0, 0.1, || Turn::new(ctx, &canonical, budget))?;
    let blocks = turn.blocks(budget);
    for (i, block) in blocks.iter().enumerate() {
        let at = |part: f64| 0.1 + 0.9 * (i as f64 + part) / blocks.len() as f64;
        let turned = ctx.within(at(0.0), at(0.2), || turn.lines(ctx, block.clone()))?;
        ctx.within(at(0.2), at(1.0), || visit(block.clone(), &turned.view()))?;
    }
    Ok(())
}

/// Stored values that one thread handles in some 10 ms.
const BITE: u64 = 1 << 22;

/// New lines in a strip, at most: the ends of so many, of indices and of values, fit into the second-level cache.
const STRIP: usize = 1024;

/// Values that an old line has in a strip, at least (on average): with fewer the walk from line to line takes the time.
const PIECE: usize = 12;

/// A matrix about to be transposed: how many values each new line will have is counted.
struct Turn<'a> {
    matrix: Matrix<'a>,
    /// Where the new lines begin.
    indptr: Vec<i64>,
    crossings: Crossings,
}

impl<'a> Turn<'a> {
    /// `budget` is that of [`Turn::blocks`]: some strips shall fit into a block.
    fn new(ctx: &Ctx, canonical: &'a Canonical, budget: usize) -> Result<Self> {
        let matrix = canonical.view();
        let n = matrix.n_minor();
        ensure!(
            u32::try_from(n.max(matrix.n_major())).is_ok(),
            Overflow,
            "matrix: is {} x {}, must have at most {} lines either way to be transposed",
            matrix.n_obs(),
            matrix.n_vars(),
            u32::MAX
        );
        let in_strip = budget / element(&matrix) / (2 * ctx.threads());
        let mut crossings = Crossings::new(&matrix, in_strip.max(1))?;
        let counts = with_sparse_lines!(
            &matrix,
            |lines| count_sparse(ctx, &matrix, lines, &mut crossings)?,
            else |lines| count_dense(ctx, &matrix, lines)?
        );
        let mut indptr = zeros::<i64>(n + 1)?;
        for counts in counts {
            indptr[1..].iter_mut().zip(counts).for_each(|(sum, count)| *sum += i64::from(count));
        }
        (0..n).for_each(|i| indptr[i + 1] += indptr[i]);
        Ok(Self { matrix, indptr, crossings })
    }

    fn n_lines(&self) -> usize {
        self.matrix.n_minor()
    }

    /// Ranges of new lines that take at most `budget` bytes each, or are one line: whole strips if possible.
    fn blocks(&self, budget: usize) -> Vec<Range<usize>> {
        let most = (budget / element(&self.matrix)).min(i64::MAX as usize) as i64;
        let width = self.crossings.width;
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < self.n_lines() {
            let limit = self.indptr[start].saturating_add(most);
            let end = self.indptr.partition_point(|&at| at <= limit) - 1;
            let end = end.clamp(start + 1, self.n_lines());
            let whole = if end < self.n_lines() { end / width * width } else { end };
            let end = if whole > start { whole } else { end };
            blocks.push(start..end);
            start = end;
        }
        blocks
    }

    /// These new lines: a matrix whose minor axis is the matrix' major one.
    fn lines(&self, ctx: &Ctx, block: Range<usize>) -> Result<Sparse> {
        let narrow = fits::<i32>(&self.matrix);
        with_sparse_lines!(
            &self.matrix,
            |lines| if narrow {
                self.turned::<_, i32>(ctx, block, &|strip, majors| scatter_sparse(lines, &self.crossings, strip, majors))
            } else {
                self.turned::<_, i64>(ctx, block, &|strip, majors| scatter_sparse(lines, &self.crossings, strip, majors))
            },
            else |lines| if narrow {
                self.turned::<_, i32>(ctx, block, &|strip, majors| scatter_dense(lines, strip, majors))
            } else {
                self.turned::<_, i64>(ctx, block, &|strip, majors| scatter_dense(lines, strip, majors))
            }
        )
    }

    /// `scatter` moves the values of some old lines that belong to a strip.
    #[allow(clippy::type_complexity)]
    fn turned<V: Value, I: Index>(
        &self,
        ctx: &Ctx,
        block: Range<usize>,
        scatter: &(dyn Fn(&mut Strip<V, I>, Range<usize>) + Sync),
    ) -> Result<Sparse> {
        let first = self.indptr[block.start];
        let indptr: Vec<i64> = self.indptr[block.start..=block.end].iter().map(|at| at - first).collect();
        let nnz = *indptr.last().expect("never empty") as usize;
        let (mut indices, mut values) = (room::<I>(nnz)?, room::<V>(nnz)?);
        {
            let (indices, values) =
                (Shared::new(indices.spare_capacity_mut()), Shared::new(values.spare_capacity_mut()));
            let strip = |lines: Range<usize>| {
                let ends = &indptr[lines.start - block.start..=lines.end - block.start];
                let place = ends[0] as usize..ends[lines.len()] as usize;
                // SAFETY: strips are disjoint ranges of new lines, and so are their places.
                let (indices, values) = unsafe { (indices.slice(place.clone()), values.slice(place)) };
                Strip::new(lines, ends, indices, values)
            };
            let mut strips: Vec<Strip<V, I>> = self.strips(ctx, &block).into_iter().map(strip).collect();
            let rounds = self.rounds(nnz, strips.len());
            for (i, majors) in rounds.iter().enumerate() {
                ctx.step(i, rounds.len(), || {
                    ctx.run_chunks(
                        &mut strips,
                        1,
                        || (),
                        |(), _, strip| {
                            scatter(&mut strip[0], majors.clone());
                            Ok(())
                        },
                    )
                })?;
            }
            ensure!(strips.iter().all(Strip::is_full), Matrix, "matrix.indices: {UNSORTED}");
        }
        // SAFETY: each line of each strip has got all its values, one after the other.
        unsafe {
            indices.set_len(nnz);
            values.set_len(nnz);
        }
        let major = self.matrix.major().other();
        let shape = |axis: Axis| if axis == major { block.len() } else { self.matrix.n(axis) };
        Ok(Sparse {
            major,
            n_obs: shape(Axis::Obs),
            n_vars: shape(Axis::Var),
            indptr,
            indices: I::wrap_vec(indices),
            values: V::wrap_vec(values),
        })
    }

    /// The strips of a block, or equal parts of it where it has fewer than threads.
    fn strips(&self, ctx: &Ctx, block: &Range<usize>) -> Vec<Range<usize>> {
        let width = self.crossings.width;
        let strips = block.start / width..block.end.div_ceil(width);
        if strips.len() >= ctx.threads() {
            strips.map(|s| (s * width).max(block.start)..((s + 1) * width).min(block.end)).collect()
        } else {
            let parts = balanced_ranges(block.len(), ctx.threads(), |i| self.indptr[block.start + i] as u64);
            parts.into_iter().map(|part| block.start + part.start..block.start + part.end).collect()
        }
    }

    /// Stretches of the old lines, short enough that the caller can stop between two of them.
    fn rounds(&self, nnz: usize, strips: usize) -> Vec<Range<usize>> {
        let n = self.matrix.n_major();
        let work = if self.matrix.is_sparse() { nnz + n * strips } else { self.matrix.n_stored() };
        let rounds = (work as u64).div_ceil(BITE * strips.max(1) as u64) as usize;
        balanced_ranges(n, rounds.max(1), |major| self.matrix.stored_before(major))
    }
}

const UNSORTED: &str = "are not sorted in each line although the flags say so";

fn fits<I: Index>(matrix: &Matrix) -> bool {
    matrix.n_major() as u64 <= I::MAX as u64
}

/// Bytes of a value and its index in the result.
fn element(matrix: &Matrix) -> usize {
    matrix.values().value_type().size() + if fits::<i32>(matrix) { 4 } else { 8 }
}

/// Where the old lines of a sparse matrix cross from strip to strip of new lines.
struct Crossings {
    /// New lines in a strip.
    width: usize,
    n_major: usize,
    /// For each strip but the first, and each old line, how many of the line's values come before the strip.
    before: Vec<u32>,
}

impl Crossings {
    /// Not yet filled in, for strips of about `in_strip` values at most.
    fn new(matrix: &Matrix, in_strip: usize) -> Result<Self> {
        let (n, n_major, nnz) = (matrix.n_minor(), matrix.n_major(), matrix.n_stored());
        let strips = n.div_ceil(STRIP).max(nnz.div_ceil(in_strip)).min(nnz / (PIECE * n_major).max(1)).max(1);
        let width = n.div_ceil(strips).max(1);
        let strips = n.div_ceil(width);
        let inner = if matrix.is_sparse() { strips.saturating_sub(1) } else { 0 };
        Ok(Self { width, n_major, before: zeros(inner * n_major)? })
    }

    fn n_strips(&self) -> usize {
        self.before.len().checked_div(self.n_major).unwrap_or(0) + 1
    }

    /// How a strip that begins (or the one before it ends) with this new line divides the old lines.
    fn edge(&self, line: usize, n: usize) -> Edge<'_> {
        let table = |strip: usize| &self.before[(strip - 1) * self.n_major..strip * self.n_major];
        match (line / self.width, line % self.width) {
            (0, 0) => Edge::First,
            _ if line == n => Edge::Last,
            (strip, 0) => Edge::Known(table(strip)),
            (0, _) => Edge::After(&[], line),
            (strip, _) => Edge::After(table(strip), line),
        }
    }
}

/// How many values of an old line come before some new line.
enum Edge<'a> {
    First,
    Last,
    Known(&'a [u32]),
    /// As many at least (none, if it is empty): the rest is to be counted.
    After(&'a [u32], usize),
}

impl Edge<'_> {
    #[inline(always)]
    fn of<V: Value, I: Index>(&self, lines: &SparseLines<V, I>, major: usize) -> usize {
        match self {
            Self::After(_, line) => {
                let known = self.about(lines, major);
                known + below(&lines.indices(major)[known..], *line as i64 + lines.base)
            }
            _ => self.about(lines, major),
        }
    }

    /// The same without a look at the indices.
    #[inline(always)]
    fn about<V: Value, I: Index>(&self, lines: &SparseLines<V, I>, major: usize) -> usize {
        match self {
            Self::First => 0,
            Self::Last => lines.range(major).len(),
            Self::Known(before) => before[major] as usize,
            Self::After(before, _) => before.get(major).map_or(0, |&before| before as usize),
        }
    }
}

/// How many of these ascending indices are below the bound: in strides from the first on, as they are few, and near.
#[inline(always)]
fn below<I: Index>(indices: &[I], bound: i64) -> usize {
    const STRIDE: usize = 16;
    if bound > I::MAX {
        return indices.len();
    }
    let bound = I::from_i64(bound);
    let mut start = 0;
    while indices.get(start + STRIDE - 1).is_some_and(|&i| i < bound) {
        start += STRIDE;
    }
    let end = indices.len().min(start + STRIDE);
    start + indices[start..end].partition_point(|&i| i < bound)
}

/// A worker's counts of the values at each position; handed over when it is done.
struct Tally<'a> {
    counts: Vec<u32>,
    done: &'a Mutex<Vec<Vec<u32>>>,
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        lock(self.done).push(std::mem::take(&mut self.counts));
    }
}

/// Counts the values at each position, each worker for itself: `count(counts, lines)`.
fn tally(
    ctx: &Ctx,
    matrix: &Matrix,
    count: impl Fn(&mut [u32], Range<usize>) -> Result<()> + Sync,
) -> Result<Vec<Vec<u32>>> {
    let pieces = (matrix.n_stored() as u64 / BITE) as usize;
    let pieces = balanced_ranges(matrix.n_major(), pieces.max(8 * ctx.threads()), |major| matrix.stored_before(major));
    let done = Mutex::default();
    let start = || Tally { counts: vec![0; matrix.n_minor()], done: &done };
    ctx.run(pieces.len(), start, |tally, p| count(&mut tally.counts, pieces[p].clone()))?;
    Ok(done.into_inner().unwrap_or_else(|e| e.into_inner()))
}

fn count_dense<V: Value>(ctx: &Ctx, matrix: &Matrix, lines: DenseLines<V>) -> Result<Vec<Vec<u32>>> {
    tally(ctx, matrix, |counts, majors| {
        for major in majors {
            for (count, x) in counts.iter_mut().zip(&*lines.values(major)) {
                *count += u32::from(*x != V::default());
            }
        }
        Ok(())
    })
}

/// Fills in the crossings on the way.
fn count_sparse<V: Value, I: Index>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: SparseLines<V, I>,
    crossings: &mut Crossings,
) -> Result<Vec<Vec<u32>>> {
    let (n_major, n_minor, n_strips, width) =
        (crossings.n_major, matrix.n_minor(), crossings.n_strips(), crossings.width);
    let before = Shared::new(&mut crossings.before);
    tally(ctx, matrix, |counts, majors| {
        widest(
            #[inline(always)]
            || {
                for major in majors {
                    let indices = lines.indices(major);
                    let mut start = 0;
                    for strip in 1..=n_strips {
                        let below = &mut counts[..(strip * width).min(n_minor)];
                        for i in &indices[start..] {
                            let Some(count) = below.get_mut((i.to_i64() - lines.base) as usize) else { break };
                            *count = count.wrapping_add(1);
                            start += 1;
                        }
                        if strip < n_strips {
                            // SAFETY: each line is in one task.
                            unsafe { before.set((strip - 1) * n_major + major, start as u32) };
                        }
                    }
                    ensure!(start == indices.len(), Matrix, "matrix.indices: {UNSORTED}");
                }
                Ok(())
            },
        )
    })
}

/// Some new lines in the making.
struct Strip<'a, V, I> {
    lines: Range<usize>,
    /// Where the next value of each line goes. As many as a power of two; those beyond the lines are past the end.
    next: Vec<usize>,
    /// Where the lines begin and end, from some offset on.
    ends: &'a [i64],
    indices: &'a mut [MaybeUninit<I>],
    values: &'a mut [MaybeUninit<V>],
    /// The bits of all lines (counted from the first) that values were said to be of.
    seen: usize,
}

impl<'a, V: Value, I: Index> Strip<'a, V, I> {
    fn new(
        lines: Range<usize>,
        ends: &'a [i64],
        indices: &'a mut [MaybeUninit<I>],
        values: &'a mut [MaybeUninit<V>],
    ) -> Self {
        let mut next: Vec<usize> = ends[..lines.len()].iter().map(|end| (end - ends[0]) as usize).collect();
        next.resize(lines.len().next_power_of_two(), indices.len());
        Self { lines, next, ends, indices, values, seen: 0 }
    }

    /// Whether each line has got all its values: not if some value was in another place than its line's being sorted
    /// says.
    fn is_full(&self) -> bool {
        let ends = self.ends[1..].iter().map(|end| (end - self.ends[0]) as usize);
        self.seen < self.next.len() && self.next.iter().zip(ends).all(|(&next, end)| next == end)
    }
}

fn scatter_dense<V: Value, I: Index>(lines: DenseLines<V>, strip: &mut Strip<V, I>, majors: Range<usize>) {
    let first = strip.lines.start;
    for major in majors {
        lines.for_each_in(major, strip.lines.clone(), |line, x| {
            if x != V::default() {
                let at = strip.next[line - first];
                strip.indices[at].write(I::from_i64(major as i64));
                strip.values[at].write(x);
                strip.next[line - first] += 1;
            }
        });
    }
}

/// Old lines between the asking for a piece and its use.
const AHEAD: usize = 4;

/// Bytes in a line of the cache.
const LINE: usize = 64;

/// Indices that are out of place are found by [`Strip::is_full`] afterwards; here they do no harm.
fn scatter_sparse<V: Value, I: Index, J: Index>(
    lines: SparseLines<V, I>,
    crossings: &Crossings,
    strip: &mut Strip<V, J>,
    majors: Range<usize>,
) {
    let n_minor = lines.n_minor;
    let (start, end) = (crossings.edge(strip.lines.start, n_minor), crossings.edge(strip.lines.end, n_minor));
    let base = strip.lines.start as i64 + lines.base;
    let Strip { next, indices, values, seen, .. } = strip;
    let mask = next.len() - 1;
    for major in majors.clone() {
        let later = major + AHEAD;
        if later < majors.end {
            let line = lines.range(later).start;
            let piece = line + start.about(&lines, later)..line + end.about(&lines, later);
            prefetch_all(lines.indices, piece.clone());
            prefetch_all(lines.values, piece);
        }
        let line = lines.range(major).start;
        let first = start.of(&lines, major);
        let piece = line + first..line + end.of(&lines, major).max(first);
        let index = J::from_i64(major as i64);
        for (i, &x) in lines.indices[piece.clone()].iter().zip(&lines.values[piece]) {
            let line = (i.to_i64() - base) as usize;
            *seen |= line;
            let at = next[line & mask];
            next[line & mask] = at + 1;
            prefetch_near(indices, at + LINE / size_of::<J>());
            prefetch_near(values, at + LINE / size_of::<V>());
            if let (Some(to_index), Some(to_value)) = (indices.get_mut(at), values.get_mut(at)) {
                to_index.write(index);
                to_value.write(x);
            }
        }
    }
}

#[inline(always)]
fn prefetch_all<T>(slice: &[T], range: Range<usize>) {
    let step = LINE / size_of::<T>();
    (range.start..range.end + step - 1).step_by(step).for_each(|k| prefetch_near(slice, k));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{IndexSlice, ValueSlice, ValueVec};

    /// A sparse matrix with some empty lines, a full one, and stored zeros.
    fn example(n_major: usize, n_minor: usize) -> (Vec<i64>, Vec<i64>, Vec<i16>) {
        let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
        let mut state = 7u64;
        for major in 0..n_major {
            for minor in 0..n_minor {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                if major % 5 != 2 && (major == 3 || state >> 62 == 0) {
                    indices.push(minor as i64);
                    values.push((state >> 50 & 7) as i16);
                }
            }
            indptr.push(indices.len() as i64);
        }
        (indptr, indices, values)
    }

    fn view<'a>(parts: &'a (Vec<i64>, Vec<i64>, Vec<i16>), n_major: usize, n_minor: usize) -> Matrix<'a> {
        let (indptr, indices, values) = parts;
        let (indptr, indices) = (IndexSlice::I64(indptr), IndexSlice::I64(indices));
        Matrix::sparse(Axis::Obs, (n_major, n_minor), indptr, indices, ValueSlice::I16(values), 0, false).unwrap()
    }

    #[test]
    fn transposed_is_what_sprs_says_and_twice_is_the_matrix_itself() {
        for (n_major, n_minor) in [(60, 3000), (400, 17), (1, 1), (7, 0), (0, 7)] {
            let parts = example(n_major, n_minor);
            let matrix = view(&parts, n_major, n_minor);
            let theirs = sprs::CsMatI::<i16, i64, i64>::new(
                (n_major, n_minor),
                parts.0.clone(),
                parts.1.clone(),
                parts.2.clone(),
            );
            let theirs = Sparse::from(theirs.to_csc());
            for threads in [1, 2, 3, 8] {
                let ctx = Ctx::new(threads);
                let turned = transpose(&ctx, &matrix).unwrap();
                assert_eq!((turned.major, turned.n_obs, turned.n_vars), (Axis::Var, n_major, n_minor));
                assert_eq!((&turned.indptr, &turned.values), (&theirs.indptr, &theirs.values));
                turned.view().validate(&ctx).unwrap();
                let back = transpose(&ctx, &turned.view()).unwrap();
                assert_eq!((&back.indptr, &back.values), (&parts.0, &ValueVec::I16(parts.2.clone())));
                assert!((0..parts.1.len()).all(|k| back.indices.as_slice().get(k) == parts.1[k]));
            }
        }
    }

    #[test]
    fn blocks_put_together_are_the_whole() {
        let parts = example(40, 300);
        let (ctx, matrix) = (Ctx::new(2), view(&parts, 40, 300));
        let whole = transpose(&ctx, &matrix).unwrap();
        for budget in [0, 1000, 1 << 30] {
            let (mut lines, mut nnz) = (0, 0);
            for_each_block(&ctx, &matrix, Axis::Var, budget, |range, block| {
                assert_eq!(
                    (range.start, range.len(), block.n_vars(), block.n_obs()),
                    (lines, block.n_vars(), range.len(), 40)
                );
                assert!(block.n_stored() * 6 <= budget || range.len() == 1);
                for k in 0..block.n_stored() {
                    let (ValueSlice::I16(ours), ValueVec::I16(all)) = (block.values(), &whole.values) else { panic!() };
                    assert_eq!(ours[k], all[nnz + k]);
                }
                (lines, nnz) = (range.end, nnz + block.n_stored());
                Ok(())
            })
            .unwrap();
            assert_eq!((lines, nnz), (300, whole.nnz()));
        }
    }

    #[test]
    fn lines_wrongly_said_to_be_sorted_are_an_error() {
        let (indptr, mut indices, values) = example(60, 3000);
        indices[..700].reverse();
        let (indptr, indices) = (IndexSlice::I64(&indptr), IndexSlice::I64(&indices));
        let matrix = Matrix::sparse(Axis::Obs, (60, 3000), indptr, indices, ValueSlice::I16(&values), 0, true).unwrap();
        for threads in [1, 2] {
            let ctx = Ctx::new(threads);
            assert!(transpose(&ctx, &matrix).unwrap_err().message.contains("although the flags say so"));
            for_each_block(&ctx, &matrix, Axis::Var, 1000, |_, _| Ok(())).unwrap_err();
        }
    }

    #[test]
    fn below_counts_as_a_search_does() {
        for n in 0..70 {
            let indices: Vec<i32> = (0..n).map(|i| 3 * i + 1).collect();
            for bound in 0..220 {
                assert_eq!(below(&indices, bound), indices.partition_point(|&i| i64::from(i) < bound));
            }
            assert_eq!(below(&indices, 1 << 40), indices.len());
        }
    }

    #[test]
    fn dense_gives_its_non_zeros() {
        let values = [0.0f32, 1.0, f32::NAN, 0.0, -0.0, 2.0];
        let matrix = Matrix::dense(Axis::Obs, (2, 3), ValueSlice::F32(&values), 3).unwrap();
        let turned = transpose(&Ctx::new(1), &matrix).unwrap();
        assert_eq!(turned.indptr, [0, 0, 1, 3]);
        let ValueVec::F32(turned) = turned.values else { panic!() };
        assert!(turned[0] == 1.0 && turned[1].is_nan() && turned[2] == 2.0);
    }
}
