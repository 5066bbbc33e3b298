//! Scores of gene sets against control genes of like expression, and the cell cycle's phases (scanpy's `score_genes`).
//!
//! Speed: control genes and scores, 28 M non-zeros of f32, 2 threads: 20 ms, of which 12 are the means of all genes
//! (`matrix::exact_sums`). The scores take 8: to find the named genes among the indices takes 4, the values of these the rest,
//! with whose cache lines nearly all values come from memory. A pass that only reads indices and values takes 6.4.

use crate::error::Result;
use crate::matrix::marks::{Marks, WORD, ones};
use crate::matrix::reduce::{Wanted, aggregate, aggregate_mapped};
use crate::matrix::{Axis, Groups, IndexSlice, Lines, Matrix, Storage, Value};
use crate::parallel::{Ctx, even_ranges};
use crate::stats::numpy_random::NumpyRandom;
use crate::{ensure, with_lines};

/// How control genes are chosen; the defaults are scanpy's.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlOptions {
    /// Control genes drawn from each bin of expression.
    pub ctrl_size: usize,
    /// Bins of expression; at least 2.
    pub n_bins: usize,
    /// Whether genes of the set are first drawn with the others and then left out (scanpy's default), or not drawn.
    pub ctrl_as_ref: bool,
    /// Seed of the draw: the sample is that of numpy's legacy generator with this seed.
    pub random_state: u32,
}

impl Default for ControlOptions {
    fn default() -> Self {
        Self { ctrl_size: 50, n_bins: 25, ctrl_as_ref: true, random_state: 0 }
    }
}

/// The control genes for a set, ascending.
///
/// The genes of `pool` (all genes if none is given) are ranked by their mean over all cells and divided into bins; from
/// each bin that holds a gene of the set `ctrl_size` genes are drawn; genes of the set are left out.
pub fn control_genes(
    ctx: &Ctx,
    matrix: &Matrix,
    genes: &[usize],
    pool: Option<&[usize]>,
    options: &ControlOptions,
) -> Result<Vec<usize>> {
    let n_vars = matrix.n_vars();
    check_genes(genes, n_vars, "gene_list")?;
    if let Some(pool) = pool {
        check_genes(pool, n_vars, "gene_pool")?;
    }
    ensure!(options.n_bins >= 2, InvalidArgument, "options.n_bins: is {}, must be at least 2", options.n_bins);
    let means = nan_means(ctx, matrix)?;

    let mut in_pool = vec![false; n_vars];
    let pool: Vec<usize> = match pool {
        // A gene that is named twice is one gene.
        Some(pool) => pool.iter().copied().filter(|&g| !std::mem::replace(&mut in_pool[g], true)).collect(),
        None => (0..n_vars).collect(),
    };
    let pool: Vec<usize> = pool.into_iter().filter(|&gene| means[gene].is_finite()).collect();
    let bins = bins(&pool, &means, n_vars, options.n_bins);

    let mut in_set = vec![false; n_vars];
    for &gene in genes {
        in_set[gene] = true;
        ensure!(
            bins[gene].is_some(),
            NotFound,
            "gene_list: gene {gene} must be in gene_pool and have a finite mean, to be put into a bin of expression"
        );
    }
    let mut wanted: Vec<usize> = genes.iter().filter_map(|&gene| bins[gene]).collect();
    wanted.sort_unstable();
    wanted.dedup();

    let mut random = NumpyRandom::new(options.random_state);
    let mut control = vec![false; n_vars];
    for bin in wanted {
        let candidates: Vec<usize> = pool
            .iter()
            .copied()
            .filter(|&gene| bins[gene] == Some(bin) && (options.ctrl_as_ref || !in_set[gene]))
            .collect();
        if candidates.is_empty() {
            ctx.warn(&format!(
                "No control genes for cut={bin}. You might want to increase gene_pool size (current size: {})",
                pool.len()
            ));
        }
        if options.ctrl_size < candidates.len() {
            random.choice(candidates.len(), options.ctrl_size).into_iter().for_each(|i| control[candidates[i]] = true);
        } else {
            candidates.into_iter().for_each(|gene| control[gene] = true);
        }
    }
    Ok((0..n_vars).filter(|&gene| control[gene] && !in_set[gene]).collect())
}

