//! Some cells and some genes of a matrix.
//!
//! Speed: 2,000 of 20,000 genes of 28 M non-zeros of f32, 2 threads: 30 ms. Memory's limit is 7; looking each index up
//! in a table of bytes and moving the chosen ones together, 2 ns a value and thread, is the limit.

use super::buffer::reserve;
use super::build::build;
use super::canonical::order_of;
use super::shared::Shared;
use super::{Axis, Index, IndexSlice, IndexType, Matrix, Sparse, SparseLines, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges, lock};
use crate::{bail, ensure, with_sparse_lines};
use std::mem::MaybeUninit;
use std::sync::Mutex;

/// The given cells and genes, in the given order; one may be given several times. `None` is all of them.
///
/// The result keeps the major axis and the type of the values; zeros that are stored stay. Indices are i32 wherever they
/// fit. Memory: the result, for each thread what is kept of 16 M stored values (if a part of the minor axis is taken), and
/// at most 16 bytes for each position of the minor axis.
pub fn subset(ctx: &Ctx, matrix: &Matrix, obs: Option<&[i64]>, vars: Option<&[i64]>) -> Result<Sparse> {
    ensure!(matrix.is_sparse(), Unsupported, "matrix: is dense, must be sparse");
    for (chosen, axis) in [(obs, Axis::Obs), (vars, Axis::Var)] {
        let n = matrix.n(axis) as i64;
        if let Some(i) = chosen.and_then(|chosen| chosen.iter().position(|&at| at < 0 || at >= n)) {
            let at = chosen.unwrap_or_default()[i];
            bail!(InvalidArgument, "{0}[{i}]: is {at}, must be from 0 to {1} as there are {n} {0}", axis.name(), n - 1);
        }
    }
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();
    let (major, minor) = if matrix.major() == Axis::Obs { (obs, vars) } else { (vars, obs) };
    let n_minor = minor.map_or(matrix.n_minor(), |chosen| chosen.len());
    with_sparse_lines!(
        matrix,
        |lines| if n_minor as u64 <= i32::MAX as u64 {
            choose::<_, _, i32>(ctx, matrix, lines, major, &Minors::of(minor, matrix.n_minor()), n_minor)
        } else if is_wide(&lines) {
            choose::<_, _, i64>(ctx, matrix, lines, major, &Minors::of(minor, matrix.n_minor()), n_minor)
        } else {
            // So many from so few, by repetition: too rare to be compiled for each pair of types.
            let indices: Vec<i64> = lines.indices.iter().map(|i| i.to_i64() - lines.base).collect();
            let indptr = IndexSlice::I64(lines.indptr);
            let shape = (matrix.n_obs(), matrix.n_vars());
            let values = matrix.values();
            let wide = Matrix::sparse(matrix.major(), shape, indptr, IndexSlice::I64(&indices), values, 0, true)?;
            subset(ctx, &wide, obs, vars)
        },
        else unreachable!("checked above")
    )
}

/// Whether indices are 64 bits wide: known when it is compiled.
fn is_wide<V, I: Index>(_: &SparseLines<V, I>) -> bool {
    I::TYPE == IndexType::I64
}

/// The positions of an axis for which `mask` is true: what [`subset`] takes.
pub fn chosen(mask: &[bool]) -> Vec<i64> {
    mask.iter().enumerate().filter(|(_, chosen)| **chosen).map(|(i, _)| i as i64).collect()
}

/// What becomes of the positions of the minor axis.
enum Minors<J> {
    All,
    Some(Kept<J>),
    Any(Places),
}

impl<J: Index> Minors<J> {
    /// Of `n` positions.
    fn of(chosen: Option<&[i64]>, n: usize) -> Self {
        match chosen {
            None => Self::All,
            Some(chosen) if chosen.is_sorted_by(|a, b| a < b) => Self::Some(Kept::of(chosen, n)),
            Some(chosen) => Self::Any(Places::of(chosen, n)),
        }
    }
}

/// Some of the positions, each once, in their order.
struct Kept<J> {
    /// Whether each old position is kept: 1 or 0. Small, so that it stays in the first-level cache.
    keep: Vec<u8>,
    /// The new position of each that is.
    new: Vec<J>,
}

/// Values that are looked at together; their numbers fit a byte.
const BLOCK: usize = 256;

impl<J: Index> Kept<J> {
    fn of(chosen: &[i64], n: usize) -> Self {
        let (mut keep, mut new) = (vec![0; n], vec![J::default(); n]);
        for (place, &old) in chosen.iter().enumerate() {
            (keep[old as usize], new[old as usize]) = (1, J::from_i64(place as i64));
        }
        Self { keep, new }
    }

