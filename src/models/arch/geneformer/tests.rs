use super::*;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, close_where, fixture, tensors, without_global_pool};
use candle_core::DType;
use serde_json::{Map, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const TOLERANCE: f64 = 2e-4;

fn options(value: Value) -> Options {
    let Value::Object(given) = value else { panic!("{value} is no object") };
    given.into()
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn bits(x: &Tensor) -> Vec<u32> {
    floats(x).into_iter().map(f32::to_bits).collect()
}

fn i64s(x: &Tensor) -> Vec<i64> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn outputs_are_those_of_the_original() {
    for (name, special) in [("geneformer-v1", false), ("geneformer-v2", true), ("geneformer-cellclassifier", false)] {
        let Some(path) = fixture(name) else { return };
        let mut folder = Folder::new(&path);
        folder.load.family = options(json!({"special_token": special}));
        let model = load(&folder).unwrap();
        let inputs = tensors(path.join("inputs.safetensors"));
        let want = tensors(path.join("outputs.safetensors"));
        let got = model.forward(&Ctx::new(2), &inputs, &options(json!({"attentions": true}))).unwrap();
        let valid = i64s(&want["valid_mask"]);
        let length = want["valid_mask"].dims()[1];
        for (output, want) in &want {
            // helical's mean is that of the last layer.
            let ours = &got[if output == "cell_emb_helical" { "cell_emb_last" } else { output.as_str() }];
            let dims = want.dims().to_vec();
            let of_positions = output.starts_with("hidden_") || (output == "logits" && dims.len() == 3);
            let width = dims[dims.len() - 1];
            let position = |i: usize| match output.as_str() {
                "attn_last" => i / (dims[1] * length * length) * length + i / length % length,
                _ => i / width,
            };
            if !of_positions && output != "attn_last" {
                close(&format!("{name} {output}"), ours, want, TOLERANCE, 0.0);
                continue;
            }
            close_where(&format!("{name} {output}"), ours, want, TOLERANCE, 0.0, |i| valid[position(i)] == 1);
            let padding = floats(ours).into_iter().enumerate().filter(|&(i, _)| valid[position(i)] == 0);
            assert!(padding.map(|(_, x)| x).all(|x| x == 0.0), "{name} {output}: padding is not 0");
        }
        let known: Vec<String> = model.io().outputs.into_iter().map(|field| field.name).collect();
        assert!(got.keys().all(|name| known.contains(name)), "{known:?}");
    }
}

#[test]
fn what_counts_may_be_said_in_three_ways_and_a_row_does_not_see_the_others() {
    let Some(path) = fixture("geneformer-v1") else { return };
    let model = load(&Folder::new(&path)).unwrap();
    let inputs = tensors(path.join("inputs.safetensors"));
    let all = model.forward(&Ctx::new(3), &inputs, &Options::default()).unwrap();
    for left_out in [vec!["length"], vec!["attention_mask"], vec!["length", "attention_mask"]] {
        let mut fewer = inputs.clone();
        left_out.iter().for_each(|name| drop(fewer.remove(*name)));
        let got = model.forward(&Ctx::new(1), &fewer, &Options::default()).unwrap();
        all.iter()
            .filter(|(_, x)| x.dtype() == DType::F32)
            .for_each(|(name, x)| assert_eq!(bits(x), bits(&got[name]), "{name}"));
    }
    for row in 0..3 {
        let one: Tensors = inputs.iter().map(|(name, x)| (name.clone(), x.narrow(0, row, 1).unwrap())).collect();
        let got = model.forward(&Ctx::new(2), &one, &Options::default()).unwrap();
        for (name, x) in all.iter().filter(|(_, x)| x.dtype() == DType::F32) {
            assert_eq!(bits(&x.narrow(0, row, 1).unwrap()), bits(&got[name]), "{name} of row {row}");
        }
    }
}

#[test]
fn weights_may_be_of_half_the_size() {
    let Some(path) = fixture("geneformer-v1") else { return };
    let inputs = tensors(path.join("inputs.safetensors"));
    let run = |dtype: Option<DType>| {
        let mut folder = Folder::new(&path);
        folder.load.dtype = dtype;
        let model = load(&folder).unwrap();
        let held = model.weights().tensors.values().all(|x| x.dtype() == dtype.unwrap_or(DType::F32));
        assert!(held, "{dtype:?}");
        model.forward(&Ctx::new(2), &inputs, &Options::default()).unwrap()["cell_emb_last"].clone()
    };
    let whole = run(None);
    for (dtype, tolerance) in [(DType::F16, 0.01), (DType::BF16, 0.1)] {
        let half = run(Some(dtype));
        close("cell_emb_last", &half, &whole, tolerance, 0.0);
        assert_ne!(bits(&half), bits(&whole));
    }
}

#[test]
fn positions_without_a_count_in_between_are_not_attended() {
    let Some(path) = fixture("geneformer-v1") else { return };
    let model = load(&Folder::new(&path)).unwrap();
    let run = |ids: &[i64], mask: &[i64]| {
        let row = |x: &[i64]| Tensor::from_slice(x, (1, x.len()), &Device::Cpu).unwrap();
        let inputs =
            [("input_ids".to_string(), row(ids)), ("attention_mask".to_string(), row(mask))].into_iter().collect();
        model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap()
    };
    let (one, other) = (run(&[5, 6, 7, 8, 0], &[1, 0, 1, 1, 0]), run(&[5, 9, 7, 8, 0], &[1, 0, 1, 1, 0]));
    assert_eq!(bits(&one["hidden_3"]), bits(&other["hidden_3"]));
    assert_eq!(bits(&one["cell_emb_last"]), bits(&other["cell_emb_last"]));
    assert_ne!(bits(&one["cell_emb_last"]), bits(&run(&[5, 9, 7, 8, 0], &[1, 1, 1, 1, 0])["cell_emb_last"]));
    let none = run(&[0, 0], &[0, 0]);
    assert!(floats(&none["cell_emb_last"]).iter().all(|x| x.is_nan()));
    assert!(floats(&none["hidden_3"]).iter().all(|&x| x == 0.0));
}

fn settings(input_size: usize, special_token: Option<bool>) -> Settings {
    let shape = bert::Shape {
        width: 4,
        layers: 1,
        heads: 1,
        feed: 4,
        positions: input_size,
        vocabulary: 30_000,
        types: 2,
        activation: nn::Activation::Relu,
        eps: 1e-12,
        pad: 0,
    };
    Settings {
        shape,
        kind: Kind::MaskedTokens,
        labels: Vec::new(),
        input_size,
        special_token,
        tied: true,
        target_sum: 10_000.0,
        collapse: true,
    }
}

/// The tokens of each cell of a tokenizer fixture.
fn tokenized(path: &Path, extension: &str, input_size: usize, special_token: Option<bool>) -> Vec<Vec<u32>> {
    let mut folder = Folder::new("nowhere");
    for name in ["token_dictionary", "gene_median_dictionary"] {
        folder.elsewhere.push((format!("{name}.{extension}"), path.join(format!("{name}.{extension}"))));
    }
    folder.elsewhere.push(("ensembl_mapping_dict.json".into(), path.join("ensembl_mapping.json")));
    let settings = settings(input_size, special_token);
    let tokenizer = Tokenizer::new(Dictionaries::read(&folder).unwrap().unwrap(), &settings).unwrap();
    let x = &tensors(path.join("inputs.safetensors"))["X"];
    let (n, m) = x.dims2().unwrap();
    let values = floats(x);
    let matrix = Matrix::dense(Axis::Obs, (n, m), ValueSlice::F32(&values), m).unwrap();
    let names = std::fs::read_to_string(path.join("ensembl_ids.json")).unwrap();
    let ctx = Ctx::new(2);
    let cells = Cells::new(&ctx, &matrix, serde_json::from_str(&names).unwrap(), Tensors::new()).unwrap();
    let matching = crate::models::genes::Matching::from(&Options::default()).unwrap();
    let mapping = crate::models::genes::Mapping::new(&cells.genes, &tokenizer.vocabulary, &matching).unwrap();
    let total = |cell: usize| values[cell * m..(cell + 1) * m].iter().map(|&x| f64::from(x)).sum::<f64>();
    (0..n).map(|cell| tokenizer.cell(&cells, cell, &mapping.rows, total(cell))).collect()
}

#[test]
fn tokens_are_those_of_the_original() {
    for (name, size) in [("tok-geneformer-v1", 48), ("tok-geneformer-v2", 40)] {
        let Some(path) = fixture(name) else { return };
        let want = tensors(path.join("outputs.safetensors"));
        let (ids, lengths) = (i64s(&want["input_ids"]), i64s(&want["length"]));
        let (ranked, ranked_lengths) = (i64s(&want["ranked_tokens_uncropped"]), i64s(&want["ranked_length"]));
        let longest = want["ranked_tokens_uncropped"].dims()[1];
        for extension in ["json", "pkl"] {
            let cells = tokenized(&path, extension, size, None);
            assert_eq!(cells.len(), lengths.len());
            for (cell, tokens) in cells.iter().enumerate() {
                let mut padded: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
                assert_eq!(padded.len() as i64, lengths[cell], "{name} cell {cell}");
                padded.resize(size, 0);
                assert_eq!(padded, ids[cell * size..(cell + 1) * size], "{name} cell {cell}");
            }
            let uncropped = tokenized(&path, extension, 1000, Some(false));
            for (cell, tokens) in uncropped.iter().enumerate() {
                let tokens: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
                let n = ranked_lengths[cell] as usize;
                assert_eq!(tokens, ranked[cell * longest..cell * longest + n], "{name} cell {cell}");
            }
        }
    }
}

/// A folder of its own for a test, gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scnative-geneformer-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn ensembl(i: usize) -> String {
    format!("ENSG{i:011}")
}

/// The model of a fixture with dictionaries: gene i has the token i + first, the median 1 + i / 8 and the symbol Si; RETIRED
/// is gene 5, and so is its old identifier, gene 190 by name.
fn with_dictionaries(scratch: &Scratch, fixture: &Path, vocabulary: usize, specials: bool) {
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture.join(name), scratch.0.join(name)).unwrap();
    }
    dictionaries(scratch, vocabulary, specials);
}

