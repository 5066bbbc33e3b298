//! BERT's heads: predictions of masked tokens, and the pooler.

use super::Shape;
use crate::error::Result;
use crate::models::nn::{Activation, LayerNorm, Linear};
use crate::models::weights::Loader;
use candle_core::Tensor;

/// `{name}.transform` (linear, the model's activation, norm) and the decoder after it.
pub struct Predictions {
    dense: Linear,
    norm: LayerNorm,
    decoder: Linear,
    activation: Activation,
}

impl Predictions {
    /// `decoder` is `[outputs, width]`: the table of words where the two are tied. Its bias is `{name}.bias`.
    pub fn load(loader: &Loader, name: &str, shape: &Shape, decoder: Tensor) -> Result<Self> {
        let outputs = decoder.dim(0)?;
        Ok(Self {
            dense: Linear::load(loader, &format!("{name}.transform.dense"), shape.width, shape.width)?,
            norm: LayerNorm::load(loader, &format!("{name}.transform.LayerNorm"), shape.width, shape.eps)?,
            decoder: Linear::new(decoder, Some(loader.get(&format!("{name}.bias"), &[outputs])?))?,
            activation: shape.activation,
        })
    }

    /// Of `[tokens, width]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.dense.activated(x, self.activation)?;
        self.norm.apply(&y)?;
        self.decoder.forward(&y)
    }
}

/// The tanh layer on the first token.
pub struct Pooler(Linear);

impl Pooler {
    pub fn load(loader: &Loader, shape: &Shape) -> Result<Self> {
        Ok(Self(Linear::load(loader, "bert.pooler.dense", shape.width, shape.width)?))
    }

    /// Of `[tokens, width]`, `[1, width]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.activated(&x.narrow(0, 0, 1)?, Activation::Tanh)
    }
}
