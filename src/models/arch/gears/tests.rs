//! The original's golden outputs, and what users ask of a model as a whole.

use super::*;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, fixture, tensors};
use std::path::{Path, PathBuf};

/// The fixtures state no tolerance: what every restatement of them reaches.
const TOLERANCE: (f64, f64) = (1e-5, 1e-5);

fn options(value: Value) -> Options {
    Options::parse(&value.to_string()).unwrap()
}

fn open(path: &Path) -> Gears {
    Gears::load(&Folder::new(path)).unwrap()
}

/// The graphs and the arrays of one batch.
fn batch(inputs: &Tensors, name: &str) -> Tensors {
    let graphs = COEXPRESS.iter().chain(&GO).map(|&key| (key.to_string(), inputs[key].clone()));
    let arrays = ["x", "pert_idx"].map(|key| (key.to_string(), inputs[&format!("{name}.{key}")].clone()));
    graphs.chain(arrays).collect()
}

fn bits(tensors: &Tensors) -> Vec<u32> {
    tensors.values().flat_map(|tensor| floats(tensor).unwrap()).map(f32::to_bits).collect()
}

/// Every output of a fixture.
fn golden(name: &str, batches: &[&str], n_outputs: usize) {
    let Some(path) = fixture(name) else { return };
    let gears = open(&path);
    let inputs = tensors(path.join("inputs.safetensors"));
    let wanted = tensors(path.join("outputs.safetensors"));
    let mut compared = 0;
    let mut same = |name: String, got: &Tensor| {
        close(&name, got, &wanted[&name], TOLERANCE.0, TOLERANCE.1);
        compared += 1;
    };
    for (i, b) in batches.iter().enumerate() {
        let upstream = options(json!({"batch_semantics": "upstream"}));
        let together = gears.forward(&Ctx::new(2), &batch(&inputs, b), &upstream).unwrap();
        let alone = gears.forward(&Ctx::new(2), &batch(&inputs, b), &Options::default()).unwrap();
        same(format!("{b}.pred"), &together["pred"]);
        same(format!("{b}.pred_one_by_one"), &alone["pred"]);
        if gears.shape.uncertainty {
            same(format!("{b}.logvar"), &together["logvar"]);
        }
        if i == 0 {
            same("coexpress_pos_emb".into(), &together["coexpress_pos_emb"]);
            same("pert_global_emb".into(), &together["pert_global_emb"]);
        }
        for threads in [1, 2, 3] {
            let again = gears.forward(&Ctx::new(threads), &batch(&inputs, b), &Options::default()).unwrap();
            assert_eq!(bits(&again), bits(&alone), "{b} at {threads} threads");
        }
    }
    assert_eq!((compared, wanted.len()), (n_outputs, n_outputs));
}

#[test]
fn one_layer_without_uncertainty() {
    golden("gears-base", &["b0", "b1", "b2"], 8);
}

#[test]
fn two_layers_with_uncertainty() {
    golden("gears-uncertainty", &["b0", "b1"], 8);
}

