//! Preprocessing, under the names of `scanpy.pp`.

pub mod regress_out;
pub mod scale;
