//! What is done to matrices as such: conversion, subsets, concatenation, dense tables, statistics along an axis.

use super::context::{ScnContext, run};
use super::matrix::{ScnMatrix, axis, output, required_output, slice, value_type, view};
use super::sparse::ScnSparse;
use super::status::{ScnStatus, non_null, put};
use crate::error::Result;
use crate::matrix::reduce::{Targets, aggregate_into};
use crate::matrix::{Axis, Groups, Matrix, Value, ValueType, concat, dense, medians, subset, transpose};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use libc::c_void;

/// Makes the matrix compressed along `major` (`SCN_OBS` or `SCN_VAR`), with sorted indices without repeats, as scipy's
/// `tocsr` and `tocsc` (repeats are summed). Zeros that are stored stay; a dense matrix gives its non-zeros. The type of
/// the values stays; offsets are i64, indices 0-based, i32 wherever they fit unless the matrix lies that way already
/// (then they keep their type). Free the result with `scn_sparse_free`.
///
/// Memory: the result, 8 bytes and 4 per thread for each line of it, and at most a third of a byte for each value.
///
/// Errors: as `scn_matrix_validate`, except for the values, which may be anything.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_to_major(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    major: i32,
    result: *mut *mut ScnSparse,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let (matrix, major) = (view(matrix, "matrix")?, axis(major, "major")?);
            put(result, "result", ScnSparse::boxed(transpose::to_major(ctx, &matrix, major)?))
        })
    }
}

/// Makes a sparse matrix of the cells `obs` and the genes `vars`, given by their 0-based numbers, in the order given; one
/// may be given several times. A null pointer means all of that axis, in their order; to take none, give any pointer
/// and length 0. The result keeps the major axis and the type of the values; zeros that are stored stay. Offsets are i64,
/// indices i32 wherever they fit. Free it with `scn_sparse_free`. As scipy's `matrix[obs][:, vars]`.
///
/// Memory: the result, and 16 bytes for each gene (or cell) of the minor axis; if some of these are taken, at most the
/// result again, which is freed while the result is put together.
///
/// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_INVALID_ARGUMENT` for a number out of range;
/// `SCN_ERR_UNSUPPORTED` if the matrix is dense.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `obs` and `vars` are null or valid for reads of their lengths; `result` is null or valid
/// for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_subset(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    obs: *const i64,
    obs_len: i64,
    vars: *const i64,
    vars_len: i64,
    result: *mut *mut ScnSparse,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let matrix = view(matrix, "matrix")?;
            let obs = optional(obs, obs_len, "obs")?;
            let vars = optional(vars, vars_len, "vars")?;
            put(result, "result", ScnSparse::boxed(subset::subset(ctx, &matrix, obs, vars)?))
        })
    }
}

/// `scn_matrix_subset` by masks: one byte for each cell and each gene, 0 for those that are left out. Null means all.
///
/// Errors: as `scn_matrix_subset`; `SCN_ERR_SHAPE` for a mask of another length than its axis.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_subset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_subset_masked(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    obs: *const u8,
    obs_len: i64,
    vars: *const u8,
    vars_len: i64,
    result: *mut *mut ScnSparse,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let matrix = view(matrix, "matrix")?;
            let chosen = |mask: Option<&[u8]>, axis: Axis| -> Result<Option<Vec<i64>>> {
                let Some(mask) = mask else { return Ok(None) };
                let (n, name) = (matrix.n(axis), axis.name());
                ensure!(mask.len() == n, Shape, "{name}: is a mask of {} values, must have {n}", mask.len());
                Ok(Some((0..n).filter(|&i| mask[i] != 0).map(|i| i as i64).collect()))
            };
            let obs = chosen(optional(obs, obs_len, "obs")?, Axis::Obs)?;
            let vars = chosen(optional(vars, vars_len, "vars")?, Axis::Var)?;
            put(result, "result", ScnSparse::boxed(subset::subset(ctx, &matrix, obs.as_deref(), vars.as_deref())?))
        })
    }
}

/// Makes one sparse matrix of `n_matrices`, one after the other along `along` (`SCN_OBS`: their cells follow each other,
/// `SCN_VAR`: their genes); on the other axis they must be equally long. The result is compressed along the first one's
/// major axis; its values are of the smallest type that holds those of all, as numpy's `result_type` says; its indices
/// are i32 wherever they fit. Dense matrices contribute their non-zeros. Free it with `scn_sparse_free`.
///
/// Memory: the result, and copies of those matrices that are dense, unsorted, compressed along the other axis or of
/// another type of values.
///
/// Errors: as `scn_matrix_validate` for each matrix, except for the values; `SCN_ERR_SHAPE` if they do not fit;
/// `SCN_ERR_INVALID_ARGUMENT` if there are none.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `matrices` is null or valid for reads of `n_matrices` pointers, each null or a
/// descriptor whose arrays have the lengths it states; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_concat(
    context: *const ScnContext,
    matrices: *const *const ScnMatrix,
    n_matrices: i64,
    along: i32,
    result: *mut *mut ScnSparse,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let descriptors = slice(matrices, n_matrices, "matrices")?;
            let along = axis(along, "along")?;
            let views = descriptors
                .iter()
                .enumerate()
                .map(|(i, &descriptor)| view(descriptor, &format!("matrices[{i}]")))
                .collect::<Result<Vec<Matrix>>>()?;
            put(result, "result", ScnSparse::boxed(concat::concat(ctx, &views, along)?))
        })
    }
}

