//! The weights as layers: from a cell's tokens to their encoding.

use super::config::{CellStyle, InputNorm, Settings};
use super::heads::{AffineDecoder, Classifier, Decoded, ExprDecoder, Mvc};
use super::value_encoder::ValueEncoder;
use crate::error::{Error, ErrorKind, Result};
use crate::models::nn::{
    Activation, BatchNorm, EncoderLayer, EncoderShape, LayerNorm, add_assign, embedding, floats, l2_normalized, mask,
};
use crate::models::weights::Loader;
use candle_core::{Device, Tensor};

/// Of every LayerNorm.
const EPS: f64 = 1e-5;

/// Of every BatchNorm.
const BATCH_EPS: f64 = 6.1e-5;

pub struct Network {
    genes: Table,
    values: ValueEncoder,
    /// A vector for each flag of the perturbation model: 0 is not perturbed, 1 perturbed, 2 padding.
    flags: Option<Tensor>,
    norms: Vec<BatchNorm>,
    layers: Vec<EncoderLayer>,
    batches: Option<Table>,
    decoder: Decoder,
    pub classes: Option<Classifier>,
    pub domains: Option<Classifier>,
    pub mvc: Option<Mvc>,
}

enum Decoder {
    Expression(ExprDecoder),
    Affine(Box<AffineDecoder>),
}

/// Rows of a table, and LayerNorm.
struct Table {
    weight: Tensor,
    norm: LayerNorm,
}

impl Table {
    fn load(loader: &Loader, name: &str, rows: usize, width: usize) -> Result<Self> {
        Ok(Self {
            weight: loader.get(&format!("{name}.embedding.weight"), &[rows, width])?,
            norm: LayerNorm::load(loader, &format!("{name}.enc_norm"), width, EPS)?,
        })
    }

    fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let rows = embedding(&self.weight, ids)?;
        self.norm.apply(&rows)?;
        Ok(rows)
    }
}

/// The tokens of one cell.
#[derive(Clone, Copy)]
pub struct Sequence<'a> {
    pub ids: &'a [u32],
    pub values: &'a [f32],
    /// Flags of the perturbation model.
    pub flags: Option<&'a [u32]>,
    /// The batch label by which the input is normalised.
    pub domain: usize,
    /// Which tokens count as keys of attention; none if all do.
    pub counts: Option<&'a [bool]>,
}

/// `[tokens, width]` each.
pub struct Encoded {
    /// The genes' vectors before values are added.
    pub genes: Tensor,
    pub output: Tensor,
}

impl Network {
    pub fn load(loader: &Loader, settings: &Settings) -> Result<Self> {
        let width = settings.width;
        let shape = EncoderShape {
            width,
            heads: settings.heads,
            hidden: settings.hidden,
            activation: Activation::Relu,
            eps: EPS,
            norm_carries: settings.norm_carries,
        };
        let layer = |i: usize| EncoderLayer::load(loader, &format!("transformer_encoder.layers.{i}"), shape);
        let labels = settings.batch_labels;
        Ok(Self {
            genes: Table::load(loader, "encoder", settings.ntoken, width)?,
            values: ValueEncoder::load(loader, settings, EPS)?,
            flags: settings.perturbation.then(|| loader.get("pert_encoder.weight", &[3, width])).transpose()?,
            norms: norms(loader, settings)?,
            layers: (0..settings.layers).map(layer).collect::<Result<_>>()?,
            batches: settings
                .use_batch_labels
                .then(|| Table::load(loader, "batch_encoder", labels, width))
                .transpose()?,
            decoder: if settings.perturbation {
                Decoder::Affine(Box::new(AffineDecoder::load(loader, settings)?))
            } else {
                Decoder::Expression(ExprDecoder::load(loader, "decoder", settings)?)
            },
            classes: settings
                .classes
                .map(|n| Classifier::of_cells(loader, width, n, settings.class_layers, EPS))
                .transpose()?,
            domains: settings.domain_head.then(|| Classifier::of_domains(loader, width, labels, EPS)).transpose()?,
            mvc: settings.mvc.map(|style| Mvc::load(loader, style, settings)).transpose()?,
        })
    }

    /// The genes' vectors before values are added, a row for each number.
    pub fn gene_vectors(&self, ids: &[u32]) -> Result<Tensor> {
        self.genes.rows(ids)
    }

