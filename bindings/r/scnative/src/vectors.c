#include "vectors.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

const void *address(SEXP vector) {
    static const double NOTHING = 0;
    if (XLENGTH(vector) == 0) {
        return &NOTHING;
    }
    return TYPEOF(vector) == INTSXP ? (const void *)INTEGER(vector) : (const void *)REAL(vector);
}

const double *doubles(SEXP vector) { return vector == R_NilValue ? NULL : address(vector); }

Groups as_groups(SEXP groups) {
    Groups made = {NULL, 0, 0, R_NilValue};
    if (groups != R_NilValue) {
        SEXP codes = VECTOR_ELT(groups, 0);
        made.labels = address(codes);
        made.len = XLENGTH(codes);
        made.names = VECTOR_ELT(groups, 1);
        made.n = XLENGTH(made.names);
    }
    return made;
}

int64_t *new_numbers(R_xlen_t n) { return (int64_t *)R_alloc(n > 0 ? n : 1, sizeof(int64_t)); }

Numbers as_numbers(SEXP vector, int base) {
    Numbers made = {NULL, 0};
    if (vector != R_NilValue) {
        made.len = XLENGTH(vector);
        int64_t *numbers = new_numbers(made.len);
        for (R_xlen_t i = 0; i < made.len; i++) {
            numbers[i] = (TYPEOF(vector) == INTSXP ? (int64_t)INTEGER(vector)[i] : (int64_t)REAL(vector)[i]) - base;
        }
        made.at = numbers;
    }
    return made;
}

SEXP numbers_to_integer(const int64_t *numbers, R_xlen_t n, int base) {
    SEXP made = Rf_allocVector(INTSXP, n);
    for (R_xlen_t i = 0; i < n; i++) {
        INTEGER(made)[i] = (int)(numbers[i] + base);
    }
    return made;
}

uint8_t *new_flags(R_xlen_t n) {
    uint8_t *flags = (uint8_t *)R_alloc(n > 0 ? n : 1, 1);
    memset(flags, 0, n > 0 ? n : 1);
    return flags;
}

SEXP flags_to_logical(const uint8_t *flags, R_xlen_t n) {
    SEXP made = Rf_allocVector(LGLSXP, n);
    for (R_xlen_t i = 0; i < n; i++) {
        LOGICAL(made)[i] = flags[i] != 0;
    }
    return made;
}

/* Hundreds of megabytes in huge pages, where the system has them, are made with some hundred page faults instead of many ten
   thousand. The advice is to whole pages inside the vector, and that it may fail is no harm. */
SEXP new_doubles(R_xlen_t n) {
    SEXP made = Rf_allocVector(REALSXP, n);
#ifdef MADV_HUGEPAGE
    const uintptr_t huge = (uintptr_t)2 << 20;
    if ((double)n * sizeof(double) >= 4.0 * huge) {
        uintptr_t start = (uintptr_t)REAL(made), end = start + (uintptr_t)n * sizeof(double);
        start = (start + huge - 1) / huge * huge;
        end = end / huge * huge;
        madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
#endif
    return made;
}

SEXP new_matrix(R_xlen_t nrow, R_xlen_t ncol, SEXP row_names, SEXP col_names) {
    SEXP made = PROTECT(new_doubles(nrow * ncol)), dim = PROTECT(Rf_allocVector(INTSXP, 2));
    INTEGER(dim)[0] = (int)nrow;
    INTEGER(dim)[1] = (int)ncol;
    Rf_setAttrib(made, R_DimSymbol, dim);
    if (row_names != R_NilValue || col_names != R_NilValue) {
        SEXP names = PROTECT(Rf_allocVector(VECSXP, 2));
        SET_VECTOR_ELT(names, 0, row_names);
        SET_VECTOR_ELT(names, 1, col_names);
        Rf_setAttrib(made, R_DimNamesSymbol, names);
        UNPROTECT(1);
    }
    UNPROTECT(2);
    return made;
}

int has(SEXP names, const char *name) {
    for (R_xlen_t i = 0; i < XLENGTH(names); i++) {
        if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) {
            return 1;
        }
    }
    return 0;
}

SEXP named_subset(SEXP wanted, const char *const *names) {
    R_xlen_t n = 0, i = 0;
    for (const char *const *name = names; **name; name++) {
        n += has(wanted, *name);
    }
    SEXP made = PROTECT(Rf_allocVector(VECSXP, n)), labels = PROTECT(Rf_allocVector(STRSXP, n));
    for (const char *const *name = names; **name; name++) {
        if (has(wanted, *name)) {
            SET_STRING_ELT(labels, i++, Rf_mkChar(*name));
        }
    }
    Rf_setAttrib(made, R_NamesSymbol, labels);
    UNPROTECT(2);
    return made;
}

double *output(SEXP list, const char *name) {
    SEXP names = Rf_getAttrib(list, R_NamesSymbol);
    for (R_xlen_t i = 0; i < Rf_xlength(list); i++) {
        if (strcmp(CHAR(STRING_ELT(names, i)), name) == 0) {
            return (double *)address(VECTOR_ELT(list, i));
        }
    }
    return NULL;
}
