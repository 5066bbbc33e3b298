//! The owned sparse matrix, and its way to and from `sprs`.

use super::{Axis, Index, IndexSlice, IndexVec, Matrix, Value, ValueVec};
use crate::ensure;
use crate::error::{Error, ErrorKind, Result};
use sprs::{CompressedStorage, CsMatI, CsMatViewI};

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

/// A borrowed `sprs` view as ours; rows are cells. Nothing is copied.
impl<'a, V: Value, I: Index + sprs::SpIndex> TryFrom<CsMatViewI<'a, V, I, i64>> for Matrix<'a> {
    type Error = Error;

    fn try_from(view: CsMatViewI<'a, V, I, i64>) -> Result<Self> {
        let (major, shape) = (axis(view.storage()), view.shape());
        let (indptr, indices, values) = view.into_raw_storage();
        borrowed(major, shape, indptr, I::wrap_slice(indices), values)
    }
}

/// As above for the indices that `sprs` has by default.
#[cfg(target_pointer_width = "64")]
impl<'a, V: Value> TryFrom<CsMatViewI<'a, V, usize>> for Matrix<'a> {
    type Error = Error;

    fn try_from(view: CsMatViewI<'a, V, usize>) -> Result<Self> {
        /// Offsets and indices of memory that exists are far below 2^63.
        fn signed(numbers: &[usize]) -> &[i64] {
            // SAFETY: both types have 64 bits, and all bits are valid for both.
            unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len()) }
        }
        let (major, shape) = (axis(view.storage()), view.shape());
        let (indptr, indices, values) = view.into_raw_storage();
        borrowed(major, shape, signed(indptr), IndexSlice::I64(signed(indices)), values)
    }
}

fn borrowed<'a, V: Value>(
    major: Axis,
    shape: (usize, usize),
    indptr: &'a [i64],
    indices: IndexSlice<'a>,
    values: &'a [V],
) -> Result<Matrix<'a>> {
    ensure!(
        indptr.first() == Some(&0),
        Matrix,
        "matrix.indptr: begins at {:?}, must begin at 0; a slice of a sprs matrix is to be made owned first",
        indptr.first()
    );
    Matrix::sparse(major, shape, IndexSlice::I64(indptr), indices, V::wrap_slice(values), 0, true)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;
    use crate::matrix::reduce::sums;
    use crate::parallel::Ctx;
    use sprs::{CsMat, TriMat};

    #[test]
    fn sprs_matrices_are_views_and_results_without_a_copy() {
        let triplets = TriMat::from_triplets((3, 2), vec![0, 2, 2], vec![1, 0, 1], vec![1.0f32, 2.0, 3.0]);
        let by_rows: CsMat<f32> = triplets.to_csr();
        let by_columns: CsMat<f32> = triplets.to_csc();
        for (theirs, major) in [(&by_rows, Axis::Obs), (&by_columns, Axis::Var)] {
            let ours = Matrix::try_from(theirs.view()).unwrap();
            assert_eq!((ours.n_obs(), ours.n_vars(), ours.major()), (3, 2, major));
            assert_eq!(sums(&Ctx::new(1), &ours, Axis::Obs).unwrap(), [2.0, 4.0]);
            let ValueSlice::F32(values) = ours.values() else { panic!("values are f32") };
            assert_eq!(values.as_ptr(), theirs.data().as_ptr());
        }
        let owned = CsMatI::<u8, i32, i64>::new((2, 2), vec![0, 1, 2], vec![1, 0], vec![7, 8]);
        let place = owned.data().as_ptr();
        let ours = Sparse::from(owned.clone());
        assert_eq!(Matrix::try_from(owned.view()).unwrap().n_stored(), 2);
        let ours_again = Sparse::from(CsMatI::<u8, i32, i64>::try_from(ours.clone()).unwrap());
        assert_eq!(ours, ours_again);
        let back: CsMatI<u8, i32, i64> = Sparse::from(owned).try_into().unwrap();
        assert_eq!(back.data().as_ptr(), place);
        assert!(CsMatI::<f32, i32, i64>::try_from(ours).is_err());
    }
}