fn dictionaries(scratch: &Scratch, vocabulary: usize, specials: bool) {
    let mut tokens = Map::new();
    let names = if specials { vec!["<pad>", "<mask>", "<cls>", "<eos>"] } else { vec!["<pad>", "<mask>"] };
    names.iter().enumerate().for_each(|(token, name)| drop(tokens.insert(name.to_string(), json!(token))));
    let first = names.len();
    (0..vocabulary - first).for_each(|i| drop(tokens.insert(ensembl(i), json!(i + first))));
    let medians: Map<String, Value> =
        (0..vocabulary - first).map(|i| (ensembl(i), json!(1.0 + i as f64 / 8.0))).collect();
    let symbols: Map<String, Value> = (0..vocabulary - first).map(|i| (format!("S{i}"), json!(ensembl(i)))).collect();
    scratch.write("token_dictionary.json", Value::Object(tokens).to_string());
    scratch.write("gene_median_dictionary.json", Value::Object(medians).to_string());
    scratch.write("gene_name_id_dict.json", Value::Object(symbols).to_string());
    scratch.write("ensembl_mapping_dict.json", json!({ensembl(9_999): ensembl(5), ensembl(5): ensembl(5)}).to_string());
}

/// Counts of some cells over so many genes: cell 1 has no gene of the vocabulary, cell 2 one gene, cell 3 all of them, cell 4
/// none at all.
fn counts(cells: usize, genes: usize) -> Vec<f32> {
    let count = |cell: usize, gene: usize| match cell {
        1 => 0,
        2 => usize::from(gene == 3),
        3 => 1 + gene * 7 % 11,
        4 => 0,
        _ => (gene * 31 + cell * 17) % 13 * usize::from(!(gene + cell).is_multiple_of(4)),
    };
    let mut all = Vec::new();
    for cell in 0..cells {
        all.extend((0..genes).map(|gene| count(cell, gene) as f32));
        all.push(if cell == 4 { 0.0 } else { 3.0 });
    }
    all
}

