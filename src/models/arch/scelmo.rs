//! scELMo: a cell is the mean of its genes' text embeddings, weighted by expression (Liu, Chen and Zheng 2023;
//! HelloWorldLTY/scELMo).
//!
//! The table has one row for each gene: what a language model made of the gene's description (1536 numbers from OpenAI's
//! ada-002, say). A cell is `expression @ table`, divided
//!
//! - `wa` (weighted average): by the cell's total expression, at least 1e-8;
//! - `aa` (arithmetic average): by the number of its genes with expression above 0, at least 1.
//!
//! Genes that the table does not have count in the divisor and add nothing. A cell without any known gene, so an empty one as
//! well, is zeros. Expression is usually log-normalised; any scale is taken as it is.
//!
//! Folders: config.json (`aggregation_mode`, `embedding_dim`), model.safetensors with `gene_embeddings` `[genes, dimensions]`
//! and vocab.json, which lists its rows; or a published form: a pickled dictionary from genes to vectors, or a checkpoint of
//! PyTorch with such vectors, or with one table and a list of its genes. The table may be held in bf16 or f16. Sums are in f64. Memory: the table and the result.

use super::Family;
use crate::error::{Error, ErrorKind, Result};
use crate::models::cells::Cells;
use crate::models::config::Config;
use crate::models::folder::{self, Folder};
use crate::models::genes::{Mapping, Matching, Vocabulary};
use crate::models::io::{Choice, Io, field};
use crate::models::nn::floats;
use crate::models::options::Options;
use crate::models::weights::value::Value as Tree;
use crate::models::weights::{Loaded, Loader, Report, WeightFile, pickle};
use crate::models::{Embedding, Model, Tensors};
use crate::parallel::Ctx;
use crate::simd::widest;
use crate::{bail, ensure};
use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use half::{bf16, f16};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub const FAMILY: Family = Family { name: "scelmo", aliases: &[], title: "scELMo", load };

const TABLE: &str = "gene_embeddings";
const VOCABULARY: &str = "vocab.json";

/// Names under which dictionaries are published; a card may give any other file as the first.
const PICKLES: [&str; 3] = ["gene_embeddings.pkl", "gene_embeddings.pickle", "model.pkl"];

/// The divisors, the default first.
const MODES: [&str; 2] = ["wa", "aa"];

/// Cells of a piece of work.
const CELLS: usize = 16;

struct ScElmo {
    config: Value,
    mode: &'static str,
    weights: Loaded,
    table: Tensor,
    genes: Vec<String>,
}

fn load(folder: &Folder) -> Result<Box<dyn Model>> {
    folder.load.family.finish()?;
    let config = match folder.find("config.json") {
        None if folder.defaults.is_empty() => Config::new(folder.path.display().to_string(), Map::new()),
        _ => folder.config(&["config.json"])?,
    };
    let mode = config.choice("aggregation_mode", &MODES, Some(MODES[0]))?;
    let dim = if config.has("embedding_dim") { Some(config.size("embedding_dim", None)?) } else { None };
    config.finish(&[])?;
    let (weights, genes) = match (folder.find("model.safetensors"), published(folder)) {
        (None, Some(path)) if path.extension().is_some_and(|e| e == "pt") => checkpoint(folder, &path, dim)?,
        (None, Some(path)) => unpickled(&path, dim, folder.load.dtype)?,
        _ => stored(folder, dim)?,
    };
    let table = weights.tensors[TABLE].clone();
    let mut filled = config.filled(FAMILY.name);
    filled["embedding_dim"] = json!(table.dims()[1]);
    Ok(Box::new(ScElmo { config: filled, mode, weights, table, genes }))
}

