//! What Geneformer is run on cells for: vectors of cells, vectors of genes in their cells, labels of cells and of genes.

use super::Geneformer;
use super::ranked::Ranked;
use crate::error::{Error, ErrorKind, Result};
use crate::models::arch::bert::rows::{mean, row_of};
use crate::models::batches;
use crate::models::cells::Cells;
use crate::models::nn;
use crate::models::options::Options;
use crate::models::{Embedding, Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

/// The layer that vectors are taken from: `layer` from 0 (what goes into the first layer) on, or as upstream counts,
/// `emb_layer` 0 for the last and -1, the default, for the one before it.
pub fn layer(model: &Geneformer, options: &Options) -> Result<usize> {
    let n = model.encoder.n_layers();
    let (absolute, relative) = (options.size("layer")?, options.integer("emb_layer")?);
    ensure!(
        absolute.is_none() || relative.is_none(),
        InvalidArgument,
        "layer: is given with emb_layer, must be one of them"
    );
    if let Some(layer) = absolute {
        ensure!(layer <= n, InvalidArgument, "layer: is {layer}, must be from 0 to {n}, the model's layers");
        return Ok(layer);
    }
    let relative = relative.unwrap_or(-1);
    ensure!((-(n as i64)..=0).contains(&relative), InvalidArgument, "emb_layer: is {relative}, must be from -{n} to 0");
    Ok(n - relative.unsigned_abs() as usize)
}

/// How the tokens of a cell become one vector.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over the genes.
    Mean,
    /// `<cls>`.
    Cls,
}

impl Pooling {
    pub fn read(model: &Geneformer, options: &Options) -> Result<Self> {
        if options.choice("pooling", &["mean", "cls"])? == "mean" {
            return Ok(Self::Mean);
        }
        ensure!(
            model.specials.is_some(),
            InvalidArgument,
            "pooling: is \"cls\", must be \"mean\": this model has no <cls>"
        );
        Ok(Self::Cls)
    }

    /// Of `[tokens, width]`.
    pub fn of(self, model: &Geneformer, tokens: &[u32], state: &Tensor) -> Result<Option<Vec<f32>>> {
        match self {
            Self::Mean => mean(state, |i| model.is_gene(tokens[i])),
            Self::Cls => Ok(Some(row_of(state, 0)?)),
        }
    }
}

pub fn embed(model: &Geneformer, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
    let (layer, pooling) = (layer(model, options)?, Pooling::read(model, options)?);
    let ranked = Ranked::new(model, ctx, cells, options)?;
    let vectors = batches::run(ctx, &ranked.lengths, ranked.budget, |cell| {
        let tokens = ranked.tokens(cell);
        pooling.of(model, &tokens, &model.state(&tokens, layer)?)
    })?;
    let vectors: Vec<Option<Vec<f32>>> = vectors.into_iter().map(Option::flatten).collect();
    let mut report = ranked.report();
    report.insert("layer".into(), json!(layer));
    Ok(Embedding {
        values: batches::stacked(&vectors, model.settings.shape.width)?,
        name: "geneformer",
        report: Value::Object(report),
    })
}

/// Sums over cells for each gene, and how many cells they are of.
struct Sums {
    width: usize,
    sums: Vec<f64>,
    cells: Vec<i64>,
}

impl Sums {
    /// Of `per_token`, `[tokens, width]` of one cell at a time, over all cells in their order: the same bits always. Groups of
    /// cells are run, then added up.
    fn over(
        model: &Geneformer,
        ctx: &Ctx,
        ranked: &Ranked,
        width: usize,
        per_token: impl Fn(&[u32]) -> Result<Tensor> + Sync,
    ) -> Result<Self> {
        let genes = ranked.tokenizer.genes.len();
        let mut all = Self { width, sums: vec![0.0; genes * width], cells: vec![0; genes] };
        let groups = ranked.groups();
        for (i, group) in groups.iter().enumerate() {
            let lengths = &ranked.lengths[group.clone()];
            let of_cells = ctx.step(i, groups.len(), || {
                batches::run(ctx, lengths, ranked.budget, |k| {
                    let tokens = ranked.tokens(group.start + k);
                    let values = nn::floats(&per_token(&tokens)?)?;
                    Ok((tokens, values))
                })
            })?;
            for (tokens, values) in of_cells.into_iter().flatten() {
                let rows = tokens.iter().zip(values.chunks_exact(width)).filter(|(token, _)| model.is_gene(**token));
                rows.for_each(|(&token, row)| all.add(ranked.tokenizer.gene(token), row));
            }
        }
        Ok(all)
    }

