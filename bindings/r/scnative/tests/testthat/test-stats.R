columns <- function(x, margin, ddof) {
  n <- dim(x)[3 - margin]
  data.frame(
    sum = apply(x, margin, sum), mean = apply(x, margin, mean), var = apply(x, margin, var) * (n - 1) / (n - ddof),
    count_nonzero = as.double(apply(x != 0, margin, sum)), min = apply(x, margin, min), max = apply(x, margin, max)
  )
}

test_that("statistics are those of base R", {
  logs <- small_logs()
  dense <- as.matrix(logs)
  expect_equal(scn_stats(logs), columns(dense, 1, 0), tolerance = 1e-13)
  expect_equal(scn_stats(logs, "genes", ddof = 1), columns(dense, 2, 1), tolerance = 1e-13)
  expect_equal(scn_stats(t(logs), "cells", cells = "rows"), columns(dense, 1, 0), tolerance = 1e-13)
  expect_named(scn_stats(logs, which = c("var", "sum")), c("var", "sum"))
  expect_error(scn_stats(logs, which = "sd"), "which: has \"sd\"", class = "scn_error_invalid_argument")
  expect_error(scn_stats(logs, over = "obs"), "over: is \"obs\"", class = "scn_error_invalid_argument")
})

test_that("variances do not suffer from cancellation", {
  x <- matrix(1e9 + c(0, 1, 2, 3), 1)
  expect_identical(scn_stats(x, ddof = 1)$var, var(0:3))
})

test_that("statistics of groups are those of their cells", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs), c("a", "b", "c"))
  groups[3] <- NA
  groups <- factor(groups, c("a", "b", "c", "nobody"))
  made <- scn_aggregate(logs, groups)
  dense <- as.matrix(logs)
  for (group in c("a", "b", "c")) {
    reference <- columns(dense[, which(groups == group)], 1, 1)
    for (what in names(made)) {
      expect_equal(made[[what]][, group], setNames(reference[[what]], rownames(dense)), tolerance = 1e-13)
    }
  }
  expect_true(all(made$sum[, "nobody"] == 0) && all(is.nan(made$mean[, "nobody"])))
  of_genes <- scn_aggregate(logs, rep(c("x", "y"), length.out = nrow(logs)), over = "genes", which = "sum")$sum
  expect_equal(of_genes, t(rowsum(dense, rep(c("x", "y"), length.out = nrow(logs)))), tolerance = 1e-13)
})

test_that("medians count zeros", {
  logs <- small_logs()
  dense <- as.matrix(logs)
  groups <- small_groups(ncol(logs))
  expect_identical(scn_median(logs), apply(dense, 1, median))
  expect_identical(scn_median(logs, over = "genes"), apply(dense, 2, median))
  expect_identical(scn_median(logs, groups), sapply(levels(groups), function(g) apply(dense[, groups == g], 1, median)))
})

test_that("NaN propagates", {
  made <- scn_stats(rbind(c(1, NaN), c(1, 2)))
  expect_true(is.nan(made$sum[1]) && !is.nan(made$sum[2]))
})
