//! The embedding of an expression value: how far it belongs to each of some bins, learnt, and the mean of their vectors.
//!
//! `h = LeakyReLU(mlp(x)); w = softmax(alpha h + mlp2(h)); w @ emb`, with two vectors of their own for the values that stand
//! for padding and for a mask. The values themselves decide, before anything is computed from them.

use super::config::Settings;
use crate::error::Result;
use crate::models::nn::{self, Activation, Linear};
use crate::models::weights::Loader;
use candle_core::{Device, Tensor};

/// Below zero, of the first layer.
const SLOPE: f32 = 0.1;

pub struct AutoBin {
    mlp: Linear,
    mlp2: Linear,
    /// `[bins, width]`.
    table: Tensor,
    /// `[1, width]`.
    for_pad: Tensor,
    for_mask: Tensor,
    alpha: f64,
    pad: f32,
    mask: f32,
}

impl AutoBin {
    pub fn load(loader: &Loader, name: &str, settings: &Settings) -> Result<Self> {
        let (bins, width) = (settings.bins, settings.encoder.width);
        Ok(Self {
            mlp: Linear::load(loader, &format!("{name}.mlp"), 1, bins)?,
            mlp2: Linear::load(loader, &format!("{name}.mlp2"), bins, bins)?,
            table: loader.get(&format!("{name}.emb.weight"), &[bins, width])?,
            for_pad: loader.get(&format!("{name}.emb_pad.weight"), &[1, width])?,
            for_mask: loader.get(&format!("{name}.emb_mask.weight"), &[1, width])?,
            alpha: settings.bin_alpha,
            pad: settings.pad,
            mask: settings.mask,
        })
    }

    /// How far each value belongs to each bin: `[values, bins]`, rows that add up to 1.
    pub fn weights(&self, values: &[f32]) -> Result<Tensor> {
        let x = Tensor::from_slice(values, (values.len(), 1), &Device::Cpu)?;
        let hidden = self.mlp.activated(&x, Activation::LeakyRelu(SLOPE))?;
        let scores = ((hidden.clone() * self.alpha)? + self.mlp2.forward(&hidden)?)?;
        nn::softmax(&scores)?;
        Ok(scores)
    }

    /// `[values, width]`; there must be one.
    pub fn forward(&self, values: &[f32]) -> Result<Tensor> {
        let rows = self.weights(values)?.matmul(&nn::f32s(&self.table)?)?;
        if !values.iter().any(|&x| x == self.pad || x == self.mask) {
            return Ok(rows);
        }
        let n = values.len() as u32;
        let from: Vec<u32> = (0..n)
            .zip(values)
            .map(|(i, &x)| match x {
                x if x == self.mask => n,
                x if x == self.pad => n + 1,
                _ => i,
            })
            .collect();
        nn::embedding(&Tensor::cat(&[&rows, &nn::f32s(&self.for_mask)?, &nn::f32s(&self.for_pad)?], 0)?, &from)
    }
}
