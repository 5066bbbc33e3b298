//! The regression of Theil and Sen for two variables without intercept, as scikit-learn's `TheilSenRegressor` does it
//! (Dang, Peng, Wang and Zhang 2008): exact solutions for pairs of samples, and their spatial median by the modified
//! Weiszfeld algorithm (Kärkkäinen and Äyrämö 2005).

use crate::error::Result;
use crate::parallel::Ctx;
use crate::stats::numpy_random::NumpyRandom;

/// What GEARS sets: `max_subpopulation`, `max_iter`, `random_state`; and scikit-learn's default of `tol`.
const PAIRS: usize = 100_000;
const STEPS: usize = 1000;
const SEED: u32 = 1000;
const TOLERANCE: f64 = 1e-3;

/// The pairs of `n` samples that are solved for: all, or if they are more than 100 000, so many as numpy draws them for
/// scikit-learn. Each draw shuffles all samples: some microseconds for each thousand of them.
pub fn pairs(ctx: &Ctx, n: usize) -> Result<Vec<[u32; 2]>> {
    let all = n * n.saturating_sub(1) / 2;
    if all <= PAIRS {
        return Ok((0..n as u32).flat_map(|i| (i + 1..n as u32).map(move |j| [i, j])).collect());
    }
    let mut random = NumpyRandom::new(SEED);
    let mut pairs = Vec::with_capacity(PAIRS);
    for k in 0..PAIRS {
        ctx.poll(k as f64 / PAIRS as f64)?;
        let drawn = random.choice(n, 2);
        pairs.push([drawn[0] as u32, drawn[1] as u32]);
    }
    Ok(pairs)
}

/// The coefficients of `y` on `first` and `second`.
pub fn theil_sen(ctx: &Ctx, pairs: &[[u32; 2]], first: &[f64], second: &[f64], y: &[f64]) -> Result<[f64; 2]> {
    let solutions: Vec<[f64; 2]> = pairs
        .iter()
        .map(|pair| {
            let [i, j] = pair.map(|k| k as usize);
            solved([first[i], first[j]], [second[i], second[j]], [y[i], y[j]])
        })
        .collect();
    let n = solutions.len().max(1) as f64;
    let mut at = [0, 1].map(|d| solutions.iter().map(|s| s[d]).sum::<f64>() / n);
    for step in 0..STEPS {
        ctx.poll(step as f64 / STEPS as f64)?;
        let next = weiszfeld(&solutions, at);
        let moved = (next[0] - at[0]).powi(2) + (next[1] - at[1]).powi(2);
        at = next;
        if moved < TOLERANCE * TOLERANCE {
            return Ok(at);
        }
    }
    ctx.warn(&format!("gi_scores: the median of Theil and Sen has not settled after {STEPS} steps"));
    Ok(at)
}

/// The shortest solution of the least squares problem with these two columns: by Jacobi's rotation the columns are made
/// orthogonal, and directions whose singular value is nothing beside the other's are left out, as LAPACK's gelss does.
fn solved(a: [f64; 2], b: [f64; 2], y: [f64; 2]) -> [f64; 2] {
    let inner = |x: &[f64; 2], y: &[f64; 2]| x[0] * y[0] + x[1] * y[1];
    let (cos, sin) = match inner(&a, &b) {
        0.0 => (1.0, 0.0),
        product => {
            let zeta = (inner(&b, &b) - inner(&a, &a)) / (2.0 * product);
            let tan = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
            let cos = 1.0 / (1.0 + tan * tan).sqrt();
            (cos, cos * tan)
        }
    };
    let columns =
        [[cos * a[0] - sin * b[0], cos * a[1] - sin * b[1]], [sin * a[0] + cos * b[0], sin * a[1] + cos * b[1]]];
    let lengths = columns.map(|column| inner(&column, &column).sqrt());
    let least = f64::EPSILON * lengths[0].max(lengths[1]);
    let along =
        [0, 1].map(|k| if lengths[k] > least { inner(&columns[k], &y) / (lengths[k] * lengths[k]) } else { 0.0 });
    [cos * along[0] + sin * along[1], cos * along[1] - sin * along[0]]
}

/// One step towards the spatial median.
fn weiszfeld(points: &[[f64; 2]], at: [f64; 2]) -> [f64; 2] {
    let (mut pull, mut sum, mut weights, mut on_point) = ([0.0; 2], [0.0; 2], 0.0, 0.0);
    for point in points {
        let away = [point[0] - at[0], point[1] - at[1]];
        let distance = (away[0] * away[0] + away[1] * away[1]).sqrt();
        // NaN counts as being on the point, as it does there.
        if distance.is_nan() || distance < f64::EPSILON {
            on_point = 1.0;
            continue;
        }
        weights += 1.0 / distance;
        for d in 0..2 {
            pull[d] += away[d] / distance;
            sum[d] += point[d] / distance;
        }
    }
    let strength = (pull[0] * pull[0] + pull[1] * pull[1]).sqrt();
    let (direction, strength) =
        if strength > f64::EPSILON { (sum.map(|s| s / weights), strength) } else { ([1.0; 2], 1.0) };
    let stay: f64 = on_point / strength;
    [0, 1].map(|d| (1.0 - stay).max(0.0) * direction[d] + stay.min(1.0) * at[d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_is_found_and_outliers_do_not_matter() {
        let first: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11) - 5.0).collect();
        let second: Vec<f64> = (0..40).map(|i| f64::from(i * 5 % 13) - 6.0).collect();
        let mut y: Vec<f64> = first.iter().zip(&second).map(|(a, b)| 0.8 * a - 0.3 * b).collect();
        y[3] += 100.0;
        let ctx = Ctx::new(1);
        let [c1, c2] = theil_sen(&ctx, &pairs(&ctx, 40).unwrap(), &first, &second, &y).unwrap();
        assert!((c1 - 0.8).abs() < 0.05 && (c2 + 0.3).abs() < 0.05, "{c1} {c2}");
    }

    #[test]
    fn pairs_without_rank_get_the_shortest_solution() {
        let near = |got: [f64; 2], want: [f64; 2]| {
            assert!((got[0] - want[0]).abs() < 1e-12 && (got[1] - want[1]).abs() < 1e-12, "{got:?} {want:?}");
        };
        near(solved([1.0, 3.0], [2.0, -1.0], [4.0, 5.0]), [2.0, 1.0]);
        near(solved([1.0, 2.0], [1.0, 2.0], [2.0, 4.0]), [1.0, 1.0]);
        near(solved([0.0, 0.0], [0.0, 0.0], [1.0, 1.0]), [0.0, 0.0]);
        near(solved([0.0, 0.0], [2.0, 0.0], [1.0, 1.0]), [0.0, 0.5]);
    }
}
