//! Sums and sums of squares of counts.
//!
//! Sums of whole numbers are exact, so that their order does not matter: threads divide the cells, and go through memory
//! as it lies. Squared deviations come from them without rounding, too.
//!
//! On 28 million non-zeros along cells, 2 threads: 17 ms, where memory's limit is 4.4. What limits it is the instructions, ten
//! for each count: additions to one address after the other alone take 12, whatever cache it is in.

use super::stretches::{PIECE, Stretch, by_fours, in_pieces, short_stretches};
use crate::error::Result;
use crate::matrix::counts::{SHIFT, whole};
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::{Ctx, balanced_ranges, lock};
use crate::simd::widest;
use crate::with_lines;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Counts are below this, so that the squares of a thousand of them fit an integer.
const LARGEST: u64 = 1 << 26;

/// For each batch and gene the sum of its counts and that of their squares; exact.
pub(super) struct Tally {
    n_genes: usize,
    sizes: Vec<usize>,
    /// A row of genes for each batch, and one for the cells in none.
    rows: Vec<[f64; 2]>,
}

impl Tally {
    /// The sums, if all values are counts that are not too large for them to be exact.
    pub fn of(ctx: &Ctx, matrix: &Matrix, groups: &Groups) -> Result<Option<Self>> {
        let with_the_rest;
        let groups = if groups.all_members().len() < groups.n() {
            with_the_rest = groups.with_the_rest();
            &with_the_rest
        } else {
            groups
        };
        let rows = with_lines!(matrix, |lines| match matrix.major() {
            Axis::Obs => along_cells(ctx, matrix, lines, groups)?,
            Axis::Var => along_genes(ctx, matrix, lines, groups)?,
        });
        let exact = |rows: &Vec<[f64; 2]>| rows.iter().all(|row| row[1] < SHIFT);
        Ok(rows.filter(exact).map(|rows| Self { n_genes: matrix.n_vars(), sizes: groups.sizes(), rows }))
    }

    pub fn batch(&self, batch: usize) -> Moments {
        Moments { n: self.sizes[batch], sums: self.rows[batch * self.n_genes..][..self.n_genes].to_vec() }
    }

    /// Over all cells, in batches or not.
    pub fn overall(&self) -> Moments {
        let mut sums = vec![[0.0; 2]; self.n_genes];
        self.rows.chunks_exact(self.n_genes).for_each(|row| add(&mut sums, row));
        Moments { n: self.sizes.iter().sum(), sums }
    }
}

/// Of some cells.
pub(super) struct Moments {
    n: usize,
    /// Of each gene: the sum and the sum of squares.
    pub sums: Vec<[f64; 2]>,
}

impl Moments {
    pub fn means(&self) -> Vec<f64> {
        self.sums.iter().map(|[sum, _]| sum / self.n as f64).collect()
    }

    /// With n - 1; the sum of squared deviations is rounded once.
    pub fn variances(&self) -> Vec<f64> {
        let n = self.n as u128;
        let divisor = (n * (n - 1)) as f64;
        let variance = |&[sum, squares]: &[f64; 2]| {
            let deviations = n * squares as u64 as u128 - (sum as u64 as u128) * (sum as u64 as u128);
            u64::try_from(deviations).map_or(deviations as f64, |small| small as f64) / divisor
        };
        self.sums.iter().map(variance).collect()
    }
}

fn add(sums: &mut [[f64; 2]], more: &[[f64; 2]]) {
    sums.iter_mut().zip(more).for_each(|(sum, x)| *sum = [sum[0] + x[0], sum[1] + x[1]]);
}

/// Whether all values are counts; their sum and sum of squares. For a thousand values at most.
#[inline(always)]
fn count<V: Value>(values: &[V]) -> Option<[u64; 2]> {
    let (mut sum, mut squares, mut odd, mut all) = (0u64, 0u64, 0u64, 0u64);
    for v in values {
        let (count, lost) = whole(v.to_f64());
        sum = sum.wrapping_add(count);
        squares = squares.wrapping_add((count & 0xffff_ffff) * (count & 0xffff_ffff));
        odd |= lost;
        all |= count;
    }
    (odd == 0 && all < LARGEST).then_some([sum, squares])
}

fn all_counts<V: Value>(values: &[V]) -> bool {
    values.chunks(1024).all(|part| {
        widest(
            #[inline(always)]
            || count(part).is_some(),
        )
    })
}

/// Bits of a packed number that hold the sum of counts; the others hold that of their squares.
const LOW: u32 = 24;

/// What a thread has of a stretch of cells: of each gene both sums packed into one number, which takes one addition for each
/// count, and half the room in the cache.
struct Packed {
    sums: Vec<u64>,
    /// No sum is above these.
    most: [u64; 2],
}

