use super::*;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, close_where, fixture, tensors};
use std::path::{Path, PathBuf};
use std::{fs, process};

const TOLERANCE: f64 = 1e-5;

/// A copy of the fixture's model with files of its own, gone with it.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn made(name: &str, fixture: &Path, files: &[(&str, &str)]) -> Made {
    let made = Made(std::env::temp_dir().join(format!("scnative-uce-{}-{name}", process::id())));
    fs::create_dir_all(&made.0).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::write(made.0.join(file), fs::read(fixture.join(file)).unwrap()).unwrap();
    }
    for (file, text) in files {
        fs::write(made.0.join(file), text).unwrap();
    }
    made
}

fn load(path: &Path) -> Result<Uce> {
    Uce::load(&Folder::new(path))
}

fn refused(path: &Path) -> String {
    load(path).err().unwrap().message
}

fn options(value: Value) -> Options {
    Options::parse(&value.to_string()).unwrap()
}

const GENES: usize = 40;

/// Genes on five chromosomes, and three of the mouse.
fn genes_json() -> String {
    let human: serde_json::Map<String, Value> =
        (0..GENES).map(|g| (format!("GENE{g}"), json!([4 + g, g % 5, (g * 37) % 100]))).collect();
    json!({"human": human, "mouse": {"ACTB": [50, 7, 1], "GAPDH": [51, 8, 2], "XIST": [52, 8, 1]}}).to_string()
}

/// Counts of six cells: the second has none of the genes, the third a single one.
fn counts() -> Vec<f32> {
    let mut counts: Vec<f32> = (0..6 * GENES).map(|i| ((i * 7919) % 11) as f32 - 5.0).map(|x| x.max(0.0)).collect();
    counts[GENES..3 * GENES].fill(0.0);
    counts[2 * GENES + 17] = 3.0;
    counts
}

fn with_cells<T>(counts: &[f32], names: &[&str], then: impl FnOnce(&Cells) -> T) -> T {
    let n = names.len();
    let matrix = Matrix::dense(Axis::Obs, (counts.len() / n, n), ValueSlice::F32(counts), n).unwrap();
    let names = names.iter().map(|name| name.to_string()).collect();
    then(&Cells::new(&Ctx::new(1), &matrix, names, Tensors::new()).unwrap())
}

fn names() -> Vec<String> {
    (0..GENES).map(|g| format!("gene{g}")).collect()
}

