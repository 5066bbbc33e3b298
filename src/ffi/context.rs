//! Per-call settings: threads, seed, progress, cancellation.

use super::log;
use super::options::{self, Sized32};
use super::status::{ScnStatus, guard, non_null, put};
use crate::ensure;
use crate::error::Result;
use crate::matrix::buffer::keep_freed_memory;
use crate::parallel::Ctx;
use libc::c_void;
use safer_ffi::derive_ReprC;
use std::sync::atomic::{AtomicBool, Ordering};

/// Compute on the CPU.
pub const SCN_DEVICE_CPU: i32 = 0;

/// Called about ten times a second, on the thread that made the call and on no other, with the part done (0 to 1).
/// Return 0 to go on, anything else to cancel. It must return: no exceptions, no longjmp.
pub type ScnProgress = Option<unsafe extern "C" fn(done: f64, user: *mut c_void) -> i32>;

/// Settings of one call. Null in its place means all defaults. Set up by `scn_context_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnContext {
    /// sizeof(ScnContext) of the header compiled against.
    pub struct_size: u32,
    /// Threads to compute with; 0 (default) is `SCN_NUM_THREADS` if set, else all cores that the process may use.
    /// Results do not depend on it.
    pub n_threads: i32,
    /// `SCN_DEVICE_CPU` (default).
    pub device: i32,
    /// Must be 0.
    pub reserved: u32,
    /// Seed of whatever is random; default 0. The same seed gives the same bits.
    pub seed: u64,
    /// Progress callback, or null (default).
    pub progress: ScnProgress,
    /// Handed to the progress callback.
    pub progress_user: *mut c_void,
    /// A token that any thread may set to cancel the call, or null (default).
    pub cancel: *const ScnCancelToken,
}

/// A flag that stops the calls it was given to. Made by `scn_cancel_token_new`; any thread may use it at any time.
#[derive_ReprC]
#[repr(opaque)]
pub struct ScnCancelToken {
    stop: AtomicBool,
}

// SAFETY: repr(C), struct_size first, numbers and nullable pointers only.
unsafe impl Sized32 for ScnContext {
    const NAME: &'static str = "ScnContext";
    const FIRST_SIZE: usize = 48;
    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            n_threads: 0,
            device: SCN_DEVICE_CPU,
            reserved: 0,
            seed: 0,
            progress: None,
            progress_user: std::ptr::null_mut(),
            cancel: std::ptr::null(),
        }
    }
}

/// Guards an entry point that takes a context: `run(context, |ctx| { ... Ok(()) })`.
///
/// # Safety
/// `context` is null or a context as `ScnContext` describes it, whose pointers outlive the call.
pub(crate) unsafe fn run(context: *const ScnContext, body: impl FnOnce(&Ctx) -> Result<()>) -> ScnStatus {
    guard(|| {
        // SAFETY: as this function's own contract.
        let settings = unsafe { options::read(context)? };
        ensure!(
            (0..=1024).contains(&settings.n_threads),
            InvalidArgument,
            "context.n_threads: is {}, must be from 0 (all cores) to 1024",
            settings.n_threads
        );
        ensure!(
            settings.device == SCN_DEVICE_CPU,
            Unsupported,
            "context.device: is {}, must be SCN_DEVICE_CPU (0)",
            settings.device
        );
        keep_freed_memory();
        let mut report = |done: f64| match settings.progress {
            // SAFETY: the caller gave the function for this purpose; it is called on the calling thread.
            Some(progress) => unsafe { progress(done, settings.progress_user) == 0 },
            None => true,
        };
        let mut ctx = Ctx::new(settings.n_threads as usize).with_seed(settings.seed).with_warn(log::warn);
        if settings.progress.is_some() {
            ctx = ctx.with_progress(&mut report);
        }
        // SAFETY: null, or a live token by the caller's contract.
        if let Some(token) = unsafe { settings.cancel.as_ref() } {
            ctx = ctx.with_cancel(&token.stop);
        }
        // A call that was cancelled before it began does nothing.
        ctx.poll(0.0)?;
        body(&ctx)
    })
}

/// Writes the defaults into a context. `struct_size` is `sizeof(ScnContext)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_context_init(context: *mut ScnContext, struct_size: usize) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(context, "context", struct_size) })
}

/// Makes a cancel token, not set. Free it with `scn_cancel_token_free` after the last call that uses it.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `token` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_cancel_token_new(token: *mut *mut ScnCancelToken) -> ScnStatus {
    guard(|| {
        non_null(token, "token")?;
        let made = Box::into_raw(Box::new(ScnCancelToken { stop: AtomicBool::new(false) }));
        // SAFETY: not null, and the caller vouches for the rest.
        unsafe { put(token, "token", made) }
    })
}

/// Sets the token: calls that have it return `SCN_ERR_CANCELLED` within about 0.1 s. From any thread, also from a
/// signal handler.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `token` is null or a live token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_cancel_token_set(token: *const ScnCancelToken) -> ScnStatus {
    guard(|| {
        non_null(token, "token")?;
        // SAFETY: not null, and live by the caller's contract.
        unsafe { (*token).stop.store(true, Ordering::Relaxed) };
        Ok(())
    })
}

/// Clears the token, so that it can be used for another call.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `token` is null or a live token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_cancel_token_reset(token: *const ScnCancelToken) -> ScnStatus {
    guard(|| {
        non_null(token, "token")?;
        // SAFETY: not null, and live by the caller's contract.
        unsafe { (*token).stop.store(false, Ordering::Relaxed) };
        Ok(())
    })
}

/// Frees a token. Null is a no-op.
///
/// @since 0.1.0
///
/// # Safety
/// `token` is null or a live token that no call uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_cancel_token_free(token: *mut ScnCancelToken) {
    guard(|| {
        if !token.is_null() {
            // SAFETY: made by Box::into_raw in scn_cancel_token_new, and freed once by the caller's contract.
            drop(unsafe { Box::from_raw(token) });
        }
        Ok(())
    });
}

/// The number of threads that a call with `n_threads` 0 uses: `SCN_NUM_THREADS` if it is set to a positive number,
/// else the cores that the process may use. Never fails.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn scn_default_threads() -> i32 {
    crate::parallel::default_threads().min(1024) as i32
}
