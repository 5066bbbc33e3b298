//! Local regression on one predictor, as R's `loess` and scikit-misc run it.
//!
//! W. S. Cleveland, E. Grosse: Computational methods for local regression. Statistics and Computing 1 (1991). Both
//! references run the authors' own program, dloess. By default it does not fit at every point: it cuts the range of x
//! into cells at medians until a cell holds few points (a k-d tree, here of one dimension), fits value *and* slope at
//! the ends of the cells, and blends between them by cubic Hermite polynomials. The smoothed variance that Seurat and
//! scanpy standardise by is this interpolant, so that it has to be reproduced, not the curve it approximates.
//!
//! Where the references part: near-singular local fits (many equal x) go on with a pseudoinverse and a warning in R, and
//! are an error in scikit-misc; here they are R's warning. `n * span` just below a whole number is cut off in
//! scikit-misc and, up to 1e-5, rounded up in R; [`LoessOptions::slack`] says which.

use crate::error::Result;
use crate::parallel::Ctx;
use crate::simd::widest;
use crate::{bail, ensure};
use std::ops::Range;

/// Most coefficients of a local fit: those of a parabola.
const MAX_TERMS: usize = 3;

/// Whether the curve is fitted at each point, or at the ends of cells and blended between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Interpolate,
    Direct,
}

/// How to smooth. The defaults are R's, but for `slack`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoessOptions {
    /// The part of the points that a local fit takes, above 0. Above 1, all points with a wider kernel.
    pub span: f64,
    /// Degree of the local polynomial: 0, 1 or 2.
    pub degree: u32,
    pub surface: Surface,
    /// A cell is cut while it holds more than `n * span * cell` points.
    pub cell: f64,
    /// Added to `n * span` before that is cut off to a whole number of points: 0 in scikit-misc, [`R_SLACK`] in R.
    pub slack: f64,
}

/// What R adds to `n * span`, so that a product meant to be whole is not cut off one below it.
pub(crate) const R_SLACK: f64 = 1e-5;

impl Default for LoessOptions {
    fn default() -> Self {
        Self { span: 0.75, degree: 2, surface: Surface::Interpolate, cell: 0.2, slack: 0.0 }
    }
}

/// A smooth curve through points.
pub struct Loess {
    points: Points,
    /// Ascending ends of the cells with the value and slope there; empty if the surface is direct.
    vertices: Vec<Vertex>,
}

struct Vertex {
    x: f64,
    value: f64,
    slope: f64,
}

impl Loess {
    /// Fits y on x. `weights` are case weights; `None` means all 1.
    pub fn fit(ctx: &Ctx, x: &[f64], y: &[f64], weights: Option<&[f64]>, options: &LoessOptions) -> Result<Self> {
        let points = Points::new(x, y, weights, options)?;
        if options.surface == Surface::Direct {
            return Ok(Self { points, vertices: Vec::new() });
        }
        let at = cell_ends(&points.x, (points.x.len() as f64 * (options.span * options.cell)).floor() as usize);
        let fits = points.fit_at(ctx, &at)?;
        let vertices = at.iter().zip(fits).map(|(&x, fit)| Vertex { x, value: fit.value, slope: fit.slope }).collect();
        Ok(Self { points, vertices })
    }

    /// The curve at each `x`; NaN outside the range of the fitted points, as R has it.
    pub fn predict(&self, ctx: &Ctx, x: &[f64]) -> Result<Vec<f64>> {
        let (first, last) = (self.points.x[0], self.points.x[self.points.x.len() - 1]);
        let inside = |x: f64| first <= x && x <= last;
        if !self.vertices.is_empty() {
            const PIECE: usize = 4096;
            let mut out = vec![f64::NAN; x.len()];
            ctx.run_chunks(
                &mut out,
                PIECE,
                || (),
                |(), piece, out| {
                    let here = out.iter_mut().zip(&x[piece * PIECE..]).filter(|(_, x)| inside(**x));
                    here.for_each(|(out, &x)| *out = self.blend(x));
                    Ok(())
                },
            )?;
            return Ok(out);
        }
        // Many points share their x in practice (genes with equal counts): each is fitted once.
        let mut at: Vec<f64> = x.iter().copied().filter(|&x| inside(x)).collect();
        at.sort_unstable_by(f64::total_cmp);
        at.dedup();
        let fits = self.points.fit_at(ctx, &at)?;
        let value = |x: f64| fits[at.partition_point(|&a| a < x)].value;
        Ok(x.iter().map(|&x| if inside(x) { value(x) } else { f64::NAN }).collect())
    }

