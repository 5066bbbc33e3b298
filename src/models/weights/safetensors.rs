//! safetensors by memory map.

use crate::error::{Error, ErrorKind, Result};
use candle_core::Tensor;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub struct Safetensors {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Safetensors {
    pub fn open(path: &Path) -> Result<Self> {
        let tensors = candle_core::safetensors::load(path, &candle_core::Device::Cpu)
            .map_err(|e| Error::new(ErrorKind::Checkpoint, format!("{}: {e}", path.display())))?;
        Ok(Self { path: path.into(), tensors })
    }
    pub fn source(&self) -> String {
        self.path.display().to_string()
    }
    pub fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|t| t.dims().to_vec())
    }
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        self.tensors.get(name).cloned().ok_or_else(|| Error::new(ErrorKind::Weights, format!("{name}: is not there")))
    }
}
