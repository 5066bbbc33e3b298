//! The encoder, and the decoder in its two kinds.

use super::config::{Kind, Stack};
use super::performer::Layer;
use crate::error::Result;
use crate::models::nn::{Activation, EncoderLayer, EncoderShape, LayerNorm};
use crate::models::weights::Loader;
use candle_core::Tensor;

const NORM_EPS: f64 = 1e-5;

/// Transformer layers, post-norm and with ReLU, and a LayerNorm after them.
pub struct Encoder {
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
}

impl Encoder {
    pub fn load(loader: &Loader, name: &str, stack: &Stack) -> Result<Self> {
        let shape = EncoderShape {
            width: stack.width,
            heads: stack.heads,
            hidden: 4 * stack.width,
            activation: Activation::Relu,
            eps: NORM_EPS,
            norm_carries: false,
        };
        let layer = |i: usize| EncoderLayer::load(loader, &format!("{name}.transformer_encoder.{i}"), shape);
        Ok(Self {
            layers: (0..stack.depth).map(layer).collect::<Result<_>>()?,
            norm: LayerNorm::load(loader, &format!("{name}.norm"), stack.width, NORM_EPS)?,
        })
    }

    /// Of `[tokens, width]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in &self.layers {
            x = layer.forward(&x, None)?;
        }
        self.norm.forward(&x)
    }
}

pub enum Decoder {
    Transformer(Encoder),
    Performer { layers: Vec<Layer>, norm: LayerNorm },
}

impl Decoder {
    pub fn load(loader: &Loader, name: &str, stack: &Stack) -> Result<Self> {
        if stack.kind == Kind::Transformer {
            return Ok(Self::Transformer(Encoder::load(loader, name, stack)?));
        }
        let layer = |i: usize| Layer::load(loader, &format!("{name}.performer.net.layers.{i}"), stack);
        Ok(Self::Performer {
            layers: (0..stack.depth).map(layer).collect::<Result<_>>()?,
            norm: LayerNorm::load(loader, &format!("{name}.norm"), stack.width, NORM_EPS)?,
        })
    }

    /// Of fresh cells `[tokens, width]`, which change; those that are decoded together share a Performer's maximum of the keys.
    pub fn forward(&self, cells: Vec<Tensor>) -> Result<Vec<Tensor>> {
        match self {
            Self::Transformer(stack) => cells.iter().map(|x| stack.forward(x)).collect(),
            Self::Performer { layers, norm } => {
                for layer in layers {
                    layer.apply(&cells)?;
                }
                cells.iter().try_for_each(|x| norm.apply(x))?;
                Ok(cells)
            }
        }
    }
}
