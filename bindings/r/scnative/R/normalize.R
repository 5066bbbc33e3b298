# Equal totals for all cells.

#' Normalise each cell to the same total
#'
#' `scn_normalize_total()` divides each cell's values by its size factor, its total over `target_sum`;
#' `scn_normalize_log1p()` also takes log(1 + x), in the same pass and to the same bits as both one after the other;
#' `scn_size_factors()` gives what the values would be divided by. With `target_sum = 1e4`, `scn_normalize_log1p()` is
#' Seurat's `NormalizeData()`.
#'
#' A cell without counts stays as it is, and there is a warning; a cell with NaN becomes NaN. Everything is computed in
#' doubles. Memory: the values of the result and three doubles for each cell.
#'
#' @param x Counts: a `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or integers. It is not changed.
#' @param target_sum The total that each cell gets; `NULL` for the median total of the cells that have any counts.
#' @param exclude_highly_expressed Whether genes that have more than `max_fraction` of the total of any one cell do not
#'   count towards the totals; `NULL` is FALSE.
#' @param max_fraction See there; from 0 to 1, `NULL` is 0.05.
#' @param base Base of the logarithm; `NULL` is e.
#' @param cells Where the cells of `x` are: `"columns"` or `"rows"`.
#' @return A matrix of the class, shape and names of `x` (of doubles, where `x` is of integers). For `scn_size_factors()` a
#'   list: `size_factors` (for each cell its total over the target, 0 without counts), `target_sum`, and
#'   `highly_expressed` (for each gene whether it did not count).
#' @section Errors: `scn_error_type`, `scn_error_matrix` for what is no matrix or a broken one; `scn_error_invalid_argument`
#'   for an option out of range; `scn_error_value` for excluding genes where a cell's total is negative.
#' @section Reference: scanpy 1.12, `pp.normalize_total`, on matrices of doubles.
#' @examples
#' counts <- scn_simulate_counts(100, 200)$counts
#' normalized <- scn_normalize_total(counts)
#' table(round(Matrix::colSums(normalized)))
#' logs <- scn_normalize_log1p(counts, target_sum = 1e4)
#' @export
scn_normalize_total <- function(x, target_sum = NULL, exclude_highly_expressed = NULL, max_fraction = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  options <- normalize_options(target_sum, exclude_highly_expressed, max_fraction)
  with_values(view, invoke(C_normalize_total, view, options))
}

#' @rdname scn_normalize_total
#' @export
scn_normalize_log1p <- function(x, target_sum = NULL, exclude_highly_expressed = NULL, max_fraction = NULL, base = NULL,
                                cells = "columns") {
  view <- matrix_view(x, cells)
  options <- normalize_options(target_sum, exclude_highly_expressed, max_fraction, base)
  with_values(view, invoke(C_normalize_log1p, view, options))
}

#' @rdname scn_normalize_total
#' @export
scn_size_factors <- function(x, target_sum = NULL, exclude_highly_expressed = NULL, max_fraction = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  made <- invoke(C_size_factors, view, normalize_options(target_sum, exclude_highly_expressed, max_fraction))
  names(made$size_factors) <- view$cells
  names(made$highly_expressed) <- view$genes
  made
}

normalize_options <- function(target_sum, exclude_highly_expressed, max_fraction, base = NULL) {
  if (!is.null(target_sum) && !(is.numeric(target_sum) && length(target_sum) == 1 && isTRUE(target_sum > 0))) {
    refuse("INVALID_ARGUMENT", "target_sum: is ", shown(target_sum), ", must be a positive number or NULL")
  }
  struct_options(
    "ScnNormalizeTotalOptions",
    target_sum = target_sum, exclude_highly_expressed = exclude_highly_expressed, max_fraction = max_fraction,
    base = if (!is.null(base)) check_base(base)
  )
}

# 0 stands for e in the library, and for nothing in R.
check_base <- function(base) {
  if (is.null(base)) {
    return(0)
  }
  if (!is.numeric(base) || length(base) != 1 || is.na(base) || base == 0) {
    refuse("INVALID_ARGUMENT", "base: is ", shown(base), ", must be a positive number other than 1, or NULL for e")
  }
  as.double(base)
}
