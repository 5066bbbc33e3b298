//! The same matrix compressed along the other axis.
//!
//! Every thread owns a range of the new lines and walks all old ones, in their order: so each new line is written by one
//! thread, from first to last, and comes out sorted and the same at every thread count. A range is done in strips, few
//! enough new lines at a time that the places being written to stay in the cache; a cursor in each old line remembers
//! how far the strips before have come.

use super::buffer::zeros;
use super::dense::to_sparse;
use super::density::Density;
use super::shared::Shared;
use super::{Axis, Canonical, Index, Lines, Matrix, Sparse, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};
use crate::{ensure, with_exact_lines};
use std::ops::Range;

/// The matrix compressed along its other axis, sorted. A dense matrix gives its non-zeros; zeros that a sparse one stores
/// stay. Indices are i32 wherever they fit.
///
/// Memory: the result, 8 bytes for each of its lines, and 4 bytes per thread for each line of the matrix.
pub fn transpose(ctx: &Ctx, matrix: &Matrix) -> Result<Sparse> {
    let canonical = matrix.canonical(ctx)?;
    let turn = ctx.within(0.0, 0.4, || Turn::new(ctx, &canonical))?;
    ctx.within(0.4, 1.0, || turn.lines(ctx, 0..turn.n_lines()))
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
    let turn = ctx.within(0.0, 0.1, || Turn::new(ctx, &canonical))?;
    let blocks = turn.blocks(budget);
    for (i, block) in blocks.iter().enumerate() {
        let at = |part: f64| 0.1 + 0.9 * (i as f64 + part) / blocks.len() as f64;
        let turned = ctx.within(at(0.0), at(0.2), || turn.lines(ctx, block.clone()))?;
        ctx.within(at(0.2), at(1.0), || visit(block.clone(), &turned.view()))?;
    }
    Ok(())
}

/// A matrix about to be transposed: how many values each new line will have is counted.
pub struct Turn<'a> {
    matrix: Matrix<'a>,
    /// Where the new lines begin.
    indptr: Vec<i64>,
}

/// Stored values that one thread handles in some 10 ms.
const BITE: u64 = 1 << 22;

impl<'a> Turn<'a> {
    pub fn new(ctx: &Ctx, canonical: &'a Canonical) -> Result<Self> {
        let matrix = canonical.view();
        let n = matrix.n_minor();
        let mut indptr = zeros::<i64>(n + 1)?;
        {
            let counts = Shared::new(&mut indptr[1..]);
            let ranges: Vec<_> = Density::of(&matrix, &(0..n)).cut(ctx.threads()).collect();
            let rounds = Rounds::of(&matrix, ranges.len());
            with_exact_lines!(&matrix, |lines| rounds.run(ctx, &mut |majors| {
                let task = |r: usize| {
                    // SAFETY: the ranges are disjoint, and each is one task of this round.
                    count(lines, majors.clone(), ranges[r].clone(), unsafe { counts.slice(ranges[r].clone()) })
                };
                ctx.run(
                    ranges.len(),
                    || (),
                    |(), r| {
                        task(r);
                        Ok(())
                    },
                )
            }))?;
        }
        (0..n).for_each(|i| indptr[i + 1] += indptr[i]);
        Ok(Self { matrix, indptr })
    }

    pub fn n_lines(&self) -> usize {
        self.matrix.n_minor()
    }

    /// Ranges of new lines that take at most `budget` bytes each, or are one line.
    pub fn blocks(&self, budget: usize) -> Vec<Range<usize>> {
        let element = self.matrix.values().value_type().size() + self.index_size();
        let most = (budget / element) as i64;
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < self.n_lines() {
            let end = self.indptr.partition_point(|&at| at <= self.indptr[start] + most) - 1;
            let end = end.clamp(start + 1, self.n_lines());
            blocks.push(start..end);
            start = end;
        }
        blocks
    }

    fn index_size(&self) -> usize {
        if fits::<i32>(&self.matrix) { 4 } else { 8 }
    }

