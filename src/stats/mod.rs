//! Numbers only: distributions, ranks, smoothing, multiple testing. Nothing here knows a matrix.

pub mod erfcx;
pub mod exp;
mod horner;
pub mod loess;
pub mod log1p;
pub mod log2;
pub mod mann_whitney;
pub mod multitest;
pub mod normal;
pub mod numpy_random;
pub mod random;
pub mod ranks;
pub mod student;
