//! The handle of a sparse result whose size the caller cannot know.

use super::matrix::{SCN_I32, SCN_I64, SCN_MATRIX_CANONICAL, SCN_OBS, SCN_SPARSE, SCN_VAR, ScnMatrix, value_tag};
use super::options;
use super::status::{ScnStatus, guard, non_null};
use crate::ensure;
use crate::error::Result;
use crate::matrix::{Axis, IndexType, IndexVec, Sparse, ValueSlice};
use crate::with_values;
use safer_ffi::derive_ReprC;

/// A sparse matrix that the library owns. Shared use of a const handle is safe; free it once, with `scn_sparse_free`.
#[derive_ReprC]
#[repr(opaque)]
pub struct ScnSparse {
    matrix: Sparse,
}

impl ScnSparse {
    pub(crate) fn boxed(matrix: Sparse) -> *mut Self {
        Box::into_raw(Box::new(Self { matrix }))
    }
}

/// Fills a descriptor that borrows the result's arrays: they are valid until `scn_sparse_free`. Offsets are `SCN_I64`,
/// 0-based; the indices of each line ascend without repeats. Copy from it, or hand it to other functions.
///
/// `view` must have been set up by `scn_matrix_init`.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `sparse` is null or a live handle; `view` is null or a descriptor set up by `scn_matrix_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_sparse_view(sparse: *const ScnSparse, view: *mut ScnMatrix) -> ScnStatus {
    guard(|| {
        non_null(sparse, "sparse")?;
        // SAFETY: not null, the rest is the caller's contract.
        unsafe { fill(&(*sparse).matrix, view) }
    })
}

/// Fills a caller's descriptor with an owned matrix, which it then borrows.
///
/// # Safety
/// `view` is null or a descriptor set up by `scn_matrix_init`.
pub(crate) unsafe fn fill(m: &Sparse, view: *mut ScnMatrix) -> Result<()> {
    non_null(view, "view")?;
    // SAFETY: not null, the rest is this function's own contract.
    let mut out = unsafe { options::read(view)? };
    let size = out.struct_size as usize;
    ensure!(
        size >= size_of::<ScnMatrix>(),
        StructSize,
        "view.struct_size: is {size}, must be {}",
        size_of::<ScnMatrix>()
    );
    out.storage = SCN_SPARSE;
    out.major = if m.major == Axis::Obs { SCN_OBS } else { SCN_VAR };
    out.index_base = 0;
    (out.n_obs, out.n_vars, out.nnz) = (m.n_obs as i64, m.n_vars as i64, m.nnz() as i64);
    out.indptr = m.indptr.as_ptr().cast();
    out.indptr_type = SCN_I64;
    (out.indices, out.index_type) = match &m.indices {
        IndexVec::I32(v) => (v.as_ptr().cast(), SCN_I32),
        IndexVec::I64(v) => (v.as_ptr().cast(), SCN_I64),
    };
    debug_assert!(matches!(m.indices.index_type(), IndexType::I32 | IndexType::I64));
    let values: ValueSlice = m.values.as_slice();
    out.value_type = value_tag(values.value_type());
    out.values = with_values!(values, |v| v.as_ptr().cast());
    out.flags = SCN_MATRIX_CANONICAL;
    out.stride = 0;
    // SAFETY: not null, and at least as large as our struct by the check above.
    unsafe { view.write(out) };
    Ok(())
}

/// Frees a sparse result. Null is a no-op.
///
/// @since 0.1.0
///
/// # Safety
/// `sparse` is null or a live handle; nothing borrows from it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_sparse_free(sparse: *mut ScnSparse) {
    guard(|| {
        if !sparse.is_null() {
            // SAFETY: made by Box::into_raw in ScnSparse::boxed, and freed once by the caller's contract.
            drop(unsafe { Box::from_raw(sparse) });
        }
        Ok(())
    });
}
