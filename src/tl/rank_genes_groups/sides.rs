//! The two sides of each comparison: a group, and the rest or the reference group.

use super::{Method, Options, Reference};
use crate::error::Result;
use crate::matrix::reduce::{Aggregate, Wanted, aggregate, aggregate_mapped};
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::{Ctx, even_ranges};
use crate::with_lines;
use libm::expm1;
use std::ops::Range;

/// What is known of the values of one gene on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Side {
    /// Cells.
    pub n: f64,
    pub sum: f64,
    /// Sum of squared deviations from the mean; 0 unless the method is a t-test.
    pub squares: f64,
    /// Values that are not zero, or above zero if the options ask for these.
    pub nonzeros: f64,
    /// Sum of the values with their logarithm undone; 0 unless the fold change needs it.
    pub unlogged: f64,
}

impl Side {
    pub fn mean(&self) -> f64 {
        self.sum / self.n
    }

    /// The unbiased one.
    pub fn variance(&self) -> f64 {
        self.squares / (self.n - 1.0)
    }

    /// Both taken together; squared deviations are added by Chan, Golub and LeVeque's formula (1979), in which nothing
    /// cancels.
    fn with(self, other: Side) -> Side {
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let n = self.n + other.n;
        let apart = other.mean() - self.mean();
        Side {
            n,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares + apart * apart * (self.n * other.n / n),
            nonzeros: self.nonzeros + other.nonzeros,
            unlogged: self.unlogged + other.unlogged,
        }
    }
}

/// Sides in rows of `n_vars` each, as columns of numbers; one that no method asked for is empty.
#[derive(Default)]
struct Table {
    n_vars: usize,
    /// One for each row.
    n: Vec<f64>,
    sums: Vec<f64>,
    variances: Vec<f64>,
    nonzeros: Vec<f64>,
    unlogged: Vec<f64>,
}

/// Some genes of a row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    n: f64,
    sums: &'a [f64],
    variances: &'a [f64],
    nonzeros: &'a [f64],
    unlogged: &'a [f64],
}

impl Row<'_> {
    /// The side of the `i`-th of these genes.
    #[inline(always)]
    pub fn side(&self, i: usize) -> Side {
        let at = |column: &[f64]| if column.is_empty() { 0.0 } else { column[i] };
        Side {
            n: self.n,
            sum: self.sums[i],
            squares: if self.n > 1.0 { at(self.variances) * (self.n - 1.0) } else { 0.0 },
            nonzeros: self.nonzeros[i],
            unlogged: at(self.unlogged),
        }
    }
}

impl Table {
    fn new(of_values: Aggregate, of_unlogged: Aggregate) -> Self {
        Self {
            n_vars: of_values.n,
            n: of_values.sizes.iter().map(|&size| size as f64).collect(),
            sums: of_values.sums,
            variances: of_values.variances,
            nonzeros: of_values.nonzeros,
            unlogged: of_unlogged.sums,
        }
    }

    fn row(&self, row: usize, genes: Range<usize>) -> Row<'_> {
        let places = row * self.n_vars + genes.start..row * self.n_vars + genes.end;
        let of = |column: &'_ [f64]| -> Range<usize> { if column.is_empty() { 0..0 } else { places.clone() } };
        Row {
            n: self.n[row],
            sums: &self.sums[places.clone()],
            variances: &self.variances[of(&self.variances)],
            nonzeros: &self.nonzeros[places.clone()],
            unlogged: &self.unlogged[of(&self.unlogged)],
        }
    }

    /// For each of the first `n_groups` rows all other rows together, for these genes: those before it, and those after.
    /// Nothing is subtracted, so nothing cancels.
    fn leave_one_out(&self, n_groups: usize, genes: Range<usize>) -> Self {
        let n_vars = genes.len();
        let column = |like: &[f64]| vec![0.0; if like.is_empty() { 0 } else { n_groups * n_vars }];
        let mut others = Self {
            n_vars,
            n: vec![0.0; n_groups],
            sums: column(&self.sums),
            variances: column(&self.variances),
            nonzeros: column(&self.nonzeros),
            unlogged: column(&self.unlogged),
        };
        let add = |together: &mut [Side], row: Row| {
            together.iter_mut().enumerate().for_each(|(i, side)| *side = side.with(row.side(i)));
        };
        let n_rows = self.n.len();
        // Row by row from the end: what comes after each group.
        let mut after = vec![vec![Side::default(); n_vars]; n_groups];
        let mut together = vec![Side::default(); n_vars];
        for row in (0..n_rows).rev() {
            if row < n_groups {
                after[row].copy_from_slice(&together);
            }
            add(&mut together, self.row(row, genes.clone()));
        }
        together.fill(Side::default());
        for (row, after) in after.iter().enumerate() {
            others.n[row] = self.n.iter().sum::<f64>() - self.n[row];
            for (i, (before, after)) in together.iter().zip(after).enumerate() {
                others.set(row * n_vars + i, before.with(*after));
            }
            add(&mut together, self.row(row, genes.clone()));
        }
        others
    }

    #[inline(always)]
    fn set(&mut self, i: usize, side: Side) {
        self.sums[i] = side.sum;
        self.nonzeros[i] = side.nonzeros;
        if let Some(variance) = self.variances.get_mut(i) {
            *variance = side.variance();
        }
        if let Some(unlogged) = self.unlogged.get_mut(i) {
            *unlogged = side.unlogged;
        }
    }
}

