#' Sums of expression over groups of cells: Seurat's AggregateExpression
#'
#' Adds up the values of each gene over the cells of each group: those of `data` after undoing their logarithm (expm1), others as
#' they are.
#'
#' Results equal those of Seurat 4.3 to 1e-12 (relative). Where this differs: names of groups that have a colon stay whole.
#' Memory: the result, and for `data` a copy of its values.
#'
#' @inheritParams ScnNormalizeData
#' @param object Values as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment, whose `logcounts`
#'   are taken for `"data"`.
#' @param groups For a matrix: a label for each cell, or a list of several; cells labelled NA are left out.
#' @param assays Assays of the object; `NULL` for all.
#' @param features Genes; those that an assay has not are left out, with a warning. `NULL` for all.
#' @param return.seurat Whether to return a Seurat object with a cell for each group: sums as `counts`, log1p of them as `data`,
#'   scaled ones as `scale.data`.
#' @param group.by Columns of the cells' metadata, or `"ident"` for the identity classes. Several make groups of their
#'   combinations, with names joined by `_`. A column of one value is ignored.
#' @param slot `"data"`, `"counts"` or `"scale.data"`, for each assay.
#' @return For a matrix a matrix of genes x groups. For a Seurat object a named list of one for each assay, or a Seurat object.
#'   For a SingleCellExperiment a matrix.
#' @section Errors: `scn_error_not_found` for assays or columns that are not there; `scn_error_shape` for labels of another length.
#' @examples
#' simulated <- scn_simulate_counts(60, 120)
#' head(ScnAggregateExpression(simulated$counts, simulated$clusters, slot = "counts"))
#' @export
ScnAggregateExpression <- function(object, ...) UseMethod("ScnAggregateExpression")

#' @rdname ScnAggregateExpression
#' @export
ScnAggregateExpression.default <- function(object, groups, features = NULL, slot = "data", verbose = TRUE, ...) {
  check_unused(...)
  check_choice(slot, list(data = 1, counts = 2, scale.data = 3), "slot")
  object <- check_named(object)
  labels <- combined_groups(if (is.list(groups)) groups else list(groups), ncol(object))
  if (!is.null(features)) {
    object <- rows_of(object, check_features(features, rownames(object)))
  }
  with_verbosity(verbose, sums_of_groups(object, labels, slot))
}

sums_of_groups <- function(x, labels, slot) {
  if (slot == "data") {
    x <- if (isS4(x)) set_slot(x, "x", .Call(C_expm1, x@x)) else expm1(x)
  }
  sums <- scn_aggregate(x, labels, which = "sum")$sum
  if (slot == "data" && any(is.infinite(sums))) {
    warning("object: expm1 of its values is infinite; are they logarithms?", call. = FALSE)
  }
  sums
}

# One factor of the combinations that there are, the last of several varying fastest, as Seurat has it; a factor of one level
# says nothing.
combined_groups <- function(groups, n) {
  for (labels in groups) {
    if (length(labels) != n) {
      refuse("SHAPE", "groups: has ", length(labels), " labels, must have ", n, ", one for each cell")
    }
  }
  groups <- lapply(groups, function(labels) droplevels(as.factor(labels)))
  several <- vapply(groups, nlevels, 1L) > 1
  if (any(!several)) {
    message("Grouping variables that have 1 value are ignored: ", some_of(names(groups)[!several] %||% which(!several)))
  }
  if (!any(several)) {
    all <- factor(rep("all", n))
    all[Reduce(`|`, lapply(groups, is.na))] <- NA
    return(all)
  }
  groups <- groups[several]
  combined <- interaction(unname(rev(groups)), drop = TRUE)
  first <- match(levels(combined), combined)
  names <- do.call(paste, c(unname(lapply(groups, function(labels) as.character(labels)[first])), sep = "_"))
  factor(names[as.integer(combined)], names)
}

