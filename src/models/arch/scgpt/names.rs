//! The four sets of names that scGPT's tensors are published under, all brought to one.
//!
//! The model's own names are those of the original `TransformerModel` with torch's plain encoder layers
//! (`self_attn.in_proj_weight`). The published checkpoints come from flash attention's module (`self_attn.Wqkv.weight`), those of
//! version 0.2.5 from a module around it (`self_attn._impl.Wqkv.weight`), and the repository `tdc/scGPT` renames whole parts. The
//! rows of all are queries, keys, values.

/// The model's name of a checkpoint's tensor.
pub fn canonical(name: &str) -> String {
    const PARTS: [(&str, &str); 3] = [
        ("gene_encoder.", "encoder."),
        ("transformer.layers.", "transformer_encoder.layers."),
        ("expr_decoder.", "decoder."),
    ];
    let name = PARTS
        .iter()
        .find_map(|(theirs, ours)| name.strip_prefix(theirs).map(|rest| format!("{ours}{rest}")))
        .unwrap_or_else(|| name.to_string());
    name.replace(".self_attn._impl.", ".self_attn.")
        .replace(".self_attn.Wqkv.weight", ".self_attn.in_proj_weight")
        .replace(".self_attn.Wqkv.bias", ".self_attn.in_proj_bias")
}

/// Tensors of published checkpoints that a forward pass does not use:
/// - `flag_encoder`, and attention across to genes to be generated: of generative pretraining;
/// - `bn`: a BatchNorm that earlier versions had, and that version 0.2.5 leaves out unless `domain_spec_batchnorm` says so;
/// - heads that the configuration does not ask for.
pub const IGNORABLE: &[&str] = &[
    "flag_encoder.*",
    "transformer_encoder.layers.*.self_attn.cross_attn.*",
    "bn.*",
    "cls_decoder.*",
    "mvc_decoder.*",
    "grad_reverse_discriminator.*",
];

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn every_layout_has_the_same_names() {
        let weight = "transformer_encoder.layers.11.self_attn.in_proj_weight";
        for name in [
            weight,
            "transformer_encoder.layers.11.self_attn.Wqkv.weight",
            "transformer_encoder.layers.11.self_attn._impl.Wqkv.weight",
            "transformer.layers.11.self_attn.in_proj_weight",
        ] {
            assert_eq!(canonical(name), weight);
        }
        assert_eq!(
            canonical("transformer_encoder.layers.0.self_attn._impl.out_proj.bias"),
            "transformer_encoder.layers.0.self_attn.out_proj.bias"
        );
        assert_eq!(canonical("gene_encoder.embedding.weight"), "encoder.embedding.weight");
        assert_eq!(canonical("expr_decoder.fc.0.weight"), "decoder.fc.0.weight");
        assert_eq!(canonical("value_encoder.linear1.bias"), "value_encoder.linear1.bias");
    }
}