/// Which bin of expression each gene of the pool is in: its rank among them (the lowest of equals) by bins of equal
/// numbers of genes.
fn bins(pool: &[usize], means: &[f64], n_vars: usize, n_bins: usize) -> Vec<Option<usize>> {
    let in_bin = (pool.len() as f64 / (n_bins - 1) as f64).round_ties_even() as usize;
    let mut order: Vec<(f64, usize)> = pool.iter().map(|&gene| (means[gene], gene)).collect();
    order.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut bins = vec![None; n_vars];
    let mut rank = 0;
    for (i, &(mean, gene)) in order.iter().enumerate() {
        if i == 0 || mean != order[i - 1].0 {
            rank = i + 1;
        }
        // A pool of very few genes is one bin, as pandas has it (rank // 0 is infinite).
        bins[gene] = Some(rank.checked_div(in_bin).unwrap_or(0));
    }
    bins
}

/// Each gene's mean over the cells in which it is not NaN.
fn nan_means(ctx: &Ctx, matrix: &Matrix) -> Result<Vec<f64>> {
    let cells = Groups::all(matrix.n_obs());
    let means = ctx.within(0.0, 0.4, || aggregate(ctx, matrix, Axis::Obs, &cells, Wanted::default()))?.means();
    if matrix.n_obs() == 0 || !means.iter().any(|mean| mean.is_nan()) {
        return Ok(means);
    }
    let total = |from: f64, map: fn(usize, f64) -> f64| -> Result<Vec<f64>> {
        let all = || aggregate_mapped(ctx, matrix, Axis::Obs, &cells, Wanted::default(), map);
        Ok(ctx.within(from, from + 0.3, all)?.sums)
    };
    let sums = total(0.4, |_, x| if x.is_nan() { 0.0 } else { x })?;
    let missing = total(0.7, |_, x| f64::from(u8::from(x.is_nan())))?;
    Ok(sums.iter().zip(missing).map(|(sum, missing)| sum / (matrix.n_obs() as f64 - missing)).collect())
}

/// Each cell's mean over the genes of the set less its mean over the control genes; NaN values are left out of both.
pub fn score_genes(ctx: &Ctx, matrix: &Matrix, genes: &[usize], control: &[usize]) -> Result<Vec<f64>> {
    check_genes(genes, matrix.n_vars(), "gene_list")?;
    check_genes(control, matrix.n_vars(), "control")?;
    let mut roles = vec![Role::default(); matrix.n_vars()];
    genes.iter().for_each(|&gene| roles[gene].0 |= Role::SET);
    control.iter().for_each(|&gene| roles[gene].0 |= Role::CONTROL);

    let canonical = ctx.within(0.0, 0.2, || matrix.canonical(ctx))?;
    let matrix = &canonical.view();
    let mut scores = vec![0.0; matrix.n_obs()];
    ctx.within(0.2, 1.0, || with_lines!(matrix, |lines| score_lines(ctx, matrix, lines, &roles, &mut scores)))?;
    Ok(scores)
}

fn check_genes(genes: &[usize], n_vars: usize, name: &str) -> Result<()> {
    ensure!(!genes.is_empty(), InvalidArgument, "{name}: is empty, must name at least one gene");
    for (i, &gene) in genes.iter().enumerate() {
        ensure!(gene < n_vars, InvalidArgument, "{name}[{i}]: is {gene}, must be from 0 to {}", n_vars as i64 - 1);
    }
    Ok(())
}

/// What a gene counts for. One byte, so that those of all genes stay in the first-level cache.
#[derive(Clone, Copy, Default, PartialEq)]
struct Role(u8);

impl Role {
    const SET: u8 = 1;
    const CONTROL: u8 = 2;

