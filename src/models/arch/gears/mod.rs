//! GEARS: expression after the perturbation of one or more genes (Roohani, Huang and Leskovec 2023; snap-stanford/GEARS).
//!
//! A model is trained on one data set. From the expression of control cells, log-normalised, it predicts that of cells in
//! which genes are perturbed:
//!
//! 1. Each gene of the data set has two embeddings; one is smoothed along the graph of genes that are expressed together, and
//!    added to the other.
//! 2. Each gene that can be perturbed has an embedding, smoothed along the graph of genes that share terms of the Gene
//!    Ontology; those of the perturbed genes are added up, and what becomes of the sum is added to every gene of the cell.
//! 3. Layers that all genes share and layers of each gene turn that into a change of expression, which is added to the cell's.
//!    A model with an uncertainty head gives the logarithm of a variance as well.
//!
//! What cannot be seen in the formulas:
//!
//! - `batch_semantics`: upstream does not shift the edges of the graph of genes from cell to cell of a batch, so that only
//!   the first cell of a batch is smoothed. "per_cell" (the default) smooths every cell, as upstream does with batches of one;
//!   "upstream" is as upstream does it, where a prediction depends on the place in the batch.
//! - Predictions are means over control cells. Upstream draws 300 with replacement, anew for each perturbation and without a
//!   seed; here they are drawn by the seed of the context, the same for every perturbation, so that a prediction does not
//!   depend on what else is asked for. Where there are no more than `n_controls`, each is taken once.
//! - `pert_idx` counts in the list of perturbations, not in that of genes.
//!
//! Folders: see [`files`]. A checkpoint of upstream's holds no names of genes: gene_names.json and pert_names.json are to
//! be put beside it. To make a folder from what was trained elsewhere, put config.json, model.safetensors and the two lists
//! of names into one, load it, and run the task "build_folder" with the training's cells and gene sets; or give the graphs
//! themselves as graphs.safetensors.
//!
//! Memory: the weights, two tables of genes x hidden, and one such table for each thread. A set of perturbed genes takes some
//! milliseconds for 5000 genes, however many cells there are.

pub mod build;
pub mod config;
pub mod controls;
pub mod distance_correlation;
pub mod files;
pub mod graph;
pub mod interactions;
pub mod network;
pub mod predict;
pub mod similarity;
#[cfg(test)]
mod tests;
pub mod theil_sen;

use super::Family;
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::folder::Folder;
use crate::models::io::{Choice, Field, Io, Task, field, unknown_task};
use crate::models::nn::floats;
use crate::models::options::Options;
use crate::models::weights::{Loaded, Loader};
use crate::models::{Embedding, Model, Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor};
use config::Shape;
use controls::Stored;
use files::{COEXPRESS, GENES, GO, Graphs, PERTS};
use graph::Graph;
use network::Network;
use predict::{Key, batch_semantics};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;

pub const FAMILY: Family = Family { name: "gears", aliases: &[], title: "GEARS", load };

/// A GEARS model.
#[derive(Clone)]
pub struct Gears {
    config: Value,
    shape: Shape,
    network: Arc<Network>,
    weights: Loaded,
    /// Of the data set, in the order of expression.
    genes: Vec<String>,
    /// That can be perturbed.
    perts: Vec<String>,
    graphs: Graphs,
    controls: Stored,
}

fn load(folder: &Folder) -> Result<Box<dyn Model>> {
    Ok(Box::new(Gears::load(folder)?))
}

impl Gears {
    pub fn load(folder: &Folder) -> Result<Self> {
        folder.load.family.finish()?;
        let (config, graphs) = files::read_config(folder)?;
        let shape = Shape::read(&config)?;
        let file = folder.weights(&["model.pt"])?;
        let loader = Loader::new(&file, folder.load.dtype, str::to_string);
        let network = Network::load(&loader, &shape)?;
        Ok(Self {
            weights: loader.finish(&[])?,
            genes: files::read_names(folder, GENES, "genes", shape.genes)?,
            perts: files::read_names(folder, PERTS, "perturbations", shape.perts)?,
            graphs: Graphs {
                coexpress: files::graph(&graphs, COEXPRESS, shape.genes)?,
                go: files::graph(&graphs, GO, shape.perts)?,
            },
            controls: files::read_controls(folder, shape.genes)?,
            network: Arc::new(network),
            config: config.filled(FAMILY.name),
            shape,
        })
    }

