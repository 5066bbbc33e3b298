#' Marker genes of a group of cells: Seurat's FindMarkers
#'
#' Compares the cells of `ident.1` with those of `ident.2`, or with all others, gene by gene, for the genes that enough cells
#' express and that change enough.
#'
#' Tests: `"wilcox"` (also `"wilcox_limma"`), Wilcoxon's rank sum test with correction for ties and continuity, which is what
#' Seurat computes with limma or presto; `"t"`, Welch's t-test; `"roc"`, the area under the ROC curve. With `exact = TRUE`
#' `"wilcox"` is what Seurat 4.3 computes where limma is not installed: R's [wilcox.test()], exact for fewer than 50 cells on
#' both sides without ties. The thresholds look at the rounded fractions, as Seurat's do.
#'
#' p-values equal those of Seurat 4.3 to 1e-9 relative, down to 1e-307 (before R 4.3, R's own are 0 below that, and so are these);
#' fold changes to 1e-12; genes and columns are the same and in the same order. Where this differs: `"t"` of a gene that is the same in all cells of both sides gives p = 1 or 0, where
#' Seurat fails; an area halfway between two numbers of three digits may be rounded to the other one; cells are drawn
#' (`max.cells.per.ident`) without changing R's random numbers afterwards; fold changes are of the values in `slot`, which the
#' test takes, where Seurat 5 takes those of `data` always. Memory: a few numbers for each gene, and for each
#' thread a gene's values.
#'
#' @inheritParams ScnNormalizeData
#' @param object Values as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment, whose `logcounts`
#'   are taken.
#' @param cells.1,cells.2 For a matrix: names of the cells to compare; `NULL` for all others.
#' @param ident.1,ident.2 Identity classes, several if need be, or names of cells. `ident.2 = NULL` for all other cells.
#' @param group.by A column of the cells' metadata to take for the identity classes. `NULL`: the object's own (a
#'   SingleCellExperiment's column `label`).
#' @param subset.ident With `group.by`: only cells of these of the object's own classes.
#' @param slot `"data"`, `"counts"` or `"scale.data"` (the layer, of a version 5 assay).
#' @param reduction Only `NULL`.
#' @param features Genes to test; `NULL` for all.
#' @param logfc.threshold Smallest fold change, in absolute value unless `only.pos`.
#' @param test.use `"wilcox"`, `"t"` or `"roc"`.
#' @param min.pct Smallest part of the cells of either side that express the gene.
#' @param min.diff.pct Smallest difference between the two parts.
#' @param only.pos Whether to return only genes that are higher in `ident.1`.
#' @param max.cells.per.ident,random.seed At most so many cells of each side are tested, drawn with this seed; fold changes are
#'   of all cells.
#' @param latent.vars Not used by these tests; there is a warning.
#' @param min.cells.feature Not used by these tests.
#' @param min.cells.group Fewer cells than this on a side are an error.
#' @param pseudocount.use What is added to means before their logarithm is taken.
#' @param mean.fxn A function from a matrix to one number for each gene, whose difference is the fold change; `NULL` for the
#'   usual one.
#' @param fc.name Name of the column of fold changes; `NULL` for `avg_log2FC`, `avg_diff` for scaled data.
#' @param base Base of their logarithm.
#' @param densify Not used.
#' @param exact See above.
#' @param fold.change `"seurat_v4"`: log(mean(expm1(x)) + 1) of both sides; `"seurat_v5"`: log((sum(expm1(x)) + 1) / cells). `NULL`:
#'   the one of the assay's version. Seurat 4 takes values for logarithms only if the object's log says that NormalizeData (or
#'   ScnNormalizeData) made them so, else it computes log(mean(x) + 1); so does `"seurat_v4"` here. With `"seurat_v5"` genes whose
#'   p-values are equal come in the order of Seurat 5, by the difference of the two parts.
#' @param norm.method For a matrix: how it was normalised, `"LogNormalize"`, or `NULL` for values that are no logarithms.
#' @return A data.frame with a row for each gene, the best first: `p_val`, `avg_log2FC`, `pct.1`, `pct.2` (parts of the cells
#'   whose value is above 0), `p_val_adj` (Bonferroni's, for all genes of the object); for `"roc"` `myAUC`, `avg_diff`, `power`,
#'   `avg_log2FC`, `pct.1`, `pct.2`. No rows, and a warning, if no gene passes a threshold.
#' @section Errors: `scn_error_unsupported` for another test or a reduction; `scn_error_not_found` for classes, cells or genes that
#'   are not there; `scn_error_invalid_argument` for too few cells or cells on both sides.
#' @seealso [ScnFindAllMarkers()]
#' @examples
#' simulated <- scn_simulate_counts(200, 150)
#' logs <- ScnNormalizeData(simulated$counts)
#' head(ScnFindMarkers(logs, colnames(logs)[simulated$clusters == 1]))
#' @export
ScnFindMarkers <- function(object, ...) UseMethod("ScnFindMarkers")

