#' Predict what perturbations do, by GEARS
#'
#' The mean expression that a model of the family GEARS predicts for cells in which genes are perturbed, one at a time or
#' several at once. Control cells, of the data set that the model was trained on, are where it begins.
#'
#' @inheritParams ScnRunModel
#' @param object Control cells: log-normalised values as a `dgCMatrix` or a matrix, genes x cells, with the model's genes; a
#'   Seurat object; or a SingleCellExperiment, whose `logcounts` are taken; or `NULL` for the control cells that are stored
#'   with the model.
#' @param model What [scn_model()] gives, or a name to open a model by.
#' @param perturbations A list of sets of genes: `list("CEBPA", c("CEBPA", "KLF1"))`. Their names, if they have some, name the
#'   results.
#' @param controls Which cells are controls: names, numbers from 1, or a logical mask; `NULL` for all.
#' @param seed A whole number from 0, of the draw of control cells; `NULL` for `getOption("scnative.seed", 0)`.
#' @param ... Options of the task `predict`, which `model$io$tasks` lists.
#' @return A matrix of genes x perturbations, with names such as `"CEBPA_KLF1"`. Its attribute `outputs` has all arrays that
#'   the model gave (uncertainties, where it was trained with them), `report` what there is to say.
#' @section Errors: those of [scn_model_run()]; `scn_error_invalid_argument` for a gene that the model cannot perturb.
#' @section Reference: Roohani, Huang and Leskovec 2024; `GEARS.predict` of cell-gears.
#' @examples
#' \dontrun{
#' sets <- list("CEBPA", c("CEBPA", "KLF1"))
#' predicted <- ScnPredictPerturbation(object, "./gears", sets, controls = object$condition == "ctrl")
#' head(predicted[, "CEBPA_KLF1"])
#' }
#' @export
ScnPredictPerturbation <- function(object, ...) UseMethod("ScnPredictPerturbation")

#' @rdname ScnPredictPerturbation
#' @export
ScnPredictPerturbation.default <- function(object, model, perturbations, controls = NULL, seed = NULL, verbose = TRUE, ...) {
  sets <- if (is.list(perturbations)) perturbations else list(perturbations)
  if (length(sets) == 0 || !all(vapply(sets, is.character, NA))) {
    refuse("TYPE", "perturbations: is ", shown(perturbations), ", must be a list of sets of gene names, at least one")
  }
  if (!is.null(object)) {
    object <- check_named(object)
    object <- if (is.null(controls)) object else scn_subset(object, obs = controls)
  }
  model <- as_model(model)
  # as.list(), since a set of one gene is an array, too
  made <- with_verbosity(verbose, scn_model_run(
    model, "predict", object, perturbations = unname(lapply(sets, as.list)), ..., seed = seed
  ))
  predicted <- base::t(made$pred)
  names <- names(sets) %||% rep("", length(sets))
  names[names == ""] <- vapply(sets[names == ""], paste, "", collapse = "_")
  dimnames(predicted) <- list(scn_model_genes(model), names)
  structure(predicted, outputs = unclass(made)[names(made)], report = attr(made, "report"))
}

#' @rdname ScnPredictPerturbation
#' @export
ScnPredictPerturbation.Seurat <- function(object, model, perturbations, controls = NULL, assay = NULL, layer = "data",
                                          seed = NULL, verbose = TRUE, ...) {
  name <- assay_name(object, assay)
  values <- need_layer(assay_of(object, name), check_layer(layer), name)
  ScnPredictPerturbation(values, model, perturbations, controls = controls, seed = seed, verbose = verbose, ...)
}

#' @rdname ScnPredictPerturbation
#' @export
ScnPredictPerturbation.SingleCellExperiment <- function(object, model, perturbations, controls = NULL,
                                                        assay = "logcounts", seed = NULL, verbose = TRUE, ...) {
  values <- need_assay(object, as_text(assay, "assay"))
  ScnPredictPerturbation(values, model, perturbations, controls = controls, seed = seed, verbose = verbose, ...)
}
