FLAVORS <- list(
  seurat = abi$SCN_HVG_SEURAT,
  cell_ranger = abi$SCN_HVG_CELL_RANGER,
  seurat_v3 = abi$SCN_HVG_SEURAT_V3,
  seurat_v3_paper = abi$SCN_HVG_SEURAT_V3_PAPER,
  pearson_residuals = abi$SCN_HVG_PEARSON_RESIDUALS,
  vst = abi$SCN_HVG_VST,
  mean_var_plot = abi$SCN_HVG_MEAN_VAR_PLOT,
  dispersion = abi$SCN_HVG_DISPERSION
)

BINNINGS <- list(equal_width = abi$SCN_HVG_BINS_EQUAL_WIDTH, equal_frequency = abi$SCN_HVG_BINS_EQUAL_FREQUENCY)

# The columns that each flavor has besides those that all have.
FLAVOR_COLUMNS <- list(
  seurat = c("dispersions", "dispersions_norm"),
  cell_ranger = c("dispersions", "dispersions_norm"),
  seurat_v3 = c("variances", "variances_expected", "variances_norm", "highly_variable_rank"),
  seurat_v3_paper = c("variances", "variances_expected", "variances_norm", "highly_variable_rank"),
  pearson_residuals = c("variances", "residual_variances", "highly_variable_rank"),
  vst = c("variances", "variances_expected", "variances_norm", "highly_variable_rank"),
  mean_var_plot = c("dispersions", "dispersions_norm", "highly_variable_rank"),
  dispersion = c("dispersions", "dispersions_norm", "highly_variable_rank")
)

#' Highly variable genes
#'
#' Finds the genes that vary more between cells than genes of their expression usually do.
#'
#' `"seurat"`, `"cell_ranger"` and `"mean_var_plot"` judge the dispersion (variance over mean) within bins of genes by mean,
#' `"dispersion"` the dispersion itself; these want log-normalised values. The others want counts: `"seurat_v3"` is the
#' variance standardised by a loess curve (Seurat's `vst`), `"seurat_v3_paper"` the same with batches combined as the paper
#' has it, `"pearson_residuals"` the variance of analytic Pearson residuals. `"vst"`, `"mean_var_plot"` and `"dispersion"` are
#' the three as Seurat itself computes them: the genes and their order are those of Seurat's `FindVariableFeatures()`, see
#' [ScnFindVariableFeatures()]. Memory: a few doubles for each gene and batch, and one row of them for each thread.
#'
#' @inheritParams scn_normalize_total
#' @param x Log-normalised values or counts, see there: a `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or integers.
#' @param flavor `"seurat"` (Satija et al. 2015), `"cell_ranger"` (Zheng et al. 2017), `"seurat_v3"`, `"seurat_v3_paper"`
#'   (Stuart et al. 2019), `"pearson_residuals"` (Lause et al. 2021), or Seurat's `"vst"`, `"mean_var_plot"`, `"dispersion"`.
#' @param n_top_genes How many genes to choose, at most all. `NULL`: `"seurat"` and `"cell_ranger"` choose by the cut-offs,
#'   `"seurat_v3"`, `"vst"` and `"dispersion"` 2000; `"pearson_residuals"` must be told, `"mean_var_plot"` takes none.
#' @param batches A label for each cell, NA for none. Each batch is judged by itself, and the verdicts are combined.
#' @param min_disp,max_disp,min_mean,max_mean Exclusive cut-offs of `"seurat"`, `"cell_ranger"` and `"mean_var_plot"`, not
#'   used with `n_top_genes`; `NULL` is 0.5, Inf, 0.0125 and 3.
#' @param span `"seurat_v3"`, `"vst"`: the part of the genes that a local fit of the curve takes; `NULL` is 0.3.
#' @param n_bins `"seurat"`, `"mean_var_plot"`, `"dispersion"`: bins of genes by mean; `NULL` is 20. Of equal frequency, their
#'   ends.
#' @param theta `"pearson_residuals"`: overdispersion, variance = mean + mean^2 / theta; `NULL` is 100, Inf is Poisson.
#' @param clip `"pearson_residuals"`: residuals are cut off at this; `NULL` is the square root of the number of cells (with
#'   batches that of the first). `"vst"`: standardised values above it become it; `NULL` is the same.
#' @param log_base `"seurat"`, `"mean_var_plot"`, `"dispersion"`: base of the logarithm that the values are; `NULL` is e.
#' @param filter_unexpressed_genes `"seurat"`, `"cell_ranger"`: leave out genes without a positive value; `NULL` is FALSE.
#' @param check_values Warn if counts are expected and values are not whole; `NULL` is TRUE.
#' @param gene_names `"seurat"`, `"cell_ranger"` with batches and `n_top_genes`: names that settle ties, the first in the C
#'   locale's order wins; `NULL` for the order of the genes.
#' @param binning `"mean_var_plot"`, `"dispersion"`: `"equal_width"` or `"equal_frequency"`; `NULL` is the first.
#' @param variances_expected `"vst"` without batches: the variance expected of each gene, in place of the curve that is fitted;
#'   0 for a gene that is not to be judged.
#' @return A data.frame with a row for each gene: `highly_variable`, `means`; `dispersions` and `dispersions_norm`, or
#'   `variances` with `variances_expected` (without batches) and `variances_norm`, or with `residual_variances`; all but
#'   `"seurat"` and `"cell_ranger"` have `highly_variable_rank` (0 is the most variable; NaN if the gene is not among those
#'   chosen in any batch); `highly_variable_nbatches`, `highly_variable_intersection`; for bins
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
                                      binning = NULL, variances_expected = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  options <- struct_options(
    "ScnHighlyVariableGenesOptions",
    flavor = check_choice(flavor, FLAVORS, "flavor"),
    n_top_genes = if (!is.null(n_top_genes)) check_number(n_top_genes, "n_top_genes", 1, 2^53),
    min_disp = min_disp, max_disp = max_disp, min_mean = min_mean, max_mean = max_mean, span = span, n_bins = n_bins,
    theta = theta, clip = clip, log_base = log_base, filter_unexpressed_genes = filter_unexpressed_genes,
    check_values = check_values, binning = if (!is.null(binning)) check_choice(binning, BINNINGS, "binning")
  )
  expected <- if (!is.null(variances_expected)) as_doubles(variances_expected, "variances_expected")
  groups <- as_groups(batches, view$cells, "batches")
  places <- if (!is.null(gene_names)) order(order(as.character(gene_names), method = "radix"))
  made <- invoke(C_highly_variable_genes, view, groups, places, expected, options)
  binned <- is.null(groups) && "dispersions" %in% FLAVOR_COLUMNS[[flavor]]
  made$mean_bin <- ifelse(made$mean_bin < 0, NA_integer_, made$mean_bin + 1L)
  columns <- c(
    "highly_variable", "means",
    setdiff(FLAVOR_COLUMNS[[flavor]], if (!is.null(groups)) "variances_expected"),
    "highly_variable_nbatches", "highly_variable_intersection",
    if (binned) "mean_bin"
  )
  table <- table_of(made[columns], view$genes, n_genes(view))
  if (binned) {
    attr(table, "bin_edges") <- made$bin_edges
  }
  table
}
