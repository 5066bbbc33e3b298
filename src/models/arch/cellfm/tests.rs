use super::*;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, fixture, tensors};
use std::path::{Path, PathBuf};
use std::{fs, process};

/// The fixture's.
const TOLERANCE: f64 = 1e-3;

/// A folder that goes when it goes out of scope.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const GENES: usize = 30;

fn names() -> Vec<String> {
    (0..GENES).map(|g| format!("GENE{g}")).collect()
}

/// The fixture's model with a list of genes.
fn made(name: &str, fixture: &Path) -> Made {
    let made = Made(std::env::temp_dir().join(format!("scnative-cellfm-{}-{name}", process::id())));
    fs::create_dir_all(&made.0).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::write(made.0.join(file), fs::read(fixture.join(file)).unwrap()).unwrap();
    }
    let rows: String = names().iter().map(|name| format!("{name},\"long, coding\"\n")).collect();
    fs::write(made.0.join("expand_gene_info.csv"), format!("HGNC_gene,biotype\n{rows}")).unwrap();
    made
}

fn load(path: &Path) -> Result<Cellfm> {
    Cellfm::load(&Folder::new(path))
}

fn refused(path: &Path) -> String {
    load(path).err().unwrap().message
}

fn options(value: Value) -> Options {
    Options::parse(&value.to_string()).unwrap()
}

fn bits(x: &Tensor) -> Vec<u32> {
    floats(x).unwrap().iter().map(|x| x.to_bits()).collect()
}

/// The fixture's inputs without and with masked values.
fn inputs(path: &Path) -> (Tensors, Tensors) {
    let masked = tensors(path.join("inputs.safetensors"));
    let mut plain = masked.clone();
    plain.remove("unmask");
    (plain, masked)
}

#[test]
fn outputs_are_the_originals() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let model = load(&path).unwrap();
    let (plain, masked) = inputs(&path);
    let want = tensors(path.join("outputs.safetensors"));
    let mut compared = vec!["valid_mask".to_string()];
    for (prefix, inputs) in [("", &plain), ("masked.", &masked)] {
        let got = model.forward(&Ctx::new(2), inputs, &options(json!({"mask_mode": "upstream"}))).unwrap();
        for (name, got) in got {
            let name = format!("{prefix}{name}");
            close(&name, &got, &want[&name], TOLERANCE, 0.0);
            compared.push(name);
        }
    }
    compared.sort();
    assert_eq!(compared, want.keys().cloned().collect::<Vec<_>>());
    let valid = plain["zero_idx"].narrow(1, 1, 14).unwrap();
    close("valid_mask", &valid, &want["valid_mask"], 0.0, 0.0);
}

#[test]
fn two_values_in_one_array_are_the_same() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let model = load(&path).unwrap();
    let (_, masked) = inputs(&path);
    let mut one = masked.clone();
    let unmask = one.remove("unmask").unwrap();
    one.insert("expr".into(), Tensor::stack(&[&unmask, &masked["expr"]], 2).unwrap());
    let run = |inputs: &Tensors| model.forward(&Ctx::new(1), inputs, &Options::default());
    let (a, b) = (run(&masked).unwrap(), run(&one).unwrap());
    assert!(a.iter().all(|(name, x)| bits(x) == bits(&b[name])));
    one.insert("unmask".into(), unmask);
    assert!(run(&one).err().unwrap().message.contains("one of the two"));
}

