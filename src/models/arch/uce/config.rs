//! UCE's configuration: the arguments of the original's `eval_single_anndata.py`, as the mirrors' config.json names them.

use super::sentence::Grammar;
use crate::error::Result;
use crate::models::config::Config;
use crate::{bail, ensure};
use serde_json::Value;

pub struct UceConfig {
    /// Width of a protein embedding: 5120, ESM2's of 15 billion parameters.
    pub token_dim: usize,
    pub d_model: usize,
    pub nhead: usize,
    pub d_hid: usize,
    pub nlayers: usize,
    pub output_dim: usize,
    /// Tokens that there are positions for.
    pub max_len: usize,
    /// Rows of the table of tokens, if the configuration says it.
    pub n_tokens: Option<usize>,
    pub decoder_hidden: usize,
    pub binary_hidden: Vec<usize>,
    /// Genes drawn for a cell.
    pub sample_size: usize,
    pub grammar: Grammar,
    /// The species that is meant where nobody says which.
    pub species: String,
}

/// What the mirrors' config.json holds beside it: names, paths of the files as they were when it was written, the dropout
/// of training, and the order of the axes of the mirror's own implementation.
const IGNORED: &[&str] = &[
    "model_series",
    "model_name",
    "embedding_model",
    "spec_chrom_csv_path",
    "token_file",
    "protein_embeddings_dir",
    "offset_pkl_path",
    "batch_first",
    "dropout",
];

impl UceConfig {
    pub fn read(config: &Config) -> Result<Self> {
        let read = Self {
            token_dim: config.size("token_dim", 5120)?,
            d_model: config.size("d_model", 1280)?,
            nhead: config.size("nhead", 20)?,
            d_hid: config.size("d_hid", 5120)?,
            nlayers: config.size("nlayers", None)?,
            output_dim: config.size("output_dim", 1280)?,
            max_len: config.size("max_len", 1536)?,
            n_tokens: config.has("n_tokens").then(|| config.size("n_tokens", None)).transpose()?,
            decoder_hidden: config.size("decoder_hidden", 1024)?,
            binary_hidden: hidden(config)?,
            sample_size: config.size("sample_size", 1024)?,
            grammar: Grammar::read(config)?,
            species: config.text("species", Some("human"))?,
        };
        config.finish(IGNORED)?;
        let (width, heads) = (read.d_model, read.nhead);
        ensure!(
            heads > 0 && width > 0 && width.is_multiple_of(heads),
            Config,
            "{}: \"d_model\" is {width}, must be a multiple of \"nhead\", which is {heads}",
            config.name
        );
        Ok(read)
    }
}

/// Widths of the hidden layers of the binary decoder.
fn hidden(config: &Config) -> Result<Vec<usize>> {
    let Some(value) = config.value("binary_hidden") else { return Ok(vec![2048, 512, 128]) };
    let widths: Option<Vec<usize>> =
        value.as_array().and_then(|list| list.iter().map(|n| Value::as_u64(n).map(|n| n as usize)).collect());
    match widths {
        Some(widths) if !widths.is_empty() => Ok(widths),
        _ => bail!(Config, "{}: \"binary_hidden\" is {value}, must be a list of whole numbers", config.name),
    }
}
