//! No panic leaves the library: every entry point is one guarded call. Two proofs that need each other: the source of
//! each says so, and the guard itself turns a panic into a status.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src/ffi is readable") {
        let path = entry.expect("src/ffi is readable").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn exported() -> Vec<(String, syn::ItemFn)> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut functions = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file is readable");
        let parsed = syn::parse_file(&text).expect("a source file is Rust");
        for item in parsed.items {
            if let syn::Item::Fn(function) = item
                && function.sig.abi.is_some()
            {
                functions.push((file.display().to_string(), function));
            }
        }
    }
    functions
}

/// What cannot panic, and has nothing to guard: constants and static text.
const UNGUARDED: &[&str] = &["scn_version", "scn_abi_version", "scn_status_name", "scn_default_threads"];

fn is_guarded(mut block: &syn::Block) -> bool {
    loop {
        let [syn::Stmt::Expr(expression, _)] = block.stmts.as_slice() else { return false };
        match expression {
            syn::Expr::Unsafe(inner) => block = &inner.block,
            syn::Expr::Call(call) => {
                let syn::Expr::Path(path) = call.func.as_ref() else { return false };
                return path.path.is_ident("guard") || path.path.is_ident("run");
            }
            _ => return false,
        }
    }
}

#[test]
fn every_entry_point_is_one_guarded_call() {
    let functions = exported();
    assert!(functions.len() > 10, "only {} entry points were found", functions.len());
    for (file, function) in functions {
        let name = function.sig.ident.to_string();
        assert!(file.contains("/src/ffi/"), "{file}: {name} is extern, which belongs in src/ffi");
        assert!(name.starts_with("scn_"), "{file}: {name} must start with scn_");
        assert!(
            UNGUARDED.contains(&name.as_str()) || is_guarded(&function.block),
            "{file}: the body of {name} must be one call to guard or run"
        );
    }
}

#[test]
fn a_panic_becomes_a_status_and_a_message() {
    scnative::ffi::status::arm_panic();
    // SAFETY: null is a valid argument of scn_matrix_validate.
    let status = unsafe { scnative::ffi::matrix::scn_matrix_validate(std::ptr::null(), std::ptr::null()) };
    assert_eq!(status, scnative::ffi::status::SCN_ERR_PANIC);
    let mut buffer = [0u8; 200];
    // SAFETY: the buffer is as long as stated.
    unsafe {
        scnative::ffi::status::scn_last_error_message(buffer.as_mut_ptr().cast(), buffer.len(), std::ptr::null_mut())
    };
    let message = std::ffi::CStr::from_bytes_until_nul(&buffer).expect("closed by NUL").to_str().expect("UTF-8");
    assert!(message.contains("armed by a test"), "{message}");
    // and the next call is itself again
    // SAFETY: as above.
    let status = unsafe { scnative::ffi::matrix::scn_matrix_validate(std::ptr::null(), std::ptr::null()) };
    assert_eq!(status, scnative::ffi::status::SCN_ERR_NULL);
}
