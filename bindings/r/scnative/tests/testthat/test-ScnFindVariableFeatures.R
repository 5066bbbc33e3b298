test_that("vst and mvp of pbmc_small and odd genes are Seurat's", {
  small <- pbmc_small()
  odd <- odd_object()
  find <- in_seurat("FindVariableFeatures")
  variants <- list(
    list(small), list(small, nfeatures = 30, loess.span = 0.5, clip.max = 2), list(odd, loess.span = 0.6),
    list(odd, nfeatures = 1000, loess.span = 0.6),
    list(small, selection.method = "mvp"), list(small, selection.method = "mean.var.plot", num.bin = 7, mean.cutoff = c(0.5, 5)),
    list(odd, selection.method = "mvp", dispersion.cutoff = c(0, 2), mean.cutoff = c(0.01, Inf)),
    list(small, selection.method = "disp", nfeatures = 20), list(odd, selection.method = "dispersion", nfeatures = 500),
    list(small, selection.method = "mvp", binning.method = "equal_frequency", num.bin = 5)
  )
  for (arguments in variants) {
    theirs <- quiet(do.call(find, c(arguments, verbose = FALSE)))
    ours <- quiet(do.call(ScnFindVariableFeatures, arguments))
    expect_identical(SeuratObject::VariableFeatures(ours), SeuratObject::VariableFeatures(theirs))
    expect_identical(names(ours[["RNA"]][[]]), names(theirs[["RNA"]][[]]))
    for (column in names(theirs[["RNA"]][[]])) {
      expect_near(ours[["RNA"]][[column]], theirs[["RNA"]][[column]])
    }
    expect_identical(SeuratObject::HVFInfo(ours)[0, ], SeuratObject::HVFInfo(theirs)[0, ])
  }
})

test_that("the genes of PBMC 3k are Seurat's, in its order", {
  need_seurat()
  counts <- pbmc3k()$counts
  assay <- SeuratObject::CreateAssayObject(counts)
  theirs <- quiet(in_seurat("FindVariableFeatures")(assay, nfeatures = 5000, verbose = FALSE))
  genes <- SeuratObject::VariableFeatures(theirs)
  info <- quiet(ScnFindVariableFeatures(counts, nfeatures = 5000))
  expect_identical(attr(info, "features"), genes)
  library_curve <- quiet(ScnFindVariableFeatures(counts, nfeatures = 2000, curve = "scnative"))
  expect_setequal(attr(library_curve, "features"), genes[1:2000])
  expect_near(library_curve$vst.variance.expected, info$vst.variance.expected)
  logs <- ScnNormalizeData(counts)
  for (method in c("mvp", "disp")) {
    theirs <- quiet(in_seurat("FindVariableFeatures")(SeuratObject::SetAssayData(assay, "data", logs), method, verbose = FALSE))
    expect_identical(attr(ScnFindVariableFeatures(logs, method), "features"), SeuratObject::VariableFeatures(theirs))
  }
})

test_that("a matrix gets Seurat's table, a SingleCellExperiment columns", {
  need_seurat()
  counts <- small_counts(100, 90)
  theirs <- quiet(in_seurat("FindVariableFeatures")(counts, loess.span = 0.6, verbose = FALSE))
  ours <- ScnFindVariableFeatures(counts, loess.span = 0.6, nfeatures = 12)
  expect_length(attr(ours, "features"), 12)
  attr(ours, "features") <- NULL
  expect_near(ours, theirs)
  expect_identical(quiet(ScnFindVariableFeatures(as.matrix(counts), loess.span = 0.6))[, 1:4], ours)
  skip_if_not_installed("SingleCellExperiment")
  cells <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  cells <- ScnFindVariableFeatures(cells, loess.span = 0.6, nfeatures = 12)
  expect_length(S4Vectors::metadata(cells)$variable.features, 12)
  expect_identical(sum(SummarizedExperiment::rowData(cells)$vst.variable), 12L)
  expect_error(ScnFindVariableFeatures(cells, "mvp"), "has no assay logcounts", class = "scn_error_not_found")
})

test_that("what cannot be done is named", {
  counts <- small_counts()
  expect_error(ScnFindVariableFeatures(counts, "triku"), "selection.method: is \"triku\"", class = "scn_error_invalid_argument")
  expect_error(ScnFindVariableFeatures(counts, "mvp", mean.function = rowMeans), "mean.function", class = "scn_error_unsupported")
  expect_error(ScnFindVariableFeatures(counts, "mvp", mean.cutoff = 1), "mean.cutoff", class = "scn_error_invalid_argument")
  expect_error(ScnFindVariableFeatures(without_names(counts)), "has no row names", class = "scn_error_invalid_argument")
})