#[test]
fn without_padding_a_cell_is_as_the_original_has_it_alone() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let model = load(&path).unwrap();
    let (_, masked) = inputs(&path);
    let marks = masked["zero_idx"].to_vec2::<f32>().unwrap();
    let whole = model.forward(&Ctx::new(2), &masked, &Options::default()).unwrap();
    let mut cut = 0;
    for (i, marks) in marks.iter().enumerate() {
        let n = marks.iter().skip(1).filter(|&&m| m == 1.0).count();
        cut += marks.len() - 1 - n;
        assert!(marks[..=n].iter().all(|&m| m == 1.0), "the fixture pads at the end");
        let part =
            |name: &str, n: usize| (name.to_string(), masked[name].narrow(0, i, 1).unwrap().narrow(1, 0, n).unwrap());
        let alone = Tensors::from([part("gene", n), part("expr", n), part("unmask", n), part("zero_idx", n + 1)]);
        let alone = model.forward(&Ctx::new(1), &alone, &options(json!({"mask_mode": "upstream"}))).unwrap();
        close("cls_token", &whole["cls_token"].narrow(0, i, 1).unwrap(), &alone["cls_token"], 1e-5, 1e-5);
        for name in ["expr_emb", "gene_emb", "gw_pred", "cw_pred"] {
            let row = whole[name].narrow(0, i, 1).unwrap();
            close(name, &row.narrow(1, 0, n).unwrap(), &alone[name], 1e-5, 1e-5);
            let rest = floats(&row.narrow(1, n, marks.len() - 1 - n).unwrap()).unwrap();
            assert!(!matches!(name, "expr_emb" | "gw_pred") || rest.iter().all(|&x| x == 0.0));
        }
    }
    assert!(cut > 0, "nothing was padded");
    // Padding makes a difference to the original.
    let upstream = model.forward(&Ctx::new(2), &masked, &options(json!({"mask_mode": "upstream"}))).unwrap();
    let far = floats(&(&upstream["cls_token"] - &whole["cls_token"]).unwrap()).unwrap();
    assert!(far.iter().any(|x| x.abs() > 1e-2));
}

#[test]
fn rows_have_the_same_bits_in_any_batch_and_at_any_threads() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let model = load(&path).unwrap();
    let (_, masked) = inputs(&path);
    for mode in MASK_MODES {
        let run = |threads, inputs: &Tensors| {
            model.forward(&Ctx::new(threads), inputs, &options(json!({"mask_mode": mode}))).unwrap()
        };
        let whole = run(1, &masked);
        for threads in [2, 3] {
            run(threads, &masked).iter().for_each(|(name, x)| assert_eq!(bits(x), bits(&whole[name]), "{mode} {name}"));
        }
        for i in 0..3 {
            let one: Tensors = masked.iter().map(|(name, x)| (name.clone(), x.narrow(0, i, 1).unwrap())).collect();
            for (name, x) in run(2, &one) {
                assert_eq!(bits(&x), bits(&whole[&name].narrow(0, i, 1).unwrap()), "{mode} {name} row {i}");
            }
        }
    }
}

