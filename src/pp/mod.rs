//! Preprocessing, under the names of `scanpy.pp`.

pub mod highly_variable_genes;
pub mod regress_out;
pub mod scale;
