# Distances between groups of cells.

METRICS <- list(sqeuclidean = abi$SCN_METRIC_SQEUCLIDEAN, euclidean = abi$SCN_METRIC_EUCLIDEAN)

#' Energy distance between groups of cells
#'
#' `2 E d(X, Y) - E d(X, X') - E d(Y, Y')`. The square root is not taken. Cost: one pass over the cells (squared Euclidean), or
#' all pairs of cells (Euclidean). Memory: two doubles for each group and feature, or some kilobytes for each thread and
#' feature.
#'
#' @inheritParams scn_rank_genes_groups
#' @param x Cells as points: an embedding, or any matrix, see `cells`.
#' @param groups A label for each cell, NA for none.
#' @param reference The group that all are compared with; `NULL` for each with each.
#' @param metric What d is: `"sqeuclidean"` (distances of means and variances, one pass over the cells) or `"euclidean"` (all
#'   pairs of cells).
#' @param unbiased Whether to average within a group over its pairs of different cells, not over all pairs. The defaults are
#'   scPerturb's; `metric = "euclidean", unbiased = FALSE` is pertpy's.
#' @return A matrix of groups x groups, or a vector if there is a reference: 0 of a group from itself, NaN where a group is
#'   too small or has values that are not finite.
#' @section Errors: `scn_error_not_found` for an unknown reference, `scn_error_invalid_argument` for an unknown metric.
#' @section Reference: scPerturb's `edist` (Peidl et al. 2024) and pertpy's `edistance`.
#' @examples
#' embedding <- cbind(c(0, 1, 0, 5, 6, 5), c(1, 0, 1, 5, 5, 6))
#' scn_energy_distance(embedding, rep(c("a", "b"), each = 3), cells = "rows")
#' @export
scn_energy_distance <- function(x, groups, reference = NULL, metric = "sqeuclidean", unbiased = TRUE, cells = "columns") {
  view <- matrix_view(x, cells)
  labels <- as_groups(groups, view$cells)
  invoke(
    C_energy_distance, view, labels, as_reference(reference, labels), check_choice(metric, METRICS, "metric"),
    check_flag(unbiased, "unbiased")
  )
}

#' Maximum mean discrepancy between groups of cells
#'
#' Squared: `E k(X, X') + E k(Y, Y') - 2 E k(X, Y)` with Gaussian kernels, `exp(-gamma |x - y|^2)` averaged over the gammas.
#' Cost: all pairs of cells. Memory: some kilobytes for each thread and feature.
#'
#' @inheritParams scn_energy_distance
#' @param gammas Positive numbers. `NULL` for one by the median heuristic, `1 / (2 m^2)` with the median distance m of pairs of
#'   at most 1000 cells, drawn by `seed`.
#' @param unbiased Whether to leave out pairs of a cell with itself (Gretton's U-statistic, which may be negative).
#' @param seed A whole number from 0; `NULL` for `getOption("scnative.seed", 0)`.
#' @return A list: `squared`, a matrix of groups x groups, or a vector if there is a reference; `gammas`, those used.
#' @section Errors: as [scn_energy_distance()]; `scn_error_value` if no gamma is given and the median distance is 0.
#' @section Reference: Gretton et al. 2012; pertpy's `mmd` with `gammas = 1`.
#' @examples
#' embedding <- cbind(c(0, 1, 0, 5, 6, 5), c(1, 0, 1, 5, 5, 6))
#' scn_mmd(embedding, rep(c("a", "b"), each = 3), reference = "a", cells = "rows")
#' @export
scn_mmd <- function(x, groups, reference = NULL, gammas = NULL, unbiased = FALSE, seed = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  labels <- as_groups(groups, view$cells)
  gammas <- if (!is.null(gammas)) as_doubles(gammas, "gammas")
  invoke(C_mmd, view, labels, as_reference(reference, labels), gammas, check_flag(unbiased, "unbiased"), seed = seed)
}
