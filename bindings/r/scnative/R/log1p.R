#' log(1 + x) of each value of a matrix
#'
#' Within 0.9 units in the last place of the true logarithm (1.07 below 0), with the same bits on every machine. -1 gives
#' -Inf, what is below gives NaN, both with a warning; NaN and Inf stay. Memory: the values of the result.
#'
#' @inheritParams scn_normalize_total
#' @param x A `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or integers. It is not changed.
#' @return A matrix of the class, shape and names of `x`.
#' @section Errors: `scn_error_invalid_argument` for a base that is negative, 0, 1 or not finite.
#' @section Reference: scanpy's `pp.log1p`; R's [log1p()].
#' @examples
#' scn_log1p(matrix(c(0, 1, 9, 99), 2), base = 10)
#' @export
scn_log1p <- function(x, base = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  with_values(view, invoke(C_log1p, view, check_base(base)))
}
