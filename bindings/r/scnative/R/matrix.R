# R's matrices as the library's views, and its sparse results as R's matrices.

# Looks a matrix over and describes it to the C side: list(x, cells in rows?, gene names, cell names, ...).
# `name` is the argument's name, for messages.
matrix_view <- function(x, cells = "columns", name = "x") {
  rows <- check_choice(cells, list(columns = FALSE, rows = TRUE), "cells")
  if (isS4(x) && inherits(x, c("dgCMatrix", "dgRMatrix"))) {
    check_sparse(x, name)
    names <- x@Dimnames
    shape <- x@Dim
  } else {
    check_dense(x, name)
    names <- dimnames(x)
    shape <- dim(x)
  }
  genes <- if (rows) 2L else 1L
  list(x = x, rows = rows, genes = names[[genes]], cells = names[[3L - genes]], dim = shape[c(genes, 3L - genes)], name = name)
}

n_genes <- function(view) view$dim[1]
n_cells <- function(view) view$dim[2]

# What the C side relies on; the library checks the rest.
check_sparse <- function(x, name) {
  by_row <- inherits(x, "dgRMatrix")
  indices <- if (by_row) x@j else x@i
  lines <- x@Dim[if (by_row) 1L else 2L]
  if (length(x@p) != lines + 1) {
    refuse("MATRIX", name, "@p: has ", length(x@p), " offsets, must have ", lines + 1)
  }
  stored <- x@p[lines + 1]
  if (is.na(stored) || length(indices) != stored || length(x@x) != stored) {
    has <- paste(length(indices), "indices and", length(x@x), "values")
    refuse("MATRIX", name, ": has ", has, ", must have ", stored, " of each as p says")
  }
}

# How to make a matrix that can be taken of one that cannot.
CONVERSIONS <- c(
  dgTMatrix = 'as(x, "CsparseMatrix")',
  dsCMatrix = 'as(x, "generalMatrix")',
  dtCMatrix = 'as(x, "generalMatrix")',
  ngCMatrix = 'as(x, "dMatrix")',
  lgCMatrix = 'as(x, "dMatrix")',
  sparseMatrix = 'as(as(as(x, "dMatrix"), "generalMatrix"), "CsparseMatrix")',
  denseMatrix = "as.matrix(x)",
  data.frame = "as.matrix(x)",
  DelayedMatrix = 'as(x, "dgCMatrix")',
  IterableMatrix = 'as(x, "dgCMatrix")',
  Seurat = "Seurat's GetAssayData(x), or a function that takes Seurat objects",
  SummarizedExperiment = "SummarizedExperiment's assay(x)"
)

check_dense <- function(x, name) {
  is_matrix <- is.matrix(x) && !isS4(x)
  if (is_matrix && typeof(x) == "double") {
    return(invisible())
  }
  if (is_matrix && typeof(x) == "integer") {
    missing <- .Call(C_first_na, x)
    if (missing > 0) {
      row <- (missing - 1) %% nrow(x) + 1
      column <- (missing - 1) %/% nrow(x) + 1
      where <- paste0(label(rownames(x), "row", row), ", ", label(colnames(x), "column", column))
      refuse(
        "VALUE", name, "[", row, ", ", column, "]: is NA (", where, "), must be a number; an integer matrix cannot have ",
        "missing values"
      )
    }
    return(invisible())
  }
  must <- "must be a dgCMatrix, a dgRMatrix, or a matrix of doubles or integers"
  if (is_matrix) {
    hint <- if (is.logical(x)) paste0("; use ", name, " + 0") else ""
    refuse("TYPE", name, ": is a matrix of type ", typeof(x), ", ", must, hint)
  }
  known <- Filter(function(class) is(x, class), names(CONVERSIONS))
  hint <- if (length(known)) paste0("; use ", sub("x", name, CONVERSIONS[[known[1]]], fixed = TRUE)) else ""
  refuse("TYPE", name, ": is a ", class(x)[1], ", ", must, hint)
}

label <- function(names, what, i) if (is.null(names)) paste(what, i) else paste(what, names[i])

# The same matrix with other values: those that it stores, in their order; a dense one comes whole.
with_values <- function(view, values) {
  x <- view$x
  if (!isS4(x)) {
    return(values)
  }
  slot(x, "x", check = FALSE) <- values
  if (length(x@factors)) {
    slot(x, "factors", check = FALSE) <- list()
  }
  x
}

# A sparse result of the library as R's: a dgCMatrix, or a dgRMatrix if its lines are rows.
sparse_matrix <- function(parts, rows, genes = NULL, cells = NULL) {
  need("Matrix", "sparse results")
  parts <- outcome(parts)
  by_column <- (parts$major == abi$SCN_OBS) != rows
  made <- new(if (by_column) matrix_class("dgCMatrix") else matrix_class("dgRMatrix"))
  slot(made, "p", check = FALSE) <- parts$p
  slot(made, if (by_column) "i" else "j", check = FALSE) <- parts$i
  slot(made, "x", check = FALSE) <- parts$x
  if (rows) {
    slot(made, "Dim", check = FALSE) <- c(parts$n_obs, parts$n_vars)
    slot(made, "Dimnames", check = FALSE) <- list(cells, genes)
  } else {
    slot(made, "Dim", check = FALSE) <- c(parts$n_vars, parts$n_obs)
    slot(made, "Dimnames", check = FALSE) <- list(genes, cells)
  }
  made
}

matrix_class <- function(name) methods::getClass(name, where = asNamespace("Matrix"))

# An error that names the package, if it is not installed.
need <- function(package, what) {
  if (!requireNamespace(package, quietly = TRUE)) {
    refuse("UNSUPPORTED", what, ": need the package ", package, "; install.packages(\"", package, "\")")
  }
}
