//! safetensors by memory map, in one file or in shards; and how they are written.
//!
//! The format is Hugging Face's: 8 bytes with the header's length, a JSON header with each tensor's type, shape and range,
//! and the numbers. Shards are listed by `model.safetensors.index.json`, as transformers writes it.

use super::map::Bytes;
use super::value::{Kind, Layout};
use crate::error::{Error, ErrorKind, Result};
use crate::models::Tensors;
use crate::{bail, ensure};
use candle_core::{CpuStorage, DType, Tensor};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that a header, or an index of shards, may have: thousands of times more than the largest model's.
const HEADER: usize = 32 << 20;
/// Files of one model.
const SHARDS: usize = 10_000;

/// One file or several as one.
pub struct Safetensors {
    source: String,
    shards: Vec<Bytes>,
    tensors: BTreeMap<String, Place>,
}

struct Place {
    shard: usize,
    start: usize,
    length: usize,
    layout: Layout,
}

impl Safetensors {
    /// A single file.
    pub fn open(bytes: Bytes) -> Result<Self> {
        let tensors = header(&bytes, 0)?;
        Ok(Self { source: bytes.name.clone(), shards: vec![bytes], tensors })
    }

    /// The shards of an index, which lie in the same folder.
    pub fn index(path: &Path, index: &Bytes) -> Result<Self> {
        let name = &index.name;
        ensure!(
            index.all().len() <= HEADER,
            Checkpoint,
            "{name}: has {} bytes, the limit is {HEADER}",
            index.all().len()
        );
        let json: Value = match serde_json::from_slice(index.all()) {
            Ok(json) => json,
            Err(error) => bail!(Checkpoint, "{name}: is not JSON: {error}"),
        };
        let Some(Value::Object(places)) = json.get("weight_map") else {
            bail!(Checkpoint, "{name}: is no index of shards, it has no weight_map")
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut opened: HashMap<&str, BTreeMap<String, Place>> = HashMap::new();
        let mut shards = Vec::new();
        let mut tensors = BTreeMap::new();
        for (tensor, shard) in places {
            let Some(shard) = shard.as_str().filter(|shard| is_plain(shard)) else {
                bail!(Checkpoint, "{name}: {tensor} is in {shard}, which must be the name of a file beside it")
            };
            ensure!(
                shard.ends_with(".safetensors"),
                Unsupported,
                "{name}: {tensor} is in {shard}, only shards in safetensors are read"
            );
            if !opened.contains_key(shard) {
                ensure!(shards.len() < SHARDS, Checkpoint, "{name}: has more than {SHARDS} shards");
                let bytes = Bytes::open(&folder.join(shard))?;
                super::file::recognisable(&bytes)?;
                opened.insert(shard, header(&bytes, shards.len())?);
                shards.push(bytes);
            }
            match opened.get_mut(shard).and_then(|found| found.remove(tensor)) {
                Some(place) => tensors.insert(tensor.clone(), place),
                None => bail!(Checkpoint, "{name}: {tensor} is not in {shard}"),
            };
        }
        Ok(Self { source: name.clone(), shards, tensors })
    }

    pub fn source(&self) -> String {
        self.source.clone()
    }

    pub fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    pub fn layout(&self, name: &str) -> Option<&Layout> {
        self.tensors.get(name).map(|place| &place.layout)
    }

    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let (place, bytes, part) = self.part(name)?;
        place.layout.tensor(name, part, &|at, length| bytes.release(place.start + at, length))
    }

    pub fn rows(&self, name: &str, rows: &[u32]) -> Result<Tensor> {
        let (place, bytes, part) = self.part(name)?;
        let tensor = place.layout.rows(name, rows, part)?;
        bytes.release(place.start, place.length);
        Ok(tensor)
    }

    fn part(&self, name: &str) -> Result<(&Place, &Bytes, &[u8])> {
        let Some(place) = self.tensors.get(name) else { bail!(Weights, "{}: has no tensor {name}", self.source) };
        let bytes = &self.shards[place.shard];
        Ok((place, bytes, bytes.part(place.start, place.length)?))
    }
}

/// Whether a name is that of a file in the same folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}

/// The tensors that a file's header lists. That they lie one after the other, without holes or overlaps, each as long as its
/// type and shape say, is checked by the safetensors crate; that they are what the file holds, here.
fn header(bytes: &Bytes, shard: usize) -> Result<BTreeMap<String, Place>> {
    let name = &bytes.name;
    let length = bytes.part(0, 8)?.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    ensure!(
        length <= HEADER as u64,
        Checkpoint,
        "{name}: says that its header has {length} bytes, the limit is {HEADER}"
    );
    let length = length as usize;
    let metadata: Metadata = match serde_json::from_slice(bytes.part(8, length)?) {
        Ok(metadata) => metadata,
        Err(error) => bail!(Checkpoint, "{name}: its header is broken: {error}"),
    };
    let held = bytes.all().len() - 8 - length;
    let listed = metadata.data_len();
    ensure!(
        listed == held,
        Checkpoint,
        "{name}: is {}: its header lists {listed} bytes of tensors, it has {held}",
        if held < listed { "truncated" } else { "too long" }
    );
    let mut places = BTreeMap::new();
    for (tensor, info) in metadata.tensors() {
        let (from, to) = info.data_offsets;
        let layout = Layout::contiguous(kind(info.dtype), info.shape.clone());
        places.insert(tensor, Place { shard, start: 8 + length + from, length: to - from, layout });
    }
    Ok(places)
}

