//! Tools, under the names of `scanpy.tl`.

pub mod rank_genes_groups;
