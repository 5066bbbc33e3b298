//! The borrowed matrix descriptor, and what is asked of a matrix as such.

use super::context::{ScnContext, run};
use super::options::{self, Sized32};
use super::sparse::ScnSparse;
use super::status::{ScnStatus, guard, non_null, put};
use crate::bail;
use crate::ensure;
use crate::error::Result;
use crate::matrix::{Axis, IndexSlice, Matrix, ValueSlice, ValueSliceMut, ValueType};
use libc::c_void;
use safer_ffi::derive_ReprC;

/// Sparse storage: `indptr`, `indices`, `values`.
pub const SCN_SPARSE: i32 = 0;
/// Dense storage: `values` alone.
pub const SCN_DENSE: i32 = 1;

/// Cells: compressed along cells (scipy's CSR of cells x genes, R's dgCMatrix of genes x cells).
pub const SCN_OBS: i32 = 0;
/// Genes: compressed along genes (scipy's CSC of cells x genes).
pub const SCN_VAR: i32 = 1;

/// float
pub const SCN_F32: i32 = 1;
/// double
pub const SCN_F64: i32 = 2;
/// int8_t
pub const SCN_I8: i32 = 3;
/// uint8_t
pub const SCN_U8: i32 = 4;
/// int16_t
pub const SCN_I16: i32 = 5;
/// uint16_t
pub const SCN_U16: i32 = 6;
/// int32_t
pub const SCN_I32: i32 = 7;
/// uint32_t
pub const SCN_U32: i32 = 8;
/// int64_t
pub const SCN_I64: i32 = 9;
/// uint64_t
pub const SCN_U64: i32 = 10;

/// The indices of each line ascend and do not repeat: kernels then skip the check and, if it is wrong, fail with an
/// error or compute from what is there; memory is safe either way.
pub const SCN_MATRIX_CANONICAL: u32 = 1;

/// A borrowed matrix of cells (obs) x genes (var). The pointers stay the caller's: they are read during a call only and
/// never written, unless the function's name ends in `_inplace`. Set up by `scn_matrix_init`, then filled in.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnMatrix {
    /// sizeof(ScnMatrix) of the header compiled against.
    pub struct_size: u32,
    /// `SCN_SPARSE` (default) or `SCN_DENSE`.
    pub storage: i32,
    /// The axis that a sparse matrix is compressed along, or whose lines a dense one stores contiguously: `SCN_OBS`
    /// (default) or `SCN_VAR`.
    pub major: i32,
    /// 0 (default) or 1: what `indptr` and `indices` count from.
    pub index_base: i32,
    /// Cells.
    pub n_obs: i64,
    /// Genes.
    pub n_vars: i64,
    /// Stored elements; of a dense matrix 0 or n_obs * n_vars.
    pub nnz: i64,
    /// Offsets of the lines, one more than there are lines along `major`. Null if dense.
    pub indptr: *const c_void,
    /// Position of each stored element on the other axis, `nnz` of them. Null if dense.
    pub indices: *const c_void,
    /// The elements: `nnz` of them; if dense, lines of the minor axis' length, `stride` apart.
    pub values: *const c_void,
    /// `SCN_I32` or `SCN_I64`; default `SCN_I64`.
    pub indptr_type: i32,
    /// `SCN_I32` or `SCN_I64`; default `SCN_I32`.
    pub index_type: i32,
    /// Any of the type tags; default `SCN_F32`.
    pub value_type: i32,
    /// `SCN_MATRIX_*`; default 0.
    pub flags: u32,
    /// Dense only: elements from the start of one line to that of the next; 0 (default) if they follow each other.
    pub stride: i64,
}

// SAFETY: repr(C), struct_size first, numbers and raw pointers only.
unsafe impl Sized32 for ScnMatrix {
    const NAME: &'static str = "ScnMatrix";
    const FIRST_SIZE: usize = 88;
    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            storage: SCN_SPARSE,
            major: SCN_OBS,
            index_base: 0,
            n_obs: 0,
            n_vars: 0,
            nnz: 0,
            indptr: std::ptr::null(),
            indices: std::ptr::null(),
            values: std::ptr::null(),
            indptr_type: SCN_I64,
            index_type: SCN_I32,
            value_type: SCN_F32,
            flags: 0,
            stride: 0,
        }
    }
}