/// A folder of this test's own, empty.
fn fresh_folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("scnative-gears-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// Log-normalised expression of 12 cells, the first 5 of which are controls.
struct Data {
    values: Vec<f32>,
    genes: Vec<String>,
}

const N: usize = 12;

impl Data {
    fn of(gears: &Gears) -> Self {
        let n = gears.genes.len();
        let value = |i: usize| if i.is_multiple_of(3) { 0.0 } else { (i * 37 % 101) as f32 / 30.0 };
        Self { values: (0..N * n).map(value).collect(), genes: gears.genes.clone() }
    }

    fn with<T>(&self, work: impl FnOnce(&Cells) -> T) -> T {
        let matrix = Matrix::dense(Axis::Obs, (N, self.genes.len()), ValueSlice::F32(&self.values), self.genes.len());
        let matrix = matrix.unwrap();
        let control: Vec<u8> = (0..N).map(|cell| u8::from(cell < 5)).collect();
        let arrays = [("control".to_string(), Tensor::from_vec(control, N, &Device::Cpu).unwrap())].into();
        work(&Cells::new(&Ctx::new(1), &matrix, self.genes.clone(), arrays).unwrap())
    }

    fn controls(&self) -> Tensor {
        let n = self.genes.len();
        Tensor::from_slice(&self.values[..5 * n], (5, n), &Device::Cpu).unwrap()
    }
}

/// A model built from a fixture's weights, with graphs of its own.
fn built(name: &str) -> Option<(Gears, Data, PathBuf)> {
    let source = open(&fixture("gears-uncertainty")?);
    let data = Data::of(&source);
    let folder = fresh_folder(name);
    let sets: Value = source.perts[1..]
        .iter()
        .enumerate()
        .map(|(i, gene)| (gene.clone(), json!([format!("t{}", i % 4), format!("u{}", i % 3)])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let asked = options(json!({"folder": folder, "gene_sets": sets, "control_cells": 2}));
    let mut warned = 0;
    let output = {
        let ctx = Ctx::new(2).with_warn(|_| warned += 1);
        data.with(|cells| source.run(&ctx, "build_folder", Some(cells), &Default::default(), &asked)).unwrap()
    };
    assert_eq!(warned, 1, "one perturbation has no terms");
    let gears = open(&folder);
    let (edges, weights) = gears.graphs.go.as_ref().unwrap().tensors().unwrap();
    assert_eq!(edges.to_vec2::<i64>().unwrap(), output.tensors["G_go"].to_vec2::<i64>().unwrap());
    assert_eq!(floats(&weights).unwrap(), floats(&output.tensors["G_go_weight"]).unwrap());
    assert!(!edges.to_vec2::<i64>().unwrap().concat().contains(&0), "a gene without terms has no edges");
    assert!(!gears.graphs.coexpress.as_ref().unwrap().is_empty());
    Some((gears, data, folder))
}

#[test]
fn a_folder_is_built_and_predicts() {
    let Some((gears, data, folder)) = built("predict") else { return };
    let names = |rows: &[usize]| rows.iter().map(|&row| gears.perts[row].clone()).collect::<Vec<_>>();
    let asked = json!([names(&[3]), names(&[3, 0]), []]);
    let predict = |extra: Value, threads: usize| {
        let mut given = json!({"perturbations": asked});
        given.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let ctx = Ctx::new(threads).with_seed(7);
        data.with(|cells| gears.run(&ctx, "predict", Some(cells), &Default::default(), &options(given))).unwrap()
    };
    // By hand: the mean over the five controls of the forward pass, in either semantics.
    for semantics in ["per_cell", "upstream"] {
        let got = predict(json!({"batch_semantics": semantics}), 2);
        for (p, rows) in [vec![3i64, -1], vec![3, 0], vec![-1, -1]].into_iter().enumerate() {
            let inputs: Tensors = [
                ("x".to_string(), data.controls()),
                ("pert_idx".to_string(), Tensor::from_vec(rows.repeat(5), (5, 2), &Device::Cpu).unwrap()),
            ]
            .into();
            let of = gears.forward(&Ctx::new(1), &inputs, &options(json!({"batch_semantics": semantics}))).unwrap();
            for key in ["pred", "logvar"] {
                let want = of[key].mean(0).unwrap();
                close(key, &got.tensors[key].get(p).unwrap(), &want, TOLERANCE.0, TOLERANCE.1);
            }
            let sure = libm::exp(-f64::from(of["logvar"].mean_all().unwrap().to_scalar::<f32>().unwrap()));
            let uncertainty = got.tensors["uncertainty"].to_vec1::<f64>().unwrap()[p];
            assert!((uncertainty - sure).abs() < 1e-5 * sure, "{uncertainty} {sure}");
        }
        for threads in [1, 3] {
            assert_eq!(bits(&predict(json!({"batch_semantics": semantics}), threads).tensors), bits(&got.tensors));
        }
    }
    // A draw of fewer is a draw of the seed; all are all.
    let few = predict(json!({"n_controls": 3}), 1);
    assert_eq!(few.report["n_controls"], 3);
    assert_eq!(bits(&predict(json!({"n_controls": 3}), 2).tensors), bits(&few.tensors));
    assert_eq!(bits(&predict(json!({"n_controls": "all"}), 2).tensors), bits(&predict(json!({}), 2).tensors));
    // Stored cells come first; a stored mean serves without them.
    let stored =
        gears.run(&Ctx::new(1), "predict", None, &Default::default(), &options(json!({"perturbations": asked})));
    assert_eq!(stored.unwrap().report["n_controls"], 2);
    let only_mean = Gears { controls: Stored { cells: None, ..gears.controls.clone() }, ..gears.clone() };
    let asked = options(json!({"perturbations": asked}));
    let mean = only_mean.run(&Ctx::new(1), "predict", None, &Default::default(), &asked).unwrap();
    close("mean", &mean.tensors["pred"], &predict(json!({}), 1).tensors["pred"], 1e-5, 1e-5);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn interactions_are_of_the_predictions() {
    let Some((gears, data, folder)) = built("interactions") else { return };
    let (a, b) = (gears.perts[2].clone(), gears.perts[5].clone());
    let run = |task: &str, given: Value| {
        data.with(|cells| gears.run(&Ctx::new(2), task, Some(cells), &Default::default(), &options(given)))
    };
    let found = run("gi_scores", json!({"perturbations": [[a, b]]})).unwrap();
    let predicted = run("predict", json!({"perturbations": [[a], [b], [a, b]]})).unwrap();
    let control = floats(&predicted.tensors["control"]).unwrap();
    let change = |row: usize| -> Vec<f64> {
        let row = floats(&predicted.tensors["pred"].get(row).unwrap()).unwrap();
        row.iter().zip(&control).map(|(x, c)| f64::from(*x) - f64::from(*c)).collect()
    };
    let ctx = Ctx::new(1);
    let pairs = theil_sen::pairs(&ctx, gears.genes.len()).unwrap();
    let want = interactions::scores(&ctx, &pairs, &change(0), &change(1), &change(2)).unwrap();
    for (name, want) in interactions::SCORES.iter().zip(want) {
        let got = found.tensors[*name].to_vec1::<f64>().unwrap()[0];
        assert!((got - want).abs() <= 1e-3 * want.abs() || (got.is_nan() && want.is_nan()), "{name}: {got} {want}");
    }
    let error = run("gi_scores", json!({"perturbations": [[a]]})).err().unwrap();
    assert!(error.message.contains("two genes"), "{error}");
    assert!(run("gi_scores", json!({"perturbations": [[a, b]], "genes": [gears.genes[0]]})).is_err());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_exported_is_loaded_again() {
    let Some((gears, _, folder)) = built("export") else { return };
    let wanted: Vec<_> = gears.files().unwrap();
    assert_eq!(
        wanted.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        [GENES, PERTS, "graphs.safetensors", "controls.safetensors"]
    );
    for (name, bytes) in wanted {
        assert_eq!(std::fs::read(folder.join(&name)).unwrap(), bytes, "{name}");
    }
    let source = open(&fixture("gears-uncertainty").unwrap());
    assert_eq!(gears.config(), source.config());
    assert_eq!(
        gears.weights.tensors.len(),
        tensors(fixture("gears-uncertainty").unwrap().join("model.safetensors")).len()
    );
    let (genes, again) = (source.gene_embeddings().unwrap(), gears.gene_embeddings().unwrap());
    assert_eq!(genes.to_vec2::<f32>().unwrap(), again.to_vec2::<f32>().unwrap());
    let longest = genes.sqr().unwrap().sum(1).unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
    assert!((longest - 1.0).abs() < 1e-5, "{longest}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn mistakes_are_named() {
    let Some(path) = fixture("gears-base") else { return };
    let gears = open(&path);
    let inputs = tensors(path.join("inputs.safetensors"));
    let message = |result: Result<Tensors>| result.err().unwrap().message;
    let mut given = batch(&inputs, "b1");
    given.insert("pert_idx".into(), Tensor::new(&[[25i64]], &Device::Cpu).unwrap());
    assert!(message(gears.forward(&Ctx::new(1), &given, &Options::default())).contains("has 25, must be from 0 to 24"));
    let mut given = batch(&inputs, "b1");
    given.remove("G_go");
    assert!(message(gears.forward(&Ctx::new(1), &given, &Options::default())).contains("G_go: is missing"));
    given.remove("G_go_weight");
    assert!(message(gears.forward(&Ctx::new(1), &given, &Options::default())).contains("graphs.safetensors"));
    let wrong = options(json!({"batch_semantics": "both"}));
    assert!(message(gears.forward(&Ctx::new(1), &batch(&inputs, "b1"), &wrong)).contains("per_cell"));

    let run = |task: &str, given: Value| {
        gears.run(&Ctx::new(1), task, None, &Default::default(), &options(given)).err().unwrap()
    };
    let unknown = run("predict", json!({"perturbations": [["p7"]]}));
    assert!(unknown.kind == crate::ErrorKind::NotFound && unknown.message.contains("nearest are P7"), "{unknown}");
    assert!(run("predict", json!({})).message.contains("list of lists"));
    assert!(run("predict", json!({"perturbations": [["P7"]]})).message.contains("controls"));
    assert!(run("graph_coexpress", json!({})).message.contains("matrix"));
    assert!(run("graph_go", json!({"gene_sets": {"X": ["t"]}})).message.contains("no terms"));
    assert!(run("nothing", json!({})).message.contains("gi_scores"));
    let data = Data::of(&gears);
    let embedded = data.with(|cells| gears.embed(&Ctx::new(1), cells, &Options::default())).err().unwrap();
    assert!(embedded.kind == crate::ErrorKind::Unsupported && embedded.message.contains("predict"));
}

/// A folder with a fixture's files and this configuration.
fn altered(path: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let folder = fresh_folder(name);
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["model.safetensors", GENES, PERTS] {
        std::fs::write(folder.join(file), std::fs::read(path.join(file)).unwrap()).unwrap();
    }
    let mut config = crate::models::folder::json(&path.join("config.json")).unwrap();
    change(&mut config);
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    folder
}

#[test]
fn the_baseline_changes_nothing() {
    let Some(path) = fixture("gears-base") else { return };
    let folder = altered(&path, "baseline", |config| config["no_perturb"] = json!(true));
    let inputs = tensors(path.join("inputs.safetensors"));
    let got = open(&folder).forward(&Ctx::new(1), &batch(&inputs, "b0"), &Options::default()).unwrap();
    assert_eq!(got.keys().collect::<Vec<_>>(), ["pred"]);
    assert_eq!(floats(&got["pred"]).unwrap(), floats(&inputs["b0.x"]).unwrap());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn configuration_and_weights_must_fit() {
    let Some(path) = fixture("gears-base") else { return };
    let failing = |name: &str, change: fn(&mut Value)| {
        let folder = altered(&path, name, change);
        let error = Gears::load(&Folder::new(&folder)).err().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        error
    };
    let unknown = failing("unknown", |config| config["layers"] = json!(2));
    assert!(unknown.kind == crate::ErrorKind::Config && unknown.message.contains("layers"), "{unknown}");
    let narrow = failing("narrow", |config| config["hidden_size"] = json!(8));
    assert!(narrow.kind == crate::ErrorKind::Weights && narrow.message.contains("gene_emb.weight"), "{narrow}");
    let head = failing("head", |config| config["uncertainty"] = json!(true));
    assert!(head.message.contains("missing: uncertainty_w"), "{head}");
    let none = failing("none", |config| config["num_genes"] = json!(0));
    assert!(none.message.contains("num_genes"), "{none}");
}

/// Weights may be held in half the memory; a row that is not first in its batch, a control and an empty batch run alike.
#[test]
fn half_precision_and_empty_batches() {
    let Some(path) = fixture("gears-uncertainty") else { return };
    let inputs = tensors(path.join("inputs.safetensors"));
    let mut folder = Folder::new(&path);
    folder.load.dtype = Some(DType::BF16);
    let (half, whole) = (Gears::load(&folder).unwrap(), open(&path));
    let forward = |gears: &Gears, given: &Tensors| gears.forward(&Ctx::new(2), given, &Options::default()).unwrap();
    let given = batch(&inputs, "b0");
    close("bf16", &forward(&half, &given)["pred"], &forward(&whole, &given)["pred"], 0.1, 0.05);
    let mut none = given.clone();
    none.insert("x".into(), given["x"].narrow(0, 0, 0).unwrap());
    none.insert("pert_idx".into(), given["pert_idx"].narrow(0, 0, 0).unwrap());
    assert_eq!(forward(&whole, &none)["pred"].dims(), [0, 30]);
    // The second row alone has the bits that it has in the batch.
    let mut second = given.clone();
    second.insert("x".into(), given["x"].narrow(0, 1, 1).unwrap());
    second.insert("pert_idx".into(), given["pert_idx"].narrow(0, 1, 1).unwrap());
    let (alone, together) = (forward(&whole, &second), forward(&whole, &given));
    assert_eq!(floats(&alone["pred"]).unwrap(), floats(&together["pred"].get(1).unwrap()).unwrap());
}

/// A short text of a pickle.
fn text(text: &str) -> Vec<u8> {
    [&[0x8c, text.len() as u8], text.as_bytes()].concat()
}

/// A contiguous tensor of at most two axes as `pickle.dumps` writes it, its storage as `torch.save` of old wrote it.
fn pickled(tensor: &Tensor) -> Vec<u8> {
    let (kind, bytes): (&str, Vec<u8>) = match tensor.dtype() {
        DType::I64 => {
            let values = tensor.flatten_all().unwrap().to_vec1::<i64>().unwrap();
            ("LongStorage", values.iter().flat_map(|x| x.to_le_bytes()).collect())
        }
        _ => ("FloatStorage", floats(tensor).unwrap().iter().flat_map(|x| x.to_le_bytes()).collect()),
    };
    let number = |n: usize| [b"M".as_slice(), &(n as u16).to_le_bytes()].concat();
    let n = tensor.elem_count();
    let mut blob = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.".to_vec();
    blob.extend(b"\x80\x02}X\x0d\0\0\0little_endian\x88s.\x80\x02(X\x07\0\0\0storagectorch\n");
    blob.extend(kind.as_bytes());
    blob.extend(b"\nX\x01\0\0\0kX\x03\0\0\0cpu");
    blob.extend(number(n));
    blob.extend(b"NtQ.\x80\x02]X\x01\0\0\0ka.");
    blob.extend((n as u64).to_le_bytes());
    blob.extend(bytes);
    let mut out = b"ctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\nB".to_vec();
    out.extend((blob.len() as u32).to_le_bytes());
    out.extend(blob);
    out.extend(b"\x85RK\0");
    let close: &[u8] = if tensor.rank() == 1 { b"\x85" } else { b"\x86" };
    for lengths in [tensor.dims(), tensor.stride()] {
        lengths.iter().for_each(|&n| out.extend(number(n)));
        out.extend(close);
    }
    out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    out
}

/// Upstream's checkpoint: settings, the device and the graphs in config.pkl, no names of genes.
#[test]
fn a_checkpoint_of_upstreams_is_read() {
    let Some(path) = fixture("gears-uncertainty") else { return };
    let inputs = tensors(path.join("inputs.safetensors"));
    let folder = altered(&path, "upstream", |_| ());
    let config = crate::models::folder::json(&folder.join("config.json")).unwrap();
    std::fs::remove_file(folder.join("config.json")).unwrap();
    let mut pickle = b"\x80\x04}(".to_vec();
    for (key, value) in config.as_object().unwrap().iter().filter(|(key, _)| *key != "model_type") {
        pickle.extend(text(key));
        match value {
            Value::Bool(true) => pickle.extend(b"\x88"),
            Value::Bool(false) => pickle.extend(b"\x89"),
            Value::Number(n) if n.is_f64() => {
                pickle.extend([b"G".as_slice(), &n.as_f64().unwrap().to_be_bytes()].concat())
            }
            other => pickle.extend([b"K".as_slice(), &[other.as_u64().unwrap() as u8]].concat()),
        }
    }
    for name in COEXPRESS.iter().chain(&GO) {
        pickle.extend(text(name));
        pickle.extend(pickled(&inputs[*name]));
    }
    pickle.extend(text("device"));
    pickle.extend(text("cuda"));
    pickle.extend(b"u.");
    std::fs::write(folder.join("config.pkl"), pickle).unwrap();
    let gears = open(&folder);
    assert_eq!(gears.config(), open(&path).config());
    let arrays = ["x", "pert_idx"].map(|key| (key.to_string(), inputs[&format!("b0.{key}")].clone())).into();
    let got = gears.forward(&Ctx::new(1), &arrays, &Options::default()).unwrap();
    let wanted = &tensors(path.join("outputs.safetensors"))["b0.pred_one_by_one"];
    close("pred", &got["pred"], wanted, TOLERANCE.0, TOLERANCE.1);
    std::fs::remove_file(folder.join(PERTS)).unwrap();
    let unnamed = Gears::load(&Folder::new(&folder)).err().unwrap();
    assert!(
        unnamed.kind == crate::ErrorKind::NotFound && unnamed.message.contains("pert_data.pert_names"),
        "{unnamed}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// gene2go is a pickled dictionary of sets.
#[test]
fn terms_are_read_from_files() {
    let Some(path) = fixture("gears-base") else { return };
    let gears = open(&path);
    let folder = fresh_folder("terms");
    std::fs::create_dir_all(&folder).unwrap();
    let mut pickle = b"\x80\x04}(".to_vec();
    let mut sets = serde_json::Map::new();
    for (i, gene) in gears.perts.iter().enumerate() {
        pickle.extend(text(gene));
        pickle.extend(b"\x8f(");
        let terms = [format!("GO:{}", i % 5), format!("GO:{}", 5 + i % 3)];
        terms.iter().for_each(|term| pickle.extend(text(term)));
        pickle.push(0x90);
        sets.insert(gene.clone(), json!(terms));
    }
    pickle.extend(b"u.");
    std::fs::write(folder.join("gene2go.pkl"), pickle).unwrap();
    std::fs::write(folder.join("gene2go.json"), Value::Object(sets.clone()).to_string()).unwrap();
    let graph = |sets: Value| {
        let given = options(json!({"gene_sets": sets, "k": 3}));
        let output = gears.run(&Ctx::new(2), "graph_go", None, &Default::default(), &given).unwrap();
        (output.tensors["G_go"].to_vec2::<i64>().unwrap(), floats(&output.tensors["G_go_weight"]).unwrap())
    };
    let wanted = graph(Value::Object(sets));
    assert_eq!(wanted.1.len(), 25 * 4);
    assert_eq!(graph(json!(folder.join("gene2go.pkl"))), wanted);
    assert_eq!(graph(json!(folder.join("gene2go.json"))), wanted);
    std::fs::remove_dir_all(folder).unwrap();
}