/// Writes the whole matrix to `out`: `n_obs * n_vars` elements of type `out_type`, lines along `major` (`SCN_OBS`: cells
/// one after the other, C order; `SCN_VAR`: genes, Fortran order) without gaps. Values are converted as C does, except
/// that integers are cut off at the ends of their range and NaN becomes 0 there. As scipy's `toarray`.
///
/// No memory beside the output. The output is written as the call goes on: after a cancellation it holds a part.
///
/// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_SHAPE` if `out_len` is not `n_obs * n_vars`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `out` is null or valid for writes of `out_len` elements of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_to_dense(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    major: i32,
    out_type: i32,
    out: *mut c_void,
    out_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let (matrix, major) = (view(matrix, "matrix")?, axis(major, "major")?);
            match value_type(out_type, "out_type")? {
                ValueType::F32 => to_dense::<f32>(ctx, &matrix, major, out, out_len),
                ValueType::F64 => to_dense::<f64>(ctx, &matrix, major, out, out_len),
                ValueType::I8 => to_dense::<i8>(ctx, &matrix, major, out, out_len),
                ValueType::U8 => to_dense::<u8>(ctx, &matrix, major, out, out_len),
                ValueType::I16 => to_dense::<i16>(ctx, &matrix, major, out, out_len),
                ValueType::U16 => to_dense::<u16>(ctx, &matrix, major, out, out_len),
                ValueType::I32 => to_dense::<i32>(ctx, &matrix, major, out, out_len),
                ValueType::U32 => to_dense::<u32>(ctx, &matrix, major, out, out_len),
                ValueType::I64 => to_dense::<i64>(ctx, &matrix, major, out, out_len),
                ValueType::U64 => to_dense::<u64>(ctx, &matrix, major, out, out_len),
            }
        })
    }
}

/// # Safety
/// `out` is null or valid for writes of `out_len` elements of `T`.
unsafe fn to_dense<T: Value>(ctx: &Ctx, matrix: &Matrix, major: Axis, out: *mut c_void, out_len: i64) -> Result<()> {
    let Some(needed) = matrix.n_obs().checked_mul(matrix.n_vars()) else {
        bail!(Overflow, "matrix: {} x {} elements are more than can be addressed", matrix.n_obs(), matrix.n_vars())
    };
    // SAFETY: as this function's own contract.
    let out = unsafe { required_output(out.cast::<T>(), out_len, needed, "out")? };
    dense::to_dense(ctx, matrix, major, out)
}

/// Statistics over all cells (`over` = `SCN_OBS`: a result for each gene) or over all genes (`SCN_VAR`: for each cell).
/// Each output is null (then it is not computed) or has `len` elements, as many as there are results.
///
/// `sums`, `means`: in f64, cells (or genes) taken in ascending order, so that bits do not depend on threads or layout.
/// `variances`: divided by the number of lines less `ddof`; NaN if that is not positive. Free of cancellation: where sum
/// of squares and squared sum cancel, the deviations are summed instead. `nonzeros`: values that are not zero (NaN is
/// not). `mins`, `maxs`: zeros that are not stored count. NaN propagates into all, as in numpy. Over nothing, means,
/// variances, mins and maxs are NaN. Integers beyond 2^53 are rounded to doubles.
///
/// As scikit-learn's `mean_variance_axis` and numpy's `sum`, `mean`, `var`, `count_nonzero`, `min`, `max`.
///
/// Memory: a row of accumulators per thread beside the results, which are written as the call goes on: after a
/// cancellation they hold a part.
///
/// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_SHAPE` for a wrong `len`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; each output is null or valid for writes of `len` doubles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_stats(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    over: i32,
    ddof: i64,
    sums: *mut f64,
    means: *mut f64,
    variances: *mut f64,
    nonzeros: *mut f64,
    mins: *mut f64,
    maxs: *mut f64,
    len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let (matrix, over) = (view(matrix, "matrix")?, axis(over, "over")?);
            let groups = Groups::all(matrix.n(over));
            let out = Outputs { sums, means, variances, nonzeros, mins, maxs, len };
            out.compute(ctx, &matrix, over, &groups, ddof, "len")
        })
    }
}