pub(crate) fn axis(value: i32, name: &str) -> Result<Axis> {
    match value {
        SCN_OBS => Ok(Axis::Obs),
        SCN_VAR => Ok(Axis::Var),
        _ => bail!(InvalidArgument, "{name}: is {value}, must be SCN_OBS (0) or SCN_VAR (1)"),
    }
}

pub(crate) fn value_type(tag: i32, name: &str) -> Result<ValueType> {
    Ok(match tag {
        SCN_F32 => ValueType::F32,
        SCN_F64 => ValueType::F64,
        SCN_I8 => ValueType::I8,
        SCN_U8 => ValueType::U8,
        SCN_I16 => ValueType::I16,
        SCN_U16 => ValueType::U16,
        SCN_I32 => ValueType::I32,
        SCN_U32 => ValueType::U32,
        SCN_I64 => ValueType::I64,
        SCN_U64 => ValueType::U64,
        _ => bail!(Type, "{name}: is {tag}, must be one of SCN_F32 (1) to SCN_U64 (10)"),
    })
}

pub(crate) fn value_tag(value_type: ValueType) -> i32 {
    match value_type {
        ValueType::F32 => SCN_F32,
        ValueType::F64 => SCN_F64,
        ValueType::I8 => SCN_I8,
        ValueType::U8 => SCN_U8,
        ValueType::I16 => SCN_I16,
        ValueType::U16 => SCN_U16,
        ValueType::I32 => SCN_I32,
        ValueType::U32 => SCN_U32,
        ValueType::I64 => SCN_I64,
        ValueType::U64 => SCN_U64,
    }
}

/// A caller's array as a slice. An empty one may be null.
///
/// # Safety
/// `pointer` is null or valid for reads of `len` elements of `T`, not written to, for `'a`.
pub(crate) unsafe fn slice<'a, T>(pointer: *const T, len: i64, name: &str) -> Result<&'a [T]> {
    ensure!(len >= 0, InvalidArgument, "{name}: has length {len}, must not be negative");
    if len == 0 {
        return Ok(&[]);
    }
    non_null(pointer, name)?;
    ensure!(
        pointer.is_aligned(),
        InvalidArgument,
        "{name}: address {pointer:p} is not aligned to {} bytes",
        align_of::<T>()
    );
    ensure!(
        (len as u64).saturating_mul(size_of::<T>() as u64) <= isize::MAX as u64,
        Overflow,
        "{name}: has length {len}, which is more than can be addressed"
    );
    // SAFETY: not null, aligned, not larger than memory; the rest is the caller's contract.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len as usize) })
}

/// A caller's output array as a slice, of a length that must be `needed`. Null means: not wanted.
///
/// # Safety
/// `pointer` is null or valid for writes of `len` initialised elements of `T`, by nobody else, for `'a`.
pub(crate) unsafe fn output<'a, T>(
    pointer: *mut T,
    len: i64,
    needed: usize,
    name: &str,
) -> Result<Option<&'a mut [T]>> {
    if pointer.is_null() {
        return Ok(None);
    }
    ensure!(len == needed as i64, Shape, "{name}: has length {len}, must have {needed}");
    ensure!(
        pointer.is_aligned(),
        InvalidArgument,
        "{name}: address {pointer:p} is not aligned to {} bytes",
        align_of::<T>()
    );
    if needed == 0 {
        return Ok(Some(&mut []));
    }
    // SAFETY: not null, aligned, of the length that the caller states; the rest is the caller's contract.
    Ok(Some(unsafe { std::slice::from_raw_parts_mut(pointer, needed) }))
}

/// `output` that must be there.
///
/// # Safety
/// As [`output`].
pub(crate) unsafe fn required_output<'a, T>(
    pointer: *mut T,
    len: i64,
    needed: usize,
    name: &str,
) -> Result<&'a mut [T]> {
    // SAFETY: as this function's own contract.
    match unsafe { output(pointer, len, needed, name)? } {
        Some(out) => Ok(out),
        None => bail!(Null, "{name}: is null, must point to {needed} elements"),
    }
}

