//! Numbers only: distributions, ranks, smoothing, multiple testing. Nothing here knows a matrix.

pub mod random;
