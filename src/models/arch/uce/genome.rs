//! The genes that UCE knows: for each species the symbols in capitals, the row of each in the table of tokens, its
//! chromosome, and where on it the gene starts.
//!
//! They are read from `genes.json`, which is what `export` writes:
//!
//! ```json
//! {"human": {"A1BG": [12, 5, 58345178], "A1CF": [13, 3, 50799409]}}
//! ```
//!
//! or from the original's files: `protein_embeddings/*.pt`, whose keys in their order are the genes of a species;
//! `species_offsets.pkl`, the row of each species' first gene; and `species_chrom.csv`, with columns `species`,
//! `gene_symbol`, `chromosome` and `start`. A chromosome's number is its place among all "species_chromosome" of that file,
//! sorted, as pandas' categories are. Genes without a protein embedding or without a place on a chromosome are left out.
//! That the order of the keys is the order of the rows is checked: some of the protein embeddings are compared with the table.

use super::sentence::Locus;
use super::tokens::Tokens;
use crate::error::Result;
use crate::models::csv::Csv;
use crate::models::folder::{Folder, json};
use crate::models::genes::Vocabulary;
use crate::models::nn::floats;
use crate::models::options::listed;
use crate::models::weights::WeightFile;
use crate::models::weights::value::Value as Tree;
use crate::{bail, ensure};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// What `export` writes.
const EXPORTED: &str = "genes.json";

/// The species that the original has protein embeddings of, and in which file.
const PROTEINS: &[(&str, &str)] = &[
    ("human", "Homo_sapiens.GRCh38.gene_symbol_to_embedding_ESM2.pt"),
    ("mouse", "Mus_musculus.GRCm39.gene_symbol_to_embedding_ESM2.pt"),
    ("frog", "Xenopus_tropicalis.Xenopus_tropicalis_v9.1.gene_symbol_to_embedding_ESM2.pt"),
    ("zebrafish", "Danio_rerio.GRCz11.gene_symbol_to_embedding_ESM2.pt"),
    ("mouse_lemur", "Microcebus_murinus.Mmur_3.0.gene_symbol_to_embedding_ESM2.pt"),
    ("pig", "Sus_scrofa.Sscrofa11.1.gene_symbol_to_embedding_ESM2.pt"),
    ("macaca_fascicularis", "Macaca_fascicularis.Macaca_fascicularis_6.0.gene_symbol_to_embedding_ESM2.pt"),
    ("macaca_mulatta", "Macaca_mulatta.Mmul_10.gene_symbol_to_embedding_ESM2.pt"),
];

/// The genes of one species, by their rows in the table of tokens.
pub struct Species {
    pub name: String,
    pub symbols: Vec<String>,
    pub loci: Vec<Locus>,
}

impl Species {
    fn new(name: &str, mut genes: Vec<(String, Locus)>) -> Self {
        genes.sort_by_key(|(_, locus)| locus.token);
        let (symbols, loci) = genes.into_iter().unzip();
        Self { name: name.into(), symbols, loci }
    }

    pub fn vocabulary(&self) -> Vocabulary {
        Vocabulary::new(self.symbols.iter().cloned().enumerate().map(|(row, symbol)| (symbol, row)))
    }
}

/// All species that the model's folder has; none if it has no genes at all.
pub struct Genome {
    species: Vec<Species>,
}

impl Genome {
    pub fn read(folder: &Folder, tokens: &Tokens) -> Result<Self> {
        let species = match folder.find(EXPORTED) {
            Some(path) => exported(&path)?,
            None => original(folder, tokens)?,
        };
        for one in &species {
            let wrong = one.symbols.iter().zip(&one.loci).find(|(_, locus)| locus.token as usize >= tokens.n());
            if let Some((symbol, locus)) = wrong {
                let (name, row) = (&one.name, locus.token);
                bail!(
                    Config,
                    "{}: {name} {symbol:?} is row {row}, the table of tokens has {} rows",
                    folder.path.display(),
                    tokens.n()
                );
            }
        }
        Ok(Self { species })
    }

    pub fn species(&self, name: &str) -> Result<&Species> {
        ensure!(
            !self.species.is_empty(),
            NotFound,
            "genes: the model's folder has none; there must be {EXPORTED:?}, or \"species_chrom.csv\", \"species_offsets.pkl\" and \
             \"protein_embeddings\""
        );
        match self.species.iter().find(|species| species.name == name) {
            Some(species) => Ok(species),
            None => {
                let known: Vec<&str> = self.species.iter().map(|species| species.name.as_str()).collect();
                bail!(InvalidArgument, "species: is {name:?}, the model's folder has the genes of {}", listed(&known))
            }
        }
    }

