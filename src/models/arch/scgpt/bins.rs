//! Values as bins: what the original calls binning.
//!
//! The non-zero values of a cell are put into bins by their own quantiles. Counts tie, so that several edges have the same value;
//! a value that is equal to some edges belongs to any of the bins between them, and the original draws one with numpy's global
//! generator. Here the draw comes from a stream of the cell's own, or is 1/2.

use crate::stats::random::Random;

/// How a value that several bins have as their edge gets its bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ties {
    /// A uniform draw for each value, as the original; by the seed and the cell.
    Seeded(u64),
    /// The middle one.
    Deterministic,
}

/// The streams of random numbers that scGPT draws from.
pub mod stream {
    pub(crate) const TIES: u64 = 0x7363_4750_5400_0001;
    pub(crate) const SUBSET: u64 = 0x7363_4750_5400_0002;
    pub(crate) const CONTROLS: u64 = 0x7363_4750_5400_0003;
}

impl Ties {
    /// Bins of the values of a cell, none of which may be zero, in place.
    pub fn bin(self, values: &mut [f32], bins: usize, cell: usize) {
        match self {
            Self::Seeded(seed) => {
                let mut random = Random::new(seed, stream::TIES, cell as u64);
                bin(values, bins, || random.uniform());
            }
            Self::Deterministic => bin(values, bins, || 0.5),
        }
    }
}

/// Replaces each value by its bin, 1 to `bins - 1`; `uniform` is called once for each value, in their order.
pub fn bin(values: &mut [f32], bins: usize, mut uniform: impl FnMut() -> f64) {
    let edges = edges(values, bins);
    for value in values {
        let x = f64::from(*value);
        let (above, below) = (edges.partition_point(|&e| e <= x) as f64, edges.partition_point(|&e| e < x) as f64);
        *value = (uniform() * (below - above) + above).ceil() as f32;
    }
}

/// The `bins - 1` quantiles from 0 to 1 at equal distances, interpolated as `numpy.quantile` does with f32 values.
pub fn edges(values: &[f32], bins: usize) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
    let n = bins - 1;
    let step = 1.0 / (n - 1) as f64;
    let quantile = |i: usize| {
        let part = if i + 1 == n { 1.0 } else { i as f64 * step };
        let place = last as f64 * part;
        let below = (place.floor() as usize).min(last);
        let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
        let t = place - below as f64;
        // The difference in f32, what follows in f64, from the nearer end.
        let difference = f64::from(high - low);
        if t >= 0.5 { f64::from(high) - difference * (1.0 - t) } else { f64::from(low) + difference * t }
    };
    (0..n).map(quantile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fixtures::{fixture, tensors};
    use candle_core::{DType, Tensor};

    fn rows(x: &Tensor) -> Vec<Vec<f64>> {
        x.to_dtype(DType::F64).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn bins_and_edges_are_those_of_the_preprocessor() {
        let Some(folder) = fixture("tok-scgpt") else { return };
        let (inputs, outputs) =
            (tensors(folder.join("inputs.safetensors")), tensors(folder.join("outputs.safetensors")));
        let (values, uniforms) = (rows(&inputs["log_norm"]), rows(&inputs["uniforms_preprocess"]));
        let (want_bins, want_edges) = (rows(&outputs["binned_preprocess"]), rows(&outputs["bin_edges_preprocess"]));
        for (row, values) in values.iter().enumerate() {
            let columns: Vec<usize> = (0..values.len()).filter(|&i| values[i] != 0.0).collect();
            let mut some: Vec<f32> = columns.iter().map(|&i| values[i] as f32).collect();
            let mut found = vec![0.0];
            found.extend(edges(&some, 51));
            found.resize(51, 0.0);
            assert_eq!(found, want_edges[row], "edges of row {row}");
            let mut draws = columns.iter().map(|&i| uniforms[row][i]);
            bin(&mut some, 51, || draws.next().unwrap());
            let mut got = vec![0.0; values.len()];
            columns.iter().zip(some).for_each(|(&i, bin)| got[i] = f64::from(bin));
            assert_eq!(got, want_bins[row], "row {row}");
        }
    }

    #[test]
    fn ties_are_any_bin_between_their_edges() {
        let mut one = [7.0];
        bin(&mut one, 51, || 0.0);
        assert_eq!(one, [50.0]);
        for ties in [Ties::Seeded(3), Ties::Deterministic] {
            let mut same = [4.0; 300];
            ties.bin(&mut same, 51, 9);
            assert!(same.iter().all(|b| (1.0..=50.0).contains(b)));
            let distinct = same.iter().any(|&b| b != same[0]);
            assert_eq!(distinct, ties != Ties::Deterministic);
        }
        let drawn = |seed, cell| {
            let mut same = [4.0; 300];
            Ties::Seeded(seed).bin(&mut same, 51, cell);
            same
        };
        assert_eq!(drawn(1, 2), drawn(1, 2));
        assert_ne!(drawn(1, 2), drawn(2, 2));
        assert_ne!(drawn(1, 2), drawn(1, 3));
        let mut half = [4.0; 3];
        Ties::Deterministic.bin(&mut half, 51, 0);
        assert_eq!(half, [25.0; 3]);
        Ties::Deterministic.bin(&mut [], 51, 0);
    }
}
