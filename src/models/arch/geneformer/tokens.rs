//! Geneformer's tokenizer: a cell as its genes by rank value, the gene that is highest beside its median first.
//!
//! The value of a gene is `count / n_counts * 10 000 / median`, where the median is that of the gene over the cells of the
//! training corpus that express it. Differences from the original's TranscriptomeTokenizer: equal values are in the order of
//! the columns (its sort is not stable), and columns that are one gene are always added up, which it does for V2 alone (V1
//! would have the token twice).

use super::config::Settings;
use crate::error::Result;
use crate::models::arch::bert::ranking::ranked;
use crate::models::cells::Cells;
use crate::models::folder::Folder;
use crate::models::genes::Vocabulary;
use crate::{bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const TOKENS: &[&str] =
    &["token_dictionary.json", "token_dictionary.pkl", "token_dictionary_gc104M.pkl", "token_dictionary_gc30M.pkl"];
const MEDIANS: &[&str] = &[
    "gene_median_dictionary.json",
    "gene_median_dictionary.pkl",
    "gene_median_dictionary_gc104M.pkl",
    "gene_median_dictionary_gc30M.pkl",
];
const RETIRED: &[&str] = &[
    "ensembl_mapping_dict.json",
    "ensembl_mapping_dict.pkl",
    "ensembl_mapping_dict_gc104M.pkl",
    "ensembl_mapping_dict_gc30M.pkl",
];
const SYMBOLS: &[&str] =
    &["gene_name_id_dict.json", "gene_name_id_dict.pkl", "gene_name_id_dict_gc104M.pkl", "gene_name_id_dict_gc30M.pkl"];

/// The published dictionaries, in their own order.
pub struct Dictionaries {
    pub tokens: Vec<(String, f64)>,
    pub medians: Vec<(String, f64)>,
    /// From an Ensembl identifier, retired or not, to the one that is in use.
    pub retired: Option<Vec<(String, String)>>,
    /// From a gene's symbol to its Ensembl identifier.
    pub symbols: Option<Vec<(String, String)>>,
}

impl Dictionaries {
    /// None where the folder has no token dictionary: such a model takes tokens only.
    pub fn read(folder: &Folder) -> Result<Option<Self>> {
        let there = |names: &[&str]| names.iter().any(|name| folder.find(name).is_some());
        let maybe = |names: &[&str], what: &str| there(names).then(|| folder.names(names, what)).transpose();
        if !there(TOKENS) {
            return Ok(None);
        }
        Ok(Some(Self {
            tokens: folder.dictionary(TOKENS, "token dictionary")?,
            medians: folder.dictionary(MEDIANS, "dictionary of gene medians")?,
            retired: maybe(RETIRED, "mapping of Ensembl identifiers")?,
            symbols: maybe(SYMBOLS, "dictionary of gene symbols")?,
        }))
    }

    /// As JSON, under the first of the names that [`Dictionaries::read`] knows.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let numbers = |items: &[(String, f64)]| -> Map<String, Value> {
            let number = |x: f64| if x.fract() == 0.0 && x.abs() < 1e15 { json!(x as i64) } else { json!(x) };
            items.iter().map(|(name, x)| (name.clone(), number(*x))).collect()
        };
        let texts = |items: &[(String, String)]| -> Map<String, Value> {
            items.iter().map(|(name, other)| (name.clone(), json!(other))).collect()
        };
        let mut files = vec![(TOKENS[0], numbers(&self.tokens)), (MEDIANS[0], numbers(&self.medians))];
        files.extend(self.retired.as_deref().map(|items| (RETIRED[0], texts(items))));
        files.extend(self.symbols.as_deref().map(|items| (SYMBOLS[0], texts(items))));
        Ok(files
            .into_iter()
            .map(|(name, items)| (name.into(), Value::Object(items).to_string().into_bytes()))
            .collect())
    }
}

/// `<cls>` and `<eos>`, between which V2 has a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specials {
    pub cls: u32,
    pub eos: u32,
}

impl Specials {
    /// As in the published dictionaries.
    pub(crate) const PUBLISHED: Self = Self { cls: 2, eos: 3 };

    pub fn is(self, token: u32) -> bool {
        token == self.cls || token == self.eos
    }
}

pub struct Tokenizer {
    /// Identifiers of the genes in the order of their tokens.
    pub genes: Vec<String>,
    /// The token of each gene.
    pub tokens: Vec<u32>,
    /// The gene of each token.
    gene_of: HashMap<u32, usize>,
    medians: Vec<f64>,
    /// Genes that have a median, by identifier, retired identifier and symbol.
    pub vocabulary: Vocabulary,
    pub specials: Option<Specials>,
    input_size: usize,
    target_sum: f64,
    pub dictionaries: Dictionaries,
}