fn gene_names(genes: usize) -> Vec<String> {
    (0..genes).map(ensembl).chain(["NOT_THERE".to_string()]).collect()
}

fn with_cells<T>(counts: &[f32], genes: Vec<String>, arrays: Tensors, f: impl FnOnce(&Cells) -> T) -> T {
    let (n, m) = (counts.len() / genes.len(), genes.len());
    let matrix = Matrix::dense(Axis::Obs, (n, m), ValueSlice::F32(counts), m).unwrap();
    f(&Cells::new(&Ctx::new(2), &matrix, genes, arrays).unwrap())
}

#[test]
fn cells_are_embedded_as_their_tokens_are() {
    for (name, vocabulary, specials) in [("geneformer-v1", 200, false), ("geneformer-v2", 180, true)] {
        let Some(path) = fixture(name) else { return };
        let scratch = Scratch::new(&format!("embed-{name}"));
        with_dictionaries(&scratch, &path, vocabulary, specials);
        let model = load(&Folder::new(&scratch.0)).unwrap();
        assert_eq!(model.genes().len(), vocabulary - if specials { 4 } else { 2 });
        assert_eq!(model.gene_embeddings().unwrap().dims(), [model.genes().len(), 32]);
        let genes = 70;
        let all = counts(8, genes);
        with_cells(&all, gene_names(genes), Tensors::new(), |cells| {
            let embedded =
                |threads: usize, given: Value| model.embed(&Ctx::new(threads), cells, &options(given)).unwrap().values;
            let values = embedded(2, json!({}));
            for (threads, budget) in [(1, 65_536), (2, 48), (3, 100), (3, 65_536)] {
                assert_eq!(
                    bits(&values),
                    bits(&embedded(threads, json!({"max_batch_tokens": budget}))),
                    "{threads} {budget}"
                );
            }
            let nan = |cell: usize, x: &Tensor| floats(&x.get(cell).unwrap()).iter().all(|x| x.is_nan());
            assert!((0..8).all(|cell| nan(cell, &values) == (cell == 1 || cell == 4)));
            // Tokens by hand.
            let first = if specials { 4 } else { 2 };
            for cell in [0, 2, 3, 5] {
                let row = &all[cell * (genes + 1)..(cell + 1) * (genes + 1)];
                let total: f64 = row.iter().map(|&x| f64::from(x)).sum();
                let mut order: Vec<(f64, usize)> = (0..genes)
                    .filter(|&gene| row[gene] > 0.0)
                    .map(|gene| (f64::from(row[gene]) / total * 1e4 / (1.0 + gene as f64 / 8.0), gene))
                    .collect();
                order.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
                let room = if specials { 46 } else { 48 };
                let mut ids: Vec<i64> = order.iter().take(room).map(|&(_, gene)| (gene + first) as i64).collect();
                if specials {
                    ids.insert(0, 2);
                    ids.push(3);
                }
                let inputs =
                    [("input_ids".to_string(), Tensor::from_slice(&ids, (1, ids.len()), &Device::Cpu).unwrap())];
                let got = model.forward(&Ctx::new(1), &inputs.into_iter().collect(), &Options::default()).unwrap();
                let same = |name: &str, x: &Tensor| assert_eq!(bits(&got[name]), bits(&x.narrow(0, cell, 1).unwrap()));
                same("cell_emb_second_to_last", &values);
                same("cell_emb_last", &embedded(1, json!({"emb_layer": 0})));
                if specials {
                    same("cls_emb_second_to_last", &embedded(1, json!({"pooling": "cls"})));
                    same("cls_emb_last", &embedded(1, json!({"pooling": "cls", "layer": 2})));
                }
            }
            if !specials {
                let error = model.embed(&Ctx::new(1), cells, &options(json!({"pooling": "cls"}))).err().unwrap();
                assert_eq!(error.kind, ErrorKind::InvalidArgument);
            }
            let too_small = model.embed(&Ctx::new(1), cells, &options(json!({"max_batch_tokens": 47}))).err().unwrap();
            assert_eq!(too_small.kind, ErrorKind::Budget);
            let unknown = model.embed(&Ctx::new(1), cells, &options(json!({"poling": "cls"}))).err().unwrap();
            assert_eq!(unknown.kind, ErrorKind::InvalidArgument);
        });
    }
}

