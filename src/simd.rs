//! One body, compiled for the vectors of every x86-64 and again for AVX2, chosen at run time; and what plain code cannot say.

/// Runs the body with the widest vectors that are of use here. The body is plain code that the compiler vectorises; it
/// must give the same bits at every width: elementwise, or with a fixed number of accumulators. Write the closure with
/// `#[inline(always)]`, and what it calls as well: only what is inlined gets the wide vectors.
///
/// FMA is never turned on, so that nothing is fused.
#[inline(always)]
pub fn widest<R>(body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2<R>(body: impl FnOnce() -> R) -> R {
            body()
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { avx2(body) };
        }
    }
    body()
}

/// [`widest`] for long arithmetic, in f64 above all, which gains from AVX-512 too.
#[inline(always)]
pub fn widest_f64<R>(body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
        fn avx512<R>(body: impl FnOnce() -> R) -> R {
            body()
        }
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512dq") && has!("avx512vl") {
            // SAFETY: the processor has all three.
            return unsafe { avx512(body) };
        }
    }
    widest(body)
}

/// Asks for the `k`-th element to be brought into the cache, and does not wait for it; beyond the end it does nothing.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], k: usize) {
    ask::<3, T>(slice, k);
}

/// [`prefetch`] into the second-level cache: for loops that wait for the first level's, which can ask for few lines at a
/// time.
#[inline(always)]
pub fn prefetch_near<T>(slice: &[T], k: usize) {
    ask::<2, T>(slice, k);
}

/// With the hint as the instruction numbers it: 3 for the first level, 2 for the second.
#[inline(always)]
fn ask<const HINT: i32, T>(slice: &[T], k: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and it takes any address: it never faults, and changes nothing.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<HINT>(slice.as_ptr().wrapping_add(k).cast())
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, k);
}

/// Asks for a part of a slice that will be read soon. The processor foresees only reads that go straight on: for lines
/// that are skipped to it has to be told. What is beyond the end is cut off.
#[inline(always)]
pub fn prefetch_range<T>(slice: &[T], range: std::ops::Range<usize>) {
    let in_a_cache_line = 64 / size_of::<T>().clamp(1, 64);
    (range.start..range.end.min(slice.len())).step_by(in_a_cache_line).for_each(|k| prefetch(slice, k));
}

/// Counts below this are looked up in a table.
pub(crate) const TABLE: usize = 64;

/// The counts of a line that are not looked up, and where they are. There is always room for a whole line: vectors would
/// be put aside for each call that may ask for more.
#[derive(Debug, Default)]
pub struct Large<T> {
    n: usize,
    places: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Default> Large<T> {
    /// None yet of so many.
    pub fn clear(&mut self, most: usize) {
        self.n = 0;
        if self.places.len() < most {
            self.places.resize(most, 0);
            self.values.resize(most, T::default());
        }
    }

    #[inline(always)]
    pub fn push(&mut self, place: usize, value: T) {
        (self.places[self.n], self.values[self.n]) = (place as u32, value);
        self.n += 1;
    }

    /// Places and values.
    pub fn both(&mut self) -> (&[u32], &mut [T]) {
        (&self.places[..self.n], &mut self.values[..self.n])
    }
}

/// The sum of the values if all are whole numbers from 0 (not -0) to 2^20 - 1, and on the way those from [`TABLE`] on; nothing
/// at all if the processor has not the vectors for it.
#[inline(always)]
pub fn tally_counts(values: &[f32], large: &mut Large<f32>) -> Option<Option<u64>> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has AVX-512.
        return Some(unsafe { tally_counts_avx512(values, large) });
    }
    let _ = (values, large);
    None
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn tally_counts_avx512(values: &[f32], large: &mut Large<f32>) -> Option<u64> {
    use std::arch::x86_64::*;
    /// Sixteen sums of so many counts fit 32 bits, as does their sum.
    const STRETCH: usize = 2048;
    let not_small = _mm512_set1_epi32(-(TABLE as i32));
    let not_a_count = _mm512_set1_epi32(-(1 << 20));
    let mut all = 0;
    for (s, stretch) in values.chunks(STRETCH).enumerate() {
        let [mut sum, mut bits, mut odd] = [_mm512_setzero_si512(); 3];
        // Returns which of sixteen values are not small.
        let mut tally = |value: __m512| {
            let count = _mm512_cvttps_epi32(value);
            // By its bits, so that -0 is no count.
            let whole = _mm512_castps_si512(_mm512_cvtepi32_ps(count));
            odd = _mm512_or_si512(odd, _mm512_xor_si512(whole, _mm512_castps_si512(value)));
            bits = _mm512_or_si512(bits, count);
            sum = _mm512_add_epi32(sum, count);
            _mm512_test_epi32_mask(count, not_small)
        };
        let mut begin = s * STRETCH;
        let mut put = |values: &[f32], mut which: u16| {
            while which != 0 {
                let k = which.trailing_zeros() as usize;
                large.push(begin + k, values[k]);
                which &= which - 1;
            }
            begin += values.len();
        };
        let (sixteens, rest) = stretch.as_chunks::<16>();
        for sixteen in sixteens {
            // SAFETY: sixteen values.
            put(sixteen, tally(unsafe { _mm512_loadu_ps(sixteen.as_ptr()) }));
        }
        let there = (1u16 << rest.len()) - 1;
        // SAFETY: what the mask leaves out is not read.
        put(rest, tally(unsafe { _mm512_maskz_loadu_ps(there, rest.as_ptr()) }));
        if _mm512_test_epi32_mask(odd, odd) != 0 || _mm512_test_epi32_mask(bits, not_a_count) != 0 {
            return None;
        }
        all += u64::from(_mm512_reduce_add_epi32(sum) as u32);
    }
    Some(all)
}