    /// `genes.json`; none if there are no genes.
    pub fn file(&self) -> Option<(String, Vec<u8>)> {
        let all: Map<String, Value> = self
            .species
            .iter()
            .map(|species| {
                let genes = species.symbols.iter().zip(&species.loci);
                let genes: Map<String, Value> =
                    genes.map(|(symbol, l)| (symbol.clone(), json!([l.token, l.chromosome, l.start]))).collect();
                (species.name.clone(), Value::Object(genes))
            })
            .collect();
        (!all.is_empty()).then(|| (EXPORTED.into(), Value::Object(all).to_string().into_bytes()))
    }
}

fn exported(path: &Path) -> Result<Vec<Species>> {
    let Value::Object(all) = json(path)? else { bail!(Config, "{}: is no object of species", path.display()) };
    let read = |species: &str, genes: &Value| -> Result<Species> {
        let Some(genes) = genes.as_object() else {
            bail!(Config, "{}: {species:?} is no object of genes", path.display())
        };
        let mut read = Vec::with_capacity(genes.len());
        for (symbol, place) in genes {
            match locus(place) {
                Some(locus) => read.push((symbol.clone(), locus)),
                None => bail!(
                    Config,
                    "{}: {species} {symbol:?} is {place}, must be a token, the number of a chromosome, and a start",
                    path.display()
                ),
            }
        }
        Ok(Species::new(species, read))
    };
    all.iter().map(|(species, genes)| read(species, genes)).collect()
}

fn locus(place: &Value) -> Option<Locus> {
    let [token, chromosome, start] = place.as_array()?.as_slice() else { return None };
    let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    Some(Locus { token: number(token)?, chromosome: number(chromosome)?, start: start.as_i64()? })
}

fn original(folder: &Folder, tokens: &Tokens) -> Result<Vec<Species>> {
    let proteins: Vec<_> = PROTEINS
        .iter()
        .filter_map(|(species, file)| Some((*species, folder.find(&format!("protein_embeddings/{file}"))?)))
        .collect();
    if proteins.is_empty() {
        return Ok(Vec::new());
    }
    let places = Places::read(&folder.first(&["species_chrom.csv"], "places of genes on chromosomes")?)?;
    let offsets =
        folder.dictionary(&["species_offsets.pkl", "species_offsets.json"], "rows of the species' first genes")?;
    let mut species = Vec::with_capacity(proteins.len());
    for (name, path) in proteins {
        let Some((_, offset)) = offsets.iter().find(|(known, _)| known == name) else {
            bail!(Config, "{}: \"species_offsets.pkl\" has no {name:?}", folder.path.display());
        };
        let file = WeightFile::open(&path)?;
        let rows = rows(&file, *offset as u32);
        check_rows(&file, &rows, tokens)?;
        let genes = rows.into_iter().filter_map(|(symbol, _, token)| {
            let (chromosome, start) = places.of(name, &symbol)?;
            Some((symbol, Locus { token, chromosome, start }))
        });
        species.push(Species::new(name, genes.collect()));
    }
    Ok(species)
}

/// The symbols in capitals, the keys as they are in the file, and their rows of the table. Symbols that are the same in
/// capitals are one gene.
fn rows(file: &WeightFile, offset: u32) -> Vec<(String, String, u32)> {
    let mut seen = HashSet::new();
    let mut rows: Vec<(String, String, u32)> = Vec::new();
    for key in keys(file) {
        let symbol = key.to_uppercase();
        if seen.insert(symbol.clone()) {
            rows.push((symbol, key, offset + rows.len() as u32));
        }
    }
    rows
}