/// A second statement of the network for one cell of a model without `pad_zero`, in plain loops.
fn restated(
    model: &Cellfm,
    genes: &[u32],
    values: &[f32],
    unmask: &[f32],
    expressed: &[f32],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let get = |name: &str| -> Vec<Vec<f64>> {
        let x = &model.loaded.tensors[name];
        let width = x.dims().last().copied().unwrap();
        floats(x).unwrap().chunks(width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
    };
    let times = |w: &[Vec<f64>], x: &[f64]| -> Vec<f64> {
        w.iter().map(|row| row.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    };
    let leaky = |x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|x| if x > 0.0 { x } else { 0.2 * x }).collect() };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let biased = |name: &str, x: &[f64]| -> Vec<f64> {
        let bias = &get(&format!("{name}.bias"))[0];
        times(&get(&format!("{name}.weight")), x).iter().zip(bias).map(|(y, b)| y + b).collect()
    };
    let table = get("gene_emb");
    let mut x = vec![get("cls_token")[0].clone()];
    for i in 0..genes.len() {
        let v = leaky(times(&get("value_enc.value_enc.w1.weight"), &[f64::from(values[i])]));
        let a = get("value_enc.value_enc.a")[0][0];
        let bins: Vec<f64> =
            times(&get("value_enc.value_enc.w3.weight"), &v).iter().zip(&v).map(|(w, v)| w + a * v).collect();
        let whole: f64 = bins.iter().map(|b| b.exp()).sum();
        let bins: Vec<f64> = bins.iter().map(|b| b.exp() / whole).collect();
        let value = times(&get("value_enc.value_enc.table.weight"), &bins);
        let row = match (unmask[i] == 1.0, expressed[i] == 1.0) {
            (false, _) => get("value_enc.mask_emb")[0].clone(),
            (true, false) => get("zero_emb")[0].clone(),
            (true, true) => value,
        };
        x.push(row.iter().zip(&table[genes[i] as usize]).map(|(a, b)| a + b).collect());
    }
    let scale = 1.0 / (expressed.iter().map(|&e| f64::from(e)).sum::<f64>() - 1.0).sqrt();
    let (layers, heads, d) = (4, 2, 8);
    let alpha = (2.0 * layers as f64).powf(0.25);
    let normed = |x: Vec<f64>, name: &str| -> Vec<f64> {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
        let (gamma, beta) = (&get(&format!("{name}.gamma"))[0], &get(&format!("{name}.beta"))[0]);
        x.iter().zip(gamma).zip(beta).map(|((x, g), b)| (x - mean) / (variance + 1e-7).sqrt() * g + b).collect()
    };
    for layer in 0..layers {
        let w = |part: &str| get(&format!("encoder.{layer}.{part}.weight"));
        let all = |part: &str| -> Vec<Vec<f64>> { x.iter().map(|x| times(&w(part), x)).collect() };
        let (q, k, v, u) = (all("attn.q_proj"), all("attn.k_proj"), all("attn.v_proj"), all("attn.u_proj"));
        let mut next = Vec::new();
        for t in 0..x.len() {
            let mut kept = Vec::new();
            for h in 0..heads {
                let mut out = vec![0.0; d];
                for s in 0..x.len() {
                    let seen = if layer < layers / 2 && s > 0 { f64::from(unmask[s - 1]) } else { 1.0 };
                    let score: f64 =
                        (0..d).map(|j| q[t][h * d + j].max(0.0) * k[s][h * d + j].max(0.0) / d as f64).sum();
                    (0..d).for_each(|j| out[j] += score * seen * v[s][h * d + j] * scale);
                }
                let root = (out.iter().map(|x| x * x).sum::<f64>() / d as f64).sqrt().max(1e-12);
                kept.extend(out.iter().map(|x| x / root));
            }
            let gated: Vec<f64> = kept.iter().zip(&u[t]).map(|(k, u)| k * u * sigmoid(*u)).collect();
            let y = times(&w("attn.o_proj"), &gated).iter().zip(&x[t]).map(|(y, x)| y + alpha * x).collect();
            let y = normed(y, &format!("encoder.{layer}.post_norm1"));
            let gated: Vec<f64> =
                times(&w("ffn.u_proj"), &y).iter().zip(times(&w("ffn.v_proj"), &y)).map(|(a, b)| a * b).collect();
            let z = times(&w("ffn.o_proj"), &gated).iter().zip(&y).map(|(z, y)| z + alpha * y).collect();
            next.push(normed(z, &format!("encoder.{layer}.post_norm2")));
        }
        x = next;
    }
    let zeros = |x: &Vec<f64>| {
        let y = leaky(biased("value_dec.zero_logit.2", &leaky(biased("value_dec.zero_logit.0", x))));
        sigmoid(biased("value_dec.zero_logit.4", &y)[0])
    };
    let of_cell = |g: &u32| {
        sigmoid(biased("cellwise_dec.zero_logit", &table[*g as usize]).iter().zip(&x[0]).map(|(a, b)| a * b).sum())
    };
    (x[0].clone(), x[1..].iter().map(zeros).collect(), genes.iter().map(of_cell).collect())
}

