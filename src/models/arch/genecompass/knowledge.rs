//! What goes into GeneCompass' encoder: words, values and prior knowledge of genes, joined.

use super::tokens::Species;
use crate::bail;
use crate::error::Result;
use crate::models::arch::bert::{Placement, Shape};
use crate::models::io::row_numbers;
use crate::models::nn::{self, Activation, LayerNorm, Linear};
use crate::models::weights::Loader;
use candle_core::{DType, Tensor};

/// The tables of prior knowledge, in the order in which they are joined.
pub const PRIORS: [&str; 4] = ["promoter", "co_exp", "gene_family", "peca_grn"];

/// Torch's default, where the original leaves it.
const EPS_OF_JOINT: f64 = 1e-5;

/// A table, one row for each token, and the linear map of it.
struct Prior {
    table: Tensor,
    map: Linear,
}

pub struct Input {
    pub words: Tensor,
    values: bool,
    priors: Vec<Prior>,
    /// The token of the human homologue of each token, itself if there is none.
    homologues: Vec<u32>,
    /// How much the priors count: 1 once the training has warmed up.
    alpha: f32,
    joint: Linear,
    norm: LayerNorm,
    projection: Linear,
    placement: Placement,
}

impl Input {
    pub fn load(loader: &Loader, shape: &Shape, values: bool, used: [bool; PRIORS.len()]) -> Result<Self> {
        let width = shape.width;
        let at = |part: &str| format!("bert.embeddings.{part}");
        let words = loader.get(&at("word_embeddings.weight"), &[shape.vocabulary, width])?;
        let mut priors = Vec::new();
        for (name, _) in PRIORS.iter().zip(used).filter(|(_, used)| *used) {
            let table = at(&format!("{name}_knowledge"));
            let (tokens, size) = match loader.shape(&table).as_deref() {
                Some(&[tokens, size]) => (tokens, size),
                _ => (shape.vocabulary, width),
            };
            if tokens < shape.vocabulary {
                bail!(
                    Weights,
                    "{table}: has {tokens} rows, must have at least {}, one for each token",
                    shape.vocabulary
                );
            }
            let map = Linear::load(loader, &at(&format!("{name}_embeddings.linear1")), size, width)?;
            priors.push(Prior { table: loader.get(&table, &[tokens, size])?, map });
        }
        let parts = width * (1 + priors.len()) + usize::from(values);
        let alpha = loader.maybe("emb_warmup.alpha", &[])?.map(|alpha| nn::floats(&alpha)).transpose()?;
        Ok(Self {
            homologues: if priors.is_empty() {
                Vec::new()
            } else {
                homologues(loader, &at("homologous_index"), &priors)?
            },
            alpha: alpha.and_then(|alpha| alpha.first().copied()).unwrap_or(1.0),
            joint: Linear::load(loader, &at("concat_embeddings.cat_fc"), parts, width)?,
            norm: LayerNorm::load(loader, &at("concat_embeddings.cat_ln"), width, EPS_OF_JOINT)?,
            projection: Linear::load(loader, &at("concat_embeddings.cat_proj"), width, width)?,
            placement: Placement::load(loader, shape)?,
            words,
            values,
            priors,
        })
    }

    /// `[tokens, width]`; values count for models that use them.
    pub fn forward(&self, ids: &[u32], values: Option<&[f32]>, species: Species) -> Result<Tensor> {
        let words = nn::embedding(&self.words, ids)?;
        let device = words.device().clone();
        let mut parts = vec![words];
        if self.values {
            let Some(values) = values else { bail!(InvalidArgument, "inputs: \"values\" is missing") };
            parts.push(Tensor::from_slice(values, (ids.len(), 1), &device)?);
        }
        let known: Vec<u32> = match species {
            Species::Mouse => ids.iter().map(|&id| self.homologues.get(id as usize).copied().unwrap_or(id)).collect(),
            Species::Human => ids.to_vec(),
        };
        for prior in &self.priors {
            let x = prior.map.forward(&nn::embedding(&prior.table, &known)?)?;
            if self.alpha != 1.0 {
                nn::rows_in_place(&x, |_, row| row.iter_mut().for_each(|x| *x *= self.alpha))?;
            }
            parts.push(x);
        }
        let x = self.joint.forward(&Tensor::cat(&parts, 1)?)?;
        self.norm.apply(&x)?;
        Activation::QuickGelu.apply(&x)?;
        let x = self.projection.forward(&x)?;
        self.placement.apply(&x)?;
        Ok(x)
    }
}

fn homologues(loader: &Loader, name: &str, priors: &[Prior]) -> Result<Vec<u32>> {
    let rows = priors.iter().map(|prior| prior.table.dim(0)).collect::<candle_core::Result<Vec<_>>>()?;
    let rows = rows.into_iter().min().unwrap_or(0);
    let n = loader.shape(name).and_then(|shape| shape.first().copied()).unwrap_or(rows);
    let table = loader.get(name, &[n])?;
    // A missing table is reported by the loader, with all else that is missing.
    if table.dtype() == DType::F32 {
        return Ok(Vec::new());
    }
    row_numbers(name, &table, rows)
}