#[test]
fn genes_are_found_by_symbol_version_and_retired_identifier() {
    let Some(path) = fixture("geneformer-v1") else { return };
    let scratch = Scratch::new("names");
    with_dictionaries(&scratch, &path, 200, false);
    let model = load(&Folder::new(&scratch.0)).unwrap();
    let embedded = |counts: &[f32], genes: &[String], arrays: Tensors| {
        with_cells(counts, genes.to_vec(), arrays, |cells| {
            bits(&model.embed(&Ctx::new(1), cells, &Options::default()).unwrap().values)
        })
    };
    let names = |names: [String; 4]| names.to_vec();
    let plain = names([ensembl(3), ensembl(5), ensembl(8), "X".into()]);
    let want = embedded(&[4.0, 7.0, 2.0, 1.0], &plain, Tensors::new());
    let others = names(["S3".into(), format!("{}.12", ensembl(5)), ensembl(8), "X".into()]);
    assert_eq!(want, embedded(&[4.0, 7.0, 2.0, 1.0], &others, Tensors::new()));
    let retired = names([ensembl(3), ensembl(5), ensembl(8), ensembl(9_999)]);
    // 7 = 5 + 2 of one gene by two identifiers: added up, where 5 alone would be ranked behind 4 of gene 3.
    assert_eq!(want, embedded(&[4.0, 5.0, 2.0, 2.0], &retired, Tensors::new()));
    let mut kept = Folder::new(&scratch.0);
    kept.load.family = options(json!({"collapse_gene_ids": false}));
    let kept = load(&kept).unwrap();
    let uncollapsed = with_cells(&[4.0, 5.0, 2.0, 2.0], retired.clone(), Tensors::new(), |cells| {
        kept.embed(&Ctx::new(1), cells, &Options::default()).unwrap()
    });
    assert_eq!(uncollapsed.report["genes"]["matched"], json!(3));
    // Equal values are in the order of the columns: of genes 0 and 8, medians 1 and 2.
    let tie = |first: usize, second: usize, counts: [f32; 2]| {
        embedded(&counts, &[ensembl(first), ensembl(second)], Tensors::new())
    };
    assert_ne!(tie(0, 8, [2.0, 4.0]), tie(8, 0, [4.0, 2.0]));
    assert_eq!(tie(0, 8, [2.0, 4.0]), tie(8, 0, [2.0, 2.0]));
    // The total scales all genes alike.
    let totals =
        [("n_counts".to_string(), Tensor::from_slice(&[100f64], 1, &Device::Cpu).unwrap())].into_iter().collect();
    assert_eq!(want, embedded(&[4.0, 7.0, 2.0, 1.0], &plain, totals));
    let wrong: Tensors =
        [("n_counts".to_string(), Tensor::from_slice(&[0f64], 1, &Device::Cpu).unwrap())].into_iter().collect();
    let error = with_cells(&[4.0, 7.0, 2.0, 1.0], plain.clone(), wrong, |cells| {
        model.embed(&Ctx::new(1), cells, &Options::default()).err().unwrap()
    });
    assert_eq!(error.kind, ErrorKind::Counts);
    for counts in [[0.5, 1.0, 1.0, 1.0], [-1.0, 1.0, 1.0, 1.0]] {
        let error = with_cells(&counts, plain.clone(), Tensors::new(), |cells| {
            model.embed(&Ctx::new(1), cells, &Options::default()).err()
        });
        assert_eq!(error.unwrap().kind, ErrorKind::Counts);
    }
}