    /// The vector of a batch, `[1, width]`, if the decoders take one.
    pub fn batch_vector(&self, label: usize) -> Result<Option<Tensor>> {
        self.batches.as_ref().map(|table| table.rows(&[label as u32])).transpose()
    }

    pub fn encode(&self, cell: Sequence) -> Result<Encoded> {
        self.encoded(cell, false)
    }

    /// The first token's output, `[1, width]`, which takes a layer less than all.
    pub fn encode_first(&self, cell: Sequence) -> Result<Tensor> {
        Ok(self.encoded(cell, true)?.output.narrow(0, 0, 1)?)
    }

    fn encoded(&self, cell: Sequence, first: bool) -> Result<Encoded> {
        let genes = self.genes.rows(cell.ids)?;
        let mut x = self.values.total(&genes, cell.values)?;
        if let (Some(table), Some(flags)) = (&self.flags, cell.flags) {
            add_assign(&x, &embedding(table, flags)?)?;
        }
        if let Some(norm) = self.norms.get(cell.domain) {
            norm.apply(&x)?;
        }
        let added = cell.counts.and_then(mask);
        for (i, layer) in self.layers.iter().enumerate() {
            x = match first && i + 1 == self.layers.len() {
                true => layer.forward_first(&x, added.as_deref())?,
                false => layer.forward(&x, added.as_deref())?,
            };
        }
        Ok(Encoded { genes, output: x })
    }

    /// The values that the encoded tokens are decoded to; `values` are what a perturbation model changes.
    pub fn decode(&self, output: &Tensor, values: &[f32], batch: Option<&Tensor>) -> Result<Decoded> {
        match &self.decoder {
            Decoder::Expression(decoder) => decoder.forward(output, batch, Activation::None),
            Decoder::Affine(decoder) => decoder.forward(output, values),
        }
    }
}

/// One for all cells, one for each batch label, or none. Cells of the first kind all have the domain 0.
fn norms(loader: &Loader, settings: &Settings) -> Result<Vec<BatchNorm>> {
    let norm = |name: &str, affine| BatchNorm::load(loader, name, settings.width, BATCH_EPS, affine);
    match settings.norm {
        InputNorm::None => Ok(Vec::new()),
        InputNorm::One => Ok(vec![norm("bn", true)?]),
        InputNorm::Domains { affine } => {
            (0..settings.batch_labels).map(|i| norm(&format!("dsbn.bns.{i}"), affine)).collect()
        }
    }
}

/// A cell's vector from its encoded tokens `[tokens, width]`; "w-pool" has the tokens' values as weights and is scaled to length 1.
pub fn pooled(style: CellStyle, output: &Tensor, values: &[f32]) -> Result<Vec<f32>> {
    let (tokens, width) = output.dims2()?;
    let sum = |weight: &dyn Fn(usize) -> f64| -> Result<Vec<f64>> {
        let mut sum = vec![0.0; width];
        for (token, row) in floats(output)?.chunks_exact(width).enumerate() {
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += weight(token) * f64::from(x));
        }
        Ok(sum)
    };
    match style {
        CellStyle::Cls => floats(&output.narrow(0, 0, 1)?),
        CellStyle::AvgPool => Ok(sum(&|_| 1.0)?.into_iter().map(|x| (x / tokens as f64) as f32).collect()),
        CellStyle::WPool => {
            let sum = sum(&|token| values.get(token).map_or(0.0, |&v| f64::from(v)))?;
            unit(&sum.into_iter().map(|x| x as f32).collect::<Vec<_>>())
        }
    }
}

/// The vector scaled to length 1.
pub fn unit(x: &[f32]) -> Result<Vec<f32>> {
    floats(&l2_normalized(&Tensor::from_slice(x, (1, x.len()), &Device::Cpu)?, 1e-12)?)
}

/// A batch label, checked: the number of cell `cell` in `labels`.
pub fn checked_label(label: f64, cell: usize, labels: usize) -> Result<usize> {
    if label >= 0.0 && label.fract() == 0.0 && label < labels as f64 {
        return Ok(label as usize);
    }
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!(
            "batch_labels: of cell {cell} is {label}, must be a whole number from 0 to {}",
            labels.saturating_sub(1)
        ),
    ))
}
