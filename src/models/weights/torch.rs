//! PyTorch's checkpoints: a pickle with its storages beside it.
//!
//! - since 1.6 a zip archive: `NAME/data.pkl`, `NAME/data/KEY` for each storage, `NAME/byteorder`;
//! - before that a stream: four pickles (a magic number, a version, the machine's sizes, the value), the keys of the storages
//!   in a fifth, and each storage with its length before it;
//! - a bare pickle, whose tensors hold their own storages.
//!
//! The pickle is read when the file is opened, a storage when a tensor in it is asked for.

use super::map::Bytes;
use super::pickle::{self, Pickled, Storages};
use super::value::{Layout, Storage, TensorView, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::{bail, ensure};
use candle_core::Tensor;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Cursor, Read};
use std::sync::Arc;

/// The names under which training scripts put the state dict beside other things.
const WRAPPERS: [&str; 5] = ["state_dict", "model_state_dict", "model", "module", "net"];

/// What a tensor is called that is the whole file.
const ALONE: &str = "tensor";

/// Entries that an archive may have.
const ENTRIES: usize = 1 << 20;

/// Bytes of a pickle in the old format, and of a compressed one in an archive.
const PICKLE: usize = 64 << 20;

/// Bytes of a compressed storage for each byte that the file has of it, above as many as a pickle may have: numbers of
/// weights hardly shrink.
const INFLATED: usize = 16;

/// Bytes of the names of all tensors: a name is made of all keys that lead to its tensor, so it may repeat a long one.
const NAMES: usize = 256 << 20;

/// A checkpoint: its tree of values, and the tensors of its state dict by name.
pub struct Torch {
    bytes: Bytes,
    value: Value,
    places: Vec<Place>,
    tensors: BTreeMap<String, Arc<TensorView>>,
}

/// Where a storage lies in the file.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    /// In the file.
    stored: usize,
    /// When it is read.
    length: usize,
    deflated: bool,
}

impl Torch {
    /// The file's state dict: the dict at the end of these keys; without keys the whole, or what lies under one of
    /// "state_dict", "model_state_dict", "model", "module", "net" if the whole has no tensors of its own.
    pub fn open(bytes: Bytes, keys: &[&str]) -> Result<Self> {
        let (value, places) = if bytes.all().starts_with(b"PK") {
            archive(&bytes, Storages::Beside)?
        } else if is_stream(bytes.all()) {
            stream(&bytes, Storages::Beside)?
        } else {
            (pickle::run(bytes.all(), &bytes.name, Storages::InPlace)?.value, Vec::new())
        };
        let state = match value.at(keys) {
            Some(state) if keys.is_empty() => unwrapped(state),
            Some(state) => state,
            None => bail!(Weights, "{}: has no {}; its keys are {}", bytes.name, keys.join("."), keys_of(&value)),
        };
        let mut tensors = BTreeMap::new();
        let mut left = NAMES;
        if flatten(state, String::new(), &mut tensors, &mut left).is_none() {
            bail!(Checkpoint, "{}: the names of its tensors have more than {NAMES} bytes", bytes.name);
        }
        Ok(Self { bytes, value, places, tensors })
    }

    /// The storage that a blob within a pickle holds: its layout as a vector, and its bytes.
    pub(super) fn storage(bytes: Bytes) -> Result<(Layout, Vec<u8>)> {
        let (value, places) = if bytes.all().starts_with(b"PK") {
            archive(&bytes, Storages::BesideNested)?
        } else {
            ensure!(is_stream(bytes.all()), Checkpoint, "{}: is not of torch's format", bytes.name);
            stream(&bytes, Storages::BesideNested)?
        };
        match value {
            Value::Tensor(view) if view.layout.shape.len() == 1 && view.layout.offset == 0 => match view.storage {
                Storage::File(number) => {
                    let raw = place(&bytes, &places, number)?.into_owned();
                    Ok((view.layout.clone(), raw))
                }
                Storage::Held(_) => bail!(Checkpoint, "{}: is not a storage", bytes.name),
            },
            _ => bail!(Checkpoint, "{}: is not a storage", bytes.name),
        }
    }

    pub fn source(&self) -> String {
        self.bytes.name.clone()
    }

    /// The whole file.
    pub fn value(&self) -> &Value {
        &self.value
    }

    pub fn names(&self) -> Vec<String> {
        self.tensors.keys().cloned().collect()
    }

