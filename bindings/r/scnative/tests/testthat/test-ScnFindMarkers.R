test_that("markers of pbmc_small are Seurat's, for each test and slot", {
  object <- pbmc_small()
  find <- in_seurat("FindMarkers")
  for (test in c("wilcox", "t")) {
    for (slot in c("data", "scale.data", "counts")) {
      if (slot == "counts" && test == "t") next
      theirs <- quiet(find(object, ident.1 = "1", test.use = test, slot = slot, min.pct = 0, logfc.threshold = 0, verbose = FALSE))
      ours <- ScnFindMarkers(object, ident.1 = "1", test.use = test, slot = slot, min.pct = 0, logfc.threshold = 0)
      expect_same_markers(ours, theirs)
    }
  }
  variants <- list(
    list(ident.1 = "0", ident.2 = "2"), list(ident.1 = c("0", "1"), only.pos = TRUE), list(ident.1 = "2", min.diff.pct = 0.3),
    list(ident.1 = "g1", group.by = "groups"), list(ident.1 = "g1", group.by = "groups", subset.ident = "0", logfc.threshold = 0.1),
    list(ident.1 = "0", max.cells.per.ident = 12, random.seed = 3), list(ident.1 = "0", features = rownames(object)[50:1]),
    list(ident.1 = "0", base = exp(1), pseudocount.use = 0.5), list(ident.1 = "0", base = 10, fc.name = "change"),
    list(ident.1 = colnames(object)[1:20], ident.2 = colnames(object)[40:70]),
    list(ident.1 = "0", mean.fxn = function(x) Matrix::rowMeans(x))
  )
  for (arguments in variants) {
    theirs <- quiet(do.call(find, c(list(object), arguments, verbose = FALSE)))
    expect_same_markers(do.call(ScnFindMarkers, c(list(object), arguments)), theirs)
  }
})

test_that("roc is Seurat's", {
  object <- pbmc_small()
  theirs <- quiet(in_seurat("FindMarkers")(object, ident.1 = "1", test.use = "roc", verbose = FALSE))
  ours <- ScnFindMarkers(object, ident.1 = "1", test.use = "roc")
  expect_same_markers(ours, theirs)
})

test_that("a log that tells of no logarithm changes fold changes as in Seurat", {
  object <- pbmc_small()
  object@commands <- list()
  theirs <- quiet(in_seurat("FindMarkers")(object, ident.1 = "1", verbose = FALSE))
  expect_same_markers(ScnFindMarkers(object, ident.1 = "1"), theirs)
  logged <- ScnNormalizeData(object)
  again <- quiet(in_seurat("FindMarkers")(logged, ident.1 = "1", verbose = FALSE))
  expect_same_markers(ScnFindMarkers(logged, ident.1 = "1"), again)
  expect_false(identical(theirs$avg_log2FC, again$avg_log2FC))
})

test_that("without limma Seurat takes wilcox.test, and so does exact", {
  object <- pbmc_small()
  data <- SeuratObject::GetAssayData(object)
  set.seed(1)
  noise <- matrix(rexp(30 * ncol(data)), 30, dimnames = list(paste0("n", 1:30), colnames(data)))
  noise[1:5, ] <- noise[1:5, ] + outer(rep(1, 5), SeuratObject::Idents(object) == "1")
  inside <- colnames(object)[SeuratObject::Idents(object) == "1"][1:20]
  outside <- colnames(object)[SeuratObject::Idents(object) == "0"]
  p <- apply(noise, 1, function(x) wilcox.test(x[inside], x[outside])$p.value)
  ours <- ScnFindMarkers(noise, inside, outside, exact = TRUE, logfc.threshold = 0)
  expect_lte(max(abs(ours$p_val / p[rownames(ours)] - 1)), 1e-9)
  expect_false(isTRUE(all.equal(ScnFindMarkers(noise, inside, outside, logfc.threshold = 0)$p_val, ours$p_val)))
})

test_that("all markers are Seurat's, also of odd clusters and genes", {
  object <- odd_object()
  find <- in_seurat("FindAllMarkers")
  for (arguments in list(list(), list(only.pos = TRUE), list(min.pct = 0, logfc.threshold = 0, return.thresh = 2))) {
    theirs <- quiet(do.call(find, c(list(object), arguments, verbose = FALSE)))
    expect_warning(ours <- do.call(ScnFindAllMarkers, c(list(object), arguments)), "When testing alone versus all")
    expect_same_markers(ours, theirs)
  }
  alone <- list(object, min.cells.group = 1, min.pct = 0, logfc.threshold = 0, return.thresh = 2)
  expect_same_markers(do.call(ScnFindAllMarkers, alone), quiet(do.call(find, c(alone, verbose = FALSE))))
  sampled <- list(object, max.cells.per.ident = 20)
  expect_same_markers(quiet(do.call(ScnFindAllMarkers, sampled)), quiet(do.call(find, c(sampled, verbose = FALSE))))
  small <- pbmc_small()
  for (test in c("roc", "t")) {
    theirs <- quiet(find(small, test.use = test, verbose = FALSE))
    expect_same_markers(ScnFindAllMarkers(small, test.use = test), theirs)
  }
})

