//! All formats against the originals' files, and everything that a hostile file can try.

use super::file::WeightFile;
use super::map::Bytes;
use super::pickle;
use super::safetensors::save;
use super::value::{Kind, Layout, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::models::Tensors;
use crate::models::fixtures::{fixture, tensors};
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// A folder that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("scnative-weights-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A tensor's type, shape and bits.
fn bits(tensor: &Tensor) -> (DType, Vec<usize>, Vec<u8>) {
    let flat = tensor.flatten_all().unwrap();
    let bytes = match tensor.dtype() {
        DType::F64 => flat.to_vec1::<f64>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::F32 => flat.to_vec1::<f32>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::F16 => flat.to_vec1::<f16>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::BF16 => flat.to_vec1::<bf16>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::I64 => flat.to_vec1::<i64>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::I32 => flat.to_vec1::<i32>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::I16 => flat.to_vec1::<i16>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::U32 => flat.to_vec1::<u32>().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect(),
        DType::U8 => flat.to_vec1::<u8>().unwrap(),
        other => panic!("type {other:?}"),
    };
    (tensor.dtype(), tensor.dims().to_vec(), bytes)
}

/// A file holds exactly these tensors, under these names with something before.
fn same(file: &WeightFile, prefix: &str, want: &Tensors) {
    let names: Vec<String> = want.keys().map(|name| format!("{prefix}{name}")).collect();
    assert_eq!(file.names(), names, "{}", file.source());
    assert!(!names.is_empty());
    for (name, want) in names.iter().zip(want.values()) {
        assert_eq!(bits(&file.tensor(name).unwrap()), bits(want), "{}: {name}", file.source());
        assert_eq!(file.shape(name).unwrap(), want.dims(), "{name}");
        assert_eq!(file.dtype(name), Some(want.dtype()), "{name}");
    }
}

fn of(bytes: &[u8]) -> Result<WeightFile> {
    WeightFile::of(Bytes::held("test", Arc::new(bytes.to_vec())), Path::new("test"), &[])
}

fn unpickled(bytes: &[u8]) -> Result<Value> {
    Ok(pickle::run(bytes, "test", pickle::Storages::InPlace)?.value)
}

fn refused<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Checkpoint, "{error}");
            error
        }
    }
}

/// Opens a file and reads all of it, whatever comes.
fn read_all(bytes: &[u8]) {
    if let Ok(file) = of(bytes) {
        for name in file.names() {
            let _ = file.tensor(&name);
            let _ = file.rows(&name, &[0]);
        }
    }
}

/// The most memory that the process had so far, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

fn f32s(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

// ---- the originals' files

#[test]
fn torch_containers_give_the_expected_tensors() {
    let Some(folder) = fixture("containers") else { return };
    let want = tensors(folder.join("expected.safetensors"));
    let names = ["plain_dict", "ordered_dict", "parameters", "nested_state_dict", "protocol4", "legacy_nonzip"];
    for name in names {
        same(&WeightFile::open(&folder.join(format!("{name}.pt"))).unwrap(), "", &want);
    }
    same(&WeightFile::open(&folder.join("module_prefix.pt")).unwrap(), "module.", &want);
    same(&WeightFile::open(&folder.join("expected.safetensors")).unwrap(), "", &want);
    let nested = WeightFile::open_at(&folder.join("nested_state_dict.pt"), &["state_dict"]).unwrap();
    same(&nested, "", &want);
    let value = nested.value().unwrap();
    let Value::Dict(items) = value else { panic!("{value:?}") };
    assert!(items.len() > 1, "the scalars beside the state dict");
}

#[test]
fn strided_views_are_read() {
    let Some(folder) = fixture("containers") else { return };
    let want = tensors(folder.join("strided_expected.safetensors"));
    same(&WeightFile::open(&folder.join("strided.pt")).unwrap(), "", &want);
}

#[test]
fn every_safetensors_fixture_is_read_as_candle_does() {
    let Some(folder) = fixture("containers") else { return };
    let mut count = 0;
    for model in fs::read_dir(folder.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
        if !model.is_dir() || model.ends_with("hostile") {
            continue;
        }
        for path in fs::read_dir(model).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|e| e == "safetensors") {
                same(&WeightFile::open(&path).unwrap(), "", &tensors(&path));
                count += 1;
            }
        }
    }
    assert!(count > 20);
}

#[test]
fn scfoundation_is_nested_two_deep() {
    let Some(folder) = fixture("scfoundation-base") else { return };
    let path = folder.join("models.ckpt");
    let want = tensors(folder.join("model.safetensors"));
    let file = WeightFile::open_at(&path, &["gene", "state_dict"]).unwrap();
    same(&file, "model.", &want);
    let value = file.value().unwrap();
    assert!(matches!(value.at(&["gene", "config", "model"]), Some(Value::Text(model)) if model == "mae_autobin"));
    let whole = WeightFile::open(&path).unwrap();
    assert!(whole.names().iter().all(|name| name.contains(".state_dict.model.")));
    let error = WeightFile::open_at(&path, &["protein"]).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Weights);
    assert!(error.message.contains("\"gene\""), "{error}");
}

#[test]
fn scgpt_pt_is_read() {
    let Some(folder) = fixture("scgpt-flash") else { return };
    let file = WeightFile::open(&folder.join("best_model.pt")).unwrap();
    if let Ok(want) = fs::metadata(folder.join("model.safetensors")) {
        assert!(want.len() > 0);
        same(&file, "", &tensors(folder.join("model.safetensors")));
    }
    assert!(file.names().iter().any(|name| name == "encoder.embedding.weight"));
}

#[test]
fn mindspore_has_the_tensors_of_safetensors() {
    let Some(folder) = fixture("cellfm-padzero") else { return };
    let want = tensors(folder.join("model.safetensors"));
    let file = WeightFile::open(&folder.join("model.ckpt")).unwrap();
    assert!(matches!(file, WeightFile::MindSpore(_)));
    same(&file, "", &want);
}

