use super::*;
use crate::matrix::{Axis, Matrix, ValueSlice};
use crate::models::fixtures::{close, close_where, fixture, tensors};
use serde_json::Map;

/// The fixture's README gives none of its own: that of Geneformer's.
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

#[test]
fn outputs_are_those_of_the_original() {
    let Some(path) = fixture("genecompass-base") else { return };
    let model = load(&Folder::new(&path)).unwrap();
    let inputs = tensors(path.join("inputs.safetensors"));
    let want = tensors(path.join("outputs.safetensors"));
    let got = model.forward(&Ctx::new(2), &inputs, &Options::default()).unwrap();
    let valid: Vec<i64> = want["valid_mask"].flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
    let known: Vec<String> = model.io().outputs.into_iter().map(|field| field.name).collect();
    assert!(got.keys().all(|name| known.contains(name)), "{known:?}");
    for (name, want) in &want {
        let dims = want.dims();
        // The species' token counts always.
        let counts = |i: usize| match (name.as_str(), dims) {
            (_, &[_, 21, width]) => {
                let (row, position) = (i / width / 21, i / width % 21);
                position == 0 || valid[row * 20 + position - 1] == 1
            }
            (_, &[_, 20, width]) => valid[i / width] == 1,
            ("value_logits", _) => valid[i] == 1,
            _ => true,
        };
        close_where(name, &got[name], want, TOLERANCE, 0.0, counts);
        if name != "valid_mask" {
            let padding = floats(&got[name]).into_iter().enumerate().filter(|&(i, _)| !counts(i));
            assert!(padding.map(|(_, x)| x).all(|x| x == 0.0), "{name}: padding is not 0");
        }
    }
}

#[test]
fn rows_do_not_see_each_other_and_bits_do_not_depend_on_threads() {
    let Some(path) = fixture("genecompass-base") else { return };
    let model = load(&Folder::new(&path)).unwrap();
    let inputs = tensors(path.join("inputs.safetensors"));
    let all = model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap();
    for threads in [2, 3] {
        let again = model.forward(&Ctx::new(threads), &inputs, &Options::default()).unwrap();
        all.iter()
            .filter(|(name, _)| *name != "valid_mask")
            .for_each(|(name, x)| assert_eq!(bits(x), bits(&again[name])));
    }
    for row in 0..3 {
        let one: Tensors = inputs.iter().map(|(name, x)| (name.clone(), x.narrow(0, row, 1).unwrap())).collect();
        let got = model.forward(&Ctx::new(2), &one, &Options::default()).unwrap();
        for (name, x) in all.iter().filter(|(name, _)| *name != "valid_mask") {
            assert_eq!(bits(&x.narrow(0, row, 1).unwrap()), bits(&got[name]), "{name} of row {row}");
        }
    }
    let mut without = inputs.clone();
    without.remove("values");
    let error = model.forward(&Ctx::new(1), &without, &Options::default()).err().unwrap();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    let mut other = inputs.clone();
    other.insert("species".into(), Tensor::full(2i64, (3, 1), &Device::Cpu).unwrap());
    assert_eq!(
        model.forward(&Ctx::new(1), &other, &Options::default()).err().unwrap().kind,
        ErrorKind::InvalidArgument
    );
}

fn id(i: usize) -> String {
    format!("{}{i:011}", if i < 44 { "ENSG" } else { "ENSMUSG" })
}

/// The fixture with dictionaries beside it: tokens 2 to 89 are genes 0 to 87, mouse from 44 on; medians of the first 40 alone.
fn with_dictionaries(scratch: &std::path::Path, fixture: &std::path::Path) -> Folder {
    let mut tokens: Map<String, Value> =
        [("<pad>".to_string(), json!(0)), ("<mask>".to_string(), json!(1))].into_iter().collect();
    tokens.extend((0..88).map(|i| (id(i), json!(i + 2))));
    let medians: Map<String, Value> = (0..40).map(|i| (id(i), json!(1.0 + i as f64 / 4.0))).collect();
    let symbols: Map<String, Value> = (0..88).map(|i| (id(i), json!(format!("S{i}")))).collect();
    let mut folder = Folder::new(fixture);
    let files =
        [("human_mouse_tokens", tokens), ("human_gene_median_after_filter", medians), ("gene_name_id_dict", symbols)];
    for (name, items) in files {
        let path = scratch.join(format!("{name}.json"));
        std::fs::write(&path, Value::Object(items).to_string()).unwrap();
        folder.elsewhere.push((format!("{name}.json"), path));
    }
    folder
}

