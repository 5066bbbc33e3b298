//! Single-cell foundation models: found, downloaded, verified, loaded and run, without Python and torch.
//!
//! In the order to read it:
//!
//! - [`registry`]: the model cards, and which one a name means;
//! - [`hub`]: downloads, and the cache that they go to;
//! - [`folder`]: a model's files on disk; [`config`]: its config.json, read with every key accounted for;
//! - [`weights`]: safetensors, PyTorch and MindSpore checkpoints, read as data;
//! - [`genes`] and [`cells`]: the genes of a matrix in a model's vocabulary, and the counts of one cell after the other;
//! - [`nn`] and [`batches`]: the layers that the families share, and how cells are run;
//! - [`arch`]: the families, one file or folder each, behind one trait, [`Model`].

pub mod arch;
pub mod batches;
pub mod cells;
pub mod config;
pub mod csv;
pub mod export;
#[cfg(test)]
pub mod fixtures;
pub mod folder;
pub mod genes;
#[cfg(feature = "hub")]
pub mod hub;
pub mod io;
pub mod likeness;
pub mod nn;
pub mod open;
pub mod options;
pub mod registry;
pub mod weights;

use crate::error::Result;
use crate::parallel::Ctx;
use candle_core::Tensor;
use cells::Cells;
use io::Io;
use options::Options;
use serde_json::Value;
use std::collections::BTreeMap;
use weights::{Loaded, WeightFile};

/// Named arrays: the inputs and outputs of a model, in the types that they have in the original implementation.
pub type Tensors = BTreeMap<String, Tensor>;

/// A model that can be run. All methods may be called from several threads at once.
pub trait Model: Send + Sync {
    /// Its family, by the name under which [`arch::FAMILIES`] lists it.
    fn family(&self) -> &'static str;

    /// Its configuration with the defaults filled in, as `config.json` would hold it: what `export` writes.
    fn config(&self) -> Value;

    /// Names, types and shapes of what [`Model::forward`] takes and gives.
    fn io(&self) -> Io;

    /// The weights under the names of the checkpoint, and what was missing or left over when they were loaded.
    fn weights(&self) -> &Loaded;

    /// Tensors of the checkpoint that stay in their file, being too large for memory, and that `export` writes beside
    /// [`Model::weights`]: the name in the checkpoint, the file, the name in it.
    fn tables(&self) -> Vec<(&'static str, &WeightFile, &str)> {
        Vec::new()
    }

    /// The genes that the model knows, in the order of the rows of [`Model::gene_embeddings`].
    fn genes(&self) -> Vec<String>;

    /// The files that the model needs beside its configuration and its weights, by name: its vocabulary, say.
    fn files(&self) -> Result<Vec<(String, Vec<u8>)>>;

    /// The original implementation's forward pass on named arrays, every output of it. Options of a family are listed by
    /// [`Model::io`].
    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors>;

    /// One row for each of [`Model::genes`].
    fn gene_embeddings(&self) -> Result<Tensor>;

    /// From counts to one vector for each cell.
    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding>;

    /// What else a family does with cells, by the name of the task: "predict" of GEARS, "perturb" of Geneformer, ...
    /// [`Model::io`] lists them.
    fn run(&self, ctx: &Ctx, task: &str, cells: Option<&Cells>, inputs: &Tensors, options: &Options) -> Result<Output> {
        let _ = (ctx, cells, inputs, options);
        Err(io::unknown_task(self, task))
    }
}

/// Named results and what there is to say about them.
pub struct Output {
    pub tensors: Tensors,
    /// Of the genes that were found, of cells that were left out, and the like: for people and programs.
    pub report: Value,
}

/// Cells as vectors.
pub struct Embedding {
    /// float32, cells x dimensions, in the order of the cells. Cells that have no gene of the vocabulary are NaN; those of scELMo,
    /// which are sums over genes, are zeros.
    pub values: Tensor,
    /// Under which name AnnData's `obsm` and Seurat's reductions know it: "scgpt" for `X_scgpt`.
    pub name: &'static str,
    /// As in [`Output`]; its "genes" are those of [`genes::Mapping::report`].
    pub report: Value,
}
