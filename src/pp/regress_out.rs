//! Residuals of a linear regression of each gene on covariates of the cells, or on one category (scanpy's `regress_out`).

use crate::error::Result;
use crate::matrix::fold::BITE;
use crate::matrix::reduce::{Wanted, aggregate};
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::{Ctx, balanced_ranges, even_ranges};
use crate::simd::{widest, widest_f64};
use crate::{bail, ensure, with_lines};
use std::ops::Range;

/// Subtracts from each gene its least-squares fit by the covariates and a constant.
///
/// `covariates` is n_obs x `n_covariates`, one column after the other. The residual is the gene less its projection on
/// what the covariates span, so covariates that depend on others change nothing; they are dropped with a warning.
/// `out` is n_obs x n_vars, cell after cell.
///
/// 20,000 x 2,000 dense f32 values, two covariates, 2 threads: 31 ms. The values are read twice and written once, which
/// memory allows in 14; 9 go to the kernel, which clears the pages of the result.
pub fn regress_out<T: Value>(
    ctx: &Ctx,
    matrix: &Matrix,
    covariates: &[f64],
    n_covariates: usize,
    out: &mut [T],
) -> Result<()> {
    let n_obs = matrix.n_obs();
    check_out(matrix, out)?;
    ensure!(
        covariates.len() == n_obs * n_covariates,
        Shape,
        "covariates: has {} values, must have {} (n_obs * n_covariates)",
        covariates.len(),
        n_obs * n_covariates
    );
    if let Some(at) = covariates.iter().position(|x| !x.is_finite()) {
        bail!(
            Value,
            "covariates: the value of covariate {} in cell {} is {}, must be finite",
            at / n_obs,
            at % n_obs,
            covariates[at]
        );
    }
    let basis = ctx.within(0.0, 0.1, || Basis::spanning(ctx, covariates, n_obs))?;
    let canonical = ctx.within(0.1, 0.2, || matrix.canonical(ctx))?;
    let matrix = &canonical.view();
    let coefficients = ctx.within(0.2, 0.6, || with_lines!(matrix, |lines| project(ctx, matrix, lines, &basis)))?;
    let fit = Fit::Products { basis: &basis, coefficients: &coefficients };
    ctx.within(0.6, 1.0, || with_lines!(matrix, |lines| subtract(ctx, matrix.major(), lines, &fit, out)))
}

/// Subtracts from each gene its mean in the cell's category. A gene that is the same in all cells is left as it is.
///
/// This is what scanpy's regression on one categorical variable comes to: it fits each gene by a constant and by the
/// gene's own means over the categories, which is fitted by slope 1 and constant 0.
pub fn regress_out_groups<T: Value>(ctx: &Ctx, matrix: &Matrix, groups: &Groups, out: &mut [T]) -> Result<()> {
    check_out(matrix, out)?;
    if let Some(cell) = groups.labels().iter().position(|&label| label < 0) {
        let n = groups.labels().iter().filter(|&&label| label < 0).count();
        bail!(
            InvalidArgument,
            "groups: cell {cell} has label -1 (as have {n} in all), must be in a category; give those cells one, or leave \
             them out"
        );
    }
    let canonical = ctx.within(0.0, 0.1, || matrix.canonical(ctx))?;
    let matrix = &canonical.view();
    let sums = ctx.within(0.1, 0.35, || aggregate(ctx, matrix, Axis::Obs, groups, Wanted::default()))?;
    let mut means = sums.means();
    let n_vars = matrix.n_vars();
    let same = same_in_all_groups(groups, &means, n_vars);
    for gene in ctx.within(0.35, 0.6, || constants(ctx, matrix, same))? {
        means.iter_mut().skip(gene).step_by(n_vars).for_each(|mean| *mean = 0.0);
    }
    let fit = Fit::Means { groups, means: &means };
    ctx.within(0.6, 1.0, || with_lines!(matrix, |lines| subtract(ctx, matrix.major(), lines, &fit, out)))
}

/// The genes whose means differ by no more than what sums of equal numbers are rounded by.
fn same_in_all_groups(groups: &Groups, means: &[f64], n_vars: usize) -> Vec<usize> {
    let mut rows = (0..groups.n_groups()).filter(|&g| groups.size(g) > 0).map(|g| &means[g * n_vars..(g + 1) * n_vars]);
    let Some(first) = rows.next() else { return Vec::new() };
    let rounding = groups.n() as f64 * f64::EPSILON;
    let mut same: Vec<usize> = (0..n_vars).collect();
    for row in rows {
        // Infinite ones are equal, too.
        same.retain(|&gene| {
            let (a, b) = (first[gene], row[gene]);
            a == b || (a - b).abs() <= rounding * a.abs()
        });
    }
    same
}

