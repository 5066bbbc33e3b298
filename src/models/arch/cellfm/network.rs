//! CellFM's layers, for one cell at a time: retention without softmax, positions and decay, whose cost and memory are linear
//! in the number of genes.

use super::config::CellfmConfig;
use crate::error::Result;
use crate::models::nn::{
    Activation, LayerNorm, Linear, add_assign, embedding, f32s, floats, l2_normalized, rows_in_place, softmax,
};
use crate::models::weights::Loader;
use candle_core::{Device, Tensor};

/// Width of the hidden layers of the encoder of values.
const VALUES: usize = 256;

/// A linear layer whose bias may be missing, as it is in the original and need not be in its ports.
fn linear(loader: &Loader, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
    let bias = loader.maybe(&format!("{name}.bias"), &[outputs])?;
    Linear::new(loader.get(&format!("{name}.weight"), &[outputs, inputs])?, bias)
}

/// MindSpore's LayerNorm: what torch calls weight and bias is gamma and beta.
fn norm(loader: &Loader, name: &str, width: usize, eps: f64) -> Result<LayerNorm> {
    LayerNorm::new(
        &loader.get(&format!("{name}.gamma"), &[width])?,
        &loader.get(&format!("{name}.beta"), &[width])?,
        eps,
    )
}

/// From a value to a vector: soft membership of 256 bins, times a table.
struct ValueEncoder {
    w1: Linear,
    w3: Linear,
    table: Linear,
    a: f64,
    mask: Vec<f32>,
    activation: Activation,
}

impl ValueEncoder {
    fn load(loader: &Loader, config: &CellfmConfig) -> Result<Self> {
        let name = |part: &str| format!("value_enc.value_enc.{part}");
        let a = floats(&loader.get(&name("a"), &[1, 1])?)?;
        Ok(Self {
            w1: linear(loader, &name("w1"), 1, VALUES)?,
            w3: linear(loader, &name("w3"), VALUES, VALUES)?,
            table: linear(loader, &name("table"), VALUES, config.width)?,
            a: f64::from(a[0]),
            mask: floats(&loader.get("value_enc.mask_emb", &[1, 1, config.width])?)?,
            activation: Activation::LeakyRelu(config.slope),
        })
    }

    /// `[genes, width]`; where `unmask` is 0 the vector of a masked value.
    fn forward(&self, values: &[f32], unmask: &[f32]) -> Result<Tensor> {
        let x = Tensor::from_slice(values, (values.len(), 1), &Device::Cpu)?;
        let v = self.w1.activated(&x, self.activation)?;
        let bins = self.w3.forward(&v)?;
        add_assign(&bins, &(v * self.a)?)?;
        softmax(&bins)?;
        let y = self.table.forward(&bins)?;
        rows_in_place(&y, |i, row| {
            let part = unmask[i];
            row.iter_mut().zip(&self.mask).for_each(|(y, m)| *y = m * (1.0 - part) + *y * part);
        })?;
        Ok(y)
    }
}

/// A layer: `x = LN(alpha x + retention(x)); x = LN(alpha x + o((u x) (v x)))`.
struct Layer {
    q: Linear,
    k: Linear,
    v: Linear,
    u: Linear,
    o: Linear,
    gate_u: Linear,
    gate_v: Linear,
    gate_o: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    heads: usize,
    alpha: f64,
}

impl Layer {
    fn load(loader: &Loader, name: &str, config: &CellfmConfig) -> Result<Self> {
        let width = config.width;
        let square = |part: &str| linear(loader, &format!("{name}.{part}"), width, width);
        Ok(Self {
            q: square("attn.q_proj")?,
            k: square("attn.k_proj")?,
            v: square("attn.v_proj")?,
            u: square("attn.u_proj")?,
            o: square("attn.o_proj")?,
            gate_u: square("ffn.u_proj")?,
            gate_v: square("ffn.v_proj")?,
            gate_o: square("ffn.o_proj")?,
            norm1: norm(loader, &format!("{name}.post_norm1"), width, config.eps)?,
            norm2: norm(loader, &format!("{name}.post_norm2"), width, config.eps)?,
            heads: config.heads,
            alpha: (2.0 * config.layers as f64).powf(0.25),
        })
    }

