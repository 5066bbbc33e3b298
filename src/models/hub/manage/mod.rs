//! What is in the cache: listed, removed, tidied, verified.

mod remove;
mod survey;
mod verify;

pub use remove::{prune, remove};
pub use survey::cache;
pub use verify::verify;