    pub fn layout(&self, name: &str) -> Option<&Layout> {
        self.tensors.get(name).map(|view| &view.layout)
    }

    fn view(&self, name: &str) -> Result<&TensorView> {
        match self.tensors.get(name) {
            Some(view) => Ok(view),
            None => bail!(Weights, "{}: has no tensor {name}", self.bytes.name),
        }
    }

    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        self.read(name, self.view(name)?)
    }

    /// A tensor of the tree; the name is for messages.
    pub fn read(&self, name: &str, view: &TensorView) -> Result<Tensor> {
        let (bytes, start) = self.open_storage(view)?;
        view.layout.tensor(name, &bytes, &|at, length| self.release(start, at, length))
    }

    pub fn rows(&self, name: &str, rows: &[u32]) -> Result<Tensor> {
        let view = self.view(name)?;
        let (bytes, start) = self.open_storage(view)?;
        let read = view.layout.rows(name, rows, &bytes)?;
        self.release(start, 0, bytes.len());
        Ok(read)
    }

    /// The bytes of a tensor's storage, and where they lie in the file, if they do as they are.
    fn open_storage<'a>(&'a self, view: &'a TensorView) -> Result<(Cow<'a, [u8]>, Option<usize>)> {
        match &view.storage {
            Storage::Held(bytes) => Ok((Cow::Borrowed(bytes.as_slice()), None)),
            Storage::File(number) => {
                let start = self.places.get(*number).filter(|place| !place.deflated).map(|place| place.start);
                Ok((place(&self.bytes, &self.places, *number)?, start))
            }
        }
    }

    fn release(&self, start: Option<usize>, at: usize, length: usize) {
        if let Some(start) = start {
            self.bytes.release(start + at, length);
        }
    }
}

/// The bytes of a storage.
fn place<'a>(bytes: &'a Bytes, places: &[Place], number: usize) -> Result<Cow<'a, [u8]>> {
    let Some(place) = places.get(number) else { bail!(Checkpoint, "{}: has no storage {number}", bytes.name) };
    let stored = bytes.part(place.start, place.stored)?;
    if !place.deflated {
        return Ok(Cow::Borrowed(stored));
    }
    Ok(Cow::Owned(inflated(stored, place.length, &format!("{}: a storage", bytes.name))?))
}

/// Whether a file begins with the old format's magic number, pickled in any protocol.
pub(super) fn is_stream(bytes: &[u8]) -> bool {
    const MAGIC: [u8; 13] = *b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let beginning = &bytes[..bytes.len().min(32)];
    beginning.windows(MAGIC.len()).any(|window| window == MAGIC)
}

/// The old format.
fn stream(bytes: &Bytes, mode: Storages) -> Result<(Value, Vec<Place>)> {
    let (all, name) = (bytes.all(), &bytes.name);
    let mut at = 0;
    let mut next = |mode| -> Result<(Pickled, usize)> {
        // The storages, which follow, may be larger than any pickle.
        let rest = all.get(at..).unwrap_or_default();
        let read = pickle::run(rest.get(..PICKLE).unwrap_or(rest), name, mode)?;
        at += read.end;
        Ok((read, at))
    };
    next(Storages::Nowhere)?;
    match next(Storages::Nowhere)?.0.value {
        Value::Int(1001) => {}
        other => bail!(Checkpoint, "{name}: is of version {other:?} of torch's old format, only 1001 is read"),
    }
    let machine = next(Storages::Nowhere)?.0.value;
    ensure!(
        matches!(machine.get("little_endian"), Some(Value::Bool(true))),
        Checkpoint,
        "{name}: was written on a big-endian machine, only little-endian files are read"
    );
    let (read, _) = next(mode)?;
    let (keys, mut at) = next(Storages::Nowhere)?;
    let Value::List(keys) = keys.value else { bail!(Checkpoint, "{name}: has no list of its storages") };
    let numbers: HashMap<&str, usize> = read.storages.iter().enumerate().map(|(i, s)| (s.key.as_str(), i)).collect();
    let mut places = vec![None; read.storages.len()];
    for key in &keys {
        let known = if let Value::Text(key) = key { numbers.get(key.as_str()) } else { None };
        let Some(&number) = known else { bail!(Checkpoint, "{name}: has storage {key:?}, to which no tensor refers") };
        let storage = &read.storages[number];
        let count = bytes.part(at, 8)?.first_chunk().map_or(0, |count| u64::from_le_bytes(*count));
        ensure!(
            count.checked_mul(storage.kind.size() as u64) == Some(storage.bytes as u64) && places[number].is_none(),
            Checkpoint,
            "{name}: storage {} has {count} elements, and its tensors need {} bytes of it, or it comes twice",
            storage.key,
            storage.bytes
        );
        at += 8;
        bytes.part(at, storage.bytes)?;
        places[number] = Some(Place { start: at, stored: storage.bytes, length: storage.bytes, deflated: false });
        at += storage.bytes;
    }
    match places.into_iter().collect() {
        Some(places) => Ok((read.value, places)),
        None => bail!(Checkpoint, "{name}: lacks a storage to which its tensors refer"),
    }
}

