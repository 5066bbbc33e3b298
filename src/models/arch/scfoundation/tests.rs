//! The whole model, held against the original.

use super::config::Kind;
use super::*;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, close_where, fixture, tensors};
use std::path::Path;

/// Of the fixtures' README.
const TOLERANCE: f64 = 5e-4;

const NAMES: [&str; 2] = ["scfoundation-base", "scfoundation-tfdec"];

fn model(folder: &Folder) -> ScFoundation {
    ScFoundation::load(folder).unwrap()
}

fn options(given: Value) -> Options {
    Options::parse(&given.to_string()).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f32> {
    nn::floats(x).unwrap()
}

/// Equal to the bit.
fn same(name: &str, one: &Tensor, other: &Tensor) {
    assert_eq!(one.dims(), other.dims(), "{name}");
    assert!(numbers(one).iter().zip(numbers(other)).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
}

/// A fixture's model with names for its genes, G0 on.
fn named(path: &Path) -> ScFoundation {
    let mut model = model(&Folder::new(path));
    model.genes = Some((0..model.settings.n_genes()).map(|i| format!("G{i}")).collect());
    model
}

/// A fixture's counts, cell by cell, and how many cells and genes they are.
fn counts(path: &Path) -> (Vec<f64>, usize, usize) {
    let counts = tensors(path.join("inputs.safetensors"))["counts"].clone();
    let (n, genes) = counts.dims2().unwrap();
    (counts.flatten_all().unwrap().to_vec1().unwrap(), n, genes)
}

fn with_cells<T>(ctx: &Ctx, values: &[f64], genes: usize, f: impl FnOnce(&Cells) -> T) -> T {
    let matrix = Matrix::dense(Axis::Obs, (values.len() / genes, genes), ValueSlice::F64(values), genes).unwrap();
    let names = (0..genes).map(|i| format!("G{i}")).collect();
    f(&Cells::new(ctx, &matrix, names, Tensors::new()).unwrap())
}

fn inputs(path: &Path) -> Tensors {
    Tensors::from([("x".into(), tensors(path.join("inputs.safetensors"))["x"].clone())])
}

#[test]
fn every_output_is_the_originals() {
    for path in NAMES.iter().filter_map(|name| fixture(name)) {
        let model = model(&Folder::new(&path));
        let (ctx, want) = (Ctx::new(2), tensors(path.join("outputs.safetensors")));
        let given = tensors(path.join("inputs.safetensors"));
        for key_maximum in ["cell", "upstream"] {
            let got = model.forward(&ctx, &inputs(&path), &options(json!({"key_maximum": key_maximum}))).unwrap();
            assert_eq!(got.len(), OUTPUTS.len());
            // The original's genes in context depend on the batch; a cell by itself gives others.
            let batch = key_maximum == "upstream" || model.settings.decoder.kind == Kind::Transformer;
            let decoded: &[&str] = if batch { &["gene_emb", "gene_expression"] } else { &[] };
            for name in ["cell_emb_all", "cell_emb_max"].iter().chain(decoded) {
                close(name, &got[*name], &want[*name], TOLERANCE, 0.0);
            }
            for name in ["encoder_data", "encoder_position_gene_ids", "encoder_padding"] {
                assert_eq!(got[name].dtype(), want[name].dtype(), "{name}");
                close(name, &got[name], &want[name], 0.0, 0.0);
            }
            let first = got["encoder_output"].narrow(0, 0, 1).unwrap();
            let length = want["encoder_output_cell0"].dim(1).unwrap();
            close(
                "encoder_output",
                &first.narrow(1, 0, length).unwrap(),
                &want["encoder_output_cell0"],
                TOLERANCE,
                0.0,
            );
        }
        let x: Vec<Vec<f32>> = given["x"].to_vec2().unwrap();
        let tokens = Tokens::of_row(&x[0]);
        assert_eq!(tokens.values, numbers(&want["gathered_values_cell0"]));
        let ids: Vec<i64> = want["gathered_ids_cell0"].flatten_all().unwrap().to_vec1().unwrap();
        assert!(tokens.ids.iter().zip(&ids).all(|(&got, &want)| got as i64 == want) && ids.len() == tokens.len());
        let embedded = model.token.forward(&x[0]).unwrap().unsqueeze(0).unwrap();
        close("autobin_emb_cell0", &embedded, &want["autobin_emb_cell0"], 1e-5, 0.0);
        let weights = model.token.weights(&x[0]).unwrap().unsqueeze(0).unwrap();
        close("autobin_weight_cell0", &weights, &want["autobin_weight_cell0"], 1e-6, 0.0);
        let special = model.token.forward(&numbers(&given["autobin_special_values"])).unwrap().unsqueeze(0).unwrap();
        close("autobin_special", &special, &want["autobin_special"], 1e-5, 0.0);
        for name in want.keys() {
            let known = OUTPUTS.contains(&name.as_str()) || name.ends_with("_cell0") || name == "autobin_special";
            assert!(known, "{name} is not compared");
        }
    }
}

#[test]
fn the_batch_of_the_original_is_met_more_closely_with_its_maximum_of_the_keys() {
    let Some(path) = fixture("scfoundation-base") else { return };
    let (model, ctx) = (model(&Folder::new(&path)), Ctx::new(1));
    let want = tensors(path.join("outputs.safetensors"));
    let far = |key_maximum: &str| {
        let given = options(json!({"outputs": ["gene_emb"], "key_maximum": key_maximum}));
        let got = model.forward(&ctx, &inputs(&path), &given).unwrap();
        assert_eq!(got.len(), 1);
        let pairs = numbers(&got["gene_emb"]).into_iter().zip(numbers(&want["gene_emb"]));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    let (alone, together) = (far("cell"), far("upstream"));
    assert!(together < 2e-5 && together < alone, "{together} with the batch's maximum, {alone} with the cell's");
}

#[test]
fn a_cell_is_the_same_in_every_batch_and_for_every_number_of_threads() {
    for path in NAMES.iter().filter_map(|name| fixture(name)) {
        let model = model(&Folder::new(&path));
        let all = inputs(&path);
        let n = all["x"].dim(0).unwrap();
        let whole = model.forward(&Ctx::new(1), &all, &Options::default()).unwrap();
        for threads in [2, 3] {
            let again = model.forward(&Ctx::new(threads), &all, &Options::default()).unwrap();
            whole.iter().for_each(|(name, x)| same(name, x, &again[name]));
        }
        for cell in 0..n {
            let alone = Tensors::from([("x".into(), all["x"].narrow(0, cell, 1).unwrap())]);
            let alone = model.forward(&Ctx::new(2), &alone, &Options::default()).unwrap();
            for name in ["cell_emb_all", "cell_emb_max", "gene_emb", "gene_expression"] {
                same(name, &whole[name].narrow(0, cell, 1).unwrap(), &alone[name]);
            }
        }
    }
}

#[test]
fn counts_are_embedded_as_the_original_embeds_them() {
    for path in NAMES.iter().filter_map(|name| fixture(name)) {
        let (model, want) = (named(&path), tensors(path.join("outputs.safetensors")));
        let (values, n, genes) = counts(&path);
        for (pool, name) in [("all", "cell_emb_all"), ("max", "cell_emb_max")] {
            let one = with_cells(&Ctx::new(1), &values, genes, |cells| {
                model.embed(&Ctx::new(1), cells, &options(json!({"pool_type": pool}))).unwrap()
            });
            close(name, &one.values, &want[name], TOLERANCE, 0.0);
            assert_eq!((one.name, one.report["cells_without_genes"].as_u64()), ("scfoundation", Some(0)));
            for threads in [2, 3] {
                let ctx = Ctx::new(threads);
                let given = options(json!({"pool_type": pool, "max_batch_tokens": genes + 2}));
                let again = with_cells(&ctx, &values, genes, |cells| model.embed(&ctx, cells, &given).unwrap());
                same(name, &one.values, &again.values);
            }
        }
        let alone = with_cells(&Ctx::new(2), &values[genes..2 * genes], genes, |cells| {
            model.embed(&Ctx::new(2), cells, &Options::default()).unwrap()
        });
        let all = with_cells(&Ctx::new(2), &values, genes, |cells| {
            model.embed(&Ctx::new(2), cells, &Options::default()).unwrap()
        });
        same("one cell", &all.values.narrow(0, 1, 1).unwrap(), &alone.values);
        assert_eq!(all.values.dims(), [n, 4 * model.settings.encoder.width]);
    }
}

#[test]
fn genes_in_context_and_enhanced_depth_are_those_of_the_forward_pass() {
    for path in NAMES.iter().filter_map(|name| fixture(name)) {
        let model = named(&path);
        let (values, n, genes) = counts(&path);
        let ctx = Ctx::new(2);
        let want = model.forward(&ctx, &inputs(&path), &Options::default()).unwrap();
        let run = |task: &str, given: Value| {
            with_cells(&ctx, &values, genes, |cells| {
                model.run(&ctx, task, Some(cells), &Tensors::new(), &options(given))
            })
            .unwrap()
            .tensors
        };
        let each = &run("gene_embeddings", json!({}))["gene_emb"];
        let wanted = want["gene_emb"].narrow(1, 0, genes).unwrap();
        close("gene_emb", each, &wanted, TOLERANCE, 0.0);
        let mean = &run("gene_embeddings", json!({"reduce": "mean"}))["gene_emb_mean"];
        close("gene_emb_mean", mean, &(wanted.sum(0).unwrap() / n as f64).unwrap(), TOLERANCE, 0.0);
        let some = &run("gene_embeddings", json!({"genes": ["G7", "G2"]}))["gene_emb"];
        same("genes", &some.narrow(1, 0, 1).unwrap(), &each.narrow(1, 7, 1).unwrap());
        same("genes", &some.narrow(1, 1, 1).unwrap(), &each.narrow(1, 2, 1).unwrap());
        let expression = &run("enhance", json!({}))["gene_expression"];
        close("gene_expression", expression, &want["gene_expression"].narrow(1, 0, genes).unwrap(), TOLERANCE, 0.0);
        let deeper = &run("enhance", json!({"tgthighres": "t5"}))["gene_expression"];
        assert!(numbers(deeper) != numbers(expression));
    }
}

#[test]
fn cells_that_the_model_cannot_see_are_nan_and_said_to_be() {
    let Some(path) = fixture("scfoundation-base") else { return };
    let model = named(&path);
    let width = 4 * model.settings.encoder.width;
    // Nothing, one count of one gene, five of it, and a gene that is none of the model's.
    let values = [0.0, 0.0, 1.0, 0.0, 5.0, 0.0, 0.0, 9.0];
    let matrix = Matrix::dense(Axis::Obs, (4, 2), ValueSlice::F64(&values), 2).unwrap();
    let mut said = Vec::new();
    let ctx = Ctx::new(2).with_warn(|message| said.push(message.to_string()));
    let cells = Cells::new(&ctx, &matrix, vec!["G5".into(), "other".into()], Tensors::new()).unwrap();
    let embedding = model.embed(&ctx, &cells, &Options::default()).unwrap();
    let rows: Vec<Vec<f32>> = embedding.values.to_vec2().unwrap();
    assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [width; 4]);
    for (row, seen) in rows.iter().zip([false, false, true, false]) {
        assert!(row.iter().all(|x| x.is_nan() != seen));
    }
    assert_eq!(
        (&embedding.report["cells_without_genes"], &embedding.report["cells_without_depth"]),
        (&json!(2), &json!(1))
    );
    let run = |task: &str, given: Value| {
        model.run(&ctx, task, Some(&cells), &Tensors::new(), &options(given)).unwrap().tensors
    };
    let each = run("gene_embeddings", json!({}))["gene_emb"].clone();
    let half = each.elem_count() / 4;
    close_where("gene_emb", &each, &each, 0.0, 0.0, |i| i / half == 2);
    assert!(numbers(&each).iter().enumerate().all(|(i, x)| x.is_nan() != (i / half == 2)));
    let mean = run("gene_embeddings", json!({"reduce": "mean"}))["gene_emb_mean"].clone();
    same("the mean of one", &mean, &each.get(2).unwrap());
    drop(cells);
    drop(ctx);
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(said[0].contains("2 of 4") && said[1].contains("1 of 4"));
}

#[test]
fn what_is_wrong_is_named() {
    let Some(path) = fixture("scfoundation-base") else { return };
    let (nameless, ctx) = (model(&Folder::new(&path)), Ctx::new(1));
    let forward = |x: Vec<f32>, given: Value| {
        let x = Tensor::from_vec(x, (1, 62), &Device::Cpu).unwrap();
        nameless.forward(&ctx, &Tensors::from([("x".into(), x)]), &options(given)).map(|_| ()).unwrap_err().message
    };
    let with = |value: f32| {
        let mut row = vec![1.0; 62];
        row[3] = value;
        row
    };
    assert!(forward(with(103.0), json!({})).contains("padding"));
    assert!(forward(with(f32::NAN), json!({})).contains("finite"));
    assert!(forward(with(0.0), json!({"outputs": ["all"]})).contains("outputs"));
    assert!(forward(with(0.0), json!({"key_maximum": "batch"})).contains("key_maximum"));
    assert!(forward(with(0.0), json!({"typo": 1})).contains("typo"));
    let embed = |model: &ScFoundation, values: &[f64], given: Value| {
        with_cells(&ctx, values, 2, |cells| model.embed(&ctx, cells, &options(given)).map(|_| ()).unwrap_err())
    };
    assert!(embed(&nameless, &[1.0, 2.0], json!({})).message.contains("genes.json"));
    let model = named(&path);
    assert_eq!(embed(&model, &[1.0, 2.5], json!({})).kind, crate::ErrorKind::Counts);
    assert_eq!(embed(&model, &[1.0, 2.0], json!({"max_batch_tokens": 3})).kind, crate::ErrorKind::Budget);
    assert!(embed(&model, &[1.0, 2.0], json!({"pool_type": "mean"})).message.contains("pool_type"));
    let run = |task: &str, given: Value| {
        with_cells(&ctx, &[1.0, 2.0], 2, |cells| model.run(&ctx, task, Some(cells), &Tensors::new(), &options(given)))
            .map(|_| ())
            .unwrap_err()
            .message
    };
    assert!(run("predict", json!({})).contains("gene_embeddings"));
    assert!(run("enhance", json!({"genes": ["nothing"]})).contains("nothing"));
    assert!(run("enhance", json!({"max_batch_tokens": 61})).contains("62"));
    let missing = model.run(&ctx, "enhance", None, &Tensors::new(), &Options::default());
    assert!(missing.map(|_| ()).unwrap_err().message.contains("cells"));
}

#[test]
fn values_below_0_reach_the_decoder_alone_and_empty_rows_are_nan() {
    let Some(path) = fixture("scfoundation-base") else { return };
    let (model, ctx) = (model(&Folder::new(&path)), Ctx::new(2));
    let mut row = vec![0.0f32; 2 * 62];
    (row[62 + 3], row[62 + 60], row[62 + 61], row[62 + 9]) = (2.0, 4.0, 2.0, -1.0);
    let forward = |row: &[f32]| {
        let x = Tensor::from_slice(row, (row.len() / 62, 62), &Device::Cpu).unwrap();
        model.forward(&ctx, &Tensors::from([("x".into(), x)]), &Options::default()).unwrap()
    };
    let both = forward(&row);
    assert!(numbers(&both["cell_emb_all"].get(0).unwrap()).iter().all(|x| x.is_nan()));
    assert!(numbers(&both["cell_emb_max"].get(0).unwrap()).iter().all(|x| x.is_nan()));
    assert!(numbers(&both["gene_emb"]).iter().all(|x| x.is_finite()));
    row[62 + 9] = 0.0;
    let without = forward(&row);
    same("cell_emb_all", &both["cell_emb_all"].get(1).unwrap(), &without["cell_emb_all"].get(1).unwrap());
    assert!(numbers(&both["gene_emb"]) != numbers(&without["gene_emb"]));
    let none = forward(&[]);
    assert_eq!((none["gene_emb"].dims(), none["encoder_data"].dims()), ([0, 62, 16].as_slice(), [0, 0].as_slice()));
}

#[test]
fn what_export_writes_is_what_load_reads() {
    let Some(path) = fixture("scfoundation-base") else { return };
    let model = named(&path);
    let Value::Object(written) = model.config() else { panic!("no object") };
    assert_eq!(written["model_type"], "scfoundation");
    let read = Config::new("written", written);
    assert_eq!(Settings::read(&read).unwrap().n_genes(), 60);
    assert_eq!(read.filled("scfoundation"), model.config());
    let files = model.files().unwrap();
    assert_eq!(files[0].0, "genes.json");
    assert_eq!(serde_json::from_slice::<Vec<String>>(&files[0].1).unwrap(), model.genes());
    assert_eq!(model.gene_embeddings().unwrap().dims(), [60, 32]);
    assert_eq!(model.weights().report.ignored, ["decoder.performer.calls_since_last_redraw"]);
    assert!(!model.io().json().to_string().is_empty());
}

/// A folder that has only this one file of a fixture, and names for its genes.
fn only(path: &Path, file: &str) -> Folder {
    let mut folder = Folder::new(path.join("nowhere"));
    folder.elsewhere.push((file.into(), path.join(file)));
    folder
}

#[test]
fn the_published_checkpoint_holds_its_models_and_their_configuration() {
    let Some(path) = fixture("scfoundation-base") else { return };
    let (plain, ctx) = (model(&Folder::new(&path)), Ctx::new(2));
    let with = |key: Option<&str>, mut folder: Folder| {
        folder.load.family = key.map_or_else(Options::default, |key| options(json!({"key": key})));
        ScFoundation::load(&folder)
    };
    let gene = with(Some("gene"), only(&path, "models.ckpt")).unwrap();
    assert_eq!(
        (&gene.config["key"], &gene.config["bin_num"], &gene.config["seq_len"]),
        (&json!("gene"), &json!(10), &json!(62))
    );
    let of = |model: &ScFoundation| model.forward(&ctx, &inputs(&path), &Options::default()).unwrap();
    of(&plain).iter().for_each(|(name, x)| same(name, x, &of(&gene)[name]));
    let cell = with(None, only(&path, "models.ckpt")).unwrap();
    assert_eq!(cell.config["key"], "cell");
    // Chosen by name although there is a file of one model as well.
    let chosen = with(Some("gene"), Folder::new(&path)).unwrap();
    assert_eq!(chosen.config["key"], "gene");
    let message = |key: &str, folder: Folder| with(Some(key), folder).map(|_| ()).unwrap_err().message;
    assert!(message("rde", only(&path, "models.ckpt")).contains("rde"));
    assert!(message("mouse", only(&path, "models.ckpt")).contains("\"cell\", \"gene\" or \"rde\""));
    let mut single = only(&path, "model.safetensors");
    single.elsewhere.push(("config.json".into(), path.join("config.json")));
    assert!(message("gene", single).contains("models.ckpt"));
    let mut odd = Folder::new(&path);
    odd.load.family = options(json!({"keys": "gene"}));
    assert!(ScFoundation::load(&odd).map(|_| ()).unwrap_err().message.contains("keys"));
}

#[test]
fn weights_of_half_the_size_give_nearly_the_same() {
    for path in NAMES.iter().filter_map(|name| fixture(name)) {
        let mut folder = Folder::new(&path);
        folder.load.dtype = Some(DType::BF16);
        let (half, full, ctx) = (model(&folder), model(&Folder::new(&path)), Ctx::new(1));
        assert!(half.weights().tensors.values().all(|x| x.dtype() == DType::BF16));
        let of = |model: &ScFoundation| model.forward(&ctx, &inputs(&path), &Options::default()).unwrap();
        let (got, want) = (of(&half), of(&full));
        for name in ["cell_emb_all", "gene_emb"] {
            close(name, &got[name], &want[name], 0.25, 0.0);
            assert!(numbers(&got[name]) != numbers(&want[name]));
        }
    }
}
