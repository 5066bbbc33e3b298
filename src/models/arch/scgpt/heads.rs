//! What is read off the encoded tokens and off the cell's vector: expression, classes, domains.

use super::config::{MvcStyle, Settings};
use crate::error::Result;
use crate::models::nn::{Activation, LayerNorm, Linear, floats};
use crate::models::weights::Loader;
use candle_core::{Device, Tensor};

const LEAKY: Activation = Activation::LeakyRelu(0.01);

/// A value for each token, and the probability that it is not zero, if the model has one. (The original calls it `zero_probs`,
/// and multiplies by a draw from it when it samples.)
pub struct Decoded {
    pub values: Vec<f32>,
    pub zero_probabilities: Option<Vec<f32>>,
}

/// Three linear layers with LeakyReLU between, to one number.
struct Perceptron([Linear; 3]);

impl Perceptron {
    fn load(loader: &Loader, name: &str, inputs: usize, width: usize) -> Result<Self> {
        let layer = |i: usize, inputs, outputs| Linear::load(loader, &format!("{name}.{i}"), inputs, outputs);
        Ok(Self([layer(0, inputs, width)?, layer(2, width, width)?, layer(4, width, 1)?]))
    }

    /// `[tokens, inputs]` to `[tokens, 1]`.
    fn forward(&self, x: &Tensor, last: Activation) -> Result<Tensor> {
        let [first, second, third] = &self.0;
        third.activated(&second.activated(&first.activated(x, LEAKY)?, LEAKY)?, last)
    }
}

/// The original's `ExprDecoder`.
pub struct ExprDecoder {
    value: Perceptron,
    zero: Option<Perceptron>,
}

impl ExprDecoder {
    pub fn load(loader: &Loader, name: &str, settings: &Settings) -> Result<Self> {
        let inputs = settings.width * if settings.use_batch_labels { 2 } else { 1 };
        let part = |part: &str| Perceptron::load(loader, &format!("{name}.{part}"), inputs, settings.width);
        Ok(Self { value: part("fc")?, zero: settings.zero_probabilities.then(|| part("zero_logit")).transpose()? })
    }

    /// Of `[tokens, width]`, with the vector of the batch beside each token if there is one.
    pub fn forward(&self, x: &Tensor, batch: Option<&Tensor>, last: Activation) -> Result<Decoded> {
        let x = match batch {
            None => x.clone(),
            Some(batch) => Tensor::cat(&[x, &batch.broadcast_as(x.dims())?.contiguous()?], 1)?,
        };
        let zero = |zero: &Perceptron| floats(&zero.forward(&x, Activation::Sigmoid)?);
        Ok(Decoded {
            values: floats(&self.value.forward(&x, last)?)?,
            zero_probabilities: self.zero.as_ref().map(zero).transpose()?,
        })
    }
}

/// The perturbation model's `AffineExprDecoder`: a coefficient and a bias for each token, applied to its value.
pub struct AffineDecoder {
    coefficient: ExprDecoder,
    bias: ExprDecoder,
    /// Of both.
    activation: Activation,
    /// Whether the bias is multiplied by the mean of the cell's values that are not zero.
    adaptive: bool,
}

impl AffineDecoder {
    pub fn load(loader: &Loader, settings: &Settings) -> Result<Self> {
        Ok(Self {
            coefficient: ExprDecoder::load(loader, "decoder.coeff_decoder", settings)?,
            bias: ExprDecoder::load(loader, "decoder.bias_decoder", settings)?,
            activation: settings.decoder_activation.as_ref().map_or(Activation::None, |&(_, activation)| activation),
            adaptive: settings.adaptive_bias,
        })
    }

    /// A cell whose values are all zero has no mean of those that are not: its bias is 0, where the original's is NaN.
    pub fn forward(&self, x: &Tensor, values: &[f32]) -> Result<Decoded> {
        let coefficient = self.coefficient.forward(x, None, self.activation)?;
        let bias = self.bias.forward(x, None, self.activation)?.values;
        let expressed = values.iter().filter(|&&v| v != 0.0).count();
        let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
        let scale = if self.adaptive { (sum / expressed.max(1) as f64) as f32 } else { 1.0 };
        let affine = coefficient.values.iter().zip(&bias).zip(values).map(|((c, b), v)| c * v + b * scale);
        Ok(Decoded { values: affine.collect(), zero_probabilities: coefficient.zero_probabilities })
    }
}

/// Linear, activation, LayerNorm, over and over, and Linear: the original's `ClsDecoder` and `AdversarialDiscriminator`.
pub struct Classifier {
    hidden: Vec<(Linear, LayerNorm)>,
    out: Linear,
    activation: Activation,
}

impl Classifier {
    /// The classifier of cells, of `layers` layers with the last.
    pub fn of_cells(loader: &Loader, width: usize, classes: usize, layers: usize, eps: f64) -> Result<Self> {
        Self::load(loader, "cls_decoder", (width, classes), layers, Activation::Relu, eps)
    }

    /// The discriminator of domains; reversing the gradient concerns the training alone.
    pub fn of_domains(loader: &Loader, width: usize, domains: usize, eps: f64) -> Result<Self> {
        Self::load(loader, "grad_reverse_discriminator", (width, domains), 3, LEAKY, eps)
    }

