//! Gives the shared library its SONAME (rustc sets none), so that programs linked against it ask for the ABI they know.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/ffi/version.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        let abi = abi_version();
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libscnative.so.{abi}");
        // A library that owns threads must never be unmapped under them.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

/// The ABI number has one home, `SCN_ABI_VERSION` in src/ffi/version.rs.
fn abi_version() -> u32 {
    let source = std::fs::read_to_string("src/ffi/version.rs").expect("src/ffi/version.rs is readable");
    source
        .lines()
        .find_map(|line| line.strip_prefix("pub const SCN_ABI_VERSION: u32 = ")?.strip_suffix(';'))
        .and_then(|number| number.parse().ok())
        .expect("src/ffi/version.rs defines SCN_ABI_VERSION")
}
