//! Rank sums of one gene, from its values that are not zero.
//!
//! Most values are counted or placed rather than sorted:
//!
//! - Small whole numbers, as raw counts are, go into a table of how many cells of each slot have each value. Ranks follow
//!   from its rows.
//! - Other values are sorted with their slots if each group is compared with all other cells. If the reference is a
//!   group, only its values are sorted, and each other value looks up its place among them; what is tied within a group
//!   is found among the group's own few values.
//!
//! Either way the zeros are one block of ties, between negative and positive values, whose size and share of each slot are
//! known without looking. All is integers, so that every way gives the same bits.

use super::Reference;
use super::wilcoxon::Design;
use crate::matrix::{Lines, Value};
use crate::simd::widest;
use crate::stats::ranks::{Ordinal, Pair, Places, Sorter, for_each_run, tie_term};
use std::ops::Range;

/// Numbers in the table of counts: they stay in the first or second cache.
const TABLE: usize = 1 << 14;
/// With so many cells in all, a cube is below 2^53 and exact in f64.
const EXACT_CUBES: u64 = 208_063;

/// What is counted of a gene's values for each slot, and the scratch space for it. Each has one slot more than the
/// design, which takes what belongs to no slot.
pub(super) struct Tally {
    pub sums: Vec<f64>,
    pub nonzeros: Vec<u64>,
    /// Twice the rank sum if the group is compared with the rest, twice U if with a reference.
    pub doubled: Vec<u64>,
    /// What ties take from the variance: of all cells, in the first place, if compared with the rest; else of group and
    /// reference.
    pub ties: Vec<u128>,
    /// Whether the values of every gene so far were counted, being small whole numbers.
    pub counted: bool,
    table: Table,
    narrow: Listed<u64>,
    wide: Listed<u128>,
}

/// How many cells of each slot have each small whole value.
struct Table {
    counts: Vec<u32>,
    /// Numbers in a row, one for each slot and one for no slot.
    width: usize,
    /// The greatest value that there is.
    top: usize,
    /// Scratch space: what the rows add to the tie terms, where that is exact.
    cubes: Vec<f64>,
}

/// Values that are not in the table, with their slots, and the scratch space for ranking them.
#[derive(Default)]
struct Listed<P> {
    pairs: Vec<P>,
    sorter: Sorter<P>,
    places: Places<P>,
    by_slot: Vec<P>,
    ends: Vec<u32>,
    seen: Seen,
}

impl Tally {
    pub fn new(design: &Design) -> Self {
        let width = design.slots.sizes.len() + 1;
        let rows = (TABLE / width).clamp(8, 256);
        Self {
            sums: vec![0.0; width],
            nonzeros: vec![0; width],
            doubled: vec![0; width],
            ties: vec![0; width],
            counted: true,
            table: Table { counts: vec![0; rows * width], width, top: 0, cubes: vec![0.0; width] },
            narrow: Listed::default(),
            wide: Listed::default(),
        }
    }

    /// Counts and ranks the values of a gene.
    pub fn gene<L: Lines<V: Ordinal>>(&mut self, lines: &L, gene: usize, design: &Design) {
        let zero = L::V::default();
        if self.count(lines, gene, design) {
            self.add_counted();
        } else {
            self.counted = false;
            if !self.list(lines, gene, design, L::V::narrow_pair, |tally| &mut tally.narrow) {
                self.list(lines, gene, design, L::V::wide_pair, |tally| &mut tally.wide);
                let mut wide = std::mem::take(&mut self.wide);
                self.rank(&mut wide, zero.wide(), design);
                self.wide = wide;
                return;
            }
        }
        let mut narrow = std::mem::take(&mut self.narrow);
        self.rank(&mut narrow, zero.narrow().map_or(0, u64::from), design);
        self.narrow = narrow;
        self.table.clear();
    }

