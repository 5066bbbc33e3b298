//! Wilcoxon's rank sum test, from the values that are not zero.
//!
//! Each gene's non-zero values are sorted once, with their groups, for all groups together; the zeros are one block of
//! ties, between negative and positive values, whose size and share of each group are known without looking.
//!
//! Rank sums are multiples of 1/2 and are kept doubled, as integers; so is everything else up to the last division:
//! U in 64 bits, the tie term sum(t^3 - t) and n^3 in 128. Nothing overflows below 3e9 cells, and z has an error of a
//! few units in the last place whatever their number. Small groups without ties can have exact p-values
//! ([`crate::stats::mann_whitney`]).

use super::{Options, Ranked, Reference, Wanted, fill_p_values};
use crate::error::Result;
use crate::matrix::transpose::for_each_block;
use crate::matrix::{Axis, Groups, Lines, Matrix};
use crate::parallel::{Ctx, balanced_ranges};
use crate::stats::mann_whitney::{FEWEST_TOO_MANY, two_sided_p_values};
use crate::stats::normal;
use crate::stats::ranks::{Ordinal, Pair, for_each_run, sort_by_ordinal, tie_term};
use crate::with_lines;

/// Stored values of one task: some milliseconds.
const TASK: u64 = 1 << 18;
/// Bytes of a block of genes that a cell-major matrix is turned into at a time.
const BLOCK: usize = 32 << 20;

pub(super) fn fill(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    options: &Options,
    wanted: &Wanted,
    ranked: &mut Ranked,
) -> Result<()> {
    let design = Design::new(groups, options);
    let (n_groups, n_vars) = (groups.n_groups(), matrix.n_vars());
    // Gene by gene, as they are computed: the z of all groups, then their U, then their exact p-values.
    let mut by_gene = vec![0.0; n_vars * design.per_gene()];
    ctx.within(0.0, 0.8, || test_genes(ctx, matrix, &design, &mut by_gene))?;
    let table = |which: usize| by_group(ctx, &by_gene, &design, n_vars, which);
    if wanted.u || wanted.auroc {
        let u = table(1)?;
        if wanted.auroc {
            let pairs = |group: usize| design.slots.sizes[group] as f64 * design.n_others(group) as f64;
            ranked.auroc = (0..n_groups)
                .flat_map(|group| u[group * n_vars..(group + 1) * n_vars].iter().map(move |u| u / pairs(group)))
                .collect();
        }
        if wanted.u {
            ranked.u = u;
        }
    }
    let scores = table(0)?;
    // NaN where there is none.
    let exact = if design.exact.is_some() { table(2)? } else { Vec::new() };
    drop(by_gene);
    let exact = |i: usize| exact.get(i).copied().filter(|p| !p.is_nan());
    ctx.within(0.8, 1.0, || {
        let p = |i: usize, z: f64| exact(i).unwrap_or_else(|| normal::two_sided_p(z));
        let ln_p = |i: usize, z: f64| exact(i).map_or_else(|| normal::ln_two_sided_p(z), libm::log);
        fill_p_values(ctx, scores, wanted, ranked, p, ln_p)
    })
}

/// Which cells take part, and against what.
struct Design {
    slots: Slots,
    n_groups: usize,
    reference: Reference,
    tie_correct: bool,
    continuity: bool,
    /// For each group the exact p-value of every U, if both sides are small enough; if they are asked for.
    exact: Option<Vec<Option<Vec<f64>>>>,
}

/// The part that each cell takes: its group, or one more slot for the cells of the rest that are in no group.
struct Slots {
    of_cell: Vec<u32>,
    sizes: Vec<u64>,
}

/// The slot of a cell that takes no part.
const OUT: u32 = u32::MAX;

impl Design {
    fn new(groups: &Groups, options: &Options) -> Self {
        let n_groups = groups.n_groups();
        let none = if options.reference == Reference::Rest { n_groups as u32 } else { OUT };
        let of_cell = groups.labels().iter().map(|&label| u32::try_from(label).unwrap_or(none)).collect();
        let mut sizes: Vec<u64> = groups.sizes().iter().map(|&size| size as u64).collect();
        if options.reference == Reference::Rest {
            sizes.push(groups.n() as u64 - sizes.iter().sum::<u64>());
        }
        let mut design = Self {
            slots: Slots { of_cell, sizes },
            n_groups,
            reference: options.reference,
            tie_correct: options.tie_correct,
            continuity: options.continuity,
            exact: None,
        };
        if options.exact {
            design.exact = Some((0..n_groups).map(|group| design.p_values(group)).collect());
        }
        design
    }