test_that("markers of PBMC 3k are Seurat's, down to p-values of 1e-200", {
  need_seurat()
  cells <- pbmc3k()
  counts <- cells$counts[Matrix::rowSums(cells$counts > 0) >= 20, ]
  object <- in_seurat("NormalizeData")(SeuratObject::CreateSeuratObject(counts), verbose = FALSE)
  SeuratObject::Idents(object) <- cells$types
  type <- levels(cells$types)[2]
  theirs <- quiet(in_seurat("FindMarkers")(object, ident.1 = type, verbose = FALSE))
  all <- ScnFindAllMarkers(object, return.thresh = 2)
  ours <- all[all$cluster == type, ]
  rownames(ours) <- ours$gene
  expect_same_markers(ours[names(theirs)], theirs[order(theirs$p_val, -theirs$avg_log2FC), ])
  expect_same_markers(ScnFindMarkers(object, ident.1 = type), theirs)
  expect_lt(min(theirs$p_val), 1e-100)
  genes <- head(rownames(theirs), 200)
  theirs <- quiet(in_seurat("FindMarkers")(object, ident.1 = type, features = genes, test.use = "t", verbose = FALSE))
  expect_same_markers(ScnFindMarkers(object, ident.1 = type, features = genes, test.use = "t"), theirs)
  theirs <- quiet(in_seurat("FindMarkers")(object, ident.1 = type, features = genes, test.use = "roc", verbose = FALSE))
  expect_same_markers(ScnFindMarkers(object, ident.1 = type, features = genes, test.use = "roc"), theirs)
})

test_that("a matrix and a SingleCellExperiment give the same as a Seurat object", {
  object <- pbmc_small()
  theirs <- ScnFindMarkers(object, ident.1 = "1")
  all <- ScnFindAllMarkers(object)
  data <- SeuratObject::GetAssayData(object)
  idents <- SeuratObject::Idents(object)
  expect_identical(ScnFindMarkers(data, colnames(data)[idents == "1"]), theirs)
  expect_identical(ScnFindAllMarkers(data, idents), all)
  expect_identical(ScnFindAllMarkers(as.matrix(data), idents), all)
  skip_if_not_installed("SingleCellExperiment")
  cells <- SingleCellExperiment::SingleCellExperiment(list(logcounts = data), colData = data.frame(type = unname(idents)))
  expect_identical(ScnFindMarkers(cells, ident.1 = "1", group.by = "type"), theirs)
  expect_identical(ScnFindAllMarkers(cells, group.by = "type"), all)
  expect_error(ScnFindMarkers(cells, ident.1 = "1"), "group.by: is \"label\"", class = "scn_error_not_found")
})

test_that("random numbers go on as they were", {
  object <- pbmc_small()
  set.seed(5)
  first <- runif(2)
  set.seed(5)
  ScnFindMarkers(object, ident.1 = "0", max.cells.per.ident = 10)
  expect_identical(runif(2), first)
})

test_that("what cannot be done is named", {
  object <- pbmc_small()
  expect_error(ScnFindMarkers(object, ident.1 = "0", test.use = "MAST"), "\"wilcox\".*\"t\", \"roc\"", class = "scn_error_unsupported")
  expect_error(ScnFindMarkers(object, ident.1 = "0", reduction = "pca"), "reduction", class = "scn_error_unsupported")
  expect_error(ScnFindAllMarkers(object, node = 3), "node", class = "scn_error_unsupported")
  expect_error(ScnFindMarkers(object, ident.1 = "9"), "ident.1: has 9", class = "scn_error_not_found")
  expect_error(ScnFindMarkers(object), "ident.1: is empty", class = "scn_error_invalid_argument")
  expect_error(ScnFindMarkers(object, ident.1 = "0", ident.2 = c("0", "1")), "in common", class = "scn_error_invalid_argument")
  expect_error(ScnFindMarkers(object, ident.1 = "0", features = "none"), "features: has 1", class = "scn_error_not_found")
  expect_error(ScnFindMarkers(object, ident.1 = "0", assay = "ADT"), "assay: is \"ADT\"", class = "scn_error_not_found")
  expect_error(ScnFindMarkers(object, ident.1 = "0", group.by = "x"), "group.by", class = "scn_error_not_found")
  expect_error(ScnFindMarkers(object, ident.1 = "0", wrong = 1), "wrong", class = "scn_error_invalid_argument")
  expect_error(ScnFindMarkers(object, ident.1 = "0", min.cells.group = 60), "fewer than 60", class = "scn_error_invalid_argument")
  expect_warning(ScnFindMarkers(object, ident.1 = "0", latent.vars = "groups"), "latent.vars")
  expect_warning(none <- ScnFindMarkers(object, ident.1 = "0", logfc.threshold = 99), "logfc.threshold")
  expect_identical(dim(none), c(0L, 3L))
})
