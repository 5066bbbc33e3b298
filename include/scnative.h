// scnative: native kernels for single-cell analysis.
//
// Made by cbindgen from src/ffi: change it there, then `make header`. BSD-3-Clause.
//
// Conventions
// - Matrices are obs x var: cells are rows, genes are columns. Which way the bytes lie is `ScnMatrix.major`.
// - A call that can fail returns an ScnStatus; the message is had by scn_last_error_message, on the same thread.
// - Outputs come last and are written only on success. A null output is skipped and not computed, unless its
//   description says that it must be there. Caller-allocated outputs come with their length, which must be right.
// - Pointers in are borrowed for the call, and never written unless the function's name ends in _inplace.
// - Handles are made by the library and freed once by their _free function, which takes null as well.
// - Structs that the caller fills start with struct_size and are set up by their _init function, which also gives
//   the defaults.
// - Any function may be called from any thread, several at once. A handle behind a const pointer may be shared; one
//   behind a non-const pointer must be used by one thread at a time. The library survives fork().
// - Results have the same bits for every number of threads, layout of the matrix, and run.


#ifndef SCNATIVE_H
#define SCNATIVE_H

#include <stddef.h>
#include <stdint.h>

// Compute on the CPU.
#define SCN_DEVICE_CPU 0

// Of `scn_10x_names`: the barcodes of the cells.
#define SCN_10X_BARCODES 0

// Of `scn_10x_names`: the genes' identifiers, the first column of features.tsv or genes.tsv.
#define SCN_10X_GENE_IDS 1

// Of `scn_10x_names`: the genes' names, the second column.
#define SCN_10X_GENE_NAMES 2

// Of `scn_10x_names`: the third column of features.tsv, "Gene Expression" say; no names if there is only a genes.tsv.
#define SCN_10X_FEATURE_TYPES 3

// Something that the caller should know, although the call goes on: scanpy's and Seurat's warnings.
#define SCN_LOG_WARNING 2

// What is being done.
#define SCN_LOG_INFO 1

// Sparse storage: `indptr`, `indices`, `values`.
#define SCN_SPARSE 0

// Dense storage: `values` alone.
#define SCN_DENSE 1

// Cells: compressed along cells (scipy's CSR of cells x genes, R's dgCMatrix of genes x cells).
#define SCN_OBS 0

// Genes: compressed along genes (scipy's CSC of cells x genes).
#define SCN_VAR 1

// float
#define SCN_F32 1

// double
#define SCN_F64 2

// int8_t
#define SCN_I8 3

// uint8_t
#define SCN_U8 4

// int16_t
#define SCN_I16 5

// uint16_t
#define SCN_U16 6

// int32_t
#define SCN_I32 7

// uint32_t
#define SCN_U32 8

// int64_t
#define SCN_I64 9

// uint64_t
#define SCN_U64 10

// The indices of each line ascend and do not repeat: kernels then skip the check and, if it is wrong, fail with an
// error or compute from what is there; memory is safe either way.
#define SCN_MATRIX_CANONICAL 1

// Dispersion within bins of genes by mean; log-normalised values (Satija et al. 2015; Seurat's mean.var.plot).
#define SCN_HVG_SEURAT 0

// Dispersion within bins by percentile of the mean; log-normalised values (Zheng et al. 2017).
#define SCN_HVG_CELL_RANGER 1

// Variance standardised by a loess curve; counts (Stuart et al. 2019; Seurat's vst). Batches: by median rank first.
#define SCN_HVG_SEURAT_V3 2

// The same; batches: by number of batches first, as the paper and Seurat's SelectIntegrationFeatures have it.
#define SCN_HVG_SEURAT_V3_PAPER 3

// Variance of analytic Pearson residuals; counts (Lause et al. 2021).
#define SCN_HVG_PEARSON_RESIDUALS 4

// The same as `SEURAT_V3` in Seurat's own arithmetic: the genes and their order are those of Seurat's
// FindVariableFeatures(selection.method = "vst"); counts. Batches: by number of batches first.
#define SCN_HVG_VST 5

// Dispersion within bins of genes by mean, by cut-offs; log-normalised values. Seurat's
// FindVariableFeatures(selection.method = "mean.var.plot").
#define SCN_HVG_MEAN_VAR_PLOT 6

// The highest dispersions, whatever the mean; log-normalised values. Seurat's
// FindVariableFeatures(selection.method = "dispersion").
#define SCN_HVG_DISPERSION 7

// Bins of equal width.
#define SCN_HVG_BINS_EQUAL_WIDTH 0

// Bins of equal numbers of genes that some cell expresses; the others are in none.
#define SCN_HVG_BINS_EQUAL_FREQUENCY 1

// False discovery rate of independent tests (Benjamini and Hochberg 1995).
#define SCN_CORR_BENJAMINI_HOCHBERG 0

// False discovery rate under any dependence (Benjamini and Yekutieli 2001).
#define SCN_CORR_BENJAMINI_YEKUTIELI 1

// Family-wise error rate: p times the number of tests, at most 1.
#define SCN_CORR_BONFERRONI 2

// Fit at the ends of cells and blend between them by cubics, as R and scikit-misc do by default.
#define SCN_LOESS_INTERPOLATE 0

// Fit at each point.
#define SCN_LOESS_DIRECT 1

// Squared Euclidean distance between cells.
#define SCN_METRIC_SQEUCLIDEAN 0

// Euclidean distance between cells.
#define SCN_METRIC_EUCLIDEAN 1

// Welch's t-test: unequal variances.
#define SCN_METHOD_T_TEST 0

// Welch's t-test that takes the rest to be as small as the group: scanpy's overestimate of the variance.
#define SCN_METHOD_T_TEST_OVERESTIM_VAR 1

// Student's t-test: one pooled variance.
#define SCN_METHOD_STUDENT 2

// Wilcoxon's rank sum test (Mann and Whitney's U), normal approximation.
#define SCN_METHOD_WILCOXON 3

// In place of a reference group: all other cells, those in no group counted in.
#define SCN_REFERENCE_REST -1

// log((expm1(mean x1) + c) / (expm1(mean x2) + c)), c = 1e-9: scanpy 1 (`mean_in_log_space=True`).
#define SCN_FOLD_CHANGE_SCANPY_V1 0

// log((mean(expm1 x1) + c) / (mean(expm1 x2) + c)), c = 1e-9: the preset of scanpy 2 (`mean_in_log_space=False`).
#define SCN_FOLD_CHANGE_SCANPY_V2 1

// log(mean(expm1 x1) + c) - log(mean(expm1 x2) + c), c = 1: Seurat 4.
#define SCN_FOLD_CHANGE_SEURAT_V4 2

// log((sum(expm1 x1) + c) / n1) - log((sum(expm1 x2) + c) / n2), c = 1: Seurat 5.
#define SCN_FOLD_CHANGE_SEURAT_V5 3

// log(mean x1 + c) - log(mean x2 + c), c = 1: Seurat 4 of values that are no logarithms, or of an assay whose normalisation
// it does not know.
#define SCN_FOLD_CHANGE_SEURAT_V4_MEANS 4

// mean x1 - mean x2: Seurat's avg_diff of scaled values. Its base and c do not matter.
#define SCN_FOLD_CHANGE_DIFFERENCE 5

// Both scores are negative.
#define SCN_PHASE_G1 0

// The S score is not below the G2M score.
#define SCN_PHASE_S 1

// The G2M score is above the S score.
#define SCN_PHASE_G2M 2

// The number that changes when a program built against an older header would break. It is in the library's SONAME.
#define SCN_ABI_VERSION 0

// First number of the library's version.
#define SCN_VERSION_MAJOR 0

// Second number of the library's version.
#define SCN_VERSION_MINOR 1

// Third number of the library's version.
#define SCN_VERSION_PATCH 0

// A folder that Cell Ranger wrote, in memory. Shared use of a const handle is safe; free it once, with `scn_10x_free`.
typedef struct Scn10x Scn10x;

// A flag that stops the calls it was given to. Made by `scn_cancel_token_new`; any thread may use it at any time.
typedef struct ScnCancelToken ScnCancelToken;

// A model that can be run. Shared use of a const handle is safe; free it once, with `scn_model_free`.
typedef struct ScnModel ScnModel;

// A sparse matrix that the library owns. Shared use of a const handle is safe; free it once, with `scn_sparse_free`.
typedef struct ScnSparse ScnSparse;

// Named arrays that the library owns. Shared use of a const handle is safe; free it once, with `scn_tensors_free`.
typedef struct ScnTensors ScnTensors;

// A text that the library owns, mostly JSON. Shared use of a const handle is safe; free it once, with `scn_text_free`.
typedef struct ScnText ScnText;

// What a call came to: `SCN_OK`, or one of `SCN_ERR_*`; then `scn_last_error_message` says more.
typedef int32_t ScnStatus;

// Called about ten times a second, on the thread that made the call and on no other, with the part done (0 to 1).
// Return 0 to go on, anything else to cancel. It must return: no exceptions, no longjmp.
typedef int32_t (*ScnProgress)(double done, void *user);

// Settings of one call. Null in its place means all defaults. Set up by `scn_context_init`.
typedef struct ScnContext {
    // sizeof(ScnContext) of the header compiled against.
    uint32_t struct_size;
    // Threads to compute with; 0 (default) is `SCN_NUM_THREADS` if set, else all cores that the process may use.
    // Results do not depend on it.
    int32_t n_threads;
    // `SCN_DEVICE_CPU` (default).
    int32_t device;
    // Must be 0.
    uint32_t reserved;
    // Seed of whatever is random; default 0. The same seed gives the same bits.
    uint64_t seed;
    // Progress callback, or null (default).
    ScnProgress progress;
    // Handed to the progress callback.
    void *progress_user;
    // A token that any thread may set to cancel the call, or null (default).
    const struct ScnCancelToken *cancel;
} ScnContext;

// A borrowed matrix of cells (obs) x genes (var). The pointers stay the caller's: they are read during a call only and
// never written, unless the function's name ends in `_inplace`. Set up by `scn_matrix_init`, then filled in.
typedef struct ScnMatrix {
    // sizeof(ScnMatrix) of the header compiled against.
    uint32_t struct_size;
    // `SCN_SPARSE` (default) or `SCN_DENSE`.
    int32_t storage;
    // The axis that a sparse matrix is compressed along, or whose lines a dense one stores contiguously: `SCN_OBS`
    // (default) or `SCN_VAR`.
    int32_t major;
    // 0 (default) or 1: what `indptr` and `indices` count from.
    int32_t index_base;
    // Cells.
    int64_t n_obs;
    // Genes.
    int64_t n_vars;
    // Stored elements; of a dense matrix 0 or n_obs * n_vars.
    int64_t nnz;
    // Offsets of the lines, one more than there are lines along `major`. Null if dense.
    const void *indptr;
    // Position of each stored element on the other axis, `nnz` of them. Null if dense.
    const void *indices;
    // The elements: `nnz` of them; if dense, lines of the minor axis' length, `stride` apart.
    const void *values;
    // `SCN_I32` or `SCN_I64`; default `SCN_I64`.
    int32_t indptr_type;
    // `SCN_I32` or `SCN_I64`; default `SCN_I32`.
    int32_t index_type;
    // Any of the type tags; default `SCN_F32`.
    int32_t value_type;
    // `SCN_MATRIX_*`; default 0.
    uint32_t flags;
    // Dense only: elements from the start of one line to that of the next; 0 (default) if they follow each other.
    int64_t stride;
} ScnMatrix;

// Called with a level (`SCN_LOG_*`) and a message, UTF-8 with a closing NUL, valid during the call only; on the thread
// whose call it is about. It must return: no exceptions, no longjmp.
typedef void (*ScnLog)(int32_t level, const char *message, void *user);

