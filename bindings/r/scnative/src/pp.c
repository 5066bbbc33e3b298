/* Preprocessing: normalisation, filters, quality metrics, variable genes, scaling, regression. */
#include <math.h>
#include <string.h>

#include "call.h"
#include "entries.h"
#include "matrix.h"
#include "options.h"
#include "vectors.h"

SEXP C_log1p(SEXP settings, SEXP view, SEXP base) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    SEXP made = PROTECT(values_like(view));
    ScnStatus status =
        scn.scn_pp_log1p(&call.context, &matrix, Rf_asReal(base), (void *)address(made), SCN_F64, XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

static SEXP normalized(SEXP settings, SEXP view, SEXP given, __typeof__(scn_pp_normalize_total) *normalize) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    ScnNormalizeTotalOptions options = options_ScnNormalizeTotalOptions(given);
    SEXP made = PROTECT(values_like(view));
    ScnStatus status = normalize(&call.context, &matrix, &options, (void *)address(made), SCN_F64, XLENGTH(made), NULL, 0, NULL, 0,
                                 NULL);
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_normalize_total(SEXP settings, SEXP view, SEXP given) {
    return normalized(settings, view, given, scn.scn_pp_normalize_total);
}

SEXP C_normalize_log1p(SEXP settings, SEXP view, SEXP given) {
    return normalized(settings, view, given, scn.scn_pp_normalize_log1p);
}

SEXP C_size_factors(SEXP settings, SEXP view, SEXP given) {
    static const char *NAMES[] = {"size_factors", "target_sum", "highly_expressed", ""};
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    ScnNormalizeTotalOptions options = options_ScnNormalizeTotalOptions(given);
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SEXP factors = Rf_allocVector(REALSXP, matrix.n_obs);
    SET_VECTOR_ELT(made, 0, factors);
    uint8_t *highly = new_flags(matrix.n_vars);
    double target = 0;
    ScnStatus status = scn.scn_pp_normalize_total(&call.context, &matrix, &options, NULL, SCN_F64, 0, (double *)address(factors),
                                                  matrix.n_obs, highly, matrix.n_vars, &target);
    SET_VECTOR_ELT(made, 1, Rf_ScalarReal(target));
    SET_VECTOR_ELT(made, 2, flags_to_logical(highly, matrix.n_vars));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_normalize_relative(SEXP settings, SEXP view, SEXP scale_factor) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    SEXP made = PROTECT(values_like(view));
    ScnStatus status = scn.scn_pp_normalize_relative(&call.context, &matrix, Rf_asReal(scale_factor), (void *)address(made),
                                                     SCN_F64, XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_normalize_clr(SEXP settings, SEXP view, SEXP of) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    SEXP made = PROTECT(values_like(view));
    ScnStatus status = scn.scn_pp_normalize_clr(&call.context, &matrix, Rf_asInteger(of), (void *)address(made), SCN_F64,
                                                XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

/* `bounds`: min_counts, min_genes or min_cells, max_counts, max_genes or max_cells; NaN for those not given. */
SEXP C_filter(SEXP settings, SEXP view, SEXP of, SEXP bounds) {
    static const char *NAMES[] = {"keep", "number", ""};
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    int of_cells = Rf_asInteger(of) == SCN_OBS;
    R_xlen_t n = (R_xlen_t)(of_cells ? matrix.n_obs : matrix.n_vars);
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SEXP numbers = Rf_allocVector(REALSXP, n);
    SET_VECTOR_ELT(made, 1, numbers);
    uint8_t *keep = new_flags(n);
    const double *b = REAL(bounds);
    double *to = (double *)address(numbers);
    ScnStatus status =
        of_cells ? scn.scn_pp_filter_cells(&call.context, &matrix, b[0], b[1], b[2], b[3], keep, n, to, n)
                 : scn.scn_pp_filter_genes(&call.context, &matrix, b[0], b[1], b[2], b[3], keep, n, to, n);
    SET_VECTOR_ELT(made, 0, flags_to_logical(keep, n));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

/* `subsets`: a logical matrix without NA, genes x subsets. */
SEXP C_qc_metrics(SEXP settings, SEXP view, SEXP percent_top, SEXP subsets) {
    static const char *NAMES[] = {"n_genes_by_counts", "total_counts", "pct_counts_in_top", "subset_counts", "subset_pct",
                                  "n_cells_by_counts", "total_counts_of_genes", "mean_counts", "pct_dropout", ""};
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Numbers top = as_numbers(percent_top, 0);
    R_xlen_t n_subsets = Rf_ncols(subsets), cells = (R_xlen_t)matrix.n_obs, genes = (R_xlen_t)matrix.n_vars;
    uint8_t *masks = new_flags(XLENGTH(subsets));
    for (R_xlen_t i = 0; i < XLENGTH(subsets); i++) {
        masks[i] = LOGICAL(subsets)[i] == TRUE;
    }
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    const R_xlen_t lengths[] = {cells, cells, top.len * cells, n_subsets * cells, n_subsets * cells, genes, genes, genes, genes};
    double *to[9];
    for (int i = 0; i < 9; i++) {
        SEXP part = Rf_allocVector(REALSXP, lengths[i]);
        SET_VECTOR_ELT(made, i, part);
        to[i] = (double *)address(part);
    }
    ScnStatus status = scn.scn_pp_calculate_qc_metrics(
        &call.context, &matrix, top.at, top.len, masks, n_subsets, to[0], lengths[0], to[1], lengths[1], to[2], lengths[2], to[3],
        lengths[3], to[4], lengths[4], to[5], lengths[5], to[6], lengths[6], to[7], lengths[7], to[8], lengths[8]);
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

/* `name_order`: the place of each gene's name among the sorted names, from 1, or R's NULL; `expected`: the variance expected of
   each gene, or R's NULL. */
SEXP C_highly_variable_genes(SEXP settings, SEXP view, SEXP batches, SEXP name_order, SEXP expected, SEXP given) {
    static const char *NAMES[] = {"highly_variable", "means", "dispersions", "dispersions_norm", "variances", "variances_norm",
                                  "residual_variances", "highly_variable_rank", "highly_variable_nbatches",
                                  "highly_variable_intersection", "mean_bin", "bin_edges", "variances_expected", ""};
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(batches);
    Numbers order = as_numbers(name_order, 1);
    ScnHighlyVariableGenesOptions options = options_ScnHighlyVariableGenesOptions(given);
    options.variances_expected = doubles(expected);
    options.variances_expected_len = Rf_xlength(expected);
    R_xlen_t n = (R_xlen_t)matrix.n_vars;
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    double *statistics[8];
    for (int i = 1; i < 8; i++) {
        SEXP part = Rf_allocVector(REALSXP, n);
        SET_VECTOR_ELT(made, i, part);
        statistics[i] = (double *)address(part);
    }
    SEXP mean_bin = Rf_allocVector(INTSXP, n);
    SET_VECTOR_ELT(made, 10, mean_bin);
    int dispersions = options.flavor == SCN_HVG_MEAN_VAR_PLOT || options.flavor == SCN_HVG_DISPERSION;
    int binned = labels.n == 0 && (dispersions || options.flavor == SCN_HVG_SEURAT || options.flavor == SCN_HVG_CELL_RANGER);
    int n_edges = options.flavor == SCN_HVG_CELL_RANGER ? 21 : options.n_bins > 0 ? options.n_bins + 1 : 0;
    if (dispersions && options.binning == SCN_HVG_BINS_EQUAL_FREQUENCY) {
        n_edges -= n_edges > 0;
    }
    SEXP bin_edges = Rf_allocVector(REALSXP, binned ? n_edges : 0);
    SET_VECTOR_ELT(made, 11, bin_edges);
    SEXP variances_expected = Rf_allocVector(REALSXP, n);
    SET_VECTOR_ELT(made, 12, variances_expected);

    ScnHighlyVariableGenesOutputs outputs;
    scn.scn_highly_variable_genes_outputs_init(&outputs, sizeof outputs);
    outputs.n_vars = n;
    outputs.highly_variable = new_flags(n);
    outputs.means = statistics[1];
    outputs.dispersions = statistics[2];
    outputs.dispersions_norm = statistics[3];
    outputs.variances = statistics[4];
    outputs.variances_norm = statistics[5];
    outputs.residual_variances = statistics[6];
    outputs.highly_variable_rank = statistics[7];
    outputs.highly_variable_nbatches = new_numbers(n);
    outputs.highly_variable_intersection = new_flags(n);
    outputs.mean_bin = (int32_t *)address(mean_bin);
    outputs.bin_edges = binned ? (double *)address(bin_edges) : NULL;
    outputs.bin_edges_len = XLENGTH(bin_edges);
    outputs.variances_expected = (double *)address(variances_expected);
    ScnStatus status = scn.scn_pp_highly_variable_genes(&call.context, &matrix, labels.labels, labels.len, labels.n, order.at,
                                                        order.len, &options, &outputs);
    if (status == SCN_OK) {
        SET_VECTOR_ELT(made, 0, flags_to_logical(outputs.highly_variable, n));
        SET_VECTOR_ELT(made, 8, numbers_to_integer(outputs.highly_variable_nbatches, n, 0));
        SET_VECTOR_ELT(made, 9, flags_to_logical(outputs.highly_variable_intersection, n));
    }
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

/* Genes x groups means and standard deviations; a plain vector of each without groups. */
static SEXP moments(SEXP view, Groups labels, int64_t n_vars) {
    SEXP genes = VECTOR_ELT(view, VIEW_GENES);
    if (labels.labels) {
        return new_matrix((R_xlen_t)n_vars, (R_xlen_t)labels.n, genes, labels.names);
    }
    SEXP made = PROTECT(Rf_allocVector(REALSXP, n_vars));
    Rf_setAttrib(made, R_NamesSymbol, genes);
    UNPROTECT(1);
    return made;
}

static const char *SCALED[] = {"x", "mean", "std", ""};

/* Into a dense matrix of the shape of x. */
SEXP C_scale(SEXP settings, SEXP view, SEXP groups, SEXP given) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    ScnScaleOptions options = options_ScnScaleOptions(given);
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, SCALED));
    SEXP x = dense_like(view);
    SET_VECTOR_ELT(made, 0, x);
    SEXP mean = moments(view, labels, matrix.n_vars);
    SET_VECTOR_ELT(made, 1, mean);
    SEXP std = moments(view, labels, matrix.n_vars);
    SET_VECTOR_ELT(made, 2, std);
    int32_t major = Rf_asLogical(VECTOR_ELT(view, VIEW_ROWS)) ? SCN_VAR : SCN_OBS;
    ScnStatus status = scn.scn_pp_scale(&call.context, &matrix, labels.labels, labels.len, labels.labels ? labels.n : 1, &options,
                                        (double *)address(mean), XLENGTH(mean), (double *)address(std), XLENGTH(std), major,
                                        SCN_F64, (void *)address(x), XLENGTH(x));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

/* The values of a sparse matrix, without centring: a copy of them is scaled in place. */
SEXP C_scale_sparse(SEXP settings, SEXP view, SEXP groups, SEXP given) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    ScnScaleOptions options = options_ScnScaleOptions(given);
    SEXP made = PROTECT(Rf_mkNamed(VECSXP, SCALED));
    SEXP x = values_like(view);
    SET_VECTOR_ELT(made, 0, x);
    SEXP mean = moments(view, labels, matrix.n_vars);
    SET_VECTOR_ELT(made, 1, mean);
    SEXP std = moments(view, labels, matrix.n_vars);
    SET_VECTOR_ELT(made, 2, std);
    if (matrix.nnz > 0) {
        memcpy(REAL(x), matrix.values, (size_t)matrix.nnz * sizeof(double));
    }
    matrix.values = address(x);
    ScnStatus status =
        scn.scn_pp_scale_inplace(&call.context, &matrix, labels.labels, labels.len, labels.labels ? labels.n : 1, &options,
                                 (double *)address(mean), XLENGTH(mean), (double *)address(std), XLENGTH(std));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

/* Residuals come cell after cell: a matrix of genes x cells, whichever way x lies. */
SEXP C_regress_out(SEXP settings, SEXP view, SEXP covariates) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    SEXP made = PROTECT(
        new_matrix((R_xlen_t)matrix.n_vars, (R_xlen_t)matrix.n_obs, VECTOR_ELT(view, VIEW_GENES), VECTOR_ELT(view, VIEW_CELLS)));
    ScnStatus status = scn.scn_pp_regress_out(&call.context, &matrix, address(covariates), XLENGTH(covariates),
                                              Rf_ncols(covariates), SCN_F64, (void *)address(made), XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}

SEXP C_regress_out_groups(SEXP settings, SEXP view, SEXP groups) {
    Call call;
    begin(&call, settings);
    ScnMatrix matrix = borrow(view);
    Groups labels = as_groups(groups);
    SEXP made = PROTECT(
        new_matrix((R_xlen_t)matrix.n_vars, (R_xlen_t)matrix.n_obs, VECTOR_ELT(view, VIEW_GENES), VECTOR_ELT(view, VIEW_CELLS)));
    ScnStatus status = scn.scn_pp_regress_out_groups(&call.context, &matrix, labels.labels, labels.len, labels.n, SCN_F64,
                                                     (void *)address(made), XLENGTH(made));
    SEXP result = finish(&call, status, made);
    UNPROTECT(1);
    return result;
}
