//! Sums, means, variances, counts and extremes along an axis, for all lines or for groups of them.
//!
//! One function does it all: [`aggregate`]. Its words are those of groups of cells (a sum for each group and gene);
//! genes are aggregated by the same code on the transposed view, and "all cells" is one group.
//!
//! Order of summation: see the crate's front page. Each sum takes its cells in ascending order into one f64, whatever
//! the layout. Lines that run along cells' genes (obs-major) are *scattered* into a row of accumulators, group by group
//! so that the row stays in the cache; lines along genes' cells (var-major) are *gathered*, each into the accumulators
//! of its gene. How is the subject of `fold` and, for whole lines, `moments`.
//!
//! Speed, of a matrix with 28 M non-zeros of f32 and 2 threads, its indices known to be canonical: mean and variance of
//! each gene take 3.5 to 3.8 ms var-major, where the memory's limit is 2.2, and 15.5 ms obs-major, where it is 4.4: to read a
//! value's gene and add to one of 20,000 accumulators takes 0.7 ns each and thread from the cache, and what the values cost that
//! come from memory, 0.6 ns each where threads read parts of lines, hides only half behind it. Sums alone, in any order if
//! they are exact, take 13. All of 20 groups at once take 23 ms. Sum, mean, variance and count of each of 501 groups of 48 M
//! non-zeros take 45 to 57 ms, a sixth of it for the pages of the results.

use super::buffer::zeros;
use super::exact_sums::exact_sums;
use super::fold::{Ends, Fold, Identity, Map, Selection, pass};
use super::moments::Summed;
use super::shared::Shared;
use super::{Axis, Groups, Matrix};
use crate::ensure;
use crate::error::Result;
use crate::parallel::{Ctx, lock};
use crate::simd::widest_f64;
use std::ops::Range;
use std::sync::Mutex;

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

/// Where [`aggregate_into`] writes: tables of `n_groups` x `n`, row-major. What is `None` is not computed.
#[derive(Debug, Default)]
pub struct Targets<'a> {
    pub sums: Option<&'a mut [f64]>,
    pub means: Option<&'a mut [f64]>,
    pub square_sums: Option<&'a mut [f64]>,
    pub variances: Option<&'a mut [f64]>,
    pub nonzeros: Option<&'a mut [f64]>,
    pub mins: Option<&'a mut [f64]>,
    pub maxs: Option<&'a mut [f64]>,
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
    collected(ctx, matrix, over, groups, wanted, Identity)
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
    collected(ctx, matrix, over, groups, wanted, map)
}

/// [`aggregate`] into the caller's tables, variances with `ddof`. Cancelled half way it leaves part of the results there.
pub fn aggregate_into(
    ctx: &Ctx,
    matrix: &Matrix,
    over: Axis,
    groups: &Groups,
    ddof: f64,
    targets: Targets,
) -> Result<()> {
    fill(ctx, matrix, over, groups, ddof, targets, Identity)
}

fn collected(
    ctx: &Ctx,
    matrix: &Matrix,
    over: Axis,
    groups: &Groups,
    wanted: Wanted,
    map: impl Map,
) -> Result<Aggregate> {
    let (n_groups, n) = (groups.n_groups(), matrix.n(over.other()));
    let table = |wanted: bool| if wanted { zeros(n_groups * n) } else { Ok(Vec::new()) };
    let mut out = Aggregate {
        n_groups,
        n,
        sizes: groups.sizes(),
        sums: table(true)?,
        square_sums: table(wanted.ddof.is_some())?,
        variances: table(wanted.ddof.is_some())?,
        nonzeros: table(wanted.nonzeros)?,
        mins: table(wanted.extremes)?,
        maxs: table(wanted.extremes)?,
    };
    fn if_wanted(wanted: bool, table: &mut [f64]) -> Option<&mut [f64]> {
        wanted.then_some(table)
    }
    let targets = Targets {
        sums: Some(&mut out.sums),
        means: None,
        square_sums: if_wanted(wanted.ddof.is_some(), &mut out.square_sums),
        variances: if_wanted(wanted.ddof.is_some(), &mut out.variances),
        nonzeros: if_wanted(wanted.nonzeros, &mut out.nonzeros),
        mins: if_wanted(wanted.extremes, &mut out.mins),
        maxs: if_wanted(wanted.extremes, &mut out.maxs),
    };
    fill(ctx, matrix, over, groups, wanted.ddof.unwrap_or_default(), targets, map)?;
    Ok(out)
}