    /// The graphs of the inputs, or else those of the model.
    fn graphs_or(&self, inputs: &Tensors) -> Result<(Cow<'_, Graph>, Cow<'_, Graph>)> {
        let coexpress = graph_or(inputs, COEXPRESS, &self.graphs.coexpress, self.shape.genes)?;
        Ok((coexpress, graph_or(inputs, GO, &self.graphs.go, self.shape.perts)?))
    }

    /// What each row of a batch asks for.
    fn keys(&self, perturbed: &Tensor, per_cell: bool) -> Result<Vec<Key>> {
        let width = perturbed.dims()[1];
        let rows = perturbed.flatten_all()?.to_vec1::<i64>()?;
        let n = self.shape.perts as i64;
        if let Some(wrong) = rows.iter().find(|&&row| row < -1 || row >= n) {
            bail!(InvalidArgument, "inputs: \"pert_idx\" has {wrong}, must be from 0 to {}, or -1 for none", n - 1);
        }
        let of = |cell: usize| {
            let row = &rows[cell * width..(cell + 1) * width];
            row.iter().filter_map(|&row| u32::try_from(row).ok()).collect::<Vec<u32>>()
        };
        Ok((0..perturbed.dims()[0]).map(|cell| (per_cell || cell == 0, of(cell))).collect())
    }
}

fn graph_or<'a>(inputs: &Tensors, names: [&str; 2], own: &'a Option<Graph>, nodes: usize) -> Result<Cow<'a, Graph>> {
    match (files::graph(inputs, names, nodes)?, own) {
        (Some(given), _) => Ok(Cow::Owned(given)),
        (None, Some(own)) => Ok(Cow::Borrowed(own)),
        (None, None) => bail!(
            NotFound,
            "{}: the model's folder has no graphs.safetensors with it; give it as an input, or run the task \"build_folder\"",
            names[0]
        ),
    }
}

