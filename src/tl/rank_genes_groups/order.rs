//! The genes of each group in the order of their scores.

use crate::ensure;
use crate::error::Result;
use crate::parallel::Ctx;
use std::cmp::Ordering;

/// For each group (row of `scores`) the `n_top` genes of the highest scores, or of the highest absolute scores, in
/// descending order: `n_groups` x `n_top` gene numbers. Equal scores stay in the order of the genes, NaN comes last.
///
/// scanpy's order is the same but among equal scores, which it leaves to the sorting routine of numpy.
pub fn order(ctx: &Ctx, scores: &[f64], n_vars: usize, n_top: usize, by_abs: bool) -> Result<Vec<i64>> {
    ensure!(n_top <= n_vars, InvalidArgument, "n_top: is {n_top}, must be at most {n_vars}, the number of genes");
    if n_vars == 0 || n_top == 0 {
        return Ok(Vec::new());
    }
    ensure!(
        scores.len().is_multiple_of(n_vars),
        Shape,
        "scores: has {} elements, must have {n_vars} (n_vars) for each group",
        scores.len()
    );
    let mut out = vec![0; scores.len() / n_vars * n_top];
    ctx.run_chunks(
        &mut out,
        n_top,
        || (),
        |(), group, top| {
            let row = &scores[group * n_vars..(group + 1) * n_vars];
            let key = |gene: i64| if by_abs { row[gene as usize].abs() } else { row[gene as usize] };
            let descending = |&a: &i64, &b: &i64| compare(key(b), key(a)).then(a.cmp(&b));
            let mut genes: Vec<i64> = (0..n_vars as i64).collect();
            if n_top < n_vars {
                genes.select_nth_unstable_by(n_top - 1, descending);
                genes.truncate(n_top);
            }
            genes.sort_unstable_by(descending);
            top.copy_from_slice(&genes);
            Ok(())
        },
    )?;
    Ok(out)
}

/// NaN is less than any number; -0 and 0 are equal.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descending_with_ties_in_gene_order() {
        let scores = [1.0, 3.0, 0.0, 3.0, -5.0, -0.0, f64::NAN, f64::INFINITY];
        let ctx = Ctx::new(1);
        assert_eq!(order(&ctx, &scores, 8, 8, false).unwrap(), [7, 1, 3, 0, 2, 5, 4, 6]);
        assert_eq!(order(&ctx, &scores, 8, 3, true).unwrap(), [7, 4, 1]);
        assert_eq!(order(&ctx, &scores, 4, 2, false).unwrap(), [1, 3, 3, 1]);
        assert!(order(&ctx, &scores, 8, 0, false).unwrap().is_empty());
        assert!(order(&ctx, &scores, 8, 9, false).unwrap_err().message.starts_with("n_top: is 9"));
        assert!(order(&ctx, &scores, 3, 1, false).unwrap_err().message.starts_with("scores"));
    }
}
