//! The two sides of each comparison: a group, and the rest or the reference group.

use super::{Method, Options, Reference, Wanted};
use crate::error::Result;
use crate::matrix::buffer::zeros;
use crate::matrix::reduce::{self, Targets, aggregate_into, aggregate_mapped};
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::{Ctx, even_ranges};
use crate::simd::widest_f64;
use crate::with_lines;
use libm::expm1;
use std::ops::Range;

/// What is known of the values of one gene on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Side {
    /// Cells.
    pub n: f64,
    pub sum: f64,
    /// The unbiased one; 0 unless the method is a t-test.
    pub variance: f64,
    /// Values that are not zero, or above zero if the options ask for these; 0 unless fractions are wanted.
    pub nonzeros: f64,
    /// Sum of the values with their logarithm undone; 0 unless the fold change needs it.
    pub unlogged: f64,
}

impl Side {
    pub fn mean(&self) -> f64 {
        self.sum / self.n
    }
}

/// Sides in rows of `n_vars` each, as columns of numbers; one that no method asked for is empty.
#[derive(Default)]
pub(super) struct Table {
    pub n_vars: usize,
    /// One for each row.
    pub n: Vec<f64>,
    pub sums: Vec<f64>,
    pub variances: Vec<f64>,
    pub nonzeros: Vec<f64>,
    pub unlogged: Vec<f64>,
}

/// Some genes of a row.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub n: f64,
    pub sums: &'a [f64],
    pub variances: &'a [f64],
    pub nonzeros: &'a [f64],
    pub unlogged: &'a [f64],
    /// What fold changes compare, where it is known already.
    pub levels: &'a [f64],
}

impl Row<'_> {
    /// The side of the `i`-th of these genes.
    #[inline(always)]
    pub fn side(&self, i: usize) -> Side {
        let at = |column: &[f64]| if column.is_empty() { 0.0 } else { column[i] };
        Side {
            n: self.n,
            sum: self.sums[i],
            variance: at(self.variances),
            nonzeros: at(self.nonzeros),
            unlogged: at(self.unlogged),
        }
    }
}

impl Table {
    /// Of these groups' values, with variances and numbers of non-zeros as wanted.
    fn new(ctx: &Ctx, matrix: &Matrix, groups: &Groups, variances: bool, nonzeros: bool) -> Result<Self> {
        let (n_groups, n_vars) = (groups.n_groups(), matrix.n_vars());
        let column = |wanted: bool| zeros(if wanted { n_groups * n_vars } else { 0 });
        let mut table = Self {
            n_vars,
            n: groups.sizes().iter().map(|&size| size as f64).collect(),
            sums: column(true)?,
            variances: column(variances)?,
            nonzeros: column(nonzeros)?,
            unlogged: Vec::new(),
        };
        let targets = Targets {
            sums: Some(&mut table.sums),
            variances: variances.then_some(&mut table.variances),
            nonzeros: nonzeros.then_some(&mut table.nonzeros),
            ..Default::default()
        };
        aggregate_into(ctx, matrix, Axis::Obs, groups, 1.0, targets)?;
        Ok(table)
    }

