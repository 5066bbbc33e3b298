# Declarations of include/scnative.h. Made by bindings/julia/generate_abi.py: do not edit.

const SCN_DEVICE_CPU = Int32(0)
const SCN_10X_BARCODES = Int32(0)
const SCN_10X_GENE_IDS = Int32(1)
const SCN_10X_GENE_NAMES = Int32(2)
const SCN_10X_FEATURE_TYPES = Int32(3)
const SCN_LOG_WARNING = Int32(2)
const SCN_LOG_INFO = Int32(1)
const SCN_SPARSE = Int32(0)
const SCN_DENSE = Int32(1)
const SCN_OBS = Int32(0)
const SCN_VAR = Int32(1)
const SCN_F32 = Int32(1)
const SCN_F64 = Int32(2)
const SCN_I8 = Int32(3)
const SCN_U8 = Int32(4)
const SCN_I16 = Int32(5)
const SCN_U16 = Int32(6)
const SCN_I32 = Int32(7)
const SCN_U32 = Int32(8)
const SCN_I64 = Int32(9)
const SCN_U64 = Int32(10)
const SCN_MATRIX_CANONICAL = Int32(1)
const SCN_HVG_SEURAT = Int32(0)
const SCN_HVG_CELL_RANGER = Int32(1)
const SCN_HVG_SEURAT_V3 = Int32(2)
const SCN_HVG_SEURAT_V3_PAPER = Int32(3)
const SCN_HVG_PEARSON_RESIDUALS = Int32(4)
const SCN_HVG_VST = Int32(5)
const SCN_HVG_MEAN_VAR_PLOT = Int32(6)
const SCN_HVG_DISPERSION = Int32(7)
const SCN_HVG_BINS_EQUAL_WIDTH = Int32(0)
const SCN_HVG_BINS_EQUAL_FREQUENCY = Int32(1)
const SCN_CORR_BENJAMINI_HOCHBERG = Int32(0)
const SCN_CORR_BENJAMINI_YEKUTIELI = Int32(1)
const SCN_CORR_BONFERRONI = Int32(2)
const SCN_LOESS_INTERPOLATE = Int32(0)
const SCN_LOESS_DIRECT = Int32(1)
const SCN_METRIC_SQEUCLIDEAN = Int32(0)
const SCN_METRIC_EUCLIDEAN = Int32(1)
const SCN_METHOD_T_TEST = Int32(0)
const SCN_METHOD_T_TEST_OVERESTIM_VAR = Int32(1)
const SCN_METHOD_STUDENT = Int32(2)
const SCN_METHOD_WILCOXON = Int32(3)
const SCN_REFERENCE_REST = Int32(-1)
const SCN_FOLD_CHANGE_SCANPY_V1 = Int32(0)
const SCN_FOLD_CHANGE_SCANPY_V2 = Int32(1)
const SCN_FOLD_CHANGE_SEURAT_V4 = Int32(2)
const SCN_FOLD_CHANGE_SEURAT_V5 = Int32(3)
const SCN_FOLD_CHANGE_SEURAT_V4_MEANS = Int32(4)
const SCN_FOLD_CHANGE_DIFFERENCE = Int32(5)
const SCN_PHASE_G1 = Int32(0)
const SCN_PHASE_S = Int32(1)
const SCN_PHASE_G2M = Int32(2)
const SCN_ABI_VERSION = Int32(0)
const SCN_VERSION_MAJOR = Int32(0)
const SCN_VERSION_MINOR = Int32(1)
const SCN_VERSION_PATCH = Int32(0)
const SCN_OK = Int32(0)
const SCN_ERR_NULL = Int32(1)
const SCN_ERR_INVALID_ARGUMENT = Int32(2)
const SCN_ERR_STRUCT_SIZE = Int32(3)
const SCN_ERR_TYPE = Int32(4)
const SCN_ERR_SHAPE = Int32(5)
const SCN_ERR_MATRIX = Int32(6)
const SCN_ERR_VALUE = Int32(7)
const SCN_ERR_NOT_FOUND = Int32(8)
const SCN_ERR_OVERFLOW = Int32(9)
const SCN_ERR_OUT_OF_MEMORY = Int32(10)
const SCN_ERR_IO = Int32(11)
const SCN_ERR_CANCELLED = Int32(12)
const SCN_ERR_UNSUPPORTED = Int32(13)
const SCN_ERR_PANIC = Int32(14)
const SCN_ERR_NETWORK = Int32(15)
const SCN_ERR_OFFLINE = Int32(16)
const SCN_ERR_ACCESS = Int32(17)
const SCN_ERR_LICENCE = Int32(18)
const SCN_ERR_CHECKSUM = Int32(19)
const SCN_ERR_DISK_FULL = Int32(20)
const SCN_ERR_CONFIG = Int32(21)
const SCN_ERR_WEIGHTS = Int32(22)
const SCN_ERR_CHECKPOINT = Int32(23)
const SCN_ERR_VOCABULARY = Int32(24)
const SCN_ERR_GENE_NAMES = Int32(25)
const SCN_ERR_COUNTS = Int32(26)
const SCN_ERR_BUDGET = Int32(27)

