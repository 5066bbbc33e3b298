//! How the values of tokens enter: as vectors that are added to those of the genes, or as their scale.

use super::config::{Settings, ValueStyle};
use crate::error::Result;
use crate::models::nn::{Activation, LayerNorm, Linear, add_assign, embedding, fresh, rows_in_place};
use crate::models::weights::Loader;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};

/// Values above are cut off before they are encoded.
const LARGEST: f32 = 512.0;

pub enum ValueEncoder {
    /// Of the value as a number: Linear, ReLU, Linear, LayerNorm.
    Continuous { linear1: Linear, linear2: Linear, norm: LayerNorm },
    /// A row of a table for each bin, and LayerNorm.
    Category { table: Tensor, norm: LayerNorm },
    /// The value multiplies the gene's vector.
    Scaling,
}

impl ValueEncoder {
    pub fn load(loader: &Loader, settings: &Settings, eps: f64) -> Result<Self> {
        let width = settings.width;
        Ok(match settings.values {
            ValueStyle::Continuous => Self::Continuous {
                linear1: Linear::load(loader, "value_encoder.linear1", 1, width)?,
                linear2: Linear::load(loader, "value_encoder.linear2", width, width)?,
                norm: LayerNorm::load(loader, "value_encoder.norm", width, eps)?,
            },
            ValueStyle::Category => Self::Category {
                table: loader.get("value_encoder.embedding.weight", &[settings.bins, width])?,
                norm: LayerNorm::load(loader, "value_encoder.enc_norm", width, eps)?,
            },
            ValueStyle::Scaling => Self::Scaling,
        })
    }

    /// Genes `[tokens, width]` and their values together, as a fresh tensor.
    pub fn total(&self, genes: &Tensor, values: &[f32]) -> Result<Tensor> {
        let encoded = match self {
            Self::Continuous { linear1, linear2, norm } => {
                let cut: Vec<f32> = values.iter().map(|&v| if v > LARGEST { LARGEST } else { v }).collect();
                let column = Tensor::from_vec(cut, (values.len(), 1), &Device::Cpu)?;
                let encoded = linear2.forward(&linear1.activated(&column, Activation::Relu)?)?;
                norm.apply(&encoded)?;
                encoded
            }
            Self::Category { table, norm } => {
                let encoded = embedding(table, &categories(values, table.dims()[0])?)?;
                norm.apply(&encoded)?;
                encoded
            }
            Self::Scaling => {
                let scaled = fresh(genes)?;
                rows_in_place(&scaled, |i, row| row.iter_mut().for_each(|x| *x *= values[i]))?;
                return Ok(scaled);
            }
        };
        add_assign(&encoded, genes)?;
        Ok(encoded)
    }
}

/// Values as rows of the table, cut off to whole numbers as torch does.
fn categories(values: &[f32], rows: usize) -> Result<Vec<u32>> {
    ensure!(rows > 0, Config, "n_input_bins: is 0, must be positive");
    match values.iter().find(|v| !(v.trunc() >= 0.0 && v.trunc() < rows as f32)) {
        Some(value) => bail!(
            InvalidArgument,
            "values: has {value}, must be a bin from 0 to {}, as the model's values are categories",
            rows - 1
        ),
        None => Ok(values.iter().map(|&v| v as u32).collect()),
    }
}