    fn load(
        loader: &Loader,
        name: &str,
        (width, classes): (usize, usize),
        layers: usize,
        activation: Activation,
        eps: f64,
    ) -> Result<Self> {
        let hidden = (1..layers).map(|i| {
            let at = |part: usize| format!("{name}._decoder.{}", 3 * (i - 1) + part);
            Ok((Linear::load(loader, &at(0), width, width)?, LayerNorm::load(loader, &at(2), width, eps)?))
        });
        Ok(Self {
            hidden: hidden.collect::<Result<_>>()?,
            out: Linear::load(loader, &format!("{name}.out_layer"), width, classes)?,
            activation,
        })
    }

    /// The logits of one cell's vector.
    pub fn forward(&self, cell: &[f32]) -> Result<Vec<f32>> {
        let mut x = Tensor::from_slice(cell, (1, cell.len()), &Device::Cpu)?;
        for (linear, norm) in &self.hidden {
            x = linear.activated(&x, self.activation)?;
            norm.apply(&x)?;
        }
        floats(&self.out.forward(&x)?)
    }
}

/// Values of genes from the cell's vector and the genes' own: the original's `MVCDecoder`.
///
/// Its styles "concat query" and "sum query" return a tensor where the original's forward pass expects a dictionary, and fail
/// there. They are computed as the module defines them, for models whose authors have mended that.
pub enum Mvc {
    InnerProduct { query: Linear, weight: Linear, zero: Option<Linear> },
    ConcatQuery { query: Linear, hidden: Linear, slope: f32, out: Linear },
    SumQuery { query: Linear, hidden: Linear, slope: f32, out: Linear },
}

impl Mvc {
    pub fn load(loader: &Loader, style: MvcStyle, settings: &Settings) -> Result<Self> {
        const HIDDEN: usize = 64;
        let width = settings.width;
        let linear =
            |part: &str, inputs, outputs| Linear::load(loader, &format!("mvc_decoder.{part}"), inputs, outputs);
        let slope = || -> Result<f32> {
            let slope = floats(&loader.get("mvc_decoder.hidden_activation.weight", &[1])?)?;
            Ok(slope.first().copied().unwrap_or_default())
        };
        Ok(match style {
            MvcStyle::InnerProduct => {
                let cell = width * if settings.use_batch_labels { 2 } else { 1 };
                Self::InnerProduct {
                    query: linear("gene2query", width, width)?,
                    weight: Linear::load_no_bias(loader, "mvc_decoder.W", width, cell)?,
                    zero: settings.zero_probabilities.then(|| linear("W_zero_logit", width, cell)).transpose()?,
                }
            }
            MvcStyle::ConcatQuery => Self::ConcatQuery {
                query: linear("gene2query", width, HIDDEN)?,
                hidden: linear("fc1", width + HIDDEN, HIDDEN)?,
                slope: slope()?,
                out: linear("fc2", HIDDEN, 1)?,
            },
            MvcStyle::SumQuery => Self::SumQuery {
                query: linear("gene2query", width, width)?,
                hidden: linear("fc1", width, HIDDEN)?,
                slope: slope()?,
                out: linear("fc2", HIDDEN, 1)?,
            },
        })
    }

    /// Of genes `[tokens, width]` and the cell's vector, which the vector of the batch follows if there is one.
    pub fn forward(&self, genes: &Tensor, cell: &[f32]) -> Result<Decoded> {
        let cell = Tensor::from_slice(cell, (1, cell.len()), &Device::Cpu)?;
        let queried = |query: &Linear| query.activated(genes, Activation::Sigmoid);
        let beside = |query: &Tensor| -> Result<Tensor> {
            Ok(cell.broadcast_as((query.dims()[0], cell.dims()[1]))?.contiguous()?)
        };
        match self {
            Self::InnerProduct { query, weight, zero } => {
                let (query, cell) = (queried(query)?, cell.t()?.contiguous()?);
                let product = |weight: &Linear| -> Result<Tensor> { Ok(weight.forward(&query)?.matmul(&cell)?) };
                let zero = zero.as_ref().map(|weight| {
                    let logits = product(weight)?;
                    Activation::Sigmoid.apply(&logits)?;
                    floats(&logits)
                });
                Ok(Decoded { values: floats(&product(weight)?)?, zero_probabilities: zero.transpose()? })
            }
            Self::ConcatQuery { query, hidden, slope, out } => {
                let query = queried(query)?;
                decode(&Tensor::cat(&[&beside(&query)?, &query], 1)?, hidden, *slope, out)
            }
            Self::SumQuery { query, hidden, slope, out } => {
                let query = queried(query)?;
                decode(&(beside(&query)? + &query)?, hidden, *slope, out)
            }
        }
    }
}

/// Linear, PReLU of one slope, Linear.
fn decode(x: &Tensor, hidden: &Linear, slope: f32, out: &Linear) -> Result<Decoded> {
    let values = floats(&out.forward(&hidden.activated(x, Activation::LeakyRelu(slope))?)?)?;
    Ok(Decoded { values, zero_probabilities: None })
}