# Handles: what they point to is the library's own.
struct Scn10x end
struct ScnCancelToken end
struct ScnModel end
struct ScnSparse end
struct ScnTensors end
struct ScnText end

mutable struct ScnContext <: ScnStruct
    struct_size::UInt32
    n_threads::Int32
    device::Int32
    reserved::UInt32
    seed::UInt64
    progress::Ptr{Cvoid}
    progress_user::Ptr{Cvoid}
    cancel::Ptr{ScnCancelToken}
    ScnContext() = new()
end

mutable struct ScnMatrix <: ScnStruct
    struct_size::UInt32
    storage::Int32
    major::Int32
    index_base::Int32
    n_obs::Int64
    n_vars::Int64
    nnz::Int64
    indptr::Ptr{Cvoid}
    indices::Ptr{Cvoid}
    values::Ptr{Cvoid}
    indptr_type::Int32
    index_type::Int32
    value_type::Int32
    flags::UInt32
    stride::Int64
    ScnMatrix() = new()
end

mutable struct ScnHighlyVariableGenesOptions <: ScnStruct
    struct_size::UInt32
    flavor::Int32
    n_top_genes::Int64
    min_mean::Float64
    max_mean::Float64
    min_disp::Float64
    max_disp::Float64
    n_bins::Int32
    filter_unexpressed_genes::Int32
    span::Float64
    log_base::Float64
    theta::Float64
    clip::Float64
    check_values::Int32
    binning::Int32
    variances_expected::Ptr{Float64}
    variances_expected_len::Int64
    ScnHighlyVariableGenesOptions() = new()
end

mutable struct ScnHighlyVariableGenesOutputs <: ScnStruct
    struct_size::UInt32
    reserved::UInt32
    n_vars::Int64
    highly_variable::Ptr{UInt8}
    means::Ptr{Float64}
    dispersions::Ptr{Float64}
    dispersions_norm::Ptr{Float64}
    variances::Ptr{Float64}
    variances_norm::Ptr{Float64}
    residual_variances::Ptr{Float64}
    highly_variable_rank::Ptr{Float64}
    highly_variable_nbatches::Ptr{Int64}
    highly_variable_intersection::Ptr{UInt8}
    mean_bin::Ptr{Int32}
    bin_edges::Ptr{Float64}
    bin_edges_len::Int64
    variances_expected::Ptr{Float64}
    ScnHighlyVariableGenesOutputs() = new()
end

mutable struct ScnNormalizeTotalOptions <: ScnStruct
    struct_size::UInt32
    exclude_highly_expressed::Int32
    max_fraction::Float64
    target_sum::Float64
    base::Float64
    ScnNormalizeTotalOptions() = new()
end

mutable struct ScnScaleOptions <: ScnStruct
    struct_size::UInt32
    zero_center::Int32
    max_value::Float64
    divide::Int32
    root_mean_square::Int32
    clip_below::Int32
    reserved::UInt32
    ScnScaleOptions() = new()
end

mutable struct ScnSimulateOptions <: ScnStruct
    struct_size::UInt32
    value_type::Int32
    n_clusters::Int64
    markers_per_cluster::Int64
    n_batches::Int64
    marker_fold_change::Float64
    batch_sd::Float64
    library_size::Float64
    library_sd::Float64
    gene_sd::Float64
    dispersion::Float64
    ScnSimulateOptions() = new()
end

mutable struct ScnLoessOptions <: ScnStruct
    struct_size::UInt32
    degree::Int32
    surface::Int32
    reserved::UInt32
    span::Float64
    cell::Float64
    slack::Float64
    ScnLoessOptions() = new()
end

mutable struct ScnTensor <: ScnStruct
    struct_size::UInt32
    value_type::Int32
    n_dims::Int32
    reserved::UInt32
    shape::Ptr{Int64}
    values::Ptr{Cvoid}
    ScnTensor() = new()
end

mutable struct ScnRankGenesGroupsOptions <: ScnStruct
    struct_size::UInt32
    method::Int32
    reference::Int64
    tie_correct::Int32
    continuity::Int32
    corr_method::Int32
    fold_change::Int32
    log1p_base::Float64
    pseudocount::Float64
    fold_change_base::Float64
    exact::Int32
    positive_fractions::Int32
    min_cells::Int64
    ScnRankGenesGroupsOptions() = new()
end

