# Starts a child R process that computes for a long time, interrupts it, and gives back when each of the two saw it.
interrupted <- function(then, interactive = FALSE) {
  files <- list(ready = tempfile(), caught = tempfile(), after = tempfile())
  code <- c(
    "library(scnative)",
    "set.seed(1)",
    "points <- matrix(rnorm(50 * 60000), 50)",
    "groups <- rep(1:2, length.out = ncol(points))",
    "long <- function() scn_energy_distance(points, groups, metric = 'euclidean')",
    "now <- function() format(as.numeric(Sys.time()), digits = 17)",
    sprintf("%s <- '%s'", names(files), unlist(files)),
    "invisible(scn_stats(points[, 1:2]))",
    "writeLines(as.character(Sys.getpid()), ready)",
    then
  )
  if (interactive) {
    script <- tempfile(fileext = ".R")
    writeLines(code, script)
    libraries <- paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
    system2(
      file.path(R.home("bin"), "R"), c("--vanilla", "--quiet", "--interactive"),
      stdin = script, stdout = FALSE, stderr = FALSE, wait = FALSE, env = c("R_TESTS=", libraries)
    )
  } else {
    fresh_r(code, wait = FALSE)
  }
  child <- as.integer(wait_for(files$ready))
  Sys.sleep(0.8)
  sent <- as.numeric(Sys.time())
  tools::pskill(child, tools::SIGINT)
  caught <- as.numeric(wait_for(files$caught, 20))
  list(seconds = caught - sent, after = wait_for(files$after))
}

test_that("Ctrl-C stops a call as an ordinary interrupt, and the session goes on", {
  made <- interrupted(c(
    "result <- tryCatch(long(), interrupt = function(e) { writeLines(now(), caught); class(e) })",
    "sums <- scn_stats(matrix(1:4, 2))$sum",
    "writeLines(c(result, sums), after)"
  ))
  expect_gt(made$seconds, 0)
  expect_lt(made$seconds, 0.5)
  expect_identical(made$after, c("interrupt", "condition", "4", "6"))
})

test_that("nobody listening, it leads back to the prompt, on.exit and all", {
  made <- interrupted(c(
    "f <- function() { on.exit(writeLines(now(), caught)); long(); writeLines('not interrupted', after) }",
    "f()",
    "writeLines('the next line', after)"
  ), interactive = TRUE)
  expect_lt(made$seconds, 0.5)
  expect_identical(made$after, "the next line")
})
