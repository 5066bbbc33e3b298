//! What one cell is to the model: the positions whose value is above 0, and vectors pooled from them.

use crate::error::Result;
use crate::models::nn;
use candle_core::Tensor;

/// The positions of a cell that the encoder sees, ascending, so that T and S, which come after the genes, are the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens {
    pub ids: Vec<u32>,
    pub values: Vec<f32>,
    /// Positions whose value is below 0: the decoder alone sees them.
    pub below: Vec<(u32, f32)>,
}

impl Tokens {
    /// Of a value for each position.
    pub fn of_row(row: &[f32]) -> Self {
        let mut tokens = Self::default();
        for (id, &value) in (0..).zip(row) {
            if value > 0.0 {
                tokens.push(id, value);
            } else if value < 0.0 {
                tokens.below.push((id, value));
            }
        }
        tokens
    }

    pub fn push(&mut self, id: u32, value: f32) {
        self.ids.push(id);
        self.values.push(value);
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

/// The last token (S), the last but one (T), the maximum and the mean over the others, one after the other: NaN unless there
/// are others.
pub fn pool_all(encoded: Option<&Tensor>, width: usize) -> Result<Vec<f32>> {
    let rows = match encoded {
        Some(encoded) => nn::floats(encoded)?,
        None => Vec::new(),
    };
    let rows: Vec<&[f32]> = rows.chunks_exact(width).collect();
    let [genes @ .., target, depth] = rows.as_slice() else { return Ok(vec![f32::NAN; 4 * width]) };
    if genes.is_empty() {
        return Ok(vec![f32::NAN; 4 * width]);
    }
    let mut pooled = [*depth, *target].concat();
    pooled.extend(largest(genes, width));
    pooled.extend((0..width).map(|j| (genes.iter().map(|row| row[j] as f64).sum::<f64>() / genes.len() as f64) as f32));
    Ok(pooled)
}

/// The maximum over all tokens: NaN if there are none.
pub fn pool_max(encoded: Option<&Tensor>, width: usize) -> Result<Vec<f32>> {
    let Some(encoded) = encoded else { return Ok(vec![f32::NAN; width]) };
    let rows = nn::floats(encoded)?;
    Ok(largest(&rows.chunks_exact(width).collect::<Vec<_>>(), width))
}

fn largest(rows: &[&[f32]], width: usize) -> Vec<f32> {
    let mut top = vec![f32::NEG_INFINITY; width];
    for row in rows {
        top.iter_mut().zip(*row).for_each(|(top, &x)| *top = top.max(x));
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn positions_above_0_are_tokens_and_those_below_are_kept_for_the_decoder() {
        let tokens = Tokens::of_row(&[0.0, 1.5, -2.0, -0.0, 3.0]);
        assert_eq!(tokens, Tokens { ids: vec![1, 4], values: vec![1.5, 3.0], below: vec![(2, -2.0)] });
    }

    #[test]
    fn pooling_takes_s_t_and_the_genes_apart() {
        let rows = |n: usize| {
            let all: [f32; 8] = [1.0, -5.0, 3.0, -7.0, 10.0, 11.0, 20.0, 21.0];
            Tensor::from_slice(&all[..2 * n], (n, 2), &Device::Cpu).unwrap()
        };
        assert_eq!(pool_all(Some(&rows(4)), 2).unwrap(), [20.0, 21.0, 10.0, 11.0, 3.0, -5.0, 2.0, -6.0]);
        assert_eq!(pool_max(Some(&rows(4)), 2).unwrap(), [20.0, 21.0]);
        assert!(pool_all(Some(&rows(2)), 2).unwrap().iter().all(|x| x.is_nan()));
        assert_eq!(pool_max(Some(&rows(2)), 2).unwrap(), [3.0, -5.0]);
        assert!(pool_max(None, 2).unwrap().iter().all(|x| x.is_nan()));
    }
}