mutable struct ScnRankGenesGroupsOutputs <: ScnStruct
    struct_size::UInt32
    reserved::UInt32
    len::Int64
    scores::Ptr{Float64}
    pvals::Ptr{Float64}
    ln_pvals::Ptr{Float64}
    pvals_adj::Ptr{Float64}
    log_fold_changes::Ptr{Float64}
    u::Ptr{Float64}
    auroc::Ptr{Float64}
    means::Ptr{Float64}
    means_reference::Ptr{Float64}
    fractions::Ptr{Float64}
    fractions_reference::Ptr{Float64}
    ScnRankGenesGroupsOutputs() = new()
end

mutable struct ScnControlGenesOptions <: ScnStruct
    struct_size::UInt32
    ctrl_as_ref::Int32
    ctrl_size::Int64
    n_bins::Int64
    random_state::UInt32
    reserved::UInt32
    ScnControlGenesOptions() = new()
end

# The functions, in the order of their places in the table that the loader fills.
const FUNCTIONS = (
    :scn_context_init,
    :scn_cancel_token_new,
    :scn_cancel_token_set,
    :scn_cancel_token_reset,
    :scn_cancel_token_free,
    :scn_default_threads,
    :scn_read_mtx,
    :scn_write_mtx,
    :scn_read_10x_mtx,
    :scn_10x_view,
    :scn_10x_names,
    :scn_10x_free,
    :scn_set_log_callback,
    :scn_matrix_init,
    :scn_matrix_validate,
    :scn_matrix_is_canonical,
    :scn_matrix_sum_duplicates,
    :scn_matrix_to_major,
    :scn_matrix_subset,
    :scn_matrix_subset_masked,
    :scn_matrix_concat,
    :scn_matrix_to_dense,
    :scn_matrix_stats,
    :scn_matrix_aggregate,
    :scn_matrix_medians,
    :scn_models_list,
    :scn_models_info,
    :scn_models_register,
    :scn_models_unregister,
    :scn_models_download,
    :scn_models_cache,
    :scn_models_remove,
    :scn_models_prune,
    :scn_models_verify,
    :scn_model_open,
    :scn_model_describe,
    :scn_model_genes,
    :scn_model_gene_embeddings,
    :scn_model_forward,
    :scn_model_embed,
    :scn_model_run,
    :scn_model_export,
    :scn_model_free,
    :scn_pp_filter_cells,
    :scn_pp_filter_genes,
    :scn_highly_variable_genes_options_init,
    :scn_highly_variable_genes_outputs_init,
    :scn_pp_highly_variable_genes,
    :scn_pp_log1p,
    :scn_pp_log1p_inplace,
    :scn_normalize_total_options_init,
    :scn_pp_normalize_total,
    :scn_pp_normalize_total_inplace,
    :scn_pp_normalize_log1p,
    :scn_pp_normalize_log1p_inplace,
    :scn_pp_normalize_relative,
    :scn_pp_normalize_relative_inplace,
    :scn_pp_normalize_clr,
    :scn_pp_normalize_clr_inplace,
    :scn_pp_calculate_qc_metrics,
    :scn_pp_regress_out,
    :scn_pp_regress_out_groups,
    :scn_scale_options_init,
    :scn_pp_scale,
    :scn_pp_scale_inplace,
    :scn_simulate_options_init,
    :scn_simulate_counts,
    :scn_sparse_view,
    :scn_sparse_free,
    :scn_stats_normal_p,
    :scn_stats_student_p,
    :scn_stats_adjust_p,
    :scn_loess_options_init,
    :scn_stats_loess,
    :scn_last_error_message,
    :scn_status_name,
    :scn_tensor_init,
    :scn_tensors_new,
    :scn_tensors_add,
    :scn_tensors_len,
    :scn_tensors_name,
    :scn_tensors_get,
    :scn_tensors_free,
    :scn_text_copy,
    :scn_text_free,
    :scn_tl_energy_distance,
    :scn_tl_mmd,
    :scn_rank_genes_groups_options_init,
    :scn_rank_genes_groups_outputs_init,
    :scn_tl_rank_genes_groups,
    :scn_tl_rank_genes_groups_order,
    :scn_control_genes_options_init,
    :scn_tl_control_genes,
    :scn_tl_score_genes,
    :scn_tl_cell_cycle_phase,
    :scn_version,
    :scn_abi_version,
    :scn_cpu_features,
)

scn_context_init(context, struct_size) =
    ccall(entry(1), Int32, (Ptr{ScnContext}, Csize_t), context, struct_size)
scn_cancel_token_new(token) =
    ccall(entry(2), Int32, (Ptr{Ptr{ScnCancelToken}},), token)
scn_cancel_token_set(token) =
    ccall(entry(3), Int32, (Ptr{ScnCancelToken},), token)
