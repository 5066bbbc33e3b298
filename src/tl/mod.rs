//! Tools, under the names of `scanpy.tl`.
