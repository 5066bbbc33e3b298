//! The two sides of each comparison: a group, and the rest or the reference group.

use super::{Method, Options, Reference};
use crate::error::Result;
use crate::matrix::reduce::{Aggregate, Wanted, aggregate, aggregate_mapped};
use crate::matrix::{Axis, Groups, Lines, Matrix, Value};
use crate::parallel::Ctx;
use crate::with_lines;
use libm::expm1;

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
    squares: Vec<f64>,
    nonzeros: Vec<f64>,
    unlogged: Vec<f64>,
}

impl Table {
    fn new(of_values: Aggregate, of_unlogged: Aggregate) -> Self {
        let n: Vec<f64> = of_values.sizes.iter().map(|&size| size as f64).collect();
        let mut squares = of_values.variances;
        for (row, &n) in squares.chunks_mut(of_values.n.max(1)).zip(&n) {
            row.iter_mut().for_each(|variance| *variance = if n > 1.0 { *variance * (n - 1.0) } else { 0.0 });
        }
        Self {
            n_vars: of_values.n,
            n,
            sums: of_values.sums,
            squares,
            nonzeros: of_values.nonzeros,
            unlogged: of_unlogged.sums,
        }
    }

    fn rows(&self) -> usize {
        self.n.len()
    }

    fn row(&self, row: usize) -> impl Iterator<Item = Side> {
        let at = |column: &[f64], i: usize| if column.is_empty() { 0.0 } else { column[i] };
        (row * self.n_vars..(row + 1) * self.n_vars).map(move |i| Side {
            n: self.n[row],
            sum: self.sums[i],
            squares: at(&self.squares, i),
            nonzeros: self.nonzeros[i],
            unlogged: at(&self.unlogged, i),
        })
    }

    /// For each of the first `n_groups` rows all other rows together: those before it, and those after. Nothing is
    /// subtracted, so nothing cancels.
    fn leave_one_out(&self, n_groups: usize) -> Self {
        let column = |like: &[f64]| vec![0.0; like.len().min(n_groups * self.n_vars)];
        let mut others = Self {
            n_vars: self.n_vars,
            n: vec![0.0; n_groups],
            sums: column(&self.sums),
            squares: column(&self.squares),
            nonzeros: column(&self.nonzeros),
            unlogged: column(&self.unlogged),
        };
        let mut before = vec![Side::default(); self.n_vars];
        let mut n_before = 0.0;
        for row in 0..n_groups {
            others.set(row, n_before, before.iter().copied());
            before.iter_mut().zip(self.row(row)).for_each(|(before, side)| *before = before.with(side));
            n_before += self.n[row];
        }
        let mut after = vec![Side::default(); self.n_vars];
        let mut n_after = 0.0;
        for row in (0..self.rows()).rev() {
            if row < n_groups {
                let both: Vec<Side> = others.row(row).zip(&after).map(|(before, &after)| before.with(after)).collect();
                others.set(row, others.n[row] + n_after, both.into_iter());
            }
            after.iter_mut().zip(self.row(row)).for_each(|(after, side)| *after = side.with(*after));
            n_after += self.n[row];
        }
        others
    }

    fn set(&mut self, row: usize, n: f64, sides: impl Iterator<Item = Side>) {
        self.n[row] = n;
        for (i, side) in (row * self.n_vars..).zip(sides) {
            self.sums[i] = side.sum;
            self.nonzeros[i] = side.nonzeros;
            if let Some(squares) = self.squares.get_mut(i) {
                *squares = side.squares;
            }
            if let Some(unlogged) = self.unlogged.get_mut(i) {
                *unlogged = side.unlogged;
            }
        }
    }
}

/// Both sides of all comparisons.
pub(super) struct Sides {
    n_groups: usize,
    reference: Reference,
    groups: Table,
    /// The rest of each group; nothing if the reference is a group.
    rests: Table,
}

impl Sides {
    pub fn new(ctx: &Ctx, matrix: &Matrix, groups: &Groups, options: &Options, fold_changes: bool) -> Result<Self> {
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
        let mut of_values = ctx.step(0, steps, || aggregate(ctx, matrix, Axis::Obs, groups, moments))?;
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
            Reference::Rest => groups.leave_one_out(n_groups),
            Reference::Group(_) => Table::default(),
        };
        Ok(Self { n_groups, reference: options.reference, groups, rests })
    }

    pub fn n_vars(&self) -> usize {
        self.groups.n_vars
    }

    /// Whether all sums are finite, as they are if all values are.
    pub fn all_finite(&self) -> bool {
        self.groups.sums.iter().all(|sum| sum.is_finite())
    }

    fn others(&self, group: usize) -> impl Iterator<Item = Side> {
        match self.reference {
            Reference::Rest => self.rests.row(group),
            Reference::Group(reference) => self.groups.row(reference),
        }
    }

    /// `f` of both sides of each comparison, one row for each group; NaN in the row of a reference group.
    pub fn compare(&self, f: impl Fn((Side, Side)) -> f64) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.n_groups * self.n_vars());
        for group in 0..self.n_groups {
            if self.reference == Reference::Group(group) {
                out.resize(out.len() + self.n_vars(), f64::NAN);
            } else {
                out.extend(self.groups.row(group).zip(self.others(group)).map(&f));
            }
        }
        out
    }

    /// `f` of each group's own side.
    pub fn of_groups(&self, f: impl Fn(&Side) -> f64) -> Vec<f64> {
        (0..self.n_groups).flat_map(|group| self.groups.row(group)).map(|side| f(&side)).collect()
    }

    /// `f` of what each group is compared with.
    pub fn of_others(&self, f: impl Fn(&Side) -> f64) -> Vec<f64> {
        (0..self.n_groups).flat_map(|group| self.others(group)).map(|side| f(&side)).collect()
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
            squares: vec![2.0, 3.0, 5.0, 0.0],
            nonzeros: vec![1.0, 2.0, 3.0, 0.0],
            unlogged: vec![],
        };
        let others = table.leave_one_out(3);
        assert_eq!(others.n, [8.0, 7.0, 5.0]);
        assert_eq!(others.sums, [5.0, -8.0, 17.0]);
        assert_eq!(others.nonzeros, [5.0, 4.0, 3.0]);
        assert!(others.unlogged.is_empty());
        // Squared deviations by the definition: n within each group, and those of the groups' means.
        let mean = 5.0 / 8.0;
        let want = 8.0 + 3.0 * (5.0f64 - mean).powi(2) + 5.0 * (-2.0f64 - mean).powi(2);
        assert!((others.squares[0] - want).abs() < 1e-12);
    }
}