scn_cancel_token_reset(token) =
    ccall(entry(4), Int32, (Ptr{ScnCancelToken},), token)
scn_cancel_token_free(token) =
    ccall(entry(5), Cvoid, (Ptr{ScnCancelToken},), token)
scn_default_threads() =
    ccall(entry(6), Int32, ())
scn_read_mtx(context, path, rows, value_type, result) =
    ccall(entry(7), Int32, (Ptr{ScnContext}, Cstring, Int32, Int32, Ptr{Ptr{ScnSparse}}), context, path, rows, value_type, result)
scn_write_mtx(context, matrix, path, rows) =
    ccall(entry(8), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Cstring, Int32), context, matrix, path, rows)
scn_read_10x_mtx(context, path, prefix, value_type, result) =
    ccall(entry(9), Int32, (Ptr{ScnContext}, Cstring, Cstring, Int32, Ptr{Ptr{Scn10x}}), context, path, prefix, value_type, result)
scn_10x_view(folder, view) =
    ccall(entry(10), Int32, (Ptr{Scn10x}, Ptr{ScnMatrix}), folder, view)
scn_10x_names(folder, which, buffer, capacity, needed, count) =
    ccall(entry(11), Int32, (Ptr{Scn10x}, Int32, Ptr{UInt8}, Csize_t, Ptr{Csize_t}, Ptr{Int64}), folder, which, buffer, capacity, needed, count)
scn_10x_free(folder) =
    ccall(entry(12), Cvoid, (Ptr{Scn10x},), folder)
scn_set_log_callback(callback, user) =
    ccall(entry(13), Int32, (Ptr{Cvoid}, Ptr{Cvoid}), callback, user)
scn_matrix_init(matrix, struct_size) =
    ccall(entry(14), Int32, (Ptr{ScnMatrix}, Csize_t), matrix, struct_size)
scn_matrix_validate(context, matrix) =
    ccall(entry(15), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}), context, matrix)
scn_matrix_is_canonical(context, matrix, canonical) =
    ccall(entry(16), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{UInt8}), context, matrix, canonical)
scn_matrix_sum_duplicates(context, matrix, result) =
    ccall(entry(17), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Ptr{ScnSparse}}), context, matrix, result)
scn_matrix_to_major(context, matrix, major, result) =
    ccall(entry(18), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32, Ptr{Ptr{ScnSparse}}), context, matrix, major, result)
scn_matrix_subset(context, matrix, obs, obs_len, vars, vars_len, result) =
    ccall(entry(19), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int64}, Int64, Ptr{Int64}, Int64, Ptr{Ptr{ScnSparse}}), context, matrix, obs, obs_len, vars, vars_len, result)
scn_matrix_subset_masked(context, matrix, obs, obs_len, vars, vars_len, result) =
    ccall(entry(20), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{UInt8}, Int64, Ptr{UInt8}, Int64, Ptr{Ptr{ScnSparse}}), context, matrix, obs, obs_len, vars, vars_len, result)
scn_matrix_concat(context, matrices, n_matrices, along, result) =
    ccall(entry(21), Int32, (Ptr{ScnContext}, Ptr{Ptr{ScnMatrix}}, Int64, Int32, Ptr{Ptr{ScnSparse}}), context, matrices, n_matrices, along, result)
scn_matrix_to_dense(context, matrix, major, out_type, out, out_len) =
    ccall(entry(22), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32, Int32, Ptr{Cvoid}, Int64), context, matrix, major, out_type, out, out_len)
scn_matrix_stats(context, matrix, over, ddof, sums, means, variances, nonzeros, mins, maxs, len) =
    ccall(entry(23), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32, Int64, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Int64), context, matrix, over, ddof, sums, means, variances, nonzeros, mins, maxs, len)
scn_matrix_aggregate(context, matrix, over, groups, groups_len, n_groups, ddof, sums, means, variances, nonzeros, mins, maxs, out_len) =
    ccall(entry(24), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32, Ptr{Int32}, Int64, Int64, Int64, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Ptr{Float64}, Int64), context, matrix, over, groups, groups_len, n_groups, ddof, sums, means, variances, nonzeros, mins, maxs, out_len)
scn_matrix_medians(context, matrix, over, groups, groups_len, n_groups, out, out_len) =
    ccall(entry(25), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32, Ptr{Int32}, Int64, Int64, Ptr{Float64}, Int64), context, matrix, over, groups, groups_len, n_groups, out, out_len)
scn_models_list(result) =
    ccall(entry(26), Int32, (Ptr{Ptr{ScnText}},), result)
scn_models_info(name, result) =
    ccall(entry(27), Int32, (Cstring, Ptr{Ptr{ScnText}}), name, result)
