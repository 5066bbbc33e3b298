# SeuratObject's own functions, which Seurat 4's verbs call, say what an object is to look like.

four <- function() {
  need_seurat()
  pbmc_small()
}

test_that("layers are set as SetAssayData() sets them", {
  assay <- four()[["RNA"]]
  set <- SeuratObject::SetAssayData
  data <- SeuratObject::GetAssayData(assay, "data")
  doubled <- data * 2
  scaled <- as.matrix(data)[c(3, 8, 200), ]
  for (values in list(doubled, doubled[nrow(data):1, ], doubled[, ncol(data):1], as.matrix(doubled))) {
    expect_identical(set_layer(assay, "data", values), set(assay, "data", values))
  }
  for (values in list(scaled, scaled[3:1, ], scaled[, ncol(scaled):1], scaled[1, , drop = FALSE])) {
    expect_identical(set_layer(assay, "scale.data", values), set(assay, "scale.data", values))
  }
  unnamed <- unname(scaled)
  expect_error(set_layer(assay, "scale.data", unnamed))
  expect_error(set_layer(assay, "data", doubled[, -1]), "number of cells")
})

test_that("assays, columns and the log are set as SeuratObject sets them", {
  object <- four()
  assay <- assay_of(object, "RNA")
  expect_identical(assay, object[["RNA"]])
  scaled <- set_layer(assay, "scale.data", as.matrix(SeuratObject::GetAssayData(assay))[1:5, ])
  theirs <- object
  theirs[["RNA"]] <- scaled
  expect_identical(set_assay_of(object, "RNA", scaled), theirs)

  columns <- data.frame(vst.mean = seq_len(nrow(assay)) / 7, own = nrow(assay):1 / 3, row.names = rownames(assay))
  theirs <- assay
  for (name in names(columns)) {
    theirs[[name]] <- stats::setNames(columns[[name]], rownames(columns))
  }
  expect_identical(set_feature_columns(assay, columns), theirs)
  expect_identical(set_feature_columns(assay, columns[nrow(columns):1, ]), theirs)

  columns <- data.frame(depth = seq_len(ncol(object)) / 7, groups = "g", row.names = colnames(object))
  expect_identical(cell_columns(object), object[[]])
  expect_identical(set_cell_columns(object, columns), SeuratObject::AddMetaData(object, columns))
  expect_identical(set_cell_columns(object, columns["depth"]), SeuratObject::AddMetaData(object, columns["depth"]))
  reversed <- columns[nrow(columns):1, ]
  expect_identical(set_cell_columns(object, reversed), SeuratObject::AddMetaData(object, reversed))
  expect_error(set_cell_columns(object, stats::setNames(columns["depth"], "RNA")), "same name as an Assay")

  logged <- log_command(object, "NormalizeData", "RNA", list(scale.factor = 1))
  theirs <- object
  theirs[["NormalizeData.RNA"]] <- logged@commands$NormalizeData.RNA
  expect_identical(logged, theirs)
})

test_that("verbs do not change the object that they are given", {
  object <- four()
  before <- unserialize(serialize(object, NULL))
  columns <- ScnAddModuleScore(object, rownames(object)[1:9], nbin = 5, ctrl = 5)
  made <- ScnScaleData(ScnFindVariableFeatures(ScnNormalizeData(columns)))
  made <- ScnPercentageFeatureSet(made, "^HLA-", col.name = "hla")
  expect_identical(object, before)
  expect_true(methods::validObject(made, complete = TRUE))
})

test_that("R's curve is the same without standard errors", {
  fit <- function(points, span, ...) stats::loess(y ~ x, points, span = span, ...)$fitted
  set.seed(5)
  for (n in c(20, 500, 3000)) {
    for (x in list(rnorm(n), round(rnorm(n), 1), sort(rexp(n)))) {
      points <- data.frame(x = x, y = x^2 + rnorm(n) / 9)
      for (span in c(0.3, 0.75)) {
        expect_identical(quiet(fit(points, span, control = loess_control())), quiet(fit(points, span)))
      }
    }
  }
})
