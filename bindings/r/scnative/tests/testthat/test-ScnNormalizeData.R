test_that("every method is Seurat's, on matrices and objects", {
  object <- pbmc_small()
  counts <- SeuratObject::GetAssayData(object, slot = "counts")
  normalize <- in_seurat("NormalizeData")
  for (arguments in list(
    list(), list(scale.factor = 1e6), list(normalization.method = "RC"), list(normalization.method = "CLR"),
    list(normalization.method = "CLR", margin = 2)
  )) {
    theirs <- quiet(do.call(normalize, c(list(counts), arguments, verbose = FALSE)))
    ours <- do.call(ScnNormalizeData, c(list(counts), arguments))
    expect_s4_class(ours, "dgCMatrix")
    expect_near(ours, theirs, 1e-12)
    expect_identical(do.call(ScnNormalizeData, c(list(as.matrix(counts)), arguments)), ours)
    changed <- do.call(ScnNormalizeData, c(list(object), arguments))
    expect_identical(SeuratObject::GetAssayData(changed), ours)
  }
  expect_identical(ScnNormalizeData(counts, normalization.method = NULL), counts)
  expect_error(ScnNormalizeData(counts, "SCT"), "normalization.method: is \"SCT\"", class = "scn_error_invalid_argument")
  expect_error(ScnNormalizeData(counts, sale.factor = 1), "sale.factor", class = "scn_error_invalid_argument")
})

test_that("odd counts", {
  need_seurat()
  counts <- small_counts() # with an empty cell and empty genes
  for (method in c("LogNormalize", "CLR")) {
    theirs <- quiet(in_seurat("NormalizeData")(counts, normalization.method = method, verbose = FALSE))
    expect_near(ScnNormalizeData(counts, normalization.method = method), theirs, 1e-12)
  }
})

test_that("the object's log says what was done, and by which call", {
  object <- ScnNormalizeData(pbmc_small(), scale.factor = 5e3)
  command <- SeuratObject::Command(object, "NormalizeData.RNA")
  expect_identical(command@params$scale.factor, 5e3)
  expect_match(paste(command@call.string, collapse = ""), "ScnNormalizeData(pbmc_small()", fixed = TRUE)
  expect_identical(SeuratObject::Command(object, "NormalizeData.RNA", value = "normalization.method"), "LogNormalize")
})

test_that("a SingleCellExperiment gets logcounts", {
  skip_if_not_installed("SingleCellExperiment")
  counts <- small_counts()
  cells <- ScnNormalizeData(SingleCellExperiment::SingleCellExperiment(list(counts = counts)))
  expect_identical(SummarizedExperiment::assay(cells, "logcounts"), ScnNormalizeData(counts))
  empty <- SingleCellExperiment::SingleCellExperiment(list(other = counts))
  expect_error(ScnNormalizeData(empty), "has no assay counts, only other", class = "scn_error_not_found")
})

test_that("files of Cell Ranger go all the way, beside Seurat", {
  need_seurat()
  folder <- file.path(Sys.getenv("SCNATIVE_DATA_DIR"), "small", "10x_format", "cr3_filtered_feature_bc_matrix")
  if (!dir.exists(folder)) {
    warning("SCNATIVE_DATA_DIR has no ", basename(folder), ": a test on real files is skipped", call. = FALSE)
    skip("needs files of Cell Ranger")
  }
  counts <- scn_read_10x_mtx(folder)$counts
  rownames(counts) <- make.unique(gsub("_", "-", rownames(counts)))
  object <- quiet(SeuratObject::CreateSeuratObject(counts))
  ours <- quiet(ScnScaleData(ScnFindVariableFeatures(ScnNormalizeData(object), nfeatures = 100)))
  theirs <- quiet(in_seurat("NormalizeData")(object, verbose = FALSE))
  theirs <- quiet(in_seurat("FindVariableFeatures")(theirs, nfeatures = 100, verbose = FALSE))
  theirs <- quiet(in_seurat("ScaleData")(theirs, verbose = FALSE))
  expect_near(SeuratObject::GetAssayData(ours), SeuratObject::GetAssayData(theirs), 1e-12)
  expect_identical(SeuratObject::VariableFeatures(ours), SeuratObject::VariableFeatures(theirs))
  expect_near(SeuratObject::GetAssayData(ours, "scale.data"), SeuratObject::GetAssayData(theirs, "scale.data"))
})
