//! The one error type: a stable code for the machine and a sentence for the person.

use std::fmt;

/// What kind of thing went wrong. Each kind is one `SCN_ERR_*` of the C ABI and one exception type of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A required pointer was null.
    Null,
    /// An argument has a value outside what the function takes.
    InvalidArgument,
    /// A struct has a `struct_size` that this library does not know.
    StructSize,
    /// A type tag is unknown, or the function does not take that type.
    Type,
    /// Lengths or shapes that must agree do not.
    Shape,
    /// A sparse matrix whose structure is broken: offsets that decrease, an index out of range.
    Matrix,
    /// Data that the function cannot take: NaN, infinity, negative counts.
    Value,
    /// A name, file or entry that does not exist.
    NotFound,
    /// A size that the type holding it cannot express.
    Overflow,
    /// Memory could not be had.
    OutOfMemory,
    /// Reading or writing failed.
    Io,
    /// The caller asked to stop.
    Cancelled,
    /// A valid request that this build cannot do.
    Unsupported,
    /// A server could not be reached, or did not answer as it should.
    Network,
    /// What is needed is not in the cache, and the network may not be used.
    Offline,
    /// A repository that is gated or private, and no token that opens it.
    Access,
    /// A model whose licence must be acknowledged first.
    Licence,
    /// A file whose size or hash is not the one that was promised.
    Checksum,
    /// No room left on the disk.
    DiskFull,
    /// A model's configuration with a key or a value that its family does not know.
    Config,
    /// Weights that do not fit the configuration: missing, unexpected, of another shape.
    Weights,
    /// A file of weights that is truncated, malformed or hostile.
    Checkpoint,
    /// Too few of the matrix' genes are in the model's vocabulary.
    Vocabulary,
    /// Gene names are needed, and there are none, or not as many as columns.
    GeneNames,
    /// Counts are needed: whole numbers from 0 on.
    Counts,
    /// A limit on memory into which not even one cell fits.
    Budget,
    /// A defect in this library, caught before it could cross the boundary.
    Panic,
}

/// An error names the argument, its value, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// `bail!(Shape, "weights: has {} values, must have {}", got, want)` leaves the function with that error.
#[macro_export]
macro_rules! bail {
    ($kind:ident, $($message:tt)+) => {
        return Err($crate::error::Error::new($crate::error::ErrorKind::$kind, format!($($message)+)))
    };
}

/// `ensure!(n > 0, InvalidArgument, "n: is {n}, must be positive")` is `bail!` unless the condition holds; NaN, which
/// compares as false, does not pass.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $kind:ident, $($message:tt)+) => {
        match $condition {
            true => {}
            false => $crate::bail!($kind, $($message)+),
        }
    };
}
