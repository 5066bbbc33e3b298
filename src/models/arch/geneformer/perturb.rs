//! In-silico perturbation: genes of a cell deleted, or moved to its front, and how far the cell's vectors turn.
//!
//! After `InSilicoPerturber` of the geneformer package. A gene is deleted by taking its token out; it is over-expressed by
//! putting its token first (after `<cls>`), taken from where it was, if it was there. Where a cell is full, what is put in
//! pushes genes off its end, before `<eos>`; these are left out of the cell before the perturbation as well, so that what is
//! measured is the perturbation alone. Genes that are perturbed do not count in the comparison.
//!
//! - `gene_cosine`: the mean, over the genes that remain, of the cosine between a gene's vector before and after: upstream's
//!   shift with `emb_mode` "cell" and no states to compare with.
//! - `cell_cosine`: the cosine between the means of these vectors, before and after.
//! - `cls_cosine`: the cosine between the vectors of `<cls>`, for models that have it: upstream's `emb_mode` "cls".
//! - `state_shift`, for vectors of cell states that the caller gives: cosine to the state after, less that before, of the cell
//!   vector by `pooling`; with the mean, over all genes, the perturbed ones too, as upstream has it.
//!
//! NaN where a perturbation does not apply: a gene that is to be deleted and is not in the cell, a cell of which nothing
//! remains. Upstream sets aside one gene too many of cells that are not quite full; this does not.

use super::Geneformer;
use super::embed::{Pooling, layer};
use super::ranked::Ranked;
use super::tokens::Specials;
use crate::error::Result;
use crate::models::arch::bert::rows::row_of;
use crate::models::batches;
use crate::models::cells::Cells;
use crate::models::genes::Mapping;
use crate::models::nn;
use crate::models::options::Options;
use crate::models::{Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Delete,
    Overexpress,
}

/// Which genes, before it is known what tokens they are.
enum Asked {
    /// Each gene of a cell in turn, its `limit` highest if there is a limit.
    All {
        limit: Option<usize>,
    },
    Named {
        genes: Vec<String>,
        combined: bool,
    },
}

impl Asked {
    fn read(options: &Options) -> Result<Self> {
        let combined = options.flag("combined")?.unwrap_or(false);
        let limit = options.size("limit")?;
        if let None | Some(Value::Null) = options.value("genes") {
            bail!(InvalidArgument, "genes: is missing, must be a list of genes or \"all\"");
        }
        if options.value("genes") == Some(&json!("all")) {
            ensure!(!combined, InvalidArgument, "combined: is true, must be false where genes is \"all\"");
            ensure!(limit != Some(0), InvalidArgument, "limit: is 0, must be positive");
            return Ok(Self::All { limit });
        }
        ensure!(
            limit.is_none(),
            InvalidArgument,
            "limit: is for genes = \"all\", must be left out where genes are named"
        );
        let genes = options.texts("genes")?.unwrap_or_default();
        ensure!(!genes.is_empty(), InvalidArgument, "genes: is empty, must have a gene");
        Ok(Self::Named { genes, combined })
    }
}

/// The perturbations of cells: of each cell its own, or the same of all.
enum Plan {
    EachGene { limit: usize },
    Same(Vec<Vec<u32>>),
}

impl Plan {
    fn new(asked: &Asked, ranked: &Ranked) -> Result<Self> {
        let (genes, combined) = match asked {
            Asked::All { limit } => return Ok(Self::EachGene { limit: limit.unwrap_or(usize::MAX) }),
            Asked::Named { genes, combined } => (genes, *combined),
        };
        let matching = crate::models::genes::Matching { aliases: ranked.matching.aliases.clone(), min_matched: 0.0 };
        let found = Mapping::new(genes, &ranked.tokenizer.vocabulary, &matching)?;
        let mut tokens = Vec::with_capacity(genes.len());
        for (gene, row) in genes.iter().zip(&found.rows) {
            let Some(row) = row else { bail!(Vocabulary, "genes: {gene:?} is not in the model's vocabulary") };
            let token = ranked.tokenizer.tokens[*row];
            ensure!(
                !tokens.contains(&token),
                InvalidArgument,
                "genes: {gene:?} is there twice, by this or another name"
            );
            tokens.push(token);
        }
        Ok(Self::Same(if combined { vec![tokens] } else { tokens.into_iter().map(|token| vec![token]).collect() }))
    }

