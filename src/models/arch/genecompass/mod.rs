//! GeneCompass (Yang et al. 2024): BERT on ranked genes of human and mouse cells, with their values and with what is known of
//! each gene.
//!
//! After the original implementation (github.com/xCompass-AI/GeneCompass). A token's vector is made of its word's, the value,
//! and linear maps of up to four tables of prior knowledge (promoter, co-expression, gene family, PECA's regulatory network),
//! in which a mouse gene is looked up as its human homologue. The tables are buffers of the checkpoint. A token of the species
//! goes before the genes, without a position. Heads: the masked token and its value.
//!
//! - `knowledge`: what goes into the encoder; `tokens`: from counts to tokens and values.
//!
//! The vector of a cell is the last layer's at the species token, or the mean over the genes. Memory: the weights with the
//! tables, and for each cell that is being run about 15 tokens x hidden_size numbers and one token x intermediate_size.

mod knowledge;
mod tokens;

use super::Family;
use super::bert::heads::Predictions;
use super::bert::rows::{Rows, mean, padded, row_of};
use super::bert::{self, Encoder, Shape};
use crate::ensure;
use crate::error::{Error, ErrorKind, Result};
use crate::models::batches;
use crate::models::cells::Cells;
use crate::models::config::Config;
use crate::models::folder::Folder;
use crate::models::genes::{Mapping, Matching};
use crate::models::io::{Choice, Io, field};
use crate::models::nn;
use crate::models::options::Options;
use crate::models::weights::{Loaded, Loader};
use crate::models::{Embedding, Model, Tensors};
use crate::parallel::Ctx;
use candle_core::{DType, Device, Tensor};
use knowledge::{Input, PRIORS};
use serde_json::{Value, json};
use tokens::{Dictionaries, Species, Tokenizer};

pub const FAMILY: Family = Family { name: "genecompass", aliases: &[], title: "GeneCompass", load };

pub struct GeneCompass {
    shape: Shape,
    config: Value,
    input: Input,
    /// `[2, width]`, human and mouse: what goes before the genes.
    species: Option<Tensor>,
    encoder: Encoder,
    tokens: Predictions,
    /// None for models without values.
    values: Option<Predictions>,
    /// None where the folder has no dictionaries.
    tokenizer: Option<Tokenizer>,
    weights: Loaded,
}

/// What no result depends on: a buffer that counts from 0, decoders that repeat what they are tied to, how far the training
/// had come.
const IGNORABLE: &[&str] = &[
    "bert.embeddings.position_ids",
    "bert.pooler.*",
    "cls.predictions.decoder.*",
    "cls4value.predictions.decoder.bias",
    "emb_warmup.steps",
];

fn load(folder: &Folder) -> Result<Box<dyn Model>> {
    let config = folder.config(&["config.json"])?;
    let file = folder.weights(&["pytorch_model.bin"])?;
    let loader = Loader::new(&file, folder.load.dtype, bert::renamed);
    let shape = Shape::read(&config)?;
    let used = Used::read(&config)?;
    folder.load.family.finish()?;
    let tokenizer =
        Dictionaries::read(folder)?.map(|d| Tokenizer::new(d, shape.vocabulary, shape.positions)).transpose()?;
    let input = Input::load(&loader, &shape, used.values, used.priors)?;
    let species =
        used.cls.then(|| loader.get("bert.cls_embedding.weight", &[Species::ALL.len(), shape.width])).transpose()?;
    let encoder = Encoder::load(&loader, &shape)?;
    let tokens = Predictions::load(&loader, "cls.predictions", &shape, input.words.clone())?;
    // The head for values is in every checkpoint, also in those without values.
    let decoder = loader.get("cls4value.predictions.decoder.weight", &[1, shape.width])?;
    let values = Predictions::load(&loader, "cls4value.predictions", &shape, decoder)?;
    let values = used.values.then_some(values);
    let weights = loader.finish(IGNORABLE)?;
    let config = config.filled(FAMILY.name);
    Ok(Box::new(GeneCompass { shape, config, input, species, encoder, tokens, values, tokenizer, weights }))
}

