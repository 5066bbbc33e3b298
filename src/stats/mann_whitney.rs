//! The exact distribution of Mann and Whitney's U for small groups without ties.

/// Groups must be smaller than this on both sides, as R's `wilcox.test` has it; every count fits 128 bits then.
pub(crate) const FEWEST_TOO_MANY: u64 = 50;

/// Two-sided p-values of every U from 0 to n m, for groups of `n` and `m` cells whose values all differ.
///
/// P(U = u) is the number of ways in which u pairs are won, the coefficient of q^u in the Gaussian binomial of n + m over n,
/// among all (n + m over n) orders of the cells. Counts are exact, so that tails are right to the last bit but one.
pub fn two_sided_p_values(n: u64, m: u64) -> Vec<f64> {
    assert!(n < FEWEST_TOO_MANY && m < FEWEST_TOO_MANY, "the counts fit 128 bits below {FEWEST_TOO_MANY} cells");
    let ways = ways(n as usize, m as usize);
    let all = ways.iter().sum::<i128>() as f64;
    let mut at_most = 0;
    let lower: Vec<f64> = ways
        .iter()
        .map(|ways| {
            at_most += ways;
            at_most as f64 / all
        })
        .collect();
    // The distribution is symmetric.
    let last = lower.len() - 1;
    (0..=last).map(|u| (2.0 * lower[u.min(last - u)]).min(1.0)).collect()
}

/// The product of (1 - q^(m + i)) / (1 - q^i) over i from 1 to n, a polynomial of degree n m.
fn ways(n: usize, m: usize) -> Vec<i128> {
    let mut ways = vec![0i128; n * m + 1];
    ways[0] = 1;
    for i in 1..=n {
        for u in (m + i..ways.len()).rev() {
            ways[u] -= ways[u - m - i];
        }
        for u in i..ways.len() {
            ways[u] += ways[u - i];
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order of the cells, for groups so small that they can be listed.
    #[test]
    fn by_listing() {
        for (n, m) in [(1, 1), (2, 3), (4, 4), (5, 1)] {
            let mut counts = vec![0i128; n * m + 1];
            for chosen in 0u32..1 << (n + m) {
                if chosen.count_ones() as usize == n {
                    let wins = |i: usize| (0..i).filter(|j| chosen >> j & 1 == 0).count();
                    counts[(0..n + m).filter(|i| chosen >> i & 1 == 1).map(wins).sum::<usize>()] += 1;
                }
            }
            assert_eq!(ways(n, m), counts);
        }
        // 2 of 3: U = 0 and U = 6 are 1 way in 10 each.
        assert_eq!(two_sided_p_values(2, 3), [0.2, 0.4, 0.8, 1.0, 0.8, 0.4, 0.2]);
    }

    #[test]
    fn largest() {
        let p = two_sided_p_values(49, 49);
        let all = (1..=49u32).fold(1.0, |c, k| c * f64::from(49 + k) / f64::from(k));
        assert!((p[0] * all / 2.0 - 1.0).abs() < 1e-13);
        assert_eq!(p[0], p[49 * 49]);
        assert!(p.windows(2).take(1200).all(|pair| pair[0] <= pair[1]));
    }
}