#[test]
fn geneformer_dictionaries_are_their_json() {
    for name in ["tok-geneformer-v1", "tok-geneformer-v2"] {
        let Some(folder) = fixture(name) else { return };
        for dictionary in ["token_dictionary", "gene_median_dictionary"] {
            let text = fs::read_to_string(folder.join(format!("{dictionary}.json"))).unwrap();
            // Read here, digit by digit as it was written: serde_json may be a bit off in the last place.
            let entries =
                text.trim_matches(['{', '}', '\n', ' ']).split(',').map(|entry| entry.rsplit_once(':').unwrap());
            let want: Vec<(&str, &str)> = entries.map(|(k, v)| (k.trim().trim_matches('"'), v.trim())).collect();
            let got = pickle::read(&folder.join(format!("{dictionary}.pkl"))).unwrap();
            let Value::Dict(items) = &got else { panic!("{got:?}") };
            assert_eq!(items.len(), want.len());
            assert!(want.len() > 100);
            for (key, value) in want {
                match got.get(key) {
                    Some(Value::Int(x)) => assert_eq!(*x, value.parse::<i64>().unwrap(), "{key}"),
                    Some(Value::Float(x)) => assert_eq!(*x, value.parse::<f64>().unwrap(), "{key}"),
                    other => panic!("{key}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn hostile_fixtures_are_refused() {
    let Some(folder) = fixture("hostile") else { return };
    let marker = std::env::temp_dir().join("PICKLE_PAYLOAD_RAN");
    let _ = fs::remove_file(&marker);
    let before = peak();
    let mut count = 0;
    for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "README.md" {
            continue;
        }
        count += 1;
        let error = refused(WeightFile::open(&path));
        assert!(error.message.contains(&name), "{error}");
        let said = match name.as_str() {
            "evil_plain.pkl" | "evil_reduce.pt" => {
                "refers to posix.system, which is not data: refused; nothing was run"
            }
            "huge_header.safetensors" => "header",
            "overlapping.safetensors" | "shape_overflow.safetensors" => "header is broken",
            "truncated.pt" | "truncated.safetensors" => "truncated",
            "zip_traversal.pt" => "leads out of the archive",
            other => panic!("{other}: is a new fixture"),
        };
        assert!(error.message.contains(said), "{error}");
    }
    refused(pickle::read(&folder.join("evil_plain.pkl")));
    assert_eq!(count, 8);
    assert!(!marker.exists());
    assert!(peak() - before < 300 << 20, "{} bytes more", peak() - before);
}

// ---- pickles

#[test]
fn values_of_all_protocols() {
    let text = |x: &str| Value::Text(x.into());
    // From Python: pickle.dumps([1, -5, 2**40, 1.5, None, True, "é", b"\x00\xff", (1, 2), {"a": []}, {3}], protocol)
    let zero: &[u8] = b"(lp0\nI1\naI-5\naL1099511627776L\naF1.5\naNaI01\naV\xe9\np1\nac_codecs\nencode\np2\n(V\x00\xff\np3\nVlatin1\np4\ntp5\nRp6\na(I1\nI2\ntp7\na(dp8\nVa\np9\n(lp10\nsac__builtin__\nset\np11\n((lp12\nI3\natp13\nRp14\na.";
    let two: &[u8] = b"\x80\x02]q\x00(K\x01J\xfb\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00N\x88X\x02\x00\x00\x00\xc3\xa9q\x01c_codecs\nencode\nq\x02X\x03\x00\x00\x00\x00\xc3\xbfq\x03X\x06\x00\x00\x00latin1q\x04\x86q\x05Rq\x06K\x01K\x02\x86q\x07}q\x08X\x01\x00\x00\x00aq\x09]q\x0asc__builtin__\nset\nq\x0b]q\x0cK\x03a\x85q\x0dRq\x0ee.";
    let four: &[u8] = b"\x80\x04\x95\x34\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01J\xfb\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01G?\xf8\x00\x00\x00\x00\x00\x00N\x88\x8c\x02\xc3\xa9\x94C\x02\x00\xff\x94K\x01K\x02\x86\x94}\x94\x8c\x01a\x94]\x94s\x8f\x94(K\x03\x90e.";
    for bytes in [zero, two, four] {
        let Value::List(items) = unpickled(bytes).unwrap() else { panic!() };
        assert_eq!(items.len(), 11);
        assert!(matches!(
            items[..6],
            [
                Value::Int(1),
                Value::Int(-5),
                Value::Int(0x100_0000_0000),
                Value::Float(1.5),
                Value::None,
                Value::Bool(true)
            ]
        ));
        assert_eq!(format!("{:?}", items[6]), format!("{:?}", text("é")));
        assert!(matches!(&items[7], Value::Bytes(bytes) if bytes == &[0, 255]));
        assert!(matches!(&items[8], Value::Tuple(two) if two.len() == 2));
        assert!(matches!(items[9].get("a"), Some(Value::List(none)) if none.is_empty()));
        assert!(matches!(&items[10], Value::List(set) if matches!(set[..], [Value::Int(3)])));
    }
}

#[test]
fn dicts_namespaces_and_long_numbers() {
    // OrderedDict([("a", 1)]), defaultdict(list, b=2), Counter(c=3), Namespace(d=4), complex(1, 2), 2**70, bytearray(b"x")
    let bytes = b"\x80\x03](ccollections\nOrderedDict\n)R\x8c\x01aK\x01sccollections\ndefaultdict\ncbuiltins\nlist\n\x85R\x8c\x01bK\x02sccollections\nCounter\n}\x8c\x01cK\x03s\x85Rcargparse\nNamespace\n)\x81}\x8c\x01dK\x04sbcbuiltins\ncomplex\nG?\xf0\0\0\0\0\0\0G@\0\0\0\0\0\0\0\x86R\x8a\x09\0\0\0\0\0\0\0\0\x40cbuiltins\nbytearray\nC\x01x\x85Re.";
    let Value::List(items) = unpickled(bytes).unwrap() else { panic!() };
    for (item, (key, number)) in items.iter().zip([("a", 1), ("b", 2), ("c", 3), ("d", 4)]) {
        assert!(matches!(item.get(key), Some(&Value::Int(x)) if x == number), "{item:?}");
    }
    assert!(
        matches!(&items[4], Value::Object(o) if o.class == "builtins.complex" && matches!(o.parts[..], [Value::Float(1.0), Value::Float(2.0)]))
    );
    assert!(matches!(&items[5], Value::Object(o) if o.class == "builtins.int"));
    assert!(matches!(&items[6], Value::Bytes(b) if b == b"x"));
    // Of equal keys the last one counts.
    let twice = unpickled(b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0aK\x02u.").unwrap();
    assert!(matches!(twice.get("a"), Some(Value::Int(2))));
    // Attributes of a dict are no keys of it.
    let attributes = unpickled(b"\x80\x02ccollections\nOrderedDict\n)R}X\x09\0\0\0_metadataNsb.").unwrap();
    assert!(matches!(attributes, Value::Dict(items) if items.is_empty()));
    // The old way to objects.
    let old =
        unpickled(b"ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR(dVa\nI1\nsb.").unwrap();
    assert!(matches!(old.get("a"), Some(Value::Int(1))));
}

/// An array of numpy as protocol 3 writes it.
fn numpy_array(module: &str, code: &str, shape: &[u8], fortran: bool, data: &[u8]) -> Vec<u8> {
    let mut out = format!("\x03c{module}\n_reconstruct\ncnumpy\nndarray\nK\0\u{1}").into_bytes();
    out.truncate(out.len() - 3);
    out[0] = 0x03;
    out.insert(0, 0x80);
    out.extend(b"K\0\x85C\x01b\x87R(K\x01(");
    shape.iter().for_each(|&extent| out.extend([b'K', extent]));
    out.extend(b"tcnumpy\ndtype\n\x8c");
    out.push(code.len() as u8);
    out.extend(code.as_bytes());
    out.extend(b"\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
    out.push(if fortran { 0x88 } else { 0x89 });
    out.push(b'B');
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out.extend(b"tb.");
    out
}

#[test]
fn numpy_arrays_become_tensors() {
    let data: Vec<u8> = (0..6).flat_map(|i| (i as f64).to_le_bytes()).collect();
    for module in ["numpy.core.multiarray", "numpy._core.multiarray"] {
        let Value::Tensor(view) = unpickled(&numpy_array(module, "f8", &[2, 3], false, &data)).unwrap() else {
            panic!()
        };
        let got = view.tensor("x").unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(got, [[0., 1., 2.], [3., 4., 5.]]);
        let Value::Tensor(view) = unpickled(&numpy_array(module, "f8", &[2, 3], true, &data)).unwrap() else {
            panic!()
        };
        let got = view.tensor("x").unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(got, [[0., 2., 4.], [1., 3., 5.]]);
    }
    let wrong = refused(unpickled(&numpy_array("numpy.core.multiarray", "f8", &[2, 4], false, &data)));
    assert!(wrong.message.contains("[2, 4]"), "{wrong}");
    refused(unpickled(&numpy_array("numpy.core.multiarray", ">f8", &[2, 3], false, &data)));
    refused(unpickled(&numpy_array("numpy.core.multiarray", "M8", &[2, 3], false, &data)));
    let texts: Vec<u8> = "ab\0".chars().chain("c\0\0".chars()).flat_map(|c| (c as u32).to_le_bytes()).collect();
    let Value::List(texts) = unpickled(&numpy_array("numpy.core.multiarray", "U3", &[2], false, &texts)).unwrap()
    else {
        panic!()
    };
    assert!(matches!(&texts[..], [Value::Text(a), Value::Text(b)] if a == "ab" && b == "c"));
    let Value::Tensor(view) = unpickled(&numpy_array("numpy.core.multiarray", "c8", &[2], false, &[0; 16])).unwrap()
    else {
        panic!()
    };
    assert_eq!(view.layout.kind, Kind::Unread("complex64", 8));
    assert_eq!(view.tensor("x").err().unwrap().kind, ErrorKind::Unsupported);
}

#[test]
fn a_pickle_of_arrays_is_a_file_of_weights() {
    // {"GENE": array}
    let data: Vec<u8> = [1f32, 2.].iter().flat_map(|x| x.to_le_bytes()).collect();
    let array = numpy_array("numpy.core.multiarray", "f4", &[2], false, &data);
    let mut bytes = b"\x80\x03}\x8c\x04GENE".to_vec();
    bytes.extend(&array[2..array.len() - 1]);
    bytes.extend(b"s.");
    let file = of(&bytes).unwrap();
    assert_eq!(file.names(), ["GENE"]);
    assert_eq!(bits(&file.tensor("GENE").unwrap()), bits(&f32s(&[1., 2.])));
}

/// torch.storage._load_from_bytes(bytes) of the old format with a storage of floats.
fn blob(values: &[f32]) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.".to_vec();
    out.extend(b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK");
    out.push(values.len() as u8);
    out.extend(b"NtQ.\x80\x02]X\x01\0\0\0ka.");
    out.extend((values.len() as u64).to_le_bytes());
    out.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    out
}

/// A pickle with one tensor whose storage is within, as in the config.pkl of GEARS.
fn tensor_in_pickle(blob: &[u8]) -> Vec<u8> {
    let mut out =
        b"\x80\x03}(\x8c\x01gctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\nB".to_vec();
    out.extend((blob.len() as u32).to_le_bytes());
    out.extend(blob);
    out.extend(b"\x85RK\x01K\x02\x85K\x02\x85\x89ccollections\nOrderedDict\n)RtR\x8c\x06devicectorch\ndevice\n\x8c\x04cudaK\x01\x86Ru.");
    out
}

#[test]
fn a_tensor_within_a_plain_pickle() {
    let bytes = tensor_in_pickle(&blob(&[1., 2., 3., 4.]));
    let value = unpickled(&bytes).unwrap();
    assert!(matches!(value.get("device"), Some(Value::Text(device)) if device == "cuda:1"));
    let Some(Value::Tensor(view)) = value.get("g") else { panic!("{value:?}") };
    assert_eq!(bits(&view.tensor("g").unwrap()), bits(&f32s(&[2., 4.])));
    // The same storage in the newer format.
    let zipped = archive(
        &[("x/data.pkl", b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x010\0\0\0X\x03\0\0\0cpuK\x04tQ.")],
        CompressionMethod::Stored,
    );
    refused(unpickled(&tensor_in_pickle(&zipped)));
    let pickle: &[u8] = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ.";
    let numbers: Vec<u8> = [1f32, 2., 3., 4.].iter().flat_map(|x| x.to_le_bytes()).collect();
    let zipped = archive(&[("x/data.pkl", pickle), ("x/data/0", &numbers)], CompressionMethod::Stored);
    let value = unpickled(&tensor_in_pickle(&zipped)).unwrap();
    let Some(Value::Tensor(view)) = value.get("g") else { panic!("{value:?}") };
    assert_eq!(bits(&view.tensor("g").unwrap()), bits(&f32s(&[2., 4.])));
    // A blob in a blob in a pickle.
    let mut nested = blob(&[1.])[..b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.".len()].to_vec();
    nested.extend(tensor_in_pickle(&blob(&[1., 2., 3., 4.])));
    let error = refused(unpickled(&tensor_in_pickle(&nested)));
    assert!(error.message.contains("another"), "{error}");
}

#[test]
fn blobs_do_not_nest() {
    let zipped = |pickle: &[u8]| archive(&[("x/data.pkl", pickle)], CompressionMethod::Stored);
    let mut inner = blob(&[1., 2., 3., 4.]);
    for _ in 0..3 {
        inner = zipped(&tensor_in_pickle(&inner));
    }
    assert!(refused(unpickled(&tensor_in_pickle(&inner))).message.contains("lies in another one"));
    // In the part of the old format that says of which version it is.
    let mut stream = blob(&[1.]);
    let hidden = tensor_in_pickle(&blob(&[1., 2., 3., 4.]));
    let version = stream.windows(3).position(|w| w == b"\x80\x02M").unwrap() + 2;
    stream.splice(version..version, [&hidden[2..hidden.len() - 1], b"0"].concat());
    assert!(refused(of(&stream)).message.contains("lies in another one"));
}

#[test]
fn tensors_are_shared_and_names_are_counted() {
    let mut pickle = tensor_pickle("FloatStorage", 6, &[2, 3], &[3, 1]);
    pickle.pop();
    // A list of the same dict again and again.
    pickle.extend(b"q\x63]q\x64(");
    pickle.extend(b"h\x63".repeat(300_000));
    pickle.extend(b"e.");
    let before = peak();
    let numbers = [0; 24];
    let bytes = archive(&[("x/data.pkl", &pickle), ("x/data/0", &numbers)], CompressionMethod::Deflated);
    let _ = of(&bytes);
    assert!(peak() - before < 400 << 20, "{} bytes more", peak() - before);
}

#[test]
fn compressed_storages_have_a_limit() {
    let numbers = vec![0; 65 << 20];
    let pickle = tensor_pickle("FloatStorage", 65 << 18, &[2, 3], &[3, 1]);
    let bytes = archive(&[("x/data.pkl", &pickle), ("x/data/0", &numbers)], CompressionMethod::Deflated);
    assert!(refused(of(&bytes)).message.contains("compressed ones, the limit is"));
}

#[test]
fn a_loader_gives_up_before_memory_does() {
    use super::{Loader, drawn::Drawn};
    let scratch = Scratch::new();
    let path = scratch.0.join("w.safetensors");
    save(&path, &Tensors::from([("module.a".into(), f32s(&[1.])), ("a".into(), f32s(&[2.]))]), &BTreeMap::new())
        .unwrap();
    let file = WeightFile::open(&path).unwrap();
    let error = Loader::new(&file, None, str::to_string).finish(&["*"]).err().unwrap();
    assert!(error.kind == ErrorKind::Weights && error.message.contains("a and module.a"), "{error}");
    for file in [&file, &WeightFile::Drawn(Drawn::new(1))] {
        let loader = Loader::new(file, None, str::to_string);
        assert_eq!(loader.get("b", &[1 << 40, 1 << 40]).unwrap_err().kind, ErrorKind::Config);
        assert_eq!(loader.get("b", &[1 << 40]).unwrap_err().kind, ErrorKind::Config);
    }
    let loader = Loader::new(&file, None, str::to_string);
    let failed = (0..20_000).find_map(|i| loader.get(&format!("layer.{i}"), &[4]).err().map(|e| (i, e)));
    let (i, error) = failed.unwrap();
    assert!(i == 10_000 && error.message.contains("missing: layer.0"), "{error}");
    let loader = Loader::new(&file, None, str::to_string);
    loader.get("b", &[1 << 30]).unwrap();
    assert_eq!(loader.get("c", &[1]).unwrap_err().kind, ErrorKind::Weights);
}

#[test]
fn globals_that_are_not_data_are_refused() {
    for (module, name) in [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("numpy", "load"),
        ("torch.nn.modules.linear", "Linear"),
        ("collections", "namedtuple"),
    ] {
        let first = format!("c{module}\n{name}\n.").into_bytes();
        let inst = format!("(i{module}\n{name}\n.").into_bytes();
        let mut fourth = b"\x80\x04".to_vec();
        for text in [module, name] {
            fourth.extend([0x8c, text.len() as u8]);
            fourth.extend(text.as_bytes());
        }
        fourth.extend(b"\x93.");
        for bytes in [first, inst, fourth] {
            let error = refused(unpickled(&bytes));
            assert!(
                error
                    .message
                    .contains(&format!("test: refers to {module}.{name}, which is not data: refused; nothing was run")),
                "{error}"
            );
        }
    }
    // What is only a name cannot be called, nor what is no global at all; the extension registry is not there.
    for bytes in [
        &b"\x80\x02ctorch\nTensor\n)R."[..],
        b"\x80\x02K\x01)R.",
        b"\x80\x02\x82\x01.",
        b"\x80\x05\x97.",
        b"\x80\x02K\x01Q.",
        b"Pname\n.",
    ] {
        refused(unpickled(bytes));
    }
}

#[test]
fn depth_is_limited() {
    let before = peak();
    let mut lists = b"\x80\x02".to_vec();
    lists.extend(vec![b']'; 1_000_000]);
    lists.extend(vec![b'a'; 999_999]);
    lists.push(b'.');
    let error = refused(unpickled(&lists));
    assert!(error.message.contains("128 deep"), "{error}");
    let mut tuples = b"\x80\x02)".to_vec();
    tuples.extend(vec![0x85; 1_000_000]);
    tuples.push(b'.');
    refused(unpickled(&tuples));
    // A list within itself.
    refused(unpickled(b"\x80\x02]q\0h\0a."));
    assert!(peak() - before < 400 << 20, "{} bytes more", peak() - before);
    // What is not too deep passes.
    let mut fine = vec![b']'; 100];
    fine.extend(vec![b'a'; 99]);
    fine.push(b'.');
    unpickled(&fine).unwrap();
}

#[test]
fn billion_laughs_are_refused() {
    let before = peak();
    // Each list holds the one before ten times.
    let mut laughs = b"\x80\x02X\x03\0\0\0lolq\0".to_vec();
    for level in 0..30u8 {
        laughs.extend(b"](");
        (0..10).for_each(|_| laughs.extend([b'h', level]));
        laughs.extend([b'e', b'q', level + 1]);
    }
    laughs.push(b'.');
    let error = refused(unpickled(&laughs));
    assert!(error.message.contains("more values"), "{error}");
    // The same with a long text.
    let mut long = b"\x80\x02X\0\0\x10\0".to_vec();
    long.extend(vec![b'x'; 1 << 20]);
    long.extend(b"q\0](");
    (0..100_000).for_each(|_| long.extend(b"h\0"));
    long.extend(b"e.");
    let error = refused(unpickled(&long));
    assert!(error.message.contains("more bytes"), "{error}");
    // Copies that are thrown away.
    let mut copies = b"\x80\x02](".to_vec();
    copies.extend(vec![b'N'; 10_000]);
    copies.extend(b"eq\0c__builtin__\nlist\nq\x01");
    (0..10_000).for_each(|_| copies.extend(b"h\x01h\0\x85R0"));
    copies.push(b'.');
    refused(unpickled(&copies));
    assert!(peak() - before < 700 << 20, "{} bytes more", peak() - before);
}

#[test]
fn huge_counts_are_refused_without_memory() {
    let before = peak();
    for bytes in [
        &b"\x80\x02X\xff\xff\xff\xff."[..],
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x05\x96\0\0\0\0\0\x01\0\0.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x04\x95\0\0\0\0\0\0\0\x01.",
        b"\x80\x02h\x05.",
        b"\x80\x02j\xff\xff\xff\xff.",
        b"\x80\x09N.",
        b"",
        b"\x80\x02.",
        b"\x80\x020.",
        b"\x80\x021.",
        b"\x80\x02e.",
        b"\x80\x02}(K\x01u.",
    ] {
        refused(unpickled(bytes));
    }
    assert!(peak() - before < 100 << 20);
}

// ---- archives

fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// {"a": a tensor of this type, number of elements, shape and strides}
fn tensor_pickle(storage: &str, elements: u32, shape: &[u32], strides: &[u32]) -> Vec<u8> {
    let number = |out: &mut Vec<u8>, x: u32| {
        out.push(b'J');
        out.extend((x as i32).to_le_bytes());
    };
    let mut out = b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n".to_vec();
    out.extend(storage.as_bytes());
    out.extend(b"\nX\x01\0\0\x000X\x03\0\0\0cpu");
    number(&mut out, elements);
    out.extend(b"tQK\0(");
    shape.iter().for_each(|&x| number(&mut out, x));
    out.extend(b"t(");
    strides.iter().for_each(|&x| number(&mut out, x));
    out.extend(b"t\x89ccollections\nOrderedDict\n)RtRs.");
    out
}

#[test]
fn every_type_of_torch() {
    let cases: [(&str, &[u8], DType, f64); 10] = [
        ("DoubleStorage", &1.5f64.to_le_bytes(), DType::F64, 1.5),
        ("FloatStorage", &1.5f32.to_le_bytes(), DType::F32, 1.5),
        ("HalfStorage", &f16::from_f32(1.5).to_le_bytes(), DType::F16, 1.5),
        ("BFloat16Storage", &bf16::from_f32(1.5).to_le_bytes(), DType::BF16, 1.5),
        ("LongStorage", &(-3i64).to_le_bytes(), DType::I64, -3.),
        ("IntStorage", &(-3i32).to_le_bytes(), DType::I32, -3.),
        ("ShortStorage", &(-3i16).to_le_bytes(), DType::I16, -3.),
        ("CharStorage", &(-3i8).to_le_bytes(), DType::I16, -3.),
        ("ByteStorage", &[200], DType::U8, 200.),
        ("BoolStorage", &[1], DType::U8, 1.),
    ];
    for (storage, bytes, dtype, want) in cases {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let pickle = tensor_pickle(storage, 1, &[1], &[1]);
            let file = of(&archive(&[("any name/data.pkl", &pickle), ("any name/data/0", bytes)], method)).unwrap();
            let tensor = file.tensor("a").unwrap();
            assert_eq!((tensor.dtype(), file.dtype("a")), (dtype, Some(dtype)), "{storage}");
            assert_eq!(tensor.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap(), [want], "{storage}");
        }
    }
    let pickle = tensor_pickle("ComplexFloatStorage", 1, &[1], &[1]);
    let file = of(&archive(&[("x/data.pkl", &pickle), ("x/data/0", &[0; 8])], CompressionMethod::Stored)).unwrap();
    assert_eq!(file.names(), ["a"]);
    assert_eq!(file.dtype("a"), None);
    let error = file.tensor("a").err().unwrap();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("complex64"), "{error}");
}

#[test]
fn untyped_storages_and_expanded_tensors() {
    let pickle: &[u8] = b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v3\n((X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQK\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rctorch\nuint16\ntRs.";
    let file =
        of(&archive(&[("x/data.pkl", pickle), ("x/data/0", &[1, 0, 0xff, 0xff])], CompressionMethod::Stored)).unwrap();
    assert_eq!(file.tensor("a").unwrap().to_vec1::<i32>().unwrap(), [1, 65535]);
    let one = 2f32.to_le_bytes();
    let pickle = tensor_pickle("FloatStorage", 1, &[2, 3], &[0, 0]);
    let file = of(&archive(&[("x/data.pkl", &pickle), ("x/data/0", &one)], CompressionMethod::Stored)).unwrap();
    assert_eq!(file.tensor("a").unwrap().to_vec2::<f32>().unwrap(), [[2.; 3]; 2]);
    // A number that is said to be a million times a million numbers.
    let pickle = tensor_pickle("FloatStorage", 1, &[1 << 20, 1 << 20], &[0, 0]);
    refused(of(&archive(&[("x/data.pkl", &pickle), ("x/data/0", &one)], CompressionMethod::Stored)));
}

#[test]
fn broken_archives_are_refused() {
    let good = tensor_pickle("FloatStorage", 2, &[2], &[1]);
    let numbers = [0; 8];
    let stored = |entries: &[(&str, &[u8])]| archive(entries, CompressionMethod::Stored);
    let said = |bytes: &[u8], what: &str| {
        let error = refused(of(bytes));
        assert!(error.message.contains(what), "{error}, must say {what}");
    };
    said(&stored(&[("x/data.pkl", &good), ("x/data/0", &numbers), ("x/byteorder", b"big")]), "big-endian");
    said(&stored(&[("x/data.pkl", &good)]), "no entry for storage");
    said(&stored(&[("x/data.pkl", &good), ("x/data/0", &[0; 4])]), "4 bytes");
    said(&stored(&[("x/other", &good)]), "data.pkl");
    said(&stored(&[("x/data.pkl", &good), ("y/data.pkl", &good)]), "data.pkl");
    said(&stored(&[("x/data.pkl", &good), ("x/data/0", &numbers), ("/etc/x", b"")]), "leads out");
    said(
        &stored(&[("x/data.pkl", &tensor_pickle("FloatStorage", 2, &[3], &[1])), ("x/data/0", &numbers)]),
        "do not fit",
    );
    said(
        &stored(&[("x/data.pkl", &tensor_pickle("FloatStorage", 2, &[2], &[2])), ("x/data/0", &numbers)]),
        "do not fit",
    );
    said(
        &stored(&[("x/data.pkl", &tensor_pickle("FloatStorage", 2, &[u32::MAX], &[1])), ("x/data/0", &numbers)]),
        "size",
    );
    said(&stored(&[("x/data.pkl", b"\x80\x02N")]), "truncated");
    // A bomb: many zeros, where the tensor needs few.
    let bomb = vec![0; 1 << 22];
    said(&archive(&[("x/data.pkl", &good), ("x/data/0", &bomb)], CompressionMethod::Deflated), "need 8");
    let mut bomb = b"\x80\x02".to_vec();
    bomb.resize(65 << 20, b'N');
    said(&archive(&[("x/data.pkl", &bomb)], CompressionMethod::Deflated), "limit");
    // A length in the directory that the compressed bytes do not have.
    let mut lie = archive(&[("x/data.pkl", &good), ("x/data/0", &numbers)], CompressionMethod::Deflated);
    let directory = lie.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    lie[directory + 24..directory + 28].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    said(&lie, "need 8");
    // Two entries over the same bytes: the second directory entry points to the first one's.
    let mut shared = stored(&[("x/data.pkl", &good), ("x/data/0", &numbers), ("x/data/1", &numbers)]);
    let directory = shared.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let local = shared.windows(8).position(|w| w == b"x/data/0").unwrap() - 30;
    shared[directory + 42..directory + 46].copy_from_slice(&(local as u32).to_le_bytes());
    refused(of(&shared));
    // The same name twice, where the zip crate lets it through.
    let mut twice = stored(&[("x/data.pkl", &good), ("x/data/0", &numbers), ("x/data/1", &numbers)]);
    while let Some(at) = twice.windows(8).position(|w| w == b"x/data/1") {
        twice[at + 7] = b'0';
    }
    refused(of(&twice));
}

#[test]
fn state_dicts_are_found_under_their_wrappers() {
    let inner = |key: &str| {
        let tensor = tensor_pickle("FloatStorage", 1, &[1], &[1]);
        let mut out = b"\x80\x02}(X\x05\0\0\0epochK\x01X".to_vec();
        out.extend((key.len() as u32).to_le_bytes());
        out.extend(key.as_bytes());
        out.extend(&tensor[2..tensor.len() - 1]);
        out.extend(b"u.");
        archive(&[("x/data.pkl", &out), ("x/data/0", &[0; 4])], CompressionMethod::Stored)
    };
    for key in ["state_dict", "model_state_dict", "model", "module", "net"] {
        assert_eq!(of(&inner(key)).unwrap().names(), ["a"], "{key}");
    }
    assert_eq!(of(&inner("encoder")).unwrap().names(), ["encoder.a"]);
}

// ---- safetensors

fn example() -> Tensors {
    let device = &Device::Cpu;
    let table = Tensor::arange(0f32, 24., device).unwrap().reshape((4, 6)).unwrap();
    Tensors::from([
        ("table".into(), table.clone()),
        ("transposed".into(), table.t().unwrap()),
        ("part".into(), table.narrow(0, 1, 2).unwrap()),
        ("half".into(), table.to_dtype(DType::F16).unwrap()),
        ("bf16".into(), table.to_dtype(DType::BF16).unwrap()),
        ("f64".into(), table.to_dtype(DType::F64).unwrap()),
        ("i64".into(), table.to_dtype(DType::I64).unwrap()),
        ("i32".into(), table.to_dtype(DType::I32).unwrap()),
        ("u32".into(), table.to_dtype(DType::U32).unwrap()),
        ("i16".into(), Tensor::from_slice(&[-1i16, 7], 2, device).unwrap()),
        ("u8".into(), Tensor::from_slice(&[1u8, 0, 1], 3, device).unwrap()),
        ("scalar".into(), Tensor::new(2.5f32, device).unwrap()),
        ("empty".into(), Tensor::zeros((0, 4), DType::F32, device).unwrap()),
    ])
}

#[test]
fn what_is_saved_is_read_again() {
    let scratch = Scratch::new();
    let path = scratch.0.join("model.safetensors");
    let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
    save(&path, &example(), &metadata).unwrap();
    same(&WeightFile::open(&path).unwrap(), "", &example());
    // By the crate's own reader too, and nothing is left beside it; a second time replaces it.
    assert_eq!(tensors(&path).len(), example().len());
    save(&path, &Tensors::new(), &BTreeMap::new()).unwrap();
    assert_eq!(WeightFile::open(&path).unwrap().names().len(), 0);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_saved_leaves_nothing() {
    let scratch = Scratch::new();
    let error = save(&scratch.0.join("none/model.safetensors"), &example(), &BTreeMap::new()).err().unwrap();
    assert_eq!(error.kind, ErrorKind::Io);
    let named = Tensors::from([("__metadata__".into(), f32s(&[1.]))]);
    let error = save(&scratch.0.join("model.safetensors"), &named, &BTreeMap::new()).err().unwrap();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 0);
    // A folder in the way of the name.
    fs::create_dir(scratch.0.join("model.safetensors")).unwrap();
    fs::write(scratch.0.join("model.safetensors/x"), b"").unwrap();
    save(&scratch.0.join("model.safetensors"), &example(), &BTreeMap::new()).err().unwrap();
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

#[test]
fn rows_are_those_of_the_tensor() {
    let scratch = Scratch::new();
    let path = scratch.0.join("model.safetensors");
    save(&path, &example(), &BTreeMap::new()).unwrap();
    let file = WeightFile::open(&path).unwrap();
    let ids = [3u32, 0, 3];
    let want = file.tensor("table").unwrap().index_select(&Tensor::new(&ids, &Device::Cpu).unwrap(), 0).unwrap();
    assert_eq!(bits(&file.rows("table", &ids).unwrap()), bits(&want));
    assert_eq!(file.rows("table", &[]).unwrap().dims(), [0, 6]);
    assert_eq!(file.rows("u8", &[2]).unwrap().to_vec1::<u8>().unwrap(), [1]);
    assert_eq!(file.rows("table", &[4]).err().unwrap().kind, ErrorKind::InvalidArgument);
    assert_eq!(file.rows("scalar", &[0]).err().unwrap().kind, ErrorKind::Shape);
    assert_eq!(file.rows("none", &[0]).err().unwrap().kind, ErrorKind::Weights);
    let Some(folder) = fixture("containers") else { return };
    for name in ["ordered_dict.pt", "legacy_nonzip.pt"] {
        let file = WeightFile::open(&folder.join(name)).unwrap();
        let ids = Tensor::new(&[5u32, 1], &Device::Cpu).unwrap();
        let want = file.tensor("transposed").unwrap().index_select(&ids, 0).unwrap();
        assert_eq!(bits(&file.rows("transposed", &[5, 1]).unwrap()), bits(&want));
    }
}

#[test]
fn shards_are_one_model() {
    let scratch = Scratch::new();
    let (first, second): (Tensors, Tensors) = example().into_iter().partition(|(name, _)| name.as_str() < "half");
    save(&scratch.0.join("a.safetensors"), &first, &BTreeMap::new()).unwrap();
    save(&scratch.0.join("b.safetensors"), &second, &BTreeMap::new()).unwrap();
    let index = |edit: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut map = serde_json::Map::new();
        first.keys().for_each(|name| drop(map.insert(name.clone(), "a.safetensors".into())));
        second.keys().for_each(|name| drop(map.insert(name.clone(), "b.safetensors".into())));
        edit(&mut map);
        let text = serde_json::json!({"metadata": {"total_size": 1}, "weight_map": map}).to_string();
        WeightFile::open(&scratch.file("model.safetensors.index.json", text.as_bytes()))
    };
    same(&index(&|_| {}).unwrap(), "", &example());
    for name in ["../a.safetensors", "/etc/passwd", "..", "x/a.safetensors", "x\\a", ""] {
        refused(index(&|map| drop(map.insert("table".into(), name.into()))));
    }
    refused(index(&|map| drop(map.insert("more".into(), "a.safetensors".into()))));
    let missing = index(&|map| drop(map.insert("table".into(), "c.safetensors".into()))).err().unwrap();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    let torch = index(&|map| drop(map.insert("table".into(), "pytorch_model-1.bin".into()))).err().unwrap();
    assert_eq!(torch.kind, ErrorKind::Unsupported);
    refused(of(b"{\"a\": 1}"));
    refused(of(b"{"));
}

fn header(json: &str, data: usize) -> Vec<u8> {
    let mut out = (json.len() as u64).to_le_bytes().to_vec();
    out.extend(json.as_bytes());
    out.resize(out.len() + data, 0);
    out
}

#[test]
fn broken_safetensors_are_refused() {
    let one = |shape: &str, from: &str, to: &str| {
        format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}}}")
    };
    of(&header(&one("[2]", "0", "8"), 8)).unwrap();
    for (json, data) in [
        (one("[2]", "0", "8"), 7),
        (one("[2]", "0", "8"), 9),
        (one("[2]", "1", "9"), 9),
        (one("[2]", "8", "0"), 8),
        (one("[3]", "0", "8"), 8),
        (one("[-1]", "0", "8"), 8),
        (one("[4611686018427387904]", "0", "0"), 0),
        (one("[2305843009213693951]", "0", "9223372036854775804"), 8),
        ("{".into(), 0),
        ("{\"a\":1}".into(), 0),
        (format!("{{\"a\":{}", "[".repeat(100_000)), 0),
        (one("[2]", "0", "8").replace("F32", "F33"), 8),
    ] {
        refused(of(&header(&json, data)));
    }
    // Sizes whose sum with the header's length wraps around.
    let huge = (0..8).map(|i| {
        let (from, step) = (i * 0x1fff_ffff_ffff_fffcu64, 0x1fff_ffff_ffff_fffcu64);
        format!("\"{i}\":{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{from},{}]}}", step / 4, from + step)
    });
    refused(of(&header(&format!("{{{}}}", huge.collect::<Vec<_>>().join(",")), 8)));
}

#[test]
fn a_tensor_is_held_once() {
    let scratch = Scratch::new();
    let path = scratch.0.join("large.safetensors");
    let table = Tensor::zeros((1024, 16 * 1024), DType::F32, &Device::Cpu).unwrap();
    save(&path, &Tensors::from([("table".into(), table)]), &BTreeMap::new()).unwrap();
    let file = WeightFile::open(&path).unwrap();
    assert_eq!(file.tensor("table").unwrap().elem_count(), 16 << 20);
    file.rows("table", &(0..1024).collect::<Vec<u32>>()).unwrap();
    // Of the 64 MiB of the map hardly any pages are left.
    let maps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let name = path.display().to_string();
    let mapped = maps.lines().skip_while(|line| !line.ends_with(&name));
    let resident = mapped.skip(1).find_map(|line| line.strip_prefix("Rss:")).unwrap_or("0 kB").trim();
    let kilobytes: u64 = resident.trim_end_matches(" kB").trim().parse().unwrap();
    assert!(kilobytes < 1024, "{kilobytes} kB");
}

#[test]
fn a_full_disk_has_its_own_error() {
    let full = std::io::Error::from_raw_os_error(libc::ENOSPC);
    assert_eq!(super::safetensors::failed(Path::new("x"), full).kind, ErrorKind::DiskFull);
}

// ---- MindSpore

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(bytes);
}

fn mindspore_value(tag: &str, dims: &[u8], kind: &str, content: &[u8]) -> Vec<u8> {
    let (mut tensor, mut value, mut out) = (Vec::new(), Vec::new(), Vec::new());
    dims.iter().for_each(|&extent| tensor.extend([0x08, extent]));
    field(&mut tensor, 2, kind.as_bytes());
    field(&mut tensor, 3, content);
    field(&mut value, 1, tag.as_bytes());
    field(&mut value, 2, &tensor);
    field(&mut out, 1, &value);
    out
}

#[test]
fn mindspore_parts_are_joined() {
    let numbers: Vec<u8> = [1f32, 2., 3., 4.].iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut file = mindspore_value("w", &[4], "Float32", &numbers[..6]);
    file.extend(mindspore_value("moment1.w", &[2, 2], "Float32", &numbers));
    file.extend(mindspore_value("w", &[4], "Float32", &numbers[6..]));
    file.extend(mindspore_value("step", &[0], "Int32", &7i32.to_le_bytes()));
    file.extend(b"crc_num0123456789");
    let read = of(&file).unwrap();
    assert_eq!(read.names(), ["moment1.w", "step", "w"]);
    assert_eq!(bits(&read.tensor("w").unwrap()), bits(&f32s(&[1., 2., 3., 4.])));
    assert_eq!(read.tensor("step").unwrap().to_scalar::<i32>().unwrap(), 7);
    assert_eq!(read.rows("w", &[2]).unwrap().to_vec1::<f32>().unwrap(), [3.]);
    for wrong in [
        mindspore_value("w", &[5], "Float32", &numbers),
        [mindspore_value("w", &[4], "Float32", &numbers), mindspore_value("w", &[4], "Int32", &numbers)].concat(),
        [mindspore_value("w", &[4], "Float32", &numbers), vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]].concat(),
        [mindspore_value("w", &[4], "Float32", &numbers), vec![0xff; 20]].concat(),
        mindspore_value("w", &[4], "Float32", &numbers)[..30].to_vec(),
    ] {
        refused(of(&wrong));
    }
}

// ---- files that are something else, and noise

#[test]
fn other_files_are_named_for_what_they_are() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n\0\0\0", "HDF5"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "unpacked"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"hello, world, this is text", "no file of weights"),
        (b"\x0a", "no file of weights"),
        (b"\x93NUMPY\x01\0", "no file of weights"),
    ];
    for (bytes, said) in cases {
        let error = refused(of(bytes));
        assert!(error.message.contains(said), "{error}");
    }
    assert_eq!(WeightFile::open(Path::new("/nowhere/x")).err().unwrap().kind, ErrorKind::NotFound);
    assert_eq!(WeightFile::open(&std::env::temp_dir()).err().unwrap().kind, ErrorKind::Io);
}

/// Small files of every format.
fn seeds() -> Vec<Vec<u8>> {
    let numbers: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let pickle = tensor_pickle("FloatStorage", 6, &[2, 3], &[1, 2]);
    let entries: [(&str, &[u8]); 3] = [("x/data.pkl", &pickle), ("x/byteorder", b"little"), ("x/data/0", &numbers)];
    vec![
        archive(&entries, CompressionMethod::Stored),
        archive(&entries, CompressionMethod::Deflated),
        tensor_in_pickle(&blob(&[1., 2., 3., 4.])),
        blob(&[1., 2., 3., 4.]),
        numpy_array("numpy.core.multiarray", "f4", &[2, 3], true, &numbers),
        header(
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},\"b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]}}",
            32,
        ),
        [mindspore_value("w", &[2, 3], "Float32", &numbers), mindspore_value("s", &[0], "Int32", &[0; 4])].concat(),
    ]
}

#[test]
fn truncated_files_are_errors() {
    let before = peak();
    let mut files = seeds();
    if let Some(folder) = fixture("containers") {
        files.extend(
            ["ordered_dict.pt", "protocol4.pt", "legacy_nonzip.pt", "strided.pt"]
                .map(|name| fs::read(folder.join(name)).unwrap()),
        );
    }
    for (which, file) in files.iter().enumerate() {
        of(file).unwrap_or_else(|error| panic!("{which}: {error}"));
        for length in 0..file.len() {
            // MindSpore's values stand alone: a file that ends between two of them is a shorter file.
            let whole = which == 6 && of(&file[..length]).is_ok();
            assert!(whole || of(&file[..length]).is_err(), "{which} at {length}");
            read_all(&file[..length]);
        }
    }
    assert!(peak() - before < 300 << 20, "{} bytes more", peak() - before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_never_panic(which in 0usize..7, flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..5)) {
        let mut file = seeds().swap_remove(which);
        for (at, bit) in flips {
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
        }
        read_all(&file);
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), head in 0usize..4) {
        read_all(&bytes);
        let _ = unpickled(&bytes);
        let heads: [&[u8]; 4] = [b"PK\x03\x04", b"\x80\x04", b"\x0a", b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."];
        bytes.splice(0..0, heads[head].iter().copied());
        read_all(&bytes);
    }

    #[test]
    fn any_operations_never_panic(operations in prop::collection::vec(prop::sample::select(&b"((00122NNK\x01M\x01\x02]})\x8f\x88\x89\x85\x86\x87ttllddaaeesuuRbo\x81\x92\x93\x94qh\0\x01\x02\x03.X\x01\0\0\0a"[..]), 0..60)) {
        let mut bytes = b"\x80\x04cbuiltins\nlist\nq\0ccollections\nOrderedDict\nq\x01cnumpy\ndtype\nq\x02".to_vec();
        bytes.extend(operations);
        bytes.push(b'.');
        let _ = unpickled(&bytes);
    }
}

#[test]
fn layouts_beyond_their_storage_are_refused() {
    let layout = |shape: &[usize], strides: &[usize], offset| Layout {
        kind: Kind::F32,
        shape: shape.into(),
        strides: strides.into(),
        offset,
    };
    layout(&[2, 3], &[3, 1], 0).check("x", 24).unwrap();
    layout(&[0, usize::MAX, 5], &[1, 1, 1], usize::MAX).check("x", 0).unwrap();
    layout(&[], &[], 5).check("x", 24).unwrap();
    for wrong in [
        layout(&[], &[], 6),
        layout(&[2, 3], &[3, 1], 1),
        layout(&[usize::MAX, 2], &[1, 1], 0),
        layout(&[2], &[usize::MAX], 0),
        layout(&[2], &[usize::MAX - 1], usize::MAX - 1),
        layout(&[2], &[], 0),
    ] {
        refused(wrong.check("x", 24));
    }
}