#' @rdname ScnFindMarkers
#' @export
ScnFindMarkers.default <- function(object, cells.1, cells.2 = NULL, features = NULL, logfc.threshold = 0.25, test.use = "wilcox",
                                   slot = "data", min.pct = 0.1, min.diff.pct = -Inf, verbose = TRUE, only.pos = FALSE,
                                   max.cells.per.ident = Inf, random.seed = 1, latent.vars = NULL, min.cells.feature = 3,
                                   min.cells.group = 3, pseudocount.use = 1, mean.fxn = NULL, fc.name = NULL, base = 2,
                                   densify = FALSE, exact = FALSE, fold.change = "seurat_v4", norm.method = "LogNormalize", ...) {
  check_unused(...)
  object <- check_named(object)
  options <- marker_options(
    features, logfc.threshold, test.use, slot, min.pct, min.diff.pct, verbose, only.pos, max.cells.per.ident, random.seed,
    latent.vars, min.cells.feature, min.cells.group, pseudocount.use, mean.fxn, fc.name, base, densify, exact, fold.change,
    norm.method
  )
  cells.1 <- as_cells(cells.1, matrix_view(object), "cells.1")
  cells.2 <- if (is.null(cells.2)) setdiff(seq_len(ncol(object)), cells.1) else as_cells(cells.2, matrix_view(object), "cells.2")
  with_verbosity(verbose, markers_between(object, cells.1, cells.2, options))
}

#' @rdname ScnFindMarkers
#' @export
ScnFindMarkers.Seurat <- function(object, ident.1 = NULL, ident.2 = NULL, group.by = NULL, subset.ident = NULL, assay = NULL,
                                  slot = "data", reduction = NULL, features = NULL, logfc.threshold = 0.25, test.use = "wilcox",
                                  min.pct = 0.1, min.diff.pct = -Inf, verbose = TRUE, only.pos = FALSE, max.cells.per.ident = Inf,
                                  random.seed = 1, latent.vars = NULL, min.cells.feature = 3, min.cells.group = 3,
                                  pseudocount.use = 1, mean.fxn = NULL, fc.name = NULL, base = 2, densify = FALSE, exact = FALSE,
                                  fold.change = NULL, ...) {
  check_unused(...)
  check_no_reduction(reduction)
  taken <- marker_data(object, assay, slot, fold.change)
  options <- marker_options(
    features, logfc.threshold, test.use, slot, min.pct, min.diff.pct, verbose, only.pos, max.cells.per.ident, random.seed,
    latent.vars, min.cells.feature, min.cells.group, pseudocount.use, mean.fxn, fc.name, base, densify, exact, taken$fold.change,
    taken$norm.method
  )
  idents <- idents_of(object, group.by, subset.ident)
  with_verbosity(verbose, markers_of_idents(taken$x, idents, ident.1, ident.2, options))
}

check_no_reduction <- function(reduction) {
  if (!is.null(reduction)) {
    refuse("UNSUPPORTED", "reduction: is ", shown(reduction), ", must be NULL; use Seurat's FindMarkers() for reductions")
  }
}

# Values, and what is known of them.
marker_data <- function(object, assay, slot, fold.change) {
  check_choice(slot, list(data = 1, counts = 2, scale.data = 3), "slot")
  name <- assay_name(object, assay)
  assay <- assay_of(object, name)
  list(
    x = need_layer(assay, slot, name), norm.method = normalization_of(object, name),
    fold.change = fold.change %||% if (has_layers(assay)) "seurat_v5" else "seurat_v4"
  )
}

# The identity class of each cell, named; NA for cells that are left out.
idents_of <- function(object, group.by = NULL, subset.ident = NULL) {
  own <- seurat_object("Idents")(object)
  if (is.null(group.by)) {
    return(own)
  }
  if (!is.character(group.by) || length(group.by) != 1 || !group.by %in% c("ident", colnames(object[[]]))) {
    refuse("NOT_FOUND", "group.by: is ", shown(group.by), ", must be a column of the cells' metadata")
  }
  idents <- if (group.by == "ident") own else as.factor(object[[group.by, drop = TRUE]])
  names(idents) <- names(own)
  if (!is.null(subset.ident)) {
    idents <- idents[cells_of(subset.ident, own, "subset.ident")]
  }
  droplevels(idents)
}

markers_of_idents <- function(x, idents, ident.1, ident.2, options) {
  if (length(ident.1) == 0) {
    refuse("INVALID_ARGUMENT", "ident.1: is empty, must be at least one identity class")
  }
  idents <- idents[names(idents) %in% colnames(x)]
  x <- columns_of(x, names(idents))
  cells.1 <- cells_of(ident.1, idents, "ident.1")
  cells.2 <- if (is.null(ident.2)) setdiff(seq_along(idents), cells.1) else cells_of(ident.2, idents, "ident.2")
  markers_between(x, cells.1, cells.2, options)
}

#' @rdname ScnFindMarkers
#' @export
ScnFindMarkers.SingleCellExperiment <- function(object, ident.1 = NULL, ident.2 = NULL, group.by = NULL, ...) {
  options <- marker_options(...)
  x <- check_named(need_assay(object, if (options$slot == "counts") "counts" else "logcounts"))
  with_verbosity(options$verbose, markers_of_idents(x, cell_labels(object, group.by), ident.1, ident.2, options))
}
