//! From a cell's counts to the values that CellFM reads, as the original's `data_process.py` has it.
//!
//! Counts of a cell that has more than 100 000 in all columns are scaled down to that and rounded, half to even. Of the genes that
//! the model knows, those that are not zero are kept; their total is T, and a gene's value is log(1 + 10 000 count / T). Where
//! more than 2048 genes are left, as many are drawn without replacement, each step proportional to log(1 + count); T stays what it
//! was. The original draws from numpy's global generator; here the seed and the number of the cell determine the draws, by
//! the keys of Efraimidis and Spirakis (2006). Genes are in the order of the model's list, so that the order of the matrix'
//! columns does not matter.

use crate::stats::log1p::log1p_slice;
use crate::stats::random::Random;

/// Sets these draws apart from all others.
const DOMAIN: u64 = 0x6365_6c6c_666d;

/// The largest total that a cell's counts are left as they are at.
const DEPTH: f64 = 1e5;

/// How a cell with too many genes is cut.
#[derive(Clone, Copy, PartialEq)]
pub enum Selection {
    /// Drawn, as in the original.
    Weighted,
    /// Those of the largest counts; of equal ones the first of the model's list.
    Top,
}

/// How values are made.
#[derive(Clone, Copy)]
pub struct Preparation {
    pub length: usize,
    pub selection: Selection,
    pub seed: u64,
}

impl Preparation {
    /// Rows of the table of genes, ascending, and values. `counted` are rows and counts, sorted by row, no row twice; `total`
    /// is the cell's total over all columns.
    pub fn values(&self, counted: &[(u32, f64)], total: f64, cell: usize) -> (Vec<u32>, Vec<f32>) {
        let scale = (total / DEPTH).max(1.0) as f32;
        let scaled = |count: f64| if scale > 1.0 { (count as f32 / scale).round_ties_even() } else { count as f32 };
        let counts: Vec<(u32, f32)> =
            counted.iter().map(|&(row, x)| (row, scaled(x))).filter(|&(_, x)| x != 0.0).collect();
        let depth = counts.iter().map(|&(_, x)| f64::from(x)).sum::<f64>() as f32;
        let kept = self.cut(counts, cell);
        let mut values: Vec<f32> = kept.iter().map(|&(_, x)| x / depth * 1e4).collect();
        log1p_slice(&mut values);
        (kept.into_iter().map(|(row, _)| row).collect(), values)
    }

    fn cut(&self, counts: Vec<(u32, f32)>, cell: usize) -> Vec<(u32, f32)> {
        if counts.len() <= self.length {
            return counts;
        }
        let mut random = Random::new(self.seed, DOMAIN, cell as u64);
        let mut keyed: Vec<(f64, (u32, f32))> = counts
            .into_iter()
            .map(|(row, x)| {
                let key = match self.selection {
                    Selection::Weighted => -libm::log(1.0 - random.uniform()) / libm::log1p(f64::from(x)),
                    Selection::Top => -f64::from(x),
                };
                (key, (row, x))
            })
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.0.cmp(&b.1.0)));
        keyed.truncate(self.length);
        let mut kept: Vec<(u32, f32)> = keyed.into_iter().map(|(_, kept)| kept).collect();
        kept.sort_by_key(|&(row, _)| row);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preparation(length: usize, selection: Selection) -> Preparation {
        Preparation { length, selection, seed: 3 }
    }

    #[test]
    fn values_are_logs_of_counts_to_ten_thousand() {
        let (rows, values) = preparation(10, Selection::Weighted).values(&[(2, 3.0), (7, 1.0)], 50.0, 0);
        assert_eq!(rows, [2, 7]);
        let want = [(7501f64).ln() as f32, (2501f64).ln() as f32];
        assert!(values.iter().zip(want).all(|(v, w)| (v - w).abs() < 1e-6), "{values:?}");
        assert!(preparation(10, Selection::Weighted).values(&[], 5.0, 0).0.is_empty());
    }

    #[test]
    fn deep_cells_are_scaled_down() {
        // Halved and rounded to even: 1 -> 0, 3 -> 2, 5 -> 2, 6 -> 3.
        let (rows, values) =
            preparation(10, Selection::Weighted).values(&[(1, 1.0), (2, 3.0), (3, 5.0), (4, 6.0)], 2e5, 0);
        assert_eq!(rows, [2, 3, 4]);
        let want = [2.0, 2.0, 3.0f64].map(|x| (x / 7.0 * 1e4).ln_1p() as f32);
        assert!(values.iter().zip(want).all(|(v, w)| (v - w).abs() < 1e-6), "{values:?}");
    }

    #[test]
    fn genes_beyond_the_length_are_left_out() {
        let counted: Vec<(u32, f64)> = (0..100).map(|i| (i, f64::from(1 + i % 10))).collect();
        let (rows, values) = preparation(10, Selection::Top).values(&counted, 550.0, 0);
        assert_eq!(rows, (0..10).map(|i| 10 * i + 9).collect::<Vec<u32>>());
        assert!((values[0] - (10.0 / 550.0 * 1e4f64).ln_1p() as f32).abs() < 1e-6);
        let drawn = |cell| preparation(10, Selection::Weighted).values(&counted, 550.0, cell).0;
        assert_eq!(drawn(4), drawn(4));
        assert_ne!(drawn(4), drawn(5));
        assert!(drawn(4).is_sorted() && drawn(4).len() == 10);
        // The weights of the ten counts are log(2) to log(11).
        let mut times = [0; 10];
        (0..2000).for_each(|cell| drawn(cell).iter().for_each(|&row| times[row as usize % 10] += 1));
        assert!(times.is_sorted() || times[9] > 2 * times[0], "{times:?}");
        assert!(times[9] > 2 * times[0] && times[9] < 4 * times[0], "{times:?}");
    }
}
