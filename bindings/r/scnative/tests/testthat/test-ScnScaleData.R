test_that("every way to scale is Seurat's", {
  object <- odd_object()
  scale <- in_seurat("ScaleData")
  data <- SeuratObject::GetAssayData(object)
  for (center in c(TRUE, FALSE)) {
    for (scaled in c(TRUE, FALSE)) {
      for (split in list(NULL, object$part)) {
        arguments <- list(data, do.center = center, do.scale = scaled, scale.max = 2, split.by = split)
        theirs <- quiet(do.call(scale, c(arguments, verbose = FALSE)))
        ours <- do.call(ScnScaleData, arguments)
        expect_near(ours, theirs)
        arguments[[1]] <- as.matrix(data)
        expect_near(do.call(ScnScaleData, arguments), theirs)
      }
    }
  }
  theirs <- quiet(scale(object, features = rownames(object)[c(5, 2, 9)], verbose = FALSE))
  ours <- ScnScaleData(object, features = rownames(object)[c(5, 2, 9)])
  expect_near(SeuratObject::GetAssayData(ours, "scale.data"), SeuratObject::GetAssayData(theirs, "scale.data"))
})

test_that("variables are regressed out as in Seurat: numbers, factors, genes, splits that follow each other", {
  object <- odd_object()
  object$kind <- rep(c("u", "v", "w"), 50)
  object$block <- rep(c("a", "b"), each = 75)
  scale <- in_seurat("ScaleData")
  for (arguments in list(
    list(vars.to.regress = "depth"), list(vars.to.regress = c("depth", "kind")), list(vars.to.regress = c("g7", "nCount_RNA")),
    list(vars.to.regress = "kind", split.by = "block"), list(vars.to.regress = c("depth", "kind"), do.scale = FALSE)
  )) {
    theirs <- quiet(do.call(scale, c(list(object, features = rownames(object)), arguments, verbose = FALSE)))
    ours <- do.call(ScnScaleData, c(list(object, features = rownames(object)), arguments))
    a <- SeuratObject::GetAssayData(ours, "scale.data")
    b <- SeuratObject::GetAssayData(theirs, "scale.data")
    # What is left of a gene that the variables explain wholly is rounding, which Seurat scales up.
    real <- apply(as.matrix(SeuratObject::GetAssayData(object)), 1, sd) > 1e-8 & !rownames(b) %in% arguments$vars.to.regress
    expect_near(a[real, ], b[real, ])
    expect_identical(dimnames(a), dimnames(b))
  }
})

test_that("splits keep their cells' own residuals", {
  object <- odd_object()
  ours <- SeuratObject::GetAssayData(ScnScaleData(object, vars.to.regress = "depth", split.by = "part"), "scale.data")
  inside <- colnames(object)[object$part == "x"]
  alone <- ScnScaleData(SeuratObject::GetAssayData(object)[, inside], vars.to.regress = "depth", latent.data = object[["depth"]])
  expect_near(ours[, inside], alone, 1e-12)
})

test_that("one cell is 0, missing labels are 0", {
  x <- as.matrix(small_logs()[1:20, 1:12])
  labels <- c("one", rep(c("a", "b"), c(5, 4)), NA, NA)
  scaled <- ScnScaleData(x, split.by = labels)
  expect_true(all(scaled[, c(1, 11, 12)] == 0))
  expect_near(scaled[, 2:6], ScnScaleData(x[, 2:6]))
  expect_true(all(ScnScaleData(x[, 1, drop = FALSE]) == 0))
})

test_that("DoHeatmap and DotPlot go on", {
  object <- ScnScaleData(ScnFindVariableFeatures(ScnNormalizeData(pbmc_small())))
  genes <- head(SeuratObject::VariableFeatures(object))
  expect_s3_class(quiet(in_seurat("DoHeatmap")(object, features = genes)), "ggplot")
  expect_s3_class(quiet(in_seurat("DotPlot")(object, features = genes)), "ggplot")
  expect_s3_class(quiet(in_seurat("VariableFeaturePlot")(object)), "ggplot")
})

test_that("a SingleCellExperiment has scaled values beside its assays", {
  skip_if_not_installed("SingleCellExperiment")
  logs <- small_logs()
  cells <- SingleCellExperiment::SingleCellExperiment(list(logcounts = logs))
  cells$depth <- as.numeric(seq_len(ncol(logs)))
  scaled <- ScnScaleData(cells, features = rownames(logs)[1:9], vars.to.regress = "depth")
  want <- ScnScaleData(logs, rownames(logs)[1:9], "depth", data.frame(depth = cells$depth, row.names = colnames(logs)))
  expect_identical(S4Vectors::metadata(scaled)$scale.data, want)
})

test_that("what cannot be done is named", {
  object <- pbmc_small()
  expect_error(ScnScaleData(object, model.use = "poisson"), "model.use: is \"poisson\"", class = "scn_error_unsupported")
  expect_error(ScnScaleData(object, use.umi = TRUE), "use.umi", class = "scn_error_unsupported")
  expect_error(ScnScaleData(object, features = "none"), "features", class = "scn_error_not_found")
  expect_error(ScnScaleData(object, vars.to.regress = "none"), "none of which", class = "scn_error_not_found")
  expect_warning(ScnScaleData(object, vars.to.regress = c("none", "nCount_RNA")), "none, which the object has not")
  object$holes <- c(NA, seq_len(79))
  expect_error(ScnScaleData(object, vars.to.regress = "holes"), "holes is missing", class = "scn_error_value")
})
