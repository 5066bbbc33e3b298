test_that("the same seed draws the same counts, at every number of threads", {
  one <- with_options(scn_simulate_counts(150, 200, seed = 5), scnative.threads = 1)
  expect_true(validObject(one$counts))
  expect_identical(with_options(scn_simulate_counts(150, 200, seed = 5), scnative.threads = 3), one)
  expect_identical(with_options(scn_simulate_counts(150, 200), scnative.seed = 5), one)
  expect_false(identical(scn_simulate_counts(150, 200, seed = 6)$counts, one$counts))
})

test_that("clusters, batches and markers are what was asked for", {
  made <- scn_simulate_counts(300, 200, n_clusters = 3, n_batches = 2, markers_per_cluster = 7, marker_fold_change = 30, seed = 1)
  expect_identical(made$clusters, factor(rep(1:3, length.out = 300)))
  expect_identical(levels(made$batches), c("1", "2"))
  expect_identical(as.vector(table(made$marker_of)), rep(7L, 3))
  expect_identical(names(made$marker_of), rownames(made$counts))
  logs <- scn_normalize_log1p(made$counts)
  means <- scn_aggregate(logs, made$clusters, which = "mean")$mean
  marked <- which(!is.na(made$marker_of))
  own <- means[cbind(marked, as.integer(made$marker_of[marked]))]
  others <- (rowSums(means[marked, ]) - own) / 2
  expect_gt(mean(own > others), 0.95)
})

test_that("options out of range are named", {
  expect_error(scn_simulate_counts(10, 5), "markers_per_cluster", class = "scn_error_invalid_argument")
  expect_error(scn_simulate_counts(-1, 5), "n_obs: is -1", class = "scn_error_invalid_argument")
  expect_error(scn_simulate_counts(10, 500, seed = 0.5), "seed: is 0.5", class = "scn_error_invalid_argument")
})
