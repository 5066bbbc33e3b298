# Seurat's other two normalisations.

#' Relative counts
#'
#' Each value divided by the total of its cell and multiplied by `scale_factor`: Seurat's
#' `NormalizeData(normalization.method = "RC")`. A cell without counts stays as it is. Memory: the values of the result and a
#' double for each cell.
#'
#' @inheritParams scn_normalize_total
#' @param scale_factor A positive number: 1e4, Seurat's default, or 1e6 for counts per million.
#' @return A matrix of the class, shape and names of `x`.
#' @section Errors: `scn_error_invalid_argument` unless `scale_factor` is positive.
#' @section Reference: Seurat's `RelativeCounts()`.
#' @examples
#' counts <- scn_simulate_counts(20, 200)$counts
#' cpm <- scn_normalize_relative(counts, scale_factor = 1e6)
#' @export
scn_normalize_relative <- function(x, scale_factor = 1e4, cells = "columns") {
  view <- matrix_view(x, cells)
  with_values(view, invoke(C_normalize_relative, view, as.double(check_field(scale_factor, "scale_factor", "double"))))
}

#' Centred log ratios
#'
#' `log1p(x / exp(sum(log1p(x[x > 0])) / length(x)))` of the values of each gene or of each cell: Seurat's
#' `NormalizeData(normalization.method = "CLR")`. Zeros stay zero, NaN stays NaN and does not count.
#' Memory: the values of the result and a double for each gene or cell.
#'
#' @inheritParams scn_normalize_total
#' @param margin 1 takes the cells of each gene together (Seurat's default), 2 the genes of each cell, wherever `x` has its
#'   cells.
#' @return A matrix of the class, shape and names of `x`.
#' @section Errors: `scn_error_value` for negative values.
#' @section Reference: Seurat's `NormalizeData()`, whose `margin` counts as ours for genes x cells.
#' @examples
#' counts <- scn_simulate_counts(20, 200)$counts
#' of_cells <- scn_normalize_clr(counts, margin = 2)
#' @export
scn_normalize_clr <- function(x, margin = 1, cells = "columns") {
  view <- matrix_view(x, cells)
  if (!is.numeric(margin) || length(margin) != 1 || !margin %in% c(1, 2)) {
    refuse("INVALID_ARGUMENT", "margin: is ", shown(margin), ", must be 1 (the cells of each gene) or 2 (the genes of each cell)")
  }
  with_values(view, invoke(C_normalize_clr, view, if (margin == 1) abi$SCN_VAR else abi$SCN_OBS))
}
