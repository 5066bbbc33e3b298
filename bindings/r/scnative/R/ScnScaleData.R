#' Centre and scale genes: Seurat's ScaleData
#'
#' Regresses out variables of the cells if there are any, then subtracts each gene's mean (`do.center`) and divides by its
#' standard deviation (`do.scale`; by the root mean square, with n - 1, of what is not centred). Values above `scale.max`
#' become it; values below are left, as in Seurat.
#'
#' Results equal those of Seurat 4.3 to 1e-10. Where this differs: a gene that is the same in all cells is 0, whatever rounding
#' leaves of its variance; with `vars.to.regress` and `split.by` cells keep their own values, where Seurat 4.3 mixes up the
#' cells of splits that do not follow each other. Memory: the result, and once more for `vars.to.regress`.
#'
#' @inheritParams ScnNormalizeData
#' @param object Values as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment.
#' @param features The genes to scale; those that the object has not are left out. `NULL` for all of a matrix, for the variable
#'   ones of an object (all if it has none).
#' @param vars.to.regress Variables to regress out: columns of `latent.data` (of the cells' metadata of an object) or genes.
#' @param latent.data For a matrix: a data.frame with a row for each cell. All its columns are regressed out.
#' @param split.by Labels of the cells (for a Seurat object or SingleCellExperiment also the name of a column): each group is
#'   regressed and scaled by itself.
#' @param model.use Only `"linear"`.
#' @param use.umi Only `FALSE`.
#' @param do.scale,do.center Whether to scale, and whether to centre.
#' @param scale.max The largest value.
#' @param block.size,min.cells.to.block Not used: no blocks are needed.
#' @return For a matrix a dense one, genes x cells. A Seurat object has it as `scale.data` of the assay, a
#'   SingleCellExperiment, whose `logcounts` are taken, as `metadata()$scale.data`.
#' @section Errors: `scn_error_unsupported` for another model or `use.umi`; `scn_error_not_found` if none of the variables or
#'   features is there; `scn_error_value` for variables that are missing in some cells.
#' @examples
#' logs <- ScnNormalizeData(scn_simulate_counts(100, 200)$counts)
#' range(ScnScaleData(logs))
#' @export
ScnScaleData <- function(object, ...) UseMethod("ScnScaleData")

#' @rdname ScnScaleData
#' @export
ScnScaleData.default <- function(object, features = NULL, vars.to.regress = NULL, latent.data = NULL, split.by = NULL,
                                 model.use = "linear", use.umi = FALSE, do.scale = TRUE, do.center = TRUE, scale.max = 10,
                                 block.size = 1000, min.cells.to.block = 3000, verbose = TRUE, ...) {
  check_unused(...)
  check_linear(model.use, use.umi)
  object <- check_named(object)
  kept <- intersect(as.character(features %||% rownames(object)), rownames(object))
  if (length(kept) == 0) {
    refuse("NOT_FOUND", "features: none of ", length(features), " is a gene of the object")
  }
  x <- rows_of(object, kept)
  groups <- split_of(split.by, ncol(x))
  with_verbosity(verbose, {
    if (!is.null(vars.to.regress)) {
      x <- regress_out_variables(x, latent_variables(x, vars.to.regress, latent.data), groups)
    }
    scale_like_seurat(x, groups, do.scale, do.center, scale.max)
  })
}

check_linear <- function(model.use, use.umi) {
  if (!identical(model.use, "linear")) {
    refuse("UNSUPPORTED", "model.use: is ", shown(model.use), ", must be \"linear\"; use Seurat's ScaleData() for other models")
  }
  if (!identical(use.umi, FALSE)) {
    refuse("UNSUPPORTED", "use.umi: is ", shown(use.umi), ", must be FALSE; use Seurat's ScaleData() to regress counts")
  }
}

# A label for each cell, or NULL.
split_of <- function(split.by, n) {
  if (is.null(split.by)) {
    return(NULL)
  }
  labels <- if (is.list(split.by)) interaction(split.by, drop = TRUE) else as.factor(split.by)
  if (length(labels) != n) {
    refuse("SHAPE", "split.by: has ", length(labels), " labels, must have ", n, ", one for each cell")
  }
  droplevels(labels)
}

# The variables as a data.frame: columns of latent.data, and genes of the matrix.
latent_variables <- function(x, vars, latent.data) {
  table <- if (is.null(latent.data)) data.frame(row.names = colnames(x)) else latent.data[colnames(x), , drop = FALSE]
  genes <- intersect(vars, rownames(x))
  if (length(genes)) {
    table <- cbind(table, as.matrix(t_of(x[genes, , drop = FALSE])))
  }
  absent <- setdiff(vars, names(table))
  if (length(absent) == length(vars)) {
    refuse("NOT_FOUND", "vars.to.regress: has ", some_of(vars), ", none of which is a variable of the cells or a gene")
  }
  if (length(absent)) {
    warning("vars.to.regress: has ", some_of(absent), ", which the object has not", call. = FALSE)
  }
  missing <- vapply(table, anyNA, NA)
  if (any(missing)) {
    refuse("VALUE", "vars.to.regress: ", some_of(names(table)[missing]), " is missing (NA) in some cells, must be known of all")
  }
  table
}

