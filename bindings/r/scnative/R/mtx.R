# MatrixMarket files.

#' Read and write MatrixMarket files
#'
#' Plain or gzipped, which writing decides by the name's end `.gz`. A file is replaced once the new one is complete. Repeated
#' entries are summed when read. Memory: beside the result 12 to 20 bytes for each entry when reading, one line as text when
#' writing.
#'
#' @inheritParams scn_scale
#' @param path The file, in coordinate format.
#' @param rows What the file's rows are: `"genes"`, as Cell Ranger's, or `"cells"`.
#' @return `scn_read_mtx()`: a `dgCMatrix` of genes x cells; with `cells = "rows"` a `dgRMatrix` of cells x genes.
#'   `scn_write_mtx()`: `path`, invisibly.
#' @section Errors: `scn_error_not_found` for a file or folder that does not exist; `scn_error_io` for one that is malformed,
#'   with file and line.
#' @section Reference: `Matrix::readMM()` and `Matrix::writeMM()`.
#' @seealso [scn_read_10x_mtx()]
#' @examples
#' counts <- scn_simulate_counts(10, 120)$counts
#' path <- tempfile(fileext = ".mtx.gz")
#' scn_write_mtx(counts, path)
#' all(scn_read_mtx(path) == counts)
#' @export
scn_read_mtx <- function(path, rows = "genes", cells = "columns") {
  in_rows <- check_choice(cells, list(columns = FALSE, rows = TRUE), "cells")
  sparse_matrix(invoke(C_read_mtx, as_path(path), check_choice(rows, AXES, "rows")), in_rows)
}

#' @rdname scn_read_mtx
#' @export
scn_write_mtx <- function(x, path, rows = "genes", cells = "columns") {
  invoke(C_write_mtx, matrix_view(x, cells), as_path(path), check_choice(rows, AXES, "rows"))
  invisible(path)
}

as_path <- function(path, name = "path") {
  if (!is.character(path) || length(path) != 1 || is.na(path)) {
    refuse("TYPE", name, ": is ", shown(path), ", must be one file name")
  }
  enc2utf8(path.expand(path))
}
