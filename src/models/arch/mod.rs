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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Tensors;
    use crate::models::fixtures::{fixture, tensors, without_global_pool};
    use crate::models::options::Options;
    use crate::parallel::Ctx;
    use candle_core::{Device, Tensor};

    const FIXTURES: [(&str, &str); 10] = [
        ("scgpt", "scgpt-plain"),
        ("scgpt", "scgpt-batch"),
        ("geneformer", "geneformer-v2"),
        ("geneformer", "geneformer-cellclassifier"),
        ("gears", "gears-uncertainty"),
        ("uce", "uce-base"),
        ("scfoundation", "scfoundation-base"),
        ("cellfm", "cellfm-padzero"),
        ("genecompass", "genecompass-base"),
        ("scelmo", "scelmo"),
    ];

    #[test]
    fn no_forward_pass_starts_the_global_pool() {
        without_global_pool(module_path!(), "no_forward_pass_starts_the_global_pool", || {
            for (family, name) in FIXTURES {
                let Some(path) = fixture(name) else { return };
                let family = FAMILIES.iter().find(|known| known.name == family).unwrap();
                let model = (family.load)(&Folder::new(&path)).unwrap();
                let all = tensors(path.join("inputs.safetensors"));
                let taken = model.io().inputs;
                // The fixture of GEARS has several batches.
                let named = all.into_iter().map(|(name, array)| (name.trim_start_matches("b0.").to_string(), array));
                let mut inputs: Tensors =
                    named.filter(|(name, _)| taken.iter().any(|field| field.name == *name)).collect();
                // That of scELMo has fewer columns than genes.
                if let Some(expression) = inputs.get("expression") {
                    let rows = Tensor::arange(0i64, expression.dims()[1] as i64, &Device::Cpu).unwrap();
                    inputs.insert("rows".into(), rows);
                }
                model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap();
            }
        });
    }
}
