//! Preprocessing, under the names of `scanpy.pp`.
//!
//! [`elementwise`] is what the normalisations share, [`filter`] what the filters share.

pub mod elementwise;
pub mod filter;
pub mod filter_cells;
pub mod filter_genes;
pub mod highly_variable_genes;
pub mod log1p;
pub mod normalize_seurat;
pub mod normalize_total;
pub mod qc;
pub mod regress_out;
pub mod scale;
