//! From the counts of a cell to its tokens, as the original's `embed_data` or its `Preprocessor` make them.
//!
//! The genes of the vocabulary that a cell expresses, in the order of the columns, with the bins of their counts as values, and
//! `<cls>` before them. Of a cell with more genes than fit a subset is drawn by the seed and the cell's number, after binning, as
//! in the original; it stays in the order of the columns, which makes no difference, as there are no positions. Columns that are
//! the same gene are tokens of their own each, as there.

use super::bins::{Ties, stream};
use crate::error::Result;
use crate::models::cells::Cells;
use crate::parallel::Ctx;
use crate::stats::random::Random;

/// What `Preprocessor` brings the total of a cell to.
const TARGET: f32 = 1e4;

pub struct Tokenizer<'a> {
    pub cells: &'a Cells<'a>,
    /// For each column the gene's number, none if it is not in the vocabulary.
    pub rows: &'a [Option<usize>],
    pub cls: u32,
    /// The value of `<cls>`: of padding with `embed_data`, 0 with `Preprocessor`.
    pub cls_value: f32,
    pub bins: usize,
    pub ties: Ties,
    /// Whether values are normalised and log1p is taken before they are binned.
    pub log1p: bool,
    /// Whether genes that a cell does not express are tokens too, of value 0.
    pub zeros: bool,
    pub max_length: usize,
    pub seed: u64,
}

/// A cell's tokens; `<cls>` is the first.
pub struct CellTokens {
    pub ids: Vec<u32>,
    pub values: Vec<f32>,
}

impl Tokenizer<'_> {
    /// The number of tokens of each cell before it is cut to `max_length`: 0 if it expresses no gene of the vocabulary.
    pub fn lengths(&self, ctx: &Ctx) -> Result<Vec<usize>> {
        const CELLS: usize = 256;
        let n = self.cells.n_obs();
        let known = self.rows.iter().flatten().count();
        let pieces = ctx.map(n.div_ceil(CELLS), |piece| {
            let cells = piece * CELLS..n.min((piece + 1) * CELLS);
            Ok(cells.map(|cell| self.length(cell, known)).collect::<Vec<_>>())
        })?;
        Ok(pieces.concat())
    }

    fn length(&self, cell: usize, known: usize) -> usize {
        let mut expressed = 0;
        self.cells.for_each(cell, |column, _| expressed += usize::from(self.rows[column].is_some()));
        match expressed {
            0 => 0,
            n => 1 + if self.zeros { known } else { n },
        }
    }

    pub fn tokens(&self, cell: usize) -> CellTokens {
        let (mut ids, mut values) = self.expressed(cell);
        self.ties.bin(&mut values, self.bins, cell);
        if self.zeros {
            (ids, values) = self.with_zeros(cell, &values);
        }
        let room = self.max_length - 1;
        if ids.len() > room {
            let kept = subset(ids.len(), room, &mut Random::new(self.seed, stream::SUBSET, cell as u64));
            ids = kept.iter().map(|&i| ids[i]).collect();
            values = kept.iter().map(|&i| values[i]).collect();
        }
        ids.insert(0, self.cls);
        values.insert(0, self.cls_value);
        CellTokens { ids, values }
    }

    /// Numbers and values of the genes of the vocabulary that are not zero.
    fn expressed(&self, cell: usize) -> (Vec<u32>, Vec<f32>) {
        let (mut ids, mut values) = (Vec::new(), Vec::new());
        self.cells.for_each(cell, |column, value| {
            if let Some(row) = self.rows[column] {
                ids.push(row as u32);
                values.push(value as f32);
            }
        });
        if self.log1p {
            let total: f64 = values.iter().map(|&x| f64::from(x)).sum();
            let scale = total as f32 / TARGET;
            values.iter_mut().for_each(|x| *x = libm::log1pf(*x / scale));
        }
        (ids, values)
    }

    /// All genes of the vocabulary that have a column, where the expressed ones have these bins.
    fn with_zeros(&self, cell: usize, bins: &[f32]) -> (Vec<u32>, Vec<f32>) {
        let mut by_column = vec![0.0; self.rows.len()];
        let mut bins = bins.iter();
        self.cells.for_each(cell, |column, _| {
            if self.rows[column].is_some() {
                by_column[column] = bins.next().copied().unwrap_or(0.0);
            }
        });
        let known = self.rows.iter().zip(by_column);
        known.filter_map(|(row, value)| row.map(|row| (row as u32, value))).unzip()
    }
}

