//! Control cells: what a prediction starts from.

use crate::error::Result;
use crate::matrix::{Axis, IndexVec, Sparse, ValueVec};
use crate::models::cells::Cells;
use crate::models::genes::{Mapping, Matching, Vocabulary};
use crate::models::nn::floats;
use crate::models::options::Options;
use crate::parallel::{Ctx, even_ranges};
use crate::stats::random::Random;
use crate::{bail, ensure};
use candle_core::Tensor;
use serde_json::Value;

/// Which stream of random numbers draws control cells.
const DRAW: u64 = 0x6765_6172_7301;

/// What upstream draws for a prediction.
const DRAWN: usize = 300;

/// The array with one entry for each cell that says which are controls: those where it is not 0.
pub const CONTROL: &str = "control";

/// Controls that are stored with the model.
#[derive(Clone, Default)]
pub struct Stored {
    /// `[genes]`: the mean of all.
    pub mean: Option<Tensor>,
    /// `[cells, genes]`.
    pub cells: Option<Tensor>,
}

/// Mean expression of control cells, one number for each gene.
pub struct Means {
    pub all: Vec<f64>,
    /// Of those that were drawn for the prediction; a cell counts as often as it was drawn.
    pub drawn: Vec<f64>,
    pub n_all: usize,
    pub n_drawn: usize,
    /// How the genes of the matrix were found; null for stored controls.
    pub genes: Value,
}

/// The option `n_controls`: a number, 300 by default as upstream, or none for "all".
pub fn wanted(options: &Options) -> Result<Option<usize>> {
    if matches!(options.value("n_controls"), Some(Value::String(text)) if text == "all") {
        return Ok(None);
    }
    let n = options.size("n_controls")?.unwrap_or(DRAWN);
    ensure!(n > 0, InvalidArgument, "n_controls: is 0, must be positive, or \"all\"");
    Ok(Some(n))
}

/// Which of `n` cells are drawn: all where so many are wanted, else some with replacement, as upstream does.
fn drawn(seed: u64, n: usize, wanted: Option<usize>) -> Vec<usize> {
    match wanted {
        Some(wanted) if wanted < n => {
            let mut random = Random::new(seed, DRAW, 0);
            (0..wanted).map(|_| random.below(n)).collect()
        }
        _ => (0..n).collect(),
    }
}

/// From the cells of a matrix: those that its array `control` marks, or all of them. Genes of the model that the matrix
/// does not have are 0; columns of the same gene are added up.
pub fn of_cells(
    ctx: &Ctx,
    cells: &Cells,
    genes: &[String],
    matching: &Matching,
    wanted: Option<usize>,
) -> Result<Means> {
    let mapping = mapped(cells, genes, matching)?;
    let members = members(cells)?.unwrap_or_else(|| (0..cells.n_obs()).collect());
    ensure!(!members.is_empty(), InvalidArgument, "matrix: has no control cells, must have at least one");
    let value = |k: usize, add: &mut dyn FnMut(usize, f64)| {
        cells.for_each(members[k], |column, x| {
            if let Some(gene) = mapping.rows[column] {
                add(gene, x);
            }
        });
    };
    warn_of_counts(ctx, &value, members.len());
    means(ctx, (members.len(), genes.len()), wanted, &value, mapping.report())
}

/// From what is stored with the model. A mean alone serves as both means: so many cells are taken to have been drawn as
/// were wanted.
pub fn of_stored(ctx: &Ctx, stored: &Stored, genes: usize, wanted: Option<usize>) -> Result<Means> {
    if let Some(cells) = &stored.cells {
        let n = cells.dims()[0];
        let values = floats(cells)?;
        let value = |k: usize, add: &mut dyn FnMut(usize, f64)| {
            values[k * genes..(k + 1) * genes].iter().enumerate().for_each(|(gene, &x)| add(gene, f64::from(x)));
        };
        return means(ctx, (n, genes), wanted, &value, Value::Null);
    }
    let Some(mean) = &stored.mean else {
        bail!(
            InvalidArgument,
            "matrix: there is none, and the model has no stored controls (controls.safetensors): give control cells"
        );
    };
    let mean: Vec<f64> = floats(mean)?.into_iter().map(f64::from).collect();
    let n = wanted.unwrap_or(DRAWN);
    Ok(Means { all: mean.clone(), drawn: mean, n_all: n, n_drawn: n, genes: Value::Null })
}

/// Calls back with each gene and value of a control cell.
type Values<'a> = &'a (dyn Fn(usize, &mut dyn FnMut(usize, f64)) + Sync);

fn means(ctx: &Ctx, (n, genes): (usize, usize), wanted: Option<usize>, value: Values, report: Value) -> Result<Means> {
    let drawn = drawn(ctx.seed(), n, wanted);
    let all: Vec<usize> = (0..n).collect();
    Ok(Means {
        drawn: ctx.within(0.0, 0.5, || mean(ctx, &drawn, genes, value))?,
        all: ctx.within(0.5, 1.0, || mean(ctx, &all, genes, value))?,
        n_all: n,
        n_drawn: drawn.len(),
        genes: report,
    })
}