/// A file in one of the published forms: a pickle, or else a checkpoint of PyTorch under any name.
fn published(folder: &Folder) -> Option<PathBuf> {
    PICKLES.iter().find_map(|name| folder.find(name)).or_else(|| {
        let below = std::fs::read_dir(&folder.path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut all: Vec<PathBuf> = folder.elsewhere.iter().map(|(_, path)| path.clone()).chain(below).collect();
        all.retain(|path| path.extension().is_some_and(|e| e == "pt"));
        all.sort();
        all.into_iter().next()
    })
}

/// A checkpoint of PyTorch: a vector under the name of each gene; or one table, with a list of its genes beside it or in
/// vocab.json.
fn checkpoint(folder: &Folder, path: &Path, dim: Option<usize>) -> Result<(Loaded, Vec<String>)> {
    let file = WeightFile::open(path)?;
    let names = file.names();
    ensure!(!names.is_empty(), Weights, "{}: has no tensors, must have vectors of genes or a table", path.display());
    let tables: Vec<&String> = names.iter().filter(|name| file.shape(name).is_some_and(|s| s.len() == 2)).collect();
    let (table, genes) = match tables.as_slice() {
        [] => {
            let rows = names.iter().map(|name| file.tensor(name)).collect::<Result<Vec<_>>>()?;
            let width = dim.or_else(|| rows.first().map(Tensor::elem_count)).unwrap_or(0);
            if let Some((name, row)) = names.iter().zip(&rows).find(|(_, row)| row.dims() != [width]) {
                bail!(Weights, "{}: {name:?} has shape {:?}, must be [{width}]", path.display(), row.dims());
            }
            (Tensor::stack(&rows, 0)?, names.clone())
        }
        [one] => {
            let listed = match file.value().and_then(|tree| list_of_texts(tree, file.shape(one)?[0])) {
                Some(genes) => genes,
                None => {
                    let vocabulary_file = folder.first(&[VOCABULARY], "vocabulary")?;
                    vocabulary(&vocabulary_file, &folder::json(&vocabulary_file)?)?
                }
            };
            (file.tensor(one)?, listed)
        }
        several => bail!(Weights, "{}: has several tables, {several:?}, must have one", path.display()),
    };
    unique(path, &genes)?;
    let (rows, width) = table.dims2()?;
    ensure!(
        rows == genes.len() && dim.is_none_or(|dim| dim == width),
        Weights,
        "{}: the table is {rows} x {width}, must be {} x {}",
        path.display(),
        genes.len(),
        dim.map_or("any".into(), |dim| dim.to_string())
    );
    let report = Report { source: path.display().to_string(), ..Default::default() };
    let tensors = [(TABLE.to_string(), table.to_dtype(folder.load.dtype.unwrap_or(DType::F32))?)].into();
    Ok((Loaded { tensors, report }, genes))
}

/// A list of so many texts in a dictionary.
fn list_of_texts(tree: &Tree, n: usize) -> Option<Vec<String>> {
    let Tree::Dict(items) = tree else { return None };
    items.iter().find_map(|(_, value)| match value {
        Tree::List(texts) | Tree::Tuple(texts) if texts.len() == n && n > 0 => texts
            .iter()
            .map(|text| match text {
                Tree::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect(),
        _ => None,
    })
}

/// model.safetensors and vocab.json.
fn stored(folder: &Folder, dim: Option<usize>) -> Result<(Loaded, Vec<String>)> {
    let path = folder.first(&[VOCABULARY], "vocabulary")?;
    let genes = vocabulary(&path, &folder::json(&path)?)?;
    let file = folder.weights(&[])?;
    let loader = Loader::new(&file, folder.load.dtype, str::to_string);
    let dim = dim.or_else(|| loader.shape(TABLE)?.get(1).copied()).unwrap_or(0);
    loader.get(TABLE, &[genes.len(), dim])?;
    Ok((loader.finish(&[])?, genes))
}

/// A list of genes, or an object from genes to rows that are 0, 1, 2, ... in some order.
fn vocabulary(path: &Path, given: &Value) -> Result<Vec<String>> {
    let wrong = || {
        let what = "is neither a list of genes nor an object that gives each its row, all from 0 on";
        Error::new(ErrorKind::Config, format!("{}: {what}", path.display()))
    };
    let genes: Vec<String> = match given {
        Value::Array(genes) => genes.iter().map(|gene| gene.as_str().map(String::from)).collect(),
        Value::Object(rows) => {
            let mut genes = vec![None; rows.len()];
            for (gene, row) in rows {
                *row.as_u64().and_then(|row| genes.get_mut(row as usize)).ok_or_else(wrong)? = Some(gene.clone());
            }
            genes.into_iter().collect()
        }
        _ => None,
    }
    .ok_or_else(wrong)?;
    unique(path, &genes)?;
    Ok(genes)
}

fn unique(path: &Path, genes: &[String]) -> Result<()> {
    let mut seen = HashSet::with_capacity(genes.len());
    match genes.iter().find(|gene| !seen.insert(*gene)) {
        None => Ok(()),
        Some(gene) => bail!(Config, "{}: has the gene {gene:?} twice", path.display()),
    }
}

/// A pickled dictionary from genes to vectors: lists of numbers, or arrays.
fn unpickled(path: &Path, dim: Option<usize>, dtype: Option<DType>) -> Result<(Loaded, Vec<String>)> {
    let Tree::Dict(items) = pickle::read(path)? else {
        bail!(Config, "{}: is not a dictionary from genes to vectors", path.display());
    };
    let (mut genes, mut values, mut width) = (Vec::with_capacity(items.len()), Vec::new(), dim);
    for (key, value) in &items {
        let Tree::Text(gene) = key else {
            bail!(Config, "{}: has the key {key:?}, keys must be genes", path.display());
        };
        let vector = vector(&format!("{}: {gene:?}", path.display()), value)?;
        let wanted = *width.get_or_insert(vector.len());
        ensure!(
            vector.len() == wanted,
            Weights,
            "{}: {gene:?} has {} numbers, must have {wanted} as the others",
            path.display(),
            vector.len()
        );
        genes.push(gene.clone());
        values.extend(vector);
    }
    unique(path, &genes)?;
    let table = Tensor::from_vec(values, (genes.len(), width.unwrap_or(0)), &Device::Cpu)?;
    let report = Report { source: path.display().to_string(), ..Default::default() };
    let tensors = [(TABLE.to_string(), table.to_dtype(dtype.unwrap_or(DType::F32))?)].into();
    Ok((Loaded { tensors, report }, genes))
}

fn vector(name: &str, value: &Tree) -> Result<Vec<f32>> {
    match value {
        Tree::List(items) | Tree::Tuple(items) => items
            .iter()
            .map(|item| match item {
                Tree::Float(x) => Ok(*x as f32),
                Tree::Int(x) => Ok(*x as f32),
                other => bail!(Weights, "{name}: has {other:?}, must have numbers alone"),
            })
            .collect(),
        Tree::Tensor(view) => floats(&view.tensor(name)?),
        other => bail!(Weights, "{name}: is {other:?}, must be a list of numbers or an array"),
    }
}

/// A row's type: it is widened when it is used.
trait Element: Copy + Sync {
    fn wide(self) -> f64;
}

impl Element for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self.to_f64()
    }
}

impl Element for f16 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self.to_f64()
    }
}