    /// Of `[tokens, width]`; keys are multiplied by `mask`, values by `scale`.
    fn forward(&self, x: &Tensor, mask: Option<&[f32]>, scale: f32) -> Result<Tensor> {
        let y = self.retention(x, mask, scale)?;
        add_assign(&y, &(x * self.alpha)?)?;
        self.norm1.apply(&y)?;
        let gated = (self.gate_u.forward(&y)? * self.gate_v.forward(&y)?)?;
        let z = self.gate_o.forward(&gated)?;
        add_assign(&z, &(y * self.alpha)?)?;
        self.norm2.apply(&z)?;
        Ok(z)
    }

    fn retention(&self, x: &Tensor, mask: Option<&[f32]>, scale: f32) -> Result<Tensor> {
        let (tokens, width) = x.dims2()?;
        let d = width / self.heads;
        let root = (d as f32).sqrt();
        let q = self.q.activated(x, Activation::Relu)?;
        rows_in_place(&q, |_, row| row.iter_mut().for_each(|q| *q /= root))?;
        let k = self.k.activated(x, Activation::Relu)?;
        rows_in_place(&k, |i, row| {
            let part = mask.map_or(1.0, |mask| mask[i]);
            row.iter_mut().for_each(|k| *k = *k / root * part);
        })?;
        let v = self.v.forward(x)?;
        rows_in_place(&v, |_, row| row.iter_mut().for_each(|v| *v *= scale))?;
        // [heads, tokens, d]: the sum over tokens of k^T v is d x d, whatever the number of tokens.
        let by_head = |x: &Tensor| x.reshape((tokens, self.heads, d))?.transpose(0, 1)?.contiguous();
        let state = by_head(&k)?.t()?.contiguous()?.matmul(&by_head(&v)?)?;
        let kept = by_head(&q)?.matmul(&state)?;
        // Of root mean square 1: x / max(|x| / sqrt(d), 1e-12).
        let kept = (l2_normalized(&kept, 1e-12 * root)? * f64::from(root))?;
        let kept = kept.transpose(0, 1)?.contiguous()?.reshape((tokens, width))?;
        self.o.forward(&(kept * self.u.activated(x, Activation::Silu)?)?)
    }
}

/// How likely a gene is expressed, as models have it that are made with `add_zero` and without `pad_zero`.
struct ZeroHeads {
    genes: [Linear; 3],
    cell: Linear,
}

impl ZeroHeads {
    fn load(loader: &Loader, width: usize) -> Result<Self> {
        let layer = |i: usize, outputs: usize| linear(loader, &format!("value_dec.zero_logit.{i}"), width, outputs);
        Ok(Self {
            genes: [layer(0, width)?, layer(2, width)?, layer(4, 1)?],
            cell: linear(loader, "cellwise_dec.zero_logit", width, width)?,
        })
    }
}

pub struct Network {
    genes: Tensor,
    cls: Tensor,
    zero: Vec<f32>,
    values: ValueEncoder,
    layers: Vec<Layer>,
    value_w1: Linear,
    value_w2: Linear,
    map: Linear,
    zero_heads: Option<ZeroHeads>,
    activation: Activation,
    pad_zero: bool,
    minus: f32,
}

/// One cell's genes.
pub struct Input<'a> {
    pub genes: &'a [u32],
    pub values: &'a [f32],
    /// 1 for a value, 0 for one that is masked.
    pub unmask: &'a [f32],
    /// With `pad_zero` one more than there are genes, the cell's token first.
    pub zero_idx: &'a [f32],
}

/// What comes of one cell.
pub struct Decoded {
    pub expr_emb: Tensor,
    pub gene_emb: Tensor,
    pub gw_pred: Tensor,
    pub cw_pred: Tensor,
    /// Of genes and of the cell, with [`ZeroHeads`].
    pub zeros: Option<(Tensor, Tensor)>,
}

impl Network {
    pub fn load(loader: &Loader, config: &CellfmConfig, rows: usize) -> Result<Self> {
        let width = config.width;
        Ok(Self {
            genes: loader.get("gene_emb", &[rows, width])?,
            cls: f32s(&loader.get("cls_token", &[1, 1, width])?)?.reshape((1, width))?,
            zero: match loader.maybe("zero_emb", &[1, 1, width])? {
                Some(zero) => floats(&zero)?,
                None => vec![0.0; width],
            },
            values: ValueEncoder::load(loader, config)?,
            layers: (0..config.layers)
                .map(|i| Layer::load(loader, &format!("encoder.{i}"), config))
                .collect::<Result<_>>()?,
            value_w1: linear(loader, "value_dec.w1", width, width)?,
            value_w2: linear(loader, "value_dec.w2", width, 1)?,
            map: linear(loader, "cellwise_dec.map", width, width)?,
            zero_heads: (config.add_zero && !config.pad_zero).then(|| ZeroHeads::load(loader, width)).transpose()?,
            activation: Activation::LeakyRelu(config.slope),
            pad_zero: config.pad_zero,
            minus: config.len_scale_minus,
        })
    }