/// Sums of stretches whose bounds depend on the number of cells alone, added up in their order.
fn mean(ctx: &Ctx, cells: &[usize], genes: usize, value: Values) -> Result<Vec<f64>> {
    let pieces: Vec<_> = even_ranges(cells.len(), cells.len().div_ceil(64).max(256)).collect();
    let sums = ctx.map(pieces.len(), |p| {
        let mut sums = vec![0.0f64; genes];
        cells[pieces[p].clone()].iter().for_each(|&cell| value(cell, &mut |gene, x| sums[gene] += x));
        Ok(sums)
    })?;
    let mut total = vec![0.0f64; genes];
    for sums in &sums {
        total.iter_mut().zip(sums).for_each(|(total, x)| *total += x);
    }
    total.iter_mut().for_each(|total| *total /= cells.len() as f64);
    Ok(total)
}

/// Counts instead of logarithms are a mistake that the results would not show.
fn warn_of_counts(ctx: &Ctx, value: Values, n: usize) {
    let (mut whole, mut large) = (true, false);
    for cell in 0..n.min(100) {
        value(cell, &mut |_, x| {
            whole &= x.fract() == 0.0;
            large |= x > 1.0;
        });
    }
    if whole && large {
        ctx.warn("matrix: has whole numbers alone, GEARS takes log-normalised expression as in its training");
    }
}

/// The cells that the array `control` marks, if there is one.
pub fn members(cells: &Cells) -> Result<Option<Vec<usize>>> {
    let Some(marks) = cells.array(CONTROL)? else { return Ok(None) };
    ensure!(
        marks.len() == cells.n_obs(),
        Shape,
        "arrays: {CONTROL:?} has {} entries, must have {}, one for each cell",
        marks.len(),
        cells.n_obs()
    );
    Ok(Some((0..marks.len()).filter(|&cell| marks[cell] != 0.0).collect()))
}

pub fn mapped(cells: &Cells, genes: &[String], matching: &Matching) -> Result<Mapping> {
    let vocabulary = Vocabulary::new(genes.iter().cloned().enumerate().map(|(row, gene)| (gene, row)));
    Mapping::new(&cells.genes, &vocabulary, matching)
}

/// The cells with the model's genes as columns, in its order; columns of the same gene are added up. f64: 16 bytes for
/// each value that is kept.
pub fn aligned(ctx: &Ctx, cells: &Cells, mapping: &Mapping, genes: usize) -> Result<Sparse> {
    let n = cells.n_obs();
    let pieces: Vec<_> = even_ranges(n, 1024).collect();
    let lines = ctx.map(pieces.len(), |p| {
        let mut lines: Vec<Vec<(i64, f64)>> = Vec::with_capacity(pieces[p].len());
        for cell in pieces[p].clone() {
            let mut line = Vec::new();
            cells.for_each(cell, |column, x| {
                if let Some(gene) = mapping.rows[column] {
                    line.push((gene as i64, x));
                }
            });
            line.sort_by_key(|&(gene, _)| gene);
            line.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
            lines.push(line);
        }
        Ok(lines)
    })?;
    let (mut indptr, mut indices, mut values) = (vec![0i64], Vec::new(), Vec::new());
    for line in lines.into_iter().flatten() {
        indices.extend(line.iter().map(|&(gene, _)| gene));
        values.extend(line.iter().map(|&(_, x)| x));
        indptr.push(values.len() as i64);
    }
    Ok(Sparse {
        major: Axis::Obs,
        n_obs: n,
        n_vars: genes,
        indptr,
        indices: IndexVec::I64(indices),
        values: ValueVec::F64(values),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Matrix, ValueSlice};

    #[test]
    fn draws_depend_on_the_seed_and_fewer_cells_are_all_taken() {
        assert_eq!(drawn(1, 5, Some(5)), [0, 1, 2, 3, 4]);
        assert_eq!(drawn(1, 3, Some(300)), [0, 1, 2]);
        assert_eq!(drawn(1, 3, None), [0, 1, 2]);
        let some = drawn(1, 1000, Some(300));
        assert_eq!(
            (some.len(), some == drawn(1, 1000, Some(300)), some == drawn(2, 1000, Some(300))),
            (300, true, false)
        );
    }

    #[test]
    fn columns_go_to_their_genes_and_only_controls_count() {
        let x = [1.0f32, 2.0, 4.0, 8.0, 0.0, 0.5, 1.5, 0.0];
        let matrix = Matrix::dense(Axis::Obs, (2, 4), ValueSlice::F32(&x), 4).unwrap();
        let names = ["B", "other", "a", "B"].map(String::from).to_vec();
        let genes = ["A", "B", "C"].map(String::from);
        let matching = Matching::from(&Options::default()).unwrap();
        let ctx = Ctx::new(2);
        let cells = Cells::new(&ctx, &matrix, names.clone(), Default::default()).unwrap();
        let means = of_cells(&ctx, &cells, &genes, &matching, None).unwrap();
        assert_eq!((means.all, means.n_all), (vec![2.75, 4.5, 0.0], 2));
        let mapping = mapped(&cells, &genes, &matching).unwrap();
        let sparse = aligned(&ctx, &cells, &mapping, 3).unwrap();
        assert_eq!((sparse.indptr, sparse.values), (vec![0, 2, 3], ValueVec::F64(vec![4.0, 9.0, 1.5])));
        let marks = Tensor::new(&[0u8, 1], &candle_core::Device::Cpu).unwrap();
        let cells = Cells::new(&ctx, &matrix, names, [(CONTROL.to_string(), marks)].into()).unwrap();
        assert_eq!(of_cells(&ctx, &cells, &genes, &matching, Some(5)).unwrap().drawn, [1.5, 0.0, 0.0]);
    }
}
