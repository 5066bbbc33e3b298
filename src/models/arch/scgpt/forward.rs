//! The original's forward pass on named arrays, with all its outputs.
//!
//! Each row is run by itself on its valid tokens. At padded positions, where the original's values are artefacts of its backend of
//! attention, outputs are 0. Two results of the original depend on padding or on the other rows, and have an option:
//! - the pools "avg-pool" and "w-pool" run over padded positions too with `padding: "upstream"` (as torch's plain layers encode
//!   them), over the valid ones by default;
//! - the BatchNorm of domains is that of the first row for all rows with `domain: "upstream"`, that of each row by default.
//!
//! `loss_ecs` is a loss over all pairs of rows, by its definition.

use super::ScGpt;
use super::bins::Ties;
use super::config::CellStyle;
use super::heads::Decoded;
use super::network::{Sequence, checked_label, pooled, unit};
use crate::ensure;
use crate::error::Result;
use crate::models::Tensors;
use crate::models::io::{Io, row_numbers};
use crate::models::nn::floats;
use crate::models::options::Options;
use crate::parallel::Ctx;
use candle_core::{DType, Device, Tensor};

/// Rows of the matrix of similarities that are held at once.
const ROWS: usize = 256;

struct Choices {
    pool_padding: bool,
    first_domain: bool,
    ties: Ties,
}

/// One row of the inputs.
struct Row {
    ids: Vec<u32>,
    values: Vec<f32>,
    flags: Option<Vec<u32>>,
    valid: Vec<bool>,
    domain: usize,
    label: usize,
}

/// What one row gives; what has a value for each token has it for the valid ones, in order.
struct Outcome {
    output: Vec<f32>,
    genes: Vec<f32>,
    expression: Decoded,
    mvc: Option<Decoded>,
    cell: Vec<f32>,
    classes: Option<Vec<f32>>,
    domains: Option<Vec<f32>>,
    /// The output at the first token, of length 1; of a perturbation model none.
    first: Option<Vec<f32>>,
}

impl ScGpt {
    pub(super) fn forward_arrays(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        let choices = self.choices(ctx, options)?;
        let inputs = Io::checked(&super::io::inputs(&self.settings), inputs)?;
        let rows = self.rows(&inputs, &choices)?;
        let outcomes = ctx.map_in_pool(ctx.threads(), rows.len(), |i| self.outcome(i, &rows[i], &choices))?;
        let mut outputs = self.arrays(&inputs, &rows, &outcomes)?;
        let width = self.settings.width;
        let cells: Vec<f32> = outcomes.iter().flat_map(|o| o.cell.iter().copied()).collect();
        let cells = Tensor::from_vec(cells, (rows.len(), width), &Device::Cpu)?;
        let loss = ctx.map_in_pool(1, 1, |_| similarity_loss(&cells, self.settings.ecs_threshold))?;
        outputs.insert("loss_ecs".into(), Tensor::new(loss.first().copied().unwrap_or(f32::NAN), &Device::Cpu)?);
        outputs.insert("cell_emb".into(), cells);
        Ok(outputs)
    }

    fn choices(&self, ctx: &Ctx, options: &Options) -> Result<Choices> {
        let choices = Choices {
            pool_padding: options.choice("padding", &["exclude", "upstream"])? == "upstream",
            first_domain: options.choice("domain", &["per_cell", "upstream"])? == "upstream",
            ties: super::embed::ties(ctx, options)?,
        };
        options.finish()?;
        Ok(choices)
    }

