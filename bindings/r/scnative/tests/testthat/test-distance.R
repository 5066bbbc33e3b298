points_of <- function(n = 40) {
  set.seed(6)
  matrix(rnorm(3 * n), 3)
}

# The mean of a matrix of pairs between the cells of two groups, without a cell's pair with itself if `unbiased`.
mean_pair <- function(pairs, groups, a, b, unbiased) {
  block <- pairs[groups == a, groups == b]
  if (a == b && unbiased) sum(block[row(block) != col(block)]) / (length(block) - nrow(block)) else mean(block)
}

test_that("energy distances are means over pairs of cells", {
  x <- points_of()
  groups <- small_groups(ncol(x))
  distances <- as.matrix(dist(t(x)))
  for (metric in c("sqeuclidean", "euclidean")) {
    for (unbiased in c(TRUE, FALSE)) {
      pairs <- if (metric == "euclidean") distances else distances^2
      within <- sapply(levels(groups), function(a) mean_pair(pairs, groups, a, a, unbiased))
      expected <- outer(levels(groups), levels(groups), Vectorize(function(a, b) {
        if (a == b) 0 else 2 * mean_pair(pairs, groups, a, b, FALSE) - within[[a]] - within[[b]]
      }))
      dimnames(expected) <- list(levels(groups), levels(groups))
      made <- scn_energy_distance(x, groups, metric = metric, unbiased = unbiased)
      expect_equal(made, expected, tolerance = 1e-11)
      expect_equal(scn_energy_distance(x, groups, "b", metric, unbiased), made[, "b"], tolerance = 0)
    }
  }
})

test_that("discrepancies are means of kernels over pairs of cells", {
  x <- points_of()
  groups <- small_groups(ncol(x))
  squares <- as.matrix(dist(t(x)))^2
  kernel <- (exp(-0.5 * squares) + exp(-2 * squares)) / 2
  for (unbiased in c(TRUE, FALSE)) {
    within <- sapply(levels(groups), function(a) mean_pair(kernel, groups, a, a, unbiased))
    expected <- outer(levels(groups), levels(groups), Vectorize(function(a, b) {
      if (a == b) 0 else within[[a]] + within[[b]] - 2 * mean_pair(kernel, groups, a, b, FALSE)
    }))
    made <- scn_mmd(x, groups, gammas = c(0.5, 2), unbiased = unbiased)
    expect_equal(unname(made$squared), expected, tolerance = 1e-11)
    expect_identical(made$gammas, c(0.5, 2))
  }
})

test_that("without gammas the median distance of pairs decides", {
  x <- points_of()
  groups <- factor(rep("a", ncol(x)))
  groups <- factor(rep(c("a", "b"), length.out = ncol(x)))
  expect_equal(scn_mmd(x, groups)$gammas, 1 / (2 * median(dist(t(x)))^2), tolerance = 1e-10)
})

test_that("an unknown metric, reference or group is named", {
  x <- points_of()
  groups <- small_groups(ncol(x))
  expect_error(scn_energy_distance(x, groups, metric = "cosine"), "metric: is \"cosine\"", class = "scn_error_invalid_argument")
  expect_error(scn_energy_distance(x, groups, reference = 9), "reference", class = "scn_error_not_found")
  expect_error(scn_energy_distance(x, groups, unbiased = NA), "unbiased: is NA", class = "scn_error_invalid_argument")
  expect_error(scn_mmd(x, groups, gammas = -1), "gamma", class = "scn_error_invalid_argument")
})
