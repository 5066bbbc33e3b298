/* Made by bindings/r/generate_abi.py (`make header`): do not edit. */
#ifndef SCNATIVE_R_ABI_H
#define SCNATIVE_R_ABI_H

/* Every function of scnative.h. */
#define SCN_FUNCTIONS(X) \
    X(scn_context_init) \
    X(scn_cancel_token_new) \
    X(scn_cancel_token_set) \
    X(scn_cancel_token_reset) \
    X(scn_cancel_token_free) \
    X(scn_default_threads) \
    X(scn_read_mtx) \
    X(scn_write_mtx) \
    X(scn_read_10x_mtx) \
    X(scn_10x_view) \
    X(scn_10x_names) \
    X(scn_10x_free) \
    X(scn_set_log_callback) \
    X(scn_matrix_init) \
    X(scn_matrix_validate) \
    X(scn_matrix_is_canonical) \
    X(scn_matrix_sum_duplicates) \
    X(scn_matrix_to_major) \
    X(scn_matrix_subset) \
    X(scn_matrix_subset_masked) \
    X(scn_matrix_concat) \
    X(scn_matrix_to_dense) \
    X(scn_matrix_stats) \
    X(scn_matrix_aggregate) \
    X(scn_matrix_medians) \
    X(scn_models_list) \
    X(scn_models_info) \
    X(scn_models_register) \
    X(scn_models_unregister) \
    X(scn_models_download) \
    X(scn_models_cache) \
    X(scn_models_remove) \
    X(scn_models_prune) \
    X(scn_models_verify) \
    X(scn_model_open) \
    X(scn_model_describe) \
    X(scn_model_genes) \
    X(scn_model_gene_embeddings) \
    X(scn_model_forward) \
    X(scn_model_embed) \
    X(scn_model_run) \
    X(scn_model_export) \
    X(scn_model_free) \
    X(scn_pp_filter_cells) \
    X(scn_pp_filter_genes) \
    X(scn_highly_variable_genes_options_init) \
    X(scn_highly_variable_genes_outputs_init) \
    X(scn_pp_highly_variable_genes) \
    X(scn_pp_log1p) \
    X(scn_pp_log1p_inplace) \
    X(scn_normalize_total_options_init) \
    X(scn_pp_normalize_total) \
    X(scn_pp_normalize_total_inplace) \
    X(scn_pp_normalize_log1p) \
    X(scn_pp_normalize_log1p_inplace) \
    X(scn_pp_normalize_relative) \
    X(scn_pp_normalize_relative_inplace) \
    X(scn_pp_normalize_clr) \
    X(scn_pp_normalize_clr_inplace) \
    X(scn_pp_calculate_qc_metrics) \
    X(scn_pp_regress_out) \
    X(scn_pp_regress_out_groups) \
    X(scn_scale_options_init) \
    X(scn_pp_scale) \
    X(scn_pp_scale_inplace) \
    X(scn_simulate_options_init) \
    X(scn_simulate_counts) \
    X(scn_sparse_view) \
    X(scn_sparse_free) \
    X(scn_stats_normal_p) \
    X(scn_stats_student_p) \
    X(scn_stats_adjust_p) \
    X(scn_loess_options_init) \
    X(scn_stats_loess) \
    X(scn_last_error_message) \
    X(scn_status_name) \
    X(scn_tensor_init) \
    X(scn_tensors_new) \
    X(scn_tensors_add) \
    X(scn_tensors_len) \
    X(scn_tensors_name) \
    X(scn_tensors_get) \
    X(scn_tensors_free) \
    X(scn_text_copy) \
    X(scn_text_free) \
    X(scn_tl_energy_distance) \
    X(scn_tl_mmd) \
    X(scn_rank_genes_groups_options_init) \
    X(scn_rank_genes_groups_outputs_init) \
    X(scn_tl_rank_genes_groups) \
    X(scn_tl_rank_genes_groups_order) \
    X(scn_control_genes_options_init) \
    X(scn_tl_control_genes) \
    X(scn_tl_score_genes) \
    X(scn_tl_cell_cycle_phase) \
    X(scn_version) \
    X(scn_abi_version) \
    X(scn_cpu_features)

/* Every struct of options, with the function that writes its defaults. */
#define SCN_OPTIONS(X) \
    X(ScnHighlyVariableGenesOptions, scn_highly_variable_genes_options_init) \
    X(ScnNormalizeTotalOptions, scn_normalize_total_options_init) \
    X(ScnScaleOptions, scn_scale_options_init) \
    X(ScnSimulateOptions, scn_simulate_options_init) \
    X(ScnLoessOptions, scn_loess_options_init) \
    X(ScnRankGenesGroupsOptions, scn_rank_genes_groups_options_init) \
    X(ScnControlGenesOptions, scn_control_genes_options_init)

