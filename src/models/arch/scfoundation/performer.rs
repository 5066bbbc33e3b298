//! The decoder's layers: a Performer, whose attention is linear in the number of tokens.
//!
//! Choromanski et al., Rethinking Attention with Performers, ICLR 2021 (FAVOR+). The softmax kernel exp(q . k) is replaced by
//! a product of random features, `phi(x) = exp(P x - |x|^2 / 2 - max) + 1e-4` with x scaled by d^(-1/4) and P stored with the
//! weights; then `sum_k phi(q) phi(k) v = phi(q) (sum_k phi(k) v)`. The factor 1 / sqrt(features) that both features carry in
//! the original cancels, and is left out.
//!
//! For queries the maximum is that of the row, which cancels. For keys it is one number over all tokens and heads, and in the
//! original over all cells of the batch; because of the 1e-4 it does not quite cancel. Here cells that are handed in together
//! share it.
//!
//! Features are made for one head and [`ROWS`] tokens at a time, so that a cell of 19 266 tokens needs its queries, keys and
//! values, and little more.

use super::config::Stack;
use crate::error::Result;
use crate::models::nn::{self, Activation, LayerNorm, Linear, add_assign, rows_in_place};
use crate::models::weights::Loader;
use crate::parallel::even_ranges;
use crate::simd::widest;
use crate::stats::exp::exp_single;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use std::ops::Range;

/// Tokens whose features are held at once.
const ROWS: usize = 1024;

/// Added to each feature.
const EPS: f32 = 1e-4;

const NORM_EPS: f64 = 1e-5;

/// `x += attention(norm(x)); x += ff(norm(x))`.
pub struct Layer {
    attention_norm: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    /// P transposed, scaled by d^(-1/4): `[d, features]`.
    projection: Tensor,
    feed_norm: LayerNorm,
    w1: Linear,
    w2: Linear,
    heads: usize,
    d: usize,
}

impl Layer {
    pub fn load(loader: &Loader, name: &str, stack: &Stack) -> Result<Self> {
        let at = |part: &str| format!("{name}.{part}");
        let (width, d) = (stack.width, stack.dim_head);
        let inner = stack.heads * d;
        let projection = at("0.fn.fast_attention.projection_matrix");
        let features = loader.shape(&projection).and_then(|shape| shape.first().copied());
        let features = features.unwrap_or((d as f64 * (d as f64).ln()) as usize);
        let matrix = nn::f32s(&loader.get(&projection, &[features, d])?)?;
        Ok(Self {
            attention_norm: LayerNorm::load(loader, &at("0.norm"), width, NORM_EPS)?,
            q: Linear::load(loader, &at("0.fn.to_q"), width, inner)?,
            k: Linear::load(loader, &at("0.fn.to_k"), width, inner)?,
            v: Linear::load(loader, &at("0.fn.to_v"), width, inner)?,
            out: Linear::load(loader, &at("0.fn.to_out"), inner, width)?,
            projection: (matrix.t()?.contiguous()? * (d as f64).powf(-0.25))?,
            feed_norm: LayerNorm::load(loader, &at("1.norm"), width, NORM_EPS)?,
            w1: Linear::load(loader, &at("1.fn.fn.w1"), width, 4 * width)?,
            w2: Linear::load(loader, &at("1.fn.fn.w2"), 4 * width, width)?,
            heads: stack.heads,
            d,
        })
    }

    /// Of fresh cells `[tokens, width]`, in place. They share the maximum of the keys.
    pub fn apply(&self, cells: &[Tensor]) -> Result<()> {
        let heads = cells.iter().map(|x| self.project(x)).collect::<Result<Vec<_>>>()?;
        let tops = heads.iter().map(|[_, k, _]| self.largest(k)).collect::<Result<Vec<_>>>()?;
        let top = tops.into_iter().fold(f32::NEG_INFINITY, f32::max);
        for (x, [q, k, v]) in cells.iter().zip(&heads) {
            add_assign(x, &self.attend(q, k, v, top)?)?;
            self.feed(x)?;
        }
        Ok(())
    }

