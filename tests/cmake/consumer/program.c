/* Draws cells and normalises them through the C ABI; prints the version and the first size factor. */
#include <scnative.h>
#include <stdio.h>
#include <stdlib.h>

static void must(ScnStatus status) {
    if (status != SCN_OK) {
        fprintf(stderr, "%s\n", scn_status_name(status));
        exit(1);
    }
}

int main(void) {
    ScnContext context;
    ScnSparse *counts;
    ScnMatrix view;
    double factors[200];
    must(scn_context_init(&context, sizeof context));
    context.n_threads = 2;
    must(scn_simulate_counts(&context, 200, 300, NULL, &counts, NULL, 0, NULL, 0, NULL, 0));
    must(scn_matrix_init(&view, sizeof view));
    must(scn_sparse_view(counts, &view));
    must(scn_pp_normalize_total(&context, &view, NULL, NULL, SCN_F32, 0, factors, 200, NULL, 0, NULL));
    scn_sparse_free(counts);
    printf("%s %.17g\n", scn_version(), factors[0]);
    context.n_threads = -1;
    return scn_simulate_counts(&context, 200, 300, NULL, &counts, NULL, 0, NULL, 0, NULL, 0) == SCN_ERR_INVALID_ARGUMENT ? 0 : 1;
}
