//! Matrices put one after the other.

use super::build::{Line, build};
use super::dense::{convert, to_sparse};
use super::transpose::transpose;
use super::{Axis, Canonical, Index, IndexSlice, Matrix, Sparse, Storage, Value, ValueSlice, ValueType, ValueVec};
use crate::error::Result;
use crate::parallel::Ctx;
use crate::{bail, ensure, with_values};

/// The matrices one after the other along `axis`, which must agree on the other one. The result is sparse, compressed
/// along the first one's major axis; of its type of values is the smallest that holds those of all, as numpy's
/// `result_type` has it. Indices are i32 wherever they fit. Dense matrices contribute their non-zeros.
///
/// Memory: the result, and a copy of those matrices that are dense, unsorted, compressed along the other axis, or of
/// another type of values.
pub fn concat(ctx: &Ctx, matrices: &[Matrix], axis: Axis) -> Result<Sparse> {
    ensure!(!matrices.is_empty(), InvalidArgument, "matrices: there are none, must be at least one");
    let (major, other) = (matrices[0].major(), axis.other());
    let n_other = matrices[0].n(other);
    for (i, matrix) in matrices.iter().enumerate() {
        ensure!(
            matrix.n(other) == n_other,
            Shape,
            "matrices[{i}]: has {} {}, must have {n_other} as matrices[0] has",
            matrix.n(other),
            other.name()
        );
    }
    let kind = matrices.iter().map(|matrix| matrix.values().value_type()).reduce(common).expect("not empty");

    let mut ready = Vec::with_capacity(matrices.len());
    for (i, matrix) in matrices.iter().enumerate() {
        ready.push(ctx.within(0.0, 0.5, || ctx.step(i, matrices.len(), || prepare(ctx, matrix, major, kind)))?);
    }
    let views: Vec<Matrix> = ready.iter().map(Canonical::view).collect();
    ctx.within(0.5, 1.0, || match kind {
        ValueType::F32 => join::<f32>(ctx, &views, major, axis),
        ValueType::F64 => join::<f64>(ctx, &views, major, axis),
        ValueType::I8 => join::<i8>(ctx, &views, major, axis),
        ValueType::U8 => join::<u8>(ctx, &views, major, axis),
        ValueType::I16 => join::<i16>(ctx, &views, major, axis),
        ValueType::U16 => join::<u16>(ctx, &views, major, axis),
        ValueType::I32 => join::<i32>(ctx, &views, major, axis),
        ValueType::U32 => join::<u32>(ctx, &views, major, axis),
        ValueType::I64 => join::<i64>(ctx, &views, major, axis),
        ValueType::U64 => join::<u64>(ctx, &views, major, axis),
    })
}

/// The matrix as the result wants it: sparse, canonical, compressed along `major`, with this type of values.
fn prepare<'a>(ctx: &Ctx, matrix: &'a Matrix<'a>, major: Axis, kind: ValueType) -> Result<Canonical<'a>> {
    let ready = if matrix.major() != major {
        Canonical::Owned(transpose(ctx, matrix)?)
    } else if !matrix.is_sparse() {
        Canonical::Owned(to_sparse(ctx, matrix)?)
    } else {
        matrix.canonical(ctx)?
    };
    if matrix.values().value_type() == kind {
        return Ok(ready);
    }
    let owned = match ready {
        Canonical::Owned(sparse) => sparse,
        Canonical::Borrowed(view) => view.to_canonical(ctx)?,
    };
    let values = cast(owned.values.as_slice(), kind);
    Ok(Canonical::Owned(Sparse { values, ..owned }))
}

fn cast(values: ValueSlice, kind: ValueType) -> ValueVec {
    fn all<V: Value, T: Value>(values: &[V]) -> ValueVec {
        T::wrap_vec(values.iter().map(|&x| convert(x)).collect())
    }
    with_values!(values, |values| match kind {
        ValueType::F32 => all::<_, f32>(values),
        ValueType::F64 => all::<_, f64>(values),
        ValueType::I8 => all::<_, i8>(values),
        ValueType::U8 => all::<_, u8>(values),
        ValueType::I16 => all::<_, i16>(values),
        ValueType::U16 => all::<_, u16>(values),
        ValueType::I32 => all::<_, i32>(values),
        ValueType::U32 => all::<_, u32>(values),
        ValueType::I64 => all::<_, i64>(values),
        ValueType::U64 => all::<_, u64>(values),
    })
}