    /// These new lines: a matrix whose minor axis is the matrix' major one.
    pub fn lines(&self, ctx: &Ctx, block: Range<usize>) -> Result<Sparse> {
        ensure!(
            u32::try_from(self.matrix.n_minor()).is_ok(),
            Overflow,
            "matrix: has {} {}, must have at most {} to be transposed",
            self.matrix.n_minor(),
            self.matrix.major().other().name(),
            u32::MAX
        );
        with_exact_lines!(&self.matrix, |lines| if fits::<i32>(&self.matrix) {
            self.turned::<_, i32>(ctx, lines, block)
        } else {
            self.turned::<_, i64>(ctx, lines, block)
        })
    }

    fn turned<L: Lines, I: Index>(&self, ctx: &Ctx, lines: L, block: Range<usize>) -> Result<Sparse> {
        let first = self.indptr[block.start];
        let indptr: Vec<i64> = self.indptr[block.start..=block.end].iter().map(|at| at - first).collect();
        let nnz = *indptr.last().expect("never empty") as usize;
        let (mut indices, mut values) = (zeros::<I>(nnz)?, zeros::<L::V>(nnz)?);
        {
            let target = Target {
                first: block.start,
                indptr: &indptr,
                indices: Shared::new(&mut indices),
                values: Shared::new(&mut values),
            };
            let ranges: Vec<_> = balanced_ranges(block.len(), ctx.threads(), |i| indptr[i] as u64)
                .into_iter()
                .map(|r| r.start + block.start..r.end + block.start)
                .collect();
            self.scatter_all(ctx, &ranges, &target, &|lane, majors, strip| {
                // SAFETY: tasks that run at the same time have strips of different ranges, which are disjoint.
                unsafe { scatter(&lines, majors, strip, lane, &target) }
            })?;
        }
        let major = self.matrix.major().other();
        let shape = |axis: Axis| if axis == major { block.len() } else { self.matrix.n(axis) };
        Ok(Sparse {
            major,
            n_obs: shape(Axis::Obs),
            n_vars: shape(Axis::Var),
            indptr,
            indices: I::wrap_vec(indices),
            values: L::V::wrap_vec(values),
        })
    }

    /// Strip after strip, all ranges side by side.
    #[allow(clippy::type_complexity)]
    fn scatter_all<V: Value, I: Index>(
        &self,
        ctx: &Ctx,
        ranges: &[Range<usize>],
        target: &Target<V, I>,
        task: &(dyn Fn(&mut Lane, Range<usize>, Range<usize>) -> Result<()> + Sync),
    ) -> Result<()> {
        let n_major = self.matrix.n_major();
        let n_strips = target.strips_for(ranges, n_major);
        let strips: Vec<Vec<Range<usize>>> = ranges.iter().map(|range| target.cut(range, n_strips)).collect();
        let lane = |range: &Range<usize>| Ok(Lane { first: range.start, cursors: zeros(n_major)?, next: Vec::new() });
        let mut lanes = ranges.iter().map(lane).collect::<Result<Vec<Lane>>>()?;
        let rounds = Rounds::of(&self.matrix, ranges.len() * n_strips);
        for round in 0..n_strips {
            ctx.step(round, n_strips, || {
                rounds.run(ctx, &mut |majors| {
                    ctx.run_chunks(
                        &mut lanes,
                        1,
                        || (),
                        |(), r, lane| match strips[r].get(round) {
                            Some(strip) => task(&mut lane[0], majors.clone(), strip.clone()),
                            None => Ok(()),
                        },
                    )
                })
            })?;
        }
        Ok(())
    }
}

fn fits<I: Index>(matrix: &Matrix) -> bool {
    matrix.n_major() as u64 <= I::MAX as u64
}

/// Stretches of the old lines, short enough that the caller can stop between two of them.
struct Rounds(Vec<Range<usize>>);

impl Rounds {
    /// Rounds whose work is divided among so many tasks.
    fn of(matrix: &Matrix, tasks: usize) -> Self {
        let n = matrix.n_major();
        let work = matrix.n_stored() as u64 + n as u64;
        let rounds = work.div_ceil(BITE * tasks.max(1) as u64) as usize;
        Self(balanced_ranges(n, rounds.max(1), |major| matrix.stored_before(major)))
    }

    fn run(&self, ctx: &Ctx, task: &mut dyn FnMut(Range<usize>) -> Result<()>) -> Result<()> {
        for (i, majors) in self.0.iter().enumerate() {
            ctx.step(i, self.0.len(), || task(majors.clone()))?;
        }
        Ok(())
    }
}

