//! One interface to all formats of weights, which are known by their first bytes.

use super::drawn::Drawn;
use super::map::Bytes;
use super::mindspore::{self, MindSpore};
use super::safetensors::Safetensors;
use super::torch::{self, Torch};
use super::value::{Layout, Value};
use crate::bail;
use crate::error::Result;
use candle_core::{DType, Tensor};
use std::path::Path;

/// A file, or shards, of named tensors; each is read when it is asked for.
pub enum WeightFile {
    Safetensors(Safetensors),
    Torch(Torch),
    MindSpore(MindSpore),
    /// None is read: each tensor is drawn when it is asked for.
    Drawn(Drawn),
}

impl WeightFile {
    /// safetensors, an index of shards, a checkpoint of PyTorch or MindSpore, or a pickle of arrays.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_at(path, &[])
    }

    /// The state dict at the end of these keys of a PyTorch checkpoint: `["gene", "state_dict"]`, say.
    pub fn open_at(path: &Path, keys: &[&str]) -> Result<Self> {
        Self::of(Bytes::open(path)?, path, keys)
    }

    /// The same of bytes that are at hand; shards lie beside the path.
    pub(super) fn of(bytes: Bytes, path: &Path, keys: &[&str]) -> Result<Self> {
        recognisable(&bytes)?;
        let all = bytes.all();
        if all.starts_with(b"PK") || torch::is_stream(all) || is_pickle(all) {
            return Ok(Self::Torch(Torch::open(bytes, keys)?));
        }
        if !keys.is_empty() {
            bail!(InvalidArgument, "{}: is no checkpoint of PyTorch, has no {}", bytes.name, keys.join("."));
        }
        if is_safetensors(all) {
            Ok(Self::Safetensors(Safetensors::open(bytes)?))
        } else if all.trim_ascii_start().starts_with(b"{") {
            Ok(Self::Safetensors(Safetensors::index(path, &bytes)?))
        } else if mindspore::is_checkpoint(&bytes) {
            Ok(Self::MindSpore(MindSpore::open(bytes)?))
        } else {
            bail!(
                Checkpoint,
                "{}: is no file of weights of safetensors, PyTorch or MindSpore, or truncated",
                bytes.name
            )
        }
    }

    /// Where it is, for messages.
    pub fn source(&self) -> String {
        match self {
            Self::Safetensors(file) => file.source(),
            Self::Torch(file) => file.source(),
            Self::MindSpore(file) => file.source(),
            Self::Drawn(drawn) => drawn.source(),
        }
    }

    /// In alphabetical order.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Safetensors(file) => file.names(),
            Self::Torch(file) => file.names(),
            Self::MindSpore(file) => file.names(),
            Self::Drawn(_) => Vec::new(),
        }
    }

    fn layout(&self, name: &str) -> Option<&Layout> {
        match self {
            Self::Safetensors(file) => file.layout(name),
            Self::Torch(file) => file.layout(name),
            Self::MindSpore(file) => file.layout(name),
            Self::Drawn(_) => None,
        }
    }

    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.layout(name).map(|layout| layout.shape.clone())
    }

    /// The type that [`WeightFile::tensor`] gives; none if there is no such tensor, or its type cannot be read.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.layout(name)?.kind.dtype()
    }

    /// A tensor, contiguous, in its own type; bool as u8, and i8, u16, u64 as the signed types that hold them.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        match self {
            Self::Safetensors(file) => file.tensor(name),
            Self::Torch(file) => file.tensor(name),
            Self::MindSpore(file) => file.tensor(name),
            Self::Drawn(drawn) => drawn.absent(name),
        }
    }

    /// These rows of a matrix, in this order, and no others: what a table that does not fit into memory is read by.
    pub fn rows(&self, name: &str, rows: &[u32]) -> Result<Tensor> {
        match self {
            Self::Safetensors(file) => file.rows(name, rows),
            Self::Torch(file) => file.rows(name, rows),
            Self::MindSpore(file) => file.rows(name, rows),
            Self::Drawn(drawn) => drawn.absent(name),
        }
    }

    /// What else a PyTorch checkpoint holds, its configuration, say; none for other formats.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Torch(file) => Some(file.value()),
            _ => None,
        }
    }
}

/// Protocol 2 and later begin with their number, and none is later than 5.
fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

/// A header's length and its brace. The first byte is MindSpore's too, so that such a file must have a header that fits.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    let fits = u64::from_le_bytes(*length) <= rest.len() as u64;
    rest.first() == Some(&b'{') && (fits || bytes.first() != Some(&0x0a))
}

/// Fails on files that are often found where weights should be, and says what they are.
pub(super) fn recognisable(bytes: &Bytes) -> Result<()> {
    let all = bytes.all();
    let name = &bytes.name;
    let beginning = all.get(..200).unwrap_or(all).trim_ascii_start().to_ascii_lowercase();
    if all.is_empty() {
        bail!(Checkpoint, "{name}: is empty");
    }
    if all.starts_with(b"version https://git-lfs") {
        bail!(Checkpoint, "{name}: is a Git LFS pointer: the weights themselves were not downloaded");
    }
    if all.starts_with(b"\x89HDF\r\n\x1a\n") {
        bail!(Checkpoint, "{name}: is an HDF5 file, must be safetensors or a checkpoint of PyTorch or MindSpore");
    }
    if all.starts_with(b"\x1f\x8b") || all.get(257..262) == Some(b"ustar") {
        bail!(Checkpoint, "{name}: is a compressed file or a tar archive, must be unpacked first");
    }
    if beginning.starts_with(b"<!doctype") || beginning.starts_with(b"<html") || beginning.starts_with(b"<?xml") {
        bail!(Checkpoint, "{name}: is a web page: what was downloaded is an answer of a server, not the weights");
    }
    Ok(())
}