    /// Puts small values into the table and lists the others, if all are whole numbers and none is negative; else what is
    /// counted is of no use.
    fn count<L: Lines<V: Ordinal>>(&mut self, lines: &L, gene: usize, design: &Design) -> bool {
        // Where genes before held other numbers, most say so at once.
        let other = !self.counted && lines.values(gene).first().is_some_and(|value| value.whole().is_none());
        if other || !design.counts_fit() {
            return false;
        }
        self.reset();
        let (slots, out) = (&design.slots.of_cell[..], design.slots.out());
        let (counts, width) = (&mut self.table.counts[..], self.table.width);
        let list = &mut self.narrow.pairs;
        let (mut whole, mut top) = (true, 0);
        list.clear();
        lines.for_each(gene, |cell, value| {
            let slot = slots[cell];
            let Some(count) = value.whole() else { return whole = false };
            if let Some(cells) = counts.get_mut(count as usize * width + slot as usize) {
                *cells += 1;
                top = top.max(count);
            } else if slot != out {
                self.sums[slot as usize] += f64::from(count);
                self.nonzeros[slot as usize] += 1;
                match value.narrow_pair(slot) {
                    Some(pair) => list.push(pair),
                    None => whole = false,
                }
            }
        });
        self.table.top = top as usize;
        if !whole {
            self.table.clear();
        }
        whole
    }

    /// Adds up the rows of the table. Sums of whole numbers are exact in any order.
    fn add_counted(&mut self) {
        for value in 1..=self.table.top {
            let row = self.table.row(value);
            widest(
                #[inline(always)]
                || {
                    for ((sum, nonzeros), &cells) in self.sums.iter_mut().zip(&mut self.nonzeros).zip(row) {
                        *sum += value as f64 * f64::from(cells as i32);
                        *nonzeros += u64::from(cells);
                    }
                },
            );
        }
    }

    /// Lists the values that are not zero; whether all of them can be listed that way.
    #[inline(always)]
    fn list<L: Lines, P: Pair>(
        &mut self,
        lines: &L,
        gene: usize,
        design: &Design,
        pair: impl Fn(L::V, u32) -> Option<P>,
        listed: impl Fn(&mut Self) -> &mut Listed<P>,
    ) -> bool {
        self.reset();
        let mut pairs = std::mem::take(&mut listed(self).pairs);
        let (slots, out) = (&design.slots.of_cell[..], design.slots.out());
        let mut fits = true;
        pairs.clear();
        lines.for_each(gene, |cell, value| {
            let slot = slots[cell];
            if fits && value != L::V::default() {
                match pair(value, slot) {
                    Some(pair) if slot != out => pairs.push(pair),
                    Some(_) => {}
                    None => fits = false,
                }
                self.sums[slot as usize] += value.to_f64();
                self.nonzeros[slot as usize] += 1;
            }
        });
        listed(self).pairs = pairs;
        fits
    }

    fn reset(&mut self) {
        self.sums.fill(0.0);
        self.nonzeros.fill(0);
        self.doubled.fill(0);
        self.ties.fill(0);
    }

    fn rank<P: Pair>(&mut self, listed: &mut Listed<P>, zero: u64, design: &Design) {
        match design.reference {
            Reference::Rest => self.rank_among_all(listed, zero, design),
            Reference::Group(reference) => self.rank_among_reference(listed, zero, design, reference),
        }
    }

    /// Twice the rank sums of all slots; the tie term of all cells in the first place of `ties`.
    fn rank_among_all<P: Pair>(&mut self, listed: &mut Listed<P>, zero: u64, design: &Design) {
        let sizes = &design.slots.sizes;
        let all: u64 = sizes.iter().sum();
        let zeros = all - self.nonzeros[..sizes.len()].iter().sum::<u64>();
        listed.sorter.sort(&mut listed.pairs);
        // Cells with lower values so far, and twice the mean rank of the zeros.
        let (mut below, mut rank_of_zero) = (0, None);
        let mut ties = tie_term(zeros);
        for_each_run(&listed.pairs, |ordinal, run| {
            if ordinal > zero && rank_of_zero.is_none() {
                rank_of_zero = Some(2 * below + zeros + 1);
                below += zeros;
                self.rank_counted_among_all(&mut below, &mut ties);
            }
            let tied = run.len() as u64;
            for pair in run {
                self.doubled[pair.group()] += 2 * below + tied + 1;
            }
            below += tied;
            if tied > 1 {
                ties += tie_term(tied);
            }
        });
        let rank_of_zero = rank_of_zero.unwrap_or_else(|| {
            let rank = 2 * below + zeros + 1;
            below += zeros;
            self.rank_counted_among_all(&mut below, &mut ties);
            rank
        });
        for ((doubled, size), nonzeros) in self.doubled.iter_mut().zip(sizes).zip(&self.nonzeros) {
            *doubled += (size - nonzeros) * rank_of_zero;
        }
        self.ties[0] = ties;
    }

