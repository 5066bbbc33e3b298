//! One body, compiled for the vectors of every x86-64 and again for AVX2, chosen at run time; and asking for memory ahead.

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