#[test]
fn exported_is_loaded_again() {
    let Some(path) = fixture("geneformer-cellclassifier") else { return };
    let scratch = Scratch::new("export");
    with_dictionaries(&scratch, &path, 200, false);
    let model = load(&Folder::new(&scratch.0)).unwrap();
    let exported = Scratch::new("exported");
    exported.write("config.json", model.config().to_string());
    for (name, bytes) in model.files().unwrap() {
        exported.write(&name, bytes);
    }
    let weights: HashMap<String, Tensor> = model.weights().tensors.clone().into_iter().collect();
    candle_core::safetensors::save(&weights, exported.0.join("model.safetensors")).unwrap();
    let again = load(&Folder::new(&exported.0)).unwrap();
    assert_eq!(again.config(), model.config());
    assert_eq!(again.genes(), model.genes());
    with_cells(&counts(6, 60), gene_names(60), Tensors::new(), |cells| {
        let run = |model: &dyn Model| {
            let run =
                |task: &str| model.run(&Ctx::new(2), task, Some(cells), &Tensors::new(), &Options::default()).unwrap();
            (bits(&run("classify").tensors["logits"]), run("classify").report["predicted"].clone())
        };
        assert_eq!(run(&*model), run(&*again));
    });
}

#[test]
fn cells_are_classified_by_their_first_token() {
    without_global_pool(module_path!(), "cells_are_classified_by_their_first_token", classified);
}

