//! Views whose indices are sorted, unique and in range: what kernels work on.

use super::{Index, IndexSlice, Lines, Matrix, Order, Sparse, SparseLines, Storage, Value};
use crate::bail;
use crate::error::Result;
use crate::parallel::{Ctx, lock};
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
    /// The view, which remembers that it was checked: to ask it for its [`Matrix::canonical`] again costs nothing.
    pub fn view(&self) -> Matrix<'_> {
        match self {
            Self::Borrowed(matrix) => matrix.borrowed().checked(),
            Self::Owned(sparse) => sparse.view().checked(),
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
        self.canonical_lines(ctx, None)
    }

    /// [`Self::canonical`] for who reads the indices of these lines and no others: of a view that is declared canonical no
    /// others are looked at, although what it gives counts as checked.
    pub(super) fn canonical_lines(&self, ctx: &Ctx, majors: Option<&[i64]>) -> Result<Canonical<'_>> {
        let declared = self.is_declared_canonical();
        if check(ctx, self, declared, majors.filter(|_| declared))? {
            return Ok(Canonical::Borrowed(self));
        }
        Ok(Canonical::Owned(with_sparse_lines!(self, |lines| sort(ctx, self, lines)?, else unreachable!())))
    }

    /// Whether the indices of each line ascend without repeats, read whatever the caller declared; a dense matrix's do.
    ///
    /// One parallel read of the indices, to their end also where a line is unsorted: one out of range is an error, which
    /// must not depend on what another thread has found by then.
    pub fn is_canonical(&self, ctx: &Ctx) -> Result<bool> {
        check(ctx, self, false, None)
    }

    /// A sorted copy in any case, repeats summed in their order.
    pub fn to_canonical(&self, ctx: &Ctx) -> Result<Sparse> {
        check(ctx, self, self.is_declared_canonical(), None)?;
        with_sparse_lines!(self, |lines| sort(ctx, self, lines), else bail!(Unsupported, "matrix: is dense, must be sparse"))
    }

    /// Whether the caller vouches for it; of a dense matrix nobody does.
    pub fn is_declared_canonical(&self) -> bool {
        matches!(self.storage(), Storage::Sparse { order: Order::Declared | Order::Checked, .. })
    }
}

/// Whether these lines, or all, are sorted and unique, of which `declared` is taken as proof; an index out of range is an error.
fn check(ctx: &Ctx, matrix: &Matrix, declared: bool, majors: Option<&[i64]>) -> Result<bool> {
    let Storage::Sparse { indptr, indices, base, order, .. } = matrix.storage() else { return Ok(true) };
    if declared && *order == Order::Checked {
        return Ok(true);
    }
    // Without the values, so that it is compiled for two types and not for twenty.
    match indices {
        IndexSlice::I32(indices) => check_lines(ctx, matrix, (indptr, indices, *base), declared, majors),
        IndexSlice::I64(indices) => check_lines(ctx, matrix, (indptr, indices, *base), declared, majors),
    }
}

fn check_lines<I: Index>(
    ctx: &Ctx,
    matrix: &Matrix,
    (indptr, indices, base): (&[i64], &[I], i64),
    declared: bool,
    majors: Option<&[i64]>,
) -> Result<bool> {
    let lines = SparseLines::<(), I> { n_minor: matrix.n_minor(), indptr, indices, base, values: &[] };
    let n = matrix.n_minor() as i64;
    let sorted = AtomicBool::new(true);
    let pieces = match majors {
        Some(majors) => ctx.balanced(majors.len(), |i| i as u64),
        None => ctx.balanced(matrix.n_major(), |i| lines.indptr[i] as u64),
    };
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for major in pieces[p].clone().map(|i| majors.map_or(i, |majors| majors[i] as usize)) {
                let indices = lines.indices(major);
                if indices.is_empty() {
                    continue;
                }
                let (ascending, lo, hi) = if declared {
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

fn out_of_range<I: Index, T>(matrix: &Matrix, lines: SparseLines<(), I>, major: usize) -> Result<T> {
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
        let mut out = lock(&done[p]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Axis, ValueSlice};

    /// Three lines of ten places: these indices, cut at these offsets.
    fn with_view<T>(
        offsets: [i64; 4],
        indices: &[i64],
        base: i64,
        declared: bool,
        then: impl Fn(&Matrix) -> T,
    ) -> [T; 2] {
        let indptr = offsets.map(|offset| offset + base);
        let wide: Vec<i64> = indices.iter().map(|i| i + base).collect();
        let narrow: Vec<i32> = wide.iter().map(|&i| i as i32).collect();
        let values = vec![1i8; indices.len()];
        [IndexSlice::I32(&narrow), IndexSlice::I64(&wide)].map(|indices| {
            let values = ValueSlice::I8(&values);
            let indptr = IndexSlice::I64(&indptr);
            then(&Matrix::sparse(Axis::Var, (10, 3), indptr, indices, values, base, declared).unwrap())
        })
    }

    const SORTED: [i64; 6] = [0, 4, 9, 2, 3, 9];
    const UNSORTED: [i64; 6] = [0, 4, 9, 2, 8, 3];
    const REPEATED: [i64; 6] = [0, 4, 4, 2, 3, 9];

    #[test]
    fn indices_are_read_whatever_is_declared() {
        for (threads, base, declared) in [(1, 0, false), (3, 1, false), (2, 0, true), (1, 1, true)] {
            let is = |indices| {
                with_view([0, 3, 3, 6], indices, base, declared, |m| m.is_canonical(&Ctx::new(threads)).unwrap())
            };
            assert_eq!([is(&SORTED), is(&UNSORTED), is(&REPEATED)], [[true; 2], [false; 2], [false; 2]]);
        }
        // Where a line ends the next may begin anywhere.
        let ctx = Ctx::new(1);
        assert_eq!(with_view([0, 3, 5, 6], &UNSORTED, 0, false, |m| m.is_canonical(&ctx).unwrap()), [true; 2]);
        assert_eq!(with_view([0; 4], &[], 0, false, |m| m.is_canonical(&ctx).unwrap()), [true; 2]);
        let dense = Matrix::dense(Axis::Obs, (1, 3), ValueSlice::I8(&[1, 2, 3]), 3).unwrap();
        assert!(dense.is_canonical(&ctx).unwrap());
    }

    #[test]
    fn a_declaration_is_trusted_by_kernels() {
        let borrowed = |declared| {
            with_view([0, 3, 3, 6], &REPEATED, 0, declared, |m| m.canonical(&Ctx::new(2)).unwrap().is_borrowed())
        };
        assert_eq!((borrowed(true), borrowed(false)), ([true; 2], [false; 2]));
    }

    #[test]
    fn an_index_out_of_range_is_an_error_also_after_a_line_that_is_unsorted() {
        let indices = [4, 0, 9, 2, 3, 10];
        for (threads, declared) in [(1, false), (1, true), (3, false), (3, true)] {
            let said = with_view([0, 3, 3, 6], &indices, 0, declared, |m| {
                let error = m.is_canonical(&Ctx::new(threads)).unwrap_err();
                assert_eq!(m.canonical(&Ctx::new(threads)).err().unwrap().to_string(), error.to_string());
                error.to_string()
            });
            for text in said {
                assert_eq!(text, "matrix.indices[5]: is 10 (in var 2), must be from 0 to 9 as there are 10 obs");
            }
        }
    }
}
