test_that("p-values are R's, in the far tail too", {
  z <- c(a = 0, b = -1, c = 5, d = 38, e = NaN, f = Inf)
  expect_equal(scn_normal_p(z), 2 * pnorm(-abs(z)), tolerance = 1e-13)
  expect_equal(scn_normal_p(z[1:4] * 10, logarithm = TRUE), log(2) + pnorm(-abs(z[1:4] * 10), log.p = TRUE), tolerance = 1e-13)
  t <- matrix(c(0, 1, -7, 40), 2)
  for (df in c(0.7, 3, 1e5, Inf)) {
    expect_equal(scn_student_p(t, df), 2 * pt(-abs(t), df), tolerance = 1e-11)
  }
  expect_equal(scn_student_p(c(1, 2), c(3, 4), logarithm = TRUE), log(2) + pt(-c(1, 2), c(3, 4), log.p = TRUE), tolerance = 1e-12)
  expect_error(scn_student_p(1:3, 1:2), "df: has 2", class = "scn_error_shape")
})

test_that("corrections are p.adjust's", {
  set.seed(8)
  p <- setNames(runif(100)^4, 1:100)
  p[c(3, 50)] <- NaN
  for (method in c("BH", "BY", "bonferroni", "fdr")) {
    expect_equal(scn_adjust_p(p, method), p.adjust(p, method), tolerance = 1e-14)
  }
  expect_identical(scn_adjust_p(p), scn_adjust_p(p, "BH"))
  expect_identical(scn_adjust_p(numeric()), numeric())
  expect_error(scn_adjust_p(c(0.1, 1.1)), class = "scn_error_value")
  expect_error(scn_adjust_p(0.1, "holm"), "method: is \"holm\"", class = "scn_error_invalid_argument")
})
