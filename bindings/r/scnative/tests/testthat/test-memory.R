test_that("results survive a garbage collection at every allocation", {
  said <- fresh_r(c(
    "library(scnative)", "library(Matrix)",
    "x <- as(matrix(c(1, 0, 2, 3, 0, 4, 5, 6, 0, 7, 8, 1), 3, dimnames = list(letters[1:3], LETTERS[1:4])), 'CsparseMatrix')",
    "groups <- factor(c('u', 'v', 'u', 'v'))",
    "run <- function() list(",
    "  scn_aggregate(x, groups), scn_to_major(x, 'genes'), scn_subset(x, 2:3), scn_scale(x, FALSE), scn_regress_out(x, c(1, 2, 4, 3)),",
    "  scn_rank_genes_groups(x, groups), scn_calculate_qc_metrics(x, 2, list(a = 1)), tryCatch(scn_log1p(x, 1), error = conditionMessage),",
    "  suppressWarnings(scn_log1p(-x)), scn_size_factors(x), scn_filter_genes(x, min_cells = 2), scn_stats(x)",
    ")",
    "expected <- run()",
    "gctorture2(7)",
    "made <- run()",
    "gctorture2(0)",
    "stopifnot(identical(made, expected))",
    "cat('fine\\n')"
  ))
  expect_identical(said[length(said)], "fine")
})

test_that("calls do not leak", {
  skip_if_not(file.exists("/proc/self/statm"), "NOT TESTED: needs /proc")
  pages <- function() {
    gc()
    as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1]][2])
  }
  x <- small_counts(400, 400)
  run <- function() {
    for (i in 1:150) {
      scn_to_major(x, "genes")
      try(scn_log1p(x, 1), silent = TRUE)
    }
  }
  run()
  before <- pages()
  run()
  grown <- (pages() - before) * 4096
  # One result of each of the 150 calls would be more.
  expect_lt(grown, 75 * as.numeric(object.size(x)))
})

test_that("no layout of a matrix is copied", {
  # The most that R allocated at a time while this ran, in bytes, over what there was before.
  most <- function(code) {
    before <- gc(reset = TRUE)[, 1]
    force(code)
    sum((gc()[, 5] - before) * c(56, 8))
  }
  set.seed(3)
  x <- matrix(rpois(1e6, 1), 1000)
  for (given in layouts(as(x + 0, "CsparseMatrix"))) {
    scn_stats(given$x, which = "sum", cells = given$cells)
    bytes <- most(scn_stats(given$x, which = "sum", cells = given$cells))
    expect_lt(bytes, as.numeric(object.size(given$x)) / 4, label = class(given$x)[1])
  }
  sparse <- as(x + 0, "CsparseMatrix")
  # log1p's result shares the indices: its values alone are new.
  expect_lt(most(made <- scn_log1p(sparse)), 1.2 * 8 * length(sparse@x))
})
