//! Sums of whole lines, several lines side by side.
//!
//! Speed: 28 M values of f32 with 2 threads take 4.1 ms, of f64 5.4. Memory's limits are 2.2 and 4.4; the conversion to
//! f64, the turning in registers and three operations on each value take 2.7 from the cache.

use super::{Lines, Value};
use crate::simd::{prefetch_range, widest};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

/// What is added up of a line: each from its first value to its last, in one f64.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Summed {
    pub sum: f64,
    pub squares: f64,
    /// How many values are not zero.
    pub nonzeros: f64,
}

/// A line on its way: which, and its values.
type Line<'a, V> = (usize, Cow<'a, [V]>);

/// Lines that are added up side by side. One sum alone waits for each of its additions; eight fill two vectors of AVX2.
const LANES: usize = 8;
/// Values that each lane takes at a time.
const STEP: usize = 4;
/// Values of a line that memory is asked for before its turn comes; the rest it foresees.
const AHEAD: usize = 64;

/// Calls `done(line, its sums)` for each line, not all in order; non-zeros are counted if `counts`, else they are 0.
///
/// A lane that finishes its line takes the next one, so lines of any lengths keep all lanes busy. What a line's sums are
/// does not depend on the lines beside it.
pub(super) fn sum_lines<L: Lines>(lines: &L, majors: Range<usize>, counts: bool, mut done: impl FnMut(usize, Summed)) {
    let mut majors = majors;
    let mut waiting = VecDeque::with_capacity(LANES + 1);
    let mut next = || {
        while waiting.len() <= LANES
            && let Some(line) = majors.next()
        {
            let values = lines.values(line);
            prefetch_range(&values, 0..AHEAD);
            waiting.push_back((line, values));
        }
        waiting.pop_front()
    };
    let mut lanes: [Option<Line<L::V>>; LANES] = [const { None }; LANES];
    // How many values of each lane's line are left to add side by side; `NONE` once there are no more lines.
    let mut left = [0; LANES];
    const NONE: usize = usize::MAX;
    let mut sums = Sums::default();
    loop {
        for l in 0..LANES {
            while left[l] < STEP {
                if let Some((line, values)) = lanes[l].take() {
                    values[values.len() - left[l]..].iter().for_each(|v| sums.add(l, v.to_f64()));
                    let nonzeros = if counts { count_nonzeros(&values) as f64 } else { 0.0 };
                    done(line, Summed { sum: sums.plain[l], squares: sums.squares[l], nonzeros });
                }
                lanes[l] = next();
                left[l] = lanes[l].as_ref().map_or(NONE, |(_, values)| values.len());
                (sums.plain[l], sums.squares[l]) = (0.0, 0.0);
            }
        }
        let (shortest, least) = left.iter().copied().enumerate().min_by_key(|&(_, left)| left).unwrap_or((0, NONE));
        if least == NONE {
            return;
        }
        let together = least / STEP * STEP;
        // A lane without a line adds up what another has, and nobody asks for it.
        let rest = |l: usize| {
            let l = if left[l] == NONE { shortest } else { l };
            let values: &[L::V] = lanes[l].as_ref().map_or(&[], |(_, values)| values);
            &values[values.len() - left[l]..][..together]
        };
        sums.add_side_by_side([rest(0), rest(1), rest(2), rest(3), rest(4), rest(5), rest(6), rest(7)]);
        left.iter_mut().filter(|left| **left != NONE).for_each(|left| *left -= together);
    }
}

/// The running sums of all lanes.
#[derive(Default)]
struct Sums {
    plain: [f64; LANES],
    squares: [f64; LANES],
}

impl Sums {
    #[inline(always)]
    fn add(&mut self, lane: usize, x: f64) {
        self.plain[lane] += x;
        self.squares[lane] += x * x;
    }

