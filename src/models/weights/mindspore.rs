//! MindSpore's checkpoints, by memory map.
//!
//! They are protobuf: `Checkpoint { repeated Value value = 1 { string tag = 1; TensorProto tensor = 2 {
//! repeated int64 dims = 1; string tensor_type = 2; bytes tensor_content = 3 } } }`. A large tensor is cut into several
//! values of the same tag. The moments of the optimizer lie among the parameters, under their own names.

use super::map::Bytes;
use super::value::{Kind, Layout};
use crate::error::Result;
use crate::{bail, ensure};
use candle_core::Tensor;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Values of a file.
const VALUES: usize = 1 << 20;
/// Dimensions of a tensor.
const DIMENSIONS: usize = 64;

pub struct MindSpore {
    bytes: Bytes,
    tensors: BTreeMap<String, Parts>,
}

/// A tensor, in one part or several.
struct Parts {
    layout: Layout,
    /// Start and length of each.
    parts: Vec<(usize, usize)>,
}

impl MindSpore {
    pub fn open(bytes: Bytes) -> Result<Self> {
        let tensors = values(&bytes)?;
        Ok(Self { bytes, tensors })
    }

    pub fn source(&self) -> String {
        self.bytes.name.clone()
    }

    pub fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    pub fn layout(&self, name: &str) -> Option<&Layout> {
        self.tensors.get(name).map(|tensor| &tensor.layout)
    }

    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let (tensor, content) = self.content(name)?;
        tensor.layout.tensor(name, &content, &|at, length| self.release(tensor, at, length))
    }

    pub fn rows(&self, name: &str, rows: &[u32]) -> Result<Tensor> {
        let (tensor, content) = self.content(name)?;
        let read = tensor.layout.rows(name, rows, &content)?;
        self.release(tensor, 0, content.len());
        Ok(read)
    }

    fn content(&self, name: &str) -> Result<(&Parts, Cow<'_, [u8]>)> {
        let Some(tensor) = self.tensors.get(name) else { bail!(Weights, "{}: has no tensor {name}", self.bytes.name) };
        if let [(start, length)] = tensor.parts[..] {
            return Ok((tensor, Cow::Borrowed(self.bytes.part(start, length)?)));
        }
        let mut joined = Vec::new();
        for &(start, length) in &tensor.parts {
            joined.extend_from_slice(self.bytes.part(start, length)?);
            self.bytes.release(start, length);
        }
        Ok((tensor, Cow::Owned(joined)))
    }

    fn release(&self, tensor: &Parts, at: usize, length: usize) {
        if let [(start, _)] = tensor.parts[..] {
            self.bytes.release(start + at, length);
        }
    }
}

/// Whether the first message of a file is one of a checkpoint.
pub(super) fn is_checkpoint(bytes: &Bytes) -> bool {
    let mut fields = Fields { bytes, at: 0, end: bytes.all().len() };
    let Ok(Some((1, Field::Range(start, end)))) = fields.next() else { return false };
    let mut inner = Fields { bytes, at: start, end };
    matches!(inner.next(), Ok(Some((1, Field::Range(start, end)))) if std::str::from_utf8(&bytes.all()[start..end]).is_ok())
}

fn values(bytes: &Bytes) -> Result<BTreeMap<String, Parts>> {
    // What MindSpore puts at the end if it is asked for a checksum: this word and ten bytes.
    const CHECKSUM: &[u8] = b"crc_num";
    let name = &bytes.name;
    let mut end = bytes.all().len();
    if let Some(tail) = end.checked_sub(CHECKSUM.len() + 10)
        && bytes.all()[tail..].starts_with(CHECKSUM)
    {
        end = tail;
    }
    let mut tensors: BTreeMap<String, Parts> = BTreeMap::new();
    let mut fields = Fields { bytes, at: 0, end };
    let mut count = 0;
    while let Some((number, field)) = fields.next()? {
        count += 1;
        ensure!(count <= VALUES, Checkpoint, "{name}: has more than {VALUES} values");
        let (1, Field::Range(start, end)) = (number, field) else { continue };
        let Some((tag, tensor)) = value(bytes, start, end)? else { continue };
        match tensors.get_mut(&tag) {
            None => drop(tensors.insert(tag, tensor)),
            Some(first) => {
                let same = first.layout.kind == tensor.layout.kind && first.layout.shape == tensor.layout.shape;
                ensure!(same, Checkpoint, "{name}: {tag} comes twice, with other types or shapes");
                first.parts.extend(tensor.parts);
            }
        }
    }
    for (tag, tensor) in &mut tensors {
        let held: usize = tensor.parts.iter().map(|part| part.1).sum();
        // A single number is written with the shape [0].
        if tensor.layout.shape == [0] && held == tensor.layout.kind.size() {
            tensor.layout = Layout::contiguous(tensor.layout.kind, Vec::new());
        }
        let shape = &tensor.layout.shape;
        let wanted = shape.iter().try_fold(tensor.layout.kind.size(), |n, &d| n.checked_mul(d));
        ensure!(
            wanted == Some(held) || matches!(tensor.layout.kind, Kind::Unread(..)),
            Checkpoint,
            "{name}: {tag} has shape {shape:?} and {held} bytes"
        );
    }
    Ok(tensors)
}

