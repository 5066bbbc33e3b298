//! Sums, means, variances, counts and extremes along an axis, for all lines or for groups of them.
//!
//! One function does it all: [`aggregate`]. Its words are those of groups of cells (a sum for each group and gene);
//! genes are aggregated by the same code on the transposed view, and "all cells" is one group.
//!
//! Order of summation: see the crate's front page. Each sum takes its cells in ascending order into one f64, whatever
//! the layout. Lines that run along cells' genes (obs-major) are *scattered* into a row of sums, group by group so that
//! the row stays in the cache; lines along genes' cells (var-major) are *gathered*, each into the sums of its gene.

use super::buffer::zeros;
use super::density::Density;
use super::shared::Shared;
use super::{Axis, Groups, Lines, Matrix, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};
use crate::{ensure, with_lines};
use std::ops::Range;

/// What [`aggregate`] computes beside the sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Variances (and sums of squares) with this `ddof`: the divisor is the group's size less it.
    pub ddof: Option<f64>,
    /// How many values are not zero.
    pub nonzeros: bool,
    /// The smallest and largest values.
    pub extremes: bool,
}

/// Results of [`aggregate`], each `n_groups` x `n`, row-major; what was not wanted is empty.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    pub n_groups: usize,
    /// Columns: the length of the axis that was kept.
    pub n: usize,
    /// Lines in each group.
    pub sizes: Vec<usize>,
    pub sums: Vec<f64>,
    pub square_sums: Vec<f64>,
    pub variances: Vec<f64>,
    pub nonzeros: Vec<f64>,
    pub mins: Vec<f64>,
    pub maxs: Vec<f64>,
}

impl Aggregate {
    /// Sum over size; NaN for an empty group.
    pub fn means(&self) -> Vec<f64> {
        per_group(self.n, &self.sizes).zip(&self.sums).map(|(size, sum)| sum / size).collect()
    }
}

/// Sums (and what is wanted beside) over the lines of each group: `over` is the axis that `groups` labels and that is
/// summed over, the other axis is kept.
///
/// - Values are read as f64; sums of integers are exact up to 2^53. NaN and infinities propagate as numpy's do.
/// - Variances come from sum and sum of squares; where these cancel (a variance below a thousandth of the squared mean)
///   they are computed again from the deviations. A group not larger than `ddof` has NaN.
/// - Extremes count zeros that are not stored; those of an empty group are NaN.
/// - Memory: the results, and one row of accumulators per thread.
pub fn aggregate(ctx: &Ctx, matrix: &Matrix, over: Axis, groups: &Groups, wanted: Wanted) -> Result<Aggregate> {
    aggregate_mapped(ctx, matrix, over, groups, wanted, |_, x| x)
}