/// The names of a file's tensors: of a checkpoint's dict in its order, which is that of the table's rows.
fn keys(file: &WeightFile) -> Vec<String> {
    let Some(Tree::Dict(items)) = file.value() else { return file.names() };
    let text = |(key, _): &(Tree, Tree)| match key {
        Tree::Text(key) => Some(key.clone()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

/// Compares eight of the protein embeddings with the table of tokens.
fn check_rows(file: &WeightFile, rows: &[(String, String, u32)], tokens: &Tokens) -> Result<()> {
    let step = (rows.len() / 8).max(1);
    for (symbol, key, token) in rows.iter().step_by(step) {
        let wanted = floats(&file.tensor(key)?)?;
        let found = floats(&tokens.raw(&[*token])?)?;
        ensure!(
            wanted == found,
            Weights,
            "{}: the protein embedding of {symbol:?} is not row {token} of the table of tokens, so the rows of this species' genes \
             cannot be told; take {EXPORTED:?} instead",
            file.source()
        );
    }
    Ok(())
}

/// Where genes are: species and symbol -> number of the chromosome, start.
struct Places(HashMap<(String, String), (u32, i64)>);

impl Places {
    fn read(path: &Path) -> Result<Self> {
        Self::from(&Csv::read(path)?)
    }

    fn from(csv: &Csv) -> Result<Self> {
        let [species, symbol, chromosome, start] =
            [csv.column("species")?, csv.column("gene_symbol")?, csv.column("chromosome")?, csv.column("start")?];
        // pandas reads these as missing, and a category of a missing text has no number.
        let missing = |text: &str| matches!(text, "" | "NA" | "N/A" | "NaN" | "nan" | "null" | "None");
        let named = |row: &[String]| format!("{}_{}", row[species], row[chromosome]);
        let kept: Vec<&Vec<String>> = csv.rows.iter().filter(|row| !missing(&row[chromosome])).collect();
        let names: BTreeSet<String> = kept.iter().map(|row| named(row)).collect();
        let numbers: HashMap<String, u32> = names.into_iter().zip(0..).collect();
        let mut places = HashMap::with_capacity(kept.len());
        for row in kept {
            let Ok(at) = row[start].parse::<f64>() else { continue };
            let key = (row[species].clone(), row[symbol].to_uppercase());
            places.entry(key).or_insert((numbers[&named(row)], at as i64));
        }
        Ok(Self(places))
    }

    fn of(&self, species: &str, symbol: &str) -> Option<(u32, i64)> {
        self.0.get(&(species.into(), symbol.into())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fixtures::fixture;

    #[test]
    fn chromosomes_are_numbered_over_all_species_by_name() {
        let text = ",species,gene_symbol,chromosome,start\n0,human,TP53,17,7661779\n1,mouse,Trp53,11,69471185.0\n\
                    2,human,BRCA2,13,32315508\n3,human,LOST,,5\n4,human,TP53,2,1\n";
        let places = Places::from(&Csv::parse("t".into(), text).unwrap()).unwrap();
        // human_13, human_17, human_2, mouse_11.
        assert_eq!(places.of("human", "BRCA2"), Some((0, 32_315_508)));
        assert_eq!(places.of("human", "TP53"), Some((1, 7_661_779)));
        assert_eq!(places.of("mouse", "TRP53"), Some((3, 69_471_185)));
        assert_eq!(places.of("human", "LOST"), None);
        assert_eq!(places.of("mouse", "TP53"), None);
    }

    #[test]
    fn genes_are_in_the_order_of_their_file() {
        let Some(path) = fixture("containers") else { return };
        for file in ["plain_dict.pt", "ordered_dict.pt"] {
            let rows = rows(&WeightFile::open(&path.join(file)).unwrap(), 7);
            let first: Vec<_> = rows.iter().take(2).map(|(symbol, _, token)| (symbol.as_str(), *token)).collect();
            assert_eq!(first, [("A.WEIGHT", 7), ("A.BIAS", 8)], "{file}");
        }
    }

    #[test]
    fn exported_genes_are_read_as_they_were_written() {
        let species = Species::new(
            "human",
            vec![
                ("B".into(), Locus { token: 9, chromosome: 1, start: 5 }),
                ("A".into(), Locus { token: 4, chromosome: 0, start: -1 }),
            ],
        );
        assert_eq!(species.symbols, ["A", "B"]);
        let (name, bytes) = Genome { species: vec![species] }.file().unwrap();
        let path = std::env::temp_dir().join(format!("scnative-uce-genes-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let read = exported(&path).unwrap();
        std::fs::write(&path, "{\"human\": {\"A\": [1, 2]}}").unwrap();
        let error = exported(&path).err().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read[0].symbols, ["A", "B"]);
        assert_eq!(read[0].loci[1], Locus { token: 9, chromosome: 1, start: 5 });
        assert!(error.message.contains("human \"A\" is [1,2]"), "{}", error.message);
    }
}
