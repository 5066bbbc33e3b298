//! What a pickle or a checkpoint holds, as plain values, and tensors from the bytes of a storage.

use crate::error::{Error, ErrorKind, Result};
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor, WithDType};
use half::{bf16, f16};
use std::sync::Arc;

/// A tree of values. Nothing in it was run: what is no plain value is an [`Object`], its parts as data.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Python's list, and its sets in the order of the file.
    List(Vec<Value>),
    Tuple(Vec<Value>),
    /// In the order in which it was filled; of equal keys the last one counts.
    Dict(Vec<(Value, Value)>),
    /// torch's tensors and storages, numpy's arrays of numbers.
    Tensor(Arc<TensorView>),
    Object(Box<Object>),
}

/// Data of a class that has no plain value here: a complex number, an int of more than 64 bits, a class itself.
#[derive(Clone, Debug)]
pub struct Object {
    pub class: String,
    pub parts: Vec<Value>,
}

impl Value {
    /// A dict's value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Dict(items) => {
                items.iter().rev().find(|(k, _)| matches!(k, Value::Text(text) if text == key)).map(|(_, v)| v)
            }
            _ => None,
        }
    }

    /// The value at the end of a path of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }
}

/// A tensor of a tree: a layout in a storage.
#[derive(Clone, Debug)]
pub struct TensorView {
    pub layout: Layout,
    pub storage: Storage,
}

/// Where a tensor's numbers lie.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In the tree itself.
    Held(Arc<Vec<u8>>),
    /// In this one of the file's storages: [`super::torch::Torch::read`] gets them.
    File(usize),
}

impl TensorView {
    /// The tensor, if its numbers are in the tree itself, as those of a bare pickle always are.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        match &self.storage {
            Storage::Held(bytes) => self.layout.tensor(name, bytes, &|_, _| {}),
            Storage::File(_) => {
                bail!(InvalidArgument, "{name}: lies in a storage of its file, must be read from there")
            }
        }
    }
}

/// The type of a tensor's elements in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    /// Known, and of no use to a model here: complex numbers and floats of 8 bits.
    Unread(&'static str, usize),
}

impl Kind {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Kind::F64 | Kind::I64 | Kind::U64 => 8,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F16 | Kind::BF16 | Kind::I16 | Kind::U16 => 2,
            Kind::I8 | Kind::U8 | Kind::Bool => 1,
            Kind::Unread(_, size) => size,
        }
    }

    /// The type of the tensor that comes of it: the same, or for types that candle does not have the next larger one that
    /// holds all their values; u64 becomes i64 and fails where it does not fit.
    pub fn dtype(self) -> Option<DType> {
        Some(match self {
            Kind::F64 => DType::F64,
            Kind::F32 => DType::F32,
            Kind::F16 => DType::F16,
            Kind::BF16 => DType::BF16,
            Kind::I64 | Kind::U64 => DType::I64,
            Kind::I32 | Kind::U16 => DType::I32,
            Kind::I16 | Kind::I8 => DType::I16,
            Kind::U32 => DType::U32,
            Kind::U8 | Kind::Bool => DType::U8,
            Kind::Unread(..) => return None,
        })
    }
}

/// Type, shape and place of a tensor within the bytes of a storage.
#[derive(Clone, Debug)]
pub struct Layout {
    pub kind: Kind,
    pub shape: Vec<usize>,
    /// In elements.
    pub strides: Vec<usize>,
    /// In elements, from the start of the storage.
    pub offset: usize,
}

/// More elements than its storage has are allowed up to this number: torch's expanded tensors, whose strides are 0.
const EXPANDED: usize = 1 << 20;

/// Bytes that are decoded before their pages are given back.
const PIECE: usize = 64 << 20;

/// What is done with a range of the storage (start, length) once it has been read: its pages are given back.
pub type Release<'a> = &'a dyn Fn(usize, usize);

impl Layout {
    pub fn contiguous(kind: Kind, shape: Vec<usize>) -> Self {
        Self { kind, strides: c_strides(&shape), shape, offset: 0 }
    }

    /// Fails unless every element lies within a storage of that many bytes.
    pub fn check(&self, name: &str, bytes: usize) -> Result<()> {
        let outside = || {
            let shape = &self.shape;
            Error::new(
                ErrorKind::Checkpoint,
                format!(
                    "{name}: has shape {shape:?}, strides {:?} and offset {}, which do not fit into its {bytes} bytes",
                    self.strides, self.offset
                ),
            )
        };
        ensure!(
            self.shape.len() == self.strides.len(),
            Checkpoint,
            "{name}: has {} dimensions and {} strides",
            self.shape.len(),
            self.strides.len()
        );
        if self.shape.contains(&0) {
            return Ok(());
        }
        let held = bytes / self.kind.size().max(1);
        let elements = self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(outside)?;
        let mut last = self.offset;
        for (&extent, &stride) in self.shape.iter().zip(&self.strides) {
            last = (extent - 1).checked_mul(stride).and_then(|x| x.checked_add(last)).ok_or_else(outside)?;
        }
        if last >= held || elements > held.max(EXPANDED) {
            return Err(outside());
        }
        Ok(())
    }

    /// The whole tensor from its storage's bytes.
    pub fn tensor(&self, name: &str, bytes: &[u8], release: Release) -> Result<Tensor> {
        self.check(name, bytes.len())?;
        self.decode(name, &self.shape, std::slice::from_ref(self), bytes, release)
    }