scn_models_register(card) =
    ccall(entry(28), Int32, (Cstring,), card)
scn_models_unregister(id) =
    ccall(entry(29), Int32, (Cstring,), id)
scn_models_download(context, name, options, result) =
    ccall(entry(30), Int32, (Ptr{ScnContext}, Cstring, Cstring, Ptr{Ptr{ScnText}}), context, name, options, result)
scn_models_cache(options, result) =
    ccall(entry(31), Int32, (Cstring, Ptr{Ptr{ScnText}}), options, result)
scn_models_remove(name, options, result) =
    ccall(entry(32), Int32, (Cstring, Cstring, Ptr{Ptr{ScnText}}), name, options, result)
scn_models_prune(options, result) =
    ccall(entry(33), Int32, (Cstring, Ptr{Ptr{ScnText}}), options, result)
scn_models_verify(context, name, options, result) =
    ccall(entry(34), Int32, (Ptr{ScnContext}, Cstring, Cstring, Ptr{Ptr{ScnText}}), context, name, options, result)
scn_model_open(context, name, options, model) =
    ccall(entry(35), Int32, (Ptr{ScnContext}, Cstring, Cstring, Ptr{Ptr{ScnModel}}), context, name, options, model)
scn_model_describe(model, result) =
    ccall(entry(36), Int32, (Ptr{ScnModel}, Ptr{Ptr{ScnText}}), model, result)
scn_model_genes(model, result) =
    ccall(entry(37), Int32, (Ptr{ScnModel}, Ptr{Ptr{ScnText}}), model, result)
scn_model_gene_embeddings(context, model, result) =
    ccall(entry(38), Int32, (Ptr{ScnContext}, Ptr{ScnModel}, Ptr{Ptr{ScnTensors}}), context, model, result)
scn_model_forward(context, model, inputs, options, result) =
    ccall(entry(39), Int32, (Ptr{ScnContext}, Ptr{ScnModel}, Ptr{ScnTensors}, Cstring, Ptr{Ptr{ScnTensors}}), context, model, inputs, options, result)
scn_model_embed(context, model, matrix, genes, arrays, options, result, report) =
    ccall(entry(40), Int32, (Ptr{ScnContext}, Ptr{ScnModel}, Ptr{ScnMatrix}, Cstring, Ptr{ScnTensors}, Cstring, Ptr{Ptr{ScnTensors}}, Ptr{Ptr{ScnText}}), context, model, matrix, genes, arrays, options, result, report)
scn_model_run(context, model, task, matrix, genes, arrays, options, result, report) =
    ccall(entry(41), Int32, (Ptr{ScnContext}, Ptr{ScnModel}, Cstring, Ptr{ScnMatrix}, Cstring, Ptr{ScnTensors}, Cstring, Ptr{Ptr{ScnTensors}}, Ptr{Ptr{ScnText}}), context, model, task, matrix, genes, arrays, options, result, report)
scn_model_export(context, model, folder, options) =
    ccall(entry(42), Int32, (Ptr{ScnContext}, Ptr{ScnModel}, Cstring, Cstring), context, model, folder, options)
scn_model_free(model) =
    ccall(entry(43), Cvoid, (Ptr{ScnModel},), model)
scn_pp_filter_cells(context, matrix, min_counts, min_genes, max_counts, max_genes, keep, keep_len, numbers, numbers_len) =
    ccall(entry(44), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Float64, Float64, Float64, Float64, Ptr{UInt8}, Int64, Ptr{Float64}, Int64), context, matrix, min_counts, min_genes, max_counts, max_genes, keep, keep_len, numbers, numbers_len)
scn_pp_filter_genes(context, matrix, min_counts, min_cells, max_counts, max_cells, keep, keep_len, numbers, numbers_len) =
    ccall(entry(45), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Float64, Float64, Float64, Float64, Ptr{UInt8}, Int64, Ptr{Float64}, Int64), context, matrix, min_counts, min_cells, max_counts, max_cells, keep, keep_len, numbers, numbers_len)
scn_highly_variable_genes_options_init(options, struct_size) =
    ccall(entry(46), Int32, (Ptr{ScnHighlyVariableGenesOptions}, Csize_t), options, struct_size)
scn_highly_variable_genes_outputs_init(outputs, struct_size) =
    ccall(entry(47), Int32, (Ptr{ScnHighlyVariableGenesOutputs}, Csize_t), outputs, struct_size)
scn_pp_highly_variable_genes(context, matrix, batches, batches_len, n_batches, name_order, name_order_len, options, outputs) =
    ccall(entry(48), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Ptr{Int64}, Int64, Ptr{ScnHighlyVariableGenesOptions}, Ptr{ScnHighlyVariableGenesOutputs}), context, matrix, batches, batches_len, n_batches, name_order, name_order_len, options, outputs)