impl Tokenizer {
    pub fn new(dictionaries: Dictionaries, settings: &Settings) -> Result<Self> {
        let mut by_token: Vec<(u32, String)> = Vec::with_capacity(dictionaries.tokens.len());
        for (name, token) in &dictionaries.tokens {
            ensure!(
                token.fract() == 0.0 && (0.0..settings.shape.vocabulary as f64).contains(token),
                Config,
                "token dictionary: {name:?} is {token}, must be a whole number from 0 to {}, as \"vocab_size\" has it",
                settings.shape.vocabulary - 1
            );
            by_token.push((*token as u32, name.clone()));
        }
        by_token.sort();
        if let Some(twice) = by_token.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            bail!(Config, "token dictionary: {:?} and {:?} are both {}", twice[0].1, twice[1].1, twice[0].0);
        }
        let special = |name: &str| by_token.iter().find(|(_, other)| other == name).map(|(token, _)| *token);
        let both = special("<cls>").zip(special("<eos>")).map(|(cls, eos)| Specials { cls, eos });
        let specials = if settings.special_token == Some(false) { None } else { both };
        ensure!(
            settings.special_token != Some(true) || specials.is_some(),
            Config,
            "special_token: is true, but the token dictionary has no \"<cls>\" and \"<eos>\""
        );
        by_token.retain(|(_, name)| !name.starts_with('<'));
        let known: HashMap<&str, f64> =
            dictionaries.medians.iter().map(|(name, median)| (name.as_str(), *median)).collect();
        let medians: Vec<f64> =
            by_token.iter().map(|(_, name)| known.get(name.as_str()).copied().unwrap_or(f64::NAN)).collect();
        let (tokens, genes): (Vec<u32>, Vec<String>) = by_token.into_iter().unzip();
        Ok(Self {
            vocabulary: vocabulary(&genes, &medians, &dictionaries, settings.collapse),
            gene_of: tokens.iter().enumerate().map(|(gene, &token)| (token, gene)).collect(),
            genes,
            tokens,
            medians,
            specials,
            input_size: settings.input_size,
            target_sum: settings.target_sum,
            dictionaries,
        })
    }

    /// The number, in [`Tokenizer::genes`], of a token's gene; none for a special token.
    pub fn gene(&self, token: u32) -> Option<usize> {
        self.gene_of.get(&token).copied()
    }

    /// A cell's tokens; none if it has none of the genes. `genes` has the gene of each column, `total` is the cell's count.
    pub fn cell(&self, cells: &Cells, cell: usize, genes: &[Option<usize>], total: f64) -> Vec<u32> {
        let value = |gene: usize, count: f64| count / total * self.target_sum / self.medians[gene];
        let tokens = ranked(cells, cell, genes, value).into_iter().map(|(gene, _)| self.tokens[gene]);
        self.enclosed(tokens)
    }

    /// Tokens of genes cropped to the input size, between the special tokens; none of no genes.
    fn enclosed(&self, genes: impl Iterator<Item = u32>) -> Vec<u32> {
        let Some(Specials { cls, eos }) = self.specials else { return genes.take(self.input_size).collect() };
        let genes: Vec<u32> = genes.take(self.input_size - 2).collect();
        if genes.is_empty() { genes } else { [cls].into_iter().chain(genes).chain([eos]).collect() }
    }
}

/// By identifier, by retired identifier and by symbol. What the mapping says of an identifier goes before the dictionary, as
/// in the original, which maps first; symbols are what neither of them knows.
fn vocabulary(genes: &[String], medians: &[f64], dictionaries: &Dictionaries, collapse: bool) -> Vocabulary {
    let own: HashMap<&str, usize> = genes
        .iter()
        .enumerate()
        .filter(|&(gene, _)| medians[gene] > 0.0)
        .map(|(gene, name)| (name.as_str(), gene))
        .collect();
    let retired = dictionaries.retired.as_deref().filter(|_| collapse).unwrap_or_default();
    let mapped: HashMap<&str, usize> =
        retired.iter().filter_map(|(name, other)| own.get(other.as_str()).map(|&gene| (name.as_str(), gene))).collect();
    let find = |name: &str| mapped.get(name).or_else(|| own.get(name)).copied();
    let spelt = genes.iter().chain(retired.iter().map(|(name, _)| name));
    let mut entries: Vec<(String, usize)> = spelt.filter_map(|name| Some((name.clone(), find(name)?))).collect();
    for (symbol, name) in dictionaries.symbols.as_deref().unwrap_or_default() {
        if let (None, Some(gene)) = (find(symbol), find(name)) {
            entries.push((symbol.clone(), gene));
        }
    }
    Vocabulary::new(entries)
}