/* The fields of each that a user sets: struct, type, field. */
#define SCN_FIELDS_ScnHighlyVariableGenesOptions(X) \
    X(ScnHighlyVariableGenesOptions, int32_t, flavor) \
    X(ScnHighlyVariableGenesOptions, int64_t, n_top_genes) \
    X(ScnHighlyVariableGenesOptions, double, min_mean) \
    X(ScnHighlyVariableGenesOptions, double, max_mean) \
    X(ScnHighlyVariableGenesOptions, double, min_disp) \
    X(ScnHighlyVariableGenesOptions, double, max_disp) \
    X(ScnHighlyVariableGenesOptions, int32_t, n_bins) \
    X(ScnHighlyVariableGenesOptions, int32_t, filter_unexpressed_genes) \
    X(ScnHighlyVariableGenesOptions, double, span) \
    X(ScnHighlyVariableGenesOptions, double, log_base) \
    X(ScnHighlyVariableGenesOptions, double, theta) \
    X(ScnHighlyVariableGenesOptions, double, clip) \
    X(ScnHighlyVariableGenesOptions, int32_t, check_values) \
    X(ScnHighlyVariableGenesOptions, int32_t, binning)

#define SCN_FIELDS_ScnNormalizeTotalOptions(X) \
    X(ScnNormalizeTotalOptions, int32_t, exclude_highly_expressed) \
    X(ScnNormalizeTotalOptions, double, max_fraction) \
    X(ScnNormalizeTotalOptions, double, target_sum) \
    X(ScnNormalizeTotalOptions, double, base)

#define SCN_FIELDS_ScnScaleOptions(X) \
    X(ScnScaleOptions, int32_t, zero_center) \
    X(ScnScaleOptions, double, max_value) \
    X(ScnScaleOptions, int32_t, divide) \
    X(ScnScaleOptions, int32_t, root_mean_square) \
    X(ScnScaleOptions, int32_t, clip_below)

#define SCN_FIELDS_ScnSimulateOptions(X) \
    X(ScnSimulateOptions, int32_t, value_type) \
    X(ScnSimulateOptions, int64_t, n_clusters) \
    X(ScnSimulateOptions, int64_t, markers_per_cluster) \
    X(ScnSimulateOptions, int64_t, n_batches) \
    X(ScnSimulateOptions, double, marker_fold_change) \
    X(ScnSimulateOptions, double, batch_sd) \
    X(ScnSimulateOptions, double, library_size) \
    X(ScnSimulateOptions, double, library_sd) \
    X(ScnSimulateOptions, double, gene_sd) \
    X(ScnSimulateOptions, double, dispersion)

#define SCN_FIELDS_ScnLoessOptions(X) \
    X(ScnLoessOptions, int32_t, degree) \
    X(ScnLoessOptions, int32_t, surface) \
    X(ScnLoessOptions, double, span) \
    X(ScnLoessOptions, double, cell) \
    X(ScnLoessOptions, double, slack)

#define SCN_FIELDS_ScnRankGenesGroupsOptions(X) \
    X(ScnRankGenesGroupsOptions, int32_t, method) \
    X(ScnRankGenesGroupsOptions, int64_t, reference) \
    X(ScnRankGenesGroupsOptions, int32_t, tie_correct) \
    X(ScnRankGenesGroupsOptions, int32_t, continuity) \
    X(ScnRankGenesGroupsOptions, int32_t, corr_method) \
    X(ScnRankGenesGroupsOptions, int32_t, fold_change) \
    X(ScnRankGenesGroupsOptions, double, log1p_base) \
    X(ScnRankGenesGroupsOptions, double, pseudocount) \
    X(ScnRankGenesGroupsOptions, double, fold_change_base) \
    X(ScnRankGenesGroupsOptions, int32_t, exact) \
    X(ScnRankGenesGroupsOptions, int32_t, positive_fractions) \
    X(ScnRankGenesGroupsOptions, int64_t, min_cells)

#define SCN_FIELDS_ScnControlGenesOptions(X) \
    X(ScnControlGenesOptions, int32_t, ctrl_as_ref) \
    X(ScnControlGenesOptions, int64_t, ctrl_size) \
    X(ScnControlGenesOptions, int64_t, n_bins) \
    X(ScnControlGenesOptions, uint32_t, random_state)

#endif
