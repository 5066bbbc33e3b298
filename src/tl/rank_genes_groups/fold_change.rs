//! Fold changes by the conventions in use.
//!
//! With x the values (log1p of normalised counts), u = expm1(x ln base) the values with their logarithm undone, n cells
//! and the pseudocount c, and log2 throughout unless another base is asked for:
//!
//! | convention  | log fold change                                    | c     | who                                      |
//! |-------------|----------------------------------------------------|-------|------------------------------------------|
//! | `scanpy_v1` | log((expm1(mean x1) + c) / (expm1(mean x2) + c))   | 1e-9  | scanpy 1: `mean_in_log_space=True`        |
//! | `scanpy_v2` | log((mean u1 + c) / (mean u2 + c))                 | 1e-9  | scanpy 2's preset: `mean_in_log_space=False` |
//! | `seurat_v4` | log(mean u1 + c) - log(mean u2 + c)                | 1     | Seurat 4's FoldChange                    |
//! | `seurat_v5` | log((sum u1 + c) / n1) - log((sum u2 + c) / n2)    | 1     | Seurat 5's FoldChange                    |
//! | `seurat_v4_means` | log(mean x1 + c) - log(mean x2 + c)          | 1     | Seurat 4's of values that are no logarithms |
//! | `difference` | mean x1 - mean x2                                 | -     | Seurat's avg_diff of scaled values        |
//!
//! scanpy_v1 takes the mean of logarithms for a logarithm of means: it understates the change of genes that vary much.
//! seurat_v5's pseudocount is a count of the whole group, so that its weight falls with the size of the group.

use super::sides::Row;
use crate::ensure;
use crate::error::Result;
use crate::simd::widest_f64;
use crate::stats::exp::exp_m1;
use crate::stats::log2::log2;
use libm::log;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    ScanpyV1,
    ScanpyV2,
    SeuratV4,
    SeuratV5,
    SeuratV4Means,
    Difference,
}

impl Convention {
    /// Whether the mean is taken of values whose logarithm was undone first.
    pub fn unlogs_values(self) -> bool {
        matches!(self, Self::ScanpyV2 | Self::SeuratV4 | Self::SeuratV5)
    }

