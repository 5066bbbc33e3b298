//! Quality of cells and genes, after `scanpy.pp.calculate_qc_metrics`: everything in one pass over the values.
//!
//! Counts (whole, not negative) have exact sums, whatever their order: each thread adds up genes for its own cells, and
//! the largest values of a cell are found by counting how often the smallest numbers occur. Other values take a second
//! pass for the genes' sums, cells in ascending order, and a selection for each cell. A matrix compressed along genes is
//! turned over block by block for the cells.
//!
//! Speed: 28 M non-zeros of f32, 2 threads: 16 ms, with `percent_top` 19 to 21. Memory's limit is 4.4 (228 MB at 52 GB/s). Adding
//! to a word for each of 20,000 genes takes three quarters of a thread's time, 0.8 ns a value, as half of these words lie in
//! the second cache; telling counts from other numbers takes a sixth.

use crate::ensure;
use crate::error::Result;
use crate::matrix::transpose::for_each_block;
use crate::matrix::{Axis, Counted, Groups, Lines, Matrix, Value, line_sum, reduce, to_counts};
use crate::parallel::{Ctx, balanced_ranges, lock};
use crate::simd::widest;
use crate::with_lines;
use std::mem::take;
use std::sync::Mutex;

/// What is asked of cells, beside their totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Numbers of genes, from 1 to the number of genes: which percentage of its total a cell has in so many of its highest.
    pub percent_top: &'a [usize],
    /// Sets of genes, as masks: the total that a cell has in them.
    pub subsets: &'a [&'a [bool]],
}

/// Metrics of cells, a row for each, and of genes.
#[derive(Clone, Debug, Default)]
pub struct Qc {
    /// Numbers per cell: see [`Qc::cell_column`].
    width: usize,
    rows: Vec<f64>,
    n_top: usize,
    /// In how many cells each gene is not zero.
    pub n_cells: Vec<f64>,
    /// The total of each gene.
    pub gene_totals: Vec<f64>,
}

/// A number that each cell has.
#[derive(Clone, Copy, Debug)]
pub enum Cell {
    /// How many genes are not zero.
    Genes,
    Total,
    /// The percentage of the total in the highest genes, of this entry of `percent_top`. NaN without counts.
    Top(usize),
    /// The total in this subset.
    Subset(usize),
    /// And its percentage of the cell's. NaN without counts.
    SubsetPercent(usize),
}

impl Qc {
    fn column(&self, at: usize) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().skip(at).step_by(self.width).copied()
    }

    /// One number of all cells.
    pub fn cell_column(&self, what: Cell) -> Vec<f64> {
        match what {
            Cell::Genes => self.column(0).collect(),
            Cell::Total => self.column(1).collect(),
            Cell::Top(i) => self.column(2 + i).collect(),
            Cell::Subset(i) => self.column(2 + self.n_top + i).collect(),
            Cell::SubsetPercent(i) => {
                let totals = self.column(1);
                self.column(2 + self.n_top + i).zip(totals).map(|(part, total)| part / total * 100.0).collect()
            }
        }
    }

    fn n_obs(&self) -> usize {
        self.rows.len() / self.width
    }

    /// The mean of each gene; NaN without cells.
    pub fn means(&self) -> Vec<f64> {
        self.gene_totals.iter().map(|total| total / self.n_obs() as f64).collect()
    }

    /// The percentage of cells in which each gene is zero; NaN without cells.
    pub fn pct_dropout(&self) -> Vec<f64> {
        self.n_cells.iter().map(|n| (1.0 - n / self.n_obs() as f64) * 100.0).collect()
    }
}

