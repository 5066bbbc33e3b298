/* Matrices as such: checks, the other major axis, subsets, concatenation, dense tables, statistics. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "call.h"
#include "entries.h"
#include "matrix.h"
#include "vectors.h"

/* The position of the first NA of an integer matrix, from 1; 0 if there is none. */
SEXP C_first_na(SEXP matrix) {
    const int *values = INTEGER(matrix);
    R_xlen_t n = XLENGTH(matrix);
    for (R_xlen_t i = 0; i < n; i++) {
        if (values[i] == NA_INTEGER) {
            return Rf_ScalarReal((double)i + 1);
        }
    }
    return Rf_ScalarReal(0);
}

/* R's expm1() of many values that are few: those of a cell are logarithms of small counts over the same total. The ones seen
   last are remembered, each with its outcome, at a place that its bits say. */
SEXP C_expm1(SEXP values) {
    enum { PLACES = 1024 };
    double seen[PLACES], outcomes[PLACES];
    memset(seen, 0, sizeof seen);
    memset(outcomes, 0, sizeof outcomes);
    R_xlen_t n = XLENGTH(values);
    SEXP made = PROTECT(new_doubles(n));
    const double *from = REAL(values);
    double *to = REAL(made);
    for (R_xlen_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        size_t place = (size_t)(bits * UINT64_C(0x9E3779B97F4A7C15) >> 54);
        if (memcmp(&seen[place], &bits, sizeof bits) != 0) {
            seen[place] = from[i];
            outcomes[place] = expm1(from[i]);
        }
        to[i] = outcomes[place];
    }
    UNPROTECT(1);
    return made;
}

SEXP C_validate(SEXP settings, SEXP view) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    return finish(&call, scn.scn_matrix_validate(&call.context, &matrix), R_NilValue);
}

SEXP C_is_canonical(SEXP settings, SEXP view) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    uint8_t canonical = 0;
    ScnStatus status = scn.scn_matrix_is_canonical(&call.context, &matrix, &canonical);
    return finish(&call, status, Rf_ScalarLogical(canonical));
}

SEXP C_sum_duplicates(SEXP settings, SEXP view) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    SEXP held = PROTECT(hold_sparse());
    ScnSparse *made = NULL;
    ScnStatus status = scn.scn_matrix_sum_duplicates(&call.context, &matrix, &made);
    SEXP result = finish(&call, status, take_sparse(held, made));
    UNPROTECT(1);
    return result;
}

SEXP C_to_major(SEXP settings, SEXP view, SEXP major) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    SEXP held = PROTECT(hold_sparse());
    ScnSparse *made = NULL;
    ScnStatus status = scn.scn_matrix_to_major(&call.context, &matrix, Rf_asInteger(major), &made);
    SEXP result = finish(&call, status, take_sparse(held, made));
    UNPROTECT(1);
    return result;
}

SEXP C_subset(SEXP settings, SEXP view, SEXP cells, SEXP genes) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Numbers obs = as_numbers(cells, 1), vars = as_numbers(genes, 1);
    SEXP held = PROTECT(hold_sparse());
    ScnSparse *made = NULL;
    ScnStatus status = scn.scn_matrix_subset(&call.context, &matrix, obs.at, obs.len, vars.at, vars.len, &made);
    SEXP result = finish(&call, status, take_sparse(held, made));
    UNPROTECT(1);
    return result;
}

SEXP C_concat(SEXP settings, SEXP views, SEXP along) {
    Call call;
    begin(&call, settings);
    R_xlen_t n = XLENGTH(views);
    ScnMatrix *matrices = (ScnMatrix *)R_alloc(n > 0 ? n : 1, sizeof *matrices);
    const ScnMatrix **pointers = (const ScnMatrix **)R_alloc(n > 0 ? n : 1, sizeof *pointers);
    for (R_xlen_t i = 0; i < n; i++) {
        matrices[i] = borrow(VECTOR_ELT(views, i));
        pointers[i] = &matrices[i];
    }
    SEXP held = PROTECT(hold_sparse());
    ScnSparse *made = NULL;
    ScnStatus status = scn.scn_matrix_concat(&call.context, pointers, n, Rf_asInteger(along), &made);
    SEXP result = finish(&call, status, take_sparse(held, made));
    UNPROTECT(1);
    return result;
}

SEXP C_to_dense(SEXP settings, SEXP view, SEXP transposed) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    /* R's columns follow each other: the cells' if they are columns, unless the other way round is wanted. */
    int cells_in_rows = Rf_asLogical(VECTOR_ELT(view, VIEW_ROWS)) != Rf_asLogical(transposed);
    SEXP cells = VECTOR_ELT(view, VIEW_CELLS), genes = VECTOR_ELT(view, VIEW_GENES);
    SEXP made = PROTECT(cells_in_rows ? new_matrix(matrix.n_obs, matrix.n_vars, cells, genes)
                                      : new_matrix(matrix.n_vars, matrix.n_obs, genes, cells));
    ScnStatus status = scn.scn_matrix_to_dense(&call.context, &matrix, cells_in_rows ? SCN_VAR : SCN_OBS, SCN_F64,
                                               (void *)address(made), XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

static const char *const STATISTICS[] = {"sum", "mean", "var", "count_nonzero", "min", "max", ""};

SEXP C_stats(SEXP settings, SEXP view, SEXP over, SEXP ddof, SEXP which) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    int axis = Rf_asInteger(over);
    int64_t n = axis == SCN_OBS ? matrix.n_vars : matrix.n_obs;
    SEXP made = PROTECT(named_subset(which, STATISTICS));
    for (R_xlen_t i = 0; i < XLENGTH(made); i++) {
        SET_VECTOR_ELT(made, i, Rf_allocVector(REALSXP, n));
    }
    ScnStatus status = scn.scn_matrix_stats(&call.context, &matrix, axis, (int64_t)Rf_asReal(ddof), output(made, "sum"),
                                            output(made, "mean"), output(made, "var"), output(made, "count_nonzero"),
                                            output(made, "min"), output(made, "max"), n);
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_aggregate(SEXP settings, SEXP view, SEXP groups, SEXP over, SEXP ddof, SEXP which) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    int axis = Rf_asInteger(over);
    int64_t n = axis == SCN_OBS ? matrix.n_vars : matrix.n_obs;
    SEXP made = PROTECT(named_subset(which, STATISTICS));
    for (R_xlen_t i = 0; i < XLENGTH(made); i++) {
        SEXP names = VECTOR_ELT(view, axis == SCN_OBS ? VIEW_GENES : VIEW_CELLS);
        SET_VECTOR_ELT(made, i, new_matrix(n, labels.n, names, labels.names));
    }
    ScnStatus status = scn.scn_matrix_aggregate(
        &call.context, &matrix, axis, labels.labels, labels.len, labels.n, (int64_t)Rf_asReal(ddof), output(made, "sum"),
        output(made, "mean"), output(made, "var"), output(made, "count_nonzero"), output(made, "min"), output(made, "max"),
        n * labels.n);
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_median(SEXP settings, SEXP view, SEXP groups, SEXP over) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    int axis = Rf_asInteger(over);
    int64_t n = axis == SCN_OBS ? matrix.n_vars : matrix.n_obs;
    SEXP made = PROTECT(new_matrix(n, labels.n, VECTOR_ELT(view, axis == SCN_OBS ? VIEW_GENES : VIEW_CELLS), labels.names));
    ScnStatus status = scn.scn_matrix_medians(&call.context, &matrix, axis, labels.labels, labels.len, labels.n,
                                              (double *)address(made), XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}