    fn rows(&self, inputs: &Tensors, choices: &Choices) -> Result<Vec<Row>> {
        let src = &inputs["src"];
        let (n, length) = src.dims2()?;
        ensure!(n > 0, Shape, "inputs: \"src\" has no rows, must have at least one");
        let ids = row_numbers("src", src, self.settings.ntoken)?;
        let values = floats(&inputs["values"])?;
        let valid: Vec<bool> = match inputs.get("src_key_padding_mask") {
            Some(mask) => mask.flatten_all()?.to_vec1::<u8>()?.into_iter().map(|padding| padding == 0).collect(),
            None => ids.iter().map(|&id| id != self.tokens.pad).collect(),
        };
        let flags =
            inputs.get("input_pert_flags").map(|flags| row_numbers("input_pert_flags", flags, 3)).transpose()?;
        let labels = self.labels(inputs, n)?;
        (0..n)
            .map(|i| {
                let at = i * length..(i + 1) * length;
                ensure!(
                    valid[at.clone()].first() == Some(&true),
                    InvalidArgument,
                    "inputs: row {i} of \"src\" begins with padding, must begin with a token, with padding to the right"
                );
                let domain = labels[if choices.first_domain { 0 } else { i }];
                Ok(Row {
                    ids: ids[at.clone()].to_vec(),
                    values: values[at.clone()].to_vec(),
                    flags: flags.as_ref().map(|flags| flags[at.clone()].to_vec()),
                    valid: valid[at].to_vec(),
                    domain: if self.settings.by_domain() { domain } else { 0 },
                    label: labels[i],
                })
            })
            .collect()
    }

    fn labels(&self, inputs: &Tensors, n: usize) -> Result<Vec<usize>> {
        let Some(labels) = inputs.get("batch_labels") else { return Ok(vec![0; n]) };
        let labels = labels.to_vec1::<i64>()?;
        labels
            .iter()
            .enumerate()
            .map(|(i, &label)| checked_label(label as f64, i, self.settings.batch_labels))
            .collect()
    }

    fn outcome(&self, number: usize, row: &Row, choices: &Choices) -> Result<Outcome> {
        let positions: Vec<u32> = (0..row.ids.len() as u32).filter(|&p| row.valid[p as usize]).collect();
        let (ids, values) = (at(&row.ids, &positions), at(&row.values, &positions));
        let flags = row.flags.as_ref().map(|flags| at(flags, &positions));
        let binned = self.binned(&values, choices.ties, number);
        let valid = Sequence { ids: &ids, values: &binned, flags: flags.as_deref(), domain: row.domain, counts: None };
        let encoded = self.network.encode(valid)?;
        let style = self.settings.cell;
        let padded = choices.pool_padding && style != CellStyle::Cls && positions.len() < row.ids.len();
        let cell = if padded {
            let binned = self.binned(&row.values, choices.ties, number);
            let all = Sequence {
                ids: &row.ids,
                values: &binned,
                flags: row.flags.as_deref(),
                domain: row.domain,
                counts: Some(&row.valid),
            };
            pooled(style, &self.network.encode(all)?.output, &row.values)?
        } else {
            pooled(style, &encoded.output, &values)?
        };
        let batch = self.network.batch_vector(row.label)?;
        let mut with_batch = cell.clone();
        if let Some(batch) = &batch {
            with_batch.extend(floats(batch)?);
        }
        let output = floats(&encoded.output)?;
        let first = output.get(..self.settings.width).filter(|_| !self.settings.perturbation);
        Ok(Outcome {
            first: first.map(unit).transpose()?,
            expression: self.network.decode(&encoded.output, &values, batch.as_ref())?,
            mvc: self.network.mvc.as_ref().map(|mvc| mvc.forward(&encoded.genes, &with_batch)).transpose()?,
            classes: self.network.classes.as_ref().map(|head| head.forward(&cell)).transpose()?,
            domains: self.network.domains.as_ref().map(|head| head.forward(&cell)).transpose()?,
            output,
            genes: floats(&encoded.genes)?,
            cell,
        })
    }

    /// The values as they are, except for a perturbation model that is configured to bin them.
    pub(super) fn binned(&self, values: &[f32], ties: Ties, cell: usize) -> Vec<f32> {
        if !self.settings.perturbation || self.settings.bins == 0 {
            return values.to_vec();
        }
        let mut expressed: Vec<f32> = values.iter().copied().filter(|&v| v != 0.0).collect();
        ties.bin(&mut expressed, self.settings.bins, cell);
        let mut bins = expressed.into_iter();
        values.iter().map(|&v| if v == 0.0 { 0.0 } else { bins.next().unwrap_or(0.0) }).collect()
    }

