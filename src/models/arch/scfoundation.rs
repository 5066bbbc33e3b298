//! scFoundation.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "scfoundation",
    aliases: &[],
    title: "scFoundation",
    load: |folder| bail!(Unsupported, "{}: scFoundation", folder.path.display()),
};