/// [`aggregate`] of `map(i, x)`, `i` being the position on the kept axis, in place of each value `x`. `map(i, 0.0)`
/// must be 0: zeros that are not stored are not mapped.
pub fn aggregate_mapped(
    ctx: &Ctx,
    matrix: &Matrix,
    over: Axis,
    groups: &Groups,
    wanted: Wanted,
    map: impl Fn(usize, f64) -> f64 + Sync + Copy,
) -> Result<Aggregate> {
    let canonical = matrix.canonical(ctx)?;
    let matrix = match over {
        Axis::Obs => canonical.view(),
        Axis::Var => canonical.view().transposed(),
    };
    ensure!(
        groups.n() == matrix.n_obs(),
        Shape,
        "groups: has {} labels, must have {}, the matrix' number of {}",
        groups.n(),
        matrix.n_obs(),
        over.name()
    );
    let (n_groups, n) = (groups.n_groups(), matrix.n_vars());
    let len = n_groups * n;
    let all = Selection::all(groups, n);
    let mut out = Aggregate { n_groups, n, sizes: groups.sizes(), ..Default::default() };

    let passes = 1 + usize::from(wanted.ddof.is_some()) + usize::from(wanted.extremes);
    if wanted.ddof.is_some() || wanted.nonzeros {
        let mut state = [zeros(len)?, zeros(len)?, zeros(len)?, vec![]];
        ctx.step(0, passes, || pass::<Moments>(ctx, &matrix, groups, &all, &mut state, map))?;
        let [sums, square_sums, nonzeros, _] = state;
        (out.sums, out.square_sums) = (sums, square_sums);
        if let Some(ddof) = wanted.ddof {
            out.variances = ctx.step(1, passes, || variances(ctx, &matrix, groups, ddof, &out, map))?;
        } else {
            out.square_sums = vec![];
        }
        if wanted.nonzeros {
            out.nonzeros = nonzeros;
        }
    } else {
        let mut state = [zeros(len)?, vec![], vec![], vec![]];
        ctx.step(0, passes, || pass::<Sum>(ctx, &matrix, groups, &all, &mut state, map))?;
        [out.sums, ..] = state;
    }
    if wanted.extremes {
        let mut state = [vec![f64::INFINITY; len], vec![f64::NEG_INFINITY; len], zeros(len)?, vec![]];
        ctx.step(passes - 1, passes, || pass::<Extremes>(ctx, &matrix, groups, &all, &mut state, map))?;
        let [mins, maxs, nonzeros, _] = state;
        let seen = |(size, nonzero): (f64, &f64), extreme: f64, smaller: fn(f64, f64) -> f64| match size {
            0.0 => f64::NAN,
            _ if *nonzero < size && !extreme.is_nan() => smaller(extreme, 0.0),
            _ => extreme,
        };
        let counts = || per_group(n, &out.sizes).zip(&nonzeros);
        out.mins = counts().zip(mins).map(|(count, x)| seen(count, x, f64::min)).collect();
        out.maxs = counts().zip(maxs).map(|(count, x)| seen(count, x, f64::max)).collect();
    }
    Ok(out)
}

/// Sums over an axis: over `Obs`, one for each gene.
pub fn sums(ctx: &Ctx, matrix: &Matrix, over: Axis) -> Result<Vec<f64>> {
    Ok(aggregate(ctx, matrix, over, &Groups::all(matrix.n(over)), Wanted::default())?.sums)
}

/// Means and variances over an axis: over `Obs`, one of each for each gene.
pub fn mean_var(ctx: &Ctx, matrix: &Matrix, over: Axis, ddof: f64) -> Result<(Vec<f64>, Vec<f64>)> {
    let wanted = Wanted { ddof: Some(ddof), ..Default::default() };
    let result = aggregate(ctx, matrix, over, &Groups::all(matrix.n(over)), wanted)?;
    Ok((result.means(), result.variances))
}

/// The size of the group that each of the `n_groups` x `n` results belongs to.
fn per_group(n: usize, sizes: &[usize]) -> impl Iterator<Item = f64> {
    sizes.iter().flat_map(move |&size| std::iter::repeat_n(size as f64, n))
}

/// A variance below this part of the squared mean has lost digits to the cancellation of sum of squares and squared
/// sum, and is computed again.
const CANCELS: f64 = 1e-3;

fn variances(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    ddof: f64,
    moments: &Aggregate,
    map: impl Fn(usize, f64) -> f64 + Sync + Copy,
) -> Result<Vec<f64>> {
    let (n_groups, n) = (moments.n_groups, moments.n);
    let mut variances = zeros(n_groups * n)?;
    let mut redo = Selection { lines: vec![false; n], groups: vec![false; n_groups] };
    let doubtful = |variance: f64, mean: f64, size: f64| {
        // A sum that is not finite makes the variance NaN, as it should; an infinite sum of squares alone does not.
        size > ddof && mean.is_finite() && mean != 0.0 && !(variance >= CANCELS * mean * mean && variance.is_finite())
    };
    for (i, size) in per_group(n, &moments.sizes).enumerate() {
        let (sum, squares) = (moments.sums[i], moments.square_sums[i]);
        let mean = sum / size;
        variances[i] = divide(squares - mean * sum, size, ddof);
        if doubtful(variances[i], mean, size) {
            redo.groups[i / n] = true;
            redo.lines[i % n] = true;
        }
    }
    if !redo.groups.contains(&true) {
        return Ok(variances);
    }
    let len = n_groups * n;
    let mut state = [moments.means(), zeros(len)?, zeros(len)?, zeros(len)?];
    pass::<Deviations>(ctx, matrix, groups, &redo, &mut state, map)?;
    let [means, deviations, squares, nonzeros] = state;
    for (i, size) in per_group(n, &moments.sizes).enumerate() {
        if doubtful(variances[i], means[i], size) {
            let zeros = size - nonzeros[i];
            let deviation = deviations[i] - zeros * means[i];
            let square = squares[i] + zeros * means[i] * means[i];
            // Less the squared sum of deviations, which is rounding only (Chan, Golub & LeVeque 1983, eq. 1.7).
            variances[i] = divide(square - deviation * deviation / size, size, ddof);
        }
    }
    Ok(variances)
}

