# Which cells and genes to keep.

#' Which cells, or which genes, have enough counts
#'
#' Nothing is removed: subset by `keep`. Totals are sums of doubles; a value counts as expressed if it is positive; a number
#' that is NaN does not pass. Memory: the result.
#'
#' @inheritParams scn_normalize_total
#' @param min_counts,max_counts Bounds of the total of each cell (or gene), inclusive. Exactly one of the four bounds is
#'   given.
#' @param min_genes,max_genes Bounds of the number of genes that are positive in a cell.
#' @param min_cells,max_cells Bounds of the number of cells in which a gene is positive.
#' @return A data.frame with a row for each cell (or gene): `keep`, whether it passes, and `number`, what was compared.
#' @section Errors: `scn_error_invalid_argument` unless exactly one bound is given.
#' @section Reference: scanpy's `pp.filter_cells` and `pp.filter_genes`.
#' @examples
#' counts <- scn_simulate_counts(100, 200)$counts
#' kept <- counts[scn_filter_genes(counts, min_cells = 3)$keep, scn_filter_cells(counts, min_genes = 50)$keep]
#' dim(kept)
#' @export
scn_filter_cells <- function(x, min_counts = NULL, min_genes = NULL, max_counts = NULL, max_genes = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  bounds <- list(min_counts = min_counts, min_genes = min_genes, max_counts = max_counts, max_genes = max_genes)
  table_of(invoke(C_filter, view, abi$SCN_OBS, as_bounds(bounds)), view$cells, n_cells(view))
}

#' @rdname scn_filter_cells
#' @export
scn_filter_genes <- function(x, min_counts = NULL, min_cells = NULL, max_counts = NULL, max_cells = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  bounds <- list(min_counts = min_counts, min_cells = min_cells, max_counts = max_counts, max_cells = max_cells)
  table_of(invoke(C_filter, view, abi$SCN_VAR, as_bounds(bounds)), view$genes, n_genes(view))
}

# NaN for those that are not given.
as_bounds <- function(bounds) {
  for (name in names(bounds)) {
    bound <- bounds[[name]]
    bounds[[name]] <- if (is.null(bound)) NaN else as.double(check_field(bound, name, "double"))
  }
  unlist(bounds)
}
