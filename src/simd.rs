//! One body, compiled for the vectors of every x86-64 and again for AVX2, chosen at run time.

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

/// Asks memory for a part of a slice that will be read soon. The processor foresees only reads that go straight on: for
/// lines that are skipped to it has to be told. What is beyond the end is cut off.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], range: std::ops::Range<usize>) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = range.start.min(slice.len());
        for line in slice[start..range.end.clamp(start, slice.len())].chunks(64 / size_of::<T>().clamp(1, 64)) {
            // SAFETY: a prefetch reads nothing; every x86-64 has it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, range);
}
