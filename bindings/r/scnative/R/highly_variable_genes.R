FLAVORS <- list(
  seurat = abi$SCN_HVG_SEURAT,
  cell_ranger = abi$SCN_HVG_CELL_RANGER,
  seurat_v3 = abi$SCN_HVG_SEURAT_V3,
  seurat_v3_paper = abi$SCN_HVG_SEURAT_V3_PAPER,
  pearson_residuals = abi$SCN_HVG_PEARSON_RESIDUALS
)

# The columns that each flavor has besides those that all have.
FLAVOR_COLUMNS <- list(
  seurat = c("dispersions", "dispersions_norm"),
  cell_ranger = c("dispersions", "dispersions_norm"),
  seurat_v3 = c("variances", "variances_norm", "highly_variable_rank"),
  seurat_v3_paper = c("variances", "variances_norm", "highly_variable_rank"),
  pearson_residuals = c("variances", "residual_variances", "highly_variable_rank")
)

#' Highly variable genes
#'
#' Finds the genes that vary more between cells than genes of their expression usually do.
#'
#' `"seurat"` and `"cell_ranger"` judge the dispersion (variance over mean) within bins of genes by mean, and want
#' log-normalised values. The others want counts: `"seurat_v3"` is the variance standardised by a loess curve (Seurat's
#' `vst`), `"seurat_v3_paper"` the same with batches combined as the paper has it, `"pearson_residuals"` the variance of
#' analytic Pearson residuals. Memory: a few doubles for each gene and batch, and one row of them for each thread.
#'
#' @inheritParams scn_normalize_total
#' @param x Log-normalised values or counts, see there: a `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or integers.
#' @param flavor `"seurat"` (Satija et al. 2015), `"cell_ranger"` (Zheng et al. 2017), `"seurat_v3"`, `"seurat_v3_paper"`
#'   (Stuart et al. 2019) or `"pearson_residuals"` (Lause et al. 2021).
#' @param n_top_genes How many genes to choose, at most all. `NULL`: `"seurat"` and `"cell_ranger"` choose by the cut-offs,
#'   `"seurat_v3"` 2000; `"pearson_residuals"` must be told.
#' @param batches A label for each cell, NA for none. Each batch is judged by itself, and the verdicts are combined.
#' @param min_disp,max_disp,min_mean,max_mean Exclusive cut-offs of `"seurat"` and `"cell_ranger"`, not used with
#'   `n_top_genes`; `NULL` is 0.5, Inf, 0.0125 and 3.
#' @param span `"seurat_v3"`: the part of the genes that a local fit of the curve takes; `NULL` is 0.3.
#' @param n_bins `"seurat"`: bins of genes by mean; `NULL` is 20.
#' @param theta `"pearson_residuals"`: overdispersion, variance = mean + mean^2 / theta; `NULL` is 100, Inf is Poisson.
#' @param clip `"pearson_residuals"`: residuals are cut off at this; `NULL` is the square root of the number of cells (with
#'   batches that of the first).
#' @param log_base `"seurat"`: base of the logarithm that the values are; `NULL` is e.
#' @param filter_unexpressed_genes `"seurat"`, `"cell_ranger"`: leave out genes without a positive value; `NULL` is FALSE.
#' @param check_values Warn if counts are expected and values are not whole; `NULL` is TRUE.
#' @param gene_names `"seurat"`, `"cell_ranger"` with batches and `n_top_genes`: names that settle ties, the first in the C
#'   locale's order wins; `NULL` for the order of the genes.
#' @return A data.frame with a row for each gene: `highly_variable`, `means`; `dispersions` and `dispersions_norm`, or
#'   `variances` with `variances_norm` or `residual_variances` and `highly_variable_rank` (0 is the most variable; NaN if
#'   the gene is not among the top of any batch); `highly_variable_nbatches`, `highly_variable_intersection`; for bins
#'   without batches `mean_bin` (the gene's bin from 1, NA if it was left out) and the attribute `bin_edges`.
#' @section Errors: `scn_error_invalid_argument` (an unknown flavor, an option out of range, a batch of one cell),
#'   `scn_error_shape` (no genes, fewer than two cells), `scn_error_value` (NaN, infinity, negative counts, too many genes of
#'   the same mean for bins).
#' @section Reference: scanpy 1.11 and 1.12. The chosen genes are the same; scnative.h says where the two differ.
#' @examples
#' counts <- scn_simulate_counts(300, 400)$counts
#' genes <- scn_highly_variable_genes(counts, flavor = "seurat_v3", n_top_genes = 50)
#' head(rownames(genes)[order(genes$highly_variable_rank)])
#' @export
scn_highly_variable_genes <- function(x, flavor = "seurat", n_top_genes = NULL, batches = NULL, min_disp = NULL, max_disp = NULL,
                                      min_mean = NULL, max_mean = NULL, span = NULL, n_bins = NULL, theta = NULL, clip = NULL,
                                      log_base = NULL, filter_unexpressed_genes = NULL, check_values = NULL, gene_names = NULL,
                                      cells = "columns") {
  view <- matrix_view(x, cells)
  options <- struct_options(
    "ScnHighlyVariableGenesOptions",
    flavor = check_choice(flavor, FLAVORS, "flavor"),
    n_top_genes = if (!is.null(n_top_genes)) check_number(n_top_genes, "n_top_genes", 1, 2^53),
    min_disp = min_disp, max_disp = max_disp, min_mean = min_mean, max_mean = max_mean, span = span, n_bins = n_bins,
    theta = theta, clip = clip, log_base = log_base, filter_unexpressed_genes = filter_unexpressed_genes,
    check_values = check_values
  )
  groups <- as_groups(batches, n_cells(view), "batches")
  places <- if (!is.null(gene_names)) order(order(as.character(gene_names), method = "radix"))
  made <- invoke(C_highly_variable_genes, view, groups, places, options)
  binned <- is.null(groups) && flavor %in% c("seurat", "cell_ranger")
  made$mean_bin <- ifelse(made$mean_bin < 0, NA_integer_, made$mean_bin + 1L)
  columns <- c(
    "highly_variable", "means", FLAVOR_COLUMNS[[flavor]], "highly_variable_nbatches", "highly_variable_intersection",
    if (binned) "mean_bin"
  )
  table <- table_of(made[columns], view$genes, n_genes(view))
  if (binned) {
    attr(table, "bin_edges") <- made$bin_edges
  }
  table
}
