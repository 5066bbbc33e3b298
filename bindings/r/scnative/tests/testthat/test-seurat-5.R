# Objects of Seurat 5, whose assays have layers; run where it is installed.

layered_object <- function() {
  need_seurat_5()
  set.seed(3)
  counts <- as.matrix(small_counts(300, 180, seed = 5))[, -5]
  counts[1:30, 1:60] <- counts[1:30, 1:60] * 3 + rpois(30 * 60, 1)
  object <- quiet(SeuratObject::CreateSeuratObject(as(counts, "CsparseMatrix")))
  SeuratObject::Idents(object) <- factor(rep(c("10", "2", "a b"), c(60, 60, 59)), c("10", "2", "a b"))
  quiet(in_seurat("NormalizeData")(object, verbose = FALSE))
}

layer <- function(object, name) SeuratObject::LayerData(object, layer = name)

test_that("layers are Seurat's", {
  object <- layered_object()
  expect_s4_class(object[["RNA"]], "Assay5")
  expect_near(layer(ScnNormalizeData(object), "data"), layer(object, "data"), 1e-12)
  theirs <- quiet(in_seurat("ScaleData")(object, verbose = FALSE))
  expect_near(layer(ScnScaleData(object), "scale.data"), layer(theirs, "scale.data"))
})

test_that("variable genes and their columns are Seurat's", {
  object <- layered_object()
  for (arguments in list(
    list(nfeatures = 50), list(nfeatures = 20, selection.method = "disp"), list(nfeatures = 15, selection.method = "mvp"),
    list(selection.method = "mvp")
  )) {
    theirs <- quiet(do.call(in_seurat("FindVariableFeatures"), c(list(object), arguments, verbose = FALSE)))
    ours <- quiet(do.call(ScnFindVariableFeatures, c(list(object), arguments)))
    expect_identical(SeuratObject::VariableFeatures(ours), SeuratObject::VariableFeatures(theirs))
    a <- ours[["RNA"]][[]]
    b <- theirs[["RNA"]][[]]
    expect_setequal(names(a), names(b))
    for (column in names(Filter(is.numeric, b))) {
      expect_near(a[column], b[column])
    }
  }
})

test_that("markers are Seurat's, in its order", {
  object <- layered_object()
  of_5 <- list(logfc.threshold = 0.1, min.pct = 0.01)
  ratios <- quiet(in_seurat("NormalizeData")(object, normalization.method = "CLR", verbose = FALSE))
  for (normalized in list(object, ratios)) {
    theirs <- quiet(in_seurat("FindMarkers")(normalized, ident.1 = "10", verbose = FALSE))
    expect_same_markers(do.call(ScnFindMarkers, c(list(normalized, ident.1 = "10"), of_5)), theirs)
  }
  theirs <- quiet(in_seurat("FindAllMarkers")(object, verbose = FALSE))
  expect_same_markers(do.call(ScnFindAllMarkers, c(list(object), of_5)), theirs)
})

test_that("scores are Seurat's", {
  object <- layered_object()
  sets <- list(rownames(object)[1:6], rownames(object)[40:44])
  theirs <- quiet(in_seurat("AddModuleScore")(object, sets, nbin = 8, ctrl = 5))
  ours <- ScnAddModuleScore(object, sets, nbin = 8, ctrl = 5)
  expect_near(ours[[c("Cluster1", "Cluster2")]], theirs[[c("Cluster1", "Cluster2")]])
})

test_that("layers that are split are an error that says what to do", {
  object <- layered_object()
  object$half <- rep(c("u", "v"), length.out = ncol(object))
  object[["RNA"]] <- quiet(split(object[["RNA"]], f = object$half))
  expect_error(ScnNormalizeData(object), "split into counts.u, counts.v.*JoinLayers", class = "scn_error_unsupported")
  joined <- SeuratObject::JoinLayers(object)
  expect_s4_class(ScnNormalizeData(joined), "Seurat")
})

test_that("plots of Seurat 5 go on", {
  object <- ScnScaleData(ScnFindVariableFeatures(layered_object(), nfeatures = 40))
  genes <- head(SeuratObject::VariableFeatures(object))
  expect_s3_class(quiet(in_seurat("DoHeatmap")(object, features = genes)), "ggplot")
  expect_s3_class(quiet(in_seurat("DotPlot")(object, features = genes)), "ggplot")
  expect_s3_class(quiet(in_seurat("VariableFeaturePlot")(object)), "ggplot")
})