#[test]
fn models_of_zero_genes_are_as_restated() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let made = made("zeros", &path);
    let mut config: Value = serde_json::from_slice(&fs::read(path.join("config.json")).unwrap()).unwrap();
    config["pad_zero"] = json!(false);
    config["add_zero"] = json!(true);
    fs::write(made.0.join("config.json"), config.to_string()).unwrap();
    assert!(refused(&made.0).contains("value_dec.zero_logit.0.weight"), "{}", refused(&made.0));
    let mut weights = tensors(path.join("model.safetensors"));
    let mut add = |name: &str, shape: &[usize]| {
        let n: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..n).map(|i| ((i * 37 + name.len() * 11) % 23) as f32 / 23.0 - 0.5).collect();
        weights.insert(name.into(), Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap());
    };
    for (layer, outputs) in
        [("value_dec.zero_logit.0", 16), ("value_dec.zero_logit.2", 16), ("value_dec.zero_logit.4", 1)]
    {
        add(&format!("{layer}.weight"), &[outputs, 16]);
        add(&format!("{layer}.bias"), &[outputs]);
    }
    add("cellwise_dec.zero_logit.weight", &[16, 16]);
    add("cellwise_dec.zero_logit.bias", &[16]);
    candle_core::safetensors::save(&weights.into_iter().collect(), made.0.join("model.safetensors")).unwrap();
    let model = load(&made.0).unwrap();
    let genes = [3u32, 9, 1, 22, 30];
    let values = [1.5f32, 0.0, 3.0, 0.7, 0.0];
    let unmask = [1.0f32, 1.0, 0.0, 1.0, 1.0];
    let expressed = [1.0f32, 0.0, 1.0, 1.0, 0.0];
    let f32s = |x: &[f32]| Tensor::from_slice(x, (1, 5), &Device::Cpu).unwrap();
    let ids: Vec<i64> = genes.iter().map(|&g| i64::from(g)).collect();
    let inputs = Tensors::from([
        ("gene".into(), Tensor::from_slice(&ids, (1, 5), &Device::Cpu).unwrap()),
        ("expr".into(), f32s(&values)),
        ("unmask".into(), f32s(&unmask)),
        ("zero_idx".into(), f32s(&expressed)),
    ]);
    let (cls, gw_zero, cw_zero) = restated(&model, &genes, &values, &unmask, &expressed);
    for mode in MASK_MODES {
        let got = model.forward(&Ctx::new(2), &inputs, &options(json!({"mask_mode": mode}))).unwrap();
        let row = |x: &[f64]| Tensor::from_slice(x, (1, x.len()), &Device::Cpu).unwrap();
        close("cls_token", &got["cls_token"], &row(&cls), TOLERANCE, 0.0);
        close("gw_zero", &got["gw_zero"], &row(&gw_zero), TOLERANCE, 0.0);
        close("cw_zero", &got["cw_zero"], &row(&cw_zero), TOLERANCE, 0.0);
    }
    let got = with_cells(&counts(), &names(), |cells| model.embed(&Ctx::new(1), cells, &Options::default()).unwrap());
    let nan = |row: &Vec<f32>| row.iter().all(|x| x.is_nan());
    // With one gene the scale is 1 / sqrt(0).
    assert_eq!(got.values.to_vec2().unwrap().iter().map(nan).collect::<Vec<_>>(), [false, true, true, false, false]);
}

/// Counts of five cells: the second has none of the genes, the third a single one, the last is deep.
fn counts() -> Vec<f32> {
    let mut counts: Vec<f32> = (0..5 * GENES).map(|i| (((i * 7919) % 11) as f32 - 5.0).max(0.0)).collect();
    counts[GENES..3 * GENES].fill(0.0);
    counts[2 * GENES + 17] = 3.0;
    counts[4 * GENES..].iter_mut().for_each(|x| *x *= 5e4);
    counts
}