/// An output array whose type is a tag (`SCN_F32` or `SCN_F64`), of a length that must be `needed`.
///
/// # Safety
/// As [`output`], of the type that the tag says.
pub(crate) unsafe fn typed_output<'a>(
    pointer: *mut c_void,
    tag: i32,
    len: i64,
    needed: usize,
    name: &str,
) -> Result<Option<ValueSliceMut<'a>>> {
    // SAFETY: as this function's own contract.
    unsafe {
        Ok(match tag {
            SCN_F32 => output(pointer.cast::<f32>(), len, needed, name)?.map(ValueSliceMut::F32),
            SCN_F64 => output(pointer.cast::<f64>(), len, needed, name)?.map(ValueSliceMut::F64),
            _ => bail!(Type, "{name}: has type tag {tag}, must be SCN_F32 (1) or SCN_F64 (2)"),
        })
    }
}

/// `typed_output` that must be there.
///
/// # Safety
/// As [`typed_output`].
pub(crate) unsafe fn required_values<'a>(
    pointer: *mut c_void,
    tag: i32,
    len: i64,
    needed: usize,
    name: &str,
) -> Result<ValueSliceMut<'a>> {
    // SAFETY: as this function's own contract.
    match unsafe { typed_output(pointer, tag, len, needed, name)? } {
        Some(out) => Ok(out),
        None if needed == 0 => Ok(ValueSliceMut::F64(&mut [])),
        None => bail!(Null, "{name}: is null, must point to {needed} elements"),
    }
}

/// # Safety
/// `pointer` is null or valid for reads of `len` elements of the type that `tag` says, for `'a`.
unsafe fn indices<'a>(pointer: *const c_void, tag: i32, len: i64, name: &str) -> Result<IndexSlice<'a>> {
    // SAFETY: as this function's own contract.
    unsafe {
        Ok(match tag {
            SCN_I32 => IndexSlice::I32(slice(pointer.cast(), len, name)?),
            SCN_I64 => IndexSlice::I64(slice(pointer.cast(), len, name)?),
            _ => bail!(Type, "{name}_type: is {tag}, must be SCN_I32 (7) or SCN_I64 (9)"),
        })
    }
}

/// Values of any type as a slice.
///
/// # Safety
/// `pointer` is null or valid for reads of `len` elements of the type that `tag` says, for `'a`.
pub(crate) unsafe fn values<'a>(pointer: *const c_void, tag: i32, len: i64, name: &str) -> Result<ValueSlice<'a>> {
    let kind = value_type(tag, &format!("{name}_type"))?;
    // SAFETY: as this function's own contract.
    unsafe {
        Ok(match kind {
            ValueType::F32 => ValueSlice::F32(slice(pointer.cast(), len, name)?),
            ValueType::F64 => ValueSlice::F64(slice(pointer.cast(), len, name)?),
            ValueType::I8 => ValueSlice::I8(slice(pointer.cast(), len, name)?),
            ValueType::U8 => ValueSlice::U8(slice(pointer.cast(), len, name)?),
            ValueType::I16 => ValueSlice::I16(slice(pointer.cast(), len, name)?),
            ValueType::U16 => ValueSlice::U16(slice(pointer.cast(), len, name)?),
            ValueType::I32 => ValueSlice::I32(slice(pointer.cast(), len, name)?),
            ValueType::U32 => ValueSlice::U32(slice(pointer.cast(), len, name)?),
            ValueType::I64 => ValueSlice::I64(slice(pointer.cast(), len, name)?),
            ValueType::U64 => ValueSlice::U64(slice(pointer.cast(), len, name)?),
        })
    }
}

/// How many elements a table has; `name` is what there are too many of if that cannot be counted.
pub(crate) fn product(rows: usize, columns: usize, name: &str) -> Result<usize> {
    match rows.checked_mul(columns).filter(|&n| n <= isize::MAX as usize / 8) {
        Some(n) => Ok(n),
        None => bail!(Overflow, "{name}: is {rows}, times {columns} elements is more than can be addressed"),
    }
}

