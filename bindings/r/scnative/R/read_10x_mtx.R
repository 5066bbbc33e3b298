#' Read a folder that Cell Ranger wrote
#'
#' Or STARsolo: `matrix.mtx`, `barcodes.tsv`, and `features.tsv` (from version 3 on) or `genes.tsv` (before), each plain or with
#' `.gz`. Memory: beside the result 12 to 20 bytes for each entry.
#'
#' @inheritParams scn_read_mtx
#' @param path The folder.
#' @param prefix What the names of the three files begin with, or `NULL`.
#' @param var_names What to name genes by: `"gene_symbols"`, made unique by [make.unique()], or `"gene_ids"`.
#' @return A list: `counts`, a `dgCMatrix` of genes x cells (with `cells = "rows"` a `dgRMatrix` of cells x genes);
#'   `genes`, a data.frame of `gene_ids`, `gene_symbols` and, where the folder has them, `feature_types`.
#' @section Errors: `scn_error_not_found` for a file that is missing; `scn_error_io` for one that is malformed, with file and
#'   line; `scn_error_matrix` if the files do not belong together.
#' @section Reference: Seurat's `Read10X()`, which gives a list of matrices where there are several types of features.
#' @examples
#' folder <- tempfile()
#' dir.create(folder)
#' simulated <- scn_simulate_counts(10, 120)$counts
#' scn_write_mtx(simulated, file.path(folder, "matrix.mtx"))
#' writeLines(colnames(simulated), file.path(folder, "barcodes.tsv"))
#' writeLines(paste(1:120, rownames(simulated), sep = "\t"), file.path(folder, "genes.tsv"))
#' dim(scn_read_10x_mtx(folder)$counts)
#' @export
scn_read_10x_mtx <- function(path, prefix = NULL, var_names = "gene_symbols", cells = "columns") {
  in_rows <- check_choice(cells, list(columns = FALSE, rows = TRUE), "cells")
  by_symbol <- check_choice(var_names, list(gene_symbols = TRUE, gene_ids = FALSE), "var_names")
  made <- invoke(C_read_10x_mtx, as_path(path), if (!is.null(prefix)) as_path(prefix, "prefix"))
  genes <- list(gene_ids = made$gene_ids, gene_symbols = made$gene_names)
  if (length(made$feature_types)) {
    genes$feature_types <- made$feature_types
  }
  names <- if (by_symbol) make.unique(made$gene_names) else made$gene_ids
  list(
    counts = sparse_matrix(made$counts, in_rows, names, made$barcodes),
    genes = table_of(genes, names, length(names))
  )
}