// What `scn_pp_highly_variable_genes` chooses by. Set up by `scn_highly_variable_genes_options_init`.
typedef struct ScnHighlyVariableGenesOptions {
    // sizeof(ScnHighlyVariableGenesOptions) of the header compiled against.
    uint32_t struct_size;
    // `SCN_HVG_*`; default `SCN_HVG_SEURAT`.
    int32_t flavor;
    // How many genes to choose, at most n_vars. 0 (default): `SEURAT` and `CELL_RANGER` choose by the cut-offs,
    // `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST` and `DISPERSION` choose 2000, `PEARSON_RESIDUALS` must be told.
    // `MEAN_VAR_PLOT` chooses by the cut-offs and takes none.
    int64_t n_top_genes;
    // Cut-offs of `SEURAT`, `CELL_RANGER` and `MEAN_VAR_PLOT`, all exclusive. Smallest mean; default 0.0125 (Seurat's
    // own: 0.1, 8, 1 and infinity).
    double min_mean;
    // Largest mean; default 3.
    double max_mean;
    // Smallest normalised dispersion; default 0.5.
    double min_disp;
    // Largest normalised dispersion; default infinity.
    double max_disp;
    // `SEURAT`, `MEAN_VAR_PLOT`, `DISPERSION`: bins of genes by mean; default 20. Of equal frequency they are one less: then
    // it counts their ends, as Seurat does.
    int32_t n_bins;
    // `SEURAT`, `CELL_RANGER`: not 0 leaves out genes without a positive value; default 0. With batches they are left
    // out always, in each batch by itself.
    int32_t filter_unexpressed_genes;
    // `SEURAT_V3`, `VST`: the part of the genes that a local fit of the curve takes; default 0.3.
    double span;
    // `SEURAT`, `MEAN_VAR_PLOT`, `DISPERSION`: base of the logarithm that the values are; 0 (default) is e.
    double log_base;
    // `PEARSON_RESIDUALS`: overdispersion, variance = mean + mean^2 / theta; default 100. Infinity is Poisson.
    double theta;
    // `PEARSON_RESIDUALS`: residuals are cut off at this absolute value. NaN (default): the square root of the number of
    // cells; with batches that of batch 0 for all of them, as in scanpy. `VST`: standardised values above it become it;
    // NaN (default): the square root of the number of cells of the batch.
    double clip;
    // Not 0 (default): warn through the log callback if counts are expected and values are not whole numbers.
    int32_t check_values;
    // `MEAN_VAR_PLOT`, `DISPERSION`: `SCN_HVG_BINS_*`; default `SCN_HVG_BINS_EQUAL_WIDTH`.
    int32_t binning;
    // `VST` without batches: the variance that the caller expects of each gene, in place of the curve that the library fits; 0
    // for a gene that is not to be judged. Borrowed for the call. Default null.
    const double *variances_expected;
    // Its length: n_vars; 0 with null.
    int64_t variances_expected_len;
} ScnHighlyVariableGenesOptions;

// Where `scn_pp_highly_variable_genes` writes. Each array has `n_vars` elements and may be null: not wanted. What the
// flavor does not have is filled with NaN. Set up by `scn_highly_variable_genes_outputs_init`.
typedef struct ScnHighlyVariableGenesOutputs {
    // sizeof(ScnHighlyVariableGenesOutputs) of the header compiled against.
    uint32_t struct_size;
    // Must be 0.
    uint32_t reserved;
    // Length of each array but `bin_edges`: the matrix' number of genes.
    int64_t n_vars;
    // 1 for the chosen genes, 0 for the others.
    uint8_t *highly_variable;
    // Mean over cells. `SEURAT`, `MEAN_VAR_PLOT`, `DISPERSION`: log(1 + mean) of the values before their logarithm was
    // taken. `SEURAT` and
    // `CELL_RANGER` with batches: mean over batches of that; without batches, 1e-12 in place of 0.
    double *means;
    // `SEURAT`, `CELL_RANGER`: variance over mean, for `SEURAT` its natural logarithm (NaN if the gene does not vary);
    // with batches the mean over batches. `MEAN_VAR_PLOT`, `DISPERSION`: natural logarithm of variance over mean; 0 if the
    // gene is 0 in all cells, minus infinity if it is something else in all cells.
    double *dispersions;
    // `SEURAT`, `CELL_RANGER`: dispersions less the bin's center, over the bin's spread (mean and standard deviation for
    // `SEURAT`, median and median absolute deviation for `CELL_RANGER`); with batches the mean over batches.
    // `MEAN_VAR_PLOT`, `DISPERSION`: as `SEURAT`, but NaN for a gene that is alone in its bin or in none.
    double *dispersions_norm;
    // `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST`, `PEARSON_RESIDUALS`: variance over all cells, with n - 1.
    double *variances;
    // `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST`: variance after standardisation, mean over batches.
    double *variances_norm;
    // `PEARSON_RESIDUALS`: variance of the residuals, with n, mean over batches.
    double *residual_variances;
    // All but `SEURAT` and `CELL_RANGER`: 0 is the most variable of the chosen genes (`MEAN_VAR_PLOT`, `DISPERSION`: the
    // highest dispersion); with batches the median over those in which the gene is among the `n_top_genes`. NaN if there
    // are none.
    double *highly_variable_rank;
    // In how many batches the gene was chosen; without batches 0 or 1.
    int64_t *highly_variable_nbatches;
    // 1 if that is all of them, else 0.
    uint8_t *highly_variable_intersection;
    // `SEURAT`, `CELL_RANGER` without batches, `MEAN_VAR_PLOT`, `DISPERSION`: the gene's bin from 0, -1 if it is in none.
    // Otherwise -1.
    int32_t *mean_bin;
    // The same flavors: where bins end, open below and closed above.
    double *bin_edges;
    // Length of `bin_edges`: for `CELL_RANGER` 21, for bins of equal frequency n_bins, else n_bins + 1.
    int64_t bin_edges_len;
    // `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST` without batches: the variance that the curve expects at the gene's mean; 0 for a
    // gene that does not vary.
    double *variances_expected;
} ScnHighlyVariableGenesOutputs;

// Options of `scn_pp_normalize_total` and `scn_pp_normalize_log1p`. Null means all defaults. Set up by
// `scn_normalize_total_options_init`.
typedef struct ScnNormalizeTotalOptions {
    // sizeof(ScnNormalizeTotalOptions) of the header compiled against.
    uint32_t struct_size;
    // Whether genes that have more than `max_fraction` of the total of any one cell do not count towards the totals;
    // 0 (default) or 1.
    int32_t exclude_highly_expressed;
    // See there; from 0 to 1, default 0.05.
    double max_fraction;
    // The total that each cell gets; 0 (default) for the median total of the cells that have any counts.
    double target_sum;
    // Of `scn_pp_normalize_log1p`: the base of the logarithm, 0 (default) for e.
    double base;
} ScnNormalizeTotalOptions;

// How `scn_pp_scale` and `scn_pp_scale_inplace` scale. Set up by `scn_scale_options_init`.
typedef struct ScnScaleOptions {
    // sizeof(ScnScaleOptions) of the header compiled against.
    uint32_t struct_size;
    // 1 (default) to subtract each gene's mean, 0 to leave zeros zero.
    int32_t zero_center;
    // Values above it become it, and with `zero_center` and `clip_below` values below its negative become that; default
    // infinity.
    double max_value;
    // 1 (default) to divide by the standard deviations, 0 to divide by nothing.
    int32_t divide;
    // 1 to divide what is not centred by sqrt(sum of squares / (n - 1)), as R's `scale` and Seurat do; 0 (default) by the
    // standard deviation, as scanpy does.
    int32_t root_mean_square;
    // 1 (default) if `max_value` bounds centred values from below, too; 0 from above only, as in Seurat.
    int32_t clip_below;
    // Must be 0.
    uint32_t reserved;
} ScnScaleOptions;

// What `scn_simulate_counts` draws. Set up by `scn_simulate_options_init`.
typedef struct ScnSimulateOptions {
    // sizeof(ScnSimulateOptions) of the header compiled against.
    uint32_t struct_size;
    // Type of the counts: `SCN_F32` (default) or `SCN_I32`.
    int32_t value_type;
    // Clusters; default 5. Cell `i` is of cluster `i % n_clusters`.
    int64_t n_clusters;
    // Genes that mark each cluster; default 20. They are drawn among the more expressed half of the genes (among more
    // if that is too few); no gene marks two clusters.
    int64_t markers_per_cluster;
    // Batches; default 1. Cell `i` is of batch `i / n_clusters % n_batches`.
    int64_t n_batches;
    // How many times more of a marker a cell of its cluster expresses; default 8.
    double marker_fold_change;
    // Standard deviation of the natural logarithm of a gene's effect in a batch; default 0.3. One batch has no effect.
    double batch_sd;
    // Median library size, molecules per cell; default 3000. Library sizes are log-normal.
    double library_size;
    // Standard deviation of the natural logarithm of the library sizes; default 0.35.
    double library_sd;
    // Standard deviation of the natural logarithm of the genes' base expression, which is log-normal; default 2.
    double gene_sd;
    // Dispersion of the negative binomial: the variance is `mean + dispersion * mean^2`; default 0.3; 0 is Poisson.
    double dispersion;
} ScnSimulateOptions;

// How `scn_stats_loess` smooths. Set up by `scn_loess_options_init`.
typedef struct ScnLoessOptions {
    // sizeof(ScnLoessOptions) of the header compiled against.
    uint32_t struct_size;
    // Degree of the local polynomial: 0, 1 or 2 (default).
    int32_t degree;
    // `SCN_LOESS_INTERPOLATE` (default) or `SCN_LOESS_DIRECT`.
    int32_t surface;
    // Must be 0.
    uint32_t reserved;
    // The part of the points that a local fit takes, above 0; default 0.75. Above 1, all points with a wider kernel.
    double span;
    // A cell is cut in two while it holds more than n * span * cell points; default 0.2.
    double cell;
    // Added to n * span before it is cut off to a whole number of points: default 0, as scikit-misc has it; R has 1e-5.
    double slack;
} ScnLoessOptions;

// One array, borrowed: its elements follow each other, the last axis fastest. Set up by `scn_tensor_init`.
typedef struct ScnTensor {
    // sizeof(ScnTensor) of the header compiled against.
    uint32_t struct_size;
    // `SCN_F32` (default) or any other of the type tags.
    int32_t value_type;
    // The number of axes, 0 to 8; 0 (default) is a single number.
    int32_t n_dims;
    // Must be 0.
    uint32_t reserved;
    // The length of each axis, `n_dims` of them.
    const int64_t *shape;
    // The elements.
    const void *values;
} ScnTensor;

// How `scn_tl_rank_genes_groups` compares. Set up by `scn_rank_genes_groups_options_init`; the defaults are scanpy's.
typedef struct ScnRankGenesGroupsOptions {
    // sizeof(ScnRankGenesGroupsOptions) of the header compiled against.
    uint32_t struct_size;
    // `SCN_METHOD_*`; default `SCN_METHOD_T_TEST`.
    int32_t method;
    // The group that all others are compared with, or `SCN_REFERENCE_REST` (default).
    int64_t reference;
    // Wilcoxon only: 1 if ties shall lower the variance; default 0, as scanpy has it (R and scipy correct).
    int32_t tie_correct;
    // Wilcoxon only: 1 if U shall be taken half a unit nearer to its mean; default 0, as scanpy has it (R and scipy do).
    int32_t continuity;
    // `SCN_CORR_*`; default `SCN_CORR_BENJAMINI_HOCHBERG`. Each group is corrected for its own tests.
    int32_t corr_method;
    // `SCN_FOLD_CHANGE_*`; default `SCN_FOLD_CHANGE_SCANPY_V1`.
    int32_t fold_change;
    // Base of the logarithm that the values are in; default 0, which means e.
    double log1p_base;
    // The c of the fold changes; default -1, which means the convention's own.
    double pseudocount;
    // Base of the log fold changes; default 2.
    double fold_change_base;
    // Wilcoxon only: 1 for p-values from the exact distribution of U where both sides have fewer than 50 cells and no two
    // values are equal, as R's wilcox.test has it; default 0. Scores stay those of the normal approximation.
    int32_t exact;
    // 1 if fractions shall count the values above zero, as Seurat does; default 0: those that are not zero, as scanpy does.
    int32_t positive_fractions;
    // The smallest group that is tested; default 2. 1 is possible for Wilcoxon only.
    int64_t min_cells;
} ScnRankGenesGroupsOptions;

// Where `scn_tl_rank_genes_groups` writes. Each array is n_groups x n_vars, row-major, of `len` doubles; null is not
// computed. In the row of a reference group all that compares is NaN. Set up by `scn_rank_genes_groups_outputs_init`.
typedef struct ScnRankGenesGroupsOutputs {
    // sizeof(ScnRankGenesGroupsOutputs) of the header compiled against.
    uint32_t struct_size;
    // Must be 0.
    uint32_t reserved;
    // Length of each array: n_groups * n_vars.
    int64_t len;
    // z (Wilcoxon) or t: positive where the group's values are the greater, 0 where nothing differs.
    double *scores;
    // Two-sided p-values.
    double *pvals;
    // Their natural logarithms, also where the p-value itself is below the least double.
    double *ln_pvals;
    // p-values corrected for the number of genes.
    double *pvals_adj;
    // Log fold changes of the group over the other side.
    double *log_fold_changes;
    // Wilcoxon only: Mann and Whitney's U, the pairs of a cell of the group and one outside in which the former has the
    // greater value, ties counting half.
    double *u;
    // Wilcoxon only: U over the number of pairs, the area under the ROC curve.
    double *auroc;
    // Mean of the group.
    double *means;
    // Mean of the other side.
    double *means_reference;
    // Part of the group's cells whose value is not zero, or above zero with `positive_fractions`.
    double *fractions;
    // The same of the other side's cells.
    double *fractions_reference;
} ScnRankGenesGroupsOutputs;

