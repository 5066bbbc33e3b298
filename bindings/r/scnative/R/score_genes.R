# Scores of gene sets.

#' Control genes for a gene set
#'
#' Chooses genes of like expression, as Tirosh et al. 2016 do: the genes of the pool are ranked by their mean over all
#' cells and divided into bins; from each bin that holds a gene of the set `ctrl_size` genes are drawn; genes of the set are
#' left out. Memory: three doubles for each gene.
#'
#' @inheritParams scn_scale
#' @param gene_list The genes of the set: names, numbers from 1, or a logical mask.
#' @param gene_pool The genes to draw from, likewise; its order decides what is drawn. `NULL` for all.
#' @param ctrl_as_ref Whether genes of the set are drawn with the others of their bin and then left out, or not drawn;
#'   `NULL` is TRUE.
#' @param ctrl_size Genes drawn from each bin; `NULL` is 50.
#' @param n_bins Bins of expression, at least 2; `NULL` is 25.
#' @param random_state Seed of the draw, from 0 to 2^32 - 1; `NULL` is 0. The genes are those that scanpy draws.
#' @return Numbers of the control genes from 1, ascending, named where the genes have names. There may be none.
#' @section Errors: `scn_error_not_found` for names that the matrix has not, a gene of the set that is not in the pool or
#'   whose mean is not finite; `scn_error_invalid_argument` for an empty set or an option out of range.
#' @section Reference: scanpy's `tl.score_genes`.
#' @seealso [scn_score_genes()]
#' @examples
#' logs <- scn_normalize_log1p(scn_simulate_counts(100, 200)$counts)
#' control <- scn_control_genes(logs, c("Gene1", "Gene2"), ctrl_size = 10)
#' score <- scn_score_genes(logs, c("Gene1", "Gene2"), control)
#' @export
scn_control_genes <- function(x, gene_list, gene_pool = NULL, ctrl_as_ref = NULL, ctrl_size = NULL, n_bins = NULL,
                              random_state = NULL, cells = "columns") {
  view <- matrix_view(x, cells)
  options <- struct_options(
    "ScnControlGenesOptions",
    ctrl_as_ref = ctrl_as_ref, ctrl_size = ctrl_size, n_bins = n_bins, random_state = random_state
  )
  genes <- as_genes(gene_list, view, "gene_list")
  chosen <- which(invoke(C_control_genes, view, genes, as_genes(gene_pool, view, "gene_pool"), options))
  if (is.null(view$genes)) chosen else stats::setNames(chosen, view$genes[chosen])
}

#' Score cells by a gene set
#'
#' For each cell its mean over the genes of the set less its mean over the control genes. NaN values are left out of both.
#' Nothing is subset or made dense on the way. Memory: the scores.
#'
#' @inheritParams scn_control_genes
#' @param gene_list,control The genes of the set, and the control genes (see [scn_control_genes()]): names, numbers from 1,
#'   or a logical mask. A gene that is named twice counts once.
#' @return A score for each cell.
#' @section Errors: `scn_error_invalid_argument` for no genes or no control genes; `scn_error_not_found` for names that the
#'   matrix has not.
#' @section Reference: scanpy's `tl.score_genes`.
#' @examples
#' scn_score_genes(matrix(c(1, 2, 3, 4), 2), gene_list = 1, control = 2)
#' @export
scn_score_genes <- function(x, gene_list, control, cells = "columns") {
  view <- matrix_view(x, cells)
  invoke(C_score_genes, view, as_genes(gene_list, view, "gene_list"), as_genes(control, view, "control"))
}

#' The phase of the cell cycle
#'
#' G1 if both scores are negative, else G2M if that score is the higher one, else S (also where a score is NaN).
#'
#' @param s_score,g2m_score A score for each cell, from [scn_score_genes()].
#' @return A factor with the levels G1, S, G2M.
#' @section Errors: `scn_error_shape` for scores of different lengths.
#' @section Reference: scanpy's `tl.score_genes_cell_cycle`.
#' @examples
#' scn_cell_cycle_phase(s_score = c(0.2, -0.1, 0.1), g2m_score = c(0.1, -0.3, 0.4))
#' @export
scn_cell_cycle_phase <- function(s_score, g2m_score) {
  s <- as_doubles(s_score, "s_score")
  g2m <- as_doubles(g2m_score, "g2m_score")
  if (length(s) != length(g2m)) {
    refuse("SHAPE", "g2m_score: has ", length(g2m), " scores, must have ", length(s), " as s_score has")
  }
  phase <- factor(c("G1", "S", "G2M")[plain(C_cell_cycle_phase, s, g2m) + 1], levels = c("G1", "S", "G2M"))
  names(phase) <- names(s_score)
  phase
}

# Numbers as doubles without attributes.
as_doubles <- function(values, name) {
  if (!is.numeric(values)) {
    refuse("TYPE", name, ": is a ", class(values)[1], ", must be numbers")
  }
  as.double(values)
}
