"""Blood cells, from counts to marker genes: the same analysis as pbmc.R, pbmc.jl, pbmc.c and pbmc.cpp, which print the same.

    python examples/pbmc.py FOLDER        # a folder that Cell Ranger wrote: matrix.mtx, barcodes.tsv, genes.tsv or features.tsv
"""

import sys

import numpy as np

from scnative import array as scn

TYPES = {
    "T cells": ["CD3D", "CD3E", "CD2", "IL7R", "LTB"],
    "B cells": ["MS4A1", "CD79A", "CD79B"],
    "NK cells": ["NKG7", "GNLY", "KLRD1"],
    "Monocytes": ["LYZ", "CD14", "S100A8"],
    "Platelets": ["PPBP", "PF4", "GP9"],
}

# counts, cells x genes
folder = scn.read_10x_mtx(sys.argv[1], dtype="float64")
counts, genes = folder.counts, np.array(folder.gene_names)
print(f"{counts.shape[0]} cells x {counts.shape[1]} genes")

# cells with enough genes and few mitochondrial molecules, genes that are seen in at least three of them
mitochondrial = np.char.startswith(genes, "MT-")
qc = scn.calculate_qc_metrics(counts, percent_top=None, subsets=[mitochondrial])
counts = scn.subset(counts, obs=(qc.n_genes_by_counts >= 200) & (qc.subset_pct[0] < 5))
seen = scn.filter_genes(counts, min_cells=3).keep
counts, genes = scn.subset(counts, vars=seen), genes[seen]
print(f"{counts.shape[0]} cells x {counts.shape[1]} genes are left")

# the genes that vary most
variable = scn.highly_variable_genes(counts, flavor="seurat_v3", n_top_genes=2000)
first = np.argsort(variable.highly_variable_rank, kind="stable")[:8]  # NaN, not chosen, comes last
print("Most variable:", *genes[first])

# log-normalised values, and each cell's type by the highest of its gene scores, if that is above 0
logged = scn.normalize_log1p(counts, target_sum=1e4).X
scores = []
for markers in TYPES.values():
    gene_set = np.flatnonzero(np.isin(genes, markers))
    scores.append(scn.score_genes(logged, gene_set, scn.control_genes(logged, gene_set)))
types = np.where(np.max(scores, axis=0) > 0, np.argmax(scores, axis=0), -1)

# what marks each type against all other cells, those of no type too: Wilcoxon's test, effect sizes
test = scn.rank_genes_groups(
    logged, types, n_groups=len(TYPES), method="wilcoxon", tie_correct=True, results=("scores", "pvals_adj", "log_fold_changes", "auroc")
)
print(f"{np.sum(types < 0)} cells have no type")
for group, best in enumerate(scn.rank_order(test.scores, 4)):
    print(f"\n{list(TYPES)[group]}, {np.sum(types == group)} cells")
    for gene in best:
        print(f"  {genes[gene]:10} AUROC {test.auroc[group, gene]:.3f}  log2 fold change {test.log_fold_changes[group, gene]:6.2f}  p {test.pvals_adj[group, gene]:.1e}")