fn embed(model: &Uce, threads: usize, counts: &[f32], given: Value) -> Vec<f32> {
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ctx = Ctx::new(threads).with_seed(11);
    let embedding = with_cells(counts, &names, |cells| model.embed(&ctx, cells, &options(given)).unwrap());
    assert_eq!(embedding.name, "uce");
    floats(&embedding.values).unwrap()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn outputs_are_the_originals() {
    let Some(path) = fixture("uce-base") else { return };
    let model = load(&path).unwrap();
    let inputs = tensors(path.join("inputs.safetensors"));
    let want = tensors(path.join("outputs.safetensors"));
    let upstream = model.forward(&Ctx::new(2), &inputs, &options(json!({"mask_mode": "upstream"}))).unwrap();
    for name in ["cell_embedding", "gene_output", "predict"] {
        close(name, &upstream[name], &want[name], TOLERANCE, TOLERANCE);
    }
    let alone = model.forward(&Ctx::new(2), &inputs, &Options::default()).unwrap();
    for name in ["cell_embedding_boolmask", "cell_embedding_unpadded"] {
        close(name, &alone["cell_embedding"], &want[name], TOLERANCE, TOLERANCE);
    }
    let (b, l) = inputs["token_ids"].dims2().unwrap();
    let (mask, width) = (floats(&inputs["mask"]).unwrap(), model.config.output_dim);
    let valid = |i: usize| mask[(i / width % b) * l + i / width / b] == 1.0;
    close_where("boolmask", &alone["gene_output"], &want["gene_output_boolmask"], TOLERANCE, TOLERANCE, valid);
    let padding = floats(&alone["gene_output"]).unwrap();
    assert!(padding.iter().enumerate().all(|(i, &x)| valid(i) || x == 0.0));
    assert!((0..padding.len()).any(|i| !valid(i)));
    let known = [
        "cell_embedding",
        "gene_output",
        "predict",
        "cell_embedding_boolmask",
        "cell_embedding_unpadded",
        "gene_output_boolmask",
    ];
    let others: Vec<&String> = want.keys().filter(|name| !known.contains(&name.as_str())).collect();
    assert_eq!(others, ["valid_mask"]);
    close("valid_mask", &inputs["mask"], &want["valid_mask"], 0.0, 0.0);
}

#[test]
fn rows_have_the_same_bits_in_any_batch_and_at_any_threads() {
    let Some(path) = fixture("uce-base") else { return };
    let model = load(&path).unwrap();
    let inputs = tensors(path.join("inputs.safetensors"));
    for mode in MASK_MODES {
        let run = |threads, inputs: &Tensors| {
            model.forward(&Ctx::new(threads), inputs, &options(json!({"mask_mode": mode}))).unwrap()
        };
        let whole = run(1, &inputs);
        for threads in [2, 3] {
            for (name, other) in run(threads, &inputs) {
                assert_eq!(
                    bits(&floats(&other).unwrap()),
                    bits(&floats(&whole[&name]).unwrap()),
                    "{mode} {name} {threads}"
                );
            }
        }
        for i in 0..3 {
            let one: Tensors = inputs.iter().map(|(name, x)| (name.clone(), x.narrow(0, i, 1).unwrap())).collect();
            let one = run(2, &one);
            for (name, axis) in [("cell_embedding", 0), ("predict", 0), ("gene_output", 1)] {
                let row = whole[name].narrow(axis, i, 1).unwrap();
                assert_eq!(bits(&floats(&one[name]).unwrap()), bits(&floats(&row).unwrap()), "{mode} {name} row {i}");
            }
        }
    }
}

#[test]
fn bad_inputs_are_named() {
    let Some(path) = fixture("uce-base") else { return };
    let model = load(&path).unwrap();
    let good = tensors(path.join("inputs.safetensors"));
    let said = |name: &str, x: Tensor, given: Value| {
        let mut inputs = good.clone();
        inputs.insert(name.into(), x);
        model.forward(&Ctx::new(1), &inputs, &options(given)).err().unwrap().message
    };
    let zeros = good["mask"].zeros_like().unwrap();
    assert!(said("mask", zeros, json!({})).contains("first token of row 0"));
    assert!(said("mask", good["mask"].affine(0.5, 0.0).unwrap(), json!({})).contains("must be 0 or 1"));
    let high = good["token_ids"].affine(1.0, 80.0).unwrap();
    assert!(said("token_ids", high, json!({})).contains("must be from 0 to 79"));
    assert!(said("mask", good["mask"].clone(), json!({"mask_mode": "none"})).contains("mask_mode"));
    assert!(said("mask", good["mask"].clone(), json!({"masks": 1})).contains("masks: is no option"));
    let empty: Tensors = [("token_ids", DType::I64), ("mask", DType::F32)]
        .map(|(name, dtype)| (name.to_string(), Tensor::zeros((0, 5), dtype, &Device::Cpu).unwrap()))
        .into();
    let none = model.forward(&Ctx::new(1), &empty, &Options::default()).unwrap();
    assert_eq!(none["gene_output"].dims(), [5, 0, model.config.output_dim]);
}

#[test]
fn a_cell_is_its_sentence_run_alone() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("alone", &path, &[("genes.json", &genes_json())]);
    let model = load(&made.0).unwrap();
    let width = model.config.output_dim;
    let got = embed(&model, 2, &counts(), json!({}));
    assert!(got[width..2 * width].iter().all(|x| x.is_nan()));
    let species = model.genome.species("human").unwrap();
    for cell in [0, 2, 3, 4, 5] {
        let counts = &counts()[cell * GENES..][..GENES];
        let sentence = sentence::random(&model.config.grammar, &species.loci, counts, 16, 11, cell).unwrap().unwrap();
        let tokens: Vec<i64> = sentence.iter().map(|&t| i64::from(t)).collect();
        let inputs = Tensors::from([
            ("token_ids".into(), Tensor::from_slice(&tokens, (1, tokens.len()), &Device::Cpu).unwrap()),
            ("mask".into(), Tensor::ones((1, tokens.len()), DType::F32, &Device::Cpu).unwrap()),
        ]);
        let want = &model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap()["cell_embedding"];
        let got = Tensor::from_slice(&got[cell * width..][..width], (1, width), &Device::Cpu).unwrap();
        close(&format!("cell {cell}"), &got, want, TOLERANCE, TOLERANCE);
        let length: f32 = floats(&got).unwrap().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[test]
fn cells_have_the_same_bits_in_any_batch_and_at_any_threads() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("bits", &path, &[("genes.json", &genes_json())]);
    let model = load(&made.0).unwrap();
    let whole = bits(&embed(&model, 1, &counts(), json!({})));
    for threads in [2, 3] {
        for budget in [27, 60, 1000] {
            assert_eq!(bits(&embed(&model, threads, &counts(), json!({"max_batch_tokens": budget}))), whole);
        }
    }
    let width = model.config.output_dim;
    assert_eq!(bits(&embed(&model, 2, &counts()[..3 * GENES], json!({}))), whole[..3 * width]);
    let upstream = embed(&model, 2, &counts(), json!({"mask_mode": "upstream"}));
    assert_ne!(bits(&upstream), whole);
    let alone = embed(&model, 2, &counts(), json!({"mask_mode": "upstream", "batch_size": 1}));
    assert_eq!(bits(&alone), whole, "batches of one have no padding");
}

#[test]
fn neither_the_order_of_columns_nor_their_division_matters() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("order", &path, &[("genes.json", &genes_json())]);
    let model = load(&made.0).unwrap();
    let ctx = Ctx::new(2).with_seed(11);
    let whole = embed(&model, 2, &counts(), json!({}));
    // Turned round, each gene in two columns, and a column that is no gene.
    let mut turned = vec![0f32; 6 * (2 * GENES + 1)];
    for (cell, row) in turned.chunks_exact_mut(2 * GENES + 1).enumerate() {
        row[0] = 9.0;
        for g in 0..GENES {
            let count = counts()[cell * GENES + GENES - 1 - g];
            row[1 + g] = (count / 2.0).floor();
            row[1 + GENES + g] = count - row[1 + g];
        }
    }
    let names = names();
    let mut others = vec!["none"];
    (0..2).for_each(|_| others.extend(names.iter().rev().map(String::as_str)));
    let other = with_cells(&turned, &others, |cells| model.embed(&ctx, cells, &Options::default()).unwrap());
    assert_eq!(bits(&floats(&other.values).unwrap()), bits(&whole));
    assert_eq!(other.report["genes"]["n_duplicates"], GENES);
    assert_eq!(other.report["cells_without_genes"], 1);
}

