//! The borrowed matrix that every kernel takes.

use super::{IndexSlice, ValueSlice};
use crate::error::Result;
use crate::{bail, ensure};
use std::borrow::Cow;

/// Cells or genes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Cells.
    Obs,
    /// Genes.
    Var,
}

impl Axis {
    pub fn other(self) -> Self {
        match self {
            Self::Obs => Self::Var,
            Self::Var => Self::Obs,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Obs => "obs",
            Self::Var => "var",
        }
    }
}

/// A borrowed obs x var matrix. Cheap to clone; never owns or writes the values.
#[derive(Clone, Debug)]
pub struct Matrix<'a> {
    n_obs: usize,
    n_vars: usize,
    major: Axis,
    storage: Storage<'a>,
}

/// What is known of the indices of each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Unknown,
    /// The caller promises that they are sorted and unique.
    Declared,
    /// They are in range as well, or [`Matrix::canonical`] would have failed.
    Checked,
}

#[derive(Clone, Debug)]
pub enum Storage<'a> {
    Sparse {
        /// Offsets of the lines, 0-based, of length lines + 1, never decreasing, checked. Copied only when the
        /// caller's are i32 or 1-based.
        indptr: Cow<'a, [i64]>,
        /// As the caller has them: `base` is to be subtracted. Not checked against the number of columns until
        /// [`Matrix::canonical`].
        indices: IndexSlice<'a>,
        base: i64,
        values: ValueSlice<'a>,
        order: Order,
    },
    Dense {
        values: ValueSlice<'a>,
        /// Elements from the start of one line to that of the next.
        stride: usize,
    },
}

impl<'a> Matrix<'a> {
    /// A sparse view compressed along `major`, with 0- or 1-based offsets and indices.
    ///
    /// Checks the offsets (O(lines)); the indices are checked by the kernels, see [`Matrix::canonical`].
    pub fn sparse(
        major: Axis,
        (n_obs, n_vars): (usize, usize),
        indptr: IndexSlice<'a>,
        indices: IndexSlice<'a>,
        values: ValueSlice<'a>,
        base: i64,
        declared_canonical: bool,
    ) -> Result<Self> {
        let n_major = if major == Axis::Obs { n_obs } else { n_vars };
        ensure!(matches!(base, 0 | 1), InvalidArgument, "matrix.index_base: is {base}, must be 0 or 1");
        ensure!(
            indptr.len() == n_major + 1,
            Shape,
            "matrix.indptr: has {} offsets, must have {} (n_{} + 1) as the major axis is {}",
            indptr.len(),
            n_major + 1,
            if major == Axis::Obs { "obs" } else { "vars" },
            major.name()
        );
        ensure!(
            indices.len() == values.len(),
            Shape,
            "matrix.indices: has {} elements but matrix.values has {}, they must have equally many",
            indices.len(),
            values.len()
        );
        ensure!(indptr.get(0) == base, Matrix, "matrix.indptr[0]: is {}, must be {base} (index_base)", indptr.get(0));
        if let Some(i) = indptr.first_descent() {
            bail!(
                Matrix,
                "matrix.indptr[{i}]: is {}, less than indptr[{}] = {}; offsets must not decrease",
                indptr.get(i),
                i - 1,
                indptr.get(i - 1)
            );
        }
        let end = indptr.get(n_major);
        ensure!(
            end - base == values.len() as i64,
            Matrix,
            "matrix.indptr[{n_major}]: ends at {end}, must end at {} (nnz{})",
            values.len() as i64 + base,
            if base == 1 { " + 1" } else { "" }
        );
        let indptr = match indptr {
            IndexSlice::I64(offsets) if base == 0 => Cow::Borrowed(offsets),
            IndexSlice::I64(offsets) => offsets.iter().map(|offset| offset - base).collect(),
            IndexSlice::I32(offsets) => offsets.iter().map(|&offset| i64::from(offset) - base).collect(),
        };
        Ok(Self {
            n_obs,
            n_vars,
            major,
            storage: Storage::Sparse {
                indptr,
                indices,
                base,
                values,
                order: if declared_canonical { Order::Declared } else { Order::Unknown },
            },
        })
    }

    /// A dense view whose lines along `major` are contiguous, `stride` elements apart.
    pub fn dense(major: Axis, (n_obs, n_vars): (usize, usize), values: ValueSlice<'a>, stride: usize) -> Result<Self> {
        let (n_major, n_minor) = if major == Axis::Obs { (n_obs, n_vars) } else { (n_vars, n_obs) };
        ensure!(
            stride >= n_minor,
            Shape,
            "matrix.stride: is {stride}, must be at least {n_minor}, the length of a line"
        );
        let needed = if n_major == 0 { 0 } else { (n_major - 1) * stride + n_minor };
        ensure!(
            values.len() >= needed,
            Shape,
            "matrix.values: has {} elements, a dense {n_obs} x {n_vars} matrix with stride {stride} needs {needed}",
            values.len()
        );
        Ok(Self { n_obs, n_vars, major, storage: Storage::Dense { values, stride } })
    }

    pub fn n_obs(&self) -> usize {
        self.n_obs
    }

    pub fn n_vars(&self) -> usize {
        self.n_vars
    }

    /// The length of an axis.
    pub fn n(&self, axis: Axis) -> usize {
        match axis {
            Axis::Obs => self.n_obs,
            Axis::Var => self.n_vars,
        }
    }

    pub fn major(&self) -> Axis {
        self.major
    }

    pub fn n_major(&self) -> usize {
        self.n(self.major)
    }

    pub fn n_minor(&self) -> usize {
        self.n(self.major.other())
    }

    pub fn storage(&self) -> &Storage<'a> {
        &self.storage
    }

    pub fn is_sparse(&self) -> bool {
        matches!(self.storage, Storage::Sparse { .. })
    }

    pub fn values(&self) -> ValueSlice<'a> {
        match self.storage {
            Storage::Sparse { values, .. } | Storage::Dense { values, .. } => values,
        }
    }

    /// Stored elements: the non-zeros of a sparse matrix (stored zeros counted), every element of a dense one.
    pub fn n_stored(&self) -> usize {
        match &self.storage {
            Storage::Sparse { values, .. } => values.len(),
            Storage::Dense { .. } => self.n_obs * self.n_vars,
        }
    }

    /// Stored elements in the lines before `major`: what [`Ctx::balanced`](crate::parallel::Ctx::balanced) weighs by.
    pub fn stored_before(&self, major: usize) -> u64 {
        match &self.storage {
            Storage::Sparse { indptr, .. } => indptr[major] as u64,
            Storage::Dense { .. } => (major * self.n_minor()) as u64,
        }
    }

    /// The same view, which borrows the offsets as well.
    pub(super) fn borrowed(&self) -> Matrix<'_> {
        let storage = match &self.storage {
            Storage::Sparse { indptr, indices, base, values, order } => Storage::Sparse {
                indptr: Cow::Borrowed(indptr),
                indices: *indices,
                base: *base,
                values: *values,
                order: *order,
            },
            dense => dense.clone(),
        };
        Matrix { storage, ..*self }
    }

    /// This view, of which it is known now that its indices are in range, sorted and unique.
    pub(super) fn checked(mut self) -> Self {
        if let Storage::Sparse { order, .. } = &mut self.storage {
            *order = Order::Checked;
        }
        self
    }

    /// The same bytes with cells and genes exchanged.
    pub fn transposed(&self) -> Matrix<'a> {
        Matrix { n_obs: self.n_vars, n_vars: self.n_obs, major: self.major.other(), storage: self.storage.clone() }
    }
}
