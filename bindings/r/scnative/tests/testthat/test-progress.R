long_call <- function(n = 12000) {
  set.seed(1)
  points <- matrix(rnorm(30 * n), 30)
  scn_energy_distance(points, rep(1:2, length.out = n), metric = "euclidean")
}

test_that("a function is told of the part done, on the way from 0 to 1", {
  told <- numeric()
  made <- with_options(long_call(), scnative.progress = function(done) told <<- c(told, done), scnative.threads = 1)
  expect_gt(length(told), 2)
  expect_false(is.unsorted(told))
  expect_true(all(told >= 0 & told <= 1))
  expect_identical(made, with_options(long_call(), scnative.progress = FALSE))
})

test_that("an error in it cancels the call and is the call's error", {
  begun <- Sys.time()
  mine <- structure(class = c("my_condition", "error", "condition"), list(message = "enough", call = NULL))
  error <- tryCatch(with_options(long_call(60000), scnative.progress = function(done) stop(mine)), error = identity)
  expect_identical(error, mine)
  expect_lt(as.numeric(Sys.time() - begun, units = "secs"), 3)
  expect_identical(scn_stats(matrix(1:4, 2))$sum, c(4, 6))
})

test_that("a function may call the package itself", {
  sums <- NULL
  with_options(long_call(), scnative.progress = function(done) {
    sums <<- with_options(scn_stats(matrix(1:4, 2))$sum, scnative.progress = FALSE)
  })
  expect_identical(sums, c(4, 6))
})

test_that("TRUE draws R's own bar on stderr, and FALSE nothing", {
  code <- c(
    "library(scnative)", "set.seed(1)", "points <- matrix(rnorm(30 * 30000), 30)",
    "invisible(scn_energy_distance(points, rep(1:2, 15000), metric = 'euclidean'))"
  )
  drawn <- paste(fresh_r(c("options(scnative.progress = TRUE, scnative.threads = 1)", code)), collapse = "\n")
  expect_match(drawn, "energy_distance", fixed = TRUE)
  expect_match(drawn, "[0-9]+%")
  expect_identical(length(fresh_r(c("options(scnative.progress = FALSE)", code))), 0L)
})

test_that("a jump out of it, over the library, becomes an interrupt of the call", {
  jumping <- function(done) invokeRestart("elsewhere")
  begun <- Sys.time()
  out <- tryCatch(
    withRestarts(with_options(long_call(60000), scnative.progress = jumping), elsewhere = function() "over the library"),
    interrupt = function(e) "interrupt", error = function(e) "error"
  )
  expect_false(identical(out, "over the library"))
  expect_lt(as.numeric(Sys.time() - begun, units = "secs"), 3)
  expect_identical(scn_stats(matrix(1:4, 2))$sum, c(4, 6))
})

test_that("a bar that is drawn ends at 100% where the call went through", {
  bar <- scnative:::new_bar("title")
  drawn <- capture.output(type = "message", {
    environment(bar$draw)$begun <- environment(bar$draw)$begun - 1
    bar$draw(0.3)
    bar$close(TRUE)
  })
  expect_match(paste(drawn, collapse = "\n"), "title.*30%.*100%")
})
