//! include/scnative.h is what cbindgen makes of src/ffi today. `SCN_UPDATE=1 cargo test --test header` writes it
//! (`make header` does that).

use std::path::Path;

fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is valid");
    let mut header = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_crate(root)
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

#[test]
fn the_header_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/scnative.h");
    let generated = generated();
    if std::env::var_os("SCN_UPDATE").is_some() {
        std::fs::write(&path, &generated).expect("include/scnative.h is writable");
    }
    let checked_in = std::fs::read_to_string(&path).expect("include/scnative.h is there");
    assert!(checked_in == generated, "include/scnative.h is not what src/ffi says: run `make header`");
}