t_of <- function(x) if (isS4(x)) methods::as(Matrix::t(x), "matrix") else t(x)

# Residuals of a linear model of each gene on the variables, factors by treatment contrasts; in each group by itself.
regress_out_variables <- function(x, variables, groups) {
  residuals <- function(x, variables) {
    variables <- droplevels_of(variables)
    design <- if (length(variables)) stats::model.matrix(~., variables)[, -1, drop = FALSE] else matrix(0, ncol(x), 0)
    without_warnings(scn_regress_out(x, design))
  }
  if (is.null(groups)) {
    return(residuals(x, variables))
  }
  made <- matrix(0, nrow(x), ncol(x), dimnames = dimnames(x))
  for (level in levels(groups)) {
    inside <- which(groups == level)
    made[, inside] <- residuals(x[, inside, drop = FALSE], variables[inside, , drop = FALSE])
  }
  made
}

# Factors without levels that no cell has; one that is the same in all cells is no variable.
droplevels_of <- function(variables) {
  varying <- vapply(variables, function(column) is.numeric(column) || length(unique(column)) > 1, NA)
  droplevels(variables[, varying, drop = FALSE])
}

scale_like_seurat <- function(x, groups, do.scale, do.center, scale.max) {
  sizes <- if (is.null(groups)) ncol(x) else table(groups)
  # A single cell has no variance: Seurat makes it 0.
  alone <- if (is.null(groups)) rep(ncol(x) == 1, ncol(x)) else groups %in% names(sizes)[sizes == 1]
  zero <- alone & (do.scale || do.center)
  if (!is.null(groups)) {
    groups[alone | is.na(groups)] <- NA
    groups <- droplevels(groups)
    zero <- zero | (is.na(groups) & !alone)
  }
  if (all(alone)) {
    scaled <- pmin(as.matrix(x), scale.max)
    finite <- FALSE
  } else {
    made <- without_warnings(scn_scale(
      x, zero_center = check_flag(do.center, "do.center"), divide = check_flag(do.scale, "do.scale"), max_value = scale.max,
      groups = groups, root_mean_square = TRUE, clip_below = FALSE
    ))
    scaled <- if (isS4(made$x)) scn_to_dense(made$x) else made$x
    # NaN and infinities make their gene's mean so, unless no mean was taken of their cell.
    finite <- all(is.finite(made$mean), is.finite(made$std)) && !any(alone)
  }
  if (any(zero)) {
    scaled[, zero] <- 0
  }
  if (!finite) {
    scaled[is.na(scaled)] <- 0
  }
  scaled
}

#' @rdname ScnScaleData
#' @export
ScnScaleData.Seurat <- function(object, features = NULL, assay = NULL, vars.to.regress = NULL, split.by = NULL,
                                model.use = "linear", use.umi = FALSE, do.scale = TRUE, do.center = TRUE, scale.max = 10,
                                block.size = 1000, min.cells.to.block = 3000, verbose = TRUE, ...) {
  check_linear(model.use, use.umi)
  name <- assay_name(object, assay)
  made <- assay_of(object, name)
  data <- need_layer(made, "data", name)
  features <- features %||% seurat_object("VariableFeatures")(made)
  if (length(features) == 0) {
    features <- rownames(data)
  }
  known <- intersect(vars.to.regress, colnames(cell_columns(object)))
  latent.data <- if (length(known)) cell_columns(object)[known]
  if (is.character(split.by) && length(split.by) == 1) {
    split.by <- object[[split.by]]
  }
  scaled <- ScnScaleData(
    data, features = features[order(match(features, rownames(data)))], vars.to.regress = vars.to.regress,
    latent.data = latent.data, split.by = split.by, model.use = model.use, use.umi = use.umi, do.scale = do.scale,
    do.center = do.center, scale.max = scale.max, verbose = verbose, ...
  )
  object <- set_assay_of(object, name, set_layer(made, "scale.data", scaled))
  log_command(object, "ScaleData", name, list(
    features = intersect(as.character(features), rownames(data)), vars.to.regress = vars.to.regress, model.use = model.use,
    use.umi = use.umi, do.scale = do.scale, do.center = do.center, scale.max = scale.max, block.size = block.size,
    min.cells.to.block = min.cells.to.block, verbose = verbose
  ))
}

#' @rdname ScnScaleData
#' @export
ScnScaleData.SingleCellExperiment <- function(object, features = NULL, vars.to.regress = NULL, split.by = NULL, ...) {
  table <- as.data.frame(summarized("colData")(object))
  known <- intersect(vars.to.regress, names(table))
  if (is.character(split.by) && length(split.by) == 1) {
    split.by <- cell_labels(object, split.by)
  }
  scaled <- ScnScaleData(
    need_assay(object, "logcounts"), features = features %||% get_metadata(object, "variable.features"),
    vars.to.regress = vars.to.regress, latent.data = if (length(known)) table[known], split.by = split.by, ...
  )
  set_metadata(object, "scale.data", scaled)
}
