//! MatrixMarket files and the folders that Cell Ranger writes.

use super::context::{ScnContext, run};
use super::matrix::{ScnMatrix, axis, value_type, view};
use super::sparse::{ScnSparse, fill};
use super::status::{ScnStatus, guard, non_null, put, put_text};
use crate::bail;
use crate::error::Result;
use crate::matrix::ValueType;
use crate::matrix::io::{self, TenX};
use libc::c_char;
use safer_ffi::derive_ReprC;
use std::ffi::CStr;
use std::path::Path;

/// Of `scn_10x_names`: the barcodes of the cells.
pub const SCN_10X_BARCODES: i32 = 0;
/// Of `scn_10x_names`: the genes' identifiers, the first column of features.tsv or genes.tsv.
pub const SCN_10X_GENE_IDS: i32 = 1;
/// Of `scn_10x_names`: the genes' names, the second column.
pub const SCN_10X_GENE_NAMES: i32 = 2;
/// Of `scn_10x_names`: the third column of features.tsv, "Gene Expression" say; no names if there is only a genes.tsv.
pub const SCN_10X_FEATURE_TYPES: i32 = 3;

/// A folder that Cell Ranger wrote, in memory. Shared use of a const handle is safe; free it once, with `scn_10x_free`.
#[derive_ReprC]
#[repr(opaque)]
pub struct Scn10x {
    found: TenX,
}

/// # Safety
/// `text` is null or points to a string that ends in NUL and lives for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    non_null(pointer, name)?;
    // SAFETY: not null, the rest is this function's own contract.
    match unsafe { CStr::from_ptr(pointer) }.to_str() {
        Ok(text) => Ok(text),
        Err(_) => bail!(InvalidArgument, "{name}: is not UTF-8 text"),
    }
}

/// 0 is whatever suits the file.
fn optional_type(tag: i32) -> Result<Option<ValueType>> {
    if tag == 0 { Ok(None) } else { value_type(tag, "value_type").map(Some) }
}

/// Reads a MatrixMarket file: coordinate format; real, integer or pattern; general, symmetric or skew-symmetric; plain or
/// gzipped. `path` is UTF-8. `rows` says what the file's rows are: `SCN_OBS` for cells x genes, `SCN_VAR` for genes x cells
/// (as Cell Ranger's are). `value_type` is the type that the values get; 0 is `SCN_I64` for an integer file, `SCN_F64` for
/// any other. The result is compressed along the cells; repeated entries are summed. Free it with `scn_sparse_free`.
///
/// As scipy.io.mmread. Runs on the calling thread. Memory: 12 to 20 bytes for each entry beside the result.
///
/// Errors: `SCN_ERR_NOT_FOUND`; `SCN_ERR_IO` for a file that cannot be read or is malformed, with file and line;
/// `SCN_ERR_OVERFLOW` for more than 2^31 - 1 cells or genes; `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_TYPE`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `path` is null or a string that ends in NUL; `result` is null or valid for a
/// write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_read_mtx(
    context: *const ScnContext,
    path: *const c_char,
    rows: i32,
    value_type: i32,
    result: *mut *mut ScnSparse,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let (path, rows, kind) = (text(path, "path")?, axis(rows, "rows")?, optional_type(value_type)?);
            put(result, "result", ScnSparse::boxed(io::read_mtx(ctx, Path::new(path), rows, kind)?))
        })
    }
}

/// Writes the non-zeros of a matrix to a MatrixMarket file, gzipped if `path` ends in `.gz`: an integer file for integer
/// values, else a real one whose numbers read back as the same. `rows` says what its rows shall be: `SCN_OBS` writes cells
/// x genes, `SCN_VAR` genes x cells. A file that is there already is replaced, once the new one is complete.
///
/// As scipy.io.mmwrite. Runs on the calling thread. Memory: one line of the matrix as text.
///
/// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_NOT_FOUND` for a folder that does not exist;
/// `SCN_ERR_IO`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `path` is null or a string that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_write_mtx(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    path: *const c_char,
    rows: i32,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let (matrix, path, rows) = (view(matrix, "matrix")?, text(path, "path")?, axis(rows, "rows")?);
            io::write_mtx(ctx, &matrix, Path::new(path), rows)
        })
    }
}

