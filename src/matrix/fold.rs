//! Values folded into accumulators, one for each group of cells and gene, whatever the layout.
//!
//! Each accumulator takes its cells in ascending order. Obs-major lines are *scattered* into a row of accumulators, one
//! group after the other, so that the row stays in the cache; threads divide the groups, and the genes of large ones.
//! Var-major lines are *gathered*, each into the accumulators of its gene; threads divide the genes.

use super::dense_sums::add_cells;
use super::density::Density;
use super::moments::{Summed, sum_lines};
use super::strips::{Part, parts};
use super::{Axis, Groups, Lines, Matrix, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};
use crate::with_lines;
use std::cell::OnceCell;
use std::ops::Range;

/// The accumulator of one group and gene: what is added to for each value.
pub(super) trait Fold: Copy + Send + Sync {
    /// Whether it consists of sums, and begins at zero.
    const SUMMED: bool = false;
    /// Whether the squares' is one of them.
    const SQUARES: bool = false;
    /// Whether the number of non-zeros is one.
    const COUNTS: bool = false;
    fn add(&mut self, x: f64);
    /// The sums that it consists of.
    fn sums(self) -> Summed {
        unreachable!("only what is SUMMED consists of sums")
    }
    /// What consists of these sums.
    fn summed(_: Summed) -> Self {
        unreachable!("only what is SUMMED consists of sums")
    }
}

/// What is taken in place of a value: `of(i, x)`, `i` being the gene. Of zero it is zero.
pub(super) trait Map: Sync + Copy {
    const IDENTITY: bool;
    fn of(&self, gene: usize, x: f64) -> f64;
}

/// The values as they are.
#[derive(Clone, Copy)]
pub(super) struct Identity;

impl Map for Identity {
    const IDENTITY: bool = true;
    #[inline(always)]
    fn of(&self, _gene: usize, x: f64) -> f64 {
        x
    }
}

impl<F: Fn(usize, f64) -> f64 + Sync + Copy> Map for F {
    const IDENTITY: bool = false;
    #[inline(always)]
    fn of(&self, gene: usize, x: f64) -> f64 {
        self(gene, x)
    }
}

/// How accumulators begin, and where they end. Each group and gene is asked for once.
pub(super) trait Ends<F>: Sync {
    /// Appends the accumulators of these genes.
    fn begin(&self, group: usize, genes: Range<usize>, row: &mut Vec<F>);
    /// Takes what they have become.
    fn end(&self, group: usize, genes: Range<usize>, row: &[F]);
}

/// Which groups and genes a pass is for; it may do more.
pub(super) struct Selection {
    pub genes: Vec<bool>,
    pub groups: Vec<bool>,
}

impl Selection {
    pub fn all(groups: &Groups, n: usize) -> Self {
        Self { genes: vec![true; n], groups: vec![true; groups.n_groups()] }
    }

    /// The genes from the first to the last selected one.
    fn hull(&self) -> Range<usize> {
        let first = self.genes.iter().position(|&x| x).unwrap_or(0);
        let end = self.genes.iter().rposition(|&x| x).map_or(0, |last| last + 1);
        first..end.max(first)
    }
}

/// Folds all values of the selected groups and genes (at least), from where `ends` lets them begin.
pub(super) fn pass<F: Fold>(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    selection: &Selection,
    map: impl Map,
    ends: &dyn Ends<F>,
) -> Result<()> {
    with_lines!(matrix, |lines| match matrix.major() {
        Axis::Obs => scattered(ctx, matrix, groups, selection, ends, &|row: &mut [F], members, genes| {
            scatter(lines, groups, members, genes, row, map)
        }),
        Axis::Var => gathered(ctx, matrix, groups, &|column: &mut Vec<F>, genes| {
            gather_all(&lines, groups, genes, selection, column, map, ends)
        }),
    })
}

/// Adds the members' lines, in their order, to the accumulators of these genes.
fn scatter<F: Fold, L: Lines, M: Map>(
    lines: L,
    groups: &Groups,
    members: Range<usize>,
    genes: Range<usize>,
    row: &mut [F],
    map: M,
) {
    if L::DENSE && F::SUMMED && M::IDENTITY {
        return add_cells(&lines, members.map(|member| groups.member(member)), genes, row);
    }
    let first = genes.start;
    for Part { cell, here, later, there } in parts(&lines, groups, members, genes) {
        lines.for_each_of((cell, here), (later, there), M::IDENTITY, |gene, x| {
            // Lines wrongly said to be sorted have others among them.
            if let Some(fold) = row.get_mut(gene.wrapping_sub(first)) {
                fold.add(map.of(gene, x.to_f64()));
            }
        });
    }
}

/// Folds the lines of these genes.
fn gather_all<F: Fold, L: Lines, M: Map>(
    lines: &L,
    groups: &Groups,
    genes: Range<usize>,
    selection: &Selection,
    column: &mut Vec<F>,
    map: M,
    ends: &dyn Ends<F>,
) {
    if F::SUMMED && M::IDENTITY && groups.is_all() {
        column.clear();
        ends.begin(0, genes.clone(), column);
        sum_lines(lines, genes.clone(), F::COUNTS, |gene, sums| column[gene - genes.start] = F::summed(sums));
        return ends.end(0, genes, column);
    }
    for gene in genes.filter(|&gene| selection.genes[gene]) {
        column.clear();
        (0..groups.n_groups()).for_each(|group| ends.begin(group, gene..gene + 1, column));
        if groups.is_all() {
            let mut fold = column[0];
            lines.for_each(gene, |_, x| fold.add(map.of(gene, x.to_f64())));
            column[0] = fold;
        } else {
            gather(lines, groups, gene, column, map);
        }
        for (group, fold) in column.chunks(1).take(groups.n_groups()).enumerate() {
            ends.end(group, gene..gene + 1, fold);
        }
    }
}

