//! The genes that CellFM knows: gene `i` of the list is row `i + 1` of the table of genes, row 0 is padding.
//!
//! The list is `genes.json`, which is what `export` writes, or one of the original's tables, whose first column it is. The 80 M
//! model was made with `expand_gene_info.csv` (27 855 genes), the 800 M model with `gene_info.csv` (24 078); of those that lie in the
//! folder the one is taken that has as many genes as the table has rows for.

use crate::bail;
use crate::error::Result;
use crate::models::csv::Csv;
use crate::models::folder::{Folder, json};
use serde_json::{Value, json};
use std::path::Path;

/// What `export` writes.
const EXPORTED: &str = "genes.json";

const FILES: &[&str] = &[
    EXPORTED,
    "expand_gene_info.csv",
    "gene_info.csv",
    "new_gene_info.csv",
    "csv/expand_gene_info.csv",
    "csv/gene_info.csv",
    "csv/new_gene_info.csv",
];

/// Rows of the table for so many genes: one more, rounded up to a multiple of eight.
pub fn rows(genes: usize) -> usize {
    (genes + 1).next_multiple_of(8)
}

/// The list that fits a table of so many rows; empty if the folder has none at all.
pub fn read(folder: &Folder, table: usize, n_genes: Option<usize>) -> Result<Vec<String>> {
    let mut others = Vec::new();
    for path in FILES.iter().filter_map(|name| folder.find(name)) {
        let genes = list(&path)?;
        if rows(genes.len()) == table && n_genes.is_none_or(|n| n == genes.len()) {
            return Ok(genes);
        }
        others.push(format!("{} has {}", path.display(), genes.len()));
    }
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = match n_genes {
        Some(n) => format!("{n}, the configuration's \"n_genes\""),
        None => format!("from {} to {}", table.saturating_sub(8), table.saturating_sub(1)),
    };
    bail!(
        Config,
        "{}: no list of genes fits the weights: {}; there must be {wanted}",
        folder.path.display(),
        others.join(", ")
    )
}

fn list(path: &Path) -> Result<Vec<String>> {
    if path.extension().is_none_or(|e| e != "json") {
        return Ok(Csv::read(path)?.rows.into_iter().filter_map(|row| row.into_iter().next()).collect());
    }
    let read = json(path)?;
    let names =
        read.as_array().and_then(|list| list.iter().map(|gene| Value::as_str(gene).map(String::from)).collect());
    match names {
        Some(names) => Ok(names),
        None => bail!(Config, "{}: is no list of gene names", path.display()),
    }
}

/// `genes.json`.
pub fn file(genes: &[String]) -> (String, Vec<u8>) {
    (EXPORTED.into(), json!(genes).to_string().into_bytes())
}