    /// The table of genes' vectors, row 0 that of padding.
    pub fn table(&self) -> &Tensor {
        &self.genes
    }

    pub fn gene_emb(&self, genes: &[u32]) -> Result<Tensor> {
        embedding(&self.genes, genes)
    }

    /// The encoder's output `[1 + genes, width]`: the cell's vector first. Padding takes part, if there is any.
    pub fn encode(&self, input: &Input) -> Result<Tensor> {
        let scale = 1.0 / (input.zero_idx.iter().sum::<f32>() - self.minus).sqrt();
        let values = self.values.forward(input.values, input.unmask)?;
        if !self.pad_zero {
            // A gene that is not expressed has a vector of its own in place of its value's, unless it is masked.
            rows_in_place(&values, |i, row| {
                let part = (1.0 - input.zero_idx[i]) * input.unmask[i];
                row.iter_mut().zip(&self.zero).for_each(|(x, zero)| *x = part * zero + (1.0 - part) * *x);
            })?;
        }
        add_assign(&values, &self.gene_emb(input.genes)?)?;
        let mut x = Tensor::cat(&[&self.cls, &values], 0)?;
        if self.pad_zero {
            rows_in_place(&x, |i, row| row.iter_mut().for_each(|x| *x *= input.zero_idx[i]))?;
        }
        let mut unmask = vec![1.0];
        unmask.extend(input.unmask);
        for (i, layer) in self.layers.iter().enumerate() {
            // Layers of the first half do not see masked values, those of the second do not see padding.
            let mask = match i < self.layers.len() / 2 {
                true => Some(unmask.as_slice()),
                false => self.pad_zero.then_some(input.zero_idx),
            };
            x = layer.forward(&x, mask, scale)?;
        }
        Ok(x)
    }

    /// What the decoders make of the encoder's output, for genes with these vectors.
    pub fn decode(&self, encoded: &Tensor, gene_emb: Tensor) -> Result<Decoded> {
        let cls = encoded.narrow(0, 0, 1)?;
        let expr_emb = encoded.narrow(0, 1, encoded.dim(0)? - 1)?;
        let hidden = self.value_w1.activated(&expr_emb, self.activation)?;
        let zeros = match &self.zero_heads {
            None => None,
            Some(heads) => Some((self.zeros_of_genes(heads, &expr_emb)?, self.zeros_of_cell(heads, &cls, &gene_emb)?)),
        };
        Ok(Decoded {
            gw_pred: self.value_w2.forward(&hidden)?.flatten_all()?,
            cw_pred: self.cell_values(&cls, &gene_emb)?,
            expr_emb,
            gene_emb,
            zeros,
        })
    }

    /// `[genes]`: the values of genes as the cell's vector `[1, width]` has them.
    pub fn cell_values(&self, cls: &Tensor, gene_emb: &Tensor) -> Result<Tensor> {
        let query = self.map.activated(gene_emb, Activation::Sigmoid)?;
        Ok(query.matmul(&cls.contiguous()?.t()?)?.flatten_all()?)
    }

    fn zeros_of_genes(&self, heads: &ZeroHeads, expr_emb: &Tensor) -> Result<Tensor> {
        let [first, second, last] = &heads.genes;
        let x = second.activated(&first.activated(expr_emb, self.activation)?, self.activation)?;
        Ok(last.activated(&x, Activation::Sigmoid)?.flatten_all()?)
    }

    fn zeros_of_cell(&self, heads: &ZeroHeads, cls: &Tensor, gene_emb: &Tensor) -> Result<Tensor> {
        let logits = heads.cell.forward(gene_emb)?.matmul(&cls.contiguous()?.t()?)?;
        Activation::Sigmoid.apply(&logits)?;
        Ok(logits.flatten_all()?)
    }
}
