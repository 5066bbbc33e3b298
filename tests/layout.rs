//! Sizes and offsets of the structs of the C ABI, as Rust sees them, are those recorded in tests/abi/layout.txt.
//! tests/python/test_abi.py holds the C compiler's and ctypes' against the same file.

use scnative::ffi::{context::*, matrix::*};
use scnative::ffi::*;
use std::fmt::Write;

macro_rules! layouts {
    ($($name:ident: $($field:ident)+;)+) => {
        fn layout() -> String {
            let mut out = String::new();
            $(
                writeln!(out, "{} {}", stringify!($name), size_of::<$name>()).expect("a String takes all");
                $(writeln!(out, "{}.{} {}", stringify!($name), stringify!($field), std::mem::offset_of!($name, $field)).expect("a String takes all");)+
            )+
            out
        }
    };
}

include!("abi/structs.rs");

#[test]
fn the_layout_is_the_recorded_one() {
    let recorded = include_str!("abi/layout.txt");
    assert_eq!(layout(), recorded, "the C ABI changed: see docs/abi.md, then `make abi`");
}