/// Those of these genes that are the same in all cells.
fn constants(ctx: &Ctx, matrix: &Matrix, among: Vec<usize>) -> Result<Vec<usize>> {
    if among.is_empty() {
        return Ok(among);
    }
    if matrix.major() == Axis::Obs && !matrix.is_sparse() {
        return with_lines!(matrix, |lines| constants_of_cells(ctx, lines, among));
    }
    let wanted = Wanted { extremes: true, ..Default::default() };
    let extremes = aggregate(ctx, matrix, Axis::Obs, &Groups::all(matrix.n_obs()), wanted)?;
    Ok(among.into_iter().filter(|&gene| extremes.mins[gene] == extremes.maxs[gene]).collect())
}

/// Some cells of a dense matrix after the other, until no gene is left.
///
/// Of some cells gene by gene: a gene's values are far apart, and memory brings several of them at a time.
fn constants_of_cells(ctx: &Ctx, lines: impl Lines, mut left: Vec<usize>) -> Result<Vec<usize>> {
    const SOME: usize = 64;
    let value = |cell: usize, gene: usize| lines.some_values(cell, gene..gene + 1)[0].to_f64();
    for cells in even_ranges(lines.n_major(), SOME) {
        if left.is_empty() {
            break;
        }
        ctx.poll(cells.start as f64 / lines.n_major() as f64)?;
        left.retain(|&gene| {
            let first = value(0, gene);
            cells.clone().all(|cell| value(cell, gene) == first)
        });
    }
    Ok(left)
}

fn check_out<T>(matrix: &Matrix, out: &[T]) -> Result<()> {
    let needed = matrix.n_obs() * matrix.n_vars();
    ensure!(out.len() == needed, Shape, "out: has length {}, must have {needed} (n_obs * n_vars)", out.len());
    Ok(())
}

/// Orthonormal columns that span the covariates and a constant.
struct Basis {
    rank: usize,
    /// n_obs x rank, cell after cell.
    values: Vec<f64>,
}

impl Basis {
    /// What of a column's length must be left, when the columns before it are taken out, for it to be a new direction.
    const INDEPENDENT: f64 = 1e-10;

    /// By Gram and Schmidt, each column twice, which leaves the columns orthogonal to rounding (Giraud et al. 2005).
    ///
    /// Covariates are centred first (the constant comes first), so that large ones that vary little keep their digits.
    fn spanning(ctx: &Ctx, covariates: &[f64], n_obs: usize) -> Result<Self> {
        let constant = vec![1.0; n_obs];
        let columns: Vec<&[f64]> =
            std::iter::once(&constant[..]).chain(covariates.chunks_exact(n_obs.max(1))).collect();
        let mut made: Vec<Vec<f64>> = Vec::new();
        for (i, column) in columns.iter().enumerate() {
            ctx.poll(i as f64 / columns.len() as f64)?;
            let mut left = column.to_vec();
            for _ in 0..2 {
                for q in &made {
                    let along = dot(q, &left);
                    left.iter_mut().zip(q).for_each(|(x, q)| *x -= along * q);
                }
            }
            let (length, before) = (dot(&left, &left).sqrt(), dot(column, column).sqrt());
            if length > Self::INDEPENDENT * before {
                left.iter_mut().for_each(|x| *x /= length);
                made.push(left);
            } else if i > 0 {
                ctx.warn(&format!(
                    "covariates: covariate {} is constant or a linear combination of those before it; it changes nothing",
                    i - 1
                ));
            }
        }
        let rank = made.len();
        let mut values = vec![0.0; n_obs * rank];
        for (k, column) in made.iter().enumerate() {
            values.iter_mut().skip(k).step_by(rank).zip(column).for_each(|(out, x)| *out = *x);
        }
        Ok(Self { rank, values })
    }

