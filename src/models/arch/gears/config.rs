//! What shapes a GEARS model, and how its graphs were made.

use crate::ensure;
use crate::error::Result;
use crate::models::config::Config;

/// The configuration, with upstream's names and defaults. `decoder_hidden_size`, `uncertainty_reg` and `direction_lambda` are
/// kept for those who train on: no forward pass depends on them.
#[derive(Clone, Debug)]
pub struct Shape {
    pub genes: usize,
    pub perts: usize,
    pub hidden: usize,
    pub go_layers: usize,
    pub gene_layers: usize,
    pub uncertainty: bool,
    /// Predicts no change at all: upstream's baseline.
    pub no_perturb: bool,
    /// Neighbours of a gene in the two graphs, itself not counted.
    pub go_neighbours: usize,
    pub coexpress_neighbours: usize,
    /// |Pearson| that an edge of the co-expression graph exceeds.
    pub coexpress_threshold: f64,
}

impl Shape {
    pub fn read(config: &Config) -> Result<Self> {
        let shape = Self {
            genes: config.size("num_genes", None)?,
            perts: config.size("num_perts", None)?,
            hidden: config.size("hidden_size", 64)?,
            go_layers: config.size("num_go_gnn_layers", 1)?,
            gene_layers: config.size("num_gene_gnn_layers", 1)?,
            uncertainty: config.flag("uncertainty", false)?,
            no_perturb: config.flag("no_perturb", false)?,
            go_neighbours: config.size("num_similar_genes_go_graph", 20)?,
            coexpress_neighbours: config.size("num_similar_genes_co_express_graph", 20)?,
            coexpress_threshold: config.number("coexpress_threshold", 0.4)?,
        };
        config.size("decoder_hidden_size", 16)?;
        config.number("uncertainty_reg", 1.0)?;
        config.number("direction_lambda", 0.1)?;
        config.finish(&[])?;
        for (name, n) in [("num_genes", shape.genes), ("num_perts", shape.perts), ("hidden_size", shape.hidden)] {
            ensure!(n > 0, Config, "{}: {name:?} is 0, must be positive", config.name);
        }
        Ok(shape)
    }
}