/// The entries of an archive by name, checked: none is outside of the archive, hidden behind another one of the same name,
/// or shares bytes with another.
fn entries(bytes: &Bytes) -> Result<HashMap<String, Place>> {
    let name = &bytes.name;
    let broken = |error: zip::result::ZipError| {
        Error::new(ErrorKind::Checkpoint, format!("{name}: is no zip archive that can be read, or truncated: {error}"))
    };
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes.all())).map_err(broken)?;
    ensure!(zip.len() <= ENTRIES, Checkpoint, "{name}: has {} entries, the limit is {ENTRIES}", zip.len());
    ensure!(!zip.has_duplicate_names(), Checkpoint, "{name}: has two entries of the same name");
    let mut found = HashMap::new();
    let mut ranges = Vec::new();
    for i in 0..zip.len() {
        let entry = zip.by_index_raw(i).map_err(broken)?;
        let path = entry.name().map_err(broken)?.into_owned();
        let outside =
            path.starts_with('/') || path.contains(['\\', '\0', ':']) || path.split('/').any(|part| part == "..");
        ensure!(!outside, Checkpoint, "{name}: has an entry {path:?}, whose name leads out of the archive");
        ensure!(!entry.encrypted(), Checkpoint, "{name}: its entry {path} is encrypted");
        let deflated = match entry.compression() {
            zip::CompressionMethod::Stored => false,
            zip::CompressionMethod::Deflated => true,
            other => bail!(Checkpoint, "{name}: its entry {path} is compressed by {other}, only deflate is read"),
        };
        let whole = |x: u64| usize::try_from(x).unwrap_or(usize::MAX);
        let (stored, length) = (whole(entry.compressed_size()), whole(entry.size()));
        let Some(start) = entry.data_start().map(whole) else {
            bail!(Checkpoint, "{name}: its entry {path} has no data")
        };
        bytes.part(start, stored)?;
        ensure!(deflated || stored == length, Checkpoint, "{name}: its entry {path} has two sizes");
        if stored > 0 {
            ranges.push((start, start + stored));
        }
        found.insert(path, Place { start, stored, length, deflated });
    }
    ranges.sort_unstable();
    let apart = ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    ensure!(apart, Checkpoint, "{name}: has entries that share bytes");
    Ok(found)
}

/// The zip format.
fn archive(bytes: &Bytes, mode: Storages) -> Result<(Value, Vec<Place>)> {
    let name = &bytes.name;
    let entries = entries(bytes)?;
    let mut pickles = entries.keys().filter(|path| *path == "data.pkl" || path.ends_with("/data.pkl"));
    let (Some(path), None) = (pickles.next(), pickles.next()) else {
        bail!(Checkpoint, "{name}: is a zip archive without one data.pkl, no checkpoint of torch")
    };
    let folder = path.strip_suffix("data.pkl").unwrap_or_default();
    if let Some(order) = entries.get(&format!("{folder}byteorder")) {
        let order = small(bytes, *order, &format!("{name}: its byteorder"))?;
        let little = order.trim_ascii() == b"little";
        ensure!(little, Checkpoint, "{name}: was written on a big-endian machine, only little-endian files are read");
    }
    let entry = entries[path];
    let read = pickle::run_within(&small(bytes, entry, &format!("{name}: its data.pkl"))?, entry.stored, name, mode)?;
    let mut places = Vec::with_capacity(read.storages.len());
    let mut used = HashSet::new();
    for storage in &read.storages {
        let Some(&place) = entries.get(&format!("{folder}data/{}", storage.key)) else {
            bail!(Checkpoint, "{name}: has no entry for storage {:?}", storage.key)
        };
        ensure!(
            place.length == storage.bytes && used.insert(place.start),
            Checkpoint,
            "{name}: storage {} has {} bytes, its tensors need {}",
            storage.key,
            place.length,
            storage.bytes
        );
        let most = place.stored.saturating_mul(INFLATED).max(PICKLE);
        ensure!(
            !place.deflated || place.length <= most,
            Checkpoint,
            "{name}: storage {} has {} bytes out of {} compressed ones, the limit is {most}",
            storage.key,
            place.length,
            place.stored
        );
        places.push(place);
    }
    Ok((read.value, places))
}