/// Where the values go.
struct Target<'a, V, I> {
    /// The first new line.
    first: usize,
    indptr: &'a [i64],
    indices: Shared<'a, I>,
    values: Shared<'a, V>,
}

/// What a thread remembers between strips.
struct Lane {
    /// The first new line of its range.
    first: usize,
    /// For each old line, how many of its values are done.
    cursors: Vec<u32>,
    /// For each new line of the strip, where the next value goes.
    next: Vec<usize>,
}

impl<V: Value, I: Index> Target<'_, V, I> {
    fn before(&self, line: usize) -> u64 {
        self.indptr[line - self.first] as u64
    }

    /// How many strips to divide each range into. Many, so that the ends of a strip's lines stay in the cache (and in
    /// the table of pages); but an old line should have a dozen values in each, or the walk itself takes the time.
    fn strips_for(&self, ranges: &[Range<usize>], n_major: usize) -> usize {
        let longest = ranges.iter().map(|range| range.len()).max().unwrap_or(0);
        let nnz = self.indptr[self.indptr.len() - 1] as usize;
        longest.div_ceil(STRIP).min(nnz / (12 * n_major * ranges.len()).max(1)).max(1)
    }

    fn cut(&self, range: &Range<usize>, pieces: usize) -> Vec<Range<usize>> {
        let cuts = balanced_ranges(range.len(), pieces, |i| self.before(range.start + i));
        cuts.into_iter().map(|r| r.start + range.start..r.end + range.start).collect()
    }
}

/// New lines in a strip.
const STRIP: usize = 1024;

/// Counts the values of these lines at each of these positions.
fn count<L: Lines>(lines: L, majors: Range<usize>, minors: Range<usize>, counts: &mut [i64]) {
    for major in majors {
        lines.for_each_in_any_order(major, minors.clone(), |i, x| {
            counts[i - minors.start] += i64::from(!L::DENSE || x != L::V::default());
        });
    }
}

/// Moves the values of these lines that belong to the strip.
///
/// # Safety
/// No other task writes to the strip's lines.
unsafe fn scatter<L: Lines, I: Index>(
    lines: &L,
    majors: Range<usize>,
    strip: Range<usize>,
    lane: &mut Lane,
    target: &Target<L::V, I>,
) -> Result<()> {
    let place = target.before(strip.start) as usize..target.before(strip.end) as usize;
    if majors.start == 0 {
        lane.next.clear();
        lane.next.extend(strip.clone().map(|line| target.before(line) as usize - place.start));
    }
    // SAFETY: the places of the strip's lines are this task's.
    let (indices, values) = unsafe { (target.indices.slice(place.clone()), target.values.slice(place)) };
    let next = &mut lane.next[..strip.len()];
    for major in majors {
        let cursor = &mut lane.cursors[major];
        let first = match *cursor {
            0 if strip.start == lane.first => lines.find(major, strip.start..strip.start).start,
            k => k as usize,
        };
        let index = I::from_i64(major as i64);
        let mut fits = true;
        let k = lines.for_each_from(major, first, strip.end, |minor, x| {
            if L::DENSE && x == L::V::default() {
                return;
            }
            let Some(at) = next.get_mut(minor.wrapping_sub(strip.start)) else { return fits = false };
            match (indices.get_mut(*at), values.get_mut(*at)) {
                (Some(to_index), Some(to_value)) => (*to_index, *to_value) = (index, x),
                _ => fits = false,
            }
            *at += 1;
        });
        // Only where indices were said to be sorted and are not.
        ensure!(fits, Matrix, "matrix.indices: are not sorted in line {major} although the flags say so");
        *cursor = k as u32;
    }
    Ok(())
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
    fn dense_gives_its_non_zeros() {
        let values = [0.0f32, 1.0, f32::NAN, 0.0, -0.0, 2.0];
        let matrix = Matrix::dense(Axis::Obs, (2, 3), ValueSlice::F32(&values), 3).unwrap();
        let turned = transpose(&Ctx::new(1), &matrix).unwrap();
        assert_eq!(turned.indptr, [0, 0, 1, 3]);
        let ValueVec::F32(turned) = turned.values else { panic!() };
        assert!(turned[0] == 1.0 && turned[1].is_nan() && turned[2] == 2.0);
    }
}
