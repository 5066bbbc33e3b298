//! Simulated counts with a known truth: clusters, their markers, batches, library sizes.
//!
//! The model is the usual negative binomial one (as in Splatter, Zappia et al. 2017, without its dropout and paths):
//! a cell of cluster `c` and batch `b` with library size `L` has counts of mean `L * share` and variance
//! `mean + dispersion * mean^2`, where a gene's share is its base expression, times the fold change if it marks `c`,
//! times the gene's effect in `b`, divided by the sum of that over all genes.

use crate::ensure;
use crate::error::Result;
use crate::matrix::{Axis, IndexVec, Sparse, Value, ValueVec};
use crate::parallel::{Ctx, even_ranges};
use crate::stats::random::Random;

/// What to simulate. The defaults are of the order of a 10x run of blood cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// Clusters, of equal sizes up to one cell: cell `i` is of cluster `i % n_clusters`.
    pub n_clusters: usize,
    /// Genes that mark each cluster, drawn among the more expressed half of the genes; no gene marks two clusters.
    pub markers_per_cluster: usize,
    /// How many times more of a marker a cell of its cluster expresses.
    pub marker_fold_change: f64,
    /// Batches, crossed with the clusters: cell `i` is of batch `i / n_clusters % n_batches`.
    pub n_batches: usize,
    /// Standard deviation of the natural logarithm of a gene's effect in a batch; with one batch there is none.
    pub batch_sd: f64,
    /// Median of the library sizes, which are log-normal.
    pub library_size: f64,
    /// Standard deviation of the natural logarithm of the library sizes.
    pub library_sd: f64,
    /// Standard deviation of the natural logarithm of the genes' base expression, which is log-normal.
    pub gene_sd: f64,
    /// Negative binomial dispersion; 0 is Poisson.
    pub dispersion: f64,
}

impl Default for Simulation {
    fn default() -> Self {
        Self {
            n_clusters: 5,
            markers_per_cluster: 20,
            marker_fold_change: 8.0,
            n_batches: 1,
            batch_sd: 0.3,
            library_size: 3000.0,
            library_sd: 0.35,
            gene_sd: 2.0,
            dispersion: 0.3,
        }
    }
}

/// Simulated counts and the truth behind them.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Obs-major.
    pub counts: Sparse,
    /// Each cell's cluster.
    pub clusters: Vec<i32>,
    /// Each cell's batch.
    pub batches: Vec<i32>,
    /// Which cluster each gene marks, or -1.
    pub marker_of: Vec<i32>,
}

/// Domains of the random streams, so that cells and genes never share one.
mod domain {
    pub(super) const CELL: u64 = 1;
    pub(super) const GENE: u64 = 2;
    pub(super) const MARKERS: u64 = 3;
    /// Batch `b` has domain `BATCH + b`, so it stays last.
    pub(super) const BATCH: u64 = 4;
}

/// Draws a count matrix from the context's seed. `V` is f32 or an integer type wide enough for the counts.
///
/// Each cell draws from a stream of its own: the result depends on the seed and the arguments alone.
pub fn counts<V: Value>(ctx: &Ctx, n_obs: usize, n_vars: usize, simulation: &Simulation) -> Result<Simulated> {
    check(n_obs, n_vars, simulation)?;
    let Simulation { n_clusters, n_batches, dispersion, .. } = *simulation;
    let seed = ctx.seed();
    let cluster = |cell: usize| cell % n_clusters;
    let batch = |cell: usize| cell / n_clusters % n_batches;

    let base = base_expression(seed, n_vars, simulation.gene_sd);
    let marker_of = markers(seed, &base, simulation);
    let shares = ctx.part(0.0, 0.05).map(n_clusters * n_batches, |profile| {
        Ok(shares(seed, &base, &marker_of, profile / n_batches, profile % n_batches, simulation))
    })?;

    let pieces: Vec<_> = even_ranges(n_obs, (500_000 / n_vars.max(1)).max(1)).collect();
    let drawn = ctx.part(0.05, 0.95).map(pieces.len(), |p| {
        let mut lines = Drawn::<V>::default();
        for cell in pieces[p].clone() {
            let mut random = Random::new(seed, domain::CELL, cell as u64);
            let library = simulation.library_size * libm::exp(simulation.library_sd * random.normal());
            for (gene, share) in shares[cluster(cell) * n_batches + batch(cell)].iter().enumerate() {
                let count = random.negative_binomial(library * share, dispersion);
                if count > 0 {
                    lines.indices.push(gene as i32);
                    lines.values.push(V::from_f64(count as f64));
                }
            }
            lines.ends.push(lines.indices.len());
        }
        Ok(lines)
    })?;

    Ok(Simulated {
        counts: join(ctx.part(0.95, 1.0), n_obs, n_vars, drawn)?,
        clusters: (0..n_obs).map(|cell| cluster(cell) as i32).collect(),
        batches: (0..n_obs).map(|cell| batch(cell) as i32).collect(),
        marker_of,
    })
}