    #[inline(always)]
    fn of(&self, cell: usize) -> &[f64] {
        &self.values[cell * self.rank..(cell + 1) * self.rank]
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The basis' products with each gene, rank x n_vars. Threads divide the genes; a product takes the cells in order.
fn project<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: L, basis: &Basis) -> Result<Vec<f64>> {
    let (n_vars, rank) = (matrix.n_vars(), basis.rank);
    let pieces: Vec<_> = match matrix.major() {
        Axis::Var => even_ranges(n_vars, 64).collect(),
        // Parts of lines as long as can be: memory foresees what is read straight on.
        Axis::Obs => balanced_ranges(n_vars, ctx.threads(), |gene| gene as u64),
    };
    let mut blocks: Vec<Vec<f64>> = pieces.iter().map(|genes| vec![0.0; genes.len() * rank]).collect();
    let mut add_lines = |lines: &L, cells: Range<usize>| {
        ctx.run_chunks(
            &mut blocks,
            1,
            || (),
            |(), p, block| {
                project_lines(lines, matrix.major(), cells.clone(), pieces[p].clone(), basis, &mut block[0]);
                Ok(())
            },
        )
    };
    match matrix.major() {
        Axis::Var => add_lines(&lines, 0..lines.n_minor())?,
        Axis::Obs => {
            let bites = even_ranges(lines.n_major(), (ctx.threads() * BITE as usize).div_ceil(n_vars.max(1)));
            let n = bites.len();
            for (i, cells) in bites.enumerate() {
                ctx.step(i, n, || add_lines(&lines, cells))?;
            }
        }
    }
    let mut out = vec![0.0; rank * n_vars];
    for (genes, products) in pieces.into_iter().zip(blocks) {
        for k in 0..rank {
            out[k * n_vars..][genes.clone()].copy_from_slice(&products[k * genes.len()..(k + 1) * genes.len()]);
        }
    }
    Ok(out)
}

/// Adds the products of some cells and genes, k after k.
fn project_lines<L: Lines>(
    lines: &L,
    major: Axis,
    cells: Range<usize>,
    genes: Range<usize>,
    basis: &Basis,
    products: &mut [f64],
) {
    let (first, n) = (genes.start, genes.len());
    let mut add = |cell: usize, gene: usize, x: f64| {
        basis.of(cell).iter().enumerate().for_each(|(k, q)| products[k * n + gene - first] += q * x);
    };
    match major {
        Axis::Obs if L::DENSE => project_cells(lines, cells, genes, basis, products),
        Axis::Obs => {
            cells.for_each(|cell| lines.for_each_in(cell, genes.clone(), |gene, x| add(cell, gene, x.to_f64())))
        }
        Axis::Var => genes.for_each(|gene| lines.for_each(gene, |cell, x| add(cell, gene, x.to_f64()))),
    }
}

/// Cells whose products are added in one go, so that the sums are fetched and stored once for all of them.
const CELLS: usize = 8;

/// The same for a dense matrix, in vectors across the genes.
fn project_cells(lines: &impl Lines, cells: Range<usize>, genes: Range<usize>, basis: &Basis, products: &mut [f64]) {
    widest(
        #[inline(always)]
        || {
            let rest = cells.end - cells.len() % CELLS;
            for first in (cells.start..rest).step_by(CELLS) {
                let cells: [usize; CELLS] = std::array::from_fn(|i| first + i);
                project_block(lines, cells, &genes, basis, products);
            }
            (rest..cells.end).for_each(|cell| project_block(lines, [cell], &genes, basis, products));
        },
    )
}

#[inline(always)]
fn project_block<const N: usize>(
    lines: &impl Lines,
    cells: [usize; N],
    genes: &Range<usize>,
    basis: &Basis,
    products: &mut [f64],
) {
    let n = genes.len();
    let values = cells.map(|cell| lines.some_values(cell, genes.clone()));
    let rows: [_; N] = std::array::from_fn(|i| &values[i][..n]);
    let of = |gene: usize| rows.map(|row| row[gene].to_f64());
    let factors = |k: usize| cells.map(|cell| basis.of(cell)[k]);
    // Two at a time, as to read and convert the values is a third of the work.
    for (k, products) in (0..).step_by(2).zip(products.chunks_mut(2 * n)) {
        let (sums, others) = products.split_at_mut(n);
        let q = factors(k);
        if others.is_empty() {
            for (gene, all) in sums.iter_mut().enumerate() {
                let x = of(gene);
                *all = (0..N).fold(*all, |sum, i| sum + q[i] * x[i]);
            }
        } else {
            let (others, p) = (&mut others[..n], factors(k + 1));
            for gene in 0..n {
                let x = of(gene);
                sums[gene] = (0..N).fold(sums[gene], |sum, i| sum + q[i] * x[i]);
                others[gene] = (0..N).fold(others[gene], |sum, i| sum + p[i] * x[i]);
            }
        }
    }
}

/// What is subtracted.
enum Fit<'a> {
    /// The sum of the basis times the products with each gene.
    Products { basis: &'a Basis, coefficients: &'a [f64] },
    /// The means of the cell's group.
    Means { groups: &'a Groups<'a>, means: &'a [f64] },
}

impl Fit<'_> {
    /// Those of all genes.
    fn of(&self, cell: usize, fits: &mut [f64]) {
        let n = fits.len();
        match self {
            Self::Products { basis, coefficients } => {
                fits.fill(0.0);
                for (k, &q) in basis.of(cell).iter().enumerate() {
                    fits.iter_mut().zip(&coefficients[k * n..]).for_each(|(fit, c)| *fit += q * c);
                }
            }
            Self::Means { groups, means } => fits.copy_from_slice(means_of(groups, means, cell, n)),
        }
    }
}

