//! Views whose indices are sorted, unique and in range: what kernels work on.

use super::{Index, Lines, Matrix, Sparse, SparseLines, Storage, Value};
use crate::bail;
use crate::error::Result;
use crate::parallel::Ctx;
use crate::simd::widest;
use crate::with_sparse_lines;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What [`Matrix::canonical`] gives: every line has indices in range, ascending, without repeats.
pub enum Canonical<'a> {
    /// The caller's own arrays, as they lie.
    Borrowed(&'a Matrix<'a>),
    /// A sorted copy, made because the caller's indices were unsorted or repeated.
    Owned(Sparse),
}

impl Canonical<'_> {
    /// The view, now declared canonical: to ask it for its [`Matrix::canonical`] again costs a look at each line.
    pub fn view(&self) -> Matrix<'_> {
        match self {
            Self::Borrowed(matrix) => matrix.declared_canonical(),
            Self::Owned(sparse) => sparse.view(),
        }
    }

    /// Whether the caller's matrix was canonical already.
    pub fn is_borrowed(&self) -> bool {
        matches!(self, Self::Borrowed(_))
    }
}

impl Matrix<'_> {
    /// Checks the indices: one parallel pass, or only the ends of each line if the caller declared the view canonical.
    ///
    /// An index out of range is an error. Unsorted or repeated indices are not: a copy with sorted indices is made,
    /// repeats summed in their order as scipy's `sum_duplicates` does. This is the one case in which a kernel holds a
    /// copy of its input.
    ///
    /// ```ignore
    /// let canonical = matrix.canonical(ctx)?;
    /// let matrix = &canonical.view();
    /// ```
    pub fn canonical(&self, ctx: &Ctx) -> Result<Canonical<'_>> {
        if with_sparse_lines!(self, |lines| check(ctx, self, lines)?, else true) {
            return Ok(Canonical::Borrowed(self));
        }
        Ok(Canonical::Owned(with_sparse_lines!(self, |lines| sort(ctx, self, lines)?, else unreachable!())))
    }

    /// A sorted copy in any case, repeats summed in their order.
    pub fn to_canonical(&self, ctx: &Ctx) -> Result<Sparse> {
        with_sparse_lines!(
            self,
            |lines| {
                check(ctx, self, lines)?;
                sort(ctx, self, lines)
            },
            else bail!(Unsupported, "matrix: is dense, must be sparse")
        )
    }
}

/// Whether all lines are sorted and unique; an index out of range is an error.
fn check<V: Value, I: Index>(ctx: &Ctx, matrix: &Matrix, lines: SparseLines<V, I>) -> Result<bool> {
    let Storage::Sparse { declared_canonical, base, .. } = *matrix.storage() else { return Ok(true) };
    let n = matrix.n_minor() as i64;
    let sorted = AtomicBool::new(true);
    let pieces = ctx.balanced(lines.n_major(), |i| lines.indptr[i] as u64);
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for major in pieces[p].clone() {
                let indices = lines.indices(major);
                if indices.is_empty() {
                    continue;
                }
                let (ascending, lo, hi) = if declared_canonical {
                    let ends = indices.first().zip(indices.last());
                    (true, ends.map_or(base, |e| e.0.to_i64()), ends.map_or(base, |e| e.1.to_i64()))
                } else {
                    survey(indices, base)
                };
                if lo < base || hi >= n + base {
                    return out_of_range(matrix, lines, major);
                }
                if !ascending {
                    sorted.store(false, Ordering::Relaxed);
                }
            }
            Ok(())
        },
    )?;
    Ok(sorted.into_inner())
}

/// Whether the indices ascend strictly, and their smallest and largest.
fn survey<I: Index>(indices: &[I], base: i64) -> (bool, i64, i64) {
    let Some(&first) = indices.first() else { return (true, base, base) };
    let ascending = widest(
        #[inline(always)]
        || {
            // Without a branch in the loop, so that it vectorises.
            indices.iter().zip(&indices[1..]).fold(true, |ok, (a, b)| ok & (a < b))
        },
    );
    if ascending {
        return (true, first.to_i64(), indices[indices.len() - 1].to_i64());
    }
    let (lo, hi) = indices.iter().fold((first, first), |(lo, hi), &i| (lo.min(i), hi.max(i)));
    (false, lo.to_i64(), hi.to_i64())
}

fn out_of_range<V: Value, I: Index, T>(matrix: &Matrix, lines: SparseLines<V, I>, major: usize) -> Result<T> {
    let n = matrix.n_minor() as i64;
    let wrong = |i: &I| i.to_i64() < lines.base || i.to_i64() >= n + lines.base;
    let k = lines.indices(major).iter().position(wrong);
    match k {
        Some(k) => bail!(
            Matrix,
            "matrix.indices[{}]: is {} (in {} {major}), must be from {} to {} as there are {n} {}",
            lines.indptr[major] + k as i64,
            lines.indices(major)[k].to_i64(),
            matrix.major().name(),
            lines.base,
            n - 1 + lines.base,
            matrix.major().other().name(),
        ),
        None => bail!(
            Matrix,
            "matrix.indices: are not sorted in {} {major} although the flags say so",
            matrix.major().name()
        ),
    }
}

/// Indices in ascending order, equal ones as they come, each with its place: sorted without the values, so that it is compiled
/// for two types and not for twenty.
pub(super) fn order_of<I: Index>(indices: &[I], order: &mut Vec<(I, usize)>) {
    order.clear();
    order.extend(indices.iter().copied().zip(0..));
    order.sort_unstable();
}

fn sort<V: Value, I: Index>(ctx: &Ctx, matrix: &Matrix, lines: SparseLines<V, I>) -> Result<Sparse> {
    let pieces = ctx.balanced(lines.n_major(), |i| lines.indptr[i] as u64);
    type Sorted<V, I> = (Vec<i64>, Vec<I>, Vec<V>);
    let done: Vec<Mutex<Sorted<V, I>>> = pieces.iter().map(|_| Mutex::default()).collect();
    ctx.run(pieces.len(), Vec::<(I, usize)>::new, |order, p| {
        let mut out = done[p].lock().unwrap_or_else(|e| e.into_inner());
        let (lens, indices, values) = &mut *out;
        for major in pieces[p].clone() {
            order_of(lines.indices(major), order);
            let line = lines.values(major);
            let begun = indices.len();
            for &(i, k) in order.iter() {
                let (i, v) = (I::from_i64(i.to_i64() - lines.base), line[k]);
                match indices[begun..].last() {
                    Some(&last) if last == i => {
                        let at = values.len() - 1;
                        values[at] = values[at].wrapping_plus(v);
                    }
                    _ => {
                        indices.push(i);
                        values.push(v);
                    }
                }
            }
            lens.push((indices.len() - begun) as i64);
        }
        Ok(())
    })?;
    let mut indptr = Vec::with_capacity(lines.n_major() + 1);
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    let mut end = 0;
    indptr.push(0);
    for piece in done {
        let (lens, piece_indices, piece_values) = piece.into_inner().unwrap_or_else(|e| e.into_inner());
        indptr.extend(lens.iter().map(|len| {
            end += len;
            end
        }));
        indices.extend(piece_indices);
        values.extend(piece_values);
    }
    Ok(Sparse {
        major: matrix.major(),
        n_obs: matrix.n_obs(),
        n_vars: matrix.n_vars(),
        indptr,
        indices: I::wrap_vec(indices),
        values: V::wrap_vec(values),
    })
}
