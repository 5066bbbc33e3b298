/* The raw C ABI as a C99 program uses it: a sparse matrix in, a handle out, errors, progress, logging, fork. */
#include "scnative.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                   \
    do {                                                                                   \
        if (!(condition)) {                                                                \
            char why[512] = "";                                                            \
            scn_last_error_message(why, sizeof why, NULL);                                 \
            fprintf(stderr, "%s:%d: %s is false (%s)\n", __FILE__, __LINE__, #condition, why); \
            exit(1);                                                                       \
        }                                                                                  \
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
    CHECK(scn_matrix_sum_duplicates(NULL, &m, &sorted) == SCN_OK && sorted != NULL);
    CHECK(scn_matrix_init(&view, sizeof view) == SCN_OK);
    CHECK(scn_sparse_view(sorted, &view) == SCN_OK);
    CHECK(view.nnz == 4 && view.major == SCN_OBS && view.index_base == 0 && view.value_type == SCN_F64);
    CHECK(((const int64_t *)view.indptr)[2] == 4);
    CHECK(((const int64_t *)view.indices)[2] == 0 && ((const double *)view.values)[2] == 4.0);
    CHECK(((const int64_t *)view.indices)[3] == 1 && ((const double *)view.values)[3] == 8.0);
    CHECK(scn_matrix_validate(NULL, &view) == SCN_OK); /* the borrowed result is a matrix like any other */
    scn_sparse_free(sorted);
    scn_sparse_free(NULL);
}

static void fails_clearly(void) {
    ScnMatrix m = small();
    ScnSparse *untouched = (ScnSparse *)&m;
    char message[256];
    m.n_vars = 2;
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
    if (argc == 1) {
        survives_fork();
    }
    puts("ok");
    return 0;
}
