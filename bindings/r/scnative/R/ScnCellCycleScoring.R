#' Phases of the cell cycle: Seurat's CellCycleScoring
#'
#' Scores the genes of S and of G2M phase by [ScnAddModuleScore()] and says for each cell the phase: G1 if both scores are
#' negative, else that of the higher one, "Undecided" if they are equal.
#'
#' Results equal those of Seurat 4.3 to 1e-10 with the same seed, and the phases are the same.
#'
#' @inheritParams ScnAddModuleScore
#' @param s.features,g2m.features Genes of the two phases.
#' @param ctrl Control genes for each gene; `NULL` for as many as the shorter of the two lists has.
#' @param set.ident Whether the phases become the identity classes of the object; the former are kept as `old.ident`.
#' @param ... Further arguments of [ScnAddModuleScore()].
#' @return For a matrix a data.frame with a row for each cell: `S.Score`, `G2M.Score`, `Phase`. A Seurat object has these in its
#'   metadata, a SingleCellExperiment in its `colData()`.
#' @section Errors: those of [ScnAddModuleScore()].
#' @examples
#' logs <- ScnNormalizeData(scn_simulate_counts(100, 400)$counts)
#' genes <- rownames(logs)
#' table(ScnCellCycleScoring(logs, genes[1:5], genes[6:12], nbin = 10)$Phase)
#' @export
ScnCellCycleScoring <- function(object, ...) UseMethod("ScnCellCycleScoring")

#' @rdname ScnCellCycleScoring
#' @export
ScnCellCycleScoring.default <- function(object, s.features, g2m.features, ctrl = NULL, ...) {
  sets <- list(s.features, g2m.features)
  scores <- ScnAddModuleScore(object, sets, ctrl = ctrl %||% min(lengths(sets)), ...)
  names(scores) <- c("S.Score", "G2M.Score")
  phase <- as.character(scn_cell_cycle_phase(scores$S.Score, scores$G2M.Score))
  phase[phase != "G1" & scores$S.Score == scores$G2M.Score] <- "Undecided"
  scores$Phase <- phase
  scores
}

#' @rdname ScnCellCycleScoring
#' @export
ScnCellCycleScoring.Seurat <- function(object, s.features, g2m.features, ctrl = NULL, set.ident = FALSE, assay = NULL, ...) {
  name <- assay_name(object, assay)
  scores <- ScnCellCycleScoring(need_layer(object[[name]], "data", name), s.features, g2m.features, ctrl = ctrl, ...)
  object <- set_cell_columns(object, scores)
  if (check_flag(set.ident, "set.ident")) {
    idents <- seurat_object("Idents")(object)
    object <- set_cell_columns(object, data.frame(old.ident = idents, row.names = names(idents)))
    object <- seurat_object("Idents<-")(object, value = "Phase")
  }
  object
}

#' @rdname ScnCellCycleScoring
#' @export
ScnCellCycleScoring.SingleCellExperiment <- function(object, s.features, g2m.features, ...) {
  set_column_columns(object, ScnCellCycleScoring(need_assay(object, "logcounts"), s.features, g2m.features, ...))
}
