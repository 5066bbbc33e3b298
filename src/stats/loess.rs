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
use crate::{bail, ensure};

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
            return Ok(x.iter().map(|&x| if inside(x) { self.blend(x) } else { f64::NAN }).collect());
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
    weights: Option<Vec<f64>>,
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

/// Columns of a design matrix and the right-hand side, reused from fit to fit.
#[derive(Default)]
struct Scratch {
    columns: [Vec<f64>; MAX_TERMS],
    y: Vec<f64>,
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
        Ok(Self { x: sorted(x), y: sorted(y), weights: weights.map(sorted), nearest, stretch: span.max(1.0), terms })
    }

    /// Fits at each of `at`, and says once if some of the fits were near singular.
    fn fit_at(&self, ctx: &Ctx, at: &[f64]) -> Result<Vec<LocalFit>> {
        let mut fits = vec![LocalFit { value: 0.0, slope: 0.0, singular: None }; at.len()];
        // A fit of a million points takes about 20 ms.
        let batch = (1_000_000 / self.nearest).clamp(1, 1000);
        ctx.run_chunks(&mut fits, batch, Scratch::default, |scratch, piece, fits| {
            for (fit, &q) in fits.iter_mut().zip(&at[piece * batch..]) {
                *fit = self.fit_one(q, scratch)?;
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

    /// Weighted least squares of a polynomial in x - q on the points nearest to q, by Cleveland's tricube weights.
    fn fit_one(&self, q: f64, scratch: &mut Scratch) -> Result<LocalFit> {
        let near = self.window(q);
        let (x, y) = (&self.x[near.clone()], &self.y[near.clone()]);
        let reach = (x[0] - q).powi(2).max((x[x.len() - 1] - q).powi(2)) * self.stretch;
        ensure!(
            reach > 0.0,
            Value,
            "x: {} or more points are equal to {q}, all that a local fit takes; a larger span is needed",
            x.len()
        );
        let Scratch { columns, y: right } = scratch;
        let columns = &mut columns[..self.terms];
        columns.iter_mut().for_each(Vec::clear);
        right.clear();
        let mut total = 0.0;
        for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
            let d = ((x - q).powi(2) / reach).sqrt();
            let case = self.weights.as_ref().map_or(1.0, |w| w[near.start + i]);
            let w = (case * (1.0 - d.powi(3)).powi(3)).max(0.0).sqrt();
            total += w;
            let mut term = w;
            for column in columns.iter_mut() {
                column.push(term);
                term *= x - q;
            }
            right.push(w * y);
        }
        ensure!(
            total > 0.0,
            Value,
            "x: all {} points that a local fit at {q} takes lie at its reach or weigh nothing (x is constant?); a larger span is needed",
            x.len()
        );
        Ok(least_squares(columns, right))
    }

    /// The `nearest` points that are nearest to q. Which of two equally far ones is in does not matter: the farthest
    /// weighs nothing.
    fn window(&self, q: f64) -> std::ops::Range<usize> {
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
fn least_squares(columns: &mut [Vec<f64>], right: &mut [f64]) -> LocalFit {
    let k = columns.len();
    let mut lengths = [1.0; MAX_TERMS];
    for (column, length) in columns.iter_mut().zip(&mut lengths) {
        let norm = column.iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm > 0.0 {
            column.iter_mut().for_each(|v| *v /= norm);
            *length = norm;
        }
    }
    let r = householder(columns, right);
    let (u, sigma, v) = jacobi_svd(r, k);
    let largest = sigma[..k].iter().copied().fold(0.0, f64::max);
    let smallest = sigma[..k].iter().copied().fold(f64::INFINITY, f64::min);
    let tolerance = largest * (100.0 * f64::EPSILON);
    let mut coefficients = [0.0; MAX_TERMS];
    for j in (0..k).filter(|&j| sigma[j] > tolerance) {
        let along = (0..k).map(|i| u[i][j] * right[i]).sum::<f64>() / sigma[j];
        for i in 0..k {
            coefficients[i] += v[i][j] / lengths[i] * along;
        }
    }
    LocalFit {
        value: coefficients[0],
        slope: coefficients[1],
        singular: (smallest <= tolerance).then(|| smallest / largest),
    }
}

type Square = [[f64; MAX_TERMS]; MAX_TERMS];

/// Householder's QR: R is returned, the first rows of `right` become those of Q'right.
fn householder(columns: &mut [Vec<f64>], right: &mut [f64]) -> Square {
    let mut r = Square::default();
    for j in 0..columns.len() {
        let (before, rest) = columns.split_at_mut(j + 1);
        let pivot = &mut before[j][..];
        for (i, row) in r.iter_mut().enumerate().take(j) {
            row[j] = pivot[i];
        }
        let norm = pivot[j..].iter().map(|v| v * v).sum::<f64>().sqrt();
        if norm == 0.0 {
            continue;
        }
        let diagonal = if pivot[j] > 0.0 { -norm } else { norm };
        r[j][j] = diagonal;
        pivot[j] -= diagonal;
        let reflector = &pivot[j..];
        let half = -diagonal * reflector[0];
        let reflect = |column: &mut [f64]| {
            let along = reflector.iter().zip(column.iter()).map(|(a, b)| a * b).sum::<f64>() / half;
            column.iter_mut().zip(reflector).for_each(|(c, v)| *c -= along * v);
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
