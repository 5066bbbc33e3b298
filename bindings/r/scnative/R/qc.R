#' Quality metrics of cells and genes
#'
#' Totals, numbers of genes, percentages in the highest genes and in sets of genes, in one pass over the values. Memory: the
#' results and two doubles for each gene and thread; 64 MiB more if the matrix is compressed along genes.
#'
#' @inheritParams scn_normalize_total
#' @param percent_top Numbers of genes, each from 1 to the number of genes.
#' @param subsets A named list of sets of genes (mitochondrial, ribosomal, ...): each gene names, numbers, or a logical
#'   mask.
#' @return A list of two data.frames. `cells`: `n_genes_by_counts` (genes that are not zero), `total_counts`,
#'   `pct_counts_in_top_50_genes` and so on for each of `percent_top`, `total_counts_mt` and `pct_counts_mt` and so on for
#'   each subset. `genes`: `n_cells_by_counts`, `total_counts`, `mean_counts`, `pct_dropout_by_counts`. Percentages run from 0
#'   to 100, and are NaN for a cell without counts.
#' @section Errors: `scn_error_invalid_argument` for a number in `percent_top` out of range; `scn_error_not_found` for names
#'   in `subsets` that the matrix has not.
#' @section Reference: scanpy's `pp.calculate_qc_metrics`, without the logarithms; these are [log1p()] of the columns.
#' @examples
#' counts <- scn_simulate_counts(100, 200)$counts
#' qc <- scn_calculate_qc_metrics(counts, percent_top = 50, subsets = list(first = 1:10))
#' head(qc$cells)
#' head(qc$genes)
#' @export
scn_calculate_qc_metrics <- function(x, percent_top = c(50, 100, 200, 500), subsets = list(), cells = "columns") {
  view <- matrix_view(x, cells)
  top <- vapply(percent_top, function(n) as.double(check_number(n, "percent_top", -2^53, 2^53)), 0)
  labels <- names(subsets)
  if (length(subsets) && (!is.list(subsets) || is.null(labels) || any(labels == "") || anyDuplicated(labels))) {
    refuse("INVALID_ARGUMENT", "subsets: is ", shown(subsets), ", must be a list of sets of genes, each with a name of its own")
  }
  masks <- matrix(FALSE, n_genes(view), length(subsets))
  for (i in seq_along(subsets)) {
    masks[as_genes(subsets[[i]], view, paste0("subsets$", labels[i])), i] <- TRUE
  }
  made <- invoke(C_qc_metrics, view, top, masks)
  n <- n_cells(view)
  one <- function(values, i) values[seq.int((i - 1) * n + 1, length.out = n)]
  of_cells <- made[c("n_genes_by_counts", "total_counts")]
  for (i in seq_along(top)) {
    of_cells[[sprintf("pct_counts_in_top_%.0f_genes", top[i])]] <- one(made$pct_counts_in_top, i)
  }
  for (i in seq_along(subsets)) {
    of_cells[[paste0("total_counts_", labels[i])]] <- one(made$subset_counts, i)
    of_cells[[paste0("pct_counts_", labels[i])]] <- one(made$subset_pct, i)
  }
  of_genes <- list(
    n_cells_by_counts = made$n_cells_by_counts, total_counts = made$total_counts_of_genes,
    mean_counts = made$mean_counts, pct_dropout_by_counts = made$pct_dropout
  )
  list(cells = table_of(of_cells, view$cells, n), genes = table_of(of_genes, view$genes, n_genes(view)))
}