fn with_cells<T>(counts: &[f32], names: &[String], then: impl FnOnce(&Cells) -> T) -> T {
    let n = names.len();
    let matrix = Matrix::dense(Axis::Obs, (counts.len() / n, n), ValueSlice::F32(counts), n).unwrap();
    then(&Cells::new(&Ctx::new(1), &matrix, names.to_vec(), Tensors::new()).unwrap())
}

fn embed(model: &Cellfm, threads: usize, counts: &[f32], names: &[String], given: Value) -> Result<Embedding> {
    with_cells(counts, names, |cells| model.embed(&Ctx::new(threads).with_seed(5), cells, &options(given)))
}

#[test]
fn a_cell_is_embedded_as_forward_has_it() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let made = made("embed", &path);
    let model = load(&made.0).unwrap();
    let names: Vec<String> = names().iter().map(|name| name.to_lowercase()).collect();
    for (mode, length) in [("exclude", 40), ("upstream", 40), ("exclude", 8), ("upstream", 8)] {
        let given = json!({"mask_mode": mode, "nonz_len": length, "select": "top"});
        let got = embed(&model, 2, &counts(), &names, given).unwrap();
        assert_eq!((got.name, &got.report["cells_without_genes"]), ("cellfm", &json!(1)));
        assert_eq!(got.report["genes"]["by"]["case"], GENES);
        let preparation = Preparation { length, selection: Selection::Top, seed: 5 };
        for (cell, row) in got.values.to_vec2::<f32>().unwrap().into_iter().enumerate() {
            if cell == 1 {
                assert!(row.iter().all(|x| x.is_nan()));
                continue;
            }
            let counts = &counts()[cell * GENES..][..GENES];
            let counted: Vec<(u32, f64)> = counts
                .iter()
                .enumerate()
                .filter(|(_, c)| **c > 0.0)
                .map(|(g, &c)| (g as u32 + 1, f64::from(c)))
                .collect();
            let (genes, values) = preparation.values(&counted, counted.iter().map(|(_, c)| c).sum(), cell);
            assert!(genes.len() <= length);
            let mut padded = [genes.iter().map(|&g| g as f32).collect(), values, vec![1.0; genes.len()]];
            padded.iter_mut().for_each(|x| x.resize(length, 0.0));
            let [genes, values, real] = padded;
            let row_of = |x: &[f32]| Tensor::from_slice(x, (1, x.len()), &Device::Cpu).unwrap();
            let inputs = Tensors::from([
                ("gene".into(), row_of(&genes).to_dtype(DType::I64).unwrap()),
                ("expr".into(), row_of(&values)),
                ("zero_idx".into(), row_of(&[vec![1.0], real].concat())),
            ]);
            let want = model.forward(&Ctx::new(1), &inputs, &options(json!({"mask_mode": mode}))).unwrap();
            close(&format!("{mode} {length} cell {cell}"), &row_of(&row), &want["cls_token"], 1e-5, 1e-5);
        }
    }
}

#[test]
fn cells_have_the_same_bits_in_any_batch_and_at_any_threads() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let made = made("bits", &path);
    let model = load(&made.0).unwrap();
    let run = |threads, counts: &[f32], given| bits(&embed(&model, threads, counts, &names(), given).unwrap().values);
    let whole = run(1, &counts(), json!({"nonz_len": 9}));
    for threads in [1, 2, 3] {
        for budget in [10, 31, 1000] {
            assert_eq!(run(threads, &counts(), json!({"nonz_len": 9, "max_batch_tokens": budget})), whole);
        }
    }
    assert_eq!(run(2, &counts()[..3 * GENES], json!({"nonz_len": 9})), whole[..3 * 16]);
    assert_ne!(run(2, &counts(), json!({"nonz_len": 9, "select": "top"})), whole);
    // Columns turned round.
    let turned: Vec<f32> =
        counts().chunks(GENES).flat_map(|row| row.iter().rev().copied().collect::<Vec<_>>()).collect();
    let names: Vec<String> = names().into_iter().rev().collect();
    assert_eq!(bits(&embed(&model, 1, &turned, &names, json!({"nonz_len": 9})).unwrap().values), whole);
}