/// The shape, stride and element count that a descriptor states, checked.
struct Extent {
    n_obs: i64,
    n_vars: i64,
    stride: i64,
    /// Elements of `values`.
    stored: i64,
}

fn extent(m: &ScnMatrix, major: Axis, name: &str) -> Result<Extent> {
    for (n, field) in [(m.n_obs, "n_obs"), (m.n_vars, "n_vars"), (m.nnz, "nnz")] {
        ensure!(n >= 0, Shape, "{name}.{field}: is {n}, must not be negative");
    }
    let (n_major, n_minor) = if major == Axis::Obs { (m.n_obs, m.n_vars) } else { (m.n_vars, m.n_obs) };
    ensure!(n_major < i64::MAX, Overflow, "{name}: {n_major} lines are too many");
    if m.storage == SCN_SPARSE {
        for (tag, count, what) in [(m.indptr_type, m.nnz, "indptr_type"), (m.index_type, n_minor, "index_type")] {
            ensure!(
                tag != SCN_I32 || count <= i32::MAX as i64,
                Overflow,
                "{name}.{what}: is SCN_I32, which cannot count to {count}; use SCN_I64"
            );
        }
        return Ok(Extent { n_obs: m.n_obs, n_vars: m.n_vars, stride: 0, stored: m.nnz });
    }
    let Some(all) = n_major.checked_mul(n_minor) else {
        bail!(Overflow, "{name}: {n_major} x {n_minor} elements are more than 64 bits count")
    };
    ensure!(
        m.nnz == 0 || m.nnz == all,
        Shape,
        "{name}.nnz: is {}, must be 0 or {all} (n_obs * n_vars) as the matrix is dense",
        m.nnz
    );
    let stride = if m.stride == 0 { n_minor } else { m.stride };
    ensure!(
        stride >= n_minor,
        Shape,
        "{name}.stride: is {stride}, must be 0 or at least {n_minor}, the length of a line"
    );
    let stored = match n_major {
        0 => Some(0),
        _ => (n_major - 1).checked_mul(stride).and_then(|before| before.checked_add(n_minor)),
    };
    match stored {
        Some(stored) => Ok(Extent { n_obs: m.n_obs, n_vars: m.n_vars, stride, stored }),
        None => bail!(Overflow, "{name}.stride: is {stride}, too large for {n_major} lines"),
    }
}

/// The caller's descriptor as a view: shape, tags, pointers and offsets are checked, indices are not yet.
///
/// # Safety
/// `pointer` is null or a descriptor as `ScnMatrix` describes it, whose arrays are valid for `'a`.
pub(crate) unsafe fn view<'a>(pointer: *const ScnMatrix, name: &str) -> Result<Matrix<'a>> {
    non_null(pointer, name)?;
    // SAFETY: not null, the rest is this function's own contract.
    let m = unsafe { options::read(pointer)? };
    let major = axis(m.major, &format!("{name}.major"))?;
    ensure!(
        m.flags & !SCN_MATRIX_CANONICAL == 0,
        InvalidArgument,
        "{name}.flags: is {:#x}, has bits that are not SCN_MATRIX_*",
        m.flags
    );
    ensure!(
        matches!(m.storage, SCN_SPARSE | SCN_DENSE),
        InvalidArgument,
        "{name}.storage: is {}, must be SCN_SPARSE (0) or SCN_DENSE (1)",
        m.storage
    );
    let extent = extent(&m, major, name)?;
    let shape = (extent.n_obs as usize, extent.n_vars as usize);
    // SAFETY: the lengths are those that the descriptor states, which the caller vouches for.
    unsafe {
        let values = values(m.values, m.value_type, extent.stored, &format!("{name}.values"))?;
        if m.storage == SCN_DENSE {
            return Matrix::dense(major, shape, values, extent.stride as usize);
        }
        let lines = if major == Axis::Obs { m.n_obs } else { m.n_vars };
        let indptr = indices(m.indptr, m.indptr_type, lines + 1, &format!("{name}.indptr"))?;
        let indices = indices(m.indices, m.index_type, m.nnz, &format!("{name}.indices"))?;
        Matrix::sparse(
            major,
            shape,
            indptr,
            indices,
            values,
            i64::from(m.index_base),
            m.flags & SCN_MATRIX_CANONICAL != 0,
        )
    }
}

