METHODS <- list(
  "t-test" = abi$SCN_METHOD_T_TEST,
  "t-test_overestim_var" = abi$SCN_METHOD_T_TEST_OVERESTIM_VAR,
  student = abi$SCN_METHOD_STUDENT,
  wilcoxon = abi$SCN_METHOD_WILCOXON
)

CORR_METHODS <- list(
  "benjamini-hochberg" = abi$SCN_CORR_BENJAMINI_HOCHBERG,
  "benjamini-yekutieli" = abi$SCN_CORR_BENJAMINI_YEKUTIELI,
  bonferroni = abi$SCN_CORR_BONFERRONI,
  BH = abi$SCN_CORR_BENJAMINI_HOCHBERG,
  fdr = abi$SCN_CORR_BENJAMINI_HOCHBERG,
  BY = abi$SCN_CORR_BENJAMINI_YEKUTIELI
)

FOLD_CHANGES <- list(
  scanpy_v1 = abi$SCN_FOLD_CHANGE_SCANPY_V1,
  scanpy_v2 = abi$SCN_FOLD_CHANGE_SCANPY_V2,
  seurat_v4 = abi$SCN_FOLD_CHANGE_SEURAT_V4,
  seurat_v5 = abi$SCN_FOLD_CHANGE_SEURAT_V5,
  seurat_v4_means = abi$SCN_FOLD_CHANGE_SEURAT_V4_MEANS,
  difference = abi$SCN_FOLD_CHANGE_DIFFERENCE
)

COMPARISONS <- c(
  "scores", "pvals", "pvals_adj", "log_fold_changes", "ln_pvals", "u", "auroc", "means", "means_reference", "fractions",
  "fractions_reference"
)

#' Genes that tell groups of cells from the others
#'
#' Compares each group of cells with all others, or with one group, gene by gene.
#'
#' p-values are right to 1e-10 relative down to 1e-300. U and the tie term of Wilcoxon's test are exact integers. Zeros
#' count as zeros whether they are stored or not. Memory: the results twice, two to five doubles for each group and gene, and
#' for Wilcoxon's test on a matrix that is compressed along cells blocks of genes of 32 MB.
#'
#' @inheritParams scn_normalize_total
#' @param x Log-normalised values, or fold changes mean nothing: a `dgCMatrix`, a `dgRMatrix`, or a matrix of doubles or
#'   integers.
#' @param groups A factor (or what [as.factor()] takes) with a label for each cell. Cells labelled NA count in the rest;
#'   they take no part if the reference is a group. Each level must have `min_cells` cells; see [droplevels()].
#'   Names that it may have must be those of the cells, in their order.
#' @param reference The group that all others are compared with; `NULL` for the rest, all other cells.
#' @param method `"t-test"` (Welch's), `"t-test_overestim_var"` (Welch's, as if the rest were as small as the group),
#'   `"student"` (one pooled variance), `"wilcoxon"` (rank sum test, normal approximation); `NULL` is `"t-test"`.
#' @param corr_method `"benjamini-hochberg"` (also `"BH"`, `"fdr"`), `"benjamini-yekutieli"` (`"BY"`) or `"bonferroni"`: how
#'   each group is corrected for its own tests; `NULL` is the first.
#' @param tie_correct,continuity Wilcoxon only: whether ties lower the variance, and whether U is taken half a unit nearer to
#'   its mean. Both as [wilcox.test()] does by default; `NULL` is FALSE, as scanpy has it.
#' @param fold_change With u = expm1(x) and c the pseudocount: `"scanpy_v1"` log((expm1(mean x1) + c) / (expm1(mean x2) + c)),
#'   `"scanpy_v2"` log((mean u1 + c) / (mean u2 + c)), `"seurat_v4"` log(mean u1 + c) - log(mean u2 + c), `"seurat_v5"`
#'   log((sum u1 + c) / n1) - log((sum u2 + c) / n2), `"seurat_v4_means"` log(mean x1 + c) - log(mean x2 + c),
#'   `"difference"` mean x1 - mean x2; `NULL` is `"scanpy_v1"`.
#' @param log1p_base Base of the logarithm that `x` is in; `NULL` is e.
#' @param pseudocount The c above; `NULL` is the convention's own, 1e-9 for scanpy's, 1 for Seurat's.
#' @param fold_change_base Base of the results; `NULL` is 2.
#' @param exact Wilcoxon only: whether p-values are from the exact distribution of U where both sides have fewer than 50 cells
#'   and no two values are equal, as [wilcox.test()] has it; `NULL` is FALSE.
#' @param positive_fractions Whether fractions count the values above zero, as Seurat does, rather than those that are not zero;
#'   `NULL` is FALSE.
#' @param min_cells The smallest group that is tested; `NULL` is 2. 1 is possible for Wilcoxon only.
#' @param results What to compute, of the names below.
#' @return A named list of genes x groups matrices, those of `results`: `scores` (z or t, positive where the group's values
#'   are the greater), `pvals`, `pvals_adj`, `log_fold_changes`, `ln_pvals` (natural logarithms, also where the p-value is
#'   below the least double), `u` and `auroc` (Wilcoxon only), `means`, `means_reference`, `fractions` (of cells whose value
#'   is not zero, or above zero), `fractions_reference`. In the column of a reference group all that compares is NaN.
#' @section Errors: `scn_error_value` (a group of fewer than `min_cells`, a value that is NaN or infinite),
#'   `scn_error_invalid_argument` (an option out of range), `scn_error_shape`, `scn_error_not_found` (the reference).
#' @section Reference: scanpy's `tl.rank_genes_groups`; R's [wilcox.test()] with `exact = FALSE` and [t.test()].
#' @seealso [scn_rank_order()]
#' @examples
#' simulated <- scn_simulate_counts(200, 150)
#' logs <- scn_normalize_log1p(simulated$counts, target_sum = 1e4)
#' ranked <- scn_rank_genes_groups(logs, simulated$clusters, method = "wilcoxon")
#' head(ranked$scores)
#' apply(scn_rank_order(ranked$scores, n_top = 3), 2, function(i) rownames(logs)[i])
#' @export
scn_rank_genes_groups <- function(x, groups, reference = NULL, method = NULL, corr_method = NULL, tie_correct = NULL,
                                  continuity = NULL, fold_change = NULL, log1p_base = NULL, pseudocount = NULL,
                                  fold_change_base = NULL, results = c("scores", "pvals", "pvals_adj", "log_fold_changes"),
                                  exact = NULL, positive_fractions = NULL, min_cells = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  labels <- as_groups(groups, view$cells)
  options <- struct_options(
    "ScnRankGenesGroupsOptions",
    method = if (!is.null(method)) check_choice(method, METHODS, "method"),
    reference = as_reference(reference, labels),
    tie_correct = tie_correct,
    continuity = continuity,
    corr_method = if (!is.null(corr_method)) check_choice(corr_method, CORR_METHODS, "corr_method"),
    fold_change = if (!is.null(fold_change)) check_choice(fold_change, FOLD_CHANGES, "fold_change"),
    log1p_base = log1p_base, pseudocount = pseudocount, fold_change_base = fold_change_base,
    exact = exact, positive_fractions = positive_fractions, min_cells = min_cells
  )
  invoke(C_rank_genes_groups, view, labels, options, check_names(results, COMPARISONS, "results"))[results]
}

