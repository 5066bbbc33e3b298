/* Statistics on vectors: loess, p-values, corrections for multiple tests. */
#include "call.h"
#include "entries.h"
#include "options.h"
#include "vectors.h"

SEXP C_loess(SEXP settings, SEXP x, SEXP y, SEXP weights, SEXP given, SEXP new_x) {
    Call call;
    begin(&call, settings);
    ScnLoessOptions options = options_ScnLoessOptions(given);
    int elsewhere = new_x != R_NilValue;
    SEXP curve = PROTECT(Rf_allocVector(REALSXP, XLENGTH(elsewhere ? new_x : x)));
    double *to = (double *)address(curve);
    ScnStatus status = scn.scn_stats_loess(&call.context, address(x), XLENGTH(x), address(y), XLENGTH(y), doubles(weights),
                                           Rf_xlength(weights), &options, doubles(new_x), Rf_xlength(new_x),
                                           elsewhere ? NULL : to, elsewhere ? 0 : XLENGTH(curve), elsewhere ? to : NULL,
                                           elsewhere ? XLENGTH(curve) : 0);
    SEXP result = finish(&call, status, curve);
    UNPROTECT(1);
    return result;
}

SEXP C_normal_p(SEXP z, SEXP logarithm) {
    SEXP p = PROTECT(Rf_allocVector(REALSXP, XLENGTH(z)));
    ScnStatus status =
        scn.scn_stats_normal_p(address(z), XLENGTH(z), Rf_asLogical(logarithm), (double *)address(p), XLENGTH(p));
    SEXP result = finish(NULL, status, p);
    UNPROTECT(1);
    return result;
}

SEXP C_student_p(SEXP t, SEXP df, SEXP logarithm) {
    SEXP p = PROTECT(Rf_allocVector(REALSXP, XLENGTH(t)));
    ScnStatus status = scn.scn_stats_student_p(address(t), XLENGTH(t), address(df), XLENGTH(df), Rf_asLogical(logarithm),
                                               (double *)address(p), XLENGTH(p));
    SEXP result = finish(NULL, status, p);
    UNPROTECT(1);
    return result;
}

SEXP C_adjust_p(SEXP pvals, SEXP method) {
    SEXP adjusted = PROTECT(Rf_allocVector(REALSXP, XLENGTH(pvals)));
    ScnStatus status = scn.scn_stats_adjust_p(address(pvals), XLENGTH(pvals), Rf_asInteger(method), (double *)address(adjusted),
                                              XLENGTH(adjusted));
    SEXP result = finish(NULL, status, adjusted);
    UNPROTECT(1);
    return result;
}
