# The registry of models and the cache of their files.

#' The models that there are
#'
#' Foundation models of cells: scGPT, Geneformer, GEARS, UCE, scFoundation, CellFM, GeneCompass and scELMo, in the versions
#' that have been published. Listing them reads no network and no cache.
#'
#' Cards are those of the library, of the files and folders that the environment variable `SCNATIVE_MODELS` names (separated
#' by colons), and those given to `scn_model_register()`; of two with one `id` the last named is taken.
#'
#' @param name The model's `id` (`"scgpt-human"`), in any case, also dotted or slashed (`"scgpt/human"`), or an alias.
#' @param card A list: `id`, `family`, `source`, and what else `scn_model_info()` shows of a model. One with the same `id` is
#'   replaced.
#' @param id The `id` of a card that was registered in this session.
#' @return `scn_models()`: a data.frame with a row for each model, named by its `id`; `acknowledge` says whether its licence
#'   must be acknowledged before a download, `source` which repository, page or folder it is from. `scn_model_info()`: one
#'   model's card, a list with also its files, their sizes and hashes, its licence and how to cite it. The others: `id`,
#'   invisibly.
#' @section Errors: `scn_error_not_found`, with the nearest names; `scn_error_config` for a card that is malformed, naming the
#'   field.
#' @seealso [scn_model()] opens a model, [scn_model_download()] fetches one.
#' @examples
#' models <- scn_models()
#' models[1:3, c("family", "title")]
#' scn_model_info(models$id[1])$licence
#'
#' # One of your own, in a folder
#' scn_model_register(list(id = "mine", family = "scgpt", source = list(local = "/data/models/mine")))
#' scn_model_unregister("mine")
#' @export
scn_models <- function() {
  cards <- from_json(plain(C_models_list))
  columns <- c("id", "family", "task", "title", "species", "gene_ids", "parameters")
  table <- lapply(stats::setNames(columns, columns), function(column) column_of(cards, function(card) card[[column]]))
  table$licence <- column_of(cards, function(card) card$licence$name)
  table$acknowledge <- column_of(cards, function(card) card$licence$acknowledge)
  table$source <- column_of(cards, function(card) c(card$source$hf, card$source$url, card$source$local, card$source$page)[1])
  table_of(table, table$id, length(cards))
}

# What all cards have in a place, as a column; several texts are written one after the other.
column_of <- function(cards, place) {
  unlist(lapply(cards, function(card) {
    value <- unlist(place(card))
    if (length(value) == 0) NA else if (length(value) == 1) value else paste(value, collapse = ", ")
  }))
}

#' @rdname scn_models
#' @export
scn_model_info <- function(name) from_json(plain(C_models_info, as_text(name, "name")))

#' @rdname scn_models
#' @export
scn_model_register <- function(card) {
  if (!is.list(card)) {
    refuse("TYPE", "card: is ", shown(card), ", must be a list")
  }
  plain(C_models_register, json_object(card, "card"))
  invisible(card$id)
}

#' @rdname scn_models
#' @export
scn_model_unregister <- function(id) {
  plain(C_models_unregister, as_text(id, "id"))
  invisible(id)
}

#' Download models, and look after the cache
#'
#' Files go to the cache of Hugging Face, in its layout, so that models which Python has downloaded are found, and the other
#' way round. They are checked by size and hash; an interrupted download goes on where it stopped; what is there is not
#' downloaded again.
#'
#' Without options the environment variables `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and
#' `HF_HUB_OFFLINE` mean what they mean for huggingface_hub.
#'
#' @param name A name of [scn_models()], or a Hugging Face repository: `"org/repo"`, `"org/repo@@revision"`,
#'   `"org/repo@@revision:subfolder"`.
#' @param ... Options. For a download: `revision`, `cache_dir`, `endpoint`, `token`, `offline`, `force`, `acknowledge_licence`
#'   (TRUE or FALSE the last three). For removing: `revision`, `cache_dir`. For verifying: these and `remove_corrupt`. For the
#'   cache and pruning: `cache_dir`.
#' @return `scn_model_download()`: a list with the `folder`, the `commit`, the `files` and how much was downloaded.
#'   `scn_model_cache()`: a list with its `folder`, its `size`, and its `repositories`. `scn_model_remove()`, which takes a
#'   model's files (or those of a `revision`) away, and `scn_model_prune()`, which takes away what nothing needs: a list with
#'   `freed_bytes`, invisibly. `scn_model_verify()`, which reads all files again: a list with what is `ok`, `corrupt`,
#'   `missing` and `unpinned`.
#' @section Errors: `scn_error_not_found`, with the nearest names, or if a model is not in the cache; `scn_error_access` for a
#'   gated or private repository; `scn_error_licence` for one whose licence must be acknowledged first; `scn_error_offline`;
#'   `scn_error_network`; `scn_error_checksum` for a file that is not what was promised, and which is not kept;
#'   `scn_error_disk_full`; `scn_error_io`; `scn_error_invalid_argument` for an unknown option.
#' @seealso [scn_models()] lists models, [scn_model()] opens one and downloads it first if need be.
#' @examples
#' folder <- tempfile()
#' scn_model_cache(cache_dir = folder)$size
#' tryCatch(scn_model_download("scgpt-humn"), scn_error_not_found = conditionMessage)
#' @export
scn_model_download <- function(name, ...) {
  from_json(invoke(C_models_download, as_text(name, "name"), as_options(...)))
}

#' @rdname scn_model_download
#' @export
scn_model_cache <- function(...) from_json(plain(C_models_cache, as_options(...)))

#' @rdname scn_model_download
#' @export
scn_model_remove <- function(name, ...) {
  invisible(from_json(plain(C_models_remove, as_text(name, "name"), as_options(...))))
}

#' @rdname scn_model_download
#' @export
scn_model_prune <- function(...) invisible(from_json(plain(C_models_prune, as_options(...))))

#' @rdname scn_model_download
#' @export
scn_model_verify <- function(name, ...) {
  from_json(invoke(C_models_verify, as_text(name, "name"), as_options(...)))
}

# Options as the library takes them. A path is the user's: `~` is home.
as_options <- function(...) {
  options <- list(...)
  if (length(options) && is.null(names(options))) {
    refuse("INVALID_ARGUMENT", "...: has ", shown(options[[1]]), " without a name, must be options by name")
  }
  if (is.character(options$cache_dir)) {
    options$cache_dir <- path.expand(options$cache_dir)
  }
  json_object(options)
}

as_text <- function(value, name) {
  if (!is.character(value) || length(value) != 1 || is.na(value)) {
    refuse("TYPE", name, ": is ", shown(value), ", must be one text")
  }
  enc2utf8(value)
}