    /// Queries, keys and values, `[tokens, heads * d]`.
    fn project(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let x = self.attention_norm.forward(x)?;
        Ok([self.q.forward(&x)?, self.k.forward(&x)?, self.v.forward(&x)?])
    }

    fn head(&self, x: &Tensor, h: usize, rows: &Range<usize>) -> Result<Tensor> {
        Ok(x.narrow(0, rows.start, rows.len())?.narrow(1, h * self.d, self.d)?.contiguous()?)
    }

    /// The largest of all keys' projections.
    fn largest(&self, k: &Tensor) -> Result<f32> {
        let tokens = k.dim(0)?;
        let of_head = |h: usize| -> Result<f32> {
            let mut top = f32::NEG_INFINITY;
            for rows in even_ranges(tokens, ROWS) {
                let projected = self.head(k, h, &rows)?.matmul(&self.projection)?;
                rows_in_place(&projected, |_, row| row[0] = nn::largest(row))?;
                let tops = nn::floats(&projected.narrow(1, 0, 1)?)?;
                top = tops.into_iter().fold(top, f32::max);
            }
            Ok(top)
        };
        let tops = (0..self.heads).into_par_iter().map(of_head).collect::<Result<Vec<_>>>()?;
        Ok(tops.into_iter().fold(f32::NEG_INFINITY, f32::max))
    }