    fn add(&mut self, gene: Option<usize>, row: &[f32]) {
        let Some(gene) = gene else { return };
        let sums = &mut self.sums[gene * self.width..(gene + 1) * self.width];
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        self.cells[gene] += 1;
    }

    /// The mean of each gene, none where no cell has it.
    fn means(&self) -> Vec<Option<Vec<f32>>> {
        let genes = self.sums.chunks_exact(self.width).zip(&self.cells);
        genes.map(|(sums, &n)| (n > 0).then(|| sums.iter().map(|sum| (sum / n as f64) as f32).collect())).collect()
    }

    fn counts(&self) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.cells, self.cells.len(), &Device::Cpu)?)
    }
}

/// The mean vector of each gene over the cells that have it (upstream's `emb_mode` "gene").
pub fn genes_in_context(model: &Geneformer, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
    let layer = layer(model, options)?;
    let ranked = Ranked::new(model, ctx, cells, options)?;
    let sums = Sums::over(model, ctx, &ranked, model.settings.shape.width, |tokens| model.state(tokens, layer))?;
    let mut tensors = Tensors::new();
    tensors.insert("gene_embeddings".into(), batches::stacked(&sums.means(), sums.width)?);
    tensors.insert("n_cells".into(), sums.counts()?);
    let mut report = ranked.report();
    report.insert("layer".into(), json!(layer));
    Ok(Output { tensors, report: Value::Object(report) })
}

/// The logits of a cell by the model's head, all layers run.
fn logits(model: &Geneformer, tokens: &[u32]) -> Result<Tensor> {
    let last = model.state(tokens, model.encoder.n_layers())?;
    model.head.logits(&last)?.ok_or_else(|| Error::new(ErrorKind::Unsupported, "this model has no classifier"))
}

/// The class of each cell.
pub fn classify_cells(model: &Geneformer, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
    let ranked = Ranked::new(model, ctx, cells, options)?;
    let rows =
        batches::run(ctx, &ranked.lengths, ranked.budget, |cell| nn::floats(&logits(model, &ranked.tokens(cell))?))?;
    classes(model, ctx, &ranked, rows)
}

/// The class of each gene: by its mean logits over the cells that have it.
pub fn classify_genes(model: &Geneformer, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
    let ranked = Ranked::new(model, ctx, cells, options)?;
    let sums = Sums::over(model, ctx, &ranked, model.settings.labels.len(), |tokens| logits(model, tokens))?;
    let mut output = classes(model, ctx, &ranked, sums.means())?;
    output.tensors.insert("n_cells".into(), sums.counts()?);
    Ok(output)
}

/// Logits, their softmax, and in the report the label of each row, null where there are no logits.
fn classes(model: &Geneformer, ctx: &Ctx, ranked: &Ranked, logits: Vec<Option<Vec<f32>>>) -> Result<Output> {
    let labels = &model.settings.labels;
    if labels.is_empty() {
        bail!(Weights, "{}: has a classifier without outputs", model.weights.report.source);
    }
    let probabilities = ctx.map_in_pool(ctx.threads(), logits.len(), |i| {
        let Some(row) = &logits[i] else { return Ok(None) };
        let x = Tensor::from_slice(row, (1, row.len()), &Device::Cpu)?;
        nn::softmax(&x)?;
        nn::floats(&x).map(Some)
    })?;
    // The first of the highest.
    let best = |row: &Vec<f32>| (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let predicted = logits.iter().map(|row| row.as_ref().map_or(Value::Null, |row| json!(labels[best(row)]))).collect();
    let mut tensors = Tensors::new();
    tensors.insert("logits".into(), batches::stacked(&logits, labels.len())?);
    tensors.insert("probabilities".into(), batches::stacked(&probabilities, labels.len())?);
    let mut report = ranked.report();
    report.insert("labels".into(), json!(labels));
    report.insert("predicted".into(), Value::Array(predicted));
    Ok(Output { tensors, report: Value::Object(report) })
}
