//! Comma-separated tables with a header, as models publish their genes in: quoted fields, and quotes doubled within them.

use crate::error::Result;
use crate::{bail, ensure};
use std::fs;
use std::path::Path;

/// A table: all rows have as many fields as the header.
pub struct Csv {
    /// What messages call it: the file's path.
    name: String,
    header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Csv {
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path.display().to_string(), &text),
            Err(error) => bail!(Io, "{}: cannot be read: {error}", path.display()),
        }
    }

    pub fn parse(name: String, text: &str) -> Result<Self> {
        let Some(mut rows) = records(text) else {
            bail!(Config, "{name}: has a quote that does not end, must have another one")
        };
        ensure!(!rows.is_empty(), Config, "{name}: is empty, must have a header");
        let header = rows.remove(0);
        let wrong = rows.iter().position(|row| row.len() != header.len());
        if let Some(row) = wrong {
            let (found, wanted) = (rows[row].len(), header.len());
            bail!(Config, "{name}: row {} has {found} fields, must have {wanted}, as its header has", row + 1);
        }
        Ok(Self { name, header, rows })
    }

    /// The number of the column of this name.
    pub fn column(&self, name: &str) -> Result<usize> {
        match self.header.iter().position(|column| column == name) {
            Some(column) => Ok(column),
            None => bail!(Config, "{}: has no column {name:?}; it has {}", self.name, self.header.join(", ")),
        }
    }
}

/// The records of a text, empty lines left out; none if a quote does not end. A quote begins a quoted field where it is
/// the first character, and is one like others elsewhere.
fn records(text: &str) -> Option<Vec<Vec<String>>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                if !(record.is_empty() && field.is_empty()) {
                    record.push(std::mem::take(&mut field));
                    records.push(std::mem::take(&mut record));
                }
            }
            c => field.push(c),
        }
    }
    if quoted {
        return None;
    }
    if !(record.is_empty() && field.is_empty()) {
        record.push(field);
        records.push(record);
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_quoted() {
        let csv = Csv::parse("t".into(), "gene,about\r\nA,\"long, non-coding\"\n\nB,\"says \"\"b\"\"\"").unwrap();
        assert_eq!(csv.rows, [["A", "long, non-coding"], ["B", "says \"b\""]]);
        assert_eq!(csv.column("about").unwrap(), 1);
        assert!(csv.column("start").is_err_and(|e| e.message.contains("gene, about")));
    }

    #[test]
    fn quotes_within_a_field_are_kept_and_open_ones_refused() {
        let csv = Csv::parse("t".into(), "a,b\n5\" end,2\n").unwrap();
        assert_eq!(csv.rows, [["5\" end", "2"]]);
        assert!(Csv::parse("t".into(), "a,b\n\"1,2\n").is_err_and(|e| e.message.contains("does not end")));
    }

    #[test]
    fn a_row_of_another_length_is_an_error() {
        assert!(Csv::parse("t".into(), "a,b\n1,2\n3\n").is_err_and(|e| e.message.contains("row 2 has 1 fields")));
        assert!(Csv::parse("t".into(), "").is_err());
    }
}
