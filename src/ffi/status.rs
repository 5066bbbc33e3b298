//! Status codes, the thread's last error message, and the guard around every entry point.

use crate::error::{Error, ErrorKind, Result};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What a call came to: `SCN_OK`, or one of `SCN_ERR_*`; then `scn_last_error_message` says more.
pub type ScnStatus = i32;

/// The call did what it should.
pub const SCN_OK: ScnStatus = 0;
/// A required pointer is null.
pub const SCN_ERR_NULL: ScnStatus = 1;
/// An argument has a value that the function does not take.
pub const SCN_ERR_INVALID_ARGUMENT: ScnStatus = 2;
/// A struct's `struct_size` is not one that this library knows: it was compiled against another header, or not set up by its `_init`.
pub const SCN_ERR_STRUCT_SIZE: ScnStatus = 3;
/// A type tag is unknown, or the function does not take that type.
pub const SCN_ERR_TYPE: ScnStatus = 4;
/// Lengths or shapes that must agree do not.
pub const SCN_ERR_SHAPE: ScnStatus = 5;
/// A sparse matrix whose structure is broken: offsets that decrease or end elsewhere than at nnz, indices out of range.
pub const SCN_ERR_MATRIX: ScnStatus = 6;
/// Data that the function cannot take: NaN, infinity, negative counts.
pub const SCN_ERR_VALUE: ScnStatus = 7;
/// A name, file or entry that does not exist.
pub const SCN_ERR_NOT_FOUND: ScnStatus = 8;
/// A size that the type which has to hold it cannot express.
pub const SCN_ERR_OVERFLOW: ScnStatus = 9;
/// Memory could not be had.
pub const SCN_ERR_OUT_OF_MEMORY: ScnStatus = 10;
/// Reading or writing failed.
pub const SCN_ERR_IO: ScnStatus = 11;
/// The progress callback or the cancel token asked to stop. Outputs are as they were.
pub const SCN_ERR_CANCELLED: ScnStatus = 12;
/// A valid request that this build of the library cannot do.
pub const SCN_ERR_UNSUPPORTED: ScnStatus = 13;
/// A defect in the library, caught before it reached the caller. Please report it with the message.
pub const SCN_ERR_PANIC: ScnStatus = 14;
/// A server could not be reached, or did not answer as it should.
pub const SCN_ERR_NETWORK: ScnStatus = 15;
/// What is needed is not in the cache, and the network may not be used.
pub const SCN_ERR_OFFLINE: ScnStatus = 16;
/// A repository that is gated or private, and no token that opens it.
pub const SCN_ERR_ACCESS: ScnStatus = 17;
/// A model whose licence must be acknowledged first.
pub const SCN_ERR_LICENCE: ScnStatus = 18;
/// A file whose size or hash is not the one that was promised; it is not left in the cache.
pub const SCN_ERR_CHECKSUM: ScnStatus = 19;
/// No room left on the disk.
pub const SCN_ERR_DISK_FULL: ScnStatus = 20;
/// A model's configuration with a key or a value that its family does not know.
pub const SCN_ERR_CONFIG: ScnStatus = 21;
/// Weights that do not fit the configuration: missing, unexpected, of another shape.
pub const SCN_ERR_WEIGHTS: ScnStatus = 22;
/// A file of weights that is truncated, malformed or hostile. Nothing in it was run.
pub const SCN_ERR_CHECKPOINT: ScnStatus = 23;
/// Too few of the matrix' genes are in the model's vocabulary.
pub const SCN_ERR_VOCABULARY: ScnStatus = 24;
/// Gene names are needed, and there are none, or not as many as columns.
pub const SCN_ERR_GENE_NAMES: ScnStatus = 25;
/// Counts are needed: whole numbers from 0 on.
pub const SCN_ERR_COUNTS: ScnStatus = 26;
/// A limit on memory into which not even one cell fits.
pub const SCN_ERR_BUDGET: ScnStatus = 27;

