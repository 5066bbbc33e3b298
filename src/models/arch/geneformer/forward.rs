//! Geneformer on arrays of tokens, with everything that the original gives.

use super::Geneformer;
use super::heads::Head;
use crate::error::Result;
use crate::models::arch::bert::rows::{Rows, mean, padded, row_of};
use crate::models::batches;
use crate::models::io::Io;
use crate::models::nn;
use crate::models::options::Options;
use crate::models::{Model, Tensors};
use crate::parallel::Ctx;
use candle_core::{DType, Device, Tensor};

/// Which of the larger outputs are wanted.
struct Wanted {
    states: bool,
    logits: bool,
    attention: bool,
}

/// One row's.
#[derive(Default)]
struct Results {
    states: Vec<Tensor>,
    logits: Option<Tensor>,
    attention: Option<Tensor>,
    /// The last and the second to last layer: the mean over the genes, and the first token.
    pooled: [Option<Vec<f32>>; 2],
    first: [Option<Vec<f32>>; 2],
}

/// The names of the last layer and of the one before it.
const ENDS: [&str; 2] = ["last", "second_to_last"];

pub fn forward(model: &Geneformer, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
    let inputs = Io::checked(&model.io().inputs, inputs)?;
    let wanted = Wanted {
        states: options.flag("hidden_states")?.unwrap_or(true),
        logits: options.flag("logits")?.unwrap_or(true),
        attention: options.flag("attentions")?.unwrap_or(false),
    };
    options.finish()?;
    let rows = Rows::new(&inputs, &model.settings.shape)?;
    let results =
        ctx.map_in_pool(ctx.threads(), rows.n_rows(), |row| one(model, rows.ids(row), &rows.counts[row], &wanted))?;
    outputs(model, &rows, results, &wanted)
}

fn one(model: &Geneformer, ids: &[u32], counts: &[bool], wanted: &Wanted) -> Result<Results> {
    if ids.is_empty() {
        return Ok(Results::default());
    }
    let added = nn::mask(counts);
    let states = model.encoder.all(model.input(ids)?, added.as_deref())?;
    let (last, before) = (&states[states.len() - 1], &states[states.len() - 2]);
    let is_gene = |i: usize| counts[i] && model.is_gene(ids[i]);
    Ok(Results {
        logits: if wanted.logits { model.head.logits(last)? } else { None },
        attention: wanted.attention.then(|| model.encoder.last_probabilities(before, added.as_deref())).transpose()?,
        pooled: [mean(last, is_gene)?, mean(before, is_gene)?],
        first: [Some(row_of(last, 0)?), Some(row_of(before, 0)?)],
        states: if wanted.states { states } else { Vec::new() },
    })
}

fn outputs(model: &Geneformer, rows: &Rows, mut results: Vec<Results>, wanted: &Wanted) -> Result<Tensors> {
    let (width, length, counts) = (model.settings.shape.width, rows.length, &rows.counts);
    let mut outputs = Tensors::new();
    let valid: Vec<i64> =
        counts.iter().flat_map(|counts| (0..length).map(|i| i64::from(counts.get(i) == Some(&true)))).collect();
    outputs.insert("valid_mask".into(), Tensor::from_vec(valid, (rows.n_rows(), length), &Device::Cpu)?);
    for (end, name) in ENDS.iter().enumerate() {
        let of = |part: fn(&mut Results, usize) -> Option<Vec<f32>>, results: &mut [Results]| {
            batches::stacked(&results.iter_mut().map(|row| part(row, end)).collect::<Vec<_>>(), width)
        };
        outputs.insert(format!("cell_emb_{name}"), of(|row, end| row.pooled[end].take(), &mut results)?);
        if model.specials.is_some() {
            outputs.insert(format!("cls_emb_{name}"), of(|row, end| row.first[end].take(), &mut results)?);
        }
    }
    if wanted.states {
        for layer in 0..=model.encoder.n_layers() {
            let of_rows: Vec<Option<Tensor>> = results.iter().map(|row| row.states.get(layer).cloned()).collect();
            outputs.insert(format!("hidden_{layer}"), padded(&of_rows, counts, length, width)?);
        }
    }
    if wanted.logits {
        let of_rows: Vec<Option<Tensor>> = results.iter_mut().map(|row| row.logits.take()).collect();
        let logits = match &model.head {
            Head::Bare => None,
            Head::Cells(_, classifier) => {
                let flat =
                    of_rows.iter().map(|row| row.as_ref().map(nn::floats).transpose()).collect::<Result<Vec<_>>>()?;
                Some(batches::stacked(&flat, classifier.outputs())?)
            }
            Head::MaskedTokens(_) => Some(padded(&of_rows, counts, length, model.settings.shape.vocabulary)?),
            Head::Genes(classifier) => Some(padded(&of_rows, counts, length, classifier.outputs())?),
        };
        outputs.extend(logits.map(|logits| ("logits".into(), logits)));
    }
    if wanted.attention {
        let of_rows: Vec<Option<Tensor>> = results.iter_mut().map(|row| row.attention.take()).collect();
        outputs.insert("attn_last".into(), square(&of_rows, counts, length, model.settings.shape.heads)?);
    }
    Ok(outputs)
}

/// `[rows, heads, length, length]` from `[heads, tokens, tokens]` of each row, 0 where a query or a key does not count.
fn square(rows: &[Option<Tensor>], counts: &[Vec<bool>], length: usize, heads: usize) -> Result<Tensor> {
    let by_row = rows.iter().zip(counts).map(|(row, counts)| match row {
        None => Ok(Tensor::zeros((heads, length, length), DType::F32, &Device::Cpu)?),
        Some(row) => {
            let (_, _, keys) = row.dims3()?;
            let by_head = (0..heads).map(|h| Ok(Some(row.get(h)?))).collect::<Result<Vec<_>>>()?;
            let queries = padded(&by_head, &vec![counts.clone(); heads], length, keys)?;
            Ok(queries.pad_with_zeros(2, 0, length - keys)?)
        }
    });
    let by_row = by_row.collect::<Result<Vec<_>>>()?;
    if by_row.is_empty() {
        return Ok(Tensor::zeros((0, heads, length, length), DType::F32, &Device::Cpu)?);
    }
    Ok(Tensor::stack(&by_row, 0)?)
}
