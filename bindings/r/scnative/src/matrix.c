#include "matrix.h"

#include <limits.h>
#include <string.h>

#include "call.h"
#include "vectors.h"

static SEXP slot_of(SEXP x, const char *name) { return R_do_slot(x, Rf_install(name)); }

ScnMatrix borrow(SEXP view) {
    SEXP x = VECTOR_ELT(view, VIEW_X);
    int cells_in_rows = Rf_asLogical(VECTOR_ELT(view, VIEW_ROWS));
    ScnMatrix matrix;
    scn.scn_matrix_init(&matrix, sizeof matrix);
    /* What the values follow each other along: rows of a dgRMatrix, else columns. */
    int by_row = 0;
    const int *dim;
    if (IS_S4_OBJECT(x)) {
        by_row = R_has_slot(x, Rf_install("j"));
        dim = INTEGER(slot_of(x, "Dim"));
        SEXP p = slot_of(x, "p");
        matrix.storage = SCN_SPARSE;
        matrix.nnz = INTEGER(p)[XLENGTH(p) - 1];
        matrix.indptr = address(p);
        matrix.indptr_type = SCN_I32;
        matrix.indices = address(slot_of(x, by_row ? "j" : "i"));
        matrix.index_type = SCN_I32;
        matrix.values = address(slot_of(x, "x"));
        matrix.value_type = SCN_F64;
    } else {
        dim = INTEGER(Rf_getAttrib(x, R_DimSymbol));
        matrix.storage = SCN_DENSE;
        matrix.values = address(x);
        matrix.value_type = TYPEOF(x) == INTSXP ? SCN_I32 : SCN_F64;
    }
    matrix.major = by_row == cells_in_rows ? SCN_OBS : SCN_VAR;
    matrix.n_obs = dim[!cells_in_rows];
    matrix.n_vars = dim[cells_in_rows];
    return matrix;
}

SEXP dense_like(SEXP view) {
    SEXP x = VECTOR_ELT(view, VIEW_X);
    const int *dim = INTEGER(IS_S4_OBJECT(x) ? slot_of(x, "Dim") : Rf_getAttrib(x, R_DimSymbol));
    SEXP made = PROTECT(new_matrix(dim[0], dim[1], R_NilValue, R_NilValue));
    SEXP names = PROTECT(IS_S4_OBJECT(x) ? slot_of(x, "Dimnames") : Rf_getAttrib(x, R_DimNamesSymbol));
    if (names != R_NilValue && (VECTOR_ELT(names, 0) != R_NilValue || VECTOR_ELT(names, 1) != R_NilValue)) {
        Rf_setAttrib(made, R_DimNamesSymbol, names);
    }
    UNPROTECT(2);
    return made;
}

SEXP values_like(SEXP view) {
    SEXP x = VECTOR_ELT(view, VIEW_X);
    return IS_S4_OBJECT(x) ? new_doubles(XLENGTH(slot_of(x, "x"))) : dense_like(view);
}

static void release_sparse(SEXP pointer) {
    scn.scn_sparse_free(R_ExternalPtrAddr(pointer));
    R_ClearExternalPtr(pointer);
}

SEXP hold_sparse(void) { return hold(release_sparse); }

SEXP take_sparse(SEXP pointer, ScnSparse *sparse) {
    if (!sparse) {
        return R_NilValue;
    }
    R_SetExternalPtrAddr(pointer, sparse);
    ScnMatrix matrix;
    scn.scn_matrix_init(&matrix, sizeof matrix);
    scn.scn_sparse_view(sparse, &matrix);
    SEXP parts = PROTECT(copy_sparse(&matrix));
    release_sparse(pointer);
    UNPROTECT(1);
    return parts;
}

static void copy_doubles(double *to, const void *from, int32_t type, int64_t n) {
    if (type == SCN_F64 && n > 0) {
        memcpy(to, from, (size_t)n * sizeof *to);
    }
    switch (type) {
#define CASE(tag, kind)                                \
    case tag:                                          \
        for (int64_t i = 0; i < n; i++) {              \
            to[i] = (double)((const kind *)from)[i];   \
        }                                              \
        break;
        CASE(SCN_F32, float)
        CASE(SCN_I8, int8_t)
        CASE(SCN_U8, uint8_t)
        CASE(SCN_I16, int16_t)
        CASE(SCN_U16, uint16_t)
        CASE(SCN_I32, int32_t)
        CASE(SCN_U32, uint32_t)
        CASE(SCN_I64, int64_t)
        CASE(SCN_U64, uint64_t)
#undef CASE
    }
}

SEXP copy_sparse(const ScnMatrix *matrix) {
    static const char *NAMES[] = {"p", "i", "x", "n_obs", "n_vars", "major", ""};
    if (matrix->nnz > INT_MAX || matrix->n_obs > INT_MAX || matrix->n_vars > INT_MAX) {
        return shim_error(SCN_ERR_OVERFLOW,
                      "result: is %lld x %lld with %lld elements that are not zero, R's sparse matrices hold at most %d of each",
                      (long long)matrix->n_obs, (long long)matrix->n_vars, (long long)matrix->nnz, INT_MAX);
    }
    R_xlen_t lines = (R_xlen_t)(matrix->major == SCN_OBS ? matrix->n_obs : matrix->n_vars), nnz = (R_xlen_t)matrix->nnz;
    SEXP parts = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SET_VECTOR_ELT(parts, 0, Rf_allocVector(INTSXP, lines + 1));
    SET_VECTOR_ELT(parts, 1, Rf_allocVector(INTSXP, nnz));
    SET_VECTOR_ELT(parts, 2, new_doubles(nnz));
    SET_VECTOR_ELT(parts, 3, Rf_ScalarInteger((int)matrix->n_obs));
    SET_VECTOR_ELT(parts, 4, Rf_ScalarInteger((int)matrix->n_vars));
    SET_VECTOR_ELT(parts, 5, Rf_ScalarInteger(matrix->major));
    int *p = INTEGER(VECTOR_ELT(parts, 0)), *i = INTEGER(VECTOR_ELT(parts, 1));
    for (R_xlen_t k = 0; k <= lines; k++) {
        p[k] = (int)((const int64_t *)matrix->indptr)[k];
    }
    if (matrix->index_type == SCN_I32 && nnz > 0) {
        memcpy(i, matrix->indices, (size_t)nnz * sizeof *i);
    } else {
        for (R_xlen_t k = 0; k < nnz; k++) {
            i[k] = (int)((const int64_t *)matrix->indices)[k];
        }
    }
    copy_doubles(REAL(VECTOR_ELT(parts, 2)), matrix->values, matrix->value_type, nnz);
    UNPROTECT(1);
    return parts;
}
