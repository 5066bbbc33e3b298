//! The one log callback. Silent without it: the library never writes to stdout or stderr.

use super::status::{ScnStatus, guard};
use crate::parallel::lock;
use libc::{c_char, c_void};
use std::ffi::CString;
use std::sync::Mutex;

/// Something that the caller should know, although the call goes on: scanpy's and Seurat's warnings.
pub const SCN_LOG_WARNING: i32 = 2;
/// What is being done.
pub const SCN_LOG_INFO: i32 = 1;

/// Called with a level (`SCN_LOG_*`) and a message, UTF-8 with a closing NUL, valid during the call only; on the thread
/// whose call it is about. It must return: no exceptions, no longjmp.
pub type ScnLog = Option<unsafe extern "C" fn(level: i32, message: *const c_char, user: *mut c_void)>;

#[derive(Clone, Copy)]
struct Sink {
    callback: ScnLog,
    user: *mut c_void,
}

// SAFETY: the pointer is only handed back to the caller's function, and the caller is told that it may be called from
// any thread that calls the library.
unsafe impl Send for Sink {}

static SINK: Mutex<Sink> = Mutex::new(Sink { callback: None, user: std::ptr::null_mut() });

/// Sends a warning to the log callback, if there is one. From the calling thread only.
pub(crate) fn warn(message: &str) {
    emit(SCN_LOG_WARNING, message);
}

fn emit(level: i32, message: &str) {
    let sink = *lock(&SINK);
    if let Some(callback) = sink.callback {
        let text = CString::new(message.replace('\0', " ")).expect("no NUL is left");
        // SAFETY: the caller registered the function for this; the text lives until it returns; the lock is released.
        unsafe { callback(level, text.as_ptr(), sink.user) };
    }
}

/// Sets the process's log callback, in place of the one before; null silences. `user` is handed to it.
///
/// Thread-safety: from any thread. The callback must be ready to be called from each thread that calls the library.
///
/// @since 0.1.0
///
/// # Safety
/// `callback` is null or a function that stays valid until it is replaced.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_set_log_callback(callback: ScnLog, user: *mut c_void) -> ScnStatus {
    guard(|| {
        *lock(&SINK) = Sink { callback, user };
        Ok(())
    })
}
