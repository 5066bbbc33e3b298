//! Large result arrays.

/// `n` zeros, in huge pages where the system has them: a result of hundreds of megabytes is then made with some
/// hundred page faults instead of many ten thousand, and scattered writes into it find their pages.
pub(crate) fn zeros<T: Copy + Default>(n: usize) -> Vec<T> {
    let vec = vec![T::default(); n];
    prefer_huge_pages(&vec);
    vec
}

#[cfg(target_os = "linux")]
fn prefer_huge_pages<T>(slice: &[T]) {
    const HUGE: usize = 2 << 20;
    let bytes = size_of_val(slice);
    if bytes < 4 * HUGE {
        return;
    }
    let start = (slice.as_ptr() as usize).next_multiple_of(HUGE);
    let end = (slice.as_ptr() as usize + bytes) / HUGE * HUGE;
    // SAFETY: whole pages inside an allocation of ours; the advice changes nothing but how it is backed. That it may
    // fail (no such pages on this system) is no harm.
    unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_pages<T>(_: &[T]) {}
