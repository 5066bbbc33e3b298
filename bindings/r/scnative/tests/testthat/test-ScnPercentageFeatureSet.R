test_that("percentages are Seurat's", {
  object <- pbmc_small()
  percent <- in_seurat("PercentageFeatureSet")
  for (arguments in list(list(pattern = "^HLA-"), list(features = c("LYZ", "CD79A")), list(pattern = "^none"))) {
    theirs <- do.call(percent, c(list(object), arguments))
    ours <- do.call(ScnPercentageFeatureSet, c(list(object), arguments))
    expect_near(ours, theirs, 1e-12)
  }
  object <- ScnPercentageFeatureSet(object, pattern = "^HLA-", col.name = "percent.hla")
  expect_near(object[["percent.hla"]], percent(pbmc_small(), "^HLA-", col.name = "percent.hla")[["percent.hla"]], 1e-12)
  expect_error(ScnPercentageFeatureSet(object), "none is given", class = "scn_error_invalid_argument")
  expect_error(ScnPercentageFeatureSet(object, features = "none"), "features: has 1", class = "scn_error_not_found")
})

test_that("patterns are regular expressions, prefixes as well", {
  names <- c("MT-ND1", "mt-Nd1", "AMT-1", "M1", "MT.2", "RPL3")
  for (pattern in c("^MT-", "MT-", "^M", "^MT.", "^R|^m", "^RPL3", "^none", "^", "")) {
    expect_identical(matching(pattern, names), grep(pattern, names, value = TRUE))
  }
})

test_that("matrices and SingleCellExperiments", {
  counts <- small_counts()
  want <- colSums(counts[1:4, ]) / colSums(counts) * 100
  expect_equal(ScnPercentageFeatureSet(counts, features = rownames(counts)[1:4]), want)
  expect_true(is.nan(ScnPercentageFeatureSet(counts, pattern = "^g")[5])) # an empty cell
  skip_if_not_installed("SingleCellExperiment")
  cells <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  cells <- ScnPercentageFeatureSet(cells, features = rownames(counts)[1:4], col.name = "part")
  expect_equal(cells$part, unname(want))
})