/// Calls back with each column of a cell and its value.
type Values<'a> = &'a (dyn Fn(usize, &mut dyn FnMut(usize, f64)) + Sync);

impl ScElmo {
    /// One vector for each of `n` cells, and how many cells have no known gene. `rows` gives each column's row of the table.
    fn vectors(
        &self,
        ctx: &Ctx,
        n: usize,
        rows: &[Option<usize>],
        mode: &str,
        cell: Values,
    ) -> Result<(Tensor, usize)> {
        let (guard, layout) = self.table.storage_and_layout();
        let (Storage::Cpu(storage), Some((begin, end))) = (&*guard, layout.contiguous_offsets()) else {
            bail!(Unsupported, "{TABLE}: does not lie in memory as a whole");
        };
        match storage {
            CpuStorage::F32(table) => self.sums(ctx, n, rows, mode, cell, &table[begin..end]),
            CpuStorage::BF16(table) => self.sums(ctx, n, rows, mode, cell, &table[begin..end]),
            CpuStorage::F16(table) => self.sums(ctx, n, rows, mode, cell, &table[begin..end]),
            other => bail!(
                Unsupported,
                "{TABLE}: is {:?}, must be f32, bf16 or f16",
                candle_core::backend::BackendStorage::dtype(other)
            ),
        }
    }

