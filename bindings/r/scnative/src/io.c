/* Files, and simulated counts: matrices that the library makes. */
#include <string.h>

#include "call.h"
#include "entries.h"
#include "matrix.h"
#include "options.h"
#include "vectors.h"

static const char *utf8(SEXP text) { return Rf_translateCharUTF8(STRING_ELT(text, 0)); }

SEXP C_read_mtx(SEXP settings, SEXP path, SEXP rows) {
    Call call;
    begin(&call, settings);
    SEXP held = PROTECT(hold_sparse());
    ScnSparse *made = NULL;
    ScnStatus status = scn.scn_read_mtx(&call.context, utf8(path), Rf_asInteger(rows), SCN_F64, &made);
    SEXP result = finish(&call, status, take_sparse(held, made));
    UNPROTECT(1);
    return result;
}

SEXP C_write_mtx(SEXP settings, SEXP view, SEXP path, SEXP rows) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    return finish(&call, scn.scn_write_mtx(&call.context, &matrix, utf8(path), Rf_asInteger(rows)), R_NilValue);
}

static void release_10x(SEXP pointer) {
    scn.scn_10x_free(R_ExternalPtrAddr(pointer));
    R_ClearExternalPtr(pointer);
}

static SEXP names_10x(const Scn10x *folder, int32_t which) {
    size_t needed = 1;
    int64_t count = 0;
    scn.scn_10x_names(folder, which, NULL, 0, &needed, &count);
    char *buffer = R_alloc(needed, 1);
    scn.scn_10x_names(folder, which, buffer, needed, NULL, NULL);
    SEXP names = PROTECT(Rf_allocVector(STRSXP, count));
    for (R_xlen_t i = 0; i < count; i++) {
        char *end = strchr(buffer, '\n');
        SET_STRING_ELT(names, i, Rf_mkCharLenCE(buffer, (int)(end - buffer), CE_UTF8));
        buffer = end + 1;
    }
    UNPROTECT(1);
    return names;
}

SEXP C_read_10x_mtx(SEXP settings, SEXP path, SEXP prefix) {
    static const char *NAMES[] = {"counts", "barcodes", "gene_ids", "gene_names", "feature_types", ""};
    Call call;
    begin(&call, settings);
    SEXP held = PROTECT(hold(release_10x));
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    Scn10x *folder = NULL;
    const char *begins = prefix == R_NilValue ? NULL : utf8(prefix);
    ScnStatus status = scn.scn_read_10x_mtx(&call.context, utf8(path), begins, SCN_F64, &folder);
    R_SetExternalPtrAddr(held, folder);
    if (folder) {
        ScnMatrix matrix;
        scn.scn_matrix_init(&matrix, sizeof matrix);
        scn.scn_10x_view(folder, &matrix);
        SET_VECTOR_ELT(made, 0, copy_sparse(&matrix));
        SET_VECTOR_ELT(made, 1, names_10x(folder, SCN_10X_BARCODES));
        SET_VECTOR_ELT(made, 2, names_10x(folder, SCN_10X_GENE_IDS));
        SET_VECTOR_ELT(made, 3, names_10x(folder, SCN_10X_GENE_NAMES));
        SET_VECTOR_ELT(made, 4, names_10x(folder, SCN_10X_FEATURE_TYPES));
        release_10x(held);
    }
    SEXP result = finish(&call, status, made);
    UNPROTECT(2);
    return result;
}

SEXP C_simulate_counts(SEXP settings, SEXP n_obs, SEXP n_vars, SEXP given) {
    static const char *NAMES[] = {"counts", "clusters", "batches", "marker_of", ""};
    Call call;
    begin(&call, settings);
    ScnSimulateOptions options = options_ScnSimulateOptions(given);
    int64_t cells = (int64_t)Rf_asReal(n_obs), genes = (int64_t)Rf_asReal(n_vars);
    SEXP held = PROTECT(hold_sparse());
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SEXP clusters = Rf_allocVector(INTSXP, cells);
    SET_VECTOR_ELT(made, 1, clusters);
    SEXP batches = Rf_allocVector(INTSXP, cells);
    SET_VECTOR_ELT(made, 2, batches);
    SEXP marker_of = Rf_allocVector(INTSXP, genes);
    SET_VECTOR_ELT(made, 3, marker_of);
    ScnSparse *counts = NULL;
    ScnStatus status = scn.scn_simulate_counts(&call.context, cells, genes, &options, &counts, (int32_t *)address(clusters),
                                               cells, (int32_t *)address(batches), cells, (int32_t *)address(marker_of), genes);
    SET_VECTOR_ELT(made, 0, take_sparse(held, counts));
    SEXP result = finish(&call, status, made);
    UNPROTECT(2);
    return result;
}