    /// What is done to a cell of these tokens. A gene that is first already cannot be moved to the front.
    fn of(&self, tokens: &[u32], specials: Option<Specials>, mode: Mode) -> Vec<Vec<u32>> {
        match self {
            Self::Same(perturbations) => perturbations.clone(),
            Self::EachGene { limit } => {
                let genes = genes_of(tokens, specials).iter().skip(usize::from(mode == Mode::Overexpress));
                genes.take(*limit).map(|&token| vec![token]).collect()
            }
        }
    }
}

/// A cell's tokens without the special ones around them.
fn genes_of(tokens: &[u32], specials: Option<Specials>) -> &[u32] {
    match specials {
        Some(_) if tokens.len() >= 2 => &tokens[1..tokens.len() - 1],
        Some(_) => &[],
        None => tokens,
    }
}

/// A cell before and after a perturbation.
#[derive(Debug, PartialEq)]
struct Edit {
    /// None where it is the cell as it is.
    before: Option<Vec<u32>>,
    after: Vec<u32>,
    /// Where the genes that remain are, before and after.
    places: Vec<(usize, usize)>,
}

/// None where the perturbation does not apply. `size` is the number of tokens that a cell has at most.
fn edit(tokens: &[u32], specials: Option<Specials>, perturbed: &[u32], mode: Mode, size: usize) -> Option<Edit> {
    let genes = genes_of(tokens, specials);
    let around = usize::from(specials.is_some());
    let present = perturbed.iter().filter(|token| genes.contains(token)).count();
    if mode == Mode::Delete && present < perturbed.len() {
        return None;
    }
    let in_front: &[u32] = if mode == Mode::Delete { &[] } else { perturbed };
    let room = size.checked_sub(2 * around + in_front.len())?;
    let remaining: Vec<u32> = genes.iter().copied().filter(|token| !perturbed.contains(token)).take(room).collect();
    if remaining.is_empty() {
        return None;
    }
    let enclosed = |inner: Vec<u32>| match specials {
        Some(Specials { cls, eos }) => [cls].into_iter().chain(inner).chain([eos]).collect(),
        None => inner,
    };
    let after = enclosed(in_front.iter().chain(&remaining).copied().collect());
    let pushed_off = genes.len() - present - remaining.len();
    let kept: Vec<u32> =
        genes.iter().copied().filter(|token| perturbed.contains(token) || remaining.contains(token)).collect();
    let places = kept.iter().enumerate().filter(|(_, token)| !perturbed.contains(token)).map(|(i, _)| around + i);
    let places = places.zip(around + in_front.len()..).collect();
    Some(Edit { before: (pushed_off > 0).then(|| enclosed(kept)), after, places })
}

/// How far a cell turned.
struct Turn {
    genes: f64,
    cell: f64,
    cls: f64,
    states: Vec<f32>,
}

/// A cell as it is: its tokens, their vectors, and its own vector.
struct Original {
    tokens: Vec<u32>,
    state: Tensor,
}

pub fn perturb(model: &Geneformer, ctx: &Ctx, cells: &Cells, inputs: &Tensors, options: &Options) -> Result<Output> {
    let layer = layer(model, options)?;
    let pooling = Pooling::read(model, options)?;
    let mode =
        if options.choice("mode", &["delete", "overexpress"])? == "delete" { Mode::Delete } else { Mode::Overexpress };
    let asked = Asked::read(options)?;
    let states: Vec<Vec<f32>> = match inputs.get("states") {
        Some(states) => (0..states.dim(0)?).map(|i| row_of(states, i)).collect::<Result<_>>()?,
        None => Vec::new(),
    };
    let ranked = Ranked::new(model, ctx, cells, options)?;
    let plan = Plan::new(&asked, &ranked)?;
    let job = Job { model, layer, pooling, mode, states: &states, plan: &plan, ranked: &ranked };
    let groups = ranked.groups();
    let mut turns: Vec<Vec<Option<Turn>>> = Vec::with_capacity(ranked.lengths.len());
    let mut perturbed: Vec<Vec<i64>> = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        ctx.step(i, groups.len(), || job.group(ctx, group.clone(), &mut turns, &mut perturbed))?;
    }
    job.output(&asked, turns, perturbed)
}

struct Job<'a> {
    model: &'a Geneformer,
    layer: usize,
    pooling: Pooling,
    mode: Mode,
    states: &'a [Vec<f32>],
    plan: &'a Plan,
    ranked: &'a Ranked<'a>,
}

