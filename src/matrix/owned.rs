//! The owned sparse matrix, and its way to and from `sprs`.

use super::{Axis, Index, IndexSlice, IndexVec, Matrix, Value, ValueVec};
use crate::error::{Error, ErrorKind, Result};
use sprs::{CompressedStorage, CsMatI};

/// An owned obs x var sparse matrix with sorted, unique, 0-based indices.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    pub major: Axis,
    pub n_obs: usize,
    pub n_vars: usize,
    pub indptr: Vec<i64>,
    pub indices: IndexVec,
    pub values: ValueVec,
}

impl Sparse {
    pub fn nnz(&self) -> usize {
        self.values.as_slice().len()
    }

    pub fn view(&self) -> Matrix<'_> {
        Matrix::sparse(
            self.major,
            (self.n_obs, self.n_vars),
            IndexSlice::I64(&self.indptr),
            self.indices.as_slice(),
            self.values.as_slice(),
            0,
            true,
        )
        .expect("an owned matrix is well formed")
    }
}

fn axis(storage: CompressedStorage) -> Axis {
    match storage {
        CompressedStorage::CSR => Axis::Obs,
        CompressedStorage::CSC => Axis::Var,
    }
}

/// Rows are cells: a CSR `sprs` matrix becomes obs-major. Nothing is copied.
impl<V: Value, I: Index + sprs::SpIndex> From<CsMatI<V, I, i64>> for Sparse {
    fn from(matrix: CsMatI<V, I, i64>) -> Self {
        let (n_obs, n_vars) = matrix.shape();
        let major = axis(matrix.storage());
        let (indptr, indices, values) = matrix.into_raw_storage();
        Self { major, n_obs, n_vars, indptr, indices: I::wrap_vec(indices), values: V::wrap_vec(values) }
    }
}

/// Nothing is copied; the types asked for must be those that the matrix has.
impl<V: Value, I: Index + sprs::SpIndex> TryFrom<Sparse> for CsMatI<V, I, i64> {
    type Error = Error;

    fn try_from(matrix: Sparse) -> Result<Self> {
        let value_type = matrix.values.value_type();
        let wrong =
            || Error::new(ErrorKind::Type, format!("values: are {}, not of the type asked for", value_type.name()));
        let indices = I::unwrap_vec(matrix.indices)
            .ok_or_else(|| Error::new(ErrorKind::Type, "indices: not of the type asked for"))?;
        let values = V::unwrap_vec(matrix.values).ok_or_else(wrong)?;
        let shape = (matrix.n_obs, matrix.n_vars);
        Ok(match matrix.major {
            Axis::Obs => CsMatI::new(shape, matrix.indptr, indices, values),
            Axis::Var => CsMatI::new_csc(shape, matrix.indptr, indices, values),
        })
    }
}

/// A borrowed `sprs` matrix as a view; rows are cells.
impl<'a, V: Value, I: Index + sprs::SpIndex> TryFrom<&'a CsMatI<V, I, i64>> for Matrix<'a> {
    type Error = Error;

    fn try_from(matrix: &'a CsMatI<V, I, i64>) -> Result<Self> {
        Matrix::sparse(
            axis(matrix.storage()),
            matrix.shape(),
            IndexSlice::I64(matrix.indptr().into_raw_storage()),
            I::wrap_slice(matrix.indices()),
            V::wrap_slice(matrix.data()),
            0,
            true,
        )
    }
}