fn divide(squares: f64, size: f64, ddof: f64) -> f64 {
    if size <= ddof {
        f64::NAN
    } else if squares < 0.0 {
        0.0
    } else {
        squares / (size - ddof)
    }
}

/// The accumulators of one group and gene: what is added to for each value.
trait Fold: Copy + Send {
    /// How many numbers it consists of.
    const N: usize;
    fn load(numbers: [f64; 4]) -> Self;
    fn add(&mut self, x: f64);
    fn store(self) -> [f64; 4];
}

#[derive(Clone, Copy)]
struct Sum(f64);

impl Fold for Sum {
    const N: usize = 1;
    #[inline(always)]
    fn load([sum, ..]: [f64; 4]) -> Self {
        Self(sum)
    }
    #[inline(always)]
    fn add(&mut self, x: f64) {
        self.0 += x;
    }
    #[inline(always)]
    fn store(self) -> [f64; 4] {
        [self.0, 0.0, 0.0, 0.0]
    }
}

/// Sum, sum of squares, number of non-zeros. Aligned so that each lies in one cache line.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Moments([f64; 4]);

impl Fold for Moments {
    const N: usize = 3;
    #[inline(always)]
    fn load(numbers: [f64; 4]) -> Self {
        Self(numbers)
    }
    #[inline(always)]
    fn add(&mut self, x: f64) {
        let more = [x, x * x, f64::from(u8::from(x != 0.0)), 0.0];
        self.0.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    #[inline(always)]
    fn store(self) -> [f64; 4] {
        self.0
    }
}

/// Smallest and largest value that is not zero, number of non-zeros.
#[derive(Clone, Copy)]
struct Extremes {
    min: f64,
    max: f64,
    nonzeros: f64,
}

impl Fold for Extremes {
    const N: usize = 3;
    #[inline(always)]
    fn load([min, max, nonzeros, _]: [f64; 4]) -> Self {
        Self { min, max, nonzeros }
    }
    #[inline(always)]
    fn add(&mut self, x: f64) {
        if x != 0.0 {
            // NaN takes the place of any number, and no number that of NaN.
            self.min = if x < self.min || x.is_nan() { x } else { self.min };
            self.max = if x > self.max || x.is_nan() { x } else { self.max };
            self.nonzeros += 1.0;
        }
    }
    #[inline(always)]
    fn store(self) -> [f64; 4] {
        [self.min, self.max, self.nonzeros, 0.0]
    }
}

/// Deviations of the non-zeros from a centre: the centre, their sum, that of their squares, their number.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Deviations {
    centre: f64,
    sum: f64,
    squares: f64,
    nonzeros: f64,
}

impl Fold for Deviations {
    const N: usize = 4;
    #[inline(always)]
    fn load([centre, sum, squares, nonzeros]: [f64; 4]) -> Self {
        Self { centre, sum, squares, nonzeros }
    }
    #[inline(always)]
    fn add(&mut self, x: f64) {
        if x != 0.0 {
            let deviation = x - self.centre;
            self.sum += deviation;
            self.squares += deviation * deviation;
            self.nonzeros += 1.0;
        }
    }
    #[inline(always)]
    fn store(self) -> [f64; 4] {
        [self.centre, self.sum, self.squares, self.nonzeros]
    }
}

