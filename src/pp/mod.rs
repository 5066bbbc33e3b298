//! Preprocessing, under the names of `scanpy.pp`.