// How control genes are chosen. Set up by `scn_control_genes_options_init`.
typedef struct ScnControlGenesOptions {
    // sizeof(ScnControlGenesOptions) of the header compiled against.
    uint32_t struct_size;
    // 1 (default): genes of the set are drawn with the others of their bin and then left out; 0: they are not drawn.
    int32_t ctrl_as_ref;
    // Genes drawn from each bin of expression; default 50.
    int64_t ctrl_size;
    // Bins of expression, at least 2; default 25.
    int64_t n_bins;
    // Seed of the draw; default 0. The sample is the one that numpy draws after `np.random.seed(random_state)`.
    uint32_t random_state;
    // Must be 0.
    uint32_t reserved;
} ScnControlGenesOptions;

// The call did what it should.
#define SCN_OK 0

// A required pointer is null.
#define SCN_ERR_NULL 1

// An argument has a value that the function does not take.
#define SCN_ERR_INVALID_ARGUMENT 2

// A struct's `struct_size` is not one that this library knows: it was compiled against another header, or not set up by its `_init`.
#define SCN_ERR_STRUCT_SIZE 3

// A type tag is unknown, or the function does not take that type.
#define SCN_ERR_TYPE 4

// Lengths or shapes that must agree do not.
#define SCN_ERR_SHAPE 5

// A sparse matrix whose structure is broken: offsets that decrease or end elsewhere than at nnz, indices out of range.
#define SCN_ERR_MATRIX 6

// Data that the function cannot take: NaN, infinity, negative counts.
#define SCN_ERR_VALUE 7

// A name, file or entry that does not exist.
#define SCN_ERR_NOT_FOUND 8

// A size that the type which has to hold it cannot express.
#define SCN_ERR_OVERFLOW 9

// Memory could not be had.
#define SCN_ERR_OUT_OF_MEMORY 10

// Reading or writing failed.
#define SCN_ERR_IO 11

// The progress callback or the cancel token asked to stop. Outputs are as they were.
#define SCN_ERR_CANCELLED 12

// A valid request that this build of the library cannot do.
#define SCN_ERR_UNSUPPORTED 13

// A defect in the library, caught before it reached the caller. Please report it with the message.
#define SCN_ERR_PANIC 14

// A server could not be reached, or did not answer as it should.
#define SCN_ERR_NETWORK 15

// What is needed is not in the cache, and the network may not be used.
#define SCN_ERR_OFFLINE 16

// A repository that is gated or private, and no token that opens it.
#define SCN_ERR_ACCESS 17

// A model whose licence must be acknowledged first.
#define SCN_ERR_LICENCE 18

// A file whose size or hash is not the one that was promised; it is not left in the cache.
#define SCN_ERR_CHECKSUM 19

// No room left on the disk.
#define SCN_ERR_DISK_FULL 20

// A model's configuration with a key or a value that its family does not know.
#define SCN_ERR_CONFIG 21

// Weights that do not fit the configuration: missing, unexpected, of another shape.
#define SCN_ERR_WEIGHTS 22

// A file of weights that is truncated, malformed or hostile. Nothing in it was run.
#define SCN_ERR_CHECKPOINT 23

// Too few of the matrix' genes are in the model's vocabulary.
#define SCN_ERR_VOCABULARY 24

// Gene names are needed, and there are none, or not as many as columns.
#define SCN_ERR_GENE_NAMES 25

// Counts are needed: whole numbers from 0 on.
#define SCN_ERR_COUNTS 26

// A limit on memory into which not even one cell fits.
#define SCN_ERR_BUDGET 27

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Writes the defaults into a context. `struct_size` is `sizeof(ScnContext)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_context_init(struct ScnContext *context, size_t struct_size);

// Makes a cancel token, not set. Free it with `scn_cancel_token_free` after the last call that uses it.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_cancel_token_new(struct ScnCancelToken **token);

// Sets the token: calls that have it return `SCN_ERR_CANCELLED` within about 0.1 s. From any thread, also from a
// signal handler.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_cancel_token_set(const struct ScnCancelToken *token);

// Clears the token, so that it can be used for another call.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_cancel_token_reset(const struct ScnCancelToken *token);

// Frees a token. Null is a no-op.
//
// @since 0.1.0
void scn_cancel_token_free(struct ScnCancelToken *token);

// The number of threads that a call with `n_threads` 0 uses: `SCN_NUM_THREADS` if it is set to a positive number,
// else the cores that the process may use. Never fails.
//
// @since 0.1.0
int32_t scn_default_threads(void);

// Reads a MatrixMarket file: coordinate format; real, integer or pattern; general, symmetric or skew-symmetric; plain or
// gzipped. `path` is UTF-8. `rows` says what the file's rows are: `SCN_OBS` for cells x genes, `SCN_VAR` for genes x cells
// (as Cell Ranger's are). `value_type` is the type that the values get; 0 is `SCN_I64` for an integer file, `SCN_F64` for
// any other. The result is compressed along the cells; repeated entries are summed. Free it with `scn_sparse_free`.
//
// As scipy.io.mmread. Runs on the calling thread. Memory: 12 to 20 bytes for each entry beside the result.
//
// Errors: `SCN_ERR_NOT_FOUND`; `SCN_ERR_IO` for a file that cannot be read or is malformed, with file and line;
// `SCN_ERR_OVERFLOW` for more than 2^31 - 1 cells or genes; `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_TYPE`.
//
// @since 0.1.0
ScnStatus scn_read_mtx(const struct ScnContext *context,
                       const char *path,
                       int32_t rows,
                       int32_t value_type,
                       struct ScnSparse **result);

// Writes the non-zeros of a matrix to a MatrixMarket file, gzipped if `path` ends in `.gz`: an integer file for integer
// values, else a real one whose numbers read back as the same. `rows` says what its rows shall be: `SCN_OBS` writes cells
// x genes, `SCN_VAR` genes x cells. A file that is there already is replaced, once the new one is complete.
//
// As scipy.io.mmwrite. Runs on the calling thread. Memory: one line of the matrix as text.
//
// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_NOT_FOUND` for a folder that does not exist;
// `SCN_ERR_IO`.
//
// @since 0.1.0
ScnStatus scn_write_mtx(const struct ScnContext *context,
                        const struct ScnMatrix *matrix,
                        const char *path,
                        int32_t rows);

// Reads a folder that Cell Ranger (or STARsolo) wrote: `matrix.mtx`, `barcodes.tsv`, and `features.tsv` (from version 3 on)
// or `genes.tsv` (before), each plain or with `.gz`. `prefix`, which may be null, is what the three names begin with;
// `value_type` as in `scn_read_mtx`. The matrix is cells x genes, compressed along the cells. Free the result with
// `scn_10x_free`.
//
// As scanpy's read_10x_mtx. Memory as `scn_read_mtx`.
//
// Errors: as `scn_read_mtx`; `SCN_ERR_NOT_FOUND` for a file that is missing; `SCN_ERR_MATRIX` if the matrix has not as
// many columns as there are barcodes, or not as many rows as genes.
//
// @since 0.1.0
ScnStatus scn_read_10x_mtx(const struct ScnContext *context,
                           const char *path,
                           const char *prefix,
                           int32_t value_type,
                           struct Scn10x **result);

// Fills a descriptor that borrows the matrix of the folder: valid until `scn_10x_free`. Otherwise as `scn_sparse_view`.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_10x_view(const struct Scn10x *folder, struct ScnMatrix *view);

// Copies names of the folder into `buffer`: `which` of `SCN_10X_*`, one after the other, each with a newline behind it,
// UTF-8, with a closing NUL; cut off if `capacity` bytes are too few. `needed`, if not null, gets the bytes that all
// names need, the NUL counted; `count`, if not null, how many names there are. A null `buffer` only asks for these.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT` for an unknown `which`.
//
// @since 0.1.0
ScnStatus scn_10x_names(const struct Scn10x *folder,
                        int32_t which,
                        char *buffer,
                        size_t capacity,
                        size_t *needed,
                        int64_t *count);

// Frees a folder. Null is a no-op.
//
// @since 0.1.0
void scn_10x_free(struct Scn10x *folder);

// Sets the process's log callback, in place of the one before; null silences. `user` is handed to it.
//
// Thread-safety: from any thread. The callback must be ready to be called from each thread that calls the library.
//
// @since 0.1.0
ScnStatus scn_set_log_callback(ScnLog callback, void *user);

// Writes the defaults into a descriptor: sparse, obs-major, 0-based, i64 offsets, i32 indices, f32 values, all null.
// `struct_size` is `sizeof(ScnMatrix)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_matrix_init(struct ScnMatrix *matrix, size_t struct_size);

// Checks a matrix in full and says which element is wrong: descriptor, offsets, indices in range, and that all values
// are finite. With `SCN_MATRIX_CANONICAL` among the flags, also that the indices of each line ascend and do not repeat.
//
// Cost: one parallel read of indices and values; no memory.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_TYPE`, `SCN_ERR_SHAPE`,
// `SCN_ERR_OVERFLOW`, `SCN_ERR_MATRIX` (structure), `SCN_ERR_VALUE` (a value that is NaN or infinite).
//
// @since 0.1.0
ScnStatus scn_matrix_validate(const struct ScnContext *context, const struct ScnMatrix *matrix);

// Finds out whether the indices of each line ascend without repeats: `canonical` gets 1 if so, else 0; of a dense matrix
// 1. They are read whatever the flags say. As scipy's `has_canonical_format`.
//
// A matrix that is canonical may have `SCN_MATRIX_CANONICAL` among its flags for as long as its indices stay as they
// are: kernels then skip this check, which they else make in each call.
//
// Cost: one parallel read of the indices; no memory.
//
// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_MATRIX` for an index out of range.
//
// @since 0.1.0
ScnStatus scn_matrix_is_canonical(const struct ScnContext *context,
                                  const struct ScnMatrix *matrix,
                                  uint8_t *canonical);

// Makes a copy whose indices ascend in each line without repeats; repeated elements are summed in their order, in the
// values' own type (integers wrap), as scipy's `sort_indices` and `sum_duplicates` do. The result keeps the major axis
// and the types of indices and values; its offsets are i64, its indices 0-based. Free it with `scn_sparse_free`.
//
// Memory: the result, once more while it is put together.
//
// Errors: as `scn_matrix_validate`, except for the values, which may be anything; `SCN_ERR_UNSUPPORTED` if dense.
//
// @since 0.1.0
ScnStatus scn_matrix_sum_duplicates(const struct ScnContext *context,
                                    const struct ScnMatrix *matrix,
                                    struct ScnSparse **result);

// Makes the matrix compressed along `major` (`SCN_OBS` or `SCN_VAR`), with sorted indices without repeats, as scipy's
// `tocsr` and `tocsc` (repeats are summed). Zeros that are stored stay; a dense matrix gives its non-zeros. The type of
// the values stays; offsets are i64, indices 0-based, i32 wherever they fit unless the matrix lies that way already
// (then they keep their type). Free the result with `scn_sparse_free`.
//
// Memory: the result, 8 bytes and 4 per thread for each line of it, and at most a third of a byte for each value.
//
// Errors: as `scn_matrix_validate`, except for the values, which may be anything.
//
// @since 0.1.0
ScnStatus scn_matrix_to_major(const struct ScnContext *context,
                              const struct ScnMatrix *matrix,
                              int32_t major,
                              struct ScnSparse **result);

// Makes a sparse matrix of the cells `obs` and the genes `vars`, given by their 0-based numbers, in the order given; one
// may be given several times. A null pointer means all of that axis, in their order; to take none, give any pointer
// and length 0. The result keeps the major axis and the type of the values; zeros that are stored stay. Offsets are i64,
// indices i32 wherever they fit. Free it with `scn_sparse_free`. As scipy's `matrix[obs][:, vars]`.
//
// Memory: the result, and 16 bytes for each gene (or cell) of the minor axis; if some of these are taken, at most the
// result again, which is freed while the result is put together.
//
// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_INVALID_ARGUMENT` for a number out of range;
// `SCN_ERR_UNSUPPORTED` if the matrix is dense.
//
// @since 0.1.0
ScnStatus scn_matrix_subset(const struct ScnContext *context,
                            const struct ScnMatrix *matrix,
                            const int64_t *obs,
                            int64_t obs_len,
                            const int64_t *vars,
                            int64_t vars_len,
                            struct ScnSparse **result);