    /// Cubic Hermite interpolation between the ends of the cell that holds `x`; a cut belongs to the cell below it.
    fn blend(&self, x: f64) -> f64 {
        let above = self.vertices.partition_point(|v| v.x < x).clamp(1, self.vertices.len() - 1);
        let (a, b) = (&self.vertices[above - 1], &self.vertices[above]);
        let width = b.x - a.x;
        let h = (x - a.x) / width;
        let (phi0, phi1) = ((1.0 - h).powi(2) * (1.0 + 2.0 * h), h.powi(2) * (3.0 - 2.0 * h));
        let (psi0, psi1) = (h * (1.0 - h).powi(2), h.powi(2) * (h - 1.0));
        phi0 * a.value + phi1 * b.value + (psi0 * a.slope + psi1 * b.slope) * width
    }
}

/// Where cells end, ascending: the range of x, widened a little, cut at medians while a cell holds more than `most`
/// points. Equal x stay on one side of a cut; the cut lies on a point.
fn cell_ends(x: &[f64], most: usize) -> Vec<f64> {
    let (first, last) = (x[0], x[x.len() - 1]);
    let margin = 0.005 * (last - first).max(1e-10 * first.abs().max(last.abs()) + 1e-30);
    let mut ends = vec![first - margin, last + margin];
    // Cells come first in, first out, and there may be at most so many of them (and of ends): dloess' workspace.
    let limit = x.len().max(200);
    let mut cells = vec![(0, x.len(), ends[0], ends[1])];
    let mut next = 0;
    while let Some(&(begin, end, below, above)) = cells.get(next) {
        next += 1;
        let full = cells.len() + 2 > limit || ends.len() + 1 > limit;
        if end - begin <= most || above <= below || full {
            continue;
        }
        let cut = median_cut(x, begin, end);
        if x[cut] == below || x[cut] == above {
            continue;
        }
        if !ends.contains(&x[cut]) {
            ends.push(x[cut]);
        }
        cells.push((begin, cut + 1, below, x[cut]));
        cells.push((cut + 1, end, x[cut], above));
    }
    ends.sort_unstable_by(f64::total_cmp);
    ends
}

/// The last point of the lower half of a cell. If the next has the same x, the nearest one below or above that has not;
/// the middle after all, if the search leaves the cell first.
fn median_cut(x: &[f64], begin: usize, end: usize) -> usize {
    // dloess counts from 1: its (l + u) / 2 with l = begin + 1 and u = end.
    let middle = ((begin + 1 + end) / 2 - 1) as i64;
    let mut offset = 0;
    loop {
        let at = middle + offset;
        if at >= end as i64 - 1 || at < begin as i64 {
            return middle as usize;
        }
        if x[at as usize] != x[at as usize + 1] {
            return at as usize;
        }
        offset = if offset > 0 { -offset } else { 1 - offset };
    }
}

/// The points, ascending in x, and how local fits on them are made.
struct Points {
    x: Vec<f64>,
    y: Vec<f64>,
    weights: Vec<f64>,
    /// Points in a local fit.
    nearest: usize,
    /// The kernel's reach is this times the squared distance of the last of them.
    stretch: f64,
    terms: usize,
}

#[derive(Clone, Copy)]
struct LocalFit {
    value: f64,
    slope: f64,
    /// The reciprocal condition number, if the fit was near singular.
    singular: Option<f64>,
}

/// Fits that are made side by side, each in its own lane of a vector: their sums take one addition after another.
const LANES: usize = 4;

type Lanes = [f64; LANES];

/// Columns of a design matrix and the right-hand side, reused from fit to fit.
#[derive(Default)]
struct Scratch {
    columns: [Vec<Lanes>; MAX_TERMS],
    y: Vec<Lanes>,
}

