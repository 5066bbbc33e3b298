//! A model's files on disk.

use super::config::Config;
use super::options::Options;
use super::weights::WeightFile;
use super::weights::drawn::Drawn;
use super::weights::value::Value as Tree;
use crate::bail;
use crate::error::Result;
use candle_core::DType;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a configuration, weights, and what else a family needs; and how it is to be loaded.
pub struct Folder {
    pub path: PathBuf,
    /// What the card adds: files that lie elsewhere, by the name under which the family asks for them.
    pub elsewhere: Vec<(String, PathBuf)>,
    /// What the card says of the configuration: keys for a checkpoint that is published without a config.json.
    pub defaults: Map<String, Value>,
    pub load: LoadOptions,
}

/// How a model is to be loaded.
#[derive(Default)]
pub struct LoadOptions {
    /// The type in which weights are held; none is that of the file.
    pub dtype: Option<DType>,
    /// The seed of random weights, in place of those of a file.
    pub random: Option<u64>,
    /// Options of the family.
    pub family: Options,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let load = LoadOptions { dtype: Some(DType::F32), ..Default::default() };
        Self { path: path.into(), elsewhere: Vec::new(), defaults: Map::new(), load }
    }

    /// The path of a file, if it is there: also one of the card's.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let other = self.elsewhere.iter().find(|(known, _)| known == name).map(|(_, path)| path.clone());
        other.or_else(|| Some(self.path.join(name))).filter(|path| path.is_file())
    }

    /// The first of these files that is there.
    pub fn first(&self, names: &[&str], what: &str) -> Result<PathBuf> {
        match names.iter().find_map(|name| self.find(name)) {
            Some(path) => Ok(path),
            None => {
                bail!(NotFound, "{}: has no {what}: none of {}", self.path.display(), super::options::listed(names))
            }
        }
    }

    /// The first of these JSON files that is there as the configuration, with the card's defaults beneath; the defaults
    /// alone if none is.
    pub fn config(&self, names: &[&str]) -> Result<Config> {
        let mut given = self.defaults.clone();
        let Some(path) = names.iter().find_map(|name| self.find(name)) else {
            if given.is_empty() {
                bail!(
                    NotFound,
                    "{}: has no configuration: none of {}",
                    self.path.display(),
                    super::options::listed(names)
                );
            }
            return Ok(Config::new(format!("the card of {}", self.path.display()), given));
        };
        match json(&path)? {
            Value::Object(read) => given.extend(read),
            _ => bail!(Config, "{}: is not a JSON object", path.display()),
        }
        Ok(Config::new(path.display().to_string(), given))
    }

    /// The weights: random ones if these are asked for; else model.safetensors, its shards, or the first of these files that is there.
    pub fn weights(&self, others: &[&str]) -> Result<WeightFile> {
        if let Some(seed) = self.load.random {
            return Ok(WeightFile::Drawn(Drawn::new(seed)));
        }
        let mut names = vec!["model.safetensors", "model.safetensors.index.json"];
        names.extend(others);
        WeightFile::open(&self.first(&names, "weights")?)
    }

    /// A dictionary from text to numbers: a JSON object, or a pickled dict, whose numbers may be numpy's. In the file's order.
    pub fn dictionary(&self, names: &[&str], what: &str) -> Result<Vec<(String, f64)>> {
        let path = self.first(names, what)?;
        let wrong = || {
            crate::Error::new(crate::ErrorKind::Config, format!("{}: is not a dictionary of numbers", path.display()))
        };
        if path.extension().is_some_and(|e| e == "json") {
            let Value::Object(items) = json(&path)? else { return Err(wrong()) };
            return items.into_iter().map(|(k, v)| v.as_f64().map(|v| (k, v)).ok_or_else(wrong)).collect();
        }
        let Tree::Dict(items) = super::weights::pickle::read(&path)? else { return Err(wrong()) };
        items
            .into_iter()
            .map(|item| match item {
                (Tree::Text(k), Tree::Int(v)) => Ok((k, v as f64)),
                (Tree::Text(k), Tree::Float(v)) => Ok((k, v)),
                _ => Err(wrong()),
            })
            .collect()
    }

    /// A dictionary from text to text: a JSON object, or a pickled dict.
    pub fn names(&self, names: &[&str], what: &str) -> Result<Vec<(String, String)>> {
        let path = self.first(names, what)?;
        let wrong =
            || crate::Error::new(crate::ErrorKind::Config, format!("{}: is not a dictionary of texts", path.display()));
        if path.extension().is_some_and(|e| e == "json") {
            let Value::Object(items) = json(&path)? else { return Err(wrong()) };
            return items.into_iter().map(|(k, v)| v.as_str().map(|v| (k, v.into())).ok_or_else(wrong)).collect();
        }
        let Tree::Dict(items) = super::weights::pickle::read(&path)? else { return Err(wrong()) };
        items
            .into_iter()
            .map(|item| match item {
                (Tree::Text(k), Tree::Text(v)) => Ok((k, v)),
                _ => Err(wrong()),
            })
            .collect()
    }
}

/// A JSON file.
pub fn json(path: &Path) -> Result<Value> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => bail!(Io, "{}: cannot be read: {error}", path.display()),
    };
    match serde_json::from_str(&text) {
        Ok(value) => Ok(value),
        Err(error) => bail!(Config, "{}: is not JSON: {error}", path.display()),
    }
}
