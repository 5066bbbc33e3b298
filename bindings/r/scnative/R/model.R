# Models that are run.

#' Open a model
#'
#' Reads a model's configuration and weights. Nothing in its files is ever run. Memory: the weights once.
#'
#' @param name A folder (`"./folder"`, `"/folder"`, `"~/folder"`), a name of [scn_models()], or a Hugging Face repository as
#'   for [scn_model_download()], which is downloaded if it is not in the cache.
#' @param ... Options: those of [scn_model_download()]; `family`, for a folder whose configuration does not say it; `dtype`,
#'   the type in which weights are held: `"f32"` (default), `"bf16"`, `"f16"`, or `"auto"` for that of the file; and those of
#'   the family.
#' @param x A model.
#' @return An object of class `scn_model`. `$config` is its configuration; `$io` what it takes and gives: `inputs` and
#'   `outputs` of [scn_model_forward()], the `options` of that, those of `embed`, and `tasks` with theirs; `$card` the card of
#'   the registry, or `NULL`; `$family`, `$title`, `$parameters`, `$n_genes`, `$folder`; `$weights` what was found, missing or
#'   left over in the files. It is valid in this session: open it again in another.
#' @section Errors: those of [scn_model_download()]; `scn_error_config` for a configuration with an unknown key, value or
#'   family; `scn_error_weights` for weights that do not fit it; `scn_error_checkpoint` for a file that is truncated,
#'   malformed or hostile.
#' @seealso [scn_model_embed()], [ScnRunModel()]
#' @examples
#' tryCatch(scn_model("/no/such/folder"), scn_error = conditionMessage)
#' \dontrun{
#' model <- scn_model("scgpt-human")
#' model
#' embedding <- scn_model_embed(model, counts)
#' }
#' @export
scn_model <- function(name, ...) {
  name <- as_text(name, "name")
  # A name of the registry has no `~`, and a folder of that name must not be in its way.
  pointer <- invoke(C_model_open, path.expand(name), as_options(...))
  structure(c(list(name = name, pointer = pointer), from_json(plain(C_model_describe, pointer))), class = "scn_model")
}

#' @rdname scn_model
#' @export
print.scn_model <- function(x, ...) {
  size <- format(x$parameters, big.mark = ",", scientific = FALSE)
  cat("<scn_model> ", x$name, ": ", x$title %||% x$family, "\n", sep = "")
  cat("  family:     ", x$family, "\n", sep = "")
  cat("  parameters: ", size, "\n", sep = "")
  cat("  genes:      ", format(x$n_genes, big.mark = ","), "\n", sep = "")
  cat("  folder:     ", x$folder, "\n", sep = "")
  print_fields("takes:      ", x$io$inputs)
  print_fields("gives:      ", x$io$outputs)
  tasks <- vapply(x$io$tasks, function(task) task$name, "")
  if (length(tasks)) {
    cat("  tasks:      ", paste(tasks, collapse = ", "), "\n", sep = "")
  }
  invisible(x)
}

print_fields <- function(title, fields) {
  texts <- vapply(fields, function(field) {
    paste0(field$name, " [", paste(unlist(field$shape), collapse = ", "), "]", if (isTRUE(field$optional)) "?")
  }, "")
  if (length(texts)) {
    cat("  ", title, paste(texts, collapse = ", "), "\n", sep = "")
  }
}

# The pointer of a model of this session, or an error.
open_pointer <- function(model) {
  if (!inherits(model, "scn_model")) {
    refuse("TYPE", "model: is a ", class(model)[1], ", must be what scn_model() gives")
  }
  # A saved object comes back with a null pointer.
  if (identical(model$pointer, methods::new("externalptr"))) {
    hint <- paste0("; use scn_model(", shown(model$name), ")")
    refuse("INVALID_ARGUMENT", "model: is of another session, must be opened in this one", hint)
  }
  model$pointer
}

