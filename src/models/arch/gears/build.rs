//! How a GEARS folder comes about: graphs from the training's cells and from gene sets, controls, and all of it on disk.

use super::Gears;
use super::controls::{self, Stored};
use super::files::{self, COEXPRESS, GO, Graphs};
use super::graph::Graph;
use super::similarity::{from_expression, from_gene_sets};
use crate::error::{Error, ErrorKind, Result};
use crate::models::cells::Cells;
use crate::models::folder;
use crate::models::genes::{Mapping, Matching};
use crate::models::options::Options;
use crate::models::weights::{pickle, value::Value as Tree};
use crate::models::{Model, Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Upstream's least Jaccard index of an edge.
const JACCARD: f64 = 0.1;

impl Gears {
    /// The task "graph_go".
    pub fn graph_go(&self, ctx: &Ctx, options: &Options) -> Result<Output> {
        let terms = self.terms(ctx, options)?;
        let k = options.size("k")?.unwrap_or(self.shape.go_neighbours);
        let threshold = options.number("threshold")?.unwrap_or(JACCARD);
        options.finish()?;
        let graph = from_gene_sets(ctx, &terms, k, threshold)?;
        let without = terms.iter().filter(|terms| terms.is_empty()).count();
        Ok(Output { report: json!({"edges": graph.len(), "genes_without_terms": without}), tensors: named(GO, &graph)? })
    }

    /// The task "graph_coexpress".
    pub fn graph_coexpress(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
        let matching = Matching::from(options)?;
        let k = options.size("k")?.unwrap_or(self.shape.coexpress_neighbours);
        let threshold = options.number("threshold")?.unwrap_or(self.shape.coexpress_threshold);
        options.finish()?;
        let mapping = controls::mapped(cells, &self.genes, &matching)?;
        let graph = self.coexpressed(ctx, cells, &mapping, (k, threshold))?;
        Ok(Output {
            report: json!({"edges": graph.len(), "genes": mapping.report()}),
            tensors: named(COEXPRESS, &graph)?,
        })
    }

    fn coexpressed(&self, ctx: &Ctx, cells: &Cells, mapping: &Mapping, (k, threshold): (usize, f64)) -> Result<Graph> {
        let expression = ctx.within(0.0, 0.2, || controls::aligned(ctx, cells, mapping, self.genes.len()))?;
        ctx.within(0.2, 1.0, || from_expression(ctx, &expression.view(), k, threshold))
    }

    /// The task "build_folder": both graphs by the configuration's numbers, the controls, and the folder that has them.
    pub fn build_folder(&self, ctx: &Ctx, cells: &Cells, options: &Options) -> Result<Output> {
        let Some(path) = options.text("folder")? else {
            bail!(InvalidArgument, "folder: is missing, must be the path of a folder to be made");
        };
        let matching = Matching::from(options)?;
        let stored = options.size("control_cells")?.unwrap_or(0);
        let terms = self.terms(ctx, options)?;
        options.finish()?;
        let mapping = controls::mapped(cells, &self.genes, &matching)?;
        let numbers = (self.shape.coexpress_neighbours, self.shape.coexpress_threshold);
        let coexpress = ctx.within(0.0, 0.8, || self.coexpressed(ctx, cells, &mapping, numbers))?;
        let go = ctx.within(0.8, 0.9, || from_gene_sets(ctx, &terms, self.shape.go_neighbours, JACCARD))?;
        let mut tensors = named(COEXPRESS, &coexpress)?;
        tensors.extend(named(GO, &go)?);
        let report = json!({
            "folder": path, "genes": mapping.report(), "edges": {"coexpress": coexpress.len(), "go": go.len()},
        });
        let graphs = Graphs { coexpress: Some(coexpress), go: Some(go) };
        let controls = self.stored(ctx, cells, (&mapping, &matching), stored)?;
        write(&Self { graphs, controls, ..self.clone() }, Path::new(&path))?;
        Ok(Output { tensors, report })
    }

    /// The mean of the cells that the array `control` marks and the first `n` of them; those of the model if none are marked.
    fn stored(&self, ctx: &Ctx, cells: &Cells, (mapping, matching): (&Mapping, &Matching), n: usize) -> Result<Stored> {
        let Some(members) = controls::members(cells)? else {
            ensure!(n == 0, InvalidArgument, "control_cells: is {n}, must be 0 without the array \"control\"");
            return Ok(self.controls.clone());
        };
        let genes = self.genes.len();
        let mean = controls::of_cells(ctx, cells, &self.genes, matching, None)?.all;
        let mean: Vec<f32> = mean.iter().map(|&x| x as f32).collect();
        let kept = &members[..n.min(members.len())];
        let mut dense = vec![0.0f32; kept.len() * genes];
        for (row, &cell) in dense.chunks_exact_mut(genes).zip(kept) {
            cells.for_each(cell, |column, x| {
                if let Some(gene) = mapping.rows[column] {
                    row[gene] += x as f32;
                }
            });
        }
        Ok(Stored {
            mean: Some(Tensor::from_vec(mean, genes, &Device::Cpu)?),
            cells: match kept {
                [] => None,
                _ => Some(Tensor::from_vec(dense, (kept.len(), genes), &Device::Cpu)?),
            },
        })
    }

    /// The option `gene_sets`: an object of genes and their terms, or the path of one in JSON or as a pickle, as upstream's
    /// gene2go is. Gives the terms of each perturbation.
    fn terms(&self, ctx: &Ctx, options: &Options) -> Result<Vec<Vec<String>>> {
        let mut sets: HashMap<String, Vec<String>> = match options.value("gene_sets") {
            None | Some(Value::Null) => bail!(
                InvalidArgument,
                "gene_sets: is missing, must be an object of genes and their lists of terms, or the path of such a file"
            ),
            Some(Value::String(path)) if Path::new(path).extension().is_some_and(|e| e != "json") => {
                pickled(Path::new(path))?
            }
            Some(Value::String(path)) => listed("gene_sets", &folder::json(Path::new(path))?)?,
            Some(given) => listed("gene_sets", given)?,
        };
        let terms: Vec<Vec<String>> = self.perts.iter().map(|gene| sets.remove(gene).unwrap_or_default()).collect();
        let without = terms.iter().filter(|terms| terms.is_empty()).count();
        ensure!(
            without < terms.len(),
            GeneNames,
            "gene_sets: has no terms of any of the model's {} perturbations, such as {:?}",
            terms.len(),
            self.perts[0]
        );
        if without > 0 {
            ctx.warn(&format!("gene_sets: {without} of {} perturbations have no terms, and so no neighbours", terms.len()));
        }
        Ok(terms)
    }
}

fn listed(name: &str, value: &Value) -> Result<HashMap<String, Vec<String>>> {
    let Value::Object(sets) = value else {
        bail!(InvalidArgument, "{name}: is not an object of genes and their lists of terms");
    };
    sets.iter()
        .map(|(gene, terms)| {
            let list = terms.as_array().and_then(|terms| terms.iter().map(|t| t.as_str().map(String::from)).collect());
            match list {
                Some(list) => Ok((gene.clone(), list)),
                None => bail!(InvalidArgument, "{name}: {gene:?} has {terms}, must be a list of terms"),
            }
        })
        .collect()
}

/// Sets, lists and tuples of texts.
fn pickled(path: &Path) -> Result<HashMap<String, Vec<String>>> {
    let wrong = || Error::new(ErrorKind::Config, format!("{}: is not a dictionary of genes and their terms", path.display()));
    let text = |value: &Tree| if let Tree::Text(text) = value { Some(text.clone()) } else { None };
    let Tree::Dict(items) = pickle::read(path)? else { return Err(wrong()) };
    items
        .iter()
        .map(|(gene, terms)| {
            let (Tree::List(terms) | Tree::Tuple(terms)) = terms else { return Err(wrong()) };
            let terms = terms.iter().map(text).collect::<Option<_>>().ok_or_else(wrong)?;
            Ok((text(gene).ok_or_else(wrong)?, terms))
        })
        .collect()
}

fn named([edges, weights]: [&str; 2], graph: &Graph) -> Result<Tensors> {
    let (edge, weight) = graph.tensors()?;
    Ok([(edges.to_string(), edge), (weights.to_string(), weight)].into())
}

/// A folder that `load` reads. It must not be there, or be empty.
fn write(model: &Gears, path: &Path) -> Result<()> {
    let failed = |what: &Path, error: std::io::Error| {
        let kind = if error.kind() == std::io::ErrorKind::StorageFull { ErrorKind::DiskFull } else { ErrorKind::Io };
        Error::new(kind, format!("{}: cannot be written: {error}", what.display()))
    };
    std::fs::create_dir_all(path).map_err(|error| failed(path, error))?;
    let taken = std::fs::read_dir(path).map_err(|error| failed(path, error))?.next().is_some();
    ensure!(!taken, InvalidArgument, "folder: {} is not empty, must be a new folder", path.display());
    let weights = safetensors::serialize(&model.weights.tensors, None)
        .map_err(|error| Error::new(ErrorKind::Io, format!("model.safetensors: {error}")))?;
    let mut all = files::written(&model.genes, &model.perts, &model.graphs, &model.controls)?;
    all.push(("model.safetensors".into(), weights));
    // Last, as a folder without it is no model.
    all.push(("config.json".into(), format!("{:#}\n", model.config()).into_bytes()));
    for (name, bytes) in all {
        let file = path.join(name);
        std::fs::write(&file, bytes).map_err(|error| failed(&file, error))?;
    }
    Ok(())
}