    fn row(&self, row: usize, genes: Range<usize>) -> Row<'_> {
        let places = row * self.n_vars + genes.start..row * self.n_vars + genes.end;
        let of = |column: &'_ [f64]| -> Range<usize> { if column.is_empty() { 0..0 } else { places.clone() } };
        Row {
            n: self.n[row],
            sums: &self.sums[places.clone()],
            variances: &self.variances[of(&self.variances)],
            nonzeros: &self.nonzeros[of(&self.nonzeros)],
            unlogged: &self.unlogged[of(&self.unlogged)],
            levels: &[],
        }
    }

    /// For each of the first `n_groups` rows all other rows together, for these genes: those before it, and those after.
    /// Nothing is subtracted, so nothing cancels.
    fn leave_one_out(&self, n_groups: usize, genes: Range<usize>) -> Self {
        let n_vars = genes.len();
        let column = |like: &[f64], rows: usize| vec![0.0; if like.is_empty() { 0 } else { rows * n_vars }];
        let table = |rows: usize| Self {
            n_vars,
            n: vec![0.0; rows],
            sums: column(&self.sums, rows),
            variances: column(&self.variances, rows),
            nonzeros: column(&self.nonzeros, rows),
            unlogged: column(&self.unlogged, rows),
        };
        let (mut others, mut before, mut after) = (table(n_groups), table(1), table(1));
        for row in (0..self.n.len()).rev() {
            if row < n_groups {
                others.add(row, after.row(0, 0..n_vars));
            }
            after.add(0, self.row(row, genes.clone()));
        }
        for row in 0..n_groups {
            others.add(row, before.row(0, 0..n_vars));
            before.add(0, self.row(row, genes.clone()));
        }
        others
    }

    /// Takes the cells of another row into one of this table. Squared deviations from the mean are added by Chan, Golub and
    /// LeVeque's formula (1979), in which nothing cancels.
    fn add(&mut self, row: usize, other: Row) {
        let (own_n, n) = (self.n[row], self.n[row] + other.n);
        if other.n == 0.0 {
            return;
        }
        self.n[row] = n;
        let places = row * self.n_vars..(row + 1) * self.n_vars;
        let sums = &mut self.sums[places.clone()];
        widest_f64(
            #[inline(always)]
            || {
                if let Some(variances) = self.variances.get_mut(places.clone()) {
                    // What squared deviations are of each variance: nothing of that of one cell, which is NaN.
                    let squares = |n: f64, variance: f64| if n > 1.0 { variance * (n - 1.0) } else { 0.0 };
                    let between = if own_n > 0.0 { own_n * other.n / n } else { 0.0 };
                    let (inverse, own_inverse) = (1.0 / other.n, 1.0 / own_n.max(1.0));
                    let columns = variances.iter_mut().zip(other.variances).zip(&*sums).zip(other.sums);
                    for (((own, &variance), &own_sum), &sum) in columns {
                        let apart = sum * inverse - own_sum * own_inverse;
                        let within = squares(own_n, *own) + squares(other.n, variance);
                        *own = (within + apart * apart * between) / (n - 1.0);
                    }
                }
                let add = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                add(sums, other.sums);
                for (column, other) in [(&mut self.nonzeros, other.nonzeros), (&mut self.unlogged, other.unlogged)] {
                    if let Some(column) = column.get_mut(places.clone()) {
                        add(column, other);
                    }
                }
            },
        );
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
    /// What fold changes compare of the reference group, which is the same for all; nothing if they compare with the rest.
    levels: Vec<f64>,
}

impl Sides {
    /// What the wanted results take. `known` are the sums and numbers of non-zeros of the groups, and of the cells in none, if
    /// they are known already.
    pub fn new(
        ctx: &Ctx,
        matrix: &Matrix,
        groups: &Groups,
        options: &Options,
        wanted: &Wanted,
        known: Option<Table>,
    ) -> Result<Self> {
        let n_groups = groups.n_groups();
        // Cells in no group are one more group of the rest.
        let with_the_rest;
        let groups = match options.reference {
            Reference::Rest => {
                with_the_rest = groups.with_the_rest();
                &with_the_rest
            }
            Reference::Group(_) => groups,
        };
        let t_test = options.method != Method::Wilcoxon;
        let unlog = wanted.log_fold_changes && options.fold_change.convention.unlogs_values();
        let steps = 1 + usize::from(unlog);
        let fractions = wanted.fractions || wanted.fractions_reference;
        let mut table = match known {
            Some(known) => known,
            None => ctx.step(0, steps, || Table::new(ctx, matrix, groups, t_test, fractions))?,
        };
        if fractions && options.positive_fractions && some_negative(ctx, matrix)? {
            let counted = reduce::Wanted { nonzeros: true, ..Default::default() };
            table.nonzeros = aggregate_mapped(ctx, matrix, Axis::Obs, groups, counted, |_, x| x.max(0.0))?.nonzeros;
        }
        if unlog {
            let factor = options.fold_change.ln_base();
            let unlogged = |_, x| expm1(x * factor);
            let sums = reduce::Wanted::default();
            let made = ctx.step(1, steps, || aggregate_mapped(ctx, matrix, Axis::Obs, groups, sums, unlogged))?;
            table.unlogged = made.sums;
        }
        let (mut rests, mut levels) = (Vec::new(), Vec::new());
        match options.reference {
            Reference::Rest => {
                let pieces: Vec<_> = even_ranges(table.n_vars, PIECE).collect();
                rests = ctx.map(pieces.len(), |piece| Ok(table.leave_one_out(n_groups, pieces[piece].clone())))?;
            }
            Reference::Group(reference) if wanted.log_fold_changes => {
                levels = options.fold_change.levels(table.row(reference, 0..table.n_vars));
            }
            Reference::Group(_) => {}
        }
        Ok(Self { reference: options.reference, groups: table, rests, levels })
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
                Reference::Group(reference) => {
                    let levels = self.levels.get(genes.clone()).unwrap_or_default();
                    Row { levels, ..self.groups.row(reference, genes.clone()) }
                }
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
        assert!((others.variances[0] * 7.0 - want).abs() < 1e-12);
    }
}