impl Points {
    fn new(x: &[f64], y: &[f64], weights: Option<&[f64]>, options: &LoessOptions) -> Result<Self> {
        let LoessOptions { span, degree, cell, slack, .. } = *options;
        let n = x.len();
        ensure!(n > 0, Shape, "x: is empty, must have at least {} points", degree + 2);
        ensure!(y.len() == n, Shape, "y: has {} values, must have {n}, as x has", y.len());
        ensure!(span > 0.0 && span.is_finite(), InvalidArgument, "span: is {span}, must be positive and finite");
        ensure!(cell > 0.0 && cell.is_finite(), InvalidArgument, "cell: is {cell}, must be positive and finite");
        ensure!(degree <= 2, InvalidArgument, "degree: is {degree}, must be 0, 1 or 2");
        ensure!((0.0..1.0).contains(&slack), InvalidArgument, "slack: is {slack}, must be from 0 to below 1");
        for (values, name) in [(x, "x"), (y, "y")] {
            if let Some(i) = values.iter().position(|v| !v.is_finite()) {
                bail!(Value, "{name}[{i}]: is {}, must be finite", values[i]);
            }
        }
        if let Some(weights) = weights {
            ensure!(weights.len() == n, Shape, "weights: has {} values, must have {n}, as x has", weights.len());
            if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                bail!(Value, "weights[{i}]: is {}, must be finite and not negative", weights[i]);
            }
        }
        let nearest = n.min((n as f64 * span + slack).floor() as usize);
        let terms = degree as usize + 1;
        ensure!(
            terms < nearest,
            InvalidArgument,
            "span: is {span}, which takes {nearest} of {n} points; a fit of degree {degree} needs at least {}",
            terms + 1
        );
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
        let sorted = |values: &[f64]| order.iter().map(|&i| values[i] + 0.0).collect::<Vec<f64>>();
        let weights = weights.map_or_else(|| vec![1.0; n], sorted);
        Ok(Self { x: sorted(x), y: sorted(y), weights, nearest, stretch: span.max(1.0), terms })
    }

    /// Fits at each of `at`, and says once if some of the fits were near singular.
    fn fit_at(&self, ctx: &Ctx, at: &[f64]) -> Result<Vec<LocalFit>> {
        let mut fits = vec![LocalFit { value: 0.0, slope: 0.0, singular: None }; at.len()];
        // Fits of a million points take about 5 ms.
        let batch = LANES * (20_000 / self.nearest).max(1);
        ctx.run_chunks(&mut fits, batch, Scratch::default, |scratch, piece, fits| {
            for (fits, at) in fits.chunks_mut(LANES).zip(at[piece * batch..].chunks(LANES)) {
                fits.copy_from_slice(&self.fit_few(at, scratch)?[..fits.len()]);
            }
            Ok(())
        })?;
        let singular: Vec<usize> = (0..at.len()).filter(|&i| fits[i].singular.is_some()).collect();
        if let Some(&i) = singular.first() {
            ctx.warn(&format!(
                "loess: {} of {} local fits are near singular (many equal x) and used a pseudoinverse, the first at \
                 x = {:.5} with reciprocal condition number {:.2e}; a larger span avoids this",
                singular.len(),
                at.len(),
                at[i],
                fits[i].singular.unwrap_or_default()
            ));
        }
        Ok(fits)
    }

    /// At each of a few q, weighted least squares of a polynomial in x - q on the points nearest to q, by Cleveland's
    /// tricube weights. Lanes that are left over repeat the last.
    fn fit_few(&self, at: &[f64], scratch: &mut Scratch) -> Result<[LocalFit; LANES]> {
        let q: Lanes = std::array::from_fn(|l| at[l.min(at.len() - 1)]);
        let near = q.map(|q| self.window(q));
        let reach: Lanes = std::array::from_fn(|l| {
            let x = &self.x[near[l].clone()];
            (x[0] - q[l]).powi(2).max((x[x.len() - 1] - q[l]).powi(2)) * self.stretch
        });
        let Scratch { columns, y } = scratch;
        let columns = &mut columns[..self.terms];
        columns.iter_mut().for_each(|column| column.resize(self.nearest, [0.0; LANES]));
        y.resize(self.nearest, [0.0; LANES]);
        let heaviest = widest(
            #[inline(always)]
            || self.design(&near, &q, &reach, columns, y),
        );
        for l in 0..LANES {
            ensure!(
                reach[l] > 0.0,
                Value,
                "x: {} or more points are equal to {}, all that a local fit takes; a larger span is needed",
                self.nearest,
                q[l]
            );
            ensure!(
                heaviest[l] > 0.0,
                Value,
                "x: all {} points that a local fit at {} takes lie at its reach or weigh nothing (x is constant?); a larger \
                 span is needed",
                self.nearest,
                q[l]
            );
        }
        Ok(least_squares(columns, y))
    }

    /// Writes the weighted powers of x - q and the weighted y; returns the largest weights.
    #[inline(always)]
    fn design(
        &self,
        near: &[Range<usize>; LANES],
        q: &Lanes,
        reach: &Lanes,
        columns: &mut [Vec<Lanes>],
        right: &mut [Lanes],
    ) -> Lanes {
        let n = self.nearest;
        let [x, y, cases] =
            [&self.x, &self.y, &self.weights].map(|all| near.each_ref().map(|near| &all[near.clone()][..n]));
        let mut heaviest = [0.0; LANES];
        for i in 0..n {
            let from_q: Lanes = std::array::from_fn(|l| x[l][i] - q[l]);
            let mut term: Lanes = std::array::from_fn(|l| {
                let d = (from_q[l].powi(2) / reach[l]).sqrt();
                (cases[l][i] * (1.0 - d.powi(3)).powi(3)).max(0.0).sqrt()
            });
            right[i] = std::array::from_fn(|l| term[l] * y[l][i]);
            heaviest = std::array::from_fn(|l| if term[l] > heaviest[l] { term[l] } else { heaviest[l] });
            for column in columns.iter_mut() {
                column[i] = term;
                term = std::array::from_fn(|l| term[l] * from_q[l]);
            }
        }
        heaviest
    }

    /// The `nearest` points that are nearest to q. Which of two equally far ones is in does not matter: the farthest
    /// weighs nothing.
    fn window(&self, q: f64) -> Range<usize> {
        let (mut lo, mut hi) = (0, self.x.len() - self.nearest);
        while lo < hi {
            let mid = (lo + hi) / 2;
            if self.x[mid + self.nearest] - q < q - self.x[mid] { lo = mid + 1 } else { hi = mid }
        }
        lo..lo + self.nearest
    }
}

