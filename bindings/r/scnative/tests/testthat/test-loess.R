test_that("the curve is stats::loess's", {
  set.seed(7)
  x <- rnorm(200)
  y <- sin(2 * x) + rnorm(200) / 5
  w <- runif(200)
  new_x <- c(-0.5, 0.1, 1, 99)
  for (degree in 0:2) {
    for (span in c(0.3, 0.75)) {
      for (surface in c("interpolate", "direct")) {
        reference <- loess(y ~ x, weights = w, span = span, degree = degree, surface = surface)
        made <- scn_loess(x, y, weights = w, span = span, degree = degree, surface = surface)
        expect_equal(made, unname(fitted(reference)), tolerance = 1e-9)
        inside <- predict(reference, data.frame(x = new_x[1:3]))
        expect_equal(scn_loess(x, y, w, span, degree, surface, new_x = new_x)[1:3], unname(inside), tolerance = 1e-9)
      }
    }
  }
  expect_true(is.nan(scn_loess(x, y, new_x = new_x)[4]))
})

test_that("the defaults are R's", {
  expect_equal(scn_loess(cars$speed, cars$dist), unname(fitted(loess(dist ~ speed, cars))), tolerance = 1e-10)
})

test_that("points that cannot be smoothed are an error", {
  expect_error(scn_loess(1:3, 1:4), class = "scn_error_shape")
  expect_error(scn_loess(c(1, NaN, 3), 1:3), class = "scn_error_value")
  expect_error(scn_loess(1:10, 1:10, span = 0.1), "span", class = "scn_error_invalid_argument")
  expect_error(scn_loess(letters, letters), "x: is a character", class = "scn_error_type")
  expect_error(scn_loess(1:10, 1:10, surface = "exact"), "surface: is \"exact\"", class = "scn_error_invalid_argument")
})
