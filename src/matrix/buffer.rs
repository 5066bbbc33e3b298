//! Large result arrays.

use crate::error::{Error, ErrorKind, Result};
use std::alloc::{Layout, alloc_zeroed};
use std::sync::Once;

/// Types of which all bits zero is the value zero.
///
/// # Safety
/// All bits zero is a valid value, and the type needs no drop.
pub unsafe trait Zero: Copy {}

macro_rules! zero {
    ($($type:ty)+) => { $(
        // SAFETY: all bits zero is the number 0.
        unsafe impl Zero for $type {}
    )+ };
}

zero!(f32 f64 i8 u8 i16 u16 i32 u32 i64 u64);

/// `n` zeros, or an error where a `Vec` would end the process: sizes of results are the caller's doing, and a caller may
/// ask for what no memory holds.
///
/// In huge pages where the system has them: a result of hundreds of megabytes is then made with some hundred page faults
/// instead of many ten thousand, and scattered writes into it find their pages.
pub(crate) fn zeros<T: Zero>(n: usize) -> Result<Vec<T>> {
    if n == 0 {
        return Ok(Vec::new());
    }
    let layout = Layout::array::<T>(n).map_err(|_| too_large::<T>(n))?;
    // SAFETY: the layout has a size.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return Err(too_large::<T>(n));
    }
    // SAFETY: made by the global allocator with the layout that a Vec of this capacity has, all n values zero, which is
    // valid by the trait's contract.
    let vec = unsafe { Vec::from_raw_parts(start.cast::<T>(), n, n) };
    prefer_huge_pages(&vec);
    Ok(vec)
}

/// An empty vector with room for `n` values, as [`zeros`] makes it: for what is written to once, each place, so that to
/// clear it before would be for nothing.
pub(crate) fn room<T: Zero>(n: usize) -> Result<Vec<T>> {
    let mut vec = Vec::new();
    vec.try_reserve_exact(n).map_err(|_| too_large::<T>(n))?;
    prefer_huge_pages(vec.spare_capacity_mut());
    Ok(vec)
}

/// Has freed memory kept for the next call.
///
/// glibc gives memory back to the system as soon as 128 kB are free at the end of the heap. Of a call that makes some vectors
/// with a number for each gene that would be a page fault for each 4 kB, up to 3 ms in all, each time. How much it keeps
/// follows the largest block (of 32 MB at most) that was freed so far, see M_MMAP_THRESHOLD in mallopt(3). One that nobody
/// writes to costs nothing.
pub(crate) fn keep_freed_memory() {
    const BLOCK: usize = 16 << 20;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut block = Vec::<u8>::new();
        // Without room for it nothing is changed, and nothing is lost.
        let _ = block.try_reserve_exact(BLOCK);
        std::hint::black_box(block);
    });
}

fn too_large<T>(n: usize) -> Error {
    let text = format!("the result of {n} values of {} bytes does not fit into memory", size_of::<T>());
    Error::new(ErrorKind::OutOfMemory, text)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_memory_holds_is_an_error() {
        assert_eq!(zeros::<f64>(1 << 60).unwrap_err().kind, ErrorKind::OutOfMemory);
        assert_eq!(zeros::<f64>(usize::MAX).unwrap_err().kind, ErrorKind::OutOfMemory);
        assert_eq!(zeros::<i16>(10_000_000).unwrap().iter().filter(|&&x| x == 0).count(), 10_000_000);
        assert!(zeros::<u8>(0).unwrap().is_empty());
        assert_eq!(room::<f64>(1 << 60).unwrap_err().kind, ErrorKind::OutOfMemory);
        assert!(room::<i16>(10_000_000).unwrap().capacity() >= 10_000_000);
    }
}
