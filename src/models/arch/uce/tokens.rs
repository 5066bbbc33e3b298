//! The table of tokens: a protein embedding for each gene of each species, and vectors for chromosomes and for what else may
//! stand in a sentence.
//!
//! The published table has 145 469 rows of 5120 numbers, 3 GB. It stays in its file, and the rows that a cell needs are read
//! when the cell is run.

use super::config::UceConfig;
use crate::error::Result;
use crate::models::folder::Folder;
use crate::models::nn::{f32s, l2_normalized};
use crate::models::options::listed;
use crate::models::weights::WeightFile;
use crate::{bail, ensure};
use candle_core::Tensor;

/// The table's name in a checkpoint.
pub const TABLE: &str = "pe_embedding.weight";

/// Files that hold the table alone: this library's, the mirrors', the original's.
const FILES: &[&str] = &["tokens.safetensors", "tokens.pt", "all_tokens.torch"];

pub struct Tokens {
    file: WeightFile,
    name: String,
    n: usize,
}

impl Tokens {
    /// The checkpoint's own table, or the one that lies beside it.
    pub fn open(folder: &Folder, weights: WeightFile, config: &UceConfig) -> Result<Self> {
        if let Some(name) =
            weights.names().into_iter().find(|name| name == TABLE || name.strip_prefix("module.") == Some(TABLE))
        {
            return Self::checked(weights, name, config);
        }
        let Some(path) = FILES.iter().find_map(|name| folder.find(name)) else {
            bail!(
                NotFound,
                "{}: has no table of tokens: neither {TABLE:?} in {} nor one of {}",
                folder.path.display(),
                weights.source(),
                listed(FILES)
            );
        };
        let file = WeightFile::open(&path)?;
        match file.names().as_slice() {
            [name] => Self::checked(file, name.clone(), config),
            names => {
                bail!(Checkpoint, "{}: has {} tensors, must have one, the table of tokens", file.source(), names.len())
            }
        }
    }

    fn checked(file: WeightFile, name: String, config: &UceConfig) -> Result<Self> {
        let shape = file.shape(&name).unwrap_or_default();
        let &[n, width] = shape.as_slice() else {
            bail!(Weights, "{}: {name} has shape {shape:?}, must be a matrix", file.source());
        };
        ensure!(
            width == config.token_dim,
            Weights,
            "{}: {name} has rows of {width}, must have rows of {}, the configuration's \"token_dim\"",
            file.source(),
            config.token_dim
        );
        let genes = config.grammar.chromosomes as usize;
        ensure!(
            n > genes,
            Weights,
            "{}: has {n} rows, those of genes; the rows of chromosomes, from {genes} on, are missing. They were drawn at random when \
             the model was trained and are in its checkpoint: take {TABLE:?} from there",
            file.source()
        );
        if let Some(wanted) = config.n_tokens {
            ensure!(
                n == wanted,
                Weights,
                "{}: {name} has {n} rows, must have {wanted}, the configuration's \"n_tokens\"",
                file.source()
            );
        }
        Ok(Self { file, name, n })
    }

    /// Rows of the table.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Rows as the model takes them: of length 1.
    pub fn rows(&self, tokens: &[u32]) -> Result<Tensor> {
        l2_normalized(&f32s(&self.raw(tokens)?)?, 1e-12)
    }

    /// Rows as they lie in the file.
    pub fn raw(&self, tokens: &[u32]) -> Result<Tensor> {
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.n) {
            bail!(Weights, "{}: has no row {token}, {} has {} rows", self.file.source(), self.name, self.n);
        }
        self.file.rows(&self.name, tokens)
    }

    /// The file and the table's name in it.
    pub fn source(&self) -> (&WeightFile, &str) {
        (&self.file, &self.name)
    }
}
