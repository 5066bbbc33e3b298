//! Tools, under the names of `scanpy.tl`.

pub mod energy_distance;
pub mod mmd;
pub mod pairs;
pub mod rank_genes_groups;
pub mod score_genes;
