//! `scn_pp_*`: preprocessing.

pub mod filter;
pub mod highly_variable_genes;
pub mod log1p;
pub mod normalize;
pub mod qc;
pub mod regress_out;
pub mod scale;
