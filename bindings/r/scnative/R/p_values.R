# Tails of distributions and corrections for multiple testing.

#' Two-sided p-values
#'
#' Of standard normal scores, P(|Z| >= |z|), and of Student's t, P(|T| >= |t|), right in the far tail: to 1e-14 (normal) and
#' 1e-12 (t) relative down to the least double. NaN gives NaN.
#'
#' @param z,t Scores.
#' @param df Degrees of freedom, positive, whole or not, Inf for the normal distribution; recycled to the length of `t`.
#' @param logarithm Whether to give natural logarithms, which stay finite where the p-value is below the least double.
#' @return A number for each score, in the shape of the scores.
#' @section Errors: `scn_error_shape` if `df` cannot be recycled.
#' @section Reference: `2 * pnorm(-abs(z))`, `2 * pt(-abs(t), df)`.
#' @examples
#' scn_normal_p(c(0, 1.96, -40))
#' scn_normal_p(-40, logarithm = TRUE)
#' scn_student_p(c(2, 3), df = 5)
#' @export
scn_normal_p <- function(z, logarithm = FALSE) {
  in_shape(plain(C_normal_p, as_doubles(z, "z"), check_flag(logarithm, "logarithm")), z)
}

#' @rdname scn_normal_p
#' @export
scn_student_p <- function(t, df, logarithm = FALSE) {
  scores <- as_doubles(t, "t")
  freedom <- as_doubles(df, "df")
  if (length(scores) && (length(freedom) == 0 || length(scores) %% length(freedom) != 0)) {
    refuse("SHAPE", "df: has ", length(freedom), " numbers, must have ", length(scores), " as t has, or one")
  }
  freedom <- rep_len(freedom, length(scores))
  in_shape(plain(C_student_p, scores, freedom, check_flag(logarithm, "logarithm")), t)
}

#' Correct p-values for the number of tests
#'
#' Memory: 16 bytes for each test beside the result.
#'
#' @param pvals p-values of one family of tests. A NaN or NA gives NaN and counts as no test.
#' @param method `"benjamini-hochberg"` (also `"BH"`, `"fdr"`), `"benjamini-yekutieli"` (`"BY"`) or `"bonferroni"`.
#' @return Corrected p-values, at most 1, in the shape of `pvals`.
#' @section Errors: `scn_error_value` for a p-value below 0 or above 1.
#' @section Reference: [stats::p.adjust()].
#' @examples
#' scn_adjust_p(c(0.01, 0.02, NaN, 0.5))
#' @export
scn_adjust_p <- function(pvals, method = "benjamini-hochberg") {
  in_shape(plain(C_adjust_p, as_doubles(pvals, "pvals"), check_choice(method, CORR_METHODS, "method")), pvals)
}

# Numbers with the dimensions and names of others.
in_shape <- function(values, like) {
  dim(values) <- dim(like)
  if (is.null(dim(like))) names(values) <- names(like) else dimnames(values) <- dimnames(like)
  values
}
