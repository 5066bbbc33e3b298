# Matrices as such.

#' Check a matrix in full
#'
#' Shape, offsets, indices in range, and that all values are finite, in one parallel read. No memory.
#'
#' @inheritParams scn_scale
#' @return `x`, invisibly.
#' @section Errors: `scn_error_matrix` (structure) or `scn_error_value` (NaN or infinite), naming the element.
#' @examples
#' scn_validate(scn_simulate_counts(10, 120)$counts)
#' try(scn_validate(matrix(c(1, NaN), 1)))
#' @export
scn_validate <- function(x, cells = "columns") {
  invoke(C_validate, matrix_view(x, cells))
  invisible(x)
}

#' Whether the indices of a sparse matrix ascend without repeats
#'
#' Those of each column of a `dgCMatrix`, of each row of a `dgRMatrix`, in one parallel read. So it is in a valid matrix; one
#' that was put together slot by slot may be another. No memory.
#'
#' @inheritParams scn_scale
#' @return `TRUE` or `FALSE`; `TRUE` for a dense matrix.
#' @section Errors: `scn_error_matrix` for a broken matrix: an index out of range, say.
#' @seealso [scn_sum_duplicates()], which makes it so.
#' @examples
#' scn_is_canonical(scn_simulate_counts(10, 120)$counts)
#' @export
scn_is_canonical <- function(x, cells = "columns") {
  invoke(C_is_canonical, matrix_view(x, cells))
}

#' Compress a matrix along its cells or its genes
#'
#' Runs in parallel; every number of threads gives the same bits. A dense matrix gives its non-zeros; zeros that are stored
#' stay. Memory: the result twice, once on its way into R.
#'
#' @inheritParams scn_scale
#' @param major `"cells"` or `"genes"`: what the result is compressed along.
#' @return A sparse matrix of the shape and names of `x`: a `dgCMatrix` if `major` is what its columns are, else a `dgRMatrix`.
#' @section Errors: `scn_error_matrix` for a broken matrix.
#' @section Reference: `as(x, "CsparseMatrix")` and `as(x, "RsparseMatrix")` of the Matrix package.
#' @examples
#' counts <- scn_simulate_counts(10, 120)$counts
#' class(scn_to_major(counts, "genes"))
#' @export
scn_to_major <- function(x, major = "cells", cells = "columns") {
  view <- matrix_view(x, cells)
  made <- invoke(C_to_major, view, check_choice(major, AXES, "major"))
  sparse_matrix(made, view$rows, view$genes, view$cells)
}

#' Sort the indices of a sparse matrix and sum what is stored twice
#'
#' In a copy, in parallel. A valid `dgCMatrix` is sorted and has no duplicates; matrices that were put together slot by slot
#' may not be. Memory: the result three times.
#'
#' @inheritParams scn_scale
#' @param x A `dgCMatrix` or `dgRMatrix`.
#' @return A matrix of the class, shape and names of `x`.
#' @section Errors: `scn_error_unsupported` if `x` is dense.
#' @examples
#' counts <- scn_simulate_counts(10, 120)$counts
#' identical(scn_sum_duplicates(counts), counts)
#' @export
scn_sum_duplicates <- function(x, cells = "columns") {
  view <- matrix_view(x, cells)
  sparse_matrix(invoke(C_sum_duplicates, view), view$rows, view$genes, view$cells)
}

#' Take some cells and some genes of a matrix
#'
#' As `x[genes, cells]`, in parallel. Memory: the result twice and 16 bytes for each line of the other axis.
#'
#' @inheritParams scn_scale
#' @param obs,vars Cells and genes: names, numbers from 1 in the order wanted (they may repeat), or a logical mask. `NULL`
#'   for all.
#' @return A matrix of the class of `x`. Zeros that are stored stay.
#' @section Errors: `scn_error_not_found` for names that the matrix has not; `scn_error_invalid_argument` for numbers out of
#'   range; `scn_error_shape` for masks of another length.
#' @examples
#' counts <- scn_simulate_counts(10, 120)$counts
#' scn_subset(counts, obs = 1:3, vars = c("Gene5", "Gene1"))
#' @export
scn_subset <- function(x, obs = NULL, vars = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  obs <- as_cells(obs, view, "obs")
  vars <- as_genes(vars, view, "vars")
  if (!isS4(x)) {
    chosen <- if (view$rows) list(obs, vars) else list(vars, obs)
    rows <- if (is.null(chosen[[1]])) TRUE else chosen[[1]]
    columns <- if (is.null(chosen[[2]])) TRUE else chosen[[2]]
    return(x[rows, columns, drop = FALSE])
  }
  genes <- if (is.null(vars)) view$genes else view$genes[vars]
  names <- if (is.null(obs)) view$cells else view$cells[obs]
  sparse_matrix(invoke(C_subset, view, obs, vars), view$rows, genes, names)
}

#' Put matrices one after the other
#'
#' As [cbind()] or [rbind()], in parallel. Memory: the result twice, and copies of matrices that are dense or compressed along the
#' other axis.
#'
#' @inheritParams scn_scale
#' @param matrices A list of matrices, which may differ in class. On the other axis they must be equally long. Dense ones
#'   contribute their non-zeros.
#' @param along `"cells"`: their cells follow each other; `"genes"`: their genes.
#' @return A sparse matrix, compressed along what the first one is. Names along `along` are there if each matrix has them, on
#'   the other axis they are the first one's.
#' @section Errors: `scn_error_shape` if they do not fit; `scn_error_invalid_argument` if there are none, or if names on the
#'   other axis differ.
#' @examples
#' counts <- scn_simulate_counts(10, 120)$counts
#' dim(scn_concat(list(counts, counts[, 1:3])))
#' @export
scn_concat <- function(matrices, along = "cells", cells = "columns") {
  if (!is.list(matrices)) {
    refuse("TYPE", "matrices: is a ", class(matrices)[1], ", must be a list of matrices")
  }
  axis <- check_choice(along, AXES, "along")
  views <- lapply(seq_along(matrices), function(i) matrix_view(matrices[[i]], cells, sprintf("matrices[[%d]]", i)))
  other <- if (axis == abi$SCN_OBS) "genes" else "cells"
  for (view in views) {
    if (!is.null(view[[other]]) && !is.null(views[[1]][[other]]) && !identical(view[[other]], views[[1]][[other]])) {
      refuse(
        "INVALID_ARGUMENT", view$name, ": has other names of ", other, " than ", views[[1]]$name,
        ", must have the same in the same order"
      )
    }
  }
  made <- invoke(C_concat, views, axis)
  each <- lapply(views, `[[`, along)
  names <- stats::setNames(list(views[[1]][[other]], if (!any(vapply(each, is.null, NA))) unlist(each)), c(other, along))
  sparse_matrix(made, views[[1]]$rows, names$genes, names$cells)
}

#' Make a dense matrix
#'
#' As [as.matrix()], in parallel. No memory beside the result.
#'
#' @inheritParams scn_scale
#' @return A base matrix of doubles of the shape and names of `x`.
#' @section Errors: `scn_error_matrix` for a broken matrix.
#' @examples
#' scn_to_dense(scn_simulate_counts(4, 120)$counts)[1:3, ]
#' @export
scn_to_dense <- function(x, cells = "columns") {
  invoke(C_to_dense, matrix_view(x, cells), FALSE)
}
