#' Part of the counts that a set of genes has: Seurat's PercentageFeatureSet
#'
#' For each cell the counts of the genes, in percent of all: of mitochondrial genes, say.
#'
#' Results equal those of Seurat 4.3 to 1e-12 (relative). A cell without counts gets NaN.
#'
#' @inheritParams ScnNormalizeData
#' @param object Counts as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment.
#' @param pattern A regular expression that names of the genes match; `features` go first.
#' @param features Names of the genes.
#' @param col.name Where to put the result: a column of the cells' metadata.
#' @return Without `col.name` a number for each cell, named (for a Seurat object in a data.frame, as Seurat has it); with it the
#'   object.
#' @section Errors: `scn_error_not_found` for genes that the object has not, `scn_error_invalid_argument` without genes or pattern.
#' @examples
#' counts <- scn_simulate_counts(20, 200)$counts
#' head(ScnPercentageFeatureSet(counts, pattern = "^Gene1"))
#' @export
ScnPercentageFeatureSet <- function(object, ...) UseMethod("ScnPercentageFeatureSet")

#' @rdname ScnPercentageFeatureSet
#' @export
ScnPercentageFeatureSet.default <- function(object, pattern = NULL, features = NULL, ...) {
  check_unused(...)
  object <- check_named(object)
  part <- part_of_features(object, pattern, features)
  stats::setNames(part / scn_stats(object, over = "genes", which = "sum")$sum * 100, colnames(object))
}

# Sums over the genes of the set.
part_of_features <- function(x, pattern, features) {
  if (is.null(pattern) && is.null(features)) {
    refuse("INVALID_ARGUMENT", "pattern, features: none is given, must be one")
  }
  if (!is.null(pattern) && !is.null(features)) {
    warning("pattern: is not used, as features are given", call. = FALSE)
  }
  features <- if (is.null(features)) matching(pattern, rownames(x)) else check_features(features, rownames(x))
  if (length(features) == 0) {
    return(numeric(ncol(x)))
  }
  scn_stats(rows_of(x, features), over = "genes", which = "sum")$sum
}

# Names that match a regular expression. Most often it is a prefix, which is found sooner without one.
matching <- function(pattern, names) {
  prefix <- length(pattern) == 1 && grepl("^\\^[A-Za-z0-9_-]+$", pattern)
  names[if (prefix) startsWith(names, substring(pattern, 2)) else grepl(pattern, names)]
}

#' @rdname ScnPercentageFeatureSet
#' @export
ScnPercentageFeatureSet.Seurat <- function(object, pattern = NULL, features = NULL, col.name = NULL, assay = NULL, ...) {
  check_unused(...)
  name <- assay_name(object, assay)
  part <- part_of_features(need_layer(assay_of(object, name), "counts", name), pattern, features)
  total <- paste0("nCount_", name)
  percent <- cell_columns(object)
  if (!total %in% names(percent)) {
    refuse("NOT_FOUND", "object: has no column ", total, " of the cells' totals in its metadata, which Seurat makes")
  }
  percent <- percent[total]
  percent[[1]] <- part / percent[[1]] * 100
  if (is.null(col.name)) percent else set_cell_columns(object, stats::setNames(percent, col.name))
}

#' @rdname ScnPercentageFeatureSet
#' @export
ScnPercentageFeatureSet.SingleCellExperiment <- function(object, pattern = NULL, features = NULL, col.name = NULL, ...) {
  percent <- ScnPercentageFeatureSet(need_assay(object, "counts"), pattern = pattern, features = features, ...)
  if (is.null(col.name)) percent else set_column_columns(object, stats::setNames(list(unname(percent)), col.name))
}