fn fill(
    ctx: &Ctx,
    matrix: &Matrix,
    over: Axis,
    groups: &Groups,
    ddof: f64,
    targets: Targets,
    map: impl Map,
) -> Result<()> {
    // Of whole lines no index is read.
    let whole = matrix.major() != over && groups.is_all();
    let canonical = matrix.canonical_lines(ctx, whole.then_some(&[]))?;
    let matrix = &match over {
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
    let n = matrix.n_vars();
    let all = Selection::all(groups, n);
    let Targets { sums, means, square_sums, variances, nonzeros, mins, maxs } = targets;
    let squares = square_sums.is_some() || variances.is_some();
    let counts = nonzeros.is_some();
    let extremes = mins.is_some() || maxs.is_some();
    let summed = squares || counts || sums.is_some() || means.is_some();
    let steps = usize::from(summed) + usize::from(variances.is_some()) + usize::from(extremes);
    if summed {
        let tables = SumTables {
            groups,
            n,
            ddof,
            sums: sums.map(Shared::new),
            means: means.map(Shared::new),
            square_sums: square_sums.map(Shared::new),
            variances: variances.map(Shared::new),
            nonzeros: nonzeros.map(Shared::new),
            doubtful: Mutex::default(),
        };
        ctx.step(0, steps, || match (squares, counts) {
            (_, true) => pass::<Moments>(ctx, matrix, groups, &all, map, &tables),
            (true, false) => pass::<Squares>(ctx, matrix, groups, &all, map, &tables),
            (false, false) => sum(ctx, matrix, groups, &all, map, &tables),
        })?;
        let SumTables { variances, doubtful, .. } = tables;
        if let Some(variances) = variances {
            let doubtful = doubtful.into_inner().unwrap_or_else(|e| e.into_inner());
            ctx.step(1, steps, || again(ctx, matrix, groups, ddof, &doubtful, &variances, map))?;
        }
    }
    if extremes {
        let tables = ExtremeTables { groups, n, mins: mins.map(Shared::new), maxs: maxs.map(Shared::new) };
        ctx.step(steps - 1, steps, || pass::<Extremes>(ctx, matrix, groups, &all, map, &tables))?;
    }
    Ok(())
}

/// Sums alone, in any order if that makes no difference.
fn sum<M: Map>(ctx: &Ctx, matrix: &Matrix, groups: &Groups, all: &Selection, map: M, tables: &SumTables) -> Result<()> {
    if M::IDENTITY
        && groups.is_all()
        && matrix.major() == Axis::Obs
        && let Some(sums) = exact_sums(ctx, matrix)?
    {
        let sums: Vec<Sum> = sums.into_iter().map(Sum).collect();
        tables.end(0, 0..sums.len(), &sums);
        return Ok(());
    }
    pass::<Sum>(ctx, matrix, groups, all, map, tables)
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

#[inline(always)]
fn divide(squares: f64, size: f64, ddof: f64) -> f64 {
    if size <= ddof {
        f64::NAN
    } else if squares < 0.0 {
        0.0
    } else {
        squares / (size - ddof)
    }
}

/// A variance below this part of the squared mean has lost digits to the cancellation of sum of squares and squared
/// sum, and is computed again.
pub(crate) const CANCELS: f64 = 1e-3;

/// A variance that has to be computed again, about the mean.
struct Doubtful {
    group: usize,
    gene: usize,
    mean: f64,
}

/// Where sums go, and what follows from them.
struct SumTables<'a> {
    groups: &'a Groups<'a>,
    n: usize,
    ddof: f64,
    sums: Option<Shared<'a, f64>>,
    means: Option<Shared<'a, f64>>,
    square_sums: Option<Shared<'a, f64>>,
    variances: Option<Shared<'a, f64>>,
    nonzeros: Option<Shared<'a, f64>>,
    doubtful: Mutex<Vec<Doubtful>>,
}

impl<F: Fold + Default> Ends<F> for SumTables<'_> {
    fn begin(&self, _group: usize, genes: Range<usize>, row: &mut Vec<F>) {
        row.resize(row.len() + genes.len(), F::default());
    }

    fn end(&self, group: usize, genes: Range<usize>, row: &[F]) {
        let mut columns = Columns::default();
        for (first, row) in genes.step_by(TOGETHER).zip(row.chunks(TOGETHER)) {
            for (i, &fold) in row.iter().enumerate() {
                let Summed { sum, squares, nonzeros } = fold.sums();
                (columns.sums[i], columns.squares[i], columns.nonzeros[i]) = (sum, squares, nonzeros);
            }
            self.take(group, first..first + row.len(), &columns);
        }
    }
}