/// The accumulators' numbers between tasks: up to four tables of `n_groups` x `n`.
struct Tables<'a> {
    tables: [Shared<'a, f64>; 4],
    n: usize,
}

impl Tables<'_> {
    /// # Safety
    /// No other task uses the accumulators of this group and line.
    #[inline(always)]
    unsafe fn load<F: Fold>(&self, group: usize, line: usize) -> F {
        let mut numbers = [0.0; 4];
        for (number, table) in numbers.iter_mut().zip(&self.tables).take(F::N) {
            // SAFETY: as this function's own contract.
            *number = unsafe { table.get(group * self.n + line) };
        }
        F::load(numbers)
    }

    /// # Safety
    /// As `load`.
    #[inline(always)]
    unsafe fn store<F: Fold>(&self, group: usize, line: usize, fold: F) {
        for (number, table) in fold.store().into_iter().zip(&self.tables).take(F::N) {
            // SAFETY: as this function's own contract.
            unsafe { table.set(group * self.n + line, number) };
        }
    }
}

/// Which groups and genes a pass is for; it may do more.
struct Selection {
    lines: Vec<bool>,
    groups: Vec<bool>,
}

impl Selection {
    fn all(groups: &Groups, n: usize) -> Self {
        Self { lines: vec![true; n], groups: vec![true; groups.n_groups()] }
    }

    /// The genes from the first to the last selected one.
    fn hull(&self) -> Range<usize> {
        let first = self.lines.iter().position(|&x| x).unwrap_or(0);
        let end = self.lines.iter().rposition(|&x| x).map_or(0, |last| last + 1);
        first..end.max(first)
    }
}

/// A piece of work: the values of these members of a group (of all groups if gathering) and these genes.
struct Task {
    group: usize,
    members: Range<usize>,
    genes: Range<usize>,
}

/// Folds all values of the selected groups and genes (at least) into the tables.
fn pass<F: Fold>(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    selection: &Selection,
    tables: &mut [Vec<f64>; 4],
    map: impl Fn(usize, f64) -> f64 + Sync + Copy,
) -> Result<()> {
    let tables = Tables { tables: tables.each_mut().map(|table| Shared::new(table)), n: matrix.n_vars() };
    with_lines!(matrix, |lines| match matrix.major() {
        Axis::Obs => scattered::<F>(ctx, matrix, groups, selection, &|accumulators, task| {
            // SAFETY: tasks that run at the same time differ in their group or have disjoint ranges of genes.
            unsafe { scatter(lines, groups, &tables, accumulators, task, map) }
        }),
        Axis::Var => gathered::<F>(ctx, matrix, groups, &|accumulators, genes| {
            for gene in genes.filter(|&gene| selection.lines[gene]) {
                // SAFETY: tasks that run at the same time have disjoint ranges of genes.
                unsafe { gather(lines, groups, &tables, accumulators, gene, map) }
            }
        }),
    })
}

/// Adds the members' lines, in their order, to the row of accumulators of their group.
///
/// # Safety
/// No other task uses the accumulators of this task's group and genes.
unsafe fn scatter<F: Fold, L: Lines>(
    lines: L,
    groups: &Groups,
    tables: &Tables,
    row: &mut Vec<F>,
    task: &Task,
    map: impl Fn(usize, f64) -> f64,
) {
    let first = task.genes.start;
    row.clear();
    // SAFETY: as this function's own contract.
    row.extend(task.genes.clone().map(|gene| unsafe { tables.load::<F>(task.group, gene) }));
    for cell in task.members.clone().map(|member| groups.member(member)) {
        lines.for_each_in_any_order(cell, task.genes.clone(), |gene, x| row[gene - first].add(map(gene, x.to_f64())));
    }
    for (gene, &fold) in task.genes.clone().zip(row.iter()) {
        // SAFETY: as this function's own contract.
        unsafe { tables.store(task.group, gene, fold) };
    }
}

