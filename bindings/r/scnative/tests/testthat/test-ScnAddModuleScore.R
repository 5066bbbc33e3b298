test_that("scores are Seurat's with the same seed", {
  object <- pbmc_small()
  sets <- list(c("CD79A", "MS4A1", "HLA-DRA"), c("S100A8", "LYZ"), rownames(object)[5:30])
  add <- in_seurat("AddModuleScore")
  for (arguments in list(
    list(nbin = 10, ctrl = 5), list(nbin = 5, ctrl = 20, seed = 42, name = "set"), list(nbin = 10, ctrl = 5, pool = rownames(object)[1:150])
  )) {
    if (!is.null(arguments$pool)) sets <- lapply(sets, intersect, arguments$pool)
    theirs <- quiet(do.call(add, c(list(object, sets), arguments)))
    ours <- do.call(ScnAddModuleScore, c(list(object, sets), arguments))
    expect_near(ours[[]][, -(1:7)], theirs[[]][, -(1:7)])
  }
})

test_that("scores of PBMC 3k are Seurat's, genes without expression and all", {
  need_seurat()
  cells <- pbmc3k()
  object <- ScnNormalizeData(SeuratObject::CreateSeuratObject(cells$counts))
  genes <- getExportedValue("Seurat", "cc.genes")
  theirs <- quiet(in_seurat("CellCycleScoring")(object, genes$s.genes, genes$g2m.genes))
  ours <- quiet(ScnCellCycleScoring(object, genes$s.genes, genes$g2m.genes))
  expect_near(ours[[]][, c("S.Score", "G2M.Score")], theirs[[]][, c("S.Score", "G2M.Score")])
  expect_identical(ours$Phase, theirs$Phase)
})

test_that("phases are Seurat's, ties are undecided, identities are set", {
  object <- pbmc_small()
  s <- rownames(object)[1:8]
  g2m <- rownames(object)[9:14]
  theirs <- quiet(in_seurat("CellCycleScoring")(object, s, g2m, nbin = 8, set.ident = TRUE))
  ours <- ScnCellCycleScoring(object, s, g2m, nbin = 8, set.ident = TRUE)
  expect_identical(ours$Phase, theirs$Phase)
  expect_identical(SeuratObject::Idents(ours), SeuratObject::Idents(theirs))
  expect_identical(ours$old.ident, theirs$old.ident)
  # The same genes for both phases, and all genes as controls: each cell has the same two scores.
  data <- SeuratObject::GetAssayData(object)
  same <- ScnCellCycleScoring(data, s, s, nbin = 1, ctrl = nrow(data))
  expect_identical(same$Phase, ifelse(same$S.Score < 0, "G1", "Undecided"))
  expect_setequal(same$Phase, c("G1", "Undecided"))
})

test_that("random numbers go on as they were, and with NULL go on", {
  logs <- small_logs()
  set.seed(9)
  first <- runif(2)
  set.seed(9)
  ScnAddModuleScore(logs, list(rownames(logs)[1:5]), nbin = 4, ctrl = 3)
  expect_identical(runif(2), first)
  set.seed(1)
  a <- ScnAddModuleScore(logs, list(rownames(logs)[1:5]), nbin = 4, ctrl = 3, seed = NULL)
  expect_identical(a, ScnAddModuleScore(logs, list(rownames(logs)[1:5]), nbin = 4, ctrl = 3, seed = 1))
})

test_that("names without regard to case, and what cannot be done", {
  logs <- small_logs()
  expect_warning(
    expect_warning(
      scores <- ScnAddModuleScore(logs, list(toupper(rownames(logs)[1:3])), nbin = 4, ctrl = 3), "G1, G2, G3"
    ),
    "without regard to case"
  )
  expect_identical(scores, ScnAddModuleScore(logs, rownames(logs)[1:3], nbin = 4, ctrl = 3))
  expect_error(quiet(ScnAddModuleScore(logs, list("none"))), "features\\[\\[1\\]\\]", class = "scn_error_not_found")
  expect_error(ScnAddModuleScore(logs, "g1", ctrl = 1000, nbin = 3), "ctrl: is 1000", class = "scn_error_invalid_argument")
  expect_error(ScnAddModuleScore(logs, "g1", search = TRUE), "search", class = "scn_error_unsupported")
  expect_error(ScnAddModuleScore(logs, "g1", pool = c("g2", "g4", "g5"), nbin = 2, ctrl = 1), "not in the pool", class = "scn_error_not_found")
  same <- as.matrix(logs) * 0 + 1
  expect_error(ScnAddModuleScore(same, "g1", nbin = 5), "nbin: is 5", class = "scn_error_invalid_argument")
})

test_that("a SingleCellExperiment gets columns", {
  skip_if_not_installed("SingleCellExperiment")
  logs <- small_logs()
  cells <- SingleCellExperiment::SingleCellExperiment(list(logcounts = logs))
  scored <- ScnAddModuleScore(cells, list(rownames(logs)[1:5]), nbin = 4, ctrl = 3)
  expect_identical(scored$Cluster1, ScnAddModuleScore(logs, list(rownames(logs)[1:5]), nbin = 4, ctrl = 3)$Cluster1)
  phases <- ScnCellCycleScoring(cells, rownames(logs)[1:5], rownames(logs)[6:9], nbin = 4)
  expect_identical(phases$Phase, ScnCellCycleScoring(logs, rownames(logs)[1:5], rownames(logs)[6:9], nbin = 4)$Phase)
})