/// The parts that a model has.
struct Used {
    values: bool,
    cls: bool,
    priors: [bool; PRIORS.len()],
}

impl Used {
    fn read(config: &Config) -> Result<Self> {
        let mut priors = [false; PRIORS.len()];
        for (used, name) in priors.iter_mut().zip(PRIORS) {
            *used = config.flag(&format!("use_{name}"), false)?;
        }
        let used =
            Self { values: config.flag("use_values", false)?, cls: config.flag("use_cls_token", false)?, priors };
        if config.has("architectures") {
            let said = config.value("architectures");
            ensure!(
                said == Some(&json!(["BertForMaskedLM"])),
                Config,
                "{}: \"architectures\" is {}, must be [\"BertForMaskedLM\"], the pretrained model",
                config.name,
                said.unwrap_or(&Value::Null)
            );
        }
        config.finish(&[bert::EXTRAS, &["warmup_steps", "emb_warmup_steps", "id2label", "num_labels"]].concat())?;
        Ok(used)
    }
}

/// One row of a batch.
struct Row<'a> {
    ids: &'a [u32],
    values: Option<&'a [f32]>,
    counts: &'a [bool],
    species: Species,
}

/// One row's results; none of them for a row without tokens.
#[derive(Default)]
struct Results {
    states: Vec<Tensor>,
    genes: Option<Tensor>,
    logits: Option<Tensor>,
    values: Option<Tensor>,
    cls: Option<Vec<f32>>,
    mean: Option<Vec<f32>>,
}

impl GeneCompass {
    /// What goes into the encoder: `[tokens, width]`, the species' token first if there is one.
    fn first_state(&self, row: &Row) -> Result<Tensor> {
        let x = self.input.forward(row.ids, row.values, row.species)?;
        match &self.species {
            None => Ok(x),
            Some(table) => Ok(Tensor::cat(&[nn::f32s(&table.narrow(0, row.species as usize, 1)?)?, x], 0)?),
        }
    }

    /// The genes of a state, without the species' token.
    fn genes_of(&self, state: &Tensor) -> Result<Tensor> {
        let before = usize::from(self.species.is_some());
        Ok(state.narrow(0, before, state.dim(0)? - before)?.contiguous()?)
    }

    /// Which positions of a state count.
    fn counts(&self, counts: &[bool]) -> Vec<bool> {
        self.species.iter().map(|_| true).chain(counts.iter().copied()).collect()
    }

    fn one(&self, row: &Row) -> Result<Results> {
        if row.ids.is_empty() {
            return Ok(Results::default());
        }
        let added = nn::mask(&self.counts(row.counts));
        let states = self.encoder.all(self.first_state(row)?, added.as_deref())?;
        let last = &states[states.len() - 1];
        let genes = self.genes_of(last)?;
        Ok(Results {
            logits: Some(self.tokens.forward(&genes)?),
            values: self.values.as_ref().map(|head| head.forward(&genes)).transpose()?,
            cls: self.species.as_ref().map(|_| row_of(last, 0)).transpose()?,
            mean: mean(&genes, |i| row.counts[i])?,
            genes: Some(genes),
            states,
        })
    }

