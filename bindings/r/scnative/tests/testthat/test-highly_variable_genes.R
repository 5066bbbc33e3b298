test_that("seurat_v3 is the variance after standardisation by R's loess", {
  counts <- small_counts(300, 150)
  dense <- as.matrix(counts)
  means <- rowMeans(dense)
  variances <- apply(dense, 1, var)
  varies <- variances > 0
  fit <- loess(log10(variances[varies]) ~ log10(means[varies]), span = 0.3, degree = 2)
  expected <- sqrt(10^fit$fitted)
  clipped <- pmin((dense[varies, ] - means[varies]) / expected, sqrt(ncol(dense)))
  standardized <- replace(means * 0, varies, rowSums(clipped^2) / (ncol(dense) - 1))
  genes <- scn_highly_variable_genes(counts, "seurat_v3", n_top_genes = 50)
  expect_equal(setNames(genes$variances, rownames(genes)), variances, tolerance = 1e-13)
  expect_equal(setNames(genes$means, rownames(genes)), means, tolerance = 1e-14)
  chosen <- names(sort(standardized, decreasing = TRUE))[1:50]
  expect_setequal(rownames(genes)[genes$highly_variable], chosen)
  expect_identical(rownames(genes)[order(genes$highly_variable_rank)][1:50], chosen)
})

test_that("seurat's dispersions are normalised within bins of the mean", {
  logs <- small_logs(200, 120)
  logs <- logs[rowSums(logs) > 0, ]
  values <- expm1(as.matrix(logs))
  means <- rowMeans(values)
  dispersions <- log(apply(values, 1, var) / means)
  means <- log1p(means)
  bins <- cut(means, 20, labels = FALSE)
  centre <- tapply(dispersions, bins, mean)
  spread <- tapply(dispersions, bins, sd)
  alone <- is.na(spread)
  spread[alone] <- centre[alone]
  centre[alone] <- 0
  normalized <- (dispersions - centre[as.character(bins)]) / spread[as.character(bins)]
  genes <- scn_highly_variable_genes(logs)
  expect_equal(genes$means, unname(means), tolerance = 1e-12)
  expect_equal(genes$dispersions, unname(dispersions), tolerance = 1e-9)
  expect_equal(genes$dispersions_norm, as.vector(unname(normalized)), tolerance = 1e-8)
  cut_offs <- scn_defaults("highly_variable_genes")
  within <- genes$means > cut_offs[["min_mean"]] & genes$means < cut_offs[["max_mean"]]
  expect_identical(genes$highly_variable, within & genes$dispersions_norm > cut_offs[["min_disp"]])
  expect_equal(genes$mean_bin, unname(bins))
  expect_length(attr(genes, "bin_edges"), cut_offs["n_bins"] + 1)
})

test_that("each flavor has its columns, with and without batches", {
  counts <- small_counts(200, 120)[, -5]
  counts <- counts[rowSums(counts) > 0, ]
  logs <- scn_normalize_log1p(counts)
  batches <- small_groups(ncol(counts), c("x", "y"))
  for (flavor in setdiff(names(scnative:::FLAVORS), "mean_var_plot")) {
    columns <- scnative:::FLAVOR_COLUMNS[[flavor]]
    binned <- "dispersions" %in% columns
    x <- if (binned) logs else counts
    for (of in if (flavor == "dispersion") list(NULL) else list(NULL, batches)) {
      genes <- suppressWarnings(scn_highly_variable_genes(x, flavor, n_top_genes = 30, batches = of))
      expect_identical(sum(genes$highly_variable), 30L)
      expect_identical(setdiff(columns, names(genes)), if ("variances_expected" %in% columns && !is.null(of)) "variances_expected" else character())
      expect_identical("mean_bin" %in% names(genes), is.null(of) && binned)
      expect_identical(rownames(genes), rownames(x))
    }
  }
})

test_that("names settle ties in the C locale's order, whatever the order of genes", {
  logs <- small_logs(100, 80)
  logs <- logs[rowSums(logs) > 0, ]
  batches <- small_groups(ncol(logs), c("x", "y"))
  chosen <- function(x) {
    genes <- scn_highly_variable_genes(x, n_top_genes = 20, batches = batches, gene_names = rownames(x))
    sort(rownames(genes)[genes$highly_variable])
  }
  expect_identical(chosen(logs), chosen(logs[rev(seq_len(nrow(logs))), ]))
})

test_that("flavors that are Seurat's own take what fits them", {
  logs <- small_logs(200, 120)
  genes <- scn_highly_variable_genes(logs, "mean_var_plot", min_mean = 0.1, max_mean = 8, min_disp = 1, n_bins = 5)
  expect_length(attr(genes, "bin_edges"), 6)
  expect_identical(genes$highly_variable, genes$means > 0.1 & genes$means < 8 & genes$dispersions_norm > 1)
  filled <- logs[rowSums(logs) > 0, ]
  genes <- scn_highly_variable_genes(filled, "dispersion", n_top_genes = 9, n_bins = 5, binning = "equal_frequency")
  expect_length(attr(genes, "bin_edges"), 5)
  expect_identical(order(genes$highly_variable_rank)[1:9], order(-genes$dispersions)[1:9])
  expect_error(scn_highly_variable_genes(logs, "mean_var_plot", n_top_genes = 5), "n_top_genes", class = "scn_error_invalid_argument")
  expect_error(scn_highly_variable_genes(logs, "dispersion", binning = "any"), "binning: is \"any\"", class = "scn_error_invalid_argument")
  expect_error(
    scn_highly_variable_genes(small_counts(), "vst", variances_expected = 1:3), "variances_expected: has 3", class = "scn_error_shape"
  )
})

test_that("bad options are named", {
  counts <- small_counts()
  expect_error(scn_highly_variable_genes(counts, "triku"), "flavor: is \"triku\".*seurat_v3", class = "scn_error_invalid_argument")
  expect_error(scn_highly_variable_genes(counts, n_top_genes = 0), "n_top_genes", class = "scn_error_invalid_argument")
  expect_error(scn_highly_variable_genes(counts, n_top_genes = 1e6), "n_top_genes", class = "scn_error_invalid_argument")
  expect_error(scn_highly_variable_genes(counts, n_bins = 2.5), "n_bins: is 2.5", class = "scn_error_invalid_argument")
})
