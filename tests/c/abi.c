/* The raw C ABI as a C99 program uses it: a sparse matrix in, a handle out, errors, progress, cancellation, logging, files, structs of
 * options and of outputs, fork. */
#include "scnative.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            char why[512] = "";                                                                \
            scn_last_error_message(why, sizeof why, NULL);                                     \
            fprintf(stderr, "%s:%d: %s is false (%s)\n", __FILE__, __LINE__, #condition, why); \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

/* 2 cells x 3 genes, 1-based as Julia has it, the second cell unsorted and with a repeat. */
static const int32_t indptr[] = {1, 3, 6};
static const int64_t indices[] = {1, 3, 2, 1, 2};
static const double values[] = {1.0, 2.0, 3.0, 4.0, 5.0};

static ScnMatrix small(void) {
    ScnMatrix m;
    CHECK(scn_matrix_init(&m, sizeof m) == SCN_OK);
    m.index_base = 1;
    m.n_obs = 2;
    m.n_vars = 3;
    m.nnz = 5;
    m.indptr = indptr;
    m.indptr_type = SCN_I32;
    m.indices = indices;
    m.index_type = SCN_I64;
    m.values = values;
    m.value_type = SCN_F64;
    return m;
}

static void sorts(void) {
    ScnMatrix m = small(), view;
    ScnSparse *sorted = NULL;
    uint8_t canonical = 7;
    CHECK(scn_matrix_is_canonical(NULL, &m, &canonical) == SCN_OK && canonical == 0);
    CHECK(scn_matrix_sum_duplicates(NULL, &m, &sorted) == SCN_OK && sorted != NULL);
    CHECK(scn_matrix_init(&view, sizeof view) == SCN_OK);
    CHECK(scn_sparse_view(sorted, &view) == SCN_OK);
    CHECK(view.nnz == 4 && view.major == SCN_OBS && view.index_base == 0 && view.value_type == SCN_F64);
    CHECK(((const int64_t *)view.indptr)[2] == 4);
    CHECK(((const int64_t *)view.indices)[2] == 0 && ((const double *)view.values)[2] == 4.0);
    CHECK(((const int64_t *)view.indices)[3] == 1 && ((const double *)view.values)[3] == 8.0);
    CHECK(scn_matrix_is_canonical(NULL, &view, &canonical) == SCN_OK && canonical == 1);
    CHECK(scn_matrix_is_canonical(NULL, &view, NULL) == SCN_ERR_NULL);
    CHECK(scn_matrix_validate(NULL, &view) == SCN_OK); /* the borrowed result is a matrix like any other */
    scn_sparse_free(sorted);
    scn_sparse_free(NULL);
}

static void fails_clearly(void) {
    ScnMatrix m = small();
    ScnSparse *untouched = (ScnSparse *)&m;
    uint8_t canonical = 7;
    char message[256];
    m.n_vars = 2;
    CHECK(scn_matrix_is_canonical(NULL, &m, &canonical) == SCN_ERR_MATRIX && canonical == 7);
    CHECK(scn_matrix_sum_duplicates(NULL, &m, &untouched) == SCN_ERR_MATRIX);
    CHECK(untouched == (ScnSparse *)&m);
    CHECK(scn_last_error_message(message, sizeof message, NULL) == SCN_OK);
    CHECK(strstr(message, "matrix.indices[1]: is 3") != NULL);
    CHECK(strcmp(scn_status_name(SCN_ERR_MATRIX), "SCN_ERR_MATRIX") == 0);
    CHECK(scn_abi_version() == SCN_ABI_VERSION);
}

static int32_t count(double done, void *user) {
    CHECK(done >= 0.0 && done <= 1.0);
    ++*(int *)user;
    return 0;
}

static void note(int32_t level, const char *message, void *user) {
    CHECK(level >= SCN_LOG_INFO && message != NULL);
    ++*(int *)user;
}

static void context_and_log(void) {
    ScnMatrix m = small();
    ScnContext context;
    int reports = 0, notes = 0;
    CHECK(scn_context_init(&context, sizeof context) == SCN_OK);
    context.n_threads = 3;
    context.progress = count;
    context.progress_user = &reports;
    CHECK(scn_set_log_callback(note, &notes) == SCN_OK);
    CHECK(scn_matrix_validate(&context, &m) == SCN_OK);
    CHECK(scn_set_log_callback(NULL, NULL) == SCN_OK);
}

static int32_t stop(double done, void *user) {
    CHECK(done >= 0.0 && done <= 1.0);
    return ++*(int *)user >= 2;
}

static void cancels(void) {
    enum { N = 96000 };
    static double points[N * 8], distance[4];
    static int32_t groups[N];
    ScnMatrix m;
    ScnContext context;
    ScnCancelToken *token = NULL;
    ScnStatus status;
    int reports = 0, i;
    for (i = 0; i < N * 8; ++i) {
        points[i] = (double)(i * 7919 % 1013);
    }
    for (i = 0; i < N; ++i) {
        groups[i] = i % 2;
    }
    CHECK(scn_matrix_init(&m, sizeof m) == SCN_OK);
    m.storage = SCN_DENSE;
    m.n_obs = N;
    m.n_vars = 8;
    m.values = points;
    m.value_type = SCN_F64;
    CHECK(scn_context_init(&context, sizeof context) == SCN_OK);
    CHECK(scn_cancel_token_new(&token) == SCN_OK && token != NULL);
    context.cancel = token;
    CHECK(scn_cancel_token_set(token) == SCN_OK);
    distance[0] = 7;
    CHECK(scn_tl_energy_distance(&context, &m, groups, N, 2, -1, SCN_METRIC_EUCLIDEAN, 1, distance, 4) == SCN_ERR_CANCELLED);
    CHECK(distance[0] == 7); /* outputs are as they were */
    CHECK(scn_cancel_token_reset(token) == SCN_OK);
    CHECK(scn_tl_energy_distance(&context, &m, groups, N, 2, -1, SCN_METRIC_SQEUCLIDEAN, 1, distance, 4) == SCN_OK);
    CHECK(distance[0] == 0 && distance[1] == distance[2]);
    context.cancel = NULL;
    scn_cancel_token_free(token);
    scn_cancel_token_free(NULL);
    context.n_threads = 1;
    context.progress = stop;
    context.progress_user = &reports;
    for (i = 6000; reports < 2; i *= 2) { /* until it takes long enough to be asked twice */
        CHECK(i <= N);
        m.n_obs = i;
        reports = 0;
        status = scn_tl_energy_distance(&context, &m, groups, i, 2, -1, SCN_METRIC_EUCLIDEAN, 1, distance, 4);
        CHECK(status == (reports < 2 ? SCN_OK : SCN_ERR_CANCELLED));
    }
    CHECK(reports == 2); /* not asked again */
}

static void write_text(const char *folder, const char *name, const char *text) {
    char path[512];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void reads_a_10x_folder(void) {
    static const char *const files[] = {"matrix.mtx", "barcodes.tsv", "features.tsv", "back.mtx.gz"};
    char folder[] = "10x-XXXXXX" /* in the working directory */, path[512], names[64];
    size_t needed = 0, i;
    int64_t n = 0;
    Scn10x *read = NULL;
    ScnMatrix view;
    ScnSparse *back = NULL;
    CHECK(mkdtemp(folder) != NULL);
    write_text(folder, files[0], "%%MatrixMarket matrix coordinate integer general\n%\n3 2 3\n1 1 5\n3 1 1\n2 2 7\n");
    write_text(folder, files[1], "AAA-1\nCCC-1\n");
    write_text(folder, files[2], "E1\tOne\tGene Expression\nE2\tTwo\tGene Expression\nE3\tThree\tPeaks\n");
    CHECK(scn_read_10x_mtx(NULL, folder, NULL, SCN_U16, &read) == SCN_OK && read != NULL);
    CHECK(scn_matrix_init(&view, sizeof view) == SCN_OK);
    CHECK(scn_10x_view(read, &view) == SCN_OK);
    CHECK(view.n_obs == 2 && view.n_vars == 3 && view.nnz == 3 && view.major == SCN_OBS && view.value_type == SCN_U16);
    CHECK(((const uint16_t *)view.values)[0] == 5 && ((const uint16_t *)view.values)[2] == 7);
    CHECK(scn_10x_names(read, SCN_10X_GENE_NAMES, NULL, 0, &needed, &n) == SCN_OK && n == 3 && needed == 15);
    CHECK(scn_10x_names(read, SCN_10X_GENE_NAMES, names, sizeof names, NULL, NULL) == SCN_OK);
    CHECK(strcmp(names, "One\nTwo\nThree\n") == 0);
    CHECK(scn_10x_names(read, SCN_10X_BARCODES, names, 7, &needed, NULL) == SCN_OK); /* cut off where there is no room */
    CHECK(strcmp(names, "AAA-1\n") == 0 && needed == 13);
    CHECK(scn_10x_names(read, 9, names, sizeof names, NULL, NULL) == SCN_ERR_INVALID_ARGUMENT);

    snprintf(path, sizeof path, "%s/%s", folder, files[3]);
    CHECK(scn_write_mtx(NULL, &view, path, SCN_VAR) == SCN_OK);
    scn_10x_free(read);
    scn_10x_free(NULL);
    CHECK(scn_read_mtx(NULL, path, SCN_VAR, 0, &back) == SCN_OK);
    CHECK(scn_sparse_view(back, &view) == SCN_OK && view.nnz == 3 && view.value_type == SCN_I64);
    CHECK(((const int64_t *)view.values)[1] == 1);
    scn_sparse_free(back);
    CHECK(scn_read_10x_mtx(NULL, folder, "other_", 0, &read) == SCN_ERR_NOT_FOUND);
    for (i = 0; i < sizeof files / sizeof *files; ++i) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        CHECK(remove(path) == 0);
    }
    CHECK(rmdir(folder) == 0);
}

/* 4 cells x 2 genes: the first gene is high in the first two cells, the second is the same in all. */
static const float table[] = {4, 1, 3, 1, 2, 1, 1, 1};
static const int32_t halves[] = {0, 0, 1, 1};

static ScnMatrix dense(void) {
    ScnMatrix m;
    CHECK(scn_matrix_init(&m, sizeof m) == SCN_OK);
    m.storage = SCN_DENSE;
    m.n_obs = 4;
    m.n_vars = 2;
    m.values = table;
    return m;
}

static void ranks_genes(void) {
    ScnMatrix m = dense();
    ScnRankGenesGroupsOptions options;
    ScnRankGenesGroupsOutputs outputs;
    double u[4], auroc[4], scores[4] = {0};
    int64_t order[2];
    CHECK(scn_rank_genes_groups_options_init(&options, sizeof options) == SCN_OK);
    CHECK(options.struct_size == sizeof options && options.method == SCN_METHOD_T_TEST &&
          options.reference == SCN_REFERENCE_REST);
    options.method = SCN_METHOD_WILCOXON;
    CHECK(scn_rank_genes_groups_outputs_init(&outputs, sizeof outputs) == SCN_OK);
    CHECK(outputs.scores == NULL && outputs.len == 0);
    outputs.len = 4;
    outputs.u = u;
    outputs.auroc = auroc;
    outputs.scores = scores;
    CHECK(scn_tl_rank_genes_groups(NULL, &m, halves, 4, 2, &options, &outputs) == SCN_OK);
    CHECK(u[0] == 4 && u[1] == 2 && u[2] == 0 && auroc[0] == 1 && auroc[1] == 0.5 && scores[0] > 0 && scores[0] == -scores[2]);
    CHECK(scn_tl_rank_genes_groups_order(NULL, scores, 4, 2, 2, 1, 0, order, 2) == SCN_OK);
    CHECK(order[0] == 0 && order[1] == 1);
    outputs.len = 3;
    CHECK(scn_tl_rank_genes_groups(NULL, &m, halves, 4, 2, &options, &outputs) == SCN_ERR_SHAPE);
    options.struct_size = 4;
    CHECK(scn_tl_rank_genes_groups(NULL, &m, halves, 4, 2, &options, &outputs) == SCN_ERR_STRUCT_SIZE);
    CHECK(scn_tl_rank_genes_groups(NULL, &m, halves, 4, 2, NULL, NULL) == SCN_ERR_NULL);
}

static void finds_variable_genes(void) {
    ScnMatrix m = dense();
    ScnHighlyVariableGenesOptions options;
    ScnHighlyVariableGenesOutputs outputs;
    uint8_t chosen[2];
    double means[2];
    CHECK(scn_highly_variable_genes_options_init(&options, sizeof options) == SCN_OK);
    options.flavor = SCN_HVG_PEARSON_RESIDUALS;
    options.n_top_genes = 1;
    CHECK(scn_highly_variable_genes_outputs_init(&outputs, sizeof outputs) == SCN_OK);
    outputs.n_vars = 2;
    outputs.highly_variable = chosen;
    outputs.means = means;
    CHECK(scn_pp_highly_variable_genes(NULL, &m, NULL, 0, 0, NULL, 0, &options, &outputs) == SCN_OK);
    CHECK(chosen[0] + chosen[1] == 1 && means[0] == 2.5 && means[1] == 1);
    outputs.n_vars = 3;
    CHECK(scn_pp_highly_variable_genes(NULL, &m, NULL, 0, 0, NULL, 0, &options, &outputs) == SCN_ERR_SHAPE);
    outputs.n_vars = 2;
    options.n_top_genes = 3;
    CHECK(scn_pp_highly_variable_genes(NULL, &m, NULL, 0, 0, NULL, 0, &options, &outputs) == SCN_ERR_INVALID_ARGUMENT);
}

static void survives_fork(void) {
    ScnMatrix m = small();
    ScnContext context;
    int status = 0;
    pid_t child;
    CHECK(scn_context_init(&context, sizeof context) == SCN_OK);
    context.n_threads = 2;
    CHECK(scn_matrix_validate(&context, &m) == SCN_OK);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(20); /* a child that hangs is killed, which the parent sees */
        _exit(scn_matrix_validate(&context, &m) == SCN_OK ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* With an argument the fork is left out: in the child, what the parent's threads held is lost, which valgrind reports. */
int main(int argc, char **argv) {
    (void)argv;
    sorts();
    fails_clearly();
    context_and_log();
    cancels();
    reads_a_10x_folder();
    ranks_genes();
    finds_variable_genes();
    if (argc == 1) {
        survives_fork();
    }
    puts("ok");
    return 0;
}
