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

/// [`widest`] for long arithmetic in f64, which gains from AVX-512 too.
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
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has the instruction, and it takes any address: it never faults, and changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(slice.as_ptr().wrapping_add(k).cast()) };
    }
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

/// Entries of the table of [`replace_small_counts`].
pub(crate) const TABLE: usize = 32;

/// Replaces each value that is a whole number from 0 (not -0) to 31 by its entry in the table, and appends to `left` where those
/// begin that stay as they are: so many together as it returns, or what is left of the slice.
#[inline(always)]
pub fn replace_small_counts(values: &mut [f32], table: &[f32; TABLE], left: &mut Vec<u32>) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512.
            unsafe { replace_small_counts_avx512(values, table, left) };
            return 1;
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe { replace_small_counts_avx2(values, table, left) };
            return 8;
        }
    }
    left.extend((0..values.len() as u32).step_by(8));
    8
}

/// One look-up in two registers for sixteen values; those that are no small counts are told apart one by one.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn replace_small_counts_avx512(values: &mut [f32], table: &[f32; TABLE], left: &mut Vec<u32>) {
    use std::arch::x86_64::*;
    // SAFETY: sixteen entries each.
    let (low, high) = unsafe { (_mm512_loadu_ps(table.as_ptr()), _mm512_loadu_ps(table[16..].as_ptr())) };
    let last = _mm512_set1_epi32(TABLE as i32 - 1);
    let mut places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    // Which of sixteen values are small counts, and what becomes of all.
    let looked_up = |value: __m512| {
        let count = _mm512_cvttps_epi32(value);
        // By its bits, so that -0 is no count.
        let whole = _mm512_cmpeq_epi32_mask(_mm512_castps_si512(_mm512_cvtepi32_ps(count)), _mm512_castps_si512(value));
        let small = _mm512_mask_cmple_epu32_mask(whole, count, last);
        (small, _mm512_mask_mov_ps(value, small, _mm512_permutex2var_ps(low, count, high)))
    };
    let mut other = [0u32; 16];
    let (sixteens, rest) = values.as_chunks_mut::<16>();
    for sixteen in sixteens {
        // SAFETY: sixteen values.
        let (small, changed) = looked_up(unsafe { _mm512_loadu_ps(sixteen.as_ptr()) });
        // SAFETY: sixteen values.
        unsafe { _mm512_storeu_ps(sixteen.as_mut_ptr(), changed) };
        if small != 0xffff {
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_si512(other.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(!small, places)) };
            left.extend_from_slice(&other[..small.count_zeros() as usize]);
        }
        places = _mm512_add_epi32(places, _mm512_set1_epi32(16));
    }
    let there = (1u16 << rest.len()) - 1;
    // SAFETY: what the mask leaves out is not touched.
    unsafe {
        let (small, changed) = looked_up(_mm512_maskz_loadu_ps(there, rest.as_ptr()));
        _mm512_mask_storeu_ps(rest.as_mut_ptr(), there, changed);
        let others = !small & there;
        _mm512_storeu_si512(other.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(others, places));
        left.extend_from_slice(&other[..others.count_ones() as usize]);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn replace_small_counts_avx2(values: &mut [f32], table: &[f32; TABLE], left: &mut Vec<u32>) {
    use std::arch::x86_64::*;
    // SAFETY: eight entries each.
    let [low, second, third, high] =
        std::array::from_fn(|k| unsafe { _mm256_loadu_ps(table[8 * k..8 * k + 8].as_ptr()) });
    let last = _mm256_set1_epi32(TABLE as i32 - 1);
    let (eights, rest) = values.as_chunks_mut::<8>();
    let n = eights.len();
    for (i, eight) in eights.iter_mut().enumerate() {
        // SAFETY: eight values.
        let value = unsafe { _mm256_loadu_ps(eight.as_ptr()) };
        let count = _mm256_cvttps_epi32(value);
        // By its bits, so that -0 is no count.
        let whole = _mm256_cmpeq_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(count)), _mm256_castps_si256(value));
        let small = _mm256_cmpeq_epi32(_mm256_min_epu32(count, last), count);
        if _mm256_movemask_epi8(_mm256_and_si256(whole, small)) != -1 {
            left.push(8 * i as u32);
            continue;
        }
        // A look-up takes three bits of the count; two more choose among four of them by their place as signs.
        let from = |entries| _mm256_permutevar8x32_ps(entries, count);
        let bit = |shift: __m256i| _mm256_castsi256_ps(shift);
        let (eighth, sixteenth) = (bit(_mm256_slli_epi32::<28>(count)), bit(_mm256_slli_epi32::<27>(count)));
        let below = _mm256_blendv_ps(from(low), from(second), eighth);
        let above = _mm256_blendv_ps(from(third), from(high), eighth);
        // SAFETY: eight values.
        unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), _mm256_blendv_ps(below, above, sixteenth)) };
    }
    if !rest.is_empty() {
        left.push(8 * n as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_looked_up_and_nothing_else() {
        let table: [f32; TABLE] = std::array::from_fn(|i| 100.0 + i as f32);
        let odd = [-0.0, 0.5, -1.0, 32.0, f32::NAN, f32::INFINITY, 1e9, 31.5, 4294967296.0];
        let values: Vec<f32> = (0..61).map(|i| (i * 7 % 32) as f32).collect();
        for (i, &x) in odd.iter().enumerate() {
            let mut all = values.clone();
            all[40 + i % 8] = x;
            let before = all.clone();
            let mut left = Vec::new();
            let together = replace_small_counts(&mut all, &table, &mut left);
            check(&all, &before, &table, &left, together, i);
            #[cfg(target_arch = "x86_64")]
            if together == 1 {
                let mut all = before.clone();
                left.clear();
                // SAFETY: what has AVX-512 has AVX2.
                unsafe { replace_small_counts_avx2(&mut all, &table, &mut left) };
                check(&all, &before, &table, &left, 8, i);
            }
        }
    }

    fn check(now: &[f32], before: &[f32], table: &[f32; TABLE], left: &[u32], together: usize, odd: usize) {
        let end = (now.len() / together * together) as u32;
        let mut wanted = vec![(40 + odd % 8) as u32 / together as u32 * together as u32];
        wanted.extend((end < now.len() as u32).then_some(end));
        // Without vectors all is left.
        if left.len() < now.len() / 8 {
            assert_eq!(left, wanted);
        }
        for (k, (now, &before)) in now.iter().zip(before).enumerate() {
            let is_left = left.contains(&(k as u32 / together as u32 * together as u32));
            let want = if is_left { before } else { table[before as usize] };
            assert_eq!(now.to_bits(), want.to_bits(), "{k}");
        }
    }
}