#' Embed cells by a model
#'
#' From counts to one vector for each cell, with the model's own tokens and normalisation. Cells that have no gene of the
#' model's vocabulary are NaN, and a warning says how many they are. A cell's bits depend neither on the other cells nor on
#' the number of threads.
#'
#' Genes are found in the vocabulary by `aliases`, by their name as it is, without the version of an Ensembl identifier, and
#' in any case.
#'
#' @inheritParams scn_scale
#' @param model What [scn_model()] gives.
#' @param x Raw counts (for most models), genes x cells: see `cells`.
#' @param genes A name for each gene; `NULL` for those of `x`.
#' @param arrays A list of arrays with an entry for each cell that a family asks for (`batch_labels`, `n_counts`), or `NULL`.
#'   Their first axis is the cells.
#' @param ... Options. Of every family: `aliases`, a named vector from your genes' names to the model's; `min_matched` (0),
#'   the least part of the genes that must be found; `max_batch_tokens` (65536), how many tokens are worked on at once, which
#'   bounds memory. Those of the family are in `model$io$embed`. A list is always an array: `list("a")` where an option takes
#'   several texts.
#' @param seed A whole number from 0, for families that draw genes; `NULL` for `getOption("scnative.seed", 0)`.
#' @return A matrix of cells x dimensions, with the names of the cells. Its attribute `report` is a list: `name`, under which
#'   a Seurat object keeps it; `genes`, how many were found, by which rule, which not, and which twice; and what the family
#'   adds.
#' @section Errors: `scn_error_gene_names` if genes have no names; `scn_error_vocabulary` if too few are found;
#'   `scn_error_counts` for values that are no counts; `scn_error_budget` for a `max_batch_tokens` that a single cell exceeds;
#'   `scn_error_value`, `scn_error_matrix`; `scn_error_invalid_argument` for an unknown option; `scn_error_unsupported` for a
#'   family without cell embeddings.
#' @seealso [ScnRunModel()] for Seurat and SingleCellExperiment objects.
#' @examples
#' \dontrun{
#' model <- scn_model("scgpt-human")
#' embedding <- scn_model_embed(model, counts)
#' attr(embedding, "report")$genes
#' }
#' @export
scn_model_embed <- function(model, x, genes = NULL, arrays = NULL, ..., seed = NULL, cells = "columns") {
  pointer <- open_pointer(model)
  view <- matrix_view(x, cells)
  names <- lines_of(genes %||% view$genes, "genes")
  made <- invoke(C_model_embed, pointer, view, names, as_tensors(arrays, "arrays"), as_options(...), seed = seed)
  embedding <- outcome(made[[1]]$embedding)
  if (!is.null(view$cells)) {
    dimnames(embedding) <- list(view$cells, NULL)
  }
  structure(embedding, report = from_json(made[[2]]))
}

# Names as the library takes them: each with a newline behind it; none for NULL.
lines_of <- function(names, name) {
  if (is.null(names)) {
    return(NULL)
  }
  if (is.factor(names)) {
    names <- as.character(names)
  }
  if (!is.character(names) || anyNA(names)) {
    refuse("TYPE", name, ": is ", shown(names), ", must be texts, one for each gene")
  }
  broken <- grep("\n", names, fixed = TRUE)
  if (length(broken)) {
    refuse("INVALID_ARGUMENT", name, "[", broken[1], "]: is ", shown(names[broken[1]]), ", must not have a newline")
  }
  paste0(c(enc2utf8(names), ""), collapse = "\n")
}

