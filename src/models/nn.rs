//! The layers that the families share, on one cell's tokens: a matrix `[tokens, width]` of f32.
//!
//! Products of matrices are candle's (the `gemm` crate). What lies between them (bias and activation, normalisation, softmax)
//! is done in place on rows, in vectors of the same bits at every width. Weights may be bf16 or f16: they are widened when they
//! are used, which costs little beside the product. Attention is done for one head and some rows at a time, so that its
//! scores never take more than [`SCORES`] numbers.

use super::weights::Loader;
use crate::error::{Error, ErrorKind, Result};
use crate::simd::widest;
use crate::stats::exp::exp_single;
use candle_core::{CpuStorage, D, DType, Device, InplaceOp1, InplaceOp2, Layout, Tensor};
use rayon::prelude::*;

/// Numbers of attention's scores that are held at once: 2 MB, which stays in the cache.
const SCORES: usize = 1 << 19;

/// Elements of a piece of work of the elementwise steps.
const PIECE: usize = 1 << 15;

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        // candle's errors carry a backtrace after the first line when one is asked for.
        let said = error.to_string();
        Error::new(
            ErrorKind::Panic,
            format!("internal error in a model, please report it: {}", said.lines().next().unwrap_or("")),
        )
    }
}

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    None,
    Relu,
    /// With this slope below zero.
    LeakyRelu(f32),
    /// By the error function, as torch's default.
    Gelu,
    /// x sigmoid(1.702 x), as OpenAI's CLIP has it.
    QuickGelu,
    Silu,
    Sigmoid,
    Tanh,
}

impl Activation {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Self::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
            Self::QuickGelu => x * sigmoid(1.702 * x),
            Self::Silu => x * sigmoid(x),
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => libm::tanhf(x),
        }
    }

    /// Applied in place.
    pub fn apply(self, x: &Tensor) -> Result<()> {
        if self == Self::None {
            return Ok(());
        }
        in_place(x, |row| self.on(row))
    }

    fn on(self, row: &mut [f32]) {
        // A branch on the kind outside of the loop, so that each loop is compiled for itself.
        macro_rules! each {
            ($($kind:pat => $made:expr),+) => {
                match self { $($kind => widest(#[inline(always)] || row.iter_mut().for_each(|x| *x = $made.of(*x)))),+ }
            };
        }
        each!(
            Self::None => Self::None, Self::Relu => Self::Relu, Self::LeakyRelu(s) => Self::LeakyRelu(s), Self::Gelu => Self::Gelu,
            Self::QuickGelu => Self::QuickGelu, Self::Silu => Self::Silu, Self::Sigmoid => Self::Sigmoid, Self::Tanh => Self::Tanh
        );
    }
}

/// The error function to 1e-6: Abramowitz and Stegun's 7.1.26, which needs no branch and so is computed in vectors.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const TERMS: [f32; 5] = [0.254_829_6, -0.284_496_74, 1.421_413_7, -1.453_152, 1.061_405_4];
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let tail = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t) * exp_single(-size * size);
    (1.0 - tail).copysign(x)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp_single(-x))
}

/// Changes the rows (the last axis) of a contiguous f32 tensor in place, several at a time. The tensor must be fresh: what
/// shares its storage changes with it.
pub fn rows_in_place(x: &Tensor, f: impl Fn(usize, &mut [f32]) + Sync) -> Result<()> {
    struct Rows<F>(F);
    impl<F: Fn(usize, &mut [f32]) + Sync> InplaceOp1 for Rows<F> {
        fn name(&self) -> &'static str {
            "rows"
        }
        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
            let width = layout.dims().last().copied().unwrap_or(1);
            let data = contiguous(storage, layout)?;
            if width == 0 {
                return Ok(());
            }
            let rows = (PIECE / width).max(1);
            data.par_chunks_mut(rows * width).enumerate().for_each(|(piece, chunk)| {
                chunk.chunks_exact_mut(width).enumerate().for_each(|(i, row)| (self.0)(piece * rows + i, row));
            });
            Ok(())
        }
    }
    Ok(x.inplace_op1(&Rows(f))?)
}

fn in_place(x: &Tensor, f: impl Fn(&mut [f32]) + Sync) -> Result<()> {
    rows_in_place(x, |_, row| f(row))
}

