//! `scn_tl_*`: the kernels of `crate::tl`.

pub mod distance;
pub mod rank_genes_groups;
pub mod score_genes;
