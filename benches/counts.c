/* Instructions of the main kernels, for callgrind: each kernel is called twice on a small simulated matrix, with one thread, and the second call
 * is counted. benches/counts.py runs this and compares. */
#include "scnative.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

enum { CELLS = 500, GENES = 2000, CLUSTERS = 5, CHOSEN = 200 };

#define CHECK(call)                                                              \
    do {                                                                         \
        if ((call) != SCN_OK) {                                                  \
            char why[512] = "";                                                  \
            scn_last_error_message(why, sizeof why, NULL);                       \
            fprintf(stderr, "%s:%d: %s failed: %s\n", __FILE__, __LINE__, #call, why); \
            exit(1);                                                             \
        }                                                                        \
    } while (0)

/* What the kernels work on. */
static ScnContext one_thread;
static ScnSparse *simulated, *simulated_var, *chosen;
static ScnMatrix counts, logged, counts_var, logged_var, dense;
static int32_t clusters[CELLS], batches[CELLS], one_group[CELLS];
static int64_t genes[CHOSEN];
static uint8_t marked[GENES];
static float *values, *dense_out;

/* Where results go that nobody reads. */
static double by_cell[8][CELLS], by_gene[8][GENES], by_group[5][CLUSTERS * GENES], covariates[2 * CELLS];

static void normalize_log1p(void) {
    ScnNormalizeTotalOptions options;
    CHECK(scn_normalize_total_options_init(&options, sizeof options));
    options.target_sum = 1e4;
    CHECK(scn_pp_normalize_log1p(&one_thread, &counts, &options, values, SCN_F32, counts.nnz, by_cell[0], CELLS, NULL, 0, NULL));
}

static void log1p_(void) {
    CHECK(scn_pp_log1p(&one_thread, &counts, 0, values, SCN_F32, counts.nnz));
}

static void qc(void) {
    static const int64_t top[] = {50, 100, 200, 500};
    static double percent[4 * CELLS];
    CHECK(scn_pp_calculate_qc_metrics(&one_thread, &counts, top, 4, marked, 1, by_cell[0], CELLS, by_cell[1], CELLS, percent, 4 * CELLS, by_cell[2],
                                      CELLS, by_cell[3], CELLS, by_gene[0], GENES, by_gene[1], GENES, by_gene[2], GENES, by_gene[3], GENES));
}

static void moments(const ScnMatrix *matrix) {
    CHECK(scn_matrix_stats(&one_thread, matrix, SCN_OBS, 1, NULL, by_gene[0], by_gene[1], NULL, NULL, NULL, GENES));
}
static void mean_var_obs(void) { moments(&logged); }
static void mean_var_var(void) { moments(&logged_var); }

static void aggregate(void) {
    CHECK(scn_matrix_aggregate(&one_thread, &counts, SCN_OBS, clusters, CELLS, CLUSTERS, 1, by_group[0], by_group[1], by_group[2], by_group[3], NULL,
                               NULL, CLUSTERS * GENES));
}

static void to_var(void) {
    ScnSparse *made = NULL;
    CHECK(scn_matrix_to_major(&one_thread, &counts, SCN_VAR, &made));
    scn_sparse_free(made);
}

static void take(const ScnMatrix *matrix) {
    ScnSparse *made = NULL;
    CHECK(scn_matrix_subset(&one_thread, matrix, NULL, 0, genes, CHOSEN, &made));
    scn_sparse_free(made);
}
static void subset_obs(void) { take(&counts); }
static void subset_var(void) { take(&counts_var); }

static void variable_genes(const ScnMatrix *matrix, int32_t flavor, const int32_t *in) {
    ScnHighlyVariableGenesOptions options;
    ScnHighlyVariableGenesOutputs outputs;
    static uint8_t variable[GENES];
    CHECK(scn_highly_variable_genes_options_init(&options, sizeof options));
    CHECK(scn_highly_variable_genes_outputs_init(&outputs, sizeof outputs));
    options.flavor = flavor;
    options.n_top_genes = CHOSEN;
    outputs.n_vars = GENES;
    outputs.highly_variable = variable;
    outputs.means = by_gene[0];
    CHECK(scn_pp_highly_variable_genes(&one_thread, matrix, in, in ? CELLS : 0, in ? 2 : 0, NULL, 0, &options, &outputs));
}
static void hvg_seurat(void) { variable_genes(&logged, SCN_HVG_SEURAT, NULL); }
static void hvg_cell_ranger(void) { variable_genes(&logged, SCN_HVG_CELL_RANGER, NULL); }
static void hvg_seurat_v3(void) { variable_genes(&counts, SCN_HVG_SEURAT_V3, NULL); }
static void hvg_seurat_v3_batches(void) { variable_genes(&counts, SCN_HVG_SEURAT_V3, batches); }
static void hvg_pearson(void) { variable_genes(&counts, SCN_HVG_PEARSON_RESIDUALS, NULL); }

static void rank(const ScnMatrix *matrix, int32_t method, int64_t reference) {
    ScnRankGenesGroupsOptions options;
    ScnRankGenesGroupsOutputs outputs;
    CHECK(scn_rank_genes_groups_options_init(&options, sizeof options));
    CHECK(scn_rank_genes_groups_outputs_init(&outputs, sizeof outputs));
    options.method = method;
    options.reference = reference;
    options.tie_correct = method == SCN_METHOD_WILCOXON;
    outputs.len = CLUSTERS * GENES;
    outputs.scores = by_group[0];
    outputs.pvals = by_group[1];
    outputs.pvals_adj = by_group[2];
    outputs.log_fold_changes = by_group[3];
    CHECK(scn_tl_rank_genes_groups(&one_thread, matrix, clusters, CELLS, CLUSTERS, &options, &outputs));
}
static void wilcoxon_rest_obs(void) { rank(&logged, SCN_METHOD_WILCOXON, SCN_REFERENCE_REST); }
static void wilcoxon_rest_var(void) { rank(&logged_var, SCN_METHOD_WILCOXON, SCN_REFERENCE_REST); }
static void wilcoxon_rest_raw(void) { rank(&counts, SCN_METHOD_WILCOXON, SCN_REFERENCE_REST); }
static void wilcoxon_reference_obs(void) { rank(&logged, SCN_METHOD_WILCOXON, 0); }
static void wilcoxon_reference_var(void) { rank(&logged_var, SCN_METHOD_WILCOXON, 0); }
static void ttest_rest(void) { rank(&logged, SCN_METHOD_T_TEST, SCN_REFERENCE_REST); }
static void ttest_reference(void) { rank(&logged, SCN_METHOD_T_TEST, 0); }

static void control_genes(void) {
    static uint8_t control[GENES];
    ScnControlGenesOptions options;
    CHECK(scn_control_genes_options_init(&options, sizeof options));
    CHECK(scn_tl_control_genes(&one_thread, &logged, genes, 50, NULL, 0, &options, control, GENES));
}
static void score_genes(void) {
    CHECK(scn_tl_score_genes(&one_thread, &logged, genes, 50, genes + 50, CHOSEN - 50, by_cell[0], CELLS));
}

static void scale_dense(void) {
    ScnScaleOptions options;
    CHECK(scn_scale_options_init(&options, sizeof options));
    options.max_value = 10;
    CHECK(scn_pp_scale(&one_thread, &dense, one_group, CELLS, 1, &options, NULL, 0, NULL, 0, SCN_OBS, SCN_F32, dense_out, CELLS * CHOSEN));
}
static void regress_numeric(void) {
    CHECK(scn_pp_regress_out(&one_thread, &dense, covariates, 2 * CELLS, 2, SCN_F32, dense_out, CELLS * CHOSEN));
}
static void regress_category(void) {
    CHECK(scn_pp_regress_out_groups(&one_thread, &dense, clusters, CELLS, CLUSTERS, SCN_F32, dense_out, CELLS * CHOSEN));
}

static void loess(void) {
    ScnLoessOptions options;
    static double x[GENES], y[GENES];
    int i;
    for (i = 0; i < GENES; ++i) {
        x[i] = i * 7919 % 2003 / 1000.0;
        y[i] = x[i] * x[i] + i % 17;
    }
    CHECK(scn_loess_options_init(&options, sizeof options));
    options.span = 0.3;
    CHECK(scn_stats_loess(&one_thread, x, GENES, y, GENES, NULL, 0, &options, NULL, 0, by_gene[0], GENES, NULL, 0));
}

static void prepare(void) {
    ScnSimulateOptions options;
    static float picked[CELLS * CHOSEN];
    ScnMatrix view;
    int i;
    CHECK(scn_context_init(&one_thread, sizeof one_thread));
    one_thread.n_threads = 1;
    CHECK(scn_simulate_options_init(&options, sizeof options));
    options.n_batches = 2;
    CHECK(scn_simulate_counts(&one_thread, CELLS, GENES, &options, &simulated, clusters, CELLS, batches, CELLS, NULL, 0));
    CHECK(scn_matrix_init(&counts, sizeof counts));
    CHECK(scn_sparse_view(simulated, &counts));
    CHECK(scn_matrix_to_major(&one_thread, &counts, SCN_VAR, &simulated_var));
    CHECK(scn_matrix_init(&counts_var, sizeof counts_var));
    CHECK(scn_sparse_view(simulated_var, &counts_var));

    values = malloc(sizeof *values * (size_t)counts.nnz);
    dense_out = malloc(sizeof *dense_out * CELLS * CHOSEN);
    logged = counts;
    logged.values = malloc(sizeof(float) * (size_t)counts.nnz);
    logged_var = counts_var;
    logged_var.values = malloc(sizeof(float) * (size_t)counts.nnz);
    normalize_log1p();
    memcpy((void *)logged.values, values, sizeof *values * (size_t)counts.nnz);
    /* Not the same values, but as many different ones. */
    CHECK(scn_pp_log1p(&one_thread, &counts_var, 0, (void *)logged_var.values, SCN_F32, counts.nnz));

    for (i = 0; i < CHOSEN; ++i) {
        genes[i] = i * (GENES / CHOSEN);
    }
    for (i = 0; i < GENES; ++i) {
        marked[i] = i % 150 == 3;
    }
    for (i = 0; i < 2 * CELLS; ++i) {
        covariates[i] = i * 7919 % 1013;
    }
    CHECK(scn_matrix_subset(&one_thread, &logged, NULL, 0, genes, CHOSEN, &chosen));
    CHECK(scn_matrix_init(&view, sizeof view));
    CHECK(scn_sparse_view(chosen, &view));
    CHECK(scn_matrix_to_dense(&one_thread, &view, SCN_OBS, SCN_F32, picked, CELLS * CHOSEN));
    CHECK(scn_matrix_init(&dense, sizeof dense));
    dense.storage = SCN_DENSE;
    dense.n_obs = CELLS;
    dense.n_vars = CHOSEN;
    dense.values = picked;
    dense.value_type = SCN_F32;
}

#define COUNT(kernel) {#kernel, kernel}
static const struct {
    const char *name;
    void (*call)(void);
} kernels[] = {
    COUNT(normalize_log1p),   {"log1p", log1p_},       COUNT(qc),
    COUNT(mean_var_obs),      COUNT(mean_var_var),     COUNT(aggregate),
    COUNT(to_var),            COUNT(subset_obs),       COUNT(subset_var),
    COUNT(hvg_seurat),        COUNT(hvg_cell_ranger),  COUNT(hvg_seurat_v3),
    COUNT(hvg_seurat_v3_batches), COUNT(hvg_pearson),  COUNT(wilcoxon_rest_obs),
    COUNT(wilcoxon_rest_var), COUNT(wilcoxon_rest_raw), COUNT(wilcoxon_reference_obs),
    COUNT(wilcoxon_reference_var), COUNT(ttest_rest),  COUNT(ttest_reference),
    COUNT(control_genes),     COUNT(score_genes),      COUNT(scale_dense),
    COUNT(regress_numeric),   COUNT(regress_category), COUNT(loess),
};

int main(void) {
    size_t i;
    prepare();
    for (i = 0; i < sizeof kernels / sizeof *kernels; ++i) {
        /* The first call makes tables that are kept. */
        kernels[i].call();
        CALLGRIND_START_INSTRUMENTATION;
        CALLGRIND_ZERO_STATS;
        kernels[i].call();
        CALLGRIND_STOP_INSTRUMENTATION;
        CALLGRIND_DUMP_STATS_AT(kernels[i].name);
    }
    return 0;
}
