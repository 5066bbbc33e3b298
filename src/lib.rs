//! scnative: native kernels for single-cell analysis.
//!
//! In the order to read it:
//!
//! - [`matrix`]: the views that every kernel takes, and what is done to matrices as such;
//! - [`parallel`]: threads, progress, cancellation, and why every result is the same at every thread count;
//! - [`stats`]: distributions, ranks, loess, multiple testing: numbers only;
//! - [`pp`] and [`tl`]: the kernels, under scanpy's names;
//! - [`simulate`]: counts whose truth is known;
//! - [`ffi`]: the C ABI over all of it, from which `include/scnative.h` is made.
//!
//! # Order of summation
//!
//! A sum over cells takes the cells in ascending order into one f64, a sum over genes the genes. Threads divide the
//! axis that is not summed over. So a sum does not depend on the number of threads, on the layout of the matrix, or
//! on where blocks of cells begin and end; stored zeros and zeros that are not stored are the same. Sums that no addition
//! rounds are the same in any order, and may be taken in another.

#![deny(unsafe_op_in_unsafe_fn)]

pub mod error;
pub mod ffi;
pub mod matrix;
#[cfg(feature = "models")]
pub mod models;
pub mod parallel;
pub mod pp;
pub mod simd;
pub mod simulate;
pub mod stats;
pub mod tl;

pub use error::{Error, ErrorKind, Result};
