#' Normalise counts: Seurat's NormalizeData
#'
#' `"LogNormalize"`: `log1p(count / total * scale.factor)`, by the total of the cell. `"RC"`: the same without the logarithm.
#' `"CLR"`: `log1p(x / exp(sum(log1p(x[x > 0])) / length(x)))` over the cells of each gene (`margin = 1`) or the genes of
#' each cell (2).
#'
#' Results equal those of Seurat 4.3 to 1e-12 (relative). A cell without counts stays zero. Where this differs: `"CLR"` gives a
#' sparse matrix, as zeros stay zeros; Seurat's is dense. Memory: the result.
#'
#' @param object Counts as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment.
#' @param normalization.method `"LogNormalize"`, `"CLR"`, `"RC"`, or `NULL` to leave the object as it is.
#' @param scale.factor The total that each cell gets; not for `"CLR"`.
#' @param margin `"CLR"`: 1 for genes, 2 for cells.
#' @param assay The assay; `NULL` is the default one.
#' @param verbose Whether to draw a progress bar where a call takes long.
#' @param ... Nothing; an argument that is not known is an error.
#' @return For a matrix a `dgCMatrix`. A Seurat object has it as `data` of the assay, and the step in its log, under Seurat's
#'   name, so that its other functions find it. A SingleCellExperiment has it as the assay `logcounts` (`normcounts` for
#'   `"RC"`), made of `counts`.
#' @section Errors: `scn_error_not_found` for an object without counts; `scn_error_unsupported` for layers of a version 5 assay
#'   that are not joined; those of [scn_normalize_total()].
#' @examples
#' counts <- scn_simulate_counts(100, 200)$counts
#' ScnNormalizeData(counts)[1:3, 1:3]
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(counts)
#'   object <- ScnNormalizeData(object)
#' }
#' @export
ScnNormalizeData <- function(object, ...) UseMethod("ScnNormalizeData")

#' @rdname ScnNormalizeData
#' @export
ScnNormalizeData.default <- function(object, normalization.method = "LogNormalize", scale.factor = 1e4, margin = 1, verbose = TRUE,
                                     ...) {
  check_unused(...)
  if (is.null(normalization.method)) {
    return(object)
  }
  if (is.data.frame(object)) {
    object <- as.matrix(object)
  }
  if (is.matrix(object)) {
    need("Matrix", "sparse results")
    object <- methods::as(matrix_view(object, name = "object")$x + 0, "CsparseMatrix")
    object <- methods::as(object, "generalMatrix")
  }
  with_verbosity(verbose, switch(
    as.character(normalization.method)[1],
    LogNormalize = without_warnings(scn_normalize_log1p(object, target_sum = scale.factor)),
    CLR = scn_normalize_clr(object, margin = margin),
    RC = scn_normalize_relative(object, scale_factor = scale.factor),
    refuse(
      "INVALID_ARGUMENT", "normalization.method: is ", shown(normalization.method),
      ", must be \"LogNormalize\", \"CLR\", \"RC\" or NULL"
    )
  ))
}

# Without the library's warnings: where Seurat has none and the outcome is the same.
without_warnings <- function(code) suppressWarnings(code, classes = "scn_warning")

#' @rdname ScnNormalizeData
#' @export
ScnNormalizeData.Seurat <- function(object, assay = NULL, normalization.method = "LogNormalize", scale.factor = 1e4, margin = 1,
                                    verbose = TRUE, ...) {
  name <- assay_name(object, assay)
  made <- assay_of(object, name)
  counts <- need_layer(made, "counts", name)
  values <- ScnNormalizeData(
    counts, normalization.method = normalization.method, scale.factor = scale.factor, margin = margin, verbose = verbose, ...
  )
  object <- set_assay_of(object, name, set_layer(made, "data", values))
  log_command(object, "NormalizeData", name, list(
    normalization.method = normalization.method, scale.factor = scale.factor, margin = margin, verbose = verbose
  ))
}

#' @rdname ScnNormalizeData
#' @export
ScnNormalizeData.SingleCellExperiment <- function(object, normalization.method = "LogNormalize", scale.factor = 1e4, margin = 1,
                                                  verbose = TRUE, ...) {
  counts <- need_assay(object, "counts")
  values <- ScnNormalizeData(
    counts, normalization.method = normalization.method, scale.factor = scale.factor, margin = margin, verbose = verbose, ...
  )
  set_assay(object, if (identical(normalization.method, "RC")) "normcounts" else "logcounts", values)
}