    fn p_values(&self, group: usize) -> Option<Vec<f64>> {
        let (n, m) = (self.slots.sizes[group], self.n_others(group));
        (n < FEWEST_TOO_MANY && m < FEWEST_TOO_MANY).then(|| two_sided_p_values(n, m))
    }

    /// Numbers that a gene's results consist of.
    fn per_gene(&self) -> usize {
        (2 + usize::from(self.exact.is_some())) * self.n_groups
    }

    /// Whether ties must be counted.
    fn counts_ties(&self) -> bool {
        self.tie_correct || self.exact.is_some()
    }

    /// Cells that a group is compared with.
    fn n_others(&self, group: usize) -> u64 {
        match self.reference {
            Reference::Rest => self.slots.sizes.iter().sum::<u64>() - self.slots.sizes[group],
            Reference::Group(reference) => self.slots.sizes[reference],
        }
    }
}

/// Tests every gene; a cell-major matrix is turned block by block.
fn test_genes(ctx: &Ctx, matrix: &Matrix, design: &Design, by_gene: &mut [f64]) -> Result<()> {
    let per_gene = design.per_gene();
    for_each_block(ctx, matrix, Axis::Var, BLOCK, |genes, block| {
        let results = &mut by_gene[genes.start * per_gene..genes.end * per_gene];
        with_lines!(block, |lines| test_block(ctx, block, &lines, design, results))
    })
}

/// Tests the genes of a gene-major block.
fn test_block<L: Lines<V: Ordinal>>(
    ctx: &Ctx,
    block: &Matrix,
    lines: &L,
    design: &Design,
    results: &mut [f64],
) -> Result<()> {
    let per_gene = design.per_gene();
    let weight = |gene: usize| block.stored_before(gene) + (gene * per_gene) as u64;
    let n_tasks = (weight(lines.n_major()) / TASK) as usize + 4 * ctx.threads();
    let tasks = balanced_ranges(lines.n_major(), n_tasks, weight);
    let lens = tasks.iter().map(|genes| genes.len() * per_gene);
    ctx.run_split(
        results,
        lens,
        || Scratch::new(design),
        |scratch, task, results| {
            for (gene, results) in tasks[task].clone().zip(results.chunks_exact_mut(per_gene)) {
                scratch.test(lines, gene, design, results);
            }
            Ok(())
        },
    )
}

/// The values of a gene that are not zero, and what is counted of them.
struct Scratch {
    /// Those whose ordinal 32 bits hold; all of them, or `wide` has all.
    narrow: Vec<u64>,
    wide: Vec<u128>,
    spare_narrow: Vec<u64>,
    spare_wide: Vec<u128>,
    counts: Counts,
}

impl Scratch {
    fn new(design: &Design) -> Self {
        let n_slots = design.slots.sizes.len();
        Self {
            narrow: Vec::new(),
            wide: Vec::new(),
            spare_narrow: Vec::new(),
            spare_wide: Vec::new(),
            counts: Counts {
                nonzeros: vec![0; n_slots],
                doubled: vec![0; n_slots],
                ties: vec![0; n_slots],
                in_run: vec![0; n_slots],
                touched: Vec::new(),
            },
        }
    }

    /// Tests a gene; `results` gets z and U of all groups, and their exact p-values if these are asked for.
    fn test<L: Lines<V: Ordinal>>(&mut self, lines: &L, gene: usize, design: &Design, results: &mut [f64]) {
        let zero = L::V::default();
        if self.collect_narrow(lines, gene, &design.slots) {
            sort_by_ordinal(&mut self.narrow, &mut self.spare_narrow);
            self.counts.rank(&self.narrow, zero.narrow().map_or(0, u64::from), design);
        } else {
            self.collect_wide(lines, gene, &design.slots);
            sort_by_ordinal(&mut self.wide, &mut self.spare_wide);
            self.counts.rank(&self.wide, zero.wide(), design);
        }
        let (z, rest) = results.split_at_mut(design.n_groups);
        let (u, exact) = rest.split_at_mut(design.n_groups);
        self.counts.finish(design, z, u, exact);
    }

