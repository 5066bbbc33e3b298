//! Weights: files of named tensors, read as data and never run, and how they fit a model.
//!
//! - [`file`](self::file): one interface to all formats, found by their first bytes;
//! - `safetensors`: by memory map, in one file or in shards;
//! - `pickle`: a virtual machine for pickles that builds values and calls nothing; `globals`: the names that it takes;
//!   `build`: what it makes of them;
//! - `torch`: PyTorch's zip checkpoints, and its older format;
//! - `mindspore`: MindSpore's protobuf checkpoints;
//! - [`value`]: what they hold: dicts, lists, numbers, texts, tensors; [`map`](self::map): the bytes of a file.

mod build;
pub mod drawn;
pub mod file;
mod globals;
pub mod map;
pub mod mindspore;
pub mod pickle;
pub mod safetensors;
#[cfg(test)]
mod tests;
pub mod torch;
pub mod value;

pub use file::WeightFile;

use super::Tensors;
use super::likeness::fits;
use crate::bail;
use crate::error::Result;
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Elements that a tensor may have: ten times the largest table of a published model.
const ELEMENTS: usize = 1 << 33;
/// Elements of all zeros that stand in for what is wrong, and how many tensors may be wrong, before a load is given up.
const STAND_INS: usize = 1 << 30;
const WRONG: usize = 10_000;

/// The weights that a model took, by their names, and what was wrong.
#[derive(Default, Clone)]
pub struct Loaded {
    pub tensors: Tensors,
    pub report: Report,
}

/// How names and shapes of a file fitted the model's.
#[derive(Default, Clone, Debug)]
pub struct Report {
    /// Where they came from.
    pub source: String,
    pub missing: Vec<String>,
    pub unexpected: Vec<String>,
    /// Name, shape in the file, shape that the configuration asks for.
    pub mismatched: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Names in the file that the family lists as not needed.
    pub ignored: Vec<String>,
}

impl Report {
    pub fn json(&self) -> Value {
        json!({
            "source": self.source, "missing": self.missing, "unexpected": self.unexpected, "ignored": self.ignored,
            "mismatched": self.mismatched.iter().map(|(name, found, wanted)| json!({"name": name, "found": found, "expected": wanted}))
                .collect::<Vec<_>>(),
        })
    }
}

/// Hands out a file's tensors by name and shape, and keeps account: ask for all, then [`Loader::finish`].
pub struct Loader<'a> {
    file: &'a WeightFile,
    /// The model's name of a tensor -> the file's.
    names: BTreeMap<String, String>,
    /// None keeps each tensor's own type.
    dtype: Option<DType>,
    /// Two names of the file's that are one of the model's.
    clash: Option<[String; 2]>,
    stand_ins: Cell<usize>,
    taken: RefCell<Tensors>,
    report: RefCell<Report>,
}

impl<'a> Loader<'a> {
    /// `rename` gives the model's name of each of the file's tensors; a leading "module." is already gone. Floating-point
    /// tensors are converted to `dtype`, if one is given; f64 always becomes f32.
    pub fn new(file: &'a WeightFile, dtype: Option<DType>, rename: impl Fn(&str) -> String) -> Self {
        let bare = |name: &str| name.strip_prefix("module.").unwrap_or(name).to_string();
        let (mut names, mut clash) = (BTreeMap::new(), None);
        for name in file.names() {
            if let Some(other) = names.insert(rename(&bare(&name)), name.clone()) {
                clash.get_or_insert([other, name]);
            }
        }
        let report = Report { source: file.source(), ..Default::default() };
        Self { file, names, dtype, clash, stand_ins: Cell::new(0), taken: Default::default(), report: report.into() }
    }

    /// Whether there is no file: weights are drawn as they are asked for.
    pub fn is_drawn(&self) -> bool {
        matches!(self.file, WeightFile::Drawn(_))
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// The names that there are, as the model calls them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The shape of a tensor in the file, if it is there.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.file.shape(self.names.get(name)?)
    }

