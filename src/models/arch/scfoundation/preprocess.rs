//! From counts to tokens.
//!
//! Columns are aligned to the model's genes; what is no gene of the model is left out, of the totals as well. A cell's counts
//! become `ln(1 + 1e4 x / total)`, and two numbers come after the genes: T, the depth that the cell is to be read at, and S, the
//! one that it was, both as log10 of a total. `pre_normalized` and `input_type` say what the values are, as in upstream's
//! get_embedding.py:
//!
//! | input_type | pre_normalized | values become | S | T |
//! |---|---|---|---|---|
//! | singlecell | F: counts | ln(1 + 1e4 x / total) | log10(total) | by `tgthighres` |
//! | singlecell | T: normalised, log1p taken | x | log10(sum of x), which is no depth: the original's | by `tgthighres` |
//! | singlecell | A: the same, and the array `total_counts` | x | log10(total_counts) | by `tgthighres` |
//! | bulk | F: any abundance | ln(1 + x target / total), target the median total | log10(sum of what they became) | S |
//! | bulk | T: log1p taken | x | sum of x, no logarithm | S |
//!
//! The median of bulk samples is over those of the call, as in the original, unless `target_sum` sets it.
//!
//! Upstream aligns only matrices of fewer than 19 264 columns and cannot do with a gene that is there twice; here every matrix is
//! aligned, and columns that are one gene are added up (normalised ones as what they were before the logarithm).

use super::tokens::Tokens;
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::genes::{Mapping, Matching, Vocabulary};
use crate::models::options::Options;
use crate::parallel::Ctx;
use crate::stats::exp::exp_m1;
use crate::stats::log1p::Log1p;
use crate::{bail, ensure};
use std::collections::BTreeMap;

/// What counts are scaled to.
const TARGET_SUM: f64 = 1e4;

/// The array that holds each cell's total where the values no longer tell it.
const TOTALS: &str = "total_counts";

/// The token T.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// `t4`: T = 4.
    Depth(f64),
    /// `f5`: T = log10(5 total).
    Fold(f64),
    /// `a1`: T = S + 1.
    Added(f64),
}

impl Target {
    fn parse(text: &str) -> Result<Self> {
        let number = text.get(1..).and_then(|rest| rest.parse::<f64>().ok()).filter(|x| x.is_finite());
        match (text.as_bytes().first(), number) {
            (Some(b't'), Some(x)) => Ok(Self::Depth(x)),
            (Some(b'f'), Some(x)) => Ok(Self::Fold(x)),
            (Some(b'a'), Some(x)) => Ok(Self::Added(x)),
            _ => bail!(
                InvalidArgument,
                "tgthighres: is {text:?}, must be t, f or a and a number: \"t4\" for a depth of 10^4, \"f5\" for 5 times the cell's, \
                 \"a1\" for 10^1 times"
            ),
        }
    }

    fn of(self, total: f64) -> f64 {
        match self {
            Self::Depth(t) => t,
            Self::Fold(fold) => libm::log10(total * fold),
            Self::Added(added) => libm::log10(total) + added,
        }
    }
}

/// What the values of a matrix are.
#[derive(Clone, Copy, PartialEq)]
enum Values {
    Counts,
    Normalized,
    NormalizedWithTotals,
    Bulk { target_sum: Option<f64> },
    BulkNormalized,
}

/// How a matrix becomes tokens, as the options say.
pub struct Recipe {
    values: Values,
    target: Target,
    matching: Matching,
}

impl Recipe {
    pub fn from(options: &Options) -> Result<Self> {
        let bulk = options.choice("input_type", &["singlecell", "bulk"])? == "bulk";
        let normalized = options.choice("pre_normalized", &["F", "T", "A"])?;
        let target = options.text("tgthighres")?;
        let target_sum = options.number("target_sum")?;
        if bulk {
            ensure!(target.is_none(), InvalidArgument, "tgthighres: is set, must not be for bulk, whose T is its S");
        }
        let values = match (bulk, normalized) {
            (false, "F") => Values::Counts,
            (false, "T") => Values::Normalized,
            (false, _) => Values::NormalizedWithTotals,
            (true, "F") => Values::Bulk { target_sum },
            (true, "T") => Values::BulkNormalized,
            (true, _) => bail!(InvalidArgument, "pre_normalized: is \"A\", must be \"F\" or \"T\" for bulk"),
        };
        if let Some(sum) = target_sum {
            ensure!(
                matches!(values, Values::Bulk { .. }),
                InvalidArgument,
                "target_sum: is set, must not be unless input_type is \"bulk\" and pre_normalized \"F\""
            );
            ensure!(sum > 0.0 && sum.is_finite(), InvalidArgument, "target_sum: is {sum}, must be positive");
        }
        let target = target.as_deref().map_or(Ok(Target::Depth(4.0)), Target::parse)?;
        Ok(Self { values, target, matching: Matching::from(options)? })
    }