fn status(kind: ErrorKind) -> ScnStatus {
    match kind {
        ErrorKind::Null => SCN_ERR_NULL,
        ErrorKind::InvalidArgument => SCN_ERR_INVALID_ARGUMENT,
        ErrorKind::StructSize => SCN_ERR_STRUCT_SIZE,
        ErrorKind::Type => SCN_ERR_TYPE,
        ErrorKind::Shape => SCN_ERR_SHAPE,
        ErrorKind::Matrix => SCN_ERR_MATRIX,
        ErrorKind::Value => SCN_ERR_VALUE,
        ErrorKind::NotFound => SCN_ERR_NOT_FOUND,
        ErrorKind::Overflow => SCN_ERR_OVERFLOW,
        ErrorKind::OutOfMemory => SCN_ERR_OUT_OF_MEMORY,
        ErrorKind::Io => SCN_ERR_IO,
        ErrorKind::Cancelled => SCN_ERR_CANCELLED,
        ErrorKind::Unsupported => SCN_ERR_UNSUPPORTED,
        ErrorKind::Panic => SCN_ERR_PANIC,
        ErrorKind::Network => SCN_ERR_NETWORK,
        ErrorKind::Offline => SCN_ERR_OFFLINE,
        ErrorKind::Access => SCN_ERR_ACCESS,
        ErrorKind::Licence => SCN_ERR_LICENCE,
        ErrorKind::Checksum => SCN_ERR_CHECKSUM,
        ErrorKind::DiskFull => SCN_ERR_DISK_FULL,
        ErrorKind::Config => SCN_ERR_CONFIG,
        ErrorKind::Weights => SCN_ERR_WEIGHTS,
        ErrorKind::Checkpoint => SCN_ERR_CHECKPOINT,
        ErrorKind::Vocabulary => SCN_ERR_VOCABULARY,
        ErrorKind::GeneNames => SCN_ERR_GENE_NAMES,
        ErrorKind::Counts => SCN_ERR_COUNTS,
        ErrorKind::Budget => SCN_ERR_BUDGET,
    }
}

thread_local! {
    static LAST_ERROR: RefCell<String> = const { RefCell::new(String::new()) };
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the next guarded call of this thread panic: for the test that every entry point is guarded.
#[doc(hidden)]
pub fn arm_panic() {
    ARMED.set(true);
}

/// Runs the body of an entry point: an error becomes its status and this thread's message, a panic `SCN_ERR_PANIC`.
pub(crate) fn guard(body: impl FnOnce() -> Result<()>) -> ScnStatus {
    silence_panics();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if ARMED.take() {
            panic!("armed by a test");
        }
        body()
    }));
    GUARDED.set(outer);
    let error = match outcome {
        Ok(Ok(())) => return SCN_OK,
        Ok(Err(error)) => error,
        Err(payload) => {
            let said = payload
                .downcast_ref::<&str>()
                .map(|s| s.to_string())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "unknown".into());
            Error::new(ErrorKind::Panic, format!("internal error, please report it: {said}"))
        }
    };
    let code = status(error.kind);
    LAST_ERROR.with(|last| *last.borrow_mut() = error.message);
    code
}

/// A guarded panic is reported by status and message; the default hook would write it to stderr as well.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let ours = GUARDED.get() || std::thread::current().name().is_some_and(|name| name.starts_with("scnative-"));
            if !ours {
                before(info);
            }
        }));
    });
}

/// Fails with `SCN_ERR_NULL` if the pointer is null, naming it.
pub(crate) fn non_null<T>(pointer: *const T, name: &str) -> Result<()> {
    crate::ensure!(!pointer.is_null(), Null, "{name}: is null, must point to {}", short_type_name::<T>());
    Ok(())
}

fn short_type_name<T>() -> &'static str {
    let full = std::any::type_name::<T>();
    match full.rsplit("::").next().unwrap_or(full) {
        "c_void" => "data",
        "f64" => "double",
        "f32" => "float",
        "i64" => "int64_t",
        "i32" => "int32_t",
        "u32" => "uint32_t",
        "u8" => "uint8_t",
        "i8" => "char",
        name => name,
    }
}

