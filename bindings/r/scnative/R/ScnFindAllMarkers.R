#' Marker genes of all groups of cells: Seurat's FindAllMarkers
#'
#' [ScnFindMarkers()] of each identity class against all other cells, in one call of the library for all classes (one call each
#' with `max.cells.per.ident` or `mean.fxn`).
#'
#' Results are Seurat 4.3's to the same tolerances. A class that has too few cells is left out, with a warning, and its cells
#' still count among those of the others.
#'
#' @inheritParams ScnFindMarkers
#' @param object Values as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment, whose `logcounts`
#'   are taken.
#' @param idents For a matrix: the class of each cell; NA for cells that count among the others only.
#' @param group.by For a SingleCellExperiment: the column of `colData()` that has the classes; `NULL` is `label`.
#' @param node Only `NULL`.
#' @param return.thresh Only genes with a p-value below it are returned; for `"roc"` those with an area above it or below one
#'   less it (0.7 if it is 0.01, the default).
#' @return A data.frame: `p_val`, `avg_log2FC`, `pct.1`, `pct.2`, `p_val_adj`, `cluster` (a factor) and `gene`, for `"roc"` with the
#'   columns of [ScnFindMarkers()]; class after class, in each the best gene first.
#' @section Errors: those of [ScnFindMarkers()]; `scn_error_unsupported` for a `node`.
#' @examples
#' simulated <- scn_simulate_counts(200, 150)
#' logs <- ScnNormalizeData(simulated$counts)
#' head(ScnFindAllMarkers(logs, simulated$clusters))
#' @export
ScnFindAllMarkers <- function(object, ...) UseMethod("ScnFindAllMarkers")

#' @rdname ScnFindAllMarkers
#' @export
ScnFindAllMarkers.default <- function(object, idents, features = NULL, logfc.threshold = 0.25, test.use = "wilcox", slot = "data",
                                      min.pct = 0.1, min.diff.pct = -Inf, verbose = TRUE, only.pos = FALSE,
                                      max.cells.per.ident = Inf, random.seed = 1, latent.vars = NULL, min.cells.feature = 3,
                                      min.cells.group = 3, pseudocount.use = 1, mean.fxn = NULL, fc.name = NULL, base = 2,
                                      return.thresh = 0.01, densify = FALSE, exact = FALSE, fold.change = "seurat_v4",
                                      norm.method = "LogNormalize", ...) {
  check_unused(...)
  object <- check_named(object)
  options <- marker_options(
    features, logfc.threshold, test.use, slot, min.pct, min.diff.pct, verbose, only.pos, max.cells.per.ident, random.seed,
    latent.vars, min.cells.feature, min.cells.group, pseudocount.use, mean.fxn, fc.name, base, densify, exact, fold.change,
    norm.method
  )
  if (length(idents) != ncol(object)) {
    refuse("SHAPE", "idents: has ", length(idents), " labels, must have ", ncol(object), ", one for each cell")
  }
  with_verbosity(verbose, markers_of_all(object, as.factor(idents), return.thresh, options))
}

#' @rdname ScnFindAllMarkers
#' @export
ScnFindAllMarkers.Seurat <- function(object, assay = NULL, features = NULL, logfc.threshold = 0.25, test.use = "wilcox",
                                     slot = "data", min.pct = 0.1, min.diff.pct = -Inf, node = NULL, verbose = TRUE,
                                     only.pos = FALSE, max.cells.per.ident = Inf, random.seed = 1, latent.vars = NULL,
                                     min.cells.feature = 3, min.cells.group = 3, pseudocount.use = 1, mean.fxn = NULL,
                                     fc.name = NULL, base = 2, return.thresh = 0.01, densify = FALSE, exact = FALSE,
                                     fold.change = NULL, ...) {
  check_unused(...)
  if (!is.null(node)) {
    refuse("UNSUPPORTED", "node: is ", shown(node), ", must be NULL; use Seurat's FindAllMarkers() for trees of clusters")
  }
  taken <- marker_data(object, assay, slot, fold.change)
  options <- marker_options(
    features, logfc.threshold, test.use, slot, min.pct, min.diff.pct, verbose, only.pos, max.cells.per.ident, random.seed,
    latent.vars, min.cells.feature, min.cells.group, pseudocount.use, mean.fxn, fc.name, base, densify, exact, taken$fold.change,
    taken$norm.method
  )
  with_verbosity(verbose, markers_of_all(taken$x, idents_of(object)[colnames(taken$x)], return.thresh, options))
}

#' @rdname ScnFindAllMarkers
#' @export
ScnFindAllMarkers.SingleCellExperiment <- function(object, group.by = NULL, return.thresh = 0.01, ...) {
  options <- marker_options(...)
  x <- check_named(need_assay(object, if (options$slot == "counts") "counts" else "logcounts"))
  with_verbosity(options$verbose, markers_of_all(x, cell_labels(object, group.by), return.thresh, options))
}
