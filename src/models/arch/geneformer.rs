//! Geneformer.

use super::Family;
use crate::bail;

pub const FAMILY: Family = Family {
    name: "geneformer",
    aliases: &[],
    title: "Geneformer",
    load: |folder| bail!(Unsupported, "{}: Geneformer", folder.path.display()),
};