    fn sums<T: Element>(
        &self,
        ctx: &Ctx,
        n: usize,
        rows: &[Option<usize>],
        mode: &str,
        cell: Values,
        table: &[T],
    ) -> Result<(Tensor, usize)> {
        let width = self.table.dims()[1];
        let mut out = vec![0.0f32; n * width];
        let unknown = AtomicUsize::new(0);
        ctx.run_chunks(
            &mut out,
            CELLS * width,
            || vec![0.0f64; width],
            |sum, piece, chunk| {
                for (i, out) in chunk.chunks_exact_mut(width).enumerate() {
                    sum.fill(0.0);
                    let (mut total, mut expressed, mut known) = (0.0f64, 0usize, false);
                    cell(piece * CELLS + i, &mut |column, x| {
                        total += x;
                        expressed += usize::from(x > 0.0);
                        if let Some(row) = rows[column] {
                            known = true;
                            add(sum, x, &table[row * width..(row + 1) * width]);
                        }
                    });
                    let divisor = if mode == "wa" { total.max(1e-8) } else { expressed.max(1) as f64 };
                    out.iter_mut().zip(sum.iter()).for_each(|(out, sum)| *out = (sum / divisor) as f32);
                    unknown.fetch_add(usize::from(!known), Ordering::Relaxed);
                }
                Ok(())
            },
        )?;
        Ok((Tensor::from_vec(out, (n, width), &Device::Cpu)?, unknown.into_inner()))
    }
}

fn add<T: Element>(sum: &mut [f64], x: f64, row: &[T]) {
    widest(
        #[inline(always)]
        || sum.iter_mut().zip(row).for_each(|(sum, &y)| *sum += x * y.wide()),
    );
}

impl Model for ScElmo {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn io(&self) -> Io {
        let width = self.table.dims()[1].to_string();
        let mode = || Choice {
            name: "mode",
            default: json!(self.mode),
            about: "\"wa\" divides by the total expression, \"aa\" by the number of expressed genes",
        };
        Io {
            inputs: vec![
                field("expression", DType::F32, ["B", "G"], "expression of cells"),
                field(
                    "rows",
                    DType::I64,
                    ["G"],
                    "row of the table of each column, -1 for a gene that it does not have; the \
                                                  table's own order if left out",
                )
                .optional(),
            ],
            outputs: vec![field("cell_embeddings", DType::F32, ["B", &width], "vectors of cells")],
            options: vec![mode()],
            embed: vec![mode()],
            tasks: Vec::new(),
        }
    }

    fn weights(&self) -> &Loaded {
        &self.weights
    }

    fn genes(&self) -> Vec<String> {
        self.genes.clone()
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(vec![(VOCABULARY.into(), json!(self.genes).to_string().into_bytes())])
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        let mode = self.mode(options)?;
        options.finish()?;
        let inputs = Io::checked(&self.io().inputs, inputs)?;
        let (cells, columns) = inputs["expression"].dims2()?;
        let rows = match inputs.get("rows") {
            Some(rows) => self.rows(&rows.to_vec1::<i64>()?)?,
            None => {
                let n = self.genes.len();
                ensure!(
                    columns == n,
                    Shape,
                    "inputs: \"expression\" has {columns} columns, must have {n} without \"rows\""
                );
                (0..n).map(Some).collect()
            }
        };
        let values = floats(&inputs["expression"])?;
        let cell = |i: usize, f: &mut dyn FnMut(usize, f64)| {
            let row = values[i * columns..(i + 1) * columns].iter().enumerate();
            row.filter(|(_, x)| **x != 0.0).for_each(|(column, &x)| f(column, f64::from(x)));
        };
        let (vectors, _) = self.vectors(ctx, cells, &rows, mode, &cell)?;
        Ok([("cell_embeddings".to_string(), vectors)].into())
    }

    fn gene_embeddings(&self) -> Result<Tensor> {
        Ok(self.table.to_dtype(DType::F32)?)
    }

    fn embed(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Embedding> {
        let mode = self.mode(options)?;
        let matching = Matching::from(options)?;
        // A cell has no tokens here, so nothing is to be bounded; the option is every family's.
        crate::models::batches::budget(options)?;
        options.finish()?;
        let vocabulary = Vocabulary::new(self.genes.iter().cloned().enumerate().map(|(row, gene)| (gene, row)));
        let mapping = Mapping::new(&cells.genes, &vocabulary, &matching)?;
        let cell = |i: usize, f: &mut dyn FnMut(usize, f64)| cells.for_each(i, f);
        let (values, unknown) = self.vectors(ctx, cells.n_obs(), &mapping.rows, mode, &cell)?;
        if unknown > 0 {
            ctx.warn(&format!("{unknown} cells have no gene of the model's vocabulary: their vectors are 0"));
        }
        let report = json!({"genes": mapping.report(), "cells_without_genes": unknown, "mode": mode});
        Ok(Embedding { values, name: FAMILY.name, report })
    }
}

impl ScElmo {
    /// The option `mode`, or the configuration's.
    fn mode(&self, options: &Options) -> Result<&'static str> {
        match options.text("mode")? {
            None => Ok(self.mode),
            Some(_) => options.choice("mode", &MODES),
        }
    }