// `scn_matrix_subset` by masks: one byte for each cell and each gene, 0 for those that are left out. Null means all.
//
// Errors: as `scn_matrix_subset`; `SCN_ERR_SHAPE` for a mask of another length than its axis.
//
// @since 0.1.0
ScnStatus scn_matrix_subset_masked(const struct ScnContext *context,
                                   const struct ScnMatrix *matrix,
                                   const uint8_t *obs,
                                   int64_t obs_len,
                                   const uint8_t *vars,
                                   int64_t vars_len,
                                   struct ScnSparse **result);

// Makes one sparse matrix of `n_matrices`, one after the other along `along` (`SCN_OBS`: their cells follow each other,
// `SCN_VAR`: their genes); on the other axis they must be equally long. The result is compressed along the first one's
// major axis; its values are of the smallest type that holds those of all, as numpy's `result_type` says; its indices
// are i32 wherever they fit. Dense matrices contribute their non-zeros. Free it with `scn_sparse_free`.
//
// Memory: the result, and copies of those matrices that are dense, unsorted, compressed along the other axis or of
// another type of values.
//
// Errors: as `scn_matrix_validate` for each matrix, except for the values; `SCN_ERR_SHAPE` if they do not fit;
// `SCN_ERR_INVALID_ARGUMENT` if there are none.
//
// @since 0.1.0
ScnStatus scn_matrix_concat(const struct ScnContext *context,
                            const struct ScnMatrix *const *matrices,
                            int64_t n_matrices,
                            int32_t along,
                            struct ScnSparse **result);

// Writes the whole matrix to `out`: `n_obs * n_vars` elements of type `out_type`, lines along `major` (`SCN_OBS`: cells
// one after the other, C order; `SCN_VAR`: genes, Fortran order) without gaps. Values are converted as C does, except
// that integers are cut off at the ends of their range and NaN becomes 0 there. As scipy's `toarray`.
//
// No memory beside the output. The output is written as the call goes on: after a cancellation it holds a part.
//
// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_SHAPE` if `out_len` is not `n_obs * n_vars`.
//
// @since 0.1.0
ScnStatus scn_matrix_to_dense(const struct ScnContext *context,
                              const struct ScnMatrix *matrix,
                              int32_t major,
                              int32_t out_type,
                              void *out,
                              int64_t out_len);

// Statistics over all cells (`over` = `SCN_OBS`: a result for each gene) or over all genes (`SCN_VAR`: for each cell).
// Each output is null (then it is not computed) or has `len` elements, as many as there are results.
//
// `sums`, `means`: in f64, cells (or genes) taken in ascending order, so that bits do not depend on threads or layout.
// `variances`: divided by the number of lines less `ddof`; NaN if that is not positive. Free of cancellation: where sum
// of squares and squared sum cancel, the deviations are summed instead. `nonzeros`: values that are not zero (NaN is
// not). `mins`, `maxs`: zeros that are not stored count. NaN propagates into all, as in numpy. Over nothing, means,
// variances, mins and maxs are NaN. Integers beyond 2^53 are rounded to doubles.
//
// As scikit-learn's `mean_variance_axis` and numpy's `sum`, `mean`, `var`, `count_nonzero`, `min`, `max`.
//
// Memory: a row of accumulators per thread beside the results, which are written as the call goes on: after a
// cancellation they hold a part.
//
// Errors: as `scn_matrix_validate`, except for the values; `SCN_ERR_SHAPE` for a wrong `len`.
//
// @since 0.1.0
ScnStatus scn_matrix_stats(const struct ScnContext *context,
                           const struct ScnMatrix *matrix,
                           int32_t over,
                           int64_t ddof,
                           double *sums,
                           double *means,
                           double *variances,
                           double *nonzeros,
                           double *mins,
                           double *maxs,
                           int64_t len);

// Statistics over the cells of each group: `n_groups` x genes, row-major, `out_len` = `n_groups * n_vars`. With `over` =
// `SCN_VAR` the groups are of genes, and results are `n_groups` x cells.
//
// `groups` has a label for each cell, from 0 to `n_groups` - 1, or -1 for a cell in no group; to mask cells, label them
// -1. Outputs are as those of `scn_matrix_stats`, for each group; of a group without cells sums and nonzeros are 0, all
// others NaN.
//
// As `scanpy.get.aggregate`, whose variances lose digits to cancellation where ours do not, and which sets them to 0
// where it finds that they did.
//
// Memory: as `scn_matrix_stats`, and after a cancellation as there.
//
// Errors: as `scn_matrix_stats`; `SCN_ERR_INVALID_ARGUMENT` for a label out of range; `SCN_ERR_SHAPE` for a wrong
// `groups_len`.
//
// @since 0.1.0
ScnStatus scn_matrix_aggregate(const struct ScnContext *context,
                               const struct ScnMatrix *matrix,
                               int32_t over,
                               const int32_t *groups,
                               int64_t groups_len,
                               int64_t n_groups,
                               int64_t ddof,
                               double *sums,
                               double *means,
                               double *variances,
                               double *nonzeros,
                               double *mins,
                               double *maxs,
                               int64_t out_len);

// Medians of the cells of each group: `n_groups` x genes, row-major, `out_len` = `n_groups * n_vars`; with `over` =
// `SCN_VAR` of the genes of each group: `n_groups` x cells. Groups as in `scn_matrix_aggregate`.
//
// Zeros count, stored or not. Where two values are in the middle, their mean. NaN where a value is NaN, and for a group
// of none. As numpy's `median`.
//
// Memory: the result twice, and up to 256 MB of the matrix transposed, if it is not compressed along the axis that is
// kept.
//
// Errors: as `scn_matrix_aggregate`.
//
// @since 0.1.0
ScnStatus scn_matrix_medians(const struct ScnContext *context,
                             const struct ScnMatrix *matrix,
                             int32_t over,
                             const int32_t *groups,
                             int64_t groups_len,
                             int64_t n_groups,
                             double *out,
                             int64_t out_len);

// All models that the registry knows, as a JSON array of cards: `id`, `family`, `task`, `title`, `source`, `files` (with size and
// sha256 where they are pinned), `licence`, `parameters`, `species`, `gene_ids`, `citation`. Reads no network and no cache. Free
// the text with `scn_text_free`.
//
// The cards are those of the library, of the files and folders that `SCNATIVE_MODELS` names (separated by colons), and those
// given to `scn_models_register`; of two with one `id` a registered one wins over one of a file, that over one of the library, and of two
// files the first named.
//
// Errors: `SCN_ERR_NULL`; `SCN_ERR_CONFIG` for a card file that is malformed; `SCN_ERR_NOT_FOUND` for a path of `SCNATIVE_MODELS` where
// nothing is; `SCN_ERR_IO`; `SCN_ERR_UNSUPPORTED`.
//
// @since 0.1.0
ScnStatus scn_models_list(struct ScnText **result);

// One model's card, as a JSON object: see `scn_models_list`. `name` is an `id`, in any case, also dotted or slashed
// (`scgpt/human`), or an alias.
//
// Errors: `SCN_ERR_NOT_FOUND`, with the nearest names; else as `scn_models_list`.
//
// @since 0.1.0
ScnStatus scn_models_info(const char *name, struct ScnText **result);

// Adds a card to the registry of this process; one of the same `id` is replaced. `card` is a JSON object with the fields that
// `scn_models_list` shows, or an array of them; `id`, `family`, `source` and, unless the source is local, `files` must be there.
//
// Errors: `SCN_ERR_CONFIG` for a card that is malformed, naming the field; `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_models_register(const char *card);

// Takes a card that was registered in this process out of the registry again.
//
// Errors: `SCN_ERR_NOT_FOUND`, `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_models_unregister(const char *id);

// Downloads a model's files into the cache, verifies them, and says as JSON where they are: `id`, `folder`, `commit`, `files`
// (`path`, `file`, `size`), `elsewhere`, `downloaded_bytes`. What is there already is not downloaded again.
//
// `name` is a name of the registry, or a Hugging Face repository: `org/repo`, `org/repo@revision`, `org/repo@revision:subfolder`.
// Options (a JSON object; null is none): `revision`, `cache_dir`, `endpoint`, `token`, `offline`, `force`,
// `acknowledge_licence`, `allow` and `ignore` (lists of patterns of files), `workers`, `retries`, `retry_wait`, `timeout`. Without them `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE`
// mean what they mean for huggingface_hub, and the cache has its layout. An interrupted download goes on where it stopped, also
// in another process; several processes wait for each other.
//
// Errors: `SCN_ERR_NOT_FOUND` (with the nearest names), `SCN_ERR_ACCESS`, `SCN_ERR_LICENCE`, `SCN_ERR_OFFLINE`,
// `SCN_ERR_NETWORK`, `SCN_ERR_CHECKSUM`, `SCN_ERR_DISK_FULL`, `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT` for an unknown option,
// `SCN_ERR_CANCELLED`, `SCN_ERR_UNSUPPORTED`. Nothing half-written is left where a model is looked for.
//
// @since 0.1.0
ScnStatus scn_models_download(const struct ScnContext *context,
                              const char *name,
                              const char *options,
                              struct ScnText **result);

// What is in the cache, as JSON: `folder`, `size`, `repositories`, each with `id`, `size`, `last_access`, its `revisions` with their
// files, `partial` and `dangling` ones, and `addresses`, files that came from a plain address. Options: `cache_dir`. Reads no network.
//
// Errors: `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_NULL`, `SCN_ERR_UNSUPPORTED`.
//
// @since 0.1.0
ScnStatus scn_models_cache(const char *options,
                           struct ScnText **result);

// Removes a model from the cache: the snapshot of one revision (option `revision`) or all of its repository; and what no other
// snapshot needs. `name` as in `scn_models_download`. The result says `freed_bytes` and what was removed.
//
// Errors: `SCN_ERR_NOT_FOUND` if it is not in the cache; `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_NULL`,
// `SCN_ERR_UNSUPPORTED`.
//
// @since 0.1.0
ScnStatus scn_models_remove(const char *name,
                            const char *options,
                            struct ScnText **result);

// Removes from the cache what nothing needs: partial files, contents without a snapshot, broken snapshots. Options: `cache_dir`. The
// result says `freed_bytes` and what was removed.
//
// Errors: `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_NULL`, `SCN_ERR_UNSUPPORTED`.
//
// @since 0.1.0
ScnStatus scn_models_prune(const char *options,
                           struct ScnText **result);

// Reads a model's files in the cache again and compares them with what they must be: the sizes and hashes of its card, and those
// that the server promised. The result lists `ok`, `corrupt`, `missing` and `unpinned` files. Options: `revision`, `cache_dir`,
// `remove_corrupt`. Reads no network.
//
// Errors: `SCN_ERR_NOT_FOUND` if it is not in the cache; `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_CANCELLED`,
// `SCN_ERR_NULL`, `SCN_ERR_UNSUPPORTED`.
//
// @since 0.1.0
ScnStatus scn_models_verify(const struct ScnContext *context,
                            const char *name,
                            const char *options,
                            struct ScnText **result);

// Opens a model: a folder (a path that exists, or that begins with `/`, `./`, `../` or `~/`), a name of the registry, or a Hugging Face
// repository as in `scn_models_download`. What is not in the cache is downloaded; for a branch the server is asked whether it moved, unless
// it cannot be reached, while a commit that is cached needs no network. `model_type` in config.json says which family it is. Free it with
// `scn_model_free`.
//
// Options: those of `scn_models_download`; `family`, for a folder whose configuration does not say it; `dtype`, the type in which
// weights are held: `f32` (default), `bf16`, `f16`, or `auto` for that of the file; `weights`: `file` (default), or `random` for a model of
// a configuration without a checkpoint, drawn by the context's seed; and those of the family.
// Nothing in a model's files is ever run. Memory: the weights once.
//
// Errors: those of `scn_models_download`; `SCN_ERR_CONFIG` for a configuration with an unknown key, value or family;
// `SCN_ERR_WEIGHTS` for weights that do not fit it, listing what is missing, unexpected or of another shape;
// `SCN_ERR_CHECKPOINT` for a file that is truncated, malformed or hostile.
//
// @since 0.1.0
ScnStatus scn_model_open(const struct ScnContext *context,
                         const char *name,
                         const char *options,
                         struct ScnModel **model);