    /// The rows of the table, which come next after the zeros.
    fn rank_counted_among_all(&mut self, below: &mut u64, ties: &mut u128) {
        for value in 1..=self.table.top {
            let (row, out) = self.table.row(value).split_at(self.table.width - 1);
            debug_assert!(out.len() == 1);
            let tied = u64::from(row.iter().sum::<u32>());
            if tied > 0 {
                add_products(&mut self.doubled, row, (2 * *below + tied + 1) as u32);
                *below += tied;
                *ties += tie_term(tied);
            }
        }
    }

    /// Twice the U of each group against the reference, and the tie terms of the two together.
    fn rank_among_reference<P: Pair>(&mut self, listed: &mut Listed<P>, zero: u64, design: &Design, reference: usize) {
        let sizes = &design.slots.sizes;
        listed.divide(sizes.len());
        let range = listed.range(reference);
        listed.places.fill(&listed.by_slot[range]);
        let negative = listed.places.sorted().partition_point(|pair| pair.ordinal() < zero) as u64;
        let mut ties_of_reference = 0;
        for_each_run(listed.places.sorted(), |_, run| ties_of_reference += tie_term(run.len() as u64));

        // Zeros, and what is counted, lie between negative and positive values.
        let zeros = sizes[reference] - self.nonzeros[reference];
        ties_of_reference += tie_term(zeros);
        for ((slot, &size), &nonzeros) in sizes.iter().enumerate().zip(&self.nonzeros) {
            let own = size - nonzeros;
            self.doubled[slot] += own * (2 * negative + zeros);
            self.ties[slot] += added_ties(own, zeros);
        }
        let mut below = negative + zeros;
        self.rank_counted_among_reference(design, reference, &mut below, &mut ties_of_reference);
        let between = below - negative;

        for slot in (0..sizes.len()).filter(|&slot| slot != reference) {
            let range = listed.range(slot);
            let own = &listed.by_slot[range];
            let (mut doubled, mut untied_own) = (0, 0);
            for pair in own {
                let (lower, tied) = listed.places.of(pair.ordinal());
                let lower = lower + if pair.ordinal() > zero { between } else { 0 };
                doubled += 2 * lower + tied;
                if tied > 0 {
                    untied_own += added_ties(1, tied);
                }
            }
            self.doubled[slot] += doubled;
            if design.counts_ties() {
                let differ = own.len() <= Seen::MOST && listed.seen.all_differ(own);
                self.ties[slot] += if differ {
                    untied_own
                } else {
                    ties_with(own, &listed.places, &mut listed.pairs, &mut listed.sorter)
                };
            }
        }
        self.ties[..sizes.len()].iter_mut().for_each(|ties| *ties += ties_of_reference);
    }

    /// The rows of the table, `below` counting the reference's lower values so far.
    fn rank_counted_among_reference(
        &mut self,
        design: &Design,
        reference: usize,
        below: &mut u64,
        ties_of_reference: &mut u128,
    ) {
        if self.table.top == 0 {
            return;
        }
        let mut cubes = std::mem::take(&mut self.table.cubes);
        cubes.fill(0.0);
        for value in 1..=self.table.top {
            let row = self.table.row(value);
            let tied = row[reference];
            add_products(&mut self.doubled, row, (2 * *below + u64::from(tied)) as u32);
            *below += u64::from(tied);
            *ties_of_reference += tie_term(u64::from(tied));
            if !design.counts_ties() {
                continue;
            }
            if design.greatest_pair <= EXACT_CUBES {
                add_tie_terms(&mut cubes, row, tied);
            } else {
                for (ties, &own) in self.ties.iter_mut().zip(row) {
                    *ties += added_ties(u64::from(own), u64::from(tied));
                }
            }
        }
        self.ties.iter_mut().zip(&cubes).for_each(|(ties, &cubes)| *ties += u128::from(cubes as u64));
        self.table.cubes = cubes;
    }
}

