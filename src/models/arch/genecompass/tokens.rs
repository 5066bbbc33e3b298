//! GeneCompass' tokens: genes by rank value, as in Geneformer, and the value of each.
//!
//! As the original's preprocessing script has it (`preprocess/preprocess.py`): a count is divided by the gene's median over
//! the training corpus, 1 for a gene without a median, then `log2(1 + x)` is taken; genes are in descending order of that, at
//! most as many as the model has positions. The paper speaks of cells scaled to one total first, which the script has as a
//! comment: the option `target_sum` does it. What the script leaves out beforehand (cells far from the others in total or
//! mitochondrial counts, genes that are neither protein-coding nor miRNA) is the caller's to leave out. Equal values are in
//! the order of the columns; columns that are one gene are added up.

use crate::error::Result;
use crate::models::arch::bert::ranking::ranked;
use crate::models::cells::Cells;
use crate::models::folder::Folder;
use crate::models::genes::Vocabulary;
use crate::{bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

const TOKENS: &[&str] = &[
    "human_mouse_tokens.json",
    "human_mouse_tokens.pickle",
    "h&m_token1000W.pickle",
    "token_dictionary.json",
    "token_dictionary.pkl",
];
/// Of both species, or one file for each.
const MEDIANS: &[&str] = &["gene_median_dictionary.json", "gene_median_dictionary.pkl"];
const MEDIANS_OF_SPECIES: [&[&str]; 2] = [
    &["human_gene_median_after_filter.json", "human_gene_median_after_filter.pickle"],
    &["mouse_gene_median_after_filter.json", "mouse_gene_median_after_filter.pickle"],
];
/// Symbols and identifiers: which is which is seen from the token dictionary.
const SYMBOLS: &[&str] = &[
    "gene_name_id_dict.json",
    "gene_name_id_dict.pkl",
    "Gene_id_name_dict_human_mouse.pickle",
    "Gene_id_name_dict1.pickle",
    "Gene_id_name_dict.pickle",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Species {
    Human = 0,
    Mouse = 1,
}

impl Species {
    pub(crate) const ALL: [Self; 2] = [Self::Human, Self::Mouse];

    pub fn name(self) -> &'static str {
        ["human", "mouse"][self as usize]
    }

    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|species| species.name() == name) {
            Some(species) => Ok(species),
            None => bail!(InvalidArgument, "species: is {name:?}, must be \"human\" or \"mouse\""),
        }
    }

    /// As the input `species` numbers them.
    pub fn of(number: i64) -> Result<Self> {
        match number {
            0 => Ok(Self::Human),
            1 => Ok(Self::Mouse),
            _ => bail!(InvalidArgument, "inputs: \"species\" has {number}, must be 0 (human) or 1 (mouse)"),
        }
    }
}

pub struct Dictionaries {
    tokens: Vec<(String, f64)>,
    medians: Vec<(String, f64)>,
    /// From symbols to identifiers.
    symbols: Vec<(String, String)>,
}

impl Dictionaries {
    /// None where the folder has no token dictionary: such a model takes tokens only.
    pub fn read(folder: &Folder) -> Result<Option<Self>> {
        let there = |names: &[&str]| names.iter().any(|name| folder.find(name).is_some());
        if !there(TOKENS) {
            return Ok(None);
        }
        let tokens = folder.dictionary(TOKENS, "token dictionary")?;
        let mut medians = Vec::new();
        for names in MEDIANS_OF_SPECIES.into_iter().filter(|names| there(names)) {
            medians.extend(folder.dictionary(names, "dictionary of gene medians")?);
        }
        if medians.is_empty() {
            medians = folder.dictionary(
                &[MEDIANS, MEDIANS_OF_SPECIES[0], MEDIANS_OF_SPECIES[1]].concat(),
                "dictionary of gene medians",
            )?;
        }
        let pairs = if there(SYMBOLS) { folder.names(SYMBOLS, "dictionary of gene symbols")? } else { Vec::new() };
        let known: HashMap<&str, f64> = tokens.iter().map(|(name, token)| (name.as_str(), *token)).collect();
        let symbols = pairs.into_iter().filter_map(|(one, other)| {
            match (known.contains_key(one.as_str()), known.contains_key(other.as_str())) {
                (_, true) => Some((one, other)),
                (true, false) => Some((other, one)),
                (false, false) => None,
            }
        });
        Ok(Some(Self { symbols: symbols.collect(), medians, tokens }))
    }

