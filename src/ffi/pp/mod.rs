//! `scn_pp_*`: preprocessing.

pub mod highly_variable_genes;
pub mod regress_out;
pub mod scale;