scn_pp_log1p(context, matrix, base, values, values_type, values_len) =
    ccall(entry(49), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Float64, Ptr{Cvoid}, Int32, Int64), context, matrix, base, values, values_type, values_len)
scn_pp_log1p_inplace(context, matrix, base) =
    ccall(entry(50), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Float64), context, matrix, base)
scn_normalize_total_options_init(options, struct_size) =
    ccall(entry(51), Int32, (Ptr{ScnNormalizeTotalOptions}, Csize_t), options, struct_size)
scn_pp_normalize_total(context, matrix, options, values, values_type, values_len, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum) =
    ccall(entry(52), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{ScnNormalizeTotalOptions}, Ptr{Cvoid}, Int32, Int64, Ptr{Float64}, Int64, Ptr{UInt8}, Int64, Ptr{Float64}), context, matrix, options, values, values_type, values_len, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum)
scn_pp_normalize_total_inplace(context, matrix, options, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum) =
    ccall(entry(53), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{ScnNormalizeTotalOptions}, Ptr{Float64}, Int64, Ptr{UInt8}, Int64, Ptr{Float64}), context, matrix, options, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum)
scn_pp_normalize_log1p(context, matrix, options, values, values_type, values_len, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum) =
    ccall(entry(54), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{ScnNormalizeTotalOptions}, Ptr{Cvoid}, Int32, Int64, Ptr{Float64}, Int64, Ptr{UInt8}, Int64, Ptr{Float64}), context, matrix, options, values, values_type, values_len, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum)
scn_pp_normalize_log1p_inplace(context, matrix, options, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum) =
    ccall(entry(55), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{ScnNormalizeTotalOptions}, Ptr{Float64}, Int64, Ptr{UInt8}, Int64, Ptr{Float64}), context, matrix, options, size_factors, size_factors_len, highly_expressed, highly_expressed_len, target_sum)
scn_pp_normalize_relative(context, matrix, scale_factor, values, values_type, values_len) =
    ccall(entry(56), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Float64, Ptr{Cvoid}, Int32, Int64), context, matrix, scale_factor, values, values_type, values_len)
scn_pp_normalize_relative_inplace(context, matrix, scale_factor) =
    ccall(entry(57), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Float64), context, matrix, scale_factor)
scn_pp_normalize_clr(context, matrix, of, values, values_type, values_len) =
    ccall(entry(58), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32, Ptr{Cvoid}, Int32, Int64), context, matrix, of, values, values_type, values_len)
scn_pp_normalize_clr_inplace(context, matrix, of) =
    ccall(entry(59), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Int32), context, matrix, of)
scn_pp_calculate_qc_metrics(context, matrix, percent_top, n_percent_top, subsets, n_subsets, n_genes_by_counts, n_genes_by_counts_len, total_counts, total_counts_len, pct_counts_in_top, pct_counts_in_top_len, subset_counts, subset_counts_len, subset_pct, subset_pct_len, n_cells_by_counts, n_cells_by_counts_len, total_counts_of_genes, total_counts_of_genes_len, mean_counts, mean_counts_len, pct_dropout, pct_dropout_len) =
    ccall(entry(60), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int64}, Int64, Ptr{UInt8}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64), context, matrix, percent_top, n_percent_top, subsets, n_subsets, n_genes_by_counts, n_genes_by_counts_len, total_counts, total_counts_len, pct_counts_in_top, pct_counts_in_top_len, subset_counts, subset_counts_len, subset_pct, subset_pct_len, n_cells_by_counts, n_cells_by_counts_len, total_counts_of_genes, total_counts_of_genes_len, mean_counts, mean_counts_len, pct_dropout, pct_dropout_len)
scn_pp_regress_out(context, matrix, covariates, covariates_len, n_covariates, out_type, out, out_len) =
    ccall(entry(61), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Float64}, Int64, Int64, Int32, Ptr{Cvoid}, Int64), context, matrix, covariates, covariates_len, n_covariates, out_type, out, out_len)
scn_pp_regress_out_groups(context, matrix, groups, groups_len, n_groups, out_type, out, out_len) =
    ccall(entry(62), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Int32, Ptr{Cvoid}, Int64), context, matrix, groups, groups_len, n_groups, out_type, out, out_len)
scn_scale_options_init(options, struct_size) =
    ccall(entry(63), Int32, (Ptr{ScnScaleOptions}, Csize_t), options, struct_size)
scn_pp_scale(context, matrix, groups, groups_len, n_groups, options, means, means_len, stds, stds_len, out_major, out_type, out, out_len) =
    ccall(entry(64), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Ptr{ScnScaleOptions}, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Int32, Int32, Ptr{Cvoid}, Int64), context, matrix, groups, groups_len, n_groups, options, means, means_len, stds, stds_len, out_major, out_type, out, out_len)
