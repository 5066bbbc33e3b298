//! The forward pass.
//!
//! A cell enters only at the end, where its expression is added: what a perturbation changes is the same for every cell, but
//! for one thing. Upstream does not shift the edges of the co-expression graph from cell to cell of a batch, so that only the
//! first cell of a batch is smoothed along them and the others keep their own features (as if they had loops alone). So a
//! set of perturbed genes is computed at most twice, and not once for each cell.

use super::config::Shape;
use super::graph::{Graph, Smoothing};
use crate::error::Result;
use crate::models::nn::{Activation, BatchNorm, Linear, add_assign, embedding, f32s, floats, fresh, rows_in_place};
use crate::models::weights::Loader;
use crate::parallel::Ctx;
use candle_core::{Device, Tensor};

/// How much of the smoothed features is added to a gene's own.
const POSITION: f32 = 0.2;

/// torch's BatchNorm1d.
const EPS: f64 = 1e-5;

/// Linear, BatchNorm, ReLU, ..., Linear, BatchNorm. Upstream cuts off the last layer of its list, so the last ReLU is never
/// there, whatever `last_layer_act` asks for.
struct Mlp(Vec<(Linear, BatchNorm)>);

impl Mlp {
    fn load(loader: &Loader, name: &str, sizes: &[usize]) -> Result<Self> {
        let layers = sizes.windows(2).enumerate().map(|(i, size)| {
            let linear = Linear::load(loader, &format!("{name}.network.{}", 3 * i), size[0], size[1])?;
            let norm = BatchNorm::load(loader, &format!("{name}.network.{}", 3 * i + 1), size[1], EPS, true)?;
            Ok((linear, norm))
        });
        Ok(Self(layers.collect::<Result<_>>()?))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, (linear, norm)) in self.0.iter().enumerate() {
            x = linear.forward(&x)?;
            norm.apply(&x)?;
            if i + 1 < self.0.len() {
                Activation::Relu.apply(&x)?;
            }
        }
        Ok(x)
    }
}

/// Simple graph convolutions (Wu et al. 2019) of one hop, ReLU between them.
struct Convolutions(Vec<Linear>);

impl Convolutions {
    fn load(loader: &Loader, name: &str, layers: usize, width: usize) -> Result<Self> {
        Ok(Self((0..layers).map(|i| Linear::load(loader, &format!("{name}.{i}.lin"), width, width)).collect::<Result<_>>()?))
    }

    /// Without a graph nothing but loops.
    fn forward(&self, x: &Tensor, graph: Option<&Smoothing>) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, linear) in self.0.iter().enumerate() {
            let activation = if i + 1 < self.0.len() { Activation::Relu } else { Activation::None };
            let smoothed = graph.map(|graph| graph.apply(&x)).transpose()?;
            x = linear.activated(smoothed.as_ref().unwrap_or(&x), activation)?;
        }
        Ok(x)
    }
}

/// The layers of a GEARS model, with its tables as `max_norm` leaves them.
pub struct Network {
    shape: Shape,
    pub gene_emb: Tensor,
    emb_pos: Tensor,
    pert_emb: Tensor,
    bn_emb: BatchNorm,
    bn_pert_base: BatchNorm,
    emb_trans_v2: Mlp,
    pert_fuse: Mlp,
    recovery_w: Mlp,
    cross_gene_state: Mlp,
    uncertainty_w: Option<Mlp>,
    layers_emb_pos: Convolutions,
    sim_layers: Convolutions,
    indv_w1: Vec<f32>,
    indv_b1: Vec<f32>,
    indv_w2: Vec<f32>,
    indv_b2: Vec<f32>,
}

/// What does not depend on the perturbation.
pub struct Basis {
    /// Genes with their neighbours in the co-expression graph, `[genes, hidden]`.
    smoothed: Tensor,
    /// Genes by themselves, as upstream has them in all cells of a batch but the first.
    alone: Tensor,
    /// After the convolutions along the co-expression graph, `[genes, hidden]`.
    pub positions: Tensor,
    /// After the convolutions along the graph of perturbations, `[perturbations, hidden]`.
    pub perturbations: Tensor,
}

/// What a perturbation changes: f32, one for each gene.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// To be added to the expression.
    pub change: Vec<f32>,
    /// The logarithm of the variance, if the model has an uncertainty head.
    pub logvar: Option<Vec<f32>>,
}

