//! UCE.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "uce",
    aliases: &[],
    title: "UCE",
    load: |folder| bail!(Unsupported, "{}: UCE", folder.path.display()),
};
