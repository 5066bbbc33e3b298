# Blood cells, from counts to marker genes: the same analysis as pbmc.py, pbmc.jl, pbmc.c and pbmc.cpp, which print the same.
#
#     Rscript examples/pbmc.R FOLDER        # a folder that Cell Ranger wrote: matrix.mtx, barcodes.tsv, genes.tsv or features.tsv

library(scnative)

TYPES <- list(
  "T cells" = c("CD3D", "CD3E", "CD2", "IL7R", "LTB"),
  "B cells" = c("MS4A1", "CD79A", "CD79B"),
  "NK cells" = c("NKG7", "GNLY", "KLRD1"),
  "Monocytes" = c("LYZ", "CD14", "S100A8"),
  "Platelets" = c("PPBP", "PF4", "GP9")
)

# counts, genes x cells
folder <- scn_read_10x_mtx(commandArgs(TRUE)[1])
counts <- folder$counts
genes <- folder$genes$gene_symbols
cat(ncol(counts), "cells x", nrow(counts), "genes\n")

# cells with enough genes and few mitochondrial molecules, genes that are seen in at least three of them
qc <- scn_calculate_qc_metrics(counts, percent_top = NULL, subsets = list(mt = startsWith(genes, "MT-")))$cells
counts <- scn_subset(counts, obs = which(qc$n_genes_by_counts >= 200 & qc$pct_counts_mt < 5))
seen <- scn_filter_genes(counts, min_cells = 3)$keep
counts <- scn_subset(counts, vars = seen)
genes <- genes[seen]
cat(ncol(counts), "cells x", nrow(counts), "genes are left\n")

# the genes that vary most
variable <- scn_highly_variable_genes(counts, flavor = "seurat_v3", n_top_genes = 2000)
cat("Most variable:", genes[order(variable$highly_variable_rank)[1:8]])

# log-normalised values, and each cell's type by the highest of its gene scores, if that is above 0
logged <- scn_normalize_log1p(counts, target_sum = 1e4)
scores <- sapply(TYPES, function(markers) {
  gene_set <- which(genes %in% markers)
  scn_score_genes(logged, gene_set, scn_control_genes(logged, gene_set))
})
best <- max.col(scores, ties.method = "first")
types <- factor(ifelse(apply(scores, 1, max) > 0, names(TYPES)[best], NA), names(TYPES))

# what marks each type against all other cells, those of no type too: Wilcoxon's test, effect sizes
test <- scn_rank_genes_groups(
  logged, types, method = "wilcoxon", tie_correct = TRUE, results = c("scores", "pvals_adj", "log_fold_changes", "auroc")
)
cat(sprintf("\n%d cells have no type\n", sum(is.na(types))))
order <- scn_rank_order(test$scores, 4)
for (type in names(TYPES)) {
  cat(sprintf("\n%s, %d cells\n", type, sum(types == type, na.rm = TRUE)))
  i <- order[, type]
  cat(sprintf(
    "  %-10s AUROC %.3f  log2 fold change %6.2f  p %.1e\n",
    genes[i], test$auroc[i, type], test$log_fold_changes[i, type], test$pvals_adj[i, type]
  ), sep = "")
}
