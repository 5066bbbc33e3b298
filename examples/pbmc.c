/* Blood cells, from counts to marker genes: the same analysis as pbmc.py, pbmc.R, pbmc.jl and pbmc.cpp, which print the same.
 *
 *     cc -std=c99 pbmc.c $(pkg-config --cflags --libs scnative) -o pbmc
 *     ./pbmc FOLDER        # a folder that Cell Ranger wrote: matrix.mtx, barcodes.tsv, genes.tsv or features.tsv
 */
#include <scnative.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_TYPES 5
#define N_TOP 4
static const char *const type_names[N_TYPES] = {"T cells", "B cells", "NK cells", "Monocytes", "Platelets"};
static const char *const type_markers[N_TYPES][6] = {
    {"CD3D", "CD3E", "CD2", "IL7R", "LTB"},
    {"MS4A1", "CD79A", "CD79B"},
    {"NKG7", "GNLY", "KLRD1"},
    {"LYZ", "CD14", "S100A8"},
    {"PPBP", "PF4", "GP9"},
};

/* Ends the program with the library's message if a call failed. */
static void must(ScnStatus status) {
    char message[1024];
    if (status != SCN_OK) {
        scn_last_error_message(message, sizeof message, NULL);
        fprintf(stderr, "pbmc: %s: %s\n", scn_status_name(status), message);
        exit(1);
    }
}

/* n elements, all zero. */
static void *array(int64_t n, size_t size) {
    void *made = calloc(n > 0 ? (size_t)n : 1, size);
    if (made == NULL) {
        fprintf(stderr, "pbmc: out of memory\n");
        exit(1);
    }
    return made;
}

/* The matrix of a sparse result, borrowed from it. */
static ScnMatrix view_of(const ScnSparse *sparse) {
    ScnMatrix view;
    must(scn_matrix_init(&view, sizeof view));
    must(scn_sparse_view(sparse, &view));
    return view;
}

/* The names of all genes, in one text that `text` gets. */
static char **gene_names(const Scn10x *folder, int64_t n, char **text) {
    size_t needed;
    int64_t i;
    char **names = array(n, sizeof *names);
    must(scn_10x_names(folder, SCN_10X_GENE_NAMES, NULL, 0, &needed, NULL));
    *text = array((int64_t)needed, 1);
    must(scn_10x_names(folder, SCN_10X_GENE_NAMES, *text, needed, NULL, NULL));
    for (i = 0; i < n; ++i) {
        names[i] = i == 0 ? *text : strchr(names[i - 1], '\0') + 1;
        *strchr(names[i], '\n') = '\0';
    }
    return names;
}

/* The cells with enough genes and few mitochondrial molecules, and of those the genes that are seen in at least three; their names
 * move to the front of `names`. */
static ScnSparse *filtered(const ScnMatrix *all, char **names) {
    ScnSparse *good_cells, *counts;
    ScnMatrix cells;
    int64_t i, left = 0;
    uint8_t *mitochondrial = array(all->n_vars, 1), *good = array(all->n_obs, 1), *seen = array(all->n_vars, 1);
    double *n_genes = array(all->n_obs, sizeof *n_genes), *percentage = array(all->n_obs, sizeof *percentage);

    for (i = 0; i < all->n_vars; ++i) {
        mitochondrial[i] = strncmp(names[i], "MT-", 3) == 0;
    }
    must(scn_pp_calculate_qc_metrics(NULL, all, NULL, 0, mitochondrial, 1, n_genes, all->n_obs, NULL, 0, NULL, 0, NULL, 0,
                                     percentage, all->n_obs, NULL, 0, NULL, 0, NULL, 0, NULL, 0));
    for (i = 0; i < all->n_obs; ++i) {
        good[i] = n_genes[i] >= 200 && percentage[i] < 5;
    }
    must(scn_matrix_subset_masked(NULL, all, good, all->n_obs, NULL, 0, &good_cells));
    cells = view_of(good_cells);
    must(scn_pp_filter_genes(NULL, &cells, NAN, 3, NAN, NAN, seen, cells.n_vars, NULL, 0));
    must(scn_matrix_subset_masked(NULL, &cells, NULL, 0, seen, cells.n_vars, &counts));
    for (i = 0; i < all->n_vars; ++i) {
        if (seen[i]) {
            names[left++] = names[i];
        }
    }
    scn_sparse_free(good_cells);
    free(mitochondrial);
    free(good);
    free(seen);
    free(n_genes);
    free(percentage);
    return counts;
}

static void print_most_variable(const ScnMatrix *counts, char **names) {
    ScnHighlyVariableGenesOptions options;
    ScnHighlyVariableGenesOutputs outputs;
    int i;
    int64_t gene, best;
    double *rank = array(counts->n_vars, sizeof *rank);

    must(scn_highly_variable_genes_options_init(&options, sizeof options));
    options.flavor = SCN_HVG_SEURAT_V3;
    options.n_top_genes = 2000;
    must(scn_highly_variable_genes_outputs_init(&outputs, sizeof outputs));
    outputs.n_vars = counts->n_vars;
    outputs.highly_variable_rank = rank;
    must(scn_pp_highly_variable_genes(NULL, counts, NULL, 0, 0, NULL, 0, &options, &outputs));
    printf("Most variable:");
    for (i = 0; i < 8; ++i) {
        for (best = 0, gene = 1; gene < counts->n_vars; ++gene) {
            if (rank[gene] < rank[best] || isnan(rank[best])) {
                best = gene;
            }
        }
        printf(" %s", names[best]);
        rank[best] = INFINITY;
    }
    printf("\n");
    free(rank);
}