/// Adds the line of a gene to the accumulators of each cell's group.
///
/// # Safety
/// No other task uses the accumulators of this gene.
unsafe fn gather<F: Fold, L: Lines>(
    lines: L,
    groups: &Groups,
    tables: &Tables,
    column: &mut Vec<F>,
    gene: usize,
    map: impl Fn(usize, f64) -> f64,
) {
    if groups.is_all() {
        // SAFETY: as this function's own contract.
        let mut fold = unsafe { tables.load::<F>(0, gene) };
        lines.for_each(gene, |_, x| fold.add(map(gene, x.to_f64())));
        // SAFETY: as this function's own contract.
        unsafe { tables.store(0, gene, fold) };
        return;
    }
    // Place 0 takes what belongs to no group (label -1) and is thrown away: no branch in the loop.
    column.clear();
    column.push(F::load([0.0; 4]));
    // SAFETY: as this function's own contract.
    column.extend((0..groups.n_groups()).map(|group| unsafe { tables.load::<F>(group, gene) }));
    let labels = groups.labels();
    lines.for_each(gene, |cell, x| column[(labels[cell] + 1) as usize].add(map(gene, x.to_f64())));
    for (group, &fold) in column[1..].iter().enumerate() {
        // SAFETY: as this function's own contract.
        unsafe { tables.store(group, gene, fold) };
    }
}

/// Stored values that one thread folds in some 10 ms: how long the caller waits between two looks at its wish to stop.
const BITE: u64 = 1 << 22;

fn gathered<F: Fold>(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    task: &(dyn Fn(&mut Vec<F>, Range<usize>) + Sync),
) -> Result<()> {
    let n = matrix.n_vars();
    let bites = (matrix.n_stored() as u64 + (n * groups.n_groups()) as u64).div_ceil(BITE) as usize;
    let ranges = balanced_ranges(n, bites.max(8 * ctx.threads()), |gene| matrix.stored_before(gene));
    ctx.run(ranges.len(), Vec::new, |accumulators, i| {
        task(accumulators, ranges[i].clone());
        Ok(())
    })
}

