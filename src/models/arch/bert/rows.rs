//! The rows of a padded batch: which positions of each count, and how results of one row each become a padded batch again.

use super::Shape;
use crate::error::Result;
use crate::models::Tensors;
use crate::models::io::row_numbers;
use crate::models::nn;
use crate::{bail, ensure};
use candle_core::{D, Device, Tensor};

/// Token ids of a batch, and which of them count.
pub struct Rows {
    pub length: usize,
    ids: Vec<u32>,
    /// For each row, up to its last position that counts.
    pub counts: Vec<Vec<bool>>,
}

impl Rows {
    /// From `input_ids`; what counts is where `attention_mask` is not 0, else the first `length` positions, else all before
    /// the padding at the end.
    pub fn new(inputs: &Tensors, shape: &Shape) -> Result<Self> {
        let Some(input_ids) = inputs.get("input_ids") else {
            bail!(InvalidArgument, "inputs: \"input_ids\" is missing")
        };
        let (n, length) = input_ids.dims2()?;
        ensure!(
            length <= shape.positions,
            Shape,
            "inputs: \"input_ids\" has {length} positions, must have at most {}, the model's",
            shape.positions
        );
        let ids = row_numbers("input_ids", input_ids, shape.vocabulary)?;
        let whole = |name: &str| -> Result<Option<Vec<i64>>> {
            inputs.get(name).map(|x| Ok(x.flatten_all()?.to_vec1()?)).transpose()
        };
        let (mask, lengths) = (whole("attention_mask")?, whole("length")?);
        let mut counts = Vec::with_capacity(n);
        for row in 0..n {
            let at = |position: usize| row * length + position;
            let mut counted: Vec<bool> = match (&mask, &lengths) {
                (Some(mask), _) => (0..length).map(|i| mask[at(i)] != 0).collect(),
                (None, Some(lengths)) => {
                    let wanted = lengths[row];
                    ensure!(
                        (0..=length as i64).contains(&wanted),
                        InvalidArgument,
                        "inputs: \"length\" has {wanted}, must be from 0 to {length}, the positions of \"input_ids\""
                    );
                    vec![true; wanted as usize]
                }
                (None, None) => {
                    let end = (0..length).rev().find(|&i| ids[at(i)] != shape.pad).map_or(0, |i| i + 1);
                    vec![true; end]
                }
            };
            counted.truncate(counted.iter().rposition(|&c| c).map_or(0, |i| i + 1));
            counts.push(counted);
        }
        Ok(Self { length, ids, counts })
    }

    pub fn n_rows(&self) -> usize {
        self.counts.len()
    }

    /// The tokens of a row up to the last that counts.
    pub fn ids(&self, row: usize) -> &[u32] {
        &self.ids[row * self.length..row * self.length + self.counts[row].len()]
    }
}

/// `[rows, length, width]` from `[tokens, width]` of each row; positions that do not count, and rows without tokens, are 0.
pub fn padded(rows: &[Option<Tensor>], counts: &[Vec<bool>], length: usize, width: usize) -> Result<Tensor> {
    let mut all = vec![0f32; rows.len() * length * width];
    if length * width > 0 {
        for ((row, counts), out) in rows.iter().zip(counts).zip(all.chunks_exact_mut(length * width)) {
            let Some(row) = row else { continue };
            let values = nn::floats(row)?;
            let places = out.chunks_exact_mut(width).zip(values.chunks_exact(width)).zip(counts);
            places.filter(|(_, counts)| **counts).for_each(|((out, value), _)| out.copy_from_slice(value));
        }
    }
    Ok(Tensor::from_vec(all, (rows.len(), length, width), &Device::Cpu)?)
}

/// One row of `[tokens, width]`.
pub fn row_of(x: &Tensor, row: usize) -> Result<Vec<f32>> {
    nn::floats(&x.narrow(0, row, 1)?)
}

/// The mean over the rows of `[tokens, width]` that `counts` accepts, added up in f64; none if it accepts none.
pub fn mean(x: &Tensor, counts: impl Fn(usize) -> bool) -> Result<Option<Vec<f32>>> {
    let width = x.dim(D::Minus1)?;
    let values = nn::floats(x)?;
    let mut sums = vec![0f64; width];
    let mut n = 0usize;
    for (_, row) in values.chunks_exact(width).enumerate().filter(|&(i, _)| counts(i)) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        n += 1;
    }
    Ok((n > 0).then(|| sums.into_iter().map(|sum| (sum / n as f64) as f32).collect()))
}