    /// Appends those values of a line that are. Which ones is found out first, without a branch: none would be foreseen.
    fn pick<I: Index, V: Value>(&self, from: (&[I], &[V]), base: i64, part: &mut Part<J, V>) {
        let begun = part.indices.len();
        for (block, values) in from.0.chunks(BLOCK).zip(from.1.chunks(BLOCK)) {
            let mut kept = [0u8; BLOCK];
            let mut n = 0;
            for (k, i) in block.iter().enumerate() {
                kept[n % BLOCK] = k as u8;
                n += usize::from(self.keep[(i.to_i64() - base) as usize]);
            }
            let kept = || kept[..n].iter().map(|&k| usize::from(k));
            part.indices.extend(kept().map(|k| self.new[(block[k].to_i64() - base) as usize]));
            part.values.extend(kept().map(|k| values[k]));
        }
        part.lens.push(part.indices.len() - begun);
    }
}

/// Stored values that are looked at by one task.
const PIECE: u64 = 1 << 20;

/// Some lines of the result.
#[derive(Default)]
struct Part<J, V> {
    lens: Vec<usize>,
    indices: Vec<J>,
    values: Vec<V>,
}

impl<J, V> Part<J, V> {
    fn clear(&mut self) {
        self.lens.clear();
        self.indices.clear();
        self.values.clear();
    }
}

/// The kept values of each line, `old(line)` being the old line. As to count them takes nearly as long as to pick them,
/// it is done in one pass: each task collects its lines, and these are put together after each round of tasks. The next
/// round collects where the one before did: memory that was never used takes longer to get than all else.
fn pick<V: Value, I: Index, J: Index>(
    ctx: &Ctx,
    lines: SparseLines<V, I>,
    kept: &Kept<J>,
    work: &[u64],
    old: impl Fn(usize) -> usize + Sync,
) -> Result<(Vec<i64>, Vec<J>, Vec<V>)> {
    let n = work.len() - 1;
    let pieces = ((work[n] / PIECE) as usize).max(8 * ctx.threads());
    let ranges = balanced_ranges(n, pieces, |line| work[line]);
    let in_a_round = 16 * ctx.threads();
    let rounds = ranges.chunks(in_a_round);
    let n_rounds = rounds.len();
    let mut parts = Vec::new();
    parts.resize_with(ranges.len().min(in_a_round), Mutex::<Part<J, V>>::default);
    let mut indptr = Vec::with_capacity(n + 1);
    indptr.push(0);
    let (mut indices, mut values) = (Vec::new(), Vec::new());
    for (i, ranges) in rounds.enumerate() {
        ctx.step(i, n_rounds, || {
            let parts = &parts[..ranges.len()];
            let collect = |r: usize| {
                let part = &mut *lock(&parts[r]);
                part.clear();
                for line in ranges[r].clone().map(&old) {
                    kept.pick((lines.indices(line), &lines.values[lines.range(line)]), lines.base, part);
                }
                Ok(())
            };
            ctx.within(0.0, 0.8, || ctx.run(ranges.len(), || (), |(), r| collect(r)))?;
            let left = n_rounds - i;
            ctx.within(0.8, 1.0, || put_together(ctx, parts, left, &mut indptr, &mut indices, &mut values))
        })?;
    }
    indices.shrink_to_fit();
    values.shrink_to_fit();
    Ok((indptr, indices, values))
}

/// Appends the parts to the result, which makes room for as many in each round that is left, this one among them.
fn put_together<J: Index, V: Value>(
    ctx: &Ctx,
    parts: &[Mutex<Part<J, V>>],
    left: usize,
    indptr: &mut Vec<i64>,
    indices: &mut Vec<J>,
    values: &mut Vec<V>,
) -> Result<()> {
    let mut begins = vec![0];
    let mut n = 0;
    for part in parts {
        for len in &lock(part).lens {
            n += len;
            indptr.push((indices.len() + n) as i64);
        }
        begins.push(n);
    }
    if indices.capacity() - indices.len() < n {
        let room = n + (n + n / 16) * (left - 1);
        reserve(indices, room)?;
        reserve(values, room)?;
    }
    {
        let (indices, values) = (Shared::new(indices.spare_capacity_mut()), Shared::new(values.spare_capacity_mut()));
        let put = |p: usize| {
            let part = lock(&parts[p]);
            let place = begins[p]..begins[p + 1];
            // SAFETY: the parts' places follow each other, and each part is one task.
            let (to_indices, to_values) = unsafe { (indices.slice(place.clone()), values.slice(place)) };
            to_indices.iter_mut().zip(&part.indices).for_each(|(to, &index)| *to = MaybeUninit::new(index));
            to_values.iter_mut().zip(&part.values).for_each(|(to, &value)| *to = MaybeUninit::new(value));
            Ok(())
        };
        ctx.run(parts.len(), || (), |(), p| put(p))?;
    }
    // SAFETY: there is room for n more, and each part has written all of its places, or the run would have failed.
    unsafe {
        indices.set_len(indices.len() + n);
        values.set_len(values.len() + n);
    }
    Ok(())
}

