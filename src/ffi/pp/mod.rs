//! `scn_pp_*`: preprocessing.
//! Preprocessing.

pub mod highly_variable_genes;
pub mod regress_out;
pub mod scale;