/// Solves `columns * coefficients = right` by QR and the pseudoinverse of R: columns are scaled to length one, singular
/// values up to 100 epsilon of the largest count as zero. Both arguments are overwritten.
fn least_squares(columns: &mut [Vec<Lanes>], right: &mut [Lanes]) -> [LocalFit; LANES] {
    let k = columns.len();
    let mut lengths = [[1.0; LANES]; MAX_TERMS];
    let r = widest(
        #[inline(always)]
        || {
            for (column, length) in columns.iter_mut().zip(&mut lengths) {
                *length = norm(column).map(|norm| if norm > 0.0 { norm } else { 1.0 });
                column.iter_mut().for_each(|v| *v = std::array::from_fn(|l| v[l] / length[l]));
            }
            householder(columns, right)
        },
    );
    std::array::from_fn(|l| {
        let (u, sigma, v) = jacobi_svd(r.map(|row| row.map(|lanes| lanes[l])), k);
        let largest = sigma[..k].iter().copied().fold(0.0, f64::max);
        let smallest = sigma[..k].iter().copied().fold(f64::INFINITY, f64::min);
        let tolerance = largest * (100.0 * f64::EPSILON);
        let mut coefficients = [0.0; MAX_TERMS];
        for j in (0..k).filter(|&j| sigma[j] > tolerance) {
            let along = (0..k).map(|i| u[i][j] * right[i][l]).sum::<f64>() / sigma[j];
            for i in 0..k {
                coefficients[i] += v[i][j] / lengths[i][l] * along;
            }
        }
        LocalFit {
            value: coefficients[0],
            slope: coefficients[1],
            singular: (smallest <= tolerance).then(|| smallest / largest),
        }
    })
}

#[inline(always)]
fn dot(a: &[Lanes], b: &[Lanes]) -> Lanes {
    a.iter().zip(b).fold([0.0; LANES], |sum, (a, b)| std::array::from_fn(|l| sum[l] + a[l] * b[l]))
}

#[inline(always)]
fn norm(column: &[Lanes]) -> Lanes {
    dot(column, column).map(f64::sqrt)
}

