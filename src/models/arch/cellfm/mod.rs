//! CellFM.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "cellfm",
    aliases: &[],
    title: "CellFM",
    load: |folder| bail!(Unsupported, "{}: CellFM", folder.path.display()),
};