    /// Adds equally many values to each lane, a multiple of [`STEP`].
    fn add_side_by_side<V: Value>(&mut self, values: [&[V]; LANES]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { self.add_side_by_side_avx2(values) };
        }
        for (lane, values) in values.into_iter().enumerate() {
            values.iter().for_each(|v| self.add(lane, v.to_f64()));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn add_side_by_side_avx2<V: Value>(&mut self, values: [&[V]; LANES]) {
        use std::arch::x86_64::*;
        let n = values[0].len();
        assert!(n.is_multiple_of(STEP) && values.iter().all(|line| line.len() == n));
        // SAFETY: each half is four numbers.
        let mut plain = unsafe { [_mm256_loadu_pd(self.plain.as_ptr()), _mm256_loadu_pd(self.plain[4..].as_ptr())] };
        // SAFETY: each half is four numbers.
        let mut squares =
            unsafe { [_mm256_loadu_pd(self.squares.as_ptr()), _mm256_loadu_pd(self.squares[4..].as_ptr())] };
        for k in (0..n).step_by(STEP) {
            for half in 0..2 {
                let [a, b, c, d] = [values[4 * half], values[4 * half + 1], values[4 * half + 2], values[4 * half + 3]];
                // SAFETY: each line has n values, which is a multiple of STEP.
                let x = unsafe { turned(a.as_ptr().add(k), b.as_ptr().add(k), c.as_ptr().add(k), d.as_ptr().add(k)) };
                for x in x {
                    plain[half] = _mm256_add_pd(plain[half], x);
                    squares[half] = _mm256_add_pd(squares[half], _mm256_mul_pd(x, x));
                }
            }
        }
        for half in 0..2 {
            // SAFETY: each half is four numbers.
            unsafe {
                _mm256_storeu_pd(self.plain[4 * half..].as_mut_ptr(), plain[half]);
                _mm256_storeu_pd(self.squares[4 * half..].as_mut_ptr(), squares[half]);
            }
        }
    }
}

/// The first values of four lines, then their second ones, and so on: read as they lie, and turned in registers.
///
/// # Safety
/// Each line has [`STEP`] values.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn turned<V: Value>(a: *const V, b: *const V, c: *const V, d: *const V) -> [std::arch::x86_64::__m256d; STEP] {
    use crate::matrix::ValueType;
    use std::arch::x86_64::*;
    match V::TYPE {
        ValueType::F32 => {
            // SAFETY: the caller's promise.
            let load = |line: *const V| unsafe { _mm_loadu_ps(line.cast()) };
            let (a, b, c, d) = (load(a), load(b), load(c), load(d));
            let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
            let (ab_later, cd_later) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
            [
                _mm256_cvtps_pd(_mm_movelh_ps(ab, cd)),
                _mm256_cvtps_pd(_mm_movehl_ps(cd, ab)),
                _mm256_cvtps_pd(_mm_movelh_ps(ab_later, cd_later)),
                _mm256_cvtps_pd(_mm_movehl_ps(cd_later, ab_later)),
            ]
        }
        ValueType::F64 => {
            // SAFETY: the caller's promise.
            let load = |line: *const V| unsafe { _mm256_loadu_pd(line.cast()) };
            let (a, b, c, d) = (load(a), load(b), load(c), load(d));
            let (ab_even, cd_even) = (_mm256_unpacklo_pd(a, b), _mm256_unpacklo_pd(c, d));
            let (ab_odd, cd_odd) = (_mm256_unpackhi_pd(a, b), _mm256_unpackhi_pd(c, d));
            [
                _mm256_permute2f128_pd::<0x20>(ab_even, cd_even),
                _mm256_permute2f128_pd::<0x20>(ab_odd, cd_odd),
                _mm256_permute2f128_pd::<0x31>(ab_even, cd_even),
                _mm256_permute2f128_pd::<0x31>(ab_odd, cd_odd),
            ]
        }
        // Kernels read integers as f64.
        _ => {
            // SAFETY: the caller's promise, and k is less than STEP.
            let x = |line: *const V, k: usize| unsafe { *line.add(k) }.to_f64();
            std::array::from_fn(|k| _mm256_set_pd(x(d, k), x(c, k), x(b, k), x(a, k)))
        }
    }
}

/// How many values are not zero.
fn count_nonzeros<V: Value>(values: &[V]) -> usize {
    widest(
        #[inline(always)]
        || {
            // Counted in 32 bits, which vectors of f32 have a lane for.
            let count = |part: &[V]| part.iter().map(|v| u32::from(*v != V::default())).sum::<u32>() as usize;
            values.chunks(1 << 20).map(count).sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::SparseLines;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_line_is_added_up_by_itself(lens in prop::collection::vec(0usize..70, 0..40), seed in any::<u64>()) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                if state >> 61 == 0 { 0.0 } else { (state >> 40) as f32 * 0.37 - 3e6 }
            };
            let values: Vec<f32> = (0..lens.iter().sum()).map(|_| next()).collect();
            check(&lens, &values);
            check(&lens, &values.iter().map(|&v| f64::from(v) / 3.0).collect::<Vec<f64>>());
        }
    }

    fn check<V: Value>(lens: &[usize], values: &[V]) {
        let ends = lens.iter().scan(0, |at, &len| {
            *at += len as i64;
            Some(*at)
        });
        let indptr: Vec<i64> = std::iter::once(0).chain(ends).collect();
        let indices = vec![0i32; values.len()];
        let lines = SparseLines { n_minor: 1, indptr: &indptr, indices: &indices, base: 0, values };
        let mut got = vec![None; lens.len()];
        sum_lines(&lines, 0..lens.len(), true, |line, summed| {
            assert!(got[line].replace(summed).is_none());
        });
        for (line, got) in got.into_iter().enumerate() {
            let mut want = Summed::default();
            for &v in lines.values(line).iter() {
                let x = v.to_f64();
                want.sum += x;
                want.squares += x * x;
                want.nonzeros += f64::from(u8::from(x != 0.0));
            }
            assert_eq!(got, Some(want));
        }
    }
}
