#' Highly variable genes: Seurat's FindVariableFeatures
#'
#' `"vst"`: variance of counts after division by what a smooth curve of variance against mean expects, large values cut off.
#' `"mean.var.plot"` (`"mvp"`): genes between cut-offs of mean and of dispersion in bins of genes of like mean, of log-normalised
#' values. `"dispersion"` (`"disp"`): the genes of the highest dispersion.
#'
#' Genes and their order are those of Seurat 4.3, statistics agree to 1e-10. Genes whose counts differ only in the order of the
#' cells are ordered, in Seurat, by the last bits of R's loess. So this function takes R's curve by default; with
#' `curve = "scnative"` it takes the library's, which is the same in every language and to 1e-10 the same as R's, but may order
#' such ties in another way. Memory: a few doubles for each gene and thread.
#'
#' @inheritParams ScnNormalizeData
#' @param object Counts (`"vst"`) or log-normalised values as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a
#'   SingleCellExperiment.
#' @param selection.method `"vst"`, `"mean.var.plot"` or `"mvp"`, `"dispersion"` or `"disp"`.
#' @param loess.span `"vst"`: the part of the genes that a local fit of the curve takes.
#' @param clip.max `"vst"`: standardised values above it become it; `"auto"` is the square root of the number of cells.
#' @param mean.function,dispersion.function Only `NULL`, which is Seurat's default: log1p of the mean of expm1(x), and the
#'   logarithm of variance over mean of that.
#' @param num.bin,binning.method How many bins of genes by mean, and whether `"equal_width"` or `"equal_frequency"` (of these
#'   `num.bin` counts the ends).
#' @param nfeatures How many genes `"vst"` and `"dispersion"` choose. Genes whose mean is 0 are never chosen.
#' @param mean.cutoff,dispersion.cutoff `"mean.var.plot"`: lowest and highest mean and scaled dispersion, exclusive.
#' @param curve `"vst"`: `"stats"` for R's [stats::loess()], `"scnative"` for the library's.
#' @return For a matrix a data.frame with a row for each gene: `vst.mean`, `vst.variance`, `vst.variance.expected`,
#'   `vst.variance.standardized`, or `mvp.mean`, `mvp.dispersion`, `mvp.dispersion.scaled`; its attribute `"features"` are the
#'   chosen genes, the most variable first. A Seurat object has the columns and `vst.variable` (`mvp.variable`) in its assay
#'   (an assay of version 5 has them under the names of version 5, and at most `nfeatures`
#'   genes by any method), and the genes as `VariableFeatures()`. A
#'   SingleCellExperiment, whose assay `counts` or `logcounts` is taken, has the columns in `rowData()` and the genes in
#'   `metadata()$variable.features`.
#' @section Errors: `scn_error_unsupported` for a `mean.function` or `dispersion.function`; those of
#'   [scn_highly_variable_genes()].
#' @seealso [scn_highly_variable_genes()] for scanpy's flavors and for batches.
#' @examples
#' counts <- scn_simulate_counts(200, 300)$counts
#' info <- ScnFindVariableFeatures(counts, nfeatures = 20)
#' head(attr(info, "features"))
#' @export
ScnFindVariableFeatures <- function(object, ...) UseMethod("ScnFindVariableFeatures")

#' @rdname ScnFindVariableFeatures
#' @export
ScnFindVariableFeatures.default <- function(object, selection.method = "vst", loess.span = 0.3, clip.max = "auto",
                                            mean.function = NULL, dispersion.function = NULL, num.bin = 20,
                                            binning.method = "equal_width", nfeatures = 2000, mean.cutoff = c(0.1, 8),
                                            dispersion.cutoff = c(1, Inf), curve = "stats", verbose = TRUE, ...) {
  check_unused(...)
  object <- check_named(object)
  method <- selection_method(selection.method)
  if (!is.null(mean.function) || !is.null(dispersion.function)) {
    refuse("UNSUPPORTED", "mean.function, dispersion.function: are given, must be NULL; scnative computes Seurat's defaults")
  }
  if (length(mean.cutoff) != 2 || length(dispersion.cutoff) != 2) {
    refuse("INVALID_ARGUMENT", "mean.cutoff, dispersion.cutoff: must be two numbers each")
  }
  check_choice(binning.method, BINNINGS, "binning.method")
  with_verbosity(verbose, if (method == "vst") {
    vst_info(object, loess.span, clip.max, nfeatures, curve)
  } else {
    mvp_info(object, method, num.bin, binning.method, nfeatures, mean.cutoff, dispersion.cutoff)
  })
}

selection_method <- function(name) {
  known <- list(
    vst = "vst", mean.var.plot = "mean_var_plot", mvp = "mean_var_plot", dispersion = "dispersion", disp = "dispersion"
  )
  check_choice(name, known, "selection.method")
}