    fn outputs(&self, rows: &Rows, mut results: Vec<Results>) -> Result<Tensors> {
        let (n, length, width, counts) = (rows.n_rows(), rows.length, self.shape.width, &rows.counts);
        let valid: Vec<i64> =
            counts.iter().flat_map(|counts| (0..length).map(|i| i64::from(counts.get(i) == Some(&true)))).collect();
        let mut outputs = Tensors::new();
        outputs.insert("valid_mask".into(), Tensor::from_vec(valid, (n, length), &Device::Cpu)?);
        let with_species: Vec<Vec<bool>> = counts.iter().map(|counts| self.counts(counts)).collect();
        let whole = length + usize::from(self.species.is_some());
        for layer in 0..=self.encoder.n_layers() {
            let states: Vec<Option<Tensor>> = results.iter().map(|row| row.states.get(layer).cloned()).collect();
            outputs.insert(format!("hidden_{layer}"), padded(&states, &with_species, whole, width)?);
        }
        let take = |part: fn(&mut Results) -> Option<Tensor>, results: &mut [Results]| -> Vec<Option<Tensor>> {
            results.iter_mut().map(part).collect()
        };
        let genes = take(|row| row.genes.take(), &mut results);
        outputs.insert("gene_emb".into(), padded(&genes, counts, length, width)?);
        let logits = take(|row| row.logits.take(), &mut results);
        outputs.insert("logits".into(), padded(&logits, counts, length, self.shape.vocabulary)?);
        if self.values.is_some() {
            let values = take(|row| row.values.take(), &mut results);
            outputs.insert("value_logits".into(), padded(&values, counts, length, 1)?.reshape((n, length))?);
        }
        if self.species.is_some() {
            let cls: Vec<_> = results.iter_mut().map(|row| row.cls.take()).collect();
            outputs.insert("cls_emb".into(), batches::stacked(&cls, width)?);
        }
        let means: Vec<_> = results.iter_mut().map(|row| row.mean.take()).collect();
        outputs.insert("cell_emb_mean".into(), batches::stacked(&means, width)?);
        Ok(outputs)
    }

    fn tokenizer(&self) -> Result<&Tokenizer> {
        self.tokenizer.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!(
                    "{}: was loaded without human_mouse_tokens and gene medians (.json or .pickle), which cells need; `forward` takes \
                     tokens and values",
                    self.weights.report.source
                ),
            )
        })
    }
}

impl Model for GeneCompass {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn io(&self) -> Io {
        let (width, vocabulary) = (self.shape.width.to_string(), self.shape.vocabulary.to_string());
        let mut inputs = vec![
            field("input_ids", DType::I64, ["B", "L"], "tokens of genes, padded at the end"),
            field("attention_mask", DType::I64, ["B", "L"], "1 for tokens, 0 for padding; else what is not padding")
                .optional(),
            field("species", DType::I64, ["B", "1"], "0 human (the default), 1 mouse").optional(),
        ];
        let values = field("values", DType::F32, ["B", "L"], "value of each gene");
        inputs.push(if self.values.is_some() { values } else { values.optional() });
        // The species' token makes one more.
        let whole = if self.species.is_some() { "L+1" } else { "L" };
        let mut outputs =
            vec![field("valid_mask", DType::I64, ["B", "L"], "1 where positions count; elsewhere outputs are 0")];
        for layer in 0..=self.encoder.n_layers() {
            outputs.push(field(
                &format!("hidden_{layer}"),
                DType::F32,
                ["B", whole, &width],
                "the tokens after so many layers",
            ));
        }
        outputs.push(field("gene_emb", DType::F32, ["B", "L", &width], "the last layer without the species' token"));
        outputs.push(field("logits", DType::F32, ["B", "L", &vocabulary], "of the token at each position"));
        if self.values.is_some() {
            outputs.push(field("value_logits", DType::F32, ["B", "L"], "the value at each position"));
        }
        if self.species.is_some() {
            outputs.push(field("cls_emb", DType::F32, ["B", &width], "the last layer at the species' token"));
        }
        outputs.push(field("cell_emb_mean", DType::F32, ["B", &width], "the mean of gene_emb over the genes"));
        let choice = |name, default, about| Choice { name, default, about };
        let pooling = if self.species.is_some() { "cls" } else { "mean" };
        let embed = vec![
            choice("pooling", json!(pooling), "\"cls\", the species' token, or \"mean\" over the genes"),
            choice("species", Value::Null, "\"human\" or \"mouse\"; else what most of the genes found are of"),
            choice(
                "target_sum",
                Value::Null,
                "a total that counts are scaled to first; none, as the original's script",
            ),
        ];
        Io { inputs, outputs, embed, ..Default::default() }
    }