/// All metrics. Zeros that are not stored count as values: where `percent_top` exceeds the positive values of a cell, zeros
/// and then negative values are its next highest.
///
/// Memory: the results, 20 bytes per gene for each thread; for a matrix compressed along genes 64 MiB more.
pub fn qc(ctx: &Ctx, matrix: &Matrix, wanted: &Wanted) -> Result<Qc> {
    let n_vars = matrix.n_vars();
    for &n in wanted.percent_top {
        ensure!(
            (1..=n_vars).contains(&n),
            InvalidArgument,
            "percent_top: Positions outside range of features: {n} is not from 1 to {n_vars}"
        );
    }
    for (i, subset) in wanted.subsets.iter().enumerate() {
        ensure!(subset.len() == n_vars, Shape, "subsets: number {i} has {} genes, must have {n_vars}", subset.len());
    }
    let plan = Plan::new(wanted);
    let mut out = Qc { width: plan.width, n_top: wanted.percent_top.len(), ..Default::default() };
    out.rows = vec![0.0; matrix.n_obs() * plan.width];

    let along_cells = matrix.major() == Axis::Obs;
    let genes = Mutex::new(along_cells.then(GeneSums::default));
    ctx.within(0.0, 0.8, || {
        for_each_block(ctx, matrix, Axis::Obs, 64 << 20, |cells, block| {
            let rows = &mut out.rows[cells.start * plan.width..cells.end * plan.width];
            with_lines!(block, |lines| cell_rows(ctx, block, lines, &plan, rows, &genes))
        })
    })?;
    let sums = genes.into_inner().unwrap_or_else(|e| e.into_inner());
    match sums.and_then(|sums| sums.exact(n_vars)) {
        Some((n_cells, gene_totals)) => (out.n_cells, out.gene_totals) = (n_cells, gene_totals),
        None => {
            let all = Groups::all(matrix.n_obs());
            let wanted = reduce::Wanted { nonzeros: true, ..Default::default() };
            let genes = ctx.within(0.8, 1.0, || reduce::aggregate(ctx, matrix, Axis::Obs, &all, wanted))?;
            (out.n_cells, out.gene_totals) = (genes.nonzeros, genes.sums);
        }
    }
    Ok(out)
}

/// What each row consists of.
struct Plan<'a> {
    width: usize,
    /// Entries of `percent_top` in ascending order, each with its place in a row.
    tops: Vec<(usize, usize)>,
    /// The genes of each subset, ascending, and its mask.
    subsets: Vec<(Vec<usize>, &'a [bool])>,
    first_subset: usize,
}

impl<'a> Plan<'a> {
    fn new(wanted: &Wanted<'a>) -> Self {
        let mut tops: Vec<_> = wanted.percent_top.iter().enumerate().map(|(i, &n)| (n, 2 + i)).collect();
        tops.sort_unstable();
        let genes = |mask: &[bool]| (0..mask.len()).filter(|&gene| mask[gene]).collect();
        let subsets: Vec<_> = wanted.subsets.iter().map(|&mask| (genes(mask), mask)).collect();
        let first_subset = 2 + tops.len();
        Self { width: first_subset + subsets.len(), tops, subsets, first_subset }
    }
}

/// Sums of genes over the cells that some thread has seen. They are exact as long as all is counts.
#[derive(Default)]
struct GeneSums {
    /// Sums that no thread uses just now.
    idle: Vec<GeneTally>,
    /// Some value was no count.
    spoilt: bool,
}

impl GeneSums {
    /// Numbers of non-zeros and totals, if no sum can have been rounded.
    fn exact(self, n_vars: usize) -> Option<(Vec<f64>, Vec<f64>)> {
        let mut sums = vec![[0; 2]; n_vars];
        for tally in self.idle {
            sums.iter_mut().zip(tally.finish()).for_each(|(sum, [total, n])| *sum = [sum[0] + total, sum[1] + n]);
        }
        let fine = !self.spoilt && sums.iter().all(|sum| sum[0] < 1 << 52);
        fine.then(|| sums.iter().map(|&[total, n]| (n as f64, total as f64)).unzip())
    }
}

/// Totals and numbers of non-zeros of genes, both in one short word: adding to 20,000 places costs as many cache lines as
/// these fill. The total is in the low 20 bits.
struct GeneTally {
    packed: Vec<u32>,
    /// Cells in it, and the sum of their highest counts, which no total exceeds.
    cells: u32,
    highest: u32,
    /// What did not fit any more: totals and numbers.
    wide: Vec<[u64; 2]>,
}

impl GeneTally {
    const ONE: u32 = 1 << 20;
    const TOTAL: u32 = Self::ONE - 1;
    /// The number has 12 bits.
    const CELLS: u32 = (1 << 12) - 1;
    /// Cells with higher counts would fill the totals too soon.
    const HIGHEST: u32 = 1 << 12;

