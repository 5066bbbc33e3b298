//! The list of the model's genes.

use crate::error::Result;
use crate::models::folder::{Folder, json};
use crate::{bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// As `export` writes it, as upstream's repository has it, and its column alone.
pub const FILES: &[&str] = &["genes.json", "OS_scRNA_gene_index.19264.tsv", "gene_index_19264.txt"];

/// The genes, if the folder has their list: `n`, in the order of the model's positions.
pub fn find(folder: &Folder, n: usize) -> Result<Option<Vec<String>>> {
    let Some(path) = FILES.iter().find_map(|name| folder.find(name)) else { return Ok(None) };
    let genes = read(&path)?;
    ensure!(
        genes.len() == n,
        Vocabulary,
        "{}: has {} genes, must have {n}, two fewer than \"seq_len\"",
        path.display(),
        genes.len()
    );
    Ok(Some(genes))
}

/// A JSON list, or a gene a line; of a table with a header the column `gene_name`.
pub fn read(path: &Path) -> Result<Vec<String>> {
    if path.extension().is_some_and(|e| e == "json") {
        let names = match json(path)? {
            Value::Array(items) => items.iter().map(|item| item.as_str().map(String::from)).collect(),
            _ => None,
        };
        return match names {
            Some(names) => Ok(names),
            None => bail!(Vocabulary, "{}: is no list of names", path.display()),
        };
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => bail!(Io, "{}: cannot be read: {error}", path.display()),
    };
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    let Some(column) = lines.peek().and_then(|first| first.split('\t').position(|name| name == "gene_name")) else {
        return Ok(lines.map(String::from).collect());
    };
    lines
        .skip(1)
        .map(|line| match line.split('\t').nth(column) {
            Some(gene) => Ok(gene.to_string()),
            None => bail!(Vocabulary, "{}: has the line {line:?}, which has no column \"gene_name\"", path.display()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_each_of_their_forms() {
        let base = std::env::temp_dir().join(format!("scnative-scfoundation-genes-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        let written = |name: &str, text: &str| {
            fs::write(base.join(name), text).unwrap();
            read(&base.join(name))
        };
        let both = vec!["A1BG".to_string(), "A2M".to_string()];
        assert_eq!(written(FILES[0], "[\"A1BG\", \"A2M\"]").unwrap(), both);
        assert_eq!(written(FILES[1], "gene_name\tindex\r\nA1BG\t0\r\nA2M\t1\r\n").unwrap(), both);
        assert_eq!(written(FILES[2], "A1BG\nA2M").unwrap(), both);
        assert_eq!(find(&Folder::new(&base), 2).unwrap(), Some(both));
        assert!(find(&Folder::new(&base), 3).unwrap_err().message.contains("must have 3"));
        assert!(written(FILES[0], "{\"A1BG\": 0}").unwrap_err().message.contains("no list"));
        assert!(written(FILES[1], "index\tgene_name\n0\n").unwrap_err().message.contains("gene_name"));
        fs::remove_dir_all(&base).unwrap();
    }
}
