test_that("matrices are compressed along cells or genes", {
  x <- small_counts()
  expect_identical(scn_to_major(x, "cells"), x)
  by_gene <- scn_to_major(x, "genes")
  expect_s4_class(by_gene, "dgRMatrix")
  expect_true(validObject(by_gene))
  expect_identical(as.matrix(by_gene), as.matrix(x))
  expect_s4_class(scn_to_major(t(x), "cells", cells = "rows"), "dgRMatrix")
  expect_identical(scn_to_major(t(x), "genes", cells = "rows"), t(x))
  expect_identical(scn_to_major(as.matrix(x), "cells"), x)
})

test_that("unsorted and repeated indices are seen", {
  x <- small_counts()
  for (same in list(x, t(x), as(x, "RsparseMatrix"), as.matrix(x))) {
    expect_identical(scn_is_canonical(same), TRUE)
  }
  x@i[1:2] <- x@i[2:1]
  expect_identical(scn_is_canonical(x), FALSE)
  x@i[1] <- x@i[2]
  expect_identical(scn_is_canonical(x), FALSE)
  expect_identical(scn_is_canonical(scn_sum_duplicates(x)), TRUE)
  x@i[1] <- nrow(x)
  expect_error(scn_is_canonical(x), "indices\\[0\\]", class = "scn_error_matrix")
})

test_that("repeats are summed and indices sorted", {
  x <- new("dgCMatrix")
  x@Dim <- c(3L, 2L)
  x@p <- c(0L, 3L, 4L)
  x@i <- c(2L, 0L, 2L, 1L)
  x@x <- c(1, 2, 3, 4)
  made <- scn_sum_duplicates(x)
  expect_true(validObject(made))
  expect_identical(as.matrix(made), matrix(c(2, 0, 4, 0, 4, 0), 3))
  expect_error(scn_sum_duplicates(matrix(1)), class = "scn_error_unsupported")
})

test_that("subsets are those of indexing", {
  x <- small_counts()
  cells <- c(7, 2, 2, 40)
  genes <- c("g9", "g1", "g1")
  expected <- as.matrix(x)[genes, cells]
  expect_identical(as.matrix(scn_subset(x, cells, genes)), expected)
  expect_identical(as.matrix(scn_subset(t(x), cells, genes, cells = "rows")), t(expected))
  expect_identical(scn_subset(as.matrix(x), cells, genes), expected)
  expect_identical(scn_subset(x, obs = colnames(x)[cells], vars = genes), scn_subset(x, cells, genes))
  mask <- rep(c(TRUE, FALSE), length.out = ncol(x))
  expect_identical(scn_subset(x, mask), x[, mask])
  expect_identical(scn_subset(x), x)
  expect_identical(dim(scn_subset(x, integer(), NULL)), c(nrow(x), 0L))
  expect_error(scn_subset(x, 91), "obs\\[1\\]: is 91, must be a whole number from 1 to 90", class = "scn_error_invalid_argument")
  expect_error(scn_subset(x, vars = "nobody"), "vars: has 1 of 1 names that the matrix has not: nobody", class = "scn_error_not_found")
  expect_error(scn_subset(x, obs = TRUE), "obs: is a mask of 1", class = "scn_error_shape")
})

test_that("matrices are put one after the other", {
  x <- small_counts()
  expect_identical(scn_concat(list(x, x[, 1:4])), cbind(x, x[, 1:4]))
  expect_identical(scn_concat(list(x, x[1:4, ]), "genes"), rbind(x, x[1:4, ]))
  expect_identical(scn_concat(list(t(x), as.matrix(t(x))), cells = "rows"), rbind(t(x), t(x)))
  bare <- x
  colnames(bare) <- NULL
  expect_identical(colnames(scn_concat(list(x, bare))), NULL)
  expect_error(scn_concat(list(x, x[1:4, ])), "other names of genes", class = "scn_error_invalid_argument")
  unnamed <- without_names(x[1:4, ])
  expect_error(scn_concat(list(x, unnamed)), class = "scn_error_shape")
  expect_error(scn_concat(list()), class = "scn_error")
  expect_error(scn_concat(x), "matrices: is a dgCMatrix", class = "scn_error_type")
})

test_that("dense matrices are as.matrix's", {
  x <- small_counts()
  expect_identical(scn_to_dense(x), as.matrix(x))
  expect_identical(scn_to_dense(t(x), cells = "rows"), as.matrix(t(x)))
  expect_identical(scn_to_dense(as(x, "RsparseMatrix")), as.matrix(x))
})

test_that("validation finds what is not finite", {
  x <- small_counts()
  expect_identical(scn_validate(x), x)
  x@x[5] <- Inf
  expect_error(scn_validate(x), "inf", class = "scn_error_value")
})
