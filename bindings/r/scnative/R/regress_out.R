#' Regress out covariates
#'
#' The residuals of each gene after a linear regression on covariates of the cells and a constant, or on one category.
#'
#' Covariates that are constant or depend linearly on others change nothing; there is a warning. NaN and infinities make
#' their gene NaN. With `groups` each gene loses its mean in the group; a gene that is the same in all cells stays. A sparse
#' matrix is not made dense on the way. Memory: beside the result a few doubles for each cell and gene.
#'
#' @inheritParams scn_normalize_total
#' @param x A `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or integers. It is not changed.
#' @param covariates A vector of one number for each cell, or a matrix or data.frame of cells x covariates, all finite.
#' @param groups Instead of covariates: a label for each cell, none NA.
#' @return A dense matrix of the shape and names of `x`.
#' @section Errors: `scn_error_shape` if lengths do not fit; `scn_error_value` for covariates that are not finite;
#'   `scn_error_invalid_argument` unless exactly one of `covariates` and `groups` is given, or if `groups` has NA.
#' @section Reference: scanpy's `pp.regress_out`; residuals of R's [lm()].
#' @examples
#' counts <- scn_simulate_counts(100, 200)$counts
#' totals <- scn_stats(counts, over = "genes", which = "sum")$sum
#' residuals <- scn_regress_out(scn_normalize_log1p(counts), totals)
#' @export
scn_regress_out <- function(x, covariates = NULL, groups = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  if (is.null(covariates) == is.null(groups)) {
    refuse("INVALID_ARGUMENT", "covariates, groups: exactly one of them must be given")
  }
  if (is.null(groups)) {
    made <- invoke(C_regress_out, view, as_covariates(covariates, view$cells))
  } else {
    made <- invoke(C_regress_out_groups, view, as_groups(groups, view$cells))
  }
  # The library's residuals come cell after cell.
  if (view$rows) invoke(C_to_dense, matrix_view(made), TRUE) else made
}

as_covariates <- function(covariates, lines) {
  table <- if (is.data.frame(covariates)) as.matrix(covariates) else covariates
  if (!is.numeric(table) || length(dim(table)) > 2) {
    refuse(
      "TYPE", "covariates: is a ", class(covariates)[1], " of type ", typeof(table),
      ", must be numbers, cells x covariates; give a category as groups"
    )
  }
  if (!is.matrix(table)) {
    table <- matrix(table, ncol = 1, dimnames = if (!is.null(names(table))) list(names(table), NULL))
  }
  # A data.frame that was given no row names has numbers.
  if (!is.data.frame(covariates) || .row_names_info(covariates) > 0) {
    check_aligned(rownames(table), lines, "covariates")
  }
  storage.mode(table) <- "double"
  table
}