    fn new(n_vars: usize) -> Self {
        Self { packed: vec![0; n_vars], cells: 0, highest: 0, wide: vec![[0; 2]; n_vars] }
    }

    /// Adds the counts of a cell.
    #[inline(always)]
    fn add<L: Lines>(&mut self, lines: &L, cell: usize, counts: &[u32], highest: u32) {
        if highest > Self::HIGHEST {
            return lines.for_each_beside(cell, counts, |gene, count| {
                let [total, number] = &mut self.wide[gene];
                (*total, *number) = (*total + u64::from(count), *number + u64::from(count > 0));
            });
        }
        if self.cells == Self::CELLS || self.highest + highest > Self::TOTAL {
            self.widen();
        }
        (self.cells, self.highest) = (self.cells + 1, self.highest + highest);
        let packed = &mut self.packed[..];
        lines.for_each_beside(cell, counts, |gene, count| {
            if count > 0 {
                packed[gene] += count + Self::ONE;
            }
        });
    }

    /// The total of some genes so far.
    fn total(&self, genes: &[usize]) -> f64 {
        let total = |&gene: &usize| self.wide[gene][0] + u64::from(self.packed[gene] & Self::TOTAL);
        genes.iter().map(total).sum::<u64>() as f64
    }

    fn widen(&mut self) {
        for ([total, number], packed) in self.wide.iter_mut().zip(&mut self.packed) {
            *total += u64::from(*packed & Self::TOTAL);
            *number += u64::from(take(packed) / Self::ONE);
        }
        (self.cells, self.highest) = (0, 0);
    }

    fn finish(mut self) -> Vec<[u64; 2]> {
        self.widen();
        self.wide
    }
}

/// The rows of the cells of an obs-major block; genes are added up as well where `genes` is there and all is counts.
fn cell_rows<L: Lines>(
    ctx: &Ctx,
    block: &Matrix,
    lines: L,
    plan: &Plan,
    rows: &mut [f64],
    genes: &Mutex<Option<GeneSums>>,
) -> Result<()> {
    let pieces = (block.n_stored() >> 19).clamp(ctx.threads() * 8, 1 << 16);
    let pieces = balanced_ranges(block.n_major(), pieces, |cell| block.stored_before(cell));
    let wanted = lock(genes).is_some();
    ctx.run_split(rows, pieces.iter().map(|piece| piece.len() * plan.width), Scratch::default, |scratch, p, rows| {
        let idle = lock(genes).as_mut().and_then(|genes| genes.idle.pop());
        let mut tally = idle.unwrap_or_else(|| GeneTally::new(block.n_vars()));
        let mut counts = true;
        for (row, cell) in rows.chunks_exact_mut(plan.width).zip(pieces[p].clone()) {
            counts &= cell_row(&lines, cell, plan, row, scratch, &mut tally);
        }
        if let Some(genes) = lock(genes).as_mut().filter(|_| wanted) {
            genes.idle.push(tally);
            genes.spoilt |= !counts;
        }
        Ok(())
    })
}

/// Fills the row of a cell, and adds it to the genes' sums if its values are counts. Returns whether they are.
fn cell_row<L: Lines>(
    lines: &L,
    cell: usize,
    plan: &Plan,
    row: &mut [f64],
    scratch: &mut Scratch,
    tally: &mut GeneTally,
) -> bool {
    let values = lines.values(cell);
    let Some(counted) = to_counts(&values, &mut scratch.counts) else {
        value_row(lines, cell, plan, row, scratch);
        return false;
    };
    let total = counted.sum as f64;
    (row[0], row[1]) = (counted.nonzeros as f64, total);
    // Of a few genes the total is known from before and after the cell; others are looked up one by one.
    let counts = &scratch.counts;
    let few = |genes: &[usize]| 2 * genes.len() <= counts.len();
    for (sum, (genes, mask)) in row[plan.first_subset..].iter_mut().zip(&plan.subsets) {
        if few(genes) {
            *sum = -tally.total(genes);
        } else {
            *sum = 0.0;
            lines.for_each_beside(cell, counts, |gene, count| *sum += if mask[gene] { f64::from(count) } else { 0.0 });
        }
    }
    tally.add(lines, cell, counts, counted.highest);
    for (sum, (genes, _)) in row[plan.first_subset..].iter_mut().zip(&plan.subsets).filter(|(_, (genes, _))| few(genes))
    {
        *sum += tally.total(genes);
    }
    if !plan.tops.is_empty() {
        scratch.top_counts(counted, &plan.tops, row);
    }
    true
}