// What a model is, as a JSON object: `family`, `title`, `config`, `io` (names, types and shapes of inputs and outputs, options, and
// tasks), `weights` (what was missing or left over), `parameters`, `dtypes`, `n_genes`, `folder`, `id` and its `card`, or null.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_model_describe(const struct ScnModel *model,
                             struct ScnText **result);

// The genes that a model knows, as a JSON array of texts, in the order of the rows of `scn_model_gene_embeddings`.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_model_genes(const struct ScnModel *model, struct ScnText **result);

// One vector for each of the model's genes: the array `gene_embeddings`, float, genes x dimensions. Free it with
// `scn_tensors_free`.
//
// Errors: `SCN_ERR_NULL`; `SCN_ERR_UNSUPPORTED` for a family without them.
//
// @since 0.1.0
ScnStatus scn_model_gene_embeddings(const struct ScnContext *context,
                                    const struct ScnModel *model,
                                    struct ScnTensors **result);

// The original implementation's forward pass on named arrays; `io` of `scn_model_describe` says what goes in and what comes out.
// Whole numbers may come in any integer type, floats in either. Free the result with `scn_tensors_free`.
//
// Errors: `SCN_ERR_INVALID_ARGUMENT` for an array or option that is unknown or missing, or a number out of range;
// `SCN_ERR_SHAPE`, `SCN_ERR_TYPE`, `SCN_ERR_CANCELLED`, `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_model_forward(const struct ScnContext *context,
                            const struct ScnModel *model,
                            const struct ScnTensors *inputs,
                            const char *options,
                            struct ScnTensors **result);

// From counts to one vector for each cell: the array `embedding`, float, cells x dimensions, in the order of the cells. Cells with no gene
// of the model's vocabulary are NaN, and a warning says how many.
//
// `genes` names the columns of the matrix: one after the other, each with a newline behind it. They are found in the model's vocabulary by
// the option `aliases` (an object from your names to the model's), exactly, without the version of an Ensembl identifier, and in any case.
// `arrays`, which may be null, has arrays with one entry for each cell that a family asks for (`batch_labels`, `n_counts`).
// Options of every family: `aliases`; `min_matched` (0.0), the least part of the genes that must be found; `max_batch_tokens` (65536), how
// many tokens are worked on at once, which bounds memory. Those of the family are listed by `io` of `scn_model_describe`.
//
// `report`, if not null, gets a JSON object: `name` (for `obsm`: "scgpt" of `X_scgpt`), `genes` (how many matched, by which
// rule, which did not, which are there twice) and what the family adds. Cells are run by themselves, sorted by length: a cell's bits
// depend neither on the cells that are run with it nor on the number of threads (what is random is drawn by the seed and the cell's
// number in the matrix). Progress is in cells; the call can be stopped after each.
//
// Errors: `SCN_ERR_GENE_NAMES`, `SCN_ERR_VOCABULARY`, `SCN_ERR_COUNTS` for values that are no counts where counts are needed,
// `SCN_ERR_BUDGET`, `SCN_ERR_VALUE`, `SCN_ERR_MATRIX`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_CANCELLED`, `SCN_ERR_NULL`,
// `SCN_ERR_UNSUPPORTED` for a family that has no cell embeddings.
//
// @since 0.1.0
ScnStatus scn_model_embed(const struct ScnContext *context,
                          const struct ScnModel *model,
                          const struct ScnMatrix *matrix,
                          const char *genes,
                          const struct ScnTensors *arrays,
                          const char *options,
                          struct ScnTensors **result,
                          struct ScnText **report);

// What else a family does, by the name of the task: "predict" and "gi_scores" of GEARS, "perturb" and "classify" of Geneformer, "enhance" of
// scFoundation, ...; `io` of `scn_model_describe` lists them with their options, and the arrays that they take and give.
//
// `matrix` and `genes` are cells as in `scn_model_embed`, or null for a task that takes none; `arrays` has one entry for each cell if there are
// cells, else the task's inputs. `report`, if not null, gets a JSON object.
//
// Errors: as `scn_model_embed`; `SCN_ERR_INVALID_ARGUMENT` for a task that the model does not have.
//
// @since 0.1.0
ScnStatus scn_model_run(const struct ScnContext *context,
                        const struct ScnModel *model,
                        const char *task,
                        const struct ScnMatrix *matrix,
                        const char *genes,
                        const struct ScnTensors *arrays,
                        const char *options,
                        struct ScnTensors **result,
                        struct ScnText **report);

// Saves a model as a folder that `scn_model_open` reads: config.json, model.safetensors and its vocabulary. The folder is made, and must be
// empty if it is there; the option `overwrite` replaces an earlier export.
//
// Errors: `SCN_ERR_IO`, `SCN_ERR_DISK_FULL`, `SCN_ERR_INVALID_ARGUMENT` for a folder that holds something else, `SCN_ERR_NULL`,
// `SCN_ERR_CANCELLED`. The folder is complete or not there.
//
// @since 0.1.0
ScnStatus scn_model_export(const struct ScnContext *context,
                           const struct ScnModel *model,
                           const char *folder,
                           const char *options);

// Frees a model. Null is a no-op.
//
// @since 0.1.0
void scn_model_free(struct ScnModel *model);

// Which cells pass a threshold, and the number that was compared: the total of each cell (`min_counts`,
// `max_counts`) or how many of its values are positive (`min_genes`, `max_genes`). Exactly one of the four is given,
// the others are NaN. A bound is inclusive; a number that is NaN does not pass. Nothing is removed: subset by `keep`.
//
// `keep` gets `n_obs` bytes, 1 or 0; `numbers` gets `n_obs` doubles. Either may be null.
//
// As `scanpy.pp.filter_cells(..., inplace=False)`, whose totals of float32 matrices are float32 sums; ours are summed in
// double, genes in ascending order. Memory: the outputs.
//
// Errors: those of a matrix' descriptor and structure; `SCN_ERR_INVALID_ARGUMENT` unless exactly one threshold is given;
// `SCN_ERR_SHAPE` for a wrong length; `SCN_ERR_CANCELLED`.
//
// @since 0.1.0
ScnStatus scn_pp_filter_cells(const struct ScnContext *context,
                              const struct ScnMatrix *matrix,
                              double min_counts,
                              double min_genes,
                              double max_counts,
                              double max_genes,
                              uint8_t *keep,
                              int64_t keep_len,
                              double *numbers,
                              int64_t numbers_len);

// Which genes pass a threshold, and the number that was compared: the total of each gene (`min_counts`,
// `max_counts`) or in how many cells its value is positive (`min_cells`, `max_cells`). Exactly one of the four is given,
// the others are NaN. A bound is inclusive; a number that is NaN does not pass. Nothing is removed: subset by `keep`.
//
// `keep` gets `n_vars` bytes, 1 or 0; `numbers` gets `n_vars` doubles. Either may be null.
//
// As `scanpy.pp.filter_genes(..., inplace=False)`, whose totals of float32 matrices are float32 sums; ours are summed in
// double, cells in ascending order. Memory: the outputs.
//
// Errors: as `scn_pp_filter_cells`.
//
// @since 0.1.0
ScnStatus scn_pp_filter_genes(const struct ScnContext *context,
                              const struct ScnMatrix *matrix,
                              double min_counts,
                              double min_cells,
                              double max_counts,
                              double max_cells,
                              uint8_t *keep,
                              int64_t keep_len,
                              double *numbers,
                              int64_t numbers_len);

// Writes the defaults into options for highly variable genes. `struct_size` is
// `sizeof(ScnHighlyVariableGenesOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_highly_variable_genes_options_init(struct ScnHighlyVariableGenesOptions *options, size_t struct_size);

// Writes nulls into the places for highly variable genes. `struct_size` is `sizeof(ScnHighlyVariableGenesOutputs)` as the
// caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_highly_variable_genes_outputs_init(struct ScnHighlyVariableGenesOutputs *outputs,
                                                 size_t struct_size);

// Annotates highly variable genes.
//
// - `matrix`: log-normalised values for `SCN_HVG_SEURAT`, `SCN_HVG_CELL_RANGER`, `SCN_HVG_MEAN_VAR_PLOT` and
//   `SCN_HVG_DISPERSION`, counts for the other flavors.
// - `batches`: the batch of each cell, from 0 to `n_batches` - 1, or -1 for a cell in none (it counts only in means and
//   variances over all cells); null with `n_batches` 0 if there are none. Each batch is judged by itself; then:
//   - `SEURAT`, `CELL_RANGER`: genes that no cell of a batch expresses have zeros there; means over batches; with
//     `n_top_genes`, genes by number of batches that chose them, then by normalised dispersion;
//   - `SEURAT_V3`: genes by median rank over the batches that chose them, then by number of those;
//   - `SEURAT_V3_PAPER`, `VST`, `PEARSON_RESIDUALS`: the other way round;
//   - `MEAN_VAR_PLOT`, `DISPERSION` take no batches.
// - `name_order`: for `SEURAT` and `CELL_RANGER` with batches and `n_top_genes`, each gene's place in the order that
//   settles ties (scanpy: that of gene names); null for the matrix' own order.
// - `options`: null for all defaults.
// - `outputs`: where to write, set up by `scn_highly_variable_genes_outputs_init`; it is the arrays that are written.
//
// Ties: `SEURAT` and `CELL_RANGER` without batches choose every gene that ties with the last of `n_top_genes`. Ranks of
// equal variances go to the gene that comes first in the matrix.
//
// Warns through the log callback about counts that are not whole, cut-offs given beside `n_top_genes`, fewer genes than
// asked for, and near-singular fits of the curve.
//
// Reference: scanpy 1.11 and 1.12, `scanpy.pp.highly_variable_genes` and `scanpy.experimental.pp.highly_variable_genes`.
// Chosen genes are the same, statistics agree to 1e-9 (1e-5 for `SEURAT` on floats, whose exponential scanpy takes and
// squares in single precision). Where we differ: `n_top_genes` above the number of genes is an error (scanpy takes all);
// equal ranks are settled by position, where scanpy's unstable sort may take either; near-singular fits go on with a
// warning, where scanpy fails; residuals of an empty cell are 0, where scanpy's are NaN; a variance that is rounding
// error in scanpy is 0.
//
// Seurat's flavors: `VST`, `MEAN_VAR_PLOT` and `DISPERSION` follow FindVariableFeatures of Seurat 4.3 and 5, which chooses
// no gene whose mean is 0 and so may find fewer than `n_top_genes`. Genes and their order are the same, statistics agree to
// 1e-10. `SEURAT_V3` computes what `VST` does but takes R's loess for scikit-misc's (n * span cut off, where R adds 1e-5
// first), chooses genes of mean 0 when there are no others, and adds up in another order, so that near-ties may part.
// Genes whose counts differ in the order of the cells only tie but for rounding; Seurat's order among them depends on the
// last bits of R's loess, and so on its BLAS. With R's own curve in `variances_expected` it is ours, too.
//
// Memory: a few doubles for each gene and batch, and one row of them per thread.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT` (an option out of range, `n_top_genes`
// above the number of genes, or given to `MEAN_VAR_PLOT`, batches given to a flavor that takes none, a batch of fewer than two cells, labels out of range), `SCN_ERR_SHAPE` (lengths, no
// genes, fewer than two cells), `SCN_ERR_MATRIX`, `SCN_ERR_VALUE` (NaN, infinity, negative counts, bins that cannot be
// told apart because too many genes have the same mean, no gene that varies).
//
// @since 0.1.0
ScnStatus scn_pp_highly_variable_genes(const struct ScnContext *context,
                                       const struct ScnMatrix *matrix,
                                       const int32_t *batches,
                                       int64_t batches_len,
                                       int64_t n_batches,
                                       const int64_t *name_order,
                                       int64_t name_order_len,
                                       const struct ScnHighlyVariableGenesOptions *options,
                                       const struct ScnHighlyVariableGenesOutputs *outputs);

