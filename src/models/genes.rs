//! The genes of a matrix in a model's vocabulary.

use super::options::Options;
use crate::error::Result;
use crate::{bail, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A model's genes, with what other spellings they are found by.
pub struct Vocabulary {
    rows: HashMap<String, usize>,
    /// In capitals -> row, where one gene alone is spelt so.
    capitals: HashMap<String, Option<usize>>,
    first: Option<String>,
    genes: usize,
}

impl Vocabulary {
    /// From the names and what the model calls them: `rows` need neither be dense nor in order.
    pub fn new(genes: impl IntoIterator<Item = (String, usize)>) -> Self {
        let mut vocabulary = Self { rows: HashMap::new(), capitals: HashMap::new(), first: None, genes: 0 };
        let mut seen = HashSet::new();
        for (gene, row) in genes {
            vocabulary.first.get_or_insert_with(|| gene.clone());
            vocabulary
                .capitals
                .entry(gene.to_uppercase())
                .and_modify(|known| *known = known.filter(|&other| other == row))
                .or_insert(Some(row));
            vocabulary.rows.insert(gene, row);
            seen.insert(row);
        }
        vocabulary.genes = seen.len();
        vocabulary
    }

    /// How many genes there are, however many spellings each has.
    pub fn len(&self) -> usize {
        self.genes
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row of a gene spelt exactly so.
    pub fn row(&self, gene: &str) -> Option<usize> {
        self.rows.get(gene).copied()
    }

    /// The row of a gene, and which rule found it: alias, exact, Ensembl version, case.
    fn find(&self, gene: &str, aliases: &BTreeMap<String, String>) -> Option<(usize, Rule)> {
        if let Some(row) = aliases.get(gene).and_then(|other| self.row(other)) {
            return Some((row, Rule::Alias));
        }
        if let Some(row) = self.row(gene) {
            return Some((row, Rule::Exact));
        }
        if let Some(row) = unversioned(gene).and_then(|bare| self.row(bare)) {
            return Some((row, Rule::Version));
        }
        let row = self.capitals.get(&gene.to_uppercase()).copied().flatten()?;
        Some((row, Rule::Case))
    }
}

/// `ENSG00000139618.15` without its `.15`; none for what is no Ensembl identifier with a version.
pub fn unversioned(gene: &str) -> Option<&str> {
    let (bare, version) = gene.rsplit_once('.')?;
    let numbered = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    let ensembl = bare.len() > 11 && bare.starts_with("ENS") && bare.ends_with(|c: char| c.is_ascii_digit());
    (numbered && ensembl).then_some(bare)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Alias,
    Exact,
    Version,
    Case,
}

/// How the columns of a matrix map to a vocabulary.
pub struct Mapping {
    /// For each column the model's row, or none.
    pub rows: Vec<Option<usize>>,
    matched: [usize; 4],
    unmatched: Vec<String>,
    /// A gene of the vocabulary and the columns that are it, where there are several.
    duplicates: Vec<(String, usize)>,
    vocabulary: usize,
}

/// How genes are mapped: the part of the options that every family's `embed` has.
pub struct Matching {
    /// From the matrix' names to the model's.
    pub aliases: BTreeMap<String, String>,
    /// The least part of the matrix' genes that must be found, 0 to 1.
    pub min_matched: f64,
}

impl Matching {
    /// Options `aliases` (an object, none by default) and `min_matched` (0.0: one gene is enough).
    pub fn from(options: &Options) -> Result<Self> {
        let aliases = match options.value("aliases") {
            None | Some(Value::Null) => BTreeMap::new(),
            Some(Value::Object(table)) => table
                .iter()
                .map(|(name, other)| match other.as_str() {
                    Some(other) => Ok((name.clone(), other.to_string())),
                    None => bail!(InvalidArgument, "aliases: {name:?} is {other}, must be text"),
                })
                .collect::<Result<_>>()?,
            Some(other) => bail!(InvalidArgument, "aliases: is {other}, must be an object of names"),
        };
        let min_matched = options.number("min_matched")?.unwrap_or(0.0);
        ensure!(
            (0.0..=1.0).contains(&min_matched),
            InvalidArgument,
            "min_matched: is {min_matched}, must be from 0 to 1"
        );
        Ok(Self { aliases, min_matched })
    }
}

impl Mapping {
    /// Maps each of `genes`. Several columns may be one gene of the vocabulary: all of them are mapped to it.
    pub fn new(genes: &[String], vocabulary: &Vocabulary, matching: &Matching) -> Result<Self> {
        let mut mapping = Self {
            rows: Vec::with_capacity(genes.len()),
            matched: [0; 4],
            unmatched: Vec::new(),
            duplicates: Vec::new(),
            vocabulary: vocabulary.len(),
        };
        let mut columns: HashMap<usize, (usize, usize)> = HashMap::new();
        for (column, gene) in genes.iter().enumerate() {
            match vocabulary.find(gene, &matching.aliases) {
                Some((row, rule)) => {
                    mapping.matched[rule as usize] += 1;
                    columns.entry(row).or_insert((column, 0)).1 += 1;
                    mapping.rows.push(Some(row));
                }
                None => {
                    mapping.unmatched.push(gene.clone());
                    mapping.rows.push(None);
                }
            }
        }
        let mut twice: Vec<_> = columns.into_values().filter(|&(_, n)| n > 1).collect();
        twice.sort_unstable();
        mapping.duplicates = twice.into_iter().map(|(column, n)| (genes[column].clone(), n)).collect();
        mapping.check(genes, vocabulary, matching)?;
        Ok(mapping)
    }

    fn check(&self, genes: &[String], vocabulary: &Vocabulary, matching: &Matching) -> Result<()> {
        let found = self.n_matched();
        let part = found as f64 / genes.len().max(1) as f64;
        if found > 0 && part >= matching.min_matched {
            return Ok(());
        }
        let example = |names: Option<&String>| names.map_or("none".into(), |name| format!("{name:?}"));
        bail!(
            Vocabulary,
            "genes: {found} of {} are in the model's vocabulary of {}, which is {part:.3}, must be {}; the matrix has names like {}, the \
             model like {}",
            genes.len(),
            vocabulary.len(),
            if matching.min_matched > 0.0 { format!("at least {}", matching.min_matched) } else { "more".into() },
            example(genes.first()),
            example(vocabulary.first.as_ref())
        )
    }

    pub fn n_matched(&self) -> usize {
        self.matched.iter().sum()
    }

    /// How many genes matched, by which rule, and which did not; at most 20 names of each kind.
    pub fn report(&self) -> Value {
        const SHOWN: usize = 20;
        let of = |rule: Rule| self.matched[rule as usize];
        json!({
            "genes": self.rows.len(), "matched": self.n_matched(), "vocabulary": self.vocabulary,
            "by": {"exact": of(Rule::Exact), "alias": of(Rule::Alias), "ensembl_version": of(Rule::Version), "case": of(Rule::Case)},
            "unmatched": self.unmatched.iter().take(SHOWN).collect::<Vec<_>>(),
            "duplicates": self.duplicates.iter().take(SHOWN).map(|(gene, n)| json!({"gene": gene, "columns": n})).collect::<Vec<_>>(),
            "n_duplicates": self.duplicates.len(),
        })
    }
}