    fn weights(&self) -> &Loaded {
        &self.weights
    }

    fn genes(&self) -> Vec<String> {
        self.tokenizer.as_ref().map_or_else(Vec::new, |tokenizer| tokenizer.genes.clone())
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.tokenizer.as_ref().map_or_else(Vec::new, |tokenizer| tokenizer.dictionaries.files()))
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        options.finish()?;
        let inputs = Io::checked(&self.io().inputs, inputs)?;
        let rows = Rows::new(&inputs, &self.shape)?;
        let values = inputs.get("values").map(nn::floats).transpose()?;
        let species = match inputs.get("species") {
            None => vec![Species::Human; rows.n_rows()],
            Some(species) => {
                species.flatten_all()?.to_vec1::<i64>()?.into_iter().map(Species::of).collect::<Result<_>>()?
            }
        };
        let results = ctx.map_in_pool(ctx.threads(), rows.n_rows(), |i| {
            let (ids, counts) = (rows.ids(i), &rows.counts[i]);
            let values = values.as_ref().map(|values| &values[i * rows.length..i * rows.length + ids.len()]);
            self.one(&Row { ids, values, counts, species: species[i] })
        })?;
        self.outputs(&rows, results)
    }

    /// The table that tokens are looked up in, without values and prior knowledge.
    fn gene_embeddings(&self) -> Result<Tensor> {
        let tokens = &self.tokenizer()?.tokens;
        let rows = Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?;
        nn::f32s(&self.input.words.index_select(&rows, 0)?)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        let poolings: &[&str] = if self.species.is_some() { &["cls", "mean"] } else { &["mean"] };
        let pooling = options.choice("pooling", poolings)?;
        let species = options.text("species")?.map(|name| Species::named(&name)).transpose()?;
        let target = options.number("target_sum")?;
        ensure!(target.is_none_or(|sum| sum > 0.0), InvalidArgument, "target_sum: is {target:?}, must be positive");
        let (budget, matching) = (batches::budget(options)?, Matching::from(options)?);
        options.finish()?;
        let tokenizer = self.tokenizer()?;
        let mapping = Mapping::new(&cells.genes, &tokenizer.vocabulary, &matching)?;
        cells.ensure_counts(ctx)?;
        let species = species.unwrap_or_else(|| tokenizer.species(&mapping.rows));
        let before = usize::from(self.species.is_some());
        let lengths = ctx.map(cells.n_obs(), |cell| {
            let genes = tokenizer.cell(cells, cell, &mapping.rows, target).0.len();
            Ok(if genes == 0 { 0 } else { genes + before })
        })?;
        let vectors = batches::run(ctx, &lengths, budget, |cell| {
            let (ids, values) = tokenizer.cell(cells, cell, &mapping.rows, target);
            let row = Row { ids: &ids, values: Some(&values), counts: &[], species };
            let last = self.encoder.forward(self.first_state(&row)?, None, self.encoder.n_layers())?;
            if pooling == "cls" { row_of(&last, 0).map(Some) } else { mean(&self.genes_of(&last)?, |_| true) }
        })?;
        let vectors: Vec<Option<Vec<f32>>> = vectors.into_iter().map(Option::flatten).collect();
        let empty = lengths.iter().filter(|&&n| n == 0).count();
        if empty > 0 {
            ctx.warn(&format!("{empty} cells have none of the model's genes: their embeddings are NaN"));
        }
        let report = json!({"genes": mapping.report(), "cells_without_genes": empty, "species": species.name()});
        Ok(Embedding { values: batches::stacked(&vectors, self.shape.width)?, name: "genecompass", report })
    }
}

#[cfg(test)]
mod tests;
