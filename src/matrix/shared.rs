//! A slice that many tasks write to, each at places that are its own.

use std::marker::PhantomData;
use std::ops::Range;

/// For outputs whose pieces are not contiguous (a block of columns of a row-major table, the places of a scatter),
/// which [`Ctx::run_split`](crate::parallel::Ctx::run_split) cannot hand out.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    lent: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a &mut [T] that is lent to several threads; that they do not touch the same places is the contract of
// each of its functions.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T: Copy> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), lent: PhantomData }
    }

    /// # Safety
    /// No other task reads or writes the place.
    #[inline(always)]
    pub unsafe fn set(&self, i: usize, value: T) {
        assert!(i < self.len);
        // SAFETY: in bounds, and nobody else uses it.
        unsafe { self.start.add(i).write(value) }
    }

    /// # Safety
    /// No other task reads or writes the range while the slice lives.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn slice(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: in bounds, and nobody else uses it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
