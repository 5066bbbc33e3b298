//! GEARS.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "gears",
    aliases: &[],
    title: "GEARS",
    load: |folder| bail!(Unsupported, "{}: GEARS", folder.path.display()),
};
