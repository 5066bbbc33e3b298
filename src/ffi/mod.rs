//! The C ABI: the only place with `extern "C"` and raw pointers.
//!
//! Every entry point is one call to `guard` (or to `run`, which guards and reads the context): it checks pointers, makes
//! views, calls a kernel, and writes outputs only when all went well. `include/scnative.h` is made from these files by
//! cbindgen, whose comments are the reference documentation.

// The contracts of the functions of a file are the same: each says them once more in its `# Safety`.
#![allow(clippy::too_many_arguments)]

pub mod context;
pub(crate) mod groups;
pub mod io;
pub mod log;
pub mod matrix;
pub mod matrix_ops;
pub mod models;
pub(crate) mod options;
pub mod pp;
pub mod simulate;
pub mod sparse;
pub mod stats;
pub mod status;
pub mod tensors;
pub mod text;
pub mod tl;
pub mod version;

// The structs that callers fill, all of them: tests/layout.rs holds their layout against the record.
pub use context::ScnContext;
pub use matrix::ScnMatrix;
pub use pp::highly_variable_genes::{ScnHighlyVariableGenesOptions, ScnHighlyVariableGenesOutputs};
pub use pp::normalize::ScnNormalizeTotalOptions;
pub use pp::scale::ScnScaleOptions;
pub use simulate::ScnSimulateOptions;
pub use stats::loess::ScnLoessOptions;
pub use tensors::ScnTensor;
pub use tl::rank_genes_groups::{ScnRankGenesGroupsOptions, ScnRankGenesGroupsOutputs};
pub use tl::score_genes::ScnControlGenesOptions;
