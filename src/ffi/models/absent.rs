//! What a build without models says.

use super::Given;
use crate::bail;
use crate::error::Result;
use crate::ffi::tensors::NamedArray;
use crate::parallel::Ctx;

/// There is none.
pub enum Opened {}

fn absent<T>() -> Result<T> {
    bail!(Unsupported, "this build of the library has no models (cargo feature `models`)")
}

macro_rules! absent {
    ($($name:ident($($kind:ty),*) -> $given:ty;)+) => {
        $(
            pub fn $name($(_: $kind),*) -> Result<$given> {
                absent()
            }
        )+
    };
}

absent! {
    list() -> String;
    info(&str) -> String;
    register(&str) -> ();
    unregister(&str) -> ();
    download(&Ctx, &str, &str) -> String;
    cache(&str) -> String;
    remove(&str, &str) -> String;
    prune(&str) -> String;
    verify(&Ctx, &str, &str) -> String;
    open(&Ctx, &str, &str) -> Opened;
    describe(&Opened) -> String;
    genes(&Opened) -> String;
    gene_embeddings(&Ctx, &Opened) -> Vec<NamedArray>;
    forward(&Ctx, &Opened, &[NamedArray], &str) -> Vec<NamedArray>;
    embed(&Ctx, &Opened, &Given, &str) -> (Vec<NamedArray>, String);
    run(&Ctx, &Opened, &str, &Given, &str) -> (Vec<NamedArray>, String);
    export(&Ctx, &Opened, &str, &str) -> ();
}