    /// Checks the matrix, and finds each cell's number of tokens.
    pub fn prepare<'a>(&self, ctx: &Ctx, cells: &'a Cells<'a>, genes: &[String]) -> Result<Prepared<'a>> {
        let vocabulary = Vocabulary::new(genes.iter().cloned().zip(0..));
        let mapping = Mapping::new(&cells.genes, &vocabulary, &self.matching)?;
        match self.values {
            Values::Counts => cells.ensure_counts(ctx)?,
            _ => ensure_not_negative(ctx, cells)?,
        }
        let totals = match self.values {
            Values::NormalizedWithTotals => Some(totals(cells)?),
            _ => None,
        };
        let mut prepared = Prepared {
            cells,
            mapping,
            n_genes: genes.len() as u32,
            values: self.values,
            target: self.target,
            totals,
            bulk_sum: TARGET_SUM,
            lengths: Vec::new(),
            without_genes: 0,
            without_depth: 0,
        };
        if let Values::Bulk { target_sum } = self.values {
            prepared.bulk_sum = match target_sum {
                Some(sum) => sum,
                None => prepared.median_total(ctx)?,
            };
        }
        let found = ctx.map(cells.n_obs(), |cell| Ok(prepared.cell(cell).map(|tokens| tokens.len())))?;
        for length in found {
            prepared.without_genes += (length == Err(Unseen::NoGenes)) as usize;
            prepared.without_depth += (length == Err(Unseen::NoDepth)) as usize;
            prepared.lengths.push(length.unwrap_or(0));
        }
        Ok(prepared)
    }
}

/// Why a cell has no tokens.
#[derive(Debug, PartialEq)]
pub enum Unseen {
    /// It expresses no gene of the model.
    NoGenes,
    /// T or S is not above 0, and the model takes only what is.
    NoDepth,
}

/// A matrix whose cells become tokens one at a time.
pub struct Prepared<'a> {
    cells: &'a Cells<'a>,
    pub mapping: Mapping,
    n_genes: u32,
    values: Values,
    target: Target,
    totals: Option<Vec<f64>>,
    bulk_sum: f64,
    /// Tokens of each cell, 0 where it has none.
    pub lengths: Vec<usize>,
    pub without_genes: usize,
    pub without_depth: usize,
}

impl Prepared<'_> {
    /// The cell's values by gene, ascending.
    fn aligned(&self, cell: usize) -> BTreeMap<u32, f64> {
        let logged = !matches!(self.values, Values::Counts | Values::Bulk { .. });
        let mut aligned = BTreeMap::new();
        self.cells.for_each(cell, |column, x| {
            if let Some(row) = self.mapping.rows[column] {
                let add =
                    |known: &mut f64| *known = if logged { (exp_m1(*known) + exp_m1(x)).log1p() } else { *known + x };
                aligned.entry(row as u32).and_modify(add).or_insert(x);
            }
        });
        aligned
    }

    fn median_total(&self, ctx: &Ctx) -> Result<f64> {
        let mut totals = ctx.map(self.cells.n_obs(), |cell| Ok(self.aligned(cell).values().sum::<f64>()))?;
        totals.retain(|&total| total > 0.0);
        totals.sort_by(f64::total_cmp);
        let (n, middle) = (totals.len(), totals.len() / 2);
        Ok(match n % 2 {
            _ if n == 0 => TARGET_SUM,
            0 => (totals[middle - 1] + totals[middle]) / 2.0,
            _ => totals[middle],
        })
    }

    /// The cell's values as the model takes them, by gene, and T and S.
    fn scaled(&self, cell: usize) -> (BTreeMap<u32, f64>, f64, f64) {
        let mut values = self.aligned(cell);
        let total: f64 = values.values().sum();
        match self.values {
            Values::Counts => values.values_mut().for_each(|x| *x = (*x / total * TARGET_SUM).log1p()),
            Values::Bulk { .. } => values.values_mut().for_each(|x| *x = (*x / (total / self.bulk_sum)).log1p()),
            _ => {}
        }
        let (t, s) = match self.values {
            Values::Counts | Values::Normalized => (self.target.of(total), libm::log10(total)),
            Values::NormalizedWithTotals => {
                let total = self.totals.as_ref().and_then(|totals| totals.get(cell)).copied().unwrap_or(f64::NAN);
                (self.target.of(total), libm::log10(total))
            }
            Values::Bulk { .. } => {
                let s = libm::log10(values.values().sum());
                (s, s)
            }
            Values::BulkNormalized => (total, total),
        };
        (values, t, s)
    }

    pub fn cell(&self, cell: usize) -> std::result::Result<Tokens, Unseen> {
        let (values, t, s) = self.scaled(cell);
        let mut tokens = Tokens::default();
        for (&id, &x) in values.iter().filter(|&(_, &x)| x as f32 > 0.0) {
            tokens.push(id, x as f32);
        }
        if tokens.is_empty() {
            return Err(Unseen::NoGenes);
        }
        let (t, s) = (t as f32, s as f32);
        if !(t > 0.0 && s > 0.0 && t.is_finite() && s.is_finite()) {
            return Err(Unseen::NoDepth);
        }
        tokens.push(self.n_genes, t);
        tokens.push(self.n_genes + 1, s);
        Ok(tokens)
    }

    /// Says what became of the cells that have no tokens.
    pub fn warn(&self, ctx: &Ctx) {
        let n = self.lengths.len();
        if self.without_genes > 0 {
            ctx.warn(&format!("{} of {n} cells express no gene of the model: they are NaN", self.without_genes));
        }
        if self.without_depth > 0 {
            ctx.warn(&format!(
                "{} of {n} cells have a total of 1 or less, or tgthighres gives them a depth of 1 or less, of which the model sees \
                 nothing: they are NaN",
                self.without_depth
            ));
        }
    }
}