    /// Whether 32 bits of ordinal hold all values; else what is collected is of no use.
    fn collect_narrow<L: Lines<V: Ordinal>>(&mut self, lines: &L, gene: usize, slots: &Slots) -> bool {
        let zero = L::V::default();
        // Most lines that do not fit say so at once.
        if lines.values(gene).first().is_some_and(|value| value.narrow().is_none()) {
            return false;
        }
        let mut fits = true;
        self.narrow.clear();
        lines.for_each(gene, |cell, value| {
            let slot = slots.of_cell[cell];
            if value != zero && slot != OUT {
                match value.narrow() {
                    Some(ordinal) => self.narrow.push(Pair::pack(u64::from(ordinal), slot)),
                    None => fits = false,
                }
            }
        });
        fits
    }

    fn collect_wide<L: Lines<V: Ordinal>>(&mut self, lines: &L, gene: usize, slots: &Slots) {
        let zero = L::V::default();
        self.wide.clear();
        lines.for_each(gene, |cell, value| {
            let slot = slots.of_cell[cell];
            if value != zero && slot != OUT {
                self.wide.push(Pair::pack(value.wide(), slot));
            }
        });
    }
}

/// What is counted of a gene's values for each slot.
struct Counts {
    nonzeros: Vec<u64>,
    /// Twice the rank sum if the group is compared with the rest, twice U if with a reference.
    doubled: Vec<u64>,
    /// What ties take from the variance: of all cells if compared with the rest, else of group and reference.
    ties: Vec<u128>,
    /// Values of a slot within a run, and the slots that have any.
    in_run: Vec<u64>,
    touched: Vec<usize>,
}

impl Counts {
    fn rank<P: Pair>(&mut self, sorted: &[P], zero: u64, design: &Design) {
        self.nonzeros.fill(0);
        sorted.iter().for_each(|pair| self.nonzeros[pair.group()] += 1);
        self.doubled.fill(0);
        self.ties.fill(0);
        match design.reference {
            Reference::Rest => self.rank_among_all(sorted, zero, design),
            Reference::Group(reference) => self.rank_among_reference(sorted, zero, design, reference),
        }
    }

    /// Twice the rank sums of all slots; the tie term of all cells in the first place of `ties`.
    fn rank_among_all<P: Pair>(&mut self, sorted: &[P], zero: u64, design: &Design) {
        let sizes = &design.slots.sizes;
        let zeros = sizes.iter().sum::<u64>() - sorted.len() as u64;
        // Cells with lower values so far, and twice the mean rank of the zeros.
        let (mut below, mut rank_of_zero) = (0, None);
        let mut ties = tie_term(zeros);
        for_each_run(sorted, |ordinal, run| {
            if ordinal > zero && rank_of_zero.is_none() {
                rank_of_zero = Some(2 * below + zeros + 1);
                below += zeros;
            }
            let tied = run.len() as u64;
            for pair in run {
                self.doubled[pair.group()] += 2 * below + tied + 1;
            }
            below += tied;
            if tied > 1 {
                ties += tie_term(tied);
            }
        });
        let rank_of_zero = rank_of_zero.unwrap_or(2 * below + zeros + 1);
        for (slot, doubled) in self.doubled.iter_mut().enumerate() {
            *doubled += (sizes[slot] - self.nonzeros[slot]) * rank_of_zero;
        }
        self.ties[0] = ties;
    }

    /// Twice the U of each group against the reference, and the tie terms of the two together.
    fn rank_among_reference<P: Pair>(&mut self, sorted: &[P], zero: u64, design: &Design, reference: usize) {
        // Cells of the reference with lower values so far.
        let mut below = 0;
        // The tie term of the reference alone.
        let mut ties_of_reference = 0;
        let mut zeros_done = false;
        for_each_run(sorted, |ordinal, run| {
            if ordinal > zero && !zeros_done {
                zeros_done = true;
                self.add_zeros(&design.slots.sizes, reference, &mut below, &mut ties_of_reference);
            }
            let tied = run.iter().filter(|pair| pair.group() == reference).count() as u64;
            for pair in run {
                self.doubled[pair.group()] += 2 * below + tied;
            }
            if design.counts_ties() && run.len() > 1 {
                self.add_ties(run, tied);
                ties_of_reference += tie_term(tied);
            }
            below += tied;
        });
        if !zeros_done {
            self.add_zeros(&design.slots.sizes, reference, &mut below, &mut ties_of_reference);
        }
        self.ties.iter_mut().for_each(|ties| *ties += ties_of_reference);
    }

