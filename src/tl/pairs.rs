//! Means over all pairs of cells of two groups, without a table of pairs.

use crate::ensure;
use crate::error::Result;
use crate::matrix::transpose::to_major;
use crate::matrix::{Axis, Groups, Lines, Matrix, Sparse, Value};
use crate::parallel::{Ctx, even_ranges};
use crate::with_lines;
use std::ops::Range;

/// Which groups to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparisons {
    /// Each group with each: n_groups x n_groups results.
    All,
    /// Each group with this one: n_groups results.
    WithReference(usize),
}

impl Comparisons {
    pub fn check(self, n_groups: usize) -> Result<()> {
        match self {
            Self::WithReference(r) => {
                ensure!(
                    r < n_groups,
                    InvalidArgument,
                    "reference: is {r}, must be a group, from 0 to {}",
                    n_groups as i64 - 1
                )
            }
            Self::All => {}
        }
        Ok(())
    }

    /// How many results there are.
    pub fn len(self, n_groups: usize) -> usize {
        match self {
            Self::All => n_groups * n_groups,
            Self::WithReference(_) => n_groups,
        }
    }

    /// The pairs of different groups, the smaller number first.
    pub fn pairs(self, n_groups: usize) -> Vec<(usize, usize)> {
        match self {
            Self::All => (0..n_groups).flat_map(|a| (a + 1..n_groups).map(move |b| (a, b))).collect(),
            Self::WithReference(r) => (0..n_groups).filter(|&a| a != r).map(|a| (a.min(r), a.max(r))).collect(),
        }
    }

    /// The results, from those of [`Comparisons::pairs`]; a group's distance from itself is 0.
    pub fn arrange(self, n_groups: usize, of_pairs: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.len(n_groups)];
        for (&distance, (a, b)) in of_pairs.iter().zip(self.pairs(n_groups)) {
            match self {
                Self::All => (out[a * n_groups + b], out[b * n_groups + a]) = (distance, distance),
                Self::WithReference(r) => out[if a == r { b } else { a }] = distance,
            }
        }
        out
    }
}

/// Mean values of a function of the squared distance, over pairs of cells.
pub struct PairMeans {
    /// Of each group: over all pairs of different cells of it. NaN for groups of fewer than two.
    pub within: Vec<f64>,
    /// Of each of [`Comparisons::pairs`]: over all pairs of a cell of one and a cell of the other.
    pub between: Vec<f64>,
}

/// Cells as points, readable one by one.
pub struct Points<'a> {
    matrix: Matrix<'a>,
}

/// A matrix that [`Points`] can borrow: as it is, or compressed along its cells.
pub enum Readable<'a> {
    AsIs(Matrix<'a>),
    Turned(Sparse),
}

impl<'a> Readable<'a> {
    /// `matrix` must be canonical.
    pub fn new(ctx: &Ctx, matrix: &Matrix<'a>) -> Result<Self> {
        if matrix.is_sparse() && matrix.major() == Axis::Var {
            return Ok(Self::Turned(to_major(ctx, matrix, Axis::Obs)?));
        }
        Ok(Self::AsIs(matrix.clone()))
    }

    pub fn points(&self) -> Points<'_> {
        match self {
            Self::AsIs(matrix) => Points { matrix: matrix.clone() },
            Self::Turned(sparse) => Points { matrix: sparse.view() },
        }
    }
}

impl Points<'_> {
    pub fn dims(&self) -> usize {
        self.matrix.n_vars()
    }

    /// Writes `cells`, one by one, to places `lanes` apart in `out`: with one lane a row after the other, with more a
    /// panel whose columns are the cells.
    fn pack(&self, cells: &[usize], lanes: usize, out: &mut [f64]) {
        let dims = self.dims();
        let step = if lanes == 1 { dims } else { 1 };
        with_lines!(&self.matrix, |lines| {
            for (i, &cell) in cells.iter().enumerate() {
                read(&lines, self.matrix.major(), cell, lanes, &mut out[i * step..]);
            }
        });
    }
}

fn read(lines: &impl Lines, major: Axis, cell: usize, lanes: usize, out: &mut [f64]) {
    match major {
        Axis::Obs => lines.for_each(cell, |dim, x| out[dim * lanes] = x.to_f64()),
        Axis::Var => {
            for dim in 0..lines.n_major() {
                lines.for_each_in(dim, cell..cell + 1, |_, x| out[dim * lanes] = x.to_f64());
            }
        }
    }
}

/// Cells of one group that a task compares, with each of `LANES` cells of the other at a time.
const ROWS: usize = 64;
/// Distances that are computed side by side, each adding up its dimensions in order.
const LANES: usize = 16;
/// Differences that one task takes: some hundredths of a second.
const WORK: usize = 1 << 25;