/// Reads a folder that Cell Ranger (or STARsolo) wrote: `matrix.mtx`, `barcodes.tsv`, and `features.tsv` (from version 3 on)
/// or `genes.tsv` (before), each plain or with `.gz`. `prefix`, which may be null, is what the three names begin with;
/// `value_type` as in `scn_read_mtx`. The matrix is cells x genes, compressed along the cells. Free the result with
/// `scn_10x_free`.
///
/// As scanpy's read_10x_mtx. Memory as `scn_read_mtx`.
///
/// Errors: as `scn_read_mtx`; `SCN_ERR_NOT_FOUND` for a file that is missing; `SCN_ERR_MATRIX` if the matrix has not as
/// many columns as there are barcodes, or not as many rows as genes.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_read_mtx`; `prefix` is null or a string that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_read_10x_mtx(
    context: *const ScnContext,
    path: *const c_char,
    prefix: *const c_char,
    value_type: i32,
    result: *mut *mut Scn10x,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let path = text(path, "path")?;
            let prefix = if prefix.is_null() { "" } else { text(prefix, "prefix")? };
            let found = io::read_10x_mtx(ctx, Path::new(path), prefix, optional_type(value_type)?)?;
            put(result, "result", Box::into_raw(Box::new(Scn10x { found })))
        })
    }
}

/// Fills a descriptor that borrows the matrix of the folder: valid until `scn_10x_free`. Otherwise as `scn_sparse_view`.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `folder` is null or a live handle; `view` is null or a descriptor set up by `scn_matrix_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_10x_view(folder: *const Scn10x, view: *mut ScnMatrix) -> ScnStatus {
    guard(|| {
        non_null(folder, "folder")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { fill(&(*folder).found.matrix, view) }
    })
}

/// Copies names of the folder into `buffer`: `which` of `SCN_10X_*`, one after the other, each with a newline behind it,
/// UTF-8, with a closing NUL; cut off if `capacity` bytes are too few. `needed`, if not null, gets the bytes that all
/// names need, the NUL counted; `count`, if not null, how many names there are. A null `buffer` only asks for these.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT` for an unknown `which`.
///
/// @since 0.1.0
///
/// # Safety
/// `folder` is null or a live handle; `buffer` is null or valid for writes of `capacity` bytes; `needed` and `count` are
/// null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_10x_names(
    folder: *const Scn10x,
    which: i32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    count: *mut i64,
) -> ScnStatus {
    guard(|| {
        non_null(folder, "folder")?;
        // SAFETY: not null, the rest is this function's own contract.
        let found = unsafe { &(*folder).found };
        let names = match which {
            SCN_10X_BARCODES => &found.barcodes,
            SCN_10X_GENE_IDS => &found.gene_ids,
            SCN_10X_GENE_NAMES => &found.gene_names,
            SCN_10X_FEATURE_TYPES => &found.feature_types,
            _ => bail!(
                InvalidArgument,
                "which: is {which}, must be one of SCN_10X_BARCODES (0) to SCN_10X_FEATURE_TYPES (3)"
            ),
        };
        let all: String = names.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
        if !count.is_null() {
            // SAFETY: not null, the rest is this function's own contract.
            unsafe { count.write(names.len() as i64) };
        }
        // SAFETY: as this function's own contract.
        unsafe { put_text(&all, buffer, capacity, needed) };
        Ok(())
    })
}

/// Frees a folder. Null is a no-op.
///
/// @since 0.1.0
///
/// # Safety
/// `folder` is null or a live handle; nothing borrows from it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_10x_free(folder: *mut Scn10x) {
    guard(|| {
        if !folder.is_null() {
            // SAFETY: made by Box::into_raw in scn_read_10x_mtx, and freed once by the caller's contract.
            drop(unsafe { Box::from_raw(folder) });
        }
        Ok(())
    });
}