    fn is(self, role: u8) -> bool {
        self.0 & role != 0
    }
}

/// The two means of one cell in the making.
#[derive(Clone, Copy, Default)]
struct Tally {
    set: f64,
    control: f64,
    set_missing: u32,
    control_missing: u32,
}

impl Tally {
    #[inline(always)]
    fn add(&mut self, role: Role, x: f64) {
        if x.is_nan() {
            self.set_missing += u32::from(role.is(Role::SET));
            self.control_missing += u32::from(role.is(Role::CONTROL));
            return;
        }
        if role.is(Role::SET) {
            self.set += x;
        }
        if role.is(Role::CONTROL) {
            self.control += x;
        }
    }

    fn score(&self, n_set: usize, n_control: usize) -> f64 {
        let mean = |sum: f64, n: usize, missing: u32| sum / (n as f64 - f64::from(missing));
        mean(self.set, n_set, self.set_missing) - mean(self.control, n_control, self.control_missing)
    }
}

/// Cells that one task scores.
const CELLS: usize = 1024;

fn score_lines<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: L, roles: &[Role], scores: &mut [f64]) -> Result<()> {
    let n_set = roles.iter().filter(|role| role.is(Role::SET)).count();
    let n_control = roles.iter().filter(|role| role.is(Role::CONTROL)).count();
    let named: Vec<usize> = (0..roles.len()).filter(|&gene| roles[gene] != Role::default()).collect();
    let marks = Marks::new(roles.len(), named.iter().copied());
    let cells: Vec<_> = even_ranges(scores.len(), CELLS).collect();
    ctx.run_chunks(scores, CELLS, Vec::<Tally>::new, |tallies, c, out| {
        tallies.clear();
        tallies.resize(out.len(), Tally::default());
        match matrix.major() {
            Axis::Obs if L::DENSE => {
                for (tally, cell) in tallies.iter_mut().zip(cells[c].clone()) {
                    let values = lines.values(cell);
                    named.iter().for_each(|&gene| tally.add(roles[gene], values[gene].to_f64()));
                }
            }
            Axis::Obs => {
                for (tally, cell) in tallies.iter_mut().zip(cells[c].clone()) {
                    match matrix.storage() {
                        Storage::Sparse { indptr, indices: IndexSlice::I32(indices), base, .. } => {
                            let indices = &indices[indptr[cell] as usize..indptr[cell + 1] as usize];
                            tally_stored(indices, *base, &lines.values(cell), roles, &marks, tally);
                        }
                        _ => lines.for_each(cell, |gene, x| {
                            if roles[gene] != Role::default() {
                                tally.add(roles[gene], x.to_f64());
                            }
                        }),
                    }
                }
            }
            Axis::Var => {
                let first = cells[c].start;
                for &gene in &named {
                    lines.for_each_in(gene, cells[c].clone(), |cell, x| {
                        tallies[cell - first].add(roles[gene], x.to_f64())
                    });
                }
            }
        }
        out.iter_mut().zip(tallies.iter()).for_each(|(out, tally)| *out = tally.score(n_set, n_control));
        Ok(())
    })
}

/// Adds a cell's values of named genes, in their order. Most values are of others, and are not looked at.
fn tally_stored<V: Value>(indices: &[i32], base: i64, values: &[V], roles: &[Role], marks: &Marks, tally: &mut Tally) {
    let mut found = [0; 4];
    for (indices, values) in indices.chunks(WORD * found.len()).zip(values.chunks(WORD * found.len())) {
        let found = &mut found[..indices.len().div_ceil(WORD)];
        marks.mark(indices, base, found);
        for ((&found, indices), values) in found.iter().zip(indices.chunks(WORD)).zip(values.chunks(WORD)) {
            ones(found).for_each(|k| tally.add(roles[(i64::from(indices[k]) - base) as usize], values[k].to_f64()));
        }
    }
}

/// A phase of the cell cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    G1,
    S,
    G2M,
}

