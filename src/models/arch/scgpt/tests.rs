//! Whole models against the original, and against themselves under other threads, batches and names.

use super::*;
use crate::error::ErrorKind;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, close_where, fixture, tensors};
use crate::models::folder::json as read_json;
use candle_core::{DType, Device};
use serde_json::{Map, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

const ATOL: f64 = 2e-4;
const RTOL: f64 = 1e-4;

const OF_TOKENS: [&str; 6] =
    ["encoder_output", "gene_token_embs", "mlm_output", "mlm_zero_probs", "mvc_output", "mvc_zero_probs"];

/// A folder that is gone at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scnative-scgpt-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn load_from(path: &Path) -> Box<dyn Model> {
    load(&Folder::new(path)).unwrap_or_else(|e| panic!("{e}"))
}

/// A fixture's model with other settings, and with tensors that are added or replaced.
fn variant(name: &str, of: &Path, settings: Value, more: Tensors) -> Result<Box<dyn Model>> {
    let folder = Temporary::new(name);
    let mut config = match read_json(&of.join("config.json"))? {
        Value::Object(config) => config,
        _ => Map::new(),
    };
    config.extend(settings.as_object().unwrap().clone());
    config.retain(|_, value| *value != json!("remove"));
    std::fs::write(folder.0.join("config.json"), Value::Object(config).to_string()).unwrap();
    std::fs::copy(of.join("vocab.json"), folder.0.join("vocab.json")).unwrap();
    let mut all = tensors(of.join("model.safetensors"));
    all.extend(more);
    let all: std::collections::HashMap<String, Tensor> = all.into_iter().collect();
    candle_core::safetensors::save(&all, folder.0.join("model.safetensors")).unwrap();
    load(&Folder::new(&folder.0))
}

fn options(json: Value) -> Options {
    Options::parse(&json.to_string()).unwrap()
}