fn check(n_obs: usize, n_vars: usize, s: &Simulation) -> Result<()> {
    const MOST: usize = i32::MAX as usize;
    for (n, name) in [(n_obs, "n_obs"), (n_vars, "n_vars")] {
        ensure!(n <= MOST, InvalidArgument, "{name}: is {n}, must be at most {MOST}");
    }
    for (n, name) in [(s.n_clusters, "n_clusters"), (s.n_batches, "n_batches")] {
        ensure!((1..=MOST).contains(&n), InvalidArgument, "options.{name}: is {n}, must be from 1 to {MOST}");
    }
    let marked = s.n_clusters.checked_mul(s.markers_per_cluster);
    ensure!(
        marked.is_some_and(|marked| marked <= n_vars),
        InvalidArgument,
        "options.markers_per_cluster: is {}, for {} clusters that makes more markers than there are genes ({n_vars})",
        s.markers_per_cluster,
        s.n_clusters
    );
    for (x, name) in [(s.marker_fold_change, "marker_fold_change"), (s.library_size, "library_size")] {
        ensure!(x.is_finite() && x > 0.0, InvalidArgument, "options.{name}: is {x}, must be positive and finite");
    }
    // Logarithms of more than this spread leave the range of counts.
    for (x, name) in [(s.batch_sd, "batch_sd"), (s.library_sd, "library_sd"), (s.gene_sd, "gene_sd")] {
        ensure!((0.0..=10.0).contains(&x), InvalidArgument, "options.{name}: is {x}, must be from 0 to 10");
    }
    ensure!(
        (0.0..=1e6).contains(&s.dispersion),
        InvalidArgument,
        "options.dispersion: is {}, must be from 0 (Poisson) to 1e6",
        s.dispersion
    );
    ensure!(
        s.library_size <= 1e9,
        InvalidArgument,
        "options.library_size: is {}, must be at most 1e9 molecules per cell",
        s.library_size
    );
    Ok(())
}

fn base_expression(seed: u64, n_vars: usize, sd: f64) -> Vec<f64> {
    (0..n_vars as u64).map(|gene| libm::exp(sd * Random::new(seed, domain::GENE, gene).normal())).collect()
}

/// Which cluster each gene marks: a random choice from the genes of higher base expression, where a marker shows.
fn markers(seed: u64, base: &[f64], simulation: &Simulation) -> Vec<i32> {
    let marked = simulation.n_clusters * simulation.markers_per_cluster;
    let mut genes: Vec<usize> = (0..base.len()).collect();
    genes.sort_by(|&a, &b| base[b].total_cmp(&base[a]));
    genes.truncate(marked.max(base.len().div_ceil(2)));

    let mut marker_of = vec![-1; base.len()];
    let mut random = Random::new(seed, domain::MARKERS, 0);
    for i in 0..marked {
        let chosen = i + random.below(genes.len() - i);
        genes.swap(i, chosen);
        marker_of[genes[i]] = (i / simulation.markers_per_cluster) as i32;
    }
    marker_of
}

/// The part of a cell's molecules that each gene has, in one cluster and batch.
fn shares(seed: u64, base: &[f64], marker_of: &[i32], cluster: usize, batch: usize, s: &Simulation) -> Vec<f64> {
    let effect = |gene: usize| match s.n_batches {
        1 => 1.0,
        _ => libm::exp(s.batch_sd * Random::new(seed, domain::BATCH + batch as u64, gene as u64).normal()),
    };
    let fold = |gene: usize| if marker_of[gene] == cluster as i32 { s.marker_fold_change } else { 1.0 };
    let expression: Vec<f64> = (0..base.len()).map(|gene| base[gene] * fold(gene) * effect(gene)).collect();
    let sum: f64 = expression.iter().sum();
    expression.into_iter().map(|x| x / sum).collect()
}

/// The counts of a few cells.
struct Drawn<V> {
    /// Where each cell's counts end.
    ends: Vec<usize>,
    indices: Vec<i32>,
    values: Vec<V>,
}

impl<V> Default for Drawn<V> {
    fn default() -> Self {
        Self { ends: Vec::new(), indices: Vec::new(), values: Vec::new() }
    }
}