/// The phase that two scores say: G1 if both are negative, else that of the higher score; S if they are equal or NaN.
pub fn phase(s_score: f64, g2m_score: f64) -> Phase {
    if s_score < 0.0 && g2m_score < 0.0 {
        Phase::G1
    } else if g2m_score > s_score {
        Phase::G2M
    } else {
        Phase::S
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::matrix::ValueSlice;

    fn dense(values: &[f64], n_obs: usize, n_vars: usize) -> Matrix<'_> {
        Matrix::dense(Axis::Obs, (n_obs, n_vars), ValueSlice::F64(values), n_vars).unwrap()
    }

    #[test]
    fn scores_are_differences_of_means_without_nan() {
        let values = [1.0, 2.0, 4.0, 8.0, f64::NAN, 2.0, 4.0, 8.0];
        let matrix = dense(&values, 2, 4);
        let ctx = Ctx::new(2);
        assert_eq!(score_genes(&ctx, &matrix, &[0, 1], &[2, 3]).unwrap(), [1.5 - 6.0, 2.0 - 6.0]);
        // a set of NaN alone has no mean
        assert!(score_genes(&ctx, &matrix, &[0], &[1]).unwrap()[1].is_nan());
    }

    #[test]
    fn bins_hold_equal_numbers_and_equals_share_one() {
        let means = [5.0, 1.0, 1.0, 1.0, 9.0, 7.0];
        // six genes by two bins: six to a bin, ranks 1 1 1 are 0
        assert_eq!(bins(&[0, 1, 2, 3, 4, 5], &means, 6, 2), [0, 0, 0, 0, 1, 0].map(Some));
        // three to a bin
        assert_eq!(bins(&[0, 1, 2, 3, 4, 5], &means, 6, 3), [1, 0, 0, 0, 2, 1].map(Some));
        assert_eq!(bins(&[1, 4], &means, 6, 25), [None, Some(0), None, None, Some(0), None]);
    }

    #[test]
    fn controls_leave_out_the_set_and_repeat_with_the_seed() {
        let values: Vec<f64> = (0..200).map(|g| g as f64).collect();
        let matrix = dense(&values, 1, 200);
        let options = ControlOptions { ctrl_size: 3, ..Default::default() };
        let choose = |options: &ControlOptions| control_genes(&Ctx::new(1), &matrix, &[20, 21], None, options).unwrap();
        let chosen = choose(&options);
        assert!(!chosen.is_empty() && chosen.len() <= 6 && !chosen.contains(&20) && !chosen.contains(&21));
        assert_eq!(choose(&options), chosen);
        assert_ne!(choose(&ControlOptions { random_state: 1, ..options }), chosen);
    }

    #[test]
    fn wrong_genes_are_named() {
        let values = [1.0, f64::NAN, 3.0];
        let matrix = dense(&values, 1, 3);
        let ctx = Ctx::new(1);
        let fails = |genes: &[usize], pool: Option<&[usize]>, kind: ErrorKind, says: &str| {
            let error = control_genes(&ctx, &matrix, genes, pool, &ControlOptions::default()).unwrap_err();
            assert_eq!(error.kind, kind);
            assert!(error.message.contains(says), "{}", error.message);
        };
        fails(&[3], None, ErrorKind::InvalidArgument, "gene_list[0]: is 3");
        fails(&[], None, ErrorKind::InvalidArgument, "gene_list: is empty");
        fails(&[0], Some(&[7]), ErrorKind::InvalidArgument, "gene_pool[0]: is 7");
        fails(&[0], Some(&[2]), ErrorKind::NotFound, "gene 0");
        fails(&[1], None, ErrorKind::NotFound, "gene 1");
    }

    #[test]
    fn phases() {
        assert_eq!(
            [phase(-1.0, -2.0), phase(1.0, 0.5), phase(-1.0, 0.5), phase(0.0, 0.0)],
            [Phase::G1, Phase::S, Phase::G2M, Phase::S]
        );
        assert_eq!(phase(f64::NAN, -1.0), Phase::S);
    }
}