#[test]
fn cells_are_embedded_as_their_tokens_and_values_are() {
    let Some(path) = fixture("genecompass-base") else { return };
    let scratch = std::env::temp_dir().join(format!("scnative-genecompass-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let model = load(&with_dictionaries(&scratch, &path)).unwrap();
    std::fs::remove_dir_all(&scratch).unwrap();
    assert_eq!(model.genes().len(), 88);
    assert_eq!(model.gene_embeddings().unwrap().dims(), [88, 24]);
    for first in [0, 44] {
        // 42 human or mouse genes, the last two by their symbols, and one that is not known; more than fit into a cell.
        let genes: Vec<String> = (0..42)
            .map(|i| if i < 40 { id(first + i) } else { format!("S{}", first + i) })
            .chain(["NONE".into()])
            .collect();
        let count = |cell: usize, gene: usize| match cell {
            1 => usize::from(gene == 42),
            2 => usize::from(gene == 7) * 5,
            3 => 1 + gene % 5,
            _ => (gene * 7 + cell) % 6,
        };
        let counts: Vec<f32> = (0..5).flat_map(|cell| (0..43).map(move |gene| count(cell, gene) as f32)).collect();
        let matrix = Matrix::dense(Axis::Obs, (5, 43), ValueSlice::F32(&counts), 43).unwrap();
        let cells = Cells::new(&Ctx::new(1), &matrix, genes, Tensors::new()).unwrap();
        let embedded = |threads: usize, given: Value| model.embed(&Ctx::new(threads), &cells, &options(given)).unwrap();
        let cls = embedded(2, json!({}));
        assert_eq!(cls.report["species"], json!(if first == 0 { "human" } else { "mouse" }));
        for (threads, budget) in [(1, 50), (2, 100), (3, 65_536)] {
            assert_eq!(bits(&cls.values), bits(&embedded(threads, json!({"max_batch_tokens": budget})).values));
        }
        let means = embedded(1, json!({"pooling": "mean"})).values;
        assert!(floats(&cls.values.get(1).unwrap()).iter().all(|x| x.is_nan()));
        for cell in [0, 2, 3, 4] {
            let median = |gene: usize| if first + gene < 40 { 1.0 + (first + gene) as f64 / 4.0 } else { 1.0 };
            let expressed = (0..42).filter(|&gene| count(cell, gene) > 0);
            let mut order: Vec<(f64, usize)> =
                expressed.map(|gene| ((1.0 + count(cell, gene) as f64 / median(gene)).log2(), gene)).collect();
            order.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
            order.truncate(40);
            let n = order.len();
            let ids: Vec<i64> = order.iter().map(|&(_, gene)| (first + gene + 2) as i64).collect();
            let values: Vec<f32> = order.iter().map(|&(value, _)| value as f32).collect();
            let inputs: Tensors = [
                ("input_ids".to_string(), Tensor::from_vec(ids, (1, n), &Device::Cpu).unwrap()),
                ("values".to_string(), Tensor::from_vec(values, (1, n), &Device::Cpu).unwrap()),
                ("species".to_string(), Tensor::full(i64::from(first > 0), (1, 1), &Device::Cpu).unwrap()),
            ]
            .into_iter()
            .collect();
            let want = model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap();
            // libm's logarithm may differ from the system's in the last bit.
            close("cls", &cls.values.narrow(0, cell, 1).unwrap(), &want["cls_emb"], 1e-5, 0.0);
            close("mean", &means.narrow(0, cell, 1).unwrap(), &want["cell_emb_mean"], 1e-5, 0.0);
        }
        assert_ne!(bits(&cls.values), bits(&embedded(1, json!({"target_sum": 1e4})).values));
        assert_ne!(
            bits(&cls.values),
            bits(&embedded(1, json!({"species": if first == 0 { "mouse" } else { "human" }})).values)
        );
        let wrong = model.embed(&Ctx::new(1), &cells, &options(json!({"species": "rat"}))).err().unwrap();
        assert_eq!(wrong.kind, ErrorKind::InvalidArgument);
    }
}

#[test]
fn exported_is_loaded_again() {
    let Some(path) = fixture("genecompass-base") else { return };
    let scratch = std::env::temp_dir().join(format!("scnative-genecompass-export-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let model = load(&with_dictionaries(&scratch, &path)).unwrap();
    std::fs::write(scratch.join("config.json"), model.config().to_string()).unwrap();
    for (name, bytes) in model.files().unwrap() {
        std::fs::write(scratch.join(name), bytes).unwrap();
    }
    let weights: std::collections::HashMap<String, Tensor> = model.weights().tensors.clone().into_iter().collect();
    candle_core::safetensors::save(&weights, scratch.join("model.safetensors")).unwrap();
    let again = load(&Folder::new(&scratch)).unwrap();
    std::fs::remove_dir_all(&scratch).unwrap();
    assert_eq!(again.config(), model.config());
    assert_eq!(again.genes(), model.genes());
    let inputs = tensors(path.join("inputs.safetensors"));
    let run = |model: &dyn Model| bits(&model.forward(&Ctx::new(1), &inputs, &Options::default()).unwrap()["logits"]);
    assert_eq!(run(&*model), run(&*again));
}

#[test]
fn geneformer_hands_over_what_is_genecompass() {
    let Some(path) = fixture("genecompass-base") else { return };
    assert_eq!((crate::models::arch::geneformer::FAMILY.load)(&Folder::new(&path)).unwrap().family(), "genecompass");
}