#[test]
fn genes_are_those_of_the_species() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("species", &path, &[("genes.json", &genes_json())]);
    let model = load(&made.0).unwrap();
    let ctx = Ctx::new(1);
    assert_eq!(model.genes().len(), GENES);
    assert_eq!(model.gene_embeddings().unwrap().dims(), [GENES, 16]);
    let said = |names: &[&str], given: Value| {
        with_cells(&[1.0, 2.0], names, |cells| model.embed(&ctx, cells, &options(given)))
            .map(|_| ())
            .map_err(|e| e.message)
    };
    assert_eq!(said(&["Actb", "Xist"], json!({"species": "mouse"})), Ok(()));
    assert!(said(&["Actb", "Xist"], json!({})).unwrap_err().contains("0 of 2 are in the model's vocabulary"));
    assert!(said(&["GENE1", "GENE2"], json!({"species": "yeti"})).unwrap_err().contains("\"human\" or \"mouse\""));
    assert!(said(&["GENE1", "GENE2"], json!({"sample_size": 30})).unwrap_err().starts_with("sample_size: is 30"));
    assert!(said(&["GENE1", "GENE2"], json!({"max_batch_tokens": 5})).unwrap_err().starts_with("max_batch_tokens"));
    let half = with_cells(&[0.5, 1.0], &["GENE1", "GENE2"], |cells| model.embed(&ctx, cells, &Options::default()));
    assert!(half.err().unwrap().message.contains("must be a count"));
}

