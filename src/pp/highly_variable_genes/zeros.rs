//! The residuals of zeros, and their squares, added up over all cells, for each gene.
//!
//! They depend on the gene's sum alone, and smoothly: `r^2 = mu / (1 + mu / theta)` with `mu` the sum times the cell's share
//! of all counts. So they are worked out at some sums, and in between interpolated: divided by the sum (or its root), as
//! functions of the sum's logarithm, whose only singularities lie at an imaginary part of pi. Chebyshev's polynomials on
//! stretches of four octaves gain a digit in 1.5 nodes there: [`NODES`] leave an error of rounding only, below 1e-13.
//!
//! Cutting off breaks that, but only where a zero's residual can be as large as the cut-off: its square is below theta.
//! Where it can, each sum is worked out by itself.

use crate::error::Result;
use crate::parallel::Ctx;
use crate::simd::widest;

/// The null model.
#[derive(Clone, Copy)]
pub(super) struct Model {
    /// 1 / theta.
    pub dispersion: f64,
    pub clip: f64,
}

impl Model {
    /// One over the standard deviation of a count of which `mu` is expected.
    #[inline(always)]
    pub fn scale(self, mu: f64) -> f64 {
        1.0 / (mu + mu * mu * self.dispersion).sqrt()
    }

    #[inline(always)]
    pub fn clipped(self, residual: f64) -> f64 {
        let above = if residual < -self.clip { -self.clip } else { residual };
        if above > self.clip { self.clip } else { above }
    }
}

/// Sums that are worked on side by side, each in its own accumulators.
const LANES: usize = 8;

/// Where the sums are worked out on each stretch of four octaves.
const NODES: usize = 28;

/// For genes of these sums, the residuals of zeros and their squares, added over cells of these shares.
pub(super) fn zeros(ctx: &Ctx, model: Model, gene_sums: &[f64], shares: &[f64]) -> Result<Vec<[f64; 2]>> {
    let shares = counted(shares);
    let mut distinct: Vec<f64> = gene_sums.iter().copied().filter(|&sum| sum > 0.0).collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    let largest = distinct.last().zip(shares.last()).map_or(0.0, |(sum, (share, _))| sum * share);
    let smooth = largest / (1.0 + largest * model.dispersion) <= model.clip * model.clip;

    let stretch = |sum: f64| ((sum.to_bits() >> 52) as i64 - 1023).div_euclid(4);
    let stretches: Vec<&[f64]> = distinct.chunk_by(|&a, &b| stretch(a) == stretch(b)).collect();
    let interpolated = |sums: &[f64]| smooth && sums.len() > NODES;
    let points = |sums: &&[f64]| match interpolated(sums) {
        true => Nodes::of(stretch(sums[0])).sums.to_vec(),
        false => sums.to_vec(),
    };
    let points: Vec<f64> = stretches.iter().flat_map(points).collect();
    let mut worked_out = vec![[0.0; 2]; points.len()];
    let batch = LANES * (100_000 / shares.len().max(1)).max(1);
    ctx.run_chunks(
        &mut worked_out,
        batch,
        || (),
        |(), piece, out| {
            for (sums, out) in points[piece * batch..].chunks(LANES).zip(out.chunks_mut(LANES)) {
                let mut lanes = [1.0; LANES];
                lanes[..sums.len()].copy_from_slice(sums);
                out.copy_from_slice(&work_out(model, &lanes, &shares)[..out.len()]);
            }
            Ok(())
        },
    )?;

    let mut rest = &worked_out[..];
    let mut of_distinct = Vec::with_capacity(distinct.len());
    for sums in stretches {
        let (here, later) = rest.split_at(if interpolated(sums) { NODES } else { sums.len() });
        rest = later;
        if interpolated(sums) {
            let nodes = Nodes::of(stretch(sums[0]));
            of_distinct.extend(sums.iter().map(|&sum| nodes.interpolate(here, sum)));
        } else {
            of_distinct.extend_from_slice(here);
        }
    }
    let of = |&sum: &f64| match sum > 0.0 {
        true => of_distinct[distinct.partition_point(|&s| s < sum)],
        false => [0.0; 2],
    };
    Ok(gene_sums.iter().map(of).collect())
}