/// A value's tag and tensor; none if it is something else.
fn value(bytes: &Bytes, start: usize, end: usize) -> Result<Option<(String, Parts)>> {
    let (mut tag, mut tensor) = (None, None);
    let mut fields = Fields { bytes, at: start, end };
    while let Some(field) = fields.next()? {
        match field {
            (1, Field::Range(start, end)) => tag = Some(fields.text(start, end)?),
            (2, Field::Range(start, end)) => tensor = Some(parts(bytes, start, end)?),
            _ => {}
        }
    }
    Ok(tag.zip(tensor))
}

fn parts(bytes: &Bytes, start: usize, end: usize) -> Result<Parts> {
    let (mut shape, mut kind, mut content) = (Vec::new(), None, (start, 0));
    let mut fields = Fields { bytes, at: start, end };
    while let Some(field) = fields.next()? {
        match field {
            (1, Field::Number(extent)) => shape.push(extent),
            (1, Field::Range(start, end)) => {
                let mut packed = Fields { bytes, at: start, end };
                while packed.at < packed.end && shape.len() <= DIMENSIONS {
                    shape.push(packed.varint()?);
                }
            }
            (2, Field::Range(start, end)) => kind = Some(fields.text(start, end)?),
            (3, Field::Range(start, end)) => content = (start, end - start),
            _ => {}
        }
        let name = &bytes.name;
        ensure!(shape.len() <= DIMENSIONS, Checkpoint, "{name}: a tensor has more than {DIMENSIONS} dimensions");
    }
    let shape: Result<Vec<usize>> = shape
        .into_iter()
        .map(|extent| match usize::try_from(extent as i64) {
            Ok(extent) => Ok(extent),
            Err(_) => bail!(Checkpoint, "{}: a tensor has the extent {}", bytes.name, extent as i64),
        })
        .collect();
    let layout = Layout::contiguous(kind_of(kind.as_deref().unwrap_or_default()), shape?);
    Ok(Parts { layout, parts: vec![content] })
}

fn kind_of(name: &str) -> Kind {
    match name {
        "Float64" => Kind::F64,
        "Float32" | "Float" => Kind::F32,
        "Float16" => Kind::F16,
        "BFloat16" => Kind::BF16,
        "Int64" => Kind::I64,
        "Int32" | "Int" => Kind::I32,
        "Int16" => Kind::I16,
        "Int8" => Kind::I8,
        "UInt64" => Kind::U64,
        "UInt32" => Kind::U32,
        "UInt16" => Kind::U16,
        "UInt8" => Kind::U8,
        "Bool" => Kind::Bool,
        _ => Kind::Unread("MindSpore's that is not a number", 1),
    }
}

/// The fields of a protobuf message, which is a range of the file.
struct Fields<'a> {
    bytes: &'a Bytes,
    at: usize,
    end: usize,
}

enum Field {
    Number(u64),
    /// Start and end of bytes, a text, or a message.
    Range(usize, usize),
    Other,
}

impl Fields<'_> {
    /// The next field and its number.
    fn next(&mut self) -> Result<Option<(u64, Field)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => {
                self.skip(8)?;
                Field::Other
            }
            2 => {
                let length = self.varint()?;
                let start = self.at;
                self.skip(length)?;
                Field::Range(start, self.at)
            }
            5 => {
                self.skip(4)?;
                Field::Other
            }
            other => bail!(Checkpoint, "{}: has a protobuf field of type {other} at byte {}", self.bytes.name, self.at),
        };
        Ok(Some((key >> 3, field)))
    }

    fn skip(&mut self, length: u64) -> Result<()> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        match end.filter(|&end| end <= self.end) {
            Some(end) => self.at = end,
            None => bail!(
                Checkpoint,
                "{}: is truncated or broken: a protobuf field of {length} bytes at byte {} leads beyond its end",
                self.bytes.name,
                self.at
            ),
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let start = self.at;
            self.skip(1)?;
            let byte = self.bytes.all()[start];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!(Checkpoint, "{}: has a protobuf number of more than 64 bits at byte {}", self.bytes.name, self.at)
    }

    fn text(&self, start: usize, end: usize) -> Result<String> {
        match std::str::from_utf8(self.bytes.part(start, end - start)?) {
            Ok(text) => Ok(text.into()),
            Err(_) => bail!(Checkpoint, "{}: a name is not UTF-8, at byte {start}", self.bytes.name),
        }
    }
}