impl Model for Gears {
    fn family(&self) -> &'static str {
        FAMILY.name
    }

    fn config(&self) -> Value {
        self.config.clone()
    }

    fn io(&self) -> Io {
        let Shape { genes, perts, hidden, uncertainty, no_perturb, .. } = self.shape;
        let (genes, perts, hidden) = (&*genes.to_string(), &*perts.to_string(), &*hidden.to_string());
        let go = || -> [Field; 2] {
            [
                field(GO[0], DType::I64, ["2", "E_go"], "edges between perturbations: sources, then targets"),
                field(GO[1], DType::F32, ["E_go"], "their weights"),
            ]
        };
        let coexpress = || -> [Field; 2] {
            [
                field(COEXPRESS[0], DType::I64, ["2", "E"], "edges between genes: sources, then targets"),
                field(COEXPRESS[1], DType::F32, ["E"], "their weights"),
            ]
        };
        let mut inputs = vec![
            field("x", DType::F32, ["B", genes], "expression of control cells, log-normalised as in the training"),
            field(
                "pert_idx",
                DType::I64,
                ["B", "K"],
                "perturbed genes by their row in the list of perturbations; -1 is none",
            ),
        ];
        inputs.extend(coexpress().into_iter().chain(go()).map(|field| {
            let about = format!("{}; those of the model's folder if left out", field.about);
            Field { about, ..field.optional() }
        }));
        let mut outputs = vec![field("pred", DType::F32, ["B", genes], "predicted expression")];
        if uncertainty && !no_perturb {
            outputs.push(field("logvar", DType::F32, ["B", genes], "logarithm of the variance"));
        }
        if !no_perturb {
            outputs.push(field("coexpress_pos_emb", DType::F32, [genes, hidden], "genes, smoothed along their graph"));
            outputs.push(field(
                "pert_global_emb",
                DType::F32,
                [perts, hidden],
                "perturbations, smoothed along their graph",
            ));
        }
        Io { inputs, outputs, options: vec![batches()], embed: Vec::new(), tasks: self.tasks(go, coexpress) }
    }

    fn weights(&self) -> &Loaded {
        &self.weights
    }

    fn genes(&self) -> Vec<String> {
        self.genes.clone()
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        files::written(&self.genes, &self.perts, &self.graphs, &self.controls)
    }

    fn forward(&self, ctx: &Ctx, inputs: &Tensors, options: &Options) -> Result<Tensors> {
        let per_cell = batch_semantics(options)?;
        options.finish()?;
        let inputs = Io::checked(&self.io().inputs, inputs)?;
        let (x, perturbed) = (&inputs["x"], &inputs["pert_idx"]);
        let keys = self.keys(perturbed, per_cell)?;
        if self.shape.no_perturb {
            return Ok([("pred".to_string(), x.clone())].into());
        }
        let (coexpress, go) = self.graphs_or(&inputs)?;
        let basis = ctx.within(0.0, 0.1, || self.network.basis(ctx, &coexpress, &go))?;
        let effects = ctx.within(0.1, 1.0, || self.effects(ctx, &basis, &keys))?;
        let (mut pred, mut logvar) = (floats(x)?, Vec::<f32>::new());
        for (row, key) in pred.chunks_exact_mut(self.shape.genes).zip(&keys) {
            let effect = &effects[key];
            row.iter_mut().zip(&effect.change).for_each(|(x, change)| *x += change);
            logvar.extend(effect.logvar.iter().flatten());
        }
        let mut outputs = Tensors::new();
        outputs.insert("pred".into(), Tensor::from_vec(pred, x.shape(), &Device::Cpu)?);
        if self.shape.uncertainty {
            outputs.insert("logvar".into(), Tensor::from_vec(logvar, x.shape(), &Device::Cpu)?);
        }
        outputs.insert("coexpress_pos_emb".into(), basis.positions);
        outputs.insert("pert_global_emb".into(), basis.perturbations);
        Ok(outputs)
    }

    /// The embeddings that genes have by themselves, no longer than 1.
    fn gene_embeddings(&self) -> Result<Tensor> {
        Ok(self.network.gene_emb.clone())
    }

    fn embed(&self, _: &Ctx, _: &Cells, _: &Options) -> Result<Embedding> {
        bail!(Unsupported, "embed: GEARS has no vectors of cells, it predicts perturbations: use the task \"predict\"")
    }

    fn run(&self, ctx: &Ctx, task: &str, cells: Option<&Cells>, inputs: &Tensors, options: &Options) -> Result<Output> {
        if cells.is_none() {
            Io::checked(&[], inputs)?;
        }
        let needed = || match cells {
            Some(cells) => Ok(cells),
            None => bail!(InvalidArgument, "matrix: there is none, the task {task:?} needs the cells of the training"),
        };
        match task {
            "predict" => self.predict(ctx, cells, options),
            "gi_scores" => self.interactions(ctx, cells, options),
            "graph_go" => {
                ensure!(cells.is_none(), InvalidArgument, "matrix: is given, the task {task:?} takes no cells");
                self.graph_go(ctx, options)
            }
            "graph_coexpress" => self.graph_coexpress(ctx, needed()?, options),
            "build_folder" => self.build_folder(ctx, needed()?, options),
            _ => Err(unknown_task(self, task)),
        }
    }
}

fn batches() -> Choice {
    Choice {
        name: "batch_semantics",
        default: json!("per_cell"),
        about: "\"per_cell\": every cell is smoothed along the graph of genes; \"upstream\": only the first of a batch",
    }
}

fn choice(name: &'static str, default: Value, about: &'static str) -> Choice {
    Choice { name, default, about }
}