#[test]
fn bad_input_is_named() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let bare = load(&path).unwrap();
    assert!(bare.genes().is_empty() && bare.files().unwrap().is_empty() && bare.gene_embeddings().is_err());
    let said = |model: &Cellfm, counts: &[f32], names: &[&str], given| {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        embed(model, 1, counts, &names, given).err().map(|e| e.message).unwrap_or_default()
    };
    assert!(said(&bare, &[1.0], &["GENE1"], json!({})).contains("expand_gene_info.csv"));
    let made = made("bad", &path);
    let model = load(&made.0).unwrap();
    assert_eq!(model.genes(), names());
    assert_eq!(model.gene_embeddings().unwrap().dims(), [GENES, 16]);
    assert_eq!(said(&model, &[1.0, 2.0], &["GENE1", "X"], json!({})), "");
    assert!(said(&model, &[1.0], &["X"], json!({})).contains("vocabulary of 30"));
    assert!(said(&model, &[0.5], &["GENE1"], json!({})).contains("must be a count"));
    assert!(said(&model, &[1.0], &["GENE1"], json!({"max_batch_tokens": 1})).starts_with("max_batch_tokens"));
    assert!(said(&model, &[1.0], &["GENE1"], json!({"nonz_len": 0})).starts_with("nonz_len"));
    assert!(said(&model, &[1.0], &["GENE1"], json!({"select": "all"})).contains("\"weighted\" or \"top\""));
    assert!(said(&model, &[1.0], &["GENE1"], json!({"seed": 1})).starts_with("seed: is no option"));
    let (plain, _) = inputs(&path);
    let with = |name: &str, x: Tensor| {
        let mut inputs = plain.clone();
        inputs.insert(name.into(), x);
        model.forward(&Ctx::new(1), &inputs, &Options::default()).err().unwrap().message
    };
    assert!(with("zero_idx", plain["expr"].clone()).contains("must be [3, 15]"));
    assert!(with("zero_idx", plain["zero_idx"].zeros_like().unwrap()).contains("the cell's own token"));
    assert!(with("gene", plain["gene"].affine(1.0, 40.0).unwrap()).contains("must be from 0 to 31"));
    let empty: Tensors = plain.iter().map(|(name, x)| (name.clone(), x.narrow(0, 0, 0).unwrap())).collect();
    assert_eq!(model.forward(&Ctx::new(1), &empty, &Options::default()).unwrap()["expr_emb"].dims(), [0, 14, 16]);
}

