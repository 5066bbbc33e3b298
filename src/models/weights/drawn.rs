//! Random weights: a model of any configuration without a checkpoint, to try things on or to measure.

use crate::bail;
use crate::error::Result;
use crate::stats::random::Random;
use candle_core::{Device, Tensor};

/// For [`Random::new`]: weights are unrelated to what else is drawn with the same seed.
const DOMAIN: u64 = 0x7765_6967_6874;

/// Tensors that depend on the seed, their name and their shape alone.
pub struct Drawn {
    seed: u64,
}

impl Drawn {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    pub fn source(&self) -> String {
        format!("random weights of seed {}", self.seed)
    }

    /// Normal, with a variance of 1 over the last axis' length, so that sums over it are neither large nor small; biases and
    /// running means are 0, other vectors (the scales of norms) 1.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let mut values: Vec<f32> = Vec::new();
        let n = match shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent)) {
            Some(n) if values.try_reserve_exact(n).is_ok() => n,
            _ => bail!(OutOfMemory, "{name}: memory for shape {shape:?} could not be had"),
        };
        let zero = ["bias", "running_mean", "beta"].iter().any(|end| name.ends_with(end));
        match shape.len() {
            0 | 1 if zero => values.resize(n, 0.0),
            0 | 1 => values.resize(n, 1.0),
            _ => {
                let mut random = Random::new(self.seed, DOMAIN, hash(name));
                let spread = 1.0 / (shape[shape.len() - 1].max(1) as f64).sqrt();
                values.extend((0..n).map(|_| (spread * random.normal()) as f32));
            }
        }
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// For those who ask for what is in a file.
    pub fn absent<T>(&self, name: &str) -> Result<T> {
        bail!(Weights, "{name}: must come from a file, is not there in {}", self.source())
    }
}

/// FNV-1a: a number of a name, the same everywhere.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_seed_and_name_alone() {
        let draw = |seed, name| Drawn::new(seed).tensor(name, &[3, 4]).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(draw(1, "a.weight"), draw(1, "a.weight"));
        assert_ne!(draw(1, "a.weight"), draw(2, "a.weight"));
        assert_ne!(draw(1, "a.weight"), draw(1, "b.weight"));
        let error = Drawn::new(0).tensor("x", &[1 << 40, 1 << 40]).unwrap_err();
        assert_eq!(error.kind, crate::error::ErrorKind::OutOfMemory);
        let vector = |name| Drawn::new(0).tensor(name, &[2]).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!((vector("norm.weight"), vector("norm.bias")), (vec![1.0; 2], vec![0.0; 2]));
    }
}
