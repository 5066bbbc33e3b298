//! A model's files on disk.

use super::config::Config;
use super::options::Options;
use super::weights::WeightFile;
use super::weights::drawn::Drawn;
use super::weights::value::Value as Tree;
use crate::error::Result;
use crate::{bail, ensure};
use candle_core::DType;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a JSON file: several times those of the largest vocabulary.
const JSON: u64 = 256 << 20;

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
        self.pairs(
            names,
            what,
            "numbers",
            |value| value.as_f64(),
            |value| match value {
                Tree::Int(x) => Some(x as f64),
                Tree::Float(x) => Some(x),
                _ => None,
            },
        )
    }

    /// A dictionary from text to text: a JSON object, or a pickled dict.
    pub fn names(&self, names: &[&str], what: &str) -> Result<Vec<(String, String)>> {
        self.pairs(
            names,
            what,
            "texts",
            |value| value.as_str().map(Into::into),
            |value| match value {
                Tree::Text(text) => Some(text),
                _ => None,
            },
        )
    }

    /// A dictionary whose values are read by the one function from JSON, by the other from a pickle.
    fn pairs<T>(
        &self,
        names: &[&str],
        what: &str,
        values: &str,
        written: impl Fn(&Value) -> Option<T>,
        pickled: impl Fn(Tree) -> Option<T>,
    ) -> Result<Vec<(String, T)>> {
        let path = self.first(names, what)?;
        let pairs: Option<Vec<_>> = if path.extension().is_some_and(|e| e == "json") {
            match json(&path)? {
                Value::Object(items) => items.into_iter().map(|(k, v)| Some((k, written(&v)?))).collect(),
                _ => None,
            }
        } else {
            let pair = |(key, value)| if let Tree::Text(key) = key { Some((key, pickled(value)?)) } else { None };
            match super::weights::pickle::read(&path)? {
                Tree::Dict(items) => items.into_iter().map(pair).collect(),
                _ => None,
            }
        };
        match pairs {
            Some(pairs) => Ok(pairs),
            None => bail!(Config, "{}: is not a dictionary of {values}", path.display()),
        }
    }
}

/// A JSON file of at most [`JSON`] bytes.
pub fn json(path: &Path) -> Result<Value> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(JSON + 1).read_to_string(&mut text));
    ensure!(text.len() as u64 <= JSON, Config, "{}: has more than {JSON} bytes, the limit of JSON", path.display());
    if let Err(error) = read {
        bail!(Io, "{}: cannot be read: {error}", path.display());
    }
    match serde_json::from_str(&text) {
        Ok(value) => Ok(value),
        Err(error) => bail!(Config, "{}: is not JSON: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_limit() {
        let path = std::env::temp_dir().join(format!("scnative-json-{}.json", std::process::id()));
        File::create(&path).unwrap().set_len(JSON + 10).unwrap();
        let error = json(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(error.message.contains("the limit of JSON"), "{error}");
    }
}
