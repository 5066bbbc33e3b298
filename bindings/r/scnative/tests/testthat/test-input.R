test_that("an NA in an integer matrix is named with its row and column", {
  x <- matrix(1:6, 2, dimnames = list(c("CD3D", "LYZ"), NULL))
  x[2, 3] <- NA
  expect_error(scn_stats(x), "x\\[2, 3\\]: is NA \\(row LYZ, column 3\\)", class = "scn_error_value")
})

test_that("matrices that cannot be taken say how to convert them", {
  x <- small_counts()
  hint <- function(x, text) {
    error <- tryCatch(scn_stats(x), scn_error_type = identity)
    expect_s3_class(error, "scn_error_type")
    expect_match(conditionMessage(error), text, fixed = TRUE)
    conditionMessage(error)
  }
  converted <- function(x, text) {
    hint(x, text)
    expect_identical(scn_stats(eval(str2lang(text))), scn_stats(as(as(as(x, "dMatrix"), "generalMatrix"), "CsparseMatrix")))
  }
  converted(as(x, "TsparseMatrix"), 'as(x, "CsparseMatrix")')
  converted(x > 0, 'as(x, "dMatrix")')
  converted(as(x, "nMatrix"), 'as(x, "dMatrix")')
  converted(Matrix::crossprod(x), 'as(x, "generalMatrix")')
  converted(Matrix::triu(x[1:20, 1:20]), 'as(x, "generalMatrix")')
  hint(as.data.frame(as.matrix(x)), "as.matrix(x)")
  hint(Matrix::Matrix(1:4 + 0.5, 2), "as.matrix(x)")
  hint(matrix(TRUE), "x + 0")
  hint(matrix("a"), "type character")
  hint(1:3, "is a integer")
  hint(NULL, "is a NULL")
})

test_that("broken sparse matrices are found before they do harm", {
  x <- small_counts()
  short <- x
  short@x <- short@x[-1]
  expect_error(scn_stats(short), "values, must have", class = "scn_error_matrix")
  short <- x
  short@p <- short@p[-1]
  expect_error(scn_stats(short), "@p: has", class = "scn_error_matrix")
  wild <- x
  wild@i[3] <- 10000L
  expect_error(scn_stats(wild), class = "scn_error_matrix")
  falling <- x
  falling@p[4] <- 0L
  expect_error(scn_stats(falling), class = "scn_error_matrix")
})

test_that("matrices without cells, or without genes, have an outcome", {
  for (shape in list(c(4, 0), c(0, 4), c(0, 0))) {
    for (x in list(matrix(0, shape[1], shape[2]), as(as(matrix(0, shape[1], shape[2]), "generalMatrix"), "CsparseMatrix"))) {
      expect_identical(dim(scn_log1p(x)), dim(x))
      expect_identical(scn_stats(x, which = "sum")$sum, numeric(shape[1]))
      expect_true(all(is.nan(scn_stats(x, which = "mean")$mean)) || shape[2] > 0)
      expect_identical(nrow(scn_filter_cells(x, min_counts = 1)), as.integer(shape[2]))
      expect_identical(dim(scn_to_dense(x)), dim(x))
      expect_identical(dim(scn_to_major(x, "genes")), dim(x))
      expect_error(scn_highly_variable_genes(x), class = "scn_error")
    }
  }
})

test_that("names are carried over, and their absence too", {
  x <- small_counts()
  bare <- without_names(x)
  expect_identical(unname(as.matrix(scn_stats(x))), unname(as.matrix(scn_stats(bare))))
  expect_identical(attr(scn_stats(bare), "row.names"), seq_len(nrow(x)))
  expect_null(dimnames(scn_to_dense(bare)))
  expect_null(names(scn_median(bare)))
  repeated <- x
  rownames(repeated)[2] <- rownames(repeated)[1]
  expect_identical(attr(scn_stats(repeated), "row.names"), seq_len(nrow(x)))
})

test_that("cells must be columns or rows, and flags flags", {
  x <- small_counts()
  expect_error(scn_stats(x, cells = "obs"), "cells: is \"obs\", must be one of \"columns\", \"rows\"", class = "scn_error_invalid_argument")
  expect_error(with_options(scn_stats(x), scnative.threads = "all"), "options\\(scnative.threads = \\)", class = "scn_error_invalid_argument")
  expect_error(with_options(scn_stats(x), scnative.progress = "yes"), "scnative.progress", class = "scn_error_invalid_argument")
})

test_that("labels of cells in another order are an error, where names tell", {
  x <- small_counts()
  groups <- setNames(small_groups(ncol(x)), colnames(x))
  expected <- scn_aggregate(x, unname(groups))
  expect_identical(scn_aggregate(x, groups), expected)
  expect_error(
    scn_aggregate(x, rev(groups)), "groups: is named c90 at 1 where the matrix has c1, must have the same names",
    class = "scn_error_invalid_argument"
  )
  expect_error(scn_highly_variable_genes(x, "seurat_v3", batches = rev(groups)), "batches: is named", class = "scn_error_invalid_argument")
  of_genes <- setNames(rep(1:2, length.out = nrow(x)), rev(rownames(x)))
  expect_error(scn_median(x, of_genes, over = "genes"), "groups: is named g60 at 1", class = "scn_error_invalid_argument")
  covariates <- data.frame(a = colSums(x), row.names = colnames(x))
  expect_identical(scn_regress_out(x, covariates), scn_regress_out(x, colSums(x)))
  expect_identical(scn_regress_out(x, data.frame(a = unname(colSums(x)))), scn_regress_out(x, unname(colSums(x))))
  expect_error(scn_regress_out(x, rev(colSums(x))), "covariates: is named", class = "scn_error_invalid_argument")
  expect_error(scn_regress_out(x, covariates[ncol(x):1, , drop = FALSE]), "covariates: is named", class = "scn_error_invalid_argument")
})