#[test]
fn other_names_and_lists_are_read() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let made = made("names", &path);
    let first = load(&made.0).unwrap();
    let want = bits(&embed(&first, 1, &counts(), &names(), json!({})).unwrap().values);
    // As the port to torch saves a model that is being trained.
    let mut port = Tensors::new();
    for (name, x) in tensors(path.join("model.safetensors")) {
        let name = name.replace("post_norm1.gamma", "post_norm1.weight").replace("post_norm1.beta", "post_norm1.bias");
        let name = name.replace("post_norm2.gamma", "post_norm2.weight").replace("post_norm2.beta", "post_norm2.bias");
        port.insert(format!("extractor.net.{name}"), x);
    }
    for other in ["moment1.gene_emb", "cls.0.weight", "extractor.net.ST_emb", "global_step"] {
        port.insert(other.into(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    }
    candle_core::safetensors::save(&port.into_iter().collect(), made.0.join("model.safetensors")).unwrap();
    // As it is exported, and without the number of genes.
    fs::remove_file(made.0.join("expand_gene_info.csv")).unwrap();
    for (name, bytes) in first.files().unwrap() {
        fs::write(made.0.join(name), bytes).unwrap();
    }
    let mut config = first.config();
    config.as_object_mut().unwrap().remove("n_genes");
    fs::write(made.0.join("config.json"), config.to_string()).unwrap();
    let second = load(&made.0).unwrap();
    assert_eq!(bits(&embed(&second, 1, &counts(), &names(), json!({})).unwrap().values), want);
    assert_eq!(second.loaded.report.ignored.len(), 4);
    // Lists that do not fit are passed over, or named.
    fs::write(made.0.join("genes.json"), "[\"A\"]").unwrap();
    assert!(refused(&made.0).contains("has 1; there must be from 24 to 31"), "{}", refused(&made.0));
    fs::write(made.0.join("gene_info.csv"), format!("g,n\n{}", names().join(",1\n") + ",1\n")).unwrap();
    assert_eq!(load(&made.0).unwrap().genes(), names());
    let mut wrong = config.clone();
    wrong["n_genes"] = json!(99);
    fs::write(made.0.join("config.json"), wrong.to_string()).unwrap();
    assert!(refused(&made.0).contains("gene_emb is [32, 16], must be [104, 16]"), "{}", refused(&made.0));
    config["lora"] = json!(4);
    fs::write(made.0.join("config.json"), config.to_string()).unwrap();
    assert!(refused(&made.0).contains("\"lora\" is 4"));
}

#[test]
fn products_divided_among_threads_have_the_same_bits() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let made = made("wide", &path);
    let wide = |n: usize| if n == 16 { 256 } else { n };
    let widened = tensors(path.join("model.safetensors")).into_iter().map(|(name, x)| {
        let shape: Vec<usize> = x.dims().iter().map(|&n| wide(n)).collect();
        let number = |i: usize| ((i * 7919 + name.len() * 31) % 257) as f32 / 2057.0 - 0.0625;
        let numbers = (0..shape.iter().product()).map(number).collect();
        (name, Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap())
    });
    candle_core::safetensors::save(&widened.collect(), made.0.join("model.safetensors")).unwrap();
    let mut config: Value = serde_json::from_slice(&fs::read(path.join("config.json")).unwrap()).unwrap();
    config["enc_dims"] = json!(256);
    fs::write(made.0.join("config.json"), config.to_string()).unwrap();
    let model = load(&made.0).unwrap();
    let l = 301;
    let genes: Vec<i64> = (0..2 * l as i64).map(|i| i * 13 % 31).collect();
    let values: Vec<f32> = (0..2 * l).map(|i| (i % 17) as f32 / 3.0).collect();
    let inputs = Tensors::from([
        ("gene".into(), Tensor::from_vec(genes, (2, l), &Device::Cpu).unwrap()),
        ("expr".into(), Tensor::from_vec(values, (2, l), &Device::Cpu).unwrap()),
        ("zero_idx".into(), Tensor::ones((2, l + 1), DType::F32, &Device::Cpu).unwrap()),
    ]);
    let run = |threads| bits(&model.forward(&Ctx::new(threads), &inputs, &Options::default()).unwrap()["expr_emb"]);
    let whole = run(1);
    assert!(whole.iter().all(|&x| f32::from_bits(x).is_finite()));
    for threads in [2, 3, 5] {
        assert_eq!(run(threads), whole, "{threads}");
    }
}

#[test]
fn a_checkpoint_of_mindspore_is_the_same_model() {
    let Some(path) = fixture("cellfm-padzero") else { return };
    let made = made("mindspore", &path);
    fs::remove_file(made.0.join("model.safetensors")).unwrap();
    fs::write(made.0.join("model.ckpt"), fs::read(path.join("model.ckpt")).unwrap()).unwrap();
    let (first, second) = (load(&path).unwrap(), load(&made.0).unwrap());
    let (_, masked) = inputs(&path);
    let run = |model: &Cellfm| model.forward(&Ctx::new(1), &masked, &Options::default()).unwrap();
    let (first, second) = (run(&first), run(&second));
    assert!(first.iter().all(|(name, x)| bits(x) == bits(&second[name])));
}
