//! The registry: which models there are, and which one a name means. It is data: `models.json` beside this file, and the
//! user's own cards.
//!
//! A user's cards come from the files and folders that `SCNATIVE_MODELS` names (with colons between them; of a folder, its
//! `*.json`), and from [`register`]. A file holds one card, or a list of them. Where ids are equal, a card that was
//! registered wins over one of a file, and that over ours. Nothing here needs a network.
//!
//! A name means the card whose id or alias it is; capitals do not count, and `scgpt/human`, `scgpt.human` and
//! `scgpt_human` are `scgpt-human`.

mod card;
mod fields;

pub use card::{Card, CardFile, Licence, Source};

use super::likeness::changes;
use crate::error::{Error, ErrorKind, Result};
use crate::models::options::listed;
use crate::parallel::lock;
use crate::{bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

const OURS: &str = include_str!("models.json");

/// A file of cards may not be larger.
const LARGEST: u64 = 64 << 20;

/// Cards that were registered at run time, the latest first.
static REGISTERED: Mutex<Vec<Card>> = Mutex::new(Vec::new());

fn registered() -> MutexGuard<'static, Vec<Card>> {
    lock(&REGISTERED)
}

/// All cards, the user's before ours; an id comes once.
pub fn cards() -> Result<Vec<Card>> {
    let from_files = std::env::var("SCNATIVE_MODELS").unwrap_or_default();
    merged(registered().clone(), &from_files)
}

fn merged(registered: Vec<Card>, paths: &str) -> Result<Vec<Card>> {
    let mut all: Vec<Card> = Vec::new();
    let files = files_of(paths)?.into_iter().map(|path| read_file(&path)).collect::<Result<Vec<_>>>()?;
    let ours = parsed(OURS, "models.json", None)?;
    for card in registered.into_iter().chain(files.into_iter().flatten()).chain(ours) {
        if !all.iter().any(|known| plain(&known.id) == plain(&card.id)) {
            all.push(card);
        }
    }
    Ok(all)
}

/// The card that a name means, if there is one.
pub fn lookup(name: &str) -> Result<Option<Card>> {
    Ok(among(cards()?, name))
}

fn among(cards: Vec<Card>, name: &str) -> Option<Card> {
    let wanted = plain(name);
    let exact = cards.iter().position(|card| card.id == name);
    let alike = || cards.iter().position(|card| plain(&card.id) == wanted);
    let alias = || cards.iter().position(|card| card.aliases.iter().any(|alias| plain(alias) == wanted));
    let at = exact.or_else(alike).or_else(alias)?;
    cards.into_iter().nth(at)
}

/// The card that a name means; an error with the nearest names if there is none.
pub fn find(name: &str) -> Result<Card> {
    match lookup(name)? {
        Some(card) => Ok(card),
        None => Err(unknown(name)),
    }
}

/// The error for a name that no card has.
pub fn unknown(name: &str) -> Error {
    let cards = match cards() {
        Ok(cards) => cards,
        Err(error) => return error,
    };
    let near = nearest(&cards, name);
    let hint = if near.is_empty() { String::new() } else { format!("; the nearest names are {}", listed(&near)) };
    Error::new(
        ErrorKind::NotFound,
        format!("model: {name:?} is no registered model, no folder, and no repository (organisation/name){hint}"),
    )
}

/// The cards that are made of this repository, or of this folder of it.
pub fn of_repository(id: &str, subfolder: Option<&str>) -> Result<Vec<Card>> {
    let is_its = |card: &Card| match &card.source {
        Source::Repository { id: other, subfolder: other_folder, .. } => {
            other.eq_ignore_ascii_case(id) && (subfolder.is_none() || other_folder.as_deref() == subfolder)
        }
        _ => false,
    };
    Ok(cards()?.into_iter().filter(is_its).collect())
}

/// Adds cards for this process: JSON of one card, or of a list. A card of the same id is replaced. Gives their ids.
pub fn register(json: &str) -> Result<Vec<String>> {
    let cards = parsed(json, "card", None)?;
    let ids = cards.iter().map(|card| card.id.clone()).collect();
    let mut known = registered();
    for card in cards {
        known.retain(|other| plain(&other.id) != plain(&card.id));
        known.insert(0, card);
    }
    Ok(ids)
}

/// Removes a card that was registered in this process.
pub fn unregister(id: &str) -> Result<()> {
    let mut known = registered();
    let before = known.len();
    known.retain(|card| plain(&card.id) != plain(id));
    ensure!(known.len() < before, NotFound, "id: {id:?} was not registered in this process");
    Ok(())
}

/// A name as it is compared: small letters, `-` for each sign that stands between words.
fn plain(name: &str) -> String {
    name.trim().chars().map(|c| if "/._ ".contains(c) { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// At most three ids near a name, the nearest first.
fn nearest(cards: &[Card], name: &str) -> Vec<String> {
    let wanted = plain(name);
    let letters: Vec<char> = wanted.chars().collect();
    let allowed = (letters.len() / 2).max(2);
    let mut near: Vec<(usize, &str)> = cards
        .iter()
        .filter_map(|card| {
            let names = std::iter::once(&card.id).chain(&card.aliases).map(|known| plain(known));
            let least = names
                .map(|known| if known.contains(&wanted) && wanted.len() > 2 { 1 } else { changes(&letters, &known) })
                .min()?;
            (least <= allowed).then_some((least, card.id.as_str()))
        })
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, id)| id.to_string()).collect()
}

/// The files that a list of paths names.
fn files_of(paths: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths.split(':').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from) {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let inside = match fs::read_dir(&path) {
            Ok(inside) => inside,
            Err(error) => bail!(Io, "SCNATIVE_MODELS: {} cannot be read: {error}", path.display()),
        };
        let mut cards: Vec<PathBuf> = inside
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file() && path.extension().is_some_and(|e| e == "json"))
            .collect();
        cards.sort();
        files.extend(cards);
    }
    Ok(files)
}

fn read_file(path: &Path) -> Result<Vec<Card>> {
    let size = fs::metadata(path).map_or(0, |found| found.len());
    ensure!(size <= LARGEST, Config, "{}: has {size} bytes, a file of cards may have {LARGEST}", path.display());
    match fs::read_to_string(path) {
        Ok(text) => parsed(&text, &path.display().to_string(), path.parent()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!(NotFound, "SCNATIVE_MODELS: {} does not exist", path.display())
        }
        Err(error) => bail!(Io, "SCNATIVE_MODELS: {} cannot be read: {error}", path.display()),
    }
}

/// One card, or a list of them.
fn parsed(text: &str, origin: &str, folder: Option<&Path>) -> Result<Vec<Card>> {
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => bail!(Config, "{origin}: is not JSON: {error}"),
    };
    let cards: Vec<Card> = match &value {
        Value::Array(items) => items.iter().map(|item| Card::read(item, origin, folder)).collect::<Result<_>>()?,
        one => vec![Card::read(one, origin, folder)?],
    };
    for (i, card) in cards.iter().enumerate() {
        let twice = cards[..i].iter().any(|other| plain(&other.id) == plain(&card.id));
        ensure!(!twice, Config, "{origin}: the id {:?} is there twice", card.id);
    }
    Ok(cards)
}

#[cfg(test)]
mod tests;
