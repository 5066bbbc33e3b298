//! Ranks of genes within batches, and what they come to over batches.

use std::cmp::Ordering;

/// Over batches, for each gene: in how many it is among the `n_top`, and the median of its ranks in those.
pub(super) struct Ranks {
    pub n_batches: Vec<i64>,
    /// NaN where `n_batches` is 0.
    pub median: Vec<f64>,
}

/// `scores` has one row of genes for each batch; the largest score has rank 0, ties go to the first gene, NaN has no rank.
pub(super) fn ranks(scores: &[Vec<f64>], n_top: usize) -> Ranks {
    let n = scores[0].len();
    let mut taken: Vec<Vec<usize>> = vec![Vec::new(); n];
    for row in scores {
        let mut order = first(n, n_top, |a, b| descending(row[a], row[b]));
        order.sort_unstable_by(|&a, &b| descending(row[a], row[b]).then(a.cmp(&b)));
        for (rank, &gene) in order.iter().enumerate().filter(|(_, gene)| !row[**gene].is_nan()) {
            taken[gene].push(rank);
        }
    }
    taken.iter_mut().for_each(|ranks| ranks.sort_unstable());
    Ranks {
        n_batches: taken.iter().map(|ranks| ranks.len() as i64).collect(),
        median: taken.iter().map(|ranks| median(ranks)).collect(),
    }
}

/// Marks the `n_top` genes that come first in the order that `before` defines; ties go to the first gene.
pub(super) fn choose(n: usize, n_top: usize, before: impl Fn(usize, usize) -> Ordering) -> Vec<bool> {
    let mut chosen = vec![false; n];
    first(n, n_top, before).into_iter().for_each(|gene| chosen[gene] = true);
    chosen
}

/// Those `n_top` genes, in any order.
fn first(n: usize, n_top: usize, before: impl Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    if n_top < n {
        order.select_nth_unstable_by(n_top, |&a, &b| before(a, b).then(a.cmp(&b)));
        order.truncate(n_top);
    }
    order
}

/// Largest first, NaN last.
pub(super) fn descending(a: f64, b: f64) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| b.partial_cmp(&a).unwrap_or(Ordering::Equal))
}

/// Smallest first, NaN last.
pub(super) fn ascending(a: f64, b: f64) -> Ordering {
    a.is_nan().cmp(&b.is_nan()).then_with(|| a.partial_cmp(&b).unwrap_or(Ordering::Equal))
}

/// Means over batches, added in their order.
pub(super) fn mean_over_batches(scores: &[Vec<f64>]) -> Vec<f64> {
    (0..scores[0].len()).map(|gene| scores.iter().map(|row| row[gene]).sum::<f64>() / scores.len() as f64).collect()
}

fn median(sorted: &[usize]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => (sorted[(n - 1) / 2] + sorted[n / 2]) as f64 / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_first_gene_and_nan_has_no_rank() {
        let got = ranks(&[vec![1.0, f64::NAN, 3.0, 1.0], vec![0.0, 5.0, 4.0, 9.0]], 3);
        assert_eq!(got.n_batches, [1, 1, 2, 2]);
        assert_eq!(got.median, [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(ranks(&[vec![f64::NAN, 2.0]], 2).n_batches, [0, 1]);
        let none = ranks(&[vec![1.0, 2.0]], 1);
        assert!(none.median[0].is_nan() && none.median[1] == 0.0);
        assert_eq!(choose(3, 2, |a, b| descending([1.0, 2.0, 1.0][a], [1.0, 2.0, 1.0][b])), [true, true, false]);
    }
}