type Square<T = f64> = [[T; MAX_TERMS]; MAX_TERMS];

/// Householder's QR: R is returned, the first rows of `right` become those of Q'right.
#[inline(always)]
fn householder(columns: &mut [Vec<Lanes>], right: &mut [Lanes]) -> Square<Lanes> {
    let mut r = Square::default();
    for j in 0..columns.len() {
        let (before, rest) = columns.split_at_mut(j + 1);
        let pivot = &mut before[j][..];
        for (i, row) in r.iter_mut().enumerate().take(j) {
            row[j] = pivot[i];
        }
        let norm = norm(&pivot[j..]);
        let diagonal: Lanes = std::array::from_fn(|l| if pivot[j][l] > 0.0 { -norm[l] } else { norm[l] });
        r[j][j] = diagonal;
        pivot[j] = std::array::from_fn(|l| pivot[j][l] - diagonal[l]);
        let reflector = &pivot[j..];
        let half: Lanes = std::array::from_fn(|l| -diagonal[l] * reflector[0][l]);
        let reflect = |column: &mut [Lanes]| {
            let dot = dot(reflector, column);
            // A column of nothing is left alone.
            let along: Lanes = std::array::from_fn(|l| if norm[l] == 0.0 { 0.0 } else { dot[l] / half[l] });
            for (c, v) in column.iter_mut().zip(reflector) {
                *c = std::array::from_fn(|l| c[l] - along[l] * v[l]);
            }
        };
        rest.iter_mut().for_each(|column| reflect(&mut column[j..]));
        reflect(&mut right[j..]);
    }
    r
}

/// The singular value decomposition `a = u * diag(sigma) * v'` of the leading k x k block, by one-sided Jacobi rotations.
fn jacobi_svd(mut a: Square, k: usize) -> (Square, [f64; MAX_TERMS], Square) {
    let mut v = Square::default();
    (0..k).for_each(|i| v[i][i] = 1.0);
    for _ in 0..60 {
        let mut rotated = false;
        for (p, q) in [(0, 1), (0, 2), (1, 2)].into_iter().filter(|&(_, q)| q < k) {
            let dot = |i: usize, j: usize| (0..k).map(|row| a[row][i] * a[row][j]).sum::<f64>();
            let (alpha, beta, gamma) = (dot(p, p), dot(q, q), dot(p, q));
            if gamma.abs() <= f64::EPSILON * (alpha * beta).sqrt() {
                continue;
            }
            rotated = true;
            let zeta = (beta - alpha) / (2.0 * gamma);
            let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
            let c = 1.0 / (1.0 + t * t).sqrt();
            let s = c * t;
            for m in [&mut a, &mut v] {
                for row in m.iter_mut().take(k) {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut sigma = [0.0; MAX_TERMS];
    for j in 0..k {
        sigma[j] = (0..k).map(|i| a[i][j] * a[i][j]).sum::<f64>().sqrt();
        if sigma[j] > 0.0 {
            (0..k).for_each(|i| a[i][j] /= sigma[j]);
        }
    }
    (a, sigma, v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_does_not_depend_on_those_beside_it() {
        let noise = |i: usize| (i * 7919 % 1009) as f64 / 1009.0;
        // Some x are equal, which makes fits near singular.
        let x: Vec<f64> =
            (0..203).map(|i| if i % 3 == 0 { (noise(i) * 5.0).floor() } else { noise(i) * 5.0 }).collect();
        let y: Vec<f64> = x.iter().enumerate().map(|(i, x)| x.sin() + noise(i * i)).collect();
        let weights: Vec<f64> = (0..203).map(|i| noise(i + 7)).collect();
        for (degree, weights) in [(0, None), (1, Some(&weights[..])), (2, None), (2, Some(&weights[..]))] {
            let options = LoessOptions { span: 0.2, degree, surface: Surface::Direct, ..Default::default() };
            let together =
                Loess::fit(&Ctx::new(3), &x, &y, weights, &options).unwrap().predict(&Ctx::new(3), &x).unwrap();
            let alone = Loess::fit(&Ctx::new(1), &x, &y, weights, &options).unwrap();
            for (x, together) in x.iter().zip(together) {
                assert_eq!(alone.predict(&Ctx::new(1), &[*x]).unwrap()[0].to_bits(), together.to_bits());
            }
        }
    }
}