/// Genes whose sums are taken together: they stay in the first cache.
const TOGETHER: usize = 128;

/// The sums of some genes, each kind by itself.
struct Columns {
    sums: [f64; TOGETHER],
    squares: [f64; TOGETHER],
    nonzeros: [f64; TOGETHER],
}

impl Default for Columns {
    fn default() -> Self {
        Self { sums: [0.0; TOGETHER], squares: [0.0; TOGETHER], nonzeros: [0.0; TOGETHER] }
    }
}

impl SumTables<'_> {
    /// Writes what the sums of some genes have become, and what follows from them.
    fn take(&self, group: usize, genes: Range<usize>, of: &Columns) {
        let place = group * self.n + genes.start..group * self.n + genes.end;
        put(&self.sums, &place, &of.sums);
        put(&self.square_sums, &place, &of.squares);
        put(&self.nonzeros, &place, &of.nonzeros);
        if self.means.is_none() && self.variances.is_none() {
            return;
        }
        let (size, ddof) = (self.groups.size(group) as f64, self.ddof);
        let (mut means, mut variances) = ([0.0; TOGETHER], [0.0; TOGETHER]);
        // A sum that is not finite makes the variance NaN, as it should; an infinite sum of squares alone does not.
        let fine = |mean: f64, variance: f64| (variance >= CANCELS * mean * mean) & (variance < f64::INFINITY);
        let doubtful = |mean: f64, variance: f64| !fine(mean, variance) & mean.is_finite() & (mean != 0.0);
        let any = widest_f64(
            #[inline(always)]
            || {
                let mut any = false;
                let sums = of.sums.iter().zip(&of.squares);
                for ((mean, variance), (&sum, &squares)) in means.iter_mut().zip(&mut variances).zip(sums) {
                    *mean = sum / size;
                    *variance = divide(squares - *mean * sum, size, ddof);
                    any |= doubtful(*mean, *variance);
                }
                any
            },
        );
        put(&self.means, &place, &means);
        put(&self.variances, &place, &variances);
        if any && self.variances.is_some() && size > ddof {
            let each = genes.zip(means.iter().zip(&variances));
            let doubtful = each.filter(|(_, (mean, variance))| doubtful(**mean, **variance));
            let doubtful = doubtful.map(|(gene, (&mean, _))| Doubtful { group, gene, mean });
            lock(&self.doubtful).extend(doubtful);
        }
    }
}

fn put(table: &Option<Shared<f64>>, place: &Range<usize>, values: &[f64; TOGETHER]) {
    if let Some(table) = table {
        // SAFETY: each group and gene ends once, and has its places to itself.
        unsafe { table.slice(place.clone()) }.copy_from_slice(&values[..place.len()]);
    }
}

/// The doubtful variances once more, from the deviations.
fn again(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    ddof: f64,
    doubtful: &[Doubtful],
    variances: &Shared<f64>,
    map: impl Map,
) -> Result<()> {
    if doubtful.is_empty() {
        return Ok(());
    }
    let n = matrix.n_vars();
    let mut selection = Selection { genes: vec![false; n], groups: vec![false; groups.n_groups()] };
    // The mean of a doubtful variance is never 0.
    let mut means = zeros(groups.n_groups() * n)?;
    for Doubtful { group, gene, mean } in doubtful {
        selection.groups[*group] = true;
        selection.genes[*gene] = true;
        means[group * n + gene] = *mean;
    }
    let tables = DeviationTables { groups, n, ddof, means, variances };
    pass::<Deviations>(ctx, matrix, groups, &selection, map, &tables)
}

struct DeviationTables<'a> {
    groups: &'a Groups<'a>,
    n: usize,
    ddof: f64,
    means: Vec<f64>,
    variances: &'a Shared<'a, f64>,
}

impl Ends<Deviations> for DeviationTables<'_> {
    fn begin(&self, group: usize, genes: Range<usize>, row: &mut Vec<Deviations>) {
        let means = &self.means[group * self.n..][genes];
        row.extend(means.iter().map(|&centre| Deviations { centre, ..Default::default() }));
    }

    fn end(&self, group: usize, genes: Range<usize>, row: &[Deviations]) {
        let size = self.groups.size(group) as f64;
        for (gene, fold) in genes.zip(row).filter(|(_, fold)| fold.centre != 0.0) {
            let zeros = size - fold.nonzeros;
            let deviation = fold.sum - zeros * fold.centre;
            let square = fold.squares + zeros * fold.centre * fold.centre;
            // Less the squared sum of deviations, which is rounding only (Chan, Golub & LeVeque 1983, eq. 1.7).
            let variance = divide(square - deviation * deviation / size, size, self.ddof);
            // SAFETY: each group and gene ends once, and has this place to itself.
            unsafe { self.variances.set(group * self.n + gene, variance) };
        }
    }
}

