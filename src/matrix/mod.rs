//! Matrices of cells and genes: borrowed views, owned results, and what is done to matrices as such.
//!
//! - [`Matrix`]: a borrowed view, sparse or dense, compressed along either axis, of any value and index type. Every
//!   kernel takes one.
//! - [`Sparse`]: an owned sparse matrix, what kernels that make one return. Goes to and from [`sprs`] without a copy.
//! - [`Lines`]: how kernels read a view, one line of the major axis at a time, once compiled for each type
//!   ([`with_lines!`](crate::with_lines)).
//! - [`Matrix::canonical`]: the view with sorted, unique indices that kernels work on.
//! - [`Groups`] and [`reduce`]: sums, means, variances, counts, extremes, of all cells or of groups of them.
//! - [`transpose`]: the same matrix compressed along the other axis, whole or a block of lines at a time.
//! - [`subset`], [`concat`], [`dense`]: some cells and genes, matrices one after the other, dense tables.
//! - [`medians`]; [`io`]: MatrixMarket files and the folders that Cell Ranger writes.

pub(crate) mod buffer;
mod build;
mod canonical;
pub mod concat;
mod converted;
pub mod counts;
pub mod dense;
mod dense_sums;
pub(crate) mod density;
mod exact_sums;
pub(crate) mod fold;
pub mod groups;
pub mod io;
mod line_sum;
mod lines;
pub(crate) mod marks;
pub mod medians;
mod moments;
mod owned;
pub mod reduce;
mod shared;
pub(crate) mod strips;
pub mod subset;
pub mod transpose;
mod types;
mod validate;
mod view;

pub use canonical::Canonical;
pub use converted::{ConvertedDenseLines, ConvertedLines};
pub use counts::{Counted, to_counts};
pub use groups::Groups;
pub use line_sum::{count_sum, line_sum};
pub use lines::{DenseLines, Lines, SparseLines};
pub use owned::Sparse;
pub use types::{Index, IndexSlice, IndexType, IndexVec, Value, ValueSlice, ValueSliceMut, ValueType, ValueVec};
pub use view::{Axis, Matrix, Order, Storage};
