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