#[test]
fn a_cell_expresses_genes_as_predict_says() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("predict", &path, &[("genes.json", &genes_json())]);
    let model = load(&made.0).unwrap();
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ctx = Ctx::new(2).with_seed(11);
    let given = json!({"genes": ["GENE5", "gene0", "GENE5"]});
    let output = with_cells(&counts(), &names, |cells| {
        model.run(&ctx, "predict_genes", Some(cells), &Tensors::new(), &options(given)).unwrap()
    });
    let got = output.tensors["probability"].to_vec2::<f32>().unwrap();
    let cells = embed(&model, 2, &counts(), json!({}));
    let genes = model.gene_embeddings().unwrap();
    for (cell, row) in got.iter().enumerate() {
        let vector = &cells[cell * model.config.output_dim..][..model.config.output_dim];
        if vector[0].is_nan() {
            assert!(row.iter().all(|p| p.is_nan()));
            continue;
        }
        assert_eq!(row[0].to_bits(), row[2].to_bits());
        for (&p, gene) in row.iter().zip([5, 0, 5]) {
            let cell = Tensor::from_slice(vector, (1, vector.len()), &Device::Cpu).unwrap();
            let logit =
                floats(&model.network.expressed(&cell, &genes.narrow(0, gene, 1).unwrap()).unwrap()).unwrap()[0];
            assert!((p - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-5, "{p} {logit}");
        }
    }
    let unknown = options(json!({"genes": ["TP53"]}));
    let error =
        with_cells(&counts(), &names, |cells| model.run(&ctx, "predict_genes", Some(cells), &Tensors::new(), &unknown));
    assert!(error.err().unwrap().message.contains("\"TP53\""));
    let error = model.run(&ctx, "predict_genes", None, &Tensors::new(), &Options::default()).err().unwrap();
    assert!(error.message.starts_with("cells: are missing"));
    assert!(
        model
            .run(&ctx, "perturb", None, &Tensors::new(), &Options::default())
            .err()
            .unwrap()
            .message
            .contains("sentences")
    );
}

#[test]
fn a_model_without_genes_runs_forward_alone() {
    let Some(path) = fixture("uce-base") else { return };
    let model = load(&path).unwrap();
    assert!(model.genes().is_empty() && model.files().unwrap().is_empty());
    let error =
        with_cells(&[1.0], &["A"], |cells| model.embed(&Ctx::new(1), cells, &Options::default()).err().unwrap());
    assert!(error.message.contains("genes.json"), "{}", error.message);
}

#[test]
fn the_table_may_lie_beside_the_weights() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("beside", &path, &[("genes.json", &genes_json())]);
    let whole = load(&made.0).unwrap();
    let mut weights = tensors(path.join("model.safetensors"));
    let table = weights.remove(tokens::TABLE).unwrap();
    let save = |tensors: &Tensors, file: &str| {
        candle_core::safetensors::save(&tensors.clone().into_iter().collect(), made.0.join(file)).unwrap();
    };
    save(&weights, "model.safetensors");
    assert!(refused(&made.0).contains("has no table of tokens"));
    save(&Tensors::from([("table".into(), table.clone())]), "tokens.safetensors");
    let beside = load(&made.0).unwrap();
    assert_eq!(bits(&embed(&beside, 1, &counts(), json!({}))), bits(&embed(&whole, 1, &counts(), json!({}))));
    assert_eq!(beside.tables()[0].0, tokens::TABLE);
    save(&Tensors::from([("table".into(), table.narrow(0, 0, 60).unwrap())]), "tokens.safetensors");
    assert!(refused(&made.0).contains("has 60 rows, those of genes"), "{}", refused(&made.0));
}

#[test]
fn a_configuration_is_read_back_as_it_was_written() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("config", &path, &[("genes.json", &genes_json())]);
    let first = load(&made.0).unwrap();
    fs::write(made.0.join("config.json"), first.config().to_string()).unwrap();
    for (name, bytes) in first.files().unwrap() {
        fs::write(made.0.join(name), bytes).unwrap();
    }
    let second = load(&made.0).unwrap();
    assert_eq!(second.config(), first.config());
    assert_eq!(bits(&embed(&second, 1, &counts(), json!({}))), bits(&embed(&first, 1, &counts(), json!({}))));
    // An export has the table of tokens as well.
    let exported = Made(std::env::temp_dir().join(format!("scnative-uce-{}-exported", process::id())));
    crate::models::export::export(&Ctx::new(1), &first, &exported.0, false).unwrap();
    let third = load(&exported.0).unwrap();
    assert_eq!(bits(&embed(&third, 1, &counts(), json!({}))), bits(&embed(&first, 1, &counts(), json!({}))));
    let mut wrong = first.config();
    wrong["nhead"] = json!(3);
    fs::write(made.0.join("config.json"), wrong.to_string()).unwrap();
    assert!(refused(&made.0).contains("must be a multiple of \"nhead\""));
    let mut unknown = first.config();
    unknown["heads"] = json!(3);
    fs::write(made.0.join("config.json"), unknown.to_string()).unwrap();
    assert!(refused(&made.0).contains("\"heads\""));
}

