//! Sums of whole lines, several lines side by side.
//!
//! Speed: means and variances of 28 M values of f32 with 2 threads take 3.5 ms. A pass that only reads them, line after line,
//! takes 2.9; the conversion to f64, the turning in registers and two additions for each value take 2.2 from the cache.
//! 2.3 M values in 13,700 lines, half of them shorter than 34, take 0.32, half of it for that arithmetic. 28 M values of
//! f64, in AVX2, take 7.2.

use super::{Lines, Value, ValueType};
use crate::simd::{prefetch, prefetch_range, widest};
use std::borrow::Cow;
use std::ops::Range;

/// What is added up of a line: each from its first value to its last, in one f64.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Summed {
    pub sum: f64,
    pub squares: f64,
    /// How many values are not zero.
    pub nonzeros: f64,
}

/// Lines that are added up side by side. One sum alone waits for each of its additions; eight fill a vector of AVX-512.
const LANES: usize = 8;
/// Values that each lane takes at a time.
const STEP: usize = 8;
/// Values that memory is asked for ahead: of a line before its turn comes, and then as it is added up.
const AHEAD: usize = 64;

/// Calls `done(line, its sums)` for each line, in any order; non-zeros are counted if `counts`, else they are 0.
///
/// Lines are taken by length, eight at a time to the end of the longest, so that little is left empty beside it: in all
/// less than one eight of the longest line, as the next eight are no longer than the shortest of these. What a line's sums
/// are does not depend on the lines beside it.
pub(super) fn sum_lines<L: Lines>(lines: &L, majors: Range<usize>, counts: bool, mut done: impl FnMut(usize, Summed)) {
    let take = |eight: &[usize]| -> [Cow<[L::V]>; LANES] {
        std::array::from_fn(|l| {
            let values = eight.get(l).map_or(Cow::Borrowed(&[][..]), |&line| lines.values(line));
            prefetch_range(&values, 0..AHEAD);
            values
        })
    };
    let order = by_length(lines, majors);
    let mut eights = order.chunks(LANES).map(|eight| (eight, take(eight)));
    let mut next = eights.next();
    while let Some((eight, values)) = next {
        next = eights.next();
        let mut sums = Sums::default();
        // Where there are fewer than eight, the last again: nobody asks for its further sums.
        sums.add_side_by_side(std::array::from_fn(|l| &values[l.min(eight.len() - 1)][..]));
        for (l, &line) in eight.iter().enumerate() {
            let nonzeros = if counts { count_nonzeros(&values[l]) as f64 } else { 0.0 };
            done(line, Summed { sum: sums.plain[l], squares: sums.squares[l], nonzeros });
        }
    }
}

/// The lines, the longest first; those that differ in length by less than a step, or by some hundredth part, in any order.
fn by_length<L: Lines>(lines: &L, majors: Range<usize>) -> Vec<usize> {
    // The high bits of a floating-point number: a key for each number of steps up to 64, then 64 for each doubling.
    let key = |len: usize| ((len.div_ceil(STEP) + 64) as f32).to_bits() >> 17;
    let longest = key(lines.n_minor());
    let place = |line: usize| longest.saturating_sub(key(lines.find(line, 0..lines.n_minor()).len())) as usize;
    let mut ends = vec![0u32; (longest - key(0)) as usize + 1];
    majors.clone().for_each(|line| ends[place(line)] += 1);
    let mut order = vec![0; majors.len()];
    let mut end = 0;
    for n in &mut ends {
        end += *n;
        *n = end;
    }
    for line in majors {
        let end = &mut ends[place(line)];
        *end -= 1;
        order[*end as usize] = line;
    }
    order
}

/// The running sums of all lanes.
#[derive(Default)]
struct Sums {
    plain: [f64; LANES],
    squares: [f64; LANES],
}