impl Table {
    fn row(&self, value: usize) -> &[u32] {
        &self.counts[value * self.width..][..self.width]
    }

    fn clear(&mut self) {
        self.counts[..(self.top + 1) * self.width].fill(0);
        self.top = 0;
    }
}

impl<P: Pair> Listed<P> {
    /// Brings the pairs of each slot together.
    fn divide(&mut self, n_slots: usize) {
        self.ends.clear();
        self.ends.resize(n_slots + 1, 0);
        for pair in &self.pairs {
            self.ends[pair.group() + 1] += 1;
        }
        let mut before = 0;
        for end in &mut self.ends {
            before += *end;
            *end = before;
        }
        // The start of a slot's range, in the place of the slot, moves on to its end.
        self.by_slot.resize(self.pairs.len(), P::default());
        for pair in &self.pairs {
            let at = &mut self.ends[pair.group()];
            self.by_slot[*at as usize] = *pair;
            *at += 1;
        }
    }

    fn range(&self, slot: usize) -> Range<usize> {
        let start = if slot == 0 { 0 } else { self.ends[slot - 1] };
        start as usize..self.ends[slot] as usize
    }
}

/// Adds `factor` times each of the numbers.
fn add_products(to: &mut [u64], numbers: &[u32], factor: u32) {
    widest(
        #[inline(always)]
        || to.iter_mut().zip(numbers).for_each(|(to, &number)| *to += u64::from(number) * u64::from(factor)),
    );
}

/// Adds [`added_ties`] of each of the numbers, where these are exact in f64.
fn add_tie_terms(to: &mut [f64], numbers: &[u32], tied: u32) {
    let tied = f64::from(tied);
    let (three, rest) = (3.0 * tied, 3.0 * tied * tied - 1.0);
    widest(
        #[inline(always)]
        || {
            for (to, &own) in to.iter_mut().zip(numbers) {
                let own = f64::from(own as i32);
                *to += own * (own * own + three * own + rest);
            }
        },
    );
}

/// What `own` values add to the tie term of `tied` others that are equal to them.
#[inline(always)]
fn added_ties(own: u64, tied: u64) -> u128 {
    let (own, tied) = (u128::from(own), u128::from(tied));
    own * (own * own + 3 * own * tied + 3 * tied * tied) - own
}

/// What the values of one slot add to the tie term of those they are placed among.
fn ties_with<P: Pair>(own: &[P], places: &Places<P>, spare: &mut Vec<P>, sorter: &mut Sorter<P>) -> u128 {
    let mut ties = 0;
    spare.clear();
    spare.extend_from_slice(own);
    sorter.sort(spare);
    for_each_run(spare, |ordinal, run| ties += added_ties(run.len() as u64, places.of(ordinal).1));
    ties
}

/// Finds that values differ without sorting them: each leaves a stamp at a place that depends on it.
#[derive(Default)]
struct Seen {
    stamps: Vec<u32>,
    stamp: u32,
}

impl Seen {
    const PLACES: usize = 1 << 11;

    /// So many values hardly ever find the same place.
    const MOST: usize = 48;

    /// Whether surely no two pairs are equal: none is where another was.
    fn all_differ<P: Pair>(&mut self, pairs: &[P]) -> bool {
        if self.stamp == u32::MAX || self.stamps.is_empty() {
            self.stamps.clear();
            self.stamps.resize(Self::PLACES, 0);
            self.stamp = 0;
        }
        self.stamp += 1;
        let mut differ = true;
        for pair in pairs {
            let hash = pair.ordinal().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53;
            differ &= std::mem::replace(&mut self.stamps[hash as usize % Self::PLACES], self.stamp) != self.stamp;
        }
        differ
    }
}