fn join<V: Value>(ctx: &Ctx, n_obs: usize, n_vars: usize, pieces: Vec<Drawn<V>>) -> Result<Sparse> {
    let nnz = pieces.iter().map(|piece| piece.values.len()).sum();
    let mut indptr = Vec::with_capacity(n_obs + 1);
    let (mut indices, mut values) = (Vec::with_capacity(nnz), Vec::with_capacity(nnz));
    indptr.push(0i64);
    for (p, piece) in pieces.into_iter().enumerate() {
        ctx.poll(p as f64 / n_obs.max(1) as f64)?;
        let begin = values.len();
        indptr.extend(piece.ends.iter().map(|end| (begin + end) as i64));
        indices.extend(piece.indices);
        values.extend(piece.values);
    }
    let (indices, values): (IndexVec, ValueVec) = (IndexVec::I32(indices), V::wrap_vec(values));
    Ok(Sparse { major: Axis::Obs, n_obs, n_vars, indptr, indices, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::matrix::ValueSlice;

    fn dense(simulated: &Simulated) -> Vec<f64> {
        let m = &simulated.counts;
        let (IndexVec::I32(indices), ValueSlice::I32(values)) = (&m.indices, m.values.as_slice()) else { panic!() };
        let mut out = vec![0.0; m.n_obs * m.n_vars];
        for cell in 0..m.n_obs {
            for k in m.indptr[cell] as usize..m.indptr[cell + 1] as usize {
                out[cell * m.n_vars + indices[k] as usize] = values[k] as f64;
            }
        }
        out
    }

    /// Without spread of library sizes and genes, every count has the same known mean and variance.
    #[test]
    fn mean_and_dispersion_are_those_asked_for() {
        for dispersion in [0.0, 0.5] {
            let plain = Simulation {
                markers_per_cluster: 0,
                library_size: 400.0,
                library_sd: 0.0,
                gene_sd: 0.0,
                dispersion,
                ..Default::default()
            };
            let drawn = dense(&counts::<i32>(&Ctx::new(2).with_seed(7), 1000, 100, &plain).unwrap());
            let n = drawn.len() as f64;
            let mean = drawn.iter().sum::<f64>() / n;
            let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            assert!((mean - 4.0).abs() < 0.05, "mean {mean}");
            let expected = 4.0 + dispersion * 16.0;
            assert!((variance - expected).abs() < 0.03 * expected, "variance {variance}, must be near {expected}");
        }
    }

    #[test]
    fn markers_mark_their_cluster() {
        let s = Simulation { n_clusters: 4, n_batches: 3, gene_sd: 0.5, ..Default::default() };
        let simulated = counts::<i32>(&Ctx::new(1), 600, 400, &s).unwrap();
        let drawn = dense(&simulated);
        assert_eq!(simulated.marker_of.iter().filter(|&&c| c >= 0).count(), 80);
        for cluster in 0..4 {
            assert_eq!(simulated.clusters.iter().filter(|&&c| c == cluster).count(), 150);
            let (mut inside, mut outside) = (0.0, 0.0);
            for (i, x) in drawn.iter().enumerate() {
                if simulated.marker_of[i % 400] == cluster {
                    *(if simulated.clusters[i / 400] == cluster { &mut inside } else { &mut outside }) += x;
                }
            }
            // three other clusters; more expression of its markers leaves a cell less for other genes
            let fold = inside / (outside / 3.0);
            assert!((fold - 8.0).abs() < 2.0, "cluster {cluster}: fold change {fold}");
        }
        assert_eq!(simulated.batches.iter().filter(|&&b| b == 2).count(), 200);
    }

    #[test]
    fn threads_change_nothing_and_the_seed_everything() {
        let s = Simulation { n_batches: 2, ..Default::default() };
        let run = |threads, seed| counts::<f32>(&Ctx::new(threads).with_seed(seed), 301, 5000, &s).unwrap();
        let one = run(1, 0);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads, 0), one);
        }
        assert_ne!(run(2, 1).counts, one.counts);
        // stored zeros would be a lie about the count of non-zeros
        let ValueSlice::F32(values) = one.counts.values.as_slice() else { panic!() };
        assert!(values.iter().all(|&v| v >= 1.0 && v.fract() == 0.0));
    }

    #[test]
    fn empty_and_impossible_requests() {
        let none = Simulation { markers_per_cluster: 0, ..Default::default() };
        let ctx = Ctx::new(2);
        assert_eq!(counts::<f32>(&ctx, 0, 0, &none).unwrap().counts.indptr, [0]);
        assert_eq!(counts::<f32>(&ctx, 3, 0, &none).unwrap().counts.indptr, [0; 4]);
        assert_eq!(counts::<f32>(&ctx, 0, 200, &Simulation::default()).unwrap().marker_of.len(), 200);
        let fails = |s: Simulation, says: &str| {
            let error = counts::<f32>(&ctx, 10, 50, &s).unwrap_err();
            assert_eq!(error.kind, ErrorKind::InvalidArgument);
            assert!(error.message.contains(says), "{}", error.message);
        };
        fails(Simulation::default(), "markers_per_cluster: is 20");
        fails(Simulation { n_clusters: 0, ..none.clone() }, "n_clusters");
        fails(Simulation { n_batches: 0, ..none.clone() }, "n_batches");
        fails(Simulation { marker_fold_change: 0.0, ..none.clone() }, "marker_fold_change");
        fails(Simulation { library_size: f64::NAN, ..none.clone() }, "library_size");
        fails(Simulation { library_sd: -1.0, ..none.clone() }, "library_sd");
        fails(Simulation { dispersion: f64::INFINITY, ..none }, "dispersion");
    }
}
