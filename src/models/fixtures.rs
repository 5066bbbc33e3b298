//! For tests: golden inputs and outputs of the original implementations.

use super::Tensors;
use candle_core::{DType, Device, Tensor};
use std::path::{Path, PathBuf};

/// A fixture's folder; none, said loudly, where `SCNATIVE_MODELS_DIR` does not say where they are.
pub fn fixture(name: &str) -> Option<PathBuf> {
    match std::env::var_os("SCNATIVE_MODELS_DIR") {
        Some(folder) => {
            let path = Path::new(&folder).join(name);
            assert!(path.is_dir(), "SCNATIVE_MODELS_DIR: {} is no folder", path.display());
            Some(path)
        }
        None => {
            assert!(std::env::var_os("SCN_REQUIRE_ALL").is_none(), "{name}: SCNATIVE_MODELS_DIR is not set");
            eprintln!("SKIPPED: {name}: SCNATIVE_MODELS_DIR is not set");
            None
        }
    }
}

/// The tensors of a safetensors file.
pub fn tensors(path: impl AsRef<Path>) -> Tensors {
    candle_core::safetensors::load(path, &Device::Cpu).unwrap().into_iter().collect()
}

/// Fails where |got - want| > atol + rtol |want|, or shapes differ, or one is NaN and the other is not.
pub fn close(name: &str, got: &Tensor, want: &Tensor, atol: f64, rtol: f64) {
    close_where(name, got, want, atol, rtol, |_| true);
}

/// `close` at the elements whose number `counts` accepts; there must be one.
pub fn close_where(name: &str, got: &Tensor, want: &Tensor, atol: f64, rtol: f64, counts: impl Fn(usize) -> bool) {
    assert_eq!(got.dims(), want.dims(), "{name}: shape");
    let flat = |x: &Tensor| x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let (got, want) = (flat(got), flat(want));
    let mut compared = 0;
    for (i, (g, w)) in got.iter().zip(&want).enumerate().filter(|&(i, _)| counts(i)) {
        compared += 1;
        let same = (g.is_nan() && w.is_nan()) || g == w || (g - w).abs() <= atol + rtol * w.abs();
        assert!(same, "{name}[{i}]: is {g}, must be {w}");
    }
    assert!(compared > 0 || want.is_empty(), "{name}: nothing was compared");
}

/// Does `work` in a process of its own, and fails if rayon's global pool is there afterwards, of which the library never makes
/// use: its threads would be beyond `n_threads`. The test that calls it is `name` of the module `within`.
pub fn without_global_pool(within: &str, name: &str, work: impl FnOnce()) {
    const CHILD: &str = "SCNATIVE_TEST_WITHOUT_GLOBAL_POOL";
    if std::env::var_os(CHILD).is_some() {
        work();
        let free = rayon::ThreadPoolBuilder::new().num_threads(1).build_global();
        assert!(free.is_ok(), "{name}: rayon's global pool was started");
        return;
    }
    let within = within.split_once("::").map_or(within, |(_, rest)| rest);
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{within}::{name}"), "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}
