//! Groups of cells: clusters, batches, perturbations, or just "these cells and no others".

use crate::ensure;
use crate::error::Result;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

/// Which group each cell (or each gene) is in, and which cells each group has.
///
/// A cell is in one group at most; one whose label is -1 is in none. Groups may be empty.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    n: usize,
    /// `None` if all cells are one group.
    labels: Option<Cow<'a, [i32]>>,
    /// The labels of that one group, made when asked for, which is hardly ever.
    all_zero: OnceLock<Vec<i32>>,
    /// The members of group 0, then those of group 1, and so on; ascending within each. For one group of all, made when
    /// asked for.
    members: OnceLock<Vec<usize>>,
    /// Where the members of each group begin; one more than there are groups.
    starts: Vec<usize>,
}

impl<'a> Groups<'a> {
    /// The groups that `labels` says, for a matrix with `n` cells. Each label is from -1 (in no group) to
    /// `n_groups` - 1; errors call the labels `name`.
    pub fn new(labels: impl Into<Cow<'a, [i32]>>, n_groups: usize, n: usize, name: &str) -> Result<Self> {
        let labels = labels.into();
        ensure!(
            labels.len() == n,
            Shape,
            "{name}: has {} labels, must have {n}, one for each line of the matrix",
            labels.len()
        );
        ensure!(
            i32::try_from(n_groups).is_ok(),
            InvalidArgument,
            "n_groups: is {n_groups}, must be at most {}, the largest label",
            i32::MAX
        );
        let mut starts = vec![0; n_groups + 1];
        for (i, &label) in labels.iter().enumerate() {
            ensure!(
                label >= -1 && (label as i64) < n_groups as i64,
                InvalidArgument,
                "{name}[{i}]: is {label}, must be from 0 to {} (a group), or -1 (in no group)",
                n_groups as i64 - 1
            );
            if label >= 0 {
                starts[label as usize + 1] += 1;
            }
        }
        for g in 0..n_groups {
            starts[g + 1] += starts[g];
        }
        let mut next = starts.clone();
        let mut members = vec![0; starts[n_groups]];
        for (i, &label) in labels.iter().enumerate().filter(|(_, label)| **label >= 0) {
            let at = &mut next[label as usize];
            members[*at] = i;
            *at += 1;
        }
        Ok(Self { n, labels: Some(labels), all_zero: OnceLock::new(), members: members.into(), starts })
    }

    /// One group of all `n` cells.
    pub fn all(n: usize) -> Groups<'static> {
        Groups { n, labels: None, all_zero: OnceLock::new(), members: OnceLock::new(), starts: vec![0, n] }
    }

    /// These groups, and after them one of the cells that are in none, which may be empty.
    pub fn with_the_rest(&self) -> Groups<'static> {
        let rest = self.n_groups() as i32;
        let labels: Vec<i32> = self.labels().iter().map(|&label| if label < 0 { rest } else { label }).collect();
        Groups::new(labels, self.n_groups() + 1, self.n, "groups").expect("labels stay in range")
    }

    /// One group of the cells for which `mask` is true.
    pub fn masked(mask: &[bool]) -> Groups<'static> {
        let members: Vec<usize> = (0..mask.len()).filter(|&i| mask[i]).collect();
        let labels: Vec<i32> = mask.iter().map(|&inside| if inside { 0 } else { -1 }).collect();
        Groups {
            n: mask.len(),
            labels: Some(labels.into()),
            all_zero: OnceLock::new(),
            starts: vec![0, members.len()],
            members: members.into(),
        }
    }

    /// How many cells there are, in groups or not.
    pub fn n(&self) -> usize {
        self.n
    }

    pub fn n_groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The label of each cell, -1 for those in no group.
    pub fn labels(&self) -> &[i32] {
        match &self.labels {
            Some(labels) => labels,
            None => self.all_zero.get_or_init(|| vec![0; self.n]),
        }
    }

    /// The group of a cell.
    pub fn of(&self, i: usize) -> Option<usize> {
        if self.is_all() { Some(0) } else { usize::try_from(self.labels()[i]).ok() }
    }

    /// The cells of a group, ascending.
    pub fn members(&self, group: usize) -> &[usize] {
        &self.all_members()[self.range(group)]
    }

    /// The cells of all groups: those of group 0, then of group 1, and so on.
    pub fn all_members(&self) -> &[usize] {
        self.members.get_or_init(|| (0..self.n).collect())
    }

    /// The `k`-th of [`Groups::all_members`].
    #[inline(always)]
    pub fn member(&self, k: usize) -> usize {
        if self.is_all() { k } else { self.all_members()[k] }
    }

    /// Where the members of a group lie in [`Groups::all_members`].
    pub fn range(&self, group: usize) -> Range<usize> {
        self.starts[group]..self.starts[group + 1]
    }

    pub fn size(&self, group: usize) -> usize {
        self.starts[group + 1] - self.starts[group]
    }

    pub fn sizes(&self) -> Vec<usize> {
        (0..self.n_groups()).map(|g| self.size(g)).collect()
    }

    /// Whether there is one group and every cell is in it: labels need not be looked at then.
    #[inline(always)]
    pub fn is_all(&self) -> bool {
        self.n_groups() == 1 && self.size(0) == self.n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn members_are_sorted_by_group_then_by_cell() {
        let labels = [2, -1, 0, 2, 0, 2];
        let groups = Groups::new(&labels[..], 4, 6, "groups").unwrap();
        assert_eq!(groups.sizes(), [2, 0, 3, 0]);
        assert_eq!(groups.members(0), [2, 4]);
        assert_eq!(groups.members(2), [0, 3, 5]);
        assert_eq!(groups.all_members(), [2, 4, 0, 3, 5]);
        assert_eq!((groups.of(0), groups.of(1)), (Some(2), None));
        assert!(!groups.is_all() && Groups::all(3).is_all());
        assert_eq!(Groups::masked(&[true, false, true]).members(0), [0, 2]);
    }

    #[test]
    fn wrong_labels_are_named() {
        let error = Groups::new(&[0, 3][..], 3, 2, "groups").unwrap_err();
        assert_eq!(error.message, "groups[1]: is 3, must be from 0 to 2 (a group), or -1 (in no group)");
        assert!(Groups::new(&[-2][..], 3, 1, "groups").is_err());
        assert_eq!(Groups::new(&[0][..], 1, 2, "batch").unwrap_err().kind, ErrorKind::Shape);
    }
}
