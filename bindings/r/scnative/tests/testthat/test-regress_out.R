test_that("residuals are those of lm", {
  logs <- small_logs()
  set.seed(4)
  covariates <- data.frame(a = rnorm(ncol(logs)), b = runif(ncol(logs)))
  reference <- t(residuals(lm(t(as.matrix(logs)) ~ a + b, covariates)))
  made <- scn_regress_out(logs, covariates)
  expect_equal(made, reference, tolerance = 1e-11)
  expect_identical(dimnames(made), dimnames(logs))
  expect_identical(scn_regress_out(logs, as.matrix(covariates)), made)
  expect_equal(scn_regress_out(logs, covariates$a), t(residuals(lm(t(as.matrix(logs)) ~ covariates$a))), tolerance = 1e-11)
})

test_that("of a matrix of cells x genes they are the transpose, to the bit", {
  logs <- small_logs()
  set.seed(4)
  covariate <- rnorm(ncol(logs))
  expect_identical(scn_regress_out(t(logs), covariate, cells = "rows"), t(scn_regress_out(logs, covariate)))
})

test_that("groups take their means away, from genes that vary", {
  logs <- as.matrix(small_logs())
  logs[7, ] <- 2
  groups <- small_groups(ncol(logs))
  means <- t(apply(logs, 1, function(x) ave(x, groups)))
  expected <- logs - means
  expected[apply(logs, 1, function(x) all(x == x[1])), ] <- logs[apply(logs, 1, function(x) all(x == x[1])), ]
  expect_equal(scn_regress_out(logs, groups = groups), expected, tolerance = 1e-12)
})

test_that("covariates that depend on others change nothing, with a warning", {
  logs <- small_logs()
  set.seed(4)
  a <- rnorm(ncol(logs))
  expect_warning(made <- scn_regress_out(logs, cbind(a, 2 * a + 1)), class = "scn_warning")
  expect_equal(made, scn_regress_out(logs, a), tolerance = 1e-12)
})

test_that("bad covariates are named", {
  logs <- small_logs()
  n <- ncol(logs)
  expect_error(scn_regress_out(logs), "exactly one", class = "scn_error_invalid_argument")
  expect_error(scn_regress_out(logs, 1:3), "covariates: has 3 values", class = "scn_error_shape")
  expect_error(scn_regress_out(logs, rep("a", n)), "give a category as groups", class = "scn_error_type")
  expect_error(scn_regress_out(logs, c(NaN, rep(0, n - 1))), "covariates", class = "scn_error_value")
  expect_error(scn_regress_out(logs, groups = c(NA, rep("a", n - 1))), class = "scn_error_invalid_argument")
})