    /// As JSON, under names that [`Dictionaries::read`] knows.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let tokens: Map<String, Value> = self.tokens.iter().map(|(name, x)| (name.clone(), json!(*x as i64))).collect();
        let medians: Map<String, Value> = self.medians.iter().map(|(name, x)| (name.clone(), json!(x))).collect();
        let symbols: Map<String, Value> = self.symbols.iter().map(|(name, id)| (name.clone(), json!(id))).collect();
        let mut files = vec![(TOKENS[0], tokens), (MEDIANS[0], medians)];
        if !symbols.is_empty() {
            files.push((SYMBOLS[0], symbols));
        }
        files.into_iter().map(|(name, items)| (name.into(), Value::Object(items).to_string().into_bytes())).collect()
    }
}

pub struct Tokenizer {
    /// Identifiers of the genes in the order of their tokens.
    pub genes: Vec<String>,
    pub tokens: Vec<u32>,
    medians: Vec<f64>,
    pub vocabulary: Vocabulary,
    /// Genes of a cell at most.
    positions: usize,
    pub dictionaries: Dictionaries,
}

impl Tokenizer {
    pub fn new(dictionaries: Dictionaries, vocabulary: usize, positions: usize) -> Result<Self> {
        let mut by_token: Vec<(u32, String)> = Vec::with_capacity(dictionaries.tokens.len());
        for (name, token) in &dictionaries.tokens {
            ensure!(
                token.fract() == 0.0 && (0.0..vocabulary as f64).contains(token),
                Config,
                "token dictionary: {name:?} is {token}, must be a whole number from 0 to {}, as \"vocab_size\" has it",
                vocabulary - 1
            );
            if !name.starts_with('<') {
                by_token.push((*token as u32, name.clone()));
            }
        }
        by_token.sort();
        let (tokens, genes): (Vec<u32>, Vec<String>) = by_token.into_iter().unzip();
        let known: HashMap<&str, f64> =
            dictionaries.medians.iter().map(|(name, median)| (name.as_str(), *median)).collect();
        if let Some((name, median)) = known.iter().find(|(_, median)| !(**median > 0.0 && median.is_finite())) {
            bail!(Config, "dictionary of gene medians: {name:?} is {median}, must be positive");
        }
        let medians = genes.iter().map(|name| known.get(name.as_str()).copied().unwrap_or(1.0)).collect();
        let numbers: HashMap<&str, usize> =
            genes.iter().enumerate().map(|(gene, name)| (name.as_str(), gene)).collect();
        let mut entries: Vec<(String, usize)> = genes.iter().cloned().zip(0..).collect();
        for (symbol, id) in &dictionaries.symbols {
            if let (None, Some(&gene)) = (numbers.get(symbol.as_str()), numbers.get(id.as_str())) {
                entries.push((symbol.clone(), gene));
            }
        }
        Ok(Self { vocabulary: Vocabulary::new(entries), genes, tokens, medians, positions, dictionaries })
    }

    /// A cell's tokens and their values; `target_sum` as the option says.
    pub fn cell(
        &self,
        cells: &Cells,
        cell: usize,
        genes: &[Option<usize>],
        target_sum: Option<f64>,
    ) -> (Vec<u32>, Vec<f32>) {
        let scale = target_sum.map_or(1.0, |target| {
            let mut total = 0.0;
            cells.for_each(cell, |_, count| total += count);
            target / total
        });
        let value = |gene: usize, count: f64| libm::log2(1.0 + count * scale / self.medians[gene]);
        let ranked = ranked(cells, cell, genes, value).into_iter().take(self.positions);
        ranked.map(|(gene, value)| (self.tokens[gene], value as f32)).unzip()
    }

    /// Of which species most of these genes are, by their Ensembl identifiers; human if they tie.
    pub fn species(&self, genes: &[Option<usize>]) -> Species {
        let found = genes.iter().flatten();
        let mouse = found.clone().filter(|&&gene| self.genes[gene].starts_with("ENSMUS")).count();
        if 2 * mouse > found.count() { Species::Mouse } else { Species::Human }
    }
}
