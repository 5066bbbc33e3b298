#' Scale each gene to variance 1 and mean 0
#'
#' `(x - mean) / std`, clipped. Standard deviations have the divisor n - 1, and are 1 for genes that do not vary. NaN and
#' infinities make their gene NaN. Memory: beside the result three doubles for each group and gene.
#'
#' @inheritParams scn_normalize_total
#' @param x A `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or integers. It is not changed.
#' @param zero_center Whether to subtract the means, by which a sparse matrix becomes dense; `NULL` is TRUE.
#' @param max_value Values above it become it, and with `zero_center` and `clip_below` values below its negative become that;
#'   `NULL` is Inf.
#' @param groups A label for each cell: each group is scaled by its own means and standard deviations, cells labelled NA
#'   are left as they are and count for nothing. `NULL`: all cells together.
#' @param divide Whether to divide by the standard deviations; `NULL` is TRUE. Without, values are centred and clipped only.
#' @param root_mean_square Whether what is not centred is divided by the square root of its sum of squares over n - 1, as
#'   [base::scale()] and Seurat do, rather than by the standard deviation; `NULL` is FALSE.
#' @param clip_below Whether `max_value` bounds centred values from below, too; `NULL` is TRUE. In Seurat it does not.
#' @return A list: `x`, a matrix of the shape and names of `x`, sparse only if it was and `zero_center` is FALSE; `mean`
#'   and `std` (what was divided by, 1 in place of 0), for each gene, or genes x groups.
#' @section Errors: `scn_error_invalid_argument` for a group of one cell or a negative `max_value`.
#' @section Reference: scanpy's `pp.scale`; R's [scale()] of cells x genes, which gives NaN for a gene that does not vary.
#' @examples
#' logs <- scn_normalize_log1p(scn_simulate_counts(100, 200)$counts)
#' scaled <- scn_scale(logs, max_value = 10)
#' range(scaled$x)
#' @export
scn_scale <- function(x, zero_center = NULL, max_value = NULL, groups = NULL, divide = NULL, root_mean_square = NULL,
                      clip_below = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  options <- struct_options(
    "ScnScaleOptions",
    zero_center = zero_center, max_value = max_value, divide = divide, root_mean_square = root_mean_square, clip_below = clip_below
  )
  labels <- as_groups(groups, view$cells)
  if (isS4(x) && isTRUE(options$zero_center == 0)) {
    made <- invoke(C_scale_sparse, view, labels, options)
    made$x <- with_values(view, made$x)
    return(made)
  }
  invoke(C_scale, view, labels, options)
}