fn contiguous<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    let (begin, end) =
        layout.contiguous_offsets().ok_or_else(|| candle_core::Error::Msg("is not contiguous".into()))?;
    match storage {
        CpuStorage::F32(data) => Ok(&mut data[begin..end]),
        _ => Err(candle_core::Error::Msg("is not f32".into())),
    }
}

/// `x += y`, row by row; y has as many elements as x. x must be fresh.
pub fn add_assign(x: &Tensor, y: &Tensor) -> Result<()> {
    struct Add;
    impl InplaceOp2 for Add {
        fn name(&self) -> &'static str {
            "add"
        }
        fn cpu_fwd(&self, x: &mut CpuStorage, xl: &Layout, y: &CpuStorage, yl: &Layout) -> candle_core::Result<()> {
            let (begin, end) =
                yl.contiguous_offsets().ok_or_else(|| candle_core::Error::Msg("is not contiguous".into()))?;
            let CpuStorage::F32(y) = y else { return Err(candle_core::Error::Msg("is not f32".into())) };
            let y = &y[begin..end];
            let x = contiguous(x, xl)?;
            x.par_chunks_mut(PIECE).zip(y.par_chunks(PIECE)).for_each(|(x, y)| {
                widest(
                    #[inline(always)]
                    || x.iter_mut().zip(y).for_each(|(x, y)| *x += y),
                );
            });
            Ok(())
        }
    }
    Ok(x.inplace_op2(y, &Add)?)
}

/// `y = x W^T + b`, the activation applied.
#[derive(Clone)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Tensor,
    /// f32, none if there is no bias.
    bias: Option<Vec<f32>>,
}

impl Linear {
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        Ok(Self { weight, bias: bias.map(|b| floats(&b)).transpose()? })
    }

    /// `{name}.weight` and `{name}.bias`.
    pub fn load(loader: &Loader, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let bias = loader.get(&format!("{name}.bias"), &[outputs])?;
        Self::new(loader.get(&format!("{name}.weight"), &[outputs, inputs])?, Some(bias))
    }

    pub fn load_no_bias(loader: &Loader, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        Self::new(loader.get(&format!("{name}.weight"), &[outputs, inputs])?, None)
    }

    /// The layer that gives some of its outputs alone.
    pub fn rows(&self, outputs: std::ops::Range<usize>) -> Result<Self> {
        let bias = self.bias.as_ref().map(|bias| bias[outputs.clone()].to_vec());
        Ok(Self { weight: self.weight.narrow(0, outputs.start, outputs.len())?, bias })
    }

    pub fn outputs(&self) -> usize {
        self.weight.dims()[0]
    }

    /// Of `[.., in]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.activated(x, Activation::None)
    }

    pub fn activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        let inputs = x.dim(D::Minus1)?;
        let flat = x.contiguous()?.reshape(((), inputs))?;
        let y = flat.matmul(&f32s(&self.weight)?.t()?)?;
        match &self.bias {
            None => activation.apply(&y)?,
            Some(bias) => in_place(&y, |row| {
                widest(
                    #[inline(always)]
                    || row.iter_mut().zip(bias).for_each(|(y, b)| *y += b),
                );
                activation.on(row);
            })?,
        }
        let mut shape = x.dims().to_vec();
        *shape.last_mut().expect("x has an axis") = self.outputs();
        Ok(y.reshape(shape)?)
    }
}

