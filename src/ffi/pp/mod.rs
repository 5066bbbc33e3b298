//! `scn_pp_*`: preprocessing.

pub mod regress_out;
pub mod scale;