/// Where each position goes, if some go to several places or not in their order.
struct Places {
    /// For each old position, where its new ones begin in `new`; one more than there are old positions.
    starts: Vec<usize>,
    /// The new positions. If `ordered`, each is its own place: new[k] = k.
    new: Vec<usize>,
    /// Whether the old positions are chosen in ascending order, some repeatedly.
    ordered: bool,
}

impl Places {
    fn of(chosen: &[i64], n: usize) -> Self {
        let mut starts = vec![0; n + 1];
        chosen.iter().for_each(|&old| starts[old as usize + 1] += 1);
        (0..n).for_each(|old| starts[old + 1] += starts[old]);
        let mut next = starts.clone();
        let mut new = vec![0; chosen.len()];
        for (place, &old) in chosen.iter().enumerate() {
            new[next[old as usize]] = place;
            next[old as usize] += 1;
        }
        Self { starts, new, ordered: chosen.is_sorted() }
    }
}

fn choose<V: Value, I: Index, J: Index>(
    ctx: &Ctx,
    matrix: &Matrix,
    lines: SparseLines<V, I>,
    majors: Option<&[i64]>,
    minors: &Minors<J>,
    n_minor: usize,
) -> Result<Sparse> {
    let n_major = majors.map_or(matrix.n_major(), |chosen| chosen.len());
    let old = |line: usize| majors.map_or(line, |chosen| chosen[line] as usize);
    let minor = |i: &I| (i.to_i64() - lines.base) as usize;
    let shape = if matrix.major() == Axis::Obs { (n_major, n_minor) } else { (n_minor, n_major) };
    let work: Vec<u64> = std::iter::once(0)
        .chain((0..n_major).scan(0, |sum, line| {
            *sum += lines.range(old(line)).len() as u64;
            Some(*sum)
        }))
        .collect();

    if let Minors::Some(kept) = minors {
        let (indptr, indices, values) = pick(ctx, lines, kept, &work, old)?;
        let (n_obs, n_vars) = shape;
        let (indices, values) = (J::wrap_vec(indices), V::wrap_vec(values));
        return Ok(Sparse { major: matrix.major(), n_obs, n_vars, indptr, indices, values });
    }
    let places = match minors {
        Minors::Any(places) => Some(places),
        _ => None,
    };
    let count = |line: usize| match places {
        None => lines.range(old(line)).len(),
        Some(places) => {
            lines.indices(old(line)).iter().map(|i| places.starts[minor(i) + 1] - places.starts[minor(i)]).sum()
        }
    };
    let fill = |line: usize, indices: &mut [J], values: &mut [V]| {
        let range = lines.range(old(line));
        let (from_indices, from_values) = (&lines.indices[range.clone()], &lines.values[range]);
        let Some(places) = places else {
            values.copy_from_slice(from_values);
            indices.iter_mut().zip(from_indices).for_each(|(to, i)| *to = J::from_i64(i.to_i64() - lines.base));
            return;
        };
        let stored = from_indices.iter().zip(from_values);
        let mut k = 0;
        for (i, &x) in stored {
            for place in places.starts[minor(i)]..places.starts[minor(i) + 1] {
                let new = if places.ordered { place } else { places.new[place] };
                (indices[k], values[k]) = (J::from_i64(new as i64), x);
                k += 1;
            }
        }
        if !places.ordered {
            let (mut order, unsorted) = (Vec::new(), values.to_vec());
            order_of(indices, &mut order);
            for ((to_index, to_value), (j, k)) in indices.iter_mut().zip(values).zip(order) {
                (*to_index, *to_value) = (j, unsorted[k]);
            }
        }
    };
    build(ctx, matrix.major(), shape, &|line| work[line], &count, &fill)
}