/// The bytes of an entry that is not a storage. As many as there are in the file are at hand anyway.
fn small<'a>(bytes: &'a Bytes, entry: Place, what: &str) -> Result<Cow<'a, [u8]>> {
    let fits = !entry.deflated || entry.length <= PICKLE;
    ensure!(fits, Checkpoint, "{what}: has {} bytes, the limit of a compressed one is {PICKLE}", entry.length);
    let stored = bytes.part(entry.start, entry.stored)?;
    if entry.deflated { inflated(stored, entry.length, what).map(Cow::Owned) } else { Ok(Cow::Borrowed(stored)) }
}

/// The bytes of a compressed entry, which must be that many.
fn inflated(stored: &[u8], length: usize, what: &str) -> Result<Vec<u8>> {
    // No deflate stream grows by more than this, so a length beyond it is a lie, and no memory is asked for.
    const MOST: usize = 1032;
    let possible = length <= stored.len().saturating_mul(MOST);
    ensure!(possible, Checkpoint, "{what}: says that it has {length} bytes, out of {} compressed ones", stored.len());
    let mut out = Vec::new();
    let mut from = flate2::read::DeflateDecoder::new(stored).take(length as u64 + 1);
    if let Err(error) = from.read_to_end(&mut out) {
        bail!(Checkpoint, "{what}: cannot be decompressed: {error}");
    }
    ensure!(out.len() == length, Checkpoint, "{what}: has other than the {length} bytes that it says");
    Ok(out)
}

/// The state dict within a checkpoint.
fn unwrapped(value: &Value) -> &Value {
    let Value::Dict(items) = value else { return value };
    if items.iter().any(|(_, item)| matches!(item, Value::Tensor(_))) {
        return value;
    }
    // "model" may also be a configuration.
    let inner = |key: &&str| value.get(key).filter(|inner| matches!(inner, Value::Dict(_)) && has_tensors(inner));
    WRAPPERS.iter().find_map(inner).unwrap_or(value)
}

fn has_tensors(value: &Value) -> bool {
    match value {
        Value::Tensor(_) => true,
        Value::Dict(items) => items.iter().any(|(_, item)| has_tensors(item)),
        Value::List(items) | Value::Tuple(items) => items.iter().any(has_tensors),
        _ => false,
    }
}

/// All tensors of a tree, under the names that lead to them, with dots between; none if the names have more bytes
/// than are left.
fn flatten(
    value: &Value,
    name: String,
    tensors: &mut BTreeMap<String, Arc<TensorView>>,
    left: &mut usize,
) -> Option<()> {
    let below = |key: &str, left: &mut usize| {
        *left = left.checked_sub(name.len() + key.len() + 1)?;
        Some(if name.is_empty() { key.to_string() } else { format!("{name}.{key}") })
    };
    match value {
        Value::Tensor(view) => {
            let name = if name.is_empty() { ALONE.to_string() } else { name };
            tensors.insert(name, view.clone());
        }
        Value::Dict(items) => {
            for (key, item) in items {
                match key {
                    Value::Text(key) => flatten(item, below(key, left)?, tensors, left)?,
                    Value::Int(key) => flatten(item, below(&key.to_string(), left)?, tensors, left)?,
                    _ => {}
                }
            }
        }
        Value::List(items) | Value::Tuple(items) => {
            for (i, item) in items.iter().enumerate() {
                flatten(item, below(&i.to_string(), left)?, tensors, left)?;
            }
        }
        _ => {}
    }
    Some(())
}

/// The keys of a dict, for a message.
fn keys_of(value: &Value) -> String {
    let Value::Dict(items) = value else { return "none".into() };
    let texts =
        items.iter().filter_map(|(key, _)| if let Value::Text(text) = key { Some(text.as_str()) } else { None });
    crate::models::options::listed(&texts.take(20).collect::<Vec<_>>())
}