/// The row of a cell whose values are not all counts below 2^20.
fn value_row<L: Lines>(lines: &L, cell: usize, plan: &Plan, row: &mut [f64], scratch: &mut Scratch) {
    let values = lines.values(cell);
    let total = line_sum(&values);
    row[0] = values.iter().filter(|v| v.to_f64() != 0.0).count() as f64;
    row[1] = total;
    for (i, (_, mask)) in plan.subsets.iter().enumerate() {
        let mut sum = 0.0;
        lines.for_each(cell, |gene, v| sum += if mask[gene] { v.to_f64() } else { 0.0 });
        row[plan.first_subset + i] = sum;
    }
    if !plan.tops.is_empty() {
        if total.is_nan() {
            plan.tops.iter().for_each(|&(_, place)| row[place] = f64::NAN);
        } else {
            scratch.top_values(&values, lines.n_minor(), &plan.tops, total, row);
        }
    }
}

/// Counts below this are counted, those from it on are sorted.
const LARGE: u8 = u8::MAX;

/// Counts, as bytes, that are compared at once.
const BLOCK: usize = 64;

#[derive(Default)]
struct Scratch {
    /// The values of a cell.
    counts: Vec<u32>,
    /// The same as far as they fit; filled up with zeros.
    bytes: Vec<u8>,
    large: Vec<f64>,
    negative: Vec<f64>,
}

impl Scratch {
    /// Percentages of the total in the highest of the counts: what is left without the lowest, as nearly all of these are
    /// one of very few numbers. How often a number occurs is found by comparing all bytes with it. All sums are exact.
    fn top_counts(&mut self, counted: Counted, tops: &[(usize, usize)], row: &mut [f64]) {
        let Self { counts, bytes, .. } = self;
        bytes.resize(counts.len().next_multiple_of(BLOCK), 0);
        widest(
            #[inline(always)]
            || bytes.iter_mut().zip(&*counts).for_each(|(byte, &count)| *byte = count.min(u32::from(LARGE)) as u8),
        );
        bytes[counts.len()..].fill(0);
        let small = (1..LARGE).map(|count| (u64::from(count), occurrences(bytes, count)));
        let large = std::iter::once_with(|| {
            let mut large: Vec<_> =
                counts.iter().map(|&count| u64::from(count)).filter(|&count| count >= LARGE.into()).collect();
            large.sort_unstable();
            large
        });
        let mut ascending = small.chain(large.flatten().map(|count| (count, 1)));
        // The lowest so far, and of the next number as many as there are.
        let (mut n, mut sum, mut next) = (0, 0, (0, 0));
        for &(top, place) in tops.iter().rev() {
            let lowest = counted.nonzeros.saturating_sub(top as u64);
            while n + next.1 < lowest {
                (n, sum) = (n + next.1, sum + next.0 * next.1);
                next = ascending.next().expect("so many are not zero");
            }
            let highest = counted.sum - (sum + next.0 * (lowest - n));
            row[place] = highest as f64 / counted.sum as f64 * 100.0;
        }
    }

