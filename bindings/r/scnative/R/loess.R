SURFACES <- list(interpolate = abi$SCN_LOESS_INTERPOLATE, direct = abi$SCN_LOESS_DIRECT)

#' Local regression
#'
#' Cleveland's loess with one predictor and family gaussian, as [stats::loess()] runs it. Memory: a few doubles for each
#' point.
#'
#' @param x,y The points, in any order, all finite.
#' @param weights Case weights, not negative; `NULL` for 1 each.
#' @param span The part of the points that a local fit takes; `NULL` is 0.75. Above 1, all points with a wider kernel.
#' @param degree Of the local polynomial: 0, 1 or 2; `NULL` is 2.
#' @param surface `"interpolate"` (fit at the ends of cells and blend between them) or `"direct"` (fit at each point); `NULL`
#'   is the first.
#' @param cell A cell is cut in two while it holds more than `n * span * cell` points; `NULL` is 0.2.
#' @param slack Added to `n * span` before it is cut off to a whole number of points: [stats::loess()] adds 1e-5, scikit-misc
#'   nothing; `NULL` is 0.
#' @param new_x Where to evaluate the curve; `NULL` for `x`.
#' @return The curve at each `x`, or at each of `new_x`, NaN outside the range of `x`.
#' @section Errors: `scn_error_shape` (lengths that differ, no points), `scn_error_invalid_argument` (an option out of range, a
#'   span that takes too few points), `scn_error_value` (NaN, infinity, x so often equal that a fit has no width).
#' @section Warnings: fits near singular use a pseudoinverse, as in R.
#' @section Reference: fitted values agree with [stats::loess()] to 1e-10 relative. `n * span` is cut off to a whole number of
#'   points as in netlib's; R adds 1e-5 before it cuts.
#' @examples
#' smooth <- scn_loess(cars$speed, cars$dist)
#' all.equal(smooth, fitted(loess(dist ~ speed, cars)), check.attributes = FALSE)
#' @export
scn_loess <- function(x, y, weights = NULL, span = NULL, degree = NULL, surface = NULL, cell = NULL,
                      slack = NULL, new_x = NULL) {
  options <- struct_options(
    "ScnLoessOptions",
    span = span, degree = degree, cell = cell, slack = slack,
    surface = if (!is.null(surface)) check_choice(surface, SURFACES, "surface")
  )
  weights <- if (!is.null(weights)) as_doubles(weights, "weights")
  new_x <- if (!is.null(new_x)) as_doubles(new_x, "new_x")
  invoke(C_loess, as_doubles(x, "x"), as_doubles(y, "y"), weights, options, new_x)
}
