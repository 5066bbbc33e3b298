test_that("sums over groups are Seurat's", {
  object <- pbmc_small()
  object$one <- "same"
  object$holes <- c(NA, rep(c("u", "v"), length.out = 79))
  aggregate <- in_seurat("AggregateExpression")
  for (arguments in list(
    list(), list(slot = "counts"), list(group.by = c("groups", "ident"), slot = "counts"), list(group.by = "groups", features = rownames(object)[9:3]),
    list(group.by = c("ident", "one")), list(group.by = "one"), list(group.by = c("letter.idents", "groups", "holes"))
  )) {
    theirs <- quiet(do.call(aggregate, c(list(object), arguments, verbose = FALSE)))
    ours <- quiet(do.call(ScnAggregateExpression, c(list(object), arguments)))
    expect_identical(names(ours), names(theirs))
    expect_near(ours$RNA, theirs$RNA, 1e-12)
  }
})

test_that("expm1 of values that repeat is R's", {
  values <- c(0, -0, log1p(c(1, 2, 2, 1, 1e4, 1:3000 / 7, 1:3000 / 7)), NA, NaN, Inf, -Inf, -1, 800, -1e-300)
  expect_identical(.Call(C_expm1, values), expm1(values))
  expect_identical(1 / .Call(C_expm1, c(-0, 0)), c(-Inf, Inf))
  expect_identical(.Call(C_expm1, numeric()), numeric())
})

test_that("an object of sums is Seurat's", {
  object <- pbmc_small()
  theirs <- quiet(in_seurat("AggregateExpression")(object, return.seurat = TRUE, slot = "counts", verbose = FALSE))
  ours <- quiet(ScnAggregateExpression(object, return.seurat = TRUE, slot = "counts"))
  for (slot in c("counts", "data", "scale.data")) {
    expect_near(SeuratObject::GetAssayData(ours, slot), SeuratObject::GetAssayData(theirs, slot))
  }
  expect_identical(SeuratObject::Idents(ours), SeuratObject::Idents(theirs))
})

test_that("matrices, SingleCellExperiments, and what cannot be done", {
  counts <- small_counts()
  groups <- small_groups(ncol(counts))
  groups[4] <- NA
  sums <- ScnAggregateExpression(counts, groups, slot = "counts")
  expect_equal(sums[, "a"], rowSums(counts[, which(groups == "a")]))
  expect_identical(ScnAggregateExpression(as.matrix(counts), groups, slot = "counts"), sums)
  expect_error(ScnAggregateExpression(counts, 1:3), "groups: has 3 labels", class = "scn_error_shape")
  object <- pbmc_small()
  expect_error(ScnAggregateExpression(object, group.by = "none"), "group.by", class = "scn_error_not_found")
  expect_error(ScnAggregateExpression(object, assays = "ADT"), "assays", class = "scn_error_not_found")
  skip_if_not_installed("SingleCellExperiment")
  cells <- SingleCellExperiment::SingleCellExperiment(list(counts = counts), colData = data.frame(kind = groups))
  expect_identical(ScnAggregateExpression(cells, group.by = "kind", slot = "counts"), sums)
})
