#' Simulate counts whose truth is known
#'
#' A cell of cluster c and batch b with library size L has negative binomial counts of mean `L * share` and variance
#' `mean + dispersion * mean^2`. A gene's share is its base expression, times `marker_fold_change` if it marks c, times its
#' effect in b, divided by the sum of that over all genes. Memory: twice the result, and a double for each gene,
#' cluster and batch.
#'
#' @param n_obs,n_vars Numbers of cells and genes.
#' @param n_clusters Clusters; `NULL` is 5. Cells take turns.
#' @param markers_per_cluster Genes that mark each cluster; `NULL` is 20. No gene marks two.
#' @param marker_fold_change How many times more of a marker a cell of its cluster expresses; `NULL` is 8.
#' @param n_batches Batches, crossed with the clusters; `NULL` is 1.
#' @param batch_sd Standard deviation of the natural logarithm of a gene's effect in a batch; `NULL` is 0.3.
#' @param library_size,library_sd Median of the log-normal library sizes and the standard deviation of their natural
#'   logarithm; `NULL` is 3000 and 0.35.
#' @param gene_sd Standard deviation of the natural logarithm of the genes' base expression; `NULL` is 2.
#' @param dispersion Of the negative binomial; `NULL` is 0.3, 0 is Poisson.
#' @param seed A whole number from 0; `NULL` for `getOption("scnative.seed", 0)`. The same seed gives the same bits on every
#'   machine, at every number of threads, and in every language.
#' @return A list: `counts`, a `dgCMatrix` of genes x cells; `clusters` and `batches`, factors with a label for each cell;
#'   `marker_of`, for each gene the cluster that it marks, or NA.
#' @section Errors: `scn_error_invalid_argument` for an option out of range.
#' @section Reference: the model is Splatter's (Zappia et al. 2017) without dropout and paths.
#' @examples
#' simulated <- scn_simulate_counts(100, 200, n_clusters = 3, seed = 1)
#' table(simulated$clusters)
#' table(simulated$marker_of)
#' @export
scn_simulate_counts <- function(n_obs = 2000, n_vars = 2000, n_clusters = NULL, markers_per_cluster = NULL,
                                marker_fold_change = NULL, n_batches = NULL, batch_sd = NULL, library_size = NULL,
                                library_sd = NULL, gene_sd = NULL, dispersion = NULL, seed = NULL) {
  options <- struct_options(
    "ScnSimulateOptions",
    n_clusters = n_clusters, markers_per_cluster = markers_per_cluster, marker_fold_change = marker_fold_change,
    n_batches = n_batches, batch_sd = batch_sd, library_size = library_size, library_sd = library_sd, gene_sd = gene_sd,
    dispersion = dispersion
  )
  n_obs <- check_number(n_obs, "n_obs", 0, .Machine$integer.max)
  n_vars <- check_number(n_vars, "n_vars", 0, .Machine$integer.max)
  made <- invoke(C_simulate_counts, n_obs, n_vars, options, seed = seed)
  genes <- sprintf("Gene%d", seq_len(n_vars))
  clusters <- seq_len(if (is.null(n_clusters)) scn_defaults("simulate")[["n_clusters"]] else n_clusters)
  batches <- seq_len(if (is.null(n_batches)) scn_defaults("simulate")[["n_batches"]] else n_batches)
  list(
    counts = sparse_matrix(made$counts, FALSE, genes, sprintf("Cell%d", seq_len(n_obs))),
    clusters = factor(made$clusters + 1L, clusters),
    batches = factor(made$batches + 1L, batches),
    marker_of = stats::setNames(factor(ifelse(made$marker_of < 0, NA, made$marker_of + 1L), clusters), genes)
  )
}
