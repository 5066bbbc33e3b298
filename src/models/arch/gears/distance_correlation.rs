//! Distance correlation (Székely, Rizzo and Bakirov 2007), the biased estimator that the package `dcor` gives.

use crate::error::Result;
use crate::parallel::{Ctx, even_ranges};

/// Rows of a task.
const ROWS: usize = 64;

/// Of two vectors of the same samples, each in one or more coordinates. Time grows with the square of the samples (some
/// thousand genes), memory does not. 0 if one of them is the same in all samples.
pub fn distance_correlation(ctx: &Ctx, x: &[&[f64]], y: &[&[f64]]) -> Result<f64> {
    let n = x[0].len();
    let pieces: Vec<_> = even_ranges(n, ROWS).collect();
    let means = ctx.within(0.0, 0.4, || {
        ctx.map(pieces.len(), |p| {
            let of = |x: &[&[f64]], i: usize| (0..n).map(|j| distance(x, i, j)).sum::<f64>() / n as f64;
            Ok(pieces[p].clone().map(|i| (of(x, i), of(y, i))).collect::<Vec<_>>())
        })
    })?;
    let (mean_x, mean_y): (Vec<f64>, Vec<f64>) = means.into_iter().flatten().unzip();
    let whole = |means: &[f64]| means.iter().sum::<f64>() / n as f64;
    let (whole_x, whole_y) = (whole(&mean_x), whole(&mean_y));
    let sums = ctx.within(0.4, 1.0, || {
        ctx.map(pieces.len(), |p| {
            let mut sums = [0.0; 3];
            for i in pieces[p].clone() {
                for j in 0..n {
                    let a = distance(x, i, j) - mean_x[i] - mean_x[j] + whole_x;
                    let b = distance(y, i, j) - mean_y[i] - mean_y[j] + whole_y;
                    sums[0] += a * b;
                    sums[1] += a * a;
                    sums[2] += b * b;
                }
            }
            Ok(sums)
        })
    })?;
    let [both, of_x, of_y] = [0, 1, 2].map(|k| sums.iter().map(|sums| sums[k]).sum::<f64>());
    let variances = (of_x * of_y).sqrt();
    Ok(if variances > 0.0 { (both / variances).max(0.0).sqrt() } else { 0.0 })
}

fn distance(x: &[&[f64]], i: usize, j: usize) -> f64 {
    match x {
        [x] => (x[i] - x[j]).abs(),
        _ => x.iter().map(|x| (x[i] - x[j]) * (x[i] - x[j])).sum::<f64>().sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of dcor's documentation.
    #[test]
    fn known_values() {
        let columns: Vec<Vec<f64>> = (0..4).map(|c| (0..4).map(|r| f64::from(4 * r + c + 1)).collect()).collect();
        let a: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let b: [&[f64]; 1] = [&[1.0, 0.0, 0.0, 1.0]];
        let ctx = Ctx::new(2);
        assert!((distance_correlation(&ctx, &a, &a).unwrap() - 1.0).abs() < 1e-12);
        assert!((distance_correlation(&ctx, &a, &b).unwrap() - 0.526_640_387_47).abs() < 1e-9);
        assert_eq!(distance_correlation(&ctx, &[&[2.0; 4]], &b).unwrap(), 0.0);
    }

    #[test]
    fn the_same_bits_at_every_thread_count() {
        let x: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101)).collect();
        let y: Vec<f64> = (0..200).map(|i| f64::from(i * 53 % 97)).collect();
        let once = distance_correlation(&Ctx::new(1), &[&x, &y], &[&y]).unwrap();
        for threads in [2, 3] {
            assert_eq!(distance_correlation(&Ctx::new(threads), &[&x, &y], &[&y]).unwrap().to_bits(), once.to_bits());
        }
    }
}