impl Job<'_> {
    /// Runs some cells as they are, then each with each of its perturbations.
    fn group(
        &self,
        ctx: &Ctx,
        group: std::ops::Range<usize>,
        turns: &mut Vec<Vec<Option<Turn>>>,
        perturbed: &mut Vec<Vec<i64>>,
    ) -> Result<()> {
        let (model, budget) = (self.model, self.ranked.budget);
        let lengths = &self.ranked.lengths[group.clone()];
        let originals = batches::run(ctx, lengths, budget, |k| {
            let tokens = self.ranked.tokens(group.start + k);
            Ok(Original { state: model.state(&tokens, self.layer)?, tokens })
        })?;
        let mut tasks: Vec<(&Original, Vec<u32>)> = Vec::new();
        let mut numbers = Vec::with_capacity(originals.len());
        for original in &originals {
            let Some(original) = original else {
                perturbed.push(Vec::new());
                numbers.push(0);
                continue;
            };
            let plans = self.plan.of(&original.tokens, model.specials, self.mode);
            let gene = |tokens: &Vec<u32>| self.ranked.tokenizer.gene(tokens[0]).map_or(-1, |gene| gene as i64);
            perturbed.push(plans.iter().map(gene).collect());
            numbers.push(plans.len());
            tasks.extend(plans.into_iter().map(|plan| (original, plan)));
        }
        let size = model.settings.input_size;
        let most: Vec<usize> = tasks.iter().map(|(o, plan)| (o.tokens.len() + plan.len()).min(size)).collect();
        let done = batches::run(ctx, &most, budget, |i| self.one(tasks[i].0, &tasks[i].1))?;
        let mut done = done.into_iter().map(Option::flatten);
        turns.extend(numbers.into_iter().map(|n| done.by_ref().take(n).collect()));
        Ok(())
    }

    fn one(&self, original: &Original, perturbed: &[u32]) -> Result<Option<Turn>> {
        let (model, size) = (self.model, self.model.settings.input_size);
        let Some(edit) = edit(&original.tokens, model.specials, perturbed, self.mode, size) else { return Ok(None) };
        let cut = edit.before.as_deref().map(|tokens| model.state(tokens, self.layer)).transpose()?;
        let before = cut.as_ref().unwrap_or(&original.state);
        let tokens = edit.before.as_deref().unwrap_or(&original.tokens);
        let after = model.state(&edit.after, self.layer)?;
        let mut states = Vec::with_capacity(self.states.len());
        if !self.states.is_empty() {
            let pooled = [self.pooling.of(model, tokens, before)?, self.pooling.of(model, &edit.after, &after)?];
            let [Some(before), Some(after)] = pooled else { return Ok(None) };
            states.extend(self.states.iter().map(|state| (cosine(&after, state) - cosine(&before, state)) as f32));
        }
        let width = model.settings.shape.width;
        let (before, after) = (nn::floats(before)?, nn::floats(&after)?);
        let row = |i: usize| i * width..(i + 1) * width;
        let mut sums = [vec![0f64; width], vec![0f64; width]];
        let mut genes = 0.0;
        for &(i, j) in &edit.places {
            let (x, y) = (&before[row(i)], &after[row(j)]);
            genes += cosine(x, y);
            sums[0].iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x));
            sums[1].iter_mut().zip(y).for_each(|(sum, &y)| *sum += f64::from(y));
        }
        Ok(Some(Turn {
            genes: genes / edit.places.len() as f64,
            cell: cosine(&sums[0], &sums[1]),
            cls: cosine(&before[row(0)], &after[row(0)]),
            states,
        }))
    }

    fn output(&self, asked: &Asked, turns: Vec<Vec<Option<Turn>>>, perturbed: Vec<Vec<i64>>) -> Result<Output> {
        let cells = turns.len();
        let n = match self.plan {
            Plan::Same(perturbations) => perturbations.len(),
            Plan::EachGene { .. } => turns.iter().map(Vec::len).max().unwrap_or(0),
        };
        let at = |cell: usize, i: usize| turns[cell].get(i).and_then(Option::as_ref);
        let table = |value: fn(&Turn) -> f64| -> Result<Tensor> {
            let places = (0..cells).flat_map(|cell| (0..n).map(move |i| (cell, i)));
            let values: Vec<f32> =
                places.map(|(cell, i)| at(cell, i).map_or(f32::NAN, |turn| value(turn) as f32)).collect();
            Ok(Tensor::from_vec(values, (cells, n), &Device::Cpu)?)
        };
        let mut tensors = Tensors::new();
        tensors.insert("gene_cosine".into(), table(|turn| turn.genes)?);
        tensors.insert("cell_cosine".into(), table(|turn| turn.cell)?);
        if self.model.specials.is_some() {
            tensors.insert("cls_cosine".into(), table(|turn| turn.cls)?);
        }
        if !self.states.is_empty() {
            let places = (0..cells).flat_map(|cell| (0..n).map(move |i| (cell, i)));
            let shifts: Vec<_> = places.map(|(cell, i)| at(cell, i).map(|turn| turn.states.clone())).collect();
            let flat = batches::stacked(&shifts, self.states.len())?;
            tensors.insert("state_shift".into(), flat.reshape((cells, n, self.states.len()))?);
        }
        let mut report = self.ranked.report();
        report.insert("layer".into(), json!(self.layer));
        match asked {
            Asked::Named { genes, combined: true } => report.insert("perturbations".into(), json!([genes])),
            Asked::Named { genes, .. } => {
                report.insert("perturbations".into(), json!(genes.iter().map(|gene| [gene]).collect::<Vec<_>>()))
            }
            Asked::All { .. } => {
                let filled = perturbed.iter().flat_map(|row| (0..n).map(|i| row.get(i).copied().unwrap_or(-1)));
                let numbers = Tensor::from_vec(filled.collect::<Vec<i64>>(), (cells, n), &Device::Cpu)?;
                tensors.insert("gene".into(), numbers);
                None
            }
        };
        Ok(Output { tensors, report: Value::Object(report) })
    }
}