// log(1 + x) of each stored value, into `values`: as many as the matrix stores, in its order (sparse: `nnz`, to be used
// with its own offsets and indices; dense: the lines of the major axis one after the other, without gaps), of type
// `values_type`, `SCN_F32` or `SCN_F64`, whatever the matrix has. `base` is that of the logarithm, 0 for e.
//
// Within 0.9 ulp of the true logarithm (1.07 below 0), the same bits on every machine. -1 gives -inf, below -1 NaN, with a warning; NaN
// and inf stay what they are.
//
// As `scanpy.pp.log1p`, which uses numpy's `log1p` (within 2 ulp in float32): the last bit may differ. scanpy makes float64
// of integers; repeated elements, whose logarithms it would take one by one, are an error here. Memory: none.
//
// Errors: those of a matrix' descriptor and structure, `SCN_ERR_MATRIX` also for repeated indices;
// `SCN_ERR_INVALID_ARGUMENT` for a base that is negative, 1 or not finite; `SCN_ERR_SHAPE`, `SCN_ERR_TYPE` for
// `values`; `SCN_ERR_CANCELLED`, before the first write only.
//
// @since 0.1.0
ScnStatus scn_pp_log1p(const struct ScnContext *context,
                       const struct ScnMatrix *matrix,
                       double base,
                       void *values,
                       int32_t values_type,
                       int64_t values_len);

// `scn_pp_log1p` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`. Everything is checked
// before the first write, and from then on the call cannot be cancelled: it changes all values or none.
//
// Errors: as `scn_pp_log1p`; `SCN_ERR_TYPE` for values of an integer type.
//
// @since 0.1.0
ScnStatus scn_pp_log1p_inplace(const struct ScnContext *context, const struct ScnMatrix *matrix, double base);

// Writes the defaults. `struct_size` is `sizeof(ScnNormalizeTotalOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_normalize_total_options_init(struct ScnNormalizeTotalOptions *options, size_t struct_size);

// Divides the values of each cell by its size factor, total / target, so that all cells have the target as their
// total. The values go to `values` as `scn_pp_log1p` says; if it is null only the numbers beside are computed, as for a
// result of type `values_type`.
//
// `size_factors` (`n_obs`) gets the factors, `highly_expressed` (`n_vars` bytes) which genes did not count,
// `target_sum` (one double) the target; each may be null.
//
// A cell of total 0 has factor 0 and stays as it is; there is a warning for cells without counts. A cell with NaN
// becomes NaN. Repeated elements are each divided.
//
// As `scanpy.pp.normalize_total` on CSR, bit for bit for counts: totals are summed in double and kept in the type of the
// result, divisions are in that type. scanpy makes float32 of integers: pass `SCN_F32` for that. The median is over the
// cells with a positive total, as in scanpy 1.12 (1.11 took all cells of a CSR matrix, but not of a dense one).
// Memory: three doubles a cell, one byte a gene; a copy of the matrix only if totals of fractions or excluded genes are asked
// for and its indices are not sorted.
//
// Errors: those of a matrix' descriptor and structure; `SCN_ERR_STRUCT_SIZE`; `SCN_ERR_INVALID_ARGUMENT` for options;
// `SCN_ERR_VALUE` for excluding genes where a cell's total is negative; `SCN_ERR_SHAPE`, `SCN_ERR_TYPE` for outputs;
// `SCN_ERR_CANCELLED`, before the first write only.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_total(const struct ScnContext *context,
                                 const struct ScnMatrix *matrix,
                                 const struct ScnNormalizeTotalOptions *options,
                                 void *values,
                                 int32_t values_type,
                                 int64_t values_len,
                                 double *size_factors,
                                 int64_t size_factors_len,
                                 uint8_t *highly_expressed,
                                 int64_t highly_expressed_len,
                                 double *target_sum);

// `scn_pp_normalize_total` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`. Everything is
// checked before the first write, and from then on the call cannot be cancelled: it changes all values or none.
//
// Errors: as `scn_pp_normalize_total`; `SCN_ERR_TYPE` for values of an integer type.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_total_inplace(const struct ScnContext *context,
                                         const struct ScnMatrix *matrix,
                                         const struct ScnNormalizeTotalOptions *options,
                                         double *size_factors,
                                         int64_t size_factors_len,
                                         uint8_t *highly_expressed,
                                         int64_t highly_expressed_len,
                                         double *target_sum);

// `scn_pp_normalize_total` and then `scn_pp_log1p` in one pass, to the same bits.
//
// With a target of 10,000 this is what Seurat's `NormalizeData` computes by default, in double there.
//
// Errors: as those two.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_log1p(const struct ScnContext *context,
                                 const struct ScnMatrix *matrix,
                                 const struct ScnNormalizeTotalOptions *options,
                                 void *values,
                                 int32_t values_type,
                                 int64_t values_len,
                                 double *size_factors,
                                 int64_t size_factors_len,
                                 uint8_t *highly_expressed,
                                 int64_t highly_expressed_len,
                                 double *target_sum);

// `scn_pp_normalize_total_inplace` and then `scn_pp_log1p_inplace` in one pass, to the same bits.
//
// Errors: as those two.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_log1p_inplace(const struct ScnContext *context,
                                         const struct ScnMatrix *matrix,
                                         const struct ScnNormalizeTotalOptions *options,
                                         double *size_factors,
                                         int64_t size_factors_len,
                                         uint8_t *highly_expressed,
                                         int64_t highly_expressed_len,
                                         double *target_sum);

// Seurat's relative counts (`NormalizeData(normalization.method = "RC")`): each value divided by the total of its cell and
// multiplied by `scale_factor` (Seurat's default is 10000; 1e6 gives counts per million). Values go to `values` as
// `scn_pp_log1p` says. A cell of total 0 stays as it is. Computed in the type of the result; Seurat computes in double.
//
// Errors: those of a matrix' descriptor and structure; `SCN_ERR_INVALID_ARGUMENT` unless `scale_factor` is positive;
// `SCN_ERR_SHAPE`, `SCN_ERR_TYPE` for `values`; `SCN_ERR_CANCELLED`, before the first write only.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_relative(const struct ScnContext *context,
                                    const struct ScnMatrix *matrix,
                                    double scale_factor,
                                    void *values,
                                    int32_t values_type,
                                    int64_t values_len);

// `scn_pp_normalize_relative` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`: all or none.
//
// Errors: as `scn_pp_normalize_relative`; `SCN_ERR_TYPE` for values of an integer type.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_relative_inplace(const struct ScnContext *context,
                                            const struct ScnMatrix *matrix,
                                            double scale_factor);

// Seurat's centred log ratio (`NormalizeData(normalization.method = "CLR")`): log1p(x / exp(s / n)), where s is the sum of
// log1p(x) over the positive values of a gene or cell and n the number of all its values, zeros counted. `of` says which
// values are taken together: `SCN_VAR` those of a gene (Seurat's `margin = 1`, its default), `SCN_OBS` those of a cell
// (`margin = 2`). Values go to `values` as `scn_pp_log1p` says; zeros stay zero. NaN stays
// NaN and does not count towards s.
//
// s is summed in double in ascending order; the division and the outer logarithm are in the type of the result (Seurat
// has doubles only). Memory: one double a gene (or cell).
//
// Errors: as `scn_pp_log1p` (repeated indices are one); `SCN_ERR_INVALID_ARGUMENT` for `of`; `SCN_ERR_VALUE` for negative
// values.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_clr(const struct ScnContext *context,
                               const struct ScnMatrix *matrix,
                               int32_t of,
                               void *values,
                               int32_t values_type,
                               int64_t values_len);

// `scn_pp_normalize_clr` that replaces the matrix' own values, which must be `SCN_F32` or `SCN_F64`: all or none.
//
// Errors: as `scn_pp_normalize_clr`; `SCN_ERR_TYPE` for values of an integer type.
//
// @since 0.1.0
ScnStatus scn_pp_normalize_clr_inplace(const struct ScnContext *context, const struct ScnMatrix *matrix, int32_t of);

// The quality metrics of cells and genes, in one pass. Each output may be null.
//
// - `percent_top`: `n_percent_top` numbers of genes, each from 1 to `n_vars`, in any order.
// - `subsets`: `n_subsets` sets of genes (mitochondrial, ribosomal, ...) as masks, `n_vars` bytes each, one after the other;
//   a gene is in a set if its byte is not 0.
// - `n_genes_by_counts` (`n_obs`): how many genes of each cell are not zero.
// - `total_counts` (`n_obs`): the total of each cell.
// - `pct_counts_in_top` (`n_percent_top` x `n_obs`, all cells for the first entry first): the percentage of its total that a
//   cell has in so many of its highest genes. NaN for a cell of total 0.
// - `subset_counts`, `subset_pct` (`n_subsets` x `n_obs` each): the total of each cell in each set, and its percentage of the
//   cell's. NaN for a cell of total 0.
// - `n_cells_by_counts`, `total_counts_of_genes`, `mean_counts`, `pct_dropout` (`n_vars` each): in how many cells each gene
//   is not zero, its total, its mean, and the percentage of cells in which it is zero.
//
// The logarithms that scanpy has beside these are `scn_pp_log1p` of them.
//
// As `scanpy.pp.calculate_qc_metrics`, equal for counts; scanpy sums float32 matrices in float32 (by version and layout), ours
// are summed in double in ascending order. Zeros count as values: where a cell has fewer positive values than
// asked for, zeros and then negative values are its next highest (scanpy leaves negative ones out at times). A cell with NaN
// has NaN totals. Memory: the results, two doubles per gene for each thread; for a matrix compressed along genes 64 MiB
// more.
//
// Errors: those of a matrix' descriptor and structure; `SCN_ERR_INVALID_ARGUMENT` for a number in `percent_top` out of range;
// `SCN_ERR_SHAPE` for a wrong length; `SCN_ERR_CANCELLED`.
//
// @since 0.1.0
ScnStatus scn_pp_calculate_qc_metrics(const struct ScnContext *context,
                                      const struct ScnMatrix *matrix,
                                      const int64_t *percent_top,
                                      int64_t n_percent_top,
                                      const uint8_t *subsets,
                                      int64_t n_subsets,
                                      double *n_genes_by_counts,
                                      int64_t n_genes_by_counts_len,
                                      double *total_counts,
                                      int64_t total_counts_len,
                                      double *pct_counts_in_top,
                                      int64_t pct_counts_in_top_len,
                                      double *subset_counts,
                                      int64_t subset_counts_len,
                                      double *subset_pct,
                                      int64_t subset_pct_len,
                                      double *n_cells_by_counts,
                                      int64_t n_cells_by_counts_len,
                                      double *total_counts_of_genes,
                                      int64_t total_counts_of_genes_len,
                                      double *mean_counts,
                                      int64_t mean_counts_len,
                                      double *pct_dropout,
                                      int64_t pct_dropout_len);

// Regresses each gene on covariates of the cells and a constant, by least squares, and gives the residuals.
//
// - `covariates`: n_obs x `n_covariates` doubles, one covariate after the other, all finite.
// - `out`: n_obs * n_vars values of type `out_type` (`SCN_F32` or `SCN_F64`), cell after cell. It must not overlap the
//   matrix.
//
// A covariate that is constant or a linear combination of those before it changes nothing; there is a warning. NaN and
// infinities make their gene NaN. Everything is computed in double and rounded once.
//
// Reference: scanpy's `pp.regress_out` with numerical keys. Where we differ: the covariates are made orthogonal instead of
// inverting their products, which keeps about twice the digits; where scanpy's matrix is singular it falls back to one
// GLM per gene, whose residuals are the same, but leaves genes that are the same in all cells as they are (ours are 0).
//
// Memory: beside the result, n_covariates + 1 doubles per cell and per gene, and a block per thread: a sparse matrix is
// not made dense. A call that is cancelled while it writes leaves the residuals written in part.
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_TYPE` (out_type),
// `SCN_ERR_INVALID_ARGUMENT` (n_covariates negative), `SCN_ERR_VALUE` (a covariate that is not finite).
//
// @since 0.1.0
ScnStatus scn_pp_regress_out(const struct ScnContext *context,
                             const struct ScnMatrix *matrix,
                             const double *covariates,
                             int64_t covariates_len,
                             int64_t n_covariates,
                             int32_t out_type,
                             void *out,
                             int64_t out_len);

// Subtracts from each gene its mean in the cell's category; a gene that is the same in all cells is left as it is.
//
// - `groups`: n_obs labels from 0 to `n_groups` - 1, one for every cell.
// - `out`: as in `scn_pp_regress_out`.
//
// Reference: scanpy's `pp.regress_out` with one categorical key, which fits each gene by a constant and by its own means
// over the categories; its result differs by the rounding of these means to float32. A cell without a category is an
// error here; scanpy takes 0 for its mean.
//
// Memory: beside the result, one double per gene and category, and a block per thread. A call that is
// cancelled while it writes leaves the residuals written in part.
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_TYPE` (out_type),
// `SCN_ERR_INVALID_ARGUMENT` (a label out of range or -1).
//
// @since 0.1.0
ScnStatus scn_pp_regress_out_groups(const struct ScnContext *context,
                                    const struct ScnMatrix *matrix,
                                    const int32_t *groups,
                                    int64_t groups_len,
                                    int64_t n_groups,
                                    int32_t out_type,
                                    void *out,
                                    int64_t out_len);

