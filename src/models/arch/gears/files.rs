//! A GEARS folder: config.json, model.safetensors, gene_names.json, pert_names.json, and, once they are made,
//! graphs.safetensors and controls.safetensors. Or upstream's checkpoint: config.pkl and model.pt.

use super::controls::Stored;
use super::graph::Graph;
use crate::error::{Error, ErrorKind, Result};
use crate::models::config::Config;
use crate::models::folder::{self, Folder};
use crate::models::weights::{WeightFile, pickle, value::Value as Tree};
use crate::{bail, ensure};
use candle_core::Tensor;
use serde_json::{Map, Number, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

pub const GENES: &str = "gene_names.json";
pub const PERTS: &str = "pert_names.json";
const GRAPHS: &str = "graphs.safetensors";
const CONTROLS: &str = "controls.safetensors";
const PICKLE: &str = "config.pkl";

/// Edges and weights of a graph, by upstream's names.
pub const COEXPRESS: [&str; 2] = ["G_coexpress", "G_coexpress_weight"];
pub const GO: [&str; 2] = ["G_go", "G_go_weight"];

/// The graphs of a model; either may not be made yet.
#[derive(Clone, Default)]
pub struct Graphs {
    /// Of the genes.
    pub coexpress: Option<Graph>,
    /// Of the perturbations.
    pub go: Option<Graph>,
}

/// Tensors of graphs, by upstream's names.
pub type GraphTensors = BTreeMap<String, Tensor>;

/// The configuration, and the tensors of graphs that lie in it or beside it.
pub fn read_config(folder: &Folder) -> Result<(Config, GraphTensors)> {
    let pickled = folder.find(PICKLE).filter(|_| folder.find("config.json").is_none());
    let (config, mut graphs) = match pickled {
        Some(path) => unpickled(folder, &path)?,
        None => (folder.config(&["config.json"])?, GraphTensors::new()),
    };
    if let Some(path) = folder.find(GRAPHS) {
        let file = WeightFile::open(&path)?;
        for name in COEXPRESS.iter().chain(&GO).filter(|name| file.shape(name).is_some()) {
            graphs.insert(name.to_string(), file.tensor(name)?);
        }
        let known = |name: &String| COEXPRESS.iter().chain(&GO).any(|known| known == name);
        if let Some(name) = file.names().into_iter().find(|name| !known(name)) {
            bail!(Weights, "{}: has {name:?}, must have the tensors of graphs alone", path.display());
        }
    }
    Ok((config, graphs))
}

/// Upstream's config.pkl: the dict of settings, with the graphs' tensors and the device among them.
fn unpickled(folder: &Folder, path: &Path) -> Result<(Config, GraphTensors)> {
    let Tree::Dict(items) = pickle::read(path)? else {
        bail!(Config, "{}: is not a dictionary of settings", path.display());
    };
    let (mut given, mut graphs): (Map<String, Value>, _) = (folder.defaults.clone(), GraphTensors::new());
    for (key, value) in &items {
        let Tree::Text(key) = key else {
            bail!(Config, "{}: has the key {key:?}, keys must be texts", path.display());
        };
        if COEXPRESS.iter().chain(&GO).any(|known| known == key) {
            graphs.insert(key.clone(), held(&format!("{}: {key}", path.display()), value)?);
        } else if key != "device" {
            match plain(value) {
                Some(value) => given.insert(key.clone(), value),
                None => bail!(Config, "{}: {key:?} is {value:?}, must be a number, a truth value or text", path.display()),
            };
        }
    }
    Ok((Config::new(path.display().to_string(), given), graphs))
}

fn held(name: &str, value: &Tree) -> Result<Tensor> {
    match value {
        Tree::Tensor(_) => bail!(Unsupported, "{name}: is a tensor in a pickle"),
        other => bail!(Config, "{name}: is {other:?}, must be a tensor"),
    }
}

fn plain(value: &Tree) -> Option<Value> {
    match value {
        Tree::None => Some(Value::Null),
        Tree::Bool(b) => Some(json!(b)),
        Tree::Int(i) => Some(json!(i)),
        Tree::Float(x) => Number::from_f64(*x).map(Value::Number),
        Tree::Text(text) => Some(json!(text)),
        _ => None,
    }
}

/// A graph of so many nodes, if its tensors are there.
pub fn graph(tensors: &GraphTensors, [edges, weights]: [&str; 2], nodes: usize) -> Result<Option<Graph>> {
    match (tensors.get(edges), tensors.get(weights)) {
        (Some(edge), Some(weight)) => Graph::from_tensors(edges, edge, weight, nodes).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => bail!(InvalidArgument, "{weights}: is missing, must be given with {edges}"),
        (None, Some(_)) => bail!(InvalidArgument, "{edges}: is missing, must be given with {weights}"),
    }
}

/// The names of the rows of a table.
pub fn read_names(folder: &Folder, name: &str, what: &str, n: usize) -> Result<Vec<String>> {
    let Some(path) = folder.find(name) else {
        bail!(
            NotFound,
            "{}: has no {name}, a JSON list of the {n} {what}. A checkpoint of GEARS does not hold them: they are \
             pert_data.gene_names and pert_data.pert_names of its training",
            folder.path.display()
        );
    };
    let names = match folder::json(&path)? {
        Value::Array(items) => items.iter().map(|item| item.as_str().map(String::from)).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    let Some(names) = names else { bail!(Config, "{}: is not a list of texts", path.display()) };
    ensure!(
        names.len() == n,
        Config,
        "{}: has {} names, must have {n}, the number of {what} in the configuration",
        path.display(),
        names.len()
    );
    Ok(names)
}

/// Stored control cells or their mean, if there are any.
pub fn read_controls(folder: &Folder, genes: usize) -> Result<Stored> {
    let Some(path) = folder.find(CONTROLS) else { return Ok(Stored::default()) };
    let file = WeightFile::open(&path)?;
    let read = |name: &str, fits: fn(&[usize], usize) -> bool, shape: &str| {
        let Some(found) = file.shape(name) else { return Ok(None) };
        ensure!(
            fits(&found, genes),
            Weights,
            "{}: {name:?} has shape {found:?}, must be {shape} with {genes} genes",
            path.display()
        );
        file.tensor(name).map(Some)
    };
    let stored = Stored {
        mean: read("control_mean", |shape, genes| shape == [genes], "[genes]")?,
        cells: read("control_cells", |shape, genes| matches!(shape, [n, g] if *n > 0 && *g == genes), "[cells, genes]")?,
    };
    ensure!(
        stored.mean.is_some() || stored.cells.is_some(),
        Weights,
        "{}: has neither control_mean nor control_cells",
        path.display()
    );
    Ok(stored)
}

/// The files beside configuration and weights.
pub fn written(genes: &[String], perts: &[String], graphs: &Graphs, stored: &Stored) -> Result<Vec<(String, Vec<u8>)>> {
    let list = |names: &[String]| json!(names).to_string().into_bytes();
    let mut files = vec![(GENES.to_string(), list(genes)), (PERTS.to_string(), list(perts))];
    let mut tensors = BTreeMap::new();
    for (names, graph) in [(COEXPRESS, &graphs.coexpress), (GO, &graphs.go)] {
        if let Some(graph) = graph {
            let (edges, weights) = graph.tensors()?;
            tensors.extend([(names[0], edges), (names[1], weights)]);
        }
    }
    let controls: BTreeMap<&str, Tensor> = [("control_mean", &stored.mean), ("control_cells", &stored.cells)]
        .into_iter()
        .filter_map(|(name, tensor)| Some((name, tensor.clone()?)))
        .collect();
    for (file, tensors) in [(GRAPHS, tensors), (CONTROLS, controls)] {
        if !tensors.is_empty() {
            files.push((file.to_string(), serialized(file, &tensors)?));
        }
    }
    Ok(files)
}

fn serialized(file: &str, tensors: &BTreeMap<&str, Tensor>) -> Result<Vec<u8>> {
    safetensors::serialize(tensors, None).map_err(|error| Error::new(ErrorKind::Io, format!("{file}: {error}")))
}
