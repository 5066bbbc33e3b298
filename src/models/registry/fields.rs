//! The fields of a JSON object of a card, each asked for once: one that nobody asks for is an error.

use crate::bail;
use crate::error::Result;
use crate::models::options::listed;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub struct Fields<'a> {
    /// What messages call it.
    pub name: String,
    given: &'a Map<String, Value>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Fields<'a> {
    pub fn of(value: &'a Value, name: &str) -> Result<Self> {
        match value {
            Value::Object(given) => Ok(Self { name: name.into(), given, asked: Default::default() }),
            other => bail!(Config, "{name}: is {other}, must be a JSON object"),
        }
    }

    pub fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.asked.borrow_mut().insert(key);
        self.given.get(key)
    }

    fn read<T>(&self, key: &'static str, kind: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>> {
        match self.value(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => bail!(Config, "{}: {key:?} is {value}, must be {kind}", self.name),
            },
        }
    }

    pub fn maybe_text(&self, key: &'static str) -> Result<Option<String>> {
        self.read(key, "text", |v| v.as_str().map(String::from))
    }

    pub fn text(&self, key: &'static str) -> Result<String> {
        match self.maybe_text(key)? {
            Some(text) => Ok(text),
            None => bail!(Config, "{}: has no {key:?}, which must be text", self.name),
        }
    }

    pub fn texts(&self, key: &'static str) -> Result<Vec<String>> {
        let read = |v: &Value| v.as_array()?.iter().map(|item| item.as_str().map(String::from)).collect();
        Ok(self.read(key, "a list of texts", read)?.unwrap_or_default())
    }

    pub fn maybe_size(&self, key: &'static str) -> Result<Option<u64>> {
        self.read(key, "a whole number from 0 on", Value::as_u64)
    }

    pub fn flag(&self, key: &'static str) -> Result<bool> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    pub fn object(&self, key: &'static str) -> Result<Map<String, Value>> {
        Ok(self.read(key, "an object", |v| v.as_object().cloned())?.unwrap_or_default())
    }

    pub fn objects(&self, key: &'static str) -> Result<&'a [Value]> {
        Ok(self.read(key, "a list of objects", |v| v.as_array().map(Vec::as_slice))?.unwrap_or_default())
    }

    pub fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        match self.given.keys().find(|key| !asked.contains(key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let known: Vec<&str> = asked.iter().copied().collect();
                bail!(Config, "{}: has the key {key:?}, which no card has; there are {}", self.name, listed(&known))
            }
        }
    }
}
