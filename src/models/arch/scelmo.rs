//! scELMo.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "scelmo",
    aliases: &[],
    title: "scELMo",
    load: |folder| bail!(Unsupported, "{}: scELMo", folder.path.display()),
};