scn_pp_scale_inplace(context, matrix, groups, groups_len, n_groups, options, means, means_len, stds, stds_len) =
    ccall(entry(65), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Ptr{ScnScaleOptions}, Ptr{Float64}, Int64, Ptr{Float64}, Int64), context, matrix, groups, groups_len, n_groups, options, means, means_len, stds, stds_len)
scn_simulate_options_init(options, struct_size) =
    ccall(entry(66), Int32, (Ptr{ScnSimulateOptions}, Csize_t), options, struct_size)
scn_simulate_counts(context, n_obs, n_vars, options, counts, clusters, clusters_len, batches, batches_len, marker_of, marker_of_len) =
    ccall(entry(67), Int32, (Ptr{ScnContext}, Int64, Int64, Ptr{ScnSimulateOptions}, Ptr{Ptr{ScnSparse}}, Ptr{Int32}, Int64, Ptr{Int32}, Int64, Ptr{Int32}, Int64), context, n_obs, n_vars, options, counts, clusters, clusters_len, batches, batches_len, marker_of, marker_of_len)
scn_sparse_view(sparse, view) =
    ccall(entry(68), Int32, (Ptr{ScnSparse}, Ptr{ScnMatrix}), sparse, view)
scn_sparse_free(sparse) =
    ccall(entry(69), Cvoid, (Ptr{ScnSparse},), sparse)
scn_stats_normal_p(z, z_len, logarithm, p, p_len) =
    ccall(entry(70), Int32, (Ptr{Float64}, Int64, Int32, Ptr{Float64}, Int64), z, z_len, logarithm, p, p_len)
scn_stats_student_p(t, t_len, df, df_len, logarithm, p, p_len) =
    ccall(entry(71), Int32, (Ptr{Float64}, Int64, Ptr{Float64}, Int64, Int32, Ptr{Float64}, Int64), t, t_len, df, df_len, logarithm, p, p_len)
scn_stats_adjust_p(pvals, pvals_len, corr_method, adjusted, adjusted_len) =
    ccall(entry(72), Int32, (Ptr{Float64}, Int64, Int32, Ptr{Float64}, Int64), pvals, pvals_len, corr_method, adjusted, adjusted_len)
scn_loess_options_init(options, struct_size) =
    ccall(entry(73), Int32, (Ptr{ScnLoessOptions}, Csize_t), options, struct_size)
scn_stats_loess(context, x, x_len, y, y_len, weights, weights_len, options, new_x, new_x_len, fitted, fitted_len, predicted, predicted_len) =
    ccall(entry(74), Int32, (Ptr{ScnContext}, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{ScnLoessOptions}, Ptr{Float64}, Int64, Ptr{Float64}, Int64, Ptr{Float64}, Int64), context, x, x_len, y, y_len, weights, weights_len, options, new_x, new_x_len, fitted, fitted_len, predicted, predicted_len)
scn_last_error_message(buffer, capacity, needed) =
    ccall(entry(75), Int32, (Ptr{UInt8}, Csize_t, Ptr{Csize_t}), buffer, capacity, needed)
scn_status_name(status) =
    ccall(entry(76), Cstring, (Int32,), status)
scn_tensor_init(tensor, struct_size) =
    ccall(entry(77), Int32, (Ptr{ScnTensor}, Csize_t), tensor, struct_size)
scn_tensors_new(tensors) =
    ccall(entry(78), Int32, (Ptr{Ptr{ScnTensors}},), tensors)
scn_tensors_add(tensors, name, tensor) =
    ccall(entry(79), Int32, (Ptr{ScnTensors}, Cstring, Ptr{ScnTensor}), tensors, name, tensor)
scn_tensors_len(tensors, n) =
    ccall(entry(80), Int32, (Ptr{ScnTensors}, Ptr{Int64}), tensors, n)
scn_tensors_name(tensors, i, buffer, capacity, needed) =
    ccall(entry(81), Int32, (Ptr{ScnTensors}, Int64, Ptr{UInt8}, Csize_t, Ptr{Csize_t}), tensors, i, buffer, capacity, needed)
scn_tensors_get(tensors, i, tensor) =
    ccall(entry(82), Int32, (Ptr{ScnTensors}, Int64, Ptr{ScnTensor}), tensors, i, tensor)
scn_tensors_free(tensors) =
    ccall(entry(83), Cvoid, (Ptr{ScnTensors},), tensors)
scn_text_copy(text, buffer, capacity, needed) =
    ccall(entry(84), Int32, (Ptr{ScnText}, Ptr{UInt8}, Csize_t, Ptr{Csize_t}), text, buffer, capacity, needed)
