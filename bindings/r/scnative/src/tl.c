/* Tools: comparisons of groups, gene set scores, distances between groups. */
#include "call.h"
#include "entries.h"
#include "matrix.h"
#include "options.h"
#include "vectors.h"

static const char *const COMPARISONS[] = {"scores", "pvals",  "pvals_adj",       "log_fold_changes", "ln_pvals",           "u",
                                          "auroc",  "means", "means_reference", "fractions",        "fractions_reference", ""};

SEXP C_rank_genes_groups(SEXP settings, SEXP view, SEXP groups, SEXP given, SEXP wanted) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    ScnRankGenesGroupsOptions options = options_ScnRankGenesGroupsOptions(given);
    SEXP made = PROTECT(named_subset(wanted, COMPARISONS));
    for (R_xlen_t i = 0; i < XLENGTH(made); i++) {
        SET_VECTOR_ELT(made, i,
                       new_matrix((R_xlen_t)matrix.n_vars, (R_xlen_t)labels.n, VECTOR_ELT(view, VIEW_GENES), labels.names));
    }
    ScnRankGenesGroupsOutputs outputs;
    scn.scn_rank_genes_groups_outputs_init(&outputs, sizeof outputs);
    outputs.len = matrix.n_vars * labels.n;
    outputs.scores = output(made, "scores");
    outputs.pvals = output(made, "pvals");
    outputs.ln_pvals = output(made, "ln_pvals");
    outputs.pvals_adj = output(made, "pvals_adj");
    outputs.log_fold_changes = output(made, "log_fold_changes");
    outputs.u = output(made, "u");
    outputs.auroc = output(made, "auroc");
    outputs.means = output(made, "means");
    outputs.means_reference = output(made, "means_reference");
    outputs.fractions = output(made, "fractions");
    outputs.fractions_reference = output(made, "fractions_reference");
    ScnStatus status =
        scn.scn_tl_rank_genes_groups(&call.context, &matrix, labels.labels, labels.len, labels.n, &options, &outputs);
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_rank_order(SEXP settings, SEXP scores, SEXP n_top, SEXP by_abs) {
    Call call;
    begin(&call, settings);
    int64_t n_vars = Rf_nrows(scores), n_groups = Rf_ncols(scores), top = (int64_t)Rf_asReal(n_top);
    R_xlen_t n = (R_xlen_t)(top > 0 ? top * n_groups : 0);
    int64_t *order = new_numbers(n);
    ScnStatus status = scn.scn_tl_rank_genes_groups_order(&call.context, address(scores), XLENGTH(scores), n_groups, n_vars, top,
                                                          Rf_asLogical(by_abs), order, n);
    return finish(&call, status, status == SCN_OK ? numbers_to_integer(order, n, 1) : R_NilValue);
}

SEXP C_control_genes(SEXP settings, SEXP view, SEXP gene_list, SEXP gene_pool, SEXP given) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Numbers genes = as_numbers(gene_list, 1), pool = as_numbers(gene_pool, 1);
    ScnControlGenesOptions options = options_ScnControlGenesOptions(given);
    uint8_t *control = new_flags(matrix.n_vars);
    ScnStatus status = scn.scn_tl_control_genes(&call.context, &matrix, genes.at, genes.len, pool.at, pool.len, &options, control,
                                                matrix.n_vars);
    return finish(&call, status, flags_to_logical(control, (R_xlen_t)matrix.n_vars));
}

SEXP C_score_genes(SEXP settings, SEXP view, SEXP gene_list, SEXP control) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Numbers genes = as_numbers(gene_list, 1), controls = as_numbers(control, 1);
    SEXP score = PROTECT(Rf_allocVector(REALSXP, matrix.n_obs));
    Rf_setAttrib(score, R_NamesSymbol, VECTOR_ELT(view, VIEW_CELLS));
    ScnStatus status = scn.scn_tl_score_genes(&call.context, &matrix, genes.at, genes.len, controls.at, controls.len,
                                              (double *)address(score), XLENGTH(score));
    SEXP result = finish(&call, status, score);
    UNPROTECT(1);
    return result;
}

SEXP C_cell_cycle_phase(SEXP s_score, SEXP g2m_score) {
    R_xlen_t n = XLENGTH(s_score);
    SEXP phase = PROTECT(Rf_allocVector(INTSXP, n));
    ScnStatus status = scn.scn_tl_cell_cycle_phase(address(s_score), address(g2m_score), n, (int32_t *)address(phase), n);
    SEXP result = finish(NULL, status, phase);
    UNPROTECT(1);
    return result;
}

/* A matrix of groups x groups, or a vector if there is a reference. `reference` counts from 0, -1 is none. */
static SEXP distances(Groups labels, int64_t reference) {
    if (reference < 0) {
        return new_matrix((R_xlen_t)labels.n, (R_xlen_t)labels.n, labels.names, labels.names);
    }
    SEXP made = PROTECT(Rf_allocVector(REALSXP, labels.n));
    Rf_setAttrib(made, R_NamesSymbol, labels.names);
    UNPROTECT(1);
    return made;
}

SEXP C_energy_distance(SEXP settings, SEXP view, SEXP groups, SEXP reference, SEXP metric, SEXP unbiased) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    int64_t against = Rf_asInteger(reference);
    SEXP distance = PROTECT(distances(labels, against));
    ScnStatus status =
        scn.scn_tl_energy_distance(&call.context, &matrix, labels.labels, labels.len, labels.n, against, Rf_asInteger(metric),
                                   Rf_asLogical(unbiased), (double *)address(distance), XLENGTH(distance));
    SEXP result = finish(&call, status, distance);
    UNPROTECT(1);
    return result;
}

SEXP C_mmd(SEXP settings, SEXP view, SEXP groups, SEXP reference, SEXP gammas, SEXP unbiased) {
    static const char *NAMES[] = {"squared", "gammas", ""};
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    int64_t against = Rf_asInteger(reference), n_gammas = Rf_xlength(gammas);
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SEXP squared = distances(labels, against);
    SET_VECTOR_ELT(made, 0, squared);
    SEXP used = Rf_allocVector(REALSXP, n_gammas > 0 ? n_gammas : 1);
    SET_VECTOR_ELT(made, 1, used);
    ScnStatus status = scn.scn_tl_mmd(&call.context, &matrix, labels.labels, labels.len, labels.n, against, doubles(gammas),
                                      n_gammas, Rf_asLogical(unbiased), (double *)address(squared), XLENGTH(squared), REAL(used),
                                      XLENGTH(used));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}