/// Goes through the members of all groups in rounds. A round is a stretch of them small enough for a quick stop; its
/// tasks are the groups in it, those that are large for it divided by genes.
fn scattered<F: Fold>(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    selection: &Selection,
    task: &(dyn Fn(&mut Vec<F>, &Task) + Sync),
) -> Result<()> {
    let hull = selection.hull();
    if hull.is_empty() {
        return Ok(());
    }
    let threads = ctx.threads();
    let weight = |member: usize| {
        let cell = groups.member(member);
        matrix.stored_before(cell + 1) - matrix.stored_before(cell) + 8
    };
    let density = Density::of(matrix, &hull);
    let selected = || (0..groups.n_groups()).filter(|&group| selection.groups[group]);
    let whole: u64 = selected().flat_map(|group| groups.range(group)).map(weight).sum();

    let mut stretches = Vec::new();
    for group in selected() {
        let mut start = groups.range(group).start;
        let mut filled = 0;
        for member in groups.range(group) {
            filled += weight(member);
            let end = member + 1;
            if filled >= BITE * threads as u64 || end == groups.range(group).end {
                stretches.push((group, start..end, filled));
                (start, filled) = (end, 0);
            }
        }
    }

    let mut done = 0;
    let mut rest = &stretches[..];
    while !rest.is_empty() {
        // At least one stretch, and as many of other groups as are no more work than one may be.
        let mut filled = rest[0].2;
        let mut n = 1;
        while n < rest.len() && rest[n].0 != rest[n - 1].0 && filled + rest[n].2 <= BITE * threads as u64 {
            filled += rest[n].2;
            n += 1;
        }
        let mut tasks = Vec::new();
        for (group, members, weight) in &rest[..n] {
            let pieces = (2 * threads as u64 * weight).div_ceil(filled).min(threads as u64) as usize;
            for genes in density.cut(pieces) {
                tasks.push(Task { group: *group, members: members.clone(), genes });
            }
        }
        let (from, to) = (done as f64 / whole as f64, (done + filled) as f64 / whole as f64);
        ctx.within(from, to, || {
            ctx.run(tasks.len(), Vec::new, |accumulators, i| {
                task(accumulators, &tasks[i]);
                Ok(())
            })
        })?;
        done += filled;
        rest = &rest[n..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{IndexSlice, ValueSlice};

    const WANTED: Wanted = Wanted { ddof: Some(1.0), nonzeros: true, extremes: true };

    /// A matrix with about a third of its values set, from a linear congruential generator.
    fn example(n_obs: usize, n_vars: usize) -> Vec<f64> {
        let mut state = 12345u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f64 / (1 << 24) as f64
        };
        (0..n_obs * n_vars).map(|_| if next() < 0.3 { next() * 9.0 - 1.0 } else { 0.0 }).collect()
    }

    /// Offsets, indices and values of the non-zeros of a row-major table.
    fn compress(table: &[f64], n_minor: usize) -> (Vec<i64>, Vec<i32>, Vec<f64>) {
        let (mut indptr, mut indices, mut values) = (vec![0], vec![], vec![]);
        for row in table.chunks(n_minor) {
            for (i, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                indices.push(i as i32);
                values.push(x);
            }
            indptr.push(indices.len() as i64);
        }
        (indptr, indices, values)
    }

    fn turn(table: &[f64], n_minor: usize) -> Vec<f64> {
        (0..n_minor).flat_map(|j| table.iter().skip(j).step_by(n_minor).copied()).collect()
    }

    /// Every layout of the same matrix.
    fn in_each_layout(table: &[f64], (n_obs, n_vars): (usize, usize), check: impl Fn(&Matrix)) {
        let turned = turn(table, n_vars);
        for (major, table, n_minor) in [(Axis::Obs, table, n_vars), (Axis::Var, &turned[..], n_obs)] {
            check(&Matrix::dense(major, (n_obs, n_vars), ValueSlice::F64(table), n_minor).unwrap());
            let (indptr, indices, values) = compress(table, n_minor);
            let (indptr, indices, values) =
                (IndexSlice::I64(&indptr), IndexSlice::I32(&indices), ValueSlice::F64(&values));
            check(&Matrix::sparse(major, (n_obs, n_vars), indptr, indices, values, 0, false).unwrap());
        }
    }

    fn bits(x: &[f64]) -> Vec<u64> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn every_layout_and_thread_count_gives_the_same_bits_and_the_right_values() {
        let shape = (211, 37);
        let table = example(shape.0, shape.1);
        let labels: Vec<i32> = (0..shape.0).map(|i| (i * i % 5) as i32 - 1).collect();
        let groups = Groups::new(&labels[..], 5, shape.0, "groups").unwrap();
        let mut first: Option<Aggregate> = None;
        for threads in [1, 2, 3, 8] {
            let ctx = Ctx::new(threads);
            in_each_layout(&table, shape, |matrix| {
                let got = aggregate(&ctx, matrix, Axis::Obs, &groups, WANTED).unwrap();
                if let Some(first) = &first {
                    for (a, b) in [
                        (&got.sums, &first.sums),
                        (&got.variances, &first.variances),
                        (&got.nonzeros, &first.nonzeros),
                        (&got.mins, &first.mins),
                        (&got.maxs, &first.maxs),
                    ] {
                        assert_eq!(bits(a), bits(b));
                    }
                }
                for g in 0..5 {
                    for j in 0..shape.1 {
                        let values: Vec<f64> = groups.members(g).iter().map(|i| table[i * shape.1 + j]).collect();
                        let (n, at) = (values.len() as f64, g * shape.1 + j);
                        let mean = values.iter().sum::<f64>() / n;
                        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
                        assert_eq!(got.sums[at], values.iter().sum::<f64>());
                        assert!((got.variances[at] - variance).abs() <= 1e-12 * variance || n == 0.0, "{g} {j}");
                        assert_eq!(got.nonzeros[at], values.iter().filter(|x| **x != 0.0).count() as f64);
                        if n > 0.0 {
                            assert_eq!(got.mins[at], values.iter().copied().fold(f64::INFINITY, f64::min));
                            assert_eq!(got.maxs[at], values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                        } else {
                            assert!(got.means()[at].is_nan() && got.variances[at].is_nan() && got.mins[at].is_nan());
                        }
                    }
                }
                // Over genes: the same as over the cells of the transposed table.
                let by_cell = sums(&ctx, matrix, Axis::Var).unwrap();
                let want: Vec<f64> = table.chunks(shape.1).map(|row| row.iter().sum()).collect();
                assert_eq!(bits(&by_cell), bits(&want));
            });
            if first.is_none() {
                let matrix = Matrix::dense(Axis::Obs, shape, ValueSlice::F64(&table), shape.1).unwrap();
                first = Some(aggregate(&ctx, &matrix, Axis::Obs, &groups, WANTED).unwrap());
            }
        }
    }

    #[test]
    fn variances_survive_cancellation() {
        // Means of 1e6 with standard deviations of 1: the one-pass formula keeps four digits of them.
        let n = 1000;
        let noise = |i: usize| (i * 7919 % 1000) as f64 / 1000.0;
        let table: Vec<f64> = (0..n).flat_map(|i| [1e6 + noise(i), 3.7, noise(i), 0.0]).collect();
        in_each_layout(&table, (n, 4), |matrix| {
            let (means, variances) = mean_var(&Ctx::new(2), matrix, Axis::Obs, 1.0).unwrap();
            let want = variances[2];
            assert!((variances[0] - want).abs() < 1e-9 * want, "{} {want}", variances[0]);
            assert!((means[0] - 1e6 - means[2]).abs() < 1e-9);
            assert!(variances[1] < 1e-28 && variances[3] == 0.0);
        });
    }

    #[test]
    fn nan_and_infinity_propagate() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let table = [nan, inf, 1.0, 1e160, 2.0, -1.0, 0.0, 1e160, 0.0, 3.0, 4.0, 1e160];
        in_each_layout(&table, (3, 4), |matrix| {
            let got = aggregate(&Ctx::new(1), matrix, Axis::Obs, &Groups::all(3), WANTED).unwrap();
            assert!(got.sums[0].is_nan() && got.variances[0].is_nan() && got.mins[0].is_nan() && got.maxs[0].is_nan());
            assert_eq!((got.sums[1], got.mins[1], got.maxs[1]), (inf, -1.0, inf));
            assert!(got.variances[1].is_nan());
            // Squares of 1e160 overflow, deviations from their mean do not.
            assert!(got.variances[3] < 1e300 && got.nonzeros == [2.0, 3.0, 2.0, 3.0]);
        });
    }

    #[test]
    fn empty_matrices_and_lone_cells() {
        for (shape, n) in [((0, 3), 0), ((3, 0), 3)] {
            let matrix = Matrix::dense(Axis::Obs, shape, ValueSlice::F64(&[]), shape.1).unwrap();
            let got = aggregate(&Ctx::new(2), &matrix, Axis::Obs, &Groups::all(n), WANTED).unwrap();
            assert_eq!(got.sums, vec![0.0; shape.1]);
            assert!(got.variances.iter().chain(&got.mins).all(|x| x.is_nan()));
        }
        let matrix = Matrix::dense(Axis::Obs, (1, 2), ValueSlice::F64(&[5.0, 0.0]), 2).unwrap();
        let (means, variances) = mean_var(&Ctx::new(2), &matrix, Axis::Obs, 1.0).unwrap();
        assert!(means == [5.0, 0.0] && variances.iter().all(|x| x.is_nan()));
        assert_eq!(mean_var(&Ctx::new(2), &matrix, Axis::Obs, 0.0).unwrap().1, [0.0, 0.0]);
    }
}