/// The fixture's model at another width, with numbers that have no meaning.
fn widened(made: &Made, fixture: &Path) {
    let wide = |n: usize| match n {
        12 => 64,
        16 => 256,
        24 => 200,
        28 => 320,
        40 => 512,
        48 => 768,
        n => n,
    };
    let widened = tensors(fixture.join("model.safetensors")).into_iter().map(|(name, x)| {
        let shape: Vec<usize> = x.dims().iter().map(|&n| wide(n)).collect();
        let number = |i: usize| ((i * 7919 + name.len() * 31) % 257) as f32 / 2057.0 - 0.0625;
        let numbers = (0..shape.iter().product()).map(number).collect();
        (name, Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap())
    });
    candle_core::safetensors::save(&widened.collect(), made.0.join("model.safetensors")).unwrap();
    let mut config: Value = serde_json::from_slice(&fs::read(fixture.join("config.json")).unwrap()).unwrap();
    for key in ["token_dim", "d_model", "d_hid", "output_dim"] {
        config[key] = json!(wide(config[key].as_u64().unwrap() as usize));
    }
    config["binary_hidden"] = json!([64, 32, 256]);
    config["nhead"] = json!(4);
    fs::write(made.0.join("config.json"), config.to_string()).unwrap();
}

#[test]
fn products_divided_among_threads_have_the_same_bits() {
    let Some(path) = fixture("uce-base") else { return };
    let made = made("wide", &path, &[]);
    widened(&made, &path);
    let model = load(&made.0).unwrap();
    let l = 301;
    let tokens: Vec<i64> = (0..2 * l as i64).map(|i| i * 13 % 80).collect();
    let inputs = Tensors::from([
        ("token_ids".into(), Tensor::from_vec(tokens, (2, l), &Device::Cpu).unwrap()),
        ("mask".into(), Tensor::ones((2, l), DType::F32, &Device::Cpu).unwrap()),
    ]);
    let run = |threads| {
        floats(&model.forward(&Ctx::new(threads), &inputs, &Options::default()).unwrap()["gene_output"]).unwrap()
    };
    let whole = run(1);
    assert!(whole.iter().all(|x| x.is_finite()));
    for threads in [2, 3, 5] {
        assert_eq!(bits(&run(threads)), bits(&whole), "{threads}");
    }
}

#[test]
fn the_originals_files_are_read() {
    let Some(path) = fixture("uce-base") else { return };
    let csv = "species,gene_symbol,chromosome,start\nhuman,TP53,17,7661779\nhuman,BRCA2,13,32315508\n";
    let made = made("original", &path, &[("species_chrom.csv", csv), ("species_offsets.json", "{\"human\": 5}")]);
    let row = tensors(path.join("model.safetensors"))[tokens::TABLE].narrow(0, 5, 1).unwrap().squeeze(0).unwrap();
    fs::create_dir(made.0.join("protein_embeddings")).unwrap();
    let proteins = made.0.join("protein_embeddings/Homo_sapiens.GRCh38.gene_symbol_to_embedding_ESM2.pt");
    candle_core::safetensors::save(&[("Tp53", row)].into_iter().collect(), proteins).unwrap();
    let model = load(&made.0).unwrap();
    assert_eq!(model.genes(), ["TP53"]);
    let locus = model.genome.species("human").unwrap().loci[0];
    assert_eq!((locus.token, locus.chromosome, locus.start), (5, 1, 7_661_779));
    fs::write(made.0.join("species_offsets.json"), "{\"human\": 6}").unwrap();
    assert!(refused(&made.0).contains("protein embedding of \"TP53\" is not row 6"), "{}", refused(&made.0));
    fs::write(made.0.join("species_offsets.json"), "{\"mouse\": 6}").unwrap();
    assert!(refused(&made.0).contains("has no \"human\""), "{}", refused(&made.0));
}