/// Distinct shares, ascending, and how many cells have each. Empty cells have residuals of zero.
fn counted(shares: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = shares.iter().copied().filter(|&share| share > 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as f64)).collect()
}

/// The lanes never mix, so that a gene's sum does not depend on the others'.
fn work_out(model: Model, gene_sums: &[f64; LANES], shares: &[(f64, f64)]) -> [[f64; 2]; LANES] {
    let mut plain = [0.0; LANES];
    let mut squared = [0.0; LANES];
    widest(
        #[inline(always)]
        || {
            for &(share, times) in shares {
                for lane in 0..LANES {
                    let mu = gene_sums[lane] * share;
                    let r = model.clipped(-mu * model.scale(mu));
                    plain[lane] += times * r;
                    squared[lane] += times * (r * r);
                }
            }
        },
    );
    std::array::from_fn(|lane| [plain[lane], squared[lane]])
}

/// Chebyshev's nodes on a stretch of four octaves.
struct Nodes {
    centre: f64,
    /// In units of half the stretch, on a logarithmic scale.
    places: [f64; NODES],
    weights: [f64; NODES],
    sums: [f64; NODES],
}

impl Nodes {
    const HALF: f64 = 2.0 * std::f64::consts::LN_2;

    fn of(stretch: i64) -> Self {
        let centre = 2f64.powi(4 * stretch as i32 + 2);
        let angle = |j: usize| (j as f64 + 0.5) * std::f64::consts::PI / NODES as f64;
        let places = std::array::from_fn(|j| angle(j).cos());
        let weights = std::array::from_fn(|j| if j % 2 == 0 { angle(j).sin() } else { -angle(j).sin() });
        Self { centre, places, weights, sums: places.map(|place| centre * (place * Self::HALF).exp()) }
    }

    /// By the barycentric formula, from what was worked out at the nodes.
    fn interpolate(&self, at_nodes: &[[f64; 2]], sum: f64) -> [f64; 2] {
        let place = (sum / self.centre).ln() / Self::HALF;
        let (mut above, mut below) = ([0.0; 2], 0.0);
        for (j, of_node) in at_nodes.iter().enumerate() {
            let distance = place - self.places[j];
            if distance == 0.0 {
                return *of_node;
            }
            let weight = self.weights[j] / distance;
            let ratio = sum / self.sums[j];
            above[0] += weight * of_node[0] * ratio.sqrt();
            above[1] += weight * of_node[1] * ratio;
            below += weight;
        }
        above.map(|x| x / below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_is_as_good_as_the_sums_themselves() {
        let shares: Vec<f64> = (0..400).map(|i| (1.0 + f64::from(i * 7919 % 1009)).powi(2) * 1e-9).collect();
        let gene_sums: Vec<f64> = (0..4000).map(|i| (1.003f64.powi(i) * 3.0).floor()).collect();
        for (dispersion, clip) in [(0.01, 20.0), (1.0, 30.0), (0.0, f64::INFINITY), (0.01, 3.0)] {
            let model = Model { dispersion, clip };
            let got = zeros(&Ctx::new(2), model, &gene_sums, &shares).unwrap();
            for (&sum, got) in gene_sums.iter().zip(got) {
                let want = work_out(model, &[sum; LANES], &counted(&shares))[3];
                for (a, b) in got.iter().zip(want) {
                    assert!((a - b).abs() <= 2e-14 * b.abs(), "{dispersion} {sum}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn genes_and_cells_without_counts() {
        let model = Model { dispersion: 0.01, clip: 10.0 };
        assert_eq!(zeros(&Ctx::new(1), model, &[0.0, 0.0], &[0.0, 0.5]).unwrap(), [[0.0; 2]; 2]);
        let [plain, squared] = zeros(&Ctx::new(1), model, &[4.0], &[0.0, 0.25, 0.25]).unwrap()[0];
        assert!((squared - 2.0 / 1.01).abs() < 1e-15 && (plain + 2.0 / 1.01f64.sqrt()).abs() < 1e-15);
    }
}