/// Genes that a thread looks at in one go: their numbers stay in the first cache.
pub(super) const PIECE: usize = 512;

/// Both sides of all comparisons.
pub(super) struct Sides {
    reference: Reference,
    groups: Table,
    /// The rest of each group, for one piece of the genes after the other; nothing if the reference is a group.
    rests: Vec<Table>,
}

impl Sides {
    /// `known` are the sums and numbers of non-zeros of the groups, and of the cells in none, if they are known already.
    pub fn new(
        ctx: &Ctx,
        matrix: &Matrix,
        groups: &Groups,
        options: &Options,
        fold_changes: bool,
        known: Option<Aggregate>,
    ) -> Result<Self> {
        let n_groups = groups.n_groups();
        // Cells in no group are one more group of the rest.
        let with_remainder;
        let groups = match options.reference {
            Reference::Rest => {
                let none = n_groups as i32;
                let labels: Vec<i32> = groups.labels().iter().map(|&g| if g < 0 { none } else { g }).collect();
                with_remainder = Groups::new(labels, n_groups + 1, matrix.n_obs(), "groups")?;
                &with_remainder
            }
            Reference::Group(_) => groups,
        };
        let t_test = options.method != Method::Wilcoxon;
        let unlog = fold_changes && options.fold_change.convention.unlogs_values();
        let steps = 1 + usize::from(unlog);
        let moments = Wanted { ddof: t_test.then_some(1.0), nonzeros: true, ..Default::default() };
        let mut of_values = match known {
            Some(known) => known,
            None => ctx.step(0, steps, || aggregate(ctx, matrix, Axis::Obs, groups, moments))?,
        };
        if options.positive_fractions && some_negative(ctx, matrix)? {
            let counted = Wanted { nonzeros: true, ..Default::default() };
            of_values.nonzeros = aggregate_mapped(ctx, matrix, Axis::Obs, groups, counted, |_, x| x.max(0.0))?.nonzeros;
        }
        let of_unlogged = if unlog {
            let factor = options.fold_change.ln_base();
            let unlogged = |_, x| expm1(x * factor);
            ctx.step(1, steps, || aggregate_mapped(ctx, matrix, Axis::Obs, groups, Wanted::default(), unlogged))?
        } else {
            Aggregate::default()
        };
        let groups = Table::new(of_values, of_unlogged);
        let rests = match options.reference {
            Reference::Rest => {
                let pieces: Vec<_> = even_ranges(groups.n_vars, PIECE).collect();
                ctx.map(pieces.len(), |piece| Ok(groups.leave_one_out(n_groups, pieces[piece].clone())))?
            }
            Reference::Group(_) => Vec::new(),
        };
        Ok(Self { reference: options.reference, groups, rests })
    }

    /// Whether all sums are finite, as they are if all values are.
    pub fn all_finite(&self, ctx: &Ctx) -> Result<bool> {
        let finite = ctx.map(self.groups.n.len(), |row| {
            let row = self.groups.row(row, 0..self.groups.n_vars);
            Ok(row.sums.iter().fold(true, |all, sum| all & sum.is_finite()))
        })?;
        Ok(!finite.contains(&false))
    }

    /// A group and what it is compared with, in pieces of the genes.
    pub fn pieces(&self, group: usize) -> impl Iterator<Item = (Range<usize>, Row<'_>, Row<'_>)> {
        even_ranges(self.groups.n_vars, PIECE).enumerate().map(move |(piece, genes)| {
            let other = match self.reference {
                Reference::Rest => self.rests[piece].row(group, 0..genes.len()),
                Reference::Group(reference) => self.groups.row(reference, genes.clone()),
            };
            (genes.clone(), self.groups.row(group, genes), other)
        })
    }
}

/// Whether any value is below zero.
fn some_negative(ctx: &Ctx, matrix: &Matrix) -> Result<bool> {
    let pieces = ctx.balanced(matrix.n_major(), |line| matrix.stored_before(line));
    let negative = ctx.map(pieces.len(), |piece| {
        Ok(with_lines!(matrix, |lines| pieces[piece].clone().any(|line| any_negative(&lines.values(line)))))
    })?;
    Ok(negative.contains(&true))
}

fn any_negative<V: Value>(values: &[V]) -> bool {
    values.iter().fold(false, |any, v| any | (*v < V::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_one_out_takes_all_others() {
        let table = Table {
            n_vars: 1,
            n: vec![2.0, 3.0, 5.0, 0.0],
            sums: vec![2.0, 15.0, -10.0, 0.0],
            // Sums of squared deviations 2, 3, 5 and none.
            variances: vec![2.0, 1.5, 1.25, f64::NAN],
            nonzeros: vec![1.0, 2.0, 3.0, 0.0],
            unlogged: vec![],
        };
        let others = table.leave_one_out(3, 0..1);
        assert_eq!(others.n, [8.0, 7.0, 5.0]);
        assert_eq!(others.sums, [5.0, -8.0, 17.0]);
        assert_eq!(others.nonzeros, [5.0, 4.0, 3.0]);
        assert!(others.unlogged.is_empty());
        // Squared deviations by the definition: n within each group, and those of the groups' means.
        let mean = 5.0 / 8.0;
        let want = 8.0 + 3.0 * (5.0f64 - mean).powi(2) + 5.0 * (-2.0f64 - mean).powi(2);
        assert!((others.row(0, 0..1).side(0).squares - want).abs() < 1e-12);
    }
}
