//! Makes include/scnative.h of src/ffi. Without arguments it writes the header (`make header`); with `--check` it fails
//! if the header is not what src/ffi says.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The crate whose header it is.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/header is two folders deep").to_path_buf()
}

fn generated() -> String {
    let root = root();
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_crate(&root)
        .generate()
        .expect("cbindgen understands src/ffi")
        .write(&mut header);
    without_rust_contracts(&String::from_utf8(header).expect("the header is UTF-8"))
}

/// The `# Safety` section of a function says to Rust what its C description says already.
fn without_rust_contracts(header: &str) -> String {
    let mut out = String::new();
    let mut in_safety = false;
    for line in header.lines() {
        let comment = line.trim_start().strip_prefix("//");
        if comment.is_some_and(|text| text.trim() == "# Safety") {
            in_safety = true;
            while out.ends_with("//\n") {
                out.truncate(out.len() - 3);
            }
        }
        in_safety &= comment.is_some();
        if !in_safety {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn main() -> ExitCode {
    let path = root().join("include/scnative.h");
    let generated = generated();
    match std::env::args().nth(1).as_deref() {
        None => std::fs::write(&path, generated).expect("include/scnative.h is writable"),
        Some("--check") => {
            let checked_in = std::fs::read_to_string(&path).expect("include/scnative.h is there");
            if checked_in != generated {
                eprintln!("include/scnative.h is not what src/ffi says: run `make header`");
                return ExitCode::FAILURE;
            }
        }
        Some(other) => {
            eprintln!("{other}: is no option, must be --check");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