impl Gears {
    fn tasks(&self, go: impl Fn() -> [Field; 2], coexpress: impl Fn() -> [Field; 2]) -> Vec<Task> {
        let genes = &*self.shape.genes.to_string();
        let matching = || {
            [
                choice("aliases", json!({}), "from the matrix' gene names to the model's"),
                choice("min_matched", json!(0.0), "the least part of the matrix' genes that must be found"),
            ]
        };
        let predicting = |about: &'static str| {
            let mut options = vec![
                choice("perturbations", Value::Null, about),
                choice("n_controls", json!(300), "how many control cells are drawn by the seed, or \"all\""),
                batches(),
            ];
            options.extend(matching());
            options
        };
        let sets = || {
            choice(
                "gene_sets",
                Value::Null,
                "an object of genes and lists of their terms, or a file of it (JSON, pickle)",
            )
        };
        let mut predicted = vec![
            field("pred", DType::F32, ["P", genes], "mean predicted expression, log-normalised"),
            field("control", DType::F32, [genes], "mean expression of the control cells that were drawn"),
        ];
        if self.shape.uncertainty && !self.shape.no_perturb {
            predicted.push(field("logvar", DType::F32, ["P", genes], "mean logarithm of the variance"));
            predicted.push(field(
                "uncertainty",
                DType::F64,
                ["P"],
                "exp(-mean logvar) as upstream: the larger, the surer",
            ));
        }
        let mut scores = predicting("a list of pairs of genes");
        scores.push(choice("genes", Value::Null, "over which genes scores are computed; all of the model's"));
        let mut coexpressed = vec![
            choice("k", json!(self.shape.coexpress_neighbours), "neighbours of a gene, itself not counted"),
            choice("threshold", json!(self.shape.coexpress_threshold), "|Pearson correlation| that an edge exceeds"),
        ];
        coexpressed.extend(matching());
        let mut building = vec![
            choice("folder", Value::Null, "the path of a new folder"),
            sets(),
            choice("control_cells", json!(0), "how many of the control cells are stored beside their mean"),
        ];
        building.extend(matching());
        vec![
            Task {
                name: "predict",
                about: "Mean expression after perturbations. Cells are controls, log-normalised (those that the array \
                        \"control\" marks, if it is given); without cells those stored with the model are taken.",
                cells: true,
                inputs: Vec::new(),
                outputs: predicted,
                options: predicting("a list of lists of genes that are perturbed together"),
            },
            Task {
                name: "gi_scores",
                about: "Genetic interactions of pairs of genes, under upstream's names: mag, corr_fit, eq_contr, dcor, ... \
                        Cells as for \"predict\".",
                cells: true,
                inputs: Vec::new(),
                outputs: interactions::SCORES
                    .iter()
                    .map(|name| field(name, DType::F64, ["P"], "of each pair"))
                    .collect(),
                options: scores,
            },
            Task {
                name: "graph_go",
                about: "The graph of perturbations: genes whose sets of terms overlap by a Jaccard index above the threshold.",
                cells: false,
                inputs: Vec::new(),
                outputs: go().into(),
                options: vec![
                    sets(),
                    choice("k", json!(self.shape.go_neighbours), "edges into a gene, less one"),
                    choice("threshold", json!(0.1), "the Jaccard index that an edge exceeds"),
                ],
            },
            Task {
                name: "graph_coexpress",
                about: "The graph of genes that are expressed together in the cells, which are log-normalised.",
                cells: true,
                inputs: Vec::new(),
                outputs: coexpress().into(),
                options: coexpressed,
            },
            Task {
                name: "build_folder",
                about: "Writes a folder with this model's weights, both graphs by the configuration's numbers, and the mean of \
                        the cells that the array \"control\" marks. Cells are those of the training, log-normalised.",
                cells: true,
                inputs: Vec::new(),
                outputs: coexpress().into_iter().chain(go()).collect(),
                options: building,
            },
        ]
    }
}