// Writes the defaults into scaling options. `struct_size` is `sizeof(ScnScaleOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_scale_options_init(struct ScnScaleOptions *options, size_t struct_size);

// Scales each gene to variance 1 and, with `zero_center`, to mean 0, into a dense matrix: `(x - mean) / std`, clipped.
//
// - `groups`: `groups_len` = n_obs labels from 0 to `n_groups` - 1; each group is scaled by its own means and standard
//   deviations; cells labelled -1 count for nothing and are copied as they are. Null with `groups_len` 0 and `n_groups`
//   1: all cells together.
// - `options`: null for the defaults.
// - `means`, `stds`: `n_groups` x n_vars (row-major) means, and what values were divided by: standard deviations (divisor
//   n - 1) unless the options say else, 1 in place of 0; NaN for a group without cells; or null.
// - `out`: n_obs * n_vars values of type `out_type` (`SCN_F32` or `SCN_F64`); its lines along `out_major` (`SCN_OBS` or
//   `SCN_VAR`) follow each other. It must not overlap the matrix.
//
// NaN and infinities make their gene NaN. Everything is computed in double and rounded once.
//
// Reference: scanpy's `pp.scale` (with `mask_obs` as groups 0 and -1). Where we differ: float32 results are rounded
// once, not twice; a gene of equal values has standard deviation 1 whatever rounding leaves of its variance; with a mask a
// sparse matrix that is centred becomes dense, not a sparse matrix full of values. Groups are our extension.
//
// With `root_mean_square` 1 and `clip_below` 0 this is Seurat's ScaleData: `zero_center` is its do.center, `divide` its
// do.scale, groups are its split.by. Where we differ: a gene of equal values is 0 when centred, whatever rounding leaves of
// its variance.
//
// Memory: three doubles per group and gene. A call that is cancelled while it writes leaves the scaled matrix, and nothing
// else, written in part.
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_SHAPE` (lengths),
// `SCN_ERR_INVALID_ARGUMENT` (a group of one cell, a label out of range, a negative max_value), `SCN_ERR_TYPE`.
//
// @since 0.1.0
ScnStatus scn_pp_scale(const struct ScnContext *context,
                       const struct ScnMatrix *matrix,
                       const int32_t *groups,
                       int64_t groups_len,
                       int64_t n_groups,
                       const struct ScnScaleOptions *options,
                       double *means,
                       int64_t means_len,
                       double *stds,
                       int64_t stds_len,
                       int32_t out_major,
                       int32_t out_type,
                       void *out,
                       int64_t out_len);

// Scales the values of a matrix in place: of a dense one, or of a sparse one with `zero_center` 0, of type `SCN_F32` or
// `SCN_F64`. Everything else is as in `scn_pp_scale`. The call can be
// cancelled until it begins to write.
//
// A sparse matrix with repeated indices can be scaled but not clipped: `SCN_ERR_MATRIX`; sum its duplicates first.
//
// Memory: three doubles per group and gene.
//
// Errors: as `scn_pp_scale`; `SCN_ERR_TYPE` if the values are integers; `SCN_ERR_INVALID_ARGUMENT` if a sparse matrix is
// to be centred. After an error the values are as they were.
//
// @since 0.1.0
ScnStatus scn_pp_scale_inplace(const struct ScnContext *context,
                               const struct ScnMatrix *matrix,
                               const int32_t *groups,
                               int64_t groups_len,
                               int64_t n_groups,
                               const struct ScnScaleOptions *options,
                               double *means,
                               int64_t means_len,
                               double *stds,
                               int64_t stds_len);

// Writes the defaults into simulation options. `struct_size` is `sizeof(ScnSimulateOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_simulate_options_init(struct ScnSimulateOptions *options, size_t struct_size);

// Draws a count matrix of `n_obs` cells x `n_vars` genes whose truth is known: clusters with markers, batches, library
// sizes.
//
// A cell of cluster c and batch b with library size L has negative binomial counts of mean L * share and variance
// mean + dispersion * mean^2. A gene's share is its base expression, times `marker_fold_change` if it marks c, times
// its effect in b, divided by the sum of that over all genes. The model is Splatter's (Zappia et al. 2017) without
// dropout and paths.
//
// Random numbers come from `context.seed`, each cell from a stream of its own: the same seed gives the same bits at
// every number of threads and on every machine.
//
// - `options`: null for all defaults.
// - `counts`: gets an obs-major matrix with i32 indices and no stored zeros; free it with `scn_sparse_free`.
// - `clusters`, `batches`: `n_obs` labels from 0, or null.
// - `marker_of`: for each of `n_vars` genes the cluster that it marks, or -1; or null.
//
// Memory: twice the result, and one double per gene, cluster and batch.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT` (an option out of range, more markers than
// genes, n_obs or n_vars negative or above 2^31 - 1), `SCN_ERR_TYPE` (value_type), `SCN_ERR_SHAPE` (an output's length).
//
// @since 0.1.0
ScnStatus scn_simulate_counts(const struct ScnContext *context,
                              int64_t n_obs,
                              int64_t n_vars,
                              const struct ScnSimulateOptions *options,
                              struct ScnSparse **counts,
                              int32_t *clusters,
                              int64_t clusters_len,
                              int32_t *batches,
                              int64_t batches_len,
                              int32_t *marker_of,
                              int64_t marker_of_len);

// Fills a descriptor that borrows the result's arrays: they are valid until `scn_sparse_free`. Offsets are `SCN_I64`,
// 0-based; the indices of each line ascend without repeats. Copy from it, or hand it to other functions.
//
// `view` must have been set up by `scn_matrix_init`.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_sparse_view(const struct ScnSparse *sparse, struct ScnMatrix *view);

// Frees a sparse result. Null is a no-op.
//
// @since 0.1.0
void scn_sparse_free(struct ScnSparse *sparse);

// Two-sided p-values of standard normal scores, P(|Z| >= |z|), or their natural logarithms if `logarithm` is 1.
//
// Right to 1e-14 relative down to the least double, and the logarithm beyond; NaN gives NaN. Reference: scipy's
// `2 * norm.sf(abs(z))`, which is 1e-13 off at 1e-300.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE` (`p_len` is not `z_len`).
//
// @since 0.1.0
ScnStatus scn_stats_normal_p(const double *z, int64_t z_len, int32_t logarithm, double *p, int64_t p_len);

// Two-sided p-values of Student's t, P(|T| >= |t|), each with its own degrees of freedom (any positive number, infinity
// included), or their natural logarithms if `logarithm` is 1.
//
// Right to 1e-12 relative down to 1e-300, and the logarithm beyond; NaN, or df that is not positive, gives NaN.
// Reference: scipy's `2 * t.sf(abs(t), df)`.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE` (`df_len` or `p_len` is not `t_len`).
//
// @since 0.1.0
ScnStatus scn_stats_student_p(const double *t,
                              int64_t t_len,
                              const double *df,
                              int64_t df_len,
                              int32_t logarithm,
                              double *p,
                              int64_t p_len);

// p-values corrected for the number of tests, at most 1. A NaN stays NaN and counts as no test. Reference: R's
// `p.adjust`; statsmodels' `multipletests` where no p-value is NaN.
//
// - `corr_method`: `SCN_CORR_*`.
//
// Memory: 16 bytes per test.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE` (`adjusted_len` is not `pvals_len`),
// `SCN_ERR_VALUE` (a p-value below 0 or above 1).
//
// @since 0.1.0
ScnStatus scn_stats_adjust_p(const double *pvals,
                             int64_t pvals_len,
                             int32_t corr_method,
                             double *adjusted,
                             int64_t adjusted_len);

// Writes the defaults into loess options. `struct_size` is `sizeof(ScnLoessOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_loess_options_init(struct ScnLoessOptions *options, size_t struct_size);

// Smooths y over x by local regression (Cleveland's loess, family gaussian, one predictor).
//
// - `x`, `y`: the points, in any order, `x_len` = `y_len` of them.
// - `weights`: case weights, not negative, as many; or null for 1 each.
// - `options`: null for all defaults.
// - `new_x`: where else to evaluate the curve, or null.
// - `fitted`: the curve at each x, `x_len` values; or null.
// - `predicted`: the curve at each of `new_x`, `new_x_len` values, NaN outside the range of x; or null.
//
// Reference: R's `stats::loess` and scikit-misc's `skmisc.loess`, both of which run netlib's dloess; fitted values agree
// with them to 1e-10. Fits near singular (many equal x) use a pseudoinverse and warn through the log callback, as in R;
// scikit-misc fails there. `n * span` is cut off to a whole number of points as in scikit-misc, unless `slack` is R's.
//
// Memory: a few doubles for each point.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_SHAPE` (lengths that differ, no points),
// `SCN_ERR_INVALID_ARGUMENT` (an option out of range, a span that takes fewer points than the polynomial has
// coefficients plus one), `SCN_ERR_VALUE` (NaN, infinity, negative weights, x so often equal that a fit has no width).
//
// @since 0.1.0
ScnStatus scn_stats_loess(const struct ScnContext *context,
                          const double *x,
                          int64_t x_len,
                          const double *y,
                          int64_t y_len,
                          const double *weights,
                          int64_t weights_len,
                          const struct ScnLoessOptions *options,
                          const double *new_x,
                          int64_t new_x_len,
                          double *fitted,
                          int64_t fitted_len,
                          double *predicted,
                          int64_t predicted_len);

// Copies the message of this thread's last failed call into `buffer`, UTF-8 with a closing NUL, cut off if `capacity`
// bytes are too few. `needed`, if not null, gets the bytes that the whole message needs, its NUL counted. A null
// `buffer` only asks for `needed`. Successful calls leave the message as it is. Returns `SCN_OK`.
//
// @since 0.1.0
ScnStatus scn_last_error_message(char *buffer, size_t capacity, size_t *needed);

// The name of a status as text, `"SCN_ERR_SHAPE"` for 5; `"SCN_ERR_UNKNOWN"` for a number that is none. Static.
//
// @since 0.1.0
const char *scn_status_name(ScnStatus status);

// Writes the defaults into a tensor's descriptor. `struct_size` is `sizeof(ScnTensor)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_tensor_init(struct ScnTensor *tensor, size_t struct_size);

// Makes an empty set of named arrays. Fill it with `scn_tensors_add`, free it with `scn_tensors_free`.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_tensors_new(struct ScnTensors **tensors);

// Copies an array into the set under a name; one that is there already under that name is replaced.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_TYPE`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_OVERFLOW`.
//
// @since 0.1.0
ScnStatus scn_tensors_add(struct ScnTensors *tensors,
                          const char *name,
                          const struct ScnTensor *tensor);

// How many arrays there are.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_tensors_len(const struct ScnTensors *tensors, int64_t *n);

// Copies the name of the `i`-th array (from 0) into `buffer`, as `scn_text_copy` does.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`.
//
// @since 0.1.0
ScnStatus scn_tensors_name(const struct ScnTensors *tensors,
                           int64_t i,
                           char *buffer,
                           size_t capacity,
                           size_t *needed);

// Fills a descriptor that borrows the `i`-th array (from 0): valid until `scn_tensors_free`, or until the set is added to.
// `tensor` must have been set up by `scn_tensor_init`.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT`.
//
// @since 0.1.0
ScnStatus scn_tensors_get(const struct ScnTensors *tensors,
                          int64_t i,
                          struct ScnTensor *tensor);

// Frees the arrays. Null is a no-op.
//
// @since 0.1.0
void scn_tensors_free(struct ScnTensors *tensors);

// Copies a text into `buffer`, UTF-8 with a closing NUL, cut off if `capacity` bytes are too few. `needed`, if not null, gets
// the bytes that the whole text needs, its NUL counted. A null `buffer` only asks for `needed`.
//
// Errors: `SCN_ERR_NULL`.
//
// @since 0.1.0
ScnStatus scn_text_copy(const struct ScnText *text,
                        char *buffer,
                        size_t capacity,
                        size_t *needed);

// Frees a text. Null is a no-op.
//
// @since 0.1.0
void scn_text_free(struct ScnText *text);

// The energy distance between groups of cells, `2 E d(X, Y) - E d(X, X') - E d(Y, Y')`.
//
// - `matrix`: cells as points, an embedding or any matrix of cells x features.
// - `groups`: `groups_len` = n_obs labels from 0 to `n_groups` - 1, or -1 for cells in no group.
// - `reference`: -1 for all pairs of groups, else the group that all are compared with.
// - `metric`: what d is: `SCN_METRIC_SQEUCLIDEAN` (distances of means and variances, one pass over the cells) or
//   `SCN_METRIC_EUCLIDEAN` (all pairs of cells).
// - `unbiased`: 1 to average within a group over its n (n - 1) pairs of different cells, 0 over all n^2 pairs.
// - `distance`: n_groups x n_groups, row-major, or n_groups if there is a reference; 0 of a group from itself; NaN where a
//   group is empty, or of one cell if `unbiased`.
//
// Not finite values make the distances of their group NaN.
//
// Reference: scPerturb's `edist` (Peidl et al. 2024) is squared Euclidean and unbiased; pertpy's `edistance` is Euclidean
// and biased. The square root is not taken.
//
// Cost and memory: squared Euclidean one pass and two doubles per group and feature; Euclidean all pairs of cells and some
// kilobytes per thread and feature (a sparse matrix compressed along its features is compressed along its cells once).
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_INVALID_ARGUMENT` (a label, reference,
// metric or flag out of range).
//
// @since 0.1.0
ScnStatus scn_tl_energy_distance(const struct ScnContext *context,
                                 const struct ScnMatrix *matrix,
                                 const int32_t *groups,
                                 int64_t groups_len,
                                 int64_t n_groups,
                                 int64_t reference,
                                 int32_t metric,
                                 int32_t unbiased,
                                 double *distance,
                                 int64_t distance_len);

// The squared maximum mean discrepancy between groups of cells, `E k(X, X') + E k(Y, Y') - 2 E k(X, Y)`, with Gaussian
// kernels: k(x, y) is the mean of `exp(-gamma |x - y|^2)` over the gammas.
//
// - `matrix`, `groups`, `reference`: as in `scn_tl_energy_distance`.
// - `gammas`: positive; null with length 0 for one by the median heuristic, 1 / (2 m^2), m being the median distance of
//   pairs of cells in groups, of at most 1000 cells, drawn by `context.seed`.
// - `unbiased`: 1 for the U-statistic (n (n - 1) pairs within a group; may be negative), 0 for the V-statistic (n^2).
// - `squared_mmd`: n_groups x n_groups, row-major, or n_groups if there is a reference; 0 of a group from itself; NaN where
//   a group is empty, or of one cell if `unbiased`.
// - `gammas_used`: `gammas_len` gammas, or one if none was given; or null.
//
// Not finite values make the results of their group NaN.
//
// Reference: Gretton et al. 2012; with gamma 1 and biased pertpy's `mmd` with its rbf kernel, with several gammas the mean
// over them.
//
// Cost and memory: all pairs of cells, and some kilobytes per thread and feature (a sparse matrix compressed along its
// features is compressed along its cells once).
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE` (lengths), `SCN_ERR_INVALID_ARGUMENT` (a label, reference,
// gamma or flag out of range), `SCN_ERR_VALUE` (no gamma, and a median distance of 0).
//
// @since 0.1.0
ScnStatus scn_tl_mmd(const struct ScnContext *context,
                     const struct ScnMatrix *matrix,
                     const int32_t *groups,
                     int64_t groups_len,
                     int64_t n_groups,
                     int64_t reference,
                     const double *gammas,
                     int64_t gammas_len,
                     int32_t unbiased,
                     double *squared_mmd,
                     int64_t squared_mmd_len,
                     double *gammas_used,
                     int64_t gammas_used_len);

// Writes the defaults into the options of `scn_tl_rank_genes_groups`. `struct_size` is
// `sizeof(ScnRankGenesGroupsOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_rank_genes_groups_options_init(struct ScnRankGenesGroupsOptions *options, size_t struct_size);

// Writes nulls into the outputs of `scn_tl_rank_genes_groups`. `struct_size` is `sizeof(ScnRankGenesGroupsOutputs)` as
// the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_rank_genes_groups_outputs_init(struct ScnRankGenesGroupsOutputs *outputs, size_t struct_size);

// Compares each group of cells with all others, or with one group, gene by gene: test scores, p-values, fold changes,
// fractions of cells that express. Reference: scanpy's `tl.rank_genes_groups`; for the tests themselves scipy's
// `mannwhitneyu` (asymptotic) and `ttest_ind` in double precision.
//
// - `matrix`: cells x genes, values of any type; should be log-normalised (a warning if all are whole numbers and fold
//   changes are wanted). Zeros count as zeros whether they are stored or not; negative values are taken as they are.
// - `groups`: for each cell its group from 0 to `n_groups` - 1, or -1: in no group. Such cells count in the rest; they
//   take no part if the reference is a group.
// - `outputs`: what to compute, see `ScnRankGenesGroupsOutputs`.
//
// Wilcoxon: ranks are those of all cells of the comparison, ties getting their mean; rank sums, U and the tie term are
// exact integers, so that nothing overflows or rounds below 3e9 cells. z = (U - n m / 2) / s, where
// s^2 = n m (N + 1) / 12, or n m / 12 * (N + 1 - sum(t^3 - t) / (N (N - 1))) if `tie_correct`; with `continuity`
// |U - n m / 2| is less 1/2, but not below 0. All values tied: z = 0, p = 1. With `tie_correct` and `continuity` p is that of
// Seurat's FindMarkers (limma, presto), with `exact` too that of R's wilcox.test.
//
// t-tests: means and unbiased variances in double precision, sums over cells in their order. Where both sides are
// constant t is 0 and p is 1 if they are equal, else t is infinite and p is 0.
//
// p-values are right to 1e-10 relative down to 1e-300.
//
// Where this differs from scanpy: scores and fold changes are doubles (scanpy stores floats); a NaN or infinite value
// is an error (scanpy computes on); equal values that differ in rounding alone do not get large t (scanpy 1.11's do).
//
// Memory: beside the outputs two to four doubles per group and gene; per thread a gene's non-zero values twice, with
// their groups (16 bytes each, 32 if they are doubles or 64-bit integers that floats cannot hold); if `matrix` is
// obs-major and the method Wilcoxon, blocks of genes of 32 MB and 4 bytes per cell and thread to make them. Outputs are
// written when all that can be wrong is known; after a cancellation they may hold a part.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, those of the matrix, `SCN_ERR_SHAPE` (lengths of groups, outputs),
// `SCN_ERR_INVALID_ARGUMENT` (an option, a label or the reference out of range; `u`, `auroc`, `tie_correct`,
// `continuity` or `exact` with a t-test), `SCN_ERR_VALUE` (a group of less than `min_cells`, or nothing to compare it with; a value
// that is NaN or infinite), `SCN_ERR_CANCELLED`.
//
// @since 0.1.0
ScnStatus scn_tl_rank_genes_groups(const struct ScnContext *context,
                                   const struct ScnMatrix *matrix,
                                   const int32_t *groups,
                                   int64_t groups_len,
                                   int64_t n_groups,
                                   const struct ScnRankGenesGroupsOptions *options,
                                   const struct ScnRankGenesGroupsOutputs *outputs);

// The genes of each group in the order of their scores, the highest first.
//
// Equal scores stay in the order of the genes, NaN comes last. scanpy's order is the same but among equal scores, which
// it leaves to numpy's sorting routine.
//
// - `scores`: n_groups x n_vars, row-major.
// - `n_top`: how many genes of each group are wanted, at most `n_vars`.
// - `by_abs`: 1 if by absolute score, else 0.
// - `order`: gets n_groups x n_top gene numbers, row-major; must be there.
//
// Memory: the output, and n_vars numbers per thread.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE`, `SCN_ERR_CANCELLED`.
//
// @since 0.1.0
ScnStatus scn_tl_rank_genes_groups_order(const struct ScnContext *context,
                                         const double *scores,
                                         int64_t scores_len,
                                         int64_t n_groups,
                                         int64_t n_vars,
                                         int64_t n_top,
                                         int32_t by_abs,
                                         int64_t *order,
                                         int64_t order_len);

// Writes the defaults into options. `struct_size` is `sizeof(ScnControlGenesOptions)` as the caller knows it.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
//
// @since 0.1.0
ScnStatus scn_control_genes_options_init(struct ScnControlGenesOptions *options, size_t struct_size);

// Chooses the control genes of a gene set: genes of like expression, as Tirosh et al. 2016 do.
//
// The genes of the pool are ranked by their mean over all cells (NaN left out) and divided into `n_bins` bins; from each
// bin that holds a gene of the set `ctrl_size` genes are drawn, or all if there are no more; genes of the set are left
// out. Warns of bins without control genes.
//
// - `gene_list`: numbers of the genes of the set, from 0.
// - `gene_pool`: numbers of the genes to draw from, or null with length 0 for all. Its order decides what is drawn. All
//   genes of the set must be in it.
// - `is_control`: n_vars flags, 1 for control genes. It may be that there are none.
//
// Reference: scanpy's `tl.score_genes`, whose sample this is, to the gene, for the same means. Where we differ: means are
// in double whatever the layout, as scanpy 1.12 has them for sparse matrices; scanpy takes those of dense float32
// matrices (1.11 also of sparse ones) in float32, and genes whose means nearly tie may then change bins.
//
// Memory: three doubles per gene.
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_SHAPE`, `SCN_ERR_INVALID_ARGUMENT` (a gene
// out of range, an empty set, n_bins below 2), `SCN_ERR_NOT_FOUND` (a gene of the set that is not in the pool or whose
// mean is not finite).
//
// @since 0.1.0
ScnStatus scn_tl_control_genes(const struct ScnContext *context,
                               const struct ScnMatrix *matrix,
                               const int64_t *gene_list,
                               int64_t gene_list_len,
                               const int64_t *gene_pool,
                               int64_t gene_pool_len,
                               const struct ScnControlGenesOptions *options,
                               uint8_t *is_control,
                               int64_t is_control_len);

// Scores each cell by a gene set: its mean over the genes of the set less its mean over the control genes.
//
// - `gene_list`, `control`: numbers of genes, from 0; a number that is named twice counts once. `control` is what
//   `scn_tl_control_genes` chose, or any other choice.
// - `score`: n_obs scores.
//
// NaN values are left out of both means; a cell whose values of the set or of the control genes are all NaN scores NaN.
//
// Reference: scanpy's `tl.score_genes`. Sums are in double; nothing is subset or made dense.
//
// Memory: the scores.
//
// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE`, `SCN_ERR_INVALID_ARGUMENT` (a gene out of range, no genes,
// no control genes).
//
// @since 0.1.0
ScnStatus scn_tl_score_genes(const struct ScnContext *context,
                             const struct ScnMatrix *matrix,
                             const int64_t *gene_list,
                             int64_t gene_list_len,
                             const int64_t *control,
                             int64_t control_len,
                             double *score,
                             int64_t score_len);

// Says each cell's phase from its S and G2M scores: G1 if both are negative, else G2M if that score is the higher one,
// else S (also where a score is NaN).
//
// - `s_score`, `g2m_score`: `n` scores each, from `scn_tl_score_genes`. scanpy takes as `ctrl_size` of both the length of
//   the shorter of the two gene lists.
// - `phase`: `n` of `SCN_PHASE_G1`, `SCN_PHASE_S`, `SCN_PHASE_G2M`.
//
// Reference: scanpy's `tl.score_genes_cell_cycle`.
//
// Errors: `SCN_ERR_NULL`, `SCN_ERR_SHAPE`, `SCN_ERR_INVALID_ARGUMENT`.
//
// @since 0.1.0
ScnStatus scn_tl_cell_cycle_phase(const double *s_score,
                                  const double *g2m_score,
                                  int64_t n,
                                  int32_t *phase,
                                  int64_t phase_len);

// The library's version as text, `"0.1.0"`. Static: never freed. Never fails.
//
// @since 0.1.0
const char *scn_version(void);

// The ABI number of the library that is loaded; compare it with `SCN_ABI_VERSION` of the header that was compiled
// against, and refuse to go on if they differ. Never fails.
//
// @since 0.1.0
uint32_t scn_abi_version(void);

// The CPU features that this library's kernels use on this machine, separated by blanks (`"avx2 fma"`; empty if none).
// Results do not depend on them. Text goes to `buffer` as `scn_last_error_message` says.
//
// @since 0.1.0
ScnStatus scn_cpu_features(char *buffer, size_t capacity, size_t *needed);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SCNATIVE_H */