# Some of the names that there are, or an error that names one that is not.
check_names <- function(wanted, known, name) {
  unknown <- setdiff(wanted, known)
  if (!is.character(wanted) || length(unknown)) {
    refuse("INVALID_ARGUMENT", name, ": has ", shown(unknown), ", must be among ", paste(known, collapse = ", "))
  }
  unique(wanted)
}

#' The genes of each group in the order of their scores
#'
#' The highest score first. Equal scores stay in the order of the genes, NaN comes last. Memory: the result, and a number for
#' each gene and thread.
#'
#' @param scores Genes x groups, from [scn_rank_genes_groups()].
#' @param n_top How many genes of each group; `NULL` for all.
#' @param by_abs Whether to order by absolute score.
#' @return A matrix of `n_top` x groups: numbers of genes, from 1.
#' @section Errors: `scn_error_invalid_argument` for `n_top` above the number of genes.
#' @section Reference: [order()] with `decreasing = TRUE, method = "radix"`, column by column.
#' @examples
#' scn_rank_order(cbind(a = c(0.5, 2, 1), b = c(3, 0, NaN)))
#' @export
scn_rank_order <- function(scores, n_top = NULL, by_abs = FALSE) {
  if (!is.matrix(scores) || !is.numeric(scores)) {
    refuse("TYPE", "scores: is a ", class(scores)[1], ", must be a matrix of numbers, genes x groups")
  }
  storage.mode(scores) <- "double"
  n_top <- if (is.null(n_top)) nrow(scores) else check_number(n_top, "n_top", 0, 2^53)
  order <- invoke(C_rank_order, scores, as.double(n_top), check_flag(by_abs, "by_abs"))
  matrix(order, ncol = ncol(scores), dimnames = if (!is.null(colnames(scores))) list(NULL, colnames(scores)))
}
