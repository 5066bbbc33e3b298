//! One interface to all formats of weights.

use super::safetensors::Safetensors;
use crate::error::Result;
use candle_core::Tensor;
use std::path::Path;

/// A file, or shards, of named tensors; each is read when it is asked for.
pub enum WeightFile {
    Safetensors(Safetensors),
}

impl WeightFile {
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::Safetensors(Safetensors::open(path)?))
    }

    /// Where it is, for messages.
    pub fn source(&self) -> String {
        match self {
            Self::Safetensors(file) => file.source(),
        }
    }

    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Safetensors(file) => file.names(),
        }
    }

    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self {
            Self::Safetensors(file) => file.shape(name),
        }
    }

    /// A tensor, contiguous, in its own type (torch's bool as u8).
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        match self {
            Self::Safetensors(file) => file.tensor(name),
        }
    }

    /// These rows of a matrix, in this order: what a table that does not fit into memory is read by.
    pub fn rows(&self, name: &str, rows: &[u32]) -> Result<Tensor> {
        let ids = Tensor::from_slice(rows, rows.len(), &candle_core::Device::Cpu)?;
        Ok(self.tensor(name)?.index_select(&ids, 0)?)
    }
}