/// The means of a cell's group; every cell is in one, that was checked.
fn means_of<'a>(groups: &Groups, means: &'a [f64], cell: usize, n_vars: usize) -> &'a [f64] {
    &means[groups.of(cell).unwrap_or_default() * n_vars..][..n_vars]
}

/// Elements that one task writes.
const BLOCK: usize = 1 << 18;

/// `out` = the matrix less its fit.
fn subtract<L: Lines, T: Value>(ctx: &Ctx, major: Axis, lines: L, fit: &Fit, out: &mut [T]) -> Result<()> {
    let (n_obs, n_vars) =
        if major == Axis::Obs { (lines.n_major(), lines.n_minor()) } else { (lines.n_minor(), lines.n_major()) };
    let per_block = (BLOCK / n_vars.max(1)).max(1);
    let blocks: Vec<_> = even_ranges(n_obs, per_block).collect();
    // Not -x, which would be a negative zero where a stored zero, added, makes a positive one.
    let negate = |fits: &mut [f64]| fits.iter_mut().for_each(|x| *x = 0.0 - *x);
    ctx.run_chunks(out, per_block * n_vars, Vec::new, |residuals, b, out| {
        let cells = blocks[b].clone();
        let first = cells.start;
        match major {
            Axis::Obs if L::DENSE => {
                for (cell, out) in cells.zip(out.chunks_exact_mut(n_vars)) {
                    subtract_row(&lines.values(cell), fit, cell, residuals, out);
                }
            }
            Axis::Obs => {
                residuals.resize(n_vars, 0.0);
                for (cell, out) in cells.zip(out.chunks_exact_mut(n_vars)) {
                    fit.of(cell, residuals);
                    negate(residuals);
                    lines.for_each(cell, |gene, x| residuals[gene] += x.to_f64());
                    out.iter_mut().zip(residuals.iter()).for_each(|(out, &x)| *out = T::from_f64(x));
                }
            }
            Axis::Var => {
                residuals.resize(out.len(), 0.0);
                for (cell, residuals) in cells.clone().zip(residuals.chunks_exact_mut(n_vars)) {
                    fit.of(cell, residuals);
                }
                negate(residuals);
                for gene in 0..n_vars {
                    lines.for_each_in(gene, cells.clone(), |cell, x| {
                        residuals[(cell - first) * n_vars + gene] += x.to_f64();
                    });
                }
                out.iter_mut().zip(residuals.iter()).for_each(|(out, &x)| *out = T::from_f64(x));
            }
        }
        Ok(())
    })
}

/// One cell of a dense matrix less its fit, which stays in registers if it has few terms.
fn subtract_row<V: Value, T: Value>(values: &[V], fit: &Fit, cell: usize, fits: &mut Vec<f64>, out: &mut [T]) {
    let n = values.len();
    match *fit {
        Fit::Products { basis, coefficients } => {
            let columns = |k: usize| &coefficients[k * n..];
            match *basis.of(cell) {
                [a] => subtract_terms([a], std::array::from_fn(columns), values, out),
                [a, b] => subtract_terms([a, b], std::array::from_fn(columns), values, out),
                [a, b, c] => subtract_terms([a, b, c], std::array::from_fn(columns), values, out),
                [a, b, c, d] => subtract_terms([a, b, c, d], std::array::from_fn(columns), values, out),
                _ => {
                    fits.resize(n, 0.0);
                    fit.of(cell, fits);
                    subtract_terms([1.0], [fits], values, out);
                }
            }
        }
        Fit::Means { groups, means } => subtract_terms([1.0], [means_of(groups, means, cell, n)], values, out),
    }
}

