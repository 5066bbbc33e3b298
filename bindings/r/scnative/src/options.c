#include "options.h"

#include <string.h>

#include "entries.h"

/* The field's value in the list, or null. R's struct_options() has seen to names, types and ranges. */
static const double *given(SEXP list, const char *field) {
    SEXP names = Rf_getAttrib(list, R_NamesSymbol);
    for (R_xlen_t i = 0; i < Rf_xlength(list); i++) {
        if (strcmp(CHAR(STRING_ELT(names, i)), field) == 0) {
            return REAL(VECTOR_ELT(list, i));
        }
    }
    return NULL;
}

#define TAKE(type, kind, field)                                   \
    if ((value = given(list, #field))) {                          \
        options.field = (kind)*value;                             \
    }
#define DEFINE(type, init)                    \
    type options_##type(SEXP list) {          \
        type options;                         \
        const double *value;                  \
        scn.init(&options, sizeof options);   \
        SCN_FIELDS_##type(TAKE)               \
        return options;                       \
    }
SCN_OPTIONS(DEFINE)

/* The library's defaults of a struct: doubles named by its fields. */
#define COUNT(type, kind, field) +1
#define NAME(type, kind, field) SET_STRING_ELT(names, i, Rf_mkChar(#field)), values[i++] = (double)options.field;
#define DEFAULTS(type, init)                                                             \
    if (strcmp(wanted, #type) == 0) {                                                    \
        type options = options_##type(R_NilValue);                                       \
        SEXP made = PROTECT(Rf_allocVector(REALSXP, 0 SCN_FIELDS_##type(COUNT)));        \
        SEXP names = PROTECT(Rf_allocVector(STRSXP, XLENGTH(made)));                     \
        double *values = REAL(made);                                                     \
        R_xlen_t i = 0;                                                                  \
        SCN_FIELDS_##type(NAME)                                                          \
        Rf_setAttrib(made, R_NamesSymbol, names);                                        \
        UNPROTECT(2);                                                                    \
        return made;                                                                     \
    }
SEXP C_defaults(SEXP struct_name) {
    const char *wanted = CHAR(STRING_ELT(struct_name, 0));
    SCN_OPTIONS(DEFAULTS)
    return R_NilValue;
}
