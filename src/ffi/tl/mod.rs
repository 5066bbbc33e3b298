//! `scn_tl_*`: the kernels of `crate::tl`.

pub mod rank_genes_groups;