impl Network {
    pub fn load(loader: &Loader, shape: &Shape) -> Result<Self> {
        let Shape { genes, perts, hidden, .. } = *shape;
        let table = |name: &str, rows: usize| max_normed(&loader.get(&format!("{name}.weight"), &[rows, hidden])?);
        let norm = |name: &str| BatchNorm::load(loader, name, hidden, EPS, true);
        let mlp = |name: &str, sizes: &[usize]| Mlp::load(loader, name, sizes);
        let numbers = |name: &str, dims: &[usize]| floats(&loader.get(name, dims)?);
        // Layers that upstream has and never uses: kept, so that what is exported can be loaded there.
        for (name, dims) in [("pert_w.weight", &[hidden, 1][..]), ("pert_w.bias", &[hidden])] {
            loader.maybe(name, dims)?;
        }
        for part in ["weight", "bias", "running_mean", "running_var"] {
            loader.maybe(&format!("bn_pert_base_trans.{part}"), &[hidden])?;
        }
        loader.maybe("bn_pert_base_trans.num_batches_tracked", &[])?;
        Ok(Self {
            gene_emb: table("gene_emb", genes)?,
            emb_pos: table("emb_pos", genes)?,
            pert_emb: table("pert_emb", perts)?,
            bn_emb: norm("bn_emb")?,
            bn_pert_base: norm("bn_pert_base")?,
            emb_trans_v2: mlp("emb_trans_v2", &[hidden; 3])?,
            pert_fuse: mlp("pert_fuse", &[hidden; 3])?,
            recovery_w: mlp("recovery_w", &[hidden, 2 * hidden, hidden])?,
            cross_gene_state: mlp("cross_gene_state", &[genes, hidden, hidden])?,
            uncertainty_w: match shape.uncertainty {
                true => Some(mlp("uncertainty_w", &[hidden, 2 * hidden, hidden, 1])?),
                false => None,
            },
            layers_emb_pos: Convolutions::load(loader, "layers_emb_pos", shape.gene_layers, hidden)?,
            sim_layers: Convolutions::load(loader, "sim_layers", shape.go_layers, hidden)?,
            indv_w1: numbers("indv_w1", &[genes, hidden, 1])?,
            indv_b1: numbers("indv_b1", &[genes, 1])?,
            indv_w2: numbers("indv_w2", &[1, genes, hidden + 1])?,
            indv_b2: numbers("indv_b2", &[1, genes])?,
            shape: shape.clone(),
        })
    }

    pub fn basis(&self, ctx: &Ctx, coexpress: &Graph, go: &Graph) -> Result<Basis> {
        let made = ctx.map_in_pool(1, 1, |_| {
            let genes = fresh(&self.gene_emb)?;
            self.bn_emb.apply(&genes)?;
            Activation::Relu.apply(&genes)?;
            let positions = self.layers_emb_pos.forward(&self.emb_pos, Some(&Smoothing::new(coexpress)))?;
            let with = |positions: &Tensor| {
                let base = fresh(&genes)?;
                add_assign(&base, &(positions * f64::from(POSITION))?)?;
                self.emb_trans_v2.forward(&base)
            };
            Ok(Basis {
                smoothed: with(&positions)?,
                alone: with(&self.layers_emb_pos.forward(&self.emb_pos, None)?)?,
                positions,
                perturbations: self.sim_layers.forward(&self.pert_emb, Some(&Smoothing::new(go)))?,
            })
        })?;
        Ok(made.into_iter().next().expect("one task was run"))
    }

    /// What perturbing these genes (row numbers; none for control) changes. Within the pool.
    pub fn effect(&self, basis: &Basis, smoothed: bool, perturbed: &[u32]) -> Result<Effect> {
        let h = fresh(if smoothed { &basis.smoothed } else { &basis.alone })?;
        if !perturbed.is_empty() {
            let total = embedding(&basis.perturbations, perturbed)?.sum_keepdim(0)?;
            let fused = floats(&self.pert_fuse.forward(&total)?)?;
            rows_in_place(&h, |_, row| row.iter_mut().zip(&fused).for_each(|(x, add)| *x += add))?;
        }
        self.bn_pert_base.apply(&h)?;
        Activation::Relu.apply(&h)?;
        Ok(Effect {
            change: self.decode(&floats(&self.recovery_w.forward(&h)?)?)?,
            logvar: self.uncertainty_w.as_ref().map(|head| floats(&head.forward(&h)?)).transpose()?,
        })
    }

    /// Each gene's own linear heads, the state of all genes between them.
    fn decode(&self, y: &[f32]) -> Result<Vec<f32>> {
        let width = self.shape.hidden;
        let own: Vec<f32> = y
            .chunks_exact(width)
            .zip(self.indv_w1.chunks_exact(width))
            .zip(&self.indv_b1)
            .map(|((y, w), b)| (dot(y, w) + f64::from(*b)) as f32)
            .collect();
        let genes = Tensor::from_slice(&own, (1, own.len()), &Device::Cpu)?;
        let cross = floats(&self.cross_gene_state.forward(&genes)?)?;
        let heads = self.indv_w2.chunks_exact(width + 1).zip(&self.indv_b2);
        Ok(own
            .iter()
            .zip(heads)
            .map(|(&u, (w, b))| (f64::from(u) * f64::from(w[0]) + dot(&cross, &w[1..]) + f64::from(*b)) as f32)
            .collect())
    }
}

fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

/// torch's `Embedding(max_norm=1)`: rows longer than 1 are scaled by 1 / (length + 1e-7). In f32.
fn max_normed(table: &Tensor) -> Result<Tensor> {
    let mut values = floats(&f32s(table)?)?;
    for row in values.chunks_exact_mut(table.dims()[1]) {
        let length = dot(row, row).sqrt() as f32;
        if length > 1.0 {
            let scale = 1.0 / (length + 1e-7);
            row.iter_mut().for_each(|x| *x *= scale);
        }
    }
    Ok(Tensor::from_vec(values, table.shape(), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_longer_than_one_are_scaled() {
        let table = Tensor::new(&[[3.0f32, 4.0], [0.6, 0.8], [0.0, 0.0]], &Device::Cpu).unwrap();
        let got = floats(&max_normed(&table).unwrap()).unwrap();
        assert!((got[0] - 0.6).abs() < 1e-6 && (got[1] - 0.8).abs() < 1e-6);
        assert_eq!(got[2..], [0.6, 0.8, 0.0, 0.0]);
    }
}
