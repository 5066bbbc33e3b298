//! A family's options, by name, as JSON: each is asked for once, and one that nobody asked for is an error.

use crate::bail;
use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The largest whole number: up to 2^53 each is also a floating-point number.
const MOST: u64 = 1 << 53;

/// Options as the caller gave them. Ask for each with its default, then call [`Options::finish`].
#[derive(Default)]
pub struct Options {
    given: Map<String, Value>,
    asked: RefCell<BTreeSet<String>>,
}

impl Options {
    /// From the text of a JSON object; empty text is no options.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(given)) => Ok(given.into()),
            Ok(other) => bail!(InvalidArgument, "options: is {other}, must be a JSON object"),
            Err(error) => bail!(InvalidArgument, "options: is not JSON: {error}"),
        }
    }

    /// The option as it was given, null included.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.asked.borrow_mut().insert(name.into());
        self.given.get(name)
    }

    fn given<T>(&self, name: &str, kind: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>> {
        match self.value(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => bail!(InvalidArgument, "{name}: is {value}, must be {kind}"),
            },
        }
    }

    pub fn text(&self, name: &str) -> Result<Option<String>> {
        self.given(name, "text", |v| v.as_str().map(Into::into))
    }

    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>> {
        self.given(name, "a list of texts", |v| {
            v.as_array()?.iter().map(|item| item.as_str().map(Into::into)).collect()
        })
    }

    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        self.given(name, "a number", Value::as_f64)
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.given(name, "a whole number of at most 2^53", |v| {
            // Beyond 2^53 a number with a point does not say which whole number it is.
            let whole = |x: &f64| x.fract() == 0.0 && x.abs() <= MOST as f64;
            let read = v.as_i64().or_else(|| v.as_f64().filter(whole).map(|x| x as i64))?;
            (read.unsigned_abs() <= MOST).then_some(read)
        })
    }

    /// A whole number from 0 on.
    pub fn size(&self, name: &str) -> Result<Option<usize>> {
        match self.integer(name)? {
            Some(n) if n < 0 => bail!(InvalidArgument, "{name}: is {n}, must not be negative"),
            n => Ok(n.map(|n| n as usize)),
        }
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.given(name, "true or false", Value::as_bool)
    }

    /// One of some words; the first is the default.
    pub fn choice<'a>(&self, name: &str, choices: &[&'a str]) -> Result<&'a str> {
        let Some(text) = self.text(name)? else { return Ok(choices[0]) };
        match choices.iter().find(|&&choice| choice == text) {
            Some(choice) => Ok(choice),
            None => bail!(InvalidArgument, "{name}: is {text:?}, must be one of {}", listed(choices)),
        }
    }

    /// Those that nobody has asked for yet, for the next in line; here they count as asked for.
    pub fn rest(&self) -> Self {
        let mut asked = self.asked.borrow_mut();
        let rest: Map<String, Value> = self
            .given
            .iter()
            .filter(|(name, _)| !asked.contains(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        asked.extend(rest.keys().cloned());
        rest.into()
    }

    /// Fails if there is an option that was not asked for, naming it and those that were.
    pub fn finish(&self) -> Result<()> {
        let asked = self.asked.borrow();
        match self.given.keys().find(|name| !asked.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let known: Vec<&str> = asked.iter().map(String::as_str).collect();
                Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{name}: is no option here; there are {}", listed(&known)),
                ))
            }
        }
    }
}

impl From<Map<String, Value>> for Options {
    fn from(given: Map<String, Value>) -> Self {
        Self { given, asked: Default::default() }
    }
}

/// `"a", "b" or "c"`.
pub fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{:?}", word.as_ref())).collect();
    match quoted.split_last() {
        None => "none".into(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_or_refused() {
        let read = |text: &str| Options::parse(&format!("{{\"n\": {text}}}")).unwrap().integer("n");
        assert_eq!(read("9007199254740992").unwrap(), Some(1 << 53));
        assert_eq!(read("-3.0").unwrap(), Some(-3));
        for wrong in ["18446744073709551615", "9007199254740994", "1e300", "-1e300", "0.5"] {
            assert!(read(wrong).is_err_and(|e| e.message.contains("must be a whole number")), "{wrong}");
        }
    }
}
