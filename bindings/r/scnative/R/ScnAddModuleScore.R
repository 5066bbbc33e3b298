#' Scores of gene sets: Seurat's AddModuleScore
#'
#' For each cell the mean of the genes of a set less the mean of control genes: for each gene of the set `ctrl` genes drawn from
#' its bin of mean expression, of which there are `nbin` with equal numbers of genes.
#'
#' Control genes are drawn by R's random numbers in Seurat's order, so that with the same seed they are the same; scores equal
#' those of Seurat 4.3 to 1e-10. Where this differs: the state of R's random numbers is put back afterwards, unless `seed` is
#' `NULL`; symbols are not looked up in a data base. Memory: the scores and a few numbers for each gene.
#'
#' @inheritParams ScnNormalizeData
#' @param object Log-normalised values as a `dgCMatrix` or a matrix, genes x cells; a Seurat object; or a SingleCellExperiment,
#'   whose `logcounts` are taken.
#' @param features A list of sets of genes, or one set. Genes that the object has not are left out, with a warning; a set of which
#'   it has none is looked for again without regard to case.
#' @param pool Genes to draw from; `NULL` for all.
#' @param nbin How many bins of expression.
#' @param ctrl How many control genes are drawn for each gene of a set.
#' @param k,search Only `FALSE`.
#' @param name Scores are called by it and the number of the set.
#' @param seed Seed of the draw; `NULL` to go on with R's random numbers as they are.
#' @return For a matrix a data.frame of cells x sets. A Seurat object has it in its metadata, a SingleCellExperiment in its
#'   `colData()`.
#' @section Errors: `scn_error_not_found` for a set without genes, or with genes that are not in the pool;
#'   `scn_error_invalid_argument` for more bins than means can tell apart, or more control genes than a bin has.
#' @seealso [scn_score_genes()] and [scn_control_genes()], which draw as scanpy does.
#' @examples
#' logs <- ScnNormalizeData(scn_simulate_counts(100, 400)$counts)
#' head(ScnAddModuleScore(logs, list(rownames(logs)[1:5]), nbin = 10, ctrl = 5))
#' @export
ScnAddModuleScore <- function(object, ...) UseMethod("ScnAddModuleScore")

#' @rdname ScnAddModuleScore
#' @export
ScnAddModuleScore.default <- function(object, features, pool = NULL, nbin = 24, ctrl = 100, k = FALSE, name = "Cluster", seed = 1,
                                      search = FALSE, verbose = TRUE, ...) {
  check_unused(...)
  for (flag in c("k", "search")) {
    if (!identical(get(flag), FALSE)) {
      refuse("UNSUPPORTED", flag, ": is ", shown(get(flag)), ", must be FALSE; use Seurat's AddModuleScore() for it")
    }
  }
  object <- check_named(object)
  sets <- gene_sets(features, rownames(object))
  pool <- check_features(pool %||% rownames(object), rownames(object), "pool")
  with_verbosity(verbose, {
    means <- scn_stats(rows_of(object, pool), over = "cells", which = "mean")$mean
    controls <- with_seed(seed, draw_controls(sets, stats::setNames(means, pool), nbin, ctrl))
    sets <- positions_of(sets, rownames(object))
    controls <- positions_of(controls, rownames(object))
    scores <- Map(function(set, control) scn_score_genes(object, set, control), sets, controls)
  })
  names(scores) <- paste0(name, seq_along(scores))
  data.frame(lapply(scores, unname), row.names = colnames(object), check.names = FALSE)
}

# The sets without genes that are not there.
gene_sets <- function(features, there) {
  sets <- if (is.list(features)) features else list(features)
  if (length(sets) == 0 || !all(vapply(sets, is.character, NA))) {
    refuse("INVALID_ARGUMENT", "features: must be a list of sets of gene names, at least one")
  }
  found <- lapply(sets, function(set) {
    absent <- setdiff(set, there)
    if (length(absent)) {
      warning("features: has genes that the object has not: ", some_of(absent, 10), call. = FALSE)
    }
    intersect(set, there)
  })
  if (any(lengths(found) == 0)) {
    warning("features: has sets without a gene of the object, which are looked for without regard to case", call. = FALSE)
    found <- lapply(sets, function(set) there[unlist(lapply(tolower(set), function(gene) which(tolower(there) == gene)))])
  }
  for (i in which(lengths(found) == 0)) {
    refuse("NOT_FOUND", "features[[", i, "]]: has no gene that the object has")
  }
  lapply(found, unique)
}

# Where the names of each set are among all, looked up at once.
positions_of <- function(sets, all) utils::relist(match(unlist(sets), all), unname(sets))

# For each set the control genes: of each of its genes' bins, in the order of the genes. The numbers that break ties among
# genes without expression, and then the samples, are drawn as Seurat draws them.
draw_controls <- function(sets, means, nbin, ctrl) {
  means <- means[order(means)]
  jittered <- means + stats::rnorm(length(means)) / 1e30
  breaks <- stats::quantile(jittered, seq(0, 1, length.out = check_number(nbin, "nbin", 1, 2^31) + 1))
  if (anyDuplicated(breaks)) {
    refuse("INVALID_ARGUMENT", "nbin: is ", nbin, ", must be fewer: the means of the genes are not enough for so many bins")
  }
  bins <- stats::setNames(cut(jittered, breaks, include.lowest = TRUE, labels = FALSE, right = FALSE), names(means))
  members <- split(bins, bins)
  lapply(sets, function(set) {
    outside <- setdiff(set, names(bins))
    if (length(outside)) {
      refuse("NOT_FOUND", "features: has genes that are not in the pool: ", some_of(outside))
    }
    unique(unlist(Map(function(gene, bin) {
      if (ctrl > length(bin)) {
        there <- paste0("the bin of ", gene, " has ", length(bin), " genes")
        refuse("INVALID_ARGUMENT", "ctrl: is ", ctrl, ", but ", there, "; draw fewer, or from fewer bins")
      }
      names(sample(bin, size = ctrl))
    }, set, members[as.character(bins[set])], USE.NAMES = FALSE)))
  })
}

#' @rdname ScnAddModuleScore
#' @export
ScnAddModuleScore.Seurat <- function(object, features, pool = NULL, nbin = 24, ctrl = 100, k = FALSE, assay = NULL,
                                     name = "Cluster", seed = 1, search = FALSE, verbose = TRUE, ...) {
  taken <- assay_name(object, assay)
  data <- need_layer(assay_of(object, taken), "data", taken)
  scores <- ScnAddModuleScore(
    data, features, pool = pool, nbin = nbin, ctrl = ctrl, k = k, name = name, seed = seed, search = search, verbose = verbose, ...
  )
  set_cell_columns(object, scores)
}

#' @rdname ScnAddModuleScore
#' @export
ScnAddModuleScore.SingleCellExperiment <- function(object, features, ...) {
  set_column_columns(object, ScnAddModuleScore(need_assay(object, "logcounts"), features, ...))
}
