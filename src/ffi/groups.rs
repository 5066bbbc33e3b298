//! Groups of cells, as callers give them: one label for each cell.

use super::matrix::slice;
use crate::ensure;
use crate::error::Result;
use crate::matrix::Groups;

/// The groups that a caller's labels say, of `n` cells; null labels are one group of all cells.
///
/// # Safety
/// `labels` is null or valid for reads of `len` elements for `'a`.
pub(crate) unsafe fn groups_or_all<'a>(
    labels: *const i32,
    len: i64,
    n_groups: i64,
    n: usize,
    name: &str,
) -> Result<Groups<'a>> {
    if labels.is_null() && n_groups == 1 && len == 0 {
        return Ok(Groups::all(n));
    }
    ensure!(n_groups >= 0, InvalidArgument, "n_{name}: is {n_groups}, must not be negative");
    // SAFETY: as this function's own contract.
    Groups::new(unsafe { slice(labels, len, name)? }, n_groups as usize, n, name)
}
