//! config.json, read with every key accounted for.

use super::options::listed;
use crate::bail;
use crate::error::Result;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

/// A configuration that is being read. Ask for each key with its default, then call [`Config::finish`]: a key that was
/// not asked for, and that upstream's own tools do not write, is an error, since a setting that is not understood changes
/// what a model computes.
pub struct Config {
    /// What messages call it: the file's path.
    pub name: String,
    given: Map<String, Value>,
    asked: RefCell<BTreeSet<String>>,
    /// As read, defaults filled in.
    filled: RefCell<Map<String, Value>>,
}

/// What the tools that save models write into any config.json, and what no forward pass depends on.
const UPSTREAM: &[&str] = &[
    "_name_or_path",
    "architectures",
    "model_type",
    "torch_dtype",
    "dtype",
    "transformers_version",
    "_attn_implementation_autoset",
    "scnative_version",
];

impl Config {
    pub fn new(name: impl Into<String>, given: Map<String, Value>) -> Self {
        Self { name: name.into(), given, asked: Default::default(), filled: Default::default() }
    }

    pub fn read(path: &Path) -> Result<Self> {
        match super::folder::json(path)? {
            Value::Object(given) => Ok(Self::new(path.display().to_string(), given)),
            _ => bail!(Config, "{}: is not a JSON object", path.display()),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    /// The value as it stands, null included.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.asked.borrow_mut().insert(key.into());
        let value = self.given.get(key);
        if let Some(value) = value {
            self.filled.borrow_mut().insert(key.into(), value.clone());
        }
        value
    }

    fn get<T: Clone + Into<Value>>(
        &self,
        key: &str,
        default: Option<T>,
        kind: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T> {
        match (self.value(key), default) {
            (None | Some(Value::Null), Some(default)) => {
                self.filled.borrow_mut().insert(key.into(), default.clone().into());
                Ok(default)
            }
            (None | Some(Value::Null), None) => bail!(Config, "{}: has no {key:?}, which must be {kind}", self.name),
            (Some(value), _) => match read(value) {
                Some(read) => Ok(read),
                None => bail!(Config, "{}: {key:?} is {value}, must be {kind}", self.name),
            },
        }
    }

    /// A whole number from 0 on. Without a default it must be there.
    pub fn size(&self, key: &str, default: impl Into<Option<usize>>) -> Result<usize> {
        self.get(key, default.into(), "a whole number from 0 on", |v| v.as_u64().map(|n| n as usize))
    }

    pub fn number(&self, key: &str, default: impl Into<Option<f64>>) -> Result<f64> {
        self.get(key, default.into(), "a number", Value::as_f64)
    }

    pub fn flag(&self, key: &str, default: impl Into<Option<bool>>) -> Result<bool> {
        self.get(key, default.into(), "true or false", Value::as_bool)
    }

    pub fn text(&self, key: &str, default: Option<&str>) -> Result<String> {
        self.get(key, default.map(String::from), "text", |v| v.as_str().map(Into::into))
    }

    /// One of some words. Without a default it must be there.
    pub fn choice<'a>(&self, key: &str, choices: &[&'a str], default: Option<&str>) -> Result<&'a str> {
        let text = self.text(key, default)?;
        match choices.iter().find(|&&choice| choice == text) {
            Some(choice) => Ok(choice),
            None => bail!(Config, "{}: {key:?} is {text:?}, must be {}", self.name, listed(choices)),
        }
    }

    /// An object within, named for its messages; empty if it is not there.
    pub fn section(&self, key: &str) -> Result<Config> {
        match self.value(key) {
            None | Some(Value::Null) => Ok(Config::new(format!("{}: {key}", self.name), Map::new())),
            Some(Value::Object(inner)) => Ok(Config::new(format!("{}: {key}", self.name), inner.clone())),
            Some(other) => bail!(Config, "{}: {key:?} is {other}, must be an object", self.name),
        }
    }

    /// Checks that no key is left. `ignored` are keys that upstream writes and that a forward pass does not depend on:
    /// names, or beginnings that end in `*`.
    pub fn finish(&self, ignored: &[&str]) -> Result<()> {
        let asked = self.asked.borrow();
        let known = |key: &String| {
            asked.contains(key)
                || UPSTREAM.contains(&key.as_str())
                || ignored.iter().any(|name| match name.strip_suffix('*') {
                    Some(beginning) => key.starts_with(beginning),
                    None => key == name,
                })
        };
        match self.given.keys().find(|key| !known(key)) {
            None => Ok(()),
            Some(key) => bail!(
                Config,
                "{}: has the key {key:?}, which is none of this family's; they are {}",
                self.name,
                listed(&asked.iter().collect::<Vec<_>>())
            ),
        }
    }

    /// The configuration as it was read, for `export`: all keys of the family with the defaults filled in.
    pub fn filled(&self, model_type: &str) -> Value {
        let mut filled = Map::new();
        filled.insert("model_type".into(), json!(model_type));
        for (key, value) in self.filled.borrow().iter() {
            filled.insert(key.clone(), value.clone());
        }
        Value::Object(filled)
    }
}