/// `k` of the numbers 0 to n - 1, each subset equally likely, in ascending order.
fn subset(n: usize, k: usize, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..n).collect();
    for i in 0..k {
        all.swap(i, i + random.below(n - i));
    }
    all.truncate(k);
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::super::bins::bin;
    use super::*;
    use crate::matrix::{Axis, Matrix, ValueSlice};
    use crate::models::Tensors;
    use crate::models::fixtures::{fixture, tensors};
    use crate::models::folder::json;
    use candle_core::DType;

    fn cells<'a>(ctx: &Ctx, matrix: &'a Matrix<'a>) -> Cells<'a> {
        let genes = (0..matrix.n_vars()).map(|i| format!("G{i}")).collect();
        Cells::new(ctx, matrix, genes, Tensors::new()).unwrap()
    }

    fn tokenizer<'a>(cells: &'a Cells<'a>, rows: &'a [Option<usize>]) -> Tokenizer<'a> {
        Tokenizer {
            cells,
            rows,
            cls: 100,
            cls_value: -2.0,
            bins: 51,
            ties: Ties::Seeded(0),
            log1p: false,
            zeros: false,
            max_length: 1200,
            seed: 0,
        }
    }

    #[test]
    fn tokens_are_those_of_embed_data() {
        let Some(folder) = fixture("tok-scgpt") else { return };
        let (inputs, outputs) =
            (tensors(folder.join("inputs.safetensors")), tensors(folder.join("outputs.safetensors")));
        let x: Vec<f32> = inputs["X"].flatten_all().unwrap().to_vec1().unwrap();
        let (n, genes) = inputs["X"].dims2().unwrap();
        let names: Vec<String> = serde_json::from_value(json(&folder.join("gene_names.json")).unwrap()).unwrap();
        let vocabulary = json(&folder.join("vocab.json")).unwrap();
        let rows: Vec<Option<usize>> =
            names.iter().map(|gene| vocabulary[gene].as_u64().map(|id| id as usize)).collect();
        let want: Vec<i64> = outputs["id_in_vocab"].to_vec1().unwrap();
        assert_eq!(rows.iter().map(|row| row.map_or(-1, |id| id as i64)).collect::<Vec<_>>(), want);

        let ctx = Ctx::new(1);
        let matrix = Matrix::dense(Axis::Obs, (n, genes), ValueSlice::F32(&x), genes).unwrap();
        let cells = cells(&ctx, &matrix);
        let tokenizer = Tokenizer { cls: vocabulary["<cls>"].as_u64().unwrap() as u32, ..tokenizer(&cells, &rows) };
        let kept: Vec<i64> = inputs["cells"].to_vec1().unwrap();
        let lengths: Vec<i64> = outputs["lengths"].to_vec1().unwrap();
        let all = tokenizer.lengths(&ctx).unwrap();
        assert_eq!(all.iter().filter(|&&n| n > 0).count(), kept.len());
        let ids: Vec<Vec<i64>> = outputs["gene_ids"].to_vec2().unwrap();
        let values: Vec<Vec<f32>> = outputs["values"].to_vec2().unwrap();
        let uniforms: Vec<Vec<f64>> = inputs["uniforms_embed"].to_dtype(DType::F64).unwrap().to_vec2().unwrap();
        let ends = |name: &str| outputs[name].to_vec2::<i64>().unwrap();
        let (left, right) = (ends("digit_left"), ends("digit_right"));
        for (i, &cell) in kept.iter().enumerate() {
            let n = lengths[i] as usize;
            assert_eq!(all[cell as usize], n);
            let (got, mut binned) = tokenizer.expressed(cell as usize);
            let mut draws = uniforms[i][1..n].iter();
            bin(&mut binned, 51, || *draws.next().unwrap());
            assert_eq!(binned, values[i][1..n]);
            let drawn = tokenizer.tokens(cell as usize);
            assert_eq!(drawn.ids.iter().map(|&id| i64::from(id)).collect::<Vec<_>>(), ids[i][..n]);
            assert_eq!(drawn.ids[1..], got);
            assert_eq!(drawn.values[0], values[i][0]);
            for (k, &value) in drawn.values.iter().enumerate().skip(1) {
                let (low, high) = (right[i][k].min(left[i][k] - 1) + 1, left[i][k]);
                assert!(
                    (low..=high).contains(&(value as i64)),
                    "cell {cell}, token {k}: {value} is not in {low}..={high}"
                );
            }
        }
    }

    #[test]
    fn long_cells_are_cut_by_the_seed_and_keep_cls() {
        let ctx = Ctx::new(1);
        let x: Vec<f32> = (0..40).map(|i| (i % 20 + 1) as f32).collect();
        let matrix = Matrix::dense(Axis::Obs, (2, 20), ValueSlice::F32(&x), 20).unwrap();
        let cells = cells(&ctx, &matrix);
        let rows: Vec<Option<usize>> = (0..20).map(Some).collect();
        let cut = |seed| Tokenizer { max_length: 8, seed, ..tokenizer(&cells, &rows) };
        assert_eq!(cut(1).lengths(&ctx).unwrap(), [21, 21]);
        let ids = |seed, cell| cut(seed).tokens(cell).ids;
        assert_eq!((ids(1, 0).len(), ids(1, 0)[0]), (8, 100));
        assert!(ids(1, 0)[1..].is_sorted_by(|a, b| a < b));
        assert_eq!(ids(1, 0), ids(1, 0));
        assert_ne!(ids(1, 0), ids(2, 0));
        assert_ne!(ids(1, 0), ids(1, 1));
        // Values are binned among all genes, not among those that are left.
        let whole = tokenizer(&cells, &rows).tokens(0);
        let part = cut(1).tokens(0);
        for (id, value) in part.ids.iter().zip(&part.values).skip(1) {
            assert_eq!(*value, whole.values[*id as usize + 1]);
        }
    }

    #[test]
    fn zeros_and_normalisation_are_the_preprocessors() {
        let ctx = Ctx::new(1);
        let x = [0.0f32, 3.0, 1.0, 0.0, 5.0, 0.0, 0.0, 9.0, 0.0, 0.0];
        let matrix = Matrix::dense(Axis::Obs, (2, 5), ValueSlice::F32(&x), 5).unwrap();
        let cells = cells(&ctx, &matrix);
        let rows = [Some(10), Some(11), None, Some(13), Some(14)];
        let with = Tokenizer { zeros: true, ties: Ties::Deterministic, cls_value: 0.0, ..tokenizer(&cells, &rows) };
        assert_eq!(with.lengths(&ctx).unwrap(), [5, 0]);
        let tokens = with.tokens(0);
        assert_eq!(tokens.ids, [100, 10, 11, 13, 14]);
        assert_eq!(tokens.values, [0.0, 0.0, 1.0, 0.0, 50.0]);
        let logged = Tokenizer { log1p: true, ..with };
        let (_, values) = logged.expressed(0);
        for (value, count) in values.iter().zip([3.0f32, 5.0]) {
            assert!((value - (1.0 + count / 8.0 * 1e4).ln()).abs() < 1e-5);
        }
    }
}