fn classified() {
    let Some(path) = fixture("geneformer-cellclassifier") else { return };
    let scratch = Scratch::new("classify");
    with_dictionaries(&scratch, &path, 200, false);
    let model = load(&Folder::new(&scratch.0)).unwrap();
    with_cells(&counts(6, 30), gene_names(30), Tensors::new(), |cells| {
        let found = model.run(&Ctx::new(2), "classify", Some(cells), &Tensors::new(), &Options::default()).unwrap();
        let (logits, probabilities) = (floats(&found.tensors["logits"]), floats(&found.tensors["probabilities"]));
        for cell in 0..6 {
            let row = &probabilities[4 * cell..4 * cell + 4];
            let predicted = &found.report["predicted"][cell];
            if cell == 1 || cell == 4 {
                assert!(row.iter().all(|x| x.is_nan()) && predicted.is_null());
                continue;
            }
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let best = (0..4).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            assert_eq!(predicted, &json!(format!("LABEL_{best}")));
            let ratio = (logits[4 * cell + best] - logits[4 * cell]).exp();
            assert!((row[best] / row[0] - ratio).abs() < 1e-4 * ratio);
        }
        let unknown =
            model.run(&Ctx::new(1), "predict", Some(cells), &Tensors::new(), &Options::default()).err().unwrap();
        assert!(unknown.message.contains("classify"), "{}", unknown.message);
    });
}

/// The weights of the V1 fixture, changed.
fn changed(scratch: &Scratch, config: Value, change: impl FnOnce(&mut HashMap<String, Tensor>)) {
    let path = fixture("geneformer-v1").unwrap();
    let mut weights: HashMap<String, Tensor> = tensors(path.join("model.safetensors")).into_iter().collect();
    change(&mut weights);
    candle_core::safetensors::save(&weights, scratch.0.join("model.safetensors")).unwrap();
    let text = std::fs::read_to_string(path.join("config.json")).unwrap();
    let Value::Object(mut whole) = serde_json::from_str(&text).unwrap() else { panic!("no object") };
    let Value::Object(config) = config else { panic!("no object") };
    whole.extend(config);
    scratch.write("config.json", Value::Object(whole).to_string());
}

#[test]
fn genes_are_classified_by_their_mean_logits() {
    if fixture("geneformer-v1").is_none() {
        return;
    }
    let scratch = Scratch::new("genes");
    let labels = json!({"architectures": ["BertForTokenClassification"], "id2label": {"0": "a", "1": "b", "2": "c"}});
    changed(&scratch, labels, |weights| {
        weights.retain(|name, _| !name.starts_with("cls."));
        let values: Vec<f32> = (0..96).map(|i| ((i * 37 % 19) as f32 - 9.0) / 10.0).collect();
        weights.insert("classifier.weight".into(), Tensor::from_vec(values, (3, 32), &Device::Cpu).unwrap());
        weights.insert("classifier.bias".into(), Tensor::from_slice(&[0.1f32, 0.2, -0.3], 3, &Device::Cpu).unwrap());
    });
    dictionaries(&scratch, 200, false);
    let model = load(&Folder::new(&scratch.0)).unwrap();
    let genes = gene_names(2);
    with_cells(&[2.0, 0.0, 1.0, 1.0, 3.0, 0.0], genes, Tensors::new(), |cells| {
        let found = model.run(&Ctx::new(2), "classify", Some(cells), &Tensors::new(), &Options::default()).unwrap();
        assert_eq!(i64s(&found.tensors["n_cells"])[..3], [2, 1, 0]);
        // The cells are the tokens [2] and [3, 2]: gene 1's median is 1.125.
        let ids = Tensor::from_slice(&[2i64, 0, 3, 2], (2, 2), &Device::Cpu).unwrap();
        let inputs = [("input_ids".to_string(), ids)].into_iter().collect();
        let by_token = model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap();
        let of = |row: usize, position: usize| floats(&by_token["logits"].get(row).unwrap().get(position).unwrap());
        let want: Vec<f32> = of(0, 0).iter().zip(of(1, 1)).map(|(a, b)| (a + b) / 2.0).chain(of(1, 0)).collect();
        let got = floats(&found.tensors["logits"]);
        assert!(got[..6].iter().zip(&want).all(|(got, want)| (got - want).abs() < 1e-5), "{got:?} {want:?}");
        assert!(got[6..].iter().all(|x| x.is_nan()));
        let predicted = found.report["predicted"][0].as_str().unwrap();
        assert!(["a", "b", "c"].contains(&predicted));
        let context = model.run(
            &Ctx::new(3),
            "gene_embeddings_in_context",
            Some(cells),
            &Tensors::new(),
            &options(json!({"emb_layer": 0})),
        );
        let context = floats(&context.unwrap().tensors["gene_embeddings"]);
        let state =
            |row: usize, position: usize| floats(&by_token["hidden_3"].get(row).unwrap().get(position).unwrap());
        let want: Vec<f32> =
            state(0, 0).iter().zip(state(1, 1)).map(|(a, b)| (a + b) / 2.0).chain(state(1, 0)).collect();
        assert!(context[..64].iter().zip(&want).all(|(got, want)| (got - want).abs() < 1e-5));
    });
}

