//! Version and ABI number, and what this build can do here.

use super::status::{ScnStatus, guard, put_text};

/// The number that changes when a program built against an older header would break. It is in the library's SONAME.
pub const SCN_ABI_VERSION: u32 = 0;
/// First number of the library's version.
pub const SCN_VERSION_MAJOR: u32 = 0;
/// Second number of the library's version.
pub const SCN_VERSION_MINOR: u32 = 1;
/// Third number of the library's version.
pub const SCN_VERSION_PATCH: u32 = 0;

const _: () = {
    const fn same(text: &str, number: u32) -> bool {
        let bytes = text.as_bytes();
        bytes.len() == 1 && (bytes[0] - b'0') as u32 == number
    }
    assert!(same(env!("CARGO_PKG_VERSION_MAJOR"), SCN_VERSION_MAJOR));
    assert!(same(env!("CARGO_PKG_VERSION_MINOR"), SCN_VERSION_MINOR));
    assert!(same(env!("CARGO_PKG_VERSION_PATCH"), SCN_VERSION_PATCH));
};

/// The library's version as text, `"0.1.0"`. Static: never freed. Never fails.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn scn_version() -> *const libc::c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The ABI number of the library that is loaded; compare it with `SCN_ABI_VERSION` of the header that was compiled
/// against, and refuse to go on if they differ. Never fails.
///
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn scn_abi_version() -> u32 {
    SCN_ABI_VERSION
}

/// The CPU features that this library's kernels use on this machine, separated by blanks (`"avx2 fma"`; empty if none).
/// Results do not depend on them. Text goes to `buffer` as `scn_last_error_message` says.
///
/// @since 0.1.0
///
/// # Safety
/// `buffer` is null or valid for writes of `capacity` bytes; `needed` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_cpu_features(buffer: *mut libc::c_char, capacity: usize, needed: *mut usize) -> ScnStatus {
    guard(|| {
        let features: &[(&str, bool)] = &[
            #[cfg(target_arch = "x86_64")]
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            #[cfg(target_arch = "x86_64")]
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ];
        let found: Vec<&str> = features.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        // SAFETY: as this function's own contract.
        unsafe { put_text(&found.join(" "), buffer, capacity, needed) };
        Ok(())
    })
}
