//! scGPT.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "scgpt",
    aliases: &[],
    title: "scGPT",
    load: |folder| bail!(Unsupported, "{}: scGPT", folder.path.display()),
};