struct ExtremeTables<'a> {
    groups: &'a Groups<'a>,
    n: usize,
    mins: Option<Shared<'a, f64>>,
    maxs: Option<Shared<'a, f64>>,
}

impl Ends<Extremes> for ExtremeTables<'_> {
    fn begin(&self, _group: usize, genes: Range<usize>, row: &mut Vec<Extremes>) {
        row.resize(row.len() + genes.len(), Extremes::default());
    }

    fn end(&self, group: usize, genes: Range<usize>, row: &[Extremes]) {
        let size = self.groups.size(group) as f64;
        let seen = |fold: &Extremes, extreme: f64, smaller: fn(f64, f64) -> f64| match size {
            0.0 => f64::NAN,
            _ if fold.nonzeros < size && !extreme.is_nan() => smaller(extreme, 0.0),
            _ => extreme,
        };
        for (gene, fold) in genes.zip(row) {
            // SAFETY: each group and gene ends once, and has this place to itself.
            let put = |table: &Option<Shared<f64>>, x: f64| {
                table.iter().for_each(|table| unsafe { table.set(group * self.n + gene, x) })
            };
            put(&self.mins, seen(fold, fold.min, f64::min));
            put(&self.maxs, seen(fold, fold.max, f64::max));
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Sum(f64);

impl Fold for Sum {
    const SUMMED: bool = true;
    #[inline(always)]
    fn add(&mut self, x: f64) {
        self.0 += x;
    }
    fn sums(self) -> Summed {
        Summed { sum: self.0, ..Default::default() }
    }
    fn summed(of: Summed) -> Self {
        Self(of.sum)
    }
}

/// Sum and sum of squares, in one cache line.
#[derive(Clone, Copy, Default)]
#[repr(align(16))]
struct Squares([f64; 2]);

impl Fold for Squares {
    const SUMMED: bool = true;
    const SQUARES: bool = true;
    #[inline(always)]
    fn add(&mut self, x: f64) {
        self.0[0] += x;
        self.0[1] += x * x;
    }
    fn sums(self) -> Summed {
        let [sum, squares] = self.0;
        Summed { sum, squares, nonzeros: 0.0 }
    }
    fn summed(of: Summed) -> Self {
        Self([of.sum, of.squares])
    }
}

/// Sum, sum of squares, number of non-zeros; one vector of AVX2.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Moments([f64; 4]);

impl Fold for Moments {
    const SUMMED: bool = true;
    const SQUARES: bool = true;
    const COUNTS: bool = true;
    #[inline(always)]
    fn add(&mut self, x: f64) {
        let more = [x, x * x, f64::from(u8::from(x != 0.0)), 0.0];
        self.0.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    fn sums(self) -> Summed {
        let [sum, squares, nonzeros, _] = self.0;
        Summed { sum, squares, nonzeros }
    }
    fn summed(of: Summed) -> Self {
        Self([of.sum, of.squares, of.nonzeros, 0.0])
    }
}

/// Smallest and largest value that is not zero, number of non-zeros.
#[derive(Clone, Copy)]
struct Extremes {
    min: f64,
    max: f64,
    nonzeros: f64,
}

impl Default for Extremes {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, nonzeros: 0.0 }
    }
}

impl Fold for Extremes {
    #[inline(always)]
    fn add(&mut self, x: f64) {
        if x != 0.0 {
            // NaN takes the place of any number, and no number that of NaN.
            self.min = if x < self.min || x.is_nan() { x } else { self.min };
            self.max = if x > self.max || x.is_nan() { x } else { self.max };
            self.nonzeros += 1.0;
        }
    }
}

/// Deviations of the non-zeros from a centre: the centre, their sum, that of their squares, their number.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Deviations {
    centre: f64,
    sum: f64,
    squares: f64,
    nonzeros: f64,
}

impl Fold for Deviations {
    #[inline(always)]
    fn add(&mut self, x: f64) {
        if x != 0.0 {
            let deviation = x - self.centre;
            self.sum += deviation;
            self.squares += deviation * deviation;
            self.nonzeros += 1.0;
        }
    }
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
