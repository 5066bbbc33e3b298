//! Structs that the caller fills: they start with their size, may be older or newer than this library's, and get their
//! defaults here.

use super::status::non_null;
use crate::error::Result;
use crate::{bail, ensure};
use safer_ffi::layout::ReprC;
use std::mem::{MaybeUninit, size_of};

/// A plain `repr(C)` struct whose first field is `struct_size: u32`. `#[derive_ReprC]` proves at compile time that its
/// fields are types that C has.
///
/// # Safety
/// The struct is `repr(C)`, starts with `struct_size: u32`, has no padding that matters, and any bytes are a valid value
/// of it (numbers, raw pointers and `Option` of function pointers only).
pub(crate) unsafe trait Sized32: Copy + ReprC {
    /// The C name, for messages.
    const NAME: &'static str;
    /// The size that the first released header had; a struct never gets smaller than this.
    const FIRST_SIZE: usize;
    /// All defaults, `struct_size` set.
    fn defaults() -> Self;
}

/// Reads the caller's struct: what an older header lacks gets its default, what a newer one has more must be zero.
/// Null means all defaults.
///
/// # Safety
/// `pointer` is null or points to a struct whose first four bytes are its size, and is readable for that size.
pub(crate) unsafe fn read<T: Sized32>(pointer: *const T) -> Result<T> {
    let mut value = T::defaults();
    if pointer.is_null() {
        return Ok(value);
    }
    // SAFETY: the caller vouches for the first four bytes.
    let size = unsafe { pointer.cast::<u32>().read_unaligned() } as usize;
    let known = size_of::<T>();
    ensure!(
        size >= T::FIRST_SIZE && size <= 1 << 16,
        StructSize,
        "{0}.struct_size: is {size}, must be sizeof({0}), {known} in this library; set the struct up by its init function",
        T::NAME
    );
    let bytes = pointer.cast::<u8>();
    for at in known..size {
        // SAFETY: below the size that the caller vouches for.
        if unsafe { bytes.add(at).read() } != 0 {
            bail!(
                StructSize,
                "{}: byte {at} is set, which this library (version {}) does not know; use a newer library",
                T::NAME,
                env!("CARGO_PKG_VERSION")
            );
        }
    }
    // SAFETY: both are at least min(size, known) bytes long; any bytes are a valid T by the trait's contract.
    unsafe { std::ptr::copy_nonoverlapping(bytes, (&raw mut value).cast::<u8>(), size.min(known)) };
    Ok(value)
}

/// Writes the defaults, as much of them as the caller's header knows.
///
/// # Safety
/// `out` is null or valid for writes of `struct_size` bytes.
pub(crate) unsafe fn init<T: Sized32>(out: *mut T, name: &str, struct_size: usize) -> Result<()> {
    non_null(out, name)?;
    ensure!(
        struct_size >= T::FIRST_SIZE && struct_size <= 1 << 16,
        StructSize,
        "struct_size: is {struct_size}, must be sizeof({0}), {1} in this library",
        T::NAME,
        size_of::<T>()
    );
    let defaults = MaybeUninit::new(T::defaults());
    let copied = struct_size.min(size_of::<T>());
    // SAFETY: the caller vouches for struct_size bytes; the copy takes no more than that, nor than T has.
    unsafe {
        std::ptr::write_bytes(out.cast::<u8>(), 0, struct_size);
        std::ptr::copy_nonoverlapping(defaults.as_ptr().cast::<u8>(), out.cast::<u8>(), copied);
        out.cast::<u32>().write_unaligned(struct_size as u32);
    }
    Ok(())
}
