//! Weighted graphs of genes, and one step of smoothing along their edges.

use crate::ensure;
use crate::error::Result;
use crate::models::io::row_numbers;
use crate::models::nn::{floats, rows_in_place};
use candle_core::{DType, Device, Tensor};

/// Edges from sources to targets, as upstream's `edge_index` and `edge_weight` have them.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub nodes: usize,
    pub sources: Vec<u32>,
    pub targets: Vec<u32>,
    pub weights: Vec<f32>,
}

impl Graph {
    pub fn new(nodes: usize) -> Self {
        Self { nodes, sources: Vec::new(), targets: Vec::new(), weights: Vec::new() }
    }

    pub fn push(&mut self, source: usize, target: usize, weight: f64) {
        self.sources.push(source as u32);
        self.targets.push(target as u32);
        self.weights.push(weight as f32);
    }

    pub fn len(&self) -> usize {
        self.weights.len()
    }

    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// From `[2, edges]` whole numbers (sources, then targets) and `[edges]` weights.
    pub fn from_tensors(name: &str, edges: &Tensor, weights: &Tensor, nodes: usize) -> Result<Self> {
        let n = weights.elem_count();
        ensure!(
            edges.dims() == [2, n] || (n == 0 && edges.elem_count() == 0),
            Shape,
            "{name}: has shape {:?}, must be [2, {n}], as {name}_weight has {n} edges",
            edges.dims()
        );
        let mut sources = row_numbers(name, edges, nodes)?;
        let targets = sources.split_off(n);
        let weights = floats(weights)?;
        if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            crate::bail!(InvalidArgument, "{name}_weight[{i}]: is {}, must be finite and not negative", weights[i]);
        }
        Ok(Self { nodes, sources, targets, weights })
    }

    /// `[2, edges]` i64 and `[edges]` f32.
    pub fn tensors(&self) -> Result<(Tensor, Tensor)> {
        let ends: Vec<i64> = self.sources.iter().chain(&self.targets).map(|&node| i64::from(node)).collect();
        Ok((
            Tensor::from_vec(ends, (2, self.len()), &Device::Cpu)?,
            Tensor::from_slice(&self.weights, self.len(), &Device::Cpu)?,
        ))
    }
}

/// The symmetrically normalised adjacency of a graph whose nodes all have a loop: torch_geometric's `gcn_norm` with
/// `add_remaining_self_loops`, which `SGConv` applies.
///
/// A node that has a loop keeps its weight (of several the last), others get 1. A node's degree is the weight that comes in.
pub struct Smoothing {
    /// Where the edges into each node begin.
    begins: Vec<usize>,
    edges: Vec<(u32, f64)>,
}

impl Smoothing {
    pub fn new(graph: &Graph) -> Self {
        let n = graph.nodes;
        let mut loops = vec![1.0f64; n];
        let mut begins = vec![0usize; n + 1];
        let all = || graph.sources.iter().zip(&graph.targets).zip(&graph.weights).map(|((&s, &t), &w)| (s, t, f64::from(w)));
        for (source, target, weight) in all() {
            if source == target {
                loops[target as usize] = weight;
            } else {
                begins[target as usize + 1] += 1;
            }
        }
        // One more for each node's loop, which comes last.
        (0..n).for_each(|node| begins[node + 1] += begins[node] + 1);
        let mut next = begins.clone();
        let mut edges = vec![(0u32, 0.0f64); begins[n]];
        let mut degrees = vec![0.0f64; n];
        let looped = loops.iter().enumerate().map(|(node, &weight)| (node as u32, node as u32, weight));
        for (source, target, weight) in all().filter(|(source, target, _)| source != target).chain(looped) {
            let place = &mut next[target as usize];
            edges[*place] = (source, weight);
            *place += 1;
            degrees[target as usize] += weight;
        }
        let scale: Vec<f64> = degrees.iter().map(|&degree| if degree > 0.0 { 1.0 / degree.sqrt() } else { 0.0 }).collect();
        for target in 0..n {
            for (source, weight) in &mut edges[begins[target]..begins[target + 1]] {
                *weight *= scale[*source as usize] * scale[target];
            }
        }
        Self { begins, edges }
    }

    /// For each node the weighted sum of the rows of those that point to it. Of `[nodes, width]`; within the pool.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let width = x.dims()[1];
        let rows = floats(x)?;
        let smoothed = Tensor::zeros(x.shape(), DType::F32, &Device::Cpu)?;
        rows_in_place(&smoothed, |target, out| {
            let mut sums = vec![0.0f64; width];
            for &(source, weight) in &self.edges[self.begins[target]..self.begins[target + 1]] {
                let row = &rows[source as usize * width..][..width];
                sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += weight * f64::from(x));
            }
            out.iter_mut().zip(&sums).for_each(|(out, &sum)| *out = sum as f32);
        })?;
        Ok(smoothed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: usize, edges: &[(usize, usize, f64)]) -> Graph {
        let mut graph = Graph::new(nodes);
        edges.iter().for_each(|&(s, t, w)| graph.push(s, t, w));
        graph
    }

    fn smoothed(graph: &Graph, x: &[f32]) -> Vec<f32> {
        let x = Tensor::from_slice(x, (x.len(), 1), &Device::Cpu).unwrap();
        let ctx = crate::parallel::Ctx::new(1);
        ctx.map_in_pool(1, 1, |_| floats(&Smoothing::new(graph).apply(&x)?)).unwrap().remove(0)
    }

    #[test]
    fn nodes_without_edges_keep_their_features() {
        assert_eq!(smoothed(&graph(3, &[]), &[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_loop_keeps_its_weight_and_others_get_one() {
        // Into 0: 0.5 from 1 and its own loop of 3 -> degree 3.5; 1 has a loop of 1 alone.
        let got = smoothed(&graph(2, &[(0, 0, 3.0), (1, 0, 0.5)]), &[1.0, 10.0]);
        let want = 3.0 / 3.5 + 0.5 / 3.5f64.sqrt() * 10.0;
        assert!((f64::from(got[0]) - want).abs() < 1e-6, "{got:?}");
        assert_eq!(got[1], 10.0);
        // of two loops the last counts, and edges run one way only
        assert_eq!(smoothed(&graph(2, &[(0, 0, 3.0), (0, 0, 1.0), (1, 0, 0.5)]), &[1.0, 0.0])[0], (1.0f64 / 1.5) as f32);
    }

    #[test]
    fn a_node_of_no_weight_at_all_vanishes() {
        assert_eq!(smoothed(&graph(2, &[(0, 0, 0.0)]), &[1.0, 2.0]), [0.0, 2.0]);
    }

    #[test]
    fn tensors_go_there_and_back_and_are_checked() {
        let there = graph(4, &[(3, 0, 0.5), (1, 2, 1.0)]);
        let (edges, weights) = there.tensors().unwrap();
        assert_eq!(Graph::from_tensors("G_go", &edges, &weights, 4).unwrap(), there);
        let error = Graph::from_tensors("G_go", &edges, &weights, 3).unwrap_err();
        assert!(error.message.contains("G_go") && error.message.contains('3'), "{error}");
        let negative = weights.neg().unwrap();
        assert!(Graph::from_tensors("G_go", &edges, &negative, 4).unwrap_err().message.contains("G_go_weight[0]"));
        assert!(Graph::from_tensors("G_go", &edges, &weights.narrow(0, 0, 1).unwrap(), 4).is_err());
        let (edges, weights) = graph(4, &[]).tensors().unwrap();
        assert!(Graph::from_tensors("G_go", &edges, &weights, 4).unwrap().is_empty());
    }
}