    /// A tensor of this shape. If it is missing or of another shape that is noted for the report, and zeros stand in until
    /// [`Loader::finish`] fails, or so much is wrong that there is no use in going on.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        if let Some(tensor) = self.taken.borrow().get(name) {
            return Ok(tensor.clone());
        }
        let elements = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
        let Some(elements) = elements.filter(|&n| n <= ELEMENTS) else {
            bail!(
                Config,
                "{name}: would be of shape {shape:?} by the configuration, must have at most {ELEMENTS} elements"
            )
        };
        if let WeightFile::Drawn(drawn) = self.file {
            let tensor = self.converted(drawn.tensor(name, shape)?)?;
            self.taken.borrow_mut().insert(name.into(), tensor.clone());
            return Ok(tensor);
        }
        let wrong = match self.shape(name) {
            None => {
                self.report.borrow_mut().missing.push(name.into());
                true
            }
            Some(found) if found != shape => {
                self.report.borrow_mut().mismatched.push((name.into(), found, shape.into()));
                true
            }
            Some(_) => false,
        };
        if wrong {
            self.stand_ins.set(self.stand_ins.get().saturating_add(elements));
            let report = self.report.borrow();
            if self.stand_ins.get() > STAND_INS || report.missing.len() + report.mismatched.len() > WRONG {
                bail!(Weights, "{}", complaint(&report));
            }
            return Ok(Tensor::zeros(1, DType::F32, &Device::Cpu)?.broadcast_as(shape)?);
        }
        let tensor = self.converted(self.file.tensor(&self.names[name])?)?;
        self.taken.borrow_mut().insert(name.into(), tensor.clone());
        Ok(tensor)
    }

    fn converted(&self, tensor: Tensor) -> Result<Tensor> {
        Ok(match (self.dtype, tensor.dtype()) {
            (Some(wanted), found) if found.is_float() => tensor.to_dtype(wanted)?,
            (None, DType::F64) => tensor.to_dtype(DType::F32)?,
            _ => tensor,
        })
    }

    /// A tensor that may be left out; none if it is.
    pub fn maybe(&self, name: &str, shape: &[usize]) -> Result<Option<Tensor>> {
        if self.has(name) { self.get(name, shape).map(Some) } else { Ok(None) }
    }

    /// The weights and the report. Missing and mismatched tensors are an error that lists them, and so are tensors that
    /// nobody asked for, unless `ignorable` knows them: names, or patterns in which `*` stands for anything.
    pub fn finish(self, ignorable: &[&str]) -> Result<Loaded> {
        if let Some([one, other]) = &self.clash {
            bail!(Weights, "{}: {one} and {other} are one and the same tensor of the model", self.file.source());
        }
        let taken = self.taken.into_inner();
        let mut report = self.report.into_inner();
        for name in self.names.keys().filter(|name| !taken.contains_key(*name)) {
            if report.mismatched.iter().any(|(other, ..)| other == name) {
                continue;
            }
            let known = ignorable.iter().any(|pattern| fits(pattern, name));
            if known { &mut report.ignored } else { &mut report.unexpected }.push(name.clone());
        }
        if !(report.missing.is_empty() && report.mismatched.is_empty() && report.unexpected.is_empty()) {
            bail!(Weights, "{}", complaint(&report));
        }
        Ok(Loaded { tensors: taken, report })
    }
}

fn complaint(report: &Report) -> String {
    const SHOWN: usize = 8;
    let list = |names: Vec<String>| {
        let more = names.len().saturating_sub(SHOWN);
        let shown = names.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let mut parts = Vec::new();
    if !report.missing.is_empty() {
        parts.push(format!("missing: {}", list(report.missing.clone())));
    }
    if !report.mismatched.is_empty() {
        let shapes =
            report.mismatched.iter().map(|(name, found, want)| format!("{name} is {found:?}, must be {want:?}"));
        parts.push(format!("of another shape than the configuration asks for: {}", list(shapes.collect())));
    }
    if !report.unexpected.is_empty() {
        parts.push(format!("unexpected: {}", list(report.unexpected.clone())));
    }
    format!("{}: does not fit the model's configuration; {}", report.source, parts.join("; "))
}