fn totals(cells: &Cells) -> Result<Vec<f64>> {
    match cells.array(TOTALS)? {
        Some(totals) if totals.len() == cells.n_obs() => Ok(totals),
        Some(totals) => bail!(Shape, "arrays: {TOTALS:?} has {} values, must have {}", totals.len(), cells.n_obs()),
        None => bail!(
            InvalidArgument,
            "arrays: has no {TOTALS:?}, which pre_normalized = \"A\" needs: the counts of each cell before they were normalised"
        ),
    }
}

fn ensure_not_negative(ctx: &Ctx, cells: &Cells) -> Result<()> {
    let check = |cell: usize| {
        let mut wrong = None;
        cells.for_each(cell, |column, x| {
            if !(x >= 0.0 && x.is_finite()) {
                wrong.get_or_insert((column, x));
            }
        });
        match wrong {
            Some((column, x)) => bail!(
                Value,
                "matrix: the value of cell {cell}, gene {:?} is {x}, must not be negative: normalised, not scaled",
                cells.genes[column]
            ),
            None => Ok(()),
        }
    };
    ctx.map(cells.n_obs(), check).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Axis, Matrix, ValueSlice};
    use crate::models::Tensors;
    use crate::models::fixtures;
    use candle_core::{DType, Device, Tensor};
    use serde_json::json;

    fn options(given: serde_json::Value) -> Options {
        Options::parse(&given.to_string()).unwrap()
    }

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|i| format!("G{i}")).collect()
    }

    /// Tokens of a dense matrix whose columns are `genes`, for a model of genes G0, G1, G2, G3.
    fn tokens(
        given: serde_json::Value,
        genes: &[&str],
        values: &[f64],
        arrays: Tensors,
    ) -> Result<Vec<std::result::Result<Tokens, Unseen>>> {
        let shape = (values.len() / genes.len(), genes.len());
        let matrix = Matrix::dense(Axis::Obs, shape, ValueSlice::F64(values), genes.len())?;
        let ctx = Ctx::new(1);
        let cells = Cells::new(&ctx, &matrix, genes.iter().map(|g| g.to_string()).collect(), arrays)?;
        let prepared = Recipe::from(&options(given))?.prepare(&ctx, &cells, &names(4))?;
        Ok((0..shape.0).map(|cell| prepared.cell(cell)).collect())
    }

    fn near(got: &[f32], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(&g, &w)| (g as f64 - w).abs() <= 1e-6 * w.abs()), "{got:?} is not {want:?}");
    }

    #[test]
    fn counts_are_aligned_scaled_and_followed_by_t_and_s() {
        let given = [2.0, 7.0, 0.0, 3.0, 5.0];
        let cell = &tokens(json!({}), &["G2", "other", "G1", "G0", "G2"], &given, Tensors::new()).unwrap()[0];
        let cell = cell.as_ref().unwrap();
        assert_eq!(cell.ids, [0, 2, 4, 5]);
        near(&cell.values, &[3001f64.ln(), 7001f64.ln(), 4.0, 1.0]);
        for (text, t) in [("t2.5", 2.5), ("f5", 50f64.log10()), ("a1", 2.0), ("a-0.5", 0.5)] {
            let cells = tokens(json!({"tgthighres": text}), &["G2", "other", "G1", "G0", "G2"], &given, Tensors::new());
            near(&cells.unwrap()[0].as_ref().unwrap().values[2..], &[t, 1.0]);
        }
    }

    #[test]
    fn cells_that_the_model_cannot_see_say_why() {
        let given = [0.0, 5.0, 1.0, 0.0, 5.0, 0.0];
        let cells = tokens(json!({}), &["G0", "other"], &given, Tensors::new()).unwrap();
        assert_eq!(cells[0], Err(Unseen::NoGenes));
        assert_eq!(cells[1], Err(Unseen::NoDepth));
        assert_eq!(cells[2].as_ref().unwrap().len(), 3);
        let below = tokens(json!({"tgthighres": "t0"}), &["G0"], &[5.0], Tensors::new()).unwrap();
        assert_eq!(below[0], Err(Unseen::NoDepth));
    }

    #[test]
    fn normalised_values_stay_and_the_total_is_what_upstream_makes_it() {
        let arrays = Tensors::from([("total_counts".into(), Tensor::new(&[1000.0f64], &Device::Cpu).unwrap())]);
        let run = |given| tokens(given, &["G0", "G3"], &[1.5, 2.5], arrays.clone());
        let normalized = run(json!({"pre_normalized": "T"})).unwrap();
        near(&normalized[0].as_ref().unwrap().values, &[1.5, 2.5, 4.0, 4f64.log10()]);
        let appended = run(json!({"pre_normalized": "A", "tgthighres": "f10"})).unwrap();
        near(&appended[0].as_ref().unwrap().values, &[1.5, 2.5, 4.0, 3.0]);
        let twice = tokens(json!({"pre_normalized": "T"}), &["G0", "G0"], &[1.5, 2.5], Tensors::new()).unwrap();
        near(&twice[0].as_ref().unwrap().values[..1], &[(1.5f64.exp() + 2.5f64.exp() - 1.0).ln()]);
    }

    #[test]
    fn bulk_samples_are_scaled_to_the_median_total() {
        let given = [10.0, 10.0, 30.0, 10.0, 0.0, 0.0];
        let bulk = tokens(json!({"input_type": "bulk"}), &["G0", "G1"], &given, Tensors::new()).unwrap();
        // The totals are 20 and 40, so that the target is 30.
        let s = (2.0 * 16f64.ln()).log10();
        near(&bulk[0].as_ref().unwrap().values, &[16f64.ln(), 16f64.ln(), s, s]);
        assert_eq!(bulk[2], Err(Unseen::NoGenes));
        let set =
            tokens(json!({"input_type": "bulk", "target_sum": 2}), &["G0", "G1"], &given, Tensors::new()).unwrap();
        near(&set[0].as_ref().unwrap().values[..2], &[2f64.ln(), 2f64.ln()]);
        let logged = json!({"input_type": "bulk", "pre_normalized": "T"});
        let logged = tokens(logged, &["G0", "G1"], &given, Tensors::new()).unwrap();
        near(&logged[1].as_ref().unwrap().values, &[30.0, 10.0, 40.0, 40.0]);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let message = |given: serde_json::Value, values: &[f64]| {
            tokens(given, &["G0"], values, Tensors::new()).map(|_| ()).unwrap_err().message
        };
        for text in ["4", "x4", "t", "tt", "", "é4"] {
            assert!(message(json!({"tgthighres": text}), &[1.0]).contains("tgthighres"), "{text}");
        }
        assert!(message(json!({}), &[1.5]).contains("must be a count"));
        assert!(message(json!({"pre_normalized": "T"}), &[-1.5]).contains("must not be negative"));
        assert!(message(json!({"pre_normalized": "A"}), &[1.5]).contains("total_counts"));
        assert!(message(json!({"pre_normalized": "A", "input_type": "bulk"}), &[1.5]).contains("bulk"));
        assert!(message(json!({"target_sum": 5}), &[1.0]).contains("target_sum"));
        assert!(message(json!({"tgthighres": "t4", "input_type": "bulk"}), &[1.0]).contains("tgthighres"));
    }

    #[test]
    fn the_originals_tokens_are_met() {
        let Some(folder) = fixtures::fixture("tok-scfoundation") else { return };
        let genes = super::super::genes::read(&folder.join("gene_index_19264.txt")).unwrap();
        let columns: Vec<String> =
            serde_json::from_str(&std::fs::read_to_string(folder.join("gene_names.json")).unwrap()).unwrap();
        let x = fixtures::tensors(folder.join("inputs.safetensors"))["X"].clone();
        let want = fixtures::tensors(folder.join("outputs.safetensors"));
        let (n, width) = x.dims2().unwrap();
        let x: Vec<f32> = x.flatten_all().unwrap().to_vec1().unwrap();
        let numbers = |name: &str| want[name].to_dtype(DType::F64).unwrap().to_vec2::<f64>().unwrap();
        let (ids, values, padding) = (numbers("gathered_ids"), numbers("gathered_values"), numbers("gathered_padding"));
        let matrix = Matrix::dense(Axis::Obs, (n, width), ValueSlice::F32(&x), width).unwrap();
        let ctx = Ctx::new(2);
        let cells = Cells::new(&ctx, &matrix, columns.clone(), Tensors::new()).unwrap();
        for (text, expected) in [("t4", "TS_t4"), ("f5", "TS_f5"), ("a1", "TS_a1")] {
            let recipe = Recipe::from(&options(json!({"tgthighres": text}))).unwrap();
            let prepared = recipe.prepare(&ctx, &cells, &genes).unwrap();
            for (cell, ts) in numbers(expected).iter().enumerate() {
                let got = prepared.cell(cell).unwrap();
                let counted = padding[cell].iter().filter(|&&pad| pad == 0.0).count();
                assert_eq!(got.len(), counted);
                assert!(got.ids.iter().zip(&ids[cell]).all(|(&g, &w)| g as f64 == w));
                let genes = counted - 2;
                assert!(got.values[..genes].iter().zip(&values[cell]).all(|(&g, &w)| g == w as f32));
                assert_eq!(got.values[genes..], [ts[0] as f32, ts[1] as f32]);
                let (_, t, s) = prepared.scaled(cell);
                assert!((t - ts[0]).abs() <= 1e-15 * ts[0] && (s - ts[1]).abs() <= 1e-15 * ts[1]);
            }
            let (of_cell, of_gene, value) = (
                want["aligned_nonzero_cell"].to_vec1::<i64>().unwrap(),
                want["aligned_nonzero_gene"].to_vec1::<i64>().unwrap(),
                want["aligned_nonzero_value"].to_vec1::<f64>().unwrap(),
            );
            let got: Vec<(i64, i64, f64)> = (0..n)
                .flat_map(|cell| prepared.scaled(cell).0.into_iter().map(move |(g, x)| (cell as i64, g as i64, x)))
                .collect();
            assert_eq!(got.len(), value.len());
            for (i, (cell, gene, x)) in got.into_iter().enumerate() {
                assert_eq!((cell, gene), (of_cell[i], of_gene[i]));
                assert!((x - value[i]).abs() <= 4.0 * f64::EPSILON * value[i], "{x} is not {}", value[i]);
            }
        }
        prenormalized(&ctx, &cells, &genes, &numbers("TS_prenormalized"));
    }

    /// The same cells normalised beforehand, over the genes of the model. The original adds up in f32.
    fn prenormalized(ctx: &Ctx, cells: &Cells, genes: &[String], want: &[Vec<f64>]) {
        let prepared = Recipe::from(&Options::default()).unwrap().prepare(ctx, cells, genes).unwrap();
        let n = cells.n_obs();
        let mut dense = vec![0.0f32; n * genes.len()];
        for cell in 0..n {
            for (gene, x) in prepared.scaled(cell).0 {
                dense[cell * genes.len() + gene as usize] = x as f32;
            }
        }
        let matrix = Matrix::dense(Axis::Obs, (n, genes.len()), ValueSlice::F32(&dense), genes.len()).unwrap();
        let normalized = Cells::new(ctx, &matrix, genes.to_vec(), Tensors::new()).unwrap();
        let recipe = Recipe::from(&options(json!({"pre_normalized": "T"}))).unwrap();
        let again = recipe.prepare(ctx, &normalized, genes).unwrap();
        for (cell, ts) in want.iter().enumerate() {
            let (got, first) = (again.cell(cell).unwrap(), prepared.cell(cell).unwrap());
            let genes = got.len() - 2;
            assert_eq!(got.ids, first.ids);
            assert_eq!(got.values[..genes], first.values[..genes]);
            near(&got.values[genes..], ts);
        }
    }
}