/// Adds the line of a gene to the accumulators of each cell's group.
fn gather<F: Fold, L: Lines>(lines: &L, groups: &Groups, gene: usize, column: &mut Vec<F>, map: impl Map) {
    let Some(&any) = column.first() else { return };
    // One more takes what belongs to no group (label -1) and is left behind: no branch in the loop.
    let nowhere = column.len();
    column.push(any);
    let labels = groups.labels();
    lines.for_each(gene, |cell, x| {
        let place = (labels[cell] as u32 as usize).min(nowhere);
        column[place].add(map.of(gene, x.to_f64()))
    });
}

/// Stored values that one thread folds in some 10 ms: how long the caller waits between two looks at its wish to stop.
pub(crate) const BITE: u64 = 1 << 23;

fn gathered<F: Fold>(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    task: &(dyn Fn(&mut Vec<F>, Range<usize>) + Sync),
) -> Result<()> {
    let n = matrix.n_vars();
    let bites = (matrix.n_stored() as u64 + (n * groups.n_groups()) as u64).div_ceil(BITE) as usize;
    let ranges = balanced_ranges(n, bites.max(8 * ctx.threads()), |gene| matrix.stored_before(gene));
    ctx.run(ranges.len(), Vec::new, |column, i| {
        task(column, ranges[i].clone());
        Ok(())
    })
}

/// Adds the lines of members to the accumulators of genes.
type AddMembers<'a, F> = &'a (dyn Fn(&mut [F], Range<usize>, Range<usize>) + Sync);

/// Does `task(accumulators, members, genes)` for all members and genes: groups of one bite at most side by side, then the
/// larger ones, bite after bite, their genes divided among the threads.
fn scattered<F: Fold>(
    ctx: &Ctx,
    matrix: &Matrix,
    groups: &Groups,
    selection: &Selection,
    ends: &dyn Ends<F>,
    task: AddMembers<F>,
) -> Result<()> {
    let hull = selection.hull();
    if hull.is_empty() {
        return Ok(());
    }
    let threads = ctx.threads() as u64;
    let weight = |member: usize| {
        let cell = groups.member(member);
        matrix.stored_before(cell + 1) - matrix.stored_before(cell) + 8
    };
    let selected = (0..groups.n_groups()).filter(|&group| selection.groups[group]);
    let weighed = selected.map(|group| (group, groups.range(group).map(weight).sum::<u64>()));
    let (small, large): (Vec<_>, Vec<_>) = weighed.partition(|&(_, weight)| weight <= BITE);
    let of_small: u64 = small.iter().map(|(_, weight)| weight).sum();
    let whole = of_small + large.iter().map(|(_, weight)| weight).sum::<u64>();
    let part = |done: u64| done as f64 / whole.max(1) as f64;
    let density = OnceCell::new();
    let cut = |pieces: u64| match pieces {
        0 | 1 => vec![hull.clone()],
        _ => density.get_or_init(|| Density::of(matrix, &hull)).cut(pieces as usize).collect(),
    };

    // A few tasks for each thread.
    let pieces = |weight: u64| (4 * threads * weight).div_ceil(of_small.max(1)).min(threads);
    let tasks: Vec<(usize, Range<usize>)> = small
        .iter()
        .flat_map(|&(group, weight)| cut(pieces(weight)).into_iter().map(move |genes| (group, genes)))
        .collect();
    ctx.within(0.0, part(of_small), || {
        ctx.run(tasks.len(), Vec::new, |row, i| {
            let (group, genes) = &tasks[i];
            row.clear();
            ends.begin(*group, genes.clone(), row);
            task(row, groups.range(*group), genes.clone());
            ends.end(*group, genes.clone(), row);
            Ok(())
        })
    })?;

    let mut done = of_small;
    for (group, _) in large {
        let mut row = Vec::new();
        ends.begin(group, hull.clone(), &mut row);
        let genes = cut(threads);
        for (members, weight) in bites(groups.range(group), weight, BITE * threads) {
            ctx.within(part(done), part(done + weight), || {
                let lens = genes.iter().map(|genes| genes.len());
                ctx.run_split(
                    &mut row,
                    lens,
                    || (),
                    |(), p, row| {
                        task(row, members.clone(), genes[p].clone());
                        Ok(())
                    },
                )
            })?;
            done += weight;
        }
        for genes in genes {
            ends.end(group, genes.clone(), &row[genes.start - hull.start..genes.end - hull.start]);
        }
    }
    Ok(())
}

/// Cuts members into stretches that weigh about `most` each, given with what they weigh.
fn bites(members: Range<usize>, weight: impl Fn(usize) -> u64, most: u64) -> Vec<(Range<usize>, u64)> {
    let mut bites = Vec::new();
    let (mut start, mut filled) = (members.start, 0);
    for member in members.clone() {
        filled += weight(member);
        if filled >= most || member + 1 == members.end {
            bites.push((start..member + 1, filled));
            (start, filled) = (member + 1, 0);
        }
    }
    bites
}
