//! The families: one file or folder each.

pub mod bert;
pub mod cellfm;
pub mod gears;
pub mod genecompass;
pub mod geneformer;
pub mod scelmo;
pub mod scfoundation;
pub mod scgpt;
pub mod uce;

use super::Model;
use super::folder::Folder;
use crate::error::Result;

/// What the registry knows of a family.
pub struct Family {
    /// As config.json's `model_type` names it.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// As people write it.
    pub title: &'static str,
    pub load: fn(&Folder) -> Result<Box<dyn Model>>,
}

pub const FAMILIES: &[Family] = &[
    scgpt::FAMILY,
    geneformer::FAMILY,
    gears::FAMILY,
    uce::FAMILY,
    scfoundation::FAMILY,
    cellfm::FAMILY,
    genecompass::FAMILY,
    scelmo::FAMILY,
];
