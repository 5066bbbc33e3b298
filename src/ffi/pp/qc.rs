//! Quality metrics of cells and genes.

use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{ScnMatrix, output, slice, view};
use crate::ffi::status::ScnStatus;
use crate::pp::qc::{Cell, Wanted, qc};
use crate::{bail, ensure};

/// One place for a column, or for several one after the other.
///
/// # Safety
/// `out` is null or valid for writes of `len` elements.
unsafe fn put(out: *mut f64, len: i64, needed: usize, name: &str, values: impl FnOnce() -> Vec<f64>) -> Result<()> {
    // SAFETY: as this function's own contract.
    if let Some(out) = unsafe { output(out, len, needed, name)? } {
        out.copy_from_slice(&values());
    }
    Ok(())
}

/// The quality metrics of cells and genes, in one pass. Each output may be null.
///
/// - `percent_top`: `n_percent_top` numbers of genes, each from 1 to `n_vars`, in any order.
/// - `subsets`: `n_subsets` sets of genes (mitochondrial, ribosomal, ...) as masks, `n_vars` bytes each, one after the other;
///   a gene is in a set if its byte is not 0.
/// - `n_genes_by_counts` (`n_obs`): how many genes of each cell are not zero.
/// - `total_counts` (`n_obs`): the total of each cell.
/// - `pct_counts_in_top` (`n_percent_top` x `n_obs`, all cells for the first entry first): the percentage of its total that a
///   cell has in so many of its highest genes. NaN for a cell of total 0.
/// - `subset_counts`, `subset_pct` (`n_subsets` x `n_obs` each): the total of each cell in each set, and its percentage of the
///   cell's. NaN for a cell of total 0.
/// - `n_cells_by_counts`, `total_counts_of_genes`, `mean_counts`, `pct_dropout` (`n_vars` each): in how many cells each gene
///   is not zero, its total, its mean, and the percentage of cells in which it is zero.
///
/// The logarithms that scanpy has beside these are `scn_pp_log1p` of them.
///
/// As `scanpy.pp.calculate_qc_metrics`, equal for counts; scanpy sums float32 matrices in float32 (by version and layout), ours
/// are summed in double in ascending order. Zeros count as values: where a cell has fewer positive values than
/// asked for, zeros and then negative values are its next highest (scanpy leaves negative ones out at times). A cell with NaN
/// has NaN totals. Memory: the results, two doubles per gene for each thread; for a matrix compressed along genes 64 MiB
/// more.
///
/// Errors: those of a matrix' descriptor and structure; `SCN_ERR_INVALID_ARGUMENT` for a number in `percent_top` out of range;
/// `SCN_ERR_SHAPE` for a wrong length; `SCN_ERR_CANCELLED`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `matrix` is null or a descriptor whose arrays have the lengths it states;
/// `percent_top` is null or valid for reads of `n_percent_top` elements, `subsets` of `n_subsets` x `n_vars`; the outputs are
/// null or valid for writes of their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_calculate_qc_metrics(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    percent_top: *const i64,
    n_percent_top: i64,
    subsets: *const u8,
    n_subsets: i64,
    n_genes_by_counts: *mut f64,
    n_genes_by_counts_len: i64,
    total_counts: *mut f64,
    total_counts_len: i64,
    pct_counts_in_top: *mut f64,
    pct_counts_in_top_len: i64,
    subset_counts: *mut f64,
    subset_counts_len: i64,
    subset_pct: *mut f64,
    subset_pct_len: i64,
    n_cells_by_counts: *mut f64,
    n_cells_by_counts_len: i64,
    total_counts_of_genes: *mut f64,
    total_counts_of_genes_len: i64,
    mean_counts: *mut f64,
    mean_counts_len: i64,
    pct_dropout: *mut f64,
    pct_dropout_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let (n_obs, n_vars) = (matrix.n_obs(), matrix.n_vars());
            let percent_top = slice(percent_top, n_percent_top, "percent_top")?;
            let tops: Vec<usize> = percent_top.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
            ensure!(n_subsets >= 0, InvalidArgument, "n_subsets: is {n_subsets}, must not be negative");
            let Some(bytes) = n_subsets.checked_mul(n_vars as i64) else {
                bail!(Overflow, "n_subsets: is {n_subsets}, too many for {n_vars} genes")
            };
            let bytes: Vec<bool> = slice(subsets, bytes, "subsets")?.iter().map(|&byte| byte != 0).collect();
            let subsets: Vec<&[bool]> = (0..n_subsets as usize).map(|i| &bytes[i * n_vars..(i + 1) * n_vars]).collect();
            let all_tops = tops.len() * n_obs;
            let all_subsets = subsets.len() * n_obs;
            // Lengths first: nothing is computed for a call that cannot end well.
            output(n_genes_by_counts, n_genes_by_counts_len, n_obs, "n_genes_by_counts")?;
            output(total_counts, total_counts_len, n_obs, "total_counts")?;
            output(pct_counts_in_top, pct_counts_in_top_len, all_tops, "pct_counts_in_top")?;
            output(subset_counts, subset_counts_len, all_subsets, "subset_counts")?;
            output(subset_pct, subset_pct_len, all_subsets, "subset_pct")?;
            output(n_cells_by_counts, n_cells_by_counts_len, n_vars, "n_cells_by_counts")?;
            output(total_counts_of_genes, total_counts_of_genes_len, n_vars, "total_counts_of_genes")?;
            output(mean_counts, mean_counts_len, n_vars, "mean_counts")?;
            output(pct_dropout, pct_dropout_len, n_vars, "pct_dropout")?;

            let wanted = Wanted {
                percent_top: if pct_counts_in_top.is_null() { &[] } else { &tops },
                subsets: if subset_counts.is_null() && subset_pct.is_null() { &[] } else { &subsets },
            };
            let found = qc(ctx, &matrix, &wanted)?;
            let columns = |n: usize, what: fn(usize) -> Cell| (0..n).flat_map(|i| found.cell_column(what(i))).collect();
            put(n_genes_by_counts, n_genes_by_counts_len, n_obs, "n_genes_by_counts", || {
                found.cell_column(Cell::Genes)
            })?;
            put(total_counts, total_counts_len, n_obs, "total_counts", || found.cell_column(Cell::Total))?;
            put(pct_counts_in_top, pct_counts_in_top_len, all_tops, "pct_counts_in_top", || {
                columns(tops.len(), Cell::Top)
            })?;
            put(subset_counts, subset_counts_len, all_subsets, "subset_counts", || {
                columns(subsets.len(), Cell::Subset)
            })?;
            put(subset_pct, subset_pct_len, all_subsets, "subset_pct", || columns(subsets.len(), Cell::SubsetPercent))?;
            put(n_cells_by_counts, n_cells_by_counts_len, n_vars, "n_cells_by_counts", || found.n_cells.clone())?;
            put(total_counts_of_genes, total_counts_of_genes_len, n_vars, "total_counts_of_genes", || {
                found.gene_totals.clone()
            })?;
            put(mean_counts, mean_counts_len, n_vars, "mean_counts", || found.means())?;
            put(pct_dropout, pct_dropout_len, n_vars, "pct_dropout", || found.pct_dropout())
        })
    }
}