/// A block of pairs: some cells of group `a` with some of group `b`; if they are one group, the pairs `i < j`.
struct Block {
    a: usize,
    b: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

/// The blocks of a pair of groups. Where they begin and end depends on the groups' sizes and the dimensions alone.
fn blocks(groups: &Groups, a: usize, b: usize, dims: usize) -> impl Iterator<Item = Block> {
    let wide = (WORK / (ROWS * dims.max(1))).clamp(1, 1024) * LANES;
    let (n_rows, n_columns) = (groups.size(a), groups.size(b));
    even_ranges(n_rows, ROWS).flat_map(move |rows| {
        even_ranges(n_columns, wide)
            .filter({
                let first = rows.start;
                move |columns| a != b || columns.end > first + 1
            })
            .map(move |columns| Block { a, b, rows: rows.clone(), columns })
    })
}

/// The means of `value(squared Euclidean distance)` within each group and between the groups of each comparison.
///
/// Each block of pairs is added up by one thread in a fixed order, then the blocks in theirs.
pub fn pair_means(
    ctx: &Ctx,
    points: &Points,
    groups: &Groups,
    comparisons: Comparisons,
    value: impl Fn(f64) -> f64 + Sync,
) -> Result<PairMeans> {
    let n_groups = groups.n_groups();
    let same = (0..n_groups).map(|g| (g, g));
    let wanted: Vec<(usize, usize)> = same.chain(comparisons.pairs(n_groups)).collect();
    let mut all = Vec::new();
    let mut ends = Vec::with_capacity(wanted.len());
    for &(a, b) in &wanted {
        all.extend(blocks(groups, a, b, points.dims()));
        ends.push(all.len());
    }

    let mut sums = vec![0.0; all.len()];
    let scratch = || (vec![0.0; ROWS * points.dims()], vec![0.0; LANES * points.dims()]);
    ctx.run_chunks(&mut sums, 1, scratch, |(rows, panel), i, out| {
        out[0] = block_sum(points, groups, &all[i], rows, panel, &value);
        Ok(())
    })?;

    let mut begin = 0;
    let means = wanted.iter().zip(ends).map(|(&(a, b), end)| {
        let sum: f64 = sums[begin..end].iter().sum();
        begin = end;
        let (n, m) = (groups.size(a) as f64, groups.size(b) as f64);
        sum / if a == b { n * (n - 1.0) / 2.0 } else { n * m }
    });
    let mut within: Vec<f64> = means.collect();
    let between = within.split_off(n_groups);
    Ok(PairMeans { within, between })
}

fn block_sum(
    points: &Points,
    groups: &Groups,
    block: &Block,
    rows: &mut [f64],
    panel: &mut [f64],
    value: &impl Fn(f64) -> f64,
) -> f64 {
    let dims = points.dims();
    let row_cells = &groups.members(block.a)[block.rows.clone()];
    rows.fill(0.0);
    points.pack(row_cells, 1, rows);
    let mut sum = 0.0;
    let columns = block.columns.clone();
    for at in columns.clone().step_by(LANES) {
        let lanes = at..(at + LANES).min(columns.end);
        panel.fill(0.0);
        points.pack(&groups.members(block.b)[lanes.clone()], LANES, panel);
        for i in 0..row_cells.len() {
            // Within a group each pair is taken once, and no cell with itself.
            let first = if block.a == block.b { (block.rows.start + i + 1).max(lanes.start) } else { lanes.start };
            if first < lanes.end {
                let distances = squared_distances(&rows[i * dims..(i + 1) * dims], panel);
                for distance in &distances[first - lanes.start..lanes.len()] {
                    sum += value(*distance);
                }
            }
        }
    }
    sum
}

/// The squared distances of a point from those of a panel.
fn squared_distances(point: &[f64], panel: &[f64]) -> [f64; LANES] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { squared_distances_avx2(point, panel) };
    }
    squared_distances_anywhere(point, panel)
}

/// The same operations in the same order, wider.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn squared_distances_avx2(point: &[f64], panel: &[f64]) -> [f64; LANES] {
    squared_distances_anywhere(point, panel)
}

#[inline(always)]
fn squared_distances_anywhere(point: &[f64], panel: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (&x, others) in point.iter().zip(panel.as_chunks::<LANES>().0) {
        for (sum, &y) in sums.iter_mut().zip(others) {
            let difference = x - y;
            *sum += difference * difference;
        }
    }
    sums
}

/// The median distance of pairs of these cells; NaN for fewer than two.
pub fn median_distance(ctx: &Ctx, points: &Points, cells: &[usize]) -> Result<f64> {
    let dims = points.dims();
    let mut rows = vec![0.0; cells.len() * dims];
    points.pack(cells, 1, &mut rows);
    let row = |i: usize| &rows[i * dims..(i + 1) * dims];
    let mut distances: Vec<f64> = ctx
        .map(cells.len(), |i| {
            let squared = |j: usize| row(i).iter().zip(row(j)).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
            Ok((i + 1..cells.len()).map(|j| squared(j).sqrt()).collect::<Vec<f64>>())
        })?
        .concat();
    let n = distances.len();
    if n == 0 || distances.iter().any(|d| d.is_nan()) {
        return Ok(f64::NAN);
    }
    let (below, &mut upper, _) = distances.select_nth_unstable_by(n / 2, f64::total_cmp);
    let lower = if n % 2 == 1 { upper } else { below.iter().copied().fold(0.0, f64::max) };
    Ok((lower + upper) / 2.0)
}
