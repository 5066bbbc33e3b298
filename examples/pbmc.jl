# Blood cells, from counts to marker genes: the same analysis as pbmc.py, pbmc.R, pbmc.c and pbmc.cpp, which print the same.
#
#     julia --project=bindings/julia/ScNative examples/pbmc.jl FOLDER      # a folder that Cell Ranger wrote: matrix.mtx, ...

using Printf, ScNative

const TYPES = [
    "T cells" => ["CD3D", "CD3E", "CD2", "IL7R", "LTB"],
    "B cells" => ["MS4A1", "CD79A", "CD79B"],
    "NK cells" => ["NKG7", "GNLY", "KLRD1"],
    "Monocytes" => ["LYZ", "CD14", "S100A8"],
    "Platelets" => ["PPBP", "PF4", "GP9"],
]

function main(path)
    # counts, genes x cells
    folder = read_10x_mtx(path; type = Float64)
    counts, genes = folder.counts, folder.genes.gene_symbols
    println("$(size(counts, 2)) cells x $(size(counts, 1)) genes")

    # cells with enough genes and few mitochondrial molecules, genes that are seen in at least three of them
    qc = qc_metrics(counts; percent_top = (), subsets = (mt = startswith.(genes, "MT-"),)).cells
    counts = ScNative.subset(counts; obs = (qc.n_genes_by_counts .>= 200) .& (qc.pct_counts_mt .< 5))
    seen = filter_genes(counts; min_cells = 3).keep
    counts, genes = ScNative.subset(counts; vars = seen), genes[seen]
    println("$(size(counts, 2)) cells x $(size(counts, 1)) genes are left")

    # the genes that vary most
    variable = highly_variable_genes(counts; flavor = :seurat_v3, n_top_genes = 2000)
    first_8 = sortperm(variable.highly_variable_rank)[1:8] # NaN, not chosen, comes last
    println("Most variable: ", join(genes[first_8], " "))

    # log-normalised values, and each cell's type by the highest of its gene scores, if that is above 0
    logged = normalize_log1p(counts; target_sum = 1e4).X
    scores = map(TYPES) do (type, names)
        gene_set = findall(in(names), genes)
        score_genes(logged, gene_set, control_genes(logged, gene_set))
    end
    best = [argmax(of_cell) for of_cell in zip(scores...)]
    types = [scores[t][i] > 0 ? t : 0 for (i, t) in enumerate(best)]

    # what marks each type against all other cells, those of no type too: Wilcoxon's test, effect sizes
    results = (:scores, :pvals_adj, :log_fold_changes, :auroc)
    wilcoxon = (method = :wilcoxon, tie_correct = true, results = results)
    test = rank_genes_groups(logged, types; n_groups = length(TYPES), wilcoxon...)
    println("$(count(iszero, types)) cells have no type")
    order = rank_order(test.scores; n_top = 4)
    for (t, (type, _)) in enumerate(TYPES)
        println("\n$type, $(count(==(t), types)) cells")
        for g in order[:, t]
            effects = (test.auroc[g, t], test.log_fold_changes[g, t], test.pvals_adj[g, t])
            @printf("  %-10s AUROC %.3f  log2 fold change %6.2f  p %.1e\n", genes[g], effects...)
        end
    end
end

main(ARGS[1])