    fn add_zeros(&mut self, sizes: &[u64], reference: usize, below: &mut u64, ties_of_reference: &mut u128) {
        let zeros = sizes[reference] - self.nonzeros[reference];
        for (slot, &size) in sizes.iter().enumerate() {
            let own = size - self.nonzeros[slot];
            self.doubled[slot] += own * (2 * *below + zeros);
            self.ties[slot] += tie_term(own + zeros) - tie_term(zeros);
        }
        *below += zeros;
        *ties_of_reference += tie_term(zeros);
    }

    /// Adds what a run of ties, `tied` of them in the reference, takes more with each group than without.
    fn add_ties<P: Pair>(&mut self, run: &[P], tied: u64) {
        for pair in run {
            let slot = pair.group();
            if self.in_run[slot] == 0 {
                self.touched.push(slot);
            }
            self.in_run[slot] += 1;
        }
        for slot in self.touched.drain(..) {
            let own = std::mem::take(&mut self.in_run[slot]);
            self.ties[slot] += tie_term(own + tied) - tie_term(tied);
        }
    }

    fn finish(&self, design: &Design, z: &mut [f64], u: &mut [f64], exact: &mut [f64]) {
        for group in 0..design.n_groups {
            if design.reference == Reference::Group(group) {
                (z[group], u[group]) = (f64::NAN, f64::NAN);
                exact.get_mut(group).into_iter().for_each(|p| *p = f64::NAN);
                continue;
            }
            let (n, m) = (design.slots.sizes[group], design.n_others(group));
            let (doubled_u, ties) = match design.reference {
                Reference::Rest => (self.doubled[group] - n * (n + 1), self.ties[0]),
                Reference::Group(_) => (self.doubled[group], self.ties[group]),
            };
            u[group] = 0.5 * doubled_u as f64;
            z[group] = z_score(doubled_u, n, m, design.tie_correct.then_some(ties), design.continuity);
            if let Some(p_values) = &design.exact {
                // Without ties U is whole.
                let untied = p_values[group].as_ref().filter(|_| ties == 0);
                exact[group] = untied.map_or(f64::NAN, |p| p[doubled_u as usize / 2]);
            }
        }
    }
}

/// The standard score of U, given doubled, of a group of `n` against `m`; `ties` is the tie term if it shall count.
/// 0 if all values are tied.
pub fn z_score(doubled_u: u64, n: u64, m: u64, ties: Option<u128>, continuity: bool) -> f64 {
    let (n, m) = (u128::from(n), u128::from(m));
    let all = n + m;
    let variance = match ties {
        // In scanpy's order of operations, so that the bits are the same.
        None => (n * m * (all + 1)) as f64 / 12.0,
        Some(ties) => {
            let left = all * all * all - all - ties;
            (n * m) as f64 / 12.0 * (left as f64 / (all * (all - 1)) as f64)
        }
    };
    let excess = i128::from(doubled_u) - (n * m) as i128;
    let distance = if continuity { (excess.abs() - 1).max(0) } else { excess.abs() };
    if distance == 0 {
        return 0.0;
    }
    let z = distance as f64 / 2.0 / variance.sqrt();
    if excess < 0 { -z } else { z }
}

