#' Embed the cells of an object by a foundation model
#'
#' For a Seurat object a reduction beside "pca" and "umap", which `FindNeighbors(object, reduction = "scgpt")`, `RunUMAP()`
#' and others take; for a SingleCellExperiment one of its `reducedDims()`. See [scn_model_embed()] for what is computed.
#'
#' @param object Counts as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment.
#' @param model What [scn_model()] gives, or a name to open a model by: `"scgpt-human"`, a repository, a folder.
#' @param arrays A list of arrays with an entry for each cell, as for [scn_model_embed()]; or the name of a column of the
#'   cells, whose levels become numbers from 0 if it has no numbers: `list(batch_labels = "donor")`.
#' @param assay The assay; `NULL` is the default one. Of a SingleCellExperiment the name of the assay with the counts.
#' @param layer The layer (slot) of the assay: raw counts for most models.
#' @param reduction.name The name of the result; `NULL` is the model's own: `"scgpt"`, `"geneformer"`, ...
#' @param reduction.key What its dimensions' names begin with; `NULL` is made of the name: `"scgpt_"`.
#' @param verbose Whether to draw a progress bar where a call takes long.
#' @param ... Options of [scn_model_embed()].
#' @return For a matrix the embedding, cells x dimensions. A Seurat object has it as `object[[reduction.name]]`, whose slot
#'   `misc` has the report; a SingleCellExperiment as `reducedDim(object, reduction.name)`.
#' @section Errors: those of [scn_model()] and [scn_model_embed()]; `scn_error_not_found` for an object without counts;
#'   `scn_error_unsupported` for layers of a version 5 assay that are not joined.
#' @examples
#' \dontrun{
#' object <- ScnRunModel(object, "scgpt-human")
#' object <- Seurat::RunUMAP(object, reduction = "scgpt", dims = 1:50)
#' }
#' @export
ScnRunModel <- function(object, ...) UseMethod("ScnRunModel")

#' @rdname ScnRunModel
#' @export
ScnRunModel.default <- function(object, model, arrays = NULL, verbose = TRUE, ...) {
  if (is.data.frame(object)) {
    object <- as.matrix(object)
  }
  with_verbosity(verbose, scn_model_embed(as_model(model), object, arrays = arrays, ...))
}

#' @rdname ScnRunModel
#' @export
ScnRunModel.Seurat <- function(object, model, assay = NULL, layer = "counts", reduction.name = NULL, reduction.key = NULL,
                               arrays = NULL, verbose = TRUE, ...) {
  name <- assay_name(object, assay)
  values <- need_layer(assay_of(object, name), check_layer(layer), name)
  arrays <- cell_arrays(arrays, cell_columns(object))
  embedding <- ScnRunModel(values, model, arrays = arrays, verbose = verbose, ...)
  report <- attr(embedding, "report")
  attr(embedding, "report") <- NULL
  reduction.name <- as_text(reduction.name %||% report$name, "reduction.name")
  # Seurat's keys are of letters and digits.
  key <- reduction.key %||% paste0(gsub("[^A-Za-z0-9]", "", reduction.name), "_")
  colnames(embedding) <- paste0(key, seq_len(ncol(embedding)))
  object[[reduction.name]] <- seurat_object("CreateDimReducObject")(
    embeddings = embedding, key = key, assay = name, misc = list(report = report)
  )
  log_command(object, "ScnRunModel", name, list(
    model = if (inherits(model, "scn_model")) model$name else model, layer = layer, reduction.name = reduction.name,
    reduction.key = key, verbose = verbose
  ))
}

check_layer <- function(layer) {
  check_choice(layer, list(counts = "counts", data = "data", scale.data = "scale.data"), "layer")
}

#' @rdname ScnRunModel
#' @export
ScnRunModel.SingleCellExperiment <- function(object, model, assay = "counts", reduction.name = NULL, arrays = NULL,
                                             verbose = TRUE, ...) {
  values <- need_assay(object, as_text(assay, "assay"))
  arrays <- cell_arrays(arrays, as.data.frame(summarized("colData")(object)))
  embedding <- ScnRunModel(values, model, arrays = arrays, verbose = verbose, ...)
  name <- as_text(reduction.name %||% attr(embedding, "report")$name, "reduction.name")
  attr(embedding, "report") <- NULL
  need("SingleCellExperiment", "SingleCellExperiment objects")
  getExportedValue("SingleCellExperiment", "reducedDim<-")(object, name, value = embedding)
}

# Arrays of the cells, of which those that are the name of a column are taken from there.
cell_arrays <- function(arrays, columns) {
  taken <- lapply(names(arrays), function(name) {
    given <- arrays[[name]]
    if (!is.character(given) || length(given) != 1) {
      return(given)
    }
    if (!given %in% names(columns)) {
      there <- some_of(names(columns), 5)
      refuse("NOT_FOUND", "arrays$", name, ": is ", shown(given), ", must be a column of the cells, of which there are ", there)
    }
    column <- columns[[given]]
    if (is.numeric(column) || is.logical(column)) column else as.integer(as.factor(column)) - 1L
  })
  if (is.null(arrays)) NULL else stats::setNames(taken, names(arrays))
}

# A model that is open, or one to be opened by name.
as_model <- function(model) if (inherits(model, "scn_model")) model else scn_model(as_text(model, "model"))