    /// All outputs but those of the rows together.
    fn arrays(&self, inputs: &Tensors, rows: &[Row], outcomes: &[Outcome]) -> Result<Tensors> {
        let (n, length) = inputs["src"].dims2()?;
        let width = self.settings.width;
        let by_token = |width: usize, of: &dyn Fn(&Outcome) -> Option<&Vec<f32>>| -> Result<Option<Tensor>> {
            let mut all = vec![0.0f32; n * length * width];
            for ((row, outcome), block) in rows.iter().zip(outcomes).zip(all.chunks_exact_mut((length * width).max(1)))
            {
                let Some(values) = of(outcome) else { return Ok(None) };
                let places = block.chunks_exact_mut(width).zip(&row.valid).filter(|(_, valid)| **valid);
                places.zip(values.chunks_exact(width)).for_each(|((place, _), value)| place.copy_from_slice(value));
            }
            let shape = if width == 1 { vec![n, length] } else { vec![n, length, width] };
            Ok(Some(Tensor::from_vec(all, shape, &Device::Cpu)?))
        };
        let by_row = |of: &dyn Fn(&Outcome) -> Option<&Vec<f32>>| -> Result<Option<Tensor>> {
            let Some(values) = outcomes.iter().map(of).collect::<Option<Vec<_>>>() else { return Ok(None) };
            Ok(Some(Tensor::from_vec(values.into_iter().flatten().copied().collect(), (n, ()), &Device::Cpu)?))
        };
        let mut outputs = Tensors::new();
        let mut put = |name: &str, array: Option<Tensor>| array.map(|array| outputs.insert(name.into(), array));
        put("encoder_output", by_token(width, &|o| Some(&o.output))?);
        put("gene_token_embs", by_token(width, &|o| Some(&o.genes))?);
        put("mlm_output", by_token(1, &|o| Some(&o.expression.values))?);
        put("mlm_zero_probs", by_token(1, &|o| o.expression.zero_probabilities.as_ref())?);
        put("mvc_output", by_token(1, &|o| o.mvc.as_ref().map(|mvc| &mvc.values))?);
        put("mvc_zero_probs", by_token(1, &|o| o.mvc.as_ref().and_then(|mvc| mvc.zero_probabilities.as_ref()))?);
        put("cls_output", by_row(&|o| o.classes.as_ref())?);
        put("dab_output", by_row(&|o| o.domains.as_ref())?);
        put("X_scGPT", by_row(&|o| o.first.as_ref())?);
        let valid: Vec<u8> = rows.iter().flat_map(|row| row.valid.iter().map(|&v| u8::from(v))).collect();
        put("valid_mask", Some(Tensor::from_vec(valid, (n, length), &Device::Cpu)?));
        Ok(outputs)
    }
}

fn at<T: Copy>(all: &[T], positions: &[u32]) -> Vec<T> {
    positions.iter().map(|&p| all[p as usize]).collect()
}

/// The elastic cell similarity: the mean over all pairs of cells of `1 - (max(cosine, 0) - threshold)^2`, in which a cell with
/// itself counts as 0.
fn similarity_loss(cells: &Tensor, threshold: f64) -> Result<f32> {
    let n = cells.dims()[0];
    let units = crate::models::nn::l2_normalized(cells, 1e-12)?;
    let turned = units.t()?.contiguous()?;
    let mut sum = 0.0;
    for begin in (0..n).step_by(ROWS) {
        let cosines = units.narrow(0, begin, ROWS.min(n - begin))?.contiguous()?.matmul(&turned)?;
        for (i, cosine) in cosines.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?.into_iter().enumerate() {
            let itself = begin + i / n == i % n;
            let cosine = if itself { 0.0 } else { cosine.max(0.0) };
            sum += 1.0 - (cosine - threshold) * (cosine - threshold);
        }
    }
    Ok((sum / (n * n) as f64) as f32)
}
