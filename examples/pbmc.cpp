// Blood cells, from counts to marker genes: the same analysis as pbmc.py, pbmc.R, pbmc.jl and pbmc.c, which print the same.
//
//     c++ -std=c++17 pbmc.cpp $(pkg-config --cflags --libs scnative) -o pbmc
//     ./pbmc FOLDER        # a folder that Cell Ranger wrote: matrix.mtx, barcodes.tsv, genes.tsv or features.tsv

#include <scnative.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

struct Type {
    std::string name;
    std::vector<std::string> markers;
};

const std::vector<Type> types = {
    {"T cells", {"CD3D", "CD3E", "CD2", "IL7R", "LTB"}},
    {"B cells", {"MS4A1", "CD79A", "CD79B"}},
    {"NK cells", {"NKG7", "GNLY", "KLRD1"}},
    {"Monocytes", {"LYZ", "CD14", "S100A8"}},
    {"Platelets", {"PPBP", "PF4", "GP9"}},
};

void analyse(const char* path) {
    // counts, cells x genes
    const scn::folder_10x folder = scn::read_10x_mtx(path, "", scn::dtype::f64);
    const std::vector<std::string> names = folder.gene_names();
    const scn::matrix_view all = folder.matrix();
    std::printf("%lld cells x %lld genes\n", static_cast<long long>(all.n_obs()), static_cast<long long>(all.n_vars()));

    // cells with enough genes and few mitochondrial molecules, genes that are seen in at least three of them
    std::vector<std::uint8_t> mitochondrial(names.size());
    std::transform(names.begin(), names.end(), mitochondrial.begin(),
                   [](const std::string& name) { return name.rfind("MT-", 0) == 0; });
    const scn::qc_metrics qc = scn::calculate_qc_metrics(all, {{}, {mitochondrial}});
    std::vector<std::uint8_t> good(qc.subset_pct.size());
    for (std::size_t cell = 0; cell < good.size(); ++cell) {
        good[cell] = qc.n_genes_by_counts[cell] >= 200 && qc.subset_pct[cell] < 5;
    }
    const scn::sparse good_cells = scn::subset_masked(all, good, std::nullopt);
    scn::gene_threshold three_cells;
    three_cells.min_cells = 3;
    const std::vector<std::uint8_t> seen = scn::filter_genes(good_cells, three_cells).keep;
    const scn::sparse counts = scn::subset_masked(good_cells, std::nullopt, seen);
    std::vector<std::string> genes;
    for (std::size_t gene = 0; gene < seen.size(); ++gene) {
        if (seen[gene]) {
            genes.push_back(names[gene]);
        }
    }
    std::printf("%lld cells x %zu genes are left\n", static_cast<long long>(counts.n_obs()), genes.size());

    // the genes that vary most
    scn::highly_variable_genes_options variable;
    variable.flavor = scn::flavor::seurat_v3;
    variable.n_top_genes = 2000;
    std::vector<double> rank = scn::highly_variable_genes(counts, variable).highly_variable_rank;
    std::replace_if(rank.begin(), rank.end(), [](double r) { return std::isnan(r); }, INFINITY);  // not chosen
    std::vector<std::size_t> order(genes.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rank[a] < rank[b]; });
    std::printf("Most variable:");
    for (std::size_t i = 0; i < 8; ++i) {
        std::printf(" %s", genes[order[i]].c_str());
    }
    std::printf("\n");

    // log-normalised values, and each cell's type by the highest of its gene scores, if that is above 0
    scn::normalize_total_options per_10k;
    per_10k.target_sum = 1e4;
    const std::vector<double> values = scn::normalize_log1p<double>(counts, per_10k).values;
    const scn::matrix_view logged = counts.view().with_values(values);
    std::vector<double> best(static_cast<std::size_t>(counts.n_obs()), 0);
    std::vector<std::int32_t> type_of(best.size(), -1);
    for (std::size_t type = 0; type < types.size(); ++type) {
        const std::vector<std::string>& markers = types[type].markers;
        std::vector<std::int64_t> gene_set;
        for (std::size_t gene = 0; gene < genes.size(); ++gene) {
            if (std::find(markers.begin(), markers.end(), genes[gene]) != markers.end()) {
                gene_set.push_back(static_cast<std::int64_t>(gene));
            }
        }
        const std::vector<double> score = scn::score_genes(logged, gene_set, scn::control_genes(logged, gene_set));
        for (std::size_t cell = 0; cell < score.size(); ++cell) {
            if (score[cell] > best[cell]) {
                best[cell] = score[cell];
                type_of[cell] = static_cast<std::int32_t>(type);
            }
        }
    }

    // what marks each type against all other cells, those of no type too: Wilcoxon's test, effect sizes
    const auto n_types = static_cast<std::int64_t>(types.size()), n_genes = counts.n_vars();
    scn::rank_genes_groups_options wilcoxon;
    wilcoxon.method = scn::method::wilcoxon;
    wilcoxon.tie_correct = true;
    using scn::ranking;
    const scn::ranked_genes test =
        scn::rank_genes_groups(logged, scn::labels(type_of, n_types), wilcoxon,
                               {ranking::scores, ranking::pvals_adj, ranking::log_fold_changes, ranking::auroc});
    const std::vector<std::int64_t> top = scn::rank_order(test.scores, n_types, n_genes, 4);
    const auto cells_of = [&](int type) { return static_cast<long long>(std::count(type_of.begin(), type_of.end(), type)); };
    std::printf("%lld cells have no type\n", cells_of(-1));
    for (std::size_t type = 0; type < types.size(); ++type) {
        std::printf("\n%s, %lld cells\n", types[type].name.c_str(), cells_of(static_cast<int>(type)));
        for (std::size_t i = 4 * type; i < 4 * type + 4; ++i) {
            const auto gene = static_cast<std::size_t>(top[i]), at = type * genes.size() + gene;
            std::printf("  %-10s AUROC %.3f  log2 fold change %6.2f  p %.1e\n", genes[gene].c_str(), test.auroc[at],
                        test.log_fold_changes[at], test.pvals_adj[at]);
        }
    }
}

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: pbmc FOLDER\n");
        return 2;
    }
    try {
        analyse(argv[1]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pbmc: %s\n", error.what());
        return 1;
    }
    return 0;
}