vst_info <- function(x, span, clip.max, nfeatures, curve) {
  check_choice(curve, list(stats = 1, scnative = 2), "curve")
  clip <- if (identical(clip.max, "auto")) NULL else clip.max
  vst <- function(expected) {
    scn_highly_variable_genes(
      x, "vst", n_top_genes = how_many(nfeatures, nrow(x)), span = span, clip = clip, check_values = FALSE,
      variances_expected = expected
    )
  }
  if (curve == "stats") {
    moments <- vst(numeric(nrow(x)))
    varying <- moments$variances > 0
    expected <- numeric(nrow(x))
    points <- data.frame(mean = log10(moments$means[varying]), variance = log10(moments$variances[varying]))
    expected[varying] <- 10^stats::loess(variance ~ mean, points, span = span, control = loess_control())$fitted
    genes <- vst(expected)
    genes$variances_expected <- expected
  } else {
    genes <- vst(NULL)
  }
  columns <- c(
    vst.mean = "means", vst.variance = "variances", vst.variance.expected = "variances_expected",
    vst.variance.standardized = "variances_norm"
  )
  feature_info(genes, columns, nfeatures)
}

# What Seurat leaves unused of R's loess, standard errors, takes nearly all of its time. The fitted values are the same without.
loess_control <- function() {
  known <- eval(formals(stats::loess.control)$statistics)
  stats::loess.control(statistics = if ("none" %in% known) "none" else "approximate")
}

mvp_info <- function(x, flavor, num.bin, binning.method, nfeatures, mean.cutoff, dispersion.cutoff) {
  by_cutoff <- flavor == "mean_var_plot"
  genes <- scn_highly_variable_genes(
    x, flavor, n_top_genes = if (!by_cutoff) how_many(nfeatures, nrow(x)), n_bins = num.bin, binning = binning.method,
    min_mean = if (by_cutoff) mean.cutoff[1], max_mean = if (by_cutoff) mean.cutoff[2],
    min_disp = if (by_cutoff) dispersion.cutoff[1], max_disp = if (by_cutoff) dispersion.cutoff[2]
  )
  columns <- c(mvp.mean = "means", mvp.dispersion = "dispersions", mvp.dispersion.scaled = "dispersions_norm")
  feature_info(genes, columns, if (by_cutoff) Inf else nfeatures)
}

how_many <- function(nfeatures, n) max(1, min(check_number(nfeatures, "nfeatures", 0, 2^53), n))

feature_info <- function(genes, columns, most) {
  info <- stats::setNames(genes[columns], names(columns))
  attr(info, "bin_edges") <- NULL
  chosen <- rownames(genes)[order(genes$highly_variable_rank)][seq_len(sum(genes$highly_variable))]
  attr(info, "features") <- utils::head(chosen, most)
  info
}

#' @rdname ScnFindVariableFeatures
#' @export
ScnFindVariableFeatures.Seurat <- function(object, assay = NULL, selection.method = "vst", loess.span = 0.3, clip.max = "auto",
                                           mean.function = NULL, dispersion.function = NULL, num.bin = 20,
                                           binning.method = "equal_width", nfeatures = 2000, mean.cutoff = c(0.1, 8),
                                           dispersion.cutoff = c(1, Inf), curve = "stats", verbose = TRUE, ...) {
  name <- assay_name(object, assay)
  made <- assay_of(object, name)
  method <- selection_method(selection.method)
  layer <- if (method == "vst") "counts" else "data"
  values <- get_layer(made, layer, name)
  if (is.null(values) && method == "vst") {
    warning("object: assay ", name, " has no counts, its data are taken instead", call. = FALSE)
    layer <- "data"
  }
  values <- values %||% need_layer(made, "data", name)
  info <- ScnFindVariableFeatures(
    values, selection.method = selection.method, loess.span = loess.span, clip.max = clip.max, mean.function = mean.function,
    dispersion.function = dispersion.function, num.bin = num.bin, binning.method = binning.method, nfeatures = nfeatures,
    mean.cutoff = mean.cutoff, dispersion.cutoff = dispersion.cutoff, curve = curve, verbose = verbose, ...
  )
  features <- attr(info, "features")
  attr(info, "features") <- NULL
  prefix <- if (method == "vst") "vst" else "mvp"
  info[[paste0(prefix, ".variable")]] <- rownames(info) %in% features
  if (has_layers(made)) {
    info[[paste0(prefix, ".rank")]] <- match(rownames(info), features)
    features <- utils::head(features, nfeatures)
    names(info) <- layered_names(names(info), method, layer)
  }
  made <- set_variable_features(set_feature_columns(made, info), features)
  log_command(set_assay_of(object, name, made), "FindVariableFeatures", name, list(
    selection.method = selection.method, loess.span = loess.span, clip.max = clip.max, num.bin = num.bin,
    binning.method = binning.method, nfeatures = nfeatures, mean.cutoff = mean.cutoff, dispersion.cutoff = dispersion.cutoff,
    verbose = verbose
  ))
}

# The names that columns have in an assay of version 5.
layered_names <- function(names, method, layer) {
  key <- c(vst = "vst", mean_var_plot = "mvp", dispersion = "disp")[[method]]
  own <- sub("^vst[.]|^mvp[.](variable$|rank$)", "\\1", names)
  paste("vf", key, layer, own, sep = "_")
}

#' @rdname ScnFindVariableFeatures
#' @export
ScnFindVariableFeatures.SingleCellExperiment <- function(object, selection.method = "vst", ...) {
  method <- selection_method(selection.method)
  values <- need_assay(object, if (method == "vst") "counts" else "logcounts")
  info <- ScnFindVariableFeatures(values, selection.method = selection.method, ...)
  features <- attr(info, "features")
  info[[if (method == "vst") "vst.variable" else "mvp.variable"]] <- rownames(info) %in% features
  set_metadata(set_row_columns(object, info), "variable.features", features)
}