scn_text_free(text) =
    ccall(entry(85), Cvoid, (Ptr{ScnText},), text)
scn_tl_energy_distance(context, matrix, groups, groups_len, n_groups, reference, metric, unbiased, distance, distance_len) =
    ccall(entry(86), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Int64, Int32, Int32, Ptr{Float64}, Int64), context, matrix, groups, groups_len, n_groups, reference, metric, unbiased, distance, distance_len)
scn_tl_mmd(context, matrix, groups, groups_len, n_groups, reference, gammas, gammas_len, unbiased, squared_mmd, squared_mmd_len, gammas_used, gammas_used_len) =
    ccall(entry(87), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Int64, Ptr{Float64}, Int64, Int32, Ptr{Float64}, Int64, Ptr{Float64}, Int64), context, matrix, groups, groups_len, n_groups, reference, gammas, gammas_len, unbiased, squared_mmd, squared_mmd_len, gammas_used, gammas_used_len)
scn_rank_genes_groups_options_init(options, struct_size) =
    ccall(entry(88), Int32, (Ptr{ScnRankGenesGroupsOptions}, Csize_t), options, struct_size)
scn_rank_genes_groups_outputs_init(outputs, struct_size) =
    ccall(entry(89), Int32, (Ptr{ScnRankGenesGroupsOutputs}, Csize_t), outputs, struct_size)
scn_tl_rank_genes_groups(context, matrix, groups, groups_len, n_groups, options, outputs) =
    ccall(entry(90), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int32}, Int64, Int64, Ptr{ScnRankGenesGroupsOptions}, Ptr{ScnRankGenesGroupsOutputs}), context, matrix, groups, groups_len, n_groups, options, outputs)
scn_tl_rank_genes_groups_order(context, scores, scores_len, n_groups, n_vars, n_top, by_abs, order, order_len) =
    ccall(entry(91), Int32, (Ptr{ScnContext}, Ptr{Float64}, Int64, Int64, Int64, Int64, Int32, Ptr{Int64}, Int64), context, scores, scores_len, n_groups, n_vars, n_top, by_abs, order, order_len)
scn_control_genes_options_init(options, struct_size) =
    ccall(entry(92), Int32, (Ptr{ScnControlGenesOptions}, Csize_t), options, struct_size)
scn_tl_control_genes(context, matrix, gene_list, gene_list_len, gene_pool, gene_pool_len, options, is_control, is_control_len) =
    ccall(entry(93), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int64}, Int64, Ptr{Int64}, Int64, Ptr{ScnControlGenesOptions}, Ptr{UInt8}, Int64), context, matrix, gene_list, gene_list_len, gene_pool, gene_pool_len, options, is_control, is_control_len)
scn_tl_score_genes(context, matrix, gene_list, gene_list_len, control, control_len, score, score_len) =
    ccall(entry(94), Int32, (Ptr{ScnContext}, Ptr{ScnMatrix}, Ptr{Int64}, Int64, Ptr{Int64}, Int64, Ptr{Float64}, Int64), context, matrix, gene_list, gene_list_len, control, control_len, score, score_len)
scn_tl_cell_cycle_phase(s_score, g2m_score, n, phase, phase_len) =
    ccall(entry(95), Int32, (Ptr{Float64}, Ptr{Float64}, Int64, Ptr{Int32}, Int64), s_score, g2m_score, n, phase, phase_len)
scn_version() =
    ccall(entry(96), Cstring, ())
scn_abi_version() =
    ccall(entry(97), UInt32, ())
scn_cpu_features(buffer, capacity, needed) =
    ccall(entry(98), Int32, (Ptr{UInt8}, Csize_t, Ptr{Csize_t}), buffer, capacity, needed)

# The function that writes a struct's defaults.
init_function(::Type{ScnContext}) = scn_context_init
init_function(::Type{ScnMatrix}) = scn_matrix_init
init_function(::Type{ScnHighlyVariableGenesOptions}) = scn_highly_variable_genes_options_init
init_function(::Type{ScnHighlyVariableGenesOutputs}) = scn_highly_variable_genes_outputs_init
init_function(::Type{ScnNormalizeTotalOptions}) = scn_normalize_total_options_init
init_function(::Type{ScnScaleOptions}) = scn_scale_options_init
init_function(::Type{ScnSimulateOptions}) = scn_simulate_options_init
init_function(::Type{ScnLoessOptions}) = scn_loess_options_init
init_function(::Type{ScnTensor}) = scn_tensor_init
init_function(::Type{ScnRankGenesGroupsOptions}) = scn_rank_genes_groups_options_init
init_function(::Type{ScnRankGenesGroupsOutputs}) = scn_rank_genes_groups_outputs_init
init_function(::Type{ScnControlGenesOptions}) = scn_control_genes_options_init