impl Sums {
    /// Adds the values of each lane. Where a line ends before the longest zeros are added, which changes no sum: none is
    /// ever -0.
    fn add_side_by_side<V: Value>(&mut self, lines: [&[V]; LANES]) {
        #[cfg(target_arch = "x86_64")]
        if V::TYPE == ValueType::F32 && std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512, and the values are f32.
            return unsafe { self.add_f32_avx512(lines) };
        }
        self.add_in_steps(lines);
    }

    fn add_in_steps<V: Value>(&mut self, lines: [&[V]; LANES]) {
        let (shortest, longest) = extent(&lines);
        self.add_steps(lines.map(|line| &line[..shortest]));
        for k in (shortest..longest).step_by(STEP) {
            let rests = lines.map(|line| &line[k.min(line.len())..]);
            let mut ends = [[V::default(); STEP]; LANES];
            for (end, rest) in ends.iter_mut().zip(rests).filter(|(_, rest)| rest.len() < STEP) {
                end.iter_mut().zip(rest).for_each(|(end, v)| *end = *v);
            }
            let step = |l: usize| rests[l].get(..STEP).unwrap_or(&ends[l]);
            self.add_steps(std::array::from_fn(step));
        }
    }

    /// # Safety
    /// The values are f32.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    unsafe fn add_f32_avx512<V: Value>(&mut self, lines: [&[V]; LANES]) {
        use std::arch::x86_64::*;
        let (shortest, longest) = extent(&lines);
        // SAFETY: eight numbers each.
        let (mut plain, mut squares) =
            unsafe { (_mm512_loadu_pd(self.plain.as_ptr()), _mm512_loadu_pd(self.squares.as_ptr())) };
        // Each vector has eight values of a line, then those of the fourth line after it.
        let mut add = |[a, b, c, d]: [__m512; 4]| {
            let as_pd = |x| _mm512_castps_pd(x);
            let (ab, cd) = (as_pd(_mm512_unpacklo_ps(a, b)), as_pd(_mm512_unpacklo_ps(c, d)));
            let (ab_later, cd_later) = (as_pd(_mm512_unpackhi_ps(a, b)), as_pd(_mm512_unpackhi_ps(c, d)));
            // In each: a value and the fourth after it of lines 0 to 3, then both of lines 4 to 7.
            let pairs = [
                _mm512_unpacklo_pd(ab, cd),
                _mm512_unpackhi_pd(ab, cd),
                _mm512_unpacklo_pd(ab_later, cd_later),
                _mm512_unpackhi_pd(ab_later, cd_later),
            ]
            .map(|pair| _mm512_shuffle_f64x2::<0b11_01_10_00>(pair, pair));
            let mut add = |x: __m256d| {
                let x = _mm512_cvtps_pd(_mm256_castpd_ps(x));
                plain = _mm512_add_pd(plain, x);
                // The square of an f32 is exact in f64, so that what is fused has the bits of what is not.
                squares = _mm512_fmadd_pd(x, x, squares);
            };
            pairs.into_iter().for_each(|pair| add(_mm512_castpd512_pd256(pair)));
            pairs.into_iter().for_each(|pair| add(_mm512_extractf64x4_pd::<1>(pair)));
        };
        let starts = lines.map(|line| line.as_ptr().cast::<f32>());
        for k in (0..shortest).step_by(STEP) {
            if k.is_multiple_of(2 * STEP) {
                lines.iter().for_each(|line| prefetch(line, (k + AHEAD).min(longest)));
            }
            add(std::array::from_fn(|l| {
                // SAFETY: each line has eight values from k on; what the mask leaves out is not read.
                unsafe {
                    let low = _mm512_castps256_ps512(_mm256_loadu_ps(starts[l].add(k)));
                    _mm512_mask_loadu_ps(low, 0xff00, starts[l + 4].add(k).wrapping_sub(STEP))
                }
            }));
        }
        for k in (shortest..longest).step_by(STEP) {
            let there = lines.map(|line| (1u16 << line.len().saturating_sub(k).min(STEP)) - 1);
            add(std::array::from_fn(|l| {
                // SAFETY: what the masks leave out is not read.
                unsafe {
                    let low = _mm512_maskz_loadu_ps(there[l], starts[l].wrapping_add(k));
                    _mm512_mask_loadu_ps(low, there[l + 4] << 8, starts[l + 4].wrapping_add(k).wrapping_sub(STEP))
                }
            }));
        }
        // SAFETY: eight numbers each.
        unsafe {
            _mm512_storeu_pd(self.plain.as_mut_ptr(), plain);
            _mm512_storeu_pd(self.squares.as_mut_ptr(), squares);
        }
    }

    /// Adds equally many values to each lane, a multiple of [`STEP`].
    fn add_steps<V: Value>(&mut self, lines: [&[V]; LANES]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { self.add_steps_avx2(lines) };
        }
        for (lane, line) in lines.into_iter().enumerate() {
            for x in line.iter().map(|v| v.to_f64()) {
                self.plain[lane] += x;
                self.squares[lane] += x * x;
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn add_steps_avx2<V: Value>(&mut self, values: [&[V]; LANES]) {
        use std::arch::x86_64::*;
        let n = values[0].len();
        assert!(n.is_multiple_of(STEP) && values.iter().all(|line| line.len() == n));
        // SAFETY: each half is four numbers.
        let mut plain = unsafe { [_mm256_loadu_pd(self.plain.as_ptr()), _mm256_loadu_pd(self.plain[4..].as_ptr())] };
        // SAFETY: each half is four numbers.
        let mut squares =
            unsafe { [_mm256_loadu_pd(self.squares.as_ptr()), _mm256_loadu_pd(self.squares[4..].as_ptr())] };
        for k in (0..n).step_by(4) {
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

/// How many whole steps the shortest of the lines has, in values, and how many values the longest.
fn extent<V>(lines: &[&[V]; LANES]) -> (usize, usize) {
    let lens = lines.map(|line| line.len());
    let (shortest, longest) = lens.into_iter().fold((usize::MAX, 0), |(lo, hi), n| (n.min(lo), n.max(hi)));
    (shortest / STEP * STEP, longest)
}

/// The first values of four lines, then their second ones, and so on: read as they lie, and turned in registers.
///
/// # Safety
/// Each line has four values.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn turned<V: Value>(a: *const V, b: *const V, c: *const V, d: *const V) -> [std::arch::x86_64::__m256d; 4] {
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
            // SAFETY: the caller's promise, and k is less than 4.
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
        fn each_line_is_added_up_by_itself(
            lens in prop::collection::vec(prop_oneof![0usize..70, 0usize..700], 0..40),
            seed in any::<u64>(),
        ) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                if state >> 61 == 0 { 0.0 } else { (state >> 40) as f32 * 0.37 - 3e6 }
            };
            let values: Vec<f32> = (0..lens.iter().sum()).map(|_| next()).collect();
            check(&lens, &values);
            check(&lens, &values.iter().map(|&v| f64::from(v) / 3.0).collect::<Vec<f64>>());
        }

        #[test]
        fn every_width_adds_the_same(
            lens in prop::array::uniform8(0usize..70),
            values in prop::collection::vec(-1e3f32..1e3, 70),
        ) {
            let lines = lens.map(|len| &values[values.len() - len..]);
            let mut sums = [(); 2].map(|()| Sums::default());
            sums[0].add_side_by_side(lines);
            sums[1].add_in_steps(lines);
            for (lane, line) in lines.iter().enumerate() {
                let plain = line.iter().fold(0.0, |sum, &v| sum + f64::from(v));
                let squares = line.iter().fold(0.0, |sum, &v| sum + f64::from(v) * f64::from(v));
                for sums in &sums {
                    prop_assert_eq!((sums.plain[lane], sums.squares[lane]), (plain, squares));
                }
            }
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