impl Packed {
    /// Adds counts of a cell up to `highest`.
    #[inline(always)]
    fn add(&mut self, genes: &[usize], packs: &mut [u64; PIECE], highest: u32, batch: &Batch) {
        let more = |most: [u64; 2]| [most[0] + u64::from(highest), most[1] + u64::from(highest).pow(2)];
        let [sum, squares] = more(self.most);
        if sum >> LOW > 0 || squares >> (64 - LOW) > 0 {
            self.unpack(batch);
        }
        self.most = more(self.most);
        let sums = &mut self.sums[..];
        by_fours(genes, packs, |&gene, pack| sums[gene] = sums[gene].wrapping_add(*pack));
    }

    /// Adds the sums to the batch's and begins anew.
    fn unpack(&mut self, batch: &Batch) {
        let mut batch = lock(batch);
        for (sum, pack) in batch.iter_mut().zip(&mut self.sums) {
            *sum = [sum[0] + (*pack & ((1 << LOW) - 1)) as f64, sum[1] + (*pack >> LOW) as f64];
            *pack = 0;
        }
        self.most = [0; 2];
    }
}

/// The sums of a batch's genes.
type Batch = Mutex<Vec<[f64; 2]>>;

/// Packs each count with its square; returns the largest, which is `u32::MAX` if some value is no count below 2^20.
#[inline(always)]
fn pack<V: Value>(values: &[V], packs: &mut [u64; PIECE]) -> u32 {
    let mut highest = 0;
    for (pack, v) in packs.iter_mut().zip(values) {
        let count = v.count();
        highest = highest.max(count);
        *pack = u64::from(count) | (u64::from(count) * u64::from(count)) << LOW;
    }
    highest
}

/// Each task adds up a stretch of cells in accumulators of its thread, and then adds these to the batch's.
fn along_cells<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: L, groups: &Groups) -> Result<Option<Vec<[f64; 2]>>> {
    let n_genes = matrix.n_vars();
    let batches: Vec<Batch> = (0..groups.n_groups()).map(|_| Mutex::new(vec![[0.0; 2]; n_genes])).collect();
    let spoilt = AtomicBool::new(false);
    let tasks = short_stretches(ctx, matrix, groups);
    let init = || Packed { sums: vec![0; n_genes], most: [0; 2] };
    ctx.run(tasks.len(), init, |sums, i| {
        let Stretch { batch, members } = &tasks[i];
        let batch = &batches[*batch];
        let mut packs = [0; PIECE];
        in_pieces(
            &lines,
            groups,
            members.clone(),
            #[inline(always)]
            |genes: &[usize], values: &[L::V]| {
                if spoilt.load(Ordering::Relaxed) {
                    return;
                }
                let highest = pack(values, &mut packs);
                if highest < u32::MAX {
                    sums.add(genes, &mut packs, highest, batch);
                } else if all_counts(values) {
                    add_large(genes, values, batch);
                } else {
                    spoilt.store(true, Ordering::Relaxed);
                }
            },
        );
        sums.unpack(batch);
        Ok(())
    })?;
    let rows = || batches.into_iter().flat_map(|row| row.into_inner().unwrap_or_else(|e| e.into_inner()));
    Ok((!spoilt.into_inner()).then(|| rows().collect()))
}

/// Adds counts that are too large to be packed, and rare.
#[cold]
fn add_large<V: Value>(genes: &[usize], values: &[V], batch: &Batch) {
    let mut batch = lock(batch);
    for (&gene, x) in genes.iter().zip(values.iter().map(|v| v.to_f64())) {
        add(&mut batch[gene..=gene], &[[x, x * x]]);
    }
}