fn run(model: &dyn Model, inputs: &Tensors, choices: Value) -> Tensors {
    model.forward(&Ctx::new(2), inputs, &options(choices)).unwrap_or_else(|e| panic!("{e}"))
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn bits(x: &Tensor) -> Vec<u32> {
    floats(x).into_iter().map(f32::to_bits).collect()
}

fn compare(got: &Tensors, want: &Tensors) {
    let valid: Vec<u8> = got["valid_mask"].flatten_all().unwrap().to_vec1().unwrap();
    for (name, want) in want {
        let got = got.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        if OF_TOKENS.contains(&name.as_str()) {
            let width = got.dims().get(2).copied().unwrap_or(1);
            close_where(name, got, want, ATOL, RTOL, |i| valid[i / width] == 1);
            assert!(floats(got).iter().enumerate().all(|(i, &x)| valid[i / width] == 1 || x == 0.0), "{name}: padding");
        } else {
            close(name, got, want, ATOL, RTOL);
        }
    }
}

#[test]
fn every_output_is_the_originals() {
    for (name, outputs) in
        [("scgpt-plain", 9), ("scgpt-flash", 9), ("scgpt-batch", 12), ("scgpt-tdc", 7), ("scgpt-perturb", 8)]
    {
        let Some(folder) = fixture(name) else { return };
        let model = load_from(&folder);
        let inputs = tensors(folder.join("inputs.safetensors"));
        for domain in ["per_cell", "upstream"] {
            let got = run(&*model, &inputs, json!({"domain": domain}));
            compare(&got, &tensors(folder.join("outputs.safetensors")));
            assert_eq!(got.len(), outputs, "{name}: {:?}", got.keys());
            let described: Vec<String> = model.io().outputs.into_iter().map(|field| field.name).collect();
            assert!(got.keys().all(|name| described.contains(name)) && described.len() == got.len(), "{described:?}");
        }
    }
}

#[test]
fn the_published_configuration_is_the_same_model() {
    for name in ["scgpt-plain", "scgpt-flash"] {
        let Some(folder) = fixture(name) else { return };
        let nothing = Temporary::new(&format!("args-{name}"));
        let file = |name: &str| (name.to_string(), folder.join(name));
        let published = Folder {
            elsewhere: vec![file("args.json"), file("model.safetensors"), file("vocab.json")],
            ..Folder::new(&nothing.0)
        };
        let model = load(&published).unwrap_or_else(|e| panic!("{e}"));
        let inputs = tensors(folder.join("inputs.safetensors"));
        compare(&run(&*model, &inputs, json!({})), &tensors(folder.join("outputs.safetensors")));
    }
}

#[test]
fn later_layouts_are_the_same_model() {
    let Some(folder) = fixture("scgpt-flash") else { return };
    let inputs = tensors(folder.join("inputs.safetensors"));
    let nothing = Temporary::new("impl");
    let later = tensors(folder.join("model.safetensors")).into_iter();
    let later: std::collections::HashMap<String, Tensor> =
        later.map(|(name, x)| (format!("module.{}", name.replace(".self_attn.", ".self_attn._impl.")), x)).collect();
    assert!(later.keys().any(|name| name.ends_with("_impl.out_proj.bias")));
    candle_core::safetensors::save(&later, nothing.0.join("model.safetensors")).unwrap();
    let file = |name: &str| (name.to_string(), folder.join(name));
    let elsewhere = vec![file("config.json"), file("vocab.json")];
    let model = load(&Folder { elsewhere, ..Folder::new(&nothing.0) }).unwrap();
    compare(&run(&*model, &inputs, json!({})), &tensors(folder.join("outputs.safetensors")));
}

#[test]
fn the_checkpoint_of_pytorch_is_the_same_model() {
    let Some(folder) = fixture("scgpt-flash") else { return };
    let nothing = Temporary::new("checkpoint");
    let file = |name: &str| (name.to_string(), folder.join(name));
    let elsewhere = vec![file("args.json"), file("best_model.pt"), file("vocab.json")];
    let model = load(&Folder { elsewhere, ..Folder::new(&nothing.0) }).unwrap_or_else(|e| panic!("{e}"));
    assert!(model.weights().report.source.ends_with("best_model.pt"));
    let inputs = tensors(folder.join("inputs.safetensors"));
    let (got, want) = (run(&*model, &inputs, json!({})), run(&*load_from(&folder), &inputs, json!({})));
    want.iter()
        .filter(|(name, _)| *name != "valid_mask")
        .for_each(|(name, x)| assert_eq!(bits(&got[name]), bits(x), "{name}"));
}

#[test]
fn what_is_exported_is_the_same_model() {
    for name in ["scgpt-plain", "scgpt-flash", "scgpt-batch", "scgpt-tdc", "scgpt-perturb"] {
        let Some(folder) = fixture(name) else { return };
        let model = load_from(&folder);
        let out = Temporary::new(&format!("export-{name}"));
        std::fs::write(out.0.join("config.json"), model.config().to_string()).unwrap();
        for (name, bytes) in model.files().unwrap() {
            std::fs::write(out.0.join(name), bytes).unwrap();
        }
        let weights: std::collections::HashMap<String, Tensor> = model.weights().tensors.clone().into_iter().collect();
        candle_core::safetensors::save(&weights, out.0.join("model.safetensors")).unwrap();
        let again = load_from(&out.0);
        let inputs = tensors(folder.join("inputs.safetensors"));
        let (first, second) = (run(&*model, &inputs, json!({})), run(&*again, &inputs, json!({})));
        for (name, array) in first {
            if name != "valid_mask" {
                assert_eq!(bits(&array), bits(&second[&name]), "{name}");
            }
        }
        assert_eq!(model.config(), again.config());
        assert!(model.config()["pad_value"].is_i64());
        assert_eq!(model.genes(), again.genes());
    }
}

#[test]
fn gene_embeddings_are_the_genes_tokens() {
    let Some(folder) = fixture("scgpt-plain") else { return };
    let model = load_from(&folder);
    let genes = model.genes();
    assert_eq!(genes.len(), 61);
    assert!(!genes.iter().any(|gene| gene.starts_with('<')));
    let table = model.gene_embeddings().unwrap();
    let outputs = tensors(folder.join("outputs.safetensors"));
    let src: Vec<Vec<i64>> = tensors(folder.join("inputs.safetensors"))["src"].to_vec2().unwrap();
    let want = outputs["gene_token_embs"].get(0).unwrap().get(3).unwrap();
    close("gene", &table.get(src[0][3] as usize).unwrap(), &want, ATOL, RTOL);
}

/// The padded rows of the fixtures' encoder output are those of torch's plain layers, so that the pools over them follow.
#[test]
fn pools_are_the_originals_with_and_without_padding() {
    for name in ["scgpt-plain", "scgpt-batch"] {
        let Some(folder) = fixture(name) else { return };
        let inputs = tensors(folder.join("inputs.safetensors"));
        let output: Vec<Vec<Vec<f32>>> =
            tensors(folder.join("outputs.safetensors"))["encoder_output"].to_vec3().unwrap();
        let values: Vec<Vec<f32>> = inputs["values"].to_vec2().unwrap();
        let padding: Vec<Vec<u8>> = inputs["src_key_padding_mask"].to_vec2().unwrap();
        for (style, mode) in
            [("avg-pool", "upstream"), ("avg-pool", "exclude"), ("w-pool", "upstream"), ("w-pool", "exclude")]
        {
            let model =
                variant(&format!("{name}-{style}-{mode}"), &folder, json!({"cell_emb_style": style}), Tensors::new());
            let got = run(&*model.unwrap(), &inputs, json!({"padding": mode}));
            let mut want = Vec::new();
            for (row, tokens) in output.iter().enumerate() {
                let counts = |t: usize| mode == "upstream" || padding[row][t] == 0;
                let n = (0..tokens.len()).filter(|&t| counts(t)).count() as f32;
                let weight = |t: usize| if style == "avg-pool" { 1.0 / n } else { values[row][t] };
                let mut sum = vec![0.0f32; 32];
                for (t, token) in tokens.iter().enumerate().filter(|&(t, _)| counts(t)) {
                    sum.iter_mut().zip(token).for_each(|(s, x)| *s += weight(t) * x);
                }
                let length = if style == "avg-pool" { 1.0 } else { sum.iter().map(|x| x * x).sum::<f32>().sqrt() };
                want.extend(sum.into_iter().map(|x| x / length));
            }
            let want = Tensor::from_vec(want, (output.len(), 32), &Device::Cpu).unwrap();
            close(&format!("{style} {mode}"), &got["cell_emb"], &want, ATOL, RTOL);
        }
    }
}

#[test]
fn domains_are_each_cells_or_the_firsts() {
    let Some(folder) = fixture("scgpt-batch") else { return };
    let model = load_from(&folder);
    let mut inputs = tensors(folder.join("inputs.safetensors"));
    inputs.insert("batch_labels".into(), Tensor::new(&[0i64, 1, 2, 1], &Device::Cpu).unwrap());
    let (own, first) = (run(&*model, &inputs, json!({})), run(&*model, &inputs, json!({"domain": "upstream"})));
    for i in 0..4 {
        let row: Tensors = inputs.iter().map(|(name, x)| (name.clone(), x.narrow(0, i, 1).unwrap())).collect();
        for domain in ["per_cell", "upstream"] {
            let alone = run(&*model, &row, json!({"domain": domain}));
            for name in ["encoder_output", "mlm_output", "mvc_zero_probs", "dab_output", "X_scGPT"] {
                assert_eq!(bits(&alone[name]), bits(&own[name].narrow(0, i, 1).unwrap()), "{name}");
            }
        }
        let same = bits(&own["X_scGPT"].get(i).unwrap()) == bits(&first["X_scGPT"].get(i).unwrap());
        assert_eq!(same, i == 0);
    }
    inputs.insert("batch_labels".into(), Tensor::new(&[0i64, 1, 3, 1], &Device::Cpu).unwrap());
    let error = model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap_err();
    assert_eq!(error.message, "batch_labels: of cell 2 is 3, must be a whole number from 0 to 2");
}

#[test]
fn batch_norms_of_every_kind_are_read() {
    let Some(folder) = fixture("scgpt-batch") else { return };
    let inputs = tensors(folder.join("inputs.safetensors"));
    let want = run(&*load_from(&folder), &inputs, json!({}));
    let all = tensors(folder.join("model.safetensors"));
    let with = |name: &str, fill: f32| (name.to_string(), Tensor::full(fill, 32, &Device::Cpu).unwrap());
    let affine: Tensors = (0..3)
        .flat_map(|i| [with(&format!("dsbn.bns.{i}.weight"), 1.0), with(&format!("dsbn.bns.{i}.bias"), 0.0)])
        .collect();
    let model = variant("affine", &folder, json!({"domain_spec_batchnorm": "do_affine"}), affine).unwrap();
    assert_eq!(bits(&run(&*model, &inputs, json!({}))["X_scGPT"]), bits(&want["X_scGPT"]));
    // One norm for all cells, with the statistics of the domain that all of the fixture's cells are of.
    let Some(plain) = fixture("scgpt-plain") else { return };
    let one: Tensors = [
        ("bn.running_mean".to_string(), all["dsbn.bns.1.running_mean"].clone()),
        ("bn.running_var".to_string(), all["dsbn.bns.1.running_var"].clone()),
        with("bn.weight", 2.0),
        with("bn.bias", 0.5),
    ]
    .into();
    let norm = variant("one", &plain, json!({"domain_spec_batchnorm": "batchnorm"}), one.clone()).unwrap();
    let plain_inputs = tensors(plain.join("inputs.safetensors"));
    let (with_norm, without) =
        (run(&*norm, &plain_inputs, json!({})), run(&*load_from(&plain), &plain_inputs, json!({})));
    assert_ne!(bits(&with_norm["X_scGPT"]), bits(&without["X_scGPT"]));
    // Version 0.2.5 leaves it out where it is not configured.
    let ignored = variant("ignored", &plain, json!({}), one).unwrap();
    assert_eq!(bits(&run(&*ignored, &plain_inputs, json!({}))["X_scGPT"]), bits(&without["X_scGPT"]));
    assert_eq!(ignored.weights().report.ignored.len(), 4);
}

#[test]
fn pre_norm_is_the_flash_layers_own() {
    let Some(folder) = fixture("scgpt-flash") else { return };
    let inputs = tensors(folder.join("inputs.safetensors"));
    let of = |name: &str, settings: Value| {
        let model = variant(name, &folder, settings, Tensors::new()).unwrap();
        (bits(&run(&*model, &inputs, json!({}))["X_scGPT"]), model.config()["pre_norm"].clone())
    };
    let post = of("post", json!({}));
    let pre = of("pre", json!({"pre_norm": true}));
    let plain = of("plain", json!({"pre_norm": true, "use_fast_transformer": false}));
    assert!(pre.0 != post.0 && plain == post && pre.1 == json!(true));
}

#[test]
fn query_styles_are_what_the_module_defines() {
    let Some(folder) = fixture("scgpt-plain") else { return };
    let inputs = tensors(folder.join("inputs.safetensors"));
    let weights = |shape: &[usize], seed: u64| {
        let mut random = crate::stats::random::Random::new(seed, 0, 0);
        let n = shape.iter().product();
        let values: Vec<f32> = (0..n).map(|_| (random.uniform() - 0.5) as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    for (style, query, width) in [("concat query", 64, 96), ("sum query", 32, 32)] {
        let more: Tensors = [
            ("gene2query.weight", weights(&[query, 32], 1)),
            ("gene2query.bias", weights(&[query], 2)),
            ("fc1.weight", weights(&[64, width], 3)),
            ("fc1.bias", weights(&[64], 4)),
            ("hidden_activation.weight", Tensor::new(&[0.3f32], &Device::Cpu).unwrap()),
            ("fc2.weight", weights(&[1, 64], 5)),
            ("fc2.bias", weights(&[1], 6)),
        ]
        .into_iter()
        .map(|(name, x)| (format!("mvc_decoder.{name}"), x))
        .collect();
        let model = variant(query_name(style), &folder, json!({"mvc_decoder_style": style}), more.clone()).unwrap();
        let got = run(&*model, &inputs, json!({}));
        let (cell, gene) = (floats(&got["cell_emb"].get(1).unwrap()), got["gene_token_embs"].get(1).unwrap());
        let gene = floats(&gene.get(2).unwrap());
        let linear = |name: &str, x: &[f32]| -> Vec<f32> {
            let rows: Vec<Vec<f32>> = more[&format!("mvc_decoder.{name}.weight")].to_vec2().unwrap();
            let bias = floats(&more[&format!("mvc_decoder.{name}.bias")]);
            rows.iter().zip(bias).map(|(row, b)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>() + b).collect()
        };
        let query: Vec<f32> = linear("gene2query", &gene).into_iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
        let joined: Vec<f32> = if style == "sum query" {
            cell.iter().zip(&query).map(|(c, q)| c + q).collect()
        } else {
            cell.iter().chain(&query).copied().collect()
        };
        let hidden: Vec<f32> = linear("fc1", &joined).into_iter().map(|x| if x > 0.0 { x } else { 0.3 * x }).collect();
        let want = linear("fc2", &hidden)[0];
        let got = got["mvc_output"].to_vec2::<f32>().unwrap()[1][2];
        assert!((got - want).abs() < 1e-4, "{style}: {got}, {want}");
    }
}

fn query_name(style: &str) -> &str {
    style.split(' ').next().unwrap_or(style)
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(folder) = fixture("scgpt-plain") else { return };
    let refused = |settings: Value, kind: ErrorKind, says: &str| {
        let error = variant("refused", &folder, settings, Tensors::new()).err().expect("is refused");
        assert!(error.kind == kind && error.message.contains(says), "{:?}: {error}", error.kind);
    };
    refused(json!({"gelu": true}), ErrorKind::Config, "has the key \"gelu\"");
    refused(json!({"use_mod": true}), ErrorKind::Config, "\"use_mod\" is true");
    refused(json!({"nhead": 5}), ErrorKind::Config, "must be a positive multiple of the 5 heads");
    refused(json!({"cell_emb_style": "max"}), ErrorKind::Config, "must be \"cls\", \"avg-pool\" or \"w-pool\"");
    refused(
        json!({"use_fast_transformer": true, "fast_transformer_backend": "linear"}),
        ErrorKind::Config,
        "must be \"flash\"",
    );
    refused(json!({"use_batch_labels": true}), ErrorKind::Config, "\"num_batch_labels\" is 0");
    refused(
        json!({"mvc_decoder_style": "sum query", "explicit_zero_prob": true}),
        ErrorKind::Config,
        "must be \"inner product\"",
    );
    refused(json!({"domain_spec_batchnorm": 3}), ErrorKind::Config, "\"domain_spec_batchnorm\" is 3");
    refused(json!({"d_hid": 40}), ErrorKind::Weights, "linear1.weight is [48, 32], must be [40, 32]");
    refused(json!({"nlayers": 4}), ErrorKind::Weights, "missing: transformer_encoder.layers.3");
    refused(json!({"nlayers": 2}), ErrorKind::Weights, "unexpected: transformer_encoder.layers.2");
    refused(json!({"ntoken": 60}), ErrorKind::Config, "below 60");
    refused(json!({"pad_token": "<nothing>"}), ErrorKind::Config, "has no \"<nothing>\"");
    refused(json!({"pad_token_id": 3}), ErrorKind::Config, "\"pad_token_id\" 3");

    let model = load_from(&folder);
    let inputs = tensors(folder.join("inputs.safetensors"));
    let wrong = |name: &str, x: Tensor, says: &str| {
        let mut inputs = inputs.clone();
        inputs.insert(name.into(), x);
        let error = model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap_err();
        assert!(error.message.contains(says), "{error}");
    };
    let ids = Tensor::full(64i64, (4, 12), &Device::Cpu).unwrap();
    wrong("src", ids, "\"src\" has 64, must be from 0 to 63");
    wrong(
        "src_key_padding_mask",
        Tensor::ones((4, 12), DType::U8, &Device::Cpu).unwrap(),
        "row 0 of \"src\" begins with padding",
    );
    wrong("batch_labels", Tensor::zeros(4, DType::I64, &Device::Cpu).unwrap(), "does not take");
    let error = model.run(&Ctx::new(1), "perturb", None, &Tensors::new(), &Options::default()).err().unwrap();
    assert!(error.message.contains("\"perturb\""), "{error}");
}

/// Counts of 9 cells of the fixture's genes and two others: one without a gene of the vocabulary, one with a single gene, one
/// whose counts are all equal.
fn counts(genes: usize) -> Vec<f32> {
    let mut x: Vec<f32> =
        (0..9 * (genes + 2)).map(|i| ((i * i / 7 + i) % 11) as f32).map(|c| (c - 5.0).max(0.0)).collect();
    let row = genes + 2;
    x[row..2 * row].fill(0.0);
    x[2 * row - 1] = 4.0;
    x[2 * row..3 * row].fill(0.0);
    x[2 * row + 5] = 7.0;
    x[3 * row..4 * row].fill(2.0);
    x
}

fn names_of(model: &dyn Model) -> Vec<String> {
    let mut genes = model.genes();
    genes.extend(["UNKNOWN1".into(), "UNKNOWN2".into()]);
    genes
}

fn embed_rows(
    model: &dyn Model,
    ctx: &Ctx,
    x: &[f32],
    rows: &[usize],
    arrays: Tensors,
    choices: Value,
) -> Result<Embedding> {
    let genes = names_of(model);
    let width = genes.len();
    let some: Vec<f32> = rows.iter().flat_map(|&r| x[r * width..(r + 1) * width].iter().copied()).collect();
    let matrix = Matrix::dense(Axis::Obs, (rows.len(), width), ValueSlice::F32(&some), width)?;
    let cells = Cells::new(ctx, &matrix, genes, arrays)?;
    model.embed(ctx, &cells, &options(choices))
}

#[test]
fn cells_have_the_same_bits_in_any_batch_and_at_any_threads() {
    let Some(folder) = fixture("scgpt-plain") else { return };
    let model = load_from(&folder);
    let x = counts(61);
    let all: Vec<usize> = (0..9).collect();
    let deterministic = json!({"binning": "deterministic"});
    for choices in [json!({}), deterministic.clone(), json!({"max_length": 9}), json!({"cell_embedding": "avg-pool"})] {
        let of = |threads, more: Value| {
            let mut choices = choices.clone();
            choices.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            bits(
                &embed_rows(&*model, &Ctx::new(threads).with_seed(5), &x, &all, Tensors::new(), choices)
                    .unwrap()
                    .values,
            )
        };
        let one = of(1, json!({}));
        assert_eq!(one, of(2, json!({})));
        assert_eq!(one, of(3, json!({})));
        assert_eq!(one, of(2, json!({"max_batch_tokens": 70})));
    }
    let whole = embed_rows(&*model, &Ctx::new(2), &x, &all, Tensors::new(), deterministic.clone()).unwrap().values;
    for rows in [vec![8], vec![3, 0], vec![5, 4, 6, 2]] {
        let some = embed_rows(&*model, &Ctx::new(2), &x, &rows, Tensors::new(), deterministic.clone()).unwrap().values;
        for (i, &row) in rows.iter().enumerate() {
            assert_eq!(bits(&some.get(i).unwrap()), bits(&whole.get(row).unwrap()));
        }
    }
    // The same for rows of arrays.
    let inputs = tensors(folder.join("inputs.safetensors"));
    let together = model.forward(&Ctx::new(3), &inputs, &Options::default()).unwrap();
    for i in 0..4 {
        let row: Tensors = inputs.iter().map(|(name, x)| (name.clone(), x.narrow(0, i, 1).unwrap())).collect();
        let alone = model.forward(&Ctx::new(1), &row, &Options::default()).unwrap();
        for name in ["encoder_output", "mlm_output", "mvc_output", "cls_output", "cell_emb"] {
            assert_eq!(bits(&alone[name]), bits(&together[name].narrow(0, i, 1).unwrap()), "{name}");
        }
    }
}

#[test]
fn cells_at_the_edges_are_embedded_or_nan() {
    let Some(folder) = fixture("scgpt-plain") else { return };
    let model = load_from(&folder);
    let x = counts(61);
    let all: Vec<usize> = (0..9).collect();
    let said = RefCell::new(Vec::new());
    let ctx = Ctx::new(2).with_warn(|message| said.borrow_mut().push(message.to_string()));
    let embedding = embed_rows(&*model, &ctx, &x, &all, Tensors::new(), json!({"max_length": 20})).unwrap();
    assert_eq!(
        said.borrow().as_slice(),
        ["1 of 9 cells express no gene of the model's vocabulary: their rows are NaN"]
    );
    assert_eq!((embedding.name, embedding.values.dims()), ("scgpt", &[9, 32][..]));
    assert_eq!(embedding.report["cells_without_genes"], json!(1));
    assert_eq!(embedding.report["genes"]["matched"], json!(61));
    assert!(embedding.report["cells_cut"].as_u64().unwrap() >= 1);
    for (cell, row) in embedding.values.to_vec2::<f32>().unwrap().iter().enumerate() {
        let length: f32 = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!(
            if cell == 1 { row.iter().all(|x| x.is_nan()) } else { (length - 1.0).abs() < 1e-5 },
            "cell {cell}: {length}"
        );
    }
    drop(ctx);
    // A seed repeats, another differs, in the ties alone and in the subset alone.
    let of = |seed, choices: Value| {
        bits(&embed_rows(&*model, &Ctx::new(1).with_seed(seed), &x, &[0, 3], Tensors::new(), choices).unwrap().values)
    };
    for choices in [json!({}), json!({"max_length": 9, "binning": "deterministic"})] {
        assert_eq!(of(1, choices.clone()), of(1, choices.clone()));
        assert_ne!(of(1, choices.clone()), of(2, choices));
    }
    let deterministic = json!({"binning": "deterministic"});
    assert_eq!(of(1, deterministic.clone()), of(2, deterministic.clone()));
    // The one-gene cell is the forward pass of <cls> and that gene in the highest bin there is for a deterministic tie.
    let one = embed_rows(&*model, &Ctx::new(1), &x, &[2], Tensors::new(), deterministic).unwrap().values;
    let inputs: Tensors = [
        ("src".to_string(), Tensor::new(&[[62i64, 5]], &Device::Cpu).unwrap()),
        ("values".to_string(), Tensor::new(&[[-2.0f32, 25.0]], &Device::Cpu).unwrap()),
    ]
    .into();
    assert_eq!(bits(&one), bits(&run(&*model, &inputs, json!({}))["X_scGPT"]));
    // Every option at once.
    let options = json!({
        "normalize": "log1p", "include_zero_genes": true, "cell_embedding": "w-pool", "aliases": {"UNKNOWN1": "ABCG4"},
        "min_matched": 0.9, "max_length": 100,
    });
    let all_options = embed_rows(&*model, &Ctx::new(1), &x, &all, Tensors::new(), options).unwrap();
    assert_eq!(all_options.report["genes"]["by"]["alias"], json!(1));

    let fails = |x: &[f32], choices: Value, kind: ErrorKind| {
        let error = embed_rows(&*model, &Ctx::new(1), x, &[0, 3], Tensors::new(), choices).err().unwrap();
        assert_eq!(error.kind, kind, "{error}");
    };
    fails(&x, json!({"max_length": 1}), ErrorKind::InvalidArgument);
    fails(&x, json!({"lenght": 1}), ErrorKind::InvalidArgument);
    fails(&x, json!({"max_batch_tokens": 10}), ErrorKind::Budget);
    fails(&x, json!({"min_matched": 0.99}), ErrorKind::Vocabulary);
    let half: Vec<f32> = x.iter().map(|x| x / 2.0).collect();
    fails(&half, json!({}), ErrorKind::Counts);
}

#[test]
fn cells_of_batches_need_their_labels() {
    let Some(folder) = fixture("scgpt-batch") else { return };
    let model = load_from(&folder);
    let x = counts(61);
    let of = |labels: Option<[i64; 2]>| {
        let arrays = labels.map(|l| ("batch_labels".to_string(), Tensor::new(&l, &Device::Cpu).unwrap()));
        embed_rows(&*model, &Ctx::new(1), &x, &[0, 4], arrays.into_iter().collect(), json!({}))
    };
    let (own, other) = (of(Some([0, 1])).unwrap().values, of(Some([0, 2])).unwrap().values);
    assert_eq!(bits(&own.get(0).unwrap()), bits(&other.get(0).unwrap()));
    assert_ne!(bits(&own.get(1).unwrap()), bits(&other.get(1).unwrap()));
    assert!(of(None).err().unwrap().message.starts_with("batch_labels: is missing"));
    assert!(of(Some([0, 3])).err().unwrap().message.starts_with("batch_labels: of cell 1 is 3"));
}

#[test]
fn values_as_scales_need_no_weights() {
    let Some(folder) = fixture("scgpt-plain") else { return };
    let inputs = tensors(folder.join("inputs.safetensors"));
    let path = Temporary::new("scaling");
    let kept =
        tensors(folder.join("model.safetensors")).into_iter().filter(|(name, _)| !name.starts_with("value_encoder"));
    let kept: std::collections::HashMap<String, Tensor> = kept.collect();
    candle_core::safetensors::save(&kept, path.0.join("model.safetensors")).unwrap();
    let config = read_json(&folder.join("config.json")).unwrap().to_string().replace("continuous", "scaling");
    std::fs::write(path.0.join("config.json"), config).unwrap();
    let elsewhere = vec![("vocab.json".to_string(), folder.join("vocab.json"))];
    let model = load(&Folder { elsewhere, ..Folder::new(&path.0) }).unwrap();
    let got = run(&*model, &inputs, json!({}));
    let mut doubled = inputs.clone();
    doubled.insert("values".into(), (&inputs["values"] * 2.0).unwrap());
    assert_ne!(bits(&got["X_scGPT"]), bits(&run(&*model, &doubled, json!({}))["X_scGPT"]));
    assert_eq!(model.config()["input_emb_style"], json!("scaling"));
}

/// Log-normalised controls: 3 cells, the fixture's genes, and one that it does not know.
fn controls(model: &dyn Model) -> (Vec<String>, Vec<f32>) {
    let mut genes = model.genes();
    genes.insert(3, "UNKNOWN".into());
    let x = (0..3 * genes.len()).map(|i| ((i * 5 % 9) as f32 - 4.0).max(0.0) * 0.37).collect();
    (genes, x)
}

fn perturb(model: &dyn Model, threads: usize, seed: u64, choices: Value) -> Result<Output> {
    let ctx = Ctx::new(threads).with_seed(seed);
    let (genes, x) = controls(model);
    let matrix = Matrix::dense(Axis::Obs, (3, genes.len()), ValueSlice::F32(&x), genes.len())?;
    let cells = Cells::new(&ctx, &matrix, genes, Tensors::new())?;
    model.run(&ctx, "perturb", Some(&cells), &Tensors::new(), &options(choices))
}

#[test]
fn perturbations_are_the_forward_pass_of_all_genes() {
    let Some(folder) = fixture("scgpt-perturb") else { return };
    let model = load_from(&folder);
    let (genes, x) = controls(&*model);
    let n = genes.len();
    let asked = json!({"perturbations": [[genes[0]], [genes[5], genes[9]], []], "per_cell": true});
    let got = perturb(&*model, 2, 0, asked.clone()).unwrap();
    let each: Vec<Vec<Vec<f32>>> = got.tensors["per_cell"].to_vec3().unwrap();
    let means: Vec<Vec<f32>> = got.tensors["predictions"].to_vec2().unwrap();
    assert_eq!((means.len(), means[0].len(), each[0].len()), (3, n, 3));
    for (p, perturbed) in [vec![0], vec![5, 9], vec![]].iter().enumerate() {
        let known: Vec<usize> = (0..n).filter(|&c| c != 3).collect();
        let row = |of: &dyn Fn(usize, usize) -> f64, dtype| {
            let all: Vec<f64> =
                (0..3).flat_map(|cell| known.iter().map(move |&c| (cell, c))).map(|(cell, c)| of(cell, c)).collect();
            Tensor::from_vec(all, (3, n - 1), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
        };
        let inputs: Tensors = [
            ("src".to_string(), row(&|_, c| if c > 3 { c as f64 - 1.0 } else { c as f64 }, DType::I64)),
            ("values".to_string(), row(&|cell, c| f64::from(x[cell * n + c]), DType::F32)),
            ("input_pert_flags".to_string(), row(&|_, c| f64::from(u8::from(perturbed.contains(&c))), DType::I64)),
        ]
        .into();
        let want: Vec<Vec<f32>> = run(&*model, &inputs, json!({}))["mlm_output"].to_vec2().unwrap();
        for (cell, want) in want.iter().enumerate() {
            let found: Vec<f32> = known.iter().map(|&c| each[p][cell][c]).collect();
            assert_eq!(&found, want);
            assert!(each[p][cell][3].is_nan());
        }
        for &c in &known {
            let mean = (0..3).map(|cell| f64::from(each[p][cell][c])).sum::<f64>() / 3.0;
            assert_eq!(means[p][c], mean as f32);
        }
        assert!(means[p][3].is_nan());
    }
    assert_ne!(means[0], means[1]);
    let again = perturb(&*model, 3, 0, asked).unwrap();
    assert_eq!(bits(&got.tensors["per_cell"]), bits(&again.tensors["per_cell"]));
    assert_eq!(got.report["genes_without_prediction"], json!(1));

    let one = |seed, more: Value| {
        let mut asked = json!({"perturbations": [genes[5]]});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        floats(&perturb(&*model, 1, seed, asked).unwrap().tensors["predictions"])
    };
    let drawn = json!({"pool_size": 2});
    assert_eq!(one(1, drawn.clone())[5], one(1, drawn.clone())[5]);
    assert!((2..9).any(|seed| one(1, drawn.clone())[5] != one(seed, drawn.clone())[5]));
    assert!(one(0, json!({"unknown_genes": "upstream"})).iter().all(|x| x.is_finite()));
    let expressed = one(0, json!({"genes": "expressed"}));
    let silence = json!({"perturbations": [[]], "genes": "expressed", "pool_size": 1});
    assert!(perturb(&*model, 1, 0, silence).is_ok());
    let silent: Vec<usize> =
        (0..n).filter(|&c| c != 3 && c != 5 && (0..3).all(|cell| x[cell * n + c] == 0.0)).collect();
    assert!(silent.iter().all(|&c| expressed[c] == 0.0) && expressed[5] != 0.0);

    let fails = |asked: Value, says: &str| {
        let error = perturb(&*model, 1, 0, asked).err().unwrap();
        assert!(error.message.contains(says), "{error}");
    };
    fails(json!({}), "perturbations: must be a list");
    fails(json!({"perturbations": [["NONE"]]}), "\"NONE\" is not among the genes");
    fails(json!({"perturbations": [["UNKNOWN"]]}), "\"UNKNOWN\" is not in the model's vocabulary");
    fails(json!({"perturbations": [[]], "pool_size": 0}), "pool_size: is 0");
    let ctx = Ctx::new(1);
    let matrix = Matrix::dense(Axis::Obs, (3, n), ValueSlice::F32(&x), n).unwrap();
    let cells = Cells::new(&ctx, &matrix, genes.clone(), Tensors::new()).unwrap();
    assert_eq!(model.embed(&ctx, &cells, &Options::default()).err().unwrap().kind, ErrorKind::Unsupported);
}

#[test]
fn the_affine_decoder_has_its_variants() {
    let Some(folder) = fixture("scgpt-perturb") else { return };
    let inputs = tensors(folder.join("inputs.safetensors"));
    let of = |name: &str, settings: Value| -> Vec<Vec<f32>> {
        let model = variant(name, &folder, settings, Tensors::new()).unwrap();
        run(&*model, &inputs, json!({}))["mlm_output"].to_vec2().unwrap()
    };
    let plain = of("affine-plain", json!({}));
    let adaptive = of("affine-adaptive", json!({"decoder_adaptive_bias": true, "model_type": "scgpt_generator"}));
    let sigmoid =
        of("affine-sigmoid", json!({"decoder_activation": "Sigmoid", "model_type": "remove", "generator": true}));
    let values: Vec<Vec<f32>> = inputs["values"].to_vec2().unwrap();
    for (row, values) in values.iter().enumerate() {
        let expressed: Vec<f32> = values.iter().copied().filter(|&v| v != 0.0).collect();
        let mean = expressed.iter().sum::<f32>() / expressed.len() as f32;
        // Where the value is 0 the prediction is the bias.
        for (t, _) in values.iter().enumerate().filter(|&(_, &v)| v == 0.0) {
            assert!((adaptive[row][t] - mean * plain[row][t]).abs() < 1e-5);
            assert!((sigmoid[row][t] - 1.0 / (1.0 + (-plain[row][t]).exp())).abs() < 1e-5);
        }
    }
    let error = variant("affine-odd", &folder, json!({"decoder_activation": "Odd"}), Tensors::new()).err().unwrap();
    assert!(error.message.contains("must be \"ReLU\""), "{error}");
    // Values that are binned are encoded as bins, and are still what the decoder changes.
    let binned = variant("affine-bins", &folder, json!({"n_input_bins": 51}), Tensors::new()).unwrap();
    let (first, second) = (
        run(&*binned, &inputs, json!({"binning": "deterministic"})),
        run(&*binned, &inputs, json!({"binning": "deterministic"})),
    );
    assert_eq!(bits(&first["mlm_output"]), bits(&second["mlm_output"]));
    assert_ne!(floats(&first["mlm_output"]), plain.concat());
}