#' @rdname ScnAggregateExpression
#' @export
ScnAggregateExpression.Seurat <- function(object, assays = NULL, features = NULL, return.seurat = FALSE, group.by = "ident",
                                          slot = "data", verbose = TRUE, ...) {
  check_unused(...)
  there <- names(methods::slot(object, "assays"))
  absent <- setdiff(assays, there)
  assays <- intersect(assays %||% there, there)
  if (length(assays) == 0) {
    refuse("NOT_FOUND", "assays: has ", some_of(absent), ", must be among ", some_of(there, 5))
  }
  if (length(absent)) {
    warning("assays: has ", some_of(absent), ", which the object has not", call. = FALSE)
  }
  if (!length(slot) %in% c(1, length(assays))) {
    refuse("INVALID_ARGUMENT", "slot: has ", length(slot), " names, must have 1, or one for each of ", length(assays), " assays")
  }
  slot <- rep_len(slot, length(assays))
  columns <- stats::setNames(lapply(group.by, function(column) idents_of(object, column)), group.by)
  known <- Reduce(`&`, lapply(columns, function(labels) !is.na(labels)))
  if (!all(known)) {
    message("Cells without a label for all grouping variables are left out: ", sum(!known))
  }
  labels <- combined_groups(columns, ncol(object))
  made <- list()
  for (i in seq_along(assays)) {
    values <- get_layer(assay_of(object, assays[i]), slot[i], assays[i])
    if (is.null(values)) {
      warning("assay ", assays[i], " has no ", slot[i], ", it is skipped", call. = FALSE)
      next
    }
    wanted <- features_of_assay(features, rownames(values), assays[i])
    if (length(wanted)) {
      made[[assays[i]]] <- with_verbosity(verbose, sums_of_groups(rows_of(values, wanted), labels, slot[i]))
    }
  }
  if (check_flag(return.seurat, "return.seurat")) aggregated_object(object, made, labels, slot, group.by, verbose) else made
}

features_of_assay <- function(features, there, assay) {
  absent <- setdiff(features, there)
  if (length(absent)) {
    warning("features: has ", some_of(absent), ", which assay ", assay, " has not", call. = FALSE)
  }
  kept <- intersect(features %||% there, there)
  if (length(kept) == 0) {
    warning("features: none is in assay ", assay, ", it is skipped", call. = FALSE)
  }
  kept
}

# A Seurat object with a cell for each group.
aggregated_object <- function(object, sums, labels, slot, group.by, verbose) {
  if (length(sums) == 0) {
    refuse("NOT_FOUND", "assays: none has values for the features")
  }
  if (any(slot == "scale.data")) {
    refuse("UNSUPPORTED", "slot: has \"scale.data\", must be \"data\" or \"counts\" for return.seurat")
  }
  first <- names(sums)[1]
  made <- seurat_object("CreateSeuratObject")(counts = sums[[1]], project = "Aggregate", assay = first)
  for (assay in names(sums)[-1]) {
    made[[assay]] <- seurat_object("CreateAssayObject")(counts = sums[[assay]])
  }
  for (assay in names(sums)) {
    made[[assay]] <- set_layer(made[[assay]], "data", log1p(sums[[assay]]))
  }
  default <- seurat_object("DefaultAssay")(object)
  if (default %in% names(sums)) {
    made <- seurat_object("DefaultAssay<-")(made, value = default)
    made <- ScnScaleData(made, verbose = verbose)
  }
  if ("ident" %in% group.by) {
    idents <- seurat_object("Idents")(object)
    made <- seurat_object("Idents<-")(made, value = unname(idents[match(levels(labels), labels)]))
  }
  made
}

#' @rdname ScnAggregateExpression
#' @export
ScnAggregateExpression.SingleCellExperiment <- function(object, group.by = NULL, slot = "data", ...) {
  columns <- group.by %||% "label"
  labels <- stats::setNames(lapply(columns, function(column) unname(cell_labels(object, column))), columns)
  ScnAggregateExpression(need_assay(object, if (slot == "counts") "counts" else "logcounts"), labels, slot = slot, ...)
}