/// One of the tables out of results that lie gene by gene: `n_groups` x `n_vars`.
fn by_group(ctx: &Ctx, by_gene: &[f64], design: &Design, n_vars: usize, which: usize) -> Result<Vec<f64>> {
    /// Groups whose results of a gene lie in one cache line.
    const ROWS: usize = 8;
    let (n_groups, per_gene) = (design.n_groups, design.per_gene());
    let mut out = vec![0.0; n_groups * n_vars];
    ctx.run_chunks(
        &mut out,
        ROWS * n_vars,
        || (),
        |(), chunk, rows| {
            let first = which * n_groups + chunk * ROWS;
            for gene in 0..n_vars {
                let results = &by_gene[gene * per_gene + first..];
                for (row, &result) in rows.chunks_exact_mut(n_vars).zip(results) {
                    row[gene] = result;
                }
            }
            Ok(())
        },
    )?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::{Wanted, rank_genes_groups};
    use super::*;
    use crate::matrix::ValueSlice;
    use crate::tl::rank_genes_groups::Method;
    use proptest::prelude::*;

    /// U by its definition, over all pairs.
    fn u(group: &[f64], others: &[f64]) -> f64 {
        let wins = |x: &f64, y: &f64| f64::from(u8::from(x > y)) + 0.5 * f64::from(u8::from(x == y));
        group.iter().map(|x| others.iter().map(|y| wins(x, y)).sum::<f64>()).sum()
    }

    /// Values of which some have 32-bit ordinals and some have not.
    fn values() -> impl Strategy<Value = Vec<(i32, f64)>> {
        let value = prop::sample::select(vec![0.0, 0.0, 1.0, 2.0, -1.0, 0.1, 0.2, -0.1, 1e-300]);
        prop::collection::vec((-1..3, value), 0..80)
    }

    proptest! {
        #[test]
        fn u_counts_pairs(mut cells in values(), with_reference in any::<bool>(), major in prop::sample::select(vec![Axis::Obs, Axis::Var])) {
            cells.extend([(0, 0.0), (0, 0.3), (1, 1.0), (1, 0.0), (2, 0.1), (2, -7.0)]);
            let (labels, values): (Vec<i32>, Vec<f64>) = cells.into_iter().unzip();
            let n = labels.len();
            let matrix = Matrix::dense(major, (n, 1), ValueSlice::F64(&values), if major == Axis::Obs { 1 } else { n }).unwrap();
            let groups = Groups::new(&labels[..], 3, n, "groups").unwrap();
            let reference = if with_reference { Reference::Group(1) } else { Reference::Rest };
            let options = Options { method: Method::Wilcoxon, reference, ..Default::default() };
            let wanted = Wanted { u: true, ..Default::default() };
            let ranked = rank_genes_groups(&Ctx::new(2), &matrix, &groups, &options, &wanted).unwrap();
            let of = |keep: &dyn Fn(i32) -> bool| -> Vec<f64> {
                labels.iter().zip(&values).filter(|cell| keep(*cell.0)).map(|cell| *cell.1).collect()
            };
            for group in 0..3 {
                if reference == Reference::Group(group) {
                    prop_assert!(ranked.u[group].is_nan());
                    continue;
                }
                let group = group as i32;
                let others = if with_reference { of(&|label| label == 1) } else { of(&|label| label != group) };
                prop_assert_eq!(ranked.u[group as usize], u(&of(&|label| label == group), &others));
            }
        }
    }

    #[test]
    fn scores_by_hand_and_at_a_billion_cells() {
        // n = 2, m = 3, all above: U = 6, mean 3, variance 2 * 3 * 6 / 12 = 3.
        assert_eq!(z_score(12, 2, 3, None, false), 3.0 / 3f64.sqrt());
        assert_eq!(z_score(0, 2, 3, None, true), -2.5 / 3f64.sqrt());
        // All tied, and half a unit from the mean with continuity.
        assert_eq!(z_score(6, 2, 3, Some(tie_term(5)), false), 0.0);
        assert_eq!(z_score(7, 2, 3, None, true), 0.0);
        // Half of 2e9 cells tied in one block: the variance is n m / 12 (N + 1 - (h^3 - h) / (N (N - 1))), N = 2 h.
        let h = 1_000_000_000u64;
        let excess = 40_000_000_000_000u64;
        let z = z_score(h * h + 2 * excess, h, h, Some(tie_term(h)), false);
        let (n, m) = (2.0 * h as f64, h as f64);
        let variance = m * m / 12.0 * (n + 1.0 - (m * m - 1.0) / (2.0 * (n - 1.0)));
        assert!((z / (excess as f64 / variance.sqrt()) - 1.0).abs() < 1e-14);
    }
}