#' Run a model as it is
#'
#' `scn_model_forward()` is the original implementation's forward pass on arrays, with every output of it; `scn_model_run()`
#' what else a family does, by the name of the task: `"predict"` of GEARS, `"perturb"` of Geneformer, `"enhance"` of
#' scFoundation and others. `model$io` says what goes in and what comes out.
#'
#' @inheritParams scn_model_embed
#' @param inputs A named list of arrays: vectors, matrices, and arrays of more axes. A shape `[B, L]` is a matrix of B rows:
#'   R's own order of elements in memory does not matter. Numbers that must be whole may come as integers or doubles; they are
#'   the model's, and count from 0.
#' @param task One of the tasks in `model$io$tasks`.
#' @param x Cells as for [scn_model_embed()], for a task that takes some; else `NULL`.
#' @param arrays Arrays by name: with an entry for each cell if there are cells, else the task's inputs.
#' @param ... Options, which `model$io` lists: `io$options` of the forward pass, and those of each task. An option `genes` of
#'   a task is given as `targets`, since `genes` are the names of the matrix' genes.
#' @return A list of arrays by name, shaped as `model$io` says. That of `scn_model_run()` has the attribute `report`, a list.
#' @section Errors: `scn_error_invalid_argument` for an array, option or task that is unknown or missing, or a number out of
#'   range; `scn_error_shape`, `scn_error_type`; and those of [scn_model_embed()] where there are cells.
#' @examples
#' \dontrun{
#' model <- scn_model("scgpt-human")
#' inputs <- list(src = matrix(c(60697, 1, 2, 3), 1), values = matrix(c(0, 5, 1, 9), 1))
#' dim(scn_model_forward(model, inputs)$encoder_output)
#' }
#' @export
scn_model_forward <- function(model, inputs, ..., seed = NULL) {
  pointer <- open_pointer(model)
  inputs <- as_tensors(inputs %||% list(), "inputs", model$io$inputs)
  arrays_of(invoke(C_model_forward, pointer, inputs, as_options(...), seed = seed))
}

#' @rdname scn_model_forward
#' @export
scn_model_run <- function(model, task, x = NULL, genes = NULL, arrays = NULL, ..., seed = NULL, cells = "columns") {
  pointer <- open_pointer(model)
  task <- as_text(task, "task")
  view <- if (!is.null(x)) matrix_view(x, cells)
  known <- Filter(function(other) identical(other$name, task), model$io$tasks)
  fields <- if (length(known)) known[[1]]$inputs else list()
  names <- lines_of(genes %||% view$genes, "genes")
  arrays <- as_tensors(arrays, "arrays", fields)
  made <- invoke(C_model_run, pointer, task, view, names, arrays, task_options(...), seed = seed)
  structure(arrays_of(made[[1]]), report = from_json(made[[2]]))
}

task_options <- function(..., targets = NULL) {
  if (is.null(targets)) as_options(...) else as_options(..., genes = targets)
}

# Arrays that the library made; one that R cannot hold is an error.
arrays_of <- function(arrays) lapply(arrays, outcome)

#' The genes of a model
#'
#' `scn_model_genes()` names the genes that a model knows; `scn_model_gene_embeddings()` has a vector for each.
#'
#' @inheritParams scn_model_embed
#' @return `scn_model_genes()`: names. `scn_model_gene_embeddings()`: a matrix of genes x dimensions, whose rows have these
#'   names.
#' @section Errors: `scn_error_unsupported` for a family without gene embeddings.
#' @examples
#' \dontrun{
#' model <- scn_model("scgpt-human")
#' dim(scn_model_gene_embeddings(model))
#' }
#' @export
scn_model_genes <- function(model) as.character(from_json(plain(C_model_genes, open_pointer(model))))

#' @rdname scn_model_genes
#' @export
scn_model_gene_embeddings <- function(model) {
  pointer <- open_pointer(model)
  embeddings <- arrays_of(invoke(C_model_gene_embeddings, pointer))$gene_embeddings
  rownames(embeddings) <- scn_model_genes(model)
  embeddings
}

#' Save a model as a folder
#'
#' Writes config.json, model.safetensors and the vocabulary: a folder that [scn_model()] opens, in every language. It is
#' complete or not there.
#'
#' @inheritParams scn_model_embed
#' @param folder The folder, which is made, and must be empty if it is there.
#' @param overwrite Whether to replace an earlier export.
#' @return `folder`, invisibly.
#' @section Errors: `scn_error_invalid_argument` for a folder that holds something else; `scn_error_io`,
#'   `scn_error_disk_full`.
#' @examples
#' \dontrun{
#' scn_model_export(scn_model("scgpt-human"), "my-scgpt")
#' }
#' @export
scn_model_export <- function(model, folder, overwrite = FALSE) {
  overwrite <- check_flag(overwrite, "overwrite")
  invoke(C_model_export, open_pointer(model), as_path(folder, "folder"), as_options(overwrite = overwrite))
  invisible(folder)
}