    /// Some rows, in this order, from its storage's bytes.
    pub fn rows(&self, name: &str, rows: &[u32], bytes: &[u8]) -> Result<Tensor> {
        self.check(name, bytes.len())?;
        let (Some((&extent, inner)), Some((&stride, strides))) = (self.shape.split_first(), self.strides.split_first())
        else {
            bail!(Shape, "{name}: is a single number, has no rows");
        };
        let mut parts = Vec::with_capacity(rows.len());
        for &row in rows {
            let row = row as usize;
            ensure!(row < extent, InvalidArgument, "{name}: row {row} was asked for, there are {extent}");
            let (shape, strides) = (inner.to_vec(), strides.to_vec());
            parts.push(Layout { kind: self.kind, shape, strides, offset: self.offset + row * stride });
        }
        let shape: Vec<usize> = [rows.len()].iter().chain(inner).copied().collect();
        self.decode(name, &shape, &parts, bytes, &|_, _| {})
    }

    fn decode(&self, name: &str, shape: &[usize], parts: &[Layout], bytes: &[u8], release: Release) -> Result<Tensor> {
        let to = Target { name, shape, parts, bytes, release };
        match self.kind {
            Kind::F64 => to.tensor(f64::from_le_bytes),
            Kind::F32 => to.tensor(f32::from_le_bytes),
            Kind::F16 => to.tensor(f16::from_le_bytes),
            Kind::BF16 => to.tensor(bf16::from_le_bytes),
            Kind::I64 => to.tensor(i64::from_le_bytes),
            Kind::I32 => to.tensor(i32::from_le_bytes),
            Kind::I16 => to.tensor(i16::from_le_bytes),
            Kind::I8 => to.tensor(|x| i16::from(i8::from_le_bytes(x))),
            Kind::U32 => to.tensor(u32::from_le_bytes),
            Kind::U16 => to.tensor(|x| i32::from(u16::from_le_bytes(x))),
            Kind::U8 => to.tensor(u8::from_le_bytes),
            Kind::Bool => to.tensor(|[x]| u8::from(x != 0)),
            Kind::U64 => {
                let tensor = to.tensor(i64::from_le_bytes)?;
                let fits = tensor.elem_count() == 0 || tensor.min_all()?.to_scalar::<i64>()? >= 0;
                ensure!(fits, Unsupported, "{name}: has unsigned numbers of more than 63 bits, which are not read");
                Ok(tensor)
            }
            Kind::Unread(kind, _) => bail!(Unsupported, "{name}: is of type {kind}, which is not read"),
        }
    }

    /// Whether its elements lie one after the other; then the range of them.
    fn range(&self) -> Option<(usize, usize)> {
        let wanted = c_strides(&self.shape);
        let plain = self.shape.iter().zip(self.strides.iter().zip(&wanted)).all(|(&d, (s, w))| d <= 1 || s == w);
        plain.then(|| (self.offset, self.shape.iter().product()))
    }
}

/// The strides of an array whose last index runs fastest. Shapes that overflow are refused by [`Layout::check`].
pub fn c_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d].saturating_mul(shape[d].max(1));
    }
    strides
}

/// What is to be decoded: checked parts of a storage, one after the other, into one tensor.
struct Target<'a> {
    name: &'a str,
    shape: &'a [usize],
    parts: &'a [Layout],
    bytes: &'a [u8],
    release: Release<'a>,
}

impl Target<'_> {
    fn tensor<T: WithDType, const N: usize>(&self, read: impl Fn([u8; N]) -> T + Copy) -> Result<Tensor> {
        let elements = self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let mut values = Vec::new();
        if elements.is_none_or(|n| values.try_reserve_exact(n).is_err()) {
            bail!(OutOfMemory, "{}: memory for shape {:?} could not be had", self.name, self.shape);
        }
        for part in self.parts {
            let read = match part.range() {
                Some((start, length)) => self.straight(&mut values, start, length, read),
                None => self.strided(&mut values, part, read),
            };
            if read.is_none() {
                bail!(Checkpoint, "{}: lies outside of its storage", self.name);
            }
        }
        Ok(Tensor::from_vec(values, self.shape, &Device::Cpu)?)
    }

    fn straight<T, const N: usize>(
        &self,
        values: &mut Vec<T>,
        start: usize,
        length: usize,
        read: impl Fn([u8; N]) -> T + Copy,
    ) -> Option<()> {
        if length == 0 {
            return Some(());
        }
        let (mut at, end) = (start.checked_mul(N)?, start.checked_add(length)?.checked_mul(N)?);
        while at < end {
            let piece = (end - at).min(PIECE);
            values.extend(self.bytes.get(at..at + piece)?.as_chunks::<N>().0.iter().map(|&x| read(x)));
            (self.release)(at, piece);
            at += piece;
        }
        Some(())
    }

    fn strided<T, const N: usize>(
        &self,
        values: &mut Vec<T>,
        part: &Layout,
        read: impl Fn([u8; N]) -> T + Copy,
    ) -> Option<()> {
        if part.shape.contains(&0) {
            return Some(());
        }
        let (&inner, outer) = part.shape.split_last()?;
        let (&inner_stride, outer_strides) = part.strides.split_last()?;
        let mut index = vec![0; outer.len()];
        loop {
            let base = part.offset + index.iter().zip(outer_strides).map(|(i, s)| i * s).sum::<usize>();
            for i in 0..inner {
                let at = (base + i * inner_stride) * N;
                values.push(read(*self.bytes.get(at..)?.first_chunk::<N>()?));
            }
            let Some(d) = (0..outer.len()).rev().find(|&d| index[d] + 1 < outer[d]) else { break };
            index[d] += 1;
            index[d + 1..].fill(0);
        }
        (self.release)(0, self.bytes.len());
        Some(())
    }
}
