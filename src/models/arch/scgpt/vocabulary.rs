//! The tokens: genes by name, and a few that are none.

use super::config::Settings;
use crate::error::Result;
use crate::models::folder::Folder;
use crate::models::genes::Vocabulary;
use crate::{bail, ensure};
use serde_json::{Map, Value};

/// Tokens that the original adds to a vocabulary that lacks them, in this order.
const SPECIAL: [&str; 3] = ["<pad>", "<cls>", "<eoc>"];

pub struct Tokens {
    /// All of them, by their number.
    all: Vec<(String, u32)>,
    /// Those that are genes.
    pub genes: Vocabulary,
    pub pad: u32,
    /// What a cell's tokens begin with.
    pub cls: Option<u32>,
}

impl Tokens {
    /// From `vocab.json`: a number below `ntoken` for each token.
    pub fn read(folder: &Folder, settings: &Settings) -> Result<Self> {
        const FILE: &str = "vocab.json";
        let mut all: Vec<(String, u32)> = Vec::new();
        for (token, id) in folder.dictionary(&[FILE], "vocabulary")? {
            ensure!(
                id >= 0.0 && id.fract() == 0.0 && id < settings.ntoken as f64,
                Config,
                "{FILE}: the number of {token:?} is {id}, must be whole and below {}, the rows of the table of genes",
                settings.ntoken
            );
            all.push((token, id as u32));
        }
        all.sort_by_key(|&(_, id)| id);
        if let Some(pair) = all.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            bail!(Config, "{FILE}: {:?} and {:?} have the same number {}", pair[0].0, pair[1].0, pair[0].1);
        }
        for token in SPECIAL {
            let next = all.last().map_or(0, |&(_, id)| id + 1);
            if all.iter().all(|(known, _)| known != token) && (next as usize) < settings.ntoken {
                all.push((token.into(), next));
            }
        }
        let id_of = |token: &str| all.iter().find(|(known, _)| known == token).map(|&(_, id)| id);
        let pad = match (settings.pad_token_id, id_of(&settings.pad_token)) {
            (Some(given), Some(found)) if given != found as usize => {
                bail!(
                    Config,
                    "{FILE}: {:?} is {found}, the configuration's \"pad_token_id\" {given}",
                    settings.pad_token
                )
            }
            (_, Some(found)) => found,
            (Some(given), None) => {
                ensure!(
                    given < settings.ntoken,
                    Config,
                    "config: \"pad_token_id\" is {given}, must be below {}, the rows of the table of genes",
                    settings.ntoken
                );
                given as u32
            }
            (None, None) => bail!(Config, "{FILE}: has no {:?}, the token of padding", settings.pad_token),
        };
        let cls = id_of("<cls>");
        let genes = all.iter().filter(|(token, id)| *id != pad && !is_special(token));
        let genes = Vocabulary::new(genes.map(|(gene, id)| (gene.clone(), *id as usize)));
        Ok(Self { all, genes, pad, cls })
    }

    /// The genes and their numbers, by number.
    pub fn genes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.all
            .iter()
            .filter(|(token, id)| *id != self.pad && !is_special(token))
            .map(|(token, id)| (token.as_str(), *id))
    }

    /// As `vocab.json` holds it.
    pub fn json(&self) -> Value {
        Value::Object(self.all.iter().map(|(token, id)| (token.clone(), (*id).into())).collect::<Map<_, _>>())
    }
}

fn is_special(token: &str) -> bool {
    token.starts_with('<') && token.ends_with('>')
}
