# Sums, means, variances, counts and extremes along an axis, of all lines or of groups of them.

STATISTICS <- c("sum", "mean", "var", "count_nonzero", "min", "max")

#' Statistics of each gene or each cell
#'
#' Sums, means, variances, numbers of values that are not zero, smallest and largest values. Sums are of doubles in one
#' order whatever the layout; variances do not suffer from cancellation; NaN propagates into all. Memory: the results and a
#' row of accumulators for each thread.
#'
#' @inheritParams scn_scale
#' @param over What is summed over: `"cells"` gives a result for each gene, `"genes"` one for each cell.
#' @param ddof The divisor of a variance is the number of values less this. 0 by default, as in numpy; 1 is R's [var()].
#' @param which What to compute: of `"sum"`, `"mean"`, `"var"`, `"count_nonzero"`, `"min"`, `"max"`.
#' @return A data.frame with a row for each gene (or cell) and these columns. Over nothing, sums and counts are 0, all
#'   else is NaN.
#' @section Errors: `scn_error_invalid_argument` for an unknown name in `which`.
#' @section Reference: base R's [rowSums()], [rowMeans()], [var()].
#' @examples
#' head(scn_stats(scn_simulate_counts(50, 120)$counts, over = "cells", ddof = 1))
#' @export
scn_stats <- function(x, over = "cells", ddof = 0, which = c("sum", "mean", "var", "count_nonzero", "min", "max"),
                      cells = "columns") {
  view <- matrix_view(x, cells)
  axis <- check_choice(over, AXES, "over")
  which <- check_names(which, STATISTICS, "which")
  made <- invoke(C_stats, view, axis, check_number(ddof, "ddof", -2^53, 2^53), which)[which]
  if (axis == abi$SCN_OBS) table_of(made, view$genes, n_genes(view)) else table_of(made, view$cells, n_cells(view))
}

#' Statistics of each group of cells
#'
#' [scn_stats()] of the cells of each group, for each gene; or with `over = "genes"` of the genes of each group, for each
#' cell. Memory: the results and a row of accumulators for each thread.
#'
#' @inheritParams scn_stats
#' @param groups A label for each cell (or gene), NA for none.
#' @param over What `groups` labels, and what is summed over: `"cells"` or `"genes"`.
#' @param ddof The divisor of a variance is the size of the group less this; 1 by default, as in scanpy and R's [var()].
#' @return A named list of genes (or cells) x groups matrices, those of `which`. Of a group of none, sums and counts are 0,
#'   all else NaN.
#' @section Errors: `scn_error_shape` for groups of another length.
#' @section Reference: `scanpy.get.aggregate`.
#' @examples
#' simulated <- scn_simulate_counts(60, 120)
#' head(scn_aggregate(simulated$counts, simulated$clusters, which = "mean")$mean)
#' @export
scn_aggregate <- function(x, groups, over = "cells", ddof = 1, which = c("sum", "mean", "var", "count_nonzero", "min", "max"),
                          cells = "columns") {
  view <- matrix_view(x, cells)
  axis <- check_choice(over, AXES, "over")
  which <- check_names(which, STATISTICS, "which")
  labels <- as_groups(groups, if (axis == abi$SCN_OBS) view$cells else view$genes)
  invoke(C_aggregate, view, labels, axis, check_number(ddof, "ddof", -2^53, 2^53), which)[which]
}

#' Medians of each gene or each cell
#'
#' Zeros count, stored or not. Where two values are in the middle, their mean. NaN where a value is NaN, and of a group of
#' none. Memory: the result twice, and up to 256 MB of the matrix transposed if it is compressed along the other axis.
#'
#' @inheritParams scn_aggregate
#' @param groups A label for each cell (or gene), NA for none; `NULL` takes all as one.
#' @return A vector with a value for each gene (or cell); with groups a matrix of genes (or cells) x groups.
#' @section Errors: `scn_error_shape` for groups of another length.
#' @section Reference: [stats::median()].
#' @examples
#' scn_median(matrix(c(1, 2, 3, 4, 5, 9), 2))
#' @export
scn_median <- function(x, groups = NULL, over = "cells", cells = "columns") {
  view <- matrix_view(x, cells)
  axis <- check_choice(over, AXES, "over")
  whole <- is.null(groups)
  if (whole) {
    groups <- rep(1L, if (axis == abi$SCN_OBS) n_cells(view) else n_genes(view))
    groups <- factor(groups, levels = 1L)
  }
  labels <- as_groups(groups, if (axis == abi$SCN_OBS) view$cells else view$genes)
  made <- invoke(C_median, view, labels, axis)
  if (whole) made[, 1] else made
}