/// Each task adds up some genes, one after the other.
fn along_genes<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: L, groups: &Groups) -> Result<Option<Vec<[f64; 2]>>> {
    let (n_genes, n_batches) = (matrix.n_vars(), groups.n_groups());
    let mut table = vec![[0.0; 2]; n_genes * n_batches];
    let pieces = (matrix.n_stored() >> 19).max(8 * ctx.threads());
    let ranges = balanced_ranges(n_genes, pieces, |gene| matrix.stored_before(gene));
    let spoilt = AtomicBool::new(false);
    ctx.run_split(
        &mut table,
        ranges.iter().map(|genes| genes.len() * n_batches),
        // Neighbours are added in places of their own: most are of the same batch, and an addition to a place waits for
        // the one before.
        || vec![[0.0; 2]; 2 * n_batches],
        |places, i, rows| {
            for (gene, row) in ranges[i].clone().zip(rows.chunks_exact_mut(n_batches)) {
                let values = lines.values(gene);
                if groups.is_all() {
                    for part in values.chunks(1024) {
                        match widest(
                            #[inline(always)]
                            || count(part),
                        ) {
                            Some(more) => add(row, &[more.map(|x| x as f64)]),
                            None => spoilt.store(true, Ordering::Relaxed),
                        }
                    }
                    continue;
                }
                if spoilt.load(Ordering::Relaxed) || !all_counts(&values) {
                    spoilt.store(true, Ordering::Relaxed);
                    return Ok(());
                }
                let labels = groups.labels();
                let mut odd = 0;
                lines.for_each(gene, |cell, v| {
                    let v = v.to_f64();
                    let sum = &mut places[2 * labels[cell] as usize + odd];
                    *sum = [sum[0] + v, sum[1] + v * v];
                    odd = 1 - odd;
                });
                for (sum, pair) in row.iter_mut().zip(places.chunks_exact_mut(2)) {
                    *sum = [pair[0][0] + pair[1][0], pair[0][1] + pair[1][1]];
                    pair.fill([0.0; 2]);
                }
            }
            Ok(())
        },
    )?;
    let rows = || (0..n_batches).flat_map(|batch| table[batch..].iter().step_by(n_batches).copied());
    Ok((!spoilt.into_inner()).then(|| rows().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;

    fn tally(values: &[f64]) -> Option<Tally> {
        let matrix = Matrix::dense(Axis::Obs, (values.len() / 2, 2), ValueSlice::F64(values), 2).unwrap();
        Tally::of(&Ctx::new(2), &matrix, &Groups::all(values.len() / 2)).unwrap()
    }

    #[test]
    fn counts_are_told_from_other_numbers() {
        assert_eq!(tally(&[1.0, 2.0, 0.0, 5.0]).unwrap().overall().sums, [[1.0, 1.0], [7.0, 29.0]]);
        for odd in [0.5, -1.0, f64::NAN, f64::INFINITY, 67108864.0] {
            assert!(tally(&[1.0, 2.0, odd, 5.0]).is_none(), "{odd}");
        }
        assert!(tally(&[67108863.0; 2]).is_some());
        assert!(tally(&[67108863.0; 4]).is_none(), "squares add up to more than is exact");
    }

    #[test]
    fn counts_that_fill_their_bits_are_unpacked_in_time() {
        // Sums of the first, squares of the second, and a third that is never packed.
        for (most, n) in [(50_000, 1200), (1_048_575, 60), (5_000_000, 60)] {
            let values: Vec<f64> = (0..2 * n).map(|i| if i % 2 == 0 { 7.0 } else { f64::from(most - i % 3) }).collect();
            let want = |gene: usize| {
                values.iter().skip(gene).step_by(2).fold([0.0; 2], |[sum, squares], x| [sum + x, squares + x * x])
            };
            assert_eq!(tally(&values).unwrap().overall().sums, [want(0), want(1)]);
        }
    }

    #[test]
    fn variances_are_rounded_once() {
        let moments = tally(&[1e7, 3.0, 1e7 + 1.0, 3.0, 1e7 + 2.0, 3.0]).unwrap().overall();
        assert_eq!(moments.variances(), [1.0, 0.0]);
        assert_eq!(moments.means(), [1e7 + 1.0, 3.0]);
    }

    #[test]
    fn batches_in_both_layouts() {
        let (n, m) = (60, 7);
        let table: Vec<f64> = (0..n * m).map(|i| (i * i % 11 % 5) as f64).collect();
        let turned: Vec<f64> = (0..m).flat_map(|j| table.iter().skip(j).step_by(m).copied()).collect();
        let labels: Vec<i32> = (0..n).map(|i| (i * i % 7 % 4) as i32 - 1).collect();
        let groups = Groups::new(&labels[..], 3, n, "batches").unwrap();
        for threads in [1, 3] {
            for (major, values, stride) in [(Axis::Obs, &table, m), (Axis::Var, &turned, n)] {
                let matrix = Matrix::dense(major, (n, m), ValueSlice::F64(values), stride).unwrap();
                let got = Tally::of(&Ctx::new(threads), &matrix, &groups).unwrap().unwrap();
                for batch in 0..3 {
                    let moments = got.batch(batch);
                    assert_eq!(moments.n, groups.size(batch));
                    for gene in 0..m {
                        let values = groups.members(batch).iter().map(|cell| table[cell * m + gene]);
                        let want = values.fold([0.0, 0.0], |[sum, squares], x| [sum + x, squares + x * x]);
                        assert_eq!(moments.sums[gene], want);
                    }
                }
                assert_eq!(got.overall().sums[0][0], table.iter().step_by(m).sum::<f64>());
            }
        }
    }
}