/// A tensor's elements as f32.
pub fn floats(x: &Tensor) -> Result<Vec<f32>> {
    Ok(x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// The tensor in f32: itself if it is so already.
pub fn f32s(x: &Tensor) -> Result<Tensor> {
    Ok(x.to_dtype(DType::F32)?)
}

/// Rows of a table by number, in f32.
pub fn embedding(table: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let ids = Tensor::from_slice(ids, ids.len(), &Device::Cpu)?;
    f32s(&table.index_select(&ids, 0)?)
}

#[derive(Clone)]
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f64,
}

impl LayerNorm {
    pub fn new(weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Self> {
        Ok(Self { weight: floats(weight)?, bias: floats(bias)?, eps })
    }

    /// `{name}.weight` and `{name}.bias`.
    pub fn load(loader: &Loader, name: &str, width: usize, eps: f64) -> Result<Self> {
        Self::new(
            &loader.get(&format!("{name}.weight"), &[width])?,
            &loader.get(&format!("{name}.bias"), &[width])?,
            eps,
        )
    }

    /// Of a fresh tensor, in place.
    pub fn apply(&self, x: &Tensor) -> Result<()> {
        in_place(x, |row| self.on(row))
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = fresh(x)?;
        self.apply(&y)?;
        Ok(y)
    }

    fn on(&self, row: &mut [f32]) {
        widest(
            #[inline(always)]
            || {
                let n = row.len() as f32;
                let mean = sum(row, |x| x) / n;
                let variance = sum(row, |x| (x - mean) * (x - mean)) / n;
                let scale = 1.0 / (variance + self.eps as f32).sqrt();
                for ((x, w), b) in row.iter_mut().zip(&self.weight).zip(&self.bias) {
                    *x = (*x - mean) * scale * w + b;
                }
            },
        );
    }
}

/// Makes exponentials of what a row is below its largest, and gives their sum, which is that of [`sum`]: one pass for both.
#[inline(always)]
fn exponentials(row: &mut [f32], top: f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (sixteens, rest) = row.as_chunks_mut::<16>();
    for sixteen in sixteens {
        for (lane, x) in lanes.iter_mut().zip(sixteen) {
            *x = exp_single(*x - top);
            *lane += *x;
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *x = exp_single(*x - top);
        *lane += *x;
    }
    folded(lanes)
}

/// A sum in sixteen accumulators, folded in a fixed order: the same bits at every width of vectors.
#[inline(always)]
pub fn sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (sixteens, rest) = row.as_chunks::<16>();
    for sixteen in sixteens {
        for (lane, &x) in lanes.iter_mut().zip(sixteen) {
            *lane += f(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(x);
    }
    folded(lanes)
}

#[inline(always)]
fn folded(mut lanes: [f32; 16]) -> f32 {
    let mut width = 8;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (sixteens, rest) = row.as_chunks::<16>();
    for sixteen in sixteens {
        for (lane, &x) in lanes.iter_mut().zip(sixteen) {
            *lane = if x > *lane { x } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(f32::NEG_INFINITY, |a, &b| a.max(b))
}

/// A copy whose storage nothing else shares.
pub fn fresh(x: &Tensor) -> Result<Tensor> {
    Ok(x.contiguous()?.copy()?)
}

/// Softmax of a row, with what is added to each score first, if anything.
fn softmax_row(row: &mut [f32], added: Option<&[f32]>) {
    widest(
        #[inline(always)]
        || {
            if let Some(added) = added {
                row.iter_mut().zip(added).for_each(|(x, a)| *x += a);
            }
            let top = largest(row);
            let whole = 1.0 / exponentials(row, top);
            row.iter_mut().for_each(|x| *x *= whole);
        },
    );
}

/// Softmax over the last axis of a fresh tensor, in place.
pub fn softmax(x: &Tensor) -> Result<()> {
    in_place(x, |row| softmax_row(row, None))
}

/// Multi-head attention of one cell: `q`, `k`, `v` are `[tokens, heads * d]`; `added`, if given, is added to each query's
/// scores (0 for keys that count, -inf for those that do not). Gives `[tokens, heads * d]`.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, added: Option<&[f32]>) -> Result<Tensor> {
    let (queries, width) = q.dims2()?;
    let keys = k.dims()[0];
    let d = width / heads;
    let q = scaled(q, heads)?;
    let rows = (SCORES / keys.max(1)).clamp(1, queries.max(1));
    let mut by_head = Vec::with_capacity(heads);
    for h in 0..heads {
        // Views: the product packs what it reads in any case.
        let part = |x: &Tensor| x.narrow(1, h * d, d);
        let (q, k, v) = (part(&q)?, part(k)?.t()?, part(v)?);
        let mut blocks = Vec::with_capacity(queries.div_ceil(rows));
        for begin in (0..queries).step_by(rows) {
            let scores = q.narrow(0, begin, rows.min(queries - begin))?.matmul(&k)?;
            in_place(&scores, |row| softmax_row(row, added))?;
            blocks.push(scores.matmul(&v)?);
        }
        by_head.push(Tensor::cat(&blocks, 0)?);
    }
    Ok(Tensor::cat(&by_head, 1)?)
}

/// The queries over the root of a head's width: less work than to scale the scores.
fn scaled(q: &Tensor, heads: usize) -> Result<Tensor> {
    let d = q.dims()[1] / heads;
    Ok((q * (1.0 / (d as f64).sqrt()))?)
}

/// The probabilities themselves, `[heads, tokens, tokens]`: for those who want to see them.
pub fn attention_probabilities(q: &Tensor, k: &Tensor, heads: usize, added: Option<&[f32]>) -> Result<Tensor> {
    let d = q.dims()[1] / heads;
    let q = scaled(q, heads)?;
    let by_head: Vec<Tensor> = (0..heads)
        .map(|h| {
            let scores = q.narrow(1, h * d, d)?.matmul(&k.narrow(1, h * d, d)?.t()?)?;
            in_place(&scores, |row| softmax_row(row, added))?;
            Ok(scores)
        })
        .collect::<Result<_>>()?;
    Ok(Tensor::stack(&by_head, 0)?)
}

/// What is added to the scores so that only some keys count: none if all do.
pub fn mask(counts: &[bool]) -> Option<Vec<f32>> {
    let all = counts.iter().all(|&c| c);
    (!all).then(|| counts.iter().map(|&c| if c { 0.0 } else { f32::NEG_INFINITY }).collect())
}

/// One of torch's `nn.TransformerEncoderLayer`, post-norm: `x = norm1(x + attention(x)); x = norm2(x + ff(x))`.
pub struct EncoderLayer {
    in_proj: Linear,
    out_proj: Linear,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    heads: usize,
    activation: Activation,
    /// scGPT's own "pre-norm", in which the residual carries what is normalised: `x = norm1(x); x = x + attention(x);
    /// x = norm2(x); x = x + ff(x)`.
    norm_carries: bool,
}

/// The shape of an encoder layer.
#[derive(Clone, Copy)]
pub struct EncoderShape {
    pub width: usize,
    pub heads: usize,
    pub hidden: usize,
    pub activation: Activation,
    pub eps: f64,
    pub norm_carries: bool,
}

impl EncoderLayer {
    /// Under torch's names: `{name}.self_attn.in_proj_weight`, `.self_attn.out_proj`, `.linear1`, `.linear2`, `.norm1`, `.norm2`.
    pub fn load(loader: &Loader, name: &str, shape: EncoderShape) -> Result<Self> {
        let EncoderShape { width, heads, hidden, activation, eps, norm_carries } = shape;
        let at = |part: &str| format!("{name}.{part}");
        Ok(Self {
            in_proj: Linear::new(
                loader.get(&at("self_attn.in_proj_weight"), &[3 * width, width])?,
                Some(loader.get(&at("self_attn.in_proj_bias"), &[3 * width])?),
            )?,
            out_proj: Linear::load(loader, &at("self_attn.out_proj"), width, width)?,
            linear1: Linear::load(loader, &at("linear1"), width, hidden)?,
            linear2: Linear::load(loader, &at("linear2"), hidden, width)?,
            norm1: LayerNorm::load(loader, &at("norm1"), width, eps)?,
            norm2: LayerNorm::load(loader, &at("norm2"), width, eps)?,
            heads,
            activation,
            norm_carries,
        })
    }

    /// Of `[tokens, width]`; `added` as in [`attention`].
    pub fn forward(&self, x: &Tensor, added: Option<&[f32]>) -> Result<Tensor> {
        if self.norm_carries {
            let x = self.norm1.forward(x)?;
            let y = self.attend(&x, added)?;
            add_assign(&y, &x)?;
            self.norm2.apply(&y)?;
            let z = self.feed(&y)?;
            add_assign(&z, &y)?;
            return Ok(z);
        }
        self.rest(&self.attend(x, added)?, &x.contiguous()?)
    }

    /// What [`EncoderLayer::forward`] gives of the first token, `[1, width]`: all tokens are keys, and that one alone is a
    /// query. For the last layer where the others' results are not wanted.
    pub fn forward_first(&self, x: &Tensor, added: Option<&[f32]>) -> Result<Tensor> {
        if self.norm_carries {
            return Ok(self.forward(x, added)?.narrow(0, 0, 1)?);
        }
        let width = x.dim(1)?;
        let first = x.narrow(0, 0, 1)?.contiguous()?;
        let query = self.in_proj.rows(0..width)?.forward(&first)?;
        let others = self.in_proj.rows(width..3 * width)?.forward(x)?;
        let (keys, values) = (others.narrow(1, 0, width)?, others.narrow(1, width, width)?);
        let y = self.out_proj.forward(&attention(&query, &keys, &values, self.heads, added)?)?;
        self.rest(&y, &first)
    }

    fn attend(&self, x: &Tensor, added: Option<&[f32]>) -> Result<Tensor> {
        let width = x.dim(1)?;
        let qkv = self.in_proj.forward(x)?;
        let part = |i: usize| qkv.narrow(1, i * width, width);
        self.out_proj.forward(&attention(&part(0)?, &part(1)?, &part(2)?, self.heads, added)?)
    }

    /// What follows attention, post-norm.
    fn rest(&self, y: &Tensor, x: &Tensor) -> Result<Tensor> {
        add_assign(y, x)?;
        self.norm1.apply(y)?;
        let z = self.feed(y)?;
        add_assign(&z, y)?;
        self.norm2.apply(&z)?;
        Ok(z)
    }

    fn feed(&self, x: &Tensor) -> Result<Tensor> {
        self.linear2.forward(&self.linear1.activated(x, self.activation)?)
    }
}

/// Rows scaled to length 1, as torch's `functional.normalize`: a row shorter than `eps` is divided by `eps`.
pub fn l2_normalized(x: &Tensor, eps: f32) -> Result<Tensor> {
    let y = fresh(x)?;
    in_place(&y, |row| {
        let length = sum(row, |x| x * x).sqrt().max(eps);
        row.iter_mut().for_each(|x| *x /= length);
    })?;
    Ok(y)
}

/// BatchNorm as it is in evaluation: with the running statistics, along the last axis.
pub struct BatchNorm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl BatchNorm {
    /// `{name}.running_mean`, `.running_var`, and `.weight`, `.bias` if `affine`; `.num_batches_tracked` is taken note of.
    pub fn load(loader: &Loader, name: &str, width: usize, eps: f64, affine: bool) -> Result<Self> {
        let get = |part: &str| floats(&loader.get(&format!("{name}.{part}"), &[width])?);
        let (mean, var) = (get("running_mean")?, get("running_var")?);
        let (weight, bias) = if affine { (get("weight")?, get("bias")?) } else { (vec![1.0; width], vec![0.0; width]) };
        loader.maybe(&format!("{name}.num_batches_tracked"), &[])?;
        let scale: Vec<f32> = weight.iter().zip(&var).map(|(w, v)| w / (v + eps as f32).sqrt()).collect();
        let shift = bias.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
        Ok(Self { scale, shift })
    }

    /// Of a fresh tensor, in place.
    pub fn apply(&self, x: &Tensor) -> Result<()> {
        in_place(x, |row| {
            widest(
                #[inline(always)]
                || row.iter_mut().zip(&self.scale).zip(&self.shift).for_each(|((x, s), t)| *x = *x * s + t),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_is_that_of_the_c_library() {
        for i in -60_000..60_000 {
            let x = i as f32 * 1e-4;
            assert!((erf(x) - libm::erff(x)).abs() < 1e-6, "{x}");
        }
        assert!(erf(f32::NAN).is_nan());
    }

    #[test]
    fn the_first_token_alone_is_as_among_all() {
        let draw =
            |name: &str, shape: &[usize]| super::super::weights::drawn::Drawn::new(3).tensor(name, shape).unwrap();
        let file = super::super::weights::WeightFile::Drawn(super::super::weights::drawn::Drawn::new(3));
        let loader = Loader::new(&file, None, str::to_string);
        let shape = EncoderShape {
            width: 16,
            heads: 4,
            hidden: 24,
            activation: Activation::Gelu,
            eps: 1e-5,
            norm_carries: false,
        };
        for norm_carries in [false, true] {
            let layer = EncoderLayer::load(&loader, "layer", EncoderShape { norm_carries, ..shape }).unwrap();
            let x = draw("x", &[7, 16]);
            let added = mask(&[true, true, false, true, true, true, false]);
            for added in [None, added.as_deref()] {
                let all = layer.forward(&x, added).unwrap().narrow(0, 0, 1).unwrap();
                crate::models::fixtures::close("first", &layer.forward_first(&x, added).unwrap(), &all, 1e-5, 1e-5);
            }
        }
    }
}