#[test]
fn sums_over_cells_have_the_same_bits_in_any_groups() {
    let Some(path) = fixture("geneformer-v2") else { return };
    let scratch = Scratch::new("groups");
    with_dictionaries(&scratch, &path, 180, true);
    let model = load(&Folder::new(&scratch.0)).unwrap();
    with_cells(&counts(9, 60), gene_names(60), Tensors::new(), |cells| {
        let run = |threads: usize, budget: usize| {
            let given = options(json!({"max_batch_tokens": budget}));
            let found = model
                .run(&Ctx::new(threads), "gene_embeddings_in_context", Some(cells), &Tensors::new(), &given)
                .unwrap();
            bits(&found.tensors["gene_embeddings"])
        };
        let want = run(1, 65_536);
        assert!([(1, 48), (2, 100), (3, 65_536)].iter().all(|&(threads, budget)| run(threads, budget) == want));
    });
}

#[test]
fn bare_encoders_and_heads_that_do_not_fit() {
    if fixture("geneformer-v1").is_none() {
        return;
    }
    let scratch = Scratch::new("layouts");
    changed(&scratch, json!({"architectures": ["BertModel"]}), |weights| {
        *weights = weights
            .drain()
            .filter_map(|(name, x)| {
                let bare = name.strip_prefix("bert.")?;
                let old =
                    bare.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
                Some((old, x))
            })
            .collect();
    });
    let path = fixture("geneformer-v1").unwrap();
    let (whole, bare) = (load(&Folder::new(&path)).unwrap(), load(&Folder::new(&scratch.0)).unwrap());
    let inputs = tensors(path.join("inputs.safetensors"));
    let run = |model: &dyn Model| model.forward(&Ctx::new(2), &inputs, &Options::default()).unwrap();
    let (whole, bare) = (run(&*whole), run(&*bare));
    assert_eq!(bits(&whole["hidden_3"]), bits(&bare["hidden_3"]));
    assert!(!bare.contains_key("logits"));
    let fails = |config: Value| {
        changed(&scratch, config, |_| ());
        load(&Folder::new(&scratch.0)).err().unwrap()
    };
    assert_eq!(fails(json!({"architectures": ["BertForSequenceClassification"]})).kind, ErrorKind::Weights);
    assert_eq!(fails(json!({"architectures": ["GPT2Model"]})).kind, ErrorKind::Config);
    assert_eq!(fails(json!({"rotary": true})).kind, ErrorKind::Config);
    assert_eq!(fails(json!({"position_embedding_type": "relative_key"})).kind, ErrorKind::Config);
    assert_eq!(fails(json!({"hidden_size": 36})).kind, ErrorKind::Weights);
    assert_eq!(fails(json!({"num_hidden_layers": 2})).kind, ErrorKind::Weights);
    changed(&scratch, json!({}), |_| ());
    let model = load(&Folder::new(&scratch.0)).unwrap();
    let error = with_cells(&[1.0], vec!["A".into()], Tensors::new(), |cells| {
        model.embed(&Ctx::new(1), cells, &Options::default())
    });
    assert_eq!(error.err().unwrap().kind, ErrorKind::NotFound);
}

fn cosine(x: &[f32], y: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(x, y) / (dot(x, x).sqrt() * dot(y, y).sqrt())
}