/// Replaces each of the counts that is below [`TABLE`] by its entry, and others by any; does nothing and returns false if
/// the processor has not the vectors for it.
#[inline(always)]
pub fn look_counts_up(counts: &mut [f32], table: &[f32; TABLE]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has AVX-512.
        unsafe { look_counts_up_avx512(counts, table) };
        return true;
    } else if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        unsafe { look_counts_up_avx2(counts, table) };
        return true;
    }
    let _ = (counts, table);
    false
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn look_counts_up_avx512(counts: &mut [f32], table: &[f32; TABLE]) {
    use std::arch::x86_64::*;
    // SAFETY: sixteen entries each.
    let [first, second, third, fourth] =
        std::array::from_fn(|k| unsafe { _mm512_loadu_ps(table[16 * k..16 * k + 16].as_ptr()) });
    let half = _mm512_set1_epi32(TABLE as i32 / 2);
    for sixteen in counts.chunks_mut(16) {
        let there = u16::MAX >> (16 - sixteen.len());
        // SAFETY: what the mask leaves out is not touched.
        let count = unsafe { _mm512_cvttps_epi32(_mm512_maskz_loadu_ps(there, sixteen.as_ptr())) };
        // A look-up in two registers takes five bits of the count; the sixth chooses between two of them.
        let below = _mm512_permutex2var_ps(first, count, second);
        let above = _mm512_permutex2var_ps(third, count, fourth);
        let entry = _mm512_mask_mov_ps(below, _mm512_test_epi32_mask(count, half), above);
        // SAFETY: what the mask leaves out is not touched.
        unsafe { _mm512_mask_storeu_ps(sixteen.as_mut_ptr(), there, entry) };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn look_counts_up_avx2(counts: &mut [f32], table: &[f32; TABLE]) {
    use std::arch::x86_64::*;
    // SAFETY: eight entries each.
    let eighths: [__m256; 8] = std::array::from_fn(|k| unsafe { _mm256_loadu_ps(table[8 * k..8 * k + 8].as_ptr()) });
    let (eights, rest) = counts.as_chunks_mut::<8>();
    for eight in eights {
        // SAFETY: eight values.
        let count = _mm256_cvttps_epi32(unsafe { _mm256_loadu_ps(eight.as_ptr()) });
        // A look-up takes three bits of the count; three more choose among eight of them, each by its place as the sign.
        let bit_3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(count));
        let bit_4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(count));
        let bit_5 = _mm256_castsi256_ps(_mm256_slli_epi32::<26>(count));
        let of_8 = |k: usize| _mm256_permutevar8x32_ps(eighths[k], count);
        let of_16 = |k: usize| _mm256_blendv_ps(of_8(k), of_8(k + 1), bit_3);
        let of_32 = |k: usize| _mm256_blendv_ps(of_16(k), of_16(k + 2), bit_4);
        let entry = _mm256_blendv_ps(of_32(0), of_32(4), bit_5);
        // SAFETY: eight values.
        unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), entry) };
    }
    rest.iter_mut().for_each(|v| *v = table[*v as usize % TABLE]);
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn every_width_looks_the_same_up() {
        let table: [f32; TABLE] = std::array::from_fn(|i| 100.0 + i as f32);
        let counts: Vec<f32> = (0..1003).map(|i| (i * 7 % TABLE) as f32).collect();
        let want: Vec<f32> = counts.iter().map(|&v| table[v as usize]).collect();
        if std::arch::is_x86_feature_detected!("avx2") {
            let mut got = counts.clone();
            // SAFETY: the processor has AVX2.
            unsafe { look_counts_up_avx2(&mut got, &table) };
            assert_eq!(got, want);
        }
        if std::arch::is_x86_feature_detected!("avx512f") {
            let mut got = counts.clone();
            // SAFETY: the processor has AVX-512.
            unsafe { look_counts_up_avx512(&mut got, &table) };
            assert_eq!(got, want);
        }
    }
}