/// As torch's CosineSimilarity: lengths below 1e-8 count as that.
fn cosine<T: Copy + Into<f64>>(x: &[T], y: &[T]) -> f64 {
    let (mut xy, mut xx, mut yy) = (0f64, 0f64, 0f64);
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (x.into(), y.into());
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    xy / (xx.sqrt().max(1e-8) * yy.sqrt().max(1e-8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIALS: Option<Specials> = Some(Specials::PUBLISHED);

    #[test]
    fn a_deleted_gene_is_taken_out() {
        let found = edit(&[10, 11, 12], None, &[11], Mode::Delete, 3).unwrap();
        assert_eq!(found, Edit { before: None, after: vec![10, 12], places: vec![(0, 0), (2, 1)] });
        let found = edit(&[2, 10, 11, 12, 3], SPECIALS, &[12, 10], Mode::Delete, 5).unwrap();
        assert_eq!(found, Edit { before: None, after: vec![2, 11, 3], places: vec![(2, 1)] });
        assert_eq!(edit(&[10, 11], None, &[12], Mode::Delete, 3), None);
        assert_eq!(edit(&[10, 11], None, &[10, 12], Mode::Delete, 3), None);
        assert_eq!(edit(&[2, 10, 3], SPECIALS, &[10], Mode::Delete, 3), None);
    }

    #[test]
    fn an_overexpressed_gene_comes_first() {
        let found = edit(&[10, 11, 12], None, &[12], Mode::Overexpress, 3).unwrap();
        assert_eq!(found, Edit { before: None, after: vec![12, 10, 11], places: vec![(0, 1), (1, 2)] });
        let found = edit(&[2, 10, 11, 3], SPECIALS, &[20, 11], Mode::Overexpress, 9).unwrap();
        assert_eq!(found, Edit { before: None, after: vec![2, 20, 11, 10, 3], places: vec![(1, 3)] });
    }

    #[test]
    fn what_is_pushed_off_the_end_is_left_out_before() {
        let found = edit(&[10, 11, 12], None, &[20], Mode::Overexpress, 3).unwrap();
        assert_eq!(found, Edit { before: Some(vec![10, 11]), after: vec![20, 10, 11], places: vec![(0, 1), (1, 2)] });
        let found = edit(&[2, 10, 11, 12, 3], SPECIALS, &[20, 12], Mode::Overexpress, 5).unwrap();
        assert_eq!(
            found,
            Edit { before: Some(vec![2, 10, 12, 3]), after: vec![2, 20, 12, 10, 3], places: vec![(1, 3)] }
        );
        assert_eq!(edit(&[10, 11], None, &[20, 21], Mode::Overexpress, 2), None);
    }

    #[test]
    fn cosines() {
        assert!((cosine(&[1f32, 0.0], &[3.0, 4.0]) - 0.6).abs() < 1e-12);
        assert_eq!(cosine(&[0f32, 0.0], &[3.0, 4.0]), 0.0);
    }
}