/// The smallest type that holds the values of both, as numpy's `promote_types`.
fn common(a: ValueType, b: ValueType) -> ValueType {
    use ValueType::*;
    let signed = |kind| matches!(kind, I8 | I16 | I32 | I64);
    let (small, large) = if a.size() <= b.size() { (a, b) } else { (b, a) };
    match (small, large) {
        _ if a == b => a,
        _ if a.is_float() && b.is_float() => F64,
        // f32 holds 16 bits, f64 what comes nearest.
        (whole, F32) | (F32, whole) if whole.size() <= 2 => F32,
        _ if a.is_float() || b.is_float() => F64,
        _ if signed(a) == signed(b) => large,
        _ if signed(large) && small.size() < large.size() => large,
        // The larger (or equally large) one is unsigned: the next larger signed type.
        _ => match large.size() {
            1 => I16,
            2 => I32,
            4 => I64,
            _ => F64,
        },
    }
}

/// One of the matrices, its values already of the common type.
struct Part<'a, V> {
    indptr: &'a [i64],
    indices: IndexSlice<'a>,
    base: i64,
    values: &'a [V],
    /// What came before it along the axis.
    first: usize,
    /// Values of those before it.
    stored_before: u64,
}

impl<V: Value> Part<'_, V> {
    fn len(&self, line: usize) -> usize {
        (self.indptr[line + 1] - self.indptr[line]) as usize
    }

    /// Copies a line, `shift` added to its indices.
    fn copy<I: Index>(&self, line: usize, shift: usize, to: &mut Line<I, V>) {
        let range = self.indptr[line] as usize..self.indptr[line + 1] as usize;
        let (values, shift) = (&self.values[range.clone()], shift as i64 - self.base);
        match self.indices {
            IndexSlice::I32(indices) => to.extend(&indices[range], shift, values),
            IndexSlice::I64(indices) => to.extend(&indices[range], shift, values),
        }
    }
}

fn join<V: Value>(ctx: &Ctx, matrices: &[Matrix], major: Axis, axis: Axis) -> Result<Sparse> {
    let (mut total, mut stored) = (0usize, 0);
    let mut parts: Vec<Part<V>> = Vec::with_capacity(matrices.len());
    for matrix in matrices {
        let Storage::Sparse { indptr, indices, base, values, .. } = matrix.storage() else {
            unreachable!("made sparse")
        };
        let values = typed(*values).expect("made of the common type");
        parts.push(Part { indptr, indices: *indices, base: *base, values, first: total, stored_before: stored });
        stored += matrix.n_stored() as u64;
        let Some(sum) = total.checked_add(matrix.n(axis)) else {
            bail!(Overflow, "matrices: have more {} together than can be counted", axis.name())
        };
        total = sum;
    }
    let other = matrices[0].n(axis.other());
    let shape = if axis == Axis::Obs { (total, other) } else { (other, total) };
    let n_minor = if major == Axis::Obs { shape.1 } else { shape.0 };
    if n_minor as u64 <= i32::MAX as u64 {
        put_together::<V, i32>(ctx, &parts, major, shape, axis == major)
    } else {
        put_together::<V, i64>(ctx, &parts, major, shape, axis == major)
    }
}

fn put_together<V: Value, I: Index>(
    ctx: &Ctx,
    parts: &[Part<V>],
    major: Axis,
    shape: (usize, usize),
    stacked: bool,
) -> Result<Sparse> {
    if stacked {
        // Each line is one of one part.
        let part = |line: usize| &parts[parts.partition_point(|part| part.first <= line) - 1];
        let n = if major == Axis::Obs { shape.0 } else { shape.1 };
        let stored = parts.iter().map(|part| part.values.len() as u64).sum();
        let work = |line: usize| match line < n {
            true => part(line).stored_before + part(line).indptr[line - part(line).first] as u64,
            false => stored,
        };
        let count = |line: usize| part(line).len(line - part(line).first);
        let fill = |line: usize, to: &mut Line<I, V>| part(line).copy(line - part(line).first, 0, to);
        build(ctx, major, shape, &work, Some(&count), &fill)
    } else {
        // Each line is made of one of each part.
        let work = |line: usize| parts.iter().map(|part| part.indptr[line] as u64).sum();
        let count = |line: usize| parts.iter().map(|part| part.len(line)).sum();
        let fill = |line: usize, to: &mut Line<I, V>| parts.iter().for_each(|part| part.copy(line, part.first, to));
        build(ctx, major, shape, &work, Some(&count), &fill)
    }
}

/// The values as a slice of `V`, if they are.
fn typed<V: Value>(values: ValueSlice<'_>) -> Option<&[V]> {
    fn same<V: Value, T: Value>(values: &[V]) -> Option<&[T]> {
        // SAFETY: each type has a tag of its own, so V is T.
        (V::TYPE == T::TYPE).then(|| unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) })
    }
    with_values!(values, |values| same(values))
}