    /// Whether the values are taken for logarithms.
    pub fn takes_logarithms(self) -> bool {
        self == Self::ScanpyV1 || self.unlogs_values()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldChange {
    pub convention: Convention,
    /// The base of the logarithm that the values are in: x = log1p(count) / ln(base). None is e.
    pub log1p_base: Option<f64>,
    /// None is the convention's own.
    pub pseudocount: Option<f64>,
    /// The base of the results.
    pub base: f64,
}

impl Default for FoldChange {
    fn default() -> Self {
        Self { convention: Convention::ScanpyV1, log1p_base: None, pseudocount: None, base: 2.0 }
    }
}

impl FoldChange {
    pub fn check(&self) -> Result<()> {
        for (base, name) in [(self.log1p_base.unwrap_or(2.0), "log1p_base"), (self.base, "fold_change_base")] {
            ensure!(
                base.is_finite() && base > 0.0 && base != 1.0,
                InvalidArgument,
                "{name}: is {base}, must be positive and not 1"
            );
        }
        let pseudocount = self.pseudocount();
        ensure!(
            pseudocount.is_finite() && pseudocount >= 0.0,
            InvalidArgument,
            "pseudocount: is {pseudocount}, must not be negative"
        );
        Ok(())
    }

    /// What undoes the logarithm: u = expm1(x * this).
    pub fn ln_base(&self) -> f64 {
        self.log1p_base.map_or(1.0, log)
    }

    fn pseudocount(&self) -> f64 {
        self.pseudocount.unwrap_or(match self.convention {
            Convention::ScanpyV1 | Convention::ScanpyV2 => 1e-9,
            Convention::SeuratV4 | Convention::SeuratV5 | Convention::SeuratV4Means => 1.0,
            Convention::Difference => 0.0,
        })
    }

    /// What is compared, of each gene of a row: for rows that many are compared with.
    pub(super) fn levels(&self, row: Row) -> Vec<f64> {
        let mut levels = vec![0.0; row.sums.len()];
        for (i, levels) in levels.chunks_mut(TOGETHER).enumerate() {
            self.fill_levels(row, i * TOGETHER..i * TOGETHER + levels.len(), levels);
        }
        levels
    }

    /// Writes the log fold changes of some genes.
    pub(super) fn fill(&self, group: Row, other: Row, out: &mut [f64]) {
        widest_f64(
            #[inline(always)]
            || {
                let mut levels = [[0.0; TOGETHER]; 2];
                for (i, out) in out.chunks_mut(TOGETHER).enumerate() {
                    let genes = i * TOGETHER..i * TOGETHER + out.len();
                    for (row, levels) in [group, other].into_iter().zip(&mut levels) {
                        match row.levels.get(genes.clone()) {
                            Some(known) => levels[..known.len()].copy_from_slice(known),
                            None => self.fill_levels(row, genes.clone(), levels),
                        }
                    }
                    self.compare(&levels, out);
                }
            },
        );
    }

    /// What is compared: the means or sums of some genes, with the pseudocount.
    #[inline(always)]
    fn fill_levels(&self, row: Row, genes: Range<usize>, levels: &mut [f64]) {
        #[inline(always)]
        fn each(column: &[f64], levels: &mut [f64], of: impl Fn(f64) -> f64) {
            levels.iter_mut().zip(column).for_each(|(level, &x)| *level = of(x));
        }
        let (n, c, ln_base) = (row.n, self.pseudocount(), self.ln_base());
        let (sums, unlogged) = (&row.sums[genes.clone()], row.unlogged.get(genes).unwrap_or_default());
        match self.convention {
            Convention::ScanpyV1 => each(sums, levels, |x| exp_m1(x / n * ln_base) + c),
            Convention::ScanpyV2 | Convention::SeuratV4 => each(unlogged, levels, |x| x / n + c),
            Convention::SeuratV5 => each(unlogged, levels, |x| (x + c) / n),
            Convention::SeuratV4Means => each(sums, levels, |x| x / n + c),
            Convention::Difference => each(sums, levels, |x| x / n),
        }
    }

    /// The log fold changes of the first levels over the second.
    #[inline(always)]
    fn compare(&self, [group, other]: &[[f64; TOGETHER]; 2], out: &mut [f64]) {
        let pairs = out.iter_mut().zip(group.iter().zip(other));
        let log_base = log2(self.base);
        match self.convention {
            Convention::ScanpyV1 | Convention::ScanpyV2 => {
                pairs.for_each(|(out, (a, b))| *out = log2(a / b));
                if log_base != 1.0 {
                    out.iter_mut().for_each(|out| *out /= log_base);
                }
            }
            Convention::Difference => pairs.for_each(|(out, (a, b))| *out = a - b),
            _ => pairs.for_each(|(out, (&a, &b))| *out = log2(a) / log_base - log2(b) / log_base),
        }
    }
}

/// Genes at a time, so that what they are made of stays in the first cache.
const TOGETHER: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::*;

    fn of(fold_change: &FoldChange, sides: (Side, Side)) -> f64 {
        let [group, other] = [&sides.0, &sides.1].map(|side| Row {
            n: side.n,
            sums: std::slice::from_ref(&side.sum),
            variances: &[],
            nonzeros: &[],
            unlogged: std::slice::from_ref(&side.unlogged),
            levels: &[],
        });
        let mut out = [0.0];
        fold_change.fill(group, other, &mut out);
        out[0]
    }

    #[test]
    fn equal_sides_do_not_change() {
        let side = Side { n: 4.0, sum: 2.0, variance: 0.0, nonzeros: 2.0, unlogged: 5.0 };
        for convention in [
            Convention::ScanpyV1,
            Convention::ScanpyV2,
            Convention::SeuratV4,
            Convention::SeuratV5,
            Convention::SeuratV4Means,
            Convention::Difference,
        ] {
            let fold_change = FoldChange { convention, ..Default::default() };
            assert_eq!(of(&fold_change, (side, side)), 0.0);
        }
    }

    #[test]
    fn twice_as_much_is_one_in_base_two() {
        let side = |n: f64, unlogged: f64| Side { n, unlogged, ..Default::default() };
        let of = |convention, base, pair| {
            of(&FoldChange { convention, pseudocount: Some(0.0), base, ..Default::default() }, pair)
        };
        for convention in [Convention::ScanpyV2, Convention::SeuratV4, Convention::SeuratV5] {
            assert_eq!(of(convention, 2.0, (side(3.0, 12.0), side(5.0, 10.0))), 1.0);
            assert!((of(convention, 10.0, (side(1.0, 1000.0), side(1.0, 1.0))) - 3.0).abs() < 1e-15);
        }
        let plain = |n: f64, sum: f64| Side { n, sum, ..Default::default() };
        assert_eq!(of(Convention::SeuratV4Means, 2.0, (plain(3.0, 12.0), plain(5.0, 10.0))), 1.0);
        assert_eq!(of(Convention::Difference, 2.0, (plain(3.0, 12.0), plain(5.0, 10.0))), 2.0);
    }

    #[test]
    fn wrong_settings() {
        let check = |log1p_base, pseudocount, base| {
            FoldChange { convention: Convention::SeuratV5, log1p_base, pseudocount, base }.check()
        };
        assert!(check(Some(10.0), Some(0.5), 2.0).is_ok());
        for (wrong, name) in [
            (check(Some(1.0), None, 2.0), "log1p_base"),
            (check(Some(-2.0), None, 2.0), "log1p_base"),
            (check(None, Some(f64::NAN), 2.0), "pseudocount"),
            (check(None, Some(-1.0), 2.0), "pseudocount"),
            (check(None, None, 0.0), "fold_change_base"),
        ] {
            assert!(wrong.unwrap_err().message.starts_with(name));
        }
    }
}