/// `out` = `values` less the sum of these columns, each with its factor.
fn subtract_terms<const N: usize, V: Value, T: Value>(
    factors: [f64; N],
    columns: [&[f64]; N],
    values: &[V],
    out: &mut [T],
) {
    widest_f64(
        #[inline(always)]
        || {
            let n = values.len();
            let out = &mut out[..n];
            // Known to be long enough where the loop begins: only then are vectors made of it.
            let columns: [&[f64]; N] = std::array::from_fn(|k| &columns[k][..n]);
            for gene in 0..n {
                let terms = columns.map(|column| column[gene]);
                let fit = (0..N).fold(0.0, |fit, k| fit + factors[k] * terms[k]);
                out[gene] = T::from_f64((0.0 - fit) + values[gene].to_f64());
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::matrix::ValueSlice;
    use crate::matrix::dense::to_sparse;

    fn dense(values: &[f64], n_obs: usize) -> Matrix<'_> {
        let n_vars = values.len() / n_obs;
        Matrix::dense(Axis::Obs, (n_obs, n_vars), ValueSlice::F64(values), n_vars).unwrap()
    }

    fn residuals(values: &[f64], n_obs: usize, covariates: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; values.len()];
        let n = covariates.len() / n_obs;
        regress_out(&Ctx::new(2), &dense(values, n_obs), covariates, n, &mut out).unwrap();
        out
    }

    #[test]
    fn what_the_covariates_explain_goes() {
        // gene 0 is 3 + 2 a, gene 1 is b^2, which a and a constant fit by 10 a / 3 - 2 (a = 0..3)
        let values = [3.0, 0.0, 5.0, 1.0, 7.0, 4.0, 9.0, 9.0];
        let out = residuals(&values, 4, &[0.0, 1.0, 2.0, 3.0]);
        for (got, wanted) in out.iter().zip([0.0, 1.0, 0.0, -1.0, 0.0, -1.0, 0.0, 1.0]) {
            assert!((got - wanted).abs() < 1e-14, "{out:?}");
        }
    }

    #[test]
    fn every_layout_and_thread_count_gives_the_same_bits() {
        let (n_obs, n_vars) = (37, 700);
        let noise = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 100.0;
        let by_cell: Vec<f32> = (0..n_obs * n_vars).map(noise).collect();
        let by_gene: Vec<f32> = (0..n_obs * n_vars).map(|i| by_cell[i % n_obs * n_vars + i / n_obs]).collect();
        let cells = Matrix::dense(Axis::Obs, (n_obs, n_vars), ValueSlice::F32(&by_cell), n_vars).unwrap();
        let compressed = to_sparse(&Ctx::new(1), &cells).unwrap();
        // With a constant up to four terms are added up in registers, six are not.
        for n in [0, 1, 2, 3, 5] {
            let covariates: Vec<f64> = (0..n * n_obs).map(|i| f64::from(noise(i * i))).collect();
            let mut first: Option<Vec<u32>> = None;
            for threads in [1, 2, 5] {
                for matrix in [
                    Matrix::dense(Axis::Obs, (n_obs, n_vars), ValueSlice::F32(&by_cell), n_vars).unwrap(),
                    Matrix::dense(Axis::Var, (n_obs, n_vars), ValueSlice::F32(&by_gene), n_obs).unwrap(),
                    compressed.view(),
                ] {
                    let mut out = vec![0f32; n_obs * n_vars];
                    regress_out(&Ctx::new(threads), &matrix, &covariates, n, &mut out).unwrap();
                    let bits: Vec<u32> = out.iter().map(|x| x.to_bits()).collect();
                    assert_eq!(first.get_or_insert_with(|| bits.clone()), &bits, "{n} covariates");
                }
            }
        }
    }

    #[test]
    fn dependent_covariates_change_nothing_and_warn() {
        let values = [1.0, 5.0, 2.0, 8.0, -3.0];
        let a = [0.3, 1.7, 2.2, 3.9, 5.1];
        let once = residuals(&values, 5, &a);
        let both: Vec<f64> = a.iter().copied().chain(a.iter().map(|x| 7.0 - 2.0 * x)).collect();
        let warnings = std::cell::RefCell::new(Vec::new());
        let ctx = Ctx::new(1).with_warn(|text| warnings.borrow_mut().push(text.to_string()));
        let mut out = [0.0; 5];
        regress_out(&ctx, &dense(&values, 5), &both, 2, &mut out).unwrap();
        assert_eq!(out[..], once);
        assert!(warnings.borrow()[0].contains("covariate 1"));
    }

    #[test]
    fn large_covariates_that_vary_little_keep_their_digits() {
        let values = [1.0, 5.0, 2.0, 8.0, -3.0];
        let a = [0.3, 1.7, 2.2, 3.9, 5.1];
        let far = residuals(&values, 5, &a.map(|x| x + 1e6));
        assert!(residuals(&values, 5, &a).iter().zip(far).all(|(a, b)| (a - b).abs() < 1e-8));
    }

    #[test]
    fn categories_lose_their_means_and_constants_stay() {
        let labels = [0, 1, 0, 1];
        let groups = Groups::new(&labels[..], 2, 4, "groups").unwrap();
        let values = [1.0, 2.0, 10.0, 2.0, 3.0, 2.0, 20.0, 2.0];
        let mut out = [0f32; 8];
        regress_out_groups(&Ctx::new(1), &dense(&values, 4), &groups, &mut out).unwrap();
        assert_eq!(out, [-1.0, 2.0, -5.0, 2.0, 1.0, 2.0, 5.0, 2.0]);
    }

    #[test]
    fn constants_are_found_in_every_layout_whatever_they_are() {
        let labels: Vec<i32> = (0..300).map(|cell| cell % 7).collect();
        for n_groups in [1, 7] {
            let labels: Vec<i32> = labels.iter().map(|&label| label % n_groups).collect();
            let groups = Groups::new(&labels[..], n_groups as usize, 300, "groups").unwrap();
            // The same, but for the last cell; infinite; zero; means that are the same, of values that are not.
            let gene =
                |cell: usize| [0.1, if cell < 299 { 0.1 } else { 0.2 }, f64::INFINITY, 0.0, (cell / 7 % 2) as f64];
            let by_cell: Vec<f64> = (0..300).flat_map(gene).collect();
            let by_gene: Vec<f64> = (0..5).flat_map(|g| (0..300).map(move |cell| gene(cell)[g])).collect();
            let cells = dense(&by_cell, 300);
            let genes = Matrix::dense(Axis::Var, (300, 5), ValueSlice::F64(&by_gene), 300).unwrap();
            let compressed = to_sparse(&Ctx::new(1), &cells).unwrap();
            for matrix in [&cells, &genes, &compressed.view()] {
                let mut out = vec![0.0; 1500];
                regress_out_groups(&Ctx::new(2), matrix, &groups, &mut out).unwrap();
                for (cell, out) in out.chunks_exact(5).enumerate() {
                    assert_eq!([out[0], out[2], out[3]], [0.1, f64::INFINITY, 0.0]);
                    if labels[cell] == labels[299] {
                        assert!(if cell < 299 { out[1] < 0.0 } else { out[1] > 0.0 }, "{cell}: {out:?}");
                    }
                    assert!(out[4] != gene(cell)[4]);
                }
            }
        }
    }

    #[test]
    fn errors_name_the_argument() {
        let values = [1.0, 2.0];
        let matrix = dense(&values, 2);
        let ctx = Ctx::new(1);
        let mut out = [7.0; 2];
        let error = regress_out(&ctx, &matrix, &[1.0, f64::NAN], 1, &mut out).unwrap_err();
        assert_eq!(error.message, "covariates: the value of covariate 0 in cell 1 is NaN, must be finite");
        assert_eq!(regress_out(&ctx, &matrix, &[1.0], 1, &mut out).unwrap_err().kind, ErrorKind::Shape);
        assert_eq!(regress_out(&ctx, &matrix, &[1.0, 2.0], 1, &mut out[..1]).unwrap_err().kind, ErrorKind::Shape);
        let labels = [0, -1];
        let groups = Groups::new(&labels[..], 1, 2, "groups").unwrap();
        assert!(
            regress_out_groups(&ctx, &matrix, &groups, &mut out).unwrap_err().message.contains("cell 1 has label -1")
        );
        assert_eq!(out, [7.0; 2]);
    }
}
