//! scGPT (Cui et al., "scGPT: toward building a foundation model for single-cell multi-omics using generative AI", Nature Methods
//! 2024; the original implementation is `bowang-lab/scGPT`, version 0.2.5).
//!
//! A cell is a set of tokens, one for each gene that it expresses: the vector of the gene plus that of its value. A transformer
//! encodes them, without positions; a token `<cls>` before them gathers what makes the cell.
//!
//! - [`config`], [`names`], [`vocabulary`]: what is published, in any of its forms, as one model;
//! - [`bins`], [`tokens`]: from counts to tokens;
//! - [`value_encoder`], [`network`], [`heads`]: the layers;
//! - [`forward`], [`embed`], [`perturb`], [`io`]: what is done with them.
//!
//! Weights are f32 unless asked for in another type (205 MB as published). A cell of n tokens takes about `40 n width` bytes while
//! it is run, and 2 MB for the scores of attention.
//!
//! From cells, `<cls>` has no weight in "w-pool", whatever its value; `forward` weighs it as the original does.
//!
//! The perturbation model (the original's `TransformerGenerator`) is of this family: it adds a vector that says whether a gene is
//! perturbed, and predicts expression (task "perturb").

mod bins;
mod config;
mod embed;
mod forward;
mod heads;
mod io;
mod names;
mod network;
mod perturb;
#[cfg(test)]
mod tests;
mod tokens;
mod value_encoder;
mod vocabulary;

use super::Family;
use crate::bail;
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::folder::Folder;
use crate::models::io::{Io, unknown_task};
use crate::models::options::Options;
use crate::models::weights::{Loaded, Loader};
use crate::models::{Embedding, Model, Output, Tensors};
use crate::parallel::Ctx;
use candle_core::Tensor;
use config::Settings;
use network::Network;
use serde_json::Value;
use vocabulary::Tokens;

pub const FAMILY: Family =
    Family { name: "scgpt", aliases: &["scgpt_perturb", "scgpt_generator"], title: "scGPT", load };

struct ScGpt {
    settings: Settings,
    tokens: Tokens,
    network: Network,
    loaded: Loaded,
}

/// From a folder with `config.json` or `args.json`, weights in any layout, and `vocab.json`.
fn load(folder: &Folder) -> Result<Box<dyn Model>> {
    folder.load.family.finish()?;
    let config = folder.config(&["config.json", "args.json"])?;
    let file = folder.weights(&["best_model.pt", "model.pt", "pytorch_model.bin"])?;
    let loader = Loader::new(&file, folder.load.dtype, names::canonical);
    let settings = Settings::read(&config, &loader)?;
    let tokens = Tokens::read(folder, &settings)?;
    let network = Network::load(&loader, &settings)?;
    let loaded = loader.finish(names::IGNORABLE)?;
    Ok(Box::new(ScGpt { settings, tokens, network, loaded }))
}

impl Model for ScGpt {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.settings.json()
    }

    fn io(&self) -> Io {
        io::io(&self.settings)
    }

    fn weights(&self) -> &Loaded {
        &self.loaded
    }

    fn genes(&self) -> Vec<String> {
        self.tokens.genes().map(|(gene, _)| gene.into()).collect()
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(vec![("vocab.json".into(), self.tokens.json().to_string().into_bytes())])
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        self.forward_arrays(ctx, inputs, options)
    }

    /// The genes' vectors as tokens have them: LayerNorm of the rows of the table.
    fn gene_embeddings(&self) -> Result<Tensor> {
        let ids: Vec<u32> = self.tokens.genes().map(|(_, id)| id).collect();
        self.network.gene_vectors(&ids)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        self.embed_cells(ctx, cells, options)
    }

    fn run(&self, ctx: &Ctx, task: &str, cells: Option<&Cells>, inputs: &Tensors, options: &Options) -> Result<Output> {
        if task != "perturb" || !self.settings.perturbation {
            return Err(unknown_task(self, task));
        }
        Io::checked(&[], inputs)?;
        match cells {
            Some(cells) => self.perturb(ctx, cells, options),
            None => bail!(InvalidArgument, "cells: are missing, the task \"perturb\" needs control cells"),
        }
    }
}