fn kind(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::F64 => Kind::F64,
        Dtype::F32 => Kind::F32,
        Dtype::F16 => Kind::F16,
        Dtype::BF16 => Kind::BF16,
        Dtype::I64 => Kind::I64,
        Dtype::I32 => Kind::I32,
        Dtype::I16 => Kind::I16,
        Dtype::I8 => Kind::I8,
        Dtype::U64 => Kind::U64,
        Dtype::U32 => Kind::U32,
        Dtype::U16 => Kind::U16,
        Dtype::U8 => Kind::U8,
        Dtype::BOOL => Kind::Bool,
        Dtype::C64 => Kind::Unread("complex64", 8),
        _ => Kind::Unread("float of 8 bits or less", 1),
    }
}

/// Writes tensors and a few texts about them. The file appears when it is complete and on the disk, or not at all; only one
/// tensor that is not contiguous is held a second time.
pub fn save(path: &Path, tensors: &Tensors, metadata: &BTreeMap<String, String>) -> Result<()> {
    let temporary = beside(path);
    // If there is such a file already it is another call's, and is left alone.
    let file = File::create_new(&temporary).map_err(|error| failed(&temporary, error))?;
    let written = write(&temporary, file, tensors, metadata).and_then(|()| published(&temporary, path));
    if written.is_err() {
        // What is half written is of no use; that it cannot be removed is the lesser error.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// What cannot be written, and why: a full disk has a kind of its own.
pub fn failed(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::new(
            ErrorKind::DiskFull,
            format!("{}: cannot be written: no room is left on the disk", path.display()),
        ),
        _ => Error::new(ErrorKind::Io, format!("{}: cannot be written: {error}", path.display())),
    }
}

/// A name in the same folder that no other call, of this process or another one, has.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", unique()))
}

/// A text that no other call has, in whatever container it runs: processes of two containers may have the same number.
pub fn unique() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let random = RandomState::new().hash_one((time, call, std::process::id()));
    format!("{}.{call}.{random:016x}", std::process::id())
}

fn published(temporary: &Path, path: &Path) -> Result<()> {
    fs::rename(temporary, path).map_err(|error| failed(path, error))?;
    // The new name is on the disk when its folder is. Not every file system lets a folder be synchronised.
    if let Some(Ok(folder)) = path.parent().map(File::open) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn write(path: &Path, mut file: File, tensors: &Tensors, metadata: &BTreeMap<String, String>) -> Result<()> {
    // Larger types first, so that each tensor is aligned to its own.
    let mut order: Vec<(&String, &Tensor)> = tensors.iter().collect();
    order.sort_by_key(|(name, tensor)| (std::cmp::Reverse(tensor.dtype().size_in_bytes()), *name));
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), json!(metadata));
    }
    let mut at = 0;
    for (name, tensor) in &order {
        ensure!(
            name.as_str() != "__metadata__",
            InvalidArgument,
            "__metadata__: is not a name for a tensor in safetensors"
        );
        let end = at + tensor.elem_count() * tensor.dtype().size_in_bytes();
        let about = json!({"dtype": code(name, tensor.dtype())?, "shape": tensor.dims(), "data_offsets": [at, end]});
        header.insert(name.to_string(), about);
        at = end;
    }
    let mut text = Value::Object(header).to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(|error| failed(path, error));
    put(&(text.len() as u64).to_le_bytes())?;
    put(text.as_bytes())?;
    for (name, tensor) in order {
        numbers(name, tensor, &mut put)?;
    }
    file.sync_all().map_err(|error| failed(path, error))
}

fn code(name: &str, dtype: DType) -> Result<&'static str> {
    Ok(match dtype {
        DType::F64 => "F64",
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::I64 => "I64",
        DType::I32 => "I32",
        DType::I16 => "I16",
        DType::U32 => "U32",
        DType::U8 => "U8",
        other => bail!(Unsupported, "{name}: is of type {other:?}, which is not written"),
    })
}

/// A tensor's numbers in pieces.
fn numbers(name: &str, tensor: &Tensor, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let (candle_core::Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        bail!(Unsupported, "{name}: does not lie in this computer's memory")
    };
    match storage {
        CpuStorage::F64(x) => pieces(&x[start..end], f64::to_le_bytes, put),
        CpuStorage::F32(x) => pieces(&x[start..end], f32::to_le_bytes, put),
        CpuStorage::F16(x) => pieces(&x[start..end], half::f16::to_le_bytes, put),
        CpuStorage::BF16(x) => pieces(&x[start..end], half::bf16::to_le_bytes, put),
        CpuStorage::I64(x) => pieces(&x[start..end], i64::to_le_bytes, put),
        CpuStorage::I32(x) => pieces(&x[start..end], i32::to_le_bytes, put),
        CpuStorage::I16(x) => pieces(&x[start..end], i16::to_le_bytes, put),
        CpuStorage::U32(x) => pieces(&x[start..end], u32::to_le_bytes, put),
        CpuStorage::U8(x) => put(&x[start..end]),
        _ => bail!(Unsupported, "{name}: is of type {:?}, which is not written", tensor.dtype()),
    }
}

fn pieces<T: Copy, const N: usize>(
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
    put: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    const PIECE: usize = 1 << 18;
    let mut piece = Vec::with_capacity(values.len().min(PIECE) * N);
    for chunk in values.chunks(PIECE) {
        piece.clear();
        piece.extend(chunk.iter().flat_map(|&x| bytes(x)));
        put(&piece)?;
    }
    Ok(())
}