#[test]
fn perturbed_cells_are_compared_gene_by_gene() {
    let Some(path) = fixture("geneformer-v2") else { return };
    let scratch = Scratch::new("perturb");
    with_dictionaries(&scratch, &path, 180, true);
    let model = load(&Folder::new(&scratch.0)).unwrap();
    let genes: Vec<String> = (0..4).map(ensembl).collect();
    // Cells: tokens 4 5 6 (medians 1, 1.125, 1.25), then gene 3 alone, then none.
    with_cells(&[9.0, 6.0, 3.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0], genes, Tensors::new(), |cells| {
        let states =
            Tensor::from_vec((0..64).map(|i| (i % 7) as f32 - 3.0).collect::<Vec<_>>(), (2, 32), &Device::Cpu).unwrap();
        let run = |threads: usize, given: Value| {
            let inputs = [("states".to_string(), states.clone())].into_iter().collect();
            model.run(&Ctx::new(threads), "perturb", Some(cells), &inputs, &options(given)).unwrap()
        };
        let state = |ids: &[i64]| -> Vec<Vec<f32>> {
            let inputs = [("input_ids".to_string(), Tensor::from_slice(ids, (1, ids.len()), &Device::Cpu).unwrap())];
            let got = model.forward(&Ctx::new(1), &inputs.into_iter().collect(), &Options::default()).unwrap();
            floats(&got["hidden_1"]).chunks_exact(32).map(<[f32]>::to_vec).collect()
        };
        let mean = |rows: &[&Vec<f32>]| -> Vec<f32> {
            (0..32).map(|i| rows.iter().map(|row| row[i]).sum::<f32>() / rows.len() as f32).collect()
        };
        let near = |got: f32, want: f64| assert!((f64::from(got) - want).abs() < 1e-5, "{got} {want}");
        let before = state(&[2, 4, 5, 6, 3]);

        let deleted = run(2, json!({"genes": ["S1", "S3"]}));
        let after = state(&[2, 4, 6, 3]);
        let got = floats(&deleted.tensors["gene_cosine"]);
        near(got[0], (cosine(&before[1], &after[1]) + cosine(&before[3], &after[2])) / 2.0);
        near(
            floats(&deleted.tensors["cell_cosine"])[0],
            cosine(&mean(&[&before[1], &before[3]]), &mean(&[&after[1], &after[2]])),
        );
        near(floats(&deleted.tensors["cls_cosine"])[0], cosine(&before[0], &after[0]));
        let goal = &floats(&states)[32..];
        let cell = |rows: &[Vec<f32>]| mean(&rows[1..rows.len() - 1].iter().collect::<Vec<_>>());
        near(floats(&deleted.tensors["state_shift"])[1], cosine(&cell(&after), goal) - cosine(&cell(&before), goal));
        // A gene that is not there, a cell of which nothing remains, a cell without genes.
        assert!(got[1..].iter().all(|x| x.is_nan()) && got.len() == 6, "{got:?}");
        assert_eq!(deleted.report["perturbations"], json!([["S1"], ["S3"]]));
        assert_eq!(deleted.report["cells_without_genes"], json!(1));

        let up = run(2, json!({"genes": ["S3", "S2"], "mode": "overexpress", "combined": true}));
        let after = state(&[2, 7, 6, 4, 5, 3]);
        let got = floats(&up.tensors["gene_cosine"]);
        near(got[0], (cosine(&before[1], &after[3]) + cosine(&before[2], &after[4])) / 2.0);
        assert!(got[1].is_nan() && got.len() == 3);

        let all = run(1, json!({"genes": "all", "mode": "overexpress", "limit": 2}));
        assert_eq!(i64s(&all.tensors["gene"])[..4], [1, 2, -1, -1]);
        near(floats(&all.tensors["cls_cosine"])[0], cosine(&before[0], &state(&[2, 5, 4, 6, 3])[0]));
        let each = run(1, json!({"genes": "all"}));
        assert_eq!(i64s(&each.tensors["gene"])[..3], [0, 1, 2]);
        assert_eq!(bits(&each.tensors["gene_cosine"])[1], bits(&deleted.tensors["gene_cosine"])[0]);
        for threads in [2, 3] {
            let again = run(threads, json!({"genes": "all", "max_batch_tokens": 10}));
            assert!(
                each.tensors.iter().all(|(name, x)| x.dtype() != DType::F32 || bits(x) == bits(&again.tensors[name]))
            );
        }
        for wrong in
            [json!({}), json!({"genes": []}), json!({"genes": ["S3", "nobody"]}), json!({"genes": ["S3", ensembl(3)]})]
        {
            let error =
                model.run(&Ctx::new(1), "perturb", Some(cells), &Tensors::new(), &options(wrong)).err().unwrap();
            assert!(error.message.starts_with("genes: "), "{}", error.message);
        }
    });
}
