test_that("defaults are asked of the library, by the names of scnative.h", {
  for (struct in names(scnative:::abi_options)) {
    of <- tolower(gsub("(?<=[a-z])(?=[A-Z])", "_", sub("Options$", "", sub("^Scn", "", struct)), perl = TRUE))
    expect_named(scn_defaults(of), names(scnative:::abi_options[[struct]]))
  }
  expect_error(scn_defaults("pca"), "of: is \"pca\"", class = "scn_error_invalid_argument")
})

test_that("NULL is the default, and what the documentation says of it", {
  logs <- small_logs()
  groups <- small_groups(ncol(logs))
  defaults <- scn_defaults("rank_genes_groups")
  named <- scn_rank_genes_groups(
    logs, groups, method = "t-test", corr_method = "BH", fold_change = "scanpy_v1", fold_change_base = defaults[["fold_change_base"]]
  )
  expect_identical(scn_rank_genes_groups(logs, groups), named)
  expect_identical(defaults[["fold_change_base"]], 2)
  expect_identical(scn_defaults("loess")[c("span", "degree", "cell")], c(span = 0.75, degree = 2, cell = 0.2))
  hvg <- c(min_mean = 0.0125, max_mean = 3, min_disp = 0.5, max_disp = Inf, n_bins = 20, span = 0.3, theta = 100)
  expect_identical(scn_defaults("highly_variable_genes")[names(hvg)], hvg)
  expect_identical(
    scn_defaults("scale"),
    c(zero_center = 1, max_value = Inf, divide = 1, root_mean_square = 0, clip_below = 1)
  )
  expect_identical(scn_defaults("normalize_total")[["max_fraction"]], 0.05)
  expect_identical(scn_defaults("control_genes"), c(ctrl_as_ref = 1, ctrl_size = 50, n_bins = 25, random_state = 0))
  simulated <- c(n_clusters = 5, markers_per_cluster = 20, n_batches = 1, marker_fold_change = 8, batch_sd = 0.3, library_size = 3000)
  expect_identical(scn_defaults("simulate")[names(simulated)], simulated)
})
