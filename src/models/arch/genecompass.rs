//! GeneCompass.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "genecompass",
    aliases: &[],
    title: "GeneCompass",
    load: |folder| bail!(Unsupported, "{}: GeneCompass", folder.path.display()),
};