/// Statistics over the cells of each group: `n_groups` x genes, row-major, `out_len` = `n_groups * n_vars`. With `over` =
/// `SCN_VAR` the groups are of genes, and results are `n_groups` x cells.
///
/// `groups` has a label for each cell, from 0 to `n_groups` - 1, or -1 for a cell in no group; to mask cells, label them
/// -1. Outputs are as those of `scn_matrix_stats`, for each group; of a group without cells sums and nonzeros are 0, all
/// others NaN.
///
/// As `scanpy.get.aggregate`, whose variances lose digits to cancellation where ours do not, and which sets them to 0
/// where it finds that they did.
///
/// Memory: as `scn_matrix_stats`, and after a cancellation as there.
///
/// Errors: as `scn_matrix_stats`; `SCN_ERR_INVALID_ARGUMENT` for a label out of range; `SCN_ERR_SHAPE` for a wrong
/// `groups_len`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_stats`; `groups` is null or valid for reads of `groups_len` labels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_aggregate(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    over: i32,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    ddof: i64,
    sums: *mut f64,
    means: *mut f64,
    variances: *mut f64,
    nonzeros: *mut f64,
    mins: *mut f64,
    maxs: *mut f64,
    out_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let (matrix, over) = (view(matrix, "matrix")?, axis(over, "over")?);
            let labels = slice(groups, groups_len, "groups")?;
            ensure!(n_groups >= 0, InvalidArgument, "n_groups: is {n_groups}, must not be negative");
            let groups = Groups::new(labels, n_groups as usize, matrix.n(over), "groups")?;
            let out = Outputs { sums, means, variances, nonzeros, mins, maxs, len: out_len };
            out.compute(ctx, &matrix, over, &groups, ddof, "out_len")
        })
    }
}

/// Medians of the cells of each group: `n_groups` x genes, row-major, `out_len` = `n_groups * n_vars`; with `over` =
/// `SCN_VAR` of the genes of each group: `n_groups` x cells. Groups as in `scn_matrix_aggregate`.
///
/// Zeros count, stored or not. Where two values are in the middle, their mean. NaN where a value is NaN, and for a group
/// of none. As numpy's `median`.
///
/// Memory: the result twice, and up to 256 MB of the matrix transposed, if it is not compressed along the axis that is
/// kept.
///
/// Errors: as `scn_matrix_aggregate`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_aggregate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_matrix_medians(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    over: i32,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    out: *mut f64,
    out_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let (matrix, over) = (view(matrix, "matrix")?, axis(over, "over")?);
            let labels = slice(groups, groups_len, "groups")?;
            ensure!(n_groups >= 0, InvalidArgument, "n_groups: is {n_groups}, must not be negative");
            let groups = Groups::new(labels, n_groups as usize, matrix.n(over), "groups")?;
            let needed = product(groups.n_groups(), matrix.n(over.other()))?;
            let out = required_output(out, out_len, needed, "out")?;
            out.copy_from_slice(&medians::medians(ctx, &matrix, over, &groups)?);
            Ok(())
        })
    }
}

/// The number of results of so many groups.
fn product(n_groups: usize, n: usize) -> Result<usize> {
    match n_groups.checked_mul(n) {
        Some(product) => Ok(product),
        None => bail!(Overflow, "n_groups: is {n_groups}, too many for results of {n} values each"),
    }
}

/// The caller's output arrays, each null or of `len` doubles.
struct Outputs {
    sums: *mut f64,
    means: *mut f64,
    variances: *mut f64,
    nonzeros: *mut f64,
    mins: *mut f64,
    maxs: *mut f64,
    len: i64,
}

impl Outputs {
    /// # Safety
    /// Each pointer is null or valid for writes of `len` doubles, by nobody else.
    unsafe fn compute(
        &self,
        ctx: &Ctx,
        matrix: &Matrix,
        over: Axis,
        groups: &Groups,
        ddof: i64,
        len: &str,
    ) -> Result<()> {
        ensure!(ddof >= 0, InvalidArgument, "ddof: is {ddof}, must not be negative");
        let needed = product(groups.n_groups(), matrix.n(over.other()))?;
        ensure!(self.len == needed as i64, Shape, "{len}: is {}, must be {needed}", self.len);
        // SAFETY: as this function's own contract.
        let [sums, means, variances, nonzeros, mins, maxs] = unsafe {
            [
                output(self.sums, self.len, needed, "sums")?,
                output(self.means, self.len, needed, "means")?,
                output(self.variances, self.len, needed, "variances")?,
                output(self.nonzeros, self.len, needed, "nonzeros")?,
                output(self.mins, self.len, needed, "mins")?,
                output(self.maxs, self.len, needed, "maxs")?,
            ]
        };
        let targets = Targets { sums, means, square_sums: None, variances, nonzeros, mins, maxs };
        aggregate_into(ctx, matrix, over, groups, ddof as f64, targets)
    }
}

/// A caller's array, or `None` for null.
///
/// # Safety
/// `pointer` is null or valid for reads of `len` elements for `'a`.
unsafe fn optional<'a, T>(pointer: *const T, len: i64, name: &str) -> Result<Option<&'a [T]>> {
    if pointer.is_null() {
        ensure!(len == 0, Null, "{name}: is null, must point to {len} elements (or have length 0 to mean all)");
        return Ok(None);
    }
    // SAFETY: as this function's own contract.
    Ok(Some(unsafe { slice(pointer, len, name)? }))
}