    /// Percentages of the total in the highest of `n` values, those that are not stored being zero. Summed from the
    /// highest on.
    fn top_values<V: Value>(&mut self, values: &[V], n: usize, tops: &[(usize, usize)], total: f64, row: &mut [f64]) {
        let most = tops[tops.len() - 1].0;
        let highest = |kept: &mut Vec<f64>, most: usize| {
            if most < kept.len() {
                kept.select_nth_unstable_by(most, |a, b| b.total_cmp(a));
                kept.truncate(most);
            }
            kept.sort_unstable_by(|a, b| b.total_cmp(a));
        };
        self.large.clear();
        self.negative.clear();
        for v in values {
            let v = v.to_f64();
            if v > 0.0 {
                self.large.push(v);
            } else if v < 0.0 {
                self.negative.push(v);
            }
        }
        let not_negative = n - self.negative.len();
        highest(&mut self.large, most);
        highest(&mut self.negative, most.saturating_sub(not_negative));
        let (mut taken, mut sum) = (0, 0.0);
        for &(n, place) in tops {
            while taken < n {
                match self.large.get(taken) {
                    Some(v) => sum += v,
                    None if taken < not_negative => taken = n.min(not_negative) - 1,
                    None => sum += self.negative[taken - not_negative],
                }
                taken += 1;
            }
            row[place] = sum / total * 100.0;
        }
    }
}

/// How many of the bytes, whole blocks of them, are this one.
fn occurrences(bytes: &[u8], one: u8) -> u64 {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    widest(
        #[inline(always)]
        || {
            let mut all = 0;
            // Each place of a block counts in a byte of its own, which so many blocks do not overflow.
            for blocks in blocks.chunks(u8::MAX.into()) {
                let mut times = [0u8; BLOCK];
                for block in blocks {
                    times = std::array::from_fn(|k| times[k] + u8::from(block[k] == one));
                }
                all += times.iter().map(|&times| u64::from(times)).sum::<u64>();
            }
            all
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{IndexSlice, ValueSlice};

    /// Cells whose counts are small, fit no byte, or are many times that; some stored ones are zero.
    #[test]
    fn counts_of_all_sizes_are_added_up_and_ordered() {
        const GENES: usize = 40;
        let mut state = 1u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % below
        };
        let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
        for cell in 0..9000 {
            let most = [3, 3, 9, 300, 20, 5000, 1 << 20][cell % 7];
            for gene in 0..GENES as i32 {
                if random(3) > 0 {
                    indices.push(gene);
                    values.push(random(most) as f32);
                }
            }
            indptr.push(indices.len() as i64);
        }
        let matrix = Matrix::sparse(
            Axis::Obs,
            (indptr.len() - 1, GENES),
            IndexSlice::I64(&indptr),
            IndexSlice::I32(&indices),
            ValueSlice::F32(&values),
            0,
            true,
        )
        .unwrap();
        let subsets: [Vec<bool>; 2] = [3, 39].map(|n| (0..GENES).map(|gene| gene < n).collect());
        let tops = [25, 1, 2, 40, 7];
        let wanted = Wanted { percent_top: &tops, subsets: &[&subsets[0], &subsets[1]] };
        let got = [1, 2].map(|threads| qc(&Ctx::new(threads), &matrix, &wanted).unwrap());

        let mut genes = vec![(0.0, 0.0); GENES];
        for cell in 0..indptr.len() - 1 {
            let line = indptr[cell] as usize..indptr[cell + 1] as usize;
            let of = |kept: &dyn Fn(usize) -> bool| -> Vec<f64> {
                let stored = indices[line.clone()].iter().zip(&values[line.clone()]);
                stored.filter(|(gene, _)| kept(**gene as usize)).map(|(_, v)| f64::from(*v)).collect()
            };
            let mut counts = of(&|_| true);
            counts.sort_by(|a, b| b.total_cmp(a));
            let total: f64 = counts.iter().sum();
            let mut row = vec![counts.iter().filter(|&&v| v > 0.0).count() as f64, total];
            row.extend(tops.map(|top| counts.iter().take(top).sum::<f64>() / total * 100.0));
            row.extend(subsets.iter().map(|mask| of(&|gene| mask[gene]).iter().sum::<f64>()));
            for got in &got {
                assert_eq!(got.rows[cell * got.width..][..got.width], row, "{cell}");
            }
            for (&gene, &v) in indices[line.clone()].iter().zip(&values[line]) {
                let (n, sum) = &mut genes[gene as usize];
                (*n, *sum) = (*n + f64::from(v > 0.0), *sum + f64::from(v));
            }
        }
        for got in &got {
            assert!(genes.iter().copied().eq(got.n_cells.iter().copied().zip(got.gene_totals.iter().copied())));
        }
    }
}
