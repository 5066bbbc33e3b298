//! Quality of cells and genes, after `scanpy.pp.calculate_qc_metrics`: everything in one pass over the values.
//!
//! Counts (whole, not negative) have exact sums, whatever their order: each thread adds up genes for its own cells, and
//! the largest values of a cell are found by counting how often each value occurs. Other values take a second pass for
//! the genes' sums, cells in ascending order, and a selection for each cell. A matrix compressed along genes is turned
//! over block by block for the cells.

use crate::ensure;
use crate::error::Result;
use crate::matrix::transpose::for_each_block;
use crate::matrix::{Axis, Groups, Lines, Matrix, Value, count_sum, reduce};
use crate::parallel::{Ctx, balanced_ranges};
use crate::with_lines;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

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
/// Memory: the results, two doubles per gene for each thread; for a matrix compressed along genes 64 MiB more.
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
    /// Accumulators that no thread uses just now: total and number of non-zeros of each gene.
    idle: Vec<Vec<[f64; 2]>>,
    /// Some value was no count.
    spoilt: bool,
}

impl GeneSums {
    /// Numbers of non-zeros and totals, if no sum can have been rounded.
    fn exact(self, n_vars: usize) -> Option<(Vec<f64>, Vec<f64>)> {
        let mut sums = vec![[0.0; 2]; n_vars];
        for part in &self.idle {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum = [sum[0] + x[0], sum[1] + x[1]]);
        }
        let fine = !self.spoilt && sums.iter().all(|sum| sum[0] < 4503599627370496.0);
        fine.then(|| (sums.iter().map(|sum| sum[1]).collect(), sums.iter().map(|sum| sum[0]).collect()))
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
    let lock = || genes.lock().unwrap_or_else(|e| e.into_inner());
    let with_genes = lock().is_some();
    let spoilt = AtomicBool::new(!with_genes);
    ctx.run_split(rows, pieces.iter().map(|piece| piece.len() * plan.width), Scratch::default, |scratch, p, rows| {
        let mut sums = match lock().as_mut() {
            Some(genes) => genes.idle.pop().unwrap_or_else(|| vec![[0.0; 2]; block.n_vars()]),
            None => Vec::new(),
        };
        for (row, cell) in rows.chunks_exact_mut(plan.width).zip(pieces[p].clone()) {
            let counts = cell_row(&lines, cell, plan, row, scratch);
            if counts && !spoilt.load(Ordering::Relaxed) {
                lines.for_each(cell, |gene, v| {
                    let v = v.to_f64();
                    let sum = &mut sums[gene];
                    *sum = [sum[0] + v, sum[1] + f64::from(u8::from(v != 0.0))];
                });
            } else {
                spoilt.store(true, Ordering::Relaxed);
            }
        }
        if let Some(genes) = lock().as_mut() {
            genes.idle.push(sums);
        }
        Ok(())
    })?;
    if let Some(genes) = lock().as_mut() {
        genes.spoilt |= spoilt.into_inner();
    }
    Ok(())
}

/// Fills the row of a cell, and says whether its values are counts.
fn cell_row<L: Lines>(lines: &L, cell: usize, plan: &Plan, row: &mut [f64], scratch: &mut Scratch) -> bool {
    let values = lines.values(cell);
    let counts = count_sum(&values);
    let total = counts.unwrap_or_else(|| values.iter().fold(0.0, |sum, v| sum + v.to_f64()));
    row[0] = values.iter().filter(|v| v.to_f64() != 0.0).count() as f64;
    row[1] = total;
    for (i, (genes, mask)) in plan.subsets.iter().enumerate() {
        let mut sum = 0.0;
        if L::DENSE {
            genes.iter().for_each(|&gene| sum += values[gene].to_f64());
        } else if genes.len() * 32 < values.len() {
            // Few genes: each is looked for.
            genes.iter().for_each(|&gene| lines.for_each_in(cell, gene..gene + 1, |_, v| sum += v.to_f64()));
        } else {
            lines.for_each(cell, |gene, v| sum += if mask[gene] { v.to_f64() } else { 0.0 });
        }
        row[plan.first_subset + i] = sum;
    }
    if !plan.tops.is_empty() {
        if total.is_nan() {
            plan.tops.iter().for_each(|&(_, place)| row[place] = f64::NAN);
        } else if counts.is_some() {
            scratch.top_counts(&values, &plan.tops, total, row);
        } else {
            scratch.top_values(&values, lines.n_minor(), &plan.tops, total, row);
        }
    }
    counts.is_some()
}

/// Counts below this are counted, those from it on are sorted.
const SMALL: usize = 1024;
/// Most counts are 1, and adding to one place again and again waits for the addition before: so neighbours count in
/// places of their own.
const PLACES: usize = 4;

struct Scratch {
    /// How often each small count occurs, the sum over its places; all zero between cells.
    times: Vec<[u32; PLACES]>,
    large: Vec<f64>,
    negative: Vec<f64>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { times: vec![[0; PLACES]; SMALL], large: Vec::new(), negative: Vec::new() }
    }
}

impl Scratch {
    /// Percentages of the total in the highest values, all of which are counts.
    fn top_counts<V: Value>(&mut self, values: &[V], tops: &[(usize, usize)], total: f64, row: &mut [f64]) {
        self.large.clear();
        let mut highest = 0;
        for (k, v) in values.iter().enumerate() {
            let v = v.to_f64();
            if v < SMALL as f64 {
                let v = v as i32 as usize;
                self.times[v & (SMALL - 1)][k % PLACES] += 1;
                highest = highest.max(v);
            } else {
                self.large.push(v);
            }
        }
        self.large.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut tops = tops.iter();
        let mut next = tops.next();
        // Sums of counts are exact: so many at once, or one by one, is all the same.
        let (mut taken, mut sum) = (0, 0.0);
        let large = self.large.iter().map(|&v| (v, 1));
        let times = |places: &[u32; PLACES]| places.iter().sum::<u32>() as usize;
        let small = self.times[..=highest].iter().enumerate().rev().map(|(v, places)| (v as f64, times(places)));
        for (v, times) in large.chain(small) {
            while let Some(&(n, place)) = next.filter(|&&(n, _)| n <= taken + times) {
                row[place] = (sum + v * (n - taken) as f64) / total * 100.0;
                next = tops.next();
            }
            taken += times;
            sum += v * times as f64;
        }
        while let Some(&(_, place)) = next {
            row[place] = sum / total * 100.0;
            next = tops.next();
        }
        self.times[..=highest].fill([0; PLACES]);
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