/// Writes to an out-parameter that must be there.
///
/// # Safety
/// `pointer` is null or valid for a write of `T`.
pub(crate) unsafe fn put<T>(pointer: *mut T, name: &str, value: T) -> Result<()> {
    non_null(pointer, name)?;
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Copies text with its closing NUL into a caller's buffer of `capacity` bytes, cut off at a character's boundary if
/// it does not fit, and says how many bytes the whole would need.
///
/// # Safety
/// `buffer` is null or valid for writes of `capacity` bytes; `needed` is null or valid for a write.
pub(crate) unsafe fn put_text(text: &str, buffer: *mut libc::c_char, capacity: usize, needed: *mut usize) {
    if !needed.is_null() {
        // SAFETY: not null, and the caller vouches for the rest.
        unsafe { needed.write(text.len() + 1) };
    }
    if buffer.is_null() || capacity == 0 {
        return;
    }
    let mut len = text.len().min(capacity - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    // SAFETY: len + 1 <= capacity bytes of the caller's buffer, which cannot overlap our string.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), buffer.cast(), len);
        buffer.add(len).write(0);
    }
}

/// Copies the message of this thread's last failed call into `buffer`, UTF-8 with a closing NUL, cut off if `capacity`
/// bytes are too few. `needed`, if not null, gets the bytes that the whole message needs, its NUL counted. A null
/// `buffer` only asks for `needed`. Successful calls leave the message as it is. Returns `SCN_OK`.
///
/// @since 0.1.0
///
/// # Safety
/// `buffer` is null or valid for writes of `capacity` bytes; `needed` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_last_error_message(
    buffer: *mut libc::c_char,
    capacity: usize,
    needed: *mut usize,
) -> ScnStatus {
    guard(|| {
        let message = LAST_ERROR.with(|last| last.borrow().clone());
        // SAFETY: as this function's own contract.
        unsafe { put_text(&message, buffer, capacity, needed) };
        Ok(())
    })
}

/// The name of a status as text, `"SCN_ERR_SHAPE"` for 5; `"SCN_ERR_UNKNOWN"` for a number that is none. Static.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn scn_status_name(status: ScnStatus) -> *const libc::c_char {
    let name = match status {
        SCN_OK => c"SCN_OK",
        SCN_ERR_NULL => c"SCN_ERR_NULL",
        SCN_ERR_INVALID_ARGUMENT => c"SCN_ERR_INVALID_ARGUMENT",
        SCN_ERR_STRUCT_SIZE => c"SCN_ERR_STRUCT_SIZE",
        SCN_ERR_TYPE => c"SCN_ERR_TYPE",
        SCN_ERR_SHAPE => c"SCN_ERR_SHAPE",
        SCN_ERR_MATRIX => c"SCN_ERR_MATRIX",
        SCN_ERR_VALUE => c"SCN_ERR_VALUE",
        SCN_ERR_NOT_FOUND => c"SCN_ERR_NOT_FOUND",
        SCN_ERR_OVERFLOW => c"SCN_ERR_OVERFLOW",
        SCN_ERR_OUT_OF_MEMORY => c"SCN_ERR_OUT_OF_MEMORY",
        SCN_ERR_IO => c"SCN_ERR_IO",
        SCN_ERR_CANCELLED => c"SCN_ERR_CANCELLED",
        SCN_ERR_UNSUPPORTED => c"SCN_ERR_UNSUPPORTED",
        SCN_ERR_PANIC => c"SCN_ERR_PANIC",
        SCN_ERR_NETWORK => c"SCN_ERR_NETWORK",
        SCN_ERR_OFFLINE => c"SCN_ERR_OFFLINE",
        SCN_ERR_ACCESS => c"SCN_ERR_ACCESS",
        SCN_ERR_LICENCE => c"SCN_ERR_LICENCE",
        SCN_ERR_CHECKSUM => c"SCN_ERR_CHECKSUM",
        SCN_ERR_DISK_FULL => c"SCN_ERR_DISK_FULL",
        SCN_ERR_CONFIG => c"SCN_ERR_CONFIG",
        SCN_ERR_WEIGHTS => c"SCN_ERR_WEIGHTS",
        SCN_ERR_CHECKPOINT => c"SCN_ERR_CHECKPOINT",
        SCN_ERR_VOCABULARY => c"SCN_ERR_VOCABULARY",
        SCN_ERR_GENE_NAMES => c"SCN_ERR_GENE_NAMES",
        SCN_ERR_COUNTS => c"SCN_ERR_COUNTS",
        SCN_ERR_BUDGET => c"SCN_ERR_BUDGET",
        _ => c"SCN_ERR_UNKNOWN",
    };
    name.as_ptr()
}
