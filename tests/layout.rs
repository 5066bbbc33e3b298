//! Sizes and offsets of the structs of the C ABI, as Rust sees them, are those recorded in tests/abi/layout.txt.
//! tests/python/test_abi.py holds the C compiler's and ctypes' against the same file.

use scnative::ffi::*;
use std::fmt::Write;

macro_rules! layouts {
    ($($name:ident: $($field:ident)+;)+) => {
        fn layout() -> String {
            let mut out = String::new();
            let mut line = |what: &str, bytes: usize| writeln!(out, "{what} {bytes}").expect("a String takes all");
            $(
                line(stringify!($name), size_of::<$name>());
                $(line(concat!(stringify!($name), ".", stringify!($field)), std::mem::offset_of!($name, $field));)+
            )+
            out
        }
    };
}

include!("abi/structs.rs");

#[test]
fn the_layout_is_the_recorded_one() {
    let recorded = include_str!("abi/layout.txt");
    assert_eq!(layout(), recorded, "the C ABI changed: raise SCN_ABI_VERSION if programs break, then `make abi`");
}
