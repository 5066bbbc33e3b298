/* Every public operation from C: what run.py does, through the raw ABI. run.c IN_DIR OUT_DIR N_THREADS */
#include "scnative.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *in_folder, *out_folder;
static ScnContext context;

/* Ends the program if a call failed that should not. */
static void must(ScnStatus status) {
    char message[1024];
    if (status != SCN_OK) {
        scn_last_error_message(message, sizeof message, NULL);
        fprintf(stderr, "run.c: %s: %s\n", scn_status_name(status), message);
        exit(1);
    }
}

static void *memory(int64_t bytes) {
    void *made = calloc(bytes > 0 ? (size_t)bytes : 1, 1);
    if (made == NULL) {
        exit(1);
    }
    return made;
}

static double *doubles(int64_t n) { return memory(n * (int64_t)sizeof(double)); }

/* Memory is given back when the program ends: one buffer is as good as another here. */
static void *read_file(const char *name, int64_t *n_bytes) {
    char path[4096];
    FILE *file;
    long size;
    void *bytes;
    snprintf(path, sizeof path, "%s/%s.bin", in_folder, name);
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fprintf(stderr, "run.c: %s cannot be read\n", path);
        exit(1);
    }
    rewind(file);
    bytes = memory(size);
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        exit(1);
    }
    fclose(file);
    if (n_bytes != NULL) {
        *n_bytes = size;
    }
    return bytes;
}

static void *input(const char *name) { return read_file(name, NULL); }

static void write_bytes(const char *name, const char *output, const void *bytes, int64_t n) {
    char path[4096];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s.%s.bin", out_folder, name, output);
    file = fopen(path, "wb");
    if (file == NULL || (n > 0 && fwrite(bytes, 1, (size_t)n, file) != (size_t)n) || fclose(file) != 0) {
        fprintf(stderr, "run.c: %s cannot be written\n", path);
        exit(1);
    }
}

static void write_f64(const char *name, const char *output, const double *values, int64_t n) {
    write_bytes(name, output, values, n * 8);
}

static void write_i64(const char *name, const char *output, const int64_t *values, int64_t n) {
    write_bytes(name, output, values, n * 8);
}

static void write_u8(const char *name, const char *output, const uint8_t *values, int64_t n) {
    write_bytes(name, output, values, n);
}

static void write_i32(const char *name, const char *output, const int32_t *values, int64_t n) {
    int64_t i, *wide = memory(n * 8);
    for (i = 0; i < n; ++i) {
        wide[i] = values[i];
    }
    write_i64(name, output, wide, n);
}

/* Counts that the library gives as doubles are whole numbers elsewhere. */
static void write_counts(const char *name, const char *output, const double *counts, int64_t n) {
    int64_t i, *whole = memory(n * 8);
    for (i = 0; i < n; ++i) {
        whole[i] = (int64_t)counts[i];
    }
    write_i64(name, output, whole, n);
}

static void write_matrix(const char *name, const ScnMatrix *m) {
    int64_t shape[3];
    double *values = doubles(m->nnz);
    ScnMatrix line;
    shape[0] = m->n_obs;
    shape[1] = m->n_vars;
    shape[2] = m->major;
    write_i64(name, "indptr", m->indptr, (m->major == SCN_OBS ? m->n_obs : m->n_vars) + 1);
    write_i32(name, "indices", m->indices, m->nnz);
    must(scn_matrix_init(&line, sizeof line));
    line.storage = SCN_DENSE;
    line.n_obs = 1;
    line.n_vars = m->nnz;
    line.values = m->values;
    line.value_type = m->value_type;
    must(scn_matrix_to_dense(NULL, &line, SCN_OBS, SCN_F64, values, m->nnz));
    write_f64(name, "values", values, m->nnz);
    write_i64(name, "shape", shape, 3);
}

static void write_sparse(const char *name, ScnSparse *sparse) {
    ScnMatrix view;
    must(scn_matrix_init(&view, sizeof view));
    must(scn_sparse_view(sparse, &view));
    write_matrix(name, &view);
    scn_sparse_free(sparse);
}

static void write_names(const char *output, const Scn10x *folder, int32_t which) {
    size_t needed;
    char *text;
    must(scn_10x_names(folder, which, NULL, 0, &needed, NULL));
    text = memory((int64_t)needed);
    must(scn_10x_names(folder, which, text, needed, NULL, NULL));
    write_bytes("10x_names", output, text, (int64_t)needed - 1);
}

static void write_error(const char *name, ScnStatus status) {
    char message[4096], text[8192], file[64];
    if (status == SCN_OK) {
        fprintf(stderr, "run.c: %s should have failed\n", name);
        exit(1);
    }
    must(scn_last_error_message(message, sizeof message, NULL));
    snprintf(text, sizeof text, "%s\n%s\n", scn_status_name(status), message);
    snprintf(file, sizeof file, "error~%s", name);
    write_bytes(file, "text", text, (int64_t)strlen(text));
}

static int64_t n_obs, n_vars, nnz, n_groups, n_batches, n_unsorted;
static ScnMatrix counts, unsorted, logged, points, not_finite;
static const int32_t *groups, *batches;

static ScnMatrix compressed(const char *name, int64_t stored) {
    char file[64];
    ScnMatrix m;
    must(scn_matrix_init(&m, sizeof m));
    m.n_obs = n_obs;
    m.n_vars = n_vars;
    m.nnz = stored;
    snprintf(file, sizeof file, "%s.indptr", name);
    m.indptr = input(file);
    m.indptr_type = SCN_I32;
    snprintf(file, sizeof file, "%s.indices", name);
    m.indices = input(file);
    m.index_type = SCN_I32;
    snprintf(file, sizeof file, "%s.values", name);
    m.values = input(file);
    m.value_type = SCN_F64;
    return m;
}

