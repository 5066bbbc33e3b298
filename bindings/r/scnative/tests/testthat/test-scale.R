centred <- function(...) suppressWarnings(scn_scale(...)) # that a sparse matrix becomes dense

test_that("genes are scaled as base R scales columns", {
  logs <- small_logs()
  logs <- logs[rowSums(logs) > 0, ]
  reference <- t(scale(t(as.matrix(logs))))
  made <- centred(logs)
  expect_equal(made$x, reference, ignore_attr = c("scaled:center", "scaled:scale"), tolerance = 1e-12)
  expect_identical(dimnames(made$x), dimnames(logs))
  expect_equal(made$mean, attr(reference, "scaled:center"), tolerance = 1e-13)
  expect_equal(made$std, attr(reference, "scaled:scale"), tolerance = 1e-13)
  expect_equal(centred(logs, max_value = 1)$x, pmax(pmin(made$x, 1), -1), tolerance = 1e-15)
})

test_that("without centring a sparse matrix stays one", {
  logs <- small_logs()
  logs <- logs[rowSums(logs) > 0, ]
  made <- scn_scale(logs, zero_center = FALSE, max_value = 2)
  expect_s4_class(made$x, "dgCMatrix")
  expect_equal(as.matrix(made$x), pmin(as.matrix(logs) / apply(as.matrix(logs), 1, sd), 2), tolerance = 1e-13)
  expect_identical(as.matrix(made$x), scn_scale(as.matrix(logs), zero_center = FALSE, max_value = 2)$x)
})

test_that("a gene that does not vary has standard deviation 1", {
  made <- scn_scale(rbind(c(2, 2, 2), c(1, 2, 3)))
  expect_identical(made$std, c(1, 1))
  expect_identical(made$x[1, ], c(0, 0, 0))
})

test_that("groups are scaled by themselves, cells in none stay", {
  logs <- as.matrix(small_logs())
  groups <- small_groups(ncol(logs))
  groups[c(1, 9)] <- NA
  made <- scn_scale(logs, groups = groups)
  for (group in levels(groups)) {
    cells <- which(groups == group)
    alone <- scn_scale(logs[, cells])
    expect_identical(made$x[, cells], alone$x)
    expect_identical(made$mean[, group], alone$mean)
    expect_identical(made$std[, group], alone$std)
  }
  expect_identical(made$x[, c(1, 9)], logs[, c(1, 9)])
})

test_that("wrong groups are an error", {
  logs <- as.matrix(small_logs())
  expect_error(scn_scale(logs, groups = 1:3), "groups: has 3 labels", class = "scn_error_shape")
  expect_error(scn_scale(logs, groups = rep(1:2, c(1, ncol(logs) - 1))), class = "scn_error_invalid_argument")
  expect_error(scn_scale(logs, zero_center = "no"), "zero_center: is \"no\"", class = "scn_error_invalid_argument")
})
