# Each operation on a matrix, with its own arguments; results that are matrices come as genes x cells.
operations <- function(counts) {
  groups <- small_groups(ncol(counts))
  set.seed(9)
  covariate <- rnorm(ncol(counts))
  dense <- function(x, cells) {
    x <- as.matrix(x)
    if (cells == "rows") t(x) else x
  }
  list(
    log1p = function(x, cells) dense(scn_log1p(x, cells = cells), cells),
    normalize_total = function(x, cells) dense(scn_normalize_total(x, cells = cells), cells),
    normalize_log1p = function(x, cells) dense(scn_normalize_log1p(x, cells = cells), cells),
    size_factors = function(x, cells) scn_size_factors(x, exclude_highly_expressed = TRUE, max_fraction = 0.3, cells = cells),
    normalize_relative = function(x, cells) dense(scn_normalize_relative(x, cells = cells), cells),
    clr_genes = function(x, cells) dense(scn_normalize_clr(x, 1, cells), cells),
    clr_cells = function(x, cells) dense(scn_normalize_clr(x, 2, cells), cells),
    qc = function(x, cells) scn_calculate_qc_metrics(x, 10, list(a = 1:9), cells),
    filter_cells = function(x, cells) scn_filter_cells(x, min_counts = 30, cells = cells),
    filter_genes = function(x, cells) scn_filter_genes(x, min_cells = 30, cells = cells),
    seurat = function(x, cells) scn_highly_variable_genes(x, "seurat", cells = cells),
    seurat_v3 = function(x, cells) scn_highly_variable_genes(x, "seurat_v3", n_top_genes = 20, cells = cells),
    pearson = function(x, cells) scn_highly_variable_genes(x, "pearson_residuals", n_top_genes = 20, cells = cells),
    scale = function(x, cells) within(scn_scale(x, groups = groups, cells = cells), x <- dense(x, cells)),
    scale_sparse = function(x, cells) within(scn_scale(x, zero_center = FALSE, cells = cells), x <- dense(x, cells)),
    regress_out = function(x, cells) dense(scn_regress_out(x, covariate, cells = cells), cells),
    regress_out_groups = function(x, cells) dense(scn_regress_out(x, groups = groups, cells = cells), cells),
    wilcoxon = function(x, cells) scn_rank_genes_groups(x, groups, method = "wilcoxon", results = c("scores", "u"), cells = cells),
    t_test = function(x, cells) scn_rank_genes_groups(x, groups, cells = cells),
    control_genes = function(x, cells) scn_control_genes(x, 4:6, ctrl_size = 5, cells = cells),
    score_genes = function(x, cells) scn_score_genes(x, 4:6, 10:30, cells),
    energy = function(x, cells) scn_energy_distance(x, groups, metric = "euclidean", cells = cells),
    mmd = function(x, cells) scn_mmd(x, groups, cells = cells),
    stats = function(x, cells) scn_stats(x, cells = cells),
    stats_of_cells = function(x, cells) scn_stats(x, "genes", cells = cells),
    aggregate = function(x, cells) scn_aggregate(x, groups, cells = cells),
    median = function(x, cells) scn_median(x, groups, cells = cells),
    to_major = function(x, cells) dense(scn_to_major(x, "cells", cells), cells),
    to_dense = function(x, cells) dense(scn_to_dense(x, cells), cells),
    # of integers it is of integers
    subset = function(x, cells) dense(scn_subset(x, 3:30, c("g5", "g2"), cells), cells) + 0
  )
}

counts <- small_counts()[, -5]

test_that("every layout of a matrix gives the same bits", {
  for (name in names(operations(counts))) {
    run <- operations(counts)[[name]]
    expected <- suppressWarnings(run(counts, "columns"))
    for (layout in names(layouts(counts))) {
      given <- layouts(counts)[[layout]]
      expect_identical(suppressWarnings(run(given$x, given$cells)), expected, label = paste(name, "of a", layout))
    }
  }
})

test_that("every number of threads gives the same bits", {
  for (name in names(operations(counts))) {
    run <- function() suppressWarnings(operations(counts)[[name]](counts, "columns"))
    expected <- with_options(run(), scnative.threads = 1)
    for (threads in 2:3) {
      expect_identical(with_options(run(), scnative.threads = threads), expected, label = paste(name, "with", threads, "threads"))
    }
  }
})