static void read_inputs(void) {
    char path[4096];
    FILE *file;
    long long numbers[6];
    ScnNormalizeTotalOptions options;
    double *values;
    snprintf(path, sizeof path, "%s/shape.txt", in_folder);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%lld %lld %lld %lld %lld %lld", numbers, numbers + 1, numbers + 2, numbers + 3, numbers + 4,
                               numbers + 5) != 6) {
        fprintf(stderr, "run.c: %s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    n_obs = numbers[0];
    n_vars = numbers[1];
    nnz = numbers[2];
    n_groups = numbers[3];
    n_batches = numbers[4];
    n_unsorted = numbers[5];
    counts = compressed("counts", nnz);
    unsorted = compressed("unsorted", n_unsorted);
    not_finite = counts;
    not_finite.values = input("not_finite.values");
    must(scn_matrix_init(&points, sizeof points));
    points.storage = SCN_DENSE;
    points.n_obs = n_obs;
    points.n_vars = 4;
    points.values = input("points");
    points.value_type = SCN_F64;
    groups = input("groups");
    batches = input("batches");
    must(scn_normalize_total_options_init(&options, sizeof options));
    options.target_sum = 1e4;
    values = doubles(nnz);
    must(scn_pp_normalize_log1p(&context, &counts, &options, values, SCN_F64, nnz, NULL, 0, NULL, 0, NULL));
    logged = counts;
    logged.values = values;
}

static void statistics(const char *name, const ScnMatrix *m, int32_t over, int64_t ddof, const int32_t *labels) {
    const int64_t kept = over == SCN_OBS ? m->n_vars : m->n_obs, n = labels == NULL ? kept : n_groups * kept;
    double *sums = doubles(n), *means = doubles(n), *variances = doubles(n);
    double *nonzeros = doubles(n), *mins = doubles(n), *maxs = doubles(n);
    if (labels == NULL) {
        must(scn_matrix_stats(&context, m, over, ddof, sums, means, variances, nonzeros, mins, maxs, n));
    } else {
        must(scn_matrix_aggregate(&context, m, over, labels, n_obs, n_groups, ddof, sums, means, variances, nonzeros, mins, maxs,
                                  n));
    }
    write_f64(name, "sum", sums, n);
    write_f64(name, "mean", means, n);
    write_f64(name, "var", variances, n);
    write_counts(name, "count_nonzero", nonzeros, n);
    write_f64(name, "min", mins, n);
    write_f64(name, "max", maxs, n);
}

static void matrices(void) {
    int64_t n_bytes;
    ScnSparse *made;
    const ScnMatrix *both[2];
    double *out;
    uint8_t canonical;
    both[0] = &counts;
    both[1] = &unsorted;
    must(scn_matrix_is_canonical(&context, &counts, &canonical));
    write_u8("matrix_is_canonical", "found", &canonical, 1);
    must(scn_matrix_is_canonical(&context, &unsorted, &canonical));
    write_u8("matrix_is_canonical~unsorted", "found", &canonical, 1);
    must(scn_matrix_sum_duplicates(&context, &unsorted, &made));
    write_sparse("matrix_sum_duplicates", made);
    must(scn_matrix_to_major(&context, &counts, SCN_VAR, &made));
    write_sparse("matrix_to_major~var", made);
    must(scn_matrix_to_major(&context, &unsorted, SCN_VAR, &made));
    write_sparse("matrix_to_major~unsorted", made);
    {
        const int64_t *obs = read_file("subset_obs", &n_bytes), obs_len = n_bytes / 8;
        const int64_t *vars = read_file("subset_vars", &n_bytes), vars_len = n_bytes / 8;
        must(scn_matrix_subset(&context, &counts, obs, obs_len, vars, vars_len, &made));
        write_sparse("matrix_subset", made);
    }
    must(scn_matrix_subset_masked(&context, &counts, input("keep_obs"), n_obs, input("keep_vars"), n_vars, &made));
    write_sparse("matrix_subset_masked", made);
    must(scn_matrix_concat(&context, both, 2, SCN_OBS, &made));
    write_sparse("matrix_concat~obs", made);
    must(scn_matrix_concat(&context, both, 2, SCN_VAR, &made));
    write_sparse("matrix_concat~var", made);
    out = doubles(n_obs * n_vars);
    must(scn_matrix_to_dense(&context, &unsorted, SCN_OBS, SCN_F64, out, n_obs * n_vars));
    write_f64("matrix_to_dense", "out", out, n_obs * n_vars);
    statistics("matrix_stats~obs", &logged, SCN_OBS, 1, NULL);
    statistics("matrix_stats~var", &logged, SCN_VAR, 1, NULL);
    statistics("matrix_stats~dense", &points, SCN_OBS, 0, NULL);
    statistics("matrix_stats~unsorted", &unsorted, SCN_OBS, 0, NULL);
    statistics("matrix_aggregate", &logged, SCN_OBS, 1, groups);
    out = doubles(n_groups * n_vars);
    must(scn_matrix_medians(&context, &logged, SCN_OBS, groups, n_obs, n_groups, out, n_groups * n_vars));
    write_f64("matrix_medians", "out", out, n_groups * n_vars);
}

static void files(void) {
    char path[4096];
    ScnSparse *made;
    Scn10x *folder;
    ScnMatrix view;
    snprintf(path, sizeof path, "%s/10x/matrix.mtx.gz", in_folder);
    must(scn_read_mtx(&context, path, SCN_VAR, SCN_F64, &made));
    write_sparse("read_mtx", made);
    snprintf(path, sizeof path, "%s/write_mtx.file.bin", out_folder);
    must(scn_write_mtx(&context, &unsorted, path, SCN_VAR));
    snprintf(path, sizeof path, "%s/10x", in_folder);
    must(scn_read_10x_mtx(&context, path, NULL, SCN_F64, &folder));
    must(scn_matrix_init(&view, sizeof view));
    must(scn_10x_view(folder, &view));
    write_matrix("read_10x_mtx", &view);
    write_names("barcodes", folder, SCN_10X_BARCODES);
    write_names("gene_ids", folder, SCN_10X_GENE_IDS);
    write_names("gene_names", folder, SCN_10X_GENE_NAMES);
    write_names("feature_types", folder, SCN_10X_FEATURE_TYPES);
    scn_10x_free(folder);
}

static void quality(void) {
    const int64_t tops[3] = {10, 50, 200};
    uint8_t *keep = memory(n_vars > n_obs ? n_vars : n_obs), *subsets = memory(2 * n_vars);
    double *numbers = doubles(n_vars > n_obs ? n_vars : n_obs);
    double *n_genes = doubles(n_obs), *totals = doubles(n_obs), *in_top = doubles(3 * n_obs);
    double *subset_counts = doubles(2 * n_obs), *subset_pct = doubles(2 * n_obs);
    double *n_cells = doubles(n_vars), *gene_totals = doubles(n_vars), *means = doubles(n_vars), *dropout = doubles(n_vars);
    must(scn_pp_filter_cells(&context, &counts, NAN, 100, NAN, NAN, keep, n_obs, numbers, n_obs));
    write_u8("pp_filter_cells", "keep", keep, n_obs);
    write_f64("pp_filter_cells", "number", numbers, n_obs);
    must(scn_pp_filter_genes(&context, &counts, 20, NAN, NAN, NAN, keep, n_vars, numbers, n_vars));
    write_u8("pp_filter_genes", "keep", keep, n_vars);
    write_f64("pp_filter_genes", "number", numbers, n_vars);

    memcpy(subsets, input("mito"), (size_t)n_vars);
    memcpy(subsets + n_vars, input("ribo"), (size_t)n_vars);
    must(scn_pp_calculate_qc_metrics(&context, &logged, tops, 3, subsets, 2, n_genes, n_obs, totals, n_obs, in_top, 3 * n_obs,
                                     subset_counts, 2 * n_obs, subset_pct, 2 * n_obs, n_cells, n_vars, gene_totals, n_vars, means,
                                     n_vars, dropout, n_vars));
    write_f64("pp_calculate_qc_metrics", "n_genes_by_counts", n_genes, n_obs);
    write_f64("pp_calculate_qc_metrics", "total_counts", totals, n_obs);
    write_f64("pp_calculate_qc_metrics", "pct_counts_in_top", in_top, 3 * n_obs);
    write_f64("pp_calculate_qc_metrics", "subset_counts", subset_counts, 2 * n_obs);
    write_f64("pp_calculate_qc_metrics", "subset_pct", subset_pct, 2 * n_obs);
    write_f64("pp_calculate_qc_metrics", "n_cells_by_counts", n_cells, n_vars);
    write_f64("pp_calculate_qc_metrics", "total_counts_of_genes", gene_totals, n_vars);
    write_f64("pp_calculate_qc_metrics", "mean_counts", means, n_vars);
    write_f64("pp_calculate_qc_metrics", "pct_dropout", dropout, n_vars);
}

typedef ScnStatus (*Normalize)(const ScnContext *, const ScnMatrix *, const ScnNormalizeTotalOptions *, void *, int32_t, int64_t,
                               double *, int64_t, uint8_t *, int64_t, double *);

static void normalized(const char *name, Normalize function, const ScnNormalizeTotalOptions *options) {
    double *values = doubles(nnz), *factors = doubles(n_obs), target;
    uint8_t *highly = memory(n_vars);
    must(function(&context, &counts, options, values, SCN_F64, nnz, factors, n_obs, highly, n_vars, &target));
    write_f64(name, "values", values, nnz);
    write_f64(name, "size_factors", factors, n_obs);
    write_f64(name, "target_sum", &target, 1);
    write_u8(name, "highly_expressed", highly, n_vars);
}

/* The counts with values of their own, which may be changed. */
static ScnMatrix changeable(double **values, const ScnMatrix *from) {
    ScnMatrix copy = *from;
    *values = doubles(nnz);
    memcpy(*values, from->values, (size_t)nnz * sizeof(double));
    copy.values = *values;
    return copy;
}

static void normalization(void) {
    ScnNormalizeTotalOptions options;
    ScnScaleOptions scaling;
    ScnMatrix m, positive = points;
    double *values = doubles(nnz), *table = doubles(n_obs * 4);
    int64_t i;
    must(scn_normalize_total_options_init(&options, sizeof options));
    normalized("pp_normalize_total", scn_pp_normalize_total, &options);
    options.target_sum = 1e3;
    options.exclude_highly_expressed = 1;
    options.max_fraction = 0.02;
    normalized("pp_normalize_total~excluding", scn_pp_normalize_total, &options);
    must(scn_normalize_total_options_init(&options, sizeof options));
    options.target_sum = 1e4;
    options.base = 2;
    normalized("pp_normalize_log1p", scn_pp_normalize_log1p, &options);

    must(scn_pp_log1p(&context, &counts, 0, values, SCN_F64, nnz));
    write_f64("pp_log1p", "values", values, nnz);
    for (i = 0; i < n_obs * 4; ++i) {
        table[i] = fabs(((const double *)points.values)[i]);
    }
    positive.values = table;
    must(scn_pp_log1p(&context, &positive, 0, table, SCN_F64, n_obs * 4));
    write_f64("pp_log1p~dense", "out", table, n_obs * 4);
    must(scn_pp_normalize_relative(&context, &counts, 1e4, values, SCN_F64, nnz));
    write_f64("pp_normalize_relative", "values", values, nnz);
    must(scn_pp_normalize_clr(&context, &counts, SCN_VAR, values, SCN_F64, nnz));
    write_f64("pp_normalize_clr~genes", "values", values, nnz);
    must(scn_pp_normalize_clr(&context, &counts, SCN_OBS, values, SCN_F64, nnz));
    write_f64("pp_normalize_clr~cells", "values", values, nnz);

    options.base = 0;
    m = changeable(&values, &counts);
    must(scn_pp_normalize_total_inplace(&context, &m, &options, NULL, 0, NULL, 0, NULL));
    write_f64("pp_normalize_total_inplace", "values", values, nnz);
    m = changeable(&values, &counts);
    must(scn_pp_normalize_log1p_inplace(&context, &m, &options, NULL, 0, NULL, 0, NULL));
    write_f64("pp_normalize_log1p_inplace", "values", values, nnz);
    m = changeable(&values, &counts);
    must(scn_pp_log1p_inplace(&context, &m, 0));
    write_f64("pp_log1p_inplace", "values", values, nnz);
    m = changeable(&values, &counts);
    must(scn_pp_normalize_relative_inplace(&context, &m, 1e4));
    write_f64("pp_normalize_relative_inplace", "values", values, nnz);
    m = changeable(&values, &counts);
    must(scn_pp_normalize_clr_inplace(&context, &m, SCN_VAR));
    write_f64("pp_normalize_clr_inplace", "values", values, nnz);
    must(scn_scale_options_init(&scaling, sizeof scaling));
    scaling.zero_center = 0;
    m = changeable(&values, &counts);
    must(scn_pp_scale_inplace(&context, &m, NULL, 0, 1, &scaling, NULL, 0, NULL, 0));
    write_f64("pp_scale_inplace", "values", values, nnz);
}

static void variable_genes(const char *flavor_name, int32_t flavor, int batched) {
    const int by_cut_offs = flavor == SCN_HVG_MEAN_VAR_PLOT, plotted = by_cut_offs || flavor == SCN_HVG_DISPERSION;
    const int binned = flavor == SCN_HVG_SEURAT || flavor == SCN_HVG_CELL_RANGER || plotted;
    const int64_t n_edges = flavor == SCN_HVG_DISPERSION ? 20 : 21;
    char name[128];
    ScnHighlyVariableGenesOptions options;
    ScnHighlyVariableGenesOutputs out;
    must(scn_highly_variable_genes_options_init(&options, sizeof options));
    options.flavor = flavor;
    options.n_top_genes = by_cut_offs ? 0 : 100;
    if (by_cut_offs) {
        options.min_mean = 0.1;
        options.max_mean = 8;
        options.min_disp = 1;
    }
    if (flavor == SCN_HVG_DISPERSION) {
        options.binning = SCN_HVG_BINS_EQUAL_FREQUENCY;
    }
    must(scn_highly_variable_genes_outputs_init(&out, sizeof out));
    out.n_vars = n_vars;
    out.highly_variable = memory(n_vars);
    out.means = doubles(n_vars);
    out.dispersions = doubles(n_vars);
    out.dispersions_norm = doubles(n_vars);
    out.variances = doubles(n_vars);
    out.variances_norm = doubles(n_vars);
    out.variances_expected = doubles(n_vars);
    out.residual_variances = doubles(n_vars);
    out.highly_variable_rank = doubles(n_vars);
    out.highly_variable_nbatches = memory(n_vars * 8);
    out.highly_variable_intersection = memory(n_vars);
    out.mean_bin = memory(n_vars * 4);
    out.bin_edges = doubles(n_edges);
    out.bin_edges_len = n_edges;
    must(scn_pp_highly_variable_genes(&context, binned ? &logged : &counts, batched ? batches : NULL, batched ? n_obs : 0,
                                      batched ? n_batches : 0, NULL, 0, &options, &out));
    snprintf(name, sizeof name, "pp_highly_variable_genes~%s%s", flavor_name, batched ? "~batches" : "");
    write_u8(name, "highly_variable", out.highly_variable, n_vars);
    write_f64(name, "means", out.means, n_vars);
    write_i64(name, "highly_variable_nbatches", out.highly_variable_nbatches, n_vars);
    write_u8(name, "highly_variable_intersection", out.highly_variable_intersection, n_vars);
    if (binned) {
        write_f64(name, "dispersions", out.dispersions, n_vars);
        write_f64(name, "dispersions_norm", out.dispersions_norm, n_vars);
        if (!batched) {
            write_i32(name, "mean_bin", out.mean_bin, n_vars);
            write_f64(name, "bin_edges", out.bin_edges, n_edges);
        }
        if (plotted) {
            write_f64(name, "highly_variable_rank", out.highly_variable_rank, n_vars);
        }
        return;
    }
    write_f64(name, "variances", out.variances, n_vars);
    write_f64(name, "highly_variable_rank", out.highly_variable_rank, n_vars);
    if (flavor == SCN_HVG_PEARSON_RESIDUALS) {
        write_f64(name, "residual_variances", out.residual_variances, n_vars);
    } else {
        write_f64(name, "variances_norm", out.variances_norm, n_vars);
        if (!batched) {
            write_f64(name, "variances_expected", out.variances_expected, n_vars);
        }
    }
}

static void scaled(const char *name, const ScnMatrix *m, const int32_t *labels, const ScnScaleOptions *options) {
    const int64_t rows = labels == NULL ? 1 : n_groups, n = rows * m->n_vars, size = n_obs * m->n_vars;
    double *means = doubles(n), *stds = doubles(n), *out = doubles(size);
    must(scn_pp_scale(&context, m, labels, labels == NULL ? 0 : n_obs, rows, options, means, n, stds, n, SCN_OBS, SCN_F64, out,
                      size));
    write_f64(name, "out", out, size);
    write_f64(name, "means", means, n);
    write_f64(name, "stds", stds, n);
}

static void scaling(void) {
    ScnScaleOptions options;
    double *values, *means = doubles(n_vars), *stds = doubles(n_vars), *out = doubles(n_obs * n_vars);
    ScnMatrix m = changeable(&values, &logged);
    must(scn_scale_options_init(&options, sizeof options));
    options.max_value = 2;
    scaled("pp_scale", &logged, NULL, &options);
    scaled("pp_scale~groups", &logged, groups, NULL);
    scaled("pp_scale~dense", &points, NULL, NULL);
    options.max_value = 1;
    options.clip_below = 0;
    scaled("pp_scale~seurat", &points, NULL, &options);
    must(scn_scale_options_init(&options, sizeof options));
    options.divide = 0;
    scaled("pp_scale~centred", &points, NULL, &options);
    must(scn_scale_options_init(&options, sizeof options));
    options.zero_center = 0;
    options.root_mean_square = 1;
    scaled("pp_scale~root_mean_square", &points, NULL, &options);
    must(scn_scale_options_init(&options, sizeof options));
    options.zero_center = 0;
    options.max_value = 3;
    must(scn_pp_scale_inplace(&context, &m, NULL, 0, 1, &options, means, n_vars, stds, n_vars));
    write_f64("pp_scale~not_centred", "out", values, nnz);
    write_f64("pp_scale~not_centred", "means", means, n_vars);
    write_f64("pp_scale~not_centred", "stds", stds, n_vars);
    must(scn_pp_regress_out(&context, &logged, input("covariates"), 3 * n_obs, 3, SCN_F64, out, n_obs * n_vars));
    write_f64("pp_regress_out", "out", out, n_obs * n_vars);
    must(scn_pp_regress_out_groups(&context, &logged, batches, n_obs, n_batches, SCN_F64, out, n_obs * n_vars));
    write_f64("pp_regress_out_groups", "out", out, n_obs * n_vars);
}

/* The scores of the comparison. */
static const double *ranked(const char *how, const ScnRankGenesGroupsOptions *options) {
    const int64_t n = n_groups * n_vars;
    int64_t *order = memory(n_groups * 50 * 8);
    char name[128];
    ScnRankGenesGroupsOutputs out;
    must(scn_rank_genes_groups_outputs_init(&out, sizeof out));
    out.len = n;
    out.scores = doubles(n);
    out.pvals = doubles(n);
    out.ln_pvals = doubles(n);
    out.pvals_adj = doubles(n);
    out.log_fold_changes = doubles(n);
    out.means = doubles(n);
    out.means_reference = doubles(n);
    out.fractions = doubles(n);
    out.fractions_reference = doubles(n);
    if (options->method == SCN_METHOD_WILCOXON) {
        out.u = doubles(n);
        out.auroc = doubles(n);
    }
    must(scn_tl_rank_genes_groups(&context, &logged, groups, n_obs, n_groups, options, &out));
    snprintf(name, sizeof name, "tl_rank_genes_groups~%s", how);
    write_f64(name, "scores", out.scores, n);
    write_f64(name, "pvals", out.pvals, n);
    write_f64(name, "ln_pvals", out.ln_pvals, n);
    write_f64(name, "pvals_adj", out.pvals_adj, n);
    write_f64(name, "log_fold_changes", out.log_fold_changes, n);
    write_f64(name, "means", out.means, n);
    write_f64(name, "means_reference", out.means_reference, n);
    write_f64(name, "fractions", out.fractions, n);
    write_f64(name, "fractions_reference", out.fractions_reference, n);
    if (options->method == SCN_METHOD_WILCOXON) {
        write_f64(name, "u", out.u, n);
        write_f64(name, "auroc", out.auroc, n);
    }
    must(scn_tl_rank_genes_groups_order(&context, out.scores, n, n_groups, n_vars, 50, 0, order, n_groups * 50));
    snprintf(name, sizeof name, "tl_rank_genes_groups_order~%s", how);
    write_i64(name, "order", order, n_groups * 50);
    return out.scores;
}

static void comparisons(void) {
    const double *scores;
    int64_t *order = memory(n_groups * 50 * 8);
    ScnRankGenesGroupsOptions options;
    must(scn_rank_genes_groups_options_init(&options, sizeof options));
    ranked("t-test", &options);
    options.method = SCN_METHOD_T_TEST_OVERESTIM_VAR;
    options.fold_change = SCN_FOLD_CHANGE_SCANPY_V2;
    options.corr_method = SCN_CORR_BONFERRONI;
    ranked("overestim", &options);
    options.method = SCN_METHOD_STUDENT;
    options.reference = 1;
    options.fold_change = SCN_FOLD_CHANGE_SEURAT_V5;
    options.corr_method = SCN_CORR_BENJAMINI_YEKUTIELI;
    ranked("student", &options);
    must(scn_rank_genes_groups_options_init(&options, sizeof options));
    options.method = SCN_METHOD_WILCOXON;
    ranked("wilcoxon", &options);
    options.tie_correct = 1;
    options.continuity = 1;
    options.fold_change = SCN_FOLD_CHANGE_SEURAT_V4;
    ranked("wilcoxon_r", &options);
    must(scn_rank_genes_groups_options_init(&options, sizeof options));
    options.fold_change = SCN_FOLD_CHANGE_DIFFERENCE;
    options.positive_fractions = 1;
    ranked("difference", &options);
    must(scn_rank_genes_groups_options_init(&options, sizeof options));
    options.method = SCN_METHOD_WILCOXON;
    options.exact = 1;
    options.min_cells = 1;
    options.fold_change = SCN_FOLD_CHANGE_SEURAT_V4_MEANS;
    ranked("wilcoxon_exact", &options);
    must(scn_rank_genes_groups_options_init(&options, sizeof options));
    options.method = SCN_METHOD_WILCOXON;
    options.tie_correct = 1;
    options.reference = 0;
    scores = ranked("wilcoxon_reference", &options);
    must(scn_tl_rank_genes_groups_order(&context, scores, n_groups * n_vars, n_groups, n_vars, 50, 1, order, n_groups * 50));
    write_i64("tl_rank_genes_groups_order~abs", "order", order, n_groups * 50);
}

static void gene_sets_and_distances(void) {
    static const char *const phase_names[] = {"G1\n", "S\n", "G2M\n"};
    const double gammas[2] = {0.5, 2.0};
    int64_t n_bytes, i, n_control = 0, *control = memory(n_vars * 8);
    const int64_t *set = read_file("gene_set", &n_bytes), set_len = n_bytes / 8;
    const int64_t *pool = read_file("gene_pool", &n_bytes), pool_len = n_bytes / 8;
    uint8_t *is_control = memory(n_vars);
    int32_t *phase = memory(n_obs * 4);
    char *phases = memory(n_obs * 4 + 1);
    double *score = doubles(n_obs), *distance = doubles(n_groups * n_groups), gamma;
    ScnControlGenesOptions options;
    must(scn_control_genes_options_init(&options, sizeof options));
    options.ctrl_size = 10;
    options.n_bins = 12;
    options.random_state = 5;
    must(scn_tl_control_genes(&context, &logged, set, set_len, pool, pool_len, &options, is_control, n_vars));
    for (i = 0; i < n_vars; ++i) {
        if (is_control[i]) {
            control[n_control++] = i;
        }
    }
    write_i64("tl_control_genes", "control", control, n_control);
    must(scn_tl_score_genes(&context, &logged, set, set_len, control, n_control, score, n_obs));
    write_f64("tl_score_genes", "score", score, n_obs);
    must(scn_tl_cell_cycle_phase(input("s_score"), input("g2m_score"), n_obs, phase, n_obs));
    for (i = 0; i < n_obs; ++i) {
        strcat(phases, phase_names[phase[i]]);
    }
    write_bytes("tl_cell_cycle_phase", "phase", phases, (int64_t)strlen(phases));
    must(scn_tl_energy_distance(&context, &points, groups, n_obs, n_groups, SCN_REFERENCE_REST, SCN_METRIC_SQEUCLIDEAN, 1,
                                distance, n_groups * n_groups));
    write_f64("tl_energy_distance", "distance", distance, n_groups * n_groups);
    must(scn_tl_energy_distance(&context, &logged, groups, n_obs, n_groups, 2, SCN_METRIC_EUCLIDEAN, 0, distance, n_groups));
    write_f64("tl_energy_distance~euclidean", "distance", distance, n_groups);
    must(scn_tl_mmd(&context, &points, groups, n_obs, n_groups, SCN_REFERENCE_REST, NULL, 0, 0, distance, n_groups * n_groups,
                    &gamma, 1));
    write_f64("tl_mmd", "squared", distance, n_groups * n_groups);
    write_f64("tl_mmd", "gammas", &gamma, 1);
    must(scn_tl_mmd(&context, &points, groups, n_obs, n_groups, SCN_REFERENCE_REST, gammas, 2, 1, distance, n_groups * n_groups,
                    NULL, 0));
    write_f64("tl_mmd~gammas", "squared", distance, n_groups * n_groups);
}

static void numbers(void) {
    int64_t n_bytes, n, n_new;
    const double *x = read_file("loess_x", &n_bytes), *y = input("loess_y"), *weights = input("loess_w"), *new_x, *z, *t, *df, *p;
    double *out = doubles(1000);
    ScnLoessOptions options;
    ScnSimulateOptions simulation;
    ScnContext seeded = context;
    ScnSparse *drawn;
    int32_t clusters[60], drawn_batches[60], marker_of[200];
    n = n_bytes / 8;
    new_x = read_file("loess_new", &n_bytes);
    n_new = n_bytes / 8;
    must(scn_loess_options_init(&options, sizeof options));
    options.span = 0.4;
    must(scn_stats_loess(&context, x, n, y, n, weights, n, &options, NULL, 0, out, n, NULL, 0));
    write_f64("stats_loess", "fitted", out, n);
    options.slack = 1e-5;
    must(scn_stats_loess(&context, x, n, y, n, NULL, 0, &options, NULL, 0, out, n, NULL, 0));
    write_f64("stats_loess~r", "fitted", out, n);
    options.slack = 0;
    options.span = 0.5;
    options.degree = 1;
    options.surface = SCN_LOESS_DIRECT;
    must(scn_stats_loess(&context, x, n, y, n, NULL, 0, &options, new_x, n_new, NULL, 0, out, n_new));
    write_f64("stats_loess", "predicted", out, n_new);

    z = read_file("z", &n_bytes);
    t = input("t");
    df = input("df");
    p = input("p");
    n = n_bytes / 8;
    must(scn_stats_normal_p(z, n, 0, out, n));
    write_f64("stats_normal_p", "p", out, n);
    must(scn_stats_normal_p(z, n, 1, out, n));
    write_f64("stats_normal_p~log", "p", out, n);
    must(scn_stats_student_p(t, n, df, n, 0, out, n));
    write_f64("stats_student_p", "p", out, n);
    must(scn_stats_student_p(t, n, df, n, 1, out, n));
    write_f64("stats_student_p~log", "p", out, n);
    must(scn_stats_adjust_p(p, n, SCN_CORR_BENJAMINI_HOCHBERG, out, n));
    write_f64("stats_adjust_p~benjamini-hochberg", "adjusted", out, n);
    must(scn_stats_adjust_p(p, n, SCN_CORR_BENJAMINI_YEKUTIELI, out, n));
    write_f64("stats_adjust_p~benjamini-yekutieli", "adjusted", out, n);
    must(scn_stats_adjust_p(p, n, SCN_CORR_BONFERRONI, out, n));
    write_f64("stats_adjust_p~bonferroni", "adjusted", out, n);

    must(scn_simulate_options_init(&simulation, sizeof simulation));
    simulation.n_clusters = 3;
    simulation.markers_per_cluster = 5;
    simulation.n_batches = 2;
    seeded.seed = 7;
    must(scn_simulate_counts(&seeded, 60, 200, &simulation, &drawn, clusters, 60, drawn_batches, 60, marker_of, 200));
    write_sparse("simulate_counts", drawn);
    write_i32("simulate_counts", "clusters", clusters, 60);
    write_i32("simulate_counts", "batches", drawn_batches, 60);
    write_i32("simulate_counts", "marker_of", marker_of, 200);
}

static void errors(void) {
    char path[4096];
    int64_t n_bytes;
    const double beyond[2] = {0.5, 1.5}, *x = read_file("loess_x", &n_bytes);
    double *out = doubles(n_obs * n_vars);
    const int32_t *lonely = input("lonely");
    ScnSparse *made;
    ScnScaleOptions scale;
    ScnHighlyVariableGenesOptions variable;
    ScnHighlyVariableGenesOutputs none;
    ScnRankGenesGroupsOutputs outputs;
    ScnLoessOptions loess;
    write_error("validate", scn_matrix_validate(&context, &not_finite));
    snprintf(path, sizeof path, "%s/none.mtx", in_folder);
    write_error("read_mtx", scn_read_mtx(&context, path, SCN_OBS, 0, &made));
    write_error("log1p", scn_pp_log1p(&context, &counts, 1, out, SCN_F64, nnz));
    must(scn_scale_options_init(&scale, sizeof scale));
    scale.max_value = -1;
    write_error("scale",
                scn_pp_scale(&context, &counts, NULL, 0, 1, &scale, NULL, 0, NULL, 0, SCN_OBS, SCN_F64, out, n_obs * n_vars));
    must(scn_highly_variable_genes_options_init(&variable, sizeof variable));
    must(scn_highly_variable_genes_outputs_init(&none, sizeof none));
    variable.n_top_genes = 100000;
    write_error("highly_variable_genes", scn_pp_highly_variable_genes(&context, &logged, NULL, 0, 0, NULL, 0, &variable, &none));
    must(scn_rank_genes_groups_outputs_init(&outputs, sizeof outputs));
    outputs.len = 2 * n_vars;
    outputs.scores = out;
    write_error("rank_genes_groups", scn_tl_rank_genes_groups(&context, &logged, lonely, n_obs, 2, NULL, &outputs));
    outputs.len = n_groups * n_vars;
    write_error("rank_not_finite", scn_tl_rank_genes_groups(&context, &not_finite, groups, n_obs, n_groups, NULL, &outputs));
    write_error("adjust_p", scn_stats_adjust_p(beyond, 2, SCN_CORR_BENJAMINI_HOCHBERG, out, 2));
    must(scn_loess_options_init(&loess, sizeof loess));
    loess.span = -1;
    write_error("loess", scn_stats_loess(&context, x, n_bytes / 8, input("loess_y"), n_bytes / 8, NULL, 0, &loess, NULL, 0, out,
                                         n_bytes / 8, NULL, 0));
}

/* The text, which is freed. */
static char *text_of(ScnText *text) {
    size_t needed;
    char *copy;
    must(scn_text_copy(text, NULL, 0, &needed));
    copy = memory((int64_t)needed);
    must(scn_text_copy(text, copy, needed, NULL));
    scn_text_free(text);
    return copy;
}

/* What is behind the first `"key":` of a JSON text, without a quote. */
static const char *value_of(const char *json, const char *key) {
    char wanted[64];
    const char *at;
    snprintf(wanted, sizeof wanted, "\"%s\":", key);
    at = strstr(json, wanted);
    if (at == NULL) {
        fprintf(stderr, "run.c: there is no %s in %s\n", key, json);
        exit(1);
    }
    at += strlen(wanted);
    return *at == '"' ? at + 1 : at;
}

static int64_t number_of(ScnText *text, const char *key) { return atoll(value_of(text_of(text), key)); }

/* The texts of these keys, a line each. */
static void write_values(const char *name, const char *output, ScnText *text, const char *key, const char *other) {
    const char *json = text_of(text), *value = value_of(json, key);
    char lines[256];
    snprintf(lines, sizeof lines, "%.*s\n", (int)strcspn(value, "\""), value);
    if (other != NULL) {
        const size_t length = strlen(lines);
        value = value_of(json, other);
        snprintf(lines + length, sizeof lines - length, "%.*s\n", (int)strcspn(value, "\""), value);
    }
    write_bytes(name, output, lines, (int64_t)strlen(lines));
}

static void write_tensors(const char *name, ScnTensors *tensors) {
    int64_t n, i, k, size;
    char output[64];
    ScnTensor tensor;
    must(scn_tensors_len(tensors, &n));
    for (i = 0; i < n; ++i) {
        must(scn_tensors_name(tensors, i, output, sizeof output, NULL));
        must(scn_tensor_init(&tensor, sizeof tensor));
        must(scn_tensors_get(tensors, i, &tensor));
        for (size = 1, k = 0; k < tensor.n_dims; ++k) {
            size *= tensor.shape[k];
        }
        if (tensor.value_type == SCN_F32) {
            double *values = doubles(size);
            for (k = 0; k < size; ++k) {
                values[k] = ((const float *)tensor.values)[k];
            }
            write_f64(name, output, values, size);
        } else { /* flags, the one other type that the outputs here have */
            int64_t *values = memory(size * 8);
            for (k = 0; k < size; ++k) {
                values[k] = ((const uint8_t *)tensor.values)[k];
            }
            write_i64(name, output, values, size);
        }
    }
    scn_tensors_free(tensors);
}

static void add(ScnTensors *tensors, const char *name, int32_t type, int32_t n_dims, const int64_t *shape, const void *values) {
    ScnTensor tensor;
    must(scn_tensor_init(&tensor, sizeof tensor));
    tensor.value_type = type;
    tensor.n_dims = n_dims;
    tensor.shape = shape;
    tensor.values = values;
    must(scn_tensors_add(tensors, name, &tensor));
}

static void copy_file(const char *folder, const char *file, const char *output) {
    char path[4096];
    FILE *from;
    long size;
    void *bytes;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    from = fopen(path, "rb");
    if (from == NULL || fseek(from, 0, SEEK_END) != 0 || (size = ftell(from)) < 0) {
        fprintf(stderr, "run.c: %s cannot be read\n", path);
        exit(1);
    }
    rewind(from);
    bytes = memory(size);
    if (fread(bytes, 1, (size_t)size, from) != (size_t)size) {
        exit(1);
    }
    fclose(from);
    write_bytes("model_export", output, bytes, size);
}

/* The genes of a model as the library takes them, a newline behind each: their JSON array has no escapes. */
static char *genes_of(const ScnModel *model) {
    ScnText *text;
    char *json, *to, *from;
    must(scn_model_genes(model, &text));
    json = text_of(text);
    for (to = from = json; *from != '\0'; ++from) {
        if (*from == ',' || *from == ']') {
            *to++ = '\n';
        } else if (*from != '"' && *from != '[' && *from != ' ') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return json;
}

/* The first of these lines, and then `unknown0`, `unknown1`, ... */
static char *lines_with_unknown(const char *lines, int n_lines, int n_unknown) {
    char *made = memory(4096);
    const char *end = lines;
    int i;
    for (i = 0; i < n_lines; ++i) {
        end = strchr(end, '\n') + 1;
    }
    memcpy(made, lines, (size_t)(end - lines));
    for (i = 0; i < n_unknown; ++i) {
        sprintf(made + strlen(made), "unknown%d\n", i);
    }
    return made;
}

static void model_errors(const ScnModel *model, const char *plain, const ScnMatrix *cells, const char *genes) {
    const int64_t five = 5, labels[5] = {0, 1, 2, 3, 4};
    char none[4096], offline[4200];
    double *negative = doubles(40 * 30);
    ScnMatrix wrong = *cells;
    ScnText *text;
    ScnModel *other;
    ScnTensors *inputs, *made;
    memcpy(negative, cells->values, 40 * 30 * sizeof *negative);
    negative[1 * 30 + 2] = -3;
    wrong.values = negative;
    snprintf(none, sizeof none, "{\"cache_dir\": \"%s/none\"}", in_folder);
    snprintf(offline, sizeof offline, "{\"offline\": true, \"cache_dir\": \"%s/none\"}", in_folder);
    must(scn_tensors_new(&inputs));
    write_error("models_info", scn_models_info("scgpt-humn", &text));
    write_error("models_unregister", scn_models_unregister("proof"));
    write_error("models_download", scn_models_download(&context, "proof/none", offline, &text));
    write_error("models_remove", scn_models_remove("proof/none", none, &text));
    write_error("models_verify", scn_models_verify(&context, "proof/none", none, &text));
    write_error("model_open", scn_model_open(&context, "/no/such/folder", NULL, &other));
    write_error("model_open~dtype", scn_model_open(&context, plain, "{\"dtype\": \"f33\"}", &other));
    write_error("model_forward", scn_model_forward(&context, model, inputs, NULL, &made));
    write_error("model_embed~option", scn_model_embed(&context, model, cells, genes, NULL, "{\"bins\": 3}", &made, NULL));
    write_error("model_embed~names", scn_model_embed(&context, model, cells, NULL, NULL, NULL, &made, NULL));
    write_error("model_embed~vocabulary",
                scn_model_embed(&context, model, cells, lines_with_unknown("", 0, 30), NULL, NULL, &made, NULL));
    write_error("model_embed~counts", scn_model_embed(&context, model, &wrong, genes, NULL, NULL, &made, NULL));
    write_error("model_embed~budget",
                scn_model_embed(&context, model, cells, genes, NULL, "{\"max_batch_tokens\": 1}", &made, NULL));
    add(inputs, "batch_labels", SCN_I64, 1, &five, labels);
    write_error("model_embed~shape", scn_model_embed(&context, model, cells, genes, inputs, NULL, &made, NULL));
    write_error("model_run", scn_model_run(&context, model, "dance", NULL, NULL, NULL, NULL, &made, NULL));
    scn_tensors_free(inputs);
}

/* What needs the fixtures of models. */
static void models(const char *root) {
    char plain[4096], path[4200], parent[4096], options[8192], first[3][64];
    const char *at;
    char *known, *genes, *renamed, *named, *letter, *rest;
    const int64_t shape[2] = {3, 6};
    int64_t n = 0, i;
    double *logs = doubles(40 * 30);
    ScnMatrix cells, control;
    ScnText *text;
    ScnModel *model, *perturbing;
    ScnTensors *inputs, *made;
    snprintf(plain, sizeof plain, "%s/scgpt-plain", root);
    snprintf(parent, sizeof parent, "%s", out_folder);
    *strrchr(parent, '/') = '\0';
    must(scn_matrix_init(&cells, sizeof cells));
    cells.storage = SCN_DENSE;
    cells.n_obs = 40;
    cells.n_vars = 30;
    cells.values = input("model_counts");
    cells.value_type = SCN_F64;
    must(scn_model_open(&context, plain, NULL, &model));
    known = genes_of(model);
    genes = lines_with_unknown(known, 24, 6);

    must(scn_models_list(&text));
    for (at = text_of(text); (at = strstr(at, "\"family\":")) != NULL; ++at) {
        ++n;
    }
    write_i64("models_list", "n", &n, 1);
    must(scn_models_info("scGPT/Human", &text));
    write_values("models_info", "texts", text, "id", "family");
    snprintf(options, sizeof options, "{\"id\": \"proof\", \"family\": \"scgpt\", \"source\": {\"local\": \"%s\"}}", plain);
    must(scn_models_register(options));
    must(scn_models_info("Proof", &text));
    write_values("models_register", "family", text, "family", NULL);
    must(scn_models_unregister("proof"));
    snprintf(options, sizeof options, "{\"cache_dir\": \"%s/cache\"}", parent);
    must(scn_models_cache(options, &text));
    n = number_of(text, "size");
    write_i64("models_cache", "size", &n, 1);
    must(scn_models_prune(options, &text));
    n = number_of(text, "freed_bytes");
    write_i64("models_prune", "freed", &n, 1);
    must(scn_model_describe(model, &text));
    write_values("model_describe", "family", text, "family", NULL);
    write_bytes("model_genes", "genes", known, (int64_t)strlen(known));
    must(scn_model_gene_embeddings(&context, model, &made));
    write_tensors("model_gene_embeddings", made);

    must(scn_tensors_new(&inputs));
    add(inputs, "src", SCN_I64, 2, shape, input("model_src"));
    add(inputs, "values", SCN_F64, 2, shape, input("model_values"));
    must(scn_model_forward(&context, model, inputs, NULL, &made));
    write_tensors("model_forward", made);
    scn_tensors_free(inputs);
    must(scn_model_embed(&context, model, &cells, genes, NULL, NULL, &made, NULL));
    write_tensors("model_embed", made);
    renamed = memory(4096);
    rest = strchr(genes, '\n') + 1;
    snprintf(renamed, 4096, "first\n%s", rest);
    for (letter = renamed + 6; *letter != '\n'; ++letter) {
        *letter = (char)tolower((unsigned char)*letter);
    }
    snprintf(options, sizeof options,
             "{\"aliases\": {\"first\": \"%.*s\"}, \"min_matched\": 0.5, \"max_batch_tokens\": 64, \"binning\": \"deterministic\"}",
             (int)(rest - genes - 1), genes);
    must(scn_model_embed(&context, model, &cells, renamed, NULL, options, &made, NULL));
    write_tensors("model_embed~options", made);

    snprintf(path, sizeof path, "%s/scgpt-perturb", root);
    must(scn_model_open(&context, path, NULL, &perturbing));
    named = lines_with_unknown(genes_of(perturbing), 24, 6);
    for (at = named, i = 0; i < 3; ++i) {
        snprintf(first[i], sizeof first[i], "%.*s", (int)strcspn(at, "\n"), at);
        at = strchr(at, '\n') + 1;
    }
    for (i = 0; i < 40 * 30; ++i) {
        logs[i] = ((const double *)cells.values)[i] / 8;
    }
    control = cells;
    control.values = logs;
    snprintf(options, sizeof options, "{\"perturbations\": [[\"%s\"], [\"%s\", \"%s\"]], \"pool_size\": 7}", first[0], first[1],
             first[2]);
    must(scn_model_run(&context, perturbing, "perturb", &control, named, NULL, options, &made, NULL));
    write_tensors("model_run", made);
    scn_model_free(perturbing);

    snprintf(path, sizeof path, "%s/saved", parent);
    must(scn_model_export(&context, model, path, "{\"overwrite\": true}"));
    copy_file(path, "config.json", "config");
    copy_file(path, "model.safetensors", "weights");
    model_errors(model, plain, &cells, genes);
    scn_model_free(model);
}

int main(int argc, char **argv) {
    const char *fixtures = getenv("SCNATIVE_MODELS_DIR");
    if (argc != 4) {
        fprintf(stderr, "usage: run IN_DIR OUT_DIR N_THREADS\n");
        return 2;
    }
    in_folder = argv[1];
    out_folder = argv[2];
    must(scn_context_init(&context, sizeof context));
    context.n_threads = atoi(argv[3]);
    context.seed = 11;
    read_inputs();
    matrices();
    files();
    quality();
    normalization();
    variable_genes("seurat", SCN_HVG_SEURAT, 0);
    variable_genes("seurat", SCN_HVG_SEURAT, 1);
    variable_genes("cell_ranger", SCN_HVG_CELL_RANGER, 0);
    variable_genes("cell_ranger", SCN_HVG_CELL_RANGER, 1);
    variable_genes("seurat_v3", SCN_HVG_SEURAT_V3, 0);
    variable_genes("seurat_v3", SCN_HVG_SEURAT_V3, 1);
    variable_genes("seurat_v3_paper", SCN_HVG_SEURAT_V3_PAPER, 0);
    variable_genes("seurat_v3_paper", SCN_HVG_SEURAT_V3_PAPER, 1);
    variable_genes("vst", SCN_HVG_VST, 0);
    variable_genes("vst", SCN_HVG_VST, 1);
    variable_genes("mean_var_plot", SCN_HVG_MEAN_VAR_PLOT, 0);
    variable_genes("dispersion", SCN_HVG_DISPERSION, 0);
    variable_genes("pearson_residuals", SCN_HVG_PEARSON_RESIDUALS, 0);
    variable_genes("pearson_residuals", SCN_HVG_PEARSON_RESIDUALS, 1);
    scaling();
    comparisons();
    gene_sets_and_distances();
    numbers();
    errors();
    if (fixtures != NULL && *fixtures != '\0') {
        models(fixtures);
    }
    return 0;
}