    fn rows(&self, given: &[i64]) -> Result<Vec<Option<usize>>> {
        let n = self.genes.len() as i64;
        match given.iter().find(|&&row| row < -1 || row >= n) {
            Some(row) => bail!(InvalidArgument, "inputs: \"rows\" has {row}, must be from 0 to {}, or -1", n - 1),
            None => Ok(given.iter().map(|&row| usize::try_from(row).ok()).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Axis, Matrix, ValueSlice};
    use crate::models::fixtures::{close, fixture, tensors};

    struct Fixture {
        path: PathBuf,
        values: Vec<f32>,
        genes: Vec<String>,
        wanted: Tensors,
    }

    impl Fixture {
        fn new() -> Option<Self> {
            let path = fixture("scelmo")?;
            let Value::Array(genes) = folder::json(&path.join("gene_names.json")).unwrap() else { panic!() };
            Some(Self {
                values: floats(&tensors(path.join("inputs.safetensors"))["expression"]).unwrap(),
                genes: genes.iter().map(|gene| gene.as_str().unwrap().to_string()).collect(),
                wanted: tensors(path.join("outputs.safetensors")),
                path,
            })
        }

        fn embed(&self, model: &dyn Model, threads: usize, given: &str) -> Result<Embedding> {
            let matrix = Matrix::dense(Axis::Obs, (5, 25), ValueSlice::F32(&self.values), 25)?;
            let ctx = Ctx::new(threads);
            let cells = Cells::new(&ctx, &matrix, self.genes.clone(), Default::default())?;
            model.embed(&ctx, &cells, &Options::parse(given)?)
        }
    }

    fn bits(x: &Tensor) -> Vec<u32> {
        floats(x).unwrap().iter().map(|x| x.to_bits()).collect()
    }

    #[test]
    fn both_divisors() {
        let Some(fixture) = Fixture::new() else { return };
        let model = load(&Folder::new(&fixture.path)).unwrap();
        assert_eq!(fixture.wanted.len(), 2);
        for (mode, want) in &fixture.wanted {
            let given = json!({ "mode": mode }).to_string();
            let got = fixture.embed(model.as_ref(), 2, &given).unwrap();
            assert_eq!((got.name, &got.report["cells_without_genes"]), ("scelmo", &json!(1)));
            close(mode, &got.values, want, 1e-6, 1e-6);
            assert_eq!(floats(&got.values.get(4).unwrap()).unwrap(), [0.0; 16], "an empty cell");
            for threads in [1, 3] {
                assert_eq!(bits(&fixture.embed(model.as_ref(), threads, &given).unwrap().values), bits(&got.values));
            }
            let rows: Vec<i64> = fixture
                .genes
                .iter()
                .map(|gene| model.genes().iter().position(|known| known == gene).map_or(-1, |row| row as i64))
                .collect();
            let inputs: Tensors = [
                ("expression".to_string(), Tensor::from_slice(&fixture.values, (5, 25), &Device::Cpu).unwrap()),
                ("rows".to_string(), Tensor::from_vec(rows, 25, &Device::Cpu).unwrap()),
            ]
            .into();
            let forward = model.forward(&Ctx::new(2), &inputs, &Options::parse(&given).unwrap()).unwrap();
            assert_eq!(bits(&forward["cell_embeddings"]), bits(&got.values));
        }
        let default = fixture.embed(model.as_ref(), 1, "").unwrap();
        close("default", &default.values, &fixture.wanted["wa"], 1e-6, 1e-6);
        assert!(fixture.embed(model.as_ref(), 1, r#"{"mode": "sum"}"#).err().unwrap().message.contains("\"aa\""));
    }

    #[test]
    fn tables_of_half_precision() {
        let Some(fixture) = Fixture::new() else { return };
        for (dtype, atol) in [(DType::BF16, 0.02), (DType::F16, 0.002)] {
            let mut folder = Folder::new(&fixture.path);
            folder.load.dtype = Some(dtype);
            let model = load(&folder).unwrap();
            assert_eq!(model.weights().tensors[TABLE].dtype(), dtype);
            let got = fixture.embed(model.as_ref(), 2, "").unwrap();
            close("half", &got.values, &fixture.wanted["wa"], atol, 0.0);
        }
    }

    #[test]
    fn vocabularies_are_lists_or_objects() {
        let path = Path::new("vocab.json");
        assert_eq!(vocabulary(path, &json!(["A", "B"])).unwrap(), ["A", "B"]);
        assert_eq!(vocabulary(path, &json!({"B": 1, "A": 0})).unwrap(), ["A", "B"]);
        for wrong in [json!({"A": 0, "B": 0}), json!({"A": 2}), json!(["A", "A"]), json!(["A", 1]), json!(3)] {
            assert!(vocabulary(path, &wrong).is_err(), "{wrong}");
        }
    }

    /// A pickled dictionary of lists of floats.
    fn pickle(genes: &[(&str, &[f64])]) -> Vec<u8> {
        let mut out = b"\x80\x04}(".to_vec();
        for (gene, vector) in genes {
            out.extend([0x8c, gene.len() as u8]);
            out.extend(gene.as_bytes());
            out.extend(b"](");
            vector.iter().for_each(|x| out.extend([b"G".as_slice(), &x.to_be_bytes()].concat()));
            out.extend(b"e");
        }
        out.extend(b"u.");
        out
    }

    #[test]
    fn the_published_form_is_a_pickled_dictionary() {
        let path = std::env::temp_dir().join(format!("scnative-scelmo-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let opened = |bytes: Vec<u8>| {
            std::fs::write(path.join(PICKLES[0]), bytes).unwrap();
            load(&Folder::new(&path))
        };
        let model = opened(pickle(&[("B", &[1.0, 2.5]), ("A", &[0.5, -4.0])])).unwrap();
        assert_eq!(model.genes(), ["B", "A"]);
        assert_eq!(model.gene_embeddings().unwrap().to_vec2::<f32>().unwrap(), [[1.0, 2.5], [0.5, -4.0]]);
        assert_eq!(model.config()["embedding_dim"], 2);
        let uneven = opened(pickle(&[("B", &[1.0, 2.5]), ("A", &[0.5])])).err().unwrap();
        assert!(uneven.kind == ErrorKind::Weights && uneven.message.contains("\"A\" has 1 numbers"), "{uneven}");
        assert!(opened(pickle(&[("A", &[1.0]), ("A", &[0.5])])).err().unwrap().message.contains("twice"));
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_is_exported_is_the_vocabulary() {
        let Some(fixture) = Fixture::new() else { return };
        let model = load(&Folder::new(&fixture.path)).unwrap();
        let files = model.files().unwrap();
        let read: Value = serde_json::from_slice(&files[0].1).unwrap();
        assert_eq!((files[0].0.as_str(), read), (VOCABULARY, json!(model.genes())));
        assert_eq!(model.config(), json!({"model_type": "scelmo", "aggregation_mode": "wa", "embedding_dim": 16}));
        assert_eq!(model.gene_embeddings().unwrap().dims(), [40, 16]);
    }

    #[test]
    fn checkpoints_of_vectors_and_of_one_table() {
        let Some(fixture) = Fixture::new() else { return };
        let table = &tensors(fixture.path.join("model.safetensors"))[TABLE];
        let vocabulary_file = fixture.path.join(VOCABULARY);
        let genes = vocabulary(&vocabulary_file, &folder::json(&vocabulary_file).unwrap()).unwrap();
        let rows = genes.iter().enumerate().map(|(i, gene)| (gene.clone(), table.get(i).unwrap())).collect();
        let one = Tensors::from([("embeddings".to_string(), table.clone())]);
        for (case, content) in [("vectors", rows), ("table", one)] {
            let path = std::env::temp_dir().join(format!("scnative-scelmo-{case}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            std::fs::copy(fixture.path.join("config.json"), path.join("config.json")).unwrap();
            std::fs::copy(&vocabulary_file, path.join(VOCABULARY)).unwrap();
            // The format is known by its first bytes.
            crate::models::weights::safetensors::save(&path.join("any.pt"), &content, &Default::default()).unwrap();
            let model = load(&Folder::new(&path)).unwrap();
            let got = fixture.embed(model.as_ref(), 1, "").unwrap();
            close(case, &got.values, &fixture.wanted["wa"], 1e-6, 1e-6);
            std::fs::remove_dir_all(&path).unwrap();
        }
    }
}
