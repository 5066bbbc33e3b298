test_that("a score is the mean over the set less the mean over the control genes", {
  logs <- small_logs(200, 60)
  set <- c("g4", "g10", "g30")
  control <- scn_control_genes(logs, set, ctrl_size = 5)
  expect_identical(names(control), rownames(logs)[control])
  expect_false(any(set %in% names(control)))
  expect_false(is.unsorted(control))
  dense <- as.matrix(logs)
  expect_equal(scn_score_genes(logs, set, control), colMeans(dense[set, ]) - colMeans(dense[control, ]), tolerance = 1e-12)
  expect_identical(scn_score_genes(logs, match(set, rownames(logs)), names(control)), scn_score_genes(logs, set, control))
  expect_identical(scn_score_genes(logs, rownames(logs) %in% set, control), scn_score_genes(logs, set, control))
})

test_that("NaN values are left out of both means", {
  x <- rbind(c(1, NA), c(3, 2), c(5, 7))
  expect_identical(scn_score_genes(x, 1:2, 3), c(2, 2) - c(5, 7))
})

test_that("control genes come from bins that hold a gene of the set, by the seed", {
  logs <- small_logs(200, 60)
  one <- scn_control_genes(logs, "g4", ctrl_size = 3, n_bins = 10)
  means <- rowMeans(as.matrix(logs))
  expect_lt(max(abs(rank(means)[one] - rank(means)["g4"])), 2 * nrow(logs) / 10)
  expect_identical(scn_control_genes(logs, "g4", ctrl_size = 3, random_state = 7), scn_control_genes(logs, "g4", ctrl_size = 3, random_state = 7))
  pool <- rownames(logs)[1:50]
  expect_true(all(names(scn_control_genes(logs, "g4", gene_pool = pool)) %in% pool))
  expect_error(scn_control_genes(logs, "g4", random_state = -1), "random_state", class = "scn_error_invalid_argument")
})

test_that("names that do not match are named", {
  logs <- small_logs()
  expect_error(
    scn_score_genes(logs, c("g1", "X", "Y", "Z", "W"), "g2"), "gene_list: has 4 of 5 names that the matrix has not: X, Y, Z and 1 more",
    class = "scn_error_not_found"
  )
  bare <- without_names(logs)
  expect_error(scn_score_genes(bare, "g1", 2), "gene_list: has names, but the matrix has no names of genes", class = "scn_error_not_found")
  expect_error(scn_score_genes(logs, 0, 2), "gene_list\\[1\\]: is 0, must be a whole number from 1", class = "scn_error_invalid_argument")
  expect_error(scn_score_genes(logs, 1.5, 2), "gene_list\\[1\\]: is 1.5", class = "scn_error_invalid_argument")
  expect_error(scn_score_genes(logs, TRUE, 2), "mask of 1", class = "scn_error_shape")
  expect_error(scn_score_genes(logs, list(1), 2), "gene_list: is a list", class = "scn_error_type")
  expect_error(scn_score_genes(logs, character(), 2), class = "scn_error_invalid_argument")
})

test_that("phases of the cell cycle follow the scores", {
  set.seed(5)
  s <- setNames(rnorm(50), 1:50)
  g2m <- rnorm(50)
  expected <- ifelse(s < 0 & g2m < 0, "G1", ifelse(g2m > s, "G2M", "S"))
  expect_identical(scn_cell_cycle_phase(s, g2m), setNames(factor(expected, c("G1", "S", "G2M")), 1:50))
  expect_error(scn_cell_cycle_phase(s, g2m[-1]), "g2m_score: has 49", class = "scn_error_shape")
})