/// The values of a descriptor for writing, and the structure without them: for functions whose name ends in `_inplace`.
///
/// The values of the view that comes with it must not be read while the slice is written: the view's own value slice is
/// empty of promises here, so kernels take only its structure (offsets, indices, shape).
///
/// # Safety
/// As [`view`], and the values are writable and used by nobody else during the call.
pub(crate) unsafe fn values_mut<'a>(pointer: *const ScnMatrix, name: &str) -> Result<ValueSliceMut<'a>> {
    non_null(pointer, name)?;
    // SAFETY: not null, the rest is this function's own contract.
    let m = unsafe { options::read(pointer)? };
    let extent = extent(&m, axis(m.major, &format!("{name}.major"))?, name)?;
    ensure!(
        matches!(m.value_type, SCN_F32 | SCN_F64),
        Type,
        "{name}.value_type: is {}, must be SCN_F32 or SCN_F64 for a change in place; convert the values first",
        value_type(m.value_type, &format!("{name}.value_type"))?.name()
    );
    // SAFETY: length and type are those that the descriptor states, which the caller vouches for.
    match unsafe {
        typed_output(
            m.values.cast_mut(),
            m.value_type,
            extent.stored,
            extent.stored as usize,
            &format!("{name}.values"),
        )?
    } {
        Some(values) => Ok(values),
        None if extent.stored == 0 => Ok(ValueSliceMut::F64(&mut [])),
        None => bail!(Null, "{name}.values: is null, must point to {} elements", extent.stored),
    }
}

/// Writes the defaults into a descriptor: sparse, obs-major, 0-based, i64 offsets, i32 indices, f32 values, all null.
/// `struct_size` is `sizeof(ScnMatrix)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `matrix` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_init(matrix: *mut ScnMatrix, struct_size: usize) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(matrix, "matrix", struct_size) })
}

/// Checks a matrix in full and says which element is wrong: descriptor, offsets, indices in range, and that all values
/// are finite. With `SCN_MATRIX_CANONICAL` among the flags, also that the indices of each line ascend and do not repeat.
///
/// Cost: one parallel read of indices and values; no memory.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_TYPE`, `SCN_ERR_SHAPE`,
/// `SCN_ERR_OVERFLOW`, `SCN_ERR_MATRIX` (structure), `SCN_ERR_VALUE` (a value that is NaN or infinite).
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `matrix` is null or a descriptor whose arrays have the lengths it states.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_validate(context: *const ScnContext, matrix: *const ScnMatrix) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe { run(context, |ctx| view(matrix, "matrix")?.validate(ctx)) }
}

/// Finds out whether the indices of each line ascend without repeats: `canonical` gets 1 if so, else 0; of a dense matrix
/// 1. They are read whatever the flags say. As scipy's `has_canonical_format`.
///
/// A matrix that is canonical may have `SCN_MATRIX_CANONICAL` among its flags for as long as its indices stay as they
/// are: kernels then skip this check, which they else make in each call.
///
/// Cost: one parallel read of the indices; no memory.
///
/// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_MATRIX` for an index out of range.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `canonical` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_is_canonical(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    canonical: *mut u8,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(canonical, "canonical")?;
            put(canonical, "canonical", view(matrix, "matrix")?.is_canonical(ctx)?.into())
        })
    }
}

/// Makes a copy whose indices ascend in each line without repeats; repeated elements are summed in their order, in the
/// values' own type (integers wrap), as scipy's `sort_indices` and `sum_duplicates` do. The result keeps the major axis
/// and the types of indices and values; its offsets are i64, its indices 0-based. Free it with `scn_sparse_free`.
///
/// Memory: the result, once more while it is put together.
///
/// Errors: as `scn_matrix_validate`, except for the values, which may be anything; `SCN_ERR_UNSUPPORTED` if dense.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_sum_duplicates(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    result: *mut *mut ScnSparse,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let sorted = view(matrix, "matrix")?.to_canonical(ctx)?;
            put(result, "result", ScnSparse::boxed(sorted))
        })
    }
}
