//! Version and ABI number.

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
