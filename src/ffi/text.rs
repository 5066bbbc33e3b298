//! The handle of a text whose length the caller cannot know.

use super::status::{ScnStatus, guard, non_null, put_text};
use libc::c_char;
use safer_ffi::derive_ReprC;

/// A text that the library owns, mostly JSON. Shared use of a const handle is safe; free it once, with `scn_text_free`.
#[derive_ReprC]
#[repr(opaque)]
pub struct ScnText {
    text: String,
}

impl ScnText {
    pub(crate) fn boxed(text: String) -> *mut Self {
        Box::into_raw(Box::new(Self { text }))
    }
}

/// Copies a text into `buffer`, UTF-8 with a closing NUL, cut off if `capacity` bytes are too few. `needed`, if not null, gets
/// the bytes that the whole text needs, its NUL counted. A null `buffer` only asks for `needed`.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `text` is null or a live handle; `buffer` is null or valid for writes of `capacity` bytes; `needed` is null or valid for a
/// write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_text_copy(
    text: *const ScnText,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> ScnStatus {
    guard(|| {
        non_null(text, "text")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put_text(&(*text).text, buffer, capacity, needed) };
        Ok(())
    })
}

/// Frees a text. Null is a no-op.
///
/// @since 0.1.0
///
/// # Safety
/// `text` is null or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_text_free(text: *mut ScnText) {
    guard(|| {
        if !text.is_null() {
            // SAFETY: made by Box::into_raw in ScnText::boxed, and freed once by the caller's contract.
            drop(unsafe { Box::from_raw(text) });
        }
        Ok(())
    });
}
