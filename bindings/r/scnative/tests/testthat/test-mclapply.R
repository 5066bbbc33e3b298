test_that("calls in forked processes give the same, after the parent's threads have run", {
  skip_on_os("windows")
  counts <- small_counts(200, 300)
  expected <- with_options(scn_stats(counts), scnative.threads = 2)
  made <- with_options(
    parallel::mclapply(1:4, function(i) scn_stats(counts), mc.cores = 2),
    scnative.threads = 2
  )
  for (one in made) {
    expect_identical(one, expected)
  }
  expect_identical(with_options(scn_stats(counts), scnative.threads = 2), expected)
})