/* Each cell's type by the highest of its gene scores, -1 if none is above 0. */
static void find_types(const ScnMatrix *logged, char **names, int32_t *types) {
    int32_t type;
    int64_t i, n_set, n_control;
    int marker;
    int64_t *set = array(logged->n_vars, sizeof *set), *control = array(logged->n_vars, sizeof *control);
    uint8_t *is_control = array(logged->n_vars, 1);
    double *score = array(logged->n_obs, sizeof *score), *best = array(logged->n_obs, sizeof *best);

    for (i = 0; i < logged->n_obs; ++i) {
        types[i] = -1;
    }
    for (type = 0; type < N_TYPES; ++type) {
        for (n_set = 0, i = 0; i < logged->n_vars; ++i) {
            for (marker = 0; type_markers[type][marker] != NULL; ++marker) {
                if (strcmp(names[i], type_markers[type][marker]) == 0) {
                    set[n_set++] = i;
                }
            }
        }
        must(scn_tl_control_genes(NULL, logged, set, n_set, NULL, 0, NULL, is_control, logged->n_vars));
        for (n_control = 0, i = 0; i < logged->n_vars; ++i) {
            if (is_control[i]) {
                control[n_control++] = i;
            }
        }
        must(scn_tl_score_genes(NULL, logged, set, n_set, control, n_control, score, logged->n_obs));
        for (i = 0; i < logged->n_obs; ++i) {
            if (score[i] > best[i]) {
                best[i] = score[i];
                types[i] = type;
            }
        }
    }
    free(set);
    free(control);
    free(is_control);
    free(score);
    free(best);
}

/* What marks each type against all other cells, those of no type too: Wilcoxon's test, effect sizes. */
static void print_markers(const ScnMatrix *logged, char **names, const int32_t *types) {
    ScnRankGenesGroupsOptions options;
    ScnRankGenesGroupsOutputs outputs;
    int64_t i, at, order[N_TYPES * N_TOP], cells[N_TYPES + 1] = {0}, n = N_TYPES * logged->n_vars;
    int type;

    must(scn_rank_genes_groups_options_init(&options, sizeof options));
    options.method = SCN_METHOD_WILCOXON;
    options.tie_correct = 1;
    must(scn_rank_genes_groups_outputs_init(&outputs, sizeof outputs));
    outputs.len = n;
    outputs.scores = array(n, sizeof(double));
    outputs.pvals_adj = array(n, sizeof(double));
    outputs.log_fold_changes = array(n, sizeof(double));
    outputs.auroc = array(n, sizeof(double));
    must(scn_tl_rank_genes_groups(NULL, logged, types, logged->n_obs, N_TYPES, &options, &outputs));
    must(scn_tl_rank_genes_groups_order(NULL, outputs.scores, n, N_TYPES, logged->n_vars, N_TOP, 0, order, N_TYPES * N_TOP));

    for (i = 0; i < logged->n_obs; ++i) {
        ++cells[types[i] + 1];
    }
    printf("%lld cells have no type\n", (long long)cells[0]);
    for (type = 0; type < N_TYPES; ++type) {
        printf("\n%s, %lld cells\n", type_names[type], (long long)cells[type + 1]);
        for (i = 0; i < N_TOP; ++i) {
            at = type * logged->n_vars + order[type * N_TOP + i];
            printf("  %-10s AUROC %.3f  log2 fold change %6.2f  p %.1e\n", names[order[type * N_TOP + i]], outputs.auroc[at],
                   outputs.log_fold_changes[at], outputs.pvals_adj[at]);
        }
    }
    free(outputs.scores);
    free(outputs.pvals_adj);
    free(outputs.log_fold_changes);
    free(outputs.auroc);
}

int main(int argc, char **argv) {
    Scn10x *folder;
    ScnMatrix all, counts, logged;
    ScnSparse *kept;
    ScnNormalizeTotalOptions per_10k;
    double *values;
    int32_t *types;
    char **names, *text;

    if (argc != 2) {
        fprintf(stderr, "usage: pbmc FOLDER\n");
        return 2;
    }
    /* counts, cells x genes */
    must(scn_read_10x_mtx(NULL, argv[1], NULL, SCN_F64, &folder));
    must(scn_matrix_init(&all, sizeof all));
    must(scn_10x_view(folder, &all));
    names = gene_names(folder, all.n_vars, &text);
    printf("%lld cells x %lld genes\n", (long long)all.n_obs, (long long)all.n_vars);

    kept = filtered(&all, names);
    counts = view_of(kept);
    printf("%lld cells x %lld genes are left\n", (long long)counts.n_obs, (long long)counts.n_vars);
    print_most_variable(&counts, names);

    /* log-normalised values: the same structure with other values */
    must(scn_normalize_total_options_init(&per_10k, sizeof per_10k));
    per_10k.target_sum = 1e4;
    values = array(counts.nnz, sizeof *values);
    must(scn_pp_normalize_log1p(NULL, &counts, &per_10k, values, SCN_F64, counts.nnz, NULL, 0, NULL, 0, NULL));
    logged = counts;
    logged.values = values;

    types = array(counts.n_obs, sizeof *types);
    find_types(&logged, names, types);
    print_markers(&logged, names, types);

    free(types);
    free(values);
    free(names);
    free(text);
    scn_sparse_free(kept);
    scn_10x_free(folder);
    return 0;
}