    /// The features of queries, or of keys if the maximum is given.
    fn features(&self, x: &Tensor, top: Option<f32>) -> Result<Tensor> {
        let half = 0.5 / (self.d as f32).sqrt();
        let squares: Vec<f32> = nn::floats(x)?.chunks_exact(self.d).map(|row| half * nn::sum(row, |x| x * x)).collect();
        let y = x.matmul(&self.projection)?;
        rows_in_place(&y, |i, row| {
            widest(
                #[inline(always)]
                || {
                    let top = top.unwrap_or_else(|| nn::largest(row));
                    let square = squares[i];
                    row.iter_mut().for_each(|y| *y = exp_single(*y - square - top) + EPS);
                },
            )
        })?;
        Ok(y)
    }

    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor, top: f32) -> Result<Tensor> {
        let by_head = |h: usize| self.attend_head([q, k, v], h, top);
        let heads = (0..self.heads).into_par_iter().map(by_head).collect::<Result<Vec<_>>>()?;
        self.out.forward(&Tensor::cat(&heads, 1)?)
    }

    fn attend_head(&self, [q, k, v]: [&Tensor; 3], h: usize, top: f32) -> Result<Tensor> {
        let tokens = q.dim(0)?;
        let context = Tensor::zeros((self.projection.dim(1)?, self.d + 1), DType::F32, &Device::Cpu)?;
        for rows in even_ranges(tokens, ROWS) {
            // A column of ones beside the values, which gives the sum of the weights.
            let ones = Tensor::ones((rows.len(), 1), DType::F32, &Device::Cpu)?;
            let values = Tensor::cat(&[&self.head(v, h, &rows)?, &ones], 1)?;
            let keys = self.features(&self.head(k, h, &rows)?, Some(top))?;
            add_assign(&context, &keys.t()?.matmul(&values)?)?;
        }
        let mut blocks = Vec::new();
        for rows in even_ranges(tokens, ROWS) {
            let weighted = self.features(&self.head(q, h, &rows)?, None)?.matmul(&context)?;
            rows_in_place(&weighted, |_, row| {
                if let Some((&mut whole, row)) = row.split_last_mut() {
                    row.iter_mut().for_each(|x| *x /= whole);
                }
            })?;
            blocks.push(weighted.narrow(1, 0, self.d)?);
        }
        Ok(Tensor::cat(&blocks, 0)?)
    }

    fn feed(&self, x: &Tensor) -> Result<()> {
        for rows in even_ranges(x.dim(0)?, ROWS) {
            let part = x.narrow(0, rows.start, rows.len())?;
            let hidden = self.w1.activated(&self.feed_norm.forward(&part)?, Activation::Gelu)?;
            add_assign(&part, &self.w2.forward(&hidden)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: usize = 4;
    const HEADS: usize = 2;
    const FEATURES: usize = 9;

    /// Numbers that repeat nowhere.
    fn waves(rows: usize, columns: usize, speed: f64) -> Tensor {
        let values: Vec<f32> = (0..rows * columns).map(|i| (2.0 * (i as f64 * speed).sin()) as f32).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    }

    fn layer(matrix: &Tensor) -> Layer {
        let width = HEADS * D;
        let same = || Linear::new(Tensor::eye(width, DType::F32, &Device::Cpu).unwrap(), None).unwrap();
        let ones = Tensor::ones(width, DType::F32, &Device::Cpu).unwrap();
        let norm = || LayerNorm::new(&ones, &ones.zeros_like().unwrap(), NORM_EPS).unwrap();
        Layer {
            attention_norm: norm(),
            q: same(),
            k: same(),
            v: same(),
            out: same(),
            projection: (matrix.t().unwrap().contiguous().unwrap() * (D as f64).powf(-0.25)).unwrap(),
            feed_norm: norm(),
            w1: same(),
            w2: same(),
            heads: HEADS,
            d: D,
        }
    }

    /// The definition, in f64, over all tokens at once.
    fn defined(matrix: &[Vec<f32>], q: &[Vec<f32>], k: &[Vec<f32>], v: &[Vec<f32>]) -> Vec<Vec<f64>> {
        let scale = (D as f64).powf(-0.25);
        let raw = |x: &[f32]| -> Vec<f64> {
            let dot = |p: &Vec<f32>| p.iter().zip(x).map(|(&p, &x)| p as f64 * x as f64 * scale).sum();
            matrix.iter().map(dot).collect()
        };
        let top_of = |all: &[f64]| all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let features = |x: &[f32], top: f64| -> Vec<f64> {
            let square = x.iter().map(|&x| (x as f64 * scale).powi(2)).sum::<f64>() / 2.0;
            raw(x).into_iter().map(|y| (y - square - top).exp() + 1e-4).collect()
        };
        let part = |row: &Vec<f32>, h: usize| row[h * D..(h + 1) * D].to_vec();
        let keys: Vec<Vec<f64>> =
            (0..HEADS).flat_map(|h| k.iter().map(move |row| (row, h))).map(|(row, h)| raw(&part(row, h))).collect();
        let top = top_of(&keys.concat());
        let mut out = vec![Vec::new(); q.len()];
        for h in 0..HEADS {
            let keys: Vec<Vec<f64>> = k.iter().map(|row| features(&part(row, h), top)).collect();
            for (row, out) in q.iter().zip(&mut out) {
                let query = part(row, h);
                let query = features(&query, top_of(&raw(&query)));
                let weights: Vec<f64> =
                    keys.iter().map(|key| key.iter().zip(&query).map(|(a, b)| a * b).sum::<f64>()).collect();
                let whole: f64 = weights.iter().sum();
                for j in 0..D {
                    out.push(weights.iter().zip(v).map(|(w, v)| w * v[h * D + j] as f64).sum::<f64>() / whole);
                }
            }
        }
        out
    }

    #[test]
    fn attention_in_blocks_is_its_definition() {
        let tokens = ROWS + 137;
        let matrix = waves(FEATURES, D, 1.7);
        let [q, k, v] = [0.31, 0.77, 1.13].map(|speed| waves(tokens, HEADS * D, speed));
        let layer = layer(&matrix);
        let got = layer.attend(&q, &k, &v, layer.largest(&k).unwrap()).unwrap();
        let rows = |x: &Tensor| x.to_vec2::<f32>().unwrap();
        // Every fortieth query, all keys.
        let some: Vec<usize> = (0..tokens).step_by(40).collect();
        let queries: Vec<Vec<f32>> = some.iter().map(|&i| rows(&q)[i].clone()).collect();
        let want = defined(&rows(&matrix), &queries, &rows(&k), &rows(&v));
        let got = rows(&got);
        for (&i, want) in some.iter().zip(&want) {
            assert_eq!(got[i].len(), want.len());
            assert!(got[i].iter().zip(want).all(|(&g, w)| (g as f64 - w).abs() < 1e-5), "{:?} is not {want:?}", got[i]);
        }
    }
}
